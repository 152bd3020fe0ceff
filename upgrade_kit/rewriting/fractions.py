"""Places and sizes of arrays that were divided: numpy before 1.12 cut the fraction off, numpy 1.15 refuses it.

QATrack+ puts ``from __future__ import division`` before every procedure, so that ``/`` never gives a whole number.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

_SIZED = frozenset({"zeros", "ones", "empty", "full", "identity", "eye", "reshape"})


def fractions_as_places(nodes: Sequence[ast.AST]) -> Iterator[ast.expr]:
    """Yield each expression that is a fraction and is used as a place in an array, or as its size.

    Args:
        nodes: all nodes of a procedure, as ``scopes.walk`` gives them.
    """
    if not any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) for node in nodes):
        return
    fractions, dictionaries = _names(nodes)
    for node in nodes:
        match node:
            case ast.Subscript(value=ast.Name(id=name)) if name in dictionaries:
                continue
            case ast.Subscript(slice=index):
                places = _places(index)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=sizes) if name in _SIZED:
                places = [place for size in sizes for place in _places(size)]
            case _:
                continue
        yield from (place for place in places if _is_fraction(place, fractions))


def _places(index: ast.expr) -> list[ast.expr]:
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    found: list[ast.expr] = []
    for part in parts:
        if isinstance(part, ast.Slice):
            found += [bound for bound in (part.lower, part.upper, part.step) if bound is not None]
        else:
            found.append(part)
    return found


def _is_fraction(node: ast.expr, names: frozenset[str]) -> bool:
    match node:
        case ast.BinOp(op=ast.Div()):
            return True
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult(), right=right):
            return _is_fraction(left, names) or _is_fraction(right, names)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _is_fraction(inner, names)
        case ast.Name(id=name):
            return name in names
        case _:
            return False


def _names(nodes: Sequence[ast.AST]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that are nothing but fractions, and those that may be dictionaries."""
    divided: set[str] = set()
    otherwise: set[str] = set()
    dictionaries: set[str] = set()
    plain: set[int] = set()
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                plain.add(id(target))
                (divided if _is_fraction(value, frozenset()) else otherwise).add(name)
                if isinstance(value, ast.Dict | ast.DictComp | ast.Call) and _makes_a_dictionary(value):
                    dictionaries.add(name)
            case ast.arg(arg=name):
                otherwise.add(name)
            case _:
                continue
    stored = (node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    otherwise.update(node.id for node in stored if id(node) not in plain)
    return frozenset(divided - otherwise), frozenset(dictionaries)


def _makes_a_dictionary(value: ast.Dict | ast.DictComp | ast.Call) -> bool:
    match value:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return "dict" in name.lower() or name == "Counter"
        case ast.Call():
            return False
        case _:
            return True
