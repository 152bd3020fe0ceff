"""The whole kit on the databases and logs that the real application made."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.cli.main import main
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph

pytestmark = pytest.mark.real

SITES = ("0.2.8", "0.2.9.1", "0.3.0", "0.3.0-clean", "0.3.0.20")


def content(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall() for table in tables}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copied(real: Path, name: str, folder: Path) -> str:
    shutil.copy(real / f"{name}.sqlite3", folder / "copy.sqlite3")
    return f"sqlite:///{folder / 'copy.sqlite3'}"


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", SITES)
def test_path(name: str, real: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = ["0.2.8", "0.2.9.1", "0.3.0"]

    assert main(["path", "--database", copied(real, name, here), "--format", "json"]) == 0

    assert document(capsys)["path"] == whole[whole.index("0.3.0" if name.startswith("0.3.0") else name) :]


@pytest.mark.parametrize("log", [None, "migrate.log", "migrate-console.txt"])
@pytest.mark.parametrize("name", SITES)
def test_rewrite_calcs_gives_every_test_its_truth(
    name: str, log: str | None, real: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (real / "truth.tsv").open(encoding="utf-8") as file:
        truth = {row["slug"]: row["outcome"].split("|") for row in csv.DictReader(file, delimiter="\t")}
    arguments = ["--log", str(real / "logs" / log)] if log else []

    assert main(["rewrite-calcs", "--database", copied(real, name, here), "--format", "json", *arguments]) == 1

    found = document(capsys)
    assert {p["slug"] for p in found["procedures"]} == set(truth)
    assert [p["slug"] for p in found["procedures"] if p["outcome"] not in truth[p["slug"]]] == []
    assert found["listed"] == (41 if log else 40)


@pytest.mark.parametrize("name", ["0.3.0", "0.3.0-clean", "0.3.0.20"])
def test_backup_apply_undo_leaves_every_table_as_it_was(
    name: str, real: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = copied(real, name, here)
    before = content(here / "copy.sqlite3")
    assert main(["backup", "--database", url]) == 0
    capsys.readouterr()

    assert main(["rewrite-calcs", "--database", url, "--apply", "--format", "json"]) == 0
    applied = document(capsys)
    after = content(here / "copy.sqlite3")
    changed = [slug for slug, now in procedures(after).items() if now != procedures(before)[slug]]
    assert sorted(changed) == sorted(p["slug"] for p in applied["procedures"] if p["outcome"] == "rewrite")
    assert {table for table in before if before[table] != after[table]} == {"qa_test"}

    assert main(["rewrite-calcs", "--undo", applied["journal"]]) == 0
    assert content(here / "copy.sqlite3") == before


def procedures(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    return {row[1]: row[12] for row in tables["qa_test"]}


@pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1"])
def test_before_0_3_0_nothing_can_be_applied(name: str, real: Path, here: Path) -> None:
    url = copied(real, name, here)
    before = (here / "copy.sqlite3").read_bytes()

    assert main(["rewrite-calcs", "--database", url, "--apply", "--no-backup"]) == 3

    assert (here / "copy.sqlite3").read_bytes() == before


@pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1"])
def test_preflight_with_a_backup_finds_no_error_in_the_data(
    name: str, real: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = copied(real, name, here)
    main(["backup", "--database", url])
    capsys.readouterr()

    main(["preflight", "--database", url, "--format", "json"])

    errors = {
        result["id"]
        for result in document(capsys)["results"]
        if any(finding["severity"] == "error" for finding in result.get("findings", ()))
    }
    assert errors <= {"UK101", "UK102"}, "this machine may lack the old interpreters, the data lacks nothing"


@pytest.mark.parametrize(
    ("trap", "check", "words"),
    [
        pytest.param("skipped-0.2.9", "UK302", ("0.2.9", "spoilt", "restore"), id="0.2.9 was skipped"),
        pytest.param("stopped-at-qa-0013", "UK301", ("0013", "0014", "LC_ALL"), id="stopped by an accent"),
        pytest.param("stopped-by-orphan", "UK304", ("999",), id="stopped by an orphan"),
    ],
)
def test_traps_are_no_go_with_the_real_reason(
    trap: str, check: str, words: tuple[str, ...], real: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = copied(real, f"traps/{trap}", here)

    assert main(["preflight", "--database", url, "--format", "json"]) == 1

    found = document(capsys)
    assert found["verdict"] == "NO_GO"
    (result,) = [result for result in found["results"] if result["id"] == check]
    said = json.dumps(result).lower()
    assert [word for word in words if word.lower() not in said] == []
    assert main(["rewrite-calcs", "--database", url, "--apply", "--no-backup"]) == 3


@pytest.mark.parametrize("version", ["0.2.8", "0.2.9.1", "0.3.0"])
def test_with_a_checkout_the_answers_are_the_same(
    version: str, real: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = build_sample_site(here / "site", VersionGraph.load().resolve(version))
    shutil.copy(real / f"{version}.sqlite3", database)
    main(["rewrite-calcs", "--database", f"sqlite:///{database}", "--format", "json"])
    alone = document(capsys)

    main(["rewrite-calcs", "site", "--format", "json"])

    assert document(capsys) == alone
    main(["preflight", "site", "--format", "json"])
    results = {result["id"]: result["result"] for result in document(capsys)["results"]}
    assert results["UK303"] == "passed"
    assert "could_not_run" not in results.values()
