from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.report import highlight
from upgrade_kit.report.highlight import Span, highlighted


@pytest.mark.parametrize(
    ("line", "python2", "kind", "word"),
    [
        pytest.param("print 'x'", True, "k", "print", id="Python 2's print is a keyword"),
        pytest.param("print('x')", False, "b", "print", id="Python 3's is built in"),
        pytest.param("x = 'y' # z", False, "s", "'y'", id="text"),
        pytest.param("x = 'y' # z", False, "c", "# z", id="a comment"),
        pytest.param("x = 1.5e3", False, "n", "1.5e3", id="a number"),
        pytest.param("a not in b", False, "k", "not", id="an operator that is a word"),
    ],
)
def test_words_have_their_kind(line: str, python2: bool, kind: str, word: str) -> None:
    [spans] = highlighted([line], python2=python2)

    assert word in [span.text.strip() for span in spans if span.kind == kind]


def test_a_text_over_several_lines_is_one_on_each() -> None:
    lines = ['x = """a', "", 'b""" + y']

    assert highlighted(lines, python2=False)[0][-1].kind == "s"
    assert highlighted(lines, python2=False)[1] == ()
    assert highlighted(lines, python2=False)[2][0] == Span("s", 'b"""')


@given(st.lists(st.text(st.characters(exclude_characters="\n"))), st.booleans())
def test_no_character_is_lost_or_altered(lines: list[str], python2: bool) -> None:
    spans = highlighted(lines, python2=python2)

    assert ["".join(span.text for span in line) for line in spans] == lines


def test_what_is_very_long_is_shown_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlight, "MOST_CHARACTERS", 10)

    assert highlighted(["x = 1", "", "print"], python2=False) == [(Span("", "x = 1"),), (), (Span("", "print"),)]
