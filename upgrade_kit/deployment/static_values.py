"""The values that a settings file can have when it is read and not run.

A value is plain data (text, numbers, tuples, lists, dicts), an ``Unobserved`` with the reason why it cannot
be known, or one of the stand-ins below for what is no data.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Self

from upgrade_kit.model.unobserved import Unobserved

# What a settings file may hold is any Python data, and every use looks at the type first.
Value = Any


@dataclass(frozen=True, slots=True)
class Dotted:
    """Something imported from outside the site, by its full name (``os.path.join``)."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function or class that the file defines.

    Attributes:
        name: its name.
        changes: names outside it that a call sets.
        reads: names that it uses, and whose lists and dicts it may change.
    """

    name: str
    changes: frozenset[str]
    reads: frozenset[str]


@dataclass(frozen=True, slots=True)
class Binding:
    """A name's value, and ``file:line`` of the last line that changed it."""

    value: Value
    where: str


Names = dict[str, Binding]


@dataclass(slots=True)
class SiteModule:
    """A file of the site that was read.

    Attributes:
        names: what it sets, as far as it was read.
        foreign: ``(file:line, module)`` of imports that are not the site's own, Django's or Python's.
    """

    names: Names = field(default_factory=dict)
    foreign: list[tuple[str, str]] = field(default_factory=list)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # a module is one object, however often its importer's names are copied


def copy_names(names: Names) -> Names:
    """Return an independent copy; names that share one list or dict go on sharing it."""
    return deepcopy(names)


def same(one: Value, other: Value) -> bool:
    """Return whether both are known, equal and of one type all the way down."""
    if type(one) is not type(other) or isinstance(one, Unobserved):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def is_known(value: Value) -> bool:
    """Return whether every part of it is plain data."""
    if isinstance(value, dict):
        return all(map(is_known, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_known, value))
    return not isinstance(value, Unobserved | Dotted | Function | SiteModule)


def containers(value: Value) -> frozenset[int]:
    """Return the identities of the lists and dicts that can be reached from a value."""
    found: set[int] = set()
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | dict):
            if id(item) in found:
                continue
            found.add(id(item))
        if isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
    return frozenset(found)


def truth(value: Value) -> bool | None:
    """Return whether it counts as true, or ``None`` where that cannot be known."""
    if isinstance(value, Unobserved):
        return None
    return True if isinstance(value, Dotted | Function | SiteModule) else bool(value)


def join_names(one: Names, other: Names, condition: str) -> Names:
    """Return what is known after either of two ways was taken; in which case depends on ``condition``."""
    joined: Names = {}
    joins: _Joins = {}
    for name in (*one, *(name for name in other if name not in one)):
        mine, theirs = one.get(name), other.get(name)
        if mine is None or theirs is None:
            where = (mine or theirs or Binding(None, "")).where
            joined[name] = Binding(Unobserved(f"set only if {condition}"), where)
        else:
            value = join(mine.value, theirs.value, condition, joins)
            joined[name] = mine if value is mine.value else Binding(value, theirs.where)
    return joined


# What was made of a pair of dicts, so that two names of one dict go on sharing it.
_Joins = dict[tuple[int, int], dict[Value, Value]]


def join(one: Value, other: Value, condition: str, joins: _Joins | None = None) -> Value:
    """Return what is known of a value that is one of two; dicts are joined entry by entry."""
    if same(one, other):
        return one
    if isinstance(one, dict) and isinstance(other, dict):
        return _join_dicts(one, other, condition, {} if joins is None else joins)
    for value in (one, other):
        if isinstance(value, Unobserved):
            return value
    return Unobserved(f"depends on whether {condition}")


def _join_dicts(
    one: dict[Value, Value], other: dict[Value, Value], condition: str, joins: _Joins
) -> dict[Value, Value]:
    if (id(one), id(other)) in joins:
        return joins[id(one), id(other)]
    joined: dict[Value, Value] = {}
    joins[id(one), id(other)] = joined
    for key in (*one, *(key for key in other if key not in one)):
        if key in one and key in other:
            joined[key] = join(one[key], other[key], condition, joins)
        else:
            joined[key] = Unobserved(f"set only if {condition}")
    return joined
