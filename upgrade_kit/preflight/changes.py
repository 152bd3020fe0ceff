"""What a preflight leaves for the next one to compare with, and that comparison."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from upgrade_kit.model.changes import Changes, EarlierAnswer, EarlierRun, Outcome, Remembered
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Found, NotApplicable, Passed, Result
from upgrade_kit.preflight.runner import Preflight

_LINE = re.compile(r"(:\d+)+$")


def changes_since(earlier: EarlierRun, preflight: Preflight) -> Changes:
    """Compare the answers of a preflight with those of an earlier one.

    Checks that only one of the two asked say nothing of a change.
    """
    before = {answer.id: answer for answer in earlier.answers}
    told = _Comparison()
    for now in _answers(preflight.results):
        if now.id in before:
            told.compare(before[now.id], now)
    return told.changes(earlier)


def remembered(preflight: Preflight, at: datetime, earlier: EarlierRun | None = None) -> EarlierRun:
    """Return what the next preflight is to be compared with.

    Args:
        preflight: this one.
        at: when the site was observed.
        earlier: the one before; what it knows of checks that were left out this time, or could not look, stays.
    """
    before = {answer.id: answer for answer in (earlier.answers if earlier else ())}
    left_out = {result.id for result in preflight.results if result.left_out}
    together = {id_: answer for id_, answer in before.items() if id_ in left_out}
    for now in _answers(preflight.results):
        blind = now.outcome is Outcome.COULD_NOT_RUN and now.id in before
        together[now.id] = replace(now, findings=before[now.id].findings) if blind else now
    return EarlierRun(at=at, verdict=preflight.verdict.value, answers=tuple(together[id_] for id_ in sorted(together)))


def _answers(results: Iterable[CheckResult]) -> tuple[EarlierAnswer, ...]:
    """Return the answers of the checks that were asked; of checks that share an id, what they say together."""
    answers: dict[str, EarlierAnswer] = {}
    for result in results:
        if result.left_out:
            continue
        findings = _findings(result)
        known = answers.get(result.id)
        outcome = _outcome(result.result)
        if known is not None:
            findings = (*known.findings, *findings)
            outcome = Outcome.FOUND if findings else outcome
        answers[result.id] = EarlierAnswer(id=result.id, outcome=outcome, findings=findings)
    return tuple(answers.values())


def _findings(result: CheckResult) -> tuple[Remembered, ...]:
    if not isinstance(result.result, Found):
        return ()
    return tuple(
        Remembered(id=result.id, severity=finding.severity, message=finding.message, where=finding.where)
        for finding in result.result.findings
    )


def _outcome(result: Result) -> Outcome:
    match result:
        case Passed():
            return Outcome.PASSED
        case Found():
            return Outcome.FOUND
        case NotApplicable():
            return Outcome.NOT_APPLICABLE
        case CouldNotRun():
            return Outcome.COULD_NOT_RUN
        case _:
            assert_never(result)


@dataclass(slots=True)
class _Comparison:
    mended: list[Remembered] = field(default_factory=list)
    new: list[Remembered] = field(default_factory=list)
    reworded: list[Remembered] = field(default_factory=list)
    same: list[Remembered] = field(default_factory=list)
    not_applicable: list[Remembered] = field(default_factory=list)
    unclear: list[Remembered] = field(default_factory=list)
    blinded: list[str] = field(default_factory=list)
    seeing: list[str] = field(default_factory=list)

    def compare(self, before: EarlierAnswer, now: EarlierAnswer) -> None:
        was_blind, is_blind = (answer.outcome is Outcome.COULD_NOT_RUN for answer in (before, now))
        self.blinded += [now.id] * (is_blind and not was_blind)
        self.seeing += [now.id] * (was_blind and not is_blind)
        gone, new, same = _parted(before.findings, now.findings)
        self.same += same
        if now.outcome is Outcome.COULD_NOT_RUN:
            self.unclear += gone
        elif now.outcome is Outcome.NOT_APPLICABLE:
            self.not_applicable += gone
        else:
            self._match(gone, new)

    def _match(self, gone: list[Remembered], new: list[Remembered]) -> None:
        """Take a finding that is gone and one that is new for the same where their check and place are the same."""
        left = list(gone)
        for finding in new:
            known = next((one for one in left if _place(one) == _place(finding)), None)
            if known is None:
                self.new.append(finding)
            else:
                left.remove(known)
                self.reworded.append(finding)
        self.mended += left

    def changes(self, earlier: EarlierRun) -> Changes:
        return Changes(
            since=earlier.at,
            verdict=earlier.verdict,
            mended=tuple(self.mended),
            new=tuple(self.new),
            reworded=tuple(self.reworded),
            same=tuple(self.same),
            not_applicable=tuple(self.not_applicable),
            unclear=tuple(self.unclear),
            blinded=tuple(self.blinded),
            seeing=tuple(self.seeing),
        )


def _place(finding: Remembered) -> str:
    """Return the place without its line, which moves with every line that is typed above it."""
    return _LINE.sub("", finding.where)


def _parted(
    before: Iterable[Remembered], now: Iterable[Remembered]
) -> tuple[list[Remembered], list[Remembered], list[Remembered]]:
    """Return what is gone, what is new, and what is in both, each in its order; a repeated finding counts each time."""
    left = Counter(before)
    new: list[Remembered] = []
    same: list[Remembered] = []
    for finding in now:
        if left[finding] > 0:
            left[finding] -= 1
            same.append(finding)
        else:
            new.append(finding)
    return list(left.elements()), new, same
