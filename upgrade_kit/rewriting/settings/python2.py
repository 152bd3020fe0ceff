"""Makes settings of Python 2 ones that Python 3 reads the same, as for procedures."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from upgrade_kit.model.rewrite import Edit, Outcome
from upgrade_kit.rewriting.conversion import converted
from upgrade_kit.rewriting.edits import Stage, edited
from upgrade_kit.rewriting.grammar import Python2Only, Python3, has_future, parse
from upgrade_kit.rewriting.made import Kept
from upgrade_kit.rewriting.rewrite import RENAME, RENAME_NAME, rewrite_procedure
from upgrade_kit.rewriting.settings.proposals import Doubt

PYTHON2 = "python2"
_RETURNS_LISTS = frozenset(("filter", "map", "zip"))


def conversion(text: str, dialect: Python3 | Python2Only) -> tuple[Edit, ...] | Kept:
    """Return what makes Python 3 read the settings as Python 2 does, or why a person must."""
    answer = rewrite_procedure(text)  # the names too, such as the modules that Python 3 calls otherwise
    if answer.outcome is Outcome.REWRITE and not {RENAME, RENAME_NAME} & {edit.rule for edit in answer.edits}:
        return answer.edits
    if isinstance(dialect, Python3):
        return ()
    found = converted(text, slug="")
    return found if isinstance(found, Kept) else found[0].edits


def otherwise_on_python3(text: str, edits: tuple[Edit, ...]) -> Iterator[Doubt]:
    """Tell what a file that only Python 2 can run may come to on Python 3, and nobody hears of.

    Args:
        text: the file as it is.
        edits: what makes it Python 3.
    """
    after = Stage(text, edits)
    dialect = parse(after.text)
    if not isinstance(dialect, Python3):
        return
    for node in ast.walk(dialect.tree):
        line = after.places.line(getattr(node, "lineno", 2))
        match node:
            case ast.BinOp(op=ast.Div(), left=left, right=right) if _whole(left) and _whole(right):
                if not has_future(edited(text, edits), "division"):
                    yield Doubt(
                        PYTHON2, line, "/ gives a fraction on Python 3 and a whole number on 2. Write // for it."
                    )
            case ast.Assign(value=ast.Call(func=ast.Name(id=name))) if name in _RETURNS_LISTS:
                yield Doubt(
                    PYTHON2,
                    line,
                    f"{name}() gives a list on Python 2, and on 3 something that can be read once. "
                    f"Write list({name}(...)).",
                )


def _whole(node: ast.expr) -> bool:
    """Return whether an expression is made of whole numbers alone."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int) and not isinstance(value, bool)
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv()):
            return _whole(left) and _whole(right)
        case _:
            return False
