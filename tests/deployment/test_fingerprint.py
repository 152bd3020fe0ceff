from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.model.backup import Content


def fingerprint(address: DatabaseAddress, *statements: str) -> Content:
    with closing(sqlite3.connect(address.name)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with open_database(address) as session, session.transaction():
        return database_fingerprint(session)


def test_two_equal_databases_have_one_fingerprint(make_site: Callable[..., DatabaseAddress]) -> None:
    assert fingerprint(make_site()) == fingerprint(make_site(name="other.sqlite3"))


def test_the_rows_of_each_table_are_counted(site: DatabaseAddress) -> None:
    found = fingerprint(site, "DELETE FROM django_migrations", "INSERT INTO django_migrations VALUES (1, 'qa', 'x')")
    assert found.rows == (("django_migrations", 1), ("django_site", 1), ("qa_test", 5))


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = calculation_procedure || ' ' WHERE id = 1",
            id="a trailing blank",
        ),
        pytest.param("UPDATE qa_test SET calculation_procedure = '' WHERE id = 3", id="NULL becomes empty"),
        pytest.param("UPDATE qa_test SET id = 99 WHERE id = 1", id="another id"),
        pytest.param("DELETE FROM qa_test WHERE id = 3", id="a row less"),
    ],
)
def test_a_change_of_the_procedures_changes_their_digest_alone(site: DatabaseAddress, statement: str) -> None:
    before, after = fingerprint(site), fingerprint(site, statement)
    assert after.history_sha256 == before.history_sha256
    assert after.procedures_sha256 != before.procedures_sha256


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM django_migrations WHERE id = 1",
        "UPDATE django_migrations SET app = app || 'x', name = substr(name, 2) WHERE id = 1",
        "CREATE TABLE south_migrationhistory AS SELECT 1 AS id, 'qa' AS app_name, 'x' AS migration",
    ],
)
def test_a_change_of_the_history_changes_its_digest_alone(site: DatabaseAddress, statement: str) -> None:
    before, after = fingerprint(site), fingerprint(site, statement)
    assert after.history_sha256 != before.history_sha256
    assert after.procedures_sha256 == before.procedures_sha256


def test_other_columns_do_not_count(site: DatabaseAddress) -> None:
    assert fingerprint(site) == fingerprint(site, "UPDATE qa_test SET modified = 'today', name = name || '!'")


def test_a_database_without_either_table_has_one_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("empty") / "empty.db"
    file.touch()
    found = fingerprint(DatabaseAddress(vendor="sqlite", name=str(file)))
    assert found.rows == ()
    assert found.history_sha256 == found.procedures_sha256
