"""The checks of a site's Windows service on sites as they are, one folder under fixtures/ for each case.

A folder's name holds the check, its answer, and what the case is. In it are the scripts that stand beside
``manage.py``, with ``@SITE@`` for the site's folder, and in ``service.txt`` what ``sc.exe`` printed.
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

CASES = Path(__file__).parents[2] / "fixtures" / "preflight" / "service"
JUDGED = sorted(case for case in CASES.iterdir() if case.name.startswith("UK"))
UNREADABLE = sorted(case for case in CASES.iterdir() if case.name.startswith("unreadable"))
OF_SCRIPTS = ("UK601", "UK602", "UK603", "UK604")
OF_SERVICES = ("UK605", "UK606")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    build_sample_site(folder, VersionGraph.load().resolve("0.2.9.1"))
    return folder


def observed(case: Path, site: Path) -> Deployment:
    for script in case.glob("*.py"):
        shutil.copyfile(script, site / script.name)
        raw = (site / script.name).read_bytes()
        (site / script.name).write_bytes(raw.replace(b"@SITE@", site.as_posix().encode()))
    exports = tuple(case.glob("service.txt"))
    return survey(site, service_exports=exports, interpreters=False)


def answer(deployment: Deployment, id_: str) -> CheckResult:
    return next(result for result in run_preflight(deployment, only=[id_]).results if result.id == id_)


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, site: Path) -> None:
    id_, expected, _ = case.name.split("-", 2)

    result = answer(observed(case, site), id_).result

    if expected == "passed":
        assert isinstance(result, Passed | NotApplicable)
        return
    assert isinstance(result, Found)
    assert {finding.severity.value for finding in result.findings} == {expected}
    assert all(finding.hint and finding.where for finding in result.findings)


def test_every_check_has_a_case_that_trips_it_and_one_that_does_not() -> None:
    answers = {(case.name.split("-")[0], case.name.split("-")[1] == "passed") for case in JUDGED}
    assert answers == {(id_, passes) for id_ in (*OF_SCRIPTS, *OF_SERVICES) for passes in (True, False)}


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.name)
def test_what_cannot_be_read_is_no_pass(case: Path, site: Path) -> None:
    seen = observed(case, site)
    for id_ in OF_SCRIPTS if "script" in case.name else OF_SERVICES:
        result = answer(seen, id_).result
        assert isinstance(result, CouldNotRun)
        assert "service.txt" in result.reason or "CherryPyService.py" in result.reason


@pytest.mark.parametrize("id_", [*OF_SCRIPTS, *OF_SERVICES])
def test_a_site_without_a_service_is_not_asked_for_one(id_: str, site: Path) -> None:
    assert isinstance(answer(survey(site, interpreters=False), id_).result, NotApplicable)


def test_the_sample_under_deploy_is_no_script_of_the_site(site: Path) -> None:
    (site / "deploy" / "win").mkdir(parents=True)
    shutil.copyfile(
        CASES / "UK601-info-another-machines" / "QATrack3CherryPyService.py",
        site / "deploy" / "win" / "QATrack3CherryPyService.py",
    )
    assert isinstance(answer(survey(site, interpreters=False), "UK601").result, NotApplicable)
