"""Writes a database as a Django fixture, one object a line, however large it is."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias

import orjson

from upgrade_kit.backup.method import Progress
from upgrade_kit.deployment.connection import BATCH_ROWS, Session
from upgrade_kit.deployment.rows import ContentDigest, Row, Rows, Written
from upgrade_kit.model.content import TableContent
from upgrade_kit.model.shape import Field, Kind, ListField, Shapes, TableShape, pairs_model

Value: TypeAlias = Any  # as JSON holds it

_CHUNK = 256 * 1024  # bytes handed on at a time
_WAITING = 8  # chunks that may wait for the compressor
_LEVEL = 1  # a fifth of what level 6 costs, for a tenth more bytes
_GZIP = 31  # zlib's word for: with the header of gzip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """A fixture that was written.

    Attributes:
        contents: what each table holds, by name: rows and digest, read in the snapshot that was written.
        notes: what a person should know of it, one sentence each.
    """

    contents: tuple[TableContent, ...]
    notes: tuple[str, ...]


class FixtureFile:
    """The list of objects in a file, gzip or plain. Compression runs beside the rest."""

    def __init__(self, file: BinaryIO, *, compress: bool) -> None:
        self._buffer = bytearray(b"[\n")
        self._between = b""
        self._out: BinaryIO | _Compressor = _Compressor(file) if compress else file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            if kind is None:
                self._buffer += b"\n]\n" if self._between else b"]\n"
                self._out.write(self._buffer)
        finally:
            if isinstance(self._out, _Compressor):
                self._out.close(whole=kind is None)

    def write(self, lines: Iterable[bytes]) -> None:
        """Add objects.

        Raises:
            OSError: the file cannot be written.
        """
        buffer, between = self._buffer, self._between
        for line in lines:
            buffer += between
            buffer += line
            between = b",\n"
        self._between = between
        if len(buffer) > _CHUNK:
            self._out.write(buffer)
            self._buffer = bytearray()  # the other one is the compressor's now


class _Compressor:
    """Compresses in a thread of its own: zlib lets go of the interpreter while it works."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._queue: Queue[bytearray | None] = Queue(_WAITING)
        self._error: OSError | ValueError | zlib.error | MemoryError | None = None
        self._thread = Thread(target=self._run, name="upgrade-kit gzip", daemon=True)

    def write(self, data: bytearray) -> None:
        if self._error is not None:
            raise self._error
        if not self._thread.is_alive():  # not before whoever closes this can be interrupted
            self._thread.start()
        self._queue.put(data)

    def close(self, *, whole: bool) -> None:
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        if whole and self._error is not None:
            raise self._error

    def _run(self) -> None:
        compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
        more = True
        while more:
            data = self._queue.get()
            more = data is not None
            if self._error is not None:
                continue  # told at the next write; until then what comes is thrown away
            try:
                self._file.write(compressor.flush() if data is None else compressor.compress(data))
            except (OSError, ValueError, zlib.error, MemoryError) as error:  # ValueError: closed by an interrupt
                self._error = error


def write_fixture(session: Session, shapes: Shapes, file: FixtureFile, *, progress: Progress | None = None) -> Fixture:
    """Write every object with plain keys, as ``dumpdata`` does, and what no model has beside it.

    Run it inside ``session.snapshot()``. Objects come in the order of ``shapes`` and of their keys. A pair of
    a many-to-many field that belongs to no object is written as an object of the field's own table.

    Args:
        session: the database.
        shapes: its tables.
        file: where to.
        progress: told how many rows are done.

    Raises:
        DatabaseError: a table cannot be read.
        OSError: the file cannot be written.
    """
    return FixtureWriter(session, shapes, file, progress).write()


class FixtureWriter:
    """Goes through the tables, writes their objects as ``dumpdata`` would, and adds up what they hold."""

    keeps_loose_pairs = True  # whether pairs of no object are written as objects of their own

    def __init__(self, session: Session, shapes: Shapes, file: FixtureFile, progress: Progress | None) -> None:
        self.session = session
        self.shapes = shapes
        self.notes = list(shapes.notes)
        self._by_model = {shape.model: shape for shape in shapes.tables}
        self._contents: list[TableContent] = []
        self._file = file
        self._progress = progress
        self._done = 0

    def write(self) -> Fixture:
        """Write everything."""
        for shape in self.shapes.tables:
            self._table(shape)
        contents = sorted(self._contents, key=lambda content: content.name)
        return Fixture(contents=tuple(contents), notes=tuple(self.notes))

    def wants(self, _shape: TableShape) -> bool:
        """Tell whether a table's objects are written; what they hold is added up in any case."""
        return True

    def written(self, _rows: Rows, _batch: Sequence[Row], lists: Sequence[FoundLists]) -> Written | None:
        """Return what writes the objects of these rows, or ``None`` where they are written as they are.

        Args:
            lists: the lists of the objects, for each many-to-many field.
        """
        if not lists:
            return None

        def write(item: dict[str, Value], line: bytes) -> bytes:
            parts = [pairs.prefix + orjson.dumps(found[item["pk"]], str) for pairs, found in lists]
            start = line.removesuffix(b"}}")
            return start + b"".join(parts).removeprefix(b"," if start.endswith(b"{") else b"") + b"}}"

        return write

    def read(self, rows: Rows, _lists: Sequence[Pairs]) -> None:
        """Take note of what was found in a table when it has been read."""
        self.notes.extend(rows.told)

    def loose(self, pairs: Pairs, number: int) -> None:
        """Take note of pairs that belong to no object."""
        self.notes.append(
            f"{pairs.shape.table}: {number} pair{'s' if number > 1 else ''} of no {pairs.owner.model}; "
            f"written as objects of {pairs.shape.model}."
        )

    def put(self, lines: Iterable[bytes], number: int, *, wanted: bool = True) -> None:
        """Write objects, or only go through them."""
        if wanted:
            self._file.write(lines)
        else:
            for _ in lines:
                pass
        self._done += number
        if self._progress is not None:
            self._progress(self._done, None)

    def _table(self, shape: TableShape) -> None:
        rows, wanted = Rows(self.session, shape), self.wants(shape)
        lists = [Pairs(self.session, shape, pairs, self._by_model) for pairs in shape.lists]
        if lists and shape.key:
            self._with_lists(rows, lists, wanted=wanted)
        else:
            order = f" ORDER BY {rows.columns[-1]}" if shape.key else ""
            for batch in self.session.batches(rows.sql + order):
                self.put(rows.lines(batch, self.written(rows, batch, ())), len(batch), wanted=wanted)
        for pairs in lists:
            self._loose(pairs)
            self._contents.append(pairs.digest.content)
        self._contents.append(rows.content)
        self.read(rows, lists)

    def _with_lists(self, rows: Rows, lists: Sequence[Pairs], *, wanted: bool) -> None:
        """Read a page of objects, then their lists: some servers give but one result at a time."""
        sql = _page(self.session, rows, after=False)
        last: tuple[Value, ...] = ()
        while True:
            page = [row for batch in self.session.batches(sql, last) for row in batch]
            if not page:
                return
            keys = [row[-1] for row in page]
            found = [(pairs, pairs.of(keys)) for pairs in lists]
            self.put(rows.lines(page, self.written(rows, page, found)), len(page), wanted=wanted)
            sql, last = _page(self.session, rows, after=True), (keys[-1],)

    def _loose(self, pairs: Pairs) -> None:
        """Write the pairs that belong to no object."""
        rows = Rows(self.session, pairs.shape)
        number = 0
        for batch in self.session.batches(pairs.loose_sql(rows)):
            pairs.digest.add_pairs((row[0], row[1]) for row in batch)
            self.put(rows.lines(batch), len(batch), wanted=self.keeps_loose_pairs)
            number += len(batch)
        if number:
            self.loose(pairs, number)


class Pairs:
    """Reads the pairs of one many-to-many field.

    Attributes:
        owner: the shape of the model that has the field.
        shape: that of the table of pairs, as Django's own model for it has it.
        prefix: the field's name as it stands before its list.
        field: the field.
        digest: of the pairs that were read.
    """

    def __init__(self, session: Session, owner: TableShape, pairs: ListField, shapes: Mapping[str, TableShape]) -> None:
        self.owner = owner
        self.field = pairs
        self.shape = pairs_shape(owner, pairs, key="id" in session.column_names(pairs.table))
        self.prefix = b"," + orjson.dumps(pairs.name) + b":"
        self.digest = ContentDigest(pairs.table)
        self._session = session
        self._shapes = shapes

    def of(self, keys: Sequence[Value]) -> dict[Value, list[Value]]:
        """Return the lists of these objects, whose keys are in order."""
        found: dict[Value, list[Value]] = {key: [] for key in keys}
        for batch in self._session.batches(self._sql(), (keys[0], keys[-1])):
            # Between the keys there may be pairs of no object.
            own = [pair for pair in batch if pair[0] in found]
            self.digest.add_pairs(own)
            for source, target in own:
                found[source].append(target)
        return found

    def _sql(self) -> str:
        column, pairs = self._session.column, self.field
        source, target = column(pairs.table, pairs.source), column(pairs.table, pairs.target)
        joins = _Joins(self._session, self._shapes)
        order = [source]
        for path in pairs.order:
            found = joins.column(target, self._shapes.get(pairs.to), path.removeprefix("-"))
            if found:
                order.append(f"{found} DESC" if path.startswith("-") else found)
        if self.shape.key:
            order.append(column(pairs.table, self.shape.key.column))
        return (
            f"SELECT {source}, {target} FROM {self._session.quote(pairs.table)}{joins.text} "  # noqa: S608 - quoted
            f"WHERE {source} >= %s AND {source} <= %s ORDER BY {', '.join(order)}"
        )

    def loose_sql(self, rows: Rows) -> str:
        """Return the query for the pairs that belong to no object."""
        if self.owner.key is None:
            return rows.sql
        column = self._session.column
        key, source = column(self.owner.table, self.owner.key.column), column(self.field.table, self.field.source)
        there = f"SELECT 1 FROM {self._session.quote(self.owner.table)} WHERE {key} = {source}"  # noqa: S608 - quoted
        return f"{rows.sql} WHERE NOT EXISTS ({there})"


class _Joins:
    """Finds the columns that field paths lead to.

    Attributes:
        text: the joins they need.
    """

    def __init__(self, session: Session, shapes: Mapping[str, TableShape]) -> None:
        self.text = ""
        self._session = session
        self._shapes = shapes
        self._joined: dict[str, str] = {}

    def column(self, at: str, shape: TableShape | None, path: str) -> str:
        """Return the column that a path from the model that ``at`` points to leads to, or ``""``."""
        name, _, rest = path.partition(".")
        field = _field(shape, name)
        if shape is None or shape.key is None or field is None:
            return ""
        quote = self._session.quote
        if at not in self._joined:
            alias = self._joined[at] = quote(f"joined_{len(self._joined)}")
            self.text += f" LEFT JOIN {quote(shape.table)} {alias} ON {alias}.{quote(shape.key.column)} = {at}"
        column = f"{self._joined[at]}.{quote(field.column)}"
        return self.column(column, self._shapes.get(field.to), rest) if rest else column


# The lists of the objects at hand, by key, for each many-to-many field.
FoundLists: TypeAlias = tuple[Pairs, dict[Value, list[Value]]]


def pairs_shape(owner: TableShape, pairs: ListField, *, key: bool = True) -> TableShape:
    """Return the shape of a table of pairs as a model of its own, the one that Django makes for it.

    Args:
        owner: the model that has the field.
        pairs: the field.
        key: whether the table has its ``id``.
    """
    ends = tuple(
        Field(name=column.removesuffix("_id"), column=column, kind=Kind.INTEGER, to=to)
        for column, to in ((pairs.source, owner.model), (pairs.target, pairs.to))
    )
    own = (Field(name="id", column="id", kind=Kind.AUTO, key=True),) if key else ()
    return TableShape(model=pairs_model(owner, pairs), table=pairs.table, fields=(*own, *ends))


def _field(shape: TableShape | None, name: str) -> Field | None:
    return next((field for field in shape.fields if field.name == name), None) if shape else None


def _page(session: Session, rows: Rows, *, after: bool) -> str:
    key = rows.columns[-1]
    top, limit = ("", f" LIMIT {BATCH_ROWS}") if session.vendor != "microsoft" else (f"TOP ({BATCH_ROWS}) ", "")
    where = f" WHERE {key} > %s" if after else ""
    return f"SELECT {top}{', '.join(rows.columns)} FROM {rows.source}{where} ORDER BY {key}{limit}"  # noqa: S608 - quoted
