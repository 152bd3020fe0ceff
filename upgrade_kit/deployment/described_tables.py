"""What a server says of a table: its columns, and, of SQL Server, how its standard views are asked for them.

Django's backend for SQL Server asks the driver, and FreeTDS describes dates as texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.errors import DatabaseError

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


class Asked(Protocol):
    """The session of one SQL Server database."""

    @property
    def address(self) -> DatabaseAddress:
        """Where it leads to."""

    def quote(self, name: str) -> str:
        """Quote an identifier."""

    def fetch(self, sql: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run a query and return every row."""


def described_by_the_catalogue(session: Asked, table: str) -> tuple[ColumnDescription, ...]:
    """Return a table's columns in their order, as SQL Server's standard views tell them.

    Raises:
        DatabaseError: there is no such table, or it may not be described.
    """
    columns = session.fetch(
        "SELECT COLUMN_NAME, DATA_TYPE, COLUMNPROPERTY(OBJECT_ID(%s), COLUMN_NAME, 'IsIdentity') "
        "FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = SCHEMA_NAME() AND TABLE_NAME = %s "
        "ORDER BY ORDINAL_POSITION",
        (session.quote(table), table),
    )
    if not columns:
        raise DatabaseError(f"{session.address.shown}: there is no table {table}, or it may not be described.")
    keys = session.fetch(
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


def unique_by_the_catalogue(session: Asked, table: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return name and columns of each of a table's unique constraints, as SQL Server's standard views tell them.

    Raises:
        DatabaseError: with the server's own words.
    """
    rows = session.fetch(
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
