"""The parts of pages that are made: what stands between two comments is replaced, the rest is written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_PART = re.compile(
    r"(<!-- made by python -m documentation: (?P<name>[a-z-]+) -->\n).*?(<!-- end of what is made -->)", re.DOTALL
)


def with_made_parts(page: str, parts: Mapping[str, Callable[[], list[str]]]) -> str:
    """Return the page with each part that is made, made anew.

    Raises:
        KeyError: the page names a part that nothing makes.
    """

    def made(match: re.Match[str]) -> str:
        lines = "\n".join(parts[match["name"]]())
        return f"{match[1]}\n{lines.strip()}\n\n{match[3]}"

    return _PART.sub(made, page)


def table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table; a bar in a cell is escaped, a line end becomes a blank."""
    cells = [tuple(" ".join(cell.split()).replace("|", "\\|") for cell in row) for row in rows]
    return [
        f"| {' | '.join(heads)} |",
        f"|{'---|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in cells),
    ]
