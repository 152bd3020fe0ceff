"""Makes settings of Python 2 ones that Python 3 reads the same, as for procedures."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from upgrade_kit.model.finding import Severity
from upgrade_kit.model.rewrite import Edit, Outcome
from upgrade_kit.rewriting.conversion import converted
from upgrade_kit.rewriting.edits import Stage, edit_at
from upgrade_kit.rewriting.grammar import Python2Only, Python3, has_future, parse
from upgrade_kit.rewriting.made import Kept
from upgrade_kit.rewriting.rewrite import RENAME, RENAME_NAME, rewrite_procedure
from upgrade_kit.rewriting.runtime_text import Places
from upgrade_kit.rewriting.settings.proposals import Doubt

PYTHON2 = "python2"
DIVISION = "UK431"  # the rule for procedures that tells of it


GONE = "is gone on Python 3"


def conversion(text: str, dialect: Python3 | Python2Only) -> tuple[Edit, ...] | Kept:
    """Return what makes Python 3 read the settings as Python 2 does, or why a person must."""
    edits = _as_procedure(text, dialect)
    if isinstance(edits, Kept) or isinstance(dialect, Python3):
        return edits
    stage = Stage(text, edits)
    after = parse(stage.text)
    return stage.and_then(tuple(_divisions(stage.text, after.tree))).edits if isinstance(after, Python3) else edits


def _as_procedure(text: str, dialect: Python3 | Python2Only) -> tuple[Edit, ...] | Kept:
    answer = rewrite_procedure(text)  # the names too, such as the modules that Python 3 calls otherwise
    if answer.outcome is Outcome.REWRITE and not {RENAME, RENAME_NAME} & {edit.rule for edit in answer.edits}:
        return answer.edits
    if isinstance(dialect, Python3):
        return ()
    found = converted(text, slug="")
    return found if isinstance(found, Kept) else found[0].edits


def _divisions(text: str, tree: ast.Module) -> Iterator[Edit]:
    """Write ``//`` between whole numbers, where Python 2 divides so; procedures have a future statement for it."""
    if has_future(text, "division"):
        return
    places = Places(text)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
    offsets = []
    for node in found:
        left = places.offset(node.left.end_lineno or node.left.lineno, node.left.end_col_offset or 0)
        right = places.offset(node.right.lineno, node.right.col_offset)
        between = text[left:right]
        if _whole(node) and between.count("/") == 1 and "#" not in between:
            offsets.append(left + between.index("/"))
    for offset in sorted(offsets):
        yield edit_at(places, offset, "/", "//", DIVISION)


def gone_from_python3(text: str) -> Iterator[Doubt]:
    """Tell the names and modules that Python 3 does not have and that the kit does not write otherwise."""
    for found in rewrite_procedure(text).findings:
        if found.severity is Severity.ERROR and GONE in found.message:
            line = found.where.removeprefix("line ")
            instead = f". In its place: {found.hint}." if found.hint else "."
            yield Doubt(PYTHON2, int(line) if line.isdecimal() else 0, f"{found.message}{instead}")


def otherwise_on_python3(text: str, edits: tuple[Edit, ...]) -> Iterator[Doubt]:
    """Tell what a file that only Python 2 can run may come to on Python 3, and nobody hears of.

    Args:
        text: the file as it is.
        edits: what makes it Python 3.
    """
    after = Stage(text, edits)
    dialect, places = parse(after.text), after.places
    if not isinstance(dialect, Python3):
        return
    divides = not has_future(after.text, "division")
    for node in ast.walk(dialect.tree):
        line = places.line(getattr(node, "lineno", 2))
        match node:
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()) if divides and not _has_fraction(node):
                said = "/ between whole numbers drops the fraction on Python 2 alone; // does on both"
                yield Doubt(PYTHON2, line, f"{said}.")
            case ast.Assign(value=ast.Call(func=ast.Name(id="map" | "filter" | "zip" as name))):
                said = f"{name}() gives a list on Python 2, and on 3 something that can be read once"
                yield Doubt(PYTHON2, line, f"{said}. Write list({name}(...)).")
            case _:
                pass


def _has_fraction(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Constant) and isinstance(part.value, float) for part in ast.walk(node))


def _whole(node: ast.expr) -> bool:
    """Return whether an expression is made of whole numbers alone."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int) and not isinstance(value, bool)
        case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Div()):
            return _whole(left) and _whole(right)
        case _:
            return False
