from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.report.diff import split_lines
from upgrade_kit.report.side_by_side import Change, Line, Row, listing, side_by_side

TEXT = st.text(st.sampled_from("ab \t'=\r\n"), max_size=60)


def bare(line: Line | None) -> str:
    return "" if line is None else "".join(piece.text for piece in line.pieces)


def marked(line: Line | None) -> list[str]:
    return [] if line is None else [piece.text for piece in line.pieces if piece.changed]


def changes(rows: tuple[Row, ...]) -> list[Change]:
    return [row.change for row in rows]


def test_a_word_that_changes_is_marked_and_the_rest_of_its_line_is_not() -> None:
    [row] = side_by_side("ds = read(FILE) # FILE\n", "ds = read(BIN_FILE) # FILE\n")

    assert row.change is Change.CHANGED
    assert (marked(row.before), marked(row.after)) == (["FILE"], ["BIN_FILE"])


def test_what_does_not_change_is_not_marked() -> None:
    rows = side_by_side("a = 1\nb = FILE\n", "a = 1\nb = BIN_FILE\n")

    assert changes(rows) == [Change.SAME, Change.CHANGED]
    assert marked(rows[0].before) == marked(rows[0].after) == []


def test_lines_that_go_or_come_are_marked_whole_on_their_side_alone() -> None:
    rows = side_by_side("a = 1\nb = 2\n", "a = 1\nnew = 3\nb = 2\n")

    assert changes(rows) == [Change.SAME, Change.NEW, Change.SAME]
    assert rows[1].before is None
    assert "".join(marked(rows[1].after)) == "new = 3"
    assert changes(side_by_side("a = 1\nold = 3\n", "a = 1\n")) == [Change.SAME, Change.GONE]


def test_a_line_end_that_changes_is_spelt_out_and_one_that_stays_is_not() -> None:
    [row] = side_by_side("a = 1\r\n", "a = 1\n")
    assert row.before
    assert row.after
    assert (row.before.end, row.after.end) == ("\\r\\n", "\\n")

    [row] = side_by_side("a = 1\n", "a = 1")
    assert row.after
    assert row.after.end == "no line end"

    [row] = side_by_side("a = 1\r\n", "a = 2\r\n")
    assert row.before
    assert row.before.end == ""


def test_of_a_long_text_only_what_is_near_a_change_is_shown() -> None:
    before = "".join(f"line_{number} = {number}\n" for number in range(200))
    after = before.replace("line_100 = 100", "line_100 = 101")

    rows = side_by_side(before, after)

    assert [row.skipped for row in rows if row.skipped] == [94, 93]
    assert len(rows) == 15
    assert len(side_by_side(before, after, whole=True)) == 200
    assert not any(row.skipped for row in side_by_side("a\n" * 50, "a\n" * 49 + "b\n"))


@given(TEXT, TEXT)
def test_both_sides_add_up_to_their_texts(before: str, after: str) -> None:
    rows = side_by_side(before, after, whole=True)

    for side, text in (("before", before), ("after", after)):
        lines = [getattr(row, side) for row in rows if getattr(row, side) is not None]
        assert [bare(line) for line in lines] == [line.rstrip("\r\n") for line in split_lines(text)]
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))


@given(TEXT)
def test_a_text_beside_itself_has_no_mark(text: str) -> None:
    assert {row.change for row in side_by_side(text, text)} <= {Change.SAME}


def test_a_listing_is_the_text_in_lines() -> None:
    assert [(line.number, bare(line)) for line in listing("a = 1\r\n\tb\n")] == [(1, "a = 1"), (2, "\tb")]
    assert listing("") == ()


def test_what_is_very_long_takes_no_long_time() -> None:
    line = "x = [" + "1, 2, " * 20_000 + "FILE]\n"
    many = "".join(f"a_{number} = FILE\n" for number in range(6_000))
    start = time.process_time()

    [row] = side_by_side(line, line.replace("FILE", "BIN_FILE"))
    side_by_side(many, many.replace("FILE", "BIN_FILE"))

    assert marked(row.after) == ["BIN_FILE"]
    assert time.process_time() - start < 10
