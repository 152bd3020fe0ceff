"""The checks of IIS on configurations as they are, one folder under fixtures/ for each case.

A folder's name holds the check, its answer, and what the case is. In it are ``web.config`` or
``applicationHost.config``, and the scripts that stand beside ``manage.py``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.cases import FOLDER, answer, of_family, parts, told
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

CASES = FOLDER / "iis"
JUDGED = of_family("iis")
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


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, site: Path) -> None:
    id_, expected, _ = parts(case)

    result = answer(observed(case, site), id_)

    assert all(".config" in finding.where for finding in told(result, expected))
    assert not isinstance(result, NotApplicable)


@pytest.mark.parametrize("case", [case for case in JUDGED if "-passed-" in case.name], ids=lambda case: case.name)
def test_a_set_up_as_in_the_guide_trips_nothing_else(case: Path, site: Path) -> None:
    results = run_preflight(observed(case, site), only=["iis"]).results
    assert [result.id for result in results if isinstance(result.result, Found)] == []


@pytest.mark.parametrize("what", ["does-not-stop", "not-enabled", "order"])
def test_a_second_rule_of_one_name_which_stops_iis_is_never_what_to_type(what: str, site: Path) -> None:
    result = answer(observed(CASES / f"UK611-warning-{what}", site), "UK611")
    assert isinstance(result, Found)
    assert all(finding.hint.startswith("Put this in the place of 'QATrack Static' (") for finding in result.findings)


def test_where_there_is_no_static_rule_it_is_to_be_added(site: Path) -> None:
    result = answer(observed(CASES / "UK611-warning-missing", site), "UK611")
    assert isinstance(result, Found)
    assert result.findings[0].hint.startswith("Put this rule before 'QATrack Reverse Proxy':")


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
        assert isinstance(answer(seen, id_), NotApplicable)


@pytest.mark.parametrize("folder", [".", "qatrack"])
def test_web_config_in_the_site_is_found_by_itself(folder: str, site: Path) -> None:
    shutil.copyfile(CASES / "UK611-warning-order" / "web.config", site / folder / "web.config")
    assert isinstance(answer(survey(site, interpreters=False), "UK611"), Found)


def test_a_web_config_without_rules_leaves_the_rules_to_the_server(site: Path) -> None:
    (site / "web.config").write_text("<configuration><system.webServer/></configuration>", encoding="utf-8")
    seen = survey(site, interpreters=False)
    for id_ in CHECKS:
        assert isinstance(answer(seen, id_), NotApplicable)
