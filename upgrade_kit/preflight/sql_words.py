"""Takes the text of SQL apart into words, in the ways of SQL Server, MySQL, PostgreSQL and SQLite at once."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from sqlparse import lexer
from sqlparse import tokens as kinds

from upgrade_kit.model.sql import Place

_BATCH = re.compile(r"(?im)(?:^|(?<=\r))[ \t]*GO(?:[ \t]+\d+)?[ \t]*;?[ \t]*(?=[\r\n]|\Z)")
_MYSQL_OR_ESCAPED = re.compile(r"`|\bE'")
_UNQUOTED = {'"': '"', "`": "`", "[": "]"}


class Kind(Enum):
    """What a word is, as far as it matters here."""

    WORD = auto()  # a name or a keyword
    QUOTED = auto()  # a name in quotation marks, brackets or back quotes
    VALUE = auto()  # a text or a number
    VARIABLE = auto()  # @name, #name, :name, %s: no column
    MARK = auto()  # punctuation and operators


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a statement: as it is compared (keywords and names in lower case), and where it begins."""

    kind: Kind
    text: str
    start: int

    def __bool__(self) -> bool:
        return self.text != ""


NOTHING = Word(Kind.MARK, "", -1)


class SqlError(ValueError):
    """A text cannot be taken apart: with its place."""


class NoStatementError(SqlError):
    """A text holds nothing that names a table."""


class Text:
    """A text and the places in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]

    def place(self, start: int) -> Place:
        """Return line and column of a character."""
        line = bisect_right(self._lines, start)
        return Place(line=line, column=start - self._lines[line - 1] + 1)


def batches(text: Text) -> Iterator[list[Word]]:
    """Yield the words of each batch: SQL Server's tools send what stands between two lines ``GO`` by itself.

    Raises:
        SqlError: a quotation mark is never closed, or the brackets do not match.
    """
    start = 0
    for found in (*_BATCH.finditer(text.text), None):
        end = len(text.text) if found is None else found.start()
        words = list(_words(text, start, end))
        if words:
            yield words
        start = end if found is None else found.end()


def _words(text: Text, start: int, end: int) -> Iterator[Word]:
    part = text.text[start:end]
    if not _MYSQL_OR_ESCAPED.search(part):
        part = part.replace("\\", "/")  # no escape there: 'C:\' is a whole text, which sqlparse does not know
    depth, before = 0, ""
    for kind, value in lexer.tokenize(part):  # type: ignore[no-untyped-call]  # sqlparse has no types
        place, start = start, start + len(value)
        if kind in kinds.Whitespace or kind in kinds.Comment:
            continue
        if kind is kinds.Error and value in "'\"`":
            raise SqlError(f"a quotation mark in line {text.place(place).line} is never closed")
        if (
            kind is kinds.Literal and value.startswith("$") and before.lower() in {"as", "do"}
        ):  # the body of a function of PostgreSQL
            mark = value[: value.index("$", 1) + 1]
            yield from _words(text, place + len(mark), start - len(mark))
            continue
        depth += (value == "(") - (value == ")")
        if depth < 0:
            raise SqlError(f"a bracket in line {text.place(place).line} closes nothing")
        yield from _word(kind, value, place, before)
        before = value
    if depth:
        raise SqlError("a bracket is never closed")


def _word(kind: kinds._TokenType, value: str, place: int, before: str) -> Iterator[Word]:
    if (
        before in {"@", "@@", "#", "##", "{"}
        or kind in kinds.Name.Placeholder
        or (value[0] in "@#:" and len(value) > 1)
    ):
        yield Word(Kind.VARIABLE, value, place)
    elif value[0] in _UNQUOTED and value[-1:] == _UNQUOTED[value[0]] and len(value) > 1:
        yield Word(Kind.QUOTED, value[1:-1].lower(), place)
    elif kind in kinds.Literal:
        yield Word(Kind.VALUE, value, place)
    elif kind in kinds.Name or kind in kinds.Keyword or re.fullmatch(r"\w[\w$]*", value):
        for found in re.finditer(r"\S+", value):  # sqlparse takes INNER JOIN and the like for one word
            yield Word(Kind.WORD, found[0].lower(), place + found.start())
    elif value not in {"@", "@@", "#", "##"}:
        yield Word(Kind.MARK, value, place)
