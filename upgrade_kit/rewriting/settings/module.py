"""A settings file as LibCST reads it: what stands at the top level, and where in the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar, cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

_LINE_END = re.compile(r"\r\n|\r|\n")
MOST_CHARACTERS = 100_000  # some 2,000 lines, and more than a few seconds
Node = TypeVar("Node", bound=cst.CSTNode)


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``key: value`` of a dictionary, or one ``key=value`` of a call of ``dict``.

    Attributes:
        key: the key where it is a plain text.
        value: the value.
        start: where the entry begins.
        end: where its value ends.
    """

    key: str | None
    value: cst.BaseExpression
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary that is written out.

    Attributes:
        entries: in order, but for what is unpacked into it.
        is_whole: whether nothing is unpacked into it and every key is a plain text that comes once.
        start: where it begins.
        end: where it ends.
        is_call: whether it is a call of ``dict``.
    """

    entries: tuple[Entry, ...]
    is_whole: bool
    start: int
    end: int
    is_call: bool

    def keys(self) -> frozenset[str]:
        """Return the keys that are plain texts."""
        return frozenset(entry.key for entry in self.entries if entry.key is not None)


class SettingsModule:
    """A settings file, taken apart; ``read`` makes one.

    Attributes:
        text: the file's text.
        tree: LibCST's tree of it.
        statements: the simple statements of the outermost level, in order.
        names: how often each name stands anywhere in it.
    """

    def __init__(self, text: str, tree: cst.Module, positions: Mapping[cst.CSTNode, CodeRange]) -> None:
        self.text = text
        self.tree = tree
        self._positions = positions
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
        self.statements: tuple[cst.BaseSmallStatement, ...] = tuple(
            small for line in tree.body if isinstance(line, cst.SimpleStatementLine) for small in line.body
        )
        self._nodes = tuple(_walked(tree))
        self.names = Counter(node.value for node in self.nodes(cst.Name))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Take a text of Python 3 apart; None where LibCST cannot, takes too long, or gives another text back."""
        if len(text) > MOST_CHARACTERS:
            return None
        try:
            wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
            if wrapper.module.code != text:
                return None
            positions = cast("Mapping[cst.CSTNode, CodeRange]", wrapper.resolve(PositionProvider))
            return cls(text, wrapper.module, positions)
        except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError):
            return None

    def walk(self, within: cst.CSTNode | None = None) -> Iterator[cst.CSTNode]:
        """Go through all nodes, in order of the text."""
        return iter(self._nodes) if within is None else _walked(within)

    def nodes(self, kind: type[Node], within: cst.CSTNode | None = None) -> Iterator[Node]:
        """Go through the nodes of one kind, in order of the text."""
        return (node for node in self.walk(within) if isinstance(node, kind))

    def start(self, node: cst.CSTNode) -> int:
        """Return the character offset at which a node begins."""
        place = self._positions[node].start
        return self._starts[place.line - 1] + place.column

    def end(self, node: cst.CSTNode) -> int:
        """Return the character offset at which a node ends."""
        place = self._positions[node].end
        return self._starts[place.line - 1] + place.column

    def line(self, node: cst.CSTNode) -> int:
        """Return the 1-based line at which a node begins."""
        return self._positions[node].start.line

    def offset_of_line(self, line: int) -> int:
        """Return the character offset at which a 1-based line begins."""
        return self._starts[min(line, len(self._starts)) - 1]

    def written(self, node: cst.CSTNode) -> str:
        """Return a node as the text has it."""
        return self.text[self.start(node) : self.end(node)]

    def assignments(self, name: str) -> list[cst.Assign]:
        """Return the assignments to this name alone at the outermost level."""
        return [
            statement
            for statement in self.statements
            if isinstance(statement, cst.Assign) and len(statement.targets) == 1 and named(statement) == name
        ]

    def table(self, node: cst.BaseExpression) -> Table | None:
        """Return a dictionary that is written out as one, or None."""
        match node:
            case cst.Dict(elements=elements):
                pairs = [element for element in elements if isinstance(element, cst.DictElement)]
                entries = [Entry(text_of(pair.key), pair.value, self.start(pair), self.end(pair)) for pair in pairs]
                unpacked = len(pairs) < len(elements)
            case cst.Call(func=cst.Name(value="dict"), args=arguments):
                words = [argument for argument in arguments if argument.keyword is not None]
                entries = [
                    Entry(word.keyword.value, word.value, self.start(word), self.end(word))
                    for word in words
                    if word.keyword is not None
                ]
                unpacked = len(words) < len(arguments)
            case _:
                return None
        keys = [entry.key for entry in entries]
        whole = not unpacked and None not in keys and len(set(keys)) == len(keys)
        return Table(tuple(entries), whole, self.start(node), self.end(node), isinstance(node, cst.Call))


def _walked(within: cst.CSTNode) -> Iterator[cst.CSTNode]:
    waiting = [within]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def named(statement: cst.Assign) -> str | None:
    """Return the name that a statement assigns to, where its only target is one."""
    target = statement.targets[0].target
    return target.value if isinstance(target, cst.Name) else None


def text_of(node: cst.CSTNode) -> str | None:
    """Return a plain text in quotes; None for every other expression, bytes included."""
    if not isinstance(node, cst.SimpleString):
        return None
    value = node.evaluated_value
    return value if isinstance(value, str) else None


def subscripted(node: cst.BaseExpression) -> tuple[str, ...] | None:
    """Return ``("DATABASES", "default")`` for ``DATABASES['default']``, or None where it is nothing of the kind."""
    keys: list[str] = []
    while isinstance(node, cst.Subscript):
        if len(node.slice) != 1 or not isinstance(index := node.slice[0].slice, cst.Index):
            return None
        key = text_of(index.value)
        if key is None:
            return None
        keys.append(key)
        node = node.value
    return (node.value, *reversed(keys)) if isinstance(node, cst.Name) else None
