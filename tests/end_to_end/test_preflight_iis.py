"""The checks of IIS on configurations as they are, one folder under fixtures/ for each case.

A folder's name holds the check, its answer, and what the case is. In it are ``web.config`` or
``applicationHost.config``, and the scripts that stand beside ``manage.py``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Found, NotApplicable, Passed
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

CASES = Path(__file__).parents[2] / "fixtures" / "preflight" / "iis"
JUDGED = sorted(case for case in CASES.iterdir() if case.name.startswith("UK"))
UNREADABLE = sorted(case for case in CASES.iterdir() if case.name.startswith("unreadable"))
CHECKS = tuple(f"UK{number}" for number in range(611, 618))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    build_sample_site(folder, VersionGraph.load().resolve("0.2.9.1"))
    return folder


def observed(case: Path, site: Path) -> Deployment:
    for script in case.glob("*.py"):
        shutil.copyfile(script, site / script.name)
    return survey(site, iis=(case,), interpreters=False)


def answer(deployment: Deployment, id_: str) -> CheckResult:
    return next(result for result in run_preflight(deployment, only=[id_]).results if result.id == id_)


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, site: Path) -> None:
    id_, expected, _ = case.name.split("-", 2)

    result = answer(observed(case, site), id_).result

    if expected == "passed":
        assert isinstance(result, Passed)
        return
    assert isinstance(result, Found)
    assert {finding.severity.value for finding in result.findings} == {expected}
    assert all(finding.hint and ".config" in finding.where for finding in result.findings)


def test_every_check_has_a_case_that_trips_it_and_one_that_does_not() -> None:
    answers = {(case.name.split("-")[0], case.name.split("-")[1] == "passed") for case in JUDGED}
    assert answers == {(id_, passes) for id_ in CHECKS for passes in (True, False)}


@pytest.mark.parametrize("case", [case for case in JUDGED if "-passed-" in case.name], ids=lambda case: case.name)
def test_a_set_up_as_in_the_guide_trips_nothing_else(case: Path, site: Path) -> None:
    results = run_preflight(observed(case, site), only=["iis"]).results
    assert [result.id for result in results if isinstance(result.result, Found)] == []


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.name)
def test_what_cannot_be_read_is_no_pass(case: Path, site: Path) -> None:
    answers = run_preflight(observed(case, site), only=["iis"]).results
    for result in (one.result for one in answers if one.id in CHECKS):
        assert isinstance(result, CouldNotRun)
        assert ".config" in result.reason
        assert "root:" not in result.reason


def test_a_site_without_iis_is_not_asked_for_it(site: Path) -> None:
    seen = survey(site, interpreters=False)
    for id_ in CHECKS:
        assert isinstance(answer(seen, id_).result, NotApplicable)


@pytest.mark.parametrize("folder", [".", "qatrack"])
def test_web_config_in_the_site_is_found_by_itself(folder: str, site: Path) -> None:
    shutil.copyfile(CASES / "UK611-warning-order" / "web.config", site / folder / "web.config")
    assert isinstance(answer(survey(site, interpreters=False), "UK611").result, Found)


def test_a_web_config_without_rules_leaves_the_rules_to_the_server(site: Path) -> None:
    (site / "web.config").write_text("<configuration><system.webServer/></configuration>", encoding="utf-8")
    seen = survey(site, interpreters=False)
    for id_ in CHECKS:
        assert isinstance(answer(seen, id_).result, NotApplicable)
