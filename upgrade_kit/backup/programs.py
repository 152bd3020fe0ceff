"""The client programs of a database server: found, started, fed, watched, and ended whatever happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

from upgrade_kit.deployment.asking import ask
from upgrade_kit.errors import BackupError, ProgramError
from upgrade_kit.model.unobserved import Unobserved

_CHUNK = 1 << 16
_VERSION_SECONDS = 20.0
_END_SECONDS = 10.0
_LOOK_SECONDS = 0.2
_KEPT_LINES = 40
_SHOWN_CHARACTERS = 600

# (words in what the program said, what to do), the first that fits
_HINTS: tuple[tuple[str, str], ...] = (
    (
        "no space left|errno 28|errcode: 28|disk full|not enough space|quota",
        "Make room, or write elsewhere with --to-dir.",
    ),
    ("file too large", "The file system or a limit of this account refuses a file of that size: use another disk."),
    # pg_dump waits for a lock as long as a statement may take.
    (
        "lock timeout|statement timeout|lock wait|being accessed by other users|deadlock",
        "Stop the site, then try again.",
    ),
    (
        "permission denied|must be owner|must be superuser|access denied|command denied|not allowed",
        "Give this login the right to do that, or use one that has it.",
    ),
    ("password|authentication|no pg_hba", "Check user and password; the password may come from UPGRADE_KIT_PASSWORD."),
    ("max_allowed_packet|bigger than", "Raise max_allowed_packet on the server (1G), then try again."),
    # How MariaDB and MySQL end a connection that sends more than that.
    ("gone away", "Check that the server runs, and raise its max_allowed_packet (1G); then try again."),
    (
        "terminat|server closed|lost connection|connection|can't connect|broken pipe",
        "Check that the server runs and can be reached, then try again.",
    ),
    ("does not exist", "Create on the server what is named there, then try again."),
)


def find_program(
    names: Sequence[str],
    *,
    fits: Callable[[str], str],
    product: str,
    folder: Path | None = None,
    usual: Sequence[str] = (),
) -> tuple[Path, str]:
    """Find a client program, and return its path and what it says of its version.

    Args:
        names: what it may be called, best first.
        fits: told what the program says of its version, returns why it cannot be used, or ``""``.
        product: what to call it in an error.
        folder: the folder that a user names; nothing else is looked at.
        usual: patterns of folders to look in after those on the search path.

    Raises:
        ProgramError: none is there, or none that fits.
    """
    refused: list[str] = []
    for path in _candidates(names, folder, usual):
        answer = ask([path, "--version"], timeout_seconds=_VERSION_SECONDS)
        reason = answer.reason if isinstance(answer, Unobserved) else fits(answer.text.strip())
        if not isinstance(answer, Unobserved) and not reason:
            return path, answer.text.strip()
        refused.append(f"{path} {reason}")
    wanted = " or ".join(names)
    where = f"in {folder}" if folder else "on this machine's PATH or in the usual folders"
    raise ProgramError(
        f"{wanted}, the backup program of {product}, "
        + (f"cannot be used: {'; '.join(refused)}" if refused else f"is not {where}"),
        hint=f"Install the client programs of {product}, or name their folder with --client-dir DIR.",
    )


def beside(program: Path, *names: str) -> Path:
    """Return another program of the same installation.

    Raises:
        ProgramError: it is not there.
    """
    for name in names:
        if found := shutil.which(name, path=str(program.parent)):
            return Path(found)
    raise ProgramError(
        f"{' or '.join(names)} is not beside {program}",
        hint="Install all of the server's client programs, or name their folder with --client-dir DIR.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a program is given to log in with, besides its arguments.

    Attributes:
        environment: added to the environment of this process; secrets may be among it.
        secrets: texts that must appear in no message.
    """

    environment: Mapping[str, str] = field(repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)


class Running:
    """A program at work within the block. Leaving it without ``finish`` ends the program: none outlives its caller.

    Args:
        command: the program and its arguments; no secret among them.
        login: with which secrets.
        silence_seconds: how long it may show no sign of life: no output, nothing taken in, no growth of ``file``.
        folder: where it runs, so that files of any script can be named by their plain names.
        file: the file that it writes, where it writes one.
        told: called with each line of its standard error.
        pipe: ``stdin`` to feed it, ``stdout`` to have what it writes.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        login: Login,
        silence_seconds: float,
        folder: Path | None = None,
        file: Path | None = None,
        told: Callable[[str], None] | None = None,
        pipe: Literal["stdin", "stdout", ""] = "",
    ) -> None:
        self.name = Path(command[0]).stem
        self._command = [str(part) for part in command]
        self._environment = login.environment
        self._folder = folder
        self._pipe = pipe
        self._secrets = login.secrets
        self._silence_seconds = silence_seconds
        self._file = file
        self._told = told
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._silent = False
        self._alive_at = time.monotonic()
        self._left_alone = False  # while its caller is busy with what it gave
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start the program.

        Raises:
            ProgramError: it cannot be started.
        """
        try:
            self._process = self._start()
            self._listener.start()
            self._watcher.start()
            return self  # noqa: TRY300 - an interrupt may come here too
        except BaseException:  # an interrupt: nobody else knows of the program yet
            if hasattr(self, "_process"):
                self._leave()
            raise

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._end()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        for thread in (self._listener, self._watcher):
            if thread.ident is not None:  # it was started
                thread.join(_END_SECONDS)
        if self._process.stderr is not None:
            self._process.stderr.close()

    def lines(self) -> Iterator[bytes]:
        """Return what the program writes, line by line, to its end."""
        for line in _open(self._process.stdout):
            self._left_alone = True
            yield line
            self._alive_at = time.monotonic()
            self._left_alone = False

    def chunks(self) -> Iterator[bytes]:
        """Return what the program writes, piece by piece, to its end."""
        output = _open(self._process.stdout)
        while piece := output.read(_CHUNK):
            self._left_alone = True
            yield piece
            self._alive_at = time.monotonic()
            self._left_alone = False

    def feed(self, data: bytes) -> bool:
        """Give the program something to read; return False when it takes no more (``finish`` tells why)."""
        self._alive_at = time.monotonic()
        self._left_alone = False
        try:
            _open(self._process.stdin).write(data)
        except OSError:
            return False
        self._left_alone = True
        return True

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.returncode

    def finish(self) -> None:
        """Wait for the program's end; it is told that there is no more to read.

        Raises:
            ProgramError: it showed no sign of life for too long.
            BackupError: it ended with an error: its own words, without secrets.
        """
        self._alive_at = time.monotonic()
        self._left_alone = False
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        while self._process.poll() is None:  # in steps, so that Ctrl-C is heard on Windows too
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_SECONDS)
        self._listener.join(_END_SECONDS)
        if self._silent:
            raise ProgramError(
                f"{self.name} showed no sign of life for {self._silence_seconds:.0f} seconds and was ended",
                hint="Look at the server's load and locks, then try again.",
            )
        if self._process.returncode != 0:
            raise self._error()

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE if self._pipe == "stdin" else subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._pipe == "stdout" else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, **self._environment},
                cwd=self._folder,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise ProgramError(
                f"{self._command[0]} cannot be started: {error.strerror or error}",
                hint="Check the program, or name another folder of client programs with --client-dir DIR.",
            ) from error

    def _error(self) -> BackupError:
        lines = [line for line in self._said if not line.startswith("-- ")]  # mysqldump's account of its work
        worst = [line for line in lines if re.search(r"error|fatal|errno", line, re.IGNORECASE)]
        said = " ".join(" ".join(worst or lines).split())
        for secret in self._secrets:
            said = said.replace(secret, "***")
        if len(said) > _SHOWN_CHARACTERS:
            said = f"{said[:_SHOWN_CHARACTERS]} ..."
        status = self._process.returncode
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        lowered = said.lower()
        hint = next((hint for words, hint in _HINTS if re.search(words, lowered)), "Mend that, then try again.")
        return BackupError(f"{self.name} {ended}: {said}" if said else f"{self.name} {ended}", hint=hint)

    def _listen(self) -> None:
        for raw in _open(self._process.stderr):
            self._alive_at = time.monotonic()
            line = raw.decode("utf-8", "replace").strip()
            self._said.append(line)
            if self._told is not None:
                self._told(line)

    def _watch(self) -> None:
        size = -1
        while self._process.poll() is None:
            time.sleep(_LOOK_SECONDS)
            if self._file is not None:
                with suppress(OSError):
                    now = self._file.stat().st_size
                    if now != size:
                        size, self._alive_at = now, time.monotonic()
            if not self._left_alone and time.monotonic() - self._alive_at > self._silence_seconds:
                self._silent = True
                self._end()

    def _end(self) -> None:
        if self._process.poll() is not None:
            return
        with suppress(OSError):
            self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("the program was started without this pipe")  # pragma: no cover
    return pipe


def _candidates(names: Sequence[str], folder: Path | None, usual: Sequence[str]) -> Iterator[Path]:
    if folder is not None:
        yield from _in_folder(folder.absolute(), names)
        return
    for entry in os.get_exec_path():
        on_path = Path(entry.strip('"'))
        if on_path.is_absolute():  # a relative one names whatever folder happens to be the current one
            yield from _in_folder(on_path, names)
    for pattern in usual:
        root = Path(pattern).anchor
        for found in sorted(Path(root).glob(str(Path(pattern).relative_to(root))), key=_by_version, reverse=True):
            yield from _in_folder(found, names)


def _in_folder(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    for name in names:
        found = shutil.which(name, path=str(folder))
        # Debian's wrapper chooses a version by itself, and not always the same one.
        if found and Path(found).resolve().name != "pg_wrapper":
            yield Path(found)


def _by_version(folder: Path) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", str(folder))], str(folder)
