"""One way to a site's database, through Django's backends and without Django's settings.

The backends read a handful of settings (``USE_TZ``, ``DEBUG`` ...). Where the host program has configured
Django, they find the host's. Where it has not, they are lent Django's own defaults for as long as a
connection lives; the module that ``DJANGO_SETTINGS_MODULE`` names is never imported: it may be the site's.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from django.conf import UserSettingsHolder, global_settings, settings
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db.backends.utils import CursorWrapper
from django.db.utils import Error, load_backend
from django.utils.functional import empty

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.inserting import column_definition, insert_rows
from upgrade_kit.deployment.own_connections import OwnConnections
from upgrade_kit.deployment.sqlite_uri import sqlite_uri
from upgrade_kit.errors import DatabaseError, DriverMissingError
from upgrade_kit.model.shape import Field

Untyped: TypeAlias = Any  # Django and its backends bring no types

CONNECT_SECONDS = 10
BUSY_SECONDS = 5.0
LOCK_SECONDS = 10
BATCH_ROWS = 500

_ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "postgresql": "django.db.backends.postgresql",
    "mysql": "django.db.backends.mysql",
    "microsoft": "mssql",
}
_QUOTATION_MARKS = {"sqlite": ('"', '"'), "postgresql": ('"', '"'), "mysql": ("`", "`"), "microsoft": ("[", "]")}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "microsoft": "sqlserver"}
_DRIVER_MODULES = {
    "postgresql": ("psycopg", "psycopg2"),
    "mysql": ("MySQLdb",),
    "microsoft": ("pyodbc", "mssql"),
}
_SQL_SERVER_FIELDS = {
    **dict.fromkeys(("tinyint", "smallint"), "SmallIntegerField"),
    "int": "IntegerField",
    "bigint": "BigIntegerField",
    "bit": "BooleanField",
    **dict.fromkeys(("float", "real"), "FloatField"),
    **dict.fromkeys(("decimal", "numeric", "money", "smallmoney"), "DecimalField"),
    "date": "DateField",
    **dict.fromkeys(("datetime", "datetime2", "smalldatetime", "datetimeoffset"), "DateTimeField"),
    "time": "TimeField",
    **dict.fromkeys(("char", "varchar", "nchar", "nvarchar"), "CharField"),
    **dict.fromkeys(("text", "ntext", "xml", "uniqueidentifier"), "TextField"),
    **dict.fromkeys(("binary", "varbinary", "image", "timestamp"), "BinaryField"),
}
_cursor_numbers = count(1)
_own = OwnConnections()
_LOCKED = (
    "The database does not allow snapshot isolation, so what was read stayed locked until the end: "
    "whoever wrote meanwhile had to wait."
)
_PRODUCTS = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "microsoft": "SQL Server"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDescription:
    """A column as the server describes it.

    Attributes:
        name: its name.
        type: the kind of Django field that stands for its type (``"CharField"``), or ``""``.
        key: whether it is part of the primary key.
    """

    name: str
    type: str
    key: bool


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

    def own_numbers(self) -> frozenset[int]:
        """Return the server's numbers of all connections that this process has made, where the driver knows them."""
        return _own.numbers()

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
            match self.vendor:
                case "sqlite":
                    yield from self._sqlite_batches(sql, params, size)
                case "postgresql":
                    with self._closing(self._postgresql_cursor()) as cursor:
                        cursor.execute(sql, list(params) or None)
                        while rows := cursor.fetchmany(size):
                            yield rows
                case "mysql":
                    yield from self._mysql_batches(sql, params, size)
                case _:
                    with self._closing(self._wrapper.connection.cursor()) as cursor:
                        cursor.execute(sql.replace("%s", "?"), *params)
                        while rows := cursor.fetchmany(size):
                            yield [tuple(row) for row in rows]

    @contextmanager
    def _closing(self, cursor: Untyped) -> Iterator[Untyped]:
        try:
            yield cursor
        finally:
            # Whoever stops reading may have closed the connection already, or lost it.
            with suppress(self._wrapper.Database.Error):
                cursor.close()

    def _sqlite_batches(self, sql: str, params: Sequence[object], size: int) -> Iterator[Sequence[tuple[Untyped, ...]]]:
        """Read texts the fast way, and from the first one that is no UTF-8 on in the way that keeps its bytes."""
        connection = self._wrapper.connection
        careful = connection.text_factory
        done = 0
        try:
            for factory in (str, careful):
                connection.text_factory = factory
                again = done
                try:
                    with self._closing(self._wrapper.create_cursor()) as cursor:
                        cursor.execute(sql, list(params) or None)
                        while rows := cursor.fetchmany(size):
                            if again < len(rows):
                                yield rows[again:]
                                done += len(rows) - again
                            again = max(0, again - len(rows))
                except self._wrapper.Database.OperationalError as error:
                    if factory is careful or "decode" not in str(error).lower():
                        raise
                else:
                    break
        finally:
            connection.text_factory = careful

    def _postgresql_cursor(self) -> Untyped:
        cursor = self._wrapper.create_cursor(name=f"upgrade_kit_{next(_cursor_numbers)}")
        if hasattr(cursor, "adapters"):  # psycopg 3; psycopg2 gives Python's dates
            from psycopg.types.string import TextLoader  # noqa: PLC0415 - an extra

            for name in ("timestamptz", "timestamp", "date", "time", "timetz", "inet", "cidr", "uuid", "json", "jsonb"):
                cursor.adapters.register_loader(name, TextLoader)
        return cursor

    def _mysql_batches(self, sql: str, params: Sequence[object], size: int) -> Iterator[Sequence[tuple[Untyped, ...]]]:
        from MySQLdb.constants import FIELD_TYPE  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        from MySQLdb.cursors import SSCursor  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

        connection = self._wrapper.connection
        usual = dict(connection.converter)
        moments = (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE, FIELD_TYPE.TIME)
        with self._closing(connection.cursor(SSCursor)) as cursor:
            # What is set when the query runs holds for its whole result.
            connection.converter.update(dict.fromkeys(moments, str))
            try:
                cursor.execute(sql, list(params) or None)
            finally:
                connection.converter.update({key: usual[key] for key in moments if key in usual})
            while rows := cursor.fetchmany(size):
                yield rows

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
            return self._described_by_the_catalogue(table)
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

    def _described_by_the_catalogue(self, table: str) -> tuple[ColumnDescription, ...]:
        """Ask SQL Server's standard views: FreeTDS describes dates as texts, and Django's backend asks that driver."""
        columns = self.fetch(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMNPROPERTY(OBJECT_ID(%s), COLUMN_NAME, 'IsIdentity') "
            "FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = SCHEMA_NAME() AND TABLE_NAME = %s "
            "ORDER BY ORDINAL_POSITION",
            (self.quote(table), table),
        )
        if not columns:
            raise DatabaseError(f"{self.address.shown}: there is no table {table}, or it may not be described.")
        keys = self.fetch(
            "SELECT k.COLUMN_NAME FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE k "
            "JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS c "
            "ON c.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
            "WHERE c.CONSTRAINT_TYPE = 'PRIMARY KEY' AND k.TABLE_SCHEMA = SCHEMA_NAME() AND k.TABLE_NAME = %s",
            (table,),
        )
        key = {row[0] for row in keys}
        return tuple(
            ColumnDescription(
                name=str(name),
                type="AutoField" if identity == 1 else _SQL_SERVER_FIELDS.get(str(kind).lower(), ""),
                key=name in key,
            )
            for name, kind, identity in columns
        )

    def unique_constraints(self, table: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return name and columns of each of the table's unique constraints but its primary key, sorted.

        Raises:
            DatabaseError: there is no such table, or it may not be described.
        """
        if self.vendor == "microsoft":
            return self._unique_by_the_catalogue(table)
        with self._told(), self._wrapper.cursor() as cursor:
            found = self._wrapper.introspection.get_constraints(cursor, table)
        return tuple(
            (str(name), tuple(map(str, known["columns"])))
            for name, known in sorted(found.items())
            if known["unique"] and not known["primary_key"]
        )

    def _unique_by_the_catalogue(self, table: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        rows = self.fetch(
            "SELECT k.CONSTRAINT_NAME, k.COLUMN_NAME FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE k "
            "JOIN INFORMATION_SCHEMA.TABLE_CONSTRAINTS c "
            "ON c.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME "
            "WHERE c.CONSTRAINT_TYPE = 'UNIQUE' AND k.TABLE_SCHEMA = SCHEMA_NAME() AND k.TABLE_NAME = %s",
            (table,),
        )
        found: dict[str, list[str]] = {}
        for name, column in rows:
            found.setdefault(str(name), []).append(str(column))
        return tuple((name, tuple(columns)) for name, columns in sorted(found.items()))

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
                    yield self._without_transactions()
            case _:
                with self.transaction():
                    yield ()

    def _without_transactions(self) -> tuple[str, ...]:
        rows = self.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() "
            "AND table_type = 'BASE TABLE' AND engine <> 'InnoDB' ORDER BY table_name"
        )
        if not rows:
            return ()
        names = ", ".join(str(row[0]) for row in rows)
        return (f"These tables know no transactions, so each is as it was when it was read: {names}.",)

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
    def _told(self) -> Iterator[None]:
        """Turn every driver error into a ``DatabaseError``."""
        try:
            yield
        except (Error, UnicodeError) as error:
            raise _explained(error, self.address) from error


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
    _check_file(address)
    with _lent_settings():
        backend = _load_backend(address)
        wrapper = _wrapper_class(backend)(_settings_of(address, writable=writable), "upgrade_kit")
        if address.vendor == "microsoft":
            # mssql-django remembers versions by alias for the whole process; here servers share one alias.
            wrapper._known_versions = {}  # noqa: SLF001 - the backend has no other door
            wrapper._known_azures = {}  # noqa: SLF001 - as above
        try:
            with _own.making():
                try:
                    wrapper.ensure_connection()
                except (Error, ImproperlyConfigured, SynchronousOnlyOperation, UnicodeError) as error:
                    raise _explained(error, address) from error
                _remember(wrapper)
            session = Session(wrapper, address, writable=writable)
            _introduce(session)
            yield session
        finally:
            with suppress(Error):
                wrapper.close()


def _remember(wrapper: Untyped) -> None:
    """Keep the number by which the server knows a connection; SQL Server knows processes instead."""
    match wrapper.vendor:
        case "postgresql":
            _own.add(int(wrapper.connection.info.backend_pid))
        case "mysql":
            _own.add(int(wrapper.connection.thread_id()))
        case _:
            pass


# --- Django's settings, lent -------------------------------------------------------------------------

_lock = threading.RLock()
_loan: list[Untyped] = []  # the holder that is lent, once for each connection that lives


@contextmanager
def _lent_settings() -> Iterator[None]:
    """Give Django its own defaults while a connection lives, unless the host program has configured it."""
    with _lock:
        lent = not settings.configured or bool(_loan and settings._wrapped is _loan[0])  # noqa: SLF001 - see the module
        if lent:
            if not _loan:
                holder = UserSettingsHolder(global_settings)
                # Read by mssql-django: what is closed must be closed, or a restore finds the database in use.
                holder.DATABASE_CONNECTION_POOLING = False
                settings._wrapped = holder  # noqa: SLF001 - configure() could not be taken back
            else:
                holder = _loan[0]
            _loan.append(holder)
    try:
        yield
    finally:
        if lent:
            with _lock:
                holder = _loan.pop()
                if not _loan and settings._wrapped is holder:  # noqa: SLF001 - see above
                    settings._wrapped = empty  # noqa: SLF001 - see above


def _load_backend(address: DatabaseAddress) -> Untyped:
    try:
        return load_backend(_ENGINES[address.vendor])
    except (ImproperlyConfigured, ImportError) as error:
        product, extra = _PRODUCTS[address.vendor], _EXTRAS[address.vendor]
        install = f'pip install "upgrade-kit[{extra}]"'
        if _is_installed(address.vendor):
            said = _one_line(error, address)
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


# --- What each vendor is told ------------------------------------------------------------------------


def _settings_of(address: DatabaseAddress, *, writable: bool) -> dict[str, object]:
    name, host, port, password = address.name, address.host, address.port, address.password
    options: dict[str, object] = {}
    match address.vendor:
        case "sqlite":
            name = sqlite_uri(name, mode="rw" if writable else "ro")
            options = {
                "timeout": BUSY_SECONDS,
                "detect_types": 0,  # a date that is none must not end a read
                # No key is changed here, and a reference to a table that is gone must not end an update.
                "init_command": "PRAGMA foreign_keys = OFF",
            }
            options |= {key: float(value) for key, value in address.options if key == "timeout" and _is_number(value)}
        case "postgresql":
            options = {
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "upgrade-kit",
                **dict(address.options),
            }
        case "mysql":
            isolation = "read committed" if writable else "repeatable read"
            options = {
                "connect_timeout": CONNECT_SECONDS,
                "isolation_level": isolation,
                **_typed(address.options),
            }
        case _:
            host, port, password, options = _sql_server(address)
    return {
        "ENGINE": _ENGINES[address.vendor],
        "NAME": name,
        "USER": address.user,
        "PASSWORD": password,
        "HOST": host,
        "PORT": port,
        "OPTIONS": options,
        "TIME_ZONE": None,
        "ATOMIC_REQUESTS": False,
        "AUTOCOMMIT": True,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": False,
        "TEST": {"CHARSET": None, "COLLATION": None, "MIGRATE": True, "MIRROR": None, "NAME": None},
    }


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\d+(\.\d+)?", text))


def _typed(options: tuple[tuple[str, str], ...]) -> dict[str, object]:
    """Return MySQL's options with whole numbers as numbers; the driver takes no texts for them."""
    return {key: int(value) if value.isascii() and value.isdigit() else value for key, value in options}


_MICROSOFT_DRIVER = re.compile(r"ODBC Driver .* for SQL Server|SQL Server Native Client.*")
_PREFERRED_DRIVERS = (
    "ODBC Driver 18 for SQL Server",
    "ODBC Driver 17 for SQL Server",
    "ODBC Driver 13.1 for SQL Server",
    "ODBC Driver 13 for SQL Server",
    "ODBC Driver 11 for SQL Server",
    "SQL Server Native Client 11.0",
    "SQL Server Native Client 10.0",
    "SQL Server",
    "FreeTDS",
)
# Options that mssql-django reads itself; any other is a keyword of the ODBC connection string.
_BACKEND_OPTIONS = frozenset({"driver", "dsn", "extra_params", "driver_charset", "collation", "isolation_level"})
# Options of older backends that have no meaning any more.
_DROPPED_OPTIONS = frozenset(
    {
        "provider",
        "use_legacy_date_fields",
        "use_mars",
        "unicode_results",
        "driver_supports_utf8",
        "driver_needs_utf8",
    }
    | {"host_is_server", "query_timeout", "connection_timeout", "connection_retries", "python_driver"}
    | {"connection_retry_backoff_time", "autocommit", "datefirst"}
)


def _sql_server(address: DatabaseAddress) -> tuple[str, str, str, dict[str, object]]:
    """Return host, port, password and options as mssql-django wants them for the driver that is there."""
    given = {key.lower(): value for key, value in address.options}
    driver = "" if "dsn" in given else _odbc_driver(given.get("driver", ""))
    timeout = given.get("connection_timeout", "")
    options: dict[str, object] = {
        # The backend's own retries would hide a plain "cannot open database" for half a minute.
        "connection_timeout": int(timeout) if timeout.isdecimal() else CONNECT_SECONDS,
        "connection_retries": 0,
        **{key: value for key, value in given.items() if key in _BACKEND_OPTIONS - {"extra_params"}},
    }
    keywords = {
        key: value
        for key, value in address.options
        if key.lower() not in _BACKEND_OPTIONS and key.lower() not in _DROPPED_OPTIONS
    }
    host, port, password = address.host, address.port, address.password
    if driver:
        options["driver"] = driver
        if not _MICROSOFT_DRIVER.match(driver):
            options["host_is_server"] = True
            if "tds" in driver.lower():
                keywords = {"TDS_Version": "7.4", "ClientCharset": "UTF-8", **keywords}
                options["extra_params"], password = _freetds_password(password, address)
            else:
                # A Microsoft driver under another name (the one Windows brings, a path): "host,port".
                host, port = (f"{host},{port}" if port else host), ""
                if not address.user:
                    keywords = {"Trusted_Connection": "yes", **keywords}
    extra = ";".join(f"{key}={_odbc_value(key, value, address)}" for key, value in keywords.items())
    parts = (str(options.get("extra_params", "")), given.get("extra_params", ""), extra)
    options["extra_params"] = ";".join(part for part in parts if part)
    return host, port, password, options


def _freetds_password(password: str, address: DatabaseAddress) -> tuple[str, str]:
    """Return what to add to FreeTDS's connection string for this password, and the password to give besides.

    mssql-django doubles a closing brace inside braces, as Microsoft's driver wants it. FreeTDS takes a doubled
    one for two, ends a value at the first brace with a semicolon behind it, and of two passwords takes the last.
    """
    if not (";" in password or password.lstrip().startswith("{")):
        return "", password
    if "};" in password:
        raise DatabaseError(
            f"{address.shown}: FreeTDS cannot be given a password that holds a closing brace and a semicolon together.",
            hint="Use Microsoft's driver: &driver=ODBC Driver 18 for SQL Server",
        )
    return f"PWD={{{password}}}", ""


def _odbc_value(key: str, value: str, address: DatabaseAddress) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]*", key):
        raise DatabaseError(f"{address.shown}: {key!r} is no option of an ODBC connection.")
    return "{" + value.replace("}", "}}") + "}" if re.search(r"[;{}]", value) else value


def _odbc_driver(wanted: str) -> str:
    import pyodbc  # noqa: PLC0415 - an extra, and known to be there only now

    installed = sorted(pyodbc.drivers())
    if wanted.startswith("{") and wanted.endswith("}"):
        wanted = wanted[1:-1]
    if wanted:
        # Names are compared as the driver manager does; a path names a driver that nobody registered.
        for name in installed:
            if name.lower() == wanted.lower():
                return str(name)
        if ("/" in wanted or "\\" in wanted) and Path(wanted).is_file():
            return wanted
    else:
        for name in _PREFERRED_DRIVERS:
            if name in installed:
                return name
    listed = f"Installed are: {', '.join(installed)}." if installed else "None is installed."
    what = (
        f"there is no ODBC driver {wanted!r} on this machine." if wanted else "no ODBC driver for SQL Server is known."
    )
    hint = (
        "Add ?driver=NAME with one of those, or install Microsoft's 'ODBC Driver 18 for SQL Server'."
        if installed
        else "Install Microsoft's 'ODBC Driver 18 for SQL Server'."
    )
    raise DatabaseError(f"{what} {listed}", hint=hint)


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


def _read_snapshots(session: Session) -> None:
    """Let each transaction see one moment of a SQL Server database, where the database allows that."""
    with suppress(DatabaseError):  # as above
        state = session.fetch("SELECT d.snapshot_isolation_state FROM sys.databases d WHERE d.database_id = DB_ID()")
        if state and state[0][0] == 1:
            session.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
            session.sees_one_moment = True


# --- Errors ------------------------------------------------------------------------------------------


def _check_file(address: DatabaseAddress) -> None:
    """Tell of a missing file, a folder and another kind of file in plain words.

    SQLite says the same of the first two, and takes a file of a few bytes for an empty database.
    """
    if address.vendor != "sqlite":
        return
    path = Path(address.name)
    try:
        if path.is_dir():
            raise DatabaseError(f"{path} is a folder, not a database.", hint="Name the database's file.")
        if not path.exists():
            raise DatabaseError(f"{path}: there is no such file.", hint="Check the path; nothing was made.")
        with path.open("rb") as stream:
            start = stream.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror or error}.", hint=_SQLITE_CANNOT_OPEN) from error
    if start and start != _SQLITE_HEADER:
        raise DatabaseError(f"{path}: the file is not a database of SQLite.", hint=_NOT_SQLITE)


_SQLITE_HEADER = b"SQLite format 3\0"
_SQLITE_CANNOT_OPEN = "Check the file's and its folder's permissions."
_NOT_SQLITE = "It is another kind of file, encrypted, or damaged: check the path."
_REACH = "Check host, port and that the server runs and can be reached from this machine."
# (words in the error, what to do), the first that fits
_HINTS: tuple[tuple[str, str], ...] = (
    ("adaptive server is unavailable|unexpected eof|\\b08s01\\b", _REACH),
    ("file is not a database", _NOT_SQLITE),
    (
        "disk is full|no space left|could not extend file|table is full",
        "Make room on the disk that holds the database, then try again. What was not committed is taken back.",
    ),
    ("malformed|disk image", "The file is damaged: restore a backup."),
    (
        "readonly database|read-only|read only|1792|cannot execute .* in a read-only",
        "The database or its folder may not be written to.",
    ),
    (
        "certificate|ssl provider|ssl security|encryption not supported",
        "Add &TrustServerCertificate=yes (or &Encrypt=no) to the URL if you trust the server.",
    ),
    (
        "unknown database|does not exist.*database|database .* does not exist|\\b4060\\b|\\b911\\b",
        "Check the database's name in the URL.",
    ),
    (
        # FreeTDS puts the gravest error first, and keeps the one with the reason to itself.
        "freetds.*\\b18456\\b",
        "Check user and password (it may also come from UPGRADE_KIT_PASSWORD). Check the database's name, too.",
    ),
    (
        "password|access denied for user|authentication|login failed|\\b18456\\b|\\b28000\\b|no pg_hba",
        "Check user and password; the password may also come from UPGRADE_KIT_PASSWORD.",
    ),
    (
        "locked|lock wait|lock timeout|lock request|deadlock|\\b1205\\b|\\b1222\\b",
        "Another program holds it: stop the web server and whatever else uses the database, then try again.",
    ),
    (
        "no such table|no such column|doesn't exist|does not exist|invalid object name|invalid column",
        "Check that this is the site's database.",
    ),
    ("permission|denied|\\b229\\b|\\b262\\b", "Give this login or user the right to do that."),
    (
        "can't open lib|data source name not found",
        "Check the driver's name or path, and that what it needs is installed.",
    ),
    (
        "connect|refused|timed? ?out|timeout|unreachable|resolve|name or service|no route|08001|hyt00",
        _REACH,
    ),
)


def _explained(error: BaseException, address: DatabaseAddress) -> DatabaseError:
    said = _one_line(error, address)
    lowered = said.lower()
    hint = next((hint for words, hint in _HINTS if re.search(words, lowered)), "")
    if address.vendor == "sqlite":
        if "unable to open" in lowered:
            hint = _SQLITE_CANNOT_OPEN
        if Path(f"{address.name}-journal").exists() and ("unable to open" in lowered or "readonly" in lowered):
            hint = (
                "A write was interrupted (a -journal file lies beside it). Start the site once, or let SQLite mend it: "
                f"python -c \"import sqlite3; print(sqlite3.connect(r'{address.name}').execute('PRAGMA quick_check')"
                '.fetchone())"'
            )
    if type(error).__name__ == "SynchronousOnlyOperation":
        hint = "Call this from a thread, not from inside an event loop."
    return DatabaseError(f"{address.shown}: {said}", hint=hint)


def _one_line(error: BaseException, address: DatabaseAddress) -> str:
    """Return the server's own words on one line, without the password."""
    arguments = error.args
    # pyodbc gives (SQLSTATE, words), MySQL (number, words).
    if len(arguments) > 1 and isinstance(arguments[1], str):
        number, words = arguments[0], arguments[1]
        text = words if str(number) in words else f"{words} ({number})"
    else:
        text = str(error) or type(error).__name__
    for secret in address.secrets:
        text = text.replace(secret, "***")
    return " ".join(text.split()).rstrip(".") + "."
