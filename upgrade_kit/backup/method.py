"""What each way of backing up a database can do. Nobody outside asks which one it is.

A method is a module with the names of ``Method``: ``sqlite``, and one for each other server and form.
``create``, ``verify`` and ``restore`` do for all of them what is the same for all: names, room, manifest,
the proof's note, and the comparison at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup

METHODS = ("auto", "native", "json")
# The forms of the json method: for the kit, and for the site's own loaddata. Every other is a vendor's own.
JSON = "django-json"
LOADDATA = "django-loaddata"

LOCK_SECONDS = 10.0  # twice the five seconds that Django lets a site wait for a lock

# Called with what is done and the total, or None where that is not known.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a caller may ask of a method; each takes what concerns it.

    Attributes:
        progress: told how far the work has come.
        lock_seconds: how long to wait while another program keeps the database locked.
        server_folder: folder for a backup that only the database server can write, as the server sees it; by
            default the server's own.
        drill: restore the backup under another name, compare what that holds, and remove it again.
        client_dir: the folder of the server's client programs; by default they are looked for.
        silence_seconds: how long a client program may show no sign of life.
        just_made: the backup was made a moment ago by this process, which may have read it back already.
        compress: write a JSON dump as gzip.
    """

    progress: Progress | None = None
    lock_seconds: float = LOCK_SECONDS
    server_folder: str = ""
    drill: bool = False
    client_dir: Path | None = None
    silence_seconds: float = 900.0
    just_made: bool = False
    compress: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What is known of a backup when it has been written.

    Attributes:
        content: what it holds: read from the database at the very moment that the backup holds, or
            from the backup itself.
        notes: what was seen while it was made, one sentence each; they become part of its proof.
        server_file: the path on the database server, where only the server can read the backup.
        size_bytes: its size, where only the server can read it.
    """

    content: Content
    notes: tuple[str, ...]
    server_file: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore has done.

    Attributes:
        done: one sentence each.
        kept: where that is which the target held before, as a sentence; ``""`` where it held nothing.
        proved: whether rows, digests, migration history and procedures were compared with the manifest while
            all could still be taken back. Else the caller has to do it, of what is there for good.
    """

    done: tuple[str, ...]
    kept: str = ""
    proved: bool = False


class Method(Protocol):
    """One way to back up a database."""

    @property
    def FORMAT(self) -> str:  # noqa: N802 - a constant of a module
        """What manifests call it."""

    def ending(self, options: Options) -> str:
        """Return how the backup's file name ends, with the dot."""

    def check(self, session: Session, options: Options) -> int:
        """Refuse early what cannot be done; write nothing.

        Returns:
            The bytes that the backup needs on this machine, or 0 where that cannot be told.

        Raises:
            BackupError: this database cannot be backed up this way: what is missing, and what to do.
        """

    def make(self, session: Session, partial: Path, options: Options) -> Written:
        """Write the backup.

        Args:
            session: the database, open for reading, with no transaction.
            partial: exists, empty, for the owner alone. It is removed when anything goes wrong, and renamed
                when all is proved. Its name without ``.partial`` is the backup's.
            options: what the caller asks.

        Raises:
            BackupError: it could not be written.
            DatabaseError: the database could not be read.
        """

    def prove(self, made: UnverifiedBackup, database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
        """Check that a backup holds what is said of it; size and SHA-256 of the file have been compared.

        Args:
            made: what is said of it.
            database: the server to ask, where only that can read the backup; else it may be None.
            options: what the caller asks.

        Returns:
            What was checked, one sentence each.

        Raises:
            BackupError: it is not what is said of it, or cannot be read.
        """

    def restore(
        self,
        made: UnverifiedBackup,
        target: DatabaseAddress,
        options: Options,
        *,
        replace: bool,
        keep: Callable[[], Backup],
    ) -> Restored:
        """Put the content of a proved backup into a database; where the vendor can do that, prove it before it lasts.

        Args:
            made: the backup, proved a moment ago.
            target: where to.
            options: what the caller asks.
            replace: whether data that is there may go.
            keep: makes a verified backup of what is there; to be called before the first change of a
                target whose data could not be had back otherwise.

        Raises:
            BackupError: the target holds data and may not be replaced, or the work failed; the message says
                what became of the target.
        """


def kept_sentence(kept: Backup) -> str:
    """Say where what a target held before it was replaced can be found."""
    return f"What was there is kept, verified, as {kept.made.file} (manifest: {kept.made.manifest.name})."


def gave_way(names: Iterable[str]) -> str:
    """Say what a target held that has no rows, and of which no backup was made."""
    return f"What was there held no table, and is not kept: {', '.join(names)}."


def native_of(vendor: str) -> Method:
    """Return the vendor's own way to back up."""
    return method_of(_NATIVE[vendor])


def method_of(form: str) -> Method:
    """Return the method that writes and reads a form of backup, as manifests call it.

    Raises:
        BackupError: this version of upgrade-kit does not know it.
    """
    match form:
        case "sqlite":
            from upgrade_kit.backup import sqlite  # noqa: PLC0415 - each method loads when it is used

            return sqlite
        case "pg_dump":
            from upgrade_kit.backup import postgresql  # noqa: PLC0415 - as above

            return postgresql
        case "mysqldump":
            from upgrade_kit.backup import mysql  # noqa: PLC0415 - as above

            return mysql
        case "mssql":
            from upgrade_kit.backup import sqlserver  # noqa: PLC0415 - as above

            return sqlserver
        case "django-json":
            from upgrade_kit.backup import fixture  # noqa: PLC0415 - as above

            return fixture
        case "django-loaddata":
            from upgrade_kit.backup import loaddata  # noqa: PLC0415 - as above

            return loaddata
        case _:
            raise BackupError(
                f"this version of upgrade-kit neither makes nor reads backups of the form {form}",
                hint="Use the version of upgrade-kit that made it.",
            )


_NATIVE = {"sqlite": "sqlite", "postgresql": "pg_dump", "mysql": "mysqldump", "microsoft": "mssql"}
