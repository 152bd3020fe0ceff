"""Checks and rules of another distribution, built and installed as anybody would, in a folder of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.planning.graph import VersionGraph

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "fixtures" / "plugin"
Run = Callable[..., subprocess.CompletedProcess[str]]


def changed(place: Path, folder: Path, old: str, new: str) -> Path:
    """Return a copy of what is installed, in which the module of checks reads otherwise."""
    copy = folder / "changed"
    shutil.copytree(place, copy)
    module = copy / "hospital_checks" / "tables.py"
    text = module.read_text(encoding="utf-8")
    assert old in text
    module.write_text(text.replace(old, new), encoding="utf-8")
    return copy


def running(place: Path, folder: Path) -> Run:
    """Return a function that runs upgrade-kit where the distribution in ``place`` is installed."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "upgrade_kit", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(place), str(ROOT))), "PYTHONIOENCODING": "utf-8"},
        )

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the distribution is installed: built there and then, without a network."""
    pytest.importorskip("hatchling")
    source, target = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("installed")
    shutil.copytree(PLUGIN, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def run(place: Path, tmp_path: Path) -> Run:
    return running(place, tmp_path)


@pytest.fixture
def url(tmp_path: Path) -> str:
    build_sample_database(tmp_path / "site.db", VersionGraph.load().resolve("0.2.9.1"))
    return "sqlite:///site.db"


def answer(done: subprocess.CompletedProcess[str], id_: str) -> dict[str, Any]:
    assert done.stdout, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return next(result for result in results if result["id"] == id_)


def test_its_check_is_listed_with_the_kits_own_under_its_own_family(run: Run) -> None:
    listed = run("preflight", "--list").stdout
    assert "\ntables\n  HX101   No program of the hospital keeps" in listed
    assert "UK301" in listed
    page = run("preflight", "--list", "--format", "markdown").stdout
    assert "Does anything in the database belong to a program of the hospital's own?" in page


def test_its_check_and_its_rule_are_explained(run: Run) -> None:
    told = run("explain", "hx101").stdout
    assert "What writes into the database while it is migrated" in told
    assert "the hospital's handbook" in told
    assert "linac_log.dose reads a binary log" in run("explain", "HX401").stdout


def test_it_passes_where_nothing_is_wrong(run: Run, url: str) -> None:
    done = run("preflight", "--database", url, "--only", "tables", "--format", "json")
    assert (done.returncode, answer(done, "HX101")["result"]) == (0, "passed")


def test_it_finds_what_is_wrong_with_its_own_fact(run: Run, url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "site.db")) as connection:
        connection.execute("CREATE TABLE hospital_logbook (id INTEGER)")
    done = run("preflight", "--database", url, "--only", "HX101", "--format", "json")
    (finding,) = answer(done, "HX101")["findings"]
    assert finding["message"] == "1 table of the hospital's programs: hospital_logbook"
    assert "--only HX101" in finding["hint"]


def test_what_it_prints_is_no_part_of_the_answer(place: Path, tmp_path: Path, url: str) -> None:
    old = "    if fact.names:\n"
    run = running(changed(place, tmp_path, old, f"    print('dear diary')\n{old}"), tmp_path)
    done = run("preflight", "--database", url, "--only", "tables", "--format", "json")
    assert answer(done, "HX101")["result"] == "passed"
    assert "dear diary" in done.stderr


def test_one_that_does_not_end_could_not_look(place: Path, tmp_path: Path, url: str) -> None:
    old = "    if fact.names:\n"
    run = running(changed(place, tmp_path, old, f"    import time; time.sleep(60)\n{old}"), tmp_path)
    done = run("preflight", "--database", url, "--only", "HX101", "--time-limit", "3", "--format", "json")
    assert answer(done, "HX101")["reason"] == "the check took longer than 3 s; --time-limit allows more"


def test_it_could_not_look_where_the_database_does_not_answer(run: Run) -> None:
    done = run(
        "preflight", "--database", "sqlite:///none.db", "--from", "0.2.9.1", "--only", "HX101", "--format", "json"
    )
    assert (done.returncode, answer(done, "HX101")["result"]) == (3, "could_not_run")


def test_it_is_left_out_where_it_does_not_apply_or_nobody_wants_it(run: Run, url: str) -> None:
    words = ("preflight", "--database", url, "--format", "json")
    assert answer(run(*words, "--skip", "HX101"), "HX101")["reason"] == "left out with --skip"


def test_its_rule_decides_on_procedures(place: Path, run: Run) -> None:
    del run  # that is, the plug-in is installed
    code = (
        "from upgrade_kit import rewrite_procedure\n"
        "print(rewrite_procedure('import linac_log\\nresult = linac_log.dose(FILE)\\n', slug='log').outcome)\n"
    )
    for path, outcome in ((str(place), "rewrite"), ("", "review")):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, str(ROOT))))}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.strip() == outcome


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param("from typing import Self", "import no_such_module", "ModuleNotFoundError", id="an import fails"),
        pytest.param("from typing import Self", "raise SystemExit(0)", "SystemExit", id="it ends the program"),
        pytest.param("CHECKS = (", "CHECKS = list(", "TypeError", id="no tuple"),
    ],
)
def test_one_that_cannot_be_loaded_is_an_error_and_the_others_are_asked(
    old: str, new: str, told: str, place: Path, tmp_path: Path, url: str
) -> None:
    run = running(changed(place, tmp_path, old, new), tmp_path)
    done = run("preflight", "--database", url, "--only", "UK202", "--format", "json")
    assert done.returncode == 1
    assert answer(done, "UK202")["result"] == "passed"
    (finding,) = answer(done, "UK901")["findings"]
    assert (
        f"the checks of hospital-checks (hospital_checks.tables:CHECKS) cannot be loaded: {told}" in finding["message"]
    )
    assert "pip uninstall hospital-checks" in finding["hint"]
    listed = run("preflight", "--list")
    assert (listed.returncode, "UK202" in listed.stdout) == (1, True)
    assert told in listed.stderr


def test_an_id_that_is_taken_is_an_error(place: Path, tmp_path: Path, url: str) -> None:
    run = running(changed(place, tmp_path, '"HX101"', '"UK202"'), tmp_path)
    done = run("preflight", "--database", url, "--only", "UK202", "--format", "json")
    assert done.returncode == 1
    (finding,) = answer(done, "UK902")["findings"]
    assert "2 checks have the id UK202" in finding["message"]
    assert "hospital_checks.tables" in finding["message"]


def test_a_check_that_fails_has_not_passed(place: Path, tmp_path: Path, url: str) -> None:
    run = running(changed(place, tmp_path, "    if fact.names:", "    if fact.nmaes:"), tmp_path)
    done = run("preflight", "--database", url, "--only", "HX101", "--format", "json")
    assert done.returncode == 3
    assert "AttributeError" in answer(done, "HX101")["reason"]
