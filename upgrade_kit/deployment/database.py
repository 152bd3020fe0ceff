"""What a database says of its site: schema, procedures, and what an upgrade would trip over. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.fingerprint import HISTORY_TABLES
from upgrade_kit.deployment.schema import classify
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.deployment import (
    Database,
    Schema,
)
from upgrade_kit.model.path import Release
from upgrade_kit.model.rewrite import MacroName, Procedure
from upgrade_kit.model.unobserved import Unobserved

P = ParamSpec("P")
T = TypeVar("T")

# What a unit test collection can point to, by the model's name in django_content_type.
_LISTS = {"testlist": ("qa_testlist", "test list"), "testlistcycle": ("qa_testlistcycle", "test list cycle")}


def read_database(address: DatabaseAddress, releases: tuple[Release, ...]) -> Database:
    """Read everything that the kit wants to know of a site's database; a fact that fails alone is Unobserved.

    Args:
        address: where it is.
        releases: the nodes of the version graph, by which the schema is told.

    Raises:
        DatabaseError: it cannot be opened, or its tables cannot be listed.
    """
    with open_database(address) as session:
        tables = session.table_names()
        return Database(
            url=address.shown,
            vendor=session.vendor,
            server=session.server,
            name=session.name,
            file=session.file,
            size_bytes=_fact(database_size, session),
            read_only=session.read_only,
            tables=tables,
            schema=_fact(read_schema, session, tables, releases),
            procedures=_fact(read_procedures, session, tables),
            orphans=_fact(_orphans, session, tables),
            dangling=_fact(_dangling, session, tables),
            spoilt=_fact(_spoilt, session, tables),
            has_default_site=_fact(_has_default_site, session, tables),
            macro_names=_fact(read_macro_names, session, tables),
        )


def read_schema(session: Session, tables: Collection[str], releases: tuple[Release, ...]) -> Schema:
    """Tell the schema's version from its migration history.

    Raises:
        DatabaseError: a history table cannot be read.
    """
    histories: list[dict[str, list[str]] | None] = []
    for table, app, name in HISTORY_TABLES:
        if table not in tables:
            histories.append(None)
            continue
        history: dict[str, list[str]] = {}
        for owner, migration in session.select(table, app, name):
            history.setdefault(as_text(owner), []).append(as_text(migration))
        histories.append(history)
    south, django = histories
    return classify(south, django, tables, releases)


def read_procedures(session: Session, tables: Collection[str]) -> tuple[Procedure, ...]:
    """Read every test that has a procedure or is an upload test, in order of test id.

    Raises:
        DatabaseError: ``qa_test`` is not there, lacks a column, or cannot be read.
    """
    _require(tables, "qa_test")
    rows = session.select("qa_test", "id", "slug", "name", "type", "calculation_procedure")
    procedures = (
        Procedure(
            test_id=as_number(test_id),
            slug=as_text(slug),
            name=as_text(name),
            type=as_text(kind),
            source=None if source is None else as_text(source),
        )
        for test_id, slug, name, kind, source in rows
    )
    return tuple(procedure for procedure in procedures if procedure.source or procedure.type == "upload")


def read_macro_names(session: Session, tables: Collection[str]) -> tuple[MacroName, ...]:
    """Read every test's macro name, and the choices of those that have some, in order of test id.

    Raises:
        DatabaseError: ``qa_test`` is not there, lacks a column, or cannot be read.
    """
    _require(tables, "qa_test")
    return tuple(
        MacroName(
            test_id=as_number(test_id),
            slug=as_text(slug),
            type=as_text(kind),
            choices=tuple(as_text(choices).split(",")) if choices else (),
        )
        for test_id, slug, kind, choices in session.select("qa_test", "id", "slug", "type", "choices")
    )


def as_text(value: object) -> str:
    """Return a text column's value as text; MySQL gives bytes where the collation is a binary one."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "surrogateescape")
    return "" if value is None else str(value)


def as_number(value: object) -> int:
    """Return an integer column's value."""
    return value if isinstance(value, int) else int(str(value))


def _fact(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Unobserved:
    try:
        return read(*args, **kwargs)
    except DatabaseError as error:
        return Unobserved(error.message)


def _require(tables: Collection[str], *names: str) -> None:
    for name in names:
        if name not in tables:
            raise DatabaseError(f"there is no table {name}.")


def database_size(session: Session) -> int:
    """Return the bytes that the database takes on its server's disk.

    Raises:
        DatabaseError: the server does not tell.
    """
    match session.vendor:
        case "sqlite":
            try:
                return Path(session.name).stat().st_size
            except OSError as error:
                raise DatabaseError(f"{session.name}: {error}") from error
        case "postgresql":
            sql = "SELECT pg_database_size(current_database())"
        case "mysql":
            sql = (
                "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables"
                " WHERE table_schema = DATABASE()"
            )
        case _:
            sql = "SELECT SUM(CAST(size AS bigint)) * 8192 FROM sys.database_files"
    return as_number(session.fetch(sql)[0][0])


def _orphans(session: Session, tables: Collection[str]) -> tuple[str, ...]:
    _require(tables, "qa_unittestcollection", "django_content_type")
    types = {
        as_number(key): as_text(model)
        for key, app, model in session.select("django_content_type", "id", "app_label", "model")
        if as_text(app) == "qa"
    }
    there = {
        model: {as_number(row[0]) for row in session.select(table, "id")}
        for model, (table, _) in _LISTS.items()
        if table in tables
    }
    units = _units(session, tables)
    gone = []
    rows = session.select("qa_unittestcollection", "id", "unit_id", "content_type_id", "object_id")
    for key, unit, content_type, target in rows:
        model = types.get(as_number(content_type), "")
        if as_number(target) in there.get(model, ()):
            continue
        what = _LISTS[model][1] if model in _LISTS else f"object of content type {content_type}, number"
        place = units.get(as_number(unit), f"the unit with id {unit}, which is gone too")
        gone.append(f"unit test collection {key} of {place}: its {what} {target} is gone")
    return tuple(gone)


def _units(session: Session, tables: Collection[str]) -> dict[int, str]:
    if "units_unit" not in tables:
        return {}
    rows = session.select("units_unit", "id", "number", "name")
    return {as_number(key): f"unit {number} ({as_text(name)})" for key, number, name in rows}


def _dangling(session: Session, tables: Collection[str]) -> tuple[str, ...]:
    """Return foreign keys to missing tables. A database server holds none."""
    if session.vendor != "sqlite":
        return ()
    there = {table.lower() for table in tables}
    found = []
    for table in tables:
        for row in session.fetch(f"PRAGMA foreign_key_list({session.quote(table)})"):
            target, column = as_text(row[2]), as_text(row[3])
            if target.lower() not in there:
                found.append(f"{table}.{column} -> {target}")
    return tuple(sorted(found))


def _spoilt(session: Session, tables: Sequence[str]) -> tuple[str, ...]:
    """Return columns whose every value is the column's own name. SQLite alone can produce them.

    A table's first row names the suspects, so that no big table is read to its end for nothing.
    """
    if session.vendor != "sqlite":
        return ()
    found = []
    for table in tables:
        quoted = session.quote(table)
        first = session.fetch(f"SELECT * FROM {quoted} LIMIT 1")  # noqa: S608 - quoted
        if not first:
            continue
        for column, value in zip(session.column_names(table), first[0], strict=True):
            if value != column:
                continue
            name = session.column(table, column)
            other = session.fetch(f"SELECT 1 FROM {quoted} WHERE {name} IS NOT %s LIMIT 1", (column,))  # noqa: S608 - quoted
            if not other:
                rows = session.count(table)
                found.append(f"{table}.{column} ({rows} row{'' if rows == 1 else 's'})")
    return tuple(found)


def _has_default_site(session: Session, tables: Collection[str]) -> bool:
    _require(tables, "django_site")
    return bool(session.select("django_site", "id", where=("id", 1)))
