"""Makes a backup, proves it, and only then gives it its manifest."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from upgrade_kit.backup.names import Reserved, backup_name, reserve, sidecars
from upgrade_kit.backup.sqlite import LOCK_SECONDS, Progress, copy_online, explained, reading
from upgrade_kit.backup.verify import fingerprint, prove
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.database import read_schema
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.manifests import (
    Fingerprint,
    changed_content,
    file_sha256,
    sync_folder,
    write_manifest,
)
from upgrade_kit.errors import BackupError, UsageError
from upgrade_kit.model.backup import Backup, UnverifiedBackup
from upgrade_kit.model.deployment import SchemaState
from upgrade_kit.planning.graph import VersionGraph

METHODS = ("auto", "native", "json")

_MARGIN = 1024 * 1024  # bytes left free for the manifest and for whoever else writes there
_BY_HAND = {
    "postgresql": "pg_dump -Fc --file=FILE DATABASE",
    "mysql": "mysqldump --single-transaction --result-file=FILE DATABASE",
    "microsoft": "BACKUP DATABASE [NAME] TO DISK = N'FILE' WITH COPY_ONLY, CHECKSUM (in SSMS)",
}


def create_backup(
    database: str | DatabaseAddress,
    *,
    to_dir: str | Path,
    method: str = "auto",
    site_version: str = "",
    progress: Progress | None = None,
    now: datetime | None = None,
    lock_seconds: float = LOCK_SECONDS,
) -> Backup:
    """Copy a database while it is in use, prove the copy, and write its manifest.

    The files get the rights of their owner alone (on Windows those of the folder). No file is ever
    overwritten. When it fails there is no manifest and no file under a final name; what a killed run
    leaves behind ends in ``.partial``.

    Args:
        database: an address, or a database URL (a relative SQLite path starts from the current folder).
        to_dir: the folder for the backup; made if it does not exist.
        method: ``auto`` or ``native``. This version backs up SQLite, by its online backup API.
        site_version: version of the site, for the file's name and the manifest; by default the schema's.
        progress: called with pages done and pages in all.
        now: the moment that names the backup, with its time zone; by default the present.
        lock_seconds: how long to wait while another program keeps the database locked.

    Raises:
        UsageError: the URL or the method is none.
        DatabaseError: the database cannot be opened or read.
        BackupError: the backup could not be made or did not pass its proof.
    """
    address = parse_database_url(database, base=Path.cwd()) if isinstance(database, str) else database
    _refuse_what_is_not_built(address, method)
    source, to_dir = Path(address.name), Path(to_dir)
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    with open_database(address) as session:
        tables = session.table_names()
        if not tables:
            raise BackupError(
                f"{source}: holds no tables, so there is nothing to back up",
                hint="Check that this is the site's database: NAME in DATABASES, or the --database URL.",
            )
        _make_room(to_dir, source)
        version = site_version or _schema_version(session, tables)
        with explained(source, target=to_dir):
            names = reserve(to_dir, backup_name(source.name, version, moment), ".sqlite3")
        try:
            copied, compared = _copy(source, names, session, lock_seconds, progress)
            backup = _prove(names, address, version, moment, copied, compared)
            _publish(names, backup)
        finally:
            names.release()
    return backup


def _refuse_what_is_not_built(address: DatabaseAddress, method: str) -> None:
    if method not in METHODS:
        raise UsageError(f"there is no backup method {method!r}", hint=f"The methods are: {', '.join(METHODS)}.")
    if address.vendor != "sqlite":
        raise BackupError(
            f"{address.shown}: this version of upgrade-kit backs up SQLite only",
            hint=f"Make the backup with the server's own tool: {_BY_HAND[address.vendor]}; "
            "then tell rewrite-calcs --apply so with --no-backup.",
        )
    if method == "json":
        raise BackupError(
            "the json method is not built into this version of upgrade-kit",
            hint="For SQLite type --method native.",
        )


def _schema_version(session: Session, tables: Collection[str]) -> str:
    """Return the version whose migrations are complete, or ``""`` where that is none or not known."""
    schema = read_schema(session, tables, VersionGraph.load().releases)
    return str(schema.version) if schema.state is SchemaState.COMPLETE else ""


def _make_room(folder: Path, source: Path) -> None:
    """Make the folder, and refuse one that cannot hold the backup before a byte is written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        needed = _MARGIN + sum(path.stat().st_size for path in (source, *sidecars(source)) if path.exists())
    except OSError as error:
        raise BackupError(
            f"{folder}: no folder that a backup can be written to ({error.strerror})",
            hint="Name a folder that you may write to with --to-dir.",
        ) from error
    if free < needed:
        raise BackupError(
            f"{folder}: {free} bytes free, but the backup needs {needed}",
            hint="Make room, or name a folder on another disk with --to-dir.",
        )


def _copy(
    source: Path, names: Reserved, session: Session, lock_seconds: float, progress: Progress | None
) -> tuple[Fingerprint, str]:
    """Copy; return what the copy holds, and what there is to say of the source beside it."""
    with reading(source, lock_seconds=lock_seconds) as connection, explained(source, target=names.partial):
        before = _data_version(connection)
        copy_online(connection, names.partial, lock_seconds=lock_seconds, progress=progress)
        copied = fingerprint(names.partial)
        with session.transaction():
            present = database_fingerprint(session)
        written_meanwhile = _data_version(connection) != before
    changes = changed_content(copied, present)
    if written_meanwhile:
        return copied, (
            "The database was written to while the backup was made. Backup and manifest hold it as it was "
            f"when the copy ended; since then: {changes or 'no difference in rows, history or procedures'}."
        )
    if changes:
        raise BackupError(
            f"{source}: the copy differs from the database although nobody wrote to it: {changes}",
            hint="Check both disks, then try again.",
        )
    return copied, "Rows per table, migration history and procedures of the copy agree with the database."


def _data_version(connection: sqlite3.Connection) -> int:
    """Return a number that changes whenever another connection has committed a change."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def _prove(
    names: Reserved,
    address: DatabaseAddress,
    site_version: str,
    moment: datetime,
    copied: Fingerprint,
    compared: str,
) -> Backup:
    with explained(Path(address.name), target=names.partial):
        made = UnverifiedBackup(
            method="native",
            manifest=names.manifest.absolute(),
            file=names.partial.absolute(),
            database=address.shown,
            vendor=address.vendor,
            site_version=site_version,
            created_at=moment,
            size_bytes=names.partial.stat().st_size,
            sha256=file_sha256(names.partial),
            rows=copied[0],
            history_sha256=copied[1],
            procedures_sha256=copied[2],
        )
        return Backup(
            made=replace(made, file=names.file.absolute()),
            proof=(compared, *prove(made)),
            verified_at=datetime.now(UTC).replace(microsecond=0),
        )


def _publish(names: Reserved, backup: Backup) -> None:
    """Give a proved backup its final name and its manifest; both or none."""
    with explained(names.partial, target=names.file):
        names.partial.replace(names.file)
        sync_folder(names.file.parent)
    try:
        write_manifest(backup)
    except BackupError:
        names.file.unlink()
        raise
