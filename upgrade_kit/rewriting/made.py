"""What a conversion of Python 2 gives: edits and what they do, or the reason why a person must convert the text."""

from __future__ import annotations

from dataclasses import dataclass

from upgrade_kit.model.rewrite import Edit


@dataclass(frozen=True, slots=True)
class Made:
    """One conversion, in words, and the line that an editor shows it at."""

    line: int
    what: str
    rule: str


@dataclass(frozen=True, slots=True)
class Converted:
    """The edits of the stored text, in order, and what they do; none where nothing is Python 2's alone."""

    edits: tuple[Edit, ...]
    made: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A person must convert it, for this reason."""

    line: int
    what: str
