from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.deployment import whole_file
from upgrade_kit.deployment.whole_file import make_private, sync_folder, write_whole


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    for content in (b"one", b"\r\n\0"):
        write_whole(tmp_path / "file", content)
        assert contents(tmp_path) == {"file": content}


@pytest.mark.skipif(os.name == "nt", reason="files have no such rights on Windows")
def test_its_owner_alone_may_read_it_unless_others_are_meant_to(tmp_path: Path) -> None:
    write_whole(tmp_path / "mine", b"x")
    write_whole(tmp_path / "ours", b"x", rights=0o644)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("mine", "ours")] == [0o600, 0o644]


def test_where_it_cannot_be_put_nothing_else_is_left(tmp_path: Path) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_whole(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    def prepare(folder: Path) -> None:
        (folder / "file").write_bytes(b"old")

    def write(folder: Path) -> None:
        write_whole(folder / "file", b"new")

    left = {
        line: found
        for line, folder, _ in interrupted_runs((whole_file,), tmp_path, prepare, write, at_least=15)
        if (found := contents(folder)) not in ({"file": b"old"}, {"file": b"new"})
    }
    assert not left


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    make_private(tmp_path / "name")
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "name")


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path: Path) -> None:
    sync_folder(tmp_path / "gone")
