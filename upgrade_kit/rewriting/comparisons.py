"""What comparing two things needs: of the file, and of Python 3, which puts only like things in order."""

from __future__ import annotations

import ast
from itertools import combinations_with_replacement

from upgrade_kit.rewriting import objects, operations, order
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.values import (
    NOTHING,
    Atom,
    Class,
    Data,
    Instance,
    Items,
    Lazy,
    LazyKind,
    Literal,
    Missing,
    Named,
    Number,
    Other,
    Path,
    Position,
    Row,
    Shape,
    Stream,
    Text,
    Thing,
    Value,
)

MAY_BE_NONE = frozenset({Thing("JSON value"), Thing("optional value"), Thing("tolerance")})
KEYED_THINGS = frozenset({Thing("META"), Thing("REFS"), Thing("TOLS"), Thing("JSON value")})
SAME_TYPES = frozenset(Named(f"builtins.{name}") for name in ("list", "tuple", "dict", "bool"))
DEEPEST = 4  # a list in a list in a list


def compare(machine: Machine, first: Atom, second: Atom, operator: ast.cmpop, node: ast.AST) -> None:
    """Note what a comparison needs."""
    if operations.TYPE in (first, second) and not isinstance(operator, ast.In | ast.NotIn):
        if not {first, second} & SAME_TYPES:
            operations.written_differently(machine, node, operations.TYPE, "it is compared")
        return
    if isinstance(operator, ast.Is | ast.IsNot):
        _identity(machine, first, second, node)
        return
    if isinstance(operator, ast.Lt | ast.Gt | ast.LtE | ast.GtE):
        _order(machine, first, second, node)
    if isinstance(operator, ast.In | ast.NotIn) and isinstance(second, Items | Row | Lazy):
        keys = machine.keys.get(second.site, NOTHING) if isinstance(second, Items) else NOTHING
        for element in machine.elements(second) | keys:
            compare(machine, first, element, ast.Eq(), node)
        return
    if isinstance(operator, ast.In | ast.NotIn) and second in KEYED_THINGS:
        operations.as_key(machine, first, node)
        return
    if isinstance(first, Stream) or isinstance(second, Stream):
        _with_stream(machine, first, second, node)
        return
    raw = {atom.raw for atom in (first, second) if isinstance(atom, Literal)}
    what = (
        operations.SEARCHED
        if isinstance(operator, ast.In | ast.NotIn) and isinstance(second, Data)
        else operations.COMPARED
    )
    if raw == {True, False}:
        machine.unknown(node, "b'...' is compared with text, which is never equal on Python 3")
    elif isinstance(first, Thing) or isinstance(second, Thing):
        _compare_thing(machine, first, second, operator, node)
    elif isinstance(first, Data):
        operations.pair(machine, first, second, node, what)
    elif isinstance(second, Data):
        operations.pair(machine, second, first, node, what)
    elif isinstance(first, Lazy) or isinstance(second, Lazy):
        operations.not_a_list(machine, node, "comparing it")
    elif _lists_by_chance(machine, first, second):
        order.told(machine, node, "compares lists")
    elif (machine.atom_from_file(first) or machine.atom_from_file(second)) and not (
        isinstance(first, Number | Missing) or isinstance(second, Number | Missing)
    ):
        for mine, other in ((first, second), (second, first)):
            if isinstance(mine, Items | Row):
                for element in machine.elements(mine):
                    if isinstance(element, Data):
                        operations.pair(machine, element, other, node, operations.COMPARED)


def compare_all(machine: Machine, held: Value, node: ast.AST) -> None:
    """Note what it needs to put things in order, as sorted(), max() and min() do."""
    for first, second in combinations_with_replacement(sorted(held, key=repr), 2):
        compare(machine, first, second, ast.Lt(), node)


def truth(machine: Machine, atom: Atom, node: ast.AST) -> None:
    """Note what it needs to ask whether something is empty, zero or None."""
    if isinstance(atom, Stream):
        machine.want(Want.ANY, atom, node, "only asks whether there is a file", "UK404")
    elif isinstance(atom, Data) and atom.shape is Shape.CHAR:
        machine.want(Want.TEXT, atom, node, "asks one character whether it is empty", "UK408")
    elif isinstance(atom, Data):
        operations.trimmed(machine, atom, node, "asks whether it is empty")
    elif isinstance(atom, Lazy) and atom.kind is LazyKind.ONCE:
        operations.not_a_list(machine, node, "asking whether it is empty")
    elif atom == Thing("tolerance"):
        compare(machine, atom, Missing(), ast.Is(), node)


def _with_stream(machine: Machine, first: Atom, second: Atom, node: ast.AST) -> None:
    other = second if isinstance(first, Stream) else first
    if isinstance(other, Number | Missing):
        machine.seen.want(Want.ANY, node, "only asks whether there is a file", "UK404")
    elif isinstance(first, Stream):
        operations.iterate(machine, first, node)
        machine.unknown(node, "compares the file itself")
    else:
        machine.unknown(node, "looks for something in the file itself")


def _lists_by_chance(machine: Machine, first: Atom, second: Atom) -> bool:
    return any(
        isinstance(atom, Items)
        and order.kind_of(machine, atom) is order.Kind.LIST
        and order.is_by_chance(machine, atom)
        for atom in (first, second)
    )


def _identity(machine: Machine, first: Atom, second: Atom, node: ast.AST) -> None:
    for mine, other in ((first, second), (second, first)):
        if isinstance(mine, Stream):
            machine.want(Want.ANY, mine, node, "only asks whether there is a file", "UK404")
        elif isinstance(mine, Literal) and not isinstance(other, Missing):
            machine.seen.breaks_at(
                node, "whether equal texts are the same object depends on the version of Python", "==", "UK424"
            )
        elif mine == Thing("tolerance") and isinstance(other, Missing):
            machine.seen.breaks_at(
                node,
                "a test without tolerances has None in TOLS in 0.2.9 and a dictionary of None in 0.3.0",
                "ask for the value: TOLS['test']['act_high']",
                "UK424",
            )


def _compare_thing(machine: Machine, first: Atom, second: Atom, operator: ast.cmpop, node: ast.AST) -> None:
    for mine, other in ((first, second), (second, first)):
        named = isinstance(other, Literal) and not other.text[:1].isdigit()
        if mine == Thing("DICOM UID") and named:
            machine.unknown(node, "a DICOM UID is compared with a name, as pydicom 0.9.9 did and 1.1 does not")
        elif mine == Thing("person name") and isinstance(operator, ast.In | ast.NotIn):
            machine.unknown(node, "a DICOM person name cannot be searched in pydicom 1.1")
        elif mine == Thing("bytearray") and isinstance(other, Literal | Text):
            machine.unknown(node, "a bytearray is compared with text")
        elif mine in operations.WRITTEN_DIFFERENTLY:
            operations.written_differently(machine, node, mine, "it is compared")
        elif isinstance(other, Data) and isinstance(mine, Thing):
            if mine.kind in operations.PLAIN_THINGS:
                operations.pair(machine, other, Other(), node, operations.COMPARED)
            else:
                machine.unknown(node, "the content is compared with something that the kit does not follow")


# -- less and greater ----------------------------------------------------------------------------------------


def _order(machine: Machine, first: Atom, second: Atom, node: ast.AST, depth: int = 0) -> None:
    ranks = _rank(machine, first), _rank(machine, second)
    if "none" in ranks:
        machine.seen.breaks_at(
            node,
            "None is less than anything on Python 2, and an error on Python 3",
            "ask first: x is None or value > x",
            "UK424",
        )
    elif "maybe none" in ranks:
        machine.seen.breaks_at(
            node,
            "a value that may be missing (None) cannot be compared on Python 3",
            "float(value), or ask first: value is not None",
            "UK424",
        )
    elif "unknown" in ranks:
        machine.seen.breaks_at(
            node,
            "something that may be None or of another type cannot be compared on Python 3",
            "float(value), or ask first: value is not None",
            "UK424",
        )
    elif "dictionary" in ranks:
        machine.seen.breaks_at(
            node, "dictionaries and objects have no order on Python 3", "compare what you mean: len(d)", "UK424"
        )
    elif ranks[0] != ranks[1] and "any" not in ranks:
        machine.seen.breaks_at(
            node,
            f"{ranks[0]} is compared with {ranks[1]}, which is an error on Python 3",
            "turn both into one type: float(text) > 1",
            "UK424",
        )
    elif isinstance(first, Items | Row) and isinstance(second, Items | Row) and depth < DEEPEST:
        if isinstance(first, Row) and isinstance(second, Row):
            for mine, other in zip(first.places, second.places, strict=False):
                _order_each(machine, mine, other, node, depth)
        elif ranks[0] != "a set":
            _order_each(machine, machine.elements(first), machine.elements(second), node, depth)


def _order_each(machine: Machine, first: Value, second: Value, node: ast.AST, depth: int) -> None:
    for mine in first:
        for other in second:
            _order(machine, mine, other, node, depth + 1)


def _rank(machine: Machine, atom: Atom) -> str:
    """Return the word for what can be put in order with its like."""
    match atom:
        case Number() | Position():
            return "a number"
        case Data() | Text() | Literal() | Path():
            return "text"
        case Missing():
            return "none"
        case Row():
            return "a tuple"
        case Items():
            kind = order.kind_of(machine, atom)
            return {order.Kind.LIST: "a list", order.Kind.SET: "a set"}.get(kind, "dictionary")
        case Thing():
            if atom in MAY_BE_NONE:
                return "maybe none"
            return "text" if atom in operations.WRITTEN_DIFFERENTLY else "any"
        case Instance(number):
            return "any" if objects.found(machine, number, "__lt__") else "dictionary"
        case Class():
            return "dictionary"
        case Other():
            return "unknown"
        case _:
            return "any"
