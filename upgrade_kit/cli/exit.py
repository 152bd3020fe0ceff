"""The exit status of every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the shell gets to see."""

    DONE = 0  # go, nothing left to do, or done
    FINDINGS = 1  # findings, NO_GO, or changes still to apply
    USAGE = 2  # the command line cannot be carried out as put
    FAILED = 3  # could not finish: unknown, unreachable, not verified
    INTERRUPTED = 130  # Ctrl+C
