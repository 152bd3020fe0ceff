"""How things are written as text: Python 2 gives a number 12 digits where Python 3 gives up to 17."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator

from upgrade_kit.rewriting import objects, operations
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.values import (
    NOTHING,
    TEXT,
    Atom,
    Data,
    Instance,
    Items,
    Lazy,
    Literal,
    Number,
    Other,
    Position,
    Row,
    Text,
    Thing,
    Value,
    Whole,
    one,
)

LOOSE_THINGS = frozenset({"optional value", "tolerance", "JSON value", "library object", "object", "pickled object"})
_PERCENT = re.compile(r"%(?:\([^)]*\))?[-+ #0]*(\*|\d+)?(?:\.(\*|\d+)?)?[hlL]?(.)", re.DOTALL)


def written(machine: Machine, atom: Atom, node: ast.AST, *, as_repr: bool = False) -> Value:
    """Return what ``str(x)``, ``'%s' % x`` or, with ``as_repr``, ``repr(x)`` gives."""
    operations.as_text(machine, atom, node)
    match atom:
        case Instance():
            return objects.written(machine, atom, as_repr=as_repr) or one(operations.WRITTEN)
        case Whole():
            return one(operations.WRITTEN) if as_repr else TEXT
        case Number() | Position() | Other():
            return one(operations.WRITTEN)
        case Data() | Literal():
            return TEXT if as_repr else one(atom)
        case Thing("exception"):
            return one(operations.MESSAGE)
        case Thing() if atom in operations.WRITTEN_DIFFERENTLY:
            return one(atom)
        case Thing(kind) if kind in LOOSE_THINGS or as_repr:
            return one(operations.WRITTEN)
        case _:
            return TEXT


def by_percent(machine: Machine, pattern: Literal | Text, value: Atom, node: ast.AST) -> Value:
    """Return what ``pattern % value`` gives."""
    parts = list(value.places) if isinstance(value, Row) else [one(value)]
    if isinstance(value, Items | Lazy):
        parts.append(machine.elements(value))
    if isinstance(pattern, Text):
        return _all_written(machine, parts, node, NOTHING) | TEXT
    letters = _letters(pattern.text)
    if letters is None or len(letters) != len(parts):
        letters = None
    result: Value = one(pattern)
    for place, part in enumerate(parts):
        letter = letters[place] if letters else "s" if "%s" in pattern.text or "%r" in pattern.text else "d"
        for atom in part:
            if pattern.raw and isinstance(atom, Data):
                machine.want(Want.BYTES, atom, node, "what was read is put into b'...'", "UK408")
            elif letter in "sr":
                result |= _unlike_text(written(machine, atom, node, as_repr=letter == "r"))
            else:
                operations.as_text(machine, atom, node)
    return result


def by_braces(machine: Machine, pattern: Literal | Text, parts: list[Value], node: ast.AST) -> Value:
    """Return what ``pattern.format(...)`` gives."""
    if isinstance(pattern, Literal) and not any(_loose_fields(pattern.text)):
        for part in parts:
            for atom in part:
                operations.as_text(machine, atom, node)
        return TEXT
    return _all_written(machine, parts, node, TEXT)


def by_specification(machine: Machine, value: Value, specification: Value, node: ast.AST) -> Value:
    """Return what ``format(value, specification)`` gives."""
    loose = not specification or any(not isinstance(a, Literal) or _is_loose(a.text) for a in specification)
    if loose:
        return _all_written(machine, [value], node, NOTHING) or TEXT
    return TEXT


def _all_written(machine: Machine, parts: list[Value], node: ast.AST, result: Value) -> Value:
    for part in parts:
        for atom in part:
            result |= _unlike_text(written(machine, atom, node))
    return result


def _unlike_text(value: Value) -> Value:
    """Return what is not simply text."""
    return frozenset(atom for atom in value if isinstance(atom, Thing))


def _letters(pattern: str) -> list[str] | None:
    """Return the conversion letters of a ``%`` pattern, or None where a width comes with the values."""
    letters = []
    for width, digits, letter in _PERCENT.findall(pattern):
        if "*" in (width, digits):
            return None
        if letter != "%":
            letters.append(letter)
    return letters


def _loose_fields(pattern: str) -> Iterator[bool]:
    """Say of each field of a ``{}`` pattern whether it leaves the digits of a number open."""
    try:
        for _, field, specification, conversion in string.Formatter().parse(pattern):
            if field is not None:
                yield bool(conversion) or _is_loose(specification or "")
    except ValueError:
        yield True


def _is_loose(specification: str) -> bool:
    return specification[-1:] not in tuple("bcdeEfFgGnoxX%")
