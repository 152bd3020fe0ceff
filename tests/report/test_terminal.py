from __future__ import annotations

import io
import time
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import detect_legacy_windows
from rich.table import Table
from rich.text import Text

from upgrade_kit.report.terminal import (
    known_encoding,
    literal,
    looking,
    make_console,
    print_prose,
    print_table,
    progress,
    rate,
    table_box,
    visible,
)

OF_THE_SYSTEM = pytest.mark.skipif(
    detect_legacy_windows(), reason="Windows is asked what its own console shows, and there is none, or an old one"
)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def stream_in(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")


def written(stream: TextIO) -> str:
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp437", "ascii"])
def test_a_table_on_a_pipe_is_80_wide_without_colour_or_boxes(encoding: str) -> None:
    stream = stream_in(encoding)
    console = make_console(stream)
    table = Table(box=table_box(console))
    table.add_column("slug", overflow="fold")
    table.add_column("name", overflow="fold")
    table.add_row(literal(console, "[red]x[/red]\t\x1b[31m"), literal(console, "\u7dda\u91cf \xe9\ud800 " * 20, "red"))
    console.print(table)
    text = written(stream)
    assert "\x1b" not in text
    assert {cell_len(line) for line in text.splitlines()} == {80}
    assert "[red]x[/red]\\t\\x1b[31m" in text
    assert not set(text) & set("\u2500\u2501\u2502\u250c\u2510\u2514\u2518\u2577\u2574\u2576")


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_what_an_encoding_lacks_is_spelt_out_and_never_an_error(encoding: str) -> None:
    stream = stream_in(encoding)
    make_console(stream).print("\u7dda [b]bold[/b] :smile: 12")
    assert written(stream) == "\\u7dda [b]bold[/b] :smile: 12\n"


def test_a_lone_surrogate_is_no_error_on_utf8_either() -> None:
    stream = stream_in("utf-8")
    make_console(stream).print("\ud800")
    assert written(stream) == "\\ud800\n"


def test_an_encoding_that_python_lacks_counts_as_ascii() -> None:
    assert (known_encoding("cp65001-of-old"), known_encoding("UTF8")) == ("ascii", "utf-8")


class TestColour:
    @OF_THE_SYSTEM
    def test_a_terminal_gets_colour(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        stream = Screen()
        make_console(stream).print("x", style="red")
        assert "\x1b[31m" in stream.getvalue()

    def test_a_dumb_terminal_gets_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        stream = Screen()
        make_console(stream).print("x", style="red")
        assert stream.getvalue() == "x\n"

    @pytest.mark.parametrize("style", ["red", "bold", "underline link https://example.org"])
    def test_a_terminal_that_was_refused_colour_gets_no_code_at_all(self, style: str) -> None:
        stream = Screen()
        make_console(stream, color=False).print("x", style=style)
        assert stream.getvalue() == "x\n"

    def test_colour_can_be_forced_on_a_pipe(self) -> None:
        stream = io.StringIO()
        make_console(stream, color=True).print("x", style="red")
        assert stream.getvalue() == "\x1b[31mx\x1b[0m\n"

    def test_force_color_in_the_environment_does_not_reach_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        stream = io.StringIO()
        console = make_console(stream)
        console.print("x", style="red")
        assert stream.getvalue() == "x\n"
        assert table_box(console).ascii


class TestWidth:
    def test_a_pipe_has_80_columns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("COLUMNS", raising=False)
        assert make_console(io.StringIO()).width == 80

    @pytest.mark.parametrize(("columns", "width"), [("120", 120), ("0", 80), ("wide", 80), ("-5", 80), ("", 80)])
    def test_a_pipe_is_as_wide_as_the_environment_says(
        self, columns: str, width: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", columns)
        assert make_console(io.StringIO()).width == width

    def test_a_width_can_be_given(self) -> None:
        assert make_console(io.StringIO(), width=120).width == 120


class TestProse:
    @pytest.mark.parametrize(
        ("text", "indent", "lines"),
        [
            pytest.param("one two three four", 0, ["one two", "three four"], id="at blanks"),
            pytest.param("one two", 2, ["  one two"], id="that fits"),
            pytest.param("one two three", 4, ["    one two", "    three"], id="indented"),
            pytest.param(
                "in C:\\a\\folder-with-a-name now", 0, ["in", "C:\\a\\folder-with-a-name", "now"], id="no path"
            ),
            pytest.param("線線線 線線線", 0, ["線線線", "線線線"], id="by what it takes on the screen"),
            pytest.param("", 2, [], id="nothing"),
        ],
    )
    def test_it_is_folded_at_blanks_alone(self, text: str, indent: int, lines: list[str]) -> None:
        stream = io.StringIO()

        print_prose(make_console(stream, width=11), Text(text), indent=indent)

        assert stream.getvalue().splitlines() == lines

    def test_its_style_stays(self) -> None:
        stream = io.StringIO()

        print_prose(
            make_console(stream, width=8, color=True), Text("one two", style="red").append(" six", style="bold")
        )

        assert stream.getvalue() == "\x1b[31mone two\x1b[0m\n\x1b[1;31msix\x1b[0m\n"


class TestTables:
    @pytest.fixture
    def table(self) -> Table:
        table = Table("id", "what", box=None)
        table.add_row("UK301", "word " * 40 + "end")
        table.add_row("UK302", "short")
        return table

    def test_in_a_pipe_a_row_is_one_line_without_blanks_at_its_end(
        self, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("COLUMNS", raising=False)
        stream = io.StringIO()

        print_table(make_console(stream), table)

        lines = stream.getvalue().splitlines()
        assert [line.split()[0] for line in lines[1:]] == ["UK301", "UK302"]
        assert lines[1].endswith("end")
        assert all(line == line.rstrip() for line in lines)

    @pytest.mark.parametrize("columns", ["", "40"])
    def test_with_a_width_it_is_folded(self, table: Table, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", columns)
        stream = io.StringIO()

        print_table(make_console(stream, width=None if columns else 40), table)

        assert len(stream.getvalue().splitlines()) > 5
        assert max(map(len, stream.getvalue().splitlines())) <= 40

    def test_on_a_terminal_it_is_folded(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "60")
        screen = Screen()

        print_table(make_console(screen), table)

        assert len(screen.getvalue().splitlines()) > 4


class TestBoxes:
    @OF_THE_SYSTEM
    def test_a_terminal_in_utf8_gets_light_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        assert not table_box(make_console(Screen())).ascii

    @OF_THE_SYSTEM
    def test_a_terminal_without_colour_keeps_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        assert not table_box(make_console(Screen(), color=False)).ascii

    @pytest.mark.parametrize("term", ["dumb", "unknown"])
    def test_a_dumb_terminal_gets_dashes(self, monkeypatch: pytest.MonkeyPatch, term: str) -> None:
        monkeypatch.setenv("TERM", term)
        assert table_box(make_console(Screen())).ascii


class TestVisible:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            pytest.param("plain [x] (y), \"z\" 'q' \\n", "plain [x] (y), \"z\" 'q' \\n", id="plain text stays"),
            pytest.param("\xc9nergie \u7dda\u91cf", "\xc9nergie \u7dda\u91cf", id="any script stays"),
            pytest.param("a\tb\r\nc", "a\\tb\\r\\nc", id="tabs and line ends are named"),
            pytest.param("\x1b[31m\x07\x7f\x9b", "\\x1b[31m\\x07\\x7f\\x9b", id="control characters"),
            pytest.param("\u202ex\u2028\ufeff", "\\u202ex\\u2028\\ufeff", id="direction, separators, byte order mark"),
            pytest.param("\udc80", "\\udc80", id="half a character"),
        ],
    )
    def test_what_cannot_be_seen_is_spelt_out(self, text: str, shown: str) -> None:
        assert visible(text) == shown

    @given(st.text(st.characters()), st.sampled_from(["utf-8", "cp1252", "cp437", "ascii"]))
    def test_any_text_becomes_one_line_that_can_be_encoded(self, text: str, encoding: str) -> None:
        shown = visible(text, encoding)
        assert shown.encode(encoding).decode(encoding) == shown
        assert len(shown.splitlines()) <= 1

    @given(st.text(st.characters(categories=["L", "N", "P"], max_codepoint=0x24F)))
    def test_letters_numbers_and_marks_stay(self, text: str) -> None:
        assert visible(text) == text


class TestProgress:
    def test_a_pipe_gets_nothing(self) -> None:
        stream = io.StringIO()
        with progress(stream, "Copying") as show:
            show(1, 2)
        assert stream.getvalue() == ""

    def test_a_closed_stream_gets_nothing(self) -> None:
        stream = io.StringIO()
        stream.close()
        with progress(stream, "Copying") as show:
            show(1, 2)

    def test_a_terminal_sees_it_and_is_left_clean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        stream = Screen()
        with progress(stream, "Copying [x]") as show:
            show(1, 2)
            show(2, 2)
        assert "Copying [x]" in stream.getvalue()
        assert stream.getvalue().endswith("\x1b[2K")

    def test_it_tells_the_rate_and_the_time_that_is_left(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        stream = Screen()
        with progress(stream, "Copying", unit="rows") as show:
            for done in range(1, 5):
                show(done * 1000, 8000)
                time.sleep(0.15)
        assert "rows/s" in stream.getvalue()
        assert "left" in stream.getvalue()

    @pytest.mark.parametrize(
        ("speed", "unit", "told"),
        [
            (None, "rows", ""),
            (0.0, "rows", ""),
            (1234.4, "rows", "1,234 rows/s"),
            (2.5e6, "bytes", "2.5 MB/s"),
            (1234.4, "", "1,234/s"),
        ],
    )
    def test_a_rate_is_a_few_characters(self, speed: float | None, unit: str, told: str) -> None:
        assert rate(speed, unit) == told


class TestLooking:
    def test_a_pipe_gets_nothing(self) -> None:
        stream = io.StringIO()
        with looking(stream) as show:
            show("the database", False)
        assert stream.getvalue() == ""

    def test_a_terminal_sees_what_is_under_way_and_is_left_clean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm")
        stream = Screen()
        with looking(stream) as show:
            show("the database", False)
            show("IIS", False)
            show("the database", True)
        assert "Looking at IIS" in stream.getvalue()
        assert stream.getvalue().endswith("\x1b[2K")
