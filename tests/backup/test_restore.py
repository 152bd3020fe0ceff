from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interrupts import interrupted_runs
from upgrade_kit.backup import restore, sqlite, sqlite_swap, standing
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.sqlite_swap import _swap
from upgrade_kit.backup.standing import told_where_it_stands
from upgrade_kit.deployment import whole_file
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.manifests import write_manifest
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup

Content = Callable[[Path], dict[str, list[tuple[object, ...]]]]


def address(file: Path) -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(file))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def backup(database: Path, tmp_path: Path) -> Backup:
    return create_backup(address(database), to_dir=tmp_path / "to")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target" / "site.sqlite3"


def test_a_new_file_gets_the_content(backup: Backup, database: Path, target: Path, content: Content) -> None:
    restore_backup(backup.made.manifest, database=address(target))
    assert content(target) == content(database)
    assert names(target.parent) == ["site.sqlite3"]


def test_an_empty_file_counts_as_free(backup: Backup, database: Path, target: Path, content: Content) -> None:
    target.touch()
    restore_backup(backup.made.manifest, database=address(target))
    assert content(target) == content(database)
    assert names(target.parent) == ["site.sqlite3"]


def test_the_proof_says_where_and_that_it_was_compared(backup: Backup, target: Path) -> None:
    proof = restore_backup(backup.made.manifest, database=address(target)).proof
    assert any(str(target) in sentence for sentence in proof)
    assert "restored database agree" in proof[-1]


def test_a_url_is_taken_as_well_as_an_address(backup: Backup, target: Path) -> None:
    restore_backup(backup.made.manifest, database=address(target).shown)
    assert target.exists()


@pytest.mark.skipif(os.name == "nt", reason="files have no such rights on Windows")
def test_a_new_file_is_for_its_owner_alone(backup: Backup, target: Path) -> None:
    restore_backup(backup.made.manifest, database=address(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


# --- refused -----------------------------------------------------------------------------------------


def test_data_is_never_overwritten_unasked(backup: Backup, target: Path, make_database: Callable[..., Path]) -> None:
    before = make_database(target, tests=9).read_bytes()
    with pytest.raises(BackupError, match="holds data; nothing was changed"):
        restore_backup(backup.made.manifest, database=address(target))
    assert target.read_bytes() == before
    assert names(target.parent) == ["site.sqlite3"]


def test_a_log_without_its_database_counts_as_data(backup: Backup, target: Path) -> None:
    Path(f"{target}-wal").write_bytes(b"a log")
    with pytest.raises(BackupError, match="holds data"):
        restore_backup(backup.made.manifest, database=address(target))
    assert names(target.parent) == ["site.sqlite3-wal"]


def test_an_unverified_backup_is_refused(backup: Backup, target: Path) -> None:
    write_manifest(backup.made)
    with pytest.raises(BackupError, match="never verified") as caught:
        restore_backup(backup.made.manifest, database=address(target))
    assert "backup verify" in caught.value.hint
    assert names(target.parent) == []


def test_an_altered_backup_is_refused(backup: Backup, target: Path) -> None:
    with backup.made.file.open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff")
    with pytest.raises(BackupError, match="SHA-256"):
        restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert names(target.parent) == []


def test_the_backup_itself_is_no_target(backup: Backup) -> None:
    with pytest.raises(BackupError, match="the backup itself"):
        restore_backup(backup.made.manifest, database=address(backup.made.file), replace=True)
    assert backup.made.file.exists()


def test_a_folder_is_no_target(backup: Backup, target: Path) -> None:
    target.mkdir()
    with pytest.raises(BackupError, match="not a file"):
        restore_backup(backup.made.manifest, database=address(target), replace=True)


def test_a_missing_folder_is_not_made(backup: Backup, target: Path) -> None:
    with pytest.raises(BackupError, match="no such folder"):
        restore_backup(backup.made.manifest, database=address(target.parent / "deeper" / "site.sqlite3"))
    assert names(target.parent) == []


def test_a_read_only_folder_is_told(backup: Backup, read_only: Path) -> None:
    with pytest.raises(BackupError) as caught:
        restore_backup(backup.made.manifest, database=address(read_only / "site.sqlite3"))
    assert str(read_only) in caught.value.message


def test_a_disk_without_room_is_told(large: Path, tmp_path: Path, small_disk: Path) -> None:
    backup = create_backup(address(large), to_dir=tmp_path / "to")
    (small_disk / "filler").write_bytes(bytes(12_000_000))
    with pytest.raises(BackupError, match="bytes free"):
        restore_backup(backup.made.manifest, database=address(small_disk / "site.sqlite3"))
    assert names(small_disk) == ["filler"]


def test_another_vendor_is_no_target(backup: Backup) -> None:
    with pytest.raises(BackupError, match="cannot be restored into postgresql"):
        restore_backup(backup.made.manifest, database="postgresql://u:secret@nowhere.invalid/x")


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_in_use_is_left_alone(
    backup: Backup, target: Path, make_database: Callable[..., Path], content: Content, journal: str
) -> None:
    make_database(target, tests=9, journal=journal)
    with closing(sqlite3.connect(target, isolation_level=None)) as site:
        site.execute("BEGIN IMMEDIATE")
        site.execute("INSERT INTO qa_test VALUES (50, 'in the making')")
        with pytest.raises(BackupError, match="in use by another program"):
            restore_backup(backup.made.manifest, database=address(target), replace=True, lock_seconds=0.1)
        site.execute("COMMIT")
    assert len(content(target)["qa_test"]) == 10
    assert names(target.parent) == ["site.sqlite3"]


# --- replaced ----------------------------------------------------------------------------------------


def kept_in(folder: Path) -> Path:
    (kept,) = (path for path in folder.iterdir() if re.search(r"\.before-restore-\d+T\d+Z$", path.name))
    return kept


@pytest.mark.parametrize("journal", ["delete", "wal", "persist", "truncate"])
def test_the_old_database_is_kept_whole_beside_the_new(
    backup: Backup,
    database: Path,
    target: Path,
    make_database: Callable[..., Path],
    content: Content,
    journal: str,
) -> None:
    old = content(make_database(target, tests=9, journal=journal))
    proof = restore_backup(backup.made.manifest, database=address(target), replace=True).proof
    assert content(target) == content(database)
    assert content(kept_in(target.parent)) == old
    assert any(kept_in(target.parent).name in sentence for sentence in proof)


def test_restoring_twice_keeps_both_old_files(backup: Backup, target: Path) -> None:
    for _ in range(3):
        restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert len(names(target.parent)) == 3


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_what_a_killed_program_had_committed_is_in_the_kept_file(
    backup: Backup,
    database: Path,
    target: Path,
    make_database: Callable[..., Path],
    content: Content,
    journal: str,
) -> None:
    make_database(target, tests=9, journal=journal)
    code = (
        "import os, signal, sqlite3, sys\n"
        "site = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "site.execute('PRAGMA cache_size=1')\n"
        "site.execute(\"INSERT INTO qa_test VALUES (50, 'committed')\")\n"
        "site.execute('BEGIN')\n"
        "site.execute('INSERT INTO padding SELECT id, randomblob(100000) FROM qa_test')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert len(names(target.parent)) > 1  # a journal or a log was left
    restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert content(target) == content(database)
    kept = content(kept_in(target.parent))
    assert (50, b"committed") in kept["qa_test"]
    assert kept["padding"] == []


@pytest.mark.parametrize("ending", ["-wal", "-journal"])
@pytest.mark.parametrize("damaged", [b"no database at all" * 1000, b""], ids=["another file", "no bytes"])
def test_a_damaged_target_is_kept_with_what_lies_beside_it(
    backup: Backup, database: Path, target: Path, content: Content, damaged: bytes, ending: str
) -> None:
    target.write_bytes(damaged)
    Path(f"{target}{ending}").write_bytes(b"whatever")
    restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert content(target) == content(database)
    kept = kept_in(target.parent)
    assert kept.read_bytes() == damaged
    assert kept.with_name(kept.name + ending).read_bytes() == b"whatever"
    assert len(names(target.parent)) == 3


def test_a_database_with_damaged_pages_is_replaced(
    backup: Backup, database: Path, target: Path, make_database: Callable[..., Path], content: Content
) -> None:
    make_database(target)
    with target.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 9000)
    restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert content(target) == content(database)
    assert kept_in(target.parent).exists()


def test_a_log_without_its_database_does_not_get_into_the_new_one(
    backup: Backup, database: Path, target: Path, make_database: Callable[..., Path], content: Content
) -> None:
    make_database(target, tests=9, journal="wal")
    with closing(sqlite3.connect(target, isolation_level=None)) as site:
        site.execute("INSERT INTO qa_test VALUES (50, 'old')")
        stale = Path(f"{target}-wal").read_bytes()
    target.unlink()
    Path(f"{target}-wal").write_bytes(stale)
    restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert content(target) == content(database)


@pytest.mark.skipif(os.name != "nt", reason="only Windows renames no file that is open elsewhere")
def test_a_site_that_rests_with_the_database_open_is_noticed(
    backup: Backup, target: Path, make_database: Callable[..., Path]
) -> None:
    before = make_database(target).read_bytes()
    with closing(sqlite3.connect(target)) as site:
        site.execute("SELECT count(*) FROM qa_test").fetchone()
        with pytest.raises(BackupError, match="in use by another program; nothing was changed"):
            restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert target.read_bytes() == before
    assert names(target.parent) == ["site.sqlite3"]


def test_a_replacement_that_fails_is_taken_back(target: Path, make_database: Callable[..., Path]) -> None:
    before = make_database(target).read_bytes()
    Path(f"{target}-journal").write_bytes(b"whatever")
    with pytest.raises(FileNotFoundError):
        _swap(target.parent / "gone", target)
    assert target.read_bytes() == before
    assert names(target.parent) == ["site.sqlite3", "site.sqlite3-journal"]


@pytest.mark.skipif(os.name == "nt", reason="files have no such rights on Windows")
def test_the_new_file_has_the_old_ones_rights(backup: Backup, target: Path, make_database: Callable[..., Path]) -> None:
    make_database(target).chmod(0o664)
    restore_backup(backup.made.manifest, database=address(target), replace=True)
    assert stat.S_IMODE(target.stat().st_mode) == 0o664


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_stays_a_link(backup: Backup, database: Path, target: Path, tmp_path: Path, content: Content) -> None:
    link = tmp_path / "link.sqlite3"
    link.symlink_to(target)
    restore_backup(backup.made.manifest, database=address(link))
    assert link.is_symlink()
    assert content(target) == content(database)


# --- there and back ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "with space.db",
        "\u00e9t\u00e9.db",
        "\u0431\u0430\u0437\u0430.db",
        "a#b.db",
        "a%20b.db",
        "a'b;c.db",
        "manifest.db",
    ]
    + ([] if os.name == "nt" else ["a?mode=rw.db", 'quo"te.db', "back\\slash.db"]),
)
def test_any_file_name_goes_there_and_back(
    tmp_path: Path, make_database: Callable[..., Path], content: Content, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    source = make_database(folder / name)
    backup = create_backup(address(source).shown, to_dir=folder / "to")
    restored = parse_database_url(address(folder / f"new {name}").shown, base=tmp_path)
    restore_backup(backup.made.manifest, database=restored)
    assert content(Path(restored.name)) == content(source)


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.binary(max_size=40),
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"'), min_size=1, max_size=12).filter(
    lambda name: not name.lower().startswith("sqlite_")
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tables=st.dictionaries(NAMES, st.lists(st.tuples(VALUES, VALUES), max_size=6), min_size=1, max_size=4),
    page_size=st.sampled_from([512, 1024, 4096, 65536]),
    journal=st.sampled_from(["delete", "wal"]),
)
def test_whatever_the_rows_the_restored_content_is_the_same(
    content: Content, tables: dict[str, list[tuple[object, object]]], page_size: int, journal: str
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        with closing(sqlite3.connect(folder / "x.db", isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size={page_size}")
            connection.execute(f"PRAGMA journal_mode={journal}")
            for name, rows in {name.lower(): rows for name, rows in tables.items()}.items():
                quoted = '"' + name.replace('"', '""') + '"'
                connection.execute(f"CREATE TABLE IF NOT EXISTS {quoted} (a, b)")
                connection.executemany(f"INSERT INTO {quoted} VALUES (?, ?)", rows)
        backup = create_backup(address(folder / "x.db"), to_dir=folder / "to")
        restore_backup(backup.made.manifest, database=address(folder / "y.db"))
        assert content(folder / "y.db") == content(folder / "x.db")
    finally:
        shutil.rmtree(folder)


@pytest.mark.real
@pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1", "0.3.0", "0.3.0-clean", "0.3.0.20"])
def test_a_real_database_comes_back_table_by_table(real: Path, tmp_path: Path, content: Content, name: str) -> None:
    source = tmp_path / "source.sqlite3"
    source.write_bytes((real / f"{name}.sqlite3").read_bytes())
    backup = create_backup(address(source), to_dir=tmp_path / "to")
    restore_backup(backup.made.manifest, database=address(tmp_path / "back.sqlite3"))
    assert content(tmp_path / "back.sqlite3") == content(source)


# --- stopped in the middle ---------------------------------------------------------------------------

MODULES = (restore, sqlite, sqlite_swap, standing, whole_file)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_whole_database_or_none(
    backup: Backup, database: Path, content: Content, tmp_path: Path
) -> None:
    place, wanted = tmp_path / "interrupted", content(database)
    place.mkdir()

    def put(folder: Path) -> None:
        restore_backup(backup.made.manifest, database=address(folder / "site.sqlite3"))

    left = {}
    for line, folder, _ in interrupted_runs(MODULES, place, names, put, at_least=80):
        found = names(folder)
        if found == ["site.sqlite3"]:
            assert content(folder / "site.sqlite3") == wanted
        elif found:
            left[line] = found
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.parametrize(("beside", "at_least"), [("", 110), ("-journal", 100)], ids=["a database", "a damaged one"])
def test_an_interrupt_before_any_line_leaves_the_old_database_alone_or_the_new_with_the_old_and_tells_where(
    backup: Backup, make_database: Callable[..., Path], tmp_path: Path, beside: str, at_least: int
) -> None:
    place, new = tmp_path / "interrupted", backup.made.file.read_bytes()
    old = b"damaged" if beside else make_database(tmp_path / "old.sqlite3", tests=9).read_bytes()
    place.mkdir()

    def prepare(folder: Path) -> None:
        (folder / "site.sqlite3").write_bytes(old)
        if beside:
            (folder / f"site.sqlite3{beside}").write_bytes(b"whatever")

    def put(folder: Path) -> None:
        target = address(folder / "site.sqlite3")
        with told_where_it_stands(backup.made.manifest, target):
            restore_backup(backup.made.manifest, database=target, replace=True)

    wrong, seen = {}, set()
    for line, folder, message in interrupted_runs(MODULES, place, prepare, put, at_least=at_least):
        there = {path.name: path.read_bytes() for path in folder.iterdir()}
        present = there.pop("site.sqlite3")
        seen.add(present)
        kept = next((name for name in there if "before-restore" in name and not name.endswith("-journal")), "")
        journal = {f"{kept or 'site.sqlite3'}{beside}": b"whatever"} if beside else {}
        if present == old and (kept or there != journal):
            wrong[line] = sorted(there)
        if present != old and (present, there) != (new, {kept: old, **journal}):
            wrong[line] = sorted(there)
        if present != old and kept not in message:
            wrong[line] = [f"not told: {message}"]
    assert not wrong
    assert seen == {old, new}
