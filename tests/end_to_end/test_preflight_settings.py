"""The checks of a site's settings on sites as they are, one file under fixtures/ for each case.

A file's name holds the check, its answer, and what the case is: ``UK507-warning-placeholder.py`` is the
``local_settings.py`` of a site that trips UK507. A folder in place of a file holds more than one file.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.cases import FOLDER, answer, of_family, parts, told
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment, Settings
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed
from upgrade_kit.planning.graph import VersionGraph

CASES = FOLDER / "settings"
JUDGED = of_family("settings")
OPEN = [case for case in JUDGED if case.name.startswith("UK510")]
UNREADABLE = sorted(case for case in CASES.iterdir() if case.name.startswith("unreadable"))
NEW_CHECKS = tuple(f"UK{number}" for number in range(506, 516))
SECRETS = ("sample-password", "sample-key-of-this-site", "78kj_s=")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("database") / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    return file


def observed(case: Path, folder: Path, database: Path) -> Deployment:
    """Survey a site of 0.2.9.1 whose own settings are those of the case."""
    site = folder / "site"
    shutil.copytree(CASES / "application", site)
    (site / "manage.py").write_text("# nothing here runs it\n", encoding="utf-8")
    for file in (case,) if case.is_file() else tuple(case.iterdir()):
        name = "local_settings.py" if case.is_file() else file.name
        shutil.copyfile(file, site / "qatrack" / name)
    return survey(site, database=f"sqlite:///{database}", interpreters=False)


@pytest.mark.parametrize("case", [case for case in JUDGED if case not in OPEN], ids=lambda case: case.stem)
def test_each_case_gets_its_answer(case: Path, tmp_path: Path, database: Path) -> None:
    id_, expected, _ = parts(case)

    result = answer(observed(case, tmp_path, database), id_)

    assert not any(secret in str(result) for secret in SECRETS)
    for finding in told(result, expected):
        assert "local_settings.py" in finding.where or "settings.py:" in finding.where


@pytest.mark.parametrize("id_", NEW_CHECKS)
@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.stem)
def test_settings_that_cannot_be_parsed_are_no_pass(case: Path, id_: str, tmp_path: Path, database: Path) -> None:
    result = answer(observed(case, tmp_path, database), id_)
    assert isinstance(result, CouldNotRun)
    assert "local_settings.py" in result.reason


@pytest.mark.parametrize("id_", NEW_CHECKS)
def test_without_a_site_nothing_is_asked_of_its_settings(id_: str, database: Path) -> None:
    result = answer(survey(None, database=f"sqlite:///{database}", interpreters=False), id_)
    assert isinstance(result, NotApplicable)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, which pytest's own are not."""
    if os.name != "posix":
        pytest.skip("permissions are not looked at on Windows")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not all(parent.stat().st_mode & 0o001 for parent in folder.parents):
            pytest.skip("the folder for temporary files is closed to others")
        yield folder


@pytest.mark.parametrize("case", OPEN, ids=lambda case: case.stem)
def test_who_may_read_a_file_decides(case: Path, open_folder: Path, database: Path) -> None:
    observed(case, open_folder, database)
    (open_folder / "site" / "qatrack" / "local_settings.py").chmod(int(case.stem[-3:], 8))

    result = answer(survey(open_folder / "site", database=f"sqlite:///{database}", interpreters=False), "UK510")

    assert isinstance(result, Found) == ("-warning-" in case.name)
    if isinstance(result, Found):
        (finding,) = result.findings
        assert finding.where == "qatrack/local_settings.py"
        assert finding.hint.endswith("chmod o-rwx qatrack/local_settings.py")


def test_a_file_in_a_folder_that_is_closed_to_others_is_not_open(open_folder: Path, database: Path) -> None:
    observed(CASES / "UK510-warning-mode-644.py", open_folder, database)
    (open_folder / "site").chmod(0o700)
    seen = survey(open_folder / "site", database=f"sqlite:///{database}", interpreters=False)
    assert isinstance(answer(seen, "UK510"), Passed)


def test_what_the_target_replaces_is_not_held_against_the_site(tmp_path: Path, database: Path) -> None:
    """0.2.9.1 itself comes with DEBUG on and with settings that 0.3.0 does not read."""
    seen = observed(CASES / "UK515-passed-nothing-replaced.py", tmp_path, database)
    application = tmp_path / "site" / "qatrack" / "settings.py"
    text = application.read_text(encoding="utf-8").replace("DEBUG = False", "DEBUG = True\nTEMPLATE_DEBUG = True")
    application.write_text(text, encoding="utf-8")
    seen = survey(tmp_path / "site", database=f"sqlite:///{database}", interpreters=False)
    assert isinstance(seen.settings, Settings)
    assert ("DEBUG", "True") in [(name, value) for name, value, _ in seen.settings.values]
    assert isinstance(answer(seen, "UK506"), Passed)
    assert isinstance(answer(seen, "UK514"), Passed)


def test_without_time_zone_data_the_zone_is_not_judged(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("tzdata", *(name for name in sys.modules if name.startswith("tzdata."))):
        monkeypatch.setitem(sys.modules, module, None)
    zoneinfo.ZoneInfo.clear_cache()
    zoneinfo.reset_tzpath(to=[])
    try:
        result = answer(observed(CASES / "UK508-passed-vienna.py", tmp_path, database), "UK508")
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()
    assert isinstance(result, CouldNotRun)
    assert "pip install tzdata" in result.reason
