from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.upgrading.site import access, plan_of, step
from upgrade_kit.errors import SiteError, UsageError
from upgrade_kit.model.plan import Plan
from upgrade_kit.upgrading.claim import CLAIM_NAME, claim, refuse_beside_another
from upgrade_kit.upgrading.journal import Happening, begin_journal


@pytest.fixture
def first(folder: Path) -> Plan:
    """An upgrade that is under way."""
    plan = plan_of(folder, step("a"))
    begin_journal(plan, {"head": "1"}).add(Happening.BEGUN, "a")
    claim(access(plan))
    return plan


def test_a_second_upgrade_in_another_folder_is_refused(first: Plan, folder: Path) -> None:
    other = access(replace(first, work=folder.parent / "elsewhere"))
    with pytest.raises(UsageError, match="is kept in") as raised:
        refuse_beside_another(other)
    assert str(first.work) in raised.value.hint


def test_a_link_to_the_site_is_no_way_round(first: Plan, folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder, target_is_directory=True)
    with pytest.raises(UsageError, match="has begun"):
        refuse_beside_another(access(replace(first, site=link, work=folder.parent / "link-upgrade")))


def test_in_its_own_folder_it_goes_on(first: Plan) -> None:
    refuse_beside_another(access(first))


def test_one_that_is_over_or_deleted_stands_in_no_ones_way(first: Plan, folder: Path) -> None:
    other = access(replace(first, work=folder.parent / "elsewhere"))
    journal = first.work / "upgrade.journal.jsonl"
    journal.rename(journal.with_suffix(".kept"))
    refuse_beside_another(other)
    begin_journal(first, {}).add(Happening.ROLLED_BACK)
    refuse_beside_another(other)


def test_the_note_of_a_copied_site_says_nothing_of_the_copy(first: Plan, folder: Path) -> None:
    copy = folder.parent / "copy"
    folder.rename(copy)
    folder.mkdir()
    refuse_beside_another(access(replace(first, site=copy, work=folder.parent / "elsewhere")))


def test_a_site_that_was_renamed_is_still_the_one(first: Plan, folder: Path) -> None:
    renamed = folder.rename(folder.parent / "renamed")
    with pytest.raises(UsageError, match="has begun"):
        refuse_beside_another(access(replace(first, site=renamed, work=folder.parent / "renamed-upgrade")))


def test_where_nothing_is_noted_one_may_begin(folder: Path) -> None:
    refuse_beside_another(access(plan_of(folder, step("a"))))
    assert not (folder / ".git" / CLAIM_NAME).exists()


def test_what_is_no_repository_is_told(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with pytest.raises(SiteError, match="git does not say where its repository is"):
        refuse_beside_another(access(plan_of(tmp_path / "site", step("a"))))
