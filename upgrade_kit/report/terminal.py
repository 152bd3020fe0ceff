"""A console that never shows what its stream cannot: no stray colour, box character or encoding error.

``rich`` is imported when a console is made, not before: a command that prints plain lines starts sooner.
"""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import IO, TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from rich.box import Box
    from rich.console import Console
    from rich.progress import ProgressColumn
    from rich.table import Table
    from rich.text import Text

WIDTH_OFF_TERMINAL = 80
_NARROWEST = 8
_WIDEST = 1_000_000  # of a table that nobody folds

# Controls, formatting characters (bidirectional overrides, byte order mark), lone surrogates, and the
# separators that end a line in some viewers. Each of them could break a table or forge a line of it.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def make_console(stream: TextIO, *, color: bool | None = None, width: int | None = None) -> Console:
    """Return a console that writes to a stream only what the stream can show.

    Off a terminal there is no ANSI code and the width is fixed. Text is taken literally: square
    brackets, ``:names:`` and numbers mean nothing. What the encoding cannot hold is written as a
    backslash escape.

    Args:
        stream: where to write.
        color: True for colour even off a terminal, False for none (``--no-color``, ``NO_COLOR``),
            None to go by the terminal.
        width: in characters; by default the terminal's own. Off a terminal it is what ``COLUMNS`` says, else 80 for
            prose, and tables are not folded: each row is one line, for ``grep`` and ``findstr``.
    """
    from rich.console import Console, detect_legacy_windows  # noqa: PLC0415 - see the module's docstring

    class PipeConsole(Console):
        folds_tables = True

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # Rich would end the program, with the status of "findings"

    terminal = _is_terminal(stream)
    folds_tables = width is not None or terminal
    if not folds_tables and (columns := os.environ.get("COLUMNS", "")).isdecimal() and int(columns):
        width, folds_tables = int(columns), True
    legacy = detect_legacy_windows()
    plain = color is False or (color is None and (not terminal or legacy))
    console = PipeConsole(
        file=cast("IO[str]", _ReplacingStream(stream)),
        width=width if width is not None or terminal else WIDTH_OFF_TERMINAL,
        color_system=None if plain else ("standard" if color else "auto"),
        no_color=plain,
        force_terminal=terminal or bool(color),
        force_interactive=terminal,
        force_jupyter=False,
        legacy_windows=legacy and not plain,
        markup=False,
        emoji=False,
        highlight=False,
    )
    console.folds_tables = folds_tables
    return console


def table_width(stream: TextIO) -> int | None:
    """Return how wide a table may be there, in characters; ``None`` where each row is one line."""
    console = make_console(stream)
    return console.width if getattr(console, "folds_tables", True) else None


def print_table(console: Console, table: Table) -> None:
    """Print a table: folded to the width of a terminal, else with each row on one line and no blanks at its end."""
    if getattr(console, "folds_tables", True):
        console.print(table)
        return
    for column in table.columns:
        column.no_wrap, column.overflow, column.max_width, column.ratio = True, "ignore", None, None
    options = console.options.update(width=_WIDEST, max_width=_WIDEST)
    options = options.update(width=console.measure(table, options=options).maximum)
    for line in console.render_lines(table, options, pad=False):
        console.file.write("".join(segment.text for segment in line).rstrip() + "\n")


def print_prose(console: Console, text: Text, *, indent: int = 0) -> None:
    """Print a sentence, folded at blanks only: a path, a slug or a line to type is never cut, so that it can be copied.

    Args:
        console: made by ``make_console``.
        text: on one line; nothing is printed of an empty one.
        indent: blanks before each line.
    """
    from rich.text import Text  # noqa: PLC0415 - see the module's docstring

    if not text:
        return
    for line in text.divide(_breaks(text.plain, max(console.width - indent, _NARROWEST))):
        line.rstrip()
        console.print(Text(" " * indent).append_text(line), soft_wrap=True)


def _breaks(text: str, width: int) -> Iterator[int]:
    """Yield where lines begin that are no wider than so many cells, but for words that are wider themselves."""
    from rich.cells import cell_len  # noqa: PLC0415 - see the module's docstring

    used = 0
    for word in re.finditer(r"\s*\S+\s*", text):
        if used and used + cell_len(word[0].rstrip()) > width:
            yield word.start()
            used = 0
        used += cell_len(word[0])


def table_box(console: Console) -> Box:
    """Return the lines of a table: light ones on a terminal that can show them, else ``-``."""
    from rich.box import SIMPLE  # noqa: PLC0415 - see the module's docstring
    from rich.console import detect_legacy_windows  # noqa: PLC0415 - see the module's docstring

    dull = console.is_dumb_terminal or not console.is_terminal or detect_legacy_windows()
    return _ascii_light() if dull or console.options.ascii_only else SIMPLE


@cache
def _ascii_light() -> Box:
    from rich.box import Box  # noqa: PLC0415 - see the module's docstring

    return Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)


def visible(text: str, encoding: str = "utf-8") -> str:
    r"""Return text on one line, with what cannot be seen or encoded written as an escape.

    A tab becomes ``\t``, a line feed ``\n``, an escape character ``\x1b``; printable characters
    that the encoding holds stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    escaped = "".join(_escape(char) if unicodedata.category(char) in _INVISIBLE else char for char in text)
    return escaped.encode(encoding, "backslashreplace").decode(encoding)


def literal(console: Console, text: str, style: str = "") -> Text:
    """Return text from outside (a name, a slug, a path) as one visible line for this console."""
    from rich.text import Text  # noqa: PLC0415 - see the module's docstring

    return Text(visible(text, known_encoding(console.encoding)), style=style)


@contextmanager
def progress(
    stream: TextIO, description: str, *, unit: str = "", color: bool | None = None
) -> Iterator[Callable[[int, int | None], None]]:
    """Show how far slow work has come, on a terminal only; elsewhere nothing is written.

    Yields a function to be called with what is done and the total (``None`` where it is not known).
    The line disappears when the work ends.

    Args:
        stream: where to show it.
        description: what is done.
        unit: what is counted: ``bytes``, or a word such as ``rows``; told with the rate.
        color: as for ``make_console``.
    """
    if not _is_terminal(stream):
        yield lambda _done, _total: None
        return
    from rich.progress import (  # noqa: PLC0415 - see the module's docstring
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = make_console(stream, color=color)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None if console.width < WIDTH_OFF_TERMINAL else 24),
        TaskProgressColumn(markup=False),
        _rate_column(unit),
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(literal(console, description).plain, total=None)

        def show(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def rate(speed: float | None, unit: str) -> str:
    """Return how fast work goes, in a few characters; ``""`` where that is not known yet."""
    if not speed:
        return ""
    from rich.filesize import decimal  # noqa: PLC0415 - see the module's docstring

    return f"{decimal(int(speed))}/s" if unit == "bytes" else f"{speed:,.0f} {unit}/s".replace(" /", "/")


def _rate_column(unit: str) -> ProgressColumn:
    from rich.progress import ProgressColumn, Task  # noqa: PLC0415 - see the module's docstring
    from rich.text import Text  # noqa: PLC0415 - see the module's docstring

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(rate(task.finished_speed or task.speed, unit))

    return RateColumn()


@contextmanager
def looking(stream: TextIO, *, color: bool | None = None) -> Iterator[Callable[[str, bool], None]]:
    """Show what is being looked at and for how long, on a terminal only; elsewhere nothing is written.

    Yields a function to be called, from any thread, with what is looked at and whether that has ended. The line
    disappears when the work ends.
    """
    if not _is_terminal(stream):
        yield lambda _what, _ended: None
        return
    from rich.progress import Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - see the module's docstring

    console = make_console(stream, color=color)
    under_way: list[str] = []
    lock = Lock()
    with Progress(
        TextColumn("{task.description}", markup=False), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("Looking", total=None)

        def show(what: str, ended: bool) -> None:
            with lock:
                if ended and what in under_way:
                    under_way.remove(what)
                elif not ended:
                    under_way.append(what)
                words = f"Looking at {', '.join(under_way)}" if under_way else "Looking"
            bar.update(task, description=literal(console, words).plain)

        yield show


def known_encoding(name: str) -> str:
    """Return an encoding's name if Python has it, else ``ascii``."""
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "ascii"


def _is_terminal(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal; one that is closed or cannot say is none."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _escape(char: str) -> str:
    if char.isascii():
        return _NAMED.get(char) or f"\\x{ord(char):02x}"
    return char.encode("ascii", "backslashreplace").decode("ascii")


class _ReplacingStream:
    """A stream that writes a backslash escape where its encoding has no such character."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = known_encoding(getattr(stream, "encoding", None) or "utf-8")

    def write(self, text: str) -> int:
        return self._stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return _is_terminal(self._stream)

    def fileno(self) -> int:
        return self._stream.fileno()
