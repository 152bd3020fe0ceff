from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from packaging.version import InvalidVersion, Version

from upgrade_kit.model.deployment import Deployment, Machine
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Answer, Check, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts

MACHINE = Machine(system="Linux", preferred_encoding="UTF-8")


@check("XX001", "The machine is not a toaster", reads=Machine, section="none")
def not_a_toaster(machine: Machine) -> Iterator[Finding]:
    """A toaster burns records.

    It has no disk.
    """
    if machine.system == "toaster":
        yield error("it is a toaster", hint="Use a computer.")


def answering(answer: Answer | type[Exception]) -> Check[Machine]:
    @check("XX002", "An answer", reads=Machine, section="none")
    def same(_machine: Machine) -> Answer:
        if isinstance(answer, type):
            raise answer("burnt")
        return answer

    return same


@dataclass(frozen=True, slots=True)
class Kitchen:
    """A fact as somebody else would write it beside a check."""

    system: str

    @classmethod
    def of(cls, facts: Facts) -> Kitchen | Unobserved:
        """Return it, where the machine is one of a kitchen."""
        machine = facts.get(Machine)
        if isinstance(machine, Unobserved):
            return machine
        if machine.system == "broken":
            raise ValueError("burnt")
        return cls(machine.system) if machine.system == "toaster" else Unobserved("no kitchen", asked=False)


@check("XX003", "The kitchen is empty", reads=Kitchen, section="none")
def empty_kitchen(kitchen: Kitchen) -> Answer:
    """A kitchen is no place for records."""
    return [error(f"a {kitchen.system} is in it", hint="Carry it out.")]


@pytest.fixture
def result_of(site: Deployment, plan: RewritePlan) -> Callable[..., Result]:
    def answer(asked: Check[Any], machine: object = MACHINE, *, path: object = None) -> Result:
        spoilt = replace(site, machine=machine)  # type: ignore[arg-type]
        return asked.run(Facts(spoilt, path, plan)).result  # type: ignore[arg-type]

    return answer


def test_the_decorator_gives_back_a_value_with_what_it_was_told() -> None:
    assert (not_a_toaster.id, not_a_toaster.title, not_a_toaster.reads) == (
        "XX001",
        "The machine is not a toaster",
        Machine,
    )


def test_why_is_the_docstring_on_one_line() -> None:
    assert not_a_toaster.why == "A toaster burns records. It has no disk."


def test_what_a_check_yields_is_found(result_of: Callable[..., Result]) -> None:
    result = result_of(not_a_toaster, Machine(system="toaster", preferred_encoding="UTF-8"))
    assert result == Found((error("it is a toaster", hint="Use a computer."),))


def test_a_check_that_yields_nothing_passed(result_of: Callable[..., Result]) -> None:
    assert result_of(not_a_toaster) == Passed()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        pytest.param(Passed("this"), Passed("this"), id="what it saw"),
        pytest.param(NotApplicable("no"), NotApplicable("no"), id="not applicable"),
        pytest.param(CouldNotRun("blind"), CouldNotRun("blind"), id="could not look"),
        pytest.param((), Passed(), id="no findings"),
        pytest.param(Unobserved("gone"), CouldNotRun("gone"), id="a part of the fact that could not be known"),
        pytest.param(
            Unobserved("no folder", asked=False),
            NotApplicable("no folder"),
            id="a part that nobody asked for",
        ),
    ],
)
def test_an_answer_becomes_a_result(answer: Answer, result: Result, result_of: Callable[..., Result]) -> None:
    assert result_of(answering(answer)) == result


def test_an_unknown_fact_is_no_pass_and_the_function_is_not_called(result_of: Callable[..., Result]) -> None:
    assert result_of(answering(ValueError), Unobserved("locked")) == CouldNotRun("locked")


def test_a_fact_that_nobody_asked_for_does_not_apply(result_of: Callable[..., Result]) -> None:
    assert result_of(answering(ValueError), Unobserved("no folder", asked=False)) == NotApplicable("no folder")


def test_a_fact_of_an_unknown_type_is_no_pass(result_of: Callable[..., Result]) -> None:
    @check("XX005", "Nobody observes numbers", reads=int, section="none")
    def numbered(_number: int) -> Answer:
        return Passed()

    assert result_of(numbered) == CouldNotRun("nothing here observes a fact of the type int")


@pytest.mark.parametrize(
    ("system", "result"),
    [
        pytest.param("toaster", Found((error("a toaster is in it", hint="Carry it out."),)), id="put together"),
        pytest.param("Linux", NotApplicable("no kitchen"), id="not asked for"),
        pytest.param("broken", CouldNotRun("the check itself failed: ValueError: burnt"), id="its making fails"),
    ],
)
def test_a_fact_can_be_written_beside_its_check(result_of: Callable[..., Result], system: str, result: Result) -> None:
    assert result_of(empty_kitchen, Machine(system=system, preferred_encoding="UTF-8")) == result


def test_an_exception_in_a_check_is_told_with_its_type(result_of: Callable[..., Result]) -> None:
    assert result_of(answering(ValueError)) == CouldNotRun("the check itself failed: ValueError: burnt")


def test_an_exception_while_findings_are_yielded_is_told_too(result_of: Callable[..., Result]) -> None:
    @check("XX003", "Breaks late", reads=Machine, section="none")
    def late(_machine: Machine) -> Iterator[Finding]:
        yield warning("first", hint="")
        raise KeyError("second")

    assert result_of(late) == CouldNotRun("the check itself failed: KeyError: 'second'")


def test_an_answer_that_is_no_finding_is_no_pass(result_of: Callable[..., Result]) -> None:
    result = result_of(answering(("a string",)))  # type: ignore[arg-type]  # what a plugin may do
    assert isinstance(result, CouldNotRun)
    assert "not with str" in result.reason


class TestCrosses:
    @pytest.fixture
    def only_for_030(self) -> Check[Machine]:
        @check("XX004", "Only on the way to 0.3.0", reads=Machine, section="none", crosses="0.3.0")
        def asked(_machine: Machine) -> Answer:
            return [error("asked", hint="")]

        return asked

    def test_is_a_version(self, only_for_030: Check[Machine]) -> None:
        assert only_for_030.crosses == Version("0.3.0")

    def test_a_path_that_crosses_is_asked(self, only_for_030: Check[Machine], result_of: Callable[..., Result]) -> None:
        path = VersionGraph.load().path("0.2.8", "0.3.0")
        assert isinstance(result_of(only_for_030, path=path), Found)

    @pytest.mark.parametrize(("source", "target"), [("0.2.8", "0.2.9.1"), ("0.3.0", "0.3.0")])
    def test_a_path_that_does_not_cross_is_not_asked(
        self, only_for_030: Check[Machine], source: str, target: str, result_of: Callable[..., Result]
    ) -> None:
        path = VersionGraph.load().path(source, target)
        assert result_of(only_for_030, path=path) == NotApplicable("asked only on the way to 0.3.0")

    def test_an_unknown_path_is_no_pass(self, only_for_030: Check[Machine], result_of: Callable[..., Result]) -> None:
        assert result_of(only_for_030, path=Unobserved("no version")) == CouldNotRun("no version")

    def test_a_fact_that_nobody_asked_for_needs_no_path(
        self, only_for_030: Check[Machine], result_of: Callable[..., Result]
    ) -> None:
        not_asked = Unobserved("no folder", asked=False)
        result = result_of(only_for_030, not_asked, path=Unobserved("no version"))
        assert result == NotApplicable("no folder")

    def test_what_is_no_version_is_refused_where_it_is_written(self) -> None:
        with pytest.raises(InvalidVersion):
            check("XX006", "", reads=Machine, section="", crosses="soon")


@pytest.mark.parametrize(
    ("make", "severity"), [(error, Severity.ERROR), (warning, Severity.WARNING), (info, Severity.INFO)]
)
def test_findings_have_the_severity_of_their_name(make: Callable[..., Finding], severity: Severity) -> None:
    assert make(message="m", hint="h", where="w") == Finding(severity=severity, message="m", hint="h", where="w")


def test_lines_to_type_are_indented_on_their_own_lines() -> None:
    assert to_type("Do:", "one", "two") == "Do:\n    one\n    two"


@pytest.mark.parametrize(("items", "text"), [((), "0 tests"), (("a",), "1 test"), (("a", "b"), "2 tests")])
def test_a_count_puts_the_noun_in_its_number(items: tuple[str, ...], text: str) -> None:
    assert counted(items, "test") == text
