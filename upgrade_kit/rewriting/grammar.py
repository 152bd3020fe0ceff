"""Which Python a procedure is written in. Parses; never runs anything."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from upgrade_kit.rewriting.runtime_text import Places, executed

TARGET_GRAMMAR = (3, 6)
MOST_CHARACTERS = 1_500_000  # some 40,000 lines; what is longer would take more than a few seconds


@dataclass(frozen=True, slots=True)
class Python3:
    """The target's Python compiles it."""

    tree: ast.Module


@dataclass(frozen=True, slots=True)
class Python2Only:
    """Python 2 parses it, and Python 3.6 does not or takes it for something else.

    Attributes:
        line: 1-based line of the construct, as an editor shows it.
        what: the construct, or what Python 3 says of it.
    """

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Unparsable:
    """Neither Python parses it."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class TooDeep:
    """It is nested so deeply, or so long, that it cannot be analysed, whatever Python makes of it."""

    what: str = "it is nested too deeply to be analysed"


Dialect = Python3 | Python2Only | Unparsable | TooDeep


def parse(source: str) -> Dialect:
    """Parse a procedure as QATrack+ would compile it.

    Python 3 is asked with the grammar of 3.6 and also has to compile the tree (a ``return`` outside a function
    parses and does not compile). Python 2 is asked through fissix, whose grammar is lib2to3's.
    """
    if len(source) > MOST_CHARACTERS:
        return TooDeep("it is too long to be analysed")
    try:
        return _parsed(source)
    except RecursionError:  # of Python's own parser, or of fissix, which calls itself for each level
        return TooDeep()


def _parsed(source: str) -> Dialect:
    places = Places(source)
    if "\0" in source:
        return Unparsable(source[: source.index("\0")].count("\n") + 1, "it holds a null character")
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:
        return Unparsable(1, "it holds characters that are not valid text")
    text = executed(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text, feature_version=TARGET_GRAMMAR)
            compile(tree, "<procedure>", "exec", dont_inherit=True)
        except SyntaxError as error:
            line, what = places.line(error.lineno or 2), error.msg
            if what.startswith("too many"):  # brackets, indents or blocks: Python 2 has the same limits
                return Unparsable(line, what)
        except (MemoryError, ValueError, OverflowError):
            return TooDeep()
        else:
            return (_first_construct(text, places) if _may_mean_otherwise(text, tree) else None) or Python3(tree)
    first = _first_construct(text, places, Python2Only(line, what))
    return first or Unparsable(line, what)


@lru_cache(maxsize=1)  # who finds out that it is Python 2's is followed by who converts it
def python2_tree(text: str) -> Any | None:  # noqa: ANN401 - fissix has no types
    """Return fissix's tree of an executed text, or None where Python 2 cannot parse it either."""
    # Imported here: only texts that Python 3 refuses need it.
    from fissix import pygram, pytree  # noqa: PLC0415
    from fissix.pgen2 import driver, parse, tokenize  # noqa: PLC0415

    function = has_future(text, "print_function")
    grammar = pygram.python_grammar_no_print_statement if function else pygram.python_grammar
    try:
        return driver.Driver(grammar, convert=pytree.convert).parse_string(text)
    except (parse.ParseError, tokenize.TokenError, IndentationError, ValueError, KeyError, AssertionError):
        return None  # what fissix says of a text that it cannot parse; it asserts where a word ends too soon


def has_future(text: str, feature: str) -> bool:
    """Return whether a ``from __future__ import`` of the text names this feature."""
    found = re.findall(
        r"^[ \t]*from[ \t]+__future__[ \t]+import\b[ \t]*(\([^)]*|(?:\\[\r\n]+|[^\r\n])*)", text, re.MULTILINE
    )
    return any(re.search(rf"\b{feature}\b", names) for names in found)


def _may_mean_otherwise(text: str, tree: ast.Module) -> bool:
    """Return whether Python 3 may take a text for something else: print (a) % b, or a backslash before u."""
    if _NEW_ESCAPE.search(text) and not has_future(text, "unicode_literals"):
        return True
    if "print" not in text or has_future(text, "print_function"):
        return False
    calls = {
        id(node.value.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    }
    return any(isinstance(node, ast.Name) and node.id == "print" and id(node) not in calls for node in ast.walk(tree))


def _first_construct(text: str, places: Places, otherwise: Python2Only | None = None) -> Python2Only | None:
    """Return what only Python 2 has, or ``otherwise``; None where Python 2 cannot parse the text."""
    from fissix import pygram  # noqa: PLC0415 - as above

    tree = python2_tree(text)
    if tree is None:
        return None
    for node in tree.pre_order():
        construct = _construct(node, pygram.python_symbols)
        if construct is not None:
            return Python2Only(places.line(node.get_lineno() or 2), construct)
    return otherwise


_NEW_ESCAPE = re.compile(r"\\[uUN]")
_ESCAPE = re.compile(r"\\.", re.DOTALL)


def new_escapes(literal: str) -> list[int]:
    r"""Return where a literal has ``\u``, ``\U`` or ``\N``: two characters on Python 2, a letter on Python 3."""
    return [match.start() for match in _ESCAPE.finditer(literal) if _NEW_ESCAPE.match(match[0])]


def is_bracketed(node: Any, symbols: Any) -> bool:  # noqa: ANN401 - fissix has no types
    """Return whether a node is ``( ... )`` and nothing else."""
    return bool(node.type == symbols.atom and node.children[0].value == "(")


def _has_comma(node: Any) -> bool:  # noqa: ANN401 - fissix has no types
    return any(not child.children and child.value == "," for child in node.children)


_CONSTRUCTS = {"`": "backticks", "<>": "<>"}
_OLD_NUMBER = re.compile(r"0[0-9]+|(0[xX])?[0-9a-fA-F]+[lL]")


def _construct(node: Any, symbols: Any) -> str | None:  # noqa: ANN401 - fissix has no types
    """Return the name of what only Python 2 has, if this node is it."""
    if node.type == symbols.print_stmt and not (len(node.children) == 2 and is_bracketed(node.children[1], symbols)):  # noqa: PLR2004
        return "print as a statement"
    if node.type == symbols.exec_stmt:
        return "exec as a statement"
    if node.type == symbols.except_clause and _has_comma(node):
        return "except with a comma"
    if node.type == symbols.raise_stmt and _has_comma(node):
        return "raise with a comma"
    if node.children:
        return None
    if _OLD_NUMBER.fullmatch(node.value) and node.value.strip("0"):
        return f"the number {node.value}"
    if node.value[:2].lower() == "ur" and node.value[2:3] in {"'", '"'}:
        return "ur'...'"
    if node.value[:1] in {"'", '"'} and new_escapes(node.value):
        return "a backslash before u, U or N in text, which is a letter on Python 3"
    return _CONSTRUCTS.get(node.value)
