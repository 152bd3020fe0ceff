"""What an earlier preflight answered, and how the answers of a later one differ from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from upgrade_kit.model.finding import Severity


class Outcome(StrEnum):
    """How a check answered."""

    PASSED = "passed"
    FOUND = "found"
    NOT_APPLICABLE = "not_applicable"
    COULD_NOT_RUN = "could_not_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One finding as it is remembered: neither its hint nor anything else of the site.

    Attributes:
        id: of the check.
        severity: how much it mattered.
        message: what was wrong.
        where: its place, or ``""``.
    """

    id: str
    severity: Severity
    message: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierAnswer:
    """What one check answered, and what it found."""

    id: str
    outcome: Outcome
    findings: tuple[Remembered, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A preflight that has been.

    Attributes:
        at: when the site was observed; ``None`` where an answer does not tell.
        verdict: what it said.
        answers: of each check that was asked; those of a still earlier run where a check was left out in this one.
    """

    at: datetime | None
    verdict: str
    answers: tuple[EarlierAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How a preflight differs from an earlier one, as far as both asked the same checks.

    Attributes:
        since: when the earlier one was, where that is known.
        verdict: what the earlier one said.
        mended: findings that are gone, from checks that looked again.
        new: findings that were not there.
        reworded: findings that are there with other words (a number, a name), as they read now.
        same: findings that are as they were.
        not_applicable: findings of checks whose question does not arise any more.
        unclear: findings of checks that could not look this time.
        blinded: ids of checks that could look then and cannot now.
        seeing: ids of checks that could not look then and can now.
    """

    since: datetime | None
    verdict: str
    mended: tuple[Remembered, ...] = ()
    new: tuple[Remembered, ...] = ()
    reworded: tuple[Remembered, ...] = ()
    same: tuple[Remembered, ...] = ()
    not_applicable: tuple[Remembered, ...] = ()
    unclear: tuple[Remembered, ...] = ()
    blinded: tuple[str, ...] = ()
    seeing: tuple[str, ...] = ()
