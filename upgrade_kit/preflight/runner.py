"""Ask every check, and say what all answers add up to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

from upgrade_kit.model.deployment import (
    Deployment,
)
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Finding, Found, Passed, Severity, Verdict
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.facts import Facts
from upgrade_kit.preflight.installed import OWN_CHECKS, LoadedChecks, load_checks
from upgrade_kit.preflight.journey import path_of, plan_of
from upgrade_kit.preflight.selection import select

TIME_LIMIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Every answer, by id, and the verdict.

    Attributes:
        results: one for each check that is installed, those included that were left out.
        verdict: what they add up to.
        fail_level: the severity from which on a finding makes it NO_GO.
    """

    results: tuple[CheckResult, ...]
    verdict: Verdict
    fail_level: Severity = Severity.ERROR

    def fails(self, finding: Finding) -> bool:
        """Return whether a finding weighs enough to make the verdict NO_GO."""
        return _weighs(finding, self.fail_level)


def run_preflight(
    deployment: Deployment,
    path: UpgradePath | Unobserved | None = None,
    *,
    plan: RewritePlan | Unobserved | None = None,
    checks: Sequence[Check[Any]] | None = None,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    fail_level: Severity = Severity.ERROR,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
) -> Preflight:
    """Run every check on the facts of a site.

    Args:
        deployment: what ``survey`` observed.
        path: the way to the target; by default the one from the site's version to 0.3.0. ``Unobserved`` where it
            cannot be known.
        plan: what becomes of the site's procedures; by default what ``plan_rewrites`` says.
        checks: the checks to run; by default all that are installed (entry point group
            ``upgrade_kit.checks``), the kit's own among them.
        only: ids or families of checks; where given, no other is asked.
        skip: ids or families of checks that are not asked.
        fail_level: the severity from which on a finding makes the verdict NO_GO.
        time_limit_seconds: how long one check may take: it may be anybody's code.

    Raises:
        UsageError: ``only`` or ``skip`` holds a word that is neither an id nor a family, or they leave nothing.
    """
    loaded = load_checks() if checks is None else LoadedChecks(checks=tuple(checks))
    own = [check.judge(loaded) for check in OWN_CHECKS]
    to_ask, left_out = select(loaded.checks, only=only, skip=skip)
    path = path_of(deployment) if path is None else path
    facts = Facts(deployment, path, plan_of(deployment) if plan is None else plan)
    told = [result for result in own if not isinstance(result.result, Passed)]
    asked = [*told, *(_within(time_limit_seconds, check, facts) for check in to_ask)]
    results = sorted([*asked, *left_out], key=lambda result: result.id)
    return Preflight(results=tuple(results), verdict=verdict(asked, fail_level=fail_level), fail_level=fail_level)


def _within(limit_seconds: float, check: Check[Any], facts: Facts) -> CheckResult:
    """Ask a check. One that does not end runs on in a thread that does not keep the process alive."""
    answers: list[CheckResult] = []
    asking = Thread(target=lambda: answers.append(check.run(facts)), name=f"asking {check.id}", daemon=True)
    asking.start()
    asking.join(limit_seconds)
    if answers:
        return answers[0]
    reason = f"the check took longer than {limit_seconds:g} s; --time-limit allows more"
    return CheckResult(id=check.id, title=check.title, result=CouldNotRun(reason))


def verdict(results: Iterable[CheckResult], *, fail_level: Severity = Severity.ERROR) -> Verdict:
    """Return NO_GO on any finding that weighs enough; else UNKNOWN where a check could not look, or none did; else GO.

    Args:
        results: the answers of the checks that were asked.
        fail_level: the severity from which on a finding weighs enough.
    """
    answers = [result.result for result in results]
    found = (finding for answer in answers if isinstance(answer, Found) for finding in answer.findings)
    if any(_weighs(finding, fail_level) for finding in found):
        return Verdict.NO_GO
    if not answers or any(isinstance(answer, CouldNotRun) for answer in answers):
        return Verdict.UNKNOWN
    return Verdict.GO


def _weighs(finding: Finding, level: Severity) -> bool:
    order = tuple(Severity)
    return order.index(finding.severity) >= order.index(level)
