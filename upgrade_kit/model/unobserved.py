"""A fact that could not be known: the answer that stands in place of a value, and says why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unobserved:
    """A fact that could not be known, and why.

    Attributes:
        reason: one sentence.
        asked: False where nobody asked for it (no site folder was given), so that its absence is no fault.
    """

    reason: str
    asked: bool = True


class Absent(Unobserved):
    """What was looked for is not there, which is known: not the same as what is there and cannot be read."""

    __slots__ = ()


NOT_ASKED = Unobserved("nobody asked for it", asked=False)

NOT_LOOKED = Unobserved("not looked at, because no check that was asked needs it")
"""It counts as asked for: whoever reads it all the same could not look, which is never a pass."""
