"""Runs one program of a step: its output to the screen and to a log, within a limit of time, without secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import IO
from urllib.parse import quote

from upgrade_kit.deployment.asking import end_tree
from upgrade_kit.deployment.whole_file import write_whole
from upgrade_kit.errors import UpgradeError
from upgrade_kit.model.plan import Run

LAST_LINES = 20
_LONGEST_LINE_BYTES = 16 * 1024
_LOOK_SECONDS = 0.05  # between two looks at the log
_PATIENCE_SECONDS = 10.0  # for a program that was asked to end

Line = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a program ended.

    Attributes:
        status: its exit status; ``None`` where it was ended at its limit.
        last_lines: the end of what it printed.
    """

    status: int | None
    last_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Runs programs for one upgrade.

    A program writes to the log itself, so that it comes to its own end where this process comes to a sudden one: a
    migration that lost its reader would stop at the next line that it prints.

    Attributes:
        environment: what every program inherits.
        secrets: what must stay in no log and be shown on no screen.
        folder: where a program runs that needs no other place.
        show: gets each line of output.
    """

    environment: Mapping[str, str]
    secrets: tuple[str, ...]
    folder: Path
    show: Line

    def run(self, action: Run, log: Path) -> Ran:
        """Run a program and wait for its end.

        It gets no standard input. At its limit, and when this process is interrupted, it is ended together with what
        it started.

        Args:
            action: what to run.
            log: the file that its output is added to.

        Raises:
            UpgradeError: it cannot be started, or the log cannot be written.
        """
        try:
            try:
                ran = self._run(action, log)
                with log.open("ab") as stream:
                    ended = "ended at its limit of time" if ran.status is None else f"exit status {ran.status}"
                    _note(stream, f"--- {ended}")
                self.mask(log)
            except BaseException:
                with suppress(OSError):  # what led here is the thing to tell
                    self.mask(log)
                raise
        except OSError as error:
            raise UpgradeError(
                f"{log}: the log cannot be written: {error.strerror or error}.",
                hint="The work folder must be there, writable, and on a disk with room.",
            ) from error
        return ran

    def mask(self, log: Path) -> None:
        """Take every secret out of a log.

        Raises:
            OSError: it cannot be read or written.
        """
        raw = log.read_bytes() if log.exists() else b""
        masked = raw
        for secret in self.secrets:
            masked = masked.replace(secret.encode("utf-8"), b"...")
        if masked != raw:
            write_whole(log, masked)

    def _run(self, action: Run, log: Path) -> Ran:
        process = None
        try:
            with log.open("ab") as stream:
                _note(stream, f"--- {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {' '.join(action.words)}")
                start = stream.tell()
                process = self._start(action, stream)
            return self._watch(process, log, start, action.limit_seconds)
        except BaseException:
            if process is not None:
                _end(process)
            raise

    def _start(self, action: Run, log: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                list(action.words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.environment, **dict(action.environment)},
                cwd=action.folder or self.folder,
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except (OSError, ValueError) as error:
            raise UpgradeError(
                f"{action.words[0]} cannot be started: {getattr(error, 'strerror', None) or error}.",
                hint="Is the program there, and the folder in which it is to run"
                f"{f' ({action.folder})' if action.folder else ''}?",
            ) from error

    def _watch(self, process: subprocess.Popen[bytes], log: Path, start: int, limit_seconds: float) -> Ran:
        until = monotonic() + limit_seconds
        last: deque[str] = deque(maxlen=LAST_LINES)
        in_time = True
        with log.open("rb") as output:
            output.seek(start)
            unfinished = b""
            while True:
                has_ended = process.poll() is not None
                *lines, unfinished = (unfinished + output.read()).split(b"\n")
                if len(unfinished) > _LONGEST_LINE_BYTES or (has_ended and unfinished):
                    lines, unfinished = [*lines, unfinished], b""
                for line in lines:
                    self._tell(line, last)
                if has_ended:
                    break
                if monotonic() > until:
                    in_time = False
                    _end(process)
                sleep(_LOOK_SECONDS)
        return Ran(status=process.returncode if in_time else None, last_lines=tuple(last))

    def _tell(self, line: bytes, last: deque[str]) -> None:
        text = line.decode("utf-8", "backslashreplace").rstrip("\r")
        for secret in self.secrets:
            text = text.replace(secret, "...")
        last.append(text)
        self.show(text)


def written_forms(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Return secrets as programs write them: plain, in a URL, and quoted in Python and JSON; the longest first."""
    forms = {
        form
        for secret in secrets
        for form in (secret, quote(secret, safe=""), quote(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1])
    }
    return tuple(sorted(forms, key=len, reverse=True))


def _note(log: IO[bytes], text: str) -> None:
    log.write(text.encode("utf-8", "backslashreplace") + b"\n")
    log.flush()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a program and what it started to end, and see that they do."""
    if process.poll() is not None:
        return
    _signal(process, gently=True)
    try:
        process.wait(_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal(process, gently=False)
        process.wait()


def _signal(process: subprocess.Popen[bytes], *, gently: bool) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGTERM if gently else signal.SIGKILL)
        else:
            end_tree(process.pid, gently=gently)
