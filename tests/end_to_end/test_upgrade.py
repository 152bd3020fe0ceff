"""The sample site of fixtures/upgrade, upgraded as a person would do it: killed, resumed, failing, taken back."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.end_to_end.repositories import done
from tests.end_to_end.sample_upgrade import End, Site, build, rows, snapshot, state
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Database
from upgrade_kit.upgrading.lock import MARK

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="the sample's stand-ins for Python are made for POSIX"),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]
SETTLED = {"proved", "left", "assumed"}
SLOW = {"SAMPLE_SLOW": "0.1"}
# Killed in the middle as well: they write, and take their time on a real site.
IN_THE_MIDDLE = (
    "0.3.0-backup",
    "0.3.0-checkout",
    "0.3.0-settings",
    "0.3.0-environment",
    "0.3.0-requirements",
    "0.3.0-collectstatic",
    "0.3.0-migrate",
    "0.3.0-unit-data",
    "0.3.0-backup-migrated",
    "0.3.0-calcs-apply",
)
PATIENCE_SECONDS = 90.0
SECRET = "pa55-of-the-database"


@dataclass(frozen=True)
class Upgraded:
    """The sample site, upgraded without a pause.

    Attributes:
        site: the site.
        before: what it was.
        end: what it is.
        printed: what was printed.
        steps: the ids of all steps.
        settings: the bytes of the settings before.
        words: of every program that ran meanwhile.
    """

    site: Site
    before: End
    settings: bytes
    end: End
    printed: str
    steps: list[str]
    words: set[str]


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    site = build(tmp_path_factory.mktemp("whole") / "hospital")
    before, settings, steps = state(site), site.settings.read_bytes(), site.steps()
    with WatchedWords() as words:
        ran = site.run("--yes", UPGRADE_KIT_PASSWORD=SECRET, SAMPLE_TELLS="UPGRADE_KIT_PASSWORD")
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return Upgraded(site, before, settings, state(site), ran.stdout, steps, words.seen)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return build(tmp_path / "hospital")


class WatchedWords:
    """Collects the command line of every process, and of those that come while it is entered."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ends.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                except OSError:
                    continue


def until(holds: Callable[[], object], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def survivors(site: Site) -> list[psutil.Process]:
    """Return the programs of an upgrade that still run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(site.work):
                found.append(process)
        except psutil.Error:
            continue
    return found


def power_cut(site: Site, process: subprocess.Popen[bytes]) -> None:
    """End an upgrade and all that it started, as a machine that goes off would."""
    process.kill()
    process.wait()
    quiet = 0
    while quiet < 5:  # one that was being started is not known by its mark yet
        alive = survivors(site)
        quiet = 0 if alive else quiet + 1
        for one in alive:
            try:
                one.kill()
                one.wait(10)
            except psutil.Error:
                continue
        time.sleep(0.05)


class TestWholeUpgrade:
    def test_it_ends_at_the_target_with_all_rows_uploads_and_settings(self, upgraded: Upgraded) -> None:
        site = upgraded.site
        assert "The site is at 0.3.0." in upgraded.printed
        assert upgraded.end.head == done(site.root, "rev-parse", "v0.3.0^{commit}")
        assert upgraded.end.rows.keys() > upgraded.before.rows.keys()
        assert upgraded.end.rows["qa_testlistinstance"] != ""
        uploads = site.root / "qatrack" / "media" / "uploads"
        names = sorted(file.name for file in (uploads / "1").iterdir())
        assert sorted(file.name for file in (uploads / "testinstance").rglob("*.*")) == names
        assert b"TEMPLATE_DBG" in site.settings.read_bytes()
        assert (site.root / "qatrack" / "static" / "qa" / "print.css").is_file()
        assert "BIN_FILE" in "\n".join(upgraded.printed.splitlines())

    def test_every_step_is_in_the_journal_and_what_only_a_person_can_do_is_told(self, upgraded: Upgraded) -> None:
        events = upgraded.site.events()
        settled = {step: what for what, step in events if what in SETTLED}
        assert list(settled) == upgraded.steps
        left = {step for step, what in settled.items() if what == "left"}
        assert left == {"0.3.0-stop", "0.3.0-serve", "0.3.0-look"}
        assert events[-1] == ("finished", "")
        told = re.findall(r"^Left to you: .* \((.*)\)$", upgraded.printed, re.MULTILINE)
        assert told == ["0.3.0-serve", "0.3.0-look"]

    def test_the_password_is_on_no_screen_in_no_log_in_no_journal_and_on_no_command_line(
        self, upgraded: Upgraded
    ) -> None:
        assert "Running migrations: ..." in upgraded.printed, "migrate prints it, and it is masked"
        assert SECRET not in upgraded.printed
        for file in upgraded.site.work.rglob("*"):
            assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
        assert any("migrate --fake-initial" in words for words in upgraded.words)
        assert not [words for words in upgraded.words if SECRET in words]

    def test_every_foreign_key_points_at_a_table_that_exists(self, upgraded: Upgraded) -> None:
        database = survey(upgraded.site.root, interpreters=False).database
        assert isinstance(database, Database)
        assert database.dangling == ()
        with closing(sqlite3.connect(upgraded.site.database)) as connection:
            found = connection.execute("PRAGMA foreign_key_list(qa_sublist)").fetchall()
        assert [key[2:4] for key in found] == [("qa_testlist", "parent_id")]
        assert re.search(r"UK307 .* passed", upgraded.printed), "verify says so too"

    def test_a_second_run_finds_nothing_to_do(self, upgraded: Upgraded) -> None:
        before = state(upgraded.site)
        ran = upgraded.site.run("--yes")
        assert ran.returncode == 0
        assert ran.stdout.count("done before") == len(upgraded.steps)
        assert state(upgraded.site) == before

    def test_it_is_taken_back(self, upgraded: Upgraded) -> None:
        site = upgraded.site
        ran = site.run("--rollback", "--yes")
        assert ran.returncode == 0, ran.stderr
        assert rows(site.database) == upgraded.before.rows
        assert site.settings.read_bytes() == upgraded.settings
        assert done(site.root, "rev-parse", "HEAD") == upgraded.before.head
        files = state(site).files
        assert {name: files.get(name) for name in upgraded.before.files} == upgraded.before.files


def test_a_rehearsal_writes_nothing_at_all(site: Site) -> None:
    before = snapshot(site.folder)
    ran = site.run("--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert "to do" in ran.stdout
    after = snapshot(site.folder)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == set()
    assert not site.work.exists()


def test_killed_after_every_step_and_in_the_middle_of_the_slow_ones_it_comes_to_the_same_end(
    site: Site, upgraded: Upgraded
) -> None:
    for step in upgraded.steps:
        if step in IN_THE_MIDDLE:
            run_until(site, step, "begun")
        run_until(site, step, "proved")

    ran = site.run("--yes")
    assert ran.returncode == 0, ran.stderr
    assert state(site) == upgraded.end
    assert {step for what, step in site.events() if what in SETTLED} == set(upgraded.steps)


def run_until(site: Site, step: str, moment: str) -> None:
    """Start the upgrade, and kill it when a step is begun, in its middle, or as soon as it is proved."""
    if step in {step for what, step in site.events() if what in SETTLED}:
        return  # the kill before came a moment too late
    known = len(site.events())
    process = site.start("--yes", **(SLOW if moment == "begun" else {}))

    def has_come() -> bool:
        return any(one == step and what in SETTLED | {moment} for what, one in site.events()[known:])

    until(lambda: has_come() or process.poll() is not None, f"{step} {moment}")
    if process.poll() is not None and step in {step for what, step in site.events() if what in SETTLED}:
        return  # this came a moment too late
    assert process.poll() is None, f"it ended before {step} was {moment}: {site.events()[-1]}"
    if (step, moment) == ("0.3.0-migrate", "begun"):
        _others_are_refused(site, process)
    elif moment == "begun":
        time.sleep(0.4)
    power_cut(site, process)


def _others_are_refused(site: Site, first: subprocess.Popen[bytes]) -> None:
    """See that nothing is begun beside a running upgrade, nor beside a migration whose upgrade was killed."""
    known = len(site.events())
    second = site.run("--yes")
    assert second.returncode == 3
    assert "another upgrade-kit upgrade of this site is running" in second.stderr

    first.kill()
    first.wait()
    third = site.run("--yes")
    assert third.returncode == 3, "the migration still runs"
    assert "migrate --fake-initial" in third.stderr
    assert len(site.events()) == known


def real_python() -> Path | None:
    """Return a Python 3.6 of pyenv, where there is one; elsewhere the stand-in is taken."""
    return next(iter(sorted(Path("~/.pyenv/versions").expanduser().glob("3.6.*/bin/python"))), None)


def test_a_migration_that_fails_is_told_with_all_that_a_person_needs_and_is_taken_back_and_can_be_begun_anew(
    tmp_path: Path, upgraded: Upgraded
) -> None:
    site = build(tmp_path / "hospital", real_python())
    before, settings = state(site), site.settings.read_bytes()
    ran = site.run("--yes", SAMPLE_FAIL="qa.0014_convert_file_uploads")

    assert ran.returncode == 3
    assert "0.3.0-migrate" in ran.stderr
    assert "ended with status 1" in ran.stderr
    (log,) = (site.work / "logs").glob("*-0.3.0-migrate.log")
    assert str(log) in ran.stderr
    assert "qa.0014_convert_file_uploads was told to fail" in log.read_text(encoding="utf-8")
    assert "| RuntimeError: qa.0014_convert_file_uploads was told to fail" in ran.stdout
    assert "--rollback" in ran.stderr
    assert ("failed", "0.3.0-migrate") in site.events()
    assert rows(site.database) != before.rows

    again = site.run("--yes", "-q", SAMPLE_FAIL="qa.0014_convert_file_uploads")
    assert "| RuntimeError: qa.0014_convert_file_uploads was told to fail" in again.stderr

    ran = site.run("--rollback", "--yes")
    assert ran.returncode == 0, ran.stderr
    assert rows(site.database) == before.rows
    assert site.settings.read_bytes() == settings
    assert done(site.root, "rev-parse", "HEAD") == before.head

    ran = site.run("--yes")
    assert ran.returncode == 0, ran.stderr
    assert state(site) == upgraded.end


def test_a_server_without_a_network_takes_the_tags_from_where_git_was_told_to_look(site: Site) -> None:
    mirror = site.folder / "carried" / "git" / "qatrackplus" / "qatrackplus.git"
    mirror.parent.mkdir(parents=True)
    (site.folder / "origin").rename(mirror)
    config = site.folder / "gitconfig"
    config.write_text(f'[url "{mirror.parents[1].as_uri()}/"]\n\tinsteadOf = https://github.com/\n', encoding="utf-8")
    far = replace(site, from_github=True)
    ran = far.run("--yes", "--until", "0.3.0-requirements", GIT_CONFIG_GLOBAL=str(config))
    assert ran.returncode == 0, ran.stderr
    assert "https://github.com/qatrackplus/qatrackplus.git" in ran.stdout
    assert done(site.root, "describe", "--tags").strip() == "v0.3.0"


def test_a_local_change_that_git_would_not_carry_ends_it_before_anything_is_written(site: Site) -> None:
    with (site.root / "requirements" / "base.txt").open("a") as file:
        file.write("hospital-tools\n")
    before = state(site)
    ran = site.run("--yes", "--until", "0.3.0-checkout")
    assert ran.returncode == 1, ran.stderr
    assert "0.3.0-preflight" in ran.stderr
    assert state(site) == before


class Terminal:
    """A person at a terminal."""

    def __init__(self, site: Site, *arguments: str, **more: str) -> None:
        import pty  # noqa: PLC0415 - POSIX alone

        self._ours, theirs = pty.openpty()
        self._seen = ""
        self.process = subprocess.Popen(
            site.command(*arguments),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=site.environment(TERM="dumb", **more),
            cwd=site.folder,
        )
        os.close(theirs)

    def read(self, text: str) -> str:
        """Read until a text is shown; return all that was shown before it and not read yet."""
        end = time.monotonic() + PATIENCE_SECONDS
        while text not in self._seen:
            assert time.monotonic() < end, f"waited in vain for {text!r} after {self._seen[-2000:]}"
            assert self._take(), f"it ended before {text!r}: {self._seen[-2000:]}"
        before, _, self._seen = self._seen.partition(text)
        return before

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> tuple[int, str]:
        """Read to the end; return the status and all that was not read yet."""
        while self._take():
            pass
        os.close(self._ours)
        return self.process.wait(PATIENCE_SECONDS), self._seen

    def _take(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], PATIENCE_SECONDS)
        try:
            raw = os.read(self._ours, 65536) if ready else b""
        except OSError:  # the other side is closed
            raw = b""
        self._seen += raw.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(raw)


def test_at_a_terminal_each_write_is_asked_for_once_and_the_irreversible_one_by_name(site: Site) -> None:
    before = state(site)

    person = Terminal(site)
    person.read("Done? [y, or Enter to leave it for later] ")  # the site is stopped
    person.type("y\n")
    assert "(0.3.0-backup)" in (shown := person.read("Do this? [y/N] "))
    assert "git checkout v0.3.0" in shown
    person.type("n\n")
    status, shown = person.end()
    assert status == 1
    assert "Stopped before 0.3.0-checkout; nothing of it was done." in shown
    assert state(site) == before

    person = Terminal(site, **SLOW)
    asked = []
    for _ in ("checkout", "settings", "environment", "requirements", "collectstatic"):
        asked += re.findall(r"\((0\.3\.0-[a-z-]+)\)", person.read("Do this? [y/N] "))[-1:]
        person.type("y\n")
    assert asked == [
        f"0.3.0-{name}" for name in ("checkout", "settings", "environment", "requirements", "collectstatic")
    ]
    assert "POINT OF NO RETURN" in person.read("Type 0.3.0-migrate to go on, anything else to stop: ")
    person.type("y\n")
    status, shown = person.end()
    assert (status, rows(site.database)) == (1, before.rows)

    person = Terminal(site, SAMPLE_SLOW="0.1")
    person.read("Type 0.3.0-migrate to go on, anything else to stop: ")
    person.type("0.3.0-migrate\n")
    person.read("Applying")
    person.process.send_signal(signal.SIGINT)  # Ctrl-C
    status, shown = person.end()
    assert status == 130
    assert "The same command goes on from here" in shown
    assert "--rollback" in shown
    assert "Traceback" not in shown.rpartition("upgrade-kit:")[2]
    assert not survivors(site)

    person = Terminal(site, "--rollback")
    assert "The database is restored from" in person.read("Do this? [y/N] ")
    person.type("\n")
    status, shown = person.end()
    assert (status, "Nothing was taken back." in shown) == (1, True)

    assert site.run("--yes", "--until", "0.3.0-migrate").returncode == 0


def test_nobody_to_ask_is_a_usage_error(site: Site) -> None:
    ran = site.run()
    assert ran.returncode == 2
    assert "--yes" in ran.stderr
    assert not site.work.exists()
