"""Native backups of SQL Server, over TDS, with both ODBC drivers.

What the server does and says is written down, with its sources, in ``sqlserver_site``.
"""

from __future__ import annotations

import _thread
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.backup.sqlserver_site import Site, change, sqlserver_site
from tests.backup.tsql_syntax import parse
from tests.sqlserver.script import Break, Failure, Hang, Info, Part, Request, Rows, Wait
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.manifests import read_manifest
from upgrade_kit.errors import BackupError, DatabaseError, UsageError
from upgrade_kit.model.backup import Backup, UnverifiedBackup

DONE = "BACKUP DATABASE successfully processed 362 pages in 0.110 seconds (25.7 MB/sec)."
ABNORMALLY = Failure(3013, "BACKUP DATABASE is terminating abnormally.")
FULL = 'Write on "D:\\b\\x.bak" failed: 112(There is not enough space on the disk.)'
Create = Callable[..., Backup]


@pytest.fixture
def site() -> Iterator[Site]:
    with sqlserver_site() as running:
        yield running


@pytest.fixture
def address(site: Site, any_odbc_driver: str) -> DatabaseAddress:
    """The site's database, by whichever driver is there."""
    return site.address(any_odbc_driver)


@pytest.fixture
def create(address: DatabaseAddress, tmp_path: Path) -> Create:
    """Return a function that makes a native backup of the site's database."""
    return partial(create_backup, address, to_dir=tmp_path, method="native")


@pytest.fixture
def create_by_each(site: Site, odbc_driver: str, tmp_path: Path) -> Create:
    """Return the same for each driver, where what the driver makes of the server's words matters."""
    return partial(create_backup, site.address(odbc_driver), to_dir=tmp_path, method="native")


def refused(create: Create, folder: Path, **options: object) -> str:
    """Return what a backup that must fail says; it leaves neither manifest nor anything else here."""
    with pytest.raises((BackupError, DatabaseError, UsageError)) as caught:
        create(**options)
    assert list(folder.iterdir()) == []
    return str(caught.value)


def backups_sent(site: Site) -> list[str]:
    return [sql for sql in site.sent if sql.startswith("BACKUP")]


# --- As it should be ------------------------------------------------------------------------------


def test_a_backup_is_written_read_back_and_verified_by_the_server(site: Site, create_by_each: Create) -> None:
    backup = create_by_each()
    ((path, found),) = site.backups.items()
    assert backup.made.server_file == path
    assert path.startswith("C:\\Program Files\\MSSQL14\\MSSQL\\Backup\\qatrack-")
    assert (found.database, found.compressed) == ("qatrack", True)
    assert backup.made.size_bytes == 700000
    assert backup.made.content.rows == (("auth_user", 1), ("django_migrations", 2), ("qa_test", 3))
    look, back_up, *after = site.kinds[1:]
    assert (look, back_up) == ("RESTORE HEADERONLY", "BACKUP")
    assert set(after) == {"RESTORE HEADERONLY", "RESTORE FILELISTONLY", "RESTORE VERIFYONLY"}
    assert after[-1] == "RESTORE VERIFYONLY"


def test_the_manifest_tells_where_on_the_server_it_is(site: Site, create_by_each: Create, tmp_path: Path) -> None:
    backup = create_by_each()
    (manifest,) = tmp_path.iterdir()
    again = read_manifest(manifest)
    assert isinstance(again, Backup)
    assert again.made.server_file == backup.made.server_file == next(iter(site.backups))
    assert (again.made.on_server, again.made.sha256, again.made.format) == (True, "", "mssql")
    proof = " ".join(again.proof)
    for word in ("VERIFYONLY WITH CHECKSUM", "HEADERONLY", "FILELISTONLY", "msdb agrees", "SHA-256 is not known", DONE):
        assert word in proof
    assert "pw" not in manifest.read_text(encoding="utf-8")


def test_two_backups_in_the_same_second_get_two_files(site: Site, create: Create) -> None:
    assert create().made.server_file != create().made.server_file
    assert len(site.backups) == 2


def test_no_statement_runs_in_a_transaction_but_queries(site: Site, create_by_each: Create) -> None:
    create_by_each()
    assert not [one.sql for one in site.server.runs if one.in_transaction and not one.sql.startswith("SELECT")]


def test_progress_is_told_while_the_server_works(site: Site, create_by_each: Create) -> None:
    """BACKUP, STATS: "Displays a message each time another percentage completes" (message 3211)."""
    told: list[tuple[int, int | None]] = []
    create_by_each(progress=lambda done, total: told.append((done, total)))
    assert told[:3] == [(5, 100), (50, 100), (100, 100)]


def test_messages_that_come_in_one_piece_are_heard_too(site: Site, create_by_each: Create) -> None:
    def backup(request: Request) -> Iterator[Part]:
        for part in site.backup(request):
            yield Info(part.number, part.text, ends=False) if isinstance(part, Info) else part

    site.answer("^BACKUP", backup)
    assert DONE in " ".join(create_by_each().proof)


def test_a_folder_of_the_server_may_be_named(site: Site, create: Create) -> None:
    assert create(server_folder="/var/opt/mssql/backups").made.server_file.startswith("/var/opt/mssql/backups/qatrack-")
    assert create(server_folder="\\\\nas\\sql").made.server_file.startswith("\\\\nas\\sql\\qatrack-")


def test_the_folder_of_newer_servers_is_their_own_word(site: Site, create: Create) -> None:
    """SERVERPROPERTY, InstanceDefaultBackupPath: since SQL Server 2019."""
    site.properties["backup_folder"] = "/var/opt/mssql/data"
    assert create().made.server_file.startswith("/var/opt/mssql/data/qatrack-")
    assert not [sql for sql in site.sent if "regread" in sql]


def test_express_is_not_asked_to_compress(site: Site, create: Create) -> None:
    site.properties["engine_edition"] = 4
    create()
    (sent,) = backups_sent(site)
    assert "NO_COMPRESSION" in parse(sent)[1]


def test_where_compression_is_not_to_be_had_the_backup_is_made_without(site: Site, create_by_each: Create) -> None:
    """Error 1844: "%ls is not supported on %ls."; Web Edition has the engine edition of Standard."""
    words = "BACKUP DATABASE WITH COMPRESSION is not supported on Web Edition (64-bit)."
    site.fail("^BACKUP.* COMPRESSION,", Failure(1844, words), ABNORMALLY)
    backup = create_by_each()
    assert [("COMPRESSION" in parse(sql)[1]) for sql in backups_sent(site)] == [True, False]
    assert backup.made.size_bytes == 3000000
    assert "does not compress backups" in " ".join(backup.proof)


def test_a_server_whose_records_may_not_be_read_is_told(site: Site, create_by_each: Create) -> None:
    words = "The SELECT permission was denied on the object 'backupset', database 'msdb', schema 'dbo'."
    site.fail("backupset", Failure(229, words, severity=14))
    assert f"could not be read: {words}" in " ".join(create_by_each().proof)


def test_a_server_without_a_record_is_told(site: Site, create: Create) -> None:
    columns = (("database_name", "nvarchar(128)"), ("has_backup_checksums", "bit"), ("is_damaged", "bit"))
    site.fail("backupset", Rows(*columns, rows=[]))
    assert "no record of it in msdb" in " ".join(create().proof)


def test_remarks_of_the_verification_are_told(site: Site, create_by_each: Create) -> None:
    remark = "Attempting to restore this backup may encounter storage space problems."
    site.fail("VERIFYONLY", Info(3258, remark), Info(3262, "The backup set on file 1 is valid."))
    assert f"{remark} (3258)" in " ".join(create_by_each().proof)


# --- Refused before anything is written -----------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        pytest.param((0, 1, 1), "may not BACKUP DATABASE qatrack", id="no right to back up"),
        pytest.param(
            (1, 0, 0), "RESTORE VERIFYONLY the server asks for the right CREATE DATABASE", id="none to verify"
        ),
    ],
)
def test_a_login_without_the_rights(
    site: Site, create: Create, tmp_path: Path, rights: tuple[int, int, int], words: str
) -> None:
    """HAS_PERMS_BY_NAME; RESTORE VERIFYONLY, Permissions: "requires CREATE DATABASE permission"."""
    site.rights = rights
    assert words in refused(create, tmp_path)
    assert site.kinds == []


def test_one_of_the_two_rights_to_create_is_enough(site: Site, create: Create) -> None:
    site.rights = (1, 0, 1)
    assert create().made.on_server


@pytest.mark.parametrize(("edition", "words"), [(5, "has no BACKUP"), (8, "to a URL only")])
def test_azure_has_no_backup_to_a_disk(site: Site, create: Create, tmp_path: Path, edition: int, words: str) -> None:
    """SERVERPROPERTY, EngineEdition: 5 is SQL Database, 8 Managed Instance."""
    site.properties["engine_edition"] = edition
    said = refused(create, tmp_path)
    assert words in said
    assert "--method json" in said


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(
            Failure(102, "syntax error near 'HEADERONLY' at line 1 and character position 8"), id="a syntax error"
        ),
        pytest.param(Failure(33557097, "'RESTORE' is not currently supported in Babelfish"), id="Babelfish"),
        pytest.param(Failure(40510, "Statement 'RESTORE' is not supported in this version of SQL Server."), id="Azure"),
    ],
)
def test_a_server_that_does_not_know_the_statements(
    site: Site, create_by_each: Create, tmp_path: Path, failure: Failure
) -> None:
    site.fail("^RESTORE", failure)
    said = refused(create_by_each, tmp_path)
    assert "does not know the statement" in said
    assert failure.text in said
    assert backups_sent(site) == []


@pytest.mark.parametrize(
    ("system", "words"),
    [
        pytest.param("3(The system cannot find the path specified.)", "no such folder on the server", id="no folder"),
        pytest.param("5(Access is denied.)", "The account of the SQL Server service", id="no rights"),
        pytest.param("53(The network path was not found.)", "cannot reach that network path", id="no share"),
        pytest.param("5(Acc\u00e8s refus\u00e9.)", "The account of the SQL Server service", id="in French"),
    ],
)
def test_a_folder_that_the_server_cannot_open(
    site: Site, create_by_each: Create, tmp_path: Path, system: str, words: str
) -> None:
    site.fail("HEADERONLY", Failure(3201, f"Cannot open backup device 'D:\\b 2(\\x'. Operating system error {system}."))
    said = refused(create_by_each, tmp_path)
    assert words in said
    assert system in said
    assert "--server-dir" in said or "share" in said
    assert backups_sent(site) == []


def test_a_server_that_does_not_say_where_backups_go(site: Site, create: Create, tmp_path: Path) -> None:
    site.fail("regread", Failure(229, "The EXECUTE permission was denied on the object 'xp_instance_regread'."))
    assert "--server-dir" in refused(create, tmp_path)


def test_a_folder_without_a_root_is_refused(create: Create, tmp_path: Path) -> None:
    assert "not an absolute path on the server" in refused(create, tmp_path, server_folder="backups")


@pytest.mark.parametrize("mount", ["C:\\", "C:\\Program Files\\"])
def test_a_full_volume_of_the_server_is_seen_before(site: Site, create: Create, tmp_path: Path, mount: str) -> None:
    """sys.dm_os_volume_stats: volume_mount_point, available_bytes."""
    rows = [(mount, 5_000_000), ("D:\\", 10**12)]
    site.fail("volume_stats", Rows(("mount_point", "nvarchar(512)"), ("free_bytes", "bigint"), rows=rows))
    assert "has 5000000 bytes free, the backup may need 19777216" in refused(create, tmp_path)


def test_the_room_of_a_drive_is_seen_without_more_rights(site: Site, create: Create, tmp_path: Path) -> None:
    site.fail("fixeddrives", Rows(("drive", "char(1)"), ("MB free", "int"), rows=[("C", 1)]))
    assert "has 1048576 bytes free" in refused(create, tmp_path)


def test_room_that_the_server_does_not_tell_of_is_no_obstacle(site: Site, create: Create) -> None:
    site.fail("fixeddrives|volume_stats|database_files", Failure(229, "denied", severity=14))
    assert create().made.on_server


def test_a_file_that_is_there_is_not_overwritten(site: Site, create: Create, tmp_path: Path) -> None:
    site.fail("HEADERONLY.*qatrack", Rows(("BackupName", "nvarchar(128)"), rows=[("another",)]))
    assert "exists on the server already" in refused(create, tmp_path)
    assert backups_sent(site) == []


# --- BACKUP fails ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        pytest.param(
            (Failure(3202, FULL), ABNORMALLY), ("disk is full", FULL, "(3202)"), id="disk full after 60 percent"
        ),
        pytest.param(
            (Failure(3043, "BACKUP 'qatrack' detected an error on page (1:9) in file 'q.mdf'."), ABNORMALLY),
            ("a page of the database fails its checksum", "DBCC CHECKDB"),
            id="a damaged page",
        ),
        pytest.param(
            (
                Failure(3271, 'A nonrecoverable I/O error occurred on file "D:\\b\\x.bak:" 1117(I/O device error).'),
                ABNORMALLY,
            ),
            ("an error of its disk", "1117"),
            id="an error of the disk",
        ),
        pytest.param((Break(),), ("connection was lost",), id="the connection breaks"),
        pytest.param((Break(partly=False),), ("connection was lost",), id="the connection breaks between two messages"),
        pytest.param(
            (
                Failure(596, "Cannot continue the execution because the session is in the kill state.", severity=21),
                Break(),
            ),
            ("failed: the ", "Check that the server still runs"),
            id="somebody kills the session",
        ),
        pytest.param((Wait(0.05),), ("without saying that it succeeded", "60 percent"), id="it ends without 3014"),
    ],
)
@pytest.mark.parametrize("ends", [True, False], ids=["messages one by one", "messages in one piece"])
def test_a_backup_that_fails_leaves_no_manifest(
    site: Site, create_by_each: Create, tmp_path: Path, parts: tuple[Part, ...], words: tuple[str, ...], ends: bool
) -> None:
    site.fail("^BACKUP", Info(3211, "60 percent processed.", ends=ends), *parts)
    said = refused(create_by_each, tmp_path)
    for word in words:
        assert word in said
    assert "There is no manifest, and nothing of it is left on the server." in said
    assert "terminating abnormally" not in said


def test_the_right_to_back_up_may_be_refused_at_the_last_moment(
    site: Site, create_by_each: Create, tmp_path: Path
) -> None:
    words = "BACKUP DATABASE permission denied in database 'qatrack'."
    site.fail("^BACKUP", Failure(262, words, severity=14), ABNORMALLY)
    said = refused(create_by_each, tmp_path)
    # FreeTDS puts the gravest error first, and pyodbc passes on that alone.
    assert (words in said and "db_backupoperator" in said) or "did not pass on the cause" in said


def test_half_a_backup_is_told_with_its_path(site: Site, create: Create, tmp_path: Path) -> None:
    site.fail("HEADERONLY.*qatrack", Failure(3241, "The media family on device 'x' is incorrectly formed."))
    site.fail("HEADERONLY.*qatrack", Failure(3201, "Cannot open. Operating system error 2(no file).", state=2), times=1)
    site.fail("^BACKUP", Failure(3202, FULL), ABNORMALLY)
    said = refused(create, tmp_path)
    path = parse(backups_sent(site)[0])[1]["disk"][0][0]
    assert f"a part of it is left on the server: delete {path} there" in said


def test_a_server_that_is_gone_cannot_be_asked_what_is_left(site: Site, create: Create, tmp_path: Path) -> None:
    def stop(_: Request) -> list[Part]:
        site.server._listener.shutdown(socket.SHUT_RDWR)
        return [Break()]

    site.answer("^BACKUP", stop)
    assert "could not be asked: look for C:\\" in refused(create, tmp_path)


def test_ctrl_c_cancels_the_backup_on_the_server(site: Site, create_by_each: Create, tmp_path: Path) -> None:
    def hang(_: Request) -> list[Part]:
        threading.Timer(0.3, _thread.interrupt_main).start()
        return [Info(3211, "5 percent processed."), Hang()]

    site.answer("^BACKUP", hang)
    with pytest.raises(KeyboardInterrupt, match="nothing of it is left on the server"):
        create_by_each()
    assert list(tmp_path.iterdir()) == []


# --- What came out is not what was asked for ------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        pytest.param("IsDamaged", True, "the database was damaged when it was made", id="of a damaged database"),
        pytest.param("HasBackupChecksums", False, "it has no checksums", id="no checksums"),
        pytest.param("IsCopyOnly", False, "not a copy-only backup", id="not copy-only"),
        pytest.param("DatabaseName", "other", "of the database 'other'", id="of another database"),
        pytest.param("BackupName", "nightly", "it is the set 'nightly'", id="another set"),
        pytest.param("BackupType", 5, "not a backup of the whole database", id="differential"),
    ],
)
def test_a_header_that_tells_of_something_else(
    site: Site, create: Create, tmp_path: Path, column: str, value: object, words: str
) -> None:
    _change_header(site, {column: value})
    assert words in refused(create, tmp_path)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_set_that_was_finished_at_another_time(site: Site, create: Create, tmp_path: Path, hours: int) -> None:
    _change_header(site, {"BackupFinishDate": site.clock + timedelta(hours=hours)})
    assert "it is another" in refused(create, tmp_path)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure(3189, "Damage to the backup set was detected."), "the backup is damaged"),
        (
            Failure(3183, 'RESTORE detected an error on page (1:81) in database "q" as read from the backup set.'),
            "page",
        ),
        (Failure(3241, "The media family on device 'x' is incorrectly formed."), "no backup, damaged"),
    ],
)
def test_a_backup_that_the_server_cannot_verify_is_not_proved(
    site: Site, create_by_each: Create, tmp_path: Path, failure: Failure, words: str
) -> None:
    site.fail(
        "VERIFYONLY", Info(3211, "50 percent processed."), failure, Failure(3013, "VERIFY DATABASE is terminating.")
    )
    said = refused(create_by_each, tmp_path)
    assert words in said
    assert failure.text in said
    assert "Do not rely on this backup" in said


def test_a_verification_without_its_last_word_is_none(site: Site, create: Create, tmp_path: Path) -> None:
    site.fail("VERIFYONLY", Info(3211, "100 percent processed."))
    assert "without saying that the backup is valid" in refused(create, tmp_path)


def test_a_record_of_another_backup_is_no_proof(site: Site, create: Create, tmp_path: Path) -> None:
    columns = (("database_name", "nvarchar(128)"), ("has_backup_checksums", "bit"), ("is_damaged", "bit"))
    site.fail("backupset", Rows(*columns, rows=[("qatrack", True, True)]))
    assert "tells of another backup" in refused(create, tmp_path)


def test_a_database_that_is_written_to_meanwhile(site: Site, create: Create, tmp_path: Path) -> None:
    def backup(request: Request) -> Iterator[Part]:
        yield from site.backup(request)
        change(site.databases["qatrack"].tables, "INSERT INTO auth_user VALUES (2, 'late')")

    site.answer("^BACKUP", backup)
    said = refused(create, tmp_path)
    assert "was written to while the backup was made" in said
    assert "auth_user (1 -> 2)" in said
    assert next(iter(site.backups)) in said


def test_a_connection_that_breaks_after_the_backup_is_told_with_where_it_is(
    site: Site, create: Create, tmp_path: Path
) -> None:
    def backup(request: Request) -> Iterator[Part]:
        yield from site.backup(request)
        site.fail("GETDATE", Break())

    site.answer("^BACKUP", backup)
    said = refused(create, tmp_path)
    assert "connection was lost" in said
    assert f"it is left on the server as {next(iter(site.backups))}" in said


# --- Verified again -------------------------------------------------------------------------------


def test_an_old_backup_is_verified_by_the_server(site: Site, create: Create, address: DatabaseAddress) -> None:
    manifest = create().made.manifest
    site.sent.clear()
    again = verify_backup(manifest, database=address)
    assert site.kinds == ["RESTORE HEADERONLY", "RESTORE FILELISTONLY", "RESTORE VERIFYONLY"]
    assert "every checksum right" in again.proof[0]


def test_a_backup_that_is_gone_loses_its_note(site: Site, create: Create, address: DatabaseAddress) -> None:
    manifest = create().made.manifest
    site.backups.clear()
    with pytest.raises(BackupError, match="there is no such file on the server"):
        verify_backup(manifest, database=address)
    assert isinstance(read_manifest(manifest), UnverifiedBackup)


def test_a_backup_of_another_size_loses_its_note(site: Site, create: Create, address: DatabaseAddress) -> None:
    manifest = create().made.manifest
    next(iter(site.backups.values())).header["CompressedBackupSize"] = 699999
    with pytest.raises(BackupError, match="it has 699999 bytes instead of 700000"):
        verify_backup(manifest, database=address)
    assert isinstance(read_manifest(manifest), UnverifiedBackup)


def test_a_login_that_lost_its_right_says_nothing_of_the_backup(
    site: Site, create: Create, address: DatabaseAddress
) -> None:
    manifest = create().made.manifest
    site.fail("HEADERONLY", Failure(262, "CREATE DATABASE permission denied in database 'master'.", severity=14))
    with pytest.raises(DatabaseError, match="CREATE DATABASE permission denied"):
        verify_backup(manifest, database=address)
    assert isinstance(read_manifest(manifest), Backup)


def test_a_server_that_cannot_be_reached_says_nothing_of_the_backup(
    site: Site, create: Create, address: DatabaseAddress
) -> None:
    manifest = create().made.manifest
    site.server.close()
    with pytest.raises(DatabaseError):
        verify_backup(manifest, database=address)
    assert isinstance(read_manifest(manifest), Backup)


def _change_header(site: Site, values: dict[str, object]) -> None:
    def backup(request: Request) -> Iterator[Part]:
        for part in site.backup(request):
            next(iter(site.backups.values())).header |= values
            yield part

    site.answer("^BACKUP", backup)
