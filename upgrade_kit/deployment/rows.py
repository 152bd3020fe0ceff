"""From a row as the driver gives it to the object that Django's ``dumpdata`` writes of it.

One way for every vendor, so that the same data gives the same bytes: what is dumped, what is digested and what
is compared are one thing. A value that is not of its column's kind (SQLite takes any) is kept as it is, and told;
so are the three floats that JSON has no number for (as the texts that Django's loader takes for them), bytes that
are no UTF-8 (as lone surrogates, PEP 383) and other binary values (``{"base64": ...}``).
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from hashlib import sha256
from math import isfinite, isnan
from operator import itemgetter
from typing import Any, TypeAlias

import orjson

from upgrade_kit.deployment.connection import Session
from upgrade_kit.model.content import TableContent
from upgrade_kit.model.shape import Field, Kind, ListField, TableShape

Value: TypeAlias = Any  # whatever a driver gives
Row: TypeAlias = Sequence[Value]

Written: TypeAlias = Callable[[dict[str, Any], bytes], bytes]

_REMEMBERED = 20_000  # converted values a column; moments come in runs
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
_dumps = partial(orjson.dumps, option=_OPTIONS)
_MODULUS = 2**256
# dumpdata cuts microseconds off and writes the noughts that are left; once loaded they are gone.
_CUT = ".000Z"
_NOT_IN_JSON = "that JSON has no number for, kept as a text"


class Rows:
    """Reads one table of one session, and adds up what it holds.

    Attributes:
        shape: the table's.
        columns: the quoted columns to select, in the order in which the rows are wanted; the key stands last.
        source: the quoted table.
    """

    def __init__(self, session: Session, shape: TableShape) -> None:
        self.shape = shape
        self.source = session.quote(shape.table)
        self._key = shape.key
        self._fields = (*(field for field in shape.fields if not field.key), *filter(None, [self._key]))
        self.columns = tuple(session.column(shape.table, field.column) for field in self._fields)
        self._digest = ContentDigest(shape.table)
        self._any_type = session.vendor == "sqlite"  # where a text column may hold a number, or bytes
        self._strange: list[tuple[int, str]] = []
        self._cut: list[Value] = []
        self._counts: dict[tuple[str, str], tuple[int, Value]] = {}
        self._converters = [
            (index, convert)
            for index, field in enumerate(self._fields)
            if (convert := _converter(field, partial(self._note, index), self._cut)) is not None
        ]
        self._floats = self._places(Kind.FLOAT)
        self._integers = self._places(Kind.INTEGER, Kind.AUTO) if self._any_type else []

    def _places(self, *kinds: Kind) -> list[int]:
        return [index for index, field in enumerate(self._fields) if field.kind in kinds and not field.key]

    @property
    def sql(self) -> str:
        """The query for every row, in no order."""
        return f"SELECT {', '.join(self.columns)} FROM {self.source}"  # noqa: S608 - quoted

    @property
    def content(self) -> TableContent:
        """What the rows that were read so far hold."""
        return self._digest.content

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
        # One plain loop, and no line kept: anything cleverer costs more than all that is done here.
        for index in self._floats:
            batch = self._checked(batch, index, {float, type(None)})
        for index in self._integers:
            batch = self._checked(batch, index, {int, type(None)})
        model, has_key = self.shape.model, self._key is not None
        names = [field.name for field in self._fields[: len(self._fields) - has_key]]
        converters, cut, strange, digest = self._converters, self._cut, self._strange, sha256
        total = 0
        for row in batch:
            values = list(row)
            for index, convert in converters:
                values[index] = convert(values[index])
            # The key stands last, and the names end before it.
            fields = dict(zip(names, values, strict=False))
            item = {"model": model, "pk": values[-1] if has_key else None, "fields": fields}
            try:
                line = _dumps(item)
            except TypeError:  # orjson's own errors are of this kind
                line = self._spelled(item)
            if cut:
                cut.clear()
                total += int.from_bytes(digest(self._spelled(item | {"fields": fields | self._uncut(fields)})).digest())
            else:
                total += int.from_bytes(digest(line).digest())
            if strange:
                self._count_strange(values[-1])
            yield line if written is None else written(item, line)
        self._digest.add(total, len(batch))

    def _uncut(self, fields: dict[str, Value]) -> dict[str, Value]:
        """Return the moments that were cut to a whole second, as they will be read back."""
        moments = [field.name for field in self._fields if field.kind is Kind.DATETIME and field is not self._key]
        return {
            name: f"{fields[name].removesuffix(_CUT)}Z"
            for name in moments
            if isinstance(fields[name], str) and fields[name].endswith(_CUT)
        }

    def _checked(self, batch: Sequence[Row], index: int, usual: set[type]) -> Sequence[Row]:
        """Return the rows with the numbers of a column as JSON can hold them: mostly the rows as they are."""
        column = list(map(itemgetter(index), batch))
        if set(map(type, column)) <= usual and isfinite(sum(filter(None, column))):
            return batch
        kind = self._fields[index].kind
        return [(*row[:index], self._number(row[index], kind, index, row[-1]), *row[index + 1 :]) for row in batch]

    def _number(self, value: Value, kind: Kind, index: int, pk: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            if value is not None:
                self._add(self._fields[index].column, "that are no numbers, kept as they are", pk)
            return value
        if kind is Kind.FLOAT and not isinstance(value, float) and float(value) == value:
            return float(value)
        if isinstance(value, float) and not isfinite(value):
            self._add(self._fields[index].column, _NOT_IN_JSON, pk)
            return _finite(value)
        return value

    def _spelled(self, item: dict[str, Value]) -> bytes:
        """Return the JSON of an object with values that orjson does not take."""
        kinds = {field.name: field.kind for field in self._fields}
        pk = item["pk"]
        fields = {name: self._plain(name, kinds[name], value, pk) for name, value in item["fields"].items()}
        if self._key is not None:
            pk = self._plain(self._key.name, self._key.kind, pk, None)
        item |= {"pk": pk, "fields": fields}
        try:
            return _dumps(item)
        except TypeError:
            return json.dumps(item, separators=(",", ":")).encode("ascii")

    def _plain(self, name: str, kind: Kind, value: Value, pk: Value) -> Value:
        """Return a value that JSON has; what is not there in JSON is told."""
        match value:
            case bool() | int() | float() | None:
                return value
            case str():
                if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                    self._add(name, "with bytes that are no UTF-8, kept as lone surrogates", pk)
                return str(value)
            case bytes() | bytearray() | memoryview():
                data = bytes(value)
                if kind is Kind.TEXT and not self._any_type:  # MySQL, where a collation is a binary one
                    return self._plain(name, kind, data.decode("utf-8", "surrogateescape"), pk)
                self._add(name, 'of bytes, kept as {"base64": ...}', pk)
                return {"base64": b64encode(data).decode("ascii")}
            case datetime():
                return _of_moment(value)
            case Decimal():
                return format(value, "f")
            case _:
                return str(value)

    def _note(self, index: int, what: str) -> None:
        self._strange.append((index, what))

    def _count_strange(self, pk: Value) -> None:
        for index, what in self._strange:
            self._add(self._fields[index].column, what, pk)
        self._strange.clear()

    def _add(self, column: str, what: str, pk: Value) -> None:
        number, first = self._counts.get((column, what), (0, pk if self._key else None))
        self._counts[column, what] = (number + 1, first)


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
        digests = [sha256(_dumps([source, target], default=str)).digest() for source, target in pairs]
        self.add(sum(map(int.from_bytes, digests)), len(digests))

    @property
    def content(self) -> TableContent:
        """What was added so far."""
        return TableContent(name=self._name, rows=self._rows, sha256=f"{self._sum:064x}")


def object_line(model: str, pk: Value, fields: dict[str, Value]) -> bytes:
    """Return an object that was read from JSON, without its many-to-many lists, as ``Rows.lines`` yielded it."""
    item = {"model": model, "pk": pk, "fields": fields}
    try:
        return _dumps(item)
    except TypeError:
        return json.dumps(item, separators=(",", ":")).encode("ascii")


def pairs_sql(session: Session, pairs: ListField) -> str:
    """Return the query for every pair of a many-to-many field, in no order."""
    source, target = (session.column(pairs.table, name) for name in (pairs.source, pairs.target))
    return f"SELECT {source}, {target} FROM {session.quote(pairs.table)}"  # noqa: S608 - quoted


# --- One function a kind -----------------------------------------------------------------------------

_MOMENT = re.compile(
    r"((?!0000)\d{4}-(?!00)\d\d-(?!00)\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00(?::?00)?|Z)?"
).fullmatch
_DAY = re.compile(r"(?!0000)\d{4}-(?!00)\d\d-(?!00)\d\d").fullmatch  # MySQL has days that are all noughts
_CLOCK = re.compile(r"(\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?").fullmatch
_SHORTEST_MOMENT = len("2018-05-14 08:15")

Tell: TypeAlias = Callable[[str], None]


class _Memo(dict[Value, Value]):
    """Converted values by what they were converted from; ``None`` stays ``None``.

    Looking up a key that is there runs no Python code, which is why it is a dictionary. What is not of its
    kind is told each time, and so is a moment whose microseconds were cut to nought: neither is remembered.
    """

    def __init__(self, convert: Callable[[Value], Value], what: str, tell: Tell, cut: list[Value]) -> None:
        super().__init__({None: None})
        self._convert = convert
        self._what = f"that {what}, kept as it is"
        self._tell = tell
        self._cut = cut

    def __missing__(self, value: Value) -> Value:
        made = self._convert(value)
        if made is None:
            self._tell(self._what)
            return _finite(value)
        if isinstance(made, str) and made.endswith(_CUT):
            self._cut.append(value)
            return made
        if len(self) >= _REMEMBERED:
            self.clear()
            self[None] = None
        self[value] = made
        return made


def _converter(field: Field, tell: Tell, cut: list[Value]) -> Callable[[Value], Value] | None:
    """Return what turns the values of a column into JSON's, or ``None`` where they are."""
    if field.kind in {Kind.ANY, Kind.BINARY}:
        return partial(_of_any if field.kind is Kind.ANY else _of_binary, tell)
    if field.kind not in _CONVERTERS:
        return None
    convert, what = _CONVERTERS[field.kind]
    if field.kind is Kind.DECIMAL:
        convert = partial(_of_decimal, field.places)
    return _Memo(convert, what, tell, cut).__getitem__


def _finite(value: Value) -> Value:
    """Return a text for the floats that JSON has no number for, the one that Django's loader takes for them."""
    if not isinstance(value, float) or isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _of_any(tell: Tell, value: Value) -> Value:
    if isinstance(value, float) and not isfinite(value):
        tell(_NOT_IN_JSON)
    return _finite(value)


def _of_truth(value: Value) -> bool | None:
    if isinstance(value, bytes):  # bit(1) of MySQL
        value = int.from_bytes(value)
    if isinstance(value, str):  # South's defaults in SQLite
        return {"True": True, "False": False, "t": True, "f": False, "1": True, "0": False}.get(value)
    return bool(value) if isinstance(value, int | float) and value in {0, 1} else None


def _of_moment(value: Value) -> str | None:
    """Return a moment as Django's encoder writes it: in UTC, cut to the millisecond."""
    if isinstance(value, str):
        if (found := _MOMENT(value)) is not None:
            day, clock, fraction = found.groups()
            if fraction is None or not fraction.strip("0"):
                return f"{day}T{clock}Z"
            return f"{day}T{clock}.{fraction[:3]:0<3}Z"
        if len(value) < _SHORTEST_MOMENT:
            return None
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    text = value.isoformat()
    return f"{text[:23]}Z"


def _of_day(value: Value) -> str | None:
    if isinstance(value, str):
        return value if _DAY(value) else None
    if isinstance(value, datetime):  # the date type of old SQL Server backends
        return value.date().isoformat() if value.time() == time() else None
    return value.isoformat() if isinstance(value, date) else None


def _of_clock(value: Value) -> str | None:
    if isinstance(value, timedelta):  # MySQL's
        if not timedelta() <= value < timedelta(days=1):
            return None
        value = (datetime(1, 1, 1, tzinfo=UTC) + value).time()
    if isinstance(value, time):
        value = value.isoformat()
    if not isinstance(value, str) or (found := _CLOCK(value)) is None:
        return None
    clock, fraction = found.groups()
    return clock if fraction is None or not fraction.strip("0") else f"{clock}.{fraction[:3]:0<3}"


def _of_duration(value: Value) -> str | None:
    """Return a duration as Django writes it: ``[days ]hh:mm:ss[.ffffff]``."""
    if isinstance(value, timedelta):
        value = value // timedelta(microseconds=1)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    seconds, micros = divmod(value, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    text = f"{days} " if days else ""
    text += f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{micros:06}" if micros else text


def _of_decimal(places: int | None, value: Value) -> str | None:
    if isinstance(value, str | float):
        try:
            value = Decimal(str(value))
        except InvalidOperation:
            return None
    if isinstance(value, int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    if places is None:  # the same text from every vendor, whatever noughts it has
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    try:
        made = round(value, places)
    except InvalidOperation:  # more digits than any decimal field has
        return None
    return format(made, "f") if made == value else None


def _of_binary(tell: Tell, value: Value) -> Value:
    """Return binary as Django writes it."""
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode("ascii")
    if value is not None:
        tell("that is not binary, kept as it is")
    return _finite(value)


_CONVERTERS: dict[Kind, tuple[Callable[[Value], Value], str]] = {
    Kind.BOOLEAN: (_of_truth, "is neither true nor false"),
    Kind.DATETIME: (_of_moment, "is no date and time"),
    Kind.DATE: (_of_day, "is no date"),
    Kind.TIME: (_of_clock, "is no time of day"),
    Kind.DURATION: (_of_duration, "is no duration"),
    Kind.DECIMAL: (partial(_of_decimal, None), "the field cannot hold"),
}
