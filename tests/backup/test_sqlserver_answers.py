"""SQL Server's answers as values, and paths of the server."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from upgrade_kit.backup import sqlserver_answers as answers
from upgrade_kit.backup.sqlserver_answers import DatabaseFile, folder_of, moves, name_of, server_path
from upgrade_kit.errors import BackupError, UsageError

FINISHED = datetime(2026, 3, 1, 9, 30, 19)  # noqa: DTZ001 - SQL Server's datetime has no zone
# RESTORE Statements - HEADERONLY (Transact-SQL), Result Sets
HEADER = {
    "backupname": "one", "backuptype": 1, "databasename": "qatrack", "backupsize": Decimal(3000000),
    "backupfinishdate": FINISHED, "hasbackupchecksums": True, "isdamaged": False, "iscopyonly": True,
    "backupsetguid": "3f1c2b7e-0000-4000-8000-00000000000a", "compressedbackupsize": 700000, "unknowncolumn": b"\0",
}  # fmt: skip


def test_a_header_is_read() -> None:
    found = answers.only_set([HEADER], "x.bak")
    assert (found.size_bytes, found.finished, found.guid) == (700000, FINISHED, "3F1C2B7E-0000-4000-8000-00000000000A")
    assert found.objections(database="QATrack", set_name="one") == ()


def test_a_header_of_2008_without_the_compressed_size_is_read() -> None:
    header = {key: value for key, value in HEADER.items() if key != "compressedbackupsize"}
    assert answers.only_set([header], "x.bak").size_bytes == 3000000


def test_a_header_that_lacks_what_proves_is_no_proof() -> None:
    lacking = ("hasbackupchecksums", "isdamaged", "iscopyonly")
    header = {key: value for key, value in HEADER.items() if key not in lacking}
    assert len(answers.only_set([header], "x.bak").objections(database="qatrack", set_name="one")) == 3


@pytest.mark.parametrize("rows", [[], [HEADER, HEADER]])
def test_a_file_must_hold_one_set(rows: list[dict[str, object]]) -> None:
    with pytest.raises(BackupError, match=f"holds {len(rows)} backup sets"):
        answers.only_set(rows, "x.bak")


def test_a_set_without_an_end_is_refused() -> None:
    with pytest.raises(BackupError, match="when the backup in it was finished"):
        answers.only_set([HEADER | {"backupfinishdate": None}], "x.bak")


def file_row(name: str, kind: str, *, present: object = True) -> dict[str, object]:
    return {"logicalname": name, "physicalname": f"D:\\{name}", "type": kind, "size": Decimal(10), "ispresent": present}


def test_the_files_in_a_backup_are_read_with_names_as_they_are() -> None:
    files = answers.files_in_backup([file_row(" q", "D"), file_row("l ", "L")], "x.bak")
    assert [(each.logical, each.kind, each.size_bytes) for each in files] == [(" q", "D", 10), ("l ", "L", 10)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([file_row("q", "D")], "both data and log"),
        ([], "both data and log"),
        (
            [file_row("q", "D"), file_row("r", "D", present=False), file_row("l", "L")],
            "lacks these files of the database: r",
        ),
    ],
)
def test_a_backup_that_is_not_whole_is_refused(rows: list[dict[str, object]], words: str) -> None:
    with pytest.raises(BackupError, match=words):
        answers.files_in_backup(rows, "x.bak")


def test_a_server_that_knows_nothing_is_read_as_such() -> None:
    found = answers.instance(dict.fromkeys(("product_version", "engine_edition", "backup_folder", "may_back_up")))
    assert (found.backup_folder, found.may_back_up, found.may_create, found.refusal) == ("", False, False, "")


def test_a_clock_that_says_nothing_is_an_error() -> None:
    with pytest.raises(BackupError, match="what time it is"):
        answers.clock({"local_time": FINISHED, "utc_time": "2026-03-01 14:30:19"})


# --- Paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("D:\\backups\\", "D:\\backups\\q.bak"),
        ("D:/backups", "D:\\backups\\q.bak"),
        ("\\\\nas\\share", "\\\\nas\\share\\q.bak"),
        ("/var/opt/mssql/data/", "/var/opt/mssql/data/q.bak"),
        ("/with\\backslash", "/with\\backslash/q.bak"),
    ],
)
def test_a_path_is_joined_the_servers_way(folder: str, path: str) -> None:
    assert server_path(folder, "q.bak") == path
    assert name_of(path) == "q.bak"
    assert server_path(folder_of(path)) == server_path(folder)


@pytest.mark.parametrize("folder", ["backups", ".\\x", "D:x", "", "~/x", "nas/share"])
def test_a_path_without_a_root_is_refused(folder: str) -> None:
    with pytest.raises(UsageError, match="not an absolute path on the server"):
        server_path(folder)


def test_every_file_gets_a_place_of_its_own() -> None:
    files = [
        DatabaseFile(logical=logical, path="x", kind=kind)
        for logical, kind in (("a", "D"), ("b", "D"), ("c", "L"), ("d", "S"))
    ]
    assert moves(files, "copy", data_folder="D:\\d", log_folder="/log") == (
        ("a", "D:\\d\\copy_1.mdf"),
        ("b", "D:\\d\\copy_2.ndf"),
        ("c", "/log/copy_3.ldf"),
        ("d", "D:\\d\\copy_4"),
    )


def test_files_that_are_there_are_used_first_each_for_its_kind() -> None:
    files = [DatabaseFile(logical=name, path="x", kind=kind) for name, kind in (("a", "D"), ("l", "L"), ("b", "D"))]
    own = [DatabaseFile(logical="?", path=f"F:\\{kind}", kind=kind) for kind in ("L", "D")]
    assert moves(files, "q", data_folder="D:\\d", log_folder="E:\\", own=own) == (
        ("a", "F:\\D"),
        ("l", "F:\\L"),
        ("b", "D:\\d\\q_3.ndf"),
    )
