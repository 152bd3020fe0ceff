"""The checks of data and tables on databases as they are, one file under fixtures/ for each case.

A file's name holds the check, its answer, and what the case is. Its first line is the version of the sample site
whose database the rest of it spoils, or leaves sound. What is said to stop a migration was seen to stop the real one:
docs/facts.md, Data.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.end_to_end.cases import of_family, parts, told
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

CASES = of_family("data")
CHECKS = tuple(f"UK{number}" for number in (*range(310, 328),))


def built(case: Path, folder: Path) -> Path:
    first, spoils = case.read_text(encoding="utf-8").split("\n", 1)
    file = folder / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve(first.removeprefix("-- ")))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(spoils)
    return file


def answers(url: str) -> dict[str, Result]:
    preflight = run_preflight(survey(database=url, interpreters=False), only=CHECKS)
    return {result.id: result.result for result in preflight.results if result.id in CHECKS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_each_case_gets_its_answer(case: Path, tmp_path: Path) -> None:
    id_, expected, _ = parts(case)
    told(answers(f"sqlite:///{built(case, tmp_path)}")[id_], expected)


@pytest.mark.parametrize("version", ["0.2.8", "0.2.9.1", "0.3.0"])
def test_a_sound_site_trips_none(version: str, tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve(version))
    found = answers(f"sqlite:///{file}")
    assert all(isinstance(result, Passed | NotApplicable) for result in found.values()), found


@pytest.mark.real
@pytest.mark.parametrize("version", ["0.2.8", "0.2.9.1", "0.3.0", "0.3.0-clean", "0.3.0.20"])
def test_the_real_site_trips_none(version: str, real: Path) -> None:
    found = answers(f"sqlite:///{real / version}.sqlite3")
    assert all(isinstance(result, Passed | NotApplicable) for result in found.values()), found


def test_the_first_few_are_named_and_all_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executemany(
            "INSERT INTO qa_tolerance (id, type) VALUES (?, ?)", [(n, f"bad\n{'x' * 99}") for n in range(1, 41)]
        )
    finding = only(answers(f"sqlite:///{file}")["UK315"])
    assert finding.message.startswith("40 rows have other values: id 1: bad xxx")
    assert "id 10: " in finding.message
    assert "id 11: " not in finding.message
    assert "; ..." in finding.message
    assert "\n" not in finding.message


@pytest.mark.parametrize("spoils", ["DROP TABLE qa_tolerance", "ALTER TABLE qa_tolerance DROP COLUMN act_low"])
def test_what_cannot_be_asked_for_lack_of_tables_is_told_once(spoils: str, tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(spoils)
    found = answers(f"sqlite:///{file}")
    assert isinstance(found["UK321"], Found)
    assert isinstance(found["UK310"], NotApplicable)
    assert "see UK321" in found["UK310"].reason


def test_a_file_that_cannot_be_read_is_no_pass(tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    found = answers(f"sqlite:///{file}")
    assert all(isinstance(result, CouldNotRun) for result in found.values()), found


@pytest.mark.real
def test_a_schema_between_two_versions_is_told_by_another_check(real: Path) -> None:
    found = answers(f"sqlite:///{real / 'traps' / 'stopped-at-qa-0013.sqlite3'}")
    assert all(isinstance(result, NotApplicable) for result in found.values()), found


def only(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding
