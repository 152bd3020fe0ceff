from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.listing import list_backups
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.manifests import write_manifest
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup, Standing

MOMENT = datetime(2026, 11, 23, 16, 15, tzinfo=UTC)
LATER = datetime(2026, 11, 24, 16, 15, tzinfo=UTC)


@pytest.fixture
def source(database: Path) -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(database))


@pytest.fixture
def backup(source: DatabaseAddress, tmp_path: Path) -> Backup:
    return create_backup(source, to_dir=tmp_path / "to", now=MOMENT)


def standings(folder: Path, database: DatabaseAddress | None = None) -> list[tuple[Standing, str]]:
    return [(one.standing, one.reason) for one in list_backups([folder], database)]


def test_a_backup_of_the_database_as_it_is_is_current(backup: Backup, tmp_path: Path) -> None:
    (one,) = list_backups([tmp_path])
    assert (one.standing, one.reason) == (Standing.CURRENT, "")
    assert (one.manifest, one.made, one.verified_at) == (backup.made.manifest, backup.made, backup.verified_at)


def test_the_newest_comes_first(backup: Backup, source: DatabaseAddress, tmp_path: Path) -> None:
    newer = create_backup(source, to_dir=tmp_path / "elsewhere", now=LATER)
    assert [one.made for one in list_backups([tmp_path])] == [newer.made, backup.made]


def test_a_written_database_makes_it_stale(backup: Backup, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT INTO qa_test VALUES (99, 'x')")
    ((standing, reason),) = standings(backup.made.file.parent)
    assert standing is Standing.STALE
    assert "qa_test (3 -> 4)" in reason


def test_a_missing_file_makes_it_stale(backup: Backup) -> None:
    backup.made.file.unlink()
    ((standing, reason),) = standings(backup.made.file.parent)
    assert standing is Standing.STALE
    assert "cannot be read" in reason


def test_one_whose_database_is_gone_is_not_compared(backup: Backup, database: Path) -> None:
    database.unlink()
    ((standing, reason),) = standings(backup.made.file.parent)
    assert standing is Standing.NOT_COMPARED
    assert "no such file" in reason


def test_one_of_a_server_is_not_compared_unless_the_server_is_named(backup: Backup) -> None:
    manifest = backup.made.manifest
    text = manifest.read_text(encoding="utf-8").replace('"vendor": "sqlite"', '"vendor": "postgresql"')
    manifest.write_text(text.replace(backup.made.database, "postgresql://qa@h/site"), encoding="utf-8")
    ((standing, reason),) = standings(manifest.parent)
    assert standing is Standing.NOT_COMPARED
    assert "--database" in reason


def test_one_of_another_database_is_compared_with_its_own(backup: Backup, tmp_path: Path) -> None:
    other = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "other.sqlite3"))
    assert standings(backup.made.file.parent, other) == [(Standing.CURRENT, "")]


def test_an_unverified_one_says_so(backup: Backup) -> None:
    write_manifest(backup.made)
    ((standing, _),) = standings(backup.made.file.parent)
    assert standing is Standing.NOT_VERIFIED


def test_a_damaged_manifest_is_listed_with_its_fault(backup: Backup) -> None:
    text = backup.made.manifest.read_text(encoding="utf-8")
    backup.made.manifest.write_text(text.replace('"method": "native"', '"method": "tape"'), encoding="utf-8")
    (one,) = list_backups([backup.made.file.parent])
    assert (one.standing, one.made) == (Standing.DAMAGED, None)
    assert one.reason.startswith("method: ")


def test_other_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "an app"}', encoding="utf-8")
    assert list_backups([tmp_path]) == ()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no such folder"):
        list_backups([tmp_path / "gone"])
