from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from upgrade_kit.deployment.disk import read_disk
from upgrade_kit.model.deployment import (
    Disk,
)
from upgrade_kit.model.unobserved import Unobserved


def write(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_there_is_a_volume_for_each_purpose(tmp_path: Path) -> None:
    disk = read_disk(tmp_path, tmp_path / "db" / ".." / "x.sqlite3", tmp_path, temporary=tmp_path)
    assert isinstance(disk, Unobserved)
    (tmp_path / "db").mkdir()
    disk = read_disk(tmp_path, tmp_path / "db" / "x.sqlite3", tmp_path, temporary=tmp_path)
    assert isinstance(disk, Disk)
    assert [(volume.purpose, volume.path) for volume in disk.volumes] == [
        ("the site", tmp_path),
        ("the database", tmp_path / "db"),
        ("temporary files", tmp_path),
    ]
    assert all(0 < volume.free_bytes <= volume.total_bytes for volume in disk.volumes)


def test_without_site_and_file_only_temporary_files_count() -> None:
    disk = read_disk()
    assert isinstance(disk, Disk)
    assert [volume.purpose for volume in disk.volumes] == ["temporary files"]
    assert disk.uploads_bytes == Unobserved("no site folder was given", asked=False)


def test_uploads_are_added_up_through_all_folders(tmp_path: Path) -> None:
    write(tmp_path / "uploads" / "1" / "a.dcm", 10)
    write(tmp_path / "uploads" / "1" / "2" / "b.dcm", 5)
    write(tmp_path / "elsewhere.dcm", 100)
    disk = read_disk(tmp_path, None, tmp_path)
    assert isinstance(disk, Disk)
    assert disk.uploads_bytes == 15


@pytest.mark.skipif(sys.platform == "win32", reason="making a link needs rights there")
def test_links_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "uploads" / "a.dcm", 10)
    (tmp_path / "uploads" / "again").symlink_to(tmp_path / "uploads", target_is_directory=True)
    disk = read_disk(tmp_path, None, tmp_path)
    assert isinstance(disk, Disk)
    assert isinstance(disk.uploads_bytes, int)
    assert disk.uploads_bytes < 10 + len(os.fspath(tmp_path)) + 20


def test_no_uploads_folder_is_a_reason_and_not_nought(tmp_path: Path) -> None:
    disk = read_disk(tmp_path, None, tmp_path)
    assert isinstance(disk, Disk)
    assert isinstance(disk.uploads_bytes, Unobserved)


def test_an_unknown_media_folder_is_a_reason(tmp_path: Path) -> None:
    disk = read_disk(tmp_path, None, Unobserved("set at run time"))
    assert isinstance(disk, Disk)
    assert disk.uploads_bytes == Unobserved("the uploads folder cannot be found: set at run time")


def test_adding_up_stops_after_a_time(tmp_path: Path) -> None:
    write(tmp_path / "uploads" / "a.dcm", 10)
    disk = read_disk(tmp_path, None, tmp_path, counting_seconds=-1)
    assert isinstance(disk, Disk)
    assert isinstance(disk.uploads_bytes, Unobserved)
    assert "took longer" in disk.uploads_bytes.reason


def test_a_volume_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    disk = read_disk(tmp_path, tmp_path / "gone" / "x.sqlite3")
    assert isinstance(disk, Unobserved)
    assert "(the database)" in disk.reason
