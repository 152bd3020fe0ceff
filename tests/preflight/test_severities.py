from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from upgrade_kit.model.deployment import Machine
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed, Severity
from upgrade_kit.preflight.check import Answer, Check, check, error, info, warning
from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.preflight.severities import severities


def made(function: Any) -> Check[Machine]:
    return check("XX001", "t", reads=Machine, section="none")(function)


def _told(text: str) -> Finding:
    return warning(text, hint="h")


def _round(count: int) -> Iterator[Finding]:
    yield info("i", hint="h")
    yield from _round(count - 1)


def test_what_it_calls_itself_counts_worst_first() -> None:
    def both(_machine: Machine) -> Answer:
        return [info("i", hint="h"), error("e", hint="h")]

    assert severities(made(both)) == (Severity.ERROR, Severity.INFO)


def test_a_function_that_it_calls_in_a_comprehension_counts() -> None:
    def listed(_machine: Machine) -> Answer:
        return [_told(text) for text in "ab"]

    assert severities(made(listed)) == (Severity.WARNING,)


def test_functions_that_call_each_other_end() -> None:
    def again(_machine: Machine) -> Answer:
        return _round(3)

    assert severities(made(again)) == (Severity.INFO,)


def test_an_attribute_of_that_name_is_none() -> None:
    def logs(machine: Any) -> Answer:
        return Passed(str(machine.error))

    assert severities(made(logs)) == ()


@pytest.mark.parametrize("answer", [Passed(), NotApplicable("r"), CouldNotRun("r")])
def test_what_finds_nothing_has_none(answer: Answer) -> None:
    def nothing(_machine: Machine) -> Answer:
        return answer

    assert severities(made(nothing)) == ()


def test_a_check_that_is_no_function_has_none() -> None:
    class Callable_:  # noqa: N801 - a thing that can be called and is no function
        def __call__(self, _machine: Machine) -> Answer:
            return [error("e", hint="h")]

    assert severities(made(Callable_())) == ()


def test_every_check_of_the_kit_that_finds_something_has_one() -> None:
    assert {one.id for one in CHECKS if not severities(one)} == {"UK202", "UK359"}
