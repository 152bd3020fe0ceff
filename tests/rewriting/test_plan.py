"""The plan for all upload tests of a site."""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.deployment.survey import survey
from upgrade_kit.errors import UsageError
from upgrade_kit.model.migrate_log import ListedTest, MigrateLog
from upgrade_kit.model.rewrite import Outcome, Procedure
from upgrade_kit.rewriting.plan import plan_rewrites

BYTES = "result = len(FILE.read())\n"
REVIEW = "import urllib2, dicom\nresult = dicom.read_file(FILE).Rows\n"


def procedure(test_id: int, slug: str, source: str | None, kind: str = "upload") -> Procedure:
    return Procedure(test_id=test_id, slug=slug, name=slug.title(), type=kind, source=source)


def log(*tests: tuple[str, str]) -> MigrateLog:
    return MigrateLog(
        files=(Path("migrate.log"),),
        encodings=("utf-8",),
        runs=1,
        listed=tuple(ListedTest(name=name, slug=slug, where="migrate.log:1") for name, slug in tests),
        failed_attachments=(),
        python3_notices=(),
        notes=(),
    )


SITE = (
    procedure(3, "size", BYTES),
    procedure(1, "none", None),
    procedure(2, "old", REVIEW),
    procedure(4, "comp", "comp = FILE + 1\n", "composite"),
)


def test_every_upload_test_is_in_it_in_order_and_nothing_else() -> None:
    assert [item.procedure.slug for item in plan_rewrites(SITE).items] == ["none", "old", "size"]


def test_only_what_the_kit_knows_is_written() -> None:
    assert [item.procedure.slug for item in plan_rewrites(SITE).changes] == ["size"]


def test_a_review_is_written_where_it_is_named() -> None:
    assert [item.procedure.slug for item in plan_rewrites(SITE, include=["old"]).changes] == ["old", "size"]


def test_an_included_review_without_a_proposal_is_told() -> None:
    site = (procedure(1, "old", "result = `FILE.read()`\n"),)

    plan = plan_rewrites(site, include=["old"])

    assert plan.changes == ()
    assert "no edit to propose" in plan.notes[-1]


def test_excluded_tests_are_shown_and_not_written() -> None:
    plan = plan_rewrites(SITE, exclude=["size"])

    assert plan.changes == ()
    assert plan.items[2].rewrite.outcome is Outcome.REWRITE


def test_only_leaves_the_others_out() -> None:
    assert plan_rewrites(SITE, only=["old"]).changes == ()


@pytest.mark.parametrize(
    ("only", "include", "exclude"),
    [
        pytest.param(["comp"], [], [], id="--only"),
        pytest.param([], ["comp"], [], id="--include"),
        pytest.param([], [], ["comp"], id="--exclude"),
    ],
)
def test_a_macro_name_that_no_upload_test_has_is_told(only: list[str], include: list[str], exclude: list[str]) -> None:
    with pytest.raises(UsageError, match="comp"):
        plan_rewrites(SITE, only=only, include=include, exclude=exclude)


def test_one_macro_name_cannot_be_included_and_excluded() -> None:
    with pytest.raises(UsageError, match="size"):
        plan_rewrites(SITE, include=["size"], exclude=["size"])


def test_without_a_log_the_texts_that_hold_file_are_listed() -> None:
    plan = plan_rewrites(SITE)

    assert plan.listed == 2
    assert [item.listed for item in plan.items] == [False, True, True]
    assert plan.notes == ()


def test_with_a_log_its_list_counts() -> None:
    plan = plan_rewrites(SITE, log=log(("Size", "size"), ("Old", "old")))

    assert plan.listed == 2
    assert plan.notes == ()


def test_where_log_and_database_disagree_it_is_said() -> None:
    plan = plan_rewrites(SITE, log=log(("None", "none"), ("Gone", "gone")))

    assert any("gone" in note for note in plan.notes)
    assert any("none" in note and "does not hold FILE" in note for note in plan.notes)
    assert any("old, size" in note for note in plan.notes)


def test_of_two_tests_with_one_macro_name_the_listed_name_decides() -> None:
    site = (
        procedure(1, "same", BYTES),
        Procedure(test_id=2, slug="same", name="B", type="upload", source=BYTES),
    )

    plan = plan_rewrites(site, log=log(("B", "same")))

    assert [item.listed for item in plan.items] == [False, True]


def test_other_procedures_are_looked_at_and_never_among_the_changes() -> None:
    site = (*SITE, procedure(5, "old_comp", "old_comp = unicode(1)\n", "scomposite"), procedure(6, "t", None, "simple"))

    plan = plan_rewrites(site)

    assert [(other.procedure.slug, other.findings[0].rule) for other in plan.others] == [("old_comp", "UK420")]
    assert plan.others_seen == 2
    assert [item.procedure.slug for item in plan.changes] == ["size"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("version", "rules"),
    [
        pytest.param("0.2.8", ["UK429", "UK430", "UK440"], id="through 0.2.9, where choices become text"),
        pytest.param("0.2.9.1", ["UK429", "UK440"], id="past it"),
    ],
)
def test_a_site_s_choices_and_macro_names_are_known(version: str, rules: list[str], real: Path, tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    shutil.copyfile(real / f"{version}.sqlite3", file)
    with closing(sqlite3.connect(file)) as connection, connection:
        for test_id, text in ((50, "ptp = temprature\n"), (52, "file_comp = 2 if film_type == 1 else temperature\n")):
            connection.execute("UPDATE qa_test SET calculation_procedure = ? WHERE id = ?", (text, test_id))

    plan = plan_rewrites(survey(None, database=f"sqlite:///{file.as_posix()}", interpreters=False))

    assert sorted(finding.rule for other in plan.others for finding in other.findings) == rules


MANY = tuple(procedure(number, f"t{number}", f"result = len(FILE.read()) + {number % 90}\n") for number in range(200))
COMPOSITES = tuple(
    procedure(1000 + number, f"c{number}", f"c{number} = unicode({number})\n", "composite") for number in range(100)
)


def test_an_executor_gives_the_same_plan() -> None:
    alone = plan_rewrites(MANY + COMPOSITES)

    with ThreadPoolExecutor(2) as pool:
        assert plan_rewrites(MANY + COMPOSITES, executor=pool) == alone
    assert len(alone.changes) == len(MANY)
    assert len(alone.others) == len(COMPOSITES)


def test_processes_give_the_same_plan_and_leave_the_very_text() -> None:
    site = (*MANY, procedure(900, "text", "result = FILE.read().split(',')[0]\n"))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        plan = plan_rewrites(site, executor=pool)

    assert plan == plan_rewrites(site)
    assert all(item.rewrite.before is item.procedure.source for item in plan.items)
    assert plan.items[-1].rewrite.source is plan.items[-1].procedure.source


def test_an_executor_that_fails_is_told_and_loses_nothing() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()

    plan = plan_rewrites(MANY, executor=pool)

    assert plan.items == plan_rewrites(MANY).items
    assert "done without it" in plan.notes[-1]


def test_equal_texts_are_handed_over_once() -> None:
    class Counting(ThreadPoolExecutor):
        handed = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.handed += len(args[-1])
            return super().submit(fn, *args, **kwargs)

    with Counting(1) as pool:
        plan_rewrites([procedure(number, "same", BYTES) for number in range(50)], executor=pool)

        assert pool.handed == 1
