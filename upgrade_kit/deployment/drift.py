"""Where a database's tables and references differ from those of its version's models."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_number
from upgrade_kit.deployment.first_rows import first_rows
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.precondition import TableDrift
from upgrade_kit.model.shape import Models
from upgrade_kit.model.unobserved import Unobserved

_NAMED = 3


def read_drift(
    session: Session, tables: Collection[str], version: Version, models: Sequence[Models]
) -> TableDrift | Unobserved:
    """Compare tables and columns with those of the version and of the versions after it."""
    own = next((known for known in models if known.version == version), None)
    if own is None:
        return Unobserved(f"the rules do not know the tables of {version}")
    expected = _columns(own)
    try:
        found = {name: frozenset(session.column_names(name)) for name in expected if name in tables}
    except DatabaseError as error:
        return Unobserved(error.message)
    there = {app for app, names in _apps(own).items() if names & found.keys()}
    absent = [name for app, names in _apps(own).items() if app not in there for name in names]
    missing = [name for name in expected if name not in found and name not in absent]
    missing += [f"{name}.{column}" for name in found for column in sorted(expected[name] - found[name])]
    coming = tuple(_in_the_way(tables, found, own, models))
    known = {name for _, names in coming for name in names}
    extra = (f"{name}.{column}" for name in found for column in sorted(found[name] - expected[name]))
    return TableDrift(
        version=version,
        missing=tuple(sorted(missing)),
        absent=tuple(sorted(absent)),
        extra=tuple(sorted(name for name in extra if name not in known)),
        in_the_way=coming,
    )


def _apps(models: Models) -> dict[str, set[str]]:
    """Return the tables of each app: ``migrate --fake-initial`` takes an app as made where its tables are there."""
    apps: dict[str, set[str]] = {}
    for table in models.tables:
        if table.dumped:
            names = {table.table, *(pairs.table for pairs in table.lists)}
            apps.setdefault(table.model.partition(".")[0], set()).update(names)
    return apps


def _in_the_way(
    tables: Collection[str], found: dict[str, frozenset[str]], own: Models, models: Sequence[Models]
) -> Iterator[tuple[Version, tuple[str, ...]]]:
    before = _columns(own)
    for later in models:
        if later.version <= own.version:
            continue
        after = _columns(later)
        names = [name for name in after if name not in before and name in tables]
        names += [
            f"{name}.{column}"
            for name in after
            if name in before
            for column in sorted((after[name] - before[name]) & found.get(name, frozenset()))
        ]
        if names:
            yield later.version, tuple(sorted(names))
        before = after


def _columns(models: Models) -> dict[str, frozenset[str]]:
    """Return the columns of each table that a version makes; what only the table is left of may be lacking."""
    columns = {}
    for table in models.tables:
        if table.dumped:
            columns[table.table] = frozenset(field.column for field in table.fields)
            columns.update({pairs.table: frozenset(("id", pairs.source, pairs.target)) for pairs in table.lists})
    return columns


@dataclass(frozen=True, slots=True)
class _Reference:
    table: str
    key: str
    column: str
    to: str
    to_key: str


def read_orphans(session: Session, version: Version, models: Sequence[Models]) -> tuple[str, ...] | Unobserved:
    """Find rows that point to no row, through any reference of the version's models; one query a table."""
    own = next((known for known in models if known.version == version), None)
    if own is None:
        return Unobserved(f"the rules do not know the tables of {version}")
    there = set(session.table_names())
    found: list[str] = []
    try:
        for references in _references(own):
            usable = [one for one in references if {one.table, one.to} <= there]
            columns = session.column_names(usable[0].table) if usable else ()
            found += _lost(session, [one for one in usable if one.column in columns])
    except DatabaseError as error:
        return Unobserved(error.message)
    return tuple(found)


def _references(models: Models) -> Iterator[list[_Reference]]:
    targets = {table.model: (table.table, table.key.column) for table in models.tables if table.key}
    for table in models.tables:
        key = table.key.column if table.key else ""
        yield [
            _Reference(table.table, key, field.column, *targets[field.to])
            for field in table.fields
            if field.to in targets and key
        ]
        for pairs in table.lists:
            ends = ((pairs.source, table.model), (pairs.target, pairs.to))
            yield [_Reference(pairs.table, "id", column, *targets[to]) for column, to in ends if to in targets]


def _lost(session: Session, references: Sequence[_Reference]) -> list[str]:
    if not references:
        return []
    joins, sums = [], []
    for index, one in enumerate(references):
        target = f"o{index}.{session.quote(one.to_key)}"
        column = f"r.{session.quote(one.column)}"
        joins.append(f"LEFT JOIN {session.quote(one.to)} o{index} ON {target} = {column}")
        sums.append(f"SUM(CASE WHEN {column} IS NOT NULL AND {target} IS NULL THEN 1 ELSE 0 END)")
    sql = f"SELECT {', '.join(sums)} FROM {session.quote(references[0].table)} r {' '.join(joins)}"  # noqa: S608 - quoted
    counts = [as_number(count or 0) for count in session.fetch(sql)[0]]
    return [_told(session, one, count) for one, count in zip(references, counts, strict=True) if count]


def _told(session: Session, one: _Reference, count: int) -> str:
    key, column = f"r.{session.quote(one.key)}", f"r.{session.quote(one.column)}"
    target = f"o.{session.quote(one.to_key)}"
    rows = first_rows(
        session,
        f"SELECT {key}, {column} FROM {session.quote(one.table)} r LEFT JOIN {session.quote(one.to)} o "  # noqa: S608 - quoted
        f"ON {target} = {column} WHERE {column} IS NOT NULL AND {target} IS NULL ORDER BY {key}",
        most=_NAMED,
    )
    first = ", ".join(f"id {owner} to {value}" for owner, value in rows)
    more = ", ..." if count > len(rows) else ""
    return f"{one.table}.{one.column} -> {one.to}: {count} row{'' if count == 1 else 's'} ({first}{more})"
