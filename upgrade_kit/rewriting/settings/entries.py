"""Takes entries out of a dictionary that is written out, and adds some, without moving what stays."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from upgrade_kit.rewriting.settings.module import Entry, Table

_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMA = re.compile(r"[ \t]*,")
_REST_IS_COMMENT = re.compile(r"[ \t]*(#[^\r\n]*)?(\r\n|\r|\n|\Z)")
_OWN_COMMENT = re.compile(r"^[ \t]*#", re.MULTILINE)

Cut = tuple[int, int, str]  # start, end, what takes its place


def without(text: str, table: Table, keys: Collection[str]) -> list[Cut]:
    """Return what to cut so that these keys are no longer in the dictionary; a comment behind an entry goes along."""
    gone = [entry for entry in table.entries if entry.key in keys]
    if len(gone) == len(table.entries) and not _OWN_COMMENT.search(_normal(text[table.start : table.end])):
        return [(table.start, table.end, "dict()" if table.is_call else "{}")]
    alone = {entry for entry in gone if _is_alone(text, entry)}
    cuts = [(_line_start(text, entry.start), _line_end(text, _behind(text, entry.end)), "") for entry in alone]
    return sorted([*cuts, *_runs(text, table, [entry for entry in gone if entry not in alone])])


def _runs(text: str, table: Table, gone: Sequence[Entry]) -> Iterator[Cut]:
    """Cut entries that share a line with something else; neighbours as one."""
    places = [number for number, entry in enumerate(table.entries) if entry in gone]
    for _, run in groupby(enumerate(places), key=lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        first, last = numbers[0], numbers[-1]
        start, end = table.entries[first].start, _behind(text, table.entries[last].end)
        if last + 1 < len(table.entries):
            following = table.entries[last + 1].start
            yield start, following if not text[end:following].strip(" \t") else end, ""
        elif first > 0 and not _LINE_END.search(text[table.entries[first - 1].end : start]):
            yield table.entries[first - 1].end, end, ""
        else:
            yield start, end, ""


def added(text: str, table: Table, lines: Sequence[str]) -> list[Cut]:
    """Return what to insert so that the dictionary, which has entries, holds these too."""
    last = table.entries[-1]
    behind = _behind(text, last.end)
    if not _is_alone(text, last):
        return [(last.end, last.end, "".join(f", {line}" for line in lines))]
    newline = next(iter(_LINE_END.findall(text)), "\n")
    start = _line_start(text, last.start)
    indent = text[start : last.start]
    found = _REST_IS_COMMENT.match(text, behind)
    end = behind if found is None else found.end() - len(found[2])
    cuts = [(last.end, last.end, ",")] if behind == last.end else []
    return [*cuts, (end, end, "".join(f"{newline}{indent}{line}," for line in lines))]


def _is_alone(text: str, entry: Entry) -> bool:
    """Return whether an entry has its lines for itself, but for a comment behind it."""
    before = text[_line_start(text, entry.start) : entry.start]
    return not before.strip(" \t") and _REST_IS_COMMENT.match(text, _behind(text, entry.end)) is not None


def _behind(text: str, end: int) -> int:
    comma = _COMMA.match(text, end)
    return end if comma is None else comma.end()


def _line_start(text: str, offset: int) -> int:
    return max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1


def _line_end(text: str, offset: int) -> int:
    found = _LINE_END.search(text, offset)
    return len(text) if found is None else found.end()


def _normal(text: str) -> str:
    return _LINE_END.sub("\n", text)
