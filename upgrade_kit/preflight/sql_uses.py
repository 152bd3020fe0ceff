"""Which of a script's tables and columns are touched by the coming migrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from upgrade_kit.model.sql import Fate, NamedColumn, NamedTable, Place, Query, SchemaChange, SchemaChanges, Script


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One place in a script that names what changes.

    Attributes:
        script: its name.
        words: how the statement begins.
        place: where.
        change: what becomes of what it names.
    """

    script: str
    words: str
    place: Place
    change: SchemaChange

    @property
    def where(self) -> str:
        """Script, line and column."""
        return f"{self.script}:{self.place.line}:{self.place.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One place in a script that takes all columns of a table as they are now.

    Attributes:
        script: its name.
        words: how the statement begins.
        place: where.
        table: the table.
        going: its columns that go.
        coming: those that come.
    """

    script: str
    words: str
    place: Place
    table: str
    going: tuple[str, ...]
    coming: tuple[str, ...]

    @property
    def where(self) -> str:
        """Script, line and column."""
        return f"{self.script}:{self.place.line}:{self.place.column}"


class _Known:
    """What is there now and what becomes of it, to be looked up by name."""

    def __init__(self, changes: SchemaChanges) -> None:
        self.columns: Mapping[str, frozenset[str]] = dict(changes.columns)
        self.changes: Mapping[tuple[str, str], list[SchemaChange]] = {}
        for change in changes.changes:
            self.changes.setdefault((change.table, change.column), []).append(change)
        self.reshaped = {table: (going, coming) for table, going, coming in changes.reshaped}


def uses(script: Script, changes: SchemaChanges, fate: Fate) -> Iterator[Use]:
    """Yield each place that names a table or column with this fate, in the order of the script."""
    known = _Known(changes)
    found: list[Use] = []
    for query in script.queries:
        named = [(table.name, "", table.place) for table in query.tables]
        for column in query.columns:
            table = _table_of(column, query, script, known)
            if table is not None:
                named.append((table, column.name, column.place))
        for name, column_name, place in named:
            found += [
                Use(script=script.name, words=query.words, place=place, change=change)
                for change in known.changes.get((name, column_name), ())
                if change.fate is fate
            ]
    yield from sorted(dict.fromkeys(found), key=lambda use: (use.place, use.change.column))


def tables_of(script: Script) -> frozenset[str]:
    """Return every table that a script reads or writes."""
    return frozenset(table.name for query in script.queries for table in query.tables)


def columns_of(script: Script, changes: SchemaChanges) -> frozenset[tuple[str, str]]:
    """Return ``(table, column)`` of every column of QATrack+ that a script names, as far as that can be told."""
    known = _Known(changes)
    named = (
        (_table_of(column, query, script, known), column.name) for query in script.queries for column in query.columns
    )
    return frozenset((table, column) for table, column in named if table is not None)


def inserts(script: Script, changes: SchemaChanges) -> Iterator[Whole]:
    """Yield each INSERT that does not say into which columns, where the table will have others."""
    known = _Known(changes)
    for query in script.queries:
        table = query.insert_all
        if table is not None and table.name in known.reshaped:
            yield _whole(script, query, table.place, table.name, known)


def selects(script: Script, changes: SchemaChanges) -> Iterator[Whole]:
    """Yield each ``SELECT *`` from a table that loses columns."""
    known = _Known(changes)
    for query in script.queries:
        for column in query.columns:
            if column.name != "*":
                continue
            tables = [table for table in query.tables if not column.qualifier or table.alias == column.qualifier]
            for name in dict.fromkeys(table.name for table in tables):
                if known.reshaped.get(name, ((), ()))[0]:
                    yield _whole(script, query, column.place, name, known)


def _whole(script: Script, query: Query, place: Place, table: str, known: _Known) -> Whole:
    going, coming = known.reshaped[table]
    return Whole(script=script.name, words=query.words, place=place, table=table, going=going, coming=coming)


def _table_of(column: NamedColumn, query: Query, script: Script, known: _Known) -> str | None:
    """Return the table that a column belongs to; ``None`` where that cannot be told, or it is none of QATrack+'s."""
    if column.name == "*":
        return None
    around: Query | None = query
    while around is not None:
        if column.qualifier:
            named = [table for table in (*around.tables, *around.implied) if table.alias == column.qualifier]
            if named:
                return _only(named, column.name, known)
        else:
            having = [table for table in around.tables if column.name in known.columns.get(table.name, ())]
            if having:
                return _only(having, column.name, known)
        around = None if around.outer is None else script.queries[around.outer]
    return column.qualifier if column.name in known.columns.get(column.qualifier, ()) else None


def _only(tables: list[NamedTable], column: str, known: _Known) -> str | None:
    names = {table.name for table in tables if column in known.columns.get(table.name, ())}
    return names.pop() if len(names) == 1 else None
