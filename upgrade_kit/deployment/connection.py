"""One way to a site's database, through Django's backends and without Django's settings.

The backends read a handful of settings (``USE_TZ``, ``DEBUG`` ...). Where the host program has configured
Django, they find the host's. Where it has not, they are lent Django's own defaults for as long as a
connection lives; the module that ``DJANGO_SETTINGS_MODULE`` names is never imported: it may be the site's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from django.conf import UserSettingsHolder, global_settings, settings
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db.backends.utils import CursorWrapper
from django.db.utils import Error, load_backend
from django.utils.functional import empty

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.batches import read_batches
from upgrade_kit.deployment.connection_errors import check_file, explained, one_line
from upgrade_kit.deployment.connection_settings import ENGINES, settings_of
from upgrade_kit.deployment.described_tables import (
    ColumnDescription,
    described_by_the_catalogue,
    unique_by_the_catalogue,
)
from upgrade_kit.deployment.inserting import column_definition, insert_rows
from upgrade_kit.deployment.own_connections import POSTGRESQL_KEY, OwnConnections
from upgrade_kit.errors import DatabaseError, DriverMissingError
from upgrade_kit.model.shape import Field

Untyped: TypeAlias = Any  # Django and its backends bring no types

LOCK_SECONDS = 10
BATCH_ROWS = 500

_QUOTATION_MARKS = {"sqlite": ('"', '"'), "postgresql": ('"', '"'), "mysql": ("`", "`"), "microsoft": ("[", "]")}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "microsoft": "sqlserver"}
_DRIVER_MODULES = {
    "postgresql": ("psycopg", "psycopg2"),
    "mysql": ("MySQLdb",),
    "microsoft": ("pyodbc", "mssql"),
}
_own = OwnConnections()
_LOCKED = (
    "The database does not allow snapshot isolation, so what was read stayed locked until the end: "
    "whoever wrote meanwhile had to wait."
)
_PRODUCTS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "microsoft": "SQL Server"}


class Session:
    """An open connection to one database.

    SQL is written with ``%s`` for values; where no values are given, ``%`` stands for itself.

    Attributes:
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        address: where it leads to.
        server: product and version, as the server says it.
        name: the database's name, as the server says it; for SQLite the absolute path.
        file: the database's file where it is one.
        read_only: True where the vendor enforces it. False on SQL Server even when opened for
            reading: a login is what limits writing there, and ``ApplicationIntent`` is but a hint.
        sees_one_moment: whether a reading transaction sees one moment of the database without keeping others
            from writing.
    """

    def __init__(self, wrapper: Untyped, address: DatabaseAddress, *, writable: bool) -> None:
        self._wrapper = wrapper
        self._wrapper.ops.quote_name = self.quote  # Django's own leaves a mark within a name alone
        self.vendor = address.vendor
        self.address = address
        self.file = Path(address.name) if address.vendor == "sqlite" else None
        self.writable = writable
        self.read_only = False
        self.sees_one_moment = self.vendor != "microsoft"  # there it is asked
        self.server = ""
        self.name = address.name

    @property
    def driver_connection(self) -> Untyped:
        """The driver's own connection, for what Django's cursors do not do: messages and further result sets."""
        return self._wrapper.connection

    def own_keys(self) -> frozenset[str]:
        """Return the server's keys of all connections that this process has made to it, where the driver knows them."""
        return _own.keys(_server_of(self.address))

    def quote(self, name: str) -> str:
        """Quote an identifier the vendor's way, whatever it contains."""
        opening, closing = _QUOTATION_MARKS[self.vendor]
        return f"{opening}{name.replace(closing, closing * 2)}{closing}"

    def column(self, table: str, name: str) -> str:
        """Quote a column together with its table.

        SQLite takes a quoted name that it does not know for a text, and answers with the name itself,
        unless the table is named with it.
        """
        return f"{self.quote(table)}.{self.quote(name)}"

    def fetch(self, sql: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run a query and return every row.

        Raises:
            DatabaseError: with the server's own words.
        """
        with self._told(), self._wrapper.cursor() as cursor:
            cursor.execute(sql, list(params) or None)
            return [tuple(row) for row in cursor.fetchall()]

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        """Run a statement and return how many rows it touched (-1 where the driver does not say).

        Raises:
            DatabaseError: with the server's own words.
        """
        with self._told(), self._wrapper.cursor() as cursor:
            cursor.execute(sql, list(params) or None)
            return int(cursor.rowcount)

    def table_names(self) -> tuple[str, ...]:
        """Return the names of the tables, sorted; views, and what SQLite keeps for itself, are left out.

        Raises:
            DatabaseError: with the server's own words.
        """
        with self._told(), self._wrapper.cursor() as cursor:
            names = self._wrapper.introspection.table_names(cursor)
        return tuple(sorted(name for name in names if self.vendor != "sqlite" or not name.startswith("sqlite_")))

    def column_names(self, table: str) -> tuple[str, ...]:
        """Return the table's columns in their order.

        Raises:
            DatabaseError: there is no such table, or it may not be read.
        """
        with self._told(), self._wrapper.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self.quote(table)} WHERE 1 = 0")  # noqa: S608 - quoted
            return tuple(str(column[0]) for column in cursor.description)

    def select(
        self, table: str, *columns: str, where: tuple[str, object] | None = None, lock: bool = False
    ) -> list[tuple[object, ...]]:
        """Read columns of a table, in order of ``id``.

        Args:
            table: its name.
            columns: their names, at least one.
            where: a column and the value it must have; all rows without it.
            lock: keep others from changing these rows until the transaction ends. On SQLite the writing
                transaction holds the whole file anyway.

        Raises:
            DatabaseError: the table or a column is not there, or may not be read.
        """
        wanted = ", ".join(self.column(table, column) for column in columns)
        features = self._wrapper.features
        hold = self._wrapper.ops.for_update_sql() if lock and features.has_select_for_update else ""
        after_from, at_end = (hold, "") if features.for_update_after_from else ("", hold)
        condition = f"WHERE {self.column(table, where[0])} = %s" if where else ""
        order = f"ORDER BY {self.column(table, 'id')}"
        source = f"{self.quote(table)} {after_from} {condition}"
        sql = f"SELECT {wanted} FROM {source} {order} {at_end}"  # noqa: S608 - quoted identifiers
        return self.fetch(sql.strip(), (where[1],) if where else ())

    def batches(
        self, sql: str, params: Sequence[object] = (), *, size: int = BATCH_ROWS
    ) -> Iterator[Sequence[tuple[Untyped, ...]]]:
        """Run a query and yield its rows as the server sends them, some at a time, so that memory stays flat.

        Values come as the driver gives them, but moments, dates and times as the server's own text where the
        driver allows that: a date that Python has none for is then no error and is not lost. Run it inside a
        transaction, and nothing else on this session before the last batch, which is all that some servers
        can do.

        Args:
            sql: the query, with ``%s`` for values.
            params: the values.
            size: rows a batch.

        Raises:
            DatabaseError: with the server's own words.
        """
        with self._told(), self._wrapper.wrap_database_errors:
            yield from read_batches(self.vendor, self._wrapper, sql, params, size)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Untyped]]) -> None:
        """Insert rows, all or none inside a transaction, the fastest way that the vendor's driver has.

        Args:
            table: its name. Its key may be among the columns, also where the database gives keys out.
            columns: their names.
            rows: values as the driver takes them, in the order of the columns. On SQLite a text may hold lone
                surrogates, which stand for bytes that are no UTF-8 (PEP 383).

        Raises:
            DatabaseError: with the server's own words.
        """
        if not rows:
            return
        quoted = self.quote(table)
        target = f"{quoted} ({', '.join(map(self.quote, columns))})"
        with self._told(), self._wrapper.wrap_database_errors:
            insert_rows(self.vendor, self._wrapper.connection, quoted, columns, target, rows)

    def make_table(self, table: str, fields: Sequence[Field]) -> None:
        """Make a table with columns and a primary key, and nothing more.

        Raises:
            DatabaseError: with the server's own words.
        """
        columns = ", ".join(column_definition(self.vendor, self._wrapper, field) for field in fields)
        self.execute(f"CREATE TABLE {self.quote(table)} ({columns})")

    def describe(self, table: str) -> tuple[ColumnDescription, ...]:
        """Return the table's columns in their order, as the server describes them.

        Raises:
            DatabaseError: there is no such table, or it may not be described.
        """
        introspection = self._wrapper.introspection
        if self.vendor == "sqlite":  # where Django's description wants a registered connection
            rows = self.fetch(f"PRAGMA table_info({self.quote(table)})")
            types = introspection.data_types_reverse
            return tuple(
                ColumnDescription(name=str(row[1]), type=_known_type(types, str(row[2])), key=bool(row[5]))
                for row in rows
            )
        if self.vendor == "microsoft":
            return described_by_the_catalogue(self, table)
        with self._told(), self._wrapper.cursor() as cursor:
            keys = introspection.get_primary_key_columns(cursor, table) or []
            found = []
            for info in introspection.get_table_description(cursor, table):
                try:
                    kind = str(introspection.get_field_type(info.type_code, info))
                except KeyError:
                    kind = ""
                found.append(ColumnDescription(name=str(info.name), type=kind, key=info.name in keys))
            return tuple(found)

    def unique_constraints(self, table: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return name and columns of each of the table's unique constraints but its primary key, sorted.

        Raises:
            DatabaseError: there is no such table, or it may not be described.
        """
        if self.vendor == "microsoft":
            return unique_by_the_catalogue(self, table)
        with self._told(), self._wrapper.cursor() as cursor:
            found = self._wrapper.introspection.get_constraints(cursor, table)
        return tuple(
            (str(name), tuple(map(str, known["columns"])))
            for name, known in sorted(found.items())
            if known["unique"] and not known["primary_key"]
        )

    def count(self, table: str) -> int:
        """Count a table's rows.

        Raises:
            DatabaseError: the table is not there, or may not be read.
        """
        count = "COUNT_BIG(*)" if self.vendor == "microsoft" else "COUNT(*)"
        return int(str(self.fetch(f"SELECT {count} FROM {self.quote(table)}")[0][0]))  # noqa: S608 - quoted

    def decode_texts(self, decode: Callable[[bytes], str]) -> None:
        """Turn SQLite's stored texts into ``str`` with this function from now on."""
        self._wrapper.connection.text_factory = decode

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold one real transaction: committed at the end of the block, rolled back if it raises.

        A session opened for reading sees one moment of the database throughout, where the vendor can do that.

        Raises:
            DatabaseError: it cannot begin, or the commit failed.
        """
        self._begin()
        try:
            yield
        except BaseException:
            # A lost connection has rolled back already; what went wrong first is what is to be told.
            with suppress(DatabaseError):
                self._end("ROLLBACK")
            raise
        try:
            self._end("COMMIT")
        except DatabaseError:
            with suppress(DatabaseError):
                self._end("ROLLBACK")
            raise

    @contextmanager
    def snapshot(self) -> Iterator[tuple[str, ...]]:
        """Hold a reading transaction in which every table is seen as it was at one moment.

        Yields:
            What a person should know of how this vendor does it here, one sentence each; mostly nothing.

        Raises:
            DatabaseError: it cannot begin.
        """
        match self.vendor:
            case "microsoft" if not self.sees_one_moment:
                self.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
                try:
                    with self.transaction():
                        yield (_LOCKED,)
                finally:
                    with suppress(DatabaseError):  # a lost connection has no level any more
                        self.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            case "mysql":
                with self.transaction():
                    self.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                    loose = ", ".join(self.tables_without_transactions())
                    told = f"These tables know no transactions, so each is as it was when it was read: {loose}."
                    yield (told,) if loose else ()
            case _:
                with self.transaction():
                    yield ()

    def tables_without_transactions(self) -> tuple[str, ...]:
        """Return the names of the tables of which nothing can be taken back, sorted: MyISAM's and their like.

        Raises:
            DatabaseError: with the server's own words.
        """
        if self.vendor != "mysql":
            return ()
        rows = self.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND table_type = 'BASE TABLE' AND LOWER(engine) <> 'innodb' ORDER BY table_name"
        )
        return tuple(name.decode() if isinstance(name, bytes) else str(name) for (name,) in rows)

    def _begin(self) -> None:
        if self.vendor == "sqlite":
            self.execute("BEGIN IMMEDIATE" if self.writable else "BEGIN")
            return
        with self._told():
            self._wrapper.set_autocommit(False)

    def _end(self, how: str) -> None:
        if self.vendor == "sqlite":
            self.execute(how)
            return
        with self._told():
            if how == "COMMIT":
                self._wrapper.commit()
            else:
                self._wrapper.rollback()
            self._wrapper.set_autocommit(True)
            if self.vendor == "microsoft":
                # mssql-django leaves autocommit off when no transaction is open any more.
                self._wrapper.connection.autocommit = True

    @contextmanager
    def driver_errors(self) -> Iterator[None]:
        """Turn what the driver's own connection raises inside the block into a ``DatabaseError``."""
        with self._told(), self._wrapper.wrap_database_errors:
            yield

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn every driver error into a ``DatabaseError``."""
        try:
            yield
        except (Error, UnicodeError) as error:
            raise explained(error, self.address) from error


def _known_type(types: Untyped, declared: str) -> str:
    try:
        return str(types[declared])
    except KeyError:
        return ""


@contextmanager
def open_database(address: DatabaseAddress, *, writable: bool = False) -> Iterator[Session]:
    """Connect to a database: read-only, as far as the vendor enforces it, unless ``writable``.

    Time-outs: 10 s to connect, 5 s for a locked SQLite file, 10 s for a locked row. A file that does not
    exist is never created.

    Raises:
        DriverMissingError: the Python driver is not installed (names the extra).
        DatabaseError: with the server's own words and a hint.
    """
    check_file(address)
    with _lent_settings():
        backend = _load_backend(address)
        wrapper = _wrapper_class(backend)(settings_of(address, writable=writable), "upgrade_kit")
        if address.vendor == "microsoft":
            # mssql-django remembers versions by alias for the whole process; here servers share one alias.
            wrapper._known_versions = {}  # noqa: SLF001 - the backend has no other door
            wrapper._known_azures = {}  # noqa: SLF001 - as above
        try:
            with _own.making():
                try:
                    wrapper.ensure_connection()
                except (Error, ImproperlyConfigured, SynchronousOnlyOperation, UnicodeError) as error:
                    raise explained(error, address) from error
                _remember(wrapper, address)
            session = Session(wrapper, address, writable=writable)
            _introduce(session)
            yield session
        finally:
            with suppress(Error):
                wrapper.close()


def _remember(wrapper: Untyped, address: DatabaseAddress) -> None:
    """Keep the key by which the server knows a connection; SQL Server knows processes instead."""
    match wrapper.vendor:
        case "postgresql":
            with suppress(Error), wrapper.cursor() as cursor:
                cursor.execute(
                    f"SELECT {POSTGRESQL_KEY} FROM pg_catalog.pg_stat_activity "  # noqa: S608 - words of the kit's own
                    "WHERE pid = pg_catalog.pg_backend_pid()"
                )
                for (key,) in cursor.fetchall():
                    _own.add(_server_of(address), str(key))
        case "mysql":
            _own.add(_server_of(address), str(wrapper.connection.thread_id()))
        case _:
            pass


def _server_of(address: DatabaseAddress) -> str:
    return f"{address.vendor}://{address.host}:{address.port}"


# --- Django's settings, lent -------------------------------------------------------------------------

_lock = threading.RLock()
_loans: dict[object, Untyped] = {}  # the holder that is lent, for each connection that lives


@contextmanager
def _lent_settings() -> Iterator[None]:
    """Give Django its own defaults while a connection lives, unless the host program has configured it."""
    mine = object()
    try:
        with _lock:
            if not settings.configured or settings._wrapped in _loans.values():  # noqa: SLF001 - see the module
                _loans[mine] = next(iter(_loans.values())) if _loans else _own_defaults()
                settings._wrapped = _loans[mine]  # noqa: SLF001 - configure() could not be taken back
        yield
    finally:
        with _lock:
            holder = _loans.pop(mine, None)
            if holder is not None and not _loans and settings._wrapped is holder:  # noqa: SLF001 - see above
                settings._wrapped = empty  # noqa: SLF001 - see above


def _own_defaults() -> Untyped:
    holder = UserSettingsHolder(global_settings)
    # Read by mssql-django: what is closed must be closed, or a restore finds the database in use.
    holder.DATABASE_CONNECTION_POOLING = False
    return holder


def _load_backend(address: DatabaseAddress) -> Untyped:
    try:
        return load_backend(ENGINES[address.vendor])
    except (ImproperlyConfigured, ImportError) as error:
        product, extra = _PRODUCTS[address.vendor], _EXTRAS[address.vendor]
        install = f'pip install "upgrade-kit[{extra}]"'
        if _is_installed(address.vendor):
            said = one_line(error, address)
            hint = "On Debian: apt-get install unixodbc." if "libodbc" in said else f"Try again: {install}"
            message = f"the Python driver for {product} is installed but does not load: {said}"
            raise DriverMissingError(message, hint=hint) from error
        message = f"{address.shown}: the Python driver for {product} is not installed."
        raise DriverMissingError(message, hint=f"Type: {install}") from error


def _is_installed(vendor: str) -> bool:
    modules = _DRIVER_MODULES[vendor]
    found = [find_spec(module) is not None for module in modules]
    return all(found) if vendor == "microsoft" else any(found)


def _wrapper_class(backend: Untyped) -> Untyped:
    """Return the backend's class, freed from what concerns an application and not a reader of plain SQL."""

    def run(self: Untyped, sql: str, params: object, *_: object) -> object:
        # Django's own warns that the application is not ready; there is no application.
        with self.db.wrap_database_errors:
            return self.cursor.execute(sql) if params is None else self.cursor.execute(sql, params)

    cursor_class = type("Cursor", (CursorWrapper,), {"_execute": run})
    changes: dict[str, object] = {
        "check_database_version_supported": lambda _: None,  # sites run servers that Django has dropped
        "make_cursor": lambda self, cursor: cursor_class(cursor, self),
        "queries_logged": False,  # the host's DEBUG must not collect a site's procedures
        "timezone": UTC,
        "timezone_name": "UTC",
    }
    if backend.DatabaseWrapper.vendor == "microsoft":
        changes["data_types"] = dict(backend.DatabaseWrapper.data_types)  # it writes into the class's own
    return type("DatabaseWrapper", (backend.DatabaseWrapper,), changes)


def _introduce(session: Session) -> None:
    """Ask the server who it is, and make the session read-only where the vendor enforces that."""
    match session.vendor:
        case "sqlite":
            # A text that is no UTF-8 must not end the read of a whole table.
            session.decode_texts(lambda data: data.decode("utf-8", "surrogateescape"))
            session.server = f"SQLite {session.fetch('SELECT sqlite_version()')[0][0]}"
            session.fetch("SELECT COUNT(*) FROM sqlite_master")  # opening alone reads no byte of the file
            session.read_only = not session.writable
        case "postgresql":
            session.server = f"PostgreSQL {session.fetch('SHOW server_version')[0][0]}"
            session.name = str(session.fetch("SELECT current_database()")[0][0])
            session.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            if not session.writable:
                session.execute("SET default_transaction_isolation = 'repeatable read'")
                session.execute("SET default_transaction_read_only = on")
                session.read_only = True
        case "mysql":
            version = str(session.fetch("SELECT VERSION()")[0][0])
            session.server = f"{'MariaDB' if 'mariadb' in version.lower() else 'MySQL'} {version}"
            session.name = str(session.fetch("SELECT DATABASE()")[0][0])
            _keep_times(session)
            session.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}")
            with suppress(DatabaseError):  # of whole tables; before MySQL 5.5 there is no such limit
                session.execute(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
            if not session.writable:
                with suppress(DatabaseError):  # MySQL before 5.6, MariaDB before 10.0: no such session
                    session.execute("SET SESSION TRANSACTION READ ONLY")
                    session.read_only = True
        case _:
            product, edition, name = session.fetch(
                "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), "
                "CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), DB_NAME()"
            )[0]
            session.server = f"Microsoft SQL Server {product}" + (f" ({edition})" if edition else "")
            session.name = str(name)
            with suppress(DatabaseError):  # servers that only speak like SQL Server may not know it
                session.execute(f"SET LOCK_TIMEOUT {LOCK_SECONDS * 1000}")
            if not session.writable:
                _read_snapshots(session)


def _keep_times(session: Session) -> None:
    """Take MySQL's TIME as a text: it goes from -838 hours to 838, and Python's to the end of a day."""
    from MySQLdb.constants import FIELD_TYPE  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra

    session.driver_connection.converter[FIELD_TYPE.TIME] = str


def _read_snapshots(session: Session) -> None:
    """Let each transaction see one moment of a SQL Server database, where the database allows that."""
    with suppress(DatabaseError):  # as above
        state = session.fetch("SELECT d.snapshot_isolation_state FROM sys.databases d WHERE d.database_id = DB_ID()")
        if state and state[0][0] == 1:
            session.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
            session.sees_one_moment = True
