"""A file of one's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.interrupts import interrupt_at, lines_run
from upgrade_kit.deployment import private_file
from upgrade_kit.deployment.private_file import open_new


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
    with lines_run((private_file,)) as lines:
        open_new(tmp_path / "seen").close()
    descriptors = _open_descriptors()
    for number, line in enumerate(lines):
        with interrupt_at(line):
            open_new(tmp_path / f"{number}")
        (tmp_path / f"{number}").unlink(missing_ok=True)
    assert len(lines) >= 2
    assert _open_descriptors() == descriptors


def _open_descriptors() -> list[int]:
    def is_open(descriptor: int) -> bool:
        try:
            os.fstat(descriptor)
        except OSError:
            return False
        return True

    return list(filter(is_open, range(200)))
