"""The checks of interpreters and environments on sites as they are, one folder under fixtures/ for each case.

A folder's name holds the check, its answer, and what the case is. It is laid over ``environment/common``, which is a
whole site: ``repository/TAG`` is what the site's repository holds at a tag, ``bin`` what is on PATH. A file named after
a Python says what that interpreter answers: version, bits, and what it lacks. ``absent.txt`` names what is taken away.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Found, NotApplicable, Passed
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

FIXTURES = Path(__file__).parents[2] / "fixtures" / "preflight"
COMMON = FIXTURES / "environment" / "common"
CASES = sorted(case for family in ("environment", "interpreter") for case in (FIXTURES / family).glob("UK*"))
ONLY_INFO = {"UK106"}  # it is said to everybody
WITH_MORE = {"UK102", "UK107", "UK129"}  # tested where what trips them can be made
NOTES = ("absent.txt", "empty.txt", "as-common.txt")
IDS = (*(f"UK10{number}" for number in range(3, 9)), *(f"UK{number}" for number in range(121, 130)))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the interpreters are shell scripts")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("database") / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    return file


class Site:
    """A folder with a site in it, as a case describes it."""

    def __init__(self, folder: Path, case: Path | None = None) -> None:
        self.folder = folder
        self.root = folder / "qatrackplus"
        shutil.copytree(COMMON, folder, dirs_exist_ok=True)
        if case is not None:
            for name in _words(case / "absent.txt"):
                _remove(folder / name)
            shutil.copytree(case, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOTES))
            for name in _words(case / "empty.txt"):
                (folder / name).mkdir(parents=True)
        self._name_this_folder()
        self._start_interpreters()
        self._commit()

    def _name_this_folder(self) -> None:
        for file in self.folder.rglob("*"):
            if file.is_file() and file.suffix in {".py", ".egg-link"}:
                text = file.read_text(encoding="utf-8")
                file.write_text(text.replace("SITE", self.folder.as_posix()), encoding="utf-8")

    def _start_interpreters(self) -> None:
        for file in self.folder.rglob("python*"):
            if file.is_file() and re.fullmatch(r"python[\d.]*(\.exe)?", file.name):
                version, bits, lacks = file.read_text(encoding="utf-8").split()
                prefix = file.parent.parent
                inside = int((prefix / "pyvenv.cfg").exists() or (prefix / "bin" / "activate").exists())
                said = f"interpreter {version} {bits} {_hexadecimal(file)} {_hexadecimal(prefix)} {inside} {lacks}"
                file.write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
                file.chmod(0o755)

    def _commit(self) -> None:
        self.git = shutil.which("git") or pytest.skip("git is not installed here")
        self.root.mkdir(exist_ok=True)
        (self.root / "qatrack").mkdir(exist_ok=True)
        (self.root / "qatrack" / "settings.py").write_text("VERSION = '0.2.9.1'\n", encoding="utf-8")
        if not (self.root / "manage.py").exists():
            (self.root / "manage.py").write_text("# nothing here runs it\n", encoding="utf-8")
        self._git("init", "-q")
        for tag in sorted((self.folder / "repository").iterdir(), reverse=True):
            shutil.rmtree(self.root / "requirements", ignore_errors=True)
            shutil.copytree(tag, self.root, dirs_exist_ok=True)
            self._git("add", "-A", "-f", "requirements")
            self._git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", tag.name)
            self._git("tag", tag.name)
        (self.folder / "bin" / "git").symlink_to(self.git)

    def _git(self, *words: str) -> None:
        subprocess.run(
            [self.git, "-C", self.root, *words], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
        )

    def observed(self, database: Path, *, python: Path | None = None, **variables: str) -> Deployment:
        environment: Mapping[str, str] = {
            "PATH": os.pathsep.join(map(str, (self.folder / "bin", self.folder / "Python27" / "bin"))),
            "HOME": str(self.folder / "home"),
            **variables,
        }
        return survey(self.root, database=f"sqlite:///{database}", environment=environment, python=python)


def _words(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _hexadecimal(path: Path) -> str:
    return str(path).encode().hex()


def answer(deployment: Deployment, id_: str, target: str = "0.3.0") -> CheckResult:
    path = VersionGraph.load().path("0.2.9.1", target)
    return next(result for result in run_preflight(deployment, path, only=[id_]).results if result.id == id_)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, tmp_path: Path, database: Path) -> None:
    id_, expected, _ = case.name.split("-", 2)

    result = answer(Site(tmp_path, case).observed(database), id_).result

    assert "secret" not in str(result)
    if expected == "passed":
        assert isinstance(result, Passed | NotApplicable)
        return
    assert isinstance(result, Found)
    assert {finding.severity.value for finding in result.findings} == {expected}
    assert all(finding.hint for finding in result.findings)


def test_every_check_has_a_case_that_trips_it_and_one_that_does_not() -> None:
    answers = {(case.name.split("-")[0], case.name.split("-")[1] == "passed") for case in CASES}
    wanted = {(id_, passes) for id_ in IDS if id_ not in WITH_MORE | ONLY_INFO for passes in (True, False)}
    assert wanted <= answers


def test_a_healthy_site_hears_nothing_but_that_its_python_is_old(tmp_path: Path, database: Path) -> None:
    seen = Site(tmp_path).observed(database)
    results = run_preflight(seen, only=["interpreter", "environment"]).results
    assert [result.id for result in results if isinstance(result.result, Found)] == ["UK106"]
    assert not [result.id for result in results if isinstance(result.result, CouldNotRun)]


@pytest.mark.parametrize("id_", ["UK122", "UK126", "UK127"])
def test_without_the_tag_it_says_what_to_type(id_: str, tmp_path: Path, database: Path) -> None:
    case = FIXTURES / "environment" / "unreadable-no-tag"
    result = answer(Site(tmp_path, case).observed(database), id_).result
    assert isinstance(result, CouldNotRun)
    assert result.reason.endswith("type: git fetch --tags origin")


@pytest.mark.parametrize("id_", ["UK123", "UK126"])
def test_without_git_nothing_passes(id_: str, tmp_path: Path, database: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "bin" / "git").unlink()
    result = answer(site.observed(database), id_).result
    assert result == CouldNotRun("git is not installed here")


def test_a_folder_that_is_no_repository_is_not_asked(tmp_path: Path, database: Path) -> None:
    site = Site(tmp_path)
    shutil.rmtree(site.root / ".git")
    assert isinstance(answer(site.observed(database), "UK126").result, NotApplicable)
    assert isinstance(answer(site.observed(database), "UK103").result, Passed)


def test_an_environment_of_an_unknown_python_is_no_pass(tmp_path: Path, database: Path) -> None:
    case = FIXTURES / "interpreter" / "unreadable-python-unknown"
    result = answer(Site(tmp_path, case).observed(database), "UK103").result
    assert isinstance(result, CouldNotRun)
    assert "which Python" in result.reason


def test_a_loop_of_links_in_an_environment_is_told(tmp_path: Path, database: Path) -> None:
    site = Site(tmp_path)
    packages = tmp_path / "venvs" / "qatrack" / "lib" / "python2.7" / "site-packages"
    (packages / "loop-1.0.dist-info").symlink_to(packages / "loop-1.0.dist-info")
    result = answer(site.observed(database), "UK123").result
    assert isinstance(result, Found)
    assert "loop-1.0.dist-info" in result.findings[0].message


def test_the_python_that_is_named_is_judged(tmp_path: Path, database: Path) -> None:
    site = Site(tmp_path)
    named = tmp_path / "named" / "bin" / "python3"
    named.parent.mkdir(parents=True)
    said = f"interpreter 3.7.16 64 {_hexadecimal(named)} {_hexadecimal(named.parent)} 0 -"
    named.write_text(f"#!/bin/sh\necho '{said}'\n", encoding="utf-8")
    named.chmod(0o755)
    result = answer(site.observed(database, python=named), "UK107").result
    assert isinstance(result, Found)
    assert "Python 3.7 does not parse" in result.findings[0].message
    suiting = answer(site.observed(database, python=tmp_path / "bin" / "python3.6"), "UK107").result
    assert isinstance(suiting, Passed)


def test_a_disk_without_room_is_an_error(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(tmp_path)
    assert isinstance(answer(site.observed(database), "UK129").result, Passed)
    real = shutil.disk_usage(tmp_path)
    full = type(real)(total=real.total, used=real.total, free=100 * 1024 * 1024)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    result = answer(site.observed(database), "UK129").result
    assert isinstance(result, Found)
    assert "100 MiB free" in result.findings[0].message


def test_an_interpreter_that_hangs_does_not_keep_the_others(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upgrade_kit.deployment.interpreters.TIMEOUT_SECONDS", 0.5)
    site = Site(tmp_path)
    hanging = tmp_path / "bin" / "python3.5"
    hanging.write_text("#!/bin/sh\nwhile :; do :; done\n", encoding="utf-8")
    hanging.chmod(0o755)
    assert isinstance(answer(site.observed(database), "UK101").result, Passed)


@pytest.mark.interpreters
def test_a_real_environment_of_python_36_is_known_and_its_old_pip_is_told(tmp_path: Path, database: Path) -> None:
    program = Path.home() / ".pyenv" / "versions" / "3.6.15" / "bin" / "python"
    if not program.is_file():
        pytest.skip("needs Python 3.6.15 in pyenv")
    site = Site(tmp_path)
    subprocess.run([program, "-m", "venv", tmp_path / "venvs" / "qatrack3"], check=True)

    seen = site.observed(database, python=program)

    assert isinstance(answer(seen, "UK107").result, Passed)
    assert answer(seen, "UK124").result == Passed(f"{tmp_path}/venvs/qatrack3: an environment of Python 3.6.15")
    empty = answer(seen, "UK125").result
    assert isinstance(empty, Found)
    assert "is empty as yet" in empty.findings[0].message
    old = answer(seen, "UK128").result
    assert isinstance(old, Found)
    assert "pip" in old.findings[0].message
    assert '"pip==21.3.1"' in old.findings[0].hint


@pytest.mark.interpreters
def test_of_the_real_repository_the_line_that_pip_refuses_is_told(tmp_path: Path, database: Path) -> None:
    lines = os.environ.get("UPGRADE_KIT_QATRACK_REPOSITORY")
    if not lines:
        pytest.skip("UPGRADE_KIT_QATRACK_REPOSITORY names no clone of QATrack+")
    site = Site(tmp_path)
    shutil.rmtree(site.root)
    subprocess.run([site.git, "clone", "-q", "--branch", "v0.2.9.1", lines, site.root], check=True)
    refused = answer(site.observed(database), "UK126").result
    assert isinstance(refused, Found)
    assert [finding.where for finding in refused.findings] == ["requirements/base.txt:2 (v0.3.0)"]
    assert isinstance(answer(site.observed(database), "UK127").result, Passed)
