from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.manifests import file_sha256, read_manifest, write_manifest
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup, UnverifiedBackup


@pytest.fixture
def backup(database: Path, tmp_path: Path) -> Backup:
    return create_backup(DatabaseAddress(vendor="sqlite", name=str(database)), to_dir=tmp_path / "to")


def edit(manifest: Path, **changes: object) -> None:
    document: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(document | changes), encoding="utf-8")


def flip_byte(file: Path, position: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(position)
        byte = opened.read(1)[0]
        opened.seek(position)
        opened.write(bytes([byte ^ 1]))


def test_a_good_backup_is_verified(backup: Backup) -> None:
    verified = verify_backup(backup.made.manifest)
    assert verified.made == backup.made
    assert any("integrity check" in sentence for sentence in verified.proof)


def test_the_manifest_keeps_the_proof(backup: Backup) -> None:
    verified = verify_backup(backup.made.manifest)
    assert read_manifest(backup.made.manifest) == verified


def test_an_unverified_backup_becomes_a_verified_one(backup: Backup) -> None:
    write_manifest(backup.made)
    assert isinstance(read_manifest(backup.made.manifest), UnverifiedBackup)
    verify_backup(backup.made.manifest)
    assert isinstance(read_manifest(backup.made.manifest), Backup)


def test_a_moved_folder_verifies_where_it_is_now(backup: Backup, tmp_path: Path) -> None:
    shutil.move(tmp_path / "to", tmp_path / "elsewhere")
    verified = verify_backup(tmp_path / "elsewhere" / backup.made.manifest.name)
    assert verified.made.file == tmp_path / "elsewhere" / backup.made.file.name


def test_verifying_leaves_the_backup_byte_for_byte(backup: Backup) -> None:
    verify_backup(backup.made.manifest)
    assert file_sha256(backup.made.file) == backup.made.sha256
    assert len(list(backup.made.file.parent.iterdir())) == 2


@pytest.mark.parametrize("position", [0, 24, 100, 4096, -1])
def test_one_changed_byte_is_found(backup: Backup, position: int) -> None:
    flip_byte(backup.made.file, position % backup.made.size_bytes)
    with pytest.raises(BackupError, match="SHA-256 differs"):
        verify_backup(backup.made.manifest)


def test_a_truncated_backup_is_found(backup: Backup) -> None:
    with backup.made.file.open("r+b") as file:
        file.truncate(backup.made.size_bytes - 1)
    with pytest.raises(BackupError, match="but the manifest says"):
        verify_backup(backup.made.manifest)


def test_a_missing_backup_is_told(backup: Backup) -> None:
    backup.made.file.unlink()
    with pytest.raises(BackupError, match="cannot be read"):
        verify_backup(backup.made.manifest)


def test_another_backup_in_its_place_is_found(
    backup: Backup, tmp_path: Path, make_database: Callable[..., Path]
) -> None:
    other = make_database(tmp_path / "other.sqlite3")
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("UPDATE qa_test SET calculation_procedure = 'y = 1' WHERE id = 1")
    shutil.copyfile(other, backup.made.file)
    with pytest.raises(BackupError, match="SHA-256 differs"):
        verify_backup(backup.made.manifest)


def test_a_log_beside_the_backup_is_refused(backup: Backup) -> None:
    Path(f"{backup.made.file}-wal").write_bytes(b"rows that the backup never had")
    with pytest.raises(BackupError, match="beside it"):
        verify_backup(backup.made.manifest)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"sha256": "0" * 64}, "SHA-256", id="digest"),
        pytest.param({"size_bytes": 1}, "manifest says 1", id="size"),
        pytest.param({"rows": {"qa_test": 3}}, "django_migrations", id="a table left out"),
        pytest.param({"rows": {"django_migrations": 1, "padding": 0, "qa_test": 4}}, r"qa_test \(4 -> 3\)", id="rows"),
        pytest.param({"history_sha256": "0" * 64}, "migration history", id="history"),
        pytest.param({"procedures_sha256": "0" * 64}, "calculation procedures", id="procedures"),
        pytest.param({"format": "tape"}, "tape", id="format"),
    ],
)
def test_an_altered_manifest_is_found(backup: Backup, changes: dict[str, object], expected: str) -> None:
    edit(backup.made.manifest, **changes)
    with pytest.raises(BackupError, match=expected):
        verify_backup(backup.made.manifest)


def test_a_backup_that_fails_is_not_taken_for_a_verified_one_any_more(backup: Backup) -> None:
    flip_byte(backup.made.file, 5000)
    with pytest.raises(BackupError):
        verify_backup(backup.made.manifest)
    assert isinstance(read_manifest(backup.made.manifest), UnverifiedBackup)


def test_a_backup_of_another_method_keeps_its_note(backup: Backup) -> None:
    edit(backup.made.manifest, format="tape")
    with pytest.raises(BackupError, match="must be one of"):
        verify_backup(backup.made.manifest)
    assert json.loads(backup.made.manifest.read_text(encoding="utf-8"))["verified_at"] is not None


def test_a_damaged_copy_with_a_matching_digest_is_found(large: Path, tmp_path: Path) -> None:
    made = create_backup(DatabaseAddress(vendor="sqlite", name=str(large)), to_dir=tmp_path / "to").made
    with made.file.open("r+b") as file:
        file.seek(4096 * 300)
        file.write(b"\xff" * 4096)
    write_manifest(dataclasses.replace(made, sha256=file_sha256(made.file)))
    with pytest.raises(BackupError, match=r"integrity|damaged"):
        verify_backup(made.manifest)


def test_dangling_foreign_keys_are_told_and_allowed(tmp_path: Path) -> None:
    source = tmp_path / "dangling.sqlite3"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES gone__old (id))")
        connection.execute("INSERT INTO child VALUES (1, 7)")
    backup = create_backup(DatabaseAddress(vendor="sqlite", name=str(source)), to_dir=tmp_path / "to")
    assert "child -> gone__old" in backup.proof[-1]


def test_a_read_only_manifest_that_was_verified_before_is_still_proved(
    backup: Backup, read_only_copy: Callable[[Path], Path]
) -> None:
    folder = read_only_copy(backup.made.file.parent)
    assert verify_backup(folder / backup.made.manifest.name).made.sha256 == backup.made.sha256


def test_an_unverified_backup_on_a_read_only_disk_cannot_be_noted(
    backup: Backup, read_only_copy: Callable[[Path], Path]
) -> None:
    write_manifest(backup.made)
    folder = read_only_copy(backup.made.file.parent)
    with pytest.raises(BackupError, match="cannot be written"):
        verify_backup(folder / backup.made.manifest.name)
