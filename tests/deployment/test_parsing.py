from __future__ import annotations

import ast
from pathlib import Path

import pytest

from upgrade_kit.deployment.parsing import SIZE_LIMIT_BYTES, ParsedFile, parse_file
from upgrade_kit.model.unobserved import Unobserved


def parse(folder: Path, raw: bytes) -> ParsedFile | Unobserved:
    path = folder / "local_settings.py"
    path.write_bytes(raw)
    return parse_file(path, "local_settings.py")


@pytest.mark.parametrize(
    ("raw", "meaning", "python2_line"),
    [
        pytest.param(b"X = 1\n", "X = 1", None, id="Python 3"),
        pytest.param(b"", "", None, id="an empty file"),
        pytest.param(b"X = 1\r\nY = 2\r\n", "X = 1\nY = 2", None, id="CRLF"),
        pytest.param(b"X = 1\rY = 2\r", "X = 1\nY = 2", None, id="CR alone"),
        pytest.param(b"\xef\xbb\xbfX = '\xc3\xbc'\n", "X = '\u00fc'", None, id="a byte order mark"),
        pytest.param(b"# -*- coding: cp1252 -*-\nX = '\xfc'\n", "X = '\u00fc'", None, id="a coding line"),
        pytest.param(b"X = 'C:\\data'\n", "X = 'C:\\\\data'", None, id="a stray backslash"),
        pytest.param(b"X = 1\nprint 'x'\nY = 0777\n", "X = 1\nprint('x')\nY = 511", 2, id="print and octal"),
        pytest.param(b"X = ur'a\\d'\n", "X = 'a\\\\d'", 1, id="raw Unicode text"),
        pytest.param(b"X = 10L\n", "X = 10", 1, id="a long number"),
        pytest.param(
            b"try:\n    pass\nexcept E, e:\n    X = 1\n",
            "try:\n    pass\nexcept E as e:\n    X = 1",
            3,
            id="except with a comma",
        ),
        pytest.param(
            b"if 1:\n        X = 1\n\tY = 2\n\tZ = '''\n\tz'''\n",
            "if 1:\n    X = 1\n    Y = 2\n    Z = '\\n\\tz'",
            3,
            id="tabs among blanks, and a tab inside a text",
        ),
        pytest.param(b"print 'x'\r\nX = u'\xc3\xbc'\r\n", "print('x')\nX = '\u00fc'", 1, id="Python 2 with CRLF"),
    ],
)
def test_is_parsed(tmp_path: Path, raw: bytes, meaning: str, python2_line: int | None) -> None:
    parsed = parse(tmp_path, raw)
    assert isinstance(parsed, ParsedFile)
    assert ast.unparse(parsed.tree).replace("u'", "'") == meaning
    assert parsed.python2_line == python2_line


def test_line_numbers_of_python_2_are_the_files_own(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"print 'x'\n\n\nX = 0777\nexec 'y'\nraise E, 'z'\n")
    assert isinstance(parsed, ParsedFile)
    assert [statement.lineno for statement in parsed.tree.body] == [1, 4, 5, 6]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"X = 1\nY = = 2\n", "line 2: neither", id="a syntax error"),
        pytest.param(b"print 'x'\nY = = 2\n", "line 2: neither", id="a syntax error in Python 2"),
        pytest.param(b"X = {\n  'a': 1\nY = 2\n", "line 3: neither", id="a bracket that is left open"),
        pytest.param(b"X = 1\n  Y = 2\n", "line 2: neither", id="a wrong indent"),
        pytest.param(b"X = 1\nY = 2\x00\n", "line 2: a NUL", id="a NUL byte"),
        pytest.param(b"X = '\xbc\xbd'\n\xbc\n", "neither", id="a sign that is no operator"),
        pytest.param("X = 1\n".encode("utf-16"), "is UTF-16", id="UTF-16"),
        pytest.param(b"# coding: klingon\nX = 1\n", "names an encoding that does not exist", id="no such encoding"),
        pytest.param(b"# coding: hex\nX = 1\n", "names an encoding that does not exist", id="no text encoding"),
        pytest.param(b"# coding: ascii\nX = '\xfc'\n", "line 2: the bytes are not in", id="a wrong coding line"),
        pytest.param(b"X = " + b"-" * 100_000 + b"1\n", "nested too deeply", id="endless nesting"),
        pytest.param(b"#" * (SIZE_LIMIT_BYTES + 1), "larger than 4 MiB", id="a huge file"),
    ],
)
def test_is_refused_with_file_and_reason(tmp_path: Path, raw: bytes, reason: str) -> None:
    parsed = parse(tmp_path, raw)
    assert isinstance(parsed, Unobserved)
    assert parsed.reason.startswith("local_settings.py")
    assert reason in parsed.reason


def test_a_missing_file_is_a_reason(tmp_path: Path) -> None:
    assert isinstance(parse_file(tmp_path / "gone.py", "gone.py"), Unobserved)


def test_a_folder_is_a_reason(tmp_path: Path) -> None:
    assert isinstance(parse_file(tmp_path, "x.py"), Unobserved)


def test_cp1252_without_a_coding_line_is_read_and_told(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"\nX = '\xfc'\n")
    assert isinstance(parsed, ParsedFile)
    assert "line 2: byte 0xfc without a coding line; Python 2 and Python 3 both refuse" in parsed.notes[0]


def test_utf_8_without_a_coding_line_is_refused_by_python_2_alone(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"\nX = '\xc3\xbc'\n")
    assert isinstance(parsed, ParsedFile)
    assert parsed.notes == ("local_settings.py, line 2: non-ASCII text without a coding line, which Python 2 refuses",)


def test_plain_ascii_has_no_notes(tmp_path: Path) -> None:
    parsed = parse(tmp_path, b"# coding comes third\n\n# coding: klingon\nX = 1\n")
    assert isinstance(parsed, ParsedFile)
    assert parsed.notes == ()
