"""SQL that a site keeps: which tables and columns its statements name, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A place in a text, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTable:
    """A table that a statement reads or writes.

    Attributes:
        name: without its schema, in lower case; ``""`` for a table that the statement makes itself.
        alias: what the statement calls it, in lower case.
        place: where.
    """

    name: str
    alias: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedColumn:
    """A column that a statement names.

    Attributes:
        name: in lower case; ``"*"`` for all.
        qualifier: the table's name or alias before the full stop, in lower case, or ``""``.
        place: where.
    """

    name: str
    qualifier: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One SELECT, INSERT, UPDATE, DELETE, MERGE, or a statement about a table, without the queries in its brackets.

    Attributes:
        words: how the statement begins that it is part of.
        outer: the place in ``Script.queries`` of the query around it, or ``None``.
        tables: what it reads and writes.
        columns: what it names; nothing is known yet of which table a bare name belongs to.
        implied: tables that can be named without being read: what a trigger calls NEW, OLD, inserted and deleted.
        insert_all: the table into which it inserts without saying into which columns, or ``None``.
    """

    words: str
    outer: int | None
    tables: tuple[NamedTable, ...]
    columns: tuple[NamedColumn, ...]
    implied: tuple[NamedTable, ...] = ()
    insert_all: NamedTable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A text of SQL, taken apart.

    Attributes:
        name: of the file, or of the view, trigger or procedure in the database.
        queries: in their order.
    """

    name: str
    queries: tuple[Query, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripts:
    """All SQL of one origin.

    Attributes:
        read: what could be taken apart.
        unread: ``(name, reason)`` of what could not.
    """

    read: tuple[Script, ...]
    unread: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSql:
    """SQL that the database itself holds.

    Attributes:
        vendor: of the database, as ``Database`` has it.
        views: each by its name (``"view monthly"``).
        others: triggers, procedures and functions, likewise.
    """

    vendor: str
    views: Scripts
    others: Scripts


class Fate(StrEnum):
    """What the migrations do to a table or a column."""

    GONE = "gone"  # it is no more
    CHANGED = "changed"  # it is there, and holds something else


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChange:
    """What one hop does to a table or a column that is there before it.

    Attributes:
        table: its name.
        column: its name, or ``""`` where it is about the whole table.
        fate: what becomes of it.
        to: the version that does it.
        what: the same in words (``"becomes one text in name"``).
        instead: what to write instead, or ``""``.
        source: the migration.
    """

    table: str
    column: str
    fate: Fate
    to: str
    what: str
    instead: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaChanges:
    """What the coming migrations do to the tables that are there now.

    Attributes:
        columns: ``(table, columns)`` of each table that is there now.
        changes: what becomes of them.
        reshaped: tables that will have other columns than now, with those that go and those that come.
        retyped: ``(table, column)`` of what gets another type, or another length.
        remade: tables that are made anew on SQLite, which cannot change one.
        guarded: those of them on whose way SQLite looks at every view, and stops at one that names such a table.
    """

    columns: tuple[tuple[str, frozenset[str]], ...]
    changes: tuple[SchemaChange, ...]
    reshaped: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    retyped: tuple[tuple[str, str], ...] = ()
    remade: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()
