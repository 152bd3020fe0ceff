"""Located edits: make them, apply them, and put two passes together as one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from upgrade_kit.model.rewrite import Edit
from upgrade_kit.rewriting.runtime_text import Places


def edit_at(places: Places, offset: int, before: str, after: str, rule: str) -> Edit:
    """Return the edit that replaces ``before`` at a character offset of the text that ``places`` knows."""
    line, column = places.line_and_column(offset)
    return Edit(line=line, column=column, offset=offset, before=before, after=after, rule=rule)


def edited(source: str, edits: Iterable[Edit]) -> str:
    """Return the text after the edits, which are in order of offset and do not overlap."""
    parts, position = [], 0
    for edit in edits:
        parts += [source[position : edit.offset], edit.after]
        position = edit.offset + len(edit.before)
    return "".join((*parts, source[position:]))


def composed(source: str, first: tuple[Edit, ...], second: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Return the edits of ``source`` that do what ``first`` and then ``second`` do.

    Args:
        source: the text before both.
        first: edits of ``source``.
        second: edits of the text that ``first`` gives.

    Returns:
        The edits in order, each with the rule that asked for it. Edits that meet become one, with the rule of the
        first pass; what the second pass puts back as it was is no edit.
    """
    places = Places(source)
    found = []
    shift = 0  # how far the first pass moved what stands before the group
    for group in _groups(first, second):
        mine = [one.edit for one in group if one.is_first]
        later = [one.edit for one in group if not one.is_first]
        grown = sum(len(edit.after) - len(edit.before) for edit in mine)
        start, end = group[0].start, max(one.end for one in group)
        before = source[start - shift : end - shift - grown]
        between = edited(before, (replace(edit, offset=edit.offset - start + shift) for edit in mine))
        after = edited(between, (replace(edit, offset=edit.offset - start) for edit in later))
        if before != after:
            found.append(edit_at(places, start - shift, before, after, (mine or later)[0].rule))
        shift += grown
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Located:
    """An edit of either pass, and where it is in the text between the passes."""

    start: int
    end: int
    is_first: bool
    edit: Edit


def _groups(first: tuple[Edit, ...], second: tuple[Edit, ...]) -> Iterator[list[_Located]]:
    """Gather the edits that overlap, and empty ones with what they touch."""
    located = [_Located(edit.offset, edit.offset + len(edit.before), is_first=False, edit=edit) for edit in second]
    shift = 0
    for edit in first:
        start = edit.offset + shift
        located.append(_Located(start, start + len(edit.after), is_first=True, edit=edit))
        shift += len(edit.after) - len(edit.before)
    located.sort(key=lambda one: (one.start, one.end, one.is_first))
    group: list[_Located] = []
    reach = 0
    for one in located:
        empty = one.start == one.end or (bool(group) and group[-1].start == group[-1].end)
        if group and (one.start > reach or (one.start == reach and not empty)):
            yield group
            group = []
        group.append(one)
        reach = max(reach, one.end)
    if group:
        yield group


class PlacesAfter(Places):
    """Where things are in a text after edits; its lines are told as those of the text before."""

    def __init__(self, source: str, edits: tuple[Edit, ...]) -> None:
        super().__init__(edited(source, edits))
        self._before = Places(source)
        self._stretches = [(0, 0)]  # where what was kept and what was replaced begin in turn: after, and before
        shift = 0
        for edit in edits:
            self._stretches.append((edit.offset + shift, edit.offset))
            shift += len(edit.after) - len(edit.before)
            end = edit.offset + len(edit.before)
            self._stretches.append((end + shift, end))

    def line(self, executed_line: int) -> int:
        """Return the 1-based line of the text before, for a line of the text after as it is executed."""
        index = min(max(executed_line - 2, 0), len(self._executed_starts) - 1)
        offset = self._executed_starts[index]
        number = bisect_right(self._stretches, (offset, len(self._source))) - 1
        after, before = self._stretches[number]
        replaced = number % 2 == 1
        return self._before.line_and_column(before if replaced else before + offset - after)[0]


@dataclass(frozen=True, slots=True)
class Stage:
    """A text on its way: as stored, and the edits that were decided so far."""

    stored: str
    edits: tuple[Edit, ...] = ()

    @property
    def text(self) -> str:
        """The text after the edits so far."""
        return edited(self.stored, self.edits)

    def and_then(self, edits: tuple[Edit, ...]) -> Stage:
        """Return the stage after further edits of ``text``."""
        return Stage(self.stored, composed(self.stored, self.edits, edits))

    @property
    def places(self) -> PlacesAfter:
        """Where things are in the text after, with the lines of the stored text."""
        return PlacesAfter(self.stored, self.edits)
