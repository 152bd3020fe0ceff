"""Statements that give rights: quoted whatever the names hold."""

from __future__ import annotations

import pytest

from upgrade_kit.model.server import Purpose, Right, Rights
from upgrade_kit.preflight.grants import statements


def rights(*lacking: Right, user: str = "qa", schema: str = "public", place: str = "") -> Rights:
    return Rights(login="qa", user=user, schema=schema, site_schemas=(), rights=lacking, place=place)


def lacking(name: str, *on: str) -> Right:
    return Right(name=name, purpose=Purpose.MIGRATION, held=False, on=on)


@pytest.mark.parametrize(
    ("vendor", "schema", "right", "lines"),
    [
        ("postgresql", "public", lacking("CREATE", "public"), ['GRANT USAGE, CREATE ON SCHEMA "public" TO "q""a";']),
        ("postgresql", 'x"y', lacking("OWNER", 't"'), ['ALTER TABLE "x""y"."t""" OWNER TO "q""a";']),
        ("microsoft", "d]bo", lacking("ALTER", "d]bo"), ['GRANT ALTER ON SCHEMA::[d]]bo] TO [q"a];']),
        ("microsoft", "dbo", lacking("BACKUP DATABASE"), ['GRANT BACKUP DATABASE TO [q"a];']),
        ("sqlite", "", lacking("WRITE", "/a"), []),
    ],
)
def test_names_are_quoted_as_the_vendor_does(vendor: str, schema: str, right: Right, lines: list[str]) -> None:
    assert statements(vendor, "site", rights(right, user='q"a', schema=schema), [right]) == lines


@pytest.mark.parametrize(
    ("database", "place", "named"), [("qa_db", "", r"`qa\_db`"), ("qa_db", "qa%", "`qa%`"), ("q`a", "", "`q``a`")]
)
def test_mysql_names_the_database_as_the_grant_that_counts_does(database: str, place: str, named: str) -> None:
    asked = [lacking("CREATE"), lacking("ALTER"), lacking("CREATE")]
    (line,) = statements("mysql", database, rights(user="'qa'@'%'", place=place), asked)
    assert line == f"GRANT CREATE, ALTER ON {named}.* TO 'qa'@'%';"


def test_each_schema_that_holds_what_may_not_be_read_is_opened() -> None:
    right = lacking("SELECT", "a.one", "a.two", "b.three")
    lines = statements("postgresql", "site", rights(), [right])
    assert [line for line in lines if "ALL TABLES" in line] == [
        'GRANT SELECT ON ALL TABLES IN SCHEMA "a" TO "qa";',
        'GRANT SELECT ON ALL TABLES IN SCHEMA "b" TO "qa";',
    ]


def test_a_hundred_tables_are_one_line_that_names_them_all() -> None:
    right = lacking("OWNER", "it's", *(f"t{number}" for number in range(1, 100)))
    (line,) = statements("postgresql", "site", rights(), [right])
    assert "ARRAY['it''s', 't1', 't2', " in line
    assert "'t99'] LOOP EXECUTE 'ALTER TABLE \"public\".' || quote_ident(t) || ' OWNER TO \"qa\"';" in line
