"""Makes a text of Python 2 one that Python 3 runs to the same result, or says why a person must."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from upgrade_kit.model.rewrite import Outcome, Rewrite
from upgrade_kit.rewriting.edits import Stage, edited
from upgrade_kit.rewriting.grammar import Python3, parse
from upgrade_kit.rewriting.made import Converted, Kept, Made
from upgrade_kit.rewriting.observations import Observations
from upgrade_kit.rewriting.python2_names import convert_names
from upgrade_kit.rewriting.python2_syntax import convert_syntax

MOST_LOOKS = 12  # each at what the one before made visible


@dataclass(frozen=True, slots=True)
class Judged:
    """A text on its way, and what the analysis says of it."""

    stage: Stage
    tree: ast.Module
    answer: Rewrite
    seen: Observations
    made: tuple[Made, ...]


Judge = Callable[[Stage, ast.Module], tuple[Rewrite, Observations]]


def settle(first: Judged, judge: Judge) -> Judged:
    """Return the text with what is gone written otherwise, where that leaves no doubt; else as it was.

    Args:
        first: the text as it was judged: something in it is gone on Python 3.
        judge: judges a text after further edits.
    """
    reason = first.answer.reason
    for streams in ("BytesIO", "StringIO"):
        now = first
        for _ in range(MOST_LOOKS):
            later = _with_less_gone(now, judge, streams)
            if later is None:
                break
            now = later
            if now.answer.outcome is not Outcome.REVIEW:
                return now
        if not now.seen.breaks and reason == first.answer.reason:
            reason = now.answer.reason  # what is gone could be written otherwise; this is what a person must decide
    return replace(first, answer=replace(first.answer, reason=reason))


def _with_less_gone(now: Judged, judge: Judge, streams: str) -> Judged | None:
    """Return the text after what one look suggests, or None where it suggests nothing that helps."""
    remedies = convert_names(now.stage.text, now.tree, now.seen, streams=streams)
    if remedies.renamed.edits:
        return _after(now, remedies.renamed, judge)
    for remedy in remedies.lists:
        later = _after(now, remedy, judge)
        if later is not None and len(later.seen.breaks) < len(now.seen.breaks):
            return later
    return None


def _after(now: Judged, remedy: Converted, judge: Judge) -> Judged | None:
    stage = now.stage.and_then(remedy.edits)
    dialect = parse(stage.text)
    if not isinstance(dialect, Python3):
        return None
    places = now.stage.places
    made = (*now.made, *(replace(one, line=places.line(one.line)) for one in remedy.made))
    answer, seen = judge(stage, dialect.tree)
    return Judged(stage, dialect.tree, answer, seen, tuple(sorted(dict.fromkeys(made), key=lambda one: one.line)))


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
