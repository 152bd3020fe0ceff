"""Puts the objects of a fixture into the tables of a database, many rows at a time."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from upgrade_kit.backup.method import Progress
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.fixture_reader import FixtureObject
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.shape import Field, Kind, ListField, Shapes, TableShape, pairs_model

Value: TypeAlias = Any  # what JSON holds, then what a driver takes

_TAKES_RESTART_BACK = 100_000  # PostgreSQL's server_version_num
_LARGEST_SERIAL = 2**31 - 1
_ROWS = 1000  # a batch; memory holds one for each table of pairs and one for the table at hand


def load(
    objects: Iterable[FixtureObject], session: Session, shapes: Shapes, *, progress: Progress | None = None
) -> tuple[str, ...]:
    """Insert every object of a fixture. Nothing of it is passed over in silence.

    Call it inside ``session.transaction()`` and ``without_constraints``, on tables that hold none of the keys.

    Args:
        objects: with plain keys, as ``upgrade_kit.backup.fixture`` writes them.
        session: opened for writing.
        shapes: of the session's own tables.
        progress: told how many objects are in.

    Returns:
        The tables that rows went into.

    Raises:
        BackupError: an object has no table here, or a field that it has no column for, or lacks one.
        DatabaseError: with the server's own words.
    """
    tables = {shape.model: _Table(session, shape) for shape in shapes.tables}
    loose = {pairs_model(shape, pairs): (shape.model, pairs) for shape in shapes.tables for pairs in shape.lists}
    present: _Table | None = None
    for done, item in enumerate(objects, 1):
        if item.model in loose:
            model, pairs = loose[item.model]
            tables[model].add_pair(pairs, item.fields)
            continue
        if present is None or present.model != item.model:
            if present is not None:
                present.flush()
            present = tables.get(item.model)
            if present is None:
                raise BackupError(
                    f"{session.address.shown}: there is no table for {item.model} {item.pk}",
                    hint="Make the tables with the site's own syncdb and migrate, at the version of the backup.",
                )
        present.add(item)
        if progress is not None and done % _ROWS == 0:
            progress(done, None)
    for table in tables.values():
        table.flush()
        table.flush_pairs()
    return tuple(name for table in tables.values() for name in table.filled)


class _Table:
    """One model's table, and its tables of pairs, with the rows that wait to be inserted."""

    def __init__(self, session: Session, shape: TableShape) -> None:
        self.model = shape.model
        self.filled: dict[str, None] = {}
        self._session = session
        self._shape = shape
        self._key = shape.key
        self._fields = tuple(field for field in shape.fields if field is not self._key)
        self._columns = tuple(field.column for field in (*self._fields, *([self._key] if self._key else [])))
        self._names = tuple(field.name for field in self._fields)
        self._known = frozenset((*self._names, *(pairs.name for pairs in shape.lists)))
        wanted = (*self._fields, *([self._key] if self._key else []))
        self._converters = [
            (index, _AS_THEY_ARE.get((field.kind, session.vendor), _NOTHING), _converter(field, session.vendor))
            for index, field in enumerate(wanted)
        ]
        self._rows: list[list[Value]] = []
        self._pairs: dict[ListField, list[tuple[Value, Value]]] = {pairs: [] for pairs in shape.lists}

    def add(self, item: FixtureObject) -> None:
        fields = item.fields
        if fields.keys() != self._known:
            raise self._misfit(item)
        row = [fields[name] for name in self._names]
        if self._key:
            row.append(item.pk)
        self._rows.append(row)
        for pairs, waiting in self._pairs.items():
            targets = fields[pairs.name]
            if targets:
                waiting.extend((item.pk, target) for target in _as_list(targets))
                if len(waiting) >= _ROWS:
                    self._insert(pairs.table, (pairs.source, pairs.target), waiting)
        if len(self._rows) >= _ROWS:
            self.flush()

    def add_pair(self, pairs: ListField, fields: dict[str, object]) -> None:
        """Add a pair that belongs to no object."""
        waiting = self._pairs[pairs]
        waiting.append((fields[pairs.source.removesuffix("_id")], fields[pairs.target.removesuffix("_id")]))
        if len(waiting) >= _ROWS:
            self._insert(pairs.table, (pairs.source, pairs.target), waiting)

    def flush(self) -> None:
        """Convert the rows that wait, column by column: most columns hold what the driver takes as it is."""
        if not self._rows:
            return
        columns: list[Sequence[Value]] = list(zip(*self._rows, strict=True))
        for index, usual, convert in self._converters:
            column = columns[index]
            if not set(map(type, column)) <= usual:
                columns[index] = [None if value is None else convert(value) for value in column]
        self._rows.clear()
        self._insert(self._shape.table, self._columns, list(zip(*columns, strict=True)))

    def flush_pairs(self) -> None:
        for pairs, waiting in self._pairs.items():
            self._insert(pairs.table, (pairs.source, pairs.target), waiting)

    def _insert(self, table: str, columns: Sequence[str], rows: list[Any]) -> None:
        if rows:
            self._session.insert(table, columns, rows)
            self.filled[table] = None
            rows.clear()

    def _misfit(self, item: FixtureObject) -> BackupError:
        lacking = sorted(self._known - item.fields.keys())
        beside = sorted(item.fields.keys() - self._known)
        what = f"has no column for {', '.join(beside)}" if beside else f"wants {', '.join(lacking)}"
        return BackupError(
            f"{self._session.address.shown}: the table {self._shape.table} {what} of {item.model} {item.pk}",
            hint="Restore into a database whose tables are of the version of the backup.",
        )


def _as_list(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise BackupError(f"a many-to-many field holds {value!r} in place of a list", hint="Make another backup.")
    return value


# --- Constraints -------------------------------------------------------------------------------------


@contextmanager
def without_constraints(session: Session, tables: Sequence[str]) -> Iterator[list[str]]:
    """Let rows come in any order inside the block, and check every foreign key at its end.

    Call it inside ``session.transaction()``.

    Yields:
        An empty list, which holds afterwards what the check saw, one sentence each.

    Raises:
        BackupError: a key points to nothing, where the database enforces its keys.
        DatabaseError: with the server's own words.
    """
    told: list[str] = []
    match session.vendor:
        case "postgresql":
            session.execute("SET CONSTRAINTS ALL DEFERRED")
            yield told
            with _explaining(session):
                session.execute("SET CONSTRAINTS ALL IMMEDIATE")
        case "mysql":
            session.execute("SET SESSION foreign_key_checks = 0")
            session.execute("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')")
            yield told
            session.execute("SET SESSION foreign_key_checks = 1")
            _check_mysql(session)
        case "microsoft":
            switched = _switch_off(session, tables)
            yield told
            with _explaining(session):
                for table in switched:
                    session.execute(f"ALTER TABLE {session.quote(table)} WITH CHECK CHECK CONSTRAINT ALL")
        case _:
            yield told
            told.append(_sqlite_keys(session))
            return
    told.append("Every foreign key points to a row.")


@contextmanager
def _explaining(session: Session) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise BackupError(
            f"{session.address.shown}: a foreign key points to a row that the backup does not hold: {error.message}",
            hint="Nothing was changed. Restore into SQLite, which keeps such rows, and look for them there.",
        ) from error


def _switch_off(session: Session, tables: Sequence[str]) -> tuple[str, ...]:
    """Return the tables whose constraints are off; a server that cannot do that gets its rows in dependency order."""
    switched: list[str] = []
    for table in tables:
        try:
            session.execute(f"ALTER TABLE {session.quote(table)} NOCHECK CONSTRAINT ALL")
        except DatabaseError:
            if switched:
                raise
            return ()
        switched.append(table)
    return tuple(switched)


def _check_mysql(session: Session) -> None:
    """MySQL checks no row that came while the checks were off; each key is asked for."""
    keys = session.fetch(
        "SELECT table_name, column_name, referenced_table_name, referenced_column_name"
        " FROM information_schema.key_column_usage"
        " WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL"
    )
    for table, column, target, key in keys:
        here, there = session.quote(str(table)), session.quote(str(target))
        name, pk = session.quote(str(column)), session.quote(str(key))
        sql = (
            f"SELECT a.{name} FROM {here} a LEFT JOIN {there} b ON a.{name} = b.{pk}"  # noqa: S608 - quoted
            f" WHERE a.{name} IS NOT NULL AND b.{pk} IS NULL LIMIT 1"
        )
        if found := session.fetch(sql):
            raise BackupError(
                f"{session.address.shown}: {table}.{column} points to {target} {found[0][0]}, which the backup does "
                "not hold",
                hint="Nothing was changed. Restore into SQLite, which keeps such rows, and look for them there.",
            )


def _sqlite_keys(session: Session) -> str:
    try:
        broken = session.fetch("PRAGMA foreign_key_check")
    except DatabaseError as error:
        return f"Foreign keys could not be checked ({error.message}); they are as they were in the site's database."
    if not broken:
        return "SQLite's foreign key check finds nothing."
    return f"SQLite's foreign key check finds {len(broken)} rows without a parent, as the backup holds them."


def reset_sequences(session: Session, shapes: Shapes) -> None:
    """Let the next row of each table get a key that is free; what is rolled back has not moved them.

    PostgreSQL alone has to be told: the others go by the highest key that they have seen. Its ``setval`` is for good
    even where the transaction is not; ``ALTER SEQUENCE ... RESTART`` is part of it from PostgreSQL 10 on, for who owns
    the sequence (its manual, "Sequence Manipulation Functions" and "ALTER SEQUENCE").
    """
    if session.vendor != "postgresql":
        return
    for shape in shapes.tables:
        columns = [(shape.table, shape.key.column)] if shape.key and shape.key.kind is Kind.AUTO else []
        for table, column in (*columns, *((pairs.table, "id") for pairs in shape.lists)):
            if column in session.column_names(table):
                _reset_sequence(session, session.quote(table), column)


def _reset_sequence(session: Session, table: str, column: str) -> None:
    ((sequence, owned, version),) = session.fetch(
        "SELECT s.name, (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c "
        "WHERE c.oid = s.name::regclass), current_setting('server_version_num')::int "
        "FROM (SELECT pg_get_serial_sequence(%s, %s) AS name) s",
        (table, column),
    )
    if sequence is None:
        return
    highest = session.fetch(f"SELECT MAX({session.quote(column)}) FROM {table}")[0][0]  # noqa: S608 - quoted
    following = max(int(str(highest or 0)), 0) + 1
    if owned and int(str(version)) >= _TAKES_RESTART_BACK and following <= _LARGEST_SERIAL:
        session.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {following}")
    else:
        session.fetch("SELECT setval(%s::regclass, %s, %s)", (sequence, max(following - 1, 1), following > 1))


# --- One function a kind -----------------------------------------------------------------------------

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z").fullmatch
_SECOND = len("2018-05-14T08:15:00")
_DURATION = re.compile(r"(?:(-?\d+) )?(\d\d):(\d\d):(\d\d)(?:\.(\d{6}))?").fullmatch
_INFINITIES = {"Infinity": float("inf"), "-Infinity": float("-inf")}
_ODD_FLOATS = {"NaN": float("nan"), **_INFINITIES}  # SQLite would store NULL for NaN, and keeps it as a text

Convert: TypeAlias = Callable[[Value], Value]


_NOTHING = frozenset({type(None)})
# The types of JSON's values that a driver takes as they are, by kind of column and vendor.
_AS_THEY_ARE = {
    (kind, vendor): frozenset({type(None), *types})
    for vendor in ("sqlite", "postgresql", "mysql", "microsoft")
    for kind, types in (
        (Kind.AUTO, (int,)),
        (Kind.INTEGER, (int,)),
        (Kind.FLOAT, (float, int)),
        (Kind.TEXT, (str,)),
        (Kind.BOOLEAN, (bool,) if vendor in {"sqlite", "postgresql"} else ()),
    )
}


def _converter(field: Field, vendor: str) -> Convert:
    """Return what turns JSON's values of a column into the driver's.

    A value that is not of its column's kind is given on as it is: SQLite holds such values.
    """
    match field.kind:
        case Kind.DATETIME:
            return partial(_to_moment, vendor)
        case Kind.DATE if vendor == "microsoft":  # the one form that no language setting reads otherwise
            return _to_compact_day
        case Kind.BOOLEAN if vendor != "postgresql":
            return _to_bit
        case Kind.DURATION if vendor != "postgresql":
            return _to_microseconds
        case Kind.BINARY:
            return _to_bytes
        case Kind.FLOAT:
            return partial(_to_float, _ODD_FLOATS if vendor != "sqlite" else _INFINITIES)
        case Kind.TEXT:
            return _to_text
        case _:
            return _to_any


def _to_moment(vendor: str, value: Value) -> Value:
    if not isinstance(value, str) or _MOMENT(value) is None:
        return _to_any(value)
    if vendor == "postgresql":
        return value
    if vendor == "microsoft":
        return value[:-1]
    fraction = value[_SECOND:-1]
    return f"{value[:10]} {value[11:_SECOND]}{fraction:0<7}" if fraction else f"{value[:10]} {value[11:-1]}"


def _to_compact_day(value: Value) -> Value:
    return value.replace("-", "") if isinstance(value, str) else value


def _to_bit(value: Value) -> Value:
    return int(value) if isinstance(value, bool) else _to_any(value)


def _to_microseconds(value: Value) -> Value:
    if not isinstance(value, str) or (found := _DURATION(value)) is None:
        return _to_any(value)
    days, hours, minutes, seconds, micros = (int(part or 0) for part in found.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + micros


def _to_bytes(value: Value) -> Value:
    return b64decode(value) if isinstance(value, str) else _to_any(value)


def _to_float(odd: dict[str, float], value: Value) -> Value:
    return odd.get(value, value) if isinstance(value, str) else _to_any(value)


def _to_text(value: Value) -> Value:
    return value if isinstance(value, str) else _to_any(value)


def _to_any(value: Value) -> Value:
    match value:
        case {"base64": str(text)}:
            return b64decode(text)
        case _:
            return value
