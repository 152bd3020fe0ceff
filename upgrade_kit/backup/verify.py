"""Proves that a backup holds what its manifest says."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from upgrade_kit.backup.names import sidecars
from upgrade_kit.backup.sqlite import reading
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.manifests import (
    Fingerprint,
    changed_content,
    content_of,
    file_sha256,
    read_manifest,
    write_manifest,
)
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import Backup, UnverifiedBackup

_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"
_FOREIGN_KEYS_SHOWN = 3


def verify_backup(manifest: str | Path) -> Backup:
    """Prove a backup and note in its manifest that it was proved, and when.

    Size and SHA-256 are compared with the manifest; the copy is opened read-only, checked by
    SQLite's own ``integrity_check``, its rows are counted table by table, and its migration history
    and calculation procedures are compared. A backup that fails loses its note, so that no command
    takes it for a proved one.

    Args:
        manifest: the ``.manifest.json`` beside the backup.

    Raises:
        BackupError: the manifest cannot be read, the backup is not what it says, or it was not noted
            as proved before and cannot be now.
    """
    known = read_manifest(Path(manifest))
    made = known.made if isinstance(known, Backup) else known
    try:
        proof = prove(made)
    except BackupError:
        if isinstance(known, Backup) and _can_be_judged(made):
            with suppress(BackupError):  # what is wrong with the backup is the thing to tell
                write_manifest(made)
        raise
    backup = Backup(made=made, verified_at=datetime.now(UTC).replace(microsecond=0), proof=proof)
    try:
        write_manifest(backup)
    except BackupError:
        if isinstance(known, UnverifiedBackup):
            raise
        # It was noted before, and a write-protected disk is a good place for a backup.
    return backup


def prove(made: UnverifiedBackup) -> tuple[str, ...]:
    """Check a backup against what is said of it and return what was checked, one sentence each.

    Raises:
        BackupError: it is not what is said of it, or cannot be read.
    """
    if not _is_sqlite(made):
        raise BackupError(
            f"{made.manifest}: this version of upgrade-kit proves native SQLite backups only, "
            f"this is {made.method} of {made.vendor}",
            hint="Use the version of upgrade-kit that made it.",
        )
    _compare_bytes(made)
    integrity, foreign_keys = _check_structure(made.file)
    try:
        seen = fingerprint(made.file)
    except DatabaseError as error:
        raise BackupError(error.message, hint=_MAKE_ANOTHER) from error
    if differences := changed_content(content_of(made), seen):
        raise BackupError(f"{made.file}: not what the manifest says: {differences}", hint=_MAKE_ANOTHER)
    return (
        f"Size {made.size_bytes} bytes and SHA-256 agree with the manifest.",
        integrity,
        f"Rows counted in {len(made.rows)} tables ({sum(rows for _, rows in made.rows)} rows in all) agree.",
        "Migration history and calculation procedures agree.",
        foreign_keys,
    )


def fingerprint(file: Path) -> Fingerprint:
    """Count and digest what an SQLite file holds.

    Raises:
        DatabaseError: it cannot be read.
    """
    with (
        open_database(DatabaseAddress(vendor="sqlite", name=str(file.absolute()))) as session,
        session.transaction(),
    ):
        return database_fingerprint(session)


def _is_sqlite(made: UnverifiedBackup) -> bool:
    return made.method == "native" and made.vendor == "sqlite"


def _can_be_judged(made: UnverifiedBackup) -> bool:
    """Tell whether a failed proof says something of the backup, and not only of this kit or of the disk."""
    return _is_sqlite(made) and made.file.exists()


def _compare_bytes(made: UnverifiedBackup) -> None:
    try:
        size = made.file.stat().st_size
        if size != made.size_bytes:
            raise BackupError(f"{made.file}: {size} bytes, but the manifest says {made.size_bytes}", hint=_MAKE_ANOTHER)
        digest = file_sha256(made.file)
    except OSError as error:
        raise BackupError(
            f"{made.file}: the backup file cannot be read ({error.strerror})",
            hint="Keep the backup and its manifest in one folder.",
        ) from error
    if digest != made.sha256:
        raise BackupError(f"{made.file}: altered since it was made: its SHA-256 differs", hint=_MAKE_ANOTHER)
    beside = [path.name for path in sidecars(made.file) if os.path.lexists(path)]
    if beside:  # SQLite would mix them into what it reads
        raise BackupError(
            f"{made.file}: another program has opened the backup and left {', '.join(beside)} beside it",
            hint="Close that program; if nothing has the backup open, move these files away.",
        )


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
