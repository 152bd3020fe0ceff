"""What a call passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from upgrade_kit.rewriting.values import Value


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call passes.

    Attributes:
        positional: by place.
        named: by name.
        rest: what ``*args`` and ``**kwargs`` may hold.
    """

    positional: tuple[Value, ...]
    named: Mapping[str, Value]
    rest: Value

    def get(self, place: int, *names: str) -> Value:
        """Return the argument at a place or under one of the names, and whatever ``*`` may bring there."""
        if place < len(self.positional):
            return self.positional[place] | self.rest
        for name in names:
            if name in self.named:
                return self.named[name] | self.rest
        return self.rest

    def everything(self) -> Value:
        """Return all that is passed, in one value."""
        return frozenset().union(self.rest, *self.positional, *self.named.values())
