from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.deployment.uploads import UploadsFolder, leads_out, read_uploads_folder
from upgrade_kit.model.deployment import Settings
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.uploads import UploadedFiles


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        files=(),
        values=(),
        unknown=(),
        database=Unobserved("not asked for"),
        media_root=tmp_path / "media",
        python2_only=(),
    )


def looked_into(settings: Settings, root: Path, **more: float) -> UploadsFolder:
    found = read_uploads_folder(settings, root, **more)
    assert isinstance(found, UploadsFolder)
    return found


def write(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


class TestNames:
    @pytest.mark.parametrize("name", ["scan.dcm", "1/scan.dcm", "a..b", "..hidden", "10:30.dcm", "a/...", ""])
    def test_these_stay_inside(self, name: str) -> None:
        assert not leads_out(name)

    @pytest.mark.parametrize(
        "name",
        ["..", "../a", "a/../../b", r"a\..\b", "/etc/passwd", r"\a", r"C:\a", "C:a", r"\\server\share\a", "a\0b"],
    )
    def test_these_lead_out(self, name: str) -> None:
        assert leads_out(name)


class TestFolder:
    def test_files_are_added_up_through_all_folders(self, settings: Settings, tmp_path: Path) -> None:
        write(tmp_path / "media" / "uploads" / "1" / "a.dcm", 10)
        write(tmp_path / "media" / "uploads" / "1" / "2" / "b.dcm", 5)
        write(tmp_path / "media" / "elsewhere.dcm", 100)
        found = looked_into(settings, tmp_path)
        assert isinstance(found.uploads.files, UploadedFiles)
        assert (found.uploads.files.count, found.uploads.files.bytes) == (2, 15)
        assert len(found.names) == 2

    @pytest.mark.skipif(sys.platform == "win32", reason="making a link needs rights there")
    def test_links_are_not_followed(self, settings: Settings, tmp_path: Path) -> None:
        uploads = tmp_path / "media" / "uploads"
        write(uploads / "a.dcm", 10)
        (uploads / "again").symlink_to(uploads, target_is_directory=True)
        found = looked_into(settings, tmp_path)
        assert isinstance(found.uploads.files, UploadedFiles)
        assert (found.uploads.files.count, found.uploads.files.bytes) == (1, 10)
        assert not found.uploads.files.links

    def test_no_folder_holds_nothing(self, settings: Settings, tmp_path: Path) -> None:
        found = looked_into(settings, tmp_path)
        assert not found.uploads.exists
        assert found.uploads.files == UploadedFiles(count=0, bytes=0, newest=None)

    def test_looking_ends_when_its_time_is_over(self, settings: Settings, tmp_path: Path) -> None:
        write(tmp_path / "media" / "uploads" / "a.dcm", 10)
        files = looked_into(settings, tmp_path, looking_seconds=-1).uploads.files
        assert isinstance(files, Unobserved)
        assert "took longer" in files.reason

    @pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
    def test_a_name_that_is_no_text_can_be_shown(self, settings: Settings, tmp_path: Path) -> None:
        write(tmp_path / "media" / "uploads" / "Gr\udcf6\udcdfe", 1)
        files = looked_into(settings, tmp_path).uploads.files
        assert isinstance(files, UploadedFiles)
        assert files.impossible.first == (r"Gr\udcf6\udcdfe",)

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no file of such a name")
    def test_of_many_the_first_few_are_named(self, settings: Settings, tmp_path: Path) -> None:
        for number in range(8):
            write(tmp_path / "media" / "uploads" / f"{number}" / "aux.txt", 1)
        files = looked_into(settings, tmp_path).uploads.files
        assert isinstance(files, UploadedFiles)
        assert files.impossible.count == 8
        assert str(files.impossible).endswith(" and 3 more")


class TestSettings:
    def test_upload_root_counts_where_it_is_stated(self, settings: Settings, tmp_path: Path) -> None:
        write(tmp_path / "other" / "a.dcm", 1)
        stated = replace(settings, values=(("UPLOAD_ROOT", "'other'", "local_settings.py:1"),))
        found = looked_into(stated, tmp_path)
        assert found.uploads.folder == tmp_path / "other"
        assert found.uploads.served == tmp_path / "media" / "uploads"
        assert len(found.names) == 1

    @pytest.mark.parametrize("text", ["7", "''", "b'x'", "'a\\0b'", "['x']", "secret("])
    def test_what_is_no_path_is_told(self, text: str, settings: Settings, tmp_path: Path) -> None:
        stated = replace(settings, values=(("UPLOAD_ROOT", text, "local_settings.py:1"),))
        found = read_uploads_folder(stated, tmp_path)
        assert isinstance(found, Unobserved)
        assert "UPLOAD_ROOT is not a path (local_settings.py:1)" in found.reason

    def test_what_is_computed_is_told(self, settings: Settings, tmp_path: Path) -> None:
        stated = replace(settings, unknown=(("UPLOAD_ROOT", Unobserved("it is computed")),))
        assert read_uploads_folder(stated, tmp_path) == Unobserved("the uploads folder cannot be found: it is computed")

    def test_without_media_root_nothing_is_known(self, settings: Settings, tmp_path: Path) -> None:
        found = read_uploads_folder(replace(settings, media_root=Unobserved("no file sets it")), tmp_path)
        assert isinstance(found, Unobserved)
