"""Asks another program one question, with a limit on time and on output."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import IO

from upgrade_kit.model.unobserved import Unobserved

OUTPUT_LIMIT_BYTES = 64 * 1024
_LOOK_SECONDS = 0.2  # Windows hears no Ctrl-C while a thread or a program is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program said.

    Attributes:
        status: its exit status.
        text: standard output and standard error as they came; bytes that are neither UTF-8 nor, on Windows, of the
            console's code page are escaped.
        errors: standard error, where it was to be kept apart.
    """

    status: int
    text: str
    errors: str = ""

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
    limit_bytes: int = OUTPUT_LIMIT_BYTES,
    errors_apart: bool = False,
) -> Answer | Unobserved:
    """Run a program that only reads, and return what it said or why it did not answer.

    It gets no standard input. A program that is still running at the time limit, that prints more than is allowed, or
    whose asker is interrupted, is ended together with what it started.

    Args:
        command: the program and its arguments.
        timeout_seconds: how long it may take.
        environment: its environment; ``None`` hands down this process's own.
        folder: where it runs.
        limit_bytes: how much it may print.
        errors_apart: whether standard error is kept apart, where the output is for machines.
    """
    try:
        process = _start(command, environment, folder, errors_apart=errors_apart)
    except (OSError, ValueError) as error:
        return Unobserved(f"could not be started: {getattr(error, 'strerror', None) or error}")
    output: list[bytes] = []
    errors: list[bytes] = []
    reader = threading.Thread(target=_read, args=(process.stdout, output, limit_bytes), daemon=True)
    reader.start()
    warnings = threading.Thread(target=_drain, args=(process.stderr, errors), daemon=True)
    warnings.start()
    try:
        too_slow = not _is_so_within(timeout_seconds, partial(_has_read, reader))
        said = output[0] if output else b""
        too_much = len(said) > limit_bytes
        if not (too_slow or too_much) and _is_so_within(timeout_seconds, partial(_has_ended, process)):
            warnings.join(timeout=1)
            return Answer(status=process.returncode, text=_decoded(said), errors=_decoded(b"".join(errors)))
    except BaseException:
        _end(process)
        raise
    _end(process)
    reader.join(timeout=1)
    warnings.join(timeout=1)
    if too_much:
        return Unobserved(f"printed more than {limit_bytes // 1024} KiB and was ended")
    return Unobserved(f"did not answer within {timeout_seconds:g} s and was ended")


def _start(
    command: Sequence[str | Path], environment: Mapping[str, str] | None, folder: Path | None, *, errors_apart: bool
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if errors_apart else subprocess.STDOUT,
        env=None if environment is None else dict(environment),
        cwd=folder,
        # Its own group, so that what it starts can be ended with it.
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _is_so_within(seconds: float, is_so: Callable[[float], bool]) -> bool:
    """Ask again and again, for a short while each time, until it is so or the time is over."""
    until = monotonic() + seconds
    while not is_so(max(0.0, min(_LOOK_SECONDS, until - monotonic()))):
        if monotonic() >= until:
            return False
    return True


def _has_read(reader: threading.Thread, seconds: float) -> bool:
    reader.join(seconds)
    return not reader.is_alive()


def _has_ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def _read(stream: IO[bytes], output: list[bytes], limit_bytes: int) -> None:
    """Read up to one byte more than is allowed, which tells too much from just enough."""
    with stream:
        output.append(stream.read(limit_bytes + 1))


def _drain(stream: IO[bytes] | None, errors: list[bytes]) -> None:
    """Read to the end, so that the program never waits for a reader, and keep the beginning."""
    if stream is None:
        return
    with stream:
        errors.append(stream.read(OUTPUT_LIMIT_BYTES))
        while stream.read(OUTPUT_LIMIT_BYTES):
            pass


def _decoded(said: bytes) -> str:
    """Understand what a program wrote: UTF-8, or on Windows what its own programs (sc.exe) write into a pipe."""
    if os.name == "nt":
        try:
            return said.decode("utf-8")
        except UnicodeDecodeError:
            return said.decode("oem", "backslashreplace")
    return said.decode("utf-8", "backslashreplace")


def _end(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        # Only while the leader has not been reaped is its group certain to be the one that was started.
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    else:
        end_tree(process.pid, gently=False)
        process.kill()
    process.wait()


def end_tree(pid: int, *, gently: bool) -> None:
    """End a program and its children, where the system knows no groups of processes.

    Args:
        pid: the program's process id.
        gently: ask them to end, where the system knows such a thing; Windows does not.
    """
    import psutil  # noqa: PLC0415 - only where a program has to be ended

    with suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in (*leader.children(recursive=True), leader):
            with suppress(psutil.Error):
                process.terminate() if gently else process.kill()
