from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from upgrade_kit.model.deployment import (
    Schema,
    SchemaState,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
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


class TestSqliteHop:
    def test_sqlite_is_warned_with_the_lines_that_avoid_it(self, ask: Ask) -> None:
        finding = only_finding(ask(sqlite_keeps_foreign_keys))
        assert finding.severity is Severity.WARNING
        assert "PRAGMA legacy_alter_table=ON" in finding.hint

    def test_the_lines_are_python(self, ask: Ask) -> None:
        hint = only_finding(ask(sqlite_keeps_foreign_keys)).hint
        typed = [line.removeprefix("    ") for line in hint.splitlines() if line.startswith("    ")]
        compile("\n".join(typed[1:]), "local_settings.py", "exec")

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
