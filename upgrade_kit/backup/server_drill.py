"""Restores a backup into a new database of a server, compares what that holds, and drops it again."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from typing import Never, Protocol

from upgrade_kit.backup.method import Options, Restored
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.fingerprint import database_content
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.errors import BackupError, UsageError
from upgrade_kit.model.backup import Backup, UnverifiedBackup


class Restore(Protocol):
    """The ``restore`` of a method."""

    def __call__(
        self,
        made: UnverifiedBackup,
        target: DatabaseAddress,
        options: Options,
        *,
        replace: bool,
        keep: Callable[[], Backup],
    ) -> Restored:
        """Put the content of a proved backup into a database."""


def drill(
    made: UnverifiedBackup,
    database: DatabaseAddress | None,
    options: Options,
    *,
    create: Callable[[Session, str], None],
    restore: Restore,
) -> str:
    """Restore a backup under a name that nobody else uses; return what was seen, in one sentence.

    Args:
        made: the backup.
        database: any database of the server to drill on; its login must be allowed to create databases.
        options: what the caller asks.
        create: creates an empty database of the name it is given.
        restore: the method's own.

    Raises:
        UsageError: no server is named.
        DatabaseError: the database cannot be created there, read or dropped.
        BackupError: it cannot be restored, or what was restored differs from the manifest.
    """
    if database is None:
        raise UsageError("a drill needs a server to restore on", hint="Name one of its databases with --database URL.")
    name = f"upgrade_kit_drill_{secrets.token_hex(6)}"
    copy = dataclasses.replace(database, name=name)
    with open_database(database, writable=True) as session:
        try:
            create(session, name)
            restore(made, copy, options, replace=False, keep=_nothing_to_keep)
            with open_database(copy) as restored, restored.transaction():
                differences = changed_content(made.content, database_content(restored))
        finally:
            session.execute(f"DROP DATABASE IF EXISTS {name}")
    if differences:
        raise BackupError(
            f"{made.file}: restored under another name it differs from the manifest: {differences}",
            hint="Do not rely on it. Make another with: upgrade-kit backup",
        )
    return (
        "Restored under another name, it holds the same rows per table, migration history and procedures"
        + (f", and the digests of the rows of {len(made.content.digests)} tables agree" if made.content.digests else "")
        + "; that copy is dropped again."
    )


def _nothing_to_keep() -> Never:
    raise BackupError("the new database is not empty", hint="Another program has written to it: try again.")
