"""Puts a proved backup in a database's place, and keeps what was there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.method import LOCK_SECONDS, Options, Progress, Restored, method_of
from upgrade_kit.backup.uploads import check_free, prove_uploads, restore_uploads
from upgrade_kit.backup.verify import prove
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.fingerprint import database_content, database_fingerprint
from upgrade_kit.deployment.manifests import changed_content, filled, read_manifest
from upgrade_kit.errors import BackupError, DatabaseError, UsageError
from upgrade_kit.model.backup import Backup, UnverifiedBackup


def restore_backup(
    manifest: str | Path,
    *,
    database: str | DatabaseAddress | None,
    replace: bool = False,
    lock_seconds: float = LOCK_SECONDS,
    progress: Progress | None = None,
    client_dir: Path | None = None,
    uploads_to: Path | None = None,
    server_folder: str = "",
) -> Backup:
    """Put the content of a backup into a database that is empty, or in the place of one that is not.

    The backup is proved first. What the database holds then is compared with the manifest before it is for good,
    where it can be taken back: in the transaction, or, on MySQL, by putting back what was there. SQL Server takes
    no native restore back; there it is compared afterwards. What was there is kept: an SQLite file beside the new
    one, any other database as a verified backup in the folder of the manifest. Stop the site before.

    Args:
        manifest: the ``.manifest.json`` beside a verified backup.
        database: where to restore to: an address, or a URL (a relative path starts from the current folder);
            None to restore the uploads alone.
        replace: needed where the target holds data.
        lock_seconds: how long to wait while another program keeps the target locked.
        progress: told how far the work has come.
        client_dir: folder of the server's client programs; by default they are looked for.
        uploads_to: the folder that gets the uploaded files; it must not exist yet, or be empty.
        server_folder: on SQL Server, the folder there for the backup of what is replaced; by default the server's own.

    Returns:
        The backup, with what was checked and done as its proof.

    Raises:
        UsageError: the URL is none, or nothing is to be restored.
        BackupError: the backup is not proved, the target holds data or is in use, or the result differs.
        DatabaseError: the target cannot be reached.
    """
    address = parse_database_url(database, base=Path.cwd()) if isinstance(database, str) else database
    if address is None and uploads_to is None:
        raise UsageError("restore needs to be told where to", hint="Name a database, or a folder for the uploads.")
    backup = read_manifest(Path(manifest))
    if isinstance(backup, UnverifiedBackup):
        raise BackupError(
            f"{manifest}: this backup was never verified, so it is not restored",
            hint=f'Prove it first: upgrade-kit backup verify "{manifest}"',
        )
    made = backup.made
    if uploads_to is not None:
        _check_uploads(made, uploads_to)
    options = Options(progress=progress, lock_seconds=lock_seconds, client_dir=client_dir, server_folder=server_folder)
    done: tuple[str, ...] = ()
    if address is not None:
        done = _restore_database(made, address, options, replace=replace)
    if made.uploads is not None and uploads_to is not None:
        try:
            if address is None:
                done = prove_uploads(made.uploads, progress=progress)
            done = (*done, restore_uploads(made.uploads, uploads_to, progress))
        except BackupError as error:
            if address is None:
                raise
            raise BackupError(
                f"{address.shown} is restored, but the uploads are not: {error.message}",
                hint=f"{error.hint} Then restore them alone: the same command without --database.",
            ) from error
    return dataclasses.replace(backup, proof=done)


def _check_uploads(made: UnverifiedBackup, folder: Path) -> None:
    if made.uploads is None:
        raise BackupError(
            f"{made.manifest}: this backup holds no uploads; nothing was changed",
            hint="Leave out --uploads-to, and take the uploads from elsewhere.",
        )
    check_free(folder)


def _restore_database(
    made: UnverifiedBackup, address: DatabaseAddress, options: Options, *, replace: bool
) -> tuple[str, ...]:
    if made.method == "native" and address.vendor != made.vendor:
        raise BackupError(
            f"{address.shown}: a native backup of {made.vendor} cannot be restored into {address.vendor}",
            hint=f"Name a database of {made.vendor} with --database, or make a backup with --method json.",
        )
    proof = prove(made, address, options)

    def keep() -> Backup:
        return create_backup(
            address,
            to_dir=made.manifest.parent,
            progress=options.progress,
            lock_seconds=options.lock_seconds,
            client_dir=options.client_dir,
            server_folder=options.server_folder,
        )

    restored = method_of(made.format).restore(made, address, options, replace=replace, keep=keep)
    kept = (restored.kept,) if restored.kept else ()
    return (*proof, *restored.done, *kept, _compare(made, address, restored))


def _compare(made: UnverifiedBackup, address: DatabaseAddress, restored: Restored) -> str:
    """Compare what the database holds for good with the manifest.

    Every row of it is read where that was not done before it was for good; else another look at each table
    tells that the commit took place, and that nobody has written since.
    """
    try:
        with open_database(address) as session, session.transaction():
            now = database_fingerprint(session) if restored.proved else database_content(session)
    except DatabaseError as error:
        raise BackupError(
            f"restored, but what it holds cannot be read: {error.message}{_back(restored)}", hint=error.hint
        ) from error
    then = made.content
    absent = [name for name, rows in then.rows if not rows and name not in dict(now.rows)]
    if made.method == "json":  # it holds rows, and a table without any has left no trace in it
        then, now = filled(then), filled(now)
    if differences := changed_content(then, now):
        raise BackupError(
            f"{address.shown}: differs from the manifest after the restore: {differences}{_back(restored)}",
            hint="Another program, or a trigger of the database, writes to it. Stop the site and restore again."
            + (" To go back, restore what was there." if restored.kept else ""),
        )
    told = (
        f", and the digests of the rows of {len(made.content.digests)} tables,"
        if made.content.digests and not restored.proved
        else ""
    )
    empty = f" Not there, and empty in the backup: {', '.join(absent)}." if absent else ""
    return (
        f"Rows per table, migration history and procedures{told} of the restored database agree with the manifest."
        f"{empty}"
    )


def _back(restored: Restored) -> str:
    return f". {restored.kept}" if restored.kept else ""
