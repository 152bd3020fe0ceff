from __future__ import annotations

from pathlib import Path

import pytest

from upgrade_kit.backup.leftovers import left_by_backups, left_by_restores


@pytest.mark.parametrize(
    "name",
    [
        "default-0.2.9.1-20261123T161500Z.sqlite3.partial",
        "default-20261123T161500Z-2.json.gz.partial",
        "qatrackplus-0.3.0-20261123T161500Z.uploads.zip.partial",
        ".default-20261123T161500Z.manifest.json.0a1b2c3d.partial",
        "upgrade-kit-drill-x_y1z2",
    ],
)
def test_what_a_killed_backup_leaves_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert left_by_backups(tmp_path) == (tmp_path / name,)


@pytest.mark.parametrize(
    "name",
    [
        "default-0.2.9.1-20261123T161500Z.sqlite3",
        "default-0.2.9.1-20261123T161500Z.manifest.json",
        "download.partial",
        "video-20261123.mp4.partial",
        "my upgrade-kit-drill-notes.txt",
    ],
)
def test_what_is_somebody_elses_is_not(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert left_by_backups(tmp_path) == ()


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert left_by_backups(tmp_path / "gone") == ()


def test_of_restores_only_what_was_to_become_the_target_is_found(tmp_path: Path) -> None:
    own = ["site.db.0a1b2c3d.partial", ".site.db.0a1b2c3d.partial"]
    for name in (*own, "site.db", "other.db.0a1b2c3d.partial", "site.db.before-restore-20261123T161500Z"):
        (tmp_path / name).touch()
    assert sorted(path.name for path in left_by_restores(tmp_path / "site.db")) == sorted(own)
