"""Python's words by kind, for HTML. Highlighting alters no character: the spans of a line add up to the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pygments.lexer import Lexer

MOST_CHARACTERS = 200_000  # beyond that a text is shown plain
_OTHER = ""


class Span(NamedTuple):
    """A piece and its kind: ``k`` keyword, ``s`` text, ``c`` comment, ``n`` number, ``b`` built in, or ``""``."""

    kind: str
    text: str


def highlighted(lines: Sequence[str], *, python2: bool) -> list[tuple[Span, ...]]:
    """Return the spans of each line.

    Args:
        lines: the lines without what ends them.
        python2: which Python's words they are.
    """
    text = "\n".join(lines)
    if len(text) > MOST_CHARACTERS or any("\n" in line for line in lines):
        return [(Span(_OTHER, line),) if line else () for line in lines]
    result: list[list[Span]] = [[]]
    for kind, value in _tokens(text, python2=python2):
        for number, part in enumerate(value.split("\n")):
            if number:
                result.append([])
            if part:
                _add(result[-1], kind, part)
    return [tuple(spans) for spans in result[: len(lines)]]


def _add(spans: list[Span], kind: str, text: str) -> None:
    if spans and spans[-1].kind == kind:
        text = spans.pop().text + text
    spans.append(Span(kind, text))


def _tokens(text: str, *, python2: bool) -> Iterator[tuple[str, str]]:
    for _, token, value in _lexer(python2=python2).get_tokens_unprocessed(text):
        yield _kind(token), value


@cache
def _kind(token: Any) -> str:  # noqa: ANN401 - Pygments has no types
    from pygments.token import (  # noqa: PLC0415 - only a report needs them
        Comment,
        Keyword,
        Name,
        Number,
        Operator,
        String,
    )

    kinds = (
        (Comment, "c"),
        (String, "s"),
        (Keyword, "k"),
        (Operator.Word, "k"),
        (Number, "n"),
        (Name.Builtin, "b"),
    )
    return next((kind for family, kind in kinds if token in family), _OTHER)


@cache
def _lexer(*, python2: bool) -> Lexer:
    from pygments.lexers.python import Python2Lexer, PythonLexer  # noqa: PLC0415 - as above

    return Python2Lexer() if python2 else PythonLexer()
