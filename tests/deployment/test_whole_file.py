from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from tests.interrupts import interrupt_at, interrupted_runs, lines_run
from upgrade_kit.deployment import whole_file
from upgrade_kit.deployment.whole_file import make_private, open_new, put_in_place, sync_folder, write_whole


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


def test_bytes_stay_as_they_are(tmp_path: Path) -> None:
    with open_new(tmp_path / "new") as file:
        file.write(b"a\nb\r\n\x1a")
    assert (tmp_path / "new").read_bytes() == b"a\nb\r\n\x1a"


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        open_new(tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"old"


@pytest.mark.skipif(os.name == "nt", reason="files have no such rights on Windows")
def test_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    with open_new(tmp_path / "new") as file:
        assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600


def test_an_interrupt_leaves_nothing_open(tmp_path: Path) -> None:
    with lines_run((whole_file,)) as lines:
        open_new(tmp_path / "seen").close()
    descriptors = _open_descriptors()
    for number, line in enumerate(lines):
        with interrupt_at(line):
            open_new(tmp_path / f"{number}")
        (tmp_path / f"{number}").unlink(missing_ok=True)
    assert lines
    assert _open_descriptors() == descriptors


def test_the_new_takes_the_place_of_the_old(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")
    put_in_place(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_bytes() == b"new"


def test_what_cannot_be_is_told_at_once(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "gone", tmp_path / "old")
    assert time.monotonic() - start < 0.5


@pytest.mark.skipif(os.name != "nt", reason="only Windows renames no file that is open elsewhere")
@pytest.mark.parametrize("name", ["new", "old"])
def test_who_looks_at_a_file_for_a_moment_is_waited_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")
    scanner = (tmp_path / name).open("rb")
    threading.Timer(0.3, scanner.close).start()
    put_in_place(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"new"


@pytest.mark.skipif(os.name != "nt", reason="only Windows renames no file that is open elsewhere")
def test_who_keeps_it_open_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "old").write_bytes(b"old")
    with (tmp_path / "old").open("rb"), pytest.raises(PermissionError):
        put_in_place(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"old"


def _open_descriptors() -> list[int]:
    def is_open(descriptor: int) -> bool:
        try:
            os.fstat(descriptor)
        except OSError:
            return False
        return True

    return list(filter(is_open, range(200)))
