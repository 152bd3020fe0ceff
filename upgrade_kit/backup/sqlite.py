"""SQLite's own online backup: one consistent copy of a database that others go on using."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from upgrade_kit.backup.method import Options, Restored, Written
from upgrade_kit.backup.names import sidecars
from upgrade_kit.backup.sqlite_files import copy_online, explained, reading
from upgrade_kit.backup.sqlite_swap import put_in_place
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.fingerprint import database_content, database_fingerprint
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup

FORMAT = "sqlite"

_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"
_FOREIGN_KEYS_SHOWN = 3


def ending(_options: Options) -> str:
    """Return the ending of the file's name."""
    return ".sqlite3"


def check(session: Session, _options: Options) -> int:
    """Return the bytes of the database; SQLite can always be copied."""
    file = _file(session)
    with explained(file):
        return sum(path.stat().st_size for path in (file, *sidecars(file)) if path.exists())


def make(session: Session, partial: Path, options: Options) -> Written:
    """Copy the database; tell what the copy holds, and what there is to say of the source beside it."""
    source = _file(session)
    with reading(source, lock_seconds=options.lock_seconds) as connection, explained(source, target=partial):
        before = _data_version(connection)
        copy_online(connection, partial, lock_seconds=options.lock_seconds, progress=options.progress)
        copied = _content(partial)
        # Every row of the database itself is not read: as long as that takes, nobody could write to it.
        with session.transaction():
            present = database_fingerprint(session)
        written_meanwhile = _data_version(connection) != before
    changes = changed_content(copied, present)
    note = "Rows per table, migration history and procedures of the copy agree with the database."
    if written_meanwhile:
        note = (
            "The database was written to while the backup was made. Backup and manifest hold it as it was "
            f"when the copy ended; since then: {changes or 'no difference in rows, history or procedures'}."
        )
    elif changes:
        raise BackupError(
            f"{source}: the copy differs from the database although nobody wrote to it: {changes}",
            hint="Check both disks, then try again.",
        )
    return Written(content=copied, notes=(note,))


def prove(made: UnverifiedBackup, _database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
    """Open the copy read-only, check its structure, and compare what it holds with what is said of it."""
    beside = [path.name for path in sidecars(made.file) if os.path.lexists(path)]
    if beside:  # SQLite would mix them into what it reads
        raise BackupError(
            f"{made.file}: another program has opened the backup and left {', '.join(beside)} beside it",
            hint="Close that program; if nothing has the backup open, move these files away.",
        )
    integrity, foreign_keys = _check_structure(made.file)
    try:
        # The digests of a copy that was just made were taken from that very file.
        seen = _content(made.file, digests=not options.just_made)
    except DatabaseError as error:
        raise BackupError(error.message, hint=_MAKE_ANOTHER) from error
    if differences := changed_content(made.content, seen):
        raise BackupError(f"{made.file}: not what the manifest says: {differences}", hint=_MAKE_ANOTHER)
    rows = made.content.rows
    return (
        integrity,
        f"Rows counted in {len(rows)} tables ({sum(number for _, number in rows)} rows in all) agree.",
        "The digest of each table's rows, migration history and calculation procedures agree.",
        foreign_keys,
    )


def restore(
    made: UnverifiedBackup,
    target: DatabaseAddress,
    options: Options,
    *,
    replace: bool,
    keep: Callable[[], Backup],  # noqa: ARG001 - the old file itself is kept
) -> Restored:
    """Copy the backup beside the target and rename it over in one step.

    Killed at any moment, nothing is lost. An old file stays as ``NAME.before-restore-TIME``. A program
    that has the old file open without using it cannot be seen.
    """
    file = Path(target.name).resolve()
    with explained(file):
        kept = put_in_place(made, file, replace_old=replace, lock_seconds=options.lock_seconds)
    return Restored(
        done=(f"Restored to {file}.",), kept="" if kept is None else f"What was there is kept as {kept.name} beside it."
    )


def _file(session: Session) -> Path:
    return Path(session.address.name)


def _data_version(connection: sqlite3.Connection) -> int:
    """Return a number that changes whenever another connection has committed a change."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _content(file: Path, *, digests: bool = True) -> Content:
    """Count and digest what an SQLite file holds.

    Raises:
        DatabaseError: it cannot be read.
    """
    with (
        open_database(DatabaseAddress(vendor="sqlite", name=str(file.absolute()))) as session,
        session.transaction(),
    ):
        return database_content(session) if digests else database_fingerprint(session)


def _check_structure(file: Path) -> tuple[str, str]:
    with reading(file) as connection:
        faults = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        if faults != ["ok"]:
            more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
            raise BackupError(
                f"{file}: fails SQLite's integrity check: {' '.join(faults[0].split())}{more}",
                hint="The database itself is likely damaged: run PRAGMA integrity_check on it.",
            )
        return "SQLite's integrity check of the copy says ok.", _foreign_keys(connection)


def _foreign_keys(connection: sqlite3.Connection) -> str:
    """Tell what ``foreign_key_check`` says; nothing is required: an upgraded 0.3.0 has dangling keys."""
    try:
        broken = [f"{table} -> {parent}" for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check")]
    except sqlite3.OperationalError as error:
        return f"Foreign keys could not be checked ({error}); the copy has them as the database had them."
    if not broken:
        return "SQLite's foreign key check of the copy finds nothing."
    kinds = sorted(set(broken))
    shown = ", ".join(kinds[:_FOREIGN_KEYS_SHOWN]) + (" ..." if len(kinds) > _FOREIGN_KEYS_SHOWN else "")
    return f"SQLite's foreign key check finds {len(broken)} rows without a parent, as in the database ({shown})."
