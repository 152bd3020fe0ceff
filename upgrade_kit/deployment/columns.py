"""From the values of a column, as a driver gives them, to those of JSON as Django's encoder writes them."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from math import isfinite, isnan
from typing import Any, TypeAlias

from upgrade_kit.deployment.moments import CUT, moment, moments
from upgrade_kit.model.shape import Field, Kind

Value: TypeAlias = Any  # whatever a driver gives

_REMEMBERED = 20_000  # converted values a column
NOT_IN_JSON = "that JSON has no number for, kept as a text"


class Column:
    """Converts the values of one column, many at a time. What is not of the column's kind is kept, and told.

    Attributes:
        strange: the places, in the last batch, of values to tell of, and what there is to tell.
        cut: the places, in the last batch, of moments whose microseconds were cut to nought.
    """

    def __init__(self) -> None:
        self.strange: list[tuple[int, str]] = []
        self.cut: list[int] = []

    def convert(self, values: Sequence[Value]) -> Sequence[Value]:
        """Return the values as JSON has them; ``None`` stays ``None``."""
        raise NotImplementedError


def column_of(field: Field, vendor: str) -> Column | None:
    """Return what converts a field's values, or ``None`` where drivers give what JSON has."""
    match field.kind:
        case Kind.DATETIME:
            return _Moments()
        case Kind.FLOAT:
            return _Numbers(float)
        case Kind.AUTO | Kind.INTEGER:
            return _Numbers(int) if vendor == "sqlite" and not field.key else None
        case Kind.TEXT:
            return _Texts() if vendor == "sqlite" else None
        case Kind.BOOLEAN:
            return _Truths(_of_truth, "neither true nor false")
        case Kind.DATE:
            return _Values(_of_day, "not a date")
        case Kind.TIME:
            return _Values(_of_clock, "not a time of day")
        case Kind.DURATION:
            return _Values(_of_duration, "not a duration")
        case Kind.DECIMAL:
            return _Values(partial(_of_decimal, field.places), "too long for the field")
        case Kind.BINARY:
            return _Values(_of_binary, "not binary", remember=False)
        case Kind.ANY:
            return _Values(_of_any, "of no known kind", remember=False)


class _Numbers(Column):
    """Lets numbers through, and finds those that are none or that JSON has no number for."""

    def __init__(self, kind: type[int | float]) -> None:
        super().__init__()
        self._kind = kind

    def convert(self, values: Sequence[Value]) -> Sequence[Value]:
        # A sum tells at once: of whole numbers it is one, no text has one, and infinity and NaN remain.
        try:
            total = sum(filter(None, values))
        except TypeError:
            total = None
        if type(total) is int:
            if self._kind is int or not any(values):
                return values
        elif type(total) is float and self._kind is float and isfinite(total) and int not in set(map(type, values)):
            return values
        return [self._number(place, value) for place, value in enumerate(values)]

    def _number(self, place: int, value: Value) -> Value:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            if value is not None:
                self.strange.append((place, "not a number, kept as found"))
            return value
        if isinstance(value, float) and not isfinite(value):
            self.strange.append((place, NOT_IN_JSON))
            return _finite(value)
        if self._kind is float and not isinstance(value, float) and float(value) == value:
            return float(value)
        return value


class _Texts(Column):
    """Lets texts through, and finds the numbers that SQLite may hold in their place."""

    def convert(self, values: Sequence[Value]) -> Sequence[Value]:
        try:
            "".join(filter(None, values))
        except TypeError:
            numbers = [place for place, value in enumerate(values) if isinstance(value, int | float)]
            self.strange.extend((place, "not a text, kept as found") for place in numbers)
            return list(map(_finite, values))
        return values


class _Values(Column):
    """Converts each value on its own, or once for as long as it is remembered."""

    def __init__(self, convert: Callable[[Value], Value], what: str, *, remember: bool = True) -> None:
        super().__init__()
        self._convert = convert
        self._what = f"{what}, kept as found"
        self._memo = _Memo(convert) if remember else None

    def convert(self, values: Sequence[Value]) -> Sequence[Value]:
        if self._memo is not None:
            made = list(map(self._memo.__getitem__, values))
            if not self._memo.odd:
                return made
            self._memo.odd = False
        return [value if value is None else self._one(place, value) for place, value in enumerate(values)]

    def _one(self, place: int, value: Value) -> Value:
        made = self._convert(value)
        if made is not None:
            return made
        kept = _finite(value)
        self.strange.append((place, self._what if kept is value else NOT_IN_JSON))
        return kept


class _Truths(_Values):
    """Takes the texts that South left in new columns of SQLite for what the application takes them for."""

    def _one(self, place: int, value: Value) -> Value:
        if value in {"True", "t"}:
            self.strange.append((place, f"{value}, a text, which the application takes for false; so it is here"))
            return False
        return super()._one(place, value)


class _Memo(dict[Value, Value]):
    """Converted values by what they were converted from.

    Looking up a key that is there runs no Python code, which is why it is a dictionary.

    Attributes:
        odd: whether a value came by that has no conversion. Such a one is not remembered.
    """

    def __init__(self, convert: Callable[[Value], Value]) -> None:
        super().__init__({None: None})
        self._convert = convert
        self.odd = False

    def __missing__(self, value: Value) -> Value:
        made = self._convert(value)
        if made is None:
            self.odd = True
            return value
        if len(self) >= _REMEMBERED:
            self.clear()
            self[None] = None
        self[value] = made
        return made


class _Moments(Column):
    """Converts moments: the texts of a column at once, what is left one by one."""

    def __init__(self) -> None:
        super().__init__()
        self._memo = _Memo(moment)

    def convert(self, values: Sequence[Value]) -> Sequence[Value]:
        self.cut.clear()
        present = [value for value in values if value is not None] if None in values else values
        if not present:
            return values
        found = moments(present)
        if found is None:
            return [value if value is None else self._one(place, value) for place, value in enumerate(values)]
        texts, alone = found
        made: list[Value] = list(texts)
        if len(present) < len(values):
            places = [place for place, value in enumerate(values) if value is not None]
            alone = [places[place] for place in alone]
            made = [None] * len(values)
            for place, text in zip(places, texts, strict=True):
                made[place] = text
        for place in alone:
            made[place] = self._one(place, values[place])
        return made

    def _one(self, place: int, value: Value) -> Value:
        made = self._memo[value]
        if self._memo.odd:
            self._memo.odd = False
            kept = _finite(value)
            self.strange.append((place, "not a date and time, kept as found" if kept is value else NOT_IN_JSON))
            return kept
        if made.endswith(CUT):
            self.cut.append(place)
        return made


def _finite(value: Value) -> Value:
    """Return a text for the floats that JSON has no number for, the one that Django's loader takes for them."""
    if not isinstance(value, float) or isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


# --- One value: what it is in JSON, or None where it is not of the kind ------------------------------

_DAY = re.compile(r"(?!0000)\d{4}-(?!00)\d\d-(?!00)\d\d")  # MySQL has days that are all noughts
_CLOCK = re.compile(r"(\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?")


def _of_any(value: Value) -> Value:
    return None if isinstance(value, float) and not isfinite(value) else value


def _of_truth(value: Value) -> bool | None:
    if isinstance(value, str):
        return {"False": False, "f": False, "0": False, "1": True}.get(value)
    if isinstance(value, bytes):  # bit(1) of MySQL
        value = int.from_bytes(value)
    return bool(value) if isinstance(value, int | float) and value in {0, 1} else None


def _of_day(value: Value) -> str | None:
    if isinstance(value, str):
        return value if _DAY.fullmatch(value) else None
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
    if not isinstance(value, str) or (found := _CLOCK.fullmatch(value)) is None:
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
    return format(made or abs(made), "f") if made == value else None


def _of_binary(value: Value) -> str | None:
    """Return binary as Django writes it."""
    return b64encode(value).decode("ascii") if isinstance(value, bytes | bytearray | memoryview) else None
