from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.content import content_digests
from upgrade_kit.model.content import TableContent

TABLES = """
CREATE TABLE units_modality (id integer PRIMARY KEY, name varchar(255) NOT NULL);
CREATE TABLE units_unit (id integer PRIMARY KEY, number integer, name varchar(256), install_date date);
CREATE TABLE units_unit_modalities (id integer PRIMARY KEY, unit_id integer, modality_id integer);
CREATE TABLE copy_of_tests (a integer, b text);
INSERT INTO units_modality VALUES (1, '6 MV'), (2, '10 MV');
INSERT INTO units_unit VALUES (1, 1, 'Linac', '2010-01-01'), (2, 2, NULL, NULL);
INSERT INTO units_unit_modalities VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1);
INSERT INTO copy_of_tests VALUES (1, 'x'), (1, 'x');
"""


def contents(folder: Path, *statements: str) -> dict[str, TableContent]:
    file = folder / "site.sqlite3"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(TABLES)
        for statement in statements:
            connection.execute(statement)
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session, session.transaction():
        found = content_digests(session)
    assert [content.name for content in found] == sorted(content.name for content in found)
    return {content.name: content for content in found}


def test_every_table_is_counted_and_digested(tmp_path: Path) -> None:
    assert {name: content.rows for name, content in contents(tmp_path).items()} == {
        "copy_of_tests": 2,
        "units_modality": 2,
        "units_unit": 2,
        "units_unit_modalities": 3,
    }


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("UPDATE units_unit SET name = 'linac' WHERE id = 1", {"units_unit"}),
        ("UPDATE units_unit SET name = '' WHERE id = 2", {"units_unit"}),
        ("UPDATE units_modality SET id = 3 WHERE id = 2", {"units_modality"}),
        ("UPDATE units_unit_modalities SET modality_id = 2 WHERE id = 3", {"units_unit_modalities"}),
        ("DELETE FROM copy_of_tests WHERE rowid = 1", {"copy_of_tests"}),
        ("UPDATE units_unit_modalities SET id = id + 10", set()),
        ("VACUUM", set()),
        ("CREATE INDEX i ON units_unit (name)", set()),
    ],
)
def test_a_change_changes_the_digest_of_its_table_alone(tmp_path: Path, statement: str, changed: set[str]) -> None:
    before, after = contents(tmp_path), contents(tmp_path, statement)
    assert {name for name in before if before[name] != after[name]} == changed


def test_neither_the_order_of_rows_nor_that_of_columns_counts(tmp_path: Path) -> None:
    after = contents(
        tmp_path,
        "DROP TABLE units_modality",
        "CREATE TABLE units_modality (name text, id integer PRIMARY KEY)",
        "INSERT INTO units_modality VALUES ('10 MV', 2), ('6 MV', 1)",
        "DROP TABLE units_unit_modalities",
        "CREATE TABLE units_unit_modalities (modality_id bigint, id integer PRIMARY KEY, unit_id bigint)",
        "INSERT INTO units_unit_modalities VALUES (1, 1, 2), (2, 2, 1), (1, 3, 1)",
    )
    assert after == contents(tmp_path)


def test_a_database_without_tables_has_no_content(tmp_path: Path) -> None:
    file = tmp_path / "empty.sqlite3"
    sqlite3.connect(file).close()
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        assert content_digests(session) == ()


@pytest.mark.real
def test_an_upgrade_changes_what_it_changes(real: Path, tmp_path: Path) -> None:
    found = {}
    for name in ("0.3.0", "0.3.0-clean"):
        file = shutil.copy(real / f"{name}.sqlite3", tmp_path / f"{name}.sqlite3")
        with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session, session.transaction():
            found[name] = {content.name: content for content in content_digests(session)}
    # The same upgrade twice, at another hour: nothing that nobody touched differs.
    same = {name for name, content in found["0.3.0"].items() if found["0.3.0-clean"].get(name) == content}
    assert {
        "qa_testlistmembership",
        "qa_test",
        "units_unit_modalities",
        "auth_user_groups",
        "south_migrationhistory",
    } <= same
    assert "django_migrations" not in same
