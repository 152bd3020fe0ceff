"""Puts a file in the place of an SQLite database, and keeps what was there."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from upgrade_kit.backup.names import sidecars
from upgrade_kit.backup.sqlite_files import connect, locked, no_database, sync_file
from upgrade_kit.deployment.manifests import file_sha256
from upgrade_kit.deployment.whole_file import PARTIAL, make_private, sync_folder
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import UnverifiedBackup

KEPT = ".before-restore-"
"""What follows the name of a database in that of the file in which what it held is kept."""

_HEADER = b"SQLite format 3\0"
_SHARING_VIOLATION = 32  # Windows: another program has the file open


def put_in_place(made: UnverifiedBackup, target: Path, *, replace_old: bool, lock_seconds: float) -> Path | None:
    """Copy a backup beside the target and rename it over in one step; return the file that the old one is now, if any.

    Killed at any moment, nothing is lost. An old file is kept beside the new one.

    Raises:
        BackupError: the target holds data, may not be written to, or is in use.
        OSError: it cannot be written.
        sqlite3.Error: what is there cannot be opened.
    """
    occupied = _inspect(target, made, replace_old=replace_old)
    return _put(made, target, occupied=occupied, lock_seconds=lock_seconds)


def _inspect(target: Path, made: UnverifiedBackup, *, replace_old: bool) -> bool:
    """Refuse a target that may not be written; return whether it holds anything that must be kept."""
    if not target.parent.is_dir():
        raise BackupError(f"{target.parent}: there is no such folder", hint="Make it, or check the --database URL.")
    if target.exists() and not target.is_file():
        raise BackupError(f"{target}: not a file", hint="Name a file: --database sqlite:///FILE")
    if target.exists() and (target.samefile(made.file) or target.samefile(made.manifest)):
        raise BackupError(
            f"{target}: this is the backup itself, or its manifest",
            hint="Name the site's database with --database sqlite:///FILE",
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise BackupError(
            f"{target}: may not be written to; nothing was changed",
            hint="Give your account the right to write to it, or restore to another file.",
        )
    free = shutil.disk_usage(target.parent).free
    if free < made.size_bytes:
        raise BackupError(
            f"{target.parent}: {free} bytes free, but the database needs {made.size_bytes}",
            hint="Make room on that disk, then try again.",
        )
    occupied = _beside(target) != () or (target.exists() and target.stat().st_size > 0)
    if occupied and not replace_old:
        raise BackupError(
            f"{target}: holds data; nothing was changed",
            hint="Add --replace to put the backup in its place; the file that is there is kept beside it.",
        )
    return occupied


def _put(made: UnverifiedBackup, target: Path, *, occupied: bool, lock_seconds: float) -> Path | None:
    """Copy the backup beside the target and rename it over; return the file that the old one is now, if any."""
    partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        make_private(partial)
        shutil.copyfile(made.file, partial)
        sync_file(partial)
        if file_sha256(partial) != made.sha256:
            raise BackupError(f"{partial}: the copy differs from the backup", hint="Check the disk, then try again.")
        if target.exists():
            _take_rights(target, partial)
        if not occupied:
            partial.replace(target)
            sync_folder(target.parent)
            return None
        with _held(target, lock_seconds):
            _refuse_open(target)
            kept = _swap(partial, target)
        sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)
    return kept


def _take_rights(old: Path, new: Path) -> None:
    """Give a file the rights and, where the system lets us, the owner of the file that it replaces."""
    shutil.copymode(old, new)
    if os.name != "nt":
        status = old.stat()
        with suppress(PermissionError):  # only root may give a file away
            os.chown(new, status.st_uid, status.st_gid)


@contextmanager
def _held(target: Path, lock_seconds: float) -> Iterator[None]:
    """Keep every other program out of a database, with nothing of it left outside its one file.

    What is no SQLite database (or so damaged that SQLite says so) is let through as it is, together with
    what lies beside it: SQLite is not even asked to open it, since it would tidy up there.
    """
    if not _has_header(target):
        yield
        return
    with closing(connect(target, mode="rw", lock_seconds=lock_seconds)) as connection:
        try:
            # Folds a write-ahead log into the database; fails if anybody else has that open.
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if locked(error):
                raise _in_use(target) from error
            if not no_database(error):
                raise
        if os.name == "nt":
            connection.close()  # Windows renames no open file, and nobody else's either
        yield


def _refuse_open(target: Path) -> None:
    """Refuse a file that another program has open, on Windows, which would not let it be renamed.

    It is asked by renaming the file to its own name: a link to it could not be removed again.

    Raises:
        BackupError: one has.
        OSError: it cannot be renamed for another reason.
    """
    if os.name != "nt" or not target.exists():
        return
    try:
        target.rename(target)
    except PermissionError as error:
        if getattr(error, "winerror", None) != _SHARING_VIOLATION:
            raise
        raise _in_use(target) from error


def _in_use(target: Path) -> BackupError:
    return BackupError(
        f"{target}: in use by another program; nothing was changed",
        hint="Stop the site and whatever else has the database open, then try again.",
    )


def _has_header(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_HEADER)) == _HEADER
    except FileNotFoundError:
        return False


def _swap(new: Path, target: Path) -> Path:
    """Put a new file in the place of a database; return the name under which the old one is kept."""
    kept = _free_name(target)
    moved = [(path, kept.with_name(kept.name + path.name.removeprefix(target.name))) for path in _beside(target)]
    try:
        if target.exists():
            _keep(target, kept)
        for path, aside in moved:
            path.rename(aside)
        new.replace(target)
    except BaseException as error:  # an interrupt too, unless it came when the new file was in place already
        if isinstance(error, OSError) or os.path.lexists(new):
            _put_back(target, kept, moved)
        raise
    return kept


def _put_back(target: Path, kept: Path, moved: list[tuple[Path, Path]]) -> None:
    for path, aside in moved:
        if aside.exists():
            aside.rename(path)
    if kept.exists() and not target.exists():
        kept.rename(target)
    elif kept.exists() and kept.samefile(target):
        kept.unlink()  # no more than a second name


def _keep(target: Path, kept: Path) -> None:
    """Give the old file a second name, so that the first always names a file; without links, rename it."""
    try:
        os.link(target, kept)
    except OSError:
        target.rename(kept)


def _free_name(target: Path) -> Path:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for number in count(1):
        kept = target.with_name(f"{target.name}{KEPT}{stamp}" + ("" if number == 1 else f"-{number}"))
        if not os.path.lexists(kept):
            return kept
    raise AssertionError("count() does not end")  # pragma: no cover


def _beside(target: Path) -> tuple[Path, ...]:
    return tuple(path for path in sidecars(target) if os.path.lexists(path))
