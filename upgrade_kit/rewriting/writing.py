"""How things are written as text: Python 2 gives a number 12 digits where Python 3 gives up to 17."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator

from upgrade_kit.rewriting import objects, operations
from upgrade_kit.rewriting.arguments import Arguments
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

LOOSE_THINGS = frozenset(
    {
        *("optional value", "tolerance", "JSON value", "library object", "pickled object"),
        *("DICOM dataset", "DICOM element", "DICOM sequence", "DICOM values", "raw DICOM element"),
    }
)
DEEPEST = 4  # a list in a list in a list
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
        case Text() | Literal(unicode=True) if as_repr:
            return one(operations.WRITTEN)
        case Items() | Row() | Lazy() if _shows_unicode(machine, atom):
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


def _shows_unicode(machine: Machine, atom: Atom, depth: int = 0) -> bool:
    """Return whether a list as text may show ``u'...'`` on Python 2."""
    inside: Value = machine.elements(atom) if isinstance(atom, Items | Lazy | Row) else NOTHING
    if isinstance(atom, Items):
        inside |= machine.keys.get(atom.site, NOTHING)
    return depth < DEEPEST and any(
        isinstance(each, Text | Other)
        or (isinstance(each, Literal) and each.unicode)
        or (isinstance(each, Thing) and each.kind in operations.PLAIN_THINGS)
        or _shows_unicode(machine, each, depth + 1)
        for each in inside
    )


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
                if letter in "xXo" and isinstance(atom, Number) and not isinstance(atom, Whole):
                    machine.seen.breaks_at(
                        node, f"%{letter} of a fraction is an error on Python 3", f"'%{letter}' % int(number)", "UK424"
                    )
    return result


def by_braces(machine: Machine, pattern: Literal | Text, arguments: Arguments, node: ast.AST) -> Value:
    """Return what ``pattern.format(...)`` gives."""
    for atom in arguments.everything():
        operations.as_text(machine, atom, node)
    if not isinstance(pattern, Literal):
        return _all_written(machine, [arguments.everything()], node, TEXT)
    result = TEXT
    for number, name in enumerate(_loose_fields(pattern.text)):
        if name is None:
            continue
        part = arguments.everything()
        place = str(number) if name == "" else name
        if place.isdigit() and int(place) < len(arguments.positional):
            part = arguments.positional[int(place)]
        elif place in arguments.named:
            part = arguments.named[place]
        result |= _all_written(machine, [part], node, NOTHING)
    return result


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


def _loose_fields(pattern: str) -> Iterator[str | None]:
    """Give the name of each field of a ``{}`` pattern that leaves the digits of a number open, None for others."""
    try:
        for _, field, specification, conversion in string.Formatter().parse(pattern):
            if field is not None:
                yield field if conversion or _is_loose(specification or "") else None
    except ValueError:
        yield "?"


def _is_loose(specification: str) -> bool:
    return specification[-1:] not in tuple("bcdeEfFgGnoxX%")
