"""Text from outside as HTML: nothing of it marks anything up, and nothing of it is invisible."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from upgrade_kit.report.highlight import Span
from upgrade_kit.report.side_by_side import Line, Piece
from upgrade_kit.report.terminal import visible

_ESCAPED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[tnr])")


def shown(value: object) -> Markup:
    """Return a value as HTML; what cannot be seen (controls, overrides of direction, odd blanks) is spelt out."""
    if isinstance(value, Markup):
        return value
    return _shown(str(value), keep="")


def attribute(value: object) -> Markup:
    """Return a value for an attribute in double quotes, with what cannot be seen spelt out."""
    return escape(visible(str(value)))


def code_line(line: Line, mark: str) -> Markup:
    """Return a line of code: words by kind, changed pieces in the element ``mark``, changed line ends spelt out."""
    html = Markup().join(_run(pieces, mark) for pieces in _runs(line.pieces))
    return html + Markup("<var>{}</var>").format(line.end) if line.end else html


def _runs(pieces: Iterable[Piece]) -> Iterable[list[Piece]]:
    """Put neighbours together that changed, or did not: one mark around each."""
    runs: list[list[Piece]] = []
    for piece in pieces:
        if runs and runs[-1][-1].changed == piece.changed:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


def _run(pieces: list[Piece], mark: str) -> Markup:
    changed = pieces[0].changed
    html = Markup().join(_span(Span(piece.kind, piece.text), keep="" if changed else "\t") for piece in pieces)
    return Markup("<{0}>{1}</{0}>").format(mark, html) if changed else html


def _span(span: Span, *, keep: str) -> Markup:
    html = _shown(span.text, keep=keep)
    return Markup('<span class="{}">{}</span>').format(span.kind, html) if span.kind else html


def _shown(text: str, *, keep: str) -> Markup:
    if text.isprintable():
        return escape(text)
    return Markup().join(_spelt(char, keep=keep) for char in re.findall(r"[ -~]+|.", text, re.DOTALL))


def _spelt(text: str, *, keep: str) -> Markup:
    if text.isprintable() or text in keep:
        return escape(text)
    spelt = visible(text)
    if not _ESCAPED.fullmatch(spelt):  # a blank that is none, or what Unicode has not assigned
        spelt = text.encode("ascii", "backslashreplace").decode("ascii")
    return Markup("<var>{}</var>").format(spelt)
