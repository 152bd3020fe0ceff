from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.model.deployment import (
    Deployment,
    Machine,
)
from upgrade_kit.model.finding import (
    CheckResult,
    CouldNotRun,
    Found,
    NotApplicable,
    Passed,
    Result,
    Severity,
    Verdict,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, Check, check, error, info, warning
from upgrade_kit.preflight.runner import run_preflight, verdict
from upgrade_kit.rewriting.plan import plan_rewrites

ERROR = Found((error("e", hint=""),))
WARNING = Found((warning("w", hint=""), info("i", hint="")))


def saying(id_: str, answer: Answer) -> Check[Machine]:
    @check(id_, f"{id_} holds", reads=Machine, section="none")
    def same(_machine: Machine) -> Answer:
        return answer

    return same


def results(*answers: Result) -> list[CheckResult]:
    return [CheckResult(id=f"XX{number:03}", title="", result=answer) for number, answer in enumerate(answers)]


class TestVerdict:
    @pytest.mark.parametrize(
        ("answers", "expected"),
        [
            pytest.param((Passed(), WARNING, NotApplicable("")), Verdict.GO, id="warnings do not stop"),
            pytest.param((Passed(), ERROR), Verdict.NO_GO, id="one error stops"),
            pytest.param((Passed(), CouldNotRun("")), Verdict.UNKNOWN, id="not being able to look is not fine"),
            pytest.param((CouldNotRun(""), ERROR), Verdict.NO_GO, id="an error outweighs what is not known"),
            pytest.param((), Verdict.UNKNOWN, id="no answer at all is not fine"),
        ],
    )
    def test_of(self, answers: tuple[Result, ...], expected: Verdict) -> None:
        assert verdict(results(*answers)) is expected

    @given(st.lists(st.sampled_from([Passed(), ERROR, WARNING, NotApplicable(""), CouldNotRun("")])))
    def test_go_means_that_nothing_failed_and_everything_was_looked_at(self, answers: Sequence[Result]) -> None:
        went = verdict(results(*answers)) is Verdict.GO
        assert went == (bool(answers) and ERROR not in answers and CouldNotRun("") not in answers)


class TestRun:
    def test_results_are_in_order_of_id_whatever_the_order_of_checks(self, site: Deployment, path: UpgradePath) -> None:
        checks = [saying("XX3", ()), saying("XX1", ()), saying("XX2", ())]
        answered = run_preflight(site, path, checks=checks).results
        assert [result.id for result in answered] == ["XX1", "XX2", "XX3"]

    def test_a_repeated_id_is_an_error(self, site: Deployment, path: UpgradePath) -> None:
        preflight = run_preflight(site, path, checks=[saying("XX1", ()), saying("XX1", ())])
        assert [result.id for result in preflight.results] == ["UK902", "XX1", "XX1"]
        assert preflight.verdict is Verdict.NO_GO

    def test_ids_of_their_own_are_no_finding(self, site: Deployment, path: UpgradePath) -> None:
        preflight = run_preflight(site, path, checks=[saying("XX1", ()), saying("XX2", ())])
        assert "UK902" not in [result.id for result in preflight.results]

    def test_a_check_that_does_not_end_could_not_look_and_holds_up_no_other(
        self, site: Deployment, path: UpgradePath
    ) -> None:
        never = Event()

        @check("XX001", "It ends", reads=Machine, section="a test")
        def endless(_machine: Machine) -> Answer:
            """Nobody waits for ever."""
            never.wait(60)
            return Passed()

        done = run_preflight(site, path, checks=[endless, saying("XX002", Passed())], time_limit_seconds=1)
        never.set()
        assert [result.result for result in done.results] == [
            CouldNotRun("the check took longer than 1 s; --time-limit allows more"),
            Passed(),
        ]

    def test_fifty_checks_run(self, site: Deployment, path: UpgradePath) -> None:
        checks = [saying(f"XX{number:03}", ()) for number in range(50)]
        assert len(run_preflight(site, path, checks=checks).results) == 50

    def test_the_good_site_is_go(self, site: Deployment, path: UpgradePath, plan: RewritePlan) -> None:
        preflight = run_preflight(site, path, plan=plan)
        stopping = [
            result
            for result in preflight.results
            if isinstance(result.result, CouldNotRun)
            or (
                isinstance(result.result, Found)
                and any(finding.severity is Severity.ERROR for finding in result.result.findings)
            )
        ]
        assert stopping == []
        assert preflight.verdict is Verdict.GO

    def test_without_a_path_and_a_plan_both_come_from_the_site(self, site: Deployment, path: UpgradePath) -> None:
        assert run_preflight(site) == run_preflight(site, path, plan=plan_rewrites(site))

    def test_a_plan_that_is_not_known_leaves_the_checks_on_procedures_out(
        self, site: Deployment, path: UpgradePath
    ) -> None:
        nobody_asked = Unobserved("the calculation procedures were not judged", asked=False)
        answers = {result.id: result.result for result in run_preflight(site, path, plan=nobody_asked).results}
        assert answers["UK491"] == NotApplicable("the calculation procedures were not judged")

    def test_an_unknown_path_is_not_go(self, site: Deployment) -> None:
        preflight = run_preflight(site, Unobserved("the site's version is not known"))
        assert preflight.verdict is Verdict.UNKNOWN
