from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.upgrading.site import Talked, copying, git, noted, noting, python, step
from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.errors import OtherDatabaseError, StepFailedError, UpgradeError, UsageError
from upgrade_kit.model.plan import Actor, PlannedStep, Run, StepKind
from upgrade_kit.model.step import Effect
from upgrade_kit.upgrading.journal import Happening, read_upgrade_journal
from upgrade_kit.upgrading.upgrade import NotAgreedError, Part, Upgrade, own_program, rehearse

Begin = Callable[..., Upgrade]


def told(upgrade: Upgrade) -> list[tuple[str, str]]:
    return [(event.what.value, event.step) for event in read_upgrade_journal(upgrade.journal.path).events]


def test_steps_are_carried_out_in_order_and_noted_before_and_after(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(step("a", noting(folder, "a")), step("b", noting(folder, "b1"), noting(folder, "b2")))
    under_way.carry_out(Part())
    assert noted(folder) == ["a", "b1", "b2"]
    assert told(under_way) == [("begun", "a"), ("proved", "a"), ("begun", "b"), ("proved", "b"), ("finished", "")]


def test_a_second_time_nothing_is_done_again(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(step("a", noting(folder, "a")))
    under_way.carry_out(Part())
    under_way.carry_out(Part())
    assert noted(folder) == ["a"]
    assert isinstance(under_way.talk, Talked)
    assert under_way.talk.ended == [("a", "done"), ("a", "done before")]


class TestFailure:
    def test_the_first_error_stops_with_all_that_a_person_needs(self, upgrade: Begin, folder: Path) -> None:
        broken = python("print('the disk is full'); raise SystemExit(4)")
        under_way = upgrade(step("a", broken), step("b", noting(folder, "b")))

        with pytest.raises(StepFailedError) as raised:
            under_way.carry_out(Part())

        error = raised.value
        assert "ended with status 4" in error.message
        assert str(folder.parent / "work" / "logs" / "01-a.log") in error.message
        assert error.last_lines == ("the disk is full",)
        assert "upgrade-kit upgrade SITE --rollback" in error.hint
        assert not error.refused
        assert noted(folder) == []
        assert told(under_way) == [("begun", "a"), ("failed", "a")]

    def test_started_again_it_goes_on_at_the_step_that_failed(self, upgrade: Begin, folder: Path) -> None:
        flag = folder / "repaired"
        fragile = python(f"import os, sys; sys.exit(0 if os.path.exists({str(flag)!r}) else 1)")
        under_way = upgrade(step("a", noting(folder, "a")), step("b", fragile), step("c", noting(folder, "c")))
        with pytest.raises(StepFailedError):
            under_way.carry_out(Part())
        flag.touch()
        under_way.carry_out(Part())
        assert noted(folder) == ["a", "c"]

    def test_programs_that_end_well_are_no_proof(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(step("a", noting(folder, "a"), kind=StepKind.CHECKOUT, tag="v0.3.0"))
        with pytest.raises(StepFailedError, match="ended well, but what is checked out is"):
            under_way.carry_out(Part())
        assert not under_way.journal.is_settled("a")

    def test_a_check_that_says_no_is_told_apart_from_one_that_breaks(self, upgrade: Begin, folder: Path) -> None:
        for words, refused in (
            (("preflight", "--database", f"sqlite:///{folder}/site.db"), True),
            (("no-such",), False),
        ):
            found = Run(words=("upgrade-kit", *words), accepts=())
            under_way = upgrade(step("a", found, kind=StepKind.VERDICT))
            with pytest.raises(StepFailedError) as raised:
                under_way.carry_out(Part())
            assert raised.value.refused is refused
            under_way.journal.add(Happening.ROLLED_BACK)

    def test_a_status_that_the_plan_accepts_is_none(self, upgrade: Begin) -> None:
        upgrade(step("a", python("raise SystemExit(1)", accepts=(0, 1)))).carry_out(Part())

    def test_one_that_takes_too_long_is_told_with_its_limit(self, upgrade: Begin) -> None:
        under_way = upgrade(step("a", python("import time; time.sleep(60)", limit_seconds=0.3)))
        with pytest.raises(StepFailedError, match=r"ended at its limit of 0\.3 s"):
            under_way.carry_out(Part())

    def test_a_program_that_is_not_there_fails_its_step(self, upgrade: Begin) -> None:
        under_way = upgrade(step("a", Run(words=("no-such-program",))))
        with pytest.raises(StepFailedError, match="cannot be started"):
            under_way.carry_out(Part())
        assert told(under_way)[-1] == ("failed", "a")


class TestAgreement:
    def test_what_is_not_agreed_to_is_not_begun(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(step("a", noting(folder, "a")), step("b", noting(folder, "b")), talk=Talked(refuses={"b"}))
        with pytest.raises(NotAgreedError):
            under_way.carry_out(Part())
        assert noted(folder) == ["a"]
        assert not under_way.journal.began("b")

    def test_a_step_that_only_reads_is_not_asked_for(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(step("a", noting(folder, "a"), effect=Effect.READ), talk=Talked(refuses={"a"}))
        under_way.carry_out(Part())
        assert isinstance(under_way.talk, Talked)
        assert under_way.talk.asked == []

    def test_what_is_done_already_is_neither_asked_for_nor_done(self, upgrade: Begin, folder: Path) -> None:
        done = step("a", noting(folder, "a"), kind=StepKind.CHECKOUT, tag="v0.2.9.1")
        under_way = upgrade(done, talk=Talked(refuses={"a"}))
        under_way.carry_out(Part())
        assert noted(folder) == []
        assert isinstance(under_way.talk, Talked)
        assert under_way.talk.ended == [("a", "done already")]


class TestPerson:
    def test_what_a_person_has_done_is_noted(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(step("a", noting(folder, "never"), kind=StepKind.LOOK, actor=Actor.PERSON))
        under_way.carry_out(Part())
        assert noted(folder) == []
        assert told(under_way)[0] == ("proved", "a")

    def test_what_does_not_show_is_asked_for_again(self, upgrade: Begin) -> None:
        under_way = upgrade(step("a", kind=StepKind.CHECKOUT, actor=Actor.PERSON, tag="v0.3.0"))
        under_way.carry_out(Part())
        assert isinstance(under_way.talk, Talked)
        assert len(under_way.talk.stayed) == 2
        assert told(under_way)[0] == ("left", "a")

    def test_what_is_left_for_later_holds_nothing_up(self, upgrade: Begin, folder: Path) -> None:
        by_person = step("a", kind=StepKind.LOOK, actor=Actor.PERSON)
        under_way = upgrade(by_person, step("b", noting(folder, "b")), talk=Talked(has_not_done={"a"}))
        under_way.carry_out(Part())
        assert noted(folder) == ["b"]


class TestPart:
    def test_until_stops_after_a_step_and_is_no_end(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(*(step(id_, noting(folder, id_)) for id_ in "abc"))
        under_way.carry_out(Part(last="b"))
        assert noted(folder) == ["a", "b"]
        assert not under_way.journal.has(Happening.FINISHED)
        under_way.carry_out(Part())
        assert noted(folder) == ["a", "b", "c"]

    def test_from_step_takes_those_before_as_done_and_notes_who_said_so(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(*(step(id_, noting(folder, id_)) for id_ in "abc"))
        under_way.carry_out(Part(first="c"))
        assert noted(folder) == ["c"]
        assert told(under_way)[:2] == [("assumed", "a"), ("assumed", "b")]

    @pytest.mark.parametrize(
        ("part", "wrong"),
        [
            (Part(first="x"), "--from-step x: the plan has no such step"),
            (Part(last="x"), "--until x: the plan has no such step"),
            (Part(first="b", last="a"), "--until a comes before --from-step b"),
        ],
    )
    def test_what_is_no_part_is_refused_before_anything_is_done(
        self, upgrade: Begin, folder: Path, part: Part, wrong: str
    ) -> None:
        under_way = upgrade(step("a", noting(folder, "a")), step("b", noting(folder, "b")))
        with pytest.raises(UsageError, match=wrong):
            under_way.carry_out(part)
        assert noted(folder) == []
        assert told(under_way) == []


def test_a_copy_is_its_owners_alone_and_proved(upgrade: Begin, folder: Path) -> None:
    settings, kept = folder / "local_settings.py", folder.parent / "work" / "kept" / "local_settings.py"
    settings.write_bytes(b"PASSWORD = 'x'\r\n")
    under_way = upgrade(step("a", copying(settings, kept), kind=StepKind.KEEP))
    under_way.carry_out(Part())
    assert kept.read_bytes() == settings.read_bytes()
    assert os.name == "nt" or kept.stat().st_mode & 0o077 == 0  # Windows hands down the rights of the folder


def test_a_copy_of_nothing_fails_its_step(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(step("a", copying(folder / "gone", folder.parent / "work" / "kept"), kind=StepKind.KEEP))
    with pytest.raises(StepFailedError, match="cannot be copied"):
        under_way.carry_out(Part())


def test_the_kits_own_program_is_the_one_that_runs() -> None:
    words = own_program(Run(words=("upgrade-kit", "--version"))).words
    assert words[1:] == ("-m", "upgrade_kit", "--version")
    assert own_program(Run(words=("git", "status"))).words == ("git", "status")


def test_a_rehearsal_tells_of_each_step_and_writes_nothing(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(
        step("a", kind=StepKind.CHECKOUT, tag="v0.2.9.1"),
        step("b", noting(folder, "b"), kind=StepKind.CHECKOUT, tag="v0.3.0"),
        step("c", noting(folder, "c")),
        step("d", kind=StepKind.LOOK, actor=Actor.PERSON),
    )
    seen: list[str] = []
    rehearse(under_way.journal, under_way.site, lambda one, state: seen.append(f"{one.id}: {state}"))

    assert [line.split(" (")[0] for line in seen] == [
        "a: done already: v0.2.9.1",
        next(line for line in seen if line.startswith("b: to do: what is checked out is")),
        "c: to do",
        "d: to be done by a person",
    ]
    assert noted(folder) == []
    assert told(under_way) == []


def test_a_checkout_that_somebody_took_back_by_hand_stops_it_before_the_next_step(upgrade: Begin, folder: Path) -> None:
    switch = Run(words=("git", "-C", str(folder), "checkout", "--quiet", "v0.3.0"))
    under_way = upgrade(
        step("checkout", switch, kind=StepKind.CHECKOUT, tag="v0.3.0"), step("b", noting(folder, "b")), step("c")
    )
    under_way.carry_out(Part(last="checkout"))
    git(folder, "checkout", "--quiet", "v0.2.9.1")
    with pytest.raises(StepFailedError, match=r"checkout .* is no longer so \(what is checked out is") as raised:
        under_way.carry_out(Part())
    assert "--from-step checkout" in raised.value.hint
    assert noted(folder) == []

    under_way.carry_out(Part(first="checkout"))
    assert noted(folder) == ["b"]
    under_way.carry_out(Part())


def test_a_database_that_somebody_restored_by_hand_is_not_taken_for_migrated(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(step("migrate", kind=StepKind.MIGRATE), step("b", noting(folder, "b")))
    under_way.journal.add(Happening.BEGUN, "migrate")
    under_way.journal.add(Happening.PROVED, "migrate")  # and yet its schema is that of 0.2.9.1
    with pytest.raises(StepFailedError, match=r"no longer so \(the schema is"):
        under_way.carry_out(Part())
    assert noted(folder) == []


def test_it_does_not_go_on_with_settings_that_lead_elsewhere(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(step("a"), step("b", noting(folder, "b")))
    under_way.carry_out(Part(last="a"))

    def elsewhere() -> DatabaseAddress:
        raise OtherDatabaseError("the site's settings now lead to another database.")

    with pytest.raises(OtherDatabaseError, match="now lead to another database"):
        replace(under_way, site=replace(under_way.site, address=elsewhere)).carry_out(Part())
    assert noted(folder) == []


def test_settings_that_cannot_be_read_do_not_keep_a_checkout_from_being_done_again(
    upgrade: Begin, folder: Path
) -> None:
    under_way = upgrade(step("a"), step("b", noting(folder, "b")))

    def unknown() -> DatabaseAddress:
        raise UpgradeError("the site's database is not known.")

    replace(under_way, site=replace(under_way.site, address=unknown)).carry_out(Part())
    assert noted(folder) == ["b"]


def test_a_migration_that_a_person_answers_for_is_not_looked_at_again(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(step("migrate", kind=StepKind.MIGRATE), step("b", noting(folder, "b")))
    under_way.carry_out(Part(first="b"))
    assert noted(folder) == ["b"]


class TestDatabase:
    """What is done where the database is not as the journal has it."""

    @pytest.fixture
    def steps(self, folder: Path) -> tuple[PlannedStep, ...]:
        backups = str(folder.parent / "work" / "backups")
        return (
            step("backup", noting(folder, "backup"), kind=StepKind.BACKUP, effect=Effect.READ, backups=backups),
            step("go", noting(folder, "go")),
            step("syncdb", noting(folder, "syncdb"), kind=StepKind.SYNCDB),
            replace(step("migrate", noting(folder, "migrate"), kind=StepKind.SYNCDB), restores=True),
        )

    @pytest.fixture
    def begun(self, upgrade: Begin, folder: Path, steps: tuple[PlannedStep, ...]) -> Upgrade:
        under_way = upgrade(*steps)
        back_up(under_way, folder)
        under_way.carry_out(Part(last="go"))
        return under_way

    def test_one_that_changed_since_its_backup_is_not_written_to(self, begun: Upgrade, folder: Path) -> None:
        rename_a_test(folder)
        with pytest.raises(StepFailedError, match="has changed since its backup") as raised:
            begun.carry_out(Part())
        assert "--from-step backup --until backup" in raised.value.hint
        assert noted(folder) == ["go"]
        assert not begun.journal.began("syncdb")

        back_up(begun, folder)
        begun.carry_out(Part(first="backup", last="backup"))
        begun.carry_out(Part())
        assert noted(folder) == ["go", "syncdb", "migrate"]

    def test_one_that_the_upgrade_itself_changed_is(self, begun: Upgrade, folder: Path) -> None:
        begun.carry_out(Part(last="syncdb"))
        rename_a_test(folder)
        begun.carry_out(Part())
        assert noted(folder) == ["go", "syncdb", "migrate"]

    def test_a_backup_that_a_person_answers_for_is_not_compared(
        self, upgrade: Begin, folder: Path, steps: tuple[PlannedStep, ...]
    ) -> None:
        under_way = upgrade(*steps)
        under_way.carry_out(Part(first="go"))
        assert noted(folder) == ["go", "syncdb", "migrate"]
        assert isinstance(under_way.talk, Talked)
        assert ("backup", "taken as done") in under_way.talk.ended, "that no rollback has one is told"

    def test_one_of_the_kit_that_was_taken_as_done_is_noted_for_a_rollback(
        self, upgrade: Begin, folder: Path, steps: tuple[PlannedStep, ...]
    ) -> None:
        under_way = upgrade(*steps)
        backup = create_backup(under_way.site.plan.database, to_dir=folder.parent / "work" / "backups")
        under_way.carry_out(Part(first="go"))
        details = [dict(event.details) for event in under_way.journal.events if event.step == "backup"]
        assert {"manifest": str(backup.made.manifest)} in details

    def test_one_that_an_interrupted_step_left_half_done_is_restored_first(self, begun: Upgrade, folder: Path) -> None:
        before = rows(folder)
        begun.carry_out(Part(last="syncdb"))
        begun.journal.add(Happening.BEGUN, "migrate")  # and then it was killed
        rename_a_test(folder)

        begun.carry_out(Part())

        assert rows(folder) == before
        assert noted(folder) == ["go", "syncdb", "syncdb", "migrate"], "all that wrote to it is done again"
        assert isinstance(begun.talk, Talked)
        assert "restore before migrate" in begun.talk.asked
        assert [step for what, step in told(begun) if what == "undone"] == ["syncdb", "migrate"]

    def test_without_agreement_it_is_not_restored(self, begun: Upgrade, folder: Path) -> None:
        begun.journal.add(Happening.BEGUN, "migrate")
        rename_a_test(folder)
        changed = rows(folder)
        assert isinstance(begun.talk, Talked)
        begun.talk.refuses = {"migrate"}
        with pytest.raises(NotAgreedError):
            begun.carry_out(Part())
        assert rows(folder) == changed

    def test_one_that_is_as_it_was_is_not_restored(self, begun: Upgrade, folder: Path) -> None:
        begun.journal.add(Happening.BEGUN, "migrate")
        stamp = (folder / "site.db").stat().st_mtime_ns
        begun.carry_out(Part())
        assert (folder / "site.db").stat().st_mtime_ns == stamp
        assert noted(folder) == ["go", "syncdb", "migrate"]

    def test_a_step_that_each_database_can_go_on_from_is_just_done_again(self, begun: Upgrade, folder: Path) -> None:
        begun.journal.add(Happening.BEGUN, "syncdb")
        rename_a_test(folder)
        changed = rows(folder)
        begun.carry_out(Part())
        assert rows(folder) == changed
        assert noted(folder) == ["go", "syncdb", "migrate"]


class TestFromStep:
    def test_what_was_done_from_there_is_done_again(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(*(step(id_, noting(folder, id_)) for id_ in "abc"))
        under_way.carry_out(Part())
        under_way.carry_out(Part(first="b"))
        assert noted(folder) == ["a", "b", "c", "b", "c"]

    def test_with_until_no_more_than_that_is_done_again(self, upgrade: Begin, folder: Path) -> None:
        under_way = upgrade(*(step(id_, noting(folder, id_)) for id_ in "abc"))
        under_way.carry_out(Part())
        under_way.carry_out(Part(first="b", last="b"))
        under_way.carry_out(Part())
        assert noted(folder) == ["a", "b", "c", "b"]

    def test_the_copies_of_the_time_before_are_not_replaced(self, upgrade: Begin, folder: Path) -> None:
        settings, kept = folder / "local_settings.py", folder.parent / "work" / "kept.py"
        settings.write_bytes(b"A = 1")
        change = python(f"open({str(settings)!r}, 'a').write('B = 2')")
        under_way = upgrade(
            step("keep", copying(settings, kept), kind=StepKind.KEEP), step("settings", change, kind=StepKind.SETTINGS)
        )
        under_way.carry_out(Part())
        under_way.carry_out(Part(first="keep"))
        assert kept.read_bytes() == b"A = 1"


class TestVerify:
    @pytest.mark.parametrize(("leaves", "asked"), [({"serve"}, False), (set(), True)])
    def test_a_site_that_a_person_has_yet_to_start_is_asked_for_no_page(
        self, upgrade: Begin, folder: Path, *, leaves: set[str], asked: bool
    ) -> None:
        serve = step("serve", kind=StepKind.SERVE, actor=Actor.PERSON)
        words = "import sys; open('said.txt', 'w').write(' '.join(sys.argv[1:]))"
        verify = step("verify", Run(words=(sys.executable, "-c", words), folder=folder), kind=StepKind.VERIFY)
        upgrade(serve, verify, talk=Talked(has_not_done=leaves)).carry_out(Part())
        assert (folder / "said.txt").read_text() == ("" if asked else "--no-page")


def back_up(under_way: Upgrade, folder: Path) -> None:
    create_backup(under_way.site.plan.database, to_dir=folder.parent / "work" / "backups")


def rename_a_test(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "site.db")) as database, database:
        database.execute("UPDATE qa_test SET name = name || ' (new)' WHERE id = 1")


def rows(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "site.db")) as database:
        return list(database.iterdump())


@pytest.mark.parametrize(
    ("part", "told_of"),
    [
        pytest.param(Part(last="b"), ["a: to do", "b: to do"], id="until"),
        pytest.param(Part(first="b"), ["a: taken as done, by --from-step", "b: to do", "c: to do"], id="from a step"),
    ],
)
def test_a_rehearsal_is_of_the_part_that_is_asked_for(
    upgrade: Begin, folder: Path, part: Part, told_of: list[str]
) -> None:
    under_way = upgrade(*(step(id_, noting(folder, id_)) for id_ in "abc"))
    seen: list[str] = []
    rehearse(under_way.journal, under_way.site, lambda one, state: seen.append(f"{one.id}: {state}"), part)
    assert seen == told_of


def test_a_rehearsal_of_no_part_is_refused(upgrade: Begin, folder: Path) -> None:
    under_way = upgrade(step("a", noting(folder, "a")))
    with pytest.raises(UsageError, match="the plan has no such step"):
        rehearse(under_way.journal, under_way.site, lambda _one, _state: None, Part(last="x"))
