"""The checks of SQL that a site keeps, on one file under fixtures/ for each case, through the real reader.

A file's name holds the check, its answer, and what the case is.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.cases import FOLDER, of_family, parts, told
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Result, Severity
from upgrade_kit.model.sql import Scripts
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

CASES = FOLDER / "sql"
JUDGED = of_family("sql")
UNREADABLE = sorted(CASES.glob("unreadable*.sql"))
CHECKS = ("UK351", "UK352", "UK353", "UK354")
Answer = Callable[..., Result]


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, graph = tmp_path_factory.mktemp("databases"), VersionGraph.load()
    for version in ("0.2.9.1", "0.3.0"):
        build_sample_database(folder / f"{version}.db", graph.resolve(version))
    return {version: folder / f"{version}.db" for version in ("0.2.9.1", "0.3.0")}


@pytest.fixture
def answer(databases: dict[str, Path]) -> Answer:
    def ask(id_: str, *files: Path, version: str = "0.2.9.1", source: str | None = None) -> Result:
        site = survey(database=f"sqlite:///{databases[version]}", interpreters=False, sql=files)
        path = None if source is None else VersionGraph.load().path(source, "0.3.0")
        results = run_preflight(site, path, only=[id_]).results
        return next(result.result for result in results if result.id == id_)

    return ask


@pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.stem)
def test_each_case_gets_its_answer(case: Path, answer: Answer) -> None:
    id_, expected, _ = parts(case)
    result = answer(id_, case)
    assert all(finding.where.startswith(f"{case}:") for finding in told(result, expected))
    assert not isinstance(result, NotApplicable)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report", {("qa_testlistinstance.comment", "9:9")}),
        ("unqualified", {("units_unittype.vendor", "1:12")}),
        ("subquery-and-cte", {("qa_testlistinstance.comment", "4:26")}),
        ("mysql", {("django_content_type.name", "2:24"), ("qa_testlist_sublists", "3:36")}),
        ("procedure", {("qa_testlistinstance.comment", "5:36")}),
        ("trigger", {("qa_testlistinstance.comment", "3:47")}),
        ("postgresql", {("units_unittype.vendor", "2:17")}),
    ],
)
def test_what_is_named_is_found_at_its_place_and_nothing_else(
    name: str, expected: set[tuple[str, str]], answer: Answer
) -> None:
    case = CASES / f"UK351-warning-{name}.sql"
    result = answer("UK351", case)
    assert isinstance(result, Found)
    found = {(one.message.split()[0], one.where.removeprefix(f"{case}:")) for one in result.findings}
    assert found == expected


def test_a_finding_says_what_becomes_of_it_by_which_migration_and_what_to_write(answer: Answer) -> None:
    result = answer("UK351", CASES / "UK351-warning-unqualified.sql")
    assert isinstance(result, Found)
    (finding,) = result.findings
    assert "becomes the row of units_vendor that vendor_id points to" in finding.message
    assert "units.0002_029_to_030_first" in finding.message
    assert "lines 1, 3, SELECT id, vendor, EXTRACT" in finding.message
    assert finding.hint == "Write units_vendor.name, joined by units_unittype.vendor_id instead, from 0.3.0 on."


def test_two_hops_take_away_more_than_one(answer: Answer, tmp_path: Path) -> None:
    file = tmp_path / "beams.sql"
    file.write_text("select m.type, m.energy, t.vendor from units_modality m, units_unittype t", encoding="utf-8")
    (one,) = _found(answer("UK351", file))
    assert one == "units_unittype.vendor"  # at 0.2.9.1 a modality has no type any more
    assert _found(answer("UK351", file, source="0.2.8")) == [
        "units_modality.type",
        "units_modality.energy",
        "units_unittype.vendor",
    ]


def test_what_0_2_9_fills_otherwise_is_told_on_the_way_from_0_2_8(answer: Answer) -> None:
    case = CASES / "UK354-passed-value.sql"
    assert _found(answer("UK354", case, source="0.2.8")) == ["qa_testinstance.value"]


@pytest.mark.parametrize("id_", CHECKS)
def test_where_no_hop_is_left_nothing_is_asked(id_: str, answer: Answer) -> None:
    assert isinstance(answer(id_, CASES / "UK351-warning-report.sql", version="0.3.0"), NotApplicable)


@pytest.mark.parametrize("id_", [*CHECKS, "UK359"])
@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.stem)
def test_a_file_that_cannot_be_read_is_no_pass(case: Path, id_: str, answer: Answer) -> None:
    result = answer(id_, case, CASES / "UK359-passed-report.sql")
    assert isinstance(result, CouldNotRun)
    assert case.name in result.reason


def test_what_is_found_in_another_file_is_told_all_the_same(answer: Answer) -> None:
    files = (UNREADABLE[0], CASES / "UK351-warning-report.sql")
    assert isinstance(answer("UK351", *files), Found)
    assert isinstance(answer("UK359", *files), CouldNotRun)


@pytest.mark.parametrize("id_", [*CHECKS, "UK359"])
def test_where_no_file_is_named_nothing_is_asked(id_: str, answer: Answer) -> None:
    assert isinstance(answer(id_), NotApplicable)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-8"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_encoding_and_line_end_gives_the_same_place(
    encoding: str, ends: str, tmp_path: Path, answer: Answer
) -> None:
    file = tmp_path / "report.sql"
    text = f"-- für die Ärzte{ends}SELECT 'Prüfung',{ends}  comment FROM qa_testlistinstance{ends}"
    file.write_bytes(text.encode(encoding))
    result = answer("UK351", file)
    assert isinstance(result, Found)
    assert [finding.where for finding in result.findings] == [f"{file}:3:3"]


def test_a_dump_is_not_read_to_its_end(tmp_path: Path, answer: Answer) -> None:
    file = tmp_path / "dump.sql"
    with file.open("wb") as stream:
        stream.truncate(3_000_000)
    result = answer("UK359", file)
    assert isinstance(result, CouldNotRun)
    assert "larger than 2 MB" in result.reason


def test_a_folder_is_no_file(tmp_path: Path, answer: Answer) -> None:
    assert isinstance(answer("UK359", tmp_path), CouldNotRun)


def test_a_file_that_is_named_twice_is_told_once(tmp_path: Path) -> None:
    copy = shutil.copyfile(CASES / "UK359-passed-report.sql", tmp_path / "a.sql")
    site = survey(database="sqlite:///none.db", interpreters=False, sql=(copy, copy))
    assert isinstance(site.sql, Scripts)
    assert len(site.sql.read) == 1


def _found(result: Result) -> list[str]:
    assert isinstance(result, Found)
    assert Severity.ERROR not in {finding.severity for finding in result.findings}
    return [finding.message.split()[0] for finding in result.findings]
