"""The drill on SQL Server: restored under another name, checked, compared, and removed whatever happens."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.sqlserver_site import Site, change, sqlserver_site
from tests.backup.tsql_syntax import parse
from tests.sqlserver.script import Break, Failure, Hang, Info, Part, Request, Rows
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.manifests import read_manifest
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import Backup, UnverifiedBackup

RESTORE = "^RESTORE DATABASE"


@pytest.fixture
def site() -> Iterator[Site]:
    with sqlserver_site() as running:
        yield running
        assert "qatrack" in running.databases


@pytest.fixture
def address(site: Site, any_odbc_driver: str) -> DatabaseAddress:
    """The site's database, by whichever driver is there."""
    return site.address(any_odbc_driver)


@pytest.fixture
def address_by_each(site: Site, odbc_driver: str) -> DatabaseAddress:
    return site.address(odbc_driver)


@pytest.fixture
def manifest(site: Site, address: DatabaseAddress, tmp_path: Path) -> Path:
    """The manifest of a backup that was made without a drill."""
    made = create_backup(address, to_dir=tmp_path, method="native").made
    site.sent.clear()
    return made.manifest


def failed(manifest: Path, address: DatabaseAddress) -> str:
    with pytest.raises((BackupError, DatabaseError)) as caught:
        verify_backup(manifest, database=address, drill=True)
    return str(caught.value)


def copies(site: Site) -> list[str]:
    return [name for name in site.databases if name.startswith("upgrade_kit_drill_")]


def test_a_new_backup_is_drilled_on_demand(site: Site, address_by_each: DatabaseAddress, tmp_path: Path) -> None:
    proof = " ".join(create_backup(address_by_each, to_dir=tmp_path, method="native", drill=True).proof)
    assert "passed DBCC CHECKDB" in proof
    assert "rows counted in 3 tables (6 rows in all)" in proof
    assert site.kinds[-3:] == ["RESTORE DATABASE", "DBCC CHECKDB", "DROP"]
    assert copies(site) == []


def test_nothing_is_restored_without_being_asked_for(site: Site, address: DatabaseAddress, tmp_path: Path) -> None:
    create_backup(address, to_dir=tmp_path, method="native")
    assert not {"RESTORE DATABASE", "DROP"} & set(site.kinds)


def test_the_copy_gets_a_name_and_files_of_its_own(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    verify_backup(manifest, database=address, drill=True)
    (sent,) = [sql for sql in site.sent if sql.startswith("RESTORE DATABASE")]
    _, parts = parse(sent)
    ((name,),) = parts["database"]
    assert parts["MOVE"] == [["qatrack", f"D:\\data\\{name}_1.mdf"], ["qatrack_log", f"E:\\log\\{name}_2.ldf"]]
    assert "REPLACE" not in parts
    assert {parse(sql)[1]["names"][0][0] for sql in site.sent if sql.startswith("DROP")} == {name}


def test_where_the_server_names_no_folders_the_copy_lies_beside_the_original(
    site: Site, address: DatabaseAddress, manifest: Path
) -> None:
    """SERVERPROPERTY, InstanceDefaultDataPath: since SQL Server 2012."""
    site.properties |= {"data_folder": None, "log_folder": None}
    site.databases["qatrack"].files[0] = ("qatrack", "/var/opt/mssql/qatrack.mdf", "ROWS")
    next(iter(site.backups.values())).files[0] = ("qatrack", "/var/opt/mssql/qatrack.mdf", "ROWS")
    verify_backup(manifest, database=address, drill=True)
    (sent,) = [sql for sql in site.sent if sql.startswith("RESTORE DATABASE")]
    places = [place for _, place in parse(sent)[1]["MOVE"]]
    assert places[0].startswith("/var/opt/mssql/upgrade_kit_drill_")
    assert places[1].startswith("E:\\log\\upgrade_kit_drill_")


def test_damage_that_the_check_finds(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    """DBCC CHECKDB, error 8928: "... could not be processed. See other errors for details."."""
    words = "Object ID 60, index ID 1: Page (1:78) could not be processed."
    site.fail(
        "^DBCC", Failure(8928, words), Failure(8990, "CHECKDB found 0 allocation errors and 1 consistency error.")
    )
    said = failed(manifest, address)
    assert words in said
    assert "found damage" in said
    assert copies(site) == []


def test_a_copy_that_holds_other_than_the_manifest_says(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    change(next(iter(site.backups.values())).tables, "DELETE FROM qa_test WHERE id = 3")
    said = failed(manifest, address)
    assert "holds other than the manifest says: qa_test (3 -> 2), calculation procedures" in said
    assert copies(site) == []
    assert isinstance(read_manifest(manifest), UnverifiedBackup)


def test_no_room_for_the_copy(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    words = "There is insufficient free space on disk volume 'D:\\' to create the database."
    site.fail(RESTORE, Failure(3257, words), Failure(3119, "Problems were identified while planning for the RESTORE."))
    said = failed(manifest, address)
    assert words in said
    assert "Make room on that disk of the server" in said
    assert "DROP" not in site.kinds
    assert isinstance(read_manifest(manifest), Backup)  # that says nothing of the backup


def half_restored(site: Site, *parts: Part) -> None:
    """Let RESTORE make the database and then end otherwise."""

    def restore(request: Request) -> list[Part]:
        list(site.restore(request))
        site.databases[copies(site)[0]].state = "RESTORING"
        return list(parts)

    site.answer(RESTORE, restore)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((Failure(3183, 'RESTORE detected an error on page (1:9) in database "x".'),), id="damage"),
        pytest.param((Info(3211, "50 percent processed."), Break()), id="the connection breaks"),
        pytest.param((Info(3211, "50 percent processed."),), id="it ends without 3014"),
    ],
)
def test_half_a_copy_is_removed_too(
    site: Site, address_by_each: DatabaseAddress, manifest: Path, parts: tuple[Part, ...]
) -> None:
    half_restored(site, *parts)
    said = failed(manifest, address_by_each)
    assert "the drill could not restore it" in said
    assert "still on the server" not in said
    assert copies(site) == []


@pytest.mark.parametrize("statement", [RESTORE, "^DBCC"])
def test_ctrl_c_removes_the_copy(site: Site, address_by_each: DatabaseAddress, manifest: Path, statement: str) -> None:
    def hang(request: Request) -> list[Part]:
        if request.sql.startswith("RESTORE"):
            list(site.restore(request))
        threading.Timer(0.3, _thread.interrupt_main).start()
        return [Info(3211, "5 percent processed."), Hang()]

    site.answer(statement, hang)
    with pytest.raises(KeyboardInterrupt):
        verify_backup(manifest, database=address_by_each, drill=True)
    assert copies(site) == []


def test_somebody_who_looks_into_the_copy_is_sent_away(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    words = "Cannot drop database because it is currently in use."
    site.fail("^DROP", Failure(3702, words), times=1)
    verify_backup(manifest, database=address, drill=True)
    assert site.kinds[-3:] == ["DROP", "SINGLE_USER", "DROP"]
    assert copies(site) == []


def test_a_copy_that_cannot_be_removed_is_told(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    site.fail("^DROP", Failure(3701, "Cannot drop the database, because you do not have permission."))
    said = failed(manifest, address)
    (name,) = copies(site)
    assert f"remove it there with: DROP DATABASE [{name}]" in said
    assert isinstance(read_manifest(manifest), Backup)


def test_a_failure_is_told_together_with_the_copy_that_is_left(
    site: Site, address: DatabaseAddress, manifest: Path
) -> None:
    site.fail("^DBCC", Failure(8928, "Page (1:78) could not be processed."))
    site.fail("^DROP", Failure(3701, "Cannot drop the database, because you do not have permission."))
    said = failed(manifest, address)
    assert "Page (1:78)" in said
    assert "DROP DATABASE [upgrade_kit_drill_" in said


@pytest.mark.parametrize("path", ["D:\\data\\qatrack.mdf", "D:\\data\\other.mdf"])
def test_no_database_is_dropped_whose_files_are_not_the_copys(
    site: Site, address: DatabaseAddress, manifest: Path, path: str
) -> None:
    columns = (("logical_name", "nvarchar(128)"), ("physical_name", "nvarchar(260)"), ("kind", "nvarchar(60)"))
    site.fail("master_files WHERE", Rows(*columns, rows=[("qatrack", path, "ROWS")]))
    assert "was left alone" in failed(manifest, address)
    assert "DROP" not in site.kinds


def test_a_name_that_is_taken_is_left_alone(site: Site, address: DatabaseAddress, manifest: Path) -> None:
    site.fail("sys.databases WHERE", Rows(("name", "nvarchar(128)"), ("state", "nvarchar(60)"), rows=[("x", "ONLINE")]))
    assert "on the server already" in failed(manifest, address)
    assert not {"RESTORE DATABASE", "DROP"} & set(site.kinds)
