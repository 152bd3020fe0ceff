"""Many moments at once are what one after the other would be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from upgrade_kit.deployment.moments import moment, moments

MOMENTS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001 - naive is UTC
TEXTS = st.one_of(
    MOMENTS.map(str),  # SQLite: with microseconds or without
    MOMENTS.map(lambda value: f"{value:%Y-%m-%d %H:%M:%S.%f}".zfill(26)),  # MySQL
    MOMENTS.map(lambda value: str(value.replace(tzinfo=UTC)).replace("+00:00", "+00")),  # PostgreSQL
    st.sampled_from(["", "0000-00-00 00:00:00", "2018-00-14 08:15:00.000001", "2018-05-00 08:15:00.000001", "\u0663"]),
    st.text(max_size=30),
)


@given(st.lists(TEXTS, min_size=1, max_size=30))
@example(["2018-05-14 08:15:00.123456"] * 3 + ["2018-05-14 08:15:00"])
@example(["2018-05-14 08:15:00.000456"] * 3)
@example(["2018-05-14 08:15:00.00\u0664456"] * 3)
@example(["2018-05-14 08:15:00\n000456"] * 3)
@example(["\ud800"])
def test_at_once_is_as_one_by_one(texts: Sequence[str]) -> None:
    found = moments(texts)
    if found is None:
        return
    made, alone = found
    assert len(made) == len(texts)
    for place, text in enumerate(texts):
        if place not in alone:
            assert made[place] == moment(text)


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("2018-05-14 08:15:00.123456", False),
        ("2018-05-14 08:15:00.100000", False),
        ("2018-05-14 08:15:00.000456", True),
        ("2018-05-14 08:15:00", False),
        ("2018-05-14 08:15:00.123456+00", False),
        ("2018-05-14 08:15:00+00", False),
        ("0000-00-00 00:00:00", True),
    ],
)
def test_a_column_of_one_form_is_done_at_once(text: str, alone: bool) -> None:
    assert moments([text] * 9) == ([moments([text])[0][0]] * 9, list(range(9)) if alone else [])  # type: ignore[index]


@pytest.mark.parametrize("texts", [["never"], ["2018-05-14 08:15:00.1"] * 3, [1], ["2018-05-14 08:15:00", None]])
def test_other_columns_are_not(texts: list[str]) -> None:
    assert moments(texts) is None
