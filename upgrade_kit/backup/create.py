"""Makes a backup, proves it, and only then gives it its manifest."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from upgrade_kit.backup.method import (
    JSON,
    LOADDATA,
    LOCK_SECONDS,
    METHODS,
    Method,
    Options,
    Progress,
    method_of,
    native_of,
)
from upgrade_kit.backup.names import Reserved, backup_name, file_errors, reserve
from upgrade_kit.backup.uploads import copy_uploads, prove_uploads, uploads_bytes
from upgrade_kit.backup.verify import prove
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.database import read_schema
from upgrade_kit.deployment.manifests import file_sha256, write_manifest
from upgrade_kit.deployment.whole_file import make_private, put_in_place, sync_folder
from upgrade_kit.errors import BackupError, UsageError
from upgrade_kit.model.backup import Backup, UnverifiedBackup, Uploads
from upgrade_kit.model.deployment import (
    Schema,
    SchemaState,
)
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph

_MARGIN = 1024 * 1024  # bytes left free for the manifest and for whoever else writes there


def create_backup(  # noqa: PLR0913 - each is one thing that a caller may ask for
    database: str | DatabaseAddress,
    *,
    to_dir: str | Path,
    method: str = "auto",
    site_version: str = "",
    progress: Progress | None = None,
    now: datetime | None = None,
    lock_seconds: float = LOCK_SECONDS,
    server_folder: str = "",
    drill: bool = False,
    client_dir: Path | None = None,
    uploads: Path | Unobserved | None = None,
    compress: bool = False,
    loaddata: bool = False,
) -> Backup:
    """Copy a database while it is in use, prove the copy, and write its manifest.

    The files get the rights of their owner alone (on Windows those of the folder). No file is ever
    overwritten. When it fails there is no manifest and no file under a final name; what a killed run
    leaves behind ends in ``.partial``.

    Args:
        database: an address, or a database URL (a relative SQLite path starts from the current folder).
        to_dir: the folder for the backup; made if it does not exist.
        method: ``native``: the database's own way; ``json``: a Django fixture; ``auto``: native where the
            database has one and it can be used here, else json, and the proof says why.
        site_version: version of the site, for the file's name and the manifest; by default the schema's.
        progress: called with what is done and the total.
        now: the moment that names the backup, with its time zone; by default the present.
        lock_seconds: how long to wait while another program keeps the database locked.
        server_folder: on SQL Server, whose native backups stay on the server: the folder there, as the server
            sees it; by default the server's own. The manifest goes to ``to_dir`` all the same.
        drill: prove the backup by restoring it under another name too, where the method can.
        client_dir: folder of the server's client programs (``pg_dump``, ``mysqldump``); by default they are
            looked for.
        uploads: the folder of uploaded files that goes with the database, or why it is not known, which the
            proof then says.
        compress: write a JSON dump as gzip; then the method is ``json``.
        loaddata: write the JSON dump for the site's own ``loaddata``, which takes it into a database that the
            application has just made; then the method is ``json`` too. The kit cannot restore it.

    Raises:
        UsageError: the URL or the method is none.
        DatabaseError: the database cannot be opened or read.
        BackupError: the backup could not be made or did not pass its proof.
    """
    address = parse_database_url(database, base=Path.cwd()) if isinstance(database, str) else database
    if method not in METHODS:
        raise UsageError(f"there is no backup method {method!r}", hint=f"The methods are: {', '.join(METHODS)}.")
    if compress or loaddata:
        if method == "native":
            raise UsageError("only a JSON dump is written for loaddata or as gzip", hint="Leave --method native out.")
        method = "json"
    folder = Path(to_dir)
    options = Options(
        progress=progress,
        lock_seconds=lock_seconds,
        server_folder=server_folder,
        drill=drill,
        client_dir=client_dir,
        compress=compress,
    )
    if isinstance(uploads, Path):
        _refuse_inside(folder, uploads)
    with open_database(address) as session:
        tables = session.table_names()
        if not tables:
            raise BackupError(
                f"{_place(address)}: holds no tables, so there is nothing to back up",
                hint="Check that this is the site's database: NAME in DATABASES, or the --database URL.",
            )
        chosen, needed, why = _choose(method, LOADDATA if loaddata else JSON, session, options)
        _make_room(folder, needed + (uploads_bytes(uploads) if isinstance(uploads, Path) else 0))
        schema = read_schema(session, tables, VersionGraph.load().releases)
        version = site_version or _version(schema)
        moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        names = None
        try:
            with file_errors(folder):
                names = reserve(folder, backup_name(_base_name(address), version, moment), chosen.ending(options))
            started = time.monotonic()
            with file_errors(names.partial):
                written = chosen.make(session, names.partial, options)
            made = UnverifiedBackup(
                method="json" if chosen.FORMAT in {JSON, LOADDATA} else "native",
                format=chosen.FORMAT,
                manifest=names.manifest.absolute(),
                file=names.partial.absolute(),
                server_file=written.server_file,
                database=address.shown,
                vendor=address.vendor,
                server=session.server,
                site_version=version,
                schema_version=" ".join(schema.evidence),
                created_at=moment,
                seconds=round(time.monotonic() - started, 3),
                size_bytes=written.size_bytes,
                sha256="",
                content=written.content,
            )
            if not made.on_server:
                with file_errors(names.partial):
                    made = replace(made, size_bytes=names.partial.stat().st_size, sha256=file_sha256(names.partial))
            proof = prove(made, address, replace(options, just_made=True))
            copied, told = _copy_uploads(names, uploads, options)
            backup = Backup(
                made=replace(made, file=names.file.absolute(), uploads=copied),
                proof=(*why, *written.notes, *proof, *told),
                verified_at=datetime.now(UTC).replace(microsecond=0),
            )
            _publish(names, backup)
        finally:
            if names is not None:
                names.release()
    return backup


def _choose(method: str, form: str, session: Session, options: Options) -> tuple[Method, int, tuple[str, ...]]:
    """Return the method, the bytes it needs here, and what there is to say of the choice."""
    if method == "json":
        chosen = method_of(form)
        return chosen, chosen.check(session, options), ()
    try:
        chosen = native_of(session.vendor)
        return chosen, chosen.check(session, options), ()
    except BackupError as error:
        if method == "native":
            raise
        chosen = method_of(JSON)
        said = f"The native method cannot be used: {error.message} The method is json."
        return chosen, chosen.check(session, options), (said,)


def _place(address: DatabaseAddress) -> str:
    return address.name if address.vendor == "sqlite" else address.shown


def _base_name(address: DatabaseAddress) -> str:
    return Path(address.name).name if address.vendor == "sqlite" else address.name


def _version(schema: Schema) -> str:
    """Return the version whose migrations are complete, or ``""`` where that is none or not known."""
    return str(schema.version) if schema.state is SchemaState.COMPLETE else ""


def _make_room(folder: Path, needed: int) -> None:
    """Make the folder, and refuse one that cannot hold the backup before a byte is written."""
    needed += _MARGIN
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
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


def _copy_uploads(
    names: Reserved, uploads: Path | Unobserved | None, options: Options
) -> tuple[Uploads | None, tuple[str, ...]]:
    """Copy the uploads after the database: what it tells of is there, and a file more does no harm."""
    match uploads:
        case None:
            return None, ()
        case Unobserved(reason=reason):
            return None, (f"The uploaded files are not in this backup: {reason}.",)
        case Path():
            with file_errors(names.uploads_partial):
                make_private(names.uploads_partial)
            copied = copy_uploads(uploads, names.uploads_partial, names.uploads.absolute(), options.progress)
            return copied, prove_uploads(copied, names.uploads_partial, options.progress)


def _refuse_inside(folder: Path, uploads: Path) -> None:
    """Refuse to write backups among the uploads: the web server hands out what is there."""
    if folder.resolve().is_relative_to(uploads.resolve()):
        raise BackupError(
            f"{folder}: lies in the uploads folder, whose files the web server hands out",
            hint="Name another folder with --to-dir.",
        )


def _publish(names: Reserved, backup: Backup) -> None:
    """Give a proved backup its final names and its manifest; all or none, whatever comes between."""
    renames = [
        (partial, final)
        for partial, final, wanted in (
            (names.partial, names.file, not backup.made.on_server),
            (names.uploads_partial, names.uploads, backup.made.uploads is not None),
        )
        if wanted
    ]
    try:
        with file_errors(names.file):
            for partial, final in renames:
                put_in_place(partial, final)
            sync_folder(names.file.parent)
        write_manifest(backup)
    except BaseException:  # an interrupt too: without its manifest a file is no backup
        if not os.path.lexists(names.manifest):
            for _, final in renames:
                final.unlink(missing_ok=True)
        raise
