from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from upgrade_kit.model.deployment import (
    DatabaseSettings,
    Settings,
)
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.database import (
    database_answers,
    engine_loads,
    session_is_read_only,
)

Ask = Callable[..., Result]


class TestEngine:
    @pytest.fixture
    def with_engine(self, settings: Settings) -> Callable[..., Settings]:
        def make(engine: str | Unobserved, **more: object) -> Settings:
            assert isinstance(settings.database, DatabaseSettings)
            return replace(
                settings,
                database=replace(settings.database, engine=engine, **more),  # type: ignore[arg-type]
            )

        return make

    @pytest.mark.parametrize(
        "engine",
        ["django.db.backends.sqlite3", "django.db.backends.postgresql_psycopg2", "sql_server.pyodbc"],
    )
    def test_one_that_the_target_has_passes(self, ask: Ask, with_engine: Callable[..., Settings], engine: str) -> None:
        assert ask(engine_loads, settings=with_engine(engine)) == Passed(engine)

    def test_the_engine_of_029_on_sql_server_is_an_error_with_the_lines_to_change(
        self, ask: Ask, with_engine: Callable[..., Settings]
    ) -> None:
        options = (("provider", "sqlncli11"), ("use_legacy_date_fields", "True"))
        result = ask(engine_loads, settings=with_engine("sqlserver_ado", options=options))
        assert isinstance(result, Found)
        (finding,) = result.findings
        assert finding.severity is Severity.ERROR
        assert finding.where == "qatrack/local_settings.py:4"
        assert finding.hint.splitlines()[1:] == [
            "    'ENGINE': 'sql_server.pyodbc',",
            "    'OPTIONS': {},  # remove provider, use_legacy_date_fields",
        ]

    def test_options_that_are_computed_are_to_be_emptied_too(
        self, ask: Ask, with_engine: Callable[..., Settings]
    ) -> None:
        options = Unobserved("computed")
        result = ask(engine_loads, settings=with_engine("sqlserver_ado", options=options))
        assert isinstance(result, Found)
        assert "'OPTIONS': {},  # remove what was in it" in result.findings[0].hint

    def test_two_hops_can_be_checked_one_at_a_time(
        self, ask: Ask, with_engine: Callable[..., Settings], graph: VersionGraph
    ) -> None:
        path = graph.path("0.2.8", "0.3.0")
        result = ask(engine_loads, settings=with_engine("sqlserver_ado"), path=path)
        assert isinstance(result, Found)
        assert "--to 0.2.9.1" in result.findings[0].hint

    def test_it_is_no_error_before_030(
        self, ask: Ask, with_engine: Callable[..., Settings], graph: VersionGraph
    ) -> None:
        path = graph.path("0.2.8", "0.2.9.1")
        assert ask(engine_loads, settings=with_engine("sqlserver_ado"), path=path) == Passed("sqlserver_ado")

    def test_an_engine_without_a_known_successor_names_those_that_load(
        self, ask: Ask, with_engine: Callable[..., Settings]
    ) -> None:
        result = ask(engine_loads, settings=with_engine("django.db.backends.dummy"))
        assert isinstance(result, Found)
        assert "sql_server.pyodbc" in result.findings[0].hint

    def test_a_computed_engine_is_no_pass(self, ask: Ask, with_engine: Callable[..., Settings]) -> None:
        computed = Unobserved("computed in line 4")
        assert ask(engine_loads, settings=with_engine(computed)) == CouldNotRun("computed in line 4")

    def test_without_a_site_folder_there_are_no_settings_to_read(self, ask: Ask) -> None:
        no_folder = Unobserved("no site folder was given", asked=False)
        assert ask(engine_loads, settings=no_folder) == NotApplicable("no site folder was given")


class TestAnswers:
    def test_the_server_and_the_database_are_told(self, ask: Ask) -> None:
        assert ask(database_answers) == Passed("SQLite 3.40.1: /data/qatrack.db")

    def test_a_server_that_gives_a_bare_number_is_named(self, ask: Ask) -> None:
        result = ask(database_answers, in_database={"vendor": "postgresql", "server": "15.3", "name": "qa"})
        assert result == Passed("PostgreSQL 15.3: qa")

    def test_one_that_does_not_answer_is_no_pass(self, ask: Ask) -> None:
        assert ask(database_answers, database=Unobserved("refused")) == CouldNotRun("refused")


class TestReadOnly:
    def test_held_by_the_database_passes(self, ask: Ask) -> None:
        assert isinstance(ask(session_is_read_only), Passed)

    def test_not_held_is_told_and_stops_nothing(self, ask: Ask) -> None:
        result = ask(session_is_read_only, in_database={"read_only": False, "vendor": "microsoft"})
        assert isinstance(result, Found)
        assert [finding.severity for finding in result.findings] == [Severity.INFO]
        assert "SQL Server" in result.findings[0].message
