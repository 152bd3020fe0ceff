"""From a row as the driver gives it to the object that Django's ``dumpdata`` writes of it.

One way for every vendor, so that the same data gives the same bytes: what is dumped, what is digested and what
is compared are one thing. A value that is not of its column's kind (SQLite takes any) is kept as it is, and told;
so are the three floats that JSON has no number for (as the texts that Django's loader takes for them), bytes that
are no UTF-8 (as lone surrogates, PEP 383) and other binary values (``{"base64": ...}``).
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import TypeAlias

import orjson

from upgrade_kit.deployment.columns import NOT_IN_JSON, Column, Value, column_of
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.moments import CUT, moment
from upgrade_kit.model.content import TableContent
from upgrade_kit.model.shape import Kind, ListField, TableShape

Row: TypeAlias = Sequence[Value]

Written: TypeAlias = Callable[[dict[str, Value], bytes], bytes]

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
_dumps = orjson.dumps
_MODULUS = 2**256


class Rows:
    """Reads one table of one session, and adds up what it holds.

    Attributes:
        shape: the table's.
        fields: in the order in which the rows are wanted: the key stands last.
        columns: their quoted columns.
        source: the quoted table.
    """

    def __init__(self, session: Session, shape: TableShape) -> None:
        self.shape = shape
        self.source = session.quote(shape.table)
        self._key = shape.key
        # In the order of their names: what is digested must not depend on which version's rules were at hand.
        others = sorted((field for field in shape.fields if not field.key), key=lambda field: field.name)
        self.fields = (*others, *filter(None, [self._key]))
        self.columns = tuple(session.column(shape.table, field.column) for field in self.fields)
        self._digest = ContentDigest(shape.table)
        self._any_type = session.vendor == "sqlite"  # where a text column may hold a number, or bytes
        self._moments = {field.name for field in self.fields if field.kind is Kind.DATETIME}
        self._counts: dict[tuple[str, str], tuple[int, Value]] = {}
        columns = (column_of(field, session.vendor) for field in self.fields)
        self._converted = [(index, column) for index, column in enumerate(columns) if column is not None]

    @property
    def sql(self) -> str:
        """The query for every row, in no order."""
        return f"SELECT {', '.join(self.columns)} FROM {self.source}"  # noqa: S608 - quoted

    @property
    def content(self) -> TableContent:
        """What the rows that were read so far hold."""
        return self._digest.content

    @property
    def unfit(self) -> tuple[str, ...]:
        """Of what is told, that which the column's field does not take: Django's loader may refuse it."""
        return tuple(text for text in self.told if "kept as" in text and NOT_IN_JSON not in text)

    @property
    def told(self) -> tuple[str, ...]:
        """What was found in the values that a person should know of, one sentence each."""
        return tuple(
            f"{self.shape.table}.{column}: {number} value{'s' if number > 1 else ''} {what}"
            + ("" if first is None else f" (first in row {first})")
            for (column, what), (number, first) in self._counts.items()
        )

    def lines(self, batch: Sequence[Row], written: Written | None = None) -> Iterator[bytes]:
        """Yield each row as JSON and add it to the content.

        Args:
            batch: rows of ``columns``.
            written: what to write instead, where the object is not written as it is: gets the object and its
                JSON, returns JSON.
        """
        if not batch:
            return
        # Columns first, as a whole; then one plain loop over the rows that keeps no line and looks nothing up:
        # it is run millions of times.
        columns: list[Sequence[Value]] = list(zip(*batch, strict=True))
        cut: set[int] = set()
        for index, column in self._converted:
            columns[index] = column.convert(columns[index])
            cut.update(column.cut)
            self._tell(index, column, columns[-1])
        model, has_key = self.shape.model, self._key is not None
        names = [field.name for field in self.fields[: len(self.fields) - has_key]]
        digest, as_number, dumps = sha256, int.from_bytes, _dumps
        # One object is filled again and again, unless somebody is given it.
        fields: dict[str, Value] = dict.fromkeys(names)
        item: dict[str, Value] = {"model": model, "pk": None, "fields": fields}
        total = 0
        for values in zip(*columns):  # noqa: B905 - they are of one length, and the check has its price
            if written is not None:
                fields = {}
                item = {"model": model, "pk": None, "fields": fields}
            fields.update(zip(names, values))  # noqa: B905 - the key stands last, and the names end before it
            if has_key:
                item["pk"] = values[-1]
            try:
                line = dumps(item, None, _OPTIONS)
            except TypeError:  # orjson's own errors are of this kind
                line = self._spelled(item)
            total += as_number(digest(line).digest())
            yield line if written is None else written(item, line)
        for place in cut:
            total += self._read_back(names, [column[place] for column in columns])
        self._digest.add(total, len(batch))

    def _read_back(self, names: Sequence[str], values: Sequence[Value]) -> int:
        """Return by how much a row's digest changes when its moments are read back that were cut to a whole second."""
        pk = values[-1] if self._key else None
        fields = dict(zip(names, values, strict=False))
        item: dict[str, Value] = {"model": self.shape.model, "pk": pk, "fields": fields}
        try:
            before = _dumps(item, None, _OPTIONS)
        except TypeError:
            counts = dict(self._counts)
            before = self._spelled(item)
            self._counts = counts  # it was told once
        after = _encoded(item | {"fields": self._uncut(item["fields"])})
        return int.from_bytes(sha256(after).digest()) - int.from_bytes(sha256(before).digest())

    def _tell(self, index: int, column: Column, keys: Sequence[Value]) -> None:
        for place, what in column.strange:
            self._add(self.fields[index].column, what, keys[place])
        column.strange.clear()

    def _uncut(self, fields: dict[str, Value]) -> dict[str, Value]:
        """Return the fields with the moments that were cut to a whole second as they will be read back."""
        return {
            name: f"{value.removesuffix(CUT)}Z"
            if name in self._moments and isinstance(value, str) and value.endswith(CUT)
            else value
            for name, value in fields.items()
        }

    def _spelled(self, item: dict[str, Value]) -> bytes:
        """Return the JSON of an object with values that orjson does not take; the object gets those of JSON."""
        kinds = {field.name: field.kind for field in self.fields}
        pk = item["pk"]
        for name, value in item["fields"].items():
            item["fields"][name] = self._plain(name, kinds[name], value, pk)
        if self._key is not None:
            item["pk"] = self._plain(self._key.name, self._key.kind, pk, None)
        return _encoded(item)

    def _plain(self, name: str, kind: Kind, value: Value, pk: Value) -> Value:
        """Return a value that JSON has; what is not there in JSON is told."""
        match value:
            case bool() | int() | float() | None:
                return value
            case str():
                if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                    self._add(name, "not in UTF-8, kept as lone surrogates", pk)
                return str(value)
            case bytes() | bytearray() | memoryview():
                data = bytes(value)
                if kind is Kind.TEXT and not self._any_type:  # MySQL, where a collation is a binary one
                    return self._plain(name, kind, data.decode("utf-8", "surrogateescape"), pk)
                self._add(name, 'of bytes, kept as {"base64": ...}', pk)
                return {"base64": b64encode(data).decode("ascii")}
            case datetime():
                return moment(value)
            case Decimal():
                return format(value, "f")
            case _:
                return str(value)

    def _add(self, column: str, what: str, pk: Value) -> None:
        number, first = self._counts.get((column, what), (0, pk if self._key else None))
        self._counts[column, what] = (number + 1, first)


def _encoded(item: dict[str, Value]) -> bytes:
    try:
        return _dumps(item, None, _OPTIONS)
    except TypeError:  # lone surrogates, and whole numbers of more than 64 bits
        return json.dumps(item, separators=(",", ":")).encode("ascii")


class ContentDigest:
    """Adds up the content of one table, in whatever order its rows come."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = 0
        self._sum = 0

    def add(self, total: int, rows: int) -> None:
        """Add the sum of the digests of some rows."""
        self._sum = (self._sum + total) % _MODULUS
        self._rows += rows

    def add_lines(self, lines: Iterable[bytes]) -> None:
        """Add rows that were read from JSON, whole seconds without noughts behind the point."""
        digests = [sha256(line).digest() for line in lines]
        self.add(sum(map(int.from_bytes, digests)), len(digests))

    def add_pairs(self, pairs: Iterable[tuple[Value, Value]]) -> None:
        """Add pairs of a many-to-many field."""
        digests = [sha256(_dumps([source, target], str)).digest() for source, target in pairs]
        self.add(sum(map(int.from_bytes, digests)), len(digests))

    @property
    def content(self) -> TableContent:
        """What was added so far."""
        return TableContent(name=self._name, rows=self._rows, sha256=f"{self._sum:064x}")


def object_line(model: str, pk: Value, fields: dict[str, Value]) -> bytes:
    """Return an object that was read from JSON, without its many-to-many lists, as ``Rows.lines`` yielded it."""
    return _encoded({"model": model, "pk": pk, "fields": fields})


def pairs_sql(session: Session, pairs: ListField) -> str:
    """Return the query for every pair of a many-to-many field, in no order."""
    source, target = (session.column(pairs.table, name) for name in (pairs.source, pairs.target))
    return f"SELECT {source}, {target} FROM {session.quote(pairs.table)}"  # noqa: S608 - quoted
