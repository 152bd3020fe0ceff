"""Where tables and references differ from those of the version's models."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.drift import read_drift, read_orphans
from upgrade_kit.model.precondition import TableDrift
from upgrade_kit.model.shape import Field, Kind, ListField, Models, TableShape
from upgrade_kit.model.unobserved import Unobserved

KEY = Field(name="id", column="id", kind=Kind.AUTO, key=True)
GROUP = TableShape(model="auth.group", table="auth_group", fields=(KEY,))
TEST = TableShape(
    model="qa.test",
    table="qa_test",
    fields=(KEY, Field(name="group", column="group_id", kind=Kind.INTEGER, to="auth.group", null=True)),
    lists=(ListField(name="seen_by", table="qa_seen", source="test_id", target="group_id", to="auth.group"),),
)
PASSING = TableShape(model="south.history", table="south_history", fields=(KEY,), dumped=False)
NEXT = TableShape(
    model="qa.test",
    table="qa_test",
    fields=(*TEST.fields, Field(name="hidden", column="hidden", kind=Kind.BOOLEAN)),
)
NEW = TableShape(model="parts.part", table="parts_part", fields=(KEY,))
ONE, TWO = Version("1.0"), Version("2.0")
MODELS = (
    Models(version=ONE, tables=(GROUP, TEST, PASSING), origin="here"),
    Models(version=TWO, tables=(GROUP, NEXT, NEW), origin="here"),
)
SOUND = (
    "CREATE TABLE auth_group (id integer PRIMARY KEY)",
    "CREATE TABLE qa_test (id integer PRIMARY KEY, group_id integer)",
    "CREATE TABLE qa_seen (id integer PRIMARY KEY, test_id integer, group_id integer)",
)


@contextmanager
def database(folder: Path, *statements: str) -> Iterator[Session]:
    file = folder / "site.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        yield session


def drift(folder: Path, *statements: str) -> TableDrift:
    with database(folder, *statements) as session:
        found = read_drift(session, session.table_names(), ONE, MODELS)
    assert isinstance(found, TableDrift)
    return found


def test_tables_as_they_should_be_do_not_differ(tmp_path: Path) -> None:
    none = TableDrift(version=ONE, missing=(), absent=(), extra=(), in_the_way=())
    assert drift(tmp_path, *SOUND, "CREATE TABLE mine (id integer)") == none


def test_one_table_of_an_app_is_missing_and_an_app_as_a_whole_is_absent(tmp_path: Path) -> None:
    found = drift(tmp_path, SOUND[1])
    assert (found.missing, found.absent) == (("qa_seen",), ("auth_group",))


def test_columns_are_missing_extra_or_in_the_way(tmp_path: Path) -> None:
    found = drift(
        tmp_path,
        SOUND[0],
        SOUND[2],
        "CREATE TABLE qa_test (id integer PRIMARY KEY, hidden bool, note text)",
        "CREATE TABLE parts_part (id integer)",
    )
    assert found.missing == ("qa_test.group_id",)
    assert found.extra == ("qa_test.note",)
    assert found.in_the_way == ((TWO, ("parts_part", "qa_test.hidden")),)


def test_a_version_that_no_rule_knows_is_told(tmp_path: Path) -> None:
    with database(tmp_path, *SOUND) as session:
        assert read_drift(session, (), Version("9"), MODELS) == Unobserved("the rules do not know the tables of 9")
        assert read_orphans(session, Version("9"), MODELS) == Unobserved("the rules do not know the tables of 9")


def test_rows_that_point_at_nothing_are_counted_and_the_first_named(tmp_path: Path) -> None:
    rows = ("INSERT INTO auth_group VALUES (1)", "INSERT INTO qa_test VALUES (1, 1), (2, NULL), (3, 7)")
    lists = "INSERT INTO qa_seen VALUES (1, 1, 1), (2, 9, 1), (3, 8, 1), (4, 7, 1), (5, 6, 1)"
    with database(tmp_path, *SOUND, *rows, lists) as session:
        assert read_orphans(session, ONE, MODELS) == (
            "qa_test.group_id -> auth_group: 1 row (id 3 to 7)",
            "qa_seen.test_id -> qa_test: 4 rows (id 2 to 9, id 3 to 8, id 4 to 7, ...)",
        )


def test_a_table_or_column_that_is_not_there_has_no_references(tmp_path: Path) -> None:
    with database(tmp_path, SOUND[0], "CREATE TABLE qa_test (id integer PRIMARY KEY)") as session:
        assert read_orphans(session, ONE, MODELS) == ()
