from __future__ import annotations

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from upgrade_kit.report.markup import attribute, code_line, shown
from upgrade_kit.report.side_by_side import Line, Piece


def read(html: str) -> str:
    """What a person reads where this HTML stands."""
    return "".join(html5lib.parseFragment(html, namespaceHTMLElements=False).itertext())


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param("<b>&amp;\"'</b>", "<b>&amp;\"'</b>", id="markup"),
        pytest.param("é Å 日本 😀", "é Å 日本 😀", id="letters of any language"),
        pytest.param("a\x00\x1b[31m", "a\\x00\\x1b[31m", id="controls"),
        pytest.param("\u202egpj\u202c", "\\u202egpj\\u202c", id="overrides of direction"),
        pytest.param("a\u00a0b\u2003", "a\\xa0b\\u2003", id="blanks that are none"),
        pytest.param("a\tb\r\n", "a\\tb\\r\\n", id="tabs and line ends"),
        pytest.param("\ud800", "\\ud800", id="half a character"),
        pytest.param("\\x00", "\\x00", id="what is written with a backslash itself"),
    ],
)
def test_a_person_reads_the_text_with_what_is_invisible_spelt_out(text: str, seen: str) -> None:
    assert read(shown(text)) == seen
    shown(text).encode("utf-8")


def test_what_is_spelt_out_is_told_from_what_was_written_so() -> None:
    assert shown("\x00") != shown("\\x00")


@given(st.text(st.characters(exclude_categories=[])))
def test_no_text_makes_an_element_but_the_one_that_spells_out(text: str) -> None:
    tree = html5lib.parseFragment(shown(text), namespaceHTMLElements=False)

    assert {element.tag for element in tree.iter()} <= {"DOCUMENT_FRAGMENT", "var"}


@given(st.text(st.characters(exclude_categories=[])))
def test_no_text_ends_an_attribute(text: str) -> None:
    [element] = html5lib.parseFragment(f'<p title="{attribute(text)}">', namespaceHTMLElements=False)

    assert (element.tag, set(element.attrib)) == ("p", {"title"})


def test_what_is_html_already_stays() -> None:
    assert shown(Markup("<b>x</b>")) == "<b>x</b>"


def test_a_line_of_code_has_its_marks_around_neighbours_together() -> None:
    pieces = (Piece("k", "import", False), Piece("", " ", False), Piece("n", "1", True), Piece("", "<", True))

    html = code_line(Line(number=1, pieces=pieces, end="\\r\\n"), "ins")

    assert html == '<span class="k">import</span> <ins><span class="n">1</span>&lt;</ins><var>\\r\\n</var>'


def test_a_tab_is_spelt_out_where_it_changes_and_indents_where_it_does_not() -> None:
    html = code_line(Line(number=1, pieces=(Piece("", "\tx", False), Piece("", "\ty", True))), "del")

    assert html == "\tx<del><var>\\t</var>y</del>"
