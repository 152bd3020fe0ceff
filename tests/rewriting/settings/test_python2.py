"""Settings of Python 2: what means the same is written so, and the rest is said."""

from __future__ import annotations

import pytest

from upgrade_kit import rewrite_settings
from upgrade_kit.model.rewrite import Outcome

QUIET = "# USE_SERVICE_LOG, USE_PARTS, TESTPACK_TIMEOUT and AD_CLEAN_USERNAME are known\nprint 'old'\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        pytest.param("X = 7 / 2\n", "X = 7 // 2\n", id="whole numbers"),
        pytest.param("X = (7 + 1) / 2 / 3\n", "X = (7 + 1) // 2 // 3\n", id="one after the other"),
        pytest.param("X = 7 / 2.0\n", "X = 7 / 2.0\n", id="a fraction"),
        pytest.param("X = '7 / 2'  # 7 / 2\n", "X = '7 / 2'  # 7 / 2\n", id="no division"),
        pytest.param("X = 0777\n", "X = 0o777\n", id="an old number"),
        pytest.param("d = {}\nX = d.has_key('a')\n", "d = {}\nX = 'a' in d\n", id="a method of another name"),
    ],
)
def test_it_means_the_same(text: str, after: str) -> None:
    answer = rewrite_settings(text + QUIET)

    assert answer.source == (after + QUIET).replace("print 'old'", "print('old')")
    assert answer.left == ()


def test_with_the_future_division_nothing_changes() -> None:
    text = "from __future__ import division\nX = 7 / 2\n"

    assert rewrite_settings(text + QUIET).source.startswith(text)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("A = 1\nX = A / 2\n", 2, "//"),
        ("X = map(str, ())\n", 1, "list(map(...))"),
        ("X = zip((), ())\n", 1, "list(zip(...))"),
        ("import ConfigParser\n", 1, "configparser"),
        ("\nX = unicode('a')\nY = raw_input()\n", 2, "unicode"),
    ],
)
def test_what_may_come_to_something_else_is_said(text: str, line: int, said: str) -> None:
    left = rewrite_settings(text + QUIET).left

    assert any(one.line == line and said in one.reason for one in left)


def test_what_the_kit_does_not_convert_is_left_as_a_whole() -> None:
    text = "print >>open('log', 'a'), 'x'\nTEMPLATE_DEBUG = True\n"

    answer = rewrite_settings(text)

    assert answer.outcome is Outcome.REVIEW
    assert answer.source is text
    assert "line 1" in answer.reason
