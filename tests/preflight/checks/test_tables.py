from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Found, NotApplicable, Passed, Severity
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.precondition import DataAhead, TableDrift
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks.tables import (
    constraints_are_there_once,
    no_columns_of_the_sites_own,
    nothing_is_in_the_way,
    tables_are_whole,
)
from upgrade_kit.preflight.facts import Facts

Run = Callable[..., CheckResult]


@pytest.fixture
def run(site: Deployment, path: UpgradePath) -> Run:
    def with_drift(
        check: Check[Any], *, vendor: str = "sqlite", way: UpgradePath = path, **differs: Any
    ) -> CheckResult:
        data = site.data_ahead
        assert isinstance(data, DataAhead)
        assert isinstance(data.drift, TableDrift)
        changed = replace(site, data_ahead=replace(data, vendor=vendor, drift=replace(data.drift, **differs)))
        return check.run(Facts(changed, way, Unobserved("no plan")))

    return with_drift


def told(answer: CheckResult) -> list[tuple[Severity, str]]:
    assert isinstance(answer.result, Found)
    return [(finding.severity, finding.message) for finding in answer.result.findings]


@pytest.mark.parametrize("check", [tables_are_whole, nothing_is_in_the_way, no_columns_of_the_sites_own])
def test_tables_that_do_not_differ_pass(check: Check[Any], run: Run) -> None:
    assert run(check).result == Passed()


@pytest.mark.parametrize("check", [tables_are_whole, nothing_is_in_the_way, no_columns_of_the_sites_own])
def test_tables_that_could_not_be_compared_are_no_pass(check: Check[Any], site: Deployment, path: UpgradePath) -> None:
    assert isinstance(site.data_ahead, DataAhead)
    blind = replace(site, data_ahead=replace(site.data_ahead, drift=Unobserved("the rules do not know the tables")))
    answer = check.run(Facts(blind, path, Unobserved("no plan")))
    assert answer.result == CouldNotRun("the rules do not know the tables")


def test_a_lost_table_is_an_error_and_a_lost_app_a_warning(run: Run) -> None:
    answer = told(run(tables_are_whole, missing=("qa_test.hidden",), absent=("contacts_contact",)))
    assert [severity for severity, _ in answer] == [Severity.ERROR, Severity.WARNING]
    assert "qa_test.hidden" in answer[0][1]
    assert "contacts_contact" in answer[1][1]


@pytest.mark.parametrize(
    ("vendor", "severity"), [("sqlite", Severity.WARNING), ("postgresql", Severity.ERROR), ("mysql", Severity.ERROR)]
)
def test_a_column_in_the_way_stops_the_servers(run: Run, vendor: str, severity: Severity) -> None:
    coming = ((Version("0.3.0"), ("qa_testlist.javascript",)),)
    assert [found for found, _ in told(run(nothing_is_in_the_way, vendor=vendor, in_the_way=coming))] == [severity]


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_a_table_in_the_way_stops_all(run: Run, vendor: str) -> None:
    coming = ((Version("0.3.0"), ("qa_sublist",)),)
    answer = told(run(nothing_is_in_the_way, vendor=vendor, in_the_way=coming))
    assert [found for found, _ in answer] == [Severity.ERROR]


def test_what_is_in_the_way_of_a_version_that_is_not_on_the_way_is_left(run: Run) -> None:
    coming = ((Version("0.3.0"), ("qa_sublist",)),)
    way = VersionGraph.load().path("0.2.8", "0.2.9.1")
    assert run(nothing_is_in_the_way, way=way, in_the_way=coming).result == Passed()


@pytest.mark.parametrize(("vendor", "word"), [("sqlite", "lost"), ("mysql", "default")])
def test_a_column_of_the_sites_own_is_told_with_what_becomes_of_it(run: Run, vendor: str, word: str) -> None:
    answer = told(run(no_columns_of_the_sites_own, vendor=vendor, extra=("qa_test.local_note",)))
    assert [severity for severity, _ in answer] == [Severity.WARNING]
    assert word in answer[0][1]


def test_at_the_target_a_column_of_the_sites_own_is_nobodys_business(run: Run) -> None:
    way = VersionGraph.load().path("0.3.0", "0.3.0")
    assert run(no_columns_of_the_sites_own, way=way, extra=("qa_test.local_note",)).result == Passed()


def test_constraints_are_asked_of_servers_only(run: Run) -> None:
    assert isinstance(run(constraints_are_there_once).result, NotApplicable)
