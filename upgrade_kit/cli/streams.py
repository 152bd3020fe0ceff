"""Where a command reads its environment and writes its answer."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TextIO

from upgrade_kit.errors import UpgradeKitError, UsageError

_URL_PASSWORD = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://?[^\s/:@]*):[^\s/]*@")
_START_BYTES = 400
_EARLIER_ANSWER = re.compile(
    rb'\{\s*"schema": 1,\s*"command": "(?!backup)[a-z][a-z -]*"'
    rb"|<!-- upgrade-kit |# Preflight: (GO|NO_GO|UNKNOWN)\r?\n"  # Markdown
    rb'|<!doctype html>\s*<html lang="en">\s*<head>\s*<meta charset="utf-8">\s*'  # the page
    rb'<meta name="generator" content="upgrade-kit '
    rb'|<\?xml [^>]*>\s*<testsuite name="upgrade-kit '  # JUnit
    rb'|\{\s*"\$schema": "[^"]*sarif[^"]*",[\s\S]*?"driver": \{\s*"name": "upgrade-kit"'  # SARIF
)


class Streams:
    """The streams and the environment of one call of the command line.

    Attributes:
        out: for the answer alone.
        err: for errors and progress.
        environment: of the process.
        source: where answers to questions come from.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        environment: Mapping[str, str] | None = None,
        source: TextIO | None = None,
    ) -> None:
        # a Windows service has no standard streams
        self.out = out or sys.stdout or StringIO()
        self.err = err or sys.stderr or StringIO()
        self.environment = os.environ if environment is None else environment
        self.source = source or sys.stdin or StringIO()
        self._typed_password: str | None = None

    def can_ask(self) -> bool:
        """Return whether somebody is there to answer: standard input is a terminal."""
        try:
            return self.source.isatty()
        except ValueError:  # it is closed
            return False

    def ask(self, question: str) -> str:
        """Print a question and return the line that is typed, without blanks around it; nothing at its end."""
        self.out.write(question)
        self.out.flush()
        return self.source.readline().strip()

    def ask_password(self, question: str = "Password of the database: ") -> str:
        """Ask for the database's password, which does not appear as it is typed, and return it.

        Raises:
            UsageError: nobody is there to answer.
        """
        if not self.can_ask():
            raise UsageError(
                "a password is to be asked for, and standard input is no terminal",
                hint="Set UPGRADE_KIT_PASSWORD in the environment.",
            )
        from getpass import getpass  # noqa: PLC0415 - only where it is asked for

        password = getpass(question, stream=self.err)
        self._typed_password = password or None
        return password

    def color(self, arguments: Namespace) -> bool | None:
        """Return False where ``--no-color`` or ``NO_COLOR`` forbids colour, else None: the stream decides."""
        return False if arguments.no_color or self.environment.get("NO_COLOR") else None

    def password(self) -> str | None:
        """Return the database password that was asked for, else the one that the environment supplies, if it does."""
        return self._typed_password or self.environment.get("UPGRADE_KIT_PASSWORD") or None

    def emit(self, text: str, arguments: Namespace) -> None:
        """Write the answer to ``--output`` (whole or not at all) or to standard output.

        Raises:
            UsageError: the output file cannot be this one.
            UpgradeKitError: it cannot be written.
        """
        if arguments.output is None:
            self._print(text)
            return
        target = Path(arguments.output)
        refuse_to_replace(arguments.output)
        from upgrade_kit.deployment.whole_file import write_whole  # noqa: PLC0415 - only where a file is asked for

        try:
            write_whole(target, text.encode("utf-8", "backslashreplace"), rights=0o666)
        except OSError as error:
            raise UpgradeKitError(
                f"{target}: the answer cannot be written here ({error.strerror})",
                hint="Name a file in a folder that you may write to, on a disk with room, with --output.",
            ) from error

    def _print(self, text: str) -> None:
        encoding = self.out.encoding or "utf-8"
        self.out.write(text.encode(encoding, errors="backslashreplace").decode(encoding))
        self.out.flush()


def without_passwords(text: str) -> str:
    """Return a line without the passwords of the database URLs in it."""
    return _URL_PASSWORD.sub(r"\1:...@", text)


def refuse_to_replace(output: str) -> None:
    """Let ``--output`` replace nothing but an earlier answer: a slip must not cost a database or a backup.

    Raises:
        UsageError: the target is a folder, a device or a pipe, or a file that is no answer of this kit.
    """
    target = Path(output)
    if not target.name or target.is_dir():
        raise UsageError(f"--output {target}: this is a folder", hint="Name a file in it.")
    if not target.parent.is_dir():
        raise UsageError(f"--output {target}: there is no folder {target.parent}", hint="Make it, or name another.")
    if target.exists() and not target.is_file():  # a pipe would be waited for, and a device replaced by a file
        raise UsageError(f"--output {target}: this is no file", hint="Leave it out to have the answer printed.")
    try:
        with target.open("rb") as file:
            start = file.read(_START_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(
            f"--output {target}: what is there cannot be read ({error.strerror})", hint="Name another file."
        ) from error
    kept = any(word in target.name for word in ("manifest", "journal"))
    if kept or (start and not _EARLIER_ANSWER.match(start)):
        raise UsageError(
            f"--output {target}: there is a file of that name, and it is no earlier answer",
            hint="Name a file that does not exist yet, or delete that one.",
        )
