from __future__ import annotations

import dataclasses
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interrupts import interrupted_runs
from upgrade_kit.deployment import manifests, whole_file
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.manifests import (
    changed_content,
    file_sha256,
    find_backups,
    manifest_document,
    read_manifest,
    write_manifest,
)
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup, Uploads

MOMENT = datetime(2026, 11, 23, 16, 15, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "site" / "db.sqlite3"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT)")
        connection.execute("INSERT INTO django_migrations VALUES (1, 'qa', '0001_initial')")
        connection.execute("CREATE TABLE qa_test (id INTEGER PRIMARY KEY, calculation_procedure TEXT)")
        connection.execute("INSERT INTO qa_test VALUES (1, 'x = 1')")
    return file


@pytest.fixture
def session(database: Path) -> Iterator[Session]:
    with open_database(DatabaseAddress(vendor="sqlite", name=str(database))) as opened:
        yield opened


@pytest.fixture
def backup(database: Path, session: Session, tmp_path: Path) -> Backup:
    """A verified backup of the database, with its manifest."""
    folder = tmp_path / "backups"
    folder.mkdir()
    file = folder / "db.sqlite3"
    file.write_bytes(database.read_bytes())
    content = dataclasses.replace(database_fingerprint(session), digests=(("qa_test", "a" * 64),))
    made = UnverifiedBackup(
        method="native",
        format="sqlite",
        manifest=folder / "db.manifest.json",
        file=file,
        database=session.address.shown,
        vendor="sqlite",
        site_version="0.2.9.1",
        created_at=MOMENT,
        size_bytes=file.stat().st_size,
        sha256=file_sha256(file),
        content=content,
        uploads=Uploads(
            file=folder / "db.uploads.zip",
            size_bytes=7,
            sha256="b" * 64,
            files=1,
            bytes=3,
            missing=("gone: no such file",),
        ),
    )
    backup = Backup(made=made, verified_at=MOMENT, proof=("It was looked at.",))
    write_manifest(backup)
    return backup


def change(database: Path, sql: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql)


def edit(manifest: Path, **changes: object) -> None:
    document: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    document |= changes
    manifest.write_text(
        json.dumps({key: value for key, value in document.items() if value != "absent"}), encoding="utf-8"
    )


# --- written and read --------------------------------------------------------------------------------


def test_what_is_written_is_read_back(backup: Backup) -> None:
    assert read_manifest(backup.made.manifest) == backup


def test_an_unverified_backup_stays_unverified(backup: Backup) -> None:
    write_manifest(backup.made)
    assert read_manifest(backup.made.manifest) == backup.made


def test_the_document_says_what_it_is(backup: Backup) -> None:
    document = manifest_document(backup)
    assert (document["schema"], document["command"], document["file"]) == (1, "backup", "db.sqlite3")
    assert document["verified_at"] == "2026-11-23T16:15:00Z"


def test_no_password_is_in_the_document(backup: Backup) -> None:
    address = DatabaseAddress(vendor="postgresql", name="x", user="u", password="secret", host="h")
    made = dataclasses.replace(backup.made, database=address.shown)
    assert "secret" not in json.dumps(manifest_document(made))


def test_writing_leaves_nothing_but_the_manifest(backup: Backup) -> None:
    write_manifest(backup)
    assert sorted(path.name for path in backup.made.file.parent.iterdir()) == [
        "db.manifest.json",
        "db.sqlite3",
    ]


def test_a_folder_that_is_gone_is_told(backup: Backup, tmp_path: Path) -> None:
    made = dataclasses.replace(backup.made, manifest=tmp_path / "gone" / "db.manifest.json")
    with pytest.raises(BackupError, match="cannot be written"):
        write_manifest(made)


def test_a_manifest_saved_with_a_byte_order_mark_is_read(backup: Backup) -> None:
    manifest = backup.made.manifest
    manifest.write_text(manifest.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert read_manifest(manifest) == backup


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", 2),
        ("schema", True),
        ("method", "tape"),
        ("file", "../db.sqlite3"),
        ("file", "C:\\db.sqlite3"),
        ("file", ""),
        ("file", 7),
        ("size_bytes", -1),
        ("size_bytes", "16384"),
        ("size_bytes", "absent"),
        ("sha256", "abc"),
        ("history_sha256", "G" * 64),
        ("procedures_sha256", None),
        ("created_at", "yesterday"),
        ("created_at", "2026-11-23T16:15:00"),
        ("verified_at", "soon"),
        ("verified_at", "absent"),
        ("proof", []),
        ("proof", "fine"),
        ("rows", {}),
        ("rows", {"qa_test": 1.5}),
        ("rows", ["qa_test"]),
        ("database", "absent"),
        ("site_version", 3),
        ("vendor", None),
        ("format", "tape"),
        ("server", None),
        ("schema_version", None),
        ("seconds", -1),
        ("seconds", True),
        ("seconds", "absent"),
        ("on_server", "absent"),
        ("on_server", 1),
        ("content", "absent"),
        ("content", {"qa_test": "abc"}),
        ("content", {"qa_test": 7}),
        ("uploads", "absent"),
        ("uploads", {}),
        ("uploads", []),
    ],
)
def test_a_damaged_key_is_named(backup: Backup, key: str, value: object) -> None:
    edit(backup.made.manifest, **{key: value})
    with pytest.raises(BackupError) as caught:
        read_manifest(backup.made.manifest)
    assert str(backup.made.manifest) in caught.value.message
    assert f"{key}" in caught.value.message


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"command": "path"}', b"[" * 100_000],
    ids=["empty", "cut off", "a list", "null", "another encoding", "of another command", "nested deeply"],
)
def test_another_file_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.manifest.json").write_bytes(content)
    with pytest.raises(BackupError, match="not the manifest of a backup"):
        read_manifest(tmp_path / "x.manifest.json")


def test_a_missing_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="cannot be read"):
        read_manifest(tmp_path / "x.manifest.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    key=st.sampled_from(
        ["content", "created_at", "file", "on_server", "proof", "rows", "schema", "seconds", "sha256", "uploads"]
    ),
    value=JSON,
)
def test_whatever_a_key_holds_the_answer_is_a_backup_or_a_backup_error(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    manifest = tmp_path_factory.getbasetemp() / "property.manifest.json"
    digest = "0" * 64
    document: dict[str, object] = {
        "schema": 1,
        "command": "backup",
        "method": "native",
        "format": "sqlite",
        "vendor": "sqlite",
        "server": "SQLite 3",
        "schema_version": "",
        "seconds": 0.1,
        "on_server": False,
        "content": {},
        "uploads": None,
        "database": "sqlite:////x",
        "site_version": "",
        "created_at": "2026-11-23T16:15:00Z",
        "verified_at": "2026-11-23T16:15:00Z",
        "proof": ["seen"],
        "file": "x.sqlite3",
        "size_bytes": 1,
        "sha256": digest,
        "rows": {"qa_test": 1},
        "history_sha256": digest,
        "procedures_sha256": digest,
    }
    manifest.write_text(json.dumps(document | {key: value}), encoding="utf-8")
    try:
        found = read_manifest(manifest)
    except BackupError as error:
        assert key in error.message or "not the manifest" in error.message  # noqa: PT017 - either end is right
    else:
        assert isinstance(found, Backup | UnverifiedBackup)


# --- found again -------------------------------------------------------------------------------------


def reason(folder: Path, session: Session) -> str:
    found = find_backups([folder], session)
    assert found.current == ()
    ((_, why),) = found.stale
    return why


def test_a_backup_of_the_database_as_it_is_is_current(backup: Backup, session: Session) -> None:
    found = find_backups([backup.made.file.parent], session)
    assert found.current == (backup,)
    assert found.stale == ()


def test_folders_one_level_below_are_searched(backup: Backup, session: Session, tmp_path: Path) -> None:
    assert find_backups([tmp_path], session).current == (backup,)


def test_folders_two_levels_below_are_not(backup: Backup, session: Session, tmp_path: Path) -> None:
    assert find_backups([tmp_path.parent], session).current == ()


def test_a_folder_named_twice_is_read_once(backup: Backup, session: Session, tmp_path: Path) -> None:
    folders = [tmp_path, backup.made.file.parent]
    found = find_backups(folders, session)
    assert len(found.current) == 1
    assert found.looked_in == tuple(folders)


def test_the_newest_comes_first(backup: Backup, session: Session) -> None:
    later = dataclasses.replace(
        backup.made,
        manifest=backup.made.manifest.with_name("a.manifest.json"),
        created_at=MOMENT + timedelta(hours=1),
    )
    write_manifest(dataclasses.replace(backup, made=later))
    found = find_backups([backup.made.file.parent], session)
    assert [one.made.created_at for one in found.current] == [MOMENT + timedelta(hours=1), MOMENT]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("INSERT INTO qa_test VALUES (2, 'y')", "qa_test (1 -> 2)", id="a row more"),
        pytest.param("DELETE FROM qa_test", "qa_test (1 -> 0)", id="a row less"),
        pytest.param("CREATE TABLE new (a)", "new (absent -> 0)", id="a table more"),
        pytest.param("UPDATE qa_test SET calculation_procedure = 'y'", "calculation procedures", id="a procedure"),
        pytest.param("UPDATE django_migrations SET name = '0002'", "migration history", id="a migration"),
    ],
)
def test_a_changed_database_makes_it_stale(backup: Backup, database: Path, sql: str, expected: str) -> None:
    change(database, sql)
    with open_database(DatabaseAddress(vendor="sqlite", name=str(database))) as session:
        why = reason(backup.made.file.parent, session)
    assert "has changed since" in why
    assert expected in why


def test_a_change_taken_back_makes_it_current_again(backup: Backup, database: Path, session: Session) -> None:
    change(database, "UPDATE qa_test SET calculation_procedure = 'y'")
    change(database, "UPDATE qa_test SET calculation_procedure = 'x = 1'")
    assert find_backups([backup.made.file.parent], session).current == (backup,)


def test_an_unverified_one_is_stale(backup: Backup, session: Session) -> None:
    write_manifest(backup.made)
    assert "not verified" in reason(backup.made.file.parent, session)


def test_one_of_another_database_is_stale(backup: Backup, tmp_path: Path, database: Path) -> None:
    other = tmp_path / "other.sqlite3"
    other.write_bytes(database.read_bytes())
    with open_database(DatabaseAddress(vendor="sqlite", name=str(other))) as session:
        assert "of another database" in reason(backup.made.file.parent, session)


def test_one_of_another_vendor_is_stale(backup: Backup, session: Session) -> None:
    edit(backup.made.manifest, database="postgresql://u@h/db")
    assert "of another database: postgresql://u@h/db" in reason(backup.made.file.parent, session)


def test_a_missing_file_is_stale(backup: Backup, session: Session) -> None:
    backup.made.file.unlink()
    assert "cannot be read" in reason(backup.made.file.parent, session)


def test_a_file_of_another_size_is_stale(backup: Backup, session: Session) -> None:
    with backup.made.file.open("ab") as file:
        file.write(b"x")
    assert "bytes instead of" in reason(backup.made.file.parent, session)


def test_a_file_of_the_same_size_and_other_bytes_is_stale(backup: Backup, session: Session) -> None:
    with backup.made.file.open("r+b") as file:
        file.seek(5000)
        file.write(b"x")
    assert "was altered" in reason(backup.made.file.parent, session)


def test_a_damaged_manifest_is_stale(backup: Backup, session: Session) -> None:
    edit(backup.made.manifest, sha256="?")
    assert reason(backup.made.file.parent, session).startswith("sha256: ")


def test_a_truncated_manifest_is_stale(backup: Backup, session: Session) -> None:
    text = backup.made.manifest.read_text(encoding="utf-8")
    backup.made.manifest.write_text(text[:-20], encoding="utf-8")
    assert "damaged" in reason(backup.made.file.parent, session)


@pytest.mark.parametrize(
    "name", ["MANIFEST.in", "manifest.json", "site.webmanifest", ".db.manifest.json.0a1b2c3d.partial"]
)
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"short_name": "QA"}'])
def test_a_strangers_file_is_ignored(tmp_path: Path, session: Session, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = find_backups([tmp_path], session)
    assert (found.current, found.stale) == ((), ())


def test_a_folder_that_does_not_exist_is_passed_over(tmp_path: Path, session: Session) -> None:
    found = find_backups([tmp_path / "gone"], session)
    assert (found.current, found.stale) == ((), ())


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_database_reached_through_a_link_is_the_same(backup: Backup, database: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite3"
    try:
        link.symlink_to(database)
    except OSError:
        pytest.skip("links are not allowed here")
    with open_database(DatabaseAddress(vendor="sqlite", name=str(link))) as session:
        assert find_backups([backup.made.file.parent], session).current == (backup,)


def content(rows: dict[str, int], digests: dict[str, str] | None = None) -> Content:
    return Content(
        rows=tuple(rows.items()),
        history_sha256="h",
        procedures_sha256="p",
        digests=tuple((digests or {}).items()),
    )


def test_equal_content_has_no_difference() -> None:
    assert changed_content(content({"a": 1}, {"a": "x"}), content({"a": 1}, {"a": "x"})) == ""


def test_other_values_in_as_many_rows_are_told() -> None:
    assert changed_content(content({"a": 1}, {"a": "x"}), content({"a": 1}, {"a": "y"})) == "other values in a"


def test_digests_that_were_not_taken_are_not_compared() -> None:
    assert changed_content(content({"a": 1}), content({"a": 1}, {"a": "y"})) == ""


def test_many_changed_tables_are_counted_and_not_listed() -> None:
    then = content({f"t{number:02}": 0 for number in range(20)})
    now = content({f"t{number:02}": 1 for number in range(20)})
    assert changed_content(then, now).endswith("t05 (0 -> 1) and 14 more")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_old_manifest_or_the_new(backup: Backup, tmp_path: Path) -> None:
    def in_folder(folder: Path) -> UnverifiedBackup:
        return dataclasses.replace(backup.made, manifest=folder / "db.manifest.json", file=folder / "db.sqlite3")

    def prepare(folder: Path) -> None:
        write_manifest(in_folder(folder))

    def prove(folder: Path) -> None:
        write_manifest(dataclasses.replace(backup, made=in_folder(folder)))

    place = tmp_path / "interrupted"
    place.mkdir()
    left = {}
    for line, folder, _ in interrupted_runs((manifests, whole_file), place, prepare, prove, at_least=30):
        found = [path.name for path in folder.iterdir()]
        assert read_manifest(folder / "db.manifest.json") is not None
        if found != ["db.manifest.json"]:
            left[line] = found
    assert not left
