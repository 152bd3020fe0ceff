"""A second opinion on an edit, by LibCST's own scopes, before it is shown as one that may be written."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable, Mapping
from itertools import accumulate

import libcst as cst
from libcst.metadata import CodeRange, GlobalScope, MetadataWrapper, PositionProvider, Scope, ScopeProvider

from upgrade_kit.model.rewrite import Edit
from upgrade_kit.rewriting.runtime_text import PREFIX, executed

MOST_CHARACTERS = 100_000  # some 2,000 lines in statements that use FILE; LibCST takes 3 ms for each


class _Scopes(ScopeProvider):
    """LibCST's scopes, without its search through 800 members for what it visits, which takes longer than the rest."""

    def get_visitors(self) -> Mapping[str, Callable[[cst.CSTNode], None]]:
        return {name: getattr(self, name) for name in ("visit_Module",)}


def objection(source: str, tree: ast.Module, edits: tuple[Edit, ...]) -> str | None:
    """Return why the edits may not be made, or None when LibCST agrees with each.

    LibCST parses the outermost statements that are edited and resolves each place: it must be a use of the name
    ``FILE`` that belongs to the outermost scope, not a local variable, a parameter, a keyword or an attribute.

    Args:
        source: the stored text.
        tree: the executed text's tree.
        edits: what is to be changed in the stored text.
    """
    offsets = tuple(edit.offset for edit in edits if edit.before == "FILE")
    text, places = _edited_statements(executed(source)[len(PREFIX) :], tree, offsets)
    if len(text) > MOST_CHARACTERS:
        return "it is too long for LibCST to confirm"
    try:
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        known = wrapper.resolve_many((PositionProvider, _Scopes))
        positions, scopes = known[PositionProvider], known[_Scopes]
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError) as error:
        return f"LibCST cannot parse it ({type(error).__name__})"
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    free = {starts[place.start.line - 1] + place.start.column for place in _free_uses(positions, scopes)}
    for edit, place in zip((edit for edit in edits if edit.before == "FILE"), places, strict=True):
        if place not in free:
            return f"LibCST does not see the context's FILE at line {edit.line}, column {edit.column}"
    return None


def _edited_statements(text: str, tree: ast.Module, offsets: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return the lines of the outermost statements that hold the offsets, and where the offsets are in them."""
    lines = text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    ordered = sorted(offsets)
    kept: list[str] = []
    places: dict[int, int] = {}
    length, done = 0, 0
    for statement in tree.body[1:]:  # the first is the future statement, on a line of its own
        first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))]) - 2
        last = (statement.end_lineno or statement.lineno) - 1
        inside = ordered[bisect_left(ordered, starts[first]) : bisect_left(ordered, starts[last])]
        if not inside or last <= done:
            continue
        first = max(first, done)
        places.update({offset: length + offset - starts[first] for offset in inside if offset not in places})
        piece = text[starts[first] : starts[last]]
        kept.append(piece)
        length += len(piece)
        done = last
    return "".join(kept), tuple(places.get(offset, -1) for offset in offsets)


def _free_uses(positions: object, scopes: object) -> list[CodeRange]:
    assert hasattr(positions, "get")  # noqa: S101 - the mappings are typed too loosely to be subscripted
    assert hasattr(scopes, "values")  # noqa: S101
    found: list[CodeRange] = []
    for scope in {id(scope): scope for scope in scopes.values() if isinstance(scope, Scope)}.values():
        for access in scope.accesses:
            node = access.node
            if not isinstance(node, cst.Name) or node.value != "FILE":
                continue
            if all(isinstance(referent.scope, GlobalScope) for referent in access.referents):
                place = positions.get(node)
                if isinstance(place, CodeRange):
                    found.append(place)
    return found
