from __future__ import annotations

import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from tests.upgrading.site import access, copying, git, plan_of, step
from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.plan import StepKind
from upgrade_kit.upgrading.proofs import CannotTell, Done, NotDone, SiteAccess, look, prove
from upgrade_kit.upgrading.running import Ran


@pytest.fixture
def site(folder: Path) -> SiteAccess:
    return access(plan_of(folder))


@pytest.fixture
def port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        number: int = server.getsockname()[1]
        return number


class TestPorts:
    def test_a_site_that_answers_is_served_and_not_stopped(self, site: SiteAccess, port: int) -> None:
        assert isinstance(look(step("a", kind=StepKind.SERVE, port=str(port)), site), Done)
        assert isinstance(look(step("a", kind=StepKind.STOP, port=str(port)), site), NotDone)

    def test_a_site_that_does_not_answer_is_stopped_and_not_served(self, site: SiteAccess) -> None:
        number = str(free_port())
        assert isinstance(look(step("a", kind=StepKind.STOP, port=number), site), Done)
        assert isinstance(look(step("a", kind=StepKind.SERVE, port=number), site), NotDone)

    @pytest.mark.parametrize("kind", [StepKind.STOP, StepKind.SERVE])
    @pytest.mark.parametrize("number", ["", "many", "99999999"])
    def test_a_port_that_is_none_settles_nothing(self, site: SiteAccess, kind: StepKind, number: str) -> None:
        if number.isdigit():
            assert isinstance(look(step("a", kind=StepKind.SERVE, port=number), site), NotDone)
        else:
            assert look(step("a", kind=kind, port=number), site) == CannotTell()


class TestCheckout:
    def test_the_tag_that_is_checked_out_is_told_from_another(self, site: SiteAccess, folder: Path) -> None:
        for tag, other in (("v0.2.9.1", "v0.3.0"), ("v0.3.0", "v0.2.9.1")):
            git(folder, "checkout", "--quiet", tag)
            assert isinstance(look(step("a", kind=StepKind.CHECKOUT, tag=tag), site), Done)
            assert isinstance(look(step("a", kind=StepKind.CHECKOUT, tag=other), site), NotDone)

    def test_a_branch_of_the_tags_name_is_not_the_tag(self, site: SiteAccess, folder: Path) -> None:
        git(folder, "branch", "v9.9.9")
        assert isinstance(look(step("a", kind=StepKind.FETCH, tags="v9.9.9"), site), NotDone)

    def test_an_unknown_tag_is_to_be_fetched(self, site: SiteAccess) -> None:
        assert isinstance(look(step("a", kind=StepKind.FETCH, tags="v0.3.0"), site), Done)
        assert isinstance(look(step("a", kind=StepKind.FETCH, tags="v3.1.0"), site), NotDone)
        assert isinstance(look(step("a", kind=StepKind.FETCH, tags="v0.3.0 v3.1.0"), site), NotDone)
        assert isinstance(look(step("a", kind=StepKind.CHECKOUT, tag="v3.1.0"), site), NotDone)

    def test_where_git_says_nothing_nothing_is_done(self, site: SiteAccess) -> None:
        blind = replace(site, environment={"PATH": ""})
        assert isinstance(look(step("a", kind=StepKind.CHECKOUT, tag="v0.2.9.1"), blind), NotDone)


class TestBackup:
    def test_only_a_verified_one_of_the_database_as_it_is_counts(self, site: SiteAccess, folder: Path) -> None:
        backups = folder.parent / "work" / "backups"
        asked = step("a", kind=StepKind.BACKUP, backups=str(backups))
        assert isinstance(look(asked, site), NotDone)

        made = create_backup(site.plan.database, to_dir=backups)
        answer = look(asked, site)
        assert isinstance(answer, Done)
        assert answer.details == (("manifest", str(made.made.manifest)),)

        with closing(sqlite3.connect(folder / "site.db")) as database, database:
            database.execute("UPDATE qa_test SET name = 'changed' WHERE id = (SELECT min(id) FROM qa_test)")
        assert isinstance(look(asked, site), NotDone)

    def test_a_database_that_is_gone_is_an_error_and_no_answer(self, site: SiteAccess, folder: Path) -> None:
        (folder / "site.db").unlink()
        with pytest.raises(DatabaseError):
            look(step("a", kind=StepKind.BACKUP, backups="."), site)


class TestKeep:
    def test_a_copy_counts_while_it_is_what_the_file_is(self, site: SiteAccess, folder: Path) -> None:
        source, target = folder / "local_settings.py", folder.parent / "work" / "local_settings.py"
        asked = step("a", copying(source, target), kind=StepKind.KEEP)
        source.write_bytes(b"A = 1")
        assert isinstance(look(asked, site), NotDone)
        target.write_bytes(b"A = 1")
        assert isinstance(look(asked, site), Done)
        source.write_bytes(b"A = 2")
        assert isinstance(look(asked, site), NotDone)
        source.unlink()
        assert isinstance(look(asked, site), NotDone)


class TestEnvironment:
    @pytest.mark.parametrize(("wants", "fits"), [(">=3.11", True), (">=3.4,<3.7", False)])
    def test_its_own_python_tells_the_version(self, site: SiteAccess, wants: str, fits: bool) -> None:
        asked = step("a", kind=StepKind.ENVIRONMENT, python=sys.executable, requires=wants)
        assert look(asked, site) == CannotTell(), "one that is half made has a Python too"
        assert isinstance(prove(asked, (), site), Done) == fits

    def test_one_that_is_not_there_is_not_done(self, site: SiteAccess, folder: Path) -> None:
        asked = step("a", kind=StepKind.ENVIRONMENT, python=str(folder / "no" / "python"), requires=">=3")
        assert isinstance(prove(asked, (), site), NotDone)


class TestRequirements:
    def test_the_version_of_django_decides(self, site: SiteAccess) -> None:
        from django import get_version  # noqa: PLC0415 - it is asked of a program below

        for wanted, fits in ((get_version(), True), ("1.11.15", False)):
            asked = step("a", kind=StepKind.REQUIREMENTS, python=sys.executable, django=wanted)
            assert isinstance(prove(asked, (), site), Done) == fits


class TestMigrate:
    def test_the_schema_decides_and_not_the_exit_status(self, site: SiteAccess) -> None:
        well = (Ran(status=0, last_lines=()),)
        reached = replace(step("a", kind=StepKind.MIGRATE), hop=Version("0.2.9.1"))
        assert isinstance(prove(reached, well, site), Done)
        answer = prove(step("a", kind=StepKind.MIGRATE), well, site)
        assert isinstance(answer, NotDone)
        assert "0.2.9.1" in answer.reason

    def test_before_it_nothing_tells_that_it_came_to_its_end(self, site: SiteAccess) -> None:
        assert look(replace(step("a", kind=StepKind.MIGRATE), hop=Version("0.2.9.1")), site) == CannotTell()


class TestOutputs:
    def test_the_database_that_the_release_names_must_be_the_sites(self, site: SiteAccess, folder: Path) -> None:
        asked = step("a", kind=StepKind.WHICH_DATABASE)
        right = Ran(status=0, last_lines=("warning", f"django.db.backends.sqlite3 {folder / 'site.db'}"))
        wrong = Ran(status=0, last_lines=(f"django.db.backends.sqlite3 {folder / 'db' / 'default.db'}",))
        assert isinstance(prove(asked, (right,), site), Done)
        answer = prove(asked, (wrong,), site)
        assert isinstance(answer, NotDone)
        assert "local_settings.py" in answer.reason
        assert isinstance(prove(asked, (), site), NotDone)

    @pytest.mark.parametrize(("said", "same"), [("qatrack", True), ("qatrack2", False), ("", False)])
    def test_on_a_server_its_name_must_be_the_very_one(self, site: SiteAccess, said: str, same: bool) -> None:
        there = replace(site, address=lambda: DatabaseAddress(vendor="postgresql", name="qatrack", host="localhost"))
        ran = Ran(status=0, last_lines=(f"django.db.backends.postgresql_psycopg2 {said}",))
        assert isinstance(prove(step("a", kind=StepKind.WHICH_DATABASE), (ran,), there), Done) == same

    @pytest.mark.parametrize(
        ("lines", "loaded"),
        [
            (("Installed 6 object(s) from 1 fixture(s)",), True),
            (("Installed 0 object(s) from 0 fixture(s)",), False),
            (("No fixtures found.",), False),
            ((), False),
        ],
    )
    def test_loaddata_must_say_that_it_installed_something(
        self, site: SiteAccess, lines: tuple[str, ...], loaded: bool
    ) -> None:
        ran = (Ran(status=0, last_lines=lines),)
        assert isinstance(prove(step("a", kind=StepKind.LOADDATA), ran, site), Done) == loaded

    def test_each_of_several_files_must_say_so(self, site: SiteAccess) -> None:
        said = Ran(status=0, last_lines=("Installed 6 object(s) from 1 fixture(s)",))
        silent = Ran(status=0, last_lines=())
        assert isinstance(prove(step("a", kind=StepKind.LOADDATA), (said, said), site), Done)
        assert isinstance(prove(step("a", kind=StepKind.LOADDATA), (said, silent), site), NotDone)


def test_what_nothing_shows_is_proved_by_its_exit_status(site: SiteAccess) -> None:
    assert look(step("a"), site) == CannotTell()
    answer = prove(step("a"), (Ran(status=0, last_lines=()),), site)
    assert answer == Done(evidence="exit status 0")
