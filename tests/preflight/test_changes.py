from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

import pytest

from upgrade_kit.model.changes import Changes, EarlierRun, Outcome
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.preflight.changes import changes_since, remembered
from upgrade_kit.preflight.runner import Preflight, verdict

WHEN = datetime(2026, 3, 1, 21, 14, tzinfo=UTC)
LEFT_OUT = CheckResult(id="UK1", title="", result=NotApplicable("left out with --skip"), left_out=True)
BLIND = CouldNotRun("the server does not answer")


def found(*messages: str, where: str = "", severity: Severity = Severity.ERROR) -> Found:
    return Found(tuple(Finding(severity=severity, message=one, hint="h", where=where) for one in messages))


def preflight(*answers: Result | CheckResult) -> Preflight:
    results = tuple(
        one if isinstance(one, CheckResult) else CheckResult(id=f"UK{number}", title="", result=one)
        for number, one in enumerate(answers, start=1)
    )
    return Preflight(results=results, verdict=verdict(results))


def changed(before: Preflight, after: Preflight) -> Changes:
    return changes_since(remembered(before, WHEN), after)


def told(changes: Changes) -> dict[str, Any]:
    """Return what is not empty, each finding as its message."""
    names = ("mended", "new", "reworded", "same", "not_applicable", "unclear")
    lists = {name: [one.message for one in getattr(changes, name)] for name in names}
    lists |= {"blinded": list(changes.blinded), "seeing": list(changes.seeing)}
    return {name: value for name, value in lists.items() if value}


class TestChanges:
    def test_what_is_gone_is_mended_what_was_not_there_is_new_and_the_rest_is_the_same(self) -> None:
        before = preflight(found("a"), Passed(), found("c"))
        after = preflight(Passed(), found("b"), found("c"))
        assert told(changed(before, after)) == {"mended": ["a"], "new": ["b"], "same": ["c"]}

    def test_the_earlier_verdict_and_moment_are_told(self) -> None:
        changes = changed(preflight(found("a")), preflight(Passed()))
        assert (changes.since, changes.verdict) == (WHEN, "NO_GO")

    @pytest.mark.parametrize("answer", [Passed(), Passed("seen"), found("a", "a", "b"), BLIND, NotApplicable("r")])
    def test_the_same_again_is_no_change(self, answer: Result) -> None:
        assert set(told(changed(preflight(answer), preflight(answer)))) <= {"same"}

    def test_other_words_at_the_same_place_are_no_new_finding(self) -> None:
        before, after = found("3 tests", where="settings.py:9"), found("2 tests", where="settings.py:12")
        assert told(changed(preflight(before), preflight(after))) == {"reworded": ["2 tests"]}

    def test_the_same_words_at_another_place_are_one(self) -> None:
        before, after = found("it is gone", where="a.py"), found("it is gone", where="b.py")
        assert told(changed(preflight(before), preflight(after))) == {"mended": ["it is gone"], "new": ["it is gone"]}

    def test_another_severity_is_a_change(self) -> None:
        before, after = found("a", severity=Severity.WARNING), found("a")
        assert told(changed(preflight(before), preflight(after))) == {"reworded": ["a"]}

    def test_one_of_two_alike_that_is_gone_is_mended(self) -> None:
        assert told(changed(preflight(found("a", "a")), preflight(found("a")))) == {"mended": ["a"], "same": ["a"]}

    def test_another_check_that_says_the_same_is_another_finding(self) -> None:
        changes = changed(preflight(found("a"), Passed()), preflight(Passed(), found("a")))
        assert told(changes) == {"mended": ["a"], "new": ["a"]}


class TestNotLooking:
    def test_a_check_that_could_not_look_has_mended_nothing(self) -> None:
        assert told(changed(preflight(found("a")), preflight(BLIND))) == {"unclear": ["a"], "blinded": ["UK1"]}

    def test_a_question_that_does_not_arise_any_more_is_not_called_mended(self) -> None:
        assert told(changed(preflight(found("a")), preflight(NotApplicable("arrived")))) == {"not_applicable": ["a"]}

    def test_a_check_that_can_look_again_is_told(self) -> None:
        assert told(changed(preflight(BLIND), preflight(Passed()))) == {"seeing": ["UK1"]}
        assert told(changed(preflight(BLIND), preflight(found("a")))) == {"new": ["a"], "seeing": ["UK1"]}

    @pytest.mark.parametrize(
        ("before", "after"),
        [(LEFT_OUT, found("a")), (found("a"), LEFT_OUT), (LEFT_OUT, Passed()), (Passed(), LEFT_OUT)],
    )
    def test_what_only_one_of_them_asked_says_nothing(
        self, before: Result | CheckResult, after: Result | CheckResult
    ) -> None:
        assert told(changed(preflight(before), preflight(after))) == {}

    def test_a_check_that_is_gone_or_came_with_an_update_says_nothing(self) -> None:
        assert told(changed(preflight(Passed(), found("a")), preflight(Passed()))) == {}
        assert told(changed(preflight(Passed()), preflight(Passed(), found("a")))) == {}


class TestRemembered:
    def test_it_holds_no_hint_and_no_reason(self) -> None:
        run = remembered(preflight(found("a"), CouldNotRun("secret of the server"), NotApplicable("reason")), WHEN)
        assert "secret" not in str(astuple(run))
        assert "'h'" not in str(astuple(run))

    def test_what_was_left_out_this_time_stays_known(self) -> None:
        first = remembered(preflight(found("a"), found("b")), WHEN)
        second = remembered(preflight(LEFT_OUT, Passed()), WHEN, first)
        assert told(changes_since(second, preflight(Passed(), Passed()))) == {"mended": ["a"]}

    def test_what_could_not_be_looked_at_this_time_stays_known(self) -> None:
        first = remembered(preflight(found("a")), WHEN)
        second = remembered(preflight(BLIND), WHEN, first)
        assert told(changes_since(second, preflight(found("a")))) == {"same": ["a"], "seeing": ["UK1"]}

    def test_checks_that_are_no_more_are_forgotten(self) -> None:
        first = remembered(preflight(Passed(), found("b")), WHEN)
        second = remembered(preflight(Passed()), WHEN, first)
        assert [answer.id for answer in second.answers] == ["UK1"]

    def test_checks_that_share_an_id_are_remembered_together(self) -> None:
        twice = (CheckResult(id="UK1", title="", result=Passed()), CheckResult(id="UK1", title="", result=found("a")))
        run: EarlierRun = remembered(preflight(*twice), WHEN)
        assert [(one.id, one.outcome, len(one.findings)) for one in run.answers] == [("UK1", Outcome.FOUND, 1)]
