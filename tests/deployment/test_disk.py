from __future__ import annotations

from pathlib import Path

from upgrade_kit.deployment.disk import read_disk
from upgrade_kit.model.deployment import (
    Disk,
)
from upgrade_kit.model.unobserved import Unobserved


def test_there_is_a_volume_for_each_purpose(tmp_path: Path) -> None:
    disk = read_disk(tmp_path, tmp_path / "db" / "x.sqlite3", temporary=tmp_path)
    assert isinstance(disk, Unobserved)
    (tmp_path / "db").mkdir()
    disk = read_disk(
        tmp_path,
        tmp_path / "db" / "x.sqlite3",
        (tmp_path / "uploads", 15),
        backup=tmp_path / "gone" / "backups",
        temporary=tmp_path,
    )
    assert isinstance(disk, Disk)
    assert [(volume.purpose, volume.path) for volume in disk.volumes] == [
        ("the site", tmp_path),
        ("the database", tmp_path / "db"),
        ("the uploads", tmp_path),
        ("the backup", tmp_path),
        ("temporary files", tmp_path),
    ]
    assert all(0 < volume.free_bytes <= volume.total_bytes for volume in disk.volumes)
    assert disk.uploads_bytes == 15


def test_without_site_and_file_only_temporary_files_count() -> None:
    disk = read_disk()
    assert isinstance(disk, Disk)
    assert [volume.purpose for volume in disk.volumes] == ["temporary files"]
    assert disk.uploads_bytes == Unobserved("no site folder was given", asked=False)


def test_uploads_that_could_not_be_measured_are_handed_on(tmp_path: Path) -> None:
    disk = read_disk(tmp_path, None, (tmp_path, Unobserved("denied")), temporary=tmp_path)
    assert isinstance(disk, Disk)
    assert disk.uploads_bytes == Unobserved("denied")


def test_a_folder_that_cannot_be_measured_is_told(tmp_path: Path) -> None:
    disk = read_disk(tmp_path / "gone", temporary=tmp_path)
    assert isinstance(disk, Unobserved)
    assert "(the site)" in disk.reason
