"""Located edits, and two passes as one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from upgrade_kit.model.rewrite import Edit
from upgrade_kit.rewriting.edits import PlacesAfter, composed, edit_at, edited
from upgrade_kit.rewriting.runtime_text import Places


@st.composite
def edits_of(draw: st.DrawFn, source: str) -> tuple[Edit, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, len(source)), max_size=8)))
    found: list[Edit] = []
    last = -1
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        if start > last:
            found.append(edit_at(Places(source), start, source[start:end], draw(st.text("xy\n", max_size=3)), "R"))
            last = end
    return tuple(found)


@given(st.text("ab\r\n", max_size=14), st.data())
@settings(max_examples=500, deadline=None)
def test_two_passes_are_one(source: str, data: st.DataObject) -> None:
    first = data.draw(edits_of(source))
    second = data.draw(edits_of(edited(source, first)))

    together = composed(source, first, second)

    assert edited(source, together) == edited(edited(source, first), second)
    end = 0
    for edit in together:
        assert edit.offset >= end
        assert source[edit.offset :].startswith(edit.before)
        end = edit.offset + len(edit.before)


def test_a_change_inside_a_replaced_piece_is_one_edit() -> None:
    first = (edit_at(Places("a.has(FILE)"), 0, "a.has(FILE)", "FILE in a", "R1"),)
    second = (edit_at(Places("FILE in a"), 0, "FILE", "BIN_FILE", "R2"),)

    (edit,) = composed("a.has(FILE)", first, second)

    assert (edit.before, edit.after, edit.rule) == ("a.has(FILE)", "BIN_FILE in a", "R1")


def test_a_line_of_the_text_after_is_told_as_the_line_before() -> None:
    source = "a\nb\nc\n"
    places = PlacesAfter(source, (edit_at(Places(source), 0, "", "import x\n", "R"),))

    assert [places.line(executed_line) for executed_line in (2, 3, 4, 5)] == [1, 1, 2, 3]
