"""What only Python 2 can run, made into what Python 3 runs to the same result."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upgrade_kit.model.rewrite import Outcome
from upgrade_kit.rewriting.edits import edited
from upgrade_kit.rewriting.grammar import Python3, parse
from upgrade_kit.rewriting.rewrite import rewrite_procedure


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "print\r\nprint 'a' # b \r\nx = 1\t\r\n", "print\r\nprint('a') # b \r\nx = 1\t\r\n", id="CRLF stays"
        ),
        pytest.param("print 'a'", "print('a')", id="no final newline stays"),
        pytest.param("print 'a', \\\n  'b'\n", "print('a', \\\n  'b')\n", id="a continued line stays"),
        pytest.param("print \\\n  'b'\n", "print( \\\n  'b')\n", id="continued at once"),
        pytest.param("if 1: print 'a'; x = 1\n", "if 1: print('a'); x = 1\n", id="two statements in a line"),
        pytest.param("print -1\n", "print(-1)\n", id="what Python 3 takes for a difference"),
        pytest.param("print (1), (2)\n", "print((1), (2))\n", id="what Python 3 takes for a tuple"),
        pytest.param("x = 1 if 2<>3else 4\n", "x = 1 if 2!=3else 4\n", id="an operator without blanks"),
        pytest.param("x = 0xFFL+0L+0777\n", "x = 0xFF+0+0o777\n", id="numbers"),
        pytest.param(
            "try:\n  x = 1\nexcept KeyError ,e:\n  pass\n",
            "try:\n  x = 1\nexcept KeyError as e:\n  pass\n",
            id="a comma with a blank before it",
        ),
        pytest.param("raise E, ('a')\n", "raise E(('a'))\n", id="a text in brackets"),
        pytest.param("raise E, 'a', tb\n", "raise E('a').with_traceback(tb)\n", id="a traceback"),
        pytest.param("print`1`\n", "print( repr(1))\n", id="backticks without a blank"),
        pytest.param("x = 'é \\N'\n", "x = 'é \\\\N'\n", id="a backslash before N"),
        pytest.param(
            "if 1:\n\tx = '''\n        y'''\n        z = 1 # \t \n",
            "if 1:\n\tx = '''\n        y'''\n\tz = 1 # \t \n",
            id="indentation, and blanks in a text",
        ),
    ],
)
def test_only_what_python_3_lacks_changes(before: str, after: str) -> None:
    rewrite = rewrite_procedure(before, slug="r")

    assert rewrite.outcome is Outcome.REWRITE, rewrite.reason
    assert rewrite.source == after
    assert edited(before, rewrite.edits) == after


def test_a_conversion_and_a_rename_are_shown_together_and_in_order() -> None:
    source = "print FILE.tell(), len(FILE.read())\nresult = 1\n"

    rewrite = rewrite_procedure(source, slug="r")

    assert rewrite.source == "print(BIN_FILE.tell(), len(BIN_FILE.read()))\nresult = 1\n"
    assert [edit.rule for edit in rewrite.edits] == ["UK440", "UK401", "UK401", "UK440"]
    assert [edit.column for edit in rewrite.edits] == [6, 7, 24, 36]


def test_a_conversion_is_told_for_information() -> None:
    (finding,) = rewrite_procedure("x = 1\r\nprint x\r\nresult = 1\r\n").findings

    assert (finding.severity, finding.where, finding.rule) == ("info", "line 2", "UK440")
    assert "print" in finding.message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param("print >>f, 'x'\n", "elsewhere than on the screen", id="print into a file"),
        pytest.param("import sys\nsys.stdout = f\nprint 'x'\n", "may be kept", id="the screen is something else"),
        pytest.param("print 'é'\n", "outside ASCII", id="an accent on the screen"),
        pytest.param("raise E, e\n", "something other than a text", id="raise with who knows what"),
        pytest.param("try:\n  x = 1\nexcept E, (a, b):\n  pass\n", "unpacks the error", id="an error taken apart"),
        pytest.param("result = `x`\n", "in another way on Python 3", id="backticks in the result"),
        pytest.param("x = isinstance(1L, int)\n", "its type asked for", id="the type of a long number"),
        pytest.param("x = '%s' % [1L]\n", "may be written", id="a long number in a list in a text"),
        pytest.param("x = ur'\\u0041'\n", "letter on Python 2 alone", id="a raw escape"),
        pytest.param("print 'x'\nTrue = 1\n", "cannot assign to True", id="True is assigned"),
        pytest.param("print 'x'\ny = f'{x}'\n", "Python 2 does not know f'...'", id="a text of 3.6"),
        pytest.param("print 'x'\ny, *z = 1, 2\n", "Python 2 cannot run it either", id="a star of Python 3"),
    ],
)
def test_what_is_not_provably_the_same_is_left_to_a_person(source: str, words: str) -> None:
    rewrite = rewrite_procedure(source, slug="r")

    assert rewrite.outcome is Outcome.REVIEW
    assert words in rewrite.reason
    assert rewrite.source == source


def test_the_variable_of_a_list_comprehension_is_followed_although_something_else_stores_it() -> None:
    rewrite = rewrite_procedure("i = 3\nrows = [i for i in FILE]\nresult = len(rows) + int(i)\n", slug="r")

    assert rewrite.outcome is Outcome.REVIEW
    assert rewrite.reason == "i is the variable of a list comprehension, which Python 3 keeps inside (line 3)"


def test_stored_anew_after_a_list_comprehension_it_is_the_same_on_both() -> None:
    source = "rows = [int(i) for i in FILE]\nfor i in rows:\n    result = i\n"

    assert rewrite_procedure(source, slug="r").outcome is Outcome.UNCHANGED


def test_left_alone_when_asked() -> None:
    source = "print 'x'\nresult = len(FILE.read())\n"

    rewrite = rewrite_procedure(source, slug="r", python2=False)

    assert rewrite.outcome is Outcome.REVIEW
    assert rewrite.source is source
    assert rewrite.reason == "only Python 2 can run it: print as a statement (line 1)"
    assert rewrite.findings[0].rule == "UK420"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "def f((a, (b, c)), d=(1, 2)):\r\n    'doc'\r\n    x = a\r\n    return x\r\nresult = f((1, (2, 3)))\r\n",
            "def f(a_b_c, d=(1, 2)):\r\n    'doc'\r\n    a, (b, c) = a_b_c; x = a\r\n    return x\r\n"
            "result = f((1, (2, 3)))\r\n",
            id="a tuple in a tuple, behind a docstring",
        ),
        pytest.param("def f((a)): return a\nresult = f(1)\n", "def f(a): return a\nresult = f(1)\n", id="one name"),
        pytest.param(
            "a_b = 1\ndef f((a, b)): return b\nresult = f((1, 2))\n",
            "a_b = 1\ndef f(a_b_): a, b = a_b_; return b\nresult = f((1, 2))\n",
            id="the name is taken",
        ),
        pytest.param(
            "xs = [3, 4]\nresult = map(lambda (i, x): i * x, enumerate(xs))\n",
            "xs = [3, 4]\nresult = list(map(lambda i_x: i_x[0] * i_x[1], enumerate(xs)))\n",
            id="pairs in a lambda, and a list",
        ),
        pytest.param(
            "d = {}\nresult = sorted(d.items(), key=lambda (k, v): dict(v=k)['v'])[0]\n",
            "d = {}\nresult = sorted(d.items(), key=lambda k_v: dict(v=k_v[0])['v'])[0]\n",
            id="a keyword is no use of the name",
        ),
    ],
)
def test_tuples_as_parameters(before: str, after: str) -> None:
    rewrite = rewrite_procedure(before, slug="r")

    assert rewrite.source == after, rewrite.reason


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("f = lambda (a, b): a\nresult = f(x)\n", id="called with who knows what"),
        pytest.param("d = {}\nresult = map(lambda (a, b): [a for a in b], d.items())\n", id="bound again inside"),
        pytest.param("def f((a, b)):\n    if a:\n        return b\nresult = f((1, 2))\n", id="before a block"),
    ],
)
def test_tuples_that_are_left_to_a_person(source: str) -> None:
    rewrite = rewrite_procedure(source, slug="r")

    assert rewrite.outcome is Outcome.REVIEW
    assert rewrite.source is source


# -- texts of many kinds ---------------------------------------------------------------------------------------

VALUES = (
    "n",
    "0755",
    "10L",
    "'a'",
    "ur'b'",
    "'C:\\Users'",
    "`n`",
    "d['a']",
    "len(FILE.read())",
    "(1, 2)",
    "[x for x in 1, 2]",
)
SIMPLE = (
    "print {0}",
    "print {0}, {1},",
    "print ({0}) % {1}",
    "print >>sys.stderr, {0}",
    "n = {0} <> {1}",
    "xs = range({0}) + map(str, {1})",
    "n = d.has_key({0})",
    "for k, v in d.iteritems(): n = k",
    "raise ValueError, {0}",
    "exec {0}",
    "n = xrange({0})",
    "result = {0}  # é \u00a0 `x`",
)


@st.composite
def procedures(draw: st.DrawFn) -> str:
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    lines = ["import sys", "n, d, result = 1, {'a': 1}, 0"]
    for _ in range(draw(st.integers(1, 6))):
        value = st.sampled_from(VALUES)
        line = draw(st.sampled_from(SIMPLE)).format(draw(value), draw(value))
        match draw(st.integers(0, 3)):
            case 0:
                lines += ["if n:", f"        {line}", "\tn = 2", f"        {line} "]
            case 1:
                lines += ["try:", f"    {line}", "except (ValueError, TypeError), e:\t", "    print e"]
            case _:
                lines.append(line)
    return newline.join(lines) + draw(st.sampled_from(["", newline, f"  {newline}", f"{newline}# end"]))


@given(procedures())
@settings(max_examples=200, deadline=None)
def test_whatever_is_converted_parses_and_nothing_else_is_touched(source: str) -> None:
    rewrite = rewrite_procedure(source, slug="r")

    assert rewrite.source == edited(source, rewrite.edits)
    end = 0
    for edit in rewrite.edits:
        assert edit.offset >= end
        assert source[edit.offset :].startswith(edit.before)
        assert edit.before != edit.after
        end = edit.offset + len(edit.before)
    if rewrite.outcome is Outcome.REWRITE:
        assert rewrite.source is not None
        assert isinstance(parse(rewrite.source), Python3)
        again = rewrite_procedure(rewrite.source, slug="r")
        assert again.outcome is Outcome.UNCHANGED
        assert again.source is rewrite.source
        assert rewrite.source.count("\n") - rewrite.source.count("\r\n") == source.count("\n") - source.count("\r\n")
