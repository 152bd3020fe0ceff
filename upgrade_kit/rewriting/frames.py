"""The names of one scope, now and earlier: what was can be kept for nothing, and joined at the cost of what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from upgrade_kit.rewriting.values import NOTHING, Value

Change = tuple[Value | None, Value]  # before and after; None where the name was not there before


@dataclass(eq=False, frozen=True, slots=True)
class Moment:
    """What the names of a frame held at one time, as what changed since an earlier moment.

    The moments of a frame are a tree: each way through the procedure is a branch.

    Attributes:
        earlier: the moment from which this one came; ``None`` for the empty frame.
        depth: how many moments lie before it.
        changes: the names that hold something else than at the earlier one.
    """

    earlier: Moment | None
    depth: int
    changes: Mapping[str, Change]


class Frame:
    """The names of one scope.

    Attributes:
        parent: the scope in which this one was written; ``None`` for the procedure itself.
        bound: names that are local to this scope; ``None`` where every store is (module, class).
        outer: names declared ``global`` here.
        names: what each name may hold now; changed by ``store`` alone.
        is_class: names of a class body are not seen from functions in it.
    """

    __slots__ = ("_changed", "_moment", "_names", "bound", "is_class", "names", "outer", "parent")

    def __init__(
        self,
        parent: Frame | None,
        bound: frozenset[str] | None,
        outer: frozenset[str] = frozenset(),
        *,
        is_class: bool = False,
    ) -> None:
        self.parent = parent
        self.bound = bound
        self.outer = outer
        self.is_class = is_class
        self._names: dict[str, Value] = {}
        self.names: Mapping[str, Value] = self._names
        self._moment = Moment(None, 0, {})
        self._changed: dict[str, Value | None] = {}  # names stored since the moment, with what they held then

    def store(self, name: str, value: Value) -> None:
        """Let a name hold a value from now on."""
        held = self._names.get(name)
        if held is not value:
            self._changed.setdefault(name, held)
            self._names[name] = value

    def now(self) -> Moment:
        """Return what holds now, to come back to."""
        if self._changed:
            changes = {
                name: (before, self._names[name])
                for name, before in self._changed.items()
                if before != self._names[name]
            }
            if changes:
                self._moment = Moment(self._moment, self._moment.depth + 1, changes)
            self._changed = {}
        return self._moment

    def go(self, moment: Moment) -> None:
        """Let every name hold what it held at a moment of this frame."""
        here = self.now()
        ahead: list[Moment] = []
        there = moment
        while here is not there:
            if here.depth >= there.depth:
                for name, (before, _) in here.changes.items():
                    if before is None:
                        del self._names[name]
                    else:
                        self._names[name] = before
                here = _earlier(here)
            else:
                ahead.append(there)
                there = _earlier(there)
        for each in reversed(ahead):
            self._names.update({name: after for name, (_, after) in each.changes.items()})
        self._moment = moment

    def join(self, moments: Iterable[Moment]) -> None:
        """Let every name hold all that it held at any of these moments of this frame."""
        shared, changes = _joined({id(moment): moment for moment in moments})
        self.go(shared)
        for name, value in changes:
            self.store(name, value)
        self.now()


def same(first: Moment, second: Moment) -> bool:
    """Return whether the names of a frame hold the same at two of its moments."""
    mine: dict[str, Value | None] = {}
    other: dict[str, Value | None] = {}
    shared: dict[str, Value | None] = {}  # where the two came from
    while first is not second:
        if first.depth >= second.depth:
            later, first, values = first, _earlier(first), mine
        else:
            later, second, values = second, _earlier(second), other
        for name, (before, after) in later.changes.items():
            values.setdefault(name, after)
            shared[name] = before
    return all(mine.get(name, value) == other.get(name, value) for name, value in shared.items())


def _earlier(moment: Moment) -> Moment:
    assert moment.earlier is not None  # noqa: S101 - the moments of a frame have their first one in common
    return moment.earlier


def _joined(moments: dict[int, Moment]) -> tuple[Moment, list[tuple[str, Value]]]:
    """Return the last moment that all of these came from, and the names that hold something else on some way since.

    Each change since that moment is looked at once. It counts if one of the moments still has it: if not
    everything that came from it changed the name again.
    """
    reached = dict.fromkeys(moments, 1)  # how many of the moments came from this one, itself included
    again: dict[int, dict[str, int]] = {}  # and in how many of those each name was changed after it
    values: dict[str, Value] = {}
    held: dict[str, Value | None] = {}  # at the shared moment
    waiting = [(-moment.depth, key, moment) for key, moment in moments.items()]
    heapify(waiting)
    while len(waiting) > 1:
        _, key, moment = heappop(waiting)
        earlier = _earlier(moment)
        count, changed = reached.pop(key), again.pop(key, {})
        for name, (before, after) in moment.changes.items():
            if changed.get(name, 0) < count:
                values[name] = values.get(name, NOTHING) | after
            changed[name] = count
            held[name] = before
        if id(earlier) in reached:
            reached[id(earlier)] += count
        else:
            reached[id(earlier)] = count
            heappush(waiting, (-earlier.depth, id(earlier), earlier))
        others = again.setdefault(id(earlier), changed)
        if others is not changed:
            few, many = sorted((others, changed), key=len)
            for name, number in few.items():
                many[name] = many.get(name, 0) + number
            again[id(earlier)] = many
    ((_, key, shared),) = waiting
    changed = again.pop(key, {})
    for name, before in held.items():
        if changed[name] < reached[key] and before is not None:
            values[name] = values.get(name, NOTHING) | before
    return shared, list(values.items())
