"""The checks of interpreters and environments on sites as they are, one folder under fixtures/ for each case.

A folder's name holds the check, its answer, and what the case is. It is laid over ``environment/common``, which is a
whole site: ``repository/TAG`` is what the site's repository holds at a tag, ``bin`` what is on PATH. A file named after
a Python says what that interpreter answers: version, bits, and what it lacks. ``absent.txt`` names what is taken away.
In ``said.toml`` is the version that the way starts from, the Python that ``--python`` names, the free room that every
disk answers, and words that the findings have in them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.end_to_end import cases
from tests.end_to_end.cases import FOLDER, answer_free_room, of_family, parts, told
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

COMMON = FOLDER / "environment" / "common"
CASES = [*of_family("environment"), *of_family("interpreter")]
NOTES = ("absent.txt", "empty.txt", "as-common.txt", "said.toml")

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


def answer(deployment: Deployment, id_: str, version: str = "0.2.9.1") -> Result:
    return cases.answer(deployment, id_, VersionGraph.load().path(version, "0.3.0"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, expected, _ = parts(case)
    said = tomllib.loads((case / "said.toml").read_text(encoding="utf-8")) if (case / "said.toml").exists() else {}
    site = Site(tmp_path, case)
    if "free_mib" in said:
        answer_free_room(monkeypatch, said["free_mib"] << 20)

    python = tmp_path / said["python"] if "python" in said else None
    result = answer(site.observed(database, python=python), id_, said.get("version", "0.2.9.1"))

    assert "secret" not in str(result)
    findings = told(result, expected)
    for words in said.get("says", ()):
        assert words in " ".join(f"{finding.message} {finding.hint}" for finding in findings)


def test_a_healthy_site_hears_nothing_but_that_its_python_is_old(tmp_path: Path, database: Path) -> None:
    seen = Site(tmp_path).observed(database)
    results = run_preflight(seen, only=["interpreter", "environment"]).results
    assert [result.id for result in results if isinstance(result.result, Found)] == ["UK106"]
    assert not [result.id for result in results if isinstance(result.result, CouldNotRun)]


@pytest.mark.parametrize("id_", ["UK122", "UK126", "UK127"])
def test_without_the_tag_it_says_what_to_type(id_: str, tmp_path: Path, database: Path) -> None:
    case = FOLDER / "environment" / "unreadable-no-tag"
    result = answer(Site(tmp_path, case).observed(database), id_)
    assert isinstance(result, CouldNotRun)
    assert result.reason.endswith("type: git fetch --tags origin")


@pytest.mark.parametrize("id_", ["UK123", "UK126"])
def test_without_git_nothing_passes(id_: str, tmp_path: Path, database: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "bin" / "git").unlink()
    result = answer(site.observed(database), id_)
    assert result == CouldNotRun("git is not installed here")


def test_without_a_repository_the_requirements_wait_for_one(tmp_path: Path, database: Path) -> None:
    site = Site(tmp_path)
    shutil.rmtree(site.root / ".git")
    seen = site.observed(database)
    for id_ in ("UK126", "UK127"):
        result = answer(seen, id_)
        assert isinstance(result, NotApplicable), id_
        assert "UK142" in result.reason
    assert isinstance(answer(seen, "UK103"), Passed)


def test_an_environment_of_an_unknown_python_is_no_pass(tmp_path: Path, database: Path) -> None:
    case = FOLDER / "interpreter" / "unreadable-python-unknown"
    result = answer(Site(tmp_path, case).observed(database), "UK103")
    assert isinstance(result, CouldNotRun)
    assert "which Python" in result.reason


def test_a_loop_of_links_in_an_environment_is_told(tmp_path: Path, database: Path) -> None:
    site = Site(tmp_path)
    packages = tmp_path / "venvs" / "qatrack" / "lib" / "python2.7" / "site-packages"
    (packages / "loop-1.0.dist-info").symlink_to(packages / "loop-1.0.dist-info")
    result = answer(site.observed(database), "UK123")
    assert isinstance(result, Found)
    assert "loop-1.0.dist-info" in result.findings[0].message


def test_an_interpreter_that_hangs_does_not_keep_the_others(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upgrade_kit.deployment.interpreters.TIMEOUT_SECONDS", 3)  # the others have to answer by then
    site = Site(tmp_path)
    hanging = tmp_path / "bin" / "python3.5"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    hanging.chmod(0o755)
    assert isinstance(answer(site.observed(database), "UK101"), Passed)


@pytest.mark.interpreters
def test_a_real_environment_of_python_36_is_known_and_its_old_pip_is_told(tmp_path: Path, database: Path) -> None:
    program = Path.home() / ".pyenv" / "versions" / "3.6.15" / "bin" / "python"
    if not program.is_file():
        pytest.skip("needs Python 3.6.15 in pyenv")
    site = Site(tmp_path)
    subprocess.run([program, "-m", "venv", tmp_path / "venvs" / "qatrack3"], check=True)

    seen = site.observed(database, python=program)

    assert isinstance(answer(seen, "UK107"), Passed)
    assert answer(seen, "UK124") == Passed(f"{tmp_path}/venvs/qatrack3: an environment of Python 3.6.15")
    empty = answer(seen, "UK125")
    assert isinstance(empty, Found)
    assert "is empty as yet" in empty.findings[0].message
    old = answer(seen, "UK128")
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
    refused = answer(site.observed(database), "UK126")
    assert isinstance(refused, Found)
    assert [finding.where for finding in refused.findings] == ["requirements/base.txt:2 (v0.3.0)"]
    assert isinstance(answer(site.observed(database), "UK127"), Passed)
