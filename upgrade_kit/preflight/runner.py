"""Ask every check, and say what all answers add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from upgrade_kit.model.deployment import (
    Deployment,
)
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Finding, Found, Severity, Verdict
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Check, error, to_type
from upgrade_kit.preflight.facts import Facts
from upgrade_kit.preflight.journey import path_of, plan_of
from upgrade_kit.preflight.selection import select

GROUP = "upgrade_kit.checks"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedChecks:
    """The checks of all installed distributions, and what could not be loaded."""

    checks: tuple[Check[Any], ...]
    failures: tuple[Finding, ...]


def run_preflight(
    deployment: Deployment,
    path: UpgradePath | Unobserved | None = None,
    *,
    plan: RewritePlan | Unobserved | None = None,
    checks: Sequence[Check[Any]] | None = None,
    only: Collection[str] = (),
    skip: Collection[str] = (),
    fail_level: Severity = Severity.ERROR,
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

    Raises:
        UsageError: ``only`` or ``skip`` holds a word that is neither an id nor a family, or they leave nothing.
    """
    own: list[CheckResult] = []
    if checks is None:
        loaded = load_checks()
        checks = loaded.checks
        if loaded.failures:
            own.append(_own_result("UK901", "Every installed check can be loaded", loaded.failures))
    repeated = _repeated(checks)
    if repeated:
        own.append(_own_result("UK902", "Every check has an id of its own", repeated))
    checks, left_out = select(checks, only=only, skip=skip)
    path = path_of(deployment) if path is None else path
    facts = Facts(deployment, path, plan_of(deployment) if plan is None else plan)
    asked = [*own, *(check.run(facts) for check in checks)]
    results = sorted([*asked, *left_out], key=lambda result: result.id)
    return Preflight(results=tuple(results), verdict=verdict(asked, fail_level=fail_level), fail_level=fail_level)


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


def load_checks(points: Iterable[EntryPoint] | None = None) -> LoadedChecks:
    """Load the checks of all installed distributions, in order of entry point name and then of id.

    Args:
        points: by default the entry points of the group ``upgrade_kit.checks``.
    """
    if points is None:
        points = entry_points(group=GROUP)
    checks: list[Check[Any]] = []
    failures: list[Finding] = []
    for point in sorted(points, key=lambda point: (point.name, point.value)):
        try:
            checks += _checks_of(point)
        except Exception as problem:  # noqa: BLE001 - importing anybody's module can raise anything; it is told
            failures.append(_not_loaded(point, problem))
    if not checks:
        failures.append(
            error(
                f"no check is installed: no entry point of the group {GROUP} gives any",
                hint=to_type("Install the kit anew:", "python -m pip install --force-reinstall upgrade-kit"),
            )
        )
    checks.sort(key=lambda check: check.id)
    return LoadedChecks(checks=tuple(checks), failures=tuple(failures))


def _checks_of(point: EntryPoint) -> tuple[Check[Any], ...]:
    checks = point.load()
    if not isinstance(checks, tuple) or not all(isinstance(check, Check) for check in checks):
        raise TypeError("it must name a tuple of Check")
    return checks


def _not_loaded(point: EntryPoint, problem: Exception) -> Finding:
    name = point.dist.name if point.dist is not None else "upgrade-kit"
    return error(
        f"the checks of {name} ({point.value}) cannot be loaded: {type(problem).__name__}: {problem}",
        where=f"entry point {point.name}",
        hint=to_type("Update the distribution that brings them, or do without it:", f"python -m pip uninstall {name}"),
    )


def _repeated(checks: Sequence[Check[Any]]) -> tuple[Finding, ...]:
    counts = Counter(check.id for check in checks)
    return tuple(
        error(
            f"{count} checks have the id {id_}: "
            + ", ".join(f"{check.function.__module__}" for check in checks if check.id == id_),
            where=id_,
            hint="Give each check an id of its own, with a prefix of its distribution's own.",
        )
        for id_, count in sorted(counts.items())
        if count > 1
    )


def _own_result(id_: str, title: str, findings: tuple[Finding, ...]) -> CheckResult:
    return CheckResult(id=id_, title=title, result=Found(findings))
