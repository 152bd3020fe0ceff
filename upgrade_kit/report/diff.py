r"""The change of one text as a unified diff that gives back the text after, character by character."""

from __future__ import annotations

import difflib
import re

from upgrade_kit.report.terminal import visible

# The line ends of a procedure. str.splitlines would also cut at form feeds and other separators.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_UNENDED = "\n\\ No newline at end of file\n"


def split_lines(text: str) -> list[str]:
    r"""Split after ``\r\n``, ``\n`` and a lone ``\r``, and nowhere else; the parts add up to the text."""
    return _LINE.findall(text)


def unified_diff(before: str, after: str, name: str) -> str:
    r"""Return a unified diff, empty where nothing changes.

    Each line keeps its own line end. A last line that has none is followed by the same marker that git
    writes. Where lines end in ``\n`` or ``\r\n``, ``patch --binary`` applies it.

    Args:
        before: the old text.
        after: the new text.
        name: what the two file lines of the diff say.
    """
    if before == after:
        return ""
    label = visible(name)
    lines = difflib.unified_diff(split_lines(before), split_lines(after), f"a/{label}", f"b/{label}")
    return "".join(line if line[-1] in "\r\n" else line + _UNENDED for line in lines)
