from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.report.diff import split_lines, unified_diff

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@\n")
MARKER = "\\ No newline at end of file\n"


def applied(before: str, diff: str) -> str:
    """Apply a unified diff strictly: every context and removed line must stand where the diff says."""
    if not diff:
        return before
    old, new, at = split_lines(before), [], 0
    lines = split_lines(diff)
    assert [line[:6] for line in lines[:2]] == ["--- a/", "+++ b/"]
    for index, line in enumerate(lines[2:], start=2):
        if found := HUNK.fullmatch(line):
            start = int(found[1]) - (found[2] != "0")
            new += old[at:start]
            at = start
            continue
        if line == MARKER:
            continue
        content = line[1:]
        if lines[index + 1 : index + 2] == [MARKER]:
            content = content.removesuffix("\n")
        if line[0] in " -":
            assert old[at] == content
            at += 1
        if line[0] in " +":
            new.append(content)
    return "".join(new + old[at:])


TEXT = st.lists(
    st.sampled_from(
        [
            "a",
            "FILE",
            "BIN_FILE",
            " ",
            "\t",
            "\n",
            "\r\n",
            "\r",
            "\x0b",
            "\x0c",
            "\x85",
            "\u2028",
            "\ud800",
            "\\",
            "-",
            "+",
            "@@",
        ]
    ),
    max_size=30,
).map("".join)


@given(TEXT, TEXT)
def test_applying_the_diff_gives_back_the_text_after(before: str, after: str) -> None:
    assert applied(before, unified_diff(before, after, "slug")) == after


@given(TEXT)
def test_no_change_is_no_diff(text: str) -> None:
    assert unified_diff(text, text, "slug") == ""


@given(st.text())
def test_the_lines_add_up_to_the_text(text: str) -> None:
    assert "".join(split_lines(text)) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("a\nb\r\nc\rd", ["a\n", "b\r\n", "c\r", "d"], id="three line ends"),
        pytest.param("a\n\r\n\n", ["a\n", "\r\n", "\n"], id="empty lines"),
        pytest.param("a\x0bb\x0cc\x85d\u2028e\x1cf", ["a\x0bb\x0cc\x85d\u2028e\x1cf"], id="no other separator cuts"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_lines_end_where_a_procedure_ends_them(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


def test_a_missing_final_newline_is_marked_as_git_does() -> None:
    diff = unified_diff("x = 1\nFILE", "x = 1\nBIN_FILE", "epid")
    assert diff == (
        "--- a/epid\n+++ b/epid\n@@ -1,2 +1,2 @@\n x = 1\n-FILE\n\\ No newline at end of file\n"
        "+BIN_FILE\n\\ No newline at end of file\n"
    )


def test_a_lone_carriage_return_ends_a_line_and_is_no_missing_newline() -> None:
    assert unified_diff("FILE\r", "BIN_FILE\r", "s") == "--- a/s\n+++ b/s\n@@ -1 +1 @@\n-FILE\r+BIN_FILE\r"


def test_a_name_with_a_line_break_cannot_forge_a_line() -> None:
    assert unified_diff("a", "b", "x\n+++ y").startswith("--- a/x\\n+++ y\n+++ b/x\\n+++ y\n@@")
