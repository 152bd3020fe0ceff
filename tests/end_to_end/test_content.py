"""The same rows have the same digests on every vendor."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.content import content_digests
from upgrade_kit.deployment.rows import Rows
from upgrade_kit.deployment.shapes import read_shapes, shapes_of
from upgrade_kit.model.content import TableContent
from upgrade_kit.model.shape import Field, Kind

VERSION = Version("0.3.0")
MODELS = {shape.model: shape for shape in shapes_of(VERSION).tables}
WANTED = [
    MODELS[name] for name in ("qa.testinstance", "parts.part", "units.unitavailabletime", "units.unit", "auth.token")
    if name in MODELS
]  # fmt: skip
TYPES = {
    "sqlite": {Kind.AUTO: "integer", Kind.INTEGER: "integer", Kind.FLOAT: "real", Kind.DECIMAL: "decimal",
               Kind.BOOLEAN: "bool", Kind.TEXT: "text", Kind.DATE: "date", Kind.DATETIME: "datetime",
               Kind.DURATION: "bigint"},
    "postgresql": {Kind.AUTO: "serial", Kind.INTEGER: "bigint", Kind.FLOAT: "double precision",
                   Kind.DECIMAL: "numeric(10, 2)", Kind.BOOLEAN: "boolean", Kind.TEXT: "text", Kind.DATE: "date",
                   Kind.DATETIME: "timestamp with time zone", Kind.DURATION: "interval"},
    "mysql": {Kind.AUTO: "integer", Kind.INTEGER: "bigint", Kind.FLOAT: "double precision",
              Kind.DECIMAL: "numeric(10, 2)", Kind.BOOLEAN: "bool", Kind.TEXT: "longtext", Kind.DATE: "date",
              Kind.DATETIME: "datetime(6)", Kind.DURATION: "bigint"},
    "microsoft": {Kind.AUTO: "int", Kind.INTEGER: "bigint", Kind.FLOAT: "float",
                  Kind.DECIMAL: "numeric(10, 2)", Kind.BOOLEAN: "bit", Kind.TEXT: "nvarchar(max)", Kind.DATE: "date",
                  Kind.DATETIME: "datetime2(7)", Kind.DURATION: "bigint"},
}  # fmt: skip


class Server(Protocol):
    vendor: str

    def new_database(self) -> DatabaseAddress: ...


@pytest.fixture
def server(every_server: Server) -> Server:
    return every_server


Data = dict[str, list[tuple[object, ...]]]

DAYS = st.dates()
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001 - naive is UTC
FREETDS_BEGINS = date(1600, 3, 1)  # earlier days it sends wrong, by one or more (1.3.17)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
VALUES: dict[Kind, st.SearchStrategy[object]] = {
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    # MySQL keeps neither -0.0 nor what is smaller than 2.2250738585072014e-308.
    Kind.FLOAT: st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False).filter(bool),
    Kind.DECIMAL: st.decimals(min_value=-99999999, max_value=99999999, places=2),
    Kind.BOOLEAN: st.booleans(),
    Kind.TEXT: TEXTS,
    Kind.DATE: DAYS,
    Kind.DATETIME: MOMENTS,
    Kind.DURATION: st.timedeltas(min_value=timedelta(days=-9999), max_value=timedelta(days=9999)),
}


def rows(fields: Sequence[Field], *, freetds: bool) -> st.SearchStrategy[list[tuple[object, ...]]]:
    def sendable(value: object) -> bool:
        return not freetds or not isinstance(value, date) or date(value.year, value.month, value.day) >= FREETDS_BEGINS

    values = [st.none() | VALUES[field.kind].filter(sendable) for field in fields if not field.key]
    return st.lists(st.tuples(*values), max_size=5)


def stored(vendor: str, kind: Kind, value: object) -> object:
    """Return a value as Django hands it to the driver."""
    if value is None:
        return None
    if kind is Kind.DURATION and vendor != "postgresql" and isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if kind is Kind.DATETIME and vendor == "postgresql" and isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if vendor == "sqlite" and kind in {Kind.DATE, Kind.DATETIME, Kind.DECIMAL}:
        return str(value)
    return value


def create(session: Session) -> None:
    types = TYPES[session.vendor]
    for shape in WANTED:
        columns = ", ".join(
            f"{session.quote(field.column)} {types[field.kind]}{' PRIMARY KEY' if field.key else ''}"
            for field in shape.fields
        )
        session.execute(f"CREATE TABLE {session.quote(shape.table)} ({columns})")
        for pairs in shape.lists:
            both = f"{session.quote(pairs.source)} integer, {session.quote(pairs.target)} integer"
            session.execute(f"CREATE TABLE {session.quote(pairs.table)} (id integer PRIMARY KEY, {both})")


def fill(session: Session, data: Data) -> None:
    with session.transaction():
        for shape in WANTED:
            quoted = session.quote(shape.table)
            session.execute(f"DELETE FROM {quoted}")
            places = ", ".join(["%s"] * len(shape.fields))
            columns = ", ".join(session.quote(field.column) for field in shape.fields)
            for number, row in enumerate(data[shape.table], 1):
                values = [
                    stored(session.vendor, field.kind, value)
                    for field, value in zip(shape.fields, (number, *row), strict=True)
                ]
                session.execute(f"INSERT INTO {quoted} ({columns}) VALUES ({places})", values)
            for pairs in shape.lists:
                session.execute(f"DELETE FROM {session.quote(pairs.table)}")
                for number in range(len(data[shape.table])):
                    values = [1000 - number, number + 1, number * 2]
                    session.execute(f"INSERT INTO {session.quote(pairs.table)} VALUES (%s, %s, %s)", values)


def content(address: DatabaseAddress) -> tuple[tuple[TableContent, ...], list[bytes]]:
    with open_database(address) as session, session.transaction():
        shapes = read_shapes(session, VERSION)
        lines = []
        for shape in shapes.tables:
            reader = Rows(session, shape)
            lines += [line for batch in session.batches(reader.sql, size=2) for line in reader.lines(batch)]
            assert reader.told == ()
        return content_digests(session, shapes), sorted(lines)


def test_the_same_rows_have_the_same_digests_as_on_sqlite(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    sqlite3.connect(file).close()
    here, there = DatabaseAddress(vendor="sqlite", name=str(file)), server.new_database()
    for address in (here, there):
        with open_database(address, writable=True) as session:
            create(session)

    freetds = ("driver", "FreeTDS") in there.options

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries({shape.table: rows(shape.fields, freetds=freetds) for shape in WANTED}))
    def same(data: Data) -> None:
        for address in (here, there):
            with open_database(address, writable=True) as session:
                fill(session, data)
        (digests, lines), (other_digests, other_lines) = content(here), content(there)
        assert other_lines == lines
        assert other_digests == digests
        assert sum(table.rows for table in digests) >= len(lines)

    same()


def test_dates_that_python_has_none_for_are_kept_and_told(server: Server) -> None:
    """MySQL's zero date would come as NULL, PostgreSQL's infinity as an error."""
    address = server.new_database()
    if server.vendor == "microsoft":
        pytest.skip("SQL Server has no date that Python has none for")
    odd = {"postgresql": ("infinity", "0044-03-15 BC"), "mysql": ("0000-00-00 00:00:00", "0000-00-00")}
    moment, day = odd[server.vendor]
    with open_database(address, writable=True) as session:
        create(session)
        if server.vendor == "mysql":
            session.execute("SET SESSION sql_mode = ''")
        session.execute("INSERT INTO qa_testinstance (id, created) VALUES (7, %s)", (moment,))
        session.execute("INSERT INTO units_unit (id, install_date) VALUES (8, %s)", (day,))
    with open_database(address) as session, session.transaction():
        told: list[str] = []
        lines: list[bytes] = []
        for shape in read_shapes(session, VERSION).tables:
            reader = Rows(session, shape)
            lines += [line for batch in session.batches(reader.sql) for line in reader.lines(batch)]
            told += reader.told
    assert told == [
        "units_unit.install_date: 1 value not a date, kept as found (first in row 8)",
        "qa_testinstance.created: 1 value not a date and time, kept as found (first in row 7)",
    ]
    assert any(f'"created":"{moment}'.encode() in line for line in lines)


def test_what_no_rule_knows_is_described_by_every_server(server: Server) -> None:
    address = server.new_database()
    blob = {"postgresql": "bytea", "mysql": "longblob", "microsoft": "varbinary(max)"}[server.vendor]
    abc = "0x616263" if server.vendor == "microsoft" else "'abc'"
    with open_database(address, writable=True) as session:
        session.execute(
            "CREATE TABLE extra_thing (code varchar(10) PRIMARY KEY, n bigint, f double precision, "
            f"d numeric(8, 3), t text, b {blob}, day date)"
        )
        session.execute(f"INSERT INTO extra_thing VALUES ('a', 1, 0.5, 1.250, 'x', {abc}, '2018-05-14')")
        session.execute("CREATE TABLE two_keys (a integer, b integer, PRIMARY KEY (a, b))")
        session.execute("INSERT INTO two_keys VALUES (1, 2)")
    with open_database(address) as session, session.transaction():
        shapes = read_shapes(session, VERSION)
        lines = []
        for shape in shapes.tables:
            reader = Rows(session, shape)
            lines += [line for batch in session.batches(reader.sql) for line in reader.lines(batch)]
    # MySQL's description has one type for texts and blobs.
    binary = b"abc" if server.vendor == "mysql" else b"YWJj"
    assert lines == [
        b'{"model":"table.extra_thing","pk":"a","fields":'
        b'{"b":"' + binary + b'","d":"1.25","day":"2018-05-14","f":0.5,"n":1,"t":"x"}}',
        b'{"model":"table.two_keys","pk":null,"fields":{"a":1,"b":2}}',
    ]


def test_closing_in_the_middle_leaves_the_session_usable(server: Server) -> None:
    address = server.new_database()
    with open_database(address, writable=True) as session:
        session.execute("CREATE TABLE many (a integer PRIMARY KEY)")
        for start in range(0, 3000, 1000):  # the most that SQL Server takes at once
            session.execute("INSERT INTO many VALUES " + ", ".join(f"({start + number})" for number in range(1000)))
    with open_database(address) as session, session.transaction():
        with closing(session.batches("SELECT a FROM many ORDER BY a")) as batches:  # type: ignore[type-var]
            first = next(batches)
        assert [row[0] for row in first] == list(range(500))
        assert session.count("many") == 3000
