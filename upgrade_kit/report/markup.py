"""Text from outside as HTML: nothing of it marks anything up, and nothing of it is invisible."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from markupsafe import Markup, escape

from upgrade_kit.report.side_by_side import Line, Piece
from upgrade_kit.report.terminal import visible

_ESCAPED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[tnr])")
_PART = re.compile(r"[ -~]+|.", re.DOTALL)
_changed = attrgetter("changed")


def shown(value: object) -> Markup:
    """Return a value as HTML; what cannot be seen (controls, overrides of direction, odd blanks) is spelt out."""
    if isinstance(value, Markup):
        return value
    return Markup(_spelt_out(str(value), keep=""))  # noqa: S704 - it escapes


def shown_lines(value: str) -> Markup:
    """Return several lines likewise; what ends them is left as it is."""
    return Markup("\n").join(map(shown, value.split("\n")))


def attribute(value: object) -> Markup:
    """Return a value for an attribute in double quotes, with what cannot be seen spelt out."""
    return escape(visible(str(value)))


def code_line(line: Line, mark: str) -> Markup:
    """Return a line of code: words by kind, changed pieces in the element ``mark``, changed line ends spelt out."""
    html = "".join(_run(changed, tuple(pieces), mark) for changed, pieces in groupby(line.pieces, _changed))
    return Markup(f"{html}<var>{escape(line.end)}</var>" if line.end else html)  # noqa: S704 - made of what was escaped


def _run(changed: bool, pieces: Iterable[Piece], mark: str) -> str:
    """Return neighbours that all changed, or all did not: one mark around them."""
    html = "".join(_span(piece.kind, _spelt_out(piece.text, keep="" if changed else "\t")) for piece in pieces)
    return f"<{mark}>{html}</{mark}>" if changed else html


def _span(kind: str, html: str) -> str:
    return f'<span class="{kind}">{html}</span>' if kind else html


def _spelt_out(text: str, *, keep: str) -> str:
    if text.isprintable():
        return str(escape(text))
    return "".join(_spelt(part, keep=keep) for part in _PART.findall(text))


def _spelt(text: str, *, keep: str) -> str:
    if text.isprintable() or text in keep:
        return str(escape(text))
    spelt = visible(text)
    if not _ESCAPED.fullmatch(spelt):  # a blank that is none, or what Unicode has not assigned
        spelt = text.encode("ascii", "backslashreplace").decode("ascii")
    return f"<var>{escape(spelt)}</var>"
