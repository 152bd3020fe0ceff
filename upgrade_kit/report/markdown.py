"""Text in Markdown, in which nothing that a site wrote marks anything up."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~])")


def plain(text: str) -> str:
    """Return text on one line in which Markdown marks nothing up."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def code(value: object) -> str:
    """Return text in a code span that none of its own back quotes can end."""
    text = " ".join(str(value).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    blank = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{blank}{text}{blank}{fence}"


def hint_lines(hint: str) -> Iterator[str]:
    """Yield prose as it is, and lines to type in a block of code."""
    typed: list[str] = []
    for line in hint.splitlines():
        if line.startswith("    "):
            typed.append(line)
            continue
        yield from _block(typed)
        typed = []
        yield plain(line)
    yield from _block(typed)


def _block(lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield from lines
        yield ""
