"""How the rows of a query come in, some at a time, by each vendor's driver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, TypeAlias

Untyped: TypeAlias = Any  # Django and its backends bring no types

_cursor_numbers = count(1)


def read_batches(
    vendor: str, wrapper: Untyped, sql: str, params: Sequence[object], size: int
) -> Iterator[Sequence[tuple[Untyped, ...]]]:
    """Run a query and yield its rows as the server sends them; the driver's own errors come out.

    Args:
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        wrapper: Django's own, connected.
        sql: the query, with ``%s`` for values.
        params: the values.
        size: rows a batch.
    """
    match vendor:
        case "sqlite":
            yield from _sqlite_batches(wrapper, sql, params, size)
        case "postgresql":
            with _closing(wrapper, _postgresql_cursor(wrapper)) as cursor:
                cursor.execute(sql, list(params) or None)
                while rows := cursor.fetchmany(size):
                    yield rows
        case "mysql":
            yield from _mysql_batches(wrapper, sql, params, size)
        case _:
            with _closing(wrapper, wrapper.connection.cursor()) as cursor:
                cursor.execute(sql.replace("%s", "?"), *params)
                while rows := cursor.fetchmany(size):
                    yield [tuple(row) for row in rows]


@contextmanager
def _closing(wrapper: Untyped, cursor: Untyped) -> Iterator[Untyped]:
    try:
        yield cursor
    finally:
        # Whoever stops reading may have closed the connection already, or lost it.
        with suppress(wrapper.Database.Error):
            cursor.close()


def _sqlite_batches(
    wrapper: Untyped, sql: str, params: Sequence[object], size: int
) -> Iterator[Sequence[tuple[Untyped, ...]]]:
    """Read texts the fast way, and from the first one that is no UTF-8 on in the way that keeps its bytes."""
    connection = wrapper.connection
    careful = connection.text_factory
    done = 0
    try:
        for factory in (str, careful):
            connection.text_factory = factory
            again = done
            try:
                with _closing(wrapper, wrapper.create_cursor()) as cursor:
                    cursor.execute(sql, list(params) or None)
                    while rows := cursor.fetchmany(size):
                        if again < len(rows):
                            yield rows[again:]
                            done += len(rows) - again
                        again = max(0, again - len(rows))
            except wrapper.Database.OperationalError as error:
                if factory is careful or "decode" not in str(error).lower():
                    raise
            else:
                break
    finally:
        connection.text_factory = careful


def _postgresql_cursor(wrapper: Untyped) -> Untyped:
    cursor = wrapper.create_cursor(name=f"upgrade_kit_{next(_cursor_numbers)}")
    if hasattr(cursor, "adapters"):  # psycopg 3; psycopg2 gives Python's dates
        from psycopg.types.string import TextLoader  # noqa: PLC0415 - an extra

        for name in ("timestamptz", "timestamp", "date", "time", "timetz", "inet", "cidr", "uuid", "json", "jsonb"):
            cursor.adapters.register_loader(name, TextLoader)
    return cursor


def _mysql_batches(
    wrapper: Untyped, sql: str, params: Sequence[object], size: int
) -> Iterator[Sequence[tuple[Untyped, ...]]]:
    from MySQLdb.constants import FIELD_TYPE  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    from MySQLdb.cursors import SSCursor  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    connection = wrapper.connection
    usual = dict(connection.converter)
    moments = (FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATE, FIELD_TYPE.TIME)
    with _closing(wrapper, connection.cursor(SSCursor)) as cursor:
        # What is set when the query runs holds for its whole result.
        connection.converter.update(dict.fromkeys(moments, str))
        try:
            cursor.execute(sql, list(params) or None)
        finally:
            connection.converter.update({key: usual[key] for key in moments if key in usual})
        while rows := cursor.fetchmany(size):
            yield rows
