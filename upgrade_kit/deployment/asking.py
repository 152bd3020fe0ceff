"""Asks another program one question, with a limit on time and on output."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.model.unobserved import Unobserved

OUTPUT_LIMIT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program said.

    Attributes:
        status: its exit status.
        text: standard output and standard error as they came, undecodable bytes escaped.
    """

    status: int
    text: str

    @property
    def last_line(self) -> str:
        """The last line that is not blank; warnings come before it."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def ask(
    command: Sequence[str | Path],
    *,
    timeout_seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Answer | Unobserved:
    """Run a program that only reads, and return what it said or why it did not answer.

    It gets no standard input. A program that is still running at the time limit, or that prints more than
    ``OUTPUT_LIMIT_BYTES``, is ended together with what it started.

    Args:
        command: the program and its arguments.
        timeout_seconds: how long it may take.
        environment: its environment; ``None`` hands down this process's own.
        folder: where it runs.
    """
    try:
        process = _start(command, environment, folder)
    except (OSError, ValueError) as error:
        return Unobserved(f"could not be started: {getattr(error, 'strerror', None) or error}")
    output: list[bytes] = []
    reader = threading.Thread(target=_read, args=(process, output), daemon=True)
    reader.start()
    reader.join(timeout_seconds)
    too_slow = reader.is_alive()
    said = output[0] if output else b""
    too_much = len(said) > OUTPUT_LIMIT_BYTES
    if not (too_slow or too_much):
        try:
            status = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            too_slow = True
        else:
            return Answer(status=status, text=said.decode("utf-8", "backslashreplace"))
    _end(process)
    reader.join(timeout=1)
    if too_much:
        return Unobserved(f"printed more than {OUTPUT_LIMIT_BYTES // 1024} KiB and was ended")
    return Unobserved(f"did not answer within {timeout_seconds:g} s and was ended")


def _start(
    command: Sequence[str | Path], environment: Mapping[str, str] | None, folder: Path | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        cwd=folder,
        # Its own group, so that what it starts can be ended with it.
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _read(process: subprocess.Popen[bytes], output: list[bytes]) -> None:
    """Read up to one byte more than is allowed, which tells too much from just enough."""
    stream = process.stdout
    if stream is None:  # pragma: no cover - the pipe is always asked for
        return
    with stream:
        output.append(stream.read(OUTPUT_LIMIT_BYTES + 1))


def _end(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        # Only while the leader has not been reaped is its group certain to be the one that was started.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
