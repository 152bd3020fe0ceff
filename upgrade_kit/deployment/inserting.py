"""How each vendor's driver takes many rows at once, and how each writes down a column."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, TypeAlias

from upgrade_kit.model.shape import Field, Kind

Untyped: TypeAlias = Any  # Django and its backends bring no types

_KEY_LENGTH = 255  # of a text that is a key, where no rule tells its length
_SQL_SERVER_PARAMETERS = 2000
_SQL_SERVER_ROWS = 1000


def insert_rows(
    vendor: str, connection: Untyped, table: str, columns: Sequence[str], target: str, rows: Sequence[Sequence[Untyped]]
) -> None:
    """Insert rows the fastest way that the driver has; its own errors come out.

    Args:
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        connection: the driver's own.
        table: the table, quoted.
        columns: the columns, not quoted.
        target: table and columns, quoted, as they follow ``INSERT INTO``.
        rows: at least one.
    """
    match vendor:
        case "sqlite":
            _insert_sqlite(connection, target, rows)
        case "postgresql":
            with closing(connection.cursor()) as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        case "mysql":
            marks = ", ".join(["%s"] * len(columns))
            into = target.replace("%", "%%")
            with closing(connection.cursor()) as cursor:
                cursor.executemany(f"INSERT INTO {into} VALUES ({marks})", rows)  # noqa: S608 - quoted
        case _:
            with closing(connection.cursor()) as cursor:
                _insert_sql_server(cursor, table, columns, target, rows)


def column_definition(vendor: str, wrapper: Untyped, field: Field) -> str:
    """Return a column as it stands in ``CREATE TABLE``: name, the vendor's type as Django has it, and key.

    What is no key may be NULL. On SQLite a text without a limit gets no type at all, so that whatever comes is kept
    as it is.
    """
    from django.db import models  # noqa: PLC0415 - needed only where tables are made

    made: Untyped
    match field.kind:
        case Kind.AUTO:
            made = models.AutoField(primary_key=True)
        case Kind.INTEGER:
            made = models.BigIntegerField()
        case Kind.FLOAT:
            made = models.FloatField()
        case Kind.DECIMAL:
            made = models.DecimalField(max_digits=field.digits or 38, decimal_places=field.places or 10)
        case Kind.BOOLEAN:
            made = models.BooleanField()
        case Kind.DATE:
            made = models.DateField()
        case Kind.DATETIME:
            made = models.DateTimeField()
        case Kind.TIME:
            made = models.TimeField()
        case Kind.DURATION:
            made = models.DurationField()
        case Kind.BINARY:
            made = models.BinaryField()
        case Kind.TEXT if field.length is not None or (field.key and vendor in {"mysql", "microsoft"}):
            made = models.CharField(max_length=field.length or _KEY_LENGTH)
        case _:
            made = models.TextField()
    kept = field.kind in {Kind.TEXT, Kind.ANY} and field.length is None and vendor == "sqlite"
    parts = (
        wrapper.ops.quote_name(field.column),
        "" if kept else made.db_type(connection=wrapper),
        "NOT NULL PRIMARY KEY" if field.key else "NULL",
        made.db_type_suffix(connection=wrapper) or "",
    )
    return " ".join(filter(None, parts))


def _insert_sqlite(connection: Untyped, target: str, rows: Sequence[Sequence[Untyped]]) -> None:
    marks = ", ".join(["?"] * len(rows[0]))
    before = connection.total_changes
    try:
        connection.executemany(f"INSERT INTO {target} VALUES ({marks})", rows)  # noqa: S608 - quoted
    except UnicodeEncodeError:  # a text that cannot be bound; the rows before it are in
        for row in rows[connection.total_changes - before :]:
            odd = [isinstance(value, str) and not _is_unicode(value) for value in row]
            marks = ", ".join("CAST(? AS TEXT)" if each else "?" for each in odd)
            values = [
                value.encode("utf-8", "surrogateescape") if each else value
                for value, each in zip(row, odd, strict=True)
            ]
            connection.execute(f"INSERT INTO {target} VALUES ({marks})", values)  # noqa: S608 - quoted


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _insert_sql_server(
    cursor: Untyped, table: str, columns: Sequence[str], target: str, rows: Sequence[Sequence[Untyped]]
) -> None:
    """Send many rows in one statement, as far as its 2,100 parameters and 1,000 rows go."""
    cursor.execute("SELECT name FROM sys.identity_columns WHERE object_id = OBJECT_ID(?)", table)
    identity = any(row[0] in columns for row in cursor.fetchall())
    if identity:
        cursor.execute(f"SET IDENTITY_INSERT {table} ON")
    width = len(rows[0])
    most = max(1, min(_SQL_SERVER_ROWS, _SQL_SERVER_PARAMETERS // width))
    marks = f"({', '.join(['?'] * width)})"
    for start in range(0, len(rows), most):
        batch = rows[start : start + most]
        values = [value for row in batch for value in row]
        cursor.execute(f"INSERT INTO {target} VALUES {', '.join([marks] * len(batch))}", values)  # noqa: S608 - quoted
    if identity:
        cursor.execute(f"SET IDENTITY_INSERT {table} OFF")


def _known_type(types: Untyped, declared: str) -> str:
    try:
        return str(types[declared])
    except KeyError:
        return ""
