"""A second opinion on an edit, by LibCST's own scopes, before it is shown as one that may be written."""

from __future__ import annotations

import re

import libcst as cst
from libcst.metadata import CodeRange, GlobalScope, MetadataWrapper, PositionProvider, Scope, ScopeProvider

from upgrade_kit.model.rewrite import Edit

_LINE_END = re.compile(r"\r\n|\r|\n")


def objection(source: str, edits: tuple[Edit, ...]) -> str | None:
    """Return why the edits may not be made, or None when LibCST agrees with each.

    LibCST parses the text by itself and resolves each edited place: it must be a use of the name ``FILE`` that
    belongs to the procedure's outermost scope, not a local variable, a parameter, a keyword or an attribute.
    """
    try:
        wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
        positions = wrapper.resolve(PositionProvider)
        scopes = wrapper.resolve(ScopeProvider)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError) as error:
        return f"LibCST cannot parse it ({type(error).__name__})"
    starts = [0, *(match.end() for match in _LINE_END.finditer(source))]
    free = {
        starts[place.start.line - 1] + place.start.column
        for place in _free_uses(positions, scopes)
        if place.start.line <= len(starts)
    }
    for edit in edits:
        if edit.before == "FILE" and edit.offset not in free:
            return f"LibCST does not see the context's FILE at line {edit.line}, column {edit.column}"
    return None


def _free_uses(
    positions: object,
    scopes: object,
) -> list[CodeRange]:
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
