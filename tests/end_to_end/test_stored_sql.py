"""Views and triggers in databases of every vendor that can be started here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.stored_sql import read_stored_sql
from upgrade_kit.deployment.survey import survey
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result
from upgrade_kit.model.sql import Scripts, StoredSql
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

TABLES = (
    "CREATE TABLE qa_testlistinstance (id integer, comment varchar(50), work_completed integer)",
    "CREATE TABLE auth_user (id integer, username varchar(30))",
    "CREATE TABLE remarks (said varchar(50))",
)


class Server(Protocol):
    admin: DatabaseAddress

    def address(self, name: str, *, user: str | None = None, password: str = ...) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...
    def small_site(self, tests: list[tuple[int, str, str, str, str | None]]) -> DatabaseAddress: ...


def stored(address: DatabaseAddress) -> StoredSql:
    with open_database(address) as session:
        found = read_stored_sql(session)
    assert isinstance(found, StoredSql)
    return found


def answers(found: StoredSql, source: str = "0.2.9.1") -> dict[str, Result]:
    """Ask the checks of what a database holds, on the way from a version."""
    site = survey(database="sqlite:///none.db", interpreters=False)
    changed: dict[str, Any] = {name: getattr(site, name) for name in site.__slots__} | {"stored_sql": found}
    path = VersionGraph.load().path(source, "0.3.0")
    preflight = run_preflight(type(site)(**changed), path, only=["UK355", "UK356"])
    return {result.id: result.result for result in preflight.results if not result.left_out}


def told(result: Result) -> list[tuple[str, str]]:
    assert isinstance(result, Found)
    return [(finding.severity.value, finding.message) for finding in result.findings]


class TestSqlite:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        build_sample_database(tmp_path / "site.db", VersionGraph.load().resolve("0.2.9.1"))
        return tmp_path / "site.db"

    def read(self, file: Path, *statements: str) -> StoredSql:
        with closing(sqlite3.connect(file)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()
        return stored(parse_database_url(f"sqlite:///{file}", base=file.parent))

    def test_a_database_without_any_passes(self, file: Path) -> None:
        assert {type(result) for result in answers(self.read(file)).values()} == {Passed}

    def test_a_view_of_a_table_that_south_makes_anew_stops_the_migration(self, file: Path) -> None:
        found = self.read(file, "CREATE VIEW monthly AS SELECT id, created FROM qa_testinstance")
        assert told(answers(found, "0.2.8")["UK355"]) == [
            ("error", "view monthly reads qa_testinstance, which the migration makes anew; it stops there")
        ]

    def test_a_view_of_one_that_django_makes_anew_does_not_where_it_is_told_to_rename_as_before(
        self, file: Path
    ) -> None:
        found = self.read(file, "CREATE VIEW monthly AS SELECT id, created FROM qa_testinstance")
        assert isinstance(answers(found)["UK355"], Passed)

    def test_a_view_of_a_column_that_goes_is_told(self, file: Path) -> None:
        found = self.read(file, "CREATE VIEW notes AS SELECT id, comment FROM qa_testlistinstance")
        ((severity, message),) = told(answers(found)["UK355"])
        assert severity == "warning"
        assert message.startswith("view notes names qa_testlistinstance.comment, which goes; the view fails")

    def test_a_view_of_another_table_does_not(self, file: Path) -> None:
        found = self.read(file, "CREATE VIEW sorts AS SELECT id, name FROM qa_category")
        assert isinstance(answers(found)["UK355"], Passed)

    def test_a_trigger_on_a_table_that_is_made_anew_is_gone_afterwards(self, file: Path) -> None:
        found = self.read(
            file,
            "CREATE TABLE hospital (x)",
            "CREATE TRIGGER noted AFTER UPDATE ON qa_testlistinstance BEGIN INSERT INTO hospital VALUES (NEW.id); END",
            "CREATE TRIGGER other AFTER UPDATE ON hospital BEGIN DELETE FROM hospital WHERE x = 1; END",
        )
        assert told(answers(found)["UK356"]) == [
            ("warning", "trigger noted is on qa_testlistinstance, which the migration makes anew without it")
        ]

    def test_where_no_hop_is_left_nothing_is_asked(self, file: Path) -> None:
        found = self.read(file, "CREATE VIEW monthly AS SELECT id FROM qa_testlistinstance")
        assert {type(result) for result in answers(found, "0.3.0").values()} == {NotApplicable}


def test_what_the_database_does_not_show_is_no_pass() -> None:
    hidden = Scripts(read=(), unread=(("view secret", "the database does not show its text to this login"),))
    result = answers(StoredSql(vendor="microsoft", views=hidden, others=Scripts(read=())))
    assert result["UK355"] == CouldNotRun("view secret: the database does not show its text to this login")
    assert isinstance(result["UK356"], Passed)


class Refusing:
    """A session with a server that only speaks like SQL Server."""

    vendor = "microsoft"

    def __init__(self, message: str) -> None:
        self.message = message

    def fetch(self, _sql: str) -> list[tuple[object, ...]]:
        raise DatabaseError(self.message)


def test_a_server_without_a_catalogue_of_modules_has_none() -> None:
    session: Any = Refusing("[42S02] Invalid object name 'sys.sql_modules'. (208)")
    found = read_stored_sql(session)
    assert isinstance(found, Unobserved)
    assert not found.asked


def test_a_catalogue_that_may_not_be_read_is_told() -> None:
    session: Any = Refusing("The SELECT permission was denied on the object 'sql_modules'")
    with pytest.raises(DatabaseError):
        read_stored_sql(session)


@pytest.mark.postgresql
def test_postgresql_refuses_one_view_and_drops_another(postgresql: Server) -> None:
    address = postgresql.small_site([])
    postgresql.run(
        *TABLES,
        "CREATE VIEW people AS SELECT * FROM auth_user",
        "CREATE VIEW notes AS SELECT upper(comment) AS said FROM qa_testlistinstance",
        "CREATE MATERIALIZED VIEW times AS SELECT work_completed FROM qa_testlistinstance",
        "CREATE FUNCTION note() RETURNS trigger AS $$BEGIN INSERT INTO remarks VALUES (NEW.comment); RETURN NEW; END$$"
        " LANGUAGE plpgsql",
        "CREATE TRIGGER noted AFTER UPDATE ON qa_testlistinstance FOR EACH ROW EXECUTE FUNCTION note()",
        "CREATE FUNCTION one() RETURNS integer AS $$SELECT 1$$ LANGUAGE sql",
        address=address,
    )
    found = stored(address)
    assert len(found.views.read) == 3
    result = answers(found)
    assert sorted(told(result["UK355"])) == [
        (
            "error",
            "view people uses auth_user.username, which the migration gives another length; PostgreSQL refuses that",
        ),
        ("warning", "view notes names qa_testlistinstance.comment, which goes; the view is dropped with it"),
    ]
    assert told(result["UK356"]) == [("warning", "trigger noted names qa_testlistinstance.comment, which goes")]


@pytest.mark.mariadb
def test_mariadb_leaves_a_view_that_fails(mariadb: Server) -> None:
    address = mariadb.small_site([])
    mariadb.run(
        *TABLES,
        "CREATE VIEW people AS SELECT username FROM auth_user",
        "CREATE VIEW notes AS SELECT id, comment FROM qa_testlistinstance",
        "CREATE TRIGGER noted AFTER UPDATE ON qa_testlistinstance FOR EACH ROW"
        " INSERT INTO remarks VALUES (NEW.comment)",
        "CREATE PROCEDURE clean() DELETE FROM qa_testlistinstance WHERE comment = 'test'",
        address=address,
    )
    result = answers(stored(address))
    assert told(result["UK355"]) == [
        ("warning", "view notes names qa_testlistinstance.comment, which goes; the view fails when it is next used")
    ]
    assert sorted(told(result["UK356"])) == [
        ("warning", "procedure clean names qa_testlistinstance.comment, which goes"),
        ("warning", "trigger noted names qa_testlistinstance.comment, which goes"),
    ]
