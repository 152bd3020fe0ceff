from __future__ import annotations

import gzip
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.backup import create as create_module
from upgrade_kit.backup import fixture, fixture_proof, fixture_writer, loaddata, sqlite, sqlite_files
from upgrade_kit.backup import names as names_module
from upgrade_kit.backup import uploads as uploads_module
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment import manifests
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.errors import BackupError, DatabaseError, UpgradeKitError, UsageError
from upgrade_kit.planning.graph import VersionGraph

Content = Callable[[Path], dict[str, list[tuple[object, ...]]]]

MOMENT = datetime(2026, 11, 23, 16, 15, tzinfo=UTC)


def address(file: Path, *, timeout: str = "0.2") -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(file), options=(("timeout", timeout),))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_copy_holds_what_the_database_holds(database: Path, tmp_path: Path, content: Content) -> None:
    backup = create_backup(address(database), to_dir=tmp_path / "to")
    assert content(backup.made.file) == content(database)


def test_backup_and_manifest_are_the_only_files(database: Path, tmp_path: Path) -> None:
    create_backup(address(database), to_dir=tmp_path / "to", site_version="0.2.9.1", now=MOMENT)
    assert names(tmp_path / "to") == [
        "db-0.2.9.1-20261123T161500Z.manifest.json",
        "db-0.2.9.1-20261123T161500Z.sqlite3",
    ]


def test_the_database_is_left_byte_for_byte(database: Path, tmp_path: Path) -> None:
    before = database.read_bytes()
    create_backup(address(database), to_dir=tmp_path / "to")
    assert database.read_bytes() == before


def test_the_manifest_counts_rows_by_table(database: Path, tmp_path: Path) -> None:
    backup = create_backup(address(database), to_dir=tmp_path / "to")
    document = json.loads(backup.made.manifest.read_text(encoding="utf-8"))
    assert document["rows"] == {"django_migrations": 1, "padding": 0, "qa_test": 3}


def test_a_new_backup_verifies(database: Path, tmp_path: Path) -> None:
    backup = create_backup(address(database), to_dir=tmp_path / "to")
    assert verify_backup(backup.made.manifest).made == backup.made


def test_two_backups_of_one_second_both_stay(database: Path, tmp_path: Path) -> None:
    first = create_backup(address(database), to_dir=tmp_path / "to", now=MOMENT)
    second = create_backup(address(database), to_dir=tmp_path / "to", now=MOMENT)
    assert first.made.file != second.made.file
    assert len(names(tmp_path / "to")) == 4


@pytest.mark.skipif(os.name == "nt", reason="files have no such rights on Windows")
def test_only_the_owner_may_read_backup_and_manifest(database: Path, tmp_path: Path) -> None:
    database.chmod(0o666)
    made = create_backup(address(database), to_dir=tmp_path / "to").made
    assert [stat.S_IMODE(path.stat().st_mode) for path in (made.file, made.manifest)] == [0o600, 0o600]


def test_a_write_ahead_log_is_part_of_the_copy(
    tmp_path: Path, make_database: Callable[..., Path], content: Content
) -> None:
    source = make_database(tmp_path / "wal.sqlite3", journal="wal")
    with closing(sqlite3.connect(source, isolation_level=None)) as site:
        site.execute("INSERT INTO qa_test VALUES (99, 'still in the log')")
        assert Path(f"{source}-wal").stat().st_size > 0
        backup = create_backup(address(source), to_dir=tmp_path / "to")
        assert content(backup.made.file)["qa_test"][-1] == (99, b"still in the log")
    assert len(names(tmp_path / "to")) == 2


def test_progress_ends_at_the_whole(large: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    create_backup(address(large), to_dir=tmp_path / "to", progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 1
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_write_during_the_copy_is_wholly_in_it_or_not_at_all(
    tmp_path: Path, make_database: Callable[..., Path], content: Content, journal: str
) -> None:
    source = make_database(tmp_path / "busy.sqlite3", padding=7000, journal=journal)
    written: list[int] = []

    def write_once(done: int, total: int | None) -> None:
        if not written:
            with closing(sqlite3.connect(source, timeout=5)) as site, site:
                site.execute("INSERT INTO padding VALUES (-1, 'first')")
                site.execute("INSERT INTO qa_test VALUES (77, 'second')")
            written.append(done)

    backup = create_backup(address(source), to_dir=tmp_path / "to", progress=write_once)
    copied = content(backup.made.file)
    assert written
    assert (-1, b"first") in copied["padding"]
    assert (77, b"second") in copied["qa_test"]
    assert any("written to while" in sentence for sentence in backup.proof)
    assert dict(backup.made.content.rows)["qa_test"] == 4


def test_a_source_that_never_rests_is_copied_all_the_same(large: Path, tmp_path: Path, content: Content) -> None:
    written: list[int] = []

    def write_always(done: int, total: int | None) -> None:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(large, timeout=0)) as site, site:
            site.execute("INSERT INTO qa_test (calculation_procedure) VALUES ('x')")
            written.append(done)

    backup = create_backup(address(large), to_dir=tmp_path / "to", progress=write_always)
    assert len(written) > 3
    assert len(content(backup.made.file)["qa_test"]) == dict(backup.made.content.rows)["qa_test"]


def test_nothing_is_said_of_writers_where_there_were_none(database: Path, tmp_path: Path) -> None:
    backup = create_backup(address(database), to_dir=tmp_path / "to")
    assert not any("written to while" in sentence for sentence in backup.proof)


# --- refusals: nothing may be left behind ------------------------------------------------------------


def _made_and_dropped(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t (a); DROP TABLE t")


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        pytest.param(lambda _: None, "no such file", id="no file"),
        pytest.param(lambda path: path.mkdir(), "folder", id="a folder"),
        pytest.param(lambda path: path.write_bytes(b""), "no tables", id="no bytes"),
        pytest.param(
            lambda path: path.write_bytes(b"not a database" * 100),
            "not a database",
            id="another kind of file",
        ),
        pytest.param(
            _made_and_dropped,
            "no tables",
            id="no tables",
        ),
    ],
)
def test_what_is_no_site_database_is_refused(tmp_path: Path, prepare: Callable[[Path], object], expected: str) -> None:
    prepare(tmp_path / "source")
    with pytest.raises(UpgradeKitError, match=expected):
        create_backup(address(tmp_path / "source"), to_dir=tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_damaged_database_gives_no_backup(large: Path, tmp_path: Path) -> None:
    with large.open("r+b") as file:
        file.seek(4096 * 200)
        file.write(b"\xff" * 4096 * 50)
    with pytest.raises(UpgradeKitError, match=r"damaged|malformed|integrity"):
        create_backup(address(large), to_dir=tmp_path / "to")
    assert names(tmp_path / "to") == []


def test_a_locked_database_is_told(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as site:
        site.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseError, match="locked"):
            create_backup(address(database), to_dir=tmp_path / "to")


def test_a_database_that_gets_locked_half_way_is_told(large: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(large, isolation_level=None, check_same_thread=False)) as site:

        def lock(done: int, total: int | None) -> None:
            if not site.in_transaction:
                site.execute("BEGIN EXCLUSIVE")

        with pytest.raises(BackupError, match="locked by another program"):
            create_backup(address(large), to_dir=tmp_path / "to", progress=lock, lock_seconds=0.2)
    assert names(tmp_path / "to") == []


def test_the_json_method_makes_a_dump(database: Path, tmp_path: Path) -> None:
    made = create_backup(address(database), to_dir=tmp_path / "to", method="json").made
    assert (made.method, made.format, made.file.suffix) == ("json", "django-json", ".json")
    models = [item["model"] for item in json.loads(made.file.read_bytes())]
    assert models == ["qa.test", "qa.test", "qa.test", "migrations.migration"]


def test_a_compressed_dump_ends_as_loaddata_knows_it(database: Path, tmp_path: Path) -> None:
    made = create_backup(address(database), to_dir=tmp_path / "to", compress=True).made
    assert (made.method, made.file.name[-8:]) == ("json", ".json.gz")
    assert len(json.loads(gzip.decompress(made.file.read_bytes()))) == 4


def test_a_native_backup_is_not_compressed(database: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only a JSON dump"):
        create_backup(address(database), to_dir=tmp_path / "to", method="native", compress=True)


def test_an_unknown_method_is_a_usage_error(database: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tape"):
        create_backup(address(database), to_dir=tmp_path / "to", method="tape")


# --- the folder --------------------------------------------------------------------------------------


def test_a_file_in_the_folders_place_is_refused_and_kept(database: Path, tmp_path: Path) -> None:
    (tmp_path / "to").write_text("mine", encoding="utf-8")
    with pytest.raises(BackupError, match="no folder"):
        create_backup(address(database), to_dir=tmp_path / "to")
    assert (tmp_path / "to").read_text(encoding="utf-8") == "mine"


def test_a_read_only_folder_is_refused(database: Path, read_only: Path) -> None:
    with pytest.raises(BackupError) as caught:
        create_backup(address(database), to_dir=read_only)
    assert str(read_only) in caught.value.message


def test_a_folder_inside_a_read_only_folder_is_refused(database: Path, read_only: Path) -> None:
    with pytest.raises(BackupError, match="no folder that a backup can be written to"):
        create_backup(address(database), to_dir=read_only / "deeper")


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_a_folder_is_followed(database: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    create_backup(address(database), to_dir=tmp_path / "link")
    assert len(names(tmp_path / "real")) == 2


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_to_nowhere_is_refused(database: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BackupError, match="no folder"):
        create_backup(address(database), to_dir=tmp_path / "link")
    assert not (tmp_path / "nowhere").exists()


def test_a_disk_without_room_is_refused_before_a_byte_is_written(large: Path, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(10_000_000))
    with pytest.raises(BackupError, match="bytes free, but the backup needs"):
        create_backup(address(large), to_dir=small_disk / "to")
    assert names(small_disk / "to") == []


def test_a_disk_that_fills_up_half_way_leaves_nothing(large: Path, small_disk: Path) -> None:
    def fill(done: int, total: int | None) -> None:
        with suppress(OSError), (small_disk / "filler").open("ab") as file:
            file.write(bytes(12_000_000))

    with pytest.raises(BackupError, match="no room left"):
        create_backup(address(large), to_dir=small_disk / "to", progress=fill)
    assert names(small_disk / "to") == []


# --- stopped in the middle ---------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from pathlib import Path
from upgrade_kit.backup.create import create_backup

def stop(done, total):
    if done:
        {what}

create_backup("sqlite:///" + sys.argv[1], to_dir=Path(sys.argv[2]), progress=stop)
"""


def _child(what: str, source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(CHILD).format(what=what)
    command = [sys.executable, "-c", code, str(source), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_killed_half_way_there_is_no_backup_and_no_manifest(large: Path, tmp_path: Path) -> None:
    done = _child("os.kill(os.getpid(), signal.SIGKILL)", large, tmp_path / "to")
    assert done.returncode == -signal.SIGKILL
    assert len(names(tmp_path / "to")) == 1
    assert names(tmp_path / "to")[0].endswith(".partial")


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_after_a_kill_the_next_backup_works(large: Path, tmp_path: Path) -> None:
    _child("os.kill(os.getpid(), signal.SIGKILL)", large, tmp_path / "to")
    backup = create_backup(address(large), to_dir=tmp_path / "to")
    assert verify_backup(backup.made.manifest).made == backup.made


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit on Windows")
def test_a_write_that_the_system_refuses_leaves_nothing(large: Path, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))"
    done = _child(limit, large, tmp_path / "to")
    assert "BackupError" in done.stderr
    assert names(tmp_path / "to") == []


def test_an_interrupt_leaves_nothing(large: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_backup(address(large), to_dir=tmp_path / "to", progress=interrupt)
    assert names(tmp_path / "to") == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_a_whole_backup_or_nothing(database: Path, tmp_path: Path) -> None:
    modules = (create_module, manifests, names_module, sqlite, sqlite_files, uploads_module)
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "a.txt").write_text("a", encoding="utf-8")

    def back_up(folder: Path) -> None:
        create_backup(address(database), to_dir=folder, uploads=uploads)

    left: dict[str, list[str]] = {}
    for line, folder, _ in interrupted_runs(modules, tmp_path, names, back_up, at_least=200):
        found = names(folder)
        if len(found) == 3:
            verify_backup(next(folder.glob("*.manifest.json")))
        elif found:
            left[line] = found
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.parametrize(
    ("how", "modules"),
    [
        pytest.param({"compress": True}, (fixture, fixture_writer), id="gzip"),
        pytest.param({"loaddata": True}, (loaddata,), id="loaddata"),
        pytest.param({"method": "json", "drill": True}, (fixture_proof,), id="with a drill"),
    ],
)
def test_an_interrupt_before_any_line_leaves_a_whole_dump_or_nothing(
    database: Path, tmp_path: Path, how: dict[str, Any], modules: tuple[ModuleType, ...]
) -> None:
    if "loaddata" in how:
        database.unlink()
        build_sample_database(database, VersionGraph.load().resolve("0.2.9.1"))
    place = tmp_path / "interrupted"
    place.mkdir()

    def dump(folder: Path) -> None:
        create_backup(address(database), to_dir=folder, **how)

    left: dict[str, list[str]] = {}
    waiting = threading.active_count()
    for line, folder, _ in interrupted_runs(modules, place, names, dump, at_least=40):
        if found := names(folder):
            left[line] = found
    assert not left
    assert threading.active_count() - waiting <= 4  # the lines that end the thread of a compressor


# --- the real application's databases ----------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("0.2.8", "0.2.8"),
        ("0.2.9.1", "0.2.9.1"),
        ("0.3.0", "0.3.0"),
        ("0.3.0-clean", "0.3.0"),
        ("0.3.0.20", "0.3.0"),
    ],
)
def test_a_real_database_is_backed_up_table_by_table(
    real: Path, tmp_path: Path, content: Content, name: str, version: str
) -> None:
    source = tmp_path / f"{name}.sqlite3"
    source.write_bytes((real / f"{name}.sqlite3").read_bytes())
    backup = create_backup(address(source), to_dir=tmp_path / "to")
    assert content(backup.made.file) == content(source)
    assert backup.made.site_version == version
