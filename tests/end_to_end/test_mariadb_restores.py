"""Restores into MariaDB by a login that may not put back all that it may drop: nothing is dropped then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Server
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup

pytestmark = pytest.mark.mariadb

TESTS: list[tuple[int, str, str, str, str | None]] = [(1, "epid", "EPID image", "upload", "epid = FILE.read()")]
LOGIN = "'restricted'@'127.0.0.1'"
RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, REFERENCES, LOCK TABLES, TRIGGER, CREATE VIEW, "
    "SHOW VIEW, EXECUTE, EVENT"
)
OF_ANOTHER = {
    "view": "VIEW seen AS SELECT id FROM qa_test",
    "trigger": "TRIGGER fires BEFORE INSERT ON qa_test FOR EACH ROW SET NEW.id = NEW.id",
    "event": "EVENT happens ON SCHEDULE EVERY 1 YEAR DO SELECT 1",
    "function": "FUNCTION one() RETURNS int DETERMINISTIC RETURN 1",
}


@pytest.fixture
def site(mariadb: Server) -> Iterator[DatabaseAddress]:
    """A site, as its own login reaches it, which may do what sites need and no more."""
    site = mariadb.small_site(TESTS)
    mariadb.run(
        f"CREATE OR REPLACE USER {LOGIN} IDENTIFIED BY 'secret word'",
        f"GRANT {RIGHTS} ON {site.name}.* TO {LOGIN}",
        f"GRANT SELECT ON mysql.proc TO {LOGIN}",
    )
    yield mariadb.address(site.name, user="restricted", password="secret word")
    mariadb.run(f"DROP USER {LOGIN}")


def held(address: DatabaseAddress) -> tuple[object, ...]:
    with open_database(address) as session:
        routines = session.fetch(
            "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()"
        )
        return session.table_names(), session.select("qa_test", "id", "calculation_procedure"), routines


def refused(backup: Backup, target: DatabaseAddress) -> str:
    with pytest.raises(BackupError) as caught:
        restore_backup(backup.made.manifest, database=target, replace=True)
    return caught.value.message


@pytest.mark.parametrize("what", OF_ANOTHER)
def test_what_belongs_to_another_stays_with_all_the_rest(
    mariadb: Server, site: DatabaseAddress, tmp_path: Path, what: str
) -> None:
    mariadb.run(f"CREATE DEFINER = 'nobody'@'nowhere' {OF_ANOTHER[what]}", address=mariadb.address(site.name))
    backup = create_backup(site, to_dir=tmp_path, method="native")
    before = held(site)
    said = refused(backup, site)
    assert "nothing was changed: this login may not make what belongs to nobody@nowhere in " in said
    assert "secret" not in said
    assert held(site) == before

    restore_backup(backup.made.manifest, database=mariadb.address(site.name), replace=True)  # an administrator's
    assert held(site) == before


def test_a_routine_that_it_may_not_drop_stays_with_all_the_rest(
    mariadb: Server, site: DatabaseAddress, tmp_path: Path
) -> None:
    """It is of its own name, but the right to it was taken away."""
    mariadb.run(f"CREATE DEFINER = {LOGIN} {OF_ANOTHER['function']}", address=mariadb.address(site.name))
    backup = create_backup(site, to_dir=tmp_path, method="native")
    before = held(site)
    assert "nothing was changed: alter routine command denied" in refused(backup, site)
    assert held(site) == before


def test_what_is_its_own_goes_there_and_back(mariadb: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    mariadb.run(f"GRANT CREATE ROUTINE, ALTER ROUTINE ON {site.name}.* TO {LOGIN}")
    for what in OF_ANOTHER.values():
        mariadb.run(f"CREATE DEFINER = {LOGIN} {what}", address=mariadb.address(site.name))
    backup = create_backup(site, to_dir=tmp_path, method="native")
    before = held(site)
    restore_backup(backup.made.manifest, database=site, replace=True)
    assert held(site) == before


def test_text_that_looks_like_another_users_view_is_text(
    mariadb: Server, site: DatabaseAddress, tmp_path: Path
) -> None:
    mariadb.run(
        "UPDATE qa_test SET calculation_procedure = 'x = 1\n/*!50013 DEFINER=`nobody`@`nowhere` SQL SECURITY */'",
        address=mariadb.address(site.name),
    )
    backup = create_backup(site, to_dir=tmp_path, method="native")
    restore_backup(backup.made.manifest, database=site, replace=True)


def test_a_time_longer_than_a_day_is_backed_up(mariadb: Server, tmp_path: Path) -> None:
    site = mariadb.small_site(TESTS)
    mariadb.run("CREATE TABLE long_times (a time)", "INSERT INTO long_times VALUES ('-800:00:00')", address=site)
    backup = create_backup(site, to_dir=tmp_path, method="json")
    assert '"-800:00:00"' in backup.made.file.read_text(encoding="utf-8")


def test_a_view_that_a_killed_restore_left_is_no_dead_end(mariadb: Server, tmp_path: Path) -> None:
    site = mariadb.small_site(TESTS)
    mariadb.run("CREATE VIEW seen AS SELECT id FROM qa_test", address=site)
    backup = create_backup(site, to_dir=tmp_path, method="native")
    before = held(site)
    mariadb.run("DROP TABLE qa_test, django_site, django_migrations", address=site)
    with pytest.raises(BackupError, match="holds data; nothing was changed"):
        restore_backup(backup.made.manifest, database=site)
    proof = restore_backup(backup.made.manifest, database=site, replace=True).proof
    assert "What was there held no table, and is not kept: VIEW seen." in proof
    assert held(site) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["told to end", "its terminal is closed"])
def test_ended_in_the_middle_of_a_restore_it_puts_back_what_was_there(
    mariadb: Server, tmp_path: Path, number: signal.Signals
) -> None:
    """MySQL takes no DROP TABLE back: who leaves without a word leaves half a database."""
    site = mariadb.small_site(TESTS)
    mariadb.run(
        "CREATE TABLE padding (id int PRIMARY KEY, text longtext)",
        "INSERT INTO padding SELECT seq, REPEAT('x', 400) FROM seq_1_to_40000",
        address=site,
    )
    backup = create_backup(site, to_dir=tmp_path, method="native")
    before = held(site)
    url = f"mysql://{site.user}@{site.host}:{site.port}/{site.name}"
    restoring = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "upgrade_kit",
            "backup",
            "restore",
            backup.made.manifest,
            "--database",
            url,
            "--replace",
        ],
        env={**os.environ, "UPGRADE_KIT_PASSWORD": site.password},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 30
    with open_database(site) as session:
        while "padding" in session.table_names() and time.monotonic() < until:
            time.sleep(0.002)
    restoring.send_signal(number)
    said, _ = restoring.communicate(timeout=30)
    assert restoring.returncode == 130
    assert "interrupted; what was there has been put back" in " ".join(said.split())
    assert held(site) == before
