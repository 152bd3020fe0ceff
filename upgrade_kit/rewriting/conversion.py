"""Makes a text of Python 2 one that Python 3 runs to the same result, or says why a person must."""

from __future__ import annotations

import ast

from upgrade_kit.rewriting.edits import edited
from upgrade_kit.rewriting.grammar import Python3, parse
from upgrade_kit.rewriting.python2_syntax import Converted, Kept, convert_syntax


def converted(source: str, *, slug: str) -> tuple[Converted, ast.Module] | Kept:
    """Return what makes Python 3 parse a text of Python 2, with the tree of the text after.

    Args:
        source: the text as stored.
        slug: the test's macro name.
    """
    try:
        syntax = convert_syntax(source, slug=slug)
    except RecursionError:  # fissix's tree calls itself for each level
        return Kept(1, "it is nested too deeply to be analysed")
    if isinstance(syntax, Kept):
        return syntax
    dialect = parse(edited(source, syntax.edits))
    if not isinstance(dialect, Python3):
        line = getattr(dialect, "line", 1)
        return Kept(line, getattr(dialect, "what", "it is nested too deeply to be analysed"))
    newer = newer_than_python2(dialect.tree)
    if newer is not None:
        return Kept(1, f"Python 2 cannot run it either: {newer}")
    return syntax, dialect.tree


_NEWER: dict[type[ast.AST], str] = {
    ast.JoinedStr: "f'...'",
    ast.AnnAssign: "an annotation",
    ast.AsyncFor: "async",
    ast.AsyncFunctionDef: "async",
    ast.AsyncWith: "async",
    ast.Await: "await",
    ast.MatMult: "the operator @",
    ast.NamedExpr: "the operator :=",
    ast.Nonlocal: "nonlocal",
    ast.YieldFrom: "yield from",
}


def newer_than_python2(tree: ast.Module) -> str | None:
    """Return what a tree has that Python 2.7 cannot compile, or None: such a text never ran there."""
    in_slices = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Subscript) for part in _parts(node.slice)}
    for node in ast.walk(tree):
        what = _NEWER.get(type(node)) or _newer_form(node)
        if what is not None and not (what == "..." and id(node) in in_slices):
            return what
    return None


def _parts(index: ast.expr) -> list[ast.expr]:
    return index.elts if isinstance(index, ast.Tuple) else [index]


def _newer_form(node: ast.AST) -> str | None:
    match node:
        case ast.Raise(cause=ast.expr()):
            return "raise ... from"
        case ast.arg(annotation=ast.expr()) | ast.FunctionDef(returns=ast.expr()):
            return "an annotation"
        case ast.arguments(kwonlyargs=[_, *_]):
            return "a parameter after *"
        case ast.ClassDef(keywords=[_, *_]):
            return "a class with keywords"
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements) if _starred(elements):
            return "a * in a list or a tuple"
        case ast.Dict(keys=keys) if None in keys:
            return "a ** in a dictionary"
        case ast.Call(args=arguments, keywords=keywords):
            return _newer_call(arguments, keywords)
        case ast.Constant(value=value) if value is ...:  # in a[..., 1] it is Python 2's too
            return "..."
        case ast.FunctionDef(name=name) | ast.Name(id=name) | ast.Attribute(attr=name) if not name.isascii():
            return f"the name {name}"
        case _:
            return None


def _starred(elements: list[ast.expr]) -> bool:
    return any(isinstance(element, ast.Starred) for element in elements)


def _newer_call(arguments: list[ast.expr], keywords: list[ast.keyword]) -> str | None:
    if _starred(arguments[:-1]):
        return "an argument after *"
    unpacked = [keyword.arg is None for keyword in keywords]
    return "an argument after **" if any(unpacked[:-1]) else None
