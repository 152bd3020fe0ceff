"""SQLite's own online backup: one consistent copy of a database that others go on using."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from upgrade_kit.backup.method import LOCK_SECONDS, Progress
from upgrade_kit.backup.names import file_errors
from upgrade_kit.deployment.sqlite_uri import sqlite_uri
from upgrade_kit.errors import BackupError

_PAGES_PER_STEP = 1024
_RESTARTS = 3
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NO_DATABASE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


def connect(file: Path, *, mode: str, lock_seconds: float = LOCK_SECONDS) -> sqlite3.Connection:
    """Open a file that exists, in autocommit.

    Args:
        file: the database.
        mode: ``ro`` or ``rw``.
        lock_seconds: how long to wait for a lock that another program holds.

    Raises:
        sqlite3.Error: it cannot be opened.
    """
    uri = sqlite_uri(file.absolute(), mode=mode)
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=lock_seconds)


@contextmanager
def reading(file: Path, *, lock_seconds: float = LOCK_SECONDS) -> Iterator[sqlite3.Connection]:
    """Open a database read-only and turn what SQLite says inside the block into a ``BackupError``."""
    with explained(file), closing(connect(file, mode="ro", lock_seconds=lock_seconds)) as connection:
        yield connection


def copy_online(
    source: sqlite3.Connection,
    target: Path,
    *,
    lock_seconds: float = LOCK_SECONDS,
    progress: Progress | None = None,
) -> None:
    """Copy a database, as it is at one moment, into an empty file.

    Others may read and write meanwhile: SQLite starts again when the source changes. Where that
    happens again and again, the last attempt keeps writers waiting until the copy is made. The copy
    is one file in rollback-journal mode, whatever mode the source is in, and is on the disk.

    Raises:
        sqlite3.Error: the source cannot be read or the target cannot be written.
        BackupError: another program kept the source locked.
    """
    try:
        _copy(source, target, _Watch(lock_seconds, progress, restarts=_RESTARTS))
    except _SourceChangingError:
        os.truncate(target, 0)
        source.execute("BEGIN")
        try:
            source.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            _copy(source, target, _Watch(lock_seconds, progress, restarts=None))
        finally:
            source.execute("ROLLBACK")
    sync_file(target)


def sync_file(file: Path) -> None:
    """Wait until the bytes of a file are on the disk."""
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


@contextmanager
def explained(file: Path, *, target: Path | None = None) -> Iterator[None]:
    """Turn an error of SQLite or of the file system into a ``BackupError`` with what to do next.

    Args:
        file: the database that is read.
        target: the file that is written, where there is one.
    """
    try:
        with file_errors(target or file):
            yield
    except sqlite3.Error as error:
        raise _explain(error, file, target) from error


def locked(error: sqlite3.Error) -> bool:
    """Tell whether SQLite failed because another program holds a lock."""
    return _code(error) in _LOCKED


def no_database(error: sqlite3.Error) -> bool:
    """Tell whether SQLite failed because the file is damaged or is no SQLite database."""
    return _code(error) in _NO_DATABASE


class _SourceChangingError(Exception):
    """The source changes so often that the copy does not come to an end."""


class _Watch:
    """Sees every step of a copy: tells progress, gives up on a lock or on a source that never rests."""

    def __init__(self, lock_seconds: float, progress: Progress | None, *, restarts: int | None) -> None:
        self._lock_seconds = lock_seconds
        self._progress = progress
        self._restarts = restarts
        self._remaining: int | None = None
        self._locked_since: float | None = None

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in _LOCKED:
            self._wait()
            return
        self._locked_since = None
        if self._remaining is not None and remaining >= self._remaining and self._restarts is not None:
            self._restarts -= 1
            if self._restarts < 0:
                raise _SourceChangingError
        self._remaining = remaining
        if self._progress is not None:
            self._progress(total - remaining, total)

    def _wait(self) -> None:
        now = time.monotonic()
        self._locked_since = self._locked_since or now
        if now - self._locked_since >= self._lock_seconds:
            raise sqlite3.OperationalError("database is locked")


def _copy(source: sqlite3.Connection, target: Path, watch: _Watch) -> None:
    with closing(connect(target, mode="rw")) as copy:
        # A half copy is thrown away whole, so it needs no journal of its own; it is synced once, at the end.
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        source.backup(copy, pages=_PAGES_PER_STEP, progress=watch, sleep=0.05)
        copy.execute("PRAGMA journal_mode=DELETE")


def _code(error: sqlite3.Error) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by the watch, or by the module itself
        return sqlite3.SQLITE_BUSY if "locked" in str(error) else sqlite3.SQLITE_ERROR
    return int(code) & 0xFF


def _explain(error: sqlite3.Error, file: Path, target: Path | None) -> BackupError:
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return BackupError(
                f"{file}: locked by another program",
                hint="Stop the site, or wait until it rests, then try again.",
            )
        case sqlite3.SQLITE_NOTADB:
            return BackupError(
                f"{file}: not an SQLite database, or encrypted",
                hint="Check NAME in DATABASES, or the --database URL.",
            )
        case sqlite3.SQLITE_CORRUPT:
            return BackupError(
                f"{file}: the database is damaged ({error})",
                hint="Keep the file as it is, and turn to the last verified backup.",
            )
        case sqlite3.SQLITE_FULL:
            return BackupError(
                f"{target or file}: no room left on the disk",
                hint="Make room, or write elsewhere with --to-dir.",
            )
        case sqlite3.SQLITE_CANTOPEN:
            reason = "no such file" if not file.exists() else "the file cannot be opened"
            return BackupError(f"{file}: {reason}", hint="Check the path and the rights of the file and its folder.")
        case sqlite3.SQLITE_READONLY:
            return BackupError(
                f"{target or file}: cannot be opened without writing beside it ({error})",
                hint="A program was stopped while it wrote. Start and stop the site once, then try again.",
            )
        case _:
            places = f"{file} -> {target}" if target else f"{file}"
            return BackupError(f"{places}: {error}", hint="Check both disks and their free room, then try again.")
