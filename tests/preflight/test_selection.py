from __future__ import annotations

import pytest

from upgrade_kit.errors import UsageError
from upgrade_kit.model.finding import NotApplicable
from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.preflight.selection import families, select


def ids(*, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> set[str]:
    return {check.id for check in select(CHECKS, only=only, skip=skip)[0]}


def family(name: str) -> set[str]:
    return {check.id for check in CHECKS if check.family == name}


def test_all_are_asked_where_nothing_is_said() -> None:
    asked, left_out = select(CHECKS)
    assert asked == CHECKS
    assert left_out == ()


def test_only_takes_an_id_and_a_family_in_any_case() -> None:
    assert ids(only=("uk309", "Files")) == family("files") | {"UK309"}
    assert {"UK201", "UK202", "UK203"} <= ids(only=("DATABASE",)) == family("database")


def test_skip_leaves_out_what_only_names() -> None:
    assert ids(only=("database",), skip=("UK202",)) == family("database") - {"UK202"}


def test_what_is_left_out_is_answered_and_is_no_pass() -> None:
    _, left_out = select(CHECKS, skip=("data",))
    assert {result.id for result in left_out} == {check.id for check in CHECKS if check.family == "data"}
    assert all(isinstance(result.result, NotApplicable) and result.left_out for result in left_out)


@pytest.mark.parametrize("option", ["only", "skip"])
def test_a_misspelt_word_is_told_with_the_families(option: str) -> None:
    with pytest.raises(UsageError) as raised:
        select(CHECKS, **{option: ("UK9999",)})
    assert "UK9999" in raised.value.message
    assert all(family in raised.value.hint for family in families(CHECKS))


def test_nothing_left_to_ask_is_told() -> None:
    with pytest.raises(UsageError):
        select(CHECKS, only=("UK101",), skip=("interpreter",))
