"""Reads files of SQL as editors and SQL Server's tools save them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from pathlib import Path

from upgrade_kit.model.sql import Script, Scripts
from upgrade_kit.preflight.sql_reading import read_sql
from upgrade_kit.preflight.sql_words import SqlError

_MOST_BYTES = 2_000_000  # a report or a job is a few kilobytes; what is larger is a dump
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_TEXT = re.compile(r"[\0-\x08\x0e-\x1b\x7f]")


def read_sql_files(files: Sequence[Path]) -> Scripts:
    """Read and take apart each file, or say why that cannot be done."""
    read: list[Script] = []
    unread: list[tuple[str, str]] = []
    for file in dict.fromkeys(files):
        try:
            read.append(read_sql(str(file), _text_of(file)))
        except OSError as error:
            unread.append((str(file), f"cannot be read: {error.strerror or error}"))
        except SqlError as error:
            unread.append((str(file), str(error)))
    return Scripts(read=tuple(read), unread=tuple(unread))


def _text_of(file: Path) -> str:
    """Return what a file holds.

    Raises:
        OSError: it cannot be read.
        SqlError: it is empty, too large, or no text.
    """
    if not file.is_file():
        raise SqlError("it is no file")
    with file.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise SqlError(f"it is larger than {_MOST_BYTES // 1_000_000} MB; that is no report, but perhaps a dump")
    text = _decoded(data)
    if not text.strip():
        raise SqlError("it is empty")
    if _NO_TEXT.search(text):
        raise SqlError("it is no text")
    return text


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _strictly(data, encoding)
    for place, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):  # saved without a mark: every other byte is zero
        zeros = data[place::2].count(0)
        if zeros > len(data) // 4 and data[1 - place :: 2].count(0) == 0:
            return _strictly(data, encoding)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _strictly(data, "cp1252")


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise SqlError(f"it is no text: byte {error.start + 1} is none in {encoding}") from error
