"""What a database server says of itself, of the login that asks, and of the database as a whole.

Each part stands alone: one that a login may not read is ``Unobserved`` and leaves the others as they are. A part
that a vendor does not have is ``Unobserved`` with ``asked=False``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from packaging.version import Version

from upgrade_kit.model.unobserved import Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the server is.

    Attributes:
        product: ``SQLite``, ``PostgreSQL``, ``MySQL``, ``MariaDB``, ``SQL Server``, ``Azure SQL Database`` or
            ``Babelfish``.
        version: its version, as far as it is made of numbers.
        edition: SQL Server's edition in its own words, else ``""``.
        is_express: whether it is SQL Server Express, which limits the size of a database.
    """

    product: str
    version: Version
    edition: str = ""
    is_express: bool = False


class Purpose(StrEnum):
    """What a right is needed for."""

    MIGRATION = "migration"
    WORK = "work"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A right that the upgrade needs.

    Attributes:
        name: in the vendor's words (``CREATE TABLE``); ``OWNER`` for tables that somebody else owns, ``WRITE`` for
            files that may not be written to.
        purpose: what for.
        held: whether the login has it.
        on: the schema, tables or files that it is lacking on; empty where it is lacking on the whole database.
    """

    name: str
    purpose: Purpose
    held: bool
    on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a login may do in the database.

    Attributes:
        login: who asked.
        user: what that login is called in statements that give rights (MySQL: ``'user'@'host'``).
        schema: where its tables go; ``""`` where there are no schemas.
        place: how the statements that give rights name the database (MySQL: the pattern of the grant that counts).
        site_schemas: the schemas that hold a table ``qa_test``, where the vendor has schemas.
        rights: all that were asked for, held or not.
    """

    login: str
    user: str
    schema: str
    site_schemas: tuple[str, ...]
    rights: tuple[Right, ...]
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """How the database keeps texts.

    Attributes:
        encoding: of the database (``UTF8``, ``latin1``); ``""`` where the collation says it.
        collation: of the database: the order of its letters.
        tables: ``(table, encoding, collation)`` of each combination in columns; only where the vendor has them apart.
        short_keys: tables whose keys hold 767 bytes at most; only MySQL and MariaDB.
        new_keys_are_short: whether the same holds for tables that are made from now on.
    """

    encoding: str
    collation: str
    tables: tuple[tuple[str, str, str], ...] = ()
    short_keys: tuple[str, ...] = ()
    new_keys_are_short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file in which the server keeps the database.

    Attributes:
        name: the server's name for it.
        is_log: whether it holds the log.
        size_bytes: what it takes.
        used_bytes: how much of that is in use, or ``None``.
        max_bytes: what it may grow to, or ``None`` for no limit.
        grows: whether it grows by itself.
        free_bytes: free room on its volume, or ``None`` where the server does not tell.
    """

    name: str
    is_log: bool
    size_bytes: int
    used_bytes: int | None
    max_bytes: int | None
    grows: bool
    free_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The room that the database has on its server.

    Attributes:
        size_bytes: what the database takes.
        files: SQL Server's files of it.
        free_bytes: free room where the data are, or why not.
    """

    size_bytes: int
    files: tuple[StoredFile, ...]
    free_bytes: int | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSession:
    """Somebody else who is connected. What a server keeps from this login is ``""``.

    Attributes:
        login: who.
        program: with which program.
        host: from where.
        is_open: whether a transaction is open, or ``None`` where that is not told.
    """

    login: str
    program: str
    host: str
    is_open: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Who else is connected to the database.

    Attributes:
        others: the sessions that this login sees, its own excluded.
        sees_all: whether it sees everybody's.
        login: who asked.
    """

    others: tuple[OtherSession, ...]
    sees_all: bool
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the database stands: whether it can be written to, and what is special about it.

    Attributes:
        obstacles: ``(what, statement that ends it)`` of each thing that keeps everybody from writing; the statement
            may be ``""``.
        cautions: the same of what a person should act on.
        notes: the same of what is worth knowing.
    """

    obstacles: tuple[tuple[str, str], ...]
    cautions: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What SQL Server does to bring a database back.

    Attributes:
        model: ``SIMPLE``, ``FULL`` or ``BULK_LOGGED``.
        log_waits_for: ``log_reuse_wait_desc``: why the log cannot be used again.
        last_full: when the last full backup ended, in the server's own time; ``None`` for never.
        last_log: the same of the log.
        now: the server's own time.
    """

    model: str
    log_waits_for: str
    last_full: datetime | None
    last_log: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """MySQL's storage engines: the one that new tables get, and ``(table, engine)`` of those that are there."""

    default: str
    tables: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """The file of an SQLite database.

    Attributes:
        path: the file.
        faults: what ``PRAGMA quick_check`` said, or why it did not end; empty for a sound file.
        leftovers: ``(path, bytes)`` of files beside it that hold what is not in it yet.
        network: the kind of network drive that it is on, or ``""``.
    """

    path: str
    faults: tuple[str, ...] | Unobserved
    leftovers: tuple[tuple[str, int], ...]
    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A database server.

    Attributes:
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        database: the database's name.
        identity: who it is.
        rights: what the login may do.
        texts: how texts are kept.
        room: size, limits and free room.
        sessions: who else is connected.
        standing: whether the database can be written to.
        recovery: only SQL Server.
        compatibility_level: only SQL Server.
        engines: only MySQL and MariaDB.
        file: only SQLite.
        odbc_drivers: the names of those that this machine has; asked only where the database is SQL Server's.
    """

    vendor: str
    database: str
    identity: Identity | Unobserved
    rights: Rights | Unobserved
    texts: Texts | Unobserved
    room: Room | Unobserved
    sessions: Sessions | Unobserved
    standing: Standing | Unobserved
    recovery: Recovery | Unobserved
    compatibility_level: int | Unobserved
    engines: Engines | Unobserved
    file: FileState | Unobserved
    odbc_drivers: tuple[str, ...] | Unobserved
