"""What is looked at when an upgrade is done: the site's page, its rows beside a backup's, and its procedures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from upgrade_kit.model.unobserved import Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came back from the site's address.

    Attributes:
        url: the address that was asked.
        problem: why no page came back, or ``""``.
        status: of HTTP, 0 where none came.
        ended_at: the address behind all redirections.
        asks_for_password: whether the page has a field for a password.
        is_qatrack: whether it names QATrack+.
    """

    url: str
    problem: str
    status: int = 0
    ended_at: str = ""
    asks_for_password: bool = False
    is_qatrack: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsThen:
    """How many rows each table had when a backup was made.

    Attributes:
        manifest: of the backup.
        version: the site's version then.
        rows: ``(table, number of rows)``, by name.
    """

    manifest: Path
    version: Version
    rows: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What an interpreter says of the procedures of upload tests.

    Attributes:
        python: the interpreter.
        version: its version.
        seen: how many procedures it was given.
        refused: ``(macro name, reason)`` of those that it cannot compile.
    """

    python: Path
    version: Version
    seen: int
    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was looked at.

    Attributes:
        page: what the site answers, or why it was not asked.
        rows_now: ``(table, number of rows)``, by name, or why they are not known.
        backups: of this database, from before, oldest release first, or why none is known.
        compiled: what the target's Python says, or why it was not asked.
    """

    page: Page | Unobserved
    rows_now: tuple[tuple[str, int], ...] | Unobserved
    backups: tuple[RowsThen, ...] | Unobserved
    compiled: Compiled | Unobserved
