"""What ``upgrade-kit upgrade`` refuses or asks for before anything begins; the rest is in tests/end_to_end."""

from __future__ import annotations

import os
import shutil
from argparse import ArgumentParser
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from tests.upgrading.site import git, plan_of, step
from upgrade_kit.cli import upgrade
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.errors import UpgradeError, UpgradeKitError, UsageError
from upgrade_kit.model.plan import Actor, Plan, Run, StepKind
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.upgrading.journal import Happening, UpgradeJournal, begin_journal

SERVER = "postgresql://qa@127.0.0.1:1/qatrack"


class Person(Streams):
    """Somebody at a terminal, who types one thing to whatever is asked."""

    def __init__(self, typed: str = "", **environment: str) -> None:
        super().__init__(StringIO(), StringIO(), environment)
        self.typed = typed
        self.asked: list[str] = []

    def can_ask(self) -> bool:
        return True

    def ask_password(self, question: str = "") -> str:
        self.asked.append(question)
        return self.typed


def call(site: Path, *words: str, streams: Streams | None = None) -> Exit:
    parser = ArgumentParser()
    upgrade.add_arguments(parser)
    work = site.parent / "work"
    return upgrade.run(
        parser.parse_args([str(site), "--to-dir", str(work), *words]),
        streams or Streams(StringIO(), StringIO(), {}, StringIO()),
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    build_sample_site(folder, VersionGraph.load().resolve("0.2.9.1"))
    git(folder, "init", "--quiet")
    (tmp_path / "work" / "logs").mkdir(parents=True)
    return folder


def begun(plan: Plan, *happened: Happening) -> UpgradeJournal:
    journal = begin_journal(plan, {"head": "1234"})
    for what in happened:
        journal.add(what, "a")
    return journal


def on_a_server(site: Path, *, told: bool = True) -> Plan:
    shown = Run(words=("upgrade-kit", "preflight", *(("--database", SERVER) if told else ())))
    only = step("a", shown, kind=StepKind.LOOK, actor=Actor.PERSON)
    return replace(plan_of(site, only), database=SERVER, needs_password=True)


def test_another_target_than_the_one_that_has_begun_is_refused(site: Path) -> None:
    begun(plan_of(site, step("a")), Happening.PROVED)
    with pytest.raises(UsageError, match=r"an upgrade to 0\.3\.0 has begun"):
        call(site, "--yes", "--to", "0.2.9.1")


@pytest.mark.parametrize("end", [Happening.FINISHED, Happening.ROLLED_BACK])
def test_one_that_is_over_stands_in_the_way_of_none(site: Path, end: Happening) -> None:
    begun(plan_of(site, step("a")), end)
    streams = Streams(StringIO(), StringIO(), {}, StringIO())
    assert call(site, "--yes", "--to", "0.2.9.1", streams=streams) is Exit.DONE
    assert isinstance(streams.out, StringIO)
    assert "The site is at 0.2.9.1 already" in streams.out.getvalue()


@pytest.mark.parametrize("option", ["--until", "--from-step"])
def test_a_slip_in_a_steps_name_is_told_before_anybody_is_asked(site: Path, option: str) -> None:
    begun(on_a_server(site))
    person = Person()
    with pytest.raises(UsageError, match="the plan has no such step"):
        call(site, option, "x", streams=person)
    assert person.asked == []


class TestPassword:
    def test_one_that_is_needed_is_asked_for_before_anything_begins(self, site: Path) -> None:
        begun(on_a_server(site))
        person = Person("s3cret")
        assert call(site, "--dry-run", streams=person) is Exit.DONE
        assert person.asked == [f"Password of {SERVER}: "]
        assert isinstance(person.out, StringIO)
        assert "s3cret" not in person.out.getvalue()

    def test_where_nobody_can_be_asked_the_variable_is_named(self, site: Path) -> None:
        journal = begun(on_a_server(site))
        before = journal.path.read_bytes()
        with pytest.raises(UsageError) as raised:
            call(site, "--yes")
        assert "UPGRADE_KIT_PASSWORD" in raised.value.hint
        assert journal.path.read_bytes() == before

    def test_one_from_the_environment_is_not_asked_for(self, site: Path) -> None:
        begun(on_a_server(site))
        person = Person(UPGRADE_KIT_PASSWORD="s3cret")
        assert call(site, "--dry-run", streams=person) is Exit.DONE
        assert person.asked == []

    def test_a_database_that_needs_none_is_asked_for_none(self, site: Path) -> None:
        begun(plan_of(site, step("a", kind=StepKind.LOOK, actor=Actor.PERSON)))
        person = Person()
        assert call(site, "--dry-run", streams=person) is Exit.DONE
        assert person.asked == []


def test_another_database_than_the_one_that_has_begun_is_refused(site: Path) -> None:
    begun(on_a_server(site))
    with pytest.raises(UsageError, match="the upgrade that has begun is of postgresql"):
        call(site, "--yes", "--database", "postgresql://qa:s3cret@127.0.0.1:1/other")


class TestPlace:
    """A journal is of one site in one place."""

    @pytest.mark.parametrize("option", ["--yes", "--rollback", "--dry-run"])
    def test_the_journal_of_a_site_that_was_copied_does_nothing_to_the_first(
        self, site: Path, tmp_path: Path, option: str
    ) -> None:
        begun(plan_of(site, step("a")), Happening.PROVED)
        shutil.copytree(site, tmp_path / "copy")
        shutil.copytree(tmp_path / "work", tmp_path / "copied work")
        before = (tmp_path / "copied work" / "upgrade.journal.jsonl").read_bytes()
        with pytest.raises(UpgradeError, match=r"this is the journal of the upgrade of .*site, kept in .*work"):
            call(tmp_path / "copy", *dict.fromkeys((option, "--yes")), "--to-dir", str(tmp_path / "copied work"))
        assert (tmp_path / "copied work" / "upgrade.journal.jsonl").read_bytes() == before

    @pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
    def test_a_site_is_the_same_by_another_name(self, site: Path, tmp_path: Path) -> None:
        begun(plan_of(site, step("a", kind=StepKind.LOOK, actor=Actor.PERSON)))
        (tmp_path / "link").symlink_to(site, target_is_directory=True)
        assert call(tmp_path / "link", "--dry-run") is Exit.DONE


def test_settings_that_lead_to_another_database_than_the_plans_are_refused(site: Path, tmp_path: Path) -> None:
    build_sample_database(tmp_path / "other.db", VersionGraph.load().resolve("0.2.9.1"))
    settings = site / "qatrack" / "local_settings.py"
    plan = plan_of(site, step("b", kind=StepKind.BACKUP, backups=str(tmp_path)))
    begun(plan)
    engine = "django.db.backends.sqlite3"
    settings.write_text(
        f"DATABASES = {{'default': {{'ENGINE': {engine!r}, 'NAME': {str(tmp_path / 'other.db')!r}}}}}\n"
    )
    with pytest.raises(UpgradeError, match=r"settings now lead to sqlite:///.*other\.db, and this upgrade is of"):
        call(site, "--dry-run")


class TestApproved:
    def rewriting(self, site: Path, *more: str) -> Plan:
        run = Run(words=("upgrade-kit", "rewrite-calcs", str(site), "--apply", *more))
        return plan_of(site, step("a", run, kind=StepKind.CALCS))

    def test_what_is_no_file_of_approvals_is_told_before_anything_begins(self, site: Path, tmp_path: Path) -> None:
        (tmp_path / "approvals.json").write_text("{}", encoding="utf-8")
        settings = site / "qatrack" / "local_settings.py"
        before = settings.read_bytes()
        with pytest.raises(UpgradeKitError):
            call(site, "--yes", "--approved", str(tmp_path / "approvals.json"))
        assert settings.read_bytes() == before
        assert not (tmp_path / "work" / "upgrade.journal.jsonl").exists()

    def test_approvals_that_come_after_it_has_begun_are_refused_and_not_passed_over(
        self, site: Path, tmp_path: Path
    ) -> None:
        begun(self.rewriting(site), Happening.BEGUN)
        with pytest.raises(UsageError, match="the upgrade that has begun obeys no approvals"):
            call(site, "--dry-run", "--approved", str(tmp_path / "approvals.json"))

    def test_others_than_those_with_which_it_began_are_refused(self, site: Path, tmp_path: Path) -> None:
        begun(self.rewriting(site, "--approved", str(tmp_path / "approvals.json")), Happening.BEGUN)
        with pytest.raises(UsageError, match="the upgrade that has begun obeys other approvals"):
            call(site, "--dry-run", "--approved", str(tmp_path / "others.json"))

    def test_those_with_which_it_began_need_not_be_named_again_and_may_be(self, site: Path, tmp_path: Path) -> None:
        file = str(tmp_path / "approvals.json")
        begun(self.rewriting(site, "--approved", file), Happening.BEGUN)
        assert call(site, "--dry-run") is Exit.DONE
        assert call(site, "--dry-run", "--approved", file) is Exit.DONE
