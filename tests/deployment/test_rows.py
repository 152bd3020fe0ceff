"""What is written of a value, kind by kind, and what is told of one that does not fit."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.rows import Rows
from upgrade_kit.model.shape import Field, Kind, TableShape

Read = Callable[..., tuple[list[Any], tuple[str, ...]]]


def shape(kind: Kind, *, places: int | None = None) -> TableShape:
    key = Field(name="id", column="id", kind=Kind.AUTO, key=True)
    value = Field(name="value", column="value_id", kind=kind, places=places)
    return TableShape(model="qa.thing", table="qa_thing", fields=(key, value))


def rows_of(session: Session, table: TableShape) -> tuple[list[bytes], tuple[str, ...]]:
    rows = Rows(session, table)
    lines = [line for batch in session.batches(rows.sql, size=7) for line in rows.lines(batch)]
    return lines, rows.told


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write values into a column of this declared type, and return what is read of them."""

    def read(kind: Kind, *values: object, declared: str = "", places: int | None = None) -> tuple[Any, Any]:
        file = tmp_path / "one.sqlite3"
        file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(f"CREATE TABLE qa_thing (id integer PRIMARY KEY, value_id {declared})")
            for number, value in enumerate(values, 1):
                sql = "CAST(? AS TEXT)" if isinstance(value, bytes) and kind is not Kind.BINARY else "?"
                connection.execute(f"INSERT INTO qa_thing VALUES (?, {sql})", (number, value))
        with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session, session.transaction():
            lines, told = rows_of(session, shape(kind, places=places))
        objects = [json.loads(line) for line in lines]
        assert [(item["model"], item["pk"]) for item in objects] == [
            ("qa.thing", number) for number in range(1, len(values) + 1)
        ]
        return [item["fields"]["value"] for item in objects], told

    return read


@pytest.mark.parametrize(
    ("kind", "stored", "written"),
    [
        (Kind.INTEGER, -(2**63), -(2**63)),
        (Kind.INTEGER, 2**63 - 1, 2**63 - 1),
        (Kind.FLOAT, 22.0, 22.0),
        (Kind.FLOAT, 22, 22.0),
        (Kind.FLOAT, -0.0, -0.0),
        (Kind.FLOAT, 5e-324, 5e-324),
        (Kind.FLOAT, 1.7976931348623157e308, 1.7976931348623157e308),
        (Kind.FLOAT, 2**53 + 1, 2**53 + 1),
        (Kind.BOOLEAN, 0, False),
        (Kind.BOOLEAN, 1, True),
        (Kind.BOOLEAN, "False", False),
        (Kind.TEXT, "", ""),
        (Kind.TEXT, 'a\x00b\n"\\\u2028\u00e9\u4e2d\U0001f600\x7f', 'a\x00b\n"\\\u2028\u00e9\u4e2d\U0001f600\x7f'),
        (Kind.DATE, "2018-05-14", "2018-05-14"),
        (Kind.DATETIME, "2018-05-14 08:15:00", "2018-05-14T08:15:00Z"),
        (Kind.DATETIME, "2018-05-14 08:15:00.000000", "2018-05-14T08:15:00Z"),
        (Kind.DATETIME, "2018-05-14 08:15:00.000999", "2018-05-14T08:15:00.000Z"),
        (Kind.DATETIME, "2018-05-14 08:15:00.123999", "2018-05-14T08:15:00.123Z"),
        (Kind.DATETIME, "2018-05-14 08:15:00.5", "2018-05-14T08:15:00.500Z"),
        (Kind.DATETIME, "2018-05-14T08:15:00+02:00", "2018-05-14T06:15:00Z"),
        (Kind.TIME, "08:15:00", "08:15:00"),
        (Kind.TIME, "08:15:00.123999", "08:15:00.123"),
        (Kind.DURATION, 28_800_000_000, "08:00:00"),
        (Kind.DURATION, 90_061_000_001, "1 01:01:01.000001"),
        (Kind.DURATION, -1, "-1 23:59:59.999999"),
        (Kind.DURATION, 0, "00:00:00"),
        (Kind.DECIMAL, 12.5, "12.50"),
        (Kind.DECIMAL, 12, "12.00"),
        (Kind.DECIMAL, "99999999.99", "99999999.99"),
        (Kind.BINARY, b"\x00\xff", "AP8="),
    ],
)
def test_a_value_is_written_as_dumpdata_writes_it(read: Read, kind: Kind, stored: object, written: object) -> None:
    values, told = read(kind, stored, None, places=2 if kind is Kind.DECIMAL else None)
    assert values == [written, None]
    assert type(values[0]) is type(written)
    assert repr(values[0]) == repr(written)  # tells -0.0 from 0.0
    assert told == ()


@pytest.mark.parametrize(
    ("kind", "stored", "what"),
    [
        (Kind.BOOLEAN, "hidden", "neither true nor false"),
        (Kind.BOOLEAN, 2, "neither true nor false"),
        (Kind.DATETIME, "2018-05-14", "not a date and time"),
        (Kind.DATETIME, "0000-00-00 00:00:00 ", "not a date and time"),
        (Kind.DATETIME, 1526285700, "not a date and time"),
        (Kind.DATE, "2018-05-14 00:00:00", "not a date"),
        (Kind.TIME, "24h", "not a time of day"),
        (Kind.DURATION, "08:00:00.5", "not a duration"),
        (Kind.DURATION, 1.5, "not a duration"),
        (Kind.DECIMAL, 12.505, "too long for the field"),
        (Kind.DECIMAL, "a lot", "too long for the field"),
        (Kind.DECIMAL, 1e26, "too long for the field"),
        (Kind.BINARY, "text", "not binary"),
    ],
)
def test_a_value_of_another_kind_is_kept_and_told(read: Read, kind: Kind, stored: object, what: str) -> None:
    values, told = read(kind, None, stored, None, *[stored] * 8, places=2)
    assert values == [None, stored, None, *[stored] * 8]
    assert told == (f"qa_thing.value_id: 9 values {what}, kept as found (first in row 2)",)


def test_the_text_true_is_false_as_the_application_has_it_and_told(read: Read) -> None:
    values, told = read(Kind.BOOLEAN, 1, "True", "False")
    assert values == [True, False, False]
    (note,) = told
    assert note.startswith("qa_thing.value_id: 1 value True, a text, which the application takes for false; so it")


@pytest.mark.parametrize(
    ("stored", "written", "what"),
    [
        (math.inf, "Infinity", "that JSON has no number for, kept as a text"),
        (-math.inf, "-Infinity", "that JSON has no number for, kept as a text"),
    ],
)
def test_a_float_that_json_lacks_is_a_text_and_told(read: Read, stored: float, written: str, what: str) -> None:
    values, told = read(Kind.FLOAT, 1.5, stored, None)
    assert values == [1.5, written, None]
    assert told == (f"qa_thing.value_id: 1 value {what} (first in row 2)",)
    assert float(written) == stored  # what Django's field makes of the text


def test_nan_is_a_text_too(tmp_path: Path) -> None:  # SQLite stores none
    with open_database(empty(tmp_path)) as session:
        rows = Rows(session, shape(Kind.FLOAT))
        (line,) = rows.lines([(math.nan, 7)])
    assert json.loads(line) == {"model": "qa.thing", "pk": 7, "fields": {"value": "NaN"}}
    assert rows.told == ("qa_thing.value_id: 1 value that JSON has no number for, kept as a text (first in row 7)",)


def test_bytes_that_are_no_utf8_are_kept_and_told_and_rows_before_them_are_read_once(read: Read) -> None:
    values, told = read(Kind.TEXT, *["\u00e9"] * 10, b"caf\xe9 \xff", "after")
    assert values == [*["\u00e9"] * 10, "caf\udce9 \udcff", "after"]
    assert values[10].encode("utf-8", "surrogateescape") == b"caf\xe9 \xff"
    assert told == ("qa_thing.value: 1 value not in UTF-8, kept as lone surrogates (first in row 11)",)


def test_binary_in_a_text_column_is_kept_and_told(tmp_path: Path) -> None:
    with open_database(empty(tmp_path)) as session:
        rows = Rows(session, shape(Kind.TEXT))
        (line,) = rows.lines([(b"\x00\xff", 1)])
    assert json.loads(line)["fields"] == {"value": {"base64": "AP8="}}
    assert rows.told == ('qa_thing.value: 1 value of bytes, kept as {"base64": ...} (first in row 1)',)


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (Kind.BOOLEAN, True, True),
        (Kind.BOOLEAN, b"\x01", True),
        (Kind.DATETIME, datetime(2018, 5, 14, 8, 15, tzinfo=UTC), "2018-05-14T08:15:00Z"),
        (
            Kind.DATETIME,
            datetime(2018, 5, 14, 8, 15, 0, 999, tzinfo=timezone(timedelta(hours=2))),
            "2018-05-14T06:15:00.000Z",
        ),
        (Kind.DATETIME, "2018-05-14 08:15:00.12+00", "2018-05-14T08:15:00.120Z"),
        (Kind.DATE, date(2018, 5, 14), "2018-05-14"),
        (Kind.DATE, datetime(2018, 5, 14), "2018-05-14"),  # noqa: DTZ001 - an old SQL Server's
        (Kind.TIME, timedelta(hours=8), "08:00:00"),
        (Kind.TIME, time(8, 0, 0, 1500), "08:00:00.001"),
        (Kind.DURATION, timedelta(days=1, microseconds=1), "1 00:00:00.000001"),
        (Kind.DECIMAL, Decimal("1E+2"), "100.00"),
        (Kind.INTEGER, Decimal(7), "7"),
        (Kind.BINARY, memoryview(b"\xff"), "/w=="),
    ],
)
def test_what_other_drivers_give_is_written_alike(tmp_path: Path, kind: Kind, value: object, written: object) -> None:
    with open_database(empty(tmp_path)) as session:
        rows = Rows(session, shape(kind, places=2))
        (line,) = rows.lines([(value, 1)])
    assert json.loads(line)["fields"] == {"value": written}
    assert rows.told == ()


def empty(folder: Path) -> DatabaseAddress:
    file = folder / "empty.sqlite3"
    sqlite3.connect(file).close()
    return DatabaseAddress(vendor="sqlite", name=str(file))


def test_a_table_without_a_key_has_no_pk(tmp_path: Path) -> None:
    with open_database(empty(tmp_path)) as session:
        field = Field(name="a", column="a", kind=Kind.INTEGER)
        rows = Rows(session, TableShape(model="table.t", table="t", fields=(field,)))
        assert list(rows.lines([(1,), (1,)])) == [b'{"model":"table.t","pk":null,"fields":{"a":1}}'] * 2


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=20),
    st.datetimes().map(str),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(list(Kind)), values=st.lists(VALUES, max_size=20))
@example(kind=Kind.TEXT, values=["\ud800"])
def test_whatever_sqlite_holds_is_written_as_json_and_told_apart(
    tmp_path: Path, kind: Kind, values: list[object]
) -> None:
    values = [value for value in values if not isinstance(value, str) or _is_text(value)]
    file = tmp_path / "any.sqlite3"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE qa_thing (id integer PRIMARY KEY, value_id)")
        connection.executemany("INSERT INTO qa_thing VALUES (?, ?)", enumerate(values, 1))
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session, session.transaction():
        lines, _ = rows_of(session, shape(kind, places=2))
    assert len(lines) == len(values)
    for line, value in zip(lines, values, strict=True):
        written = json.loads(line)["fields"]["value"]
        assert (written is None) == (value is None)
        assert value not in {math.inf, -math.inf} or float(written) == value
        if isinstance(value, str) and kind in {Kind.TEXT, Kind.FLOAT, Kind.INTEGER, Kind.BOOLEAN}:
            assert written == value
        if isinstance(value, int | float) and kind in {Kind.INTEGER, Kind.FLOAT, Kind.TEXT} and abs(value) < math.inf:
            assert written == value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


# --- Digests -----------------------------------------------------------------------------------------


def digest(folder: Path, kind: Kind, *values: object) -> str:
    with open_database(empty(folder)) as session:
        rows = Rows(session, shape(kind))
        for number, value in enumerate(values):
            for _ in rows.lines([(value, number % 2)]):
                pass
        assert rows.content.rows == len(values)
        return rows.content.sha256


def test_the_digest_does_not_depend_on_the_order(tmp_path: Path) -> None:
    assert digest(tmp_path, Kind.TEXT, "a", "b", "c", "d") == digest(tmp_path, Kind.TEXT, "c", "d", "a", "b")
    assert digest(tmp_path, Kind.TEXT, "a", "b") != digest(tmp_path, Kind.TEXT, "b", "a")


def test_a_row_twice_is_not_a_row_once(tmp_path: Path) -> None:
    assert len({digest(tmp_path, Kind.TEXT, *values) for values in ("", "a", "ab", "aba", "abab")}) == 5


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (Kind.DATETIME, "2018-05-14 08:15:00.000999", "2018-05-14 08:15:00", True),
        (Kind.DATETIME, "2018-05-14 08:15:00.123999", "2018-05-14T10:15:00.123+02:00", True),
        (Kind.DATETIME, "2018-05-14 08:15:00.123", "2018-05-14 08:15:00.124", False),
        (Kind.DATETIME, None, "2018-05-14 08:15:00", False),
        (Kind.BOOLEAN, 1, True, True),
        (Kind.BOOLEAN, 0, None, False),
        (Kind.FLOAT, 22, 22.0, True),
        (Kind.FLOAT, 0.1, 0.1 + 2**-56, False),
        (Kind.FLOAT, -0.0, 0.0, False),
        (Kind.DECIMAL, 12.5, Decimal("12.50"), True),
        (Kind.DURATION, 28_800_000_000, timedelta(hours=8), True),
        (Kind.TEXT, "x.000Z", "xZ", False),
        (Kind.TEXT, "", None, False),
        (Kind.TEXT, "a", "a ", False),
        (Kind.TEXT, "\u00e9", "e\u0301", False),
        (Kind.INTEGER, 1, "1", False),
    ],
)
def test_what_is_the_same_row(tmp_path: Path, kind: Kind, one: object, other: object, same: bool) -> None:
    assert (digest(tmp_path, kind, one) == digest(tmp_path, kind, other)) == same


def test_the_digest_of_known_rows_stays_what_it_is(tmp_path: Path) -> None:
    """Manifests live long: neither this package nor the JSON library may change how a row is digested."""
    floats = [0.0, -0.0, 1.5, 1e16, 1e22, 123456789.123456789, 1.5e-7, 5e-324, 1.7976931348623157e308]
    texts = ["", "\u00e9\u4e2d\U0001f600", '"\\/\b\f\n\r\t\x00\x1f\x7f\u2028', "<script>&'", "\udce9", None]
    assert digest(tmp_path, Kind.FLOAT, *floats) == "1b07282d2937debfe6ad5bea5f2388a6856bec2f189d096cfaf67dad43b1d860"
    assert digest(tmp_path, Kind.TEXT, *texts) == "cc00cc249403cc6d59394f9803229b36a288048435dc6b2f6e86d4ed796f2e2c"
