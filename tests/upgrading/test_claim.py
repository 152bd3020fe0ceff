from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.interrupts import interrupted_runs
from tests.upgrading.site import access, git, plan_of, step
from upgrade_kit.cli import upgrade as cli_upgrade
from upgrade_kit.cli.upgrade import _begin
from upgrade_kit.deployment import whole_file
from upgrade_kit.errors import SiteError, UsageError
from upgrade_kit.model.plan import Plan
from upgrade_kit.upgrading import claim as claim_module
from upgrade_kit.upgrading.claim import CLAIM_NAME, claim, refuse_beside_another
from upgrade_kit.upgrading.journal import JOURNAL_NAME, Happening, begin_journal


@pytest.fixture
def first(folder: Path) -> Plan:
    """An upgrade that is under way."""
    plan = plan_of(folder, step("a"))
    begin_journal(plan, {"head": "1"}).add(Happening.BEGUN, "a")
    claim(plan.site, plan.work, os.environ)
    return plan


def test_a_second_upgrade_in_another_folder_is_refused(first: Plan, folder: Path) -> None:
    other = folder.parent / "elsewhere"
    with pytest.raises(UsageError, match="is kept in") as raised:
        refuse_beside_another(folder, other, os.environ)
    assert str(first.work) in raised.value.hint


def test_a_link_to_the_site_is_no_way_round(first: Plan, folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder, target_is_directory=True)
    with pytest.raises(UsageError, match="has begun"):
        refuse_beside_another(link, folder.parent / "link-upgrade", os.environ)


def test_in_its_own_folder_it_goes_on(first: Plan) -> None:
    refuse_beside_another(first.site, first.work, os.environ)


def test_one_that_is_over_or_deleted_stands_in_no_ones_way(first: Plan, folder: Path) -> None:
    other = folder.parent / "elsewhere"
    journal = first.work / "upgrade.journal.jsonl"
    journal.rename(journal.with_suffix(".kept"))
    refuse_beside_another(folder, other, os.environ)
    begin_journal(first, {}).add(Happening.ROLLED_BACK)
    refuse_beside_another(folder, other, os.environ)


def test_the_note_of_a_copied_site_says_nothing_of_the_copy(first: Plan, folder: Path) -> None:
    copy = folder.parent / "copy"
    folder.rename(copy)
    folder.mkdir()
    refuse_beside_another(copy, folder.parent / "elsewhere", os.environ)


def test_a_site_that_was_renamed_is_still_the_one(first: Plan, folder: Path) -> None:
    renamed = folder.rename(folder.parent / "renamed")
    with pytest.raises(UsageError, match="has begun"):
        refuse_beside_another(renamed, folder.parent / "renamed-upgrade", os.environ)


def test_where_nothing_is_noted_one_may_begin(folder: Path, tmp_path: Path) -> None:
    refuse_beside_another(folder, tmp_path / "work", os.environ)
    assert not (folder / ".git" / CLAIM_NAME).exists()


def test_what_is_no_repository_holds_no_note(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    refuse_beside_another(site, tmp_path / "work", os.environ)
    with pytest.raises(SiteError, match="git does not say where its repository is"):
        claim(site, tmp_path / "work", os.environ)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_old_note_or_the_new(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "interrupted"
    place.mkdir()

    def prepare(site: Path) -> None:
        git(site, "init", "--quiet")
        claim(site, Path("/old"), os.environ)

    def note(site: Path) -> None:
        claim(site, Path("/new"), os.environ)

    left, seen = {}, set()
    for line, site, _ in interrupted_runs((claim_module, whole_file), place, prepare, note, at_least=6):
        seen.add((site / ".git" / CLAIM_NAME).read_text(encoding="utf-8"))
        if found := [path.name for path in (site / ".git").iterdir() if path.name.endswith(".partial")]:
            left[line] = found
    assert not left
    assert seen == {"/old", "/new"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_leaves_no_journal_without_its_note(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "interrupted"
    place.mkdir()

    def prepare(copy: Path) -> None:
        shutil.copytree(folder, copy / "site")
        (copy / "work").mkdir()

    def begin(copy: Path) -> None:
        plan = plan_of(copy / "site", step("a"))
        _begin(plan, access(plan))

    without = {}
    for line, copy, _ in interrupted_runs((cli_upgrade, claim_module), place, prepare, begin, at_least=12):
        if (copy / "work" / JOURNAL_NAME).exists() and not (copy / "site" / ".git" / CLAIM_NAME).exists():
            without[line] = "a second upgrade could begin beside it"
    assert not without
