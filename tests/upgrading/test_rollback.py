from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from io import StringIO
from linecache import getline
from pathlib import Path

import pytest

from tests.interrupts import NotReachedError, interrupt_at, interrupted_runs, lines_of
from tests.upgrading.site import copying, git, programs, python, step
from upgrade_kit.backup.create import create_backup
from upgrade_kit.cli.streams import Streams
from upgrade_kit.cli.upgrade import Console, _take_back
from upgrade_kit.deployment import whole_file
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.errors import UpgradeError
from upgrade_kit.model.plan import PlannedStep, Run, StepKind
from upgrade_kit.model.step import Effect
from upgrade_kit.upgrading import rollback
from upgrade_kit.upgrading import upgrade as upgrade_module
from upgrade_kit.upgrading.journal import Happening, read_upgrade_journal
from upgrade_kit.upgrading.rollback import _put_back, take_back, way_back
from upgrade_kit.upgrading.upgrade import Part, Upgrade, copy_privately

Begin = Callable[..., Upgrade]


class Heard:
    """Agrees, or not, and remembers what was said."""

    def __init__(self, *, agrees: bool = True) -> None:
        self.agreed = agrees
        self.parts: tuple[str, ...] = ()
        self.back: list[str] = []

    def agrees_to_all(self, parts: tuple[str, ...]) -> bool:
        self.parts = parts
        return self.agreed

    def came_back(self, part: str, evidence: str) -> None:
        assert evidence
        self.back.append(part)


def rows(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "site.db")) as database:
        return hashlib.sha256("\n".join(database.iterdump()).encode()).hexdigest()


def steps(folder: Path, *, migration: str = "DELETE FROM qa_test") -> tuple[PlannedStep, ...]:
    """A small upgrade: backup, copy of the settings, checkout, settings, migration."""
    settings, work = folder / "local_settings.py", folder.parent / "work"
    change = (
        f"import sqlite3; db = sqlite3.connect({str(folder / 'site.db')!r}); db.execute({migration!r}); db.commit()"
    )
    return (
        step("backup", kind=StepKind.BACKUP, effect=Effect.READ, backups=str(work / "backups")),
        step("keep", copying(settings, work / "kept.py"), kind=StepKind.KEEP, effect=Effect.READ),
        step(
            "checkout",
            Run(words=("git", "-C", str(folder), "checkout", "--quiet", "v0.3.0")),
            kind=StepKind.CHECKOUT,
            tag="v0.3.0",
        ),
        step("settings", python(f"open({str(settings)!r}, 'a').write('B = 2')"), kind=StepKind.SETTINGS),
        step("migrate", python(change), kind=StepKind.LOADDATA, effect=Effect.IRREVERSIBLE),
    )


@pytest.fixture
def upgraded(upgrade: Begin, folder: Path) -> Upgrade:
    (folder / "local_settings.py").write_bytes(b"A = 1\r\n")
    under_way = upgrade(*steps(folder))
    create_backup(under_way.site.plan.database, to_dir=folder.parent / "work" / "backups")
    with pytest.raises(Exception, match="migrate"):  # it prints nothing, so it is not proved
        under_way.carry_out(Part())
    return under_way


def test_database_settings_and_checkout_come_back(upgraded: Upgrade, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "site.db")) as database:
        assert database.execute("SELECT count(*) FROM qa_test").fetchone() == (0,)
    heard = Heard()

    assert take_back(upgraded.journal, upgraded.site, programs(), heard)

    assert heard.back == ["checkout", "settings", "database"]
    assert (folder / "local_settings.py").read_bytes() == b"A = 1\r\n"
    assert git(folder, "rev-parse", "HEAD") == git(folder, "rev-parse", "v0.2.9.1^{commit}")
    with closing(sqlite3.connect(folder / "site.db")) as database:
        assert database.execute("SELECT count(*) FROM qa_test").fetchone()[0] > 0
    assert read_upgrade_journal(upgraded.journal.path).is_taken_back


def test_every_part_is_told_before_it_is_agreed_to(upgraded: Upgrade, folder: Path) -> None:
    before = rows(folder)
    heard = Heard(agrees=False)
    assert not take_back(upgraded.journal, upgraded.site, programs(), heard)
    assert [part.split(" ")[0] for part in heard.parts] == [
        "The",
        "!!!",
        "What",
        str(folder / "local_settings.py").split(" ")[0],
        "git",
    ]
    assert rows(folder) == before
    assert not read_upgrade_journal(upgraded.journal.path).has(Happening.ROLLBACK_BEGUN)


def test_what_was_not_changed_is_not_touched(upgrade: Begin, folder: Path) -> None:
    (folder / "local_settings.py").write_bytes(b"A = 1\r\n")
    under_way = upgrade(*steps(folder))
    create_backup(under_way.site.plan.database, to_dir=folder.parent / "work" / "backups")
    under_way.carry_out(Part(last="keep"))
    before, stamp = rows(folder), (folder / "local_settings.py").stat().st_mtime_ns

    back = way_back(under_way.journal, under_way.site)
    assert back.parts() == ()
    assert take_back(under_way.journal, under_way.site, programs(), Heard())
    assert rows(folder) == before
    assert (folder / "local_settings.py").stat().st_mtime_ns == stamp


def test_a_migration_with_no_backup_in_the_journal_is_told_and_nothing_done(upgrade: Begin, folder: Path) -> None:
    (folder / "local_settings.py").write_bytes(b"A = 1\r\n")
    under_way = upgrade(*steps(folder))
    with pytest.raises(Exception, match="migrate"):
        under_way.carry_out(Part(first="checkout"))
    head = git(folder, "rev-parse", "HEAD")
    with pytest.raises(UpgradeError, match="names no backup from before"):
        take_back(under_way.journal, under_way.site, programs(), Heard())
    assert git(folder, "rev-parse", "HEAD") == head


def test_a_checkout_that_git_refuses_stops_before_anything_else(upgraded: Upgrade, folder: Path) -> None:
    (folder / "manage.py").write_text("# changed by hand\n", encoding="utf-8")
    before = rows(folder)
    with pytest.raises(UpgradeError, match="git did not check out"):
        take_back(upgraded.journal, upgraded.site, programs(), Heard())
    assert rows(folder) == before
    assert (folder / "local_settings.py").read_bytes() != b"A = 1\r\n"

    git(folder, "checkout", "--quiet", "--", "manage.py")
    assert take_back(upgraded.journal, upgraded.site, programs(), Heard())
    assert (folder / "local_settings.py").read_bytes() == b"A = 1\r\n"


def test_a_branch_that_was_checked_out_is_again(upgrade: Begin, folder: Path) -> None:
    (folder / "local_settings.py").write_bytes(b"A = 1\r\n")
    git(folder, "checkout", "--quiet", "-b", "ours")
    under_way = upgrade(*steps(folder))
    under_way.journal.start = {**under_way.journal.start, "branch": "ours"}
    create_backup(under_way.site.plan.database, to_dir=folder.parent / "work" / "backups")
    under_way.carry_out(Part(last="checkout"))
    assert take_back(under_way.journal, under_way.site, programs(), Heard())
    assert git(folder, "symbolic-ref", "--short", "HEAD") == "ours"


def test_the_last_backup_before_the_database_was_written_to_leads_back(upgrade: Begin, folder: Path) -> None:
    (folder / "local_settings.py").write_bytes(b"A = 1\r\n")
    under_way = upgrade(*steps(folder))
    backups = folder.parent / "work" / "backups"
    create_backup(under_way.site.plan.database, to_dir=backups)
    under_way.carry_out(Part(last="settings"))
    with closing(sqlite3.connect(folder / "site.db")) as database, database:
        database.execute("UPDATE qa_test SET name = 'entered meanwhile' WHERE id = 1")
    entered = rows(folder)
    create_backup(under_way.site.plan.database, to_dir=backups)
    under_way.carry_out(Part(first="backup", last="backup"))
    with pytest.raises(Exception, match="migrate"):
        under_way.carry_out(Part())
    create_backup(under_way.site.plan.database, to_dir=backups)
    under_way.carry_out(Part(first="backup", last="backup"))  # of what is migrated: it leads nowhere

    assert take_back(under_way.journal, under_way.site, programs(), Heard())
    assert rows(folder) == entered


def test_a_migration_that_a_person_carried_out_is_taken_back_too(upgrade: Begin, folder: Path) -> None:
    (folder / "local_settings.py").write_bytes(b"A = 1\r\n")
    under_way = upgrade(*steps(folder), step("last"))
    create_backup(under_way.site.plan.database, to_dir=folder.parent / "work" / "backups")
    under_way.carry_out(Part(last="settings"))
    before = rows(folder)
    with closing(sqlite3.connect(folder / "site.db")) as database, database:
        database.execute("DELETE FROM qa_test")
    under_way.carry_out(Part(first="last"))

    assert take_back(under_way.journal, under_way.site, programs(), Heard())
    assert rows(folder) == before


def test_an_environment_that_was_changed_in_its_place_comes_back_each_time(upgrade: Begin, folder: Path) -> None:
    environment, kept = folder.parent / "venvs" / "qatrack", folder.parent / "work" / "kept"
    environment.mkdir(parents=True)
    (environment / "django.txt").write_text("1.4.22")
    copy = kept / "environment-0.2.9.1"
    keep = f"import shutil; shutil.copytree({str(environment)!r}, {str(copy)!r})"
    install = f"open({str(environment / 'django.txt')!r}, 'w').write('1.6.11')"
    for _ in range(2):
        under_way = upgrade(
            step("keep", python(keep), kind=StepKind.KEEP, environment=str(environment), kept=str(kept)),
            step("requirements", python(install), kind=StepKind.COLLECTSTATIC),
        )
        under_way.carry_out(Part())
        assert (environment / "django.txt").read_text() == "1.6.11"
        requirements = replace(
            under_way.journal.plan.steps[1], kind=StepKind.REQUIREMENTS, facts=(("environment", str(environment)),)
        )
        under_way.journal.plan = replace(under_way.journal.plan, steps=(under_way.journal.plan.steps[0], requirements))
        assert take_back(under_way.journal, under_way.site, programs(), Heard())
        assert (environment / "django.txt").read_text() == "1.4.22"


def test_settings_that_cannot_be_read_keep_nobody_from_the_way_back(upgraded: Upgrade, folder: Path) -> None:
    settings = folder / "local_settings.py"
    settings.write_bytes(b"DATABASES = {")

    def address() -> DatabaseAddress:
        if settings.read_bytes() != b"A = 1\r\n":
            raise UpgradeError("the site's database is not known.")
        return parse_database_url(upgraded.site.plan.database, base=folder)

    assert take_back(upgraded.journal, replace(upgraded.site, address=address), programs(), Heard())
    with closing(sqlite3.connect(folder / "site.db")) as database:
        assert database.execute("SELECT count(*) FROM qa_test").fetchone()[0] > 0


def test_a_database_that_is_gone_comes_back(upgraded: Upgrade, folder: Path) -> None:
    (folder / "site.db").unlink()
    heard = Heard()
    assert take_back(upgraded.journal, upgraded.site, programs(), heard)
    assert "database" in heard.back
    with closing(sqlite3.connect(folder / "site.db")) as database:
        assert database.execute("SELECT count(*) FROM qa_test").fetchone()[0] > 0


class TestWhatIsToldOfTheDatabase:
    @pytest.fixture
    def finished(self, upgrade: Begin, folder: Path) -> Upgrade:
        (folder / "local_settings.py").write_bytes(b"A = 1\r\n")
        backups = folder.parent / "work" / "backups"
        insert = f"import sqlite3; db = sqlite3.connect({str(folder / 'site.db')!r}); db.execute('DELETE FROM qa_test')"
        under_way = upgrade(
            *steps(folder)[:-1],
            step("migrate", python(f"{insert}; db.commit(); print('Installed 1 object')"), kind=StepKind.LOADDATA),
            step("backup-migrated", kind=StepKind.BACKUP, effect=Effect.READ, backups=str(backups)),
        )
        create_backup(under_way.site.plan.database, to_dir=backups)
        under_way.carry_out(Part(last="migrate"))
        create_backup(under_way.site.plan.database, to_dir=backups)
        under_way.carry_out(Part())
        return under_way

    def test_entries_made_since_the_end_of_the_upgrade_are_counted_and_kept(
        self, finished: Upgrade, folder: Path
    ) -> None:
        with closing(sqlite3.connect(folder / "site.db")) as database, database:
            database.execute("DELETE FROM qa_category")
        entered = rows(folder)
        heard = Heard()

        assert take_back(finished.journal, finished.site, programs(), heard)

        text = "\n".join(heard.parts)
        assert "The upgrade was finished 20" in text
        assert "Numbers of rows since the upgrade's last backup" in text
        assert "qa_category (" in text
        assert "qa_test (" not in text, "the migration did that"
        (kept,) = folder.glob("site.db.before-restore-*")
        kept.replace(folder / "site.db")
        assert rows(folder) == entered

    def test_nothing_entered_is_told_as_such(self, finished: Upgrade) -> None:
        heard = Heard(agrees=False)
        assert not take_back(finished.journal, finished.site, programs(), heard)
        assert any(part.endswith("UTC: unchanged.") for part in heard.parts)


@pytest.mark.parametrize("harm", ["gone", "altered", "no manifest"])
def test_a_backup_that_is_not_whole_stops_it_before_anything_is_taken_back(
    upgraded: Upgrade, folder: Path, harm: str
) -> None:
    backups = folder.parent / "work" / "backups"
    (manifest,) = backups.glob("*.manifest.json")
    (file,) = (one for one in backups.iterdir() if one != manifest and one.is_file())
    match harm:
        case "gone":
            file.unlink()
        case "altered":
            raw = file.read_bytes()
            file.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        case _:
            manifest.unlink()
    before, head = rows(folder), git(folder, "rev-parse", "HEAD")
    with pytest.raises(UpgradeError, match="Nothing was taken back"):
        take_back(upgraded.journal, upgraded.site, programs(), Heard())
    assert (rows(folder), git(folder, "rev-parse", "HEAD")) == (before, head)
    assert (folder / "local_settings.py").read_bytes() != b"A = 1\r\n"
    assert not read_upgrade_journal(upgraded.journal.path).has(Happening.ROLLBACK_BEGUN)


def test_settings_that_a_person_changed_after_the_upgrade_are_kept(upgraded: Upgrade, folder: Path) -> None:
    (folder / "local_settings.py").write_bytes(b"EMAIL = 'new'\n")
    assert take_back(upgraded.journal, upgraded.site, programs(), Heard())
    (kept,) = (folder.parent / "work").glob("kept.before-rollback-*.py")
    assert kept.read_bytes() == b"EMAIL = 'new'\n"


def test_a_backup_made_after_the_database_was_restored_in_between_leads_back(upgraded: Upgrade, folder: Path) -> None:
    backups = folder.parent / "work" / "backups"
    with closing(sqlite3.connect(folder / "site.db")) as database, database:
        database.execute("UPDATE qa_category SET name = 'entered meanwhile'")
    newer = create_backup(upgraded.site.plan.database, to_dir=backups)
    upgraded.journal.add(Happening.UNDONE, "migrate")
    upgraded.journal.add(Happening.PROVED, "backup", manifest=str(newer.made.manifest))
    upgraded.journal.add(Happening.BEGUN, "migrate")
    with closing(sqlite3.connect(folder / "site.db")) as database, database:
        database.execute("DELETE FROM qa_category")
    assert way_back(upgraded.journal, upgraded.site).manifest == newer.made.manifest


# --- stopped in the middle ---------------------------------------------------------------------------


def test_an_environment_that_was_half_put_back_is_put_back_by_the_next_try(tmp_path: Path) -> None:
    def prepare(folder: Path) -> None:
        for name, content in (("env", "upgraded"), ("copy", "old")):
            (folder / name).mkdir()
            (folder / name / "python").write_text(content, encoding="utf-8")

    def put(folder: Path) -> None:
        _put_back(folder / "env", folder / "copy")

    left = {}
    for line, folder, _ in interrupted_runs((rollback,), tmp_path, prepare, put, at_least=11):
        if (folder / "env.part").exists():
            left[line] = sorted(path.name for path in folder.iterdir())
        if (folder / "copy").exists():  # as the next try finds out
            put(folder)
        found = {path.parent.name: path.read_text(encoding="utf-8") for path in folder.glob("*/python")}
        assert found == {"env": "old", "env.upgraded": "upgraded", "copy.restored": "old"}
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_of_a_copy_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    def prepare(folder: Path) -> None:
        (folder / "from").write_bytes(b"new")
        (folder / "to").write_bytes(b"old")

    def copy(folder: Path) -> None:
        copy_privately(copying(folder / "from", folder / "to"))

    left = {}
    for line, folder, _ in interrupted_runs((upgrade_module, whole_file), tmp_path, prepare, copy, at_least=9):
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        if found not in ({"from": b"new", "to": b"old"}, {"from": b"new", "to": b"new"}):
            left[line] = sorted(found)
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_it_comes_to_its_end_however_often_it_is_interrupted(upgraded: Upgrade, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "site.db")) as database:
        assert database.execute("SELECT count(*) FROM qa_test").fetchone() == (0,)
    times = 0
    for line in lines_of(take_back):
        if "return False" in getline(line.file, line.number):
            continue
        journal = read_upgrade_journal(upgraded.journal.path)
        if journal.is_taken_back:
            break
        with suppress(NotReachedError), interrupt_at(line) as stopped:
            _take_back(Console(Streams(StringIO()), yes=True, quiet=True), journal, upgraded.site, programs())
        times += "The same command goes on" in stopped.message

    journal = read_upgrade_journal(upgraded.journal.path)
    assert journal.is_taken_back or take_back(journal, upgraded.site, programs(), Heard())
    assert times > 10
    assert (folder / "local_settings.py").read_bytes() == b"A = 1\r\n"
    assert git(folder, "rev-parse", "HEAD") == git(folder, "rev-parse", "v0.2.9.1^{commit}")
    with closing(sqlite3.connect(folder / "site.db")) as database:
        assert database.execute("SELECT count(*) FROM qa_test").fetchone()[0] > 0
    assert not list(folder.parent.rglob("*.partial*"))
