"""What the analysis of one procedure saw: demands on the file, and what 0.3.0 no longer has."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import Enum


class Want(Enum):
    """What one use of the file needs."""

    BYTES = "bytes"  # fails or differs with text
    TEXT = "text"  # fails or differs with bytes
    EITHER_TEXT = "either, text"  # gives the same with both; the content is text
    EITHER_BYTES = "either, bytes"  # gives the same with both; the content is bytes
    CONTENT = "content"  # read() alone: bytes are what Python 2 gave, and nothing shows that it is text
    ANY = "any"  # does not touch the content (seek, close, truth)
    ITERATES = "iterates"  # text lines are right; BIN_FILE starts over and cuts lines elsewhere
    NAME = "name"  # the file's name or path
    REVIEW = "review"  # a person must look


@dataclass(frozen=True, slots=True)
class Demand:
    """One use of the file and what it needs.

    Attributes:
        want: see ``Want``.
        node_line: ``lineno`` in the executed text.
        what: the use, in words (``"PIL.Image.open reads bytes"``).
        rule: id of the rule.
    """

    want: Want
    node_line: int
    what: str
    rule: str


@dataclass(frozen=True, slots=True)
class Break:
    """Something that works on the old version and does not on the new one, whatever the file is.

    Attributes:
        node_line: ``lineno`` in the executed text.
        what: what stops working, in words.
        hint: the words to type.
        rule: id of the rule.
    """

    node_line: int
    what: str
    hint: str
    rule: str


class Observations:
    """What was seen so far; each thing once, in the order in which it was first seen."""

    def __init__(self) -> None:
        self.demands: dict[Demand, None] = {}
        self.breaks: dict[Break, None] = {}
        self.broken_nodes: dict[ast.AST, None] = {}
        self.owners: dict[ast.Call, frozenset[object]] = {}
        self.notes: dict[Break, None] = {}
        self.uses: dict[ast.Name, None] = {}
        self.names: dict[ast.Attribute, None] = {}
        self.rebound: dict[ast.Name, None] = {}
        self.unknown_names: dict[str, int] = {}  # names that nothing here binds, with the line of the first use
        self.steps: dict[tuple[int, str], str] = {}  # line and name: what it holds, in words; kept only where asked for
        self.hides: frozenset[str] = frozenset()  # names that 0.3.0 supplies anew and the procedure binds for itself
        self.names_elsewhere = False
        self.uses_bin_file = False
        self.moves_position = False
        self.reads_by_descriptor = False
        self.reads_bytes_by_name = False
        self.seeks_into = False
        self.tells = False

    def want(self, want: Want, node: ast.AST, what: str, rule: str) -> None:
        """Note one use of the file."""
        self.demands[Demand(want, getattr(node, "lineno", 2), what, rule)] = None

    def breaks_at(self, node: ast.AST, what: str, hint: str, rule: str) -> None:
        """Note something that the new version no longer has."""
        self.breaks[Break(getattr(node, "lineno", 2), what, hint, rule)] = None
        self.broken_nodes[node] = None

    def notes_at(self, node: ast.AST, what: str, hint: str, rule: str) -> None:
        """Note something that a person should know and that changes no answer."""
        self.notes[Break(getattr(node, "lineno", 2), what, hint, rule)] = None

    def wanted(self, *wants: Want) -> list[Demand]:
        """Return the demands of these kinds, in order of line and then of kind as asked; never of chance."""
        found = (demand for demand in self.demands if demand.want in wants)
        return sorted(found, key=lambda demand: (demand.node_line, wants.index(demand.want), demand.what))

    def broken(self) -> list[Break]:
        """Return what is gone, in order of line."""
        return sorted(self.breaks, key=lambda entry: (entry.node_line, entry.what))
