"""The examples in docs/examples run as they stand there, and type checkers have nothing against them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SOURCES = sorted(EXAMPLES.rglob("*.py"))


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sites")
    graph = VersionGraph.load()
    for name, version in (("north", "0.2.9.1"), ("south", "0.2.8")):
        build_sample_site(folder / name, graph.resolve(version))
    return folder


def test_many_sites_make_one_table(sites: Path) -> None:
    done = run(str(EXAMPLES / "audit_sites.py"), "north", "south", "nowhere", cwd=sites)

    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()]
    assert done.stderr == ""
    assert [row[:2] for row in rows[2:]] == [["north", "0.2.9.1"], ["south", "0.2.8"], ["nowhere", "?"]]
    assert [row[2] for row in rows[2:]] == ["NO_GO", "NO_GO", "UNKNOWN"]
    assert "UK204" in rows[2][5]
    assert "nowhere" in rows[4][5]
    assert done.returncode == 1


def test_the_gate_fails_and_says_why(sites: Path) -> None:
    done = run(str(EXAMPLES / "ci_gate.py"), "north", cwd=sites)

    assert done.returncode == 1
    assert "UK204: " in done.stdout
    assert done.stdout.splitlines()[-1] == "NO_GO"


def test_the_gate_lets_through_what_it_was_told_not_to_ask(sites: Path) -> None:
    asked = [word for id_ in ("backup", "database", "interpreter", "environment") for word in ("--skip", id_)]

    done = run(str(EXAMPLES / "ci_gate.py"), "north", *asked, "--allow-unknown", cwd=sites)

    assert done.returncode == 0, done.stdout


def test_the_gate_does_not_take_what_it_cannot_see_for_fine(sites: Path) -> None:
    assert run(str(EXAMPLES / "ci_gate.py"), "nowhere", cwd=sites).returncode == 3


PROJECT = """\
import sys
from pathlib import Path

from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django_command"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "own.db"}},
    TIME_ZONE="Europe/Berlin",
    USE_TZ=True,
)
import django
django.setup()

from django.core.management import call_command
from django.db import connection, connections, transaction

connections["default"]  # Django itself completes DATABASES with what is not said, on the first use
before = repr(settings.DATABASES), settings.TIME_ZONE
with transaction.atomic():
    with connection.cursor() as cursor:
        cursor.execute("create table if not exists own (a integer)")
        cursor.execute("insert into own values (1)")
    call_command("qatrack_procedures", sys.argv[1])
    transaction.set_rollback(True)
with connection.cursor() as cursor:
    tables = connection.introspection.table_names(cursor)
assert (repr(settings.DATABASES), settings.TIME_ZONE) == before
assert list(connections) == ["default"], list(connections)
assert tables == [], tables  # the project's own transaction was its own to roll back
print("untouched")
"""


def test_the_command_of_another_project_leaves_its_settings_and_transactions_alone(sites: Path, tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text(PROJECT, encoding="utf-8")
    database = f"sqlite:///{(sites / 'north' / 'db' / 'default.db').as_posix()}"
    path = os.pathsep.join([str(ROOT), str(EXAMPLES)])

    done = run("project.py", database, cwd=tmp_path, PYTHONPATH=path)

    assert done.returncode == 0, done.stderr
    assert "rewrite\tepid_mean\tpydicom.read_file reads bytes (line 1)" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["5 of 9 need a look or a change.", "untouched"]


def test_that_command_tells_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text(PROJECT, encoding="utf-8")
    path = os.pathsep.join([str(ROOT), str(EXAMPLES)])

    done = run("project.py", "sqlite:///nosuch.db", cwd=tmp_path, PYTHONPATH=path)

    assert done.returncode == 1
    assert "CommandError" in done.stderr
    assert "nosuch.db" in done.stderr


@pytest.mark.parametrize("source", SOURCES, ids=[path.relative_to(EXAMPLES).as_posix() for path in SOURCES])
def test_an_example_uses_public_names_only(source: Path) -> None:
    text = source.read_text(encoding="utf-8")

    assert "from upgrade_kit." not in text
    assert "import upgrade_kit." not in text


def test_mypy_finds_nothing_in_them(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    names = [str(EXAMPLES / "audit_sites.py"), str(EXAMPLES / "ci_gate.py")]

    done = run("-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), *names, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_sees_what_the_library_would_refuse(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    wrong = "from upgrade_kit import rewrite_procedure, survey\nrewrite_procedure(1)\nsurvey('.').versoin\n"
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")

    done = run("-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), "wrong.py", cwd=tmp_path)

    assert done.returncode == 1
    assert "wrong.py:2" in done.stdout
    assert "versoin" in done.stdout


def test_pyright_finds_nothing_in_them(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    sources = [str(EXAMPLES / "audit_sites.py"), str(EXAMPLES / "ci_gate.py")]

    done = run("-m", "pyright", "--pythonpath", sys.executable, *sources, cwd=tmp_path)
    if "errors" not in done.stdout:
        pytest.skip(f"pyright does not start here: {(done.stderr or done.stdout)[-200:]}")

    assert done.stdout.splitlines()[-1].startswith("0 errors, 0 warnings"), done.stdout
