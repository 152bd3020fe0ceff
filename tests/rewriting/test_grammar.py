"""Which Python a procedure is written in."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.grammar import Python2Only, Python3, Unparsable, parse


@pytest.mark.parametrize(
    ("source", "line", "what"),
    [
        pytest.param("x = 1\nprint 'x'\n", 2, "print as a statement", id="print"),
        pytest.param("x = 1\r\nprint 'x'\r\n", 2, "print as a statement", id="print in a text with CRLF"),
        pytest.param(
            "print\nprint('y')\nexec 'x = 1'\n", 3, "exec as a statement", id="exec, after prints that both parse"
        ),
        pytest.param("try:\n    x = 1\nexcept ValueError, e:\n    pass\n", 3, "except with a comma", id="except"),
        pytest.param("raise ValueError, 'x'\n", 1, "raise with a comma", id="raise"),
        pytest.param("x = `1`\n", 1, "backticks", id="backticks"),
        pytest.param("x = 1 <> 2\n", 1, "<>", id="unequal"),
        pytest.param("x = 0755\n", 1, "the number 0755", id="an octal number"),
        pytest.param("x = 10L\n", 1, "the number 10L", id="a long number"),
        pytest.param("x = ur'a'\n", 1, "ur'...'", id="a raw unicode text"),
        pytest.param("def f((a, b)):\n    return a\n", 1, "", id="a tuple as a parameter"),
        pytest.param("if 1:\n\tx = 1\n        y = 2\n", 3, "", id="tabs and blanks that Python 2 takes for equal"),
    ],
)
def test_python_2_only(source: str, line: int, what: str) -> None:
    dialect = parse(source)

    assert isinstance(dialect, Python2Only)
    assert dialect.line == line
    assert what in dialect.what


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("", id="nothing"),
        pytest.param("print(1)\nx = 0o755 + 10\n", id="what both parse"),
        pytest.param("x = '\\d'\n", id="an escape that newer Pythons warn of"),
        pytest.param("x = 1 \\", id="a trailing backslash, for newlines follow"),
        pytest.param("# -*- coding: nonsense -*-\nx = 1\n", id="a coding line, which is ignored"),
        pytest.param("x = 1\ry = 2\r", id="lone carriage returns"),
    ],
)
def test_python_3(source: str) -> None:
    assert isinstance(parse(source), Python3)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("x = = 1\n", id="no Python"),
        pytest.param("\ufeffx = 1\n", id="a byte order mark"),
        pytest.param("x\u00a0= 1\n", id="a no-break space"),
        pytest.param("  x = 1\n  y = 2\n", id="a paste that is indented throughout"),
        pytest.param("x = (1,\n", id="an open bracket"),
        pytest.param("x = '\x00'\n", id="a null character"),
    ],
)
def test_neither(source: str) -> None:
    assert isinstance(parse(source), Unparsable)


def test_newer_syntax_than_3_6_is_no_python_3() -> None:
    assert not isinstance(parse("if (n := 3) > 2:\n    result = n\n"), Python3)
