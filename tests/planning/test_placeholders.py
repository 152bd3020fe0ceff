"""Words in braces."""

from __future__ import annotations

import pytest

from upgrade_kit.planning.placeholders import LISTS, PLACEHOLDERS, fill, fill_word, names_in

VALUES = {"site": "C:\\q", "tag": "v1", "remote": "https://host/a/b.git"}
SEVERAL: dict[str, tuple[str, ...]] = {"interpreter": ("py", "-3.6"), "asked": ()}


@pytest.mark.parametrize(
    ("word", "separator", "expected"),
    [
        pytest.param("{site}/db/x", "\\", ["C:\\q\\db\\x"], id="a slash becomes the system's separator"),
        pytest.param("a/b", "/", ["a/b"], id="which may be a slash"),
        pytest.param("{remote}", "\\", ["https://host/a/b.git"], id="but not in what is filled in"),
        pytest.param("http://host/{tag}", "\\", ["http://host/v1"], id="nor in a URL"),
        pytest.param("{interpreter}", "/", ["py", "-3.6"], id="one word may stand for several"),
        pytest.param("{asked}", "/", [], id="or for none"),
        pytest.param("plain", "\\", ["plain"], id="and most for themselves"),
    ],
)
def test_a_word_of_a_rule_becomes_words_of_a_command(word: str, separator: str, expected: list[str]) -> None:
    assert fill_word(word, VALUES, SEVERAL, separator) == expected


def test_what_is_filled_in_is_not_looked_into_again() -> None:
    assert fill("{site}", {"site": "{tag}", "tag": "no"}) == "{tag}"


def test_braces_that_name_nothing_stay() -> None:
    assert fill("{} {1} {A}", {}) == "{} {1} {A}"
    assert list(names_in("{} {site} {A} {tag}")) == ["site", "tag"]


def test_a_placeholder_is_one_text_or_a_list_and_not_both() -> None:
    assert not PLACEHOLDERS & LISTS
