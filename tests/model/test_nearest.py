"""A misspelt word gets a question; one that is like nothing gets none."""

from __future__ import annotations

import pytest

from upgrade_kit.model.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "known", "question"),
    [
        pytest.param("preflght", ["preflight", "plan"], "Did you mean preflight?", id="a letter too few"),
        pytest.param("uk30l", ["UK301", "UK999"], "Did you mean UK301?", id="lower case"),
        pytest.param("epid", ["epid_a", "epid_b"], "Did you mean epid_b or epid_a?", id="two alike"),
        pytest.param(
            "UK2O1", ["UK201", "UK521", "UK321"], "Did you mean UK201?", id="a letter that looks like a digit"
        ),
        pytest.param("xyz", ["preflight", "plan"], "", id="like none"),
        pytest.param("plan", [], "", id="none is known"),
    ],
)
def test_what_was_perhaps_meant_is_asked(word: str, known: list[str], question: str) -> None:
    assert did_you_mean(word, known) == question


def test_no_more_are_named_than_are_wanted() -> None:
    assert len(nearest("abcd", ["abcd1", "abcd2", "abcd3"], most=1)) == 1
