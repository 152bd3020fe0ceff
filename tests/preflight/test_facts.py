from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.model.deployment import (
    Database,
    Deployment,
    Machine,
    Settings,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.preflight.checks.interpreter import InterpretersOnPath
from upgrade_kit.preflight.checks.procedures import UploadTests
from upgrade_kit.preflight.facts import (
    EngineOnPath,
    Facts,
    site_arguments,
)

NO_DATABASE = Unobserved("the server does not answer")
NO_FOLDER = Unobserved("no site folder was given", asked=False)


@pytest.mark.parametrize("kind", {check.id: check.reads for check in CHECKS}.values())
def test_every_fact_that_a_check_reads_can_be_put_together(
    kind: type[object], site: Deployment, graph: VersionGraph, plan: RewritePlan
) -> None:
    fact = Facts(site, graph.path("0.2.8", "0.3.0"), plan).get(kind)
    # What only servers have does not apply to a file.
    assert isinstance(fact, kind) or (isinstance(fact, Unobserved) and not fact.asked)


def test_what_needs_two_facts_is_unknown_if_one_is(site: Deployment, path: UpgradePath, plan: RewritePlan) -> None:
    facts = Facts(replace(site, interpreters=Unobserved("not asked yet")), path, plan)
    assert facts.get(InterpretersOnPath) == Unobserved("not asked yet")
    assert isinstance(facts.get(Settings), Settings)


def test_what_nobody_asked_for_settles_the_question(site: Deployment, plan: RewritePlan) -> None:
    facts = Facts(replace(site, settings=NO_FOLDER), NO_DATABASE, plan)
    assert facts.get(EngineOnPath) == NO_FOLDER


def test_no_plan_is_no_fault_and_no_fact(site: Deployment, path: UpgradePath) -> None:
    not_judged = Unobserved("not judged", asked=False)
    assert Facts(site, path, not_judged).get(UploadTests) == not_judged


def test_a_fact_kept_under_a_wrong_type_is_an_error_and_no_answer(
    site: Deployment, path: UpgradePath, plan: RewritePlan
) -> None:
    wrong = replace(site, machine=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Machine is kept as int"):
        Facts(wrong, path, plan).get(Machine)


def test_an_unknown_type_is_unobserved(site: Deployment, path: UpgradePath, plan: RewritePlan) -> None:
    assert Facts(site, path, plan).get(int) == Unobserved("nothing here observes a fact of the type int")


class TestSiteArguments:
    def test_a_folder_whose_settings_lead_to_the_database_is_enough(self, site: Deployment) -> None:
        assert site_arguments(site) == "site"

    def test_another_database_than_the_settings_name_is_named(self, site: Deployment, database: Database) -> None:
        other = replace(database, url="sqlite:////copies/site.db", name="/copies/site.db")
        assert site_arguments(replace(site, database=other)) == "site --database sqlite:////copies/site.db"

    def test_without_a_folder_the_database_is_named(self, site: Deployment) -> None:
        alone = replace(site, site=None, settings=NO_FOLDER)
        assert site_arguments(alone) == "--database sqlite:////data/qatrack.db"

    def test_an_unreachable_database_leaves_the_folder(self, site: Deployment) -> None:
        assert site_arguments(replace(site, database=NO_DATABASE)) == "site"

    def test_a_folder_with_a_blank_is_quoted(self, site: Deployment) -> None:
        assert site_arguments(replace(site, site=Path("QATrack plus"))) == "'QATrack plus'"
