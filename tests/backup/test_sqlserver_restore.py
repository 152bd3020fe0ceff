"""Restoring a native backup of SQL Server: as a new database, or over one that may go."""

from __future__ import annotations

import _thread
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.backup.sqlserver_site import Site, change, sqlserver_site
from tests.backup.tsql_syntax import parse
from tests.sqlserver.script import Break, Failure, Hang, Info, Part, Request
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.errors import BackupError, DatabaseError

RESTORE = "^RESTORE DATABASE"
IN_USE = "Exclusive access could not be obtained because the database is in use."


@pytest.fixture
def site() -> Iterator[Site]:
    with sqlserver_site() as running:
        yield running


@pytest.fixture
def address(site: Site, any_odbc_driver: str) -> DatabaseAddress:
    """The site's database, by whichever driver is there."""
    return site.address(any_odbc_driver)


@pytest.fixture
def manifest(site: Site, address: DatabaseAddress, tmp_path: Path) -> Path:
    """The manifest of a backup; then somebody wrote to the database."""
    made = create_backup(address, to_dir=tmp_path, method="native").made
    change(site.databases["qatrack"].tables, "DELETE FROM auth_user; INSERT INTO auth_user VALUES (5, 'a'), (6, 'b')")
    site.sent.clear()
    return made.manifest


def users(site: Site, database: str = "qatrack") -> list[tuple[object, ...]]:
    return site.databases[database].tables.rows("SELECT id, username FROM auth_user ORDER BY id")


def failed(manifest: Path, address: DatabaseAddress, *, replace: bool = True) -> str:
    with pytest.raises((BackupError, DatabaseError)) as caught:
        restore_backup(manifest, database=address, replace=replace)
    return str(caught.value)


def moved(site: Site) -> list[list[str]]:
    (sent,) = [sql for sql in site.sent if sql.startswith("RESTORE DATABASE")]
    return parse(sent)[1]["MOVE"]


# --- As a new database ----------------------------------------------------------------------------


def test_a_database_that_is_not_there_is_made(site: Site, odbc_driver: str, manifest: Path) -> None:
    proof = " ".join(restore_backup(manifest, database=site.address(odbc_driver, "rehearsal")).proof)
    assert users(site, "rehearsal") == [(1, "physicist")]
    assert users(site) == [(5, "a"), (6, "b")]
    assert "Restored by the server as rehearsal: RESTORE DATABASE successfully processed" in proof
    assert "agree with the manifest" in proof
    assert not {"SINGLE_USER", "MULTI_USER", "BACKUP", "DROP"} & set(site.kinds)


def test_it_gets_files_of_its_own(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    restore_backup(manifest, database=replace(address, name="rehearsal"))
    (data, data_path), (log, log_path) = moved(site)
    assert (data, log) == ("qatrack", "qatrack_log")
    assert data_path.startswith("D:\\data\\rehearsal-")
    assert log_path.startswith("E:\\log\\rehearsal-")


def test_the_backup_is_verified_before(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    site.fail("VERIFYONLY", Failure(3189, "Damage to the backup set was detected."))
    assert "Damage" in failed(manifest, replace(address, name="rehearsal"))
    assert "rehearsal" not in site.databases


def test_an_empty_database_is_filled(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    site.add("empty", "")
    restore_backup(manifest, database=replace(address, name="empty"))
    assert users(site, "empty") == [(1, "physicist")]
    assert [path for _, path in moved(site)] == ["D:\\data\\empty.mdf", "E:\\log\\empty.ldf"]
    assert not {"SINGLE_USER", "BACKUP"} & set(site.kinds)


def test_nobody_is_sent_away_from_an_empty_database(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    """Error 3101."""
    site.add("empty", "")
    site.fail(RESTORE, Failure(3101, IN_USE), Failure(3013, "RESTORE DATABASE is terminating abnormally."))
    said = failed(manifest, replace(address, name="empty"), replace=False)
    assert IN_USE in said
    assert "Stop the site" in said
    assert "SINGLE_USER" not in site.kinds


@pytest.mark.parametrize("name", ["master", "MSDB", "model", "tempdb"])
def test_a_database_of_the_system_is_left_alone(
    site: Site, address: DatabaseAddress, manifest: Path, name: str
) -> None:
    assert "database of the system" in failed(manifest, replace(address, name=name))
    assert "RESTORE DATABASE" not in site.kinds


def test_a_difference_afterwards_is_told_with_the_way_back(
    site: Site, address: DatabaseAddress, manifest: Path
) -> None:
    """The server takes no RESTORE back."""
    said = json.loads(manifest.read_text(encoding="utf-8"))
    said["content"]["auth_user"] = "0" * 64
    manifest.write_text(json.dumps(said), encoding="utf-8")
    told = failed(manifest, address)
    kept = list(site.backups)[-1]
    assert f"other values in auth_user. What was there before is kept as {kept}; its manifest is " in told
    assert "restore what was there" in told
    assert users(site) == [(1, "physicist")]


# --- Over data ------------------------------------------------------------------------------------


def test_data_is_not_replaced_without_a_word(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    said = failed(manifest, address, replace=False)
    assert "holds data; nothing was changed" in said
    assert "--replace" in said
    assert not {"RESTORE DATABASE", "SINGLE_USER", "BACKUP"} & set(site.kinds)


def test_what_is_replaced_is_backed_up_before(site: Site, odbc_driver: str, manifest: Path, tmp_path: Path) -> None:
    address = site.address(odbc_driver)
    proof = " ".join(restore_backup(manifest, database=address, replace=True).proof)
    assert users(site) == [(1, "physicist")]
    first, kept = site.backups
    assert site.backups[kept].tables.rows("SELECT id FROM auth_user ORDER BY id") == [(5,), (6,)]
    assert f"What was there before is kept as {kept}" in proof
    changes = [what for what in site.kinds if what not in {"RESTORE HEADERONLY", "RESTORE FILELISTONLY"}]
    assert changes == [
        *("RESTORE VERIFYONLY", "BACKUP", "RESTORE VERIFYONLY"),
        *("SINGLE_USER", "RESTORE DATABASE", "MULTI_USER"),
    ]
    manifests = sorted(path for path in tmp_path.iterdir() if path != manifest)
    assert len(manifests) == 1
    restore_backup(manifests[0], database=address, replace=True)
    assert users(site) == [(5, "a"), (6, "b")]
    assert first != kept


def test_the_files_of_the_database_are_used_again(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    site.databases["qatrack"].files[:] = [("q", "F:\\old.mdf", "ROWS"), ("l", "G:\\old.ldf", "LOG")]
    restore_backup(manifest, database=address, replace=True)
    assert moved(site) == [["qatrack", "F:\\old.mdf"], ["qatrack_log", "G:\\old.ldf"]]


def test_without_a_backup_of_what_is_there_nothing_is_replaced(
    site: Site, address: DatabaseAddress, manifest: Path
) -> None:
    site.fail("^BACKUP", Failure(3202, 'Write on "x" failed: 112(There is not enough space on the disk.)'))
    assert "disk is full" in failed(manifest, address)
    assert users(site) == [(5, "a"), (6, "b")]
    assert not {"RESTORE DATABASE", "SINGLE_USER"} & set(site.kinds)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param(
            (Failure(3183, 'RESTORE detected an error on page (1:9) in database "q".'),), "page (1:9)", id="damage"
        ),
        pytest.param((Info(3211, "50 percent processed."), Break()), "connection was lost", id="the connection breaks"),
        pytest.param((Info(3211, "50 percent processed."),), "3014 did not come", id="no last word"),
        pytest.param((Failure(3101, IN_USE),), IN_USE, id="somebody was faster"),
    ],
)
def test_a_restore_that_fails_lets_everybody_in_again_and_names_what_is_kept(
    site: Site, address: DatabaseAddress, manifest: Path, parts: tuple[Part, ...], words: str
) -> None:
    site.fail(RESTORE, *parts)
    said = failed(manifest, address)
    _, kept = site.backups
    assert words in said
    assert f"is kept as {kept}" in said
    assert "qatrack is online and open to everybody" in said
    assert site.databases["qatrack"].access == "MULTI_USER"


def test_a_database_that_is_left_in_the_middle_is_told(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    def restore(_: Request) -> list[Part]:
        site.databases["qatrack"].state = "RESTORING"
        return [Info(3211, "50 percent processed."), Break()]

    site.answer(RESTORE, restore)
    said = failed(manifest, address)
    assert "qatrack is now RESTORING: repeat the restore with --replace" in said


def test_a_restore_that_never_ended_is_repeated(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    site.databases["qatrack"].state = "RESTORING"
    proof = " ".join(restore_backup(manifest, database=address, replace=True).proof)
    assert "nothing to keep" in proof
    assert users(site) == [(1, "physicist")]
    assert "BACKUP" not in site.kinds


@pytest.mark.parametrize(
    ("state", "words"), [("RESTORING", "--replace"), ("SUSPECT", "online first"), ("OFFLINE", "online first")]
)
def test_a_database_that_cannot_be_opened_is_not_replaced(
    site: Site, address: DatabaseAddress, manifest: Path, state: str, words: str
) -> None:
    site.databases["qatrack"].state = state
    said = failed(manifest, address, replace=state != "RESTORING")
    assert "nothing was changed" in said
    assert words in said
    assert "RESTORE DATABASE" not in site.kinds


def test_ctrl_c_lets_everybody_in_again(site: Site, odbc_driver: str, manifest: Path) -> None:
    def hang(_: Request) -> list[Part]:
        threading.Timer(0.3, _thread.interrupt_main).start()
        return [Info(3211, "5 percent processed."), Hang()]

    site.answer(RESTORE, hang)
    with pytest.raises(KeyboardInterrupt, match="online and open to everybody"):
        restore_backup(manifest, database=site.address(odbc_driver), replace=True)
    assert site.databases["qatrack"].access == "MULTI_USER"


def test_a_login_that_may_not_restore(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    """RESTORE, Permissions: "members of the db_owner role do not have RESTORE permissions"."""
    words = "User does not have permission to RESTORE database 'rehearsal'."
    site.fail(RESTORE, Failure(3110, words, severity=14))
    said = failed(manifest, replace(address, name="rehearsal"))
    assert words in said
    assert "dbcreator" in said
