"""The text that QATrack+ executes, and places in the text that is stored.

Every version from 0.2.8 to 0.3.0.20 compiles ``from __future__ import division``, a newline, the procedure
and two newlines, after each carriage return became a newline (``process_procedure`` in
``qatrack/qa/views/perform.py``, tag v0.3.0). One character stays one character, so a place in the executed
text less the first line is a place in the stored text.
"""

from __future__ import annotations

import re
from bisect import bisect_right

PREFIX = "from __future__ import division\n"
_LINE_END = re.compile(r"\r\n|\r|\n")
_NEWLINE = re.compile(r"[\r\n]")


def executed(source: str) -> str:
    """Return what QATrack+ compiles for this procedure."""
    return f"{PREFIX}{source}\n\n".replace("\r", "\n")


def split_lines(source: str) -> list[str]:
    r"""Return the lines of a text as an editor shows them: ``\r\n``, ``\n`` and a lone ``\r`` each end one."""
    return _LINE_END.split(source)


class Places:
    r"""Where things are in a stored procedure.

    Lines are numbered as an editor shows them: ``\r\n``, ``\n`` and a lone ``\r`` each end one.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._ascii = source.isascii()
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(source))]
        self._executed_starts = [0, *(match.end() for match in _NEWLINE.finditer(source))]

    def offset(self, executed_line: int, utf8_column: int) -> int:
        """Return the 0-based character offset of a node of the executed text's syntax tree.

        Args:
            executed_line: 1-based ``lineno``; line 1 is the future statement.
            utf8_column: ``col_offset``, in UTF-8 bytes.
        """
        start = self._executed_starts[executed_line - 2]
        if self._ascii:
            return start + utf8_column
        line = self._source[start : start + utf8_column]
        return start + len(line.encode("utf-8", "surrogatepass")[:utf8_column].decode("utf-8", "replace"))

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and the 1-based column in characters of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, executed_line: int) -> int:
        """Return the 1-based line as an editor shows it for a line of the executed text."""
        index = min(max(executed_line - 2, 0), len(self._executed_starts) - 1)
        return self.line_and_column(self._executed_starts[index])[0]
