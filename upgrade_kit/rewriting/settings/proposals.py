"""What the parts of the settings rewrite hand on: changes by offset, and what a person must look at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One change of the text that is looked at.

    Attributes:
        start: character offset.
        before: the text that stands there.
        after: the text that takes its place.
        name: the setting that it is for.
        why: why it has to change.
        source: document and section.
    """

    start: int
    before: str
    after: str
    name: str
    why: str
    source: str

    @property
    def end(self) -> int:
        """Where the replaced text ends."""
        return self.start + len(self.before)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that is left alone, at a line of the text that is looked at; line 0 is the whole file."""

    name: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Proposals:
    """What one part has found."""

    changes: tuple[Proposal, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    def __add__(self, other: Proposals) -> Proposals:
        return Proposals((*self.changes, *other.changes), (*self.doubts, *other.doubts))
