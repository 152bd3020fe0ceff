"""Where a command reads its environment and writes its answer."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from upgrade_kit.errors import UsageError


class Streams:
    """The streams and the environment of one call of the command line.

    Attributes:
        out: for the answer alone.
        err: for errors and progress.
        environment: of the process.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self.environment = os.environ if environment is None else environment

    def color(self, arguments: Namespace) -> bool | None:
        """Return False where ``--no-color`` or ``NO_COLOR`` forbids colour, else None: the stream decides."""
        return False if arguments.no_color or self.environment.get("NO_COLOR") else None

    def password(self) -> str | None:
        """Return the database password that the environment supplies, if it does."""
        return self.environment.get("UPGRADE_KIT_PASSWORD") or None

    def emit(self, text: str, arguments: Namespace) -> None:
        """Write the answer to ``--output`` (whole or not at all) or to standard output.

        Raises:
            UsageError: the output file cannot be written.
        """
        if arguments.output is None:
            self._print(text)
            return
        target = Path(arguments.output)
        partial = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with partial.open("w", encoding="utf-8", newline="\n", errors="backslashreplace") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise UsageError(
                f"{target}: cannot write the answer here ({error.strerror})",
                hint="Name a file in a folder that you may write to with --output.",
            ) from error

    def _print(self, text: str) -> None:
        encoding = self.out.encoding or "utf-8"
        self.out.write(text.encode(encoding, errors="backslashreplace").decode(encoding))
        self.out.flush()
