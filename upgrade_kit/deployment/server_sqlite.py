"""What there is to know of an SQLite file besides its tables: is it sound, may it be written to, where does it lie?"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Protocol

from upgrade_kit.deployment.server_answers import Asked, not_of, one, seen, text, version
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.server import FileState, Identity, Purpose, Right, Rights, Room, Server, Texts
from upgrade_kit.model.unobserved import Unobserved

CHECKING_SECONDS = 60.0
_STEPS_BETWEEN_LOOKS = 100_000  # of SQLite's virtual machine; a look costs next to nothing
_BESIDE = ("-journal", "-wal", "-shm")
_HOLD_DATA = ("-journal", "-wal")  # -shm is an index of -wal, made anew whenever it lacks
_NETWORK_TYPES = re.compile(r"nfs\d?|cifs|smb\d?|smbfs|fuse\.sshfs|9p|afs|ncpfs")
_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE_DRIVE = 4  # GetDriveTypeW: DRIVE_REMOTE
QUERIES = {
    "version": "SELECT sqlite_version()",
    "encoding": "PRAGMA encoding",
    "check": "PRAGMA quick_check(10)",
}


class SqliteAsked(Asked, Protocol):
    """An open session on an SQLite file."""

    @property
    def driver_connection(self) -> SqliteDriver:
        """The driver's own connection."""


class SqliteDriver(Protocol):
    """The part of ``sqlite3.Connection`` that can end a long query."""

    def set_progress_handler(self, handler: Callable[[], int] | None, n: int, /) -> object:
        """Call a function after so many steps; when it returns something else than 0, the query ends."""


def read(session: SqliteAsked) -> Server:
    """Look at the file, and ask SQLite whether it is sound."""
    path = Path(session.name)
    nobody = Unobserved("SQLite has no logins: who has the file open cannot be asked", asked=False)
    return Server(
        vendor="sqlite",
        database=session.name,
        identity=seen(_version, session),
        rights=seen(_rights, session),
        texts=seen(_texts, session),
        room=seen(_room, session),
        sessions=nobody,
        standing=not_of("SQLite"),
        recovery=not_of("SQLite"),
        compatibility_level=not_of("SQLite"),
        engines=not_of("SQLite"),
        file=FileState(
            path=str(path),
            faults=_faults(session),
            leftovers=_leftovers(path),
            network=network_of(path),
        ),
        odbc_drivers=not_of("SQLite"),
    )


def _version(session: Asked) -> Identity:
    return Identity(product="SQLite", version=version(text(one(session.fetch(QUERIES["version"]))[0])))


def _texts(session: Asked) -> Texts:
    return Texts(encoding=text(one(session.fetch(QUERIES["encoding"]))[0]), collation="")


def _room(session: Asked) -> Room:
    path = Path(session.name)
    try:
        return Room(size_bytes=path.stat().st_size, files=(), free_bytes=shutil.disk_usage(path.parent).free)
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror or error}") from error


def _rights(session: Asked) -> Rights:
    """Ask the system whether this process may write to the file, what lies beside it, and its folder."""
    path = Path(session.name)
    files = [path, *(beside for ending in _BESIDE if (beside := Path(f"{path}{ending}")).exists())]
    closed = [str(file) for file in files if not os.access(file, os.W_OK)]
    # SQLite makes its journal beside the file. Windows does not tell of folders in this way.
    if os.name == "posix" and not os.access(path.parent, os.W_OK | os.X_OK):
        closed.append(str(path.parent))
    right = Right(name="WRITE", purpose=Purpose.MIGRATION, held=not closed, on=tuple(closed))
    return Rights(login="", user="", schema="", site_schemas=(), rights=(right,))


def _faults(session: SqliteAsked) -> tuple[str, ...] | Unobserved:
    """Let SQLite read the whole file and check its structure, for as long as that may take."""
    end = monotonic() + CHECKING_SECONDS
    session.driver_connection.set_progress_handler(lambda: int(monotonic() > end), _STEPS_BETWEEN_LOOKS)
    try:
        said = [text(row[0]) for row in session.fetch(QUERIES["check"])]
    except DatabaseError as error:
        if monotonic() > end:
            return Unobserved(f"checking {session.name} took longer than {CHECKING_SECONDS:g} s")
        return (error.message,)  # a file that is damaged in its first pages cannot even be checked
    except ValueError as error:
        return Unobserved(f"SQLite's answer is not understood: {error}")
    finally:
        session.driver_connection.set_progress_handler(None, 0)
    if not said:
        return Unobserved("SQLite checked the file and said nothing")
    return tuple(line for answer in said if answer != "ok" for line in answer.splitlines())


def _leftovers(path: Path) -> tuple[tuple[str, int], ...]:
    found = []
    for ending in _HOLD_DATA:
        beside = Path(f"{path}{ending}")
        try:
            size = beside.stat().st_size
        except OSError:
            continue
        if size and (ending != "-journal" or _is_hot(beside)):
            found.append((str(beside), size))
    return tuple(found)


def _is_hot(journal: Path) -> bool:
    """Tell whether a journal holds something; SQLite may keep one whose beginning it has overwritten with zeros."""
    try:
        with journal.open("rb") as stream:
            return any(stream.read(8))
    except OSError:
        return True


def network_of(path: Path, mounts: str | None = None) -> str:
    """Return the kind of network drive that a file is on, or ``""``.

    Args:
        path: the file.
        mounts: what ``/proc/self/mountinfo`` says; by default it is read.
    """
    if os.name == "nt":  # pragma: no cover - asks Windows
        return _windows_network(path)
    try:
        said = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape") if mounts is None else mounts
    except OSError:
        return ""
    resolved = Path(os.path.realpath(path))
    found: dict[Path, str] = {}
    for line in said.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if len(fields) > 4 and kind:  # noqa: PLR2004 - the fifth field is the mount point
            point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
            if resolved.is_relative_to(point):
                found[Path(point)] = kind
    if not found:
        return ""
    kind = found[max(found, key=lambda point: len(point.parts))]
    return kind if _NETWORK_TYPES.fullmatch(kind) else ""


def _windows_network(path: Path) -> str:  # pragma: no cover - asks Windows
    import ctypes  # noqa: PLC0415 - as the line says

    if str(path).startswith(("\\\\", "//")):
        return "a network share"
    kind = ctypes.windll.kernel32.GetDriveTypeW(f"{path.drive}\\")  # type: ignore[attr-defined]
    return "a network drive" if kind == _REMOTE_DRIVE else ""
