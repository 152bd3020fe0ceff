"""What holds for every check of the kit."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import fields, replace
from importlib import import_module
from typing import Any

import pytest

from upgrade_kit.model.deployment import (
    Database,
    Deployment,
)
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight import checks
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.preflight.facts import Facts

UNKNOWN = Unobserved("it cannot be read")
NOT_ASKED = Unobserved("nobody asked for it", asked=False)
OBSERVED = (
    "checkout",
    "settings",
    "interpreters",
    "database",
    "disk",
    "backups",
    "migrate_log",
    "service_scripts",
    "windows_services",
    "iis",
    "data_ahead",
    "sql",
    "stored_sql",
    "environments",
    "requirements",
    "server",
    "verification",
    "uploads",
    "backup_place",
    "dumps",
    "clocks",
    "log_place",
    "git",
)
NESTED = ("schema", "orphans", "dangling", "spoilt", "has_default_site", "size_bytes")

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)


def blinded(site: Deployment, fact: Unobserved) -> Deployment:
    facts: dict[str, Any] = dict.fromkeys(OBSERVED, fact)
    return replace(site, version=fact, versions_agree=fact, **facts)


def test_no_check_of_any_module_was_forgotten() -> None:
    modules = [import_module(f"{checks.__name__}.{module.name}") for module in pkgutil.iter_modules(checks.__path__)]
    defined = {value.id for module in modules for value in vars(module).values() if isinstance(value, Check)}
    assert defined == {check.id for check in CHECKS}


def test_ids_are_unique() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)


@every_check
def test_a_check_says_what_why_whence_and_what_to_do(check: Check[Any]) -> None:
    assert check.id.startswith("UK")
    assert len(check.id) == len("UK101")
    assert check.title
    assert check.why.endswith(".")
    assert check.section
    assert check.remedy
    assert "`" not in check.why + check.remedy


@every_check
def test_nothing_known_is_never_a_pass(check: Check[Any], site: Deployment) -> None:
    blind = blinded(site, UNKNOWN)
    assert check.run(Facts(blind, UNKNOWN, UNKNOWN)).result == CouldNotRun("it cannot be read")


@every_check
def test_nothing_asked_for_does_not_apply(check: Check[Any], site: Deployment) -> None:
    blind = blinded(site, NOT_ASKED)
    assert check.run(Facts(blind, NOT_ASKED, NOT_ASKED)).result == NotApplicable("nobody asked for it")


@every_check
@pytest.mark.parametrize(("source", "target"), [("0.2.8", "0.3.0"), ("0.2.9.1", "0.3.0"), ("0.3.0", "0.3.0")])
def test_with_a_path_and_nothing_else_only_the_path_passes(
    check: Check[Any], site: Deployment, graph: VersionGraph, source: str, target: str
) -> None:
    blind = blinded(site, UNKNOWN)
    result = check.run(Facts(blind, graph.path(source, target), UNKNOWN)).result
    assert isinstance(result, Passed) == (check.id == "UK309")


@every_check
def test_a_database_that_tells_nothing_passes_only_for_answering(
    check: Check[Any], ask: Callable[..., Result], graph: VersionGraph
) -> None:
    of_database = {"UK202", "UK203"}
    result = ask(check, in_database=dict.fromkeys(NESTED, UNKNOWN), path=graph.path("0.2.8", "0.3.0"))
    if "atabase" in check.reads.__name__ and check.id not in of_database:
        assert not isinstance(result, Passed)


@every_check
def test_every_finding_has_a_message_and_a_hint(
    check: Check[Any], spoilt_sites: list[tuple[Deployment, UpgradePath | Unobserved, RewritePlan]]
) -> None:
    for site, path, plan in spoilt_sites:
        result = check.run(Facts(site, path, plan)).result
        if isinstance(result, Found):
            assert all(finding.message and finding.hint for finding in result.findings)


@pytest.fixture
def spoilt_sites(
    site: Deployment, path: UpgradePath, plan: RewritePlan
) -> list[tuple[Deployment, UpgradePath | Unobserved, RewritePlan]]:
    assert isinstance(site.database, Database)
    bad = replace(
        site.database,
        orphans=("collection 3",),
        dangling=("a.b -> c",),
        spoilt=("t.c",),
        has_default_site=False,
    )
    return [(replace(site, database=bad), path, plan), (replace(site, database=bad), UNKNOWN, plan)]


def test_facts_that_these_tests_blind_are_all_there_are() -> None:
    always_known = {"site", "observed_at", "machine", "version", "versions_agree", "database_url", "database_was_named"}
    assert {field.name for field in fields(Deployment)} == {*OBSERVED, *always_known}
