from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.report.markdown import code, hint_lines, plain


@pytest.mark.parametrize("text", ["plain words, and more.", "C:/site", "a-b (c)", ""])
def test_what_marks_nothing_up_stays(text: str) -> None:
    assert plain(text) == text


def test_lines_become_one() -> None:
    assert plain("a\n\n# b") == "a \\# b"


@given(st.text(min_size=1))
def test_no_text_ends_its_code_span(text: str) -> None:
    span = code(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    assert fence not in span[len(fence) : -len(fence)] or not span.strip("`")


def test_what_is_to_be_typed_is_a_block_and_prose_is_not() -> None:
    assert list(hint_lines("Type:\n    a\n    b\nThen go on.")) == ["Type:", "", "    a", "    b", "", "Then go on."]
