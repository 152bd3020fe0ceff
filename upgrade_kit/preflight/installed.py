"""Are the checks of all installed distributions there, and can they be told apart?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from upgrade_kit.model.finding import Finding
from upgrade_kit.preflight.check import Answer, Check, check, error, to_type

GROUP = "upgrade_kit.checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedChecks:
    """The checks of all installed distributions, and what could not be loaded."""

    checks: tuple[Check[Any], ...]
    failures: tuple[Finding, ...] = ()


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
        except (Exception, SystemExit) as problem:  # noqa: BLE001 - anybody's module can do anything when imported
            failures.append(_not_loaded(point, problem))
    if not checks:
        failures.append(_nothing_installed())
    checks.sort(key=lambda check: check.id)
    return LoadedChecks(checks=tuple(checks), failures=tuple(failures))


def _checks_of(point: EntryPoint) -> tuple[Check[Any], ...]:
    checks = point.load()
    if not isinstance(checks, tuple) or not all(isinstance(check, Check) for check in checks):
        raise TypeError("it must name a tuple of Check")
    return checks


def _nothing_installed() -> Finding:
    return error(
        f"no check is installed: no entry point of the group {GROUP} gives any",
        hint=to_type("Install the kit anew:", "python -m pip install --force-reinstall upgrade-kit"),
    )


def _not_loaded(point: EntryPoint, problem: BaseException) -> Finding:
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


@check(
    "UK901",
    "Every installed check can be loaded",
    reads=LoadedChecks,
    section=f"the kit itself: the entry point group {GROUP}",
    remedy="Update or uninstall the distribution that brings the check, or install the kit anew.",
)
def every_check_can_be_loaded(loaded: LoadedChecks) -> Answer:
    """A check that is installed and cannot be asked would be missed by nobody."""
    return loaded.failures


@check(
    "UK902",
    "Every check has an id of its own",
    reads=LoadedChecks,
    section=f"the kit itself: the entry point group {GROUP}",
    remedy="Give each check an id of its own, with a prefix of its distribution's own.",
)
def every_check_has_an_id_of_its_own(loaded: LoadedChecks) -> Answer:
    """With two checks of one id, --skip leaves out both and nobody can tell which of them has found something."""
    return _repeated(loaded.checks)


OWN_CHECKS = (every_check_can_be_loaded, every_check_has_an_id_of_its_own)
"""Asked in every run, and shown where they find something; they are no checks of a site."""
