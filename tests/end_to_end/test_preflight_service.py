"""The checks of a site's Windows service on sites as they are, one folder under fixtures/ for each case.

A folder's name holds the check, its answer, and what the case is. In it are the scripts that stand beside
``manage.py``, with ``@SITE@`` for the site's folder and ``@BESIDE@`` for the one that holds it, in ``venv`` an
environment beside the site, and in ``service.txt`` what ``sc.exe`` printed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.cases import FOLDER, answer, of_family, parts, told
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, NotApplicable
from upgrade_kit.planning.graph import VersionGraph

CASES = FOLDER / "service"
JUDGED = of_family("service")
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
        (site / script.name).write_bytes(
            raw.replace(b"@SITE@", site.as_posix().encode()).replace(b"@BESIDE@", site.parent.as_posix().encode())
        )
    exports = tuple(case.glob("service.txt"))
    found = (case / "venv").is_dir()
    if found:
        shutil.copytree(case / "venv", site.parent / "venv")
    return survey(site, service_exports=exports, interpreters=found, environment={"PATH": ""} if found else None)


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, site: Path) -> None:
    id_, expected, _ = parts(case)

    result = answer(observed(case, site), id_)

    assert all(finding.where for finding in told(result, expected))


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.name)
def test_what_cannot_be_read_is_no_pass(case: Path, site: Path) -> None:
    seen = observed(case, site)
    for id_ in OF_SCRIPTS if "script" in case.name else OF_SERVICES:
        result = answer(seen, id_)
        assert isinstance(result, CouldNotRun)
        assert "service.txt" in result.reason or "CherryPyService.py" in result.reason


@pytest.mark.parametrize("id_", [*OF_SCRIPTS, *OF_SERVICES])
def test_a_site_without_a_service_is_not_asked_for_one(id_: str, site: Path) -> None:
    assert isinstance(answer(survey(site, interpreters=False), id_), NotApplicable)


def test_the_sample_under_deploy_is_no_script_of_the_site(site: Path) -> None:
    (site / "deploy" / "win").mkdir(parents=True)
    shutil.copyfile(
        CASES / "UK601-info-another-machines" / "QATrack3CherryPyService.py",
        site / "deploy" / "win" / "QATrack3CherryPyService.py",
    )
    assert isinstance(answer(survey(site, interpreters=False), "UK601"), NotApplicable)
