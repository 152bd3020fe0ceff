"""Two texts side by side: which lines go together, and which words of them changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from upgrade_kit.report.diff import split_lines
from upgrade_kit.report.highlight import Span, highlighted

CONTEXT = 6  # lines shown around a change
_SHORT = 60  # lines; a text up to here is shown whole
_MANY_WORDS = 2_000  # beyond that a line is compared from both its ends only
_MANY_LINES = 5_000
_WORD = re.compile(r"\w+|\s|.", re.DOTALL)


class Change(StrEnum):
    """What becomes of a line."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    NEW = "new"
    SKIPPED = "skipped"  # lines that stay as they are, not shown


class Piece(NamedTuple):
    """A piece of a line: its kind (see ``highlight.Span``), its text, and whether it changed."""

    kind: str
    text: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of one side.

    Attributes:
        number: from 1 on.
        pieces: they add up to the line, without what ends it.
        end: what ends it where the other side's ends otherwise, or ``""``; spelt out.
    """

    number: int
    pieces: tuple[Piece, ...]
    end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What stands side by side.

    Attributes:
        change: what becomes of the line.
        before: the left side, or None.
        after: the right side, or None.
        skipped: how many lines are not shown here.
    """

    change: Change
    before: Line | None = None
    after: Line | None = None
    skipped: int = 0


def side_by_side(before: str, after: str, *, whole: bool = False) -> tuple[Row, ...]:
    """Return the rows of two texts; of long ones only what is near a change, unless ``whole``.

    The left side is taken for Python 2, the right one for Python 3: that is what runs them.
    """
    left, right = _Side(before, python2=True), _Side(after, python2=False)
    rows = tuple(_rows(left, right))
    if whole or max(len(left.lines), len(right.lines)) <= _SHORT:
        return rows
    return tuple(_near_changes(rows))


def listing(text: str) -> tuple[Line, ...]:
    """Return the lines of one text, which is taken for Python 3."""
    side = _Side(text, python2=False)
    return tuple(side.line(number) for number in range(len(side.lines)))


class _Side:
    """One of the two texts, in lines."""

    def __init__(self, text: str, *, python2: bool) -> None:
        self.lines = split_lines(text)
        self.bare = [line.rstrip("\r\n") for line in self.lines]
        self._spans = highlighted(self.bare, python2=python2)

    def line(self, number: int, changed: Sequence[tuple[int, int]] = (), *, tell_end: bool = False) -> Line:
        end = self.lines[number][len(self.bare[number]) :]
        spelt = end.replace("\r", "\\r").replace("\n", "\\n") or "no line end"
        pieces = tuple(_cut(self._spans[number], changed))
        return Line(number=number + 1, pieces=pieces, end=spelt if tell_end else "")

    def all_of(self, number: int) -> Line:
        return self.line(number, [(0, len(self.bare[number]))])


def _rows(left: _Side, right: _Side) -> Iterator[Row]:
    for tag, i1, i2, j1, j2 in _compared(left.lines, right.lines, most=_MANY_LINES):
        if tag == "equal":
            for shift in range(i2 - i1):
                yield Row(change=Change.SAME, before=left.line(i1 + shift), after=right.line(j1 + shift))
            continue
        both = min(i2 - i1, j2 - j1)
        for shift in range(both):
            yield _changed(left, i1 + shift, right, j1 + shift)
        for number in range(i1 + both, i2):
            yield Row(change=Change.GONE, before=left.all_of(number))
        for number in range(j1 + both, j2):
            yield Row(change=Change.NEW, after=right.all_of(number))


def _changed(left: _Side, i: int, right: _Side, j: int) -> Row:
    old, new = _WORD.findall(left.bare[i]), _WORD.findall(right.bare[j])
    gone: list[tuple[int, int]] = []
    come: list[tuple[int, int]] = []
    for tag, i1, i2, j1, j2 in _compared(old, new, most=_MANY_WORDS):
        if tag != "equal":
            gone.append((_length(old[:i1]), _length(old[:i2])))
            come.append((_length(new[:j1]), _length(new[:j2])))
    ends = left.lines[i][len(left.bare[i]) :] != right.lines[j][len(right.bare[j]) :]
    return Row(
        change=Change.CHANGED,
        before=left.line(i, gone, tell_end=ends),
        after=right.line(j, come, tell_end=ends),
    )


def _length(words: Sequence[str]) -> int:
    return sum(map(len, words))


def _compared(old: Sequence[str], new: Sequence[str], *, most: int) -> Sequence[tuple[str, int, int, int, int]]:
    """Return difflib's opcodes; of what is very long, one change between its equal ends."""
    if max(len(old), len(new)) <= most:
        return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    start, shorter = 0, min(len(old), len(new))
    while start < shorter and old[start] == new[start]:
        start += 1
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    i, j = len(old) - end, len(new) - end
    return [("equal", 0, start, 0, start), ("replace", start, i, start, j), ("equal", i, len(old), j, len(new))]


def _cut(spans: Sequence[Span], changed: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """Cut spans where a change begins or ends."""
    edges = sorted({edge for pair in changed for edge in pair})
    at = 0
    for kind, text in spans:
        cuts = [at, *(edge for edge in edges if at < edge < at + len(text)), at + len(text)]
        for begin, end in pairwise(cuts):
            marked = any(first <= begin and end <= last for first, last in changed)
            yield Piece(kind, text[begin - at : end - at], marked)
        at += len(text)


def _near_changes(rows: Sequence[Row]) -> Iterator[Row]:
    changed = [number for number, row in enumerate(rows) if row.change is not Change.SAME]
    near = {place for number in changed for place in range(number - CONTEXT, number + CONTEXT + 1)}
    skipped = 0
    for number, row in enumerate(rows):
        if number not in near:
            skipped += 1
            continue
        if skipped:
            yield Row(change=Change.SKIPPED, skipped=skipped)
            skipped = 0
        yield row
    if skipped:
        yield Row(change=Change.SKIPPED, skipped=skipped)
