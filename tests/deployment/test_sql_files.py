from __future__ import annotations

import os
from pathlib import Path

import pytest

from upgrade_kit.deployment.sql_files import read_sql_files


def reason(tmp_path: Path, data: bytes) -> str:
    file = tmp_path / "x.sql"
    file.write_bytes(data)
    scripts = read_sql_files([file])
    return scripts.unread[0][1] if scripts.unread else ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_of_every_usual_encoding_is_read(encoding: str, tmp_path: Path) -> None:
    assert reason(tmp_path, "SELECT 'Größe' FROM t".encode(encoding)) == ""


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf\r\n ", "it is empty"),
        (b"SELECT \0 FROM t", "it is no text"),
        (b"SQLite format 3\0\x10\0\1\1\0@  \0\0\0", "it is no text"),
        (b"SELECT '\x81' FROM t", "none in cp1252"),
        (b"\xff\xfeS\0E", "it is no text"),
        (b"\xff\xfe\0\xd8x\0", "none in utf-16"),
        (b"what I found", "no statement"),
    ],
)
def test_anything_else_is_told(data: bytes, told: str, tmp_path: Path) -> None:
    assert told in reason(tmp_path, data)


def test_one_that_went_meanwhile_is_told(tmp_path: Path) -> None:
    assert read_sql_files([tmp_path / "gone.sql"]).unread[0][1] == "it is no file"


@pytest.mark.skipif(os.name != "posix", reason="there are no such files on Windows")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sql")
    assert read_sql_files([tmp_path / "pipe.sql"]).unread[0][1] == "it is no file"
