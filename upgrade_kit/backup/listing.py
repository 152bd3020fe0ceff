"""What backups there are, and how each stands to its database now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import assert_never

from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.manifests import Present, file_objection, is_of, manifests_in, objection
from upgrade_kit.errors import BackupError, DatabaseError, UsageError
from upgrade_kit.model.backup import Backup, ListedBackup, Standing, UnverifiedBackup

Ask = Callable[[DatabaseAddress], Present | DatabaseError]


def list_backups(folders: Sequence[Path], database: DatabaseAddress | None = None) -> tuple[ListedBackup, ...]:
    """Return the backups in some folders and the folders directly below them, newest first.

    Each is compared with its database: the one that is given, where it is of that; an SQLite file, where the
    manifest names one. A server is asked only when it is given, for no manifest holds a password.

    Args:
        folders: where to look.
        database: a database to compare with.

    Raises:
        BackupError: a folder cannot be read.
    """
    for folder in folders:
        if not folder.is_dir():
            raise BackupError(f"{folder}: there is no such folder", hint="Name the folder that holds the manifests.")

    with ExitStack() as stack:

        @cache
        def present(address: DatabaseAddress) -> Present | DatabaseError:
            try:
                return Present(stack.enter_context(open_database(address)))
            except DatabaseError as error:
                return error

        listed = [_look(path, found, database, present) for path, found in manifests_in(folders)]
    return tuple(sorted(listed, key=_age, reverse=True))


def _look(
    path: Path,
    found: Backup | UnverifiedBackup | BackupError,
    database: DatabaseAddress | None,
    present: Ask,
) -> ListedBackup:
    made, verified_at = None, None
    match found:
        case BackupError():
            standing, reason = Standing.DAMAGED, found.message.removeprefix(f"{path}: ")
        case UnverifiedBackup():
            standing, reason, made = Standing.NOT_VERIFIED, "nothing proves it yet", found
        case Backup():
            made, verified_at = found.made, found.verified_at
            standing, reason = _compare(made, database, present)
        case _:
            assert_never(found)
    return ListedBackup(manifest=path, made=made, verified_at=verified_at, standing=standing, reason=reason)


def _compare(
    made: UnverifiedBackup,
    database: DatabaseAddress | None,
    present: Ask,
) -> tuple[Standing, str]:
    if reason := file_objection(made):
        return Standing.STALE, reason
    address = _address(made, database)
    if address is None:
        return Standing.NOT_COMPARED, "name its database with --database URL"
    now = present(address)
    try:
        reason = now.message if isinstance(now, DatabaseError) else objection(made, now)
    except DatabaseError as error:
        now, reason = error, error.message
    if isinstance(now, DatabaseError):
        return Standing.NOT_COMPARED, f"its database cannot be read: {reason}"
    return (Standing.STALE, reason) if reason else (Standing.CURRENT, "")


def _address(made: UnverifiedBackup, database: DatabaseAddress | None) -> DatabaseAddress | None:
    if database is not None and is_of(made, database):
        return database
    if made.vendor != "sqlite":
        return None
    try:
        return parse_database_url(made.database, base=made.manifest.parent)
    except UsageError:
        return None


def _age(listed: ListedBackup) -> tuple[bool, str, str]:
    """Order by the moment that a backup holds; what cannot be read comes last."""
    made = listed.made
    return made is not None, made.created_at.astimezone(UTC).isoformat() if made else "", str(listed.manifest)
