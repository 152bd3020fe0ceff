"""Proves that a backup holds what its manifest says."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from upgrade_kit.backup.method import Options, Progress, method_of
from upgrade_kit.backup.uploads import prove_uploads
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.manifests import file_sha256, read_manifest, write_manifest
from upgrade_kit.errors import BackupError, ProgramError
from upgrade_kit.model.backup import Backup, UnverifiedBackup

_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"


def verify_backup(
    manifest: str | Path,
    *,
    database: str | DatabaseAddress | None = None,
    progress: Progress | None = None,
    drill: bool = False,
    client_dir: Path | None = None,
) -> Backup:
    """Prove a backup and note in its manifest that it was proved, and when.

    Size and SHA-256 are compared with the manifest; then the backup itself is read, the way of its
    format: whole, table by table, and compared with what the manifest says of it. A backup that fails
    loses its note, so that no command takes it for a proved one.

    Args:
        manifest: the ``.manifest.json`` beside the backup.
        database: the server to ask where only the server can read the backup (an address or a URL); by
            default the one that the manifest names.
        progress: told how far the work has come.
        drill: prove the backup by restoring it under another name too, where the method can.
        client_dir: folder of the server's client programs; by default they are looked for.

    Raises:
        UsageError: the URL is none.
        BackupError: the manifest cannot be read, the backup is not what it says, or it was not noted
            as proved before and cannot be now.
    """
    address = parse_database_url(database, base=Path.cwd()) if isinstance(database, str) else database
    known = read_manifest(Path(manifest))
    made = known.made if isinstance(known, Backup) else known
    method_of(made.format)  # one that this version does not know says nothing of the backup
    try:
        proof = prove(made, address, Options(progress=progress, drill=drill, client_dir=client_dir))
        if made.uploads is not None:
            proof += prove_uploads(made.uploads, progress=progress)
    except ProgramError:  # it says nothing of the backup
        raise
    except BackupError:
        if isinstance(known, Backup) and _is_whole(made):
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


def prove(made: UnverifiedBackup, database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
    """Check a backup of a database against what is said of it and return what was checked, one sentence each.

    Raises:
        BackupError: it is not what is said of it, or cannot be read.
    """
    method = method_of(made.format)
    proof: list[str] = []
    if not made.on_server:
        _compare_bytes(made)
        proof.append(f"Size {made.size_bytes} bytes and SHA-256 agree with the manifest.")
    return (*proof, *method.prove(made, database, options))


def _is_whole(made: UnverifiedBackup) -> bool:
    """Tell whether all files of a backup are there: one that lies elsewhere may be in good order."""
    files = [] if made.on_server else [made.file]
    files += [made.uploads.file] if made.uploads else []
    return all(file.exists() for file in files)


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
