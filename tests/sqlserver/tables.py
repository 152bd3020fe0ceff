"""A database behind the scripted server: tables in an SQLite file, asked in T-SQL.

It keeps to SQL Server where a client could tell the difference: names of any case, texts compared without regard to
case and trailing blanks, texts that are too long refused, identity columns, lock time-outs, read committed unless
another isolation is set, snapshot isolation only where the database allows it, the numbers and words of errors.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from tests.sqlserver import catalogue, translation
from tests.sqlserver.datatypes import MAX, SqlType, type_for
from tests.sqlserver.script import Answer, Count, Failure, Request, Rows
from tests.sqlserver.translation import Column, Table

PROPERTIES: Mapping[str, object] = {
    "ProductVersion": "16.0.1000.6",
    "ProductMajorVersion": "16",
    "ProductLevel": "RTM",
    "Edition": "Developer Edition (64-bit)",
    "EngineEdition": 3,
    "MachineName": "TESTS",
    "ServerName": "TESTS",
    "InstanceName": None,
    "Collation": "SQL_Latin1_General_CP1_CI_AS",
    "InstanceDefaultBackupPath": "/var/opt/mssql/data",
    "InstanceDefaultDataPath": "/var/opt/mssql/data/",
    "InstanceDefaultLogPath": "/var/opt/mssql/data/",
    "IsClustered": 0,
    "IsHadrEnabled": 0,
}
FOREVER_MILLISECONDS = 60_000

_SQLITE_TO_TSQL = (  # the beginning of a declared type, what Django's backend for SQL Server makes of it
    ("integer unsigned", "int"),
    ("smallint", "smallint"),
    ("bigint", "bigint"),
    ("int", "int"),
    ("varchar", "nvarchar"),
    ("char", "nvarchar"),
    ("text", "nvarchar(max)"),
    ("bool", "bit"),
    ("datetime", "datetime2(7)"),
    ("date", "date"),
    ("time", "time(7)"),
    ("real", "float"),
    ("double", "float"),
    ("decimal", "numeric"),
    ("numeric", "numeric"),
    ("blob", "varbinary(max)"),
)


class ServerError(Exception):
    """An error that the server tells the client."""

    def __init__(self, number: int, text: str, *, severity: int = 16, state: int = 1) -> None:
        super().__init__(text)
        self.failure = Failure(number, text, severity=severity, state=state)


@dataclass(kw_only=True)
class Tables:
    """A database.

    Attributes:
        file: the SQLite file that holds it; it is made.
        name: the database's.
        snapshot: whether ALLOW_SNAPSHOT_ISOLATION is on.
        properties: what SERVERPROPERTY says.
        roles: what IS_SRVROLEMEMBER and IS_MEMBER say yes to.
        permissions: what HAS_PERMS_BY_NAME says yes to; None is everything.
    """

    file: Path
    name: str = "qatrack"
    snapshot: bool = True
    properties: Mapping[str, object] = field(default_factory=lambda: dict(PROPERTIES))
    roles: frozenset[str] = frozenset({"sysadmin", "db_owner"})
    permissions: frozenset[str] | None = None

    def __post_init__(self) -> None:
        with closing(self.connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("CREATE TABLE IF NOT EXISTS sqlserver_lock (held int)")
            connection.execute("INSERT INTO sqlserver_lock VALUES (0)")

    def connect(self) -> sqlite3.Connection:
        # Opened by the test's thread and by a connection's: each uses its own.
        connection = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        connection.create_collation(translation.COLLATION, _compare)
        return connection

    def open(self, server_login: str = "sa") -> Session:
        return Session(self, server_login)

    def copy(self, source: Path) -> None:
        """Take over the tables and rows of another SQLite file, with the types that SQL Server would have."""
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as there,
            closing(self.connect()) as here,
        ):
            here.execute("PRAGMA foreign_keys = OFF")
            here.execute("BEGIN")
            names = there.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
            for (name,) in names.fetchall():
                table = _described(there, name)
                here.execute(table.create())
                rows = there.execute(f'SELECT * FROM "{name}"')
                places = ", ".join("?" * len(table.columns))
                here.executemany(f"INSERT INTO {translation.quoted(name)} VALUES ({places})", rows)
            here.execute("COMMIT")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the SQLite file itself, past the server."""
        with closing(self.connect()) as connection:
            return connection.execute(sql).fetchall()


class Session:
    """One connection's view of a database."""

    def __init__(self, tables: Tables, login: str) -> None:
        self._tables = tables
        self._login = login
        self._connection = tables.connect()
        catalogue.attach(self._connection)
        for name, count, function in self._functions():
            self._connection.create_function(name, count, function)
        self._implicit = False
        self._isolation = "READ COMMITTED"
        self._identity_insert = ""
        self._touched = 0
        self._known: dict[str, Sequence[Column]] = {}
        self._known_version = -1
        self.transactions = 0
        self._wait(-1)

    def close(self) -> None:
        self._connection.close()

    # --- Statements ------------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """Answer a request; an error ends the batch."""
        try:
            if request.how in {"begin", "commit", "rollback"}:
                self._transact(request.how)
                return
            if found := re.fullmatch(r"(?:\[sys\]\.)?sp_columns(_90|_100)?", request.how):
                named = dict(zip(request.names, request.parameters, strict=True))
                wanted = str(named.get("@table_name", request.parameters[0]))
                yield catalogue.columns_procedure(self._all_tables(), wanted, modern=found[1] == "_100")
                return
            for statement in translation.split(request.sql):
                yield from self._statement(statement, request)
        except ServerError as error:
            yield error.failure
        except sqlite3.Error as error:
            yield _failure(error)
        except SqlglotError as error:
            said = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).split())  # it underlines
            yield Failure(102, f"Incorrect syntax, as sqlglot reads it: {said}", severity=15)

    def _statement(self, sql: str, request: Request) -> Answer:
        plain = " ".join(sql.upper().split())
        if self._is_control(plain, sql):
            return
        tree = translation.parse(sql)
        if self._implicit and not self.transactions:
            self._transact("begin")
        match tree:
            case exp.Select() | exp.SetOperation():
                yield self._select(sql, request)
            case exp.Insert() | exp.Update() | exp.Delete():
                yield from self._write(sql, tree, request)
            case exp.Create() if tree.kind == "TABLE":
                self._alone(translation.table_from(tree).create())
                yield Count()
            case exp.Create() if tree.kind == "INDEX":
                yield Count()
            case exp.Drop() | exp.Alter() | exp.TruncateTable():
                self._alone(self._changed(tree))
                yield Count()
            case _:
                raise ServerError(50000, f"the tests' server does not know: {sql}")

    def _is_control(self, plain: str, sql: str) -> bool:
        """Carry out what is neither a query nor a change of tables; return whether it was that."""
        if found := re.fullmatch(
            r"(IF @@TRANCOUNT > 0 )?(BEGIN|COMMIT|ROLLBACK)( TRAN(SACTION)?| WORK)?( \w+)?", plain
        ):
            if not found[1] or self.transactions:
                self._transact(found[2].lower())
        elif found := re.fullmatch(r"SAVE TRAN(?:SACTION)? (\w+)", plain):
            self._connection.execute(f"SAVEPOINT {found[1]}")
        elif found := re.fullmatch(r"SET LOCK_TIMEOUT (-?\d+)", plain):
            self._wait(int(found[1]))
        elif found := re.fullmatch(r"SET TRANSACTION ISOLATION LEVEL ([A-Z ]+)", plain):
            self._isolation = found[1]
        elif found := re.fullmatch(r"SET IMPLICIT_TRANSACTIONS (ON|OFF)", plain):
            self._implicit = found[1] == "ON"
        elif found := re.fullmatch(r"SET IDENTITY_INSERT (\S+) (ON|OFF)", plain):
            self._let_identity(_bare(sql.split()[2]), on=found[2] == "ON")
        elif plain.startswith("DBCC CHECKIDENT"):
            self._reseed(sql)
        elif found := re.match(r"ALTER TABLE (\S+) WITH CHECK CHECK CONSTRAINT", plain):
            self._check(_bare(sql.split()[2]))
        else:
            harmless = r"SET [A-Z_]+ |ALTER TABLE \S+ (WITH \w+ )?(NO)?CHECK CONSTRAINT |PRINT |ALTER DATABASE "
            return re.match(harmless, plain) is not None
        return True

    def _select(self, sql: str, request: Request) -> Rows:
        statement = translation.translate(sql, self._variables())
        if re.search(
            r"\b(sys|information_schema|msdb)\s*\.|\[sys\]|object_(id|name)|columnproperty|ident_", sql, re.IGNORECASE
        ):
            self._fill_catalogue()
        self._start_reading(writes=statement.locks)
        cursor = self._connection.execute(statement.sql, self._bound(request))
        described = [column[0] for column in cursor.description]
        names = ["" if _is_nameless(item) else name for item, name in _titled(statement.tree, described)]
        given = dict(zip((name.lstrip("@") for name in request.names), request.types, strict=False))
        types = translation.result_types(
            statement.tree, self._columns(), {name: SqlType.of(kind) for name, kind in given.items()}
        )
        rows: Iterator[tuple[object, ...]] = iter(cursor)
        if types is None or len(types) != len(names):
            types = [None] * len(names)
        if None in types:
            kept = list(rows)
            types = [kind or _widest([row[place] for row in kept]) for place, kind in enumerate(types)]
            rows = iter(kept)
        else:  # what fails at the first row has to fail now
            first = next(rows, None)
            rows = iter(()) if first is None else chain([first], rows)
        columns = [(name, kind.spelled) for name, kind in zip(names, types, strict=True) if kind]
        return Rows(*columns, rows=rows)

    def _write(self, sql: str, tree: Any, request: Request) -> Answer:
        self._check_identity(tree)
        self._start_reading(writes=True)
        statement = translation.translate(sql, self._variables())
        with closing(self._connection.execute(statement.sql, self._bound(request))) as cursor:
            returned = cursor.fetchall() if cursor.description else []
            names = [column[0] for column in cursor.description or ()]
            self._touched = max(cursor.rowcount, len(returned))
        verb = type(tree).__name__.upper()
        if names:
            types = [_widest([row[place] for row in returned]) for place in range(len(names))]
            yield Rows(*zip(names, (kind.spelled for kind in types), strict=True), rows=returned)
        else:
            yield Count(self._touched, verb)

    def _changed(self, tree: Any) -> str:
        if isinstance(tree, exp.TruncateTable):
            return f"DELETE FROM {translation.quoted(tree.expressions[0].name)}"
        if isinstance(tree, exp.Alter):
            table = translation.quoted(tree.this.name)
            (action,) = tree.args["actions"]
            if isinstance(action, exp.Drop):
                column = action.args["tables"][0].name
                return f"ALTER TABLE {table} DROP COLUMN {translation.quoted(column)}"
            if isinstance(action, exp.ColumnDef):
                kind = SqlType.of(str(action.kind and action.kind.sql("tsql"))).spelled
                return f'ALTER TABLE {table} ADD COLUMN {translation.quoted(action.name)} "{kind}"'
        return translation.sqlite_text(tree, {})

    def _alone(self, sql: str) -> None:
        self._start_reading(writes=True)
        self._connection.execute(sql)

    # --- Transactions ----------------------------------------------------------------------------

    def _transact(self, how: str) -> None:
        if how == "begin":
            self.transactions += 1
            return
        if not self.transactions:
            raise ServerError(
                3902 if how == "commit" else 3903,
                f"The {how.upper()} TRANSACTION request has no corresponding BEGIN TRANSACTION.",
            )
        if how == "commit" and self.transactions > 1:
            self.transactions -= 1
            return
        if self._connection.in_transaction:
            self._connection.execute(how.upper())
        self.transactions = 0

    def _start_reading(self, *, writes: bool) -> None:
        """Begin SQLite's transaction where T-SQL's would hold something: SQLite's own sees one moment."""
        if self._isolation == "SNAPSHOT" and not self._tables.snapshot and self.transactions:
            raise ServerError(
                3952,
                "Snapshot isolation transaction failed accessing database "
                f"'{self._tables.name}' because snapshot isolation is not allowed in this database.",
            )
        holds = writes or self._isolation in {"SNAPSHOT", "SERIALIZABLE", "REPEATABLE READ"}
        if self.transactions and holds and not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        if self.transactions and writes:
            self._connection.execute("UPDATE sqlserver_lock SET held = held")

    def _wait(self, milliseconds: int) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {FOREVER_MILLISECONDS if milliseconds < 0 else milliseconds}")

    # --- Identity columns and constraints --------------------------------------------------------

    def _let_identity(self, table: str, *, on: bool) -> None:
        if on and self._identity_insert not in {"", table.lower()}:
            raise ServerError(
                8107,
                f"IDENTITY_INSERT is already ON for table '{self._identity_insert}'. "
                f"Cannot perform SET operation for table '{table}'.",
            )
        columns = self._columns().get(table.lower())
        if columns is None:
            raise ServerError(1088, f'Cannot find the object "{table}" because it does not exist.')
        if not any(column.identity for column in columns):
            raise ServerError(
                8106, f"Table '{table}' does not have the identity property. Cannot perform SET operation."
            )
        self._identity_insert = table.lower() if on else ""

    def _check_identity(self, tree: Any) -> None:
        if not isinstance(tree, exp.Insert | exp.Update):
            return
        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        columns = self._columns().get(target.name.lower(), [])
        identity = {column.name.lower() for column in columns if column.identity}
        if isinstance(tree, exp.Update):
            if any(item.this.name.lower() in identity for item in tree.expressions):
                raise ServerError(8102, f"Cannot update identity column '{next(iter(identity))}'.")
            return
        if not identity:
            return
        named = [item.name.lower() for item in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
        given = bool(identity & set(named)) if named else True
        allowed = self._identity_insert == target.name.lower()
        if given and not named:
            raise ServerError(
                8101,
                f"An explicit value for the identity column in table '{target.name}' can only be specified when a "
                "column list is used and IDENTITY_INSERT is ON.",
            )
        if given and not allowed:
            raise ServerError(
                544,
                f"Cannot insert explicit value for identity column in table '{target.name}' "
                "when IDENTITY_INSERT is set to OFF.",
            )
        if allowed and not given:
            raise ServerError(
                545,
                f"Explicit value must be specified for identity column in table '{target.name}' "
                "when IDENTITY_INSERT is set to ON.",
            )

    def _reseed(self, sql: str) -> None:
        found = re.search(r"\(\s*N?'?([^',)]+)'?\s*,\s*RESEED\s*(?:,\s*(\d+))?", sql, re.IGNORECASE)
        if found is None:
            return
        table = _bare(found[1])
        number = found[2] or f"(SELECT COALESCE(MAX(rowid), 0) FROM {translation.quoted(table)})"
        self._connection.execute("DELETE FROM sqlite_sequence WHERE name = ? COLLATE NOCASE", (table,))
        self._connection.execute(f"INSERT INTO sqlite_sequence (name, seq) SELECT ?, {number}", (table,))

    def _check(self, table: str) -> None:
        with closing(self._connection.execute(f"PRAGMA main.foreign_key_check({translation.quoted(table)})")) as cursor:
            broken = cursor.fetchone()
        if broken:
            raise ServerError(
                547, f'The ALTER TABLE statement conflicted with the FOREIGN KEY constraint of table "{broken[2]}".'
            )

    # --- What there is ---------------------------------------------------------------------------

    def _columns(self) -> dict[str, Sequence[Column]]:
        with closing(self._connection.execute("PRAGMA main.schema_version")) as cursor:
            version = cursor.fetchone()[0]
        if version != self._known_version:
            self._known_version, self._known = version, self._read_columns()
        return self._known

    def _read_columns(self) -> dict[str, Sequence[Column]]:
        found: dict[str, Sequence[Column]] = {table.name.lower(): table.columns for table in self._all_tables()}
        found.update((view, catalogue.view_columns(view)) for view in catalogue.VIEWS)
        return found

    def _all_tables(self) -> list[Table]:
        names = self._connection.execute(
            "SELECT name, sql FROM main.sqlite_master WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite%' AND name <> 'sqlserver_lock' ORDER BY name"
        ).fetchall()
        return [_read(self._connection, name, sql) for name, sql in names]

    def _fill_catalogue(self) -> None:
        catalogue.fill(self._connection, self._all_tables(), database=self._tables.name, snapshot=self._tables.snapshot)

    def _bound(self, request: Request) -> dict[str, object]:
        values = zip(request.names, request.parameters, strict=False)
        return {name.lstrip("@"): _for_sqlite(value) for name, value in values}

    def _variables(self) -> dict[str, object]:
        return {
            "TRANCOUNT": self.transactions,
            "ROWCOUNT": self._touched,
            "SPID": 51,
            "SERVERNAME": "TESTS",
            "VERSION": "Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64)",
            "LOCK_TIMEOUT": -1,
            "OPTIONS": 5432,
            "MICROSOFTVERSION": 0x100003E8,
        }

    def _functions(self) -> Iterator[tuple[str, int, Callable[..., Any]]]:
        tables = self._tables
        properties = {name.lower(): value for name, value in tables.properties.items()}
        allowed = tables.permissions

        def object_id(name: str, _: str = "") -> object:
            wanted = "SELECT object_id FROM sys.objects WHERE name = ?"
            row = self._connection.execute(wanted, (_bare(name),)).fetchone()
            return row[0] if row else None

        def column_property(number: int, column: str, what: str) -> object:
            if what.lower() != "isidentity":
                return None
            wanted = "SELECT is_identity FROM sys.columns WHERE object_id = ? AND name = ?"
            row = self._connection.execute(wanted, (number, column)).fetchone()
            return row[0] if row else None

        def permitted(_securable: object, _class: object, permission: str) -> int:
            return int(allowed is None or permission.upper() in allowed)

        def now() -> str:
            return datetime.now(UTC).replace(tzinfo=None).isoformat(" ")

        yield "SERVERPROPERTY", 1, lambda name: properties.get(str(name).lower())
        yield "DB_NAME", 0, lambda: tables.name
        yield "DB_ID", -1, lambda *_: 5
        yield "SCHEMA_NAME", -1, lambda *_: "dbo"
        yield "SCHEMA_ID", -1, lambda *_: catalogue.DBO
        yield "OBJECT_ID", 1, object_id
        yield "OBJECT_ID", 2, object_id
        yield "COLUMNPROPERTY", 3, column_property
        yield "FILEPROPERTY", 2, lambda *_: 8
        yield "GETDATE", 0, now
        yield "HAS_PERMS_BY_NAME", 3, permitted
        yield "IS_SRVROLEMEMBER", -1, lambda role, *_: int(role.lower() in tables.roles)
        yield "IS_MEMBER", 1, lambda role: int(role.lower() in tables.roles)
        yield "IS_ROLEMEMBER", -1, lambda role, *_: int(role.lower() in tables.roles)
        yield "SUSER_SNAME", 0, lambda: self._login
        yield "ORIGINAL_LOGIN", 0, lambda: self._login
        yield "USER_NAME", 0, lambda: "dbo"
        yield "HOST_NAME", 0, lambda: "TESTS"
        yield "SYSUTCDATETIME", 0, now
        yield "GETUTCDATE", 0, now
        yield "NEWID", 0, lambda: str(uuid.uuid4())
        yield "LEN", 1, lambda text: None if text is None else len(str(text).rstrip(" "))
        yield "DATALENGTH", 1, lambda text: None if text is None else len(str(text).encode("utf-16-le"))
        yield "CONCAT", -1, lambda *parts: "".join("" if part is None else str(part) for part in parts)
        yield "QUOTENAME", 1, lambda name: f"[{name.replace(']', ']]')}]"
        yield "DATABASEPROPERTYEX", 2, lambda _, name: {"status": "ONLINE"}.get(name.lower())


# --- SQLite's side ---------------------------------------------------------------------------------------


def _compare(one: str, other: str) -> int:
    """Compare as SQL_Latin1_General_CP1_CI_AS does: without regard to case and trailing blanks."""
    left, right = one.rstrip(" ").casefold(), other.rstrip(" ").casefold()
    return (left > right) - (left < right)


def _described(connection: sqlite3.Connection, name: str) -> Table:
    """Return what SQL Server would make of a table that Django made for SQLite."""
    table = Table(name=name)
    keys = []
    for _, column, declared, required, _, place in connection.execute(f'PRAGMA table_info("{name}")'):
        lowered = declared.lower()
        kind = next((there for here, there in _SQLITE_TO_TSQL if lowered.startswith(here)), "nvarchar(max)")
        size = re.search(r"\([\d, ]+\)", lowered)
        if kind in {"nvarchar", "numeric"}:
            kind += size[0] if size else "(255)" if kind == "nvarchar" else "(38, 10)"
            if kind.startswith("nvarchar") and int(kind[9:-1]) > 4000:
                kind = "nvarchar(max)"
        identity = bool(place) and lowered == "integer"
        table.columns.append(
            Column(name=column, type=SqlType.of(kind), nullable=not required, identity=identity, key=bool(place))
        )
        if place:
            keys.append((place, column))
    table.primary_key = [column for _, column in sorted(keys)]
    table.unique = _unique(connection, name)
    for row in connection.execute(f'PRAGMA foreign_key_list("{name}")'):
        table.references.append((row[3], row[2], row[4] or "id"))
    return table


def _read(connection: sqlite3.Connection, name: str, sql: str) -> Table:
    """Return a table as it was made here, with the types of T-SQL."""
    table = Table(name=name)
    keys = []
    for _, column, declared, required, _, place in connection.execute(
        f"PRAGMA main.table_info({translation.quoted(name)})"
    ):
        identity = bool(place) and "AUTOINCREMENT" in sql
        table.columns.append(
            Column(
                name=column,
                type=SqlType.of("int" if identity else declared),
                nullable=not (required or place),
                identity=identity,
                key=bool(place),
            )
        )
        if place:
            keys.append((place, column))
    table.primary_key = [column for _, column in sorted(keys)]
    table.unique = _unique(connection, name)
    for row in connection.execute(f"PRAGMA main.foreign_key_list({translation.quoted(name)})"):
        table.references.append((row[3], row[2], row[4] or "id"))
    return table


def _unique(connection: sqlite3.Connection, name: str) -> list[list[str]]:
    found = []
    for row in connection.execute(f"PRAGMA main.index_list({translation.quoted(name)})").fetchall():
        if row[2] and row[3] != "pk":
            columns = connection.execute(f"PRAGMA main.index_info({translation.quoted(row[1])})").fetchall()
            found.append([column[2] for column in columns])
    return found


def _for_sqlite(value: object) -> object:
    match value:
        case bool():
            return int(value)
        case Decimal() | uuid.UUID():
            return str(value)
        case datetime():
            return value.isoformat(" ")
        case date() | clock():
            return value.isoformat()
        case _:
            return value


def _widest(values: Sequence[object]) -> SqlType:
    """Return a type that holds all these values of one column."""
    there = [value for value in values if value is not None]
    if not there:
        return SqlType.of("nvarchar(4000)")
    types = [type_for(value) for value in there]
    for name in ("nvarchar", "varbinary", "float", "bigint"):
        of_name = [kind for kind in types if kind.name == name]
        if of_name:
            return next((kind for kind in of_name if kind.length == MAX), of_name[0])
    return types[0]


def _titled(tree: Any, names: Sequence[str]) -> Iterator[tuple[Any, str]]:
    items = tree.expressions if isinstance(tree, exp.Select) else []
    for place, name in enumerate(names):
        yield (items[place] if len(items) == len(names) else None), name


def _is_nameless(item: Any) -> bool:
    return item is not None and not isinstance(item, exp.Alias | exp.Column | exp.Star)


def _bare(name: str) -> str:
    """Return a table's name without brackets and schema."""
    return name.strip().rpartition(".")[2].strip("[]\"'")


_WORDS: tuple[tuple[str, int, str], ...] = (
    (r"no such table: (?:main\.)?(\S+)", 208, "Invalid object name '{}'."),
    (r"no such column: (?:\w+\.)?(\S+)", 207, "Invalid column name '{}'."),
    (r"has no column named (\S+)", 207, "Invalid column name '{}'."),
    (r"no such function: (\S+)", 195, "'{}' is not a recognized built-in function name."),
    (r"table `?(\w+)`? already exists", 2714, "There is already an object named '{}' in the database."),
    (r"UNIQUE constraint failed: (.*)", 2627, "Violation of UNIQUE KEY constraint. Cannot insert duplicate key: {}."),
    (
        r"NOT NULL constraint failed: (\S+)",
        515,
        "Cannot insert the value NULL into column '{}'; column does not allow nulls.",
    ),
    (r"CHECK constraint failed: too_long()", 2628, "String or binary data would be truncated in table."),
    (r"FOREIGN KEY constraint failed()", 547, "The statement conflicted with a FOREIGN KEY constraint."),
    (r"locked|busy()", 1222, "Lock request time out period exceeded."),
    (r"no such savepoint: (\S+)", 6401, "Cannot roll back {}. No transaction or savepoint of that name was found."),
)


def _failure(error: sqlite3.Error) -> Failure:
    for pattern, number, words in _WORDS:
        found = re.search(pattern, str(error))
        if found:
            return Failure(number, words.format(found[1] or "" if found.groups() else ""), severity=16)
    return Failure(50000, f"SQLite, behind the tests' server: {error}")
