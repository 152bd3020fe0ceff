"""Puts a proved backup in a database's place, and keeps what was there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.method import LOCK_SECONDS, Options, Progress, method_of
from upgrade_kit.backup.verify import prove
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.manifests import changed_content, read_manifest
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import Backup, UnverifiedBackup


def restore_backup(
    manifest: str | Path,
    *,
    database: str | DatabaseAddress,
    replace: bool = False,
    lock_seconds: float = LOCK_SECONDS,
    progress: Progress | None = None,
) -> Backup:
    """Put the content of a backup into a database that is empty, or in the place of one that is not.

    The backup is proved first; what the database holds afterwards is compared with the manifest. What was
    there is kept: an SQLite file beside the new one, any other database as a verified backup in the folder
    of the manifest. Stop the site before.

    Args:
        manifest: the ``.manifest.json`` beside a verified backup.
        database: where to restore to: an address, or a URL (a relative path starts from the current folder).
        replace: needed where the target holds data.
        lock_seconds: how long to wait while another program keeps the target locked.
        progress: told how far the work has come.

    Returns:
        The backup, with what was checked and done as its proof.

    Raises:
        UsageError: the URL is none.
        BackupError: the backup is not proved, the target holds data or is in use, or the result differs.
        DatabaseError: the target cannot be reached.
    """
    address = parse_database_url(database, base=Path.cwd()) if isinstance(database, str) else database
    backup = read_manifest(Path(manifest))
    if isinstance(backup, UnverifiedBackup):
        raise BackupError(
            f"{manifest}: this backup was never verified, so it is not restored",
            hint=f'Prove it first: upgrade-kit backup verify "{manifest}"',
        )
    made = backup.made
    if made.method == "native" and address.vendor != made.vendor:
        raise BackupError(
            f"{address.shown}: a native backup of {made.vendor} cannot be restored into {address.vendor}",
            hint=f"Name a database of {made.vendor} with --database, or make a backup with --method json.",
        )
    options = Options(progress=progress, lock_seconds=lock_seconds)
    proof = prove(made, address, options)

    def keep() -> Backup:
        return create_backup(address, to_dir=made.manifest.parent, progress=progress, lock_seconds=lock_seconds)

    done = method_of(made.format).restore(made, address, options, replace=replace, keep=keep)
    return dataclasses.replace(backup, proof=(*proof, *done, _compare(made, address)))


def _compare(made: UnverifiedBackup, address: DatabaseAddress) -> str:
    try:
        with open_database(address) as session, session.transaction():
            differences = changed_content(made.content, database_fingerprint(session))
    except DatabaseError as error:
        raise BackupError(f"restored, but what it holds cannot be read: {error.message}", hint=error.hint) from error
    if differences:
        raise BackupError(
            f"{address.shown}: differs from the manifest after the restore: {differences}",
            hint="Another program is writing to it. Stop the site and restore again.",
        )
    return "Rows per table, migration history and procedures of the restored database agree with the manifest."
