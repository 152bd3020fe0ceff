"""PowerShell as its grammar reads it: whether a script parses, and what its string literals hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Tree

_CODE = re.compile(r"\$\(\[char\]0x([0-9a-f]{4})\)")


@cache
def _parser() -> Parser:
    tree_sitter = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_powershell")
    parser: Parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    return parser


def parse(script: str) -> Tree:
    """Return the tree of a script."""
    return _parser().parse(script.encode("utf-8", "surrogatepass"))


def mistakes(script: str) -> list[str]:
    """Return the lines in which the grammar finds a mistake."""
    return [
        f"{node.start_point.row + 1}: {_text(node)[:120]}" for node in _nodes(parse(script).root_node) if _wrong(node)
    ]


def strings(script: str) -> list[str]:
    """Return what the string literals of a script hold."""
    tree = parse(script)
    assert not tree.root_node.has_error, script
    return [_held(_text(node)) for node in _nodes(tree.root_node) if node.type == "string_literal"]


def _held(literal: str) -> str:
    inner = literal[1:-1]
    if literal.startswith("'"):
        return re.sub("(['\u2018\u2019\u201a\u201b])\\1", r"\1", inner)
    units = b""
    place = 0
    while place < len(inner):
        if found := _CODE.match(inner, place):
            units += int(found[1], 16).to_bytes(2)
            place = found.end()
            continue
        units += inner[place].encode("utf-16-be", "surrogatepass")
        place += 1
    return units.decode("utf-16-be", "surrogatepass")


def _wrong(node: Node) -> bool:
    return node.type == "ERROR" or node.is_missing


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "surrogatepass")
