"""What a preflight check can answer, and what all answers add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters; ``ERROR`` alone stops an upgrade."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Verdict(StrEnum):
    """What all results together say about the upgrade."""

    GO = "GO"
    NO_GO = "NO_GO"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        severity: how much it matters.
        message: what is wrong, with the offenders by name.
        hint: what to type or do next.
        where: file and line, table, or slug; ``""`` where there is no one place.
        rule: the id of the rule behind it (``UK4..`` for a procedure), or ``""``.
    """

    severity: Severity
    message: str
    hint: str
    where: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Passed:
    """The check looked and found nothing wrong.

    Attributes:
        seen: what it saw, for the table (``"Python 3.6.15 on PATH"``).
    """

    seen: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The check looked and has findings (at least one)."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The question does not arise here, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class CouldNotRun:
    """The check could not look, for this reason. Never the same as "fine"."""

    reason: str


Result = Passed | Found | NotApplicable | CouldNotRun


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The answer of one check, with what identifies the check.

    Attributes:
        id: of the check.
        title: the statement that should hold.
        result: the answer.
        left_out: whether the check was not asked because somebody said so.
    """

    id: str
    title: str
    result: Result
    left_out: bool = False
