from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import (
    Deployment,
    Interpreter,
    Interpreters,
    Schema,
    SchemaState,
    Settings,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.migrating import migration_to_type
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks.data import (
    default_site_exists,
    foreign_keys_have_tables,
    no_orphaned_collections,
    sqlite_keeps_foreign_keys,
)

Ask = Callable[..., Result]
GONE = "unit test collection 3 of unit 2 (Linac 2): its test list 999 is gone"


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


class TestOrphans:
    def test_none_passes(self, ask: Ask) -> None:
        assert ask(no_orphaned_collections) == Passed()

    def test_each_is_named(self, ask: Ask) -> None:
        finding = only_finding(ask(no_orphaned_collections, in_database={"orphans": (GONE, "another")}))
        assert finding.severity is Severity.ERROR
        assert "2 unit test collections without test list or cycle" in finding.message
        assert f"{GONE}; another" in finding.message

    def test_the_hint_warns_that_deleting_takes_records_along(self, ask: Ask) -> None:
        hint = only_finding(ask(no_orphaned_collections, in_database={"orphans": (GONE,)})).hint
        assert "deleting takes them along" in hint
        assert ".count()" in hint


class TestDefaultSite:
    def test_row_1_passes(self, ask: Ask) -> None:
        assert ask(default_site_exists) == Passed()

    @pytest.mark.parametrize("vendor", ["postgresql", "mysql", "microsoft"])
    def test_its_absence_stops_a_server_half_way(self, ask: Ask, vendor: str) -> None:
        facts = {"has_default_site": False, "vendor": vendor}
        assert only_finding(ask(default_site_exists, in_database=facts)).severity is Severity.ERROR

    def test_on_sqlite_it_is_a_warning(self, ask: Ask) -> None:
        finding = only_finding(ask(default_site_exists, in_database={"has_default_site": False}))
        assert finding.severity is Severity.WARNING
        assert "Site.objects.create(id=1" in finding.hint


class TestForeignKeys:
    DANGLING = ("qa_a.test_id -> qa_test__old", "qa_a.user_id -> auth_user__old", "qa_b.x_id -> qa_test__old")

    def test_none_dangling_passes(self, ask: Ask) -> None:
        assert ask(foreign_keys_have_tables) == Passed()

    def test_keys_and_tables_are_counted_and_named(self, ask: Ask) -> None:
        finding = only_finding(ask(foreign_keys_have_tables, in_database={"dangling": self.DANGLING}))
        assert finding.severity is Severity.WARNING
        assert finding.message.startswith("3 foreign keys of 2 tables")
        assert all(key in finding.message for key in self.DANGLING)

    def test_a_server_has_none(self, ask: Ask) -> None:
        facts = {"vendor": "postgresql"}
        assert isinstance(ask(foreign_keys_have_tables, in_database=facts), NotApplicable)

    @pytest.mark.parametrize("state", [SchemaState.PARTIAL, SchemaState.SKIPPED])
    def test_a_schema_that_is_not_whole_has_other_worries(self, ask: Ask, state: SchemaState) -> None:
        broken = Schema(state=state, version=None, towards=None, span="", missing=(), unknown=(), evidence=())
        facts = {"dangling": self.DANGLING, "schema": broken}
        assert isinstance(ask(foreign_keys_have_tables, in_database=facts), NotApplicable)


def pythons(*versions: str | None) -> Interpreters:
    return Interpreters(
        found=tuple(
            Interpreter(
                path=Path(f"/py{number}"),
                version=Version(f"3.6.{number}"),
                bits=64,
                found="PATH",
                sqlite=None if version is None else Version(version),
            )
            for number, version in enumerate(versions)
        ),
        silent=(),
    )


class TestSqliteHop:
    @pytest.mark.parametrize("versions", [(), (None,), ("3.21.0", None)])
    def test_where_no_python_tells_its_sqlite_it_may_be_a_new_one(self, ask: Ask, versions: tuple[str | None]) -> None:
        finding = only_finding(ask(sqlite_keeps_foreign_keys, interpreters=pythons(*versions)))
        assert finding.severity is Severity.INFO
        assert "may come with SQLite 3.26 or later" in finding.message

    def test_a_new_sqlite_is_named_with_its_python(self, ask: Ask) -> None:
        finding = only_finding(ask(sqlite_keeps_foreign_keys, interpreters=pythons("3.21.0", "3.26.0")))
        assert f"{Path('/py1')} comes with SQLite 3.26.0" in finding.message
        assert str(Path("/py0")) not in finding.message

    def test_what_is_to_be_typed_is_the_command_of_the_plan(self, ask: Ask) -> None:
        hint = only_finding(ask(sqlite_keeps_foreign_keys)).hint
        (typed,) = [line for line in hint.splitlines() if line.startswith("    ")]
        assert typed == f"    {migration_to_type(Version('0.3.0'), 'sqlite')}"
        assert "PRAGMA legacy_alter_table = ON" in typed

    def test_where_all_come_with_an_old_one_nothing_happens(self, ask: Ask) -> None:
        assert isinstance(ask(sqlite_keeps_foreign_keys, interpreters=pythons("3.21.0", "3.25.3")), Passed)

    def test_once_the_lines_are_in_the_settings_it_passes(self, ask: Ask, site: Deployment) -> None:
        assert isinstance(site.settings, Settings)
        settings = replace(site.settings, alters_as_before=True)
        result = ask(sqlite_keeps_foreign_keys, settings=settings, interpreters=pythons("3.40.1"))
        assert isinstance(result, Passed)

    def test_others_are_not_concerned(self, ask: Ask) -> None:
        assert isinstance(ask(sqlite_keeps_foreign_keys, in_database={"vendor": "mysql"}), NotApplicable)


@pytest.mark.parametrize("check", [no_orphaned_collections, default_site_exists, sqlite_keeps_foreign_keys])
def test_a_site_past_030_is_not_asked(ask: Ask, graph: VersionGraph, check: Check[Any]) -> None:
    assert isinstance(ask(check, path=graph.path("0.3.0", "0.3.0")), NotApplicable)


@pytest.mark.parametrize(
    ("check", "fact"),
    [
        (no_orphaned_collections, "orphans"),
        (default_site_exists, "has_default_site"),
        (foreign_keys_have_tables, "dangling"),
    ],
)
def test_what_could_not_be_read_is_no_pass(ask: Ask, check: Check[Any], fact: str) -> None:
    assert ask(check, in_database={fact: Unobserved("no right")}) == CouldNotRun("no right")
