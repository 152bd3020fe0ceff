"""A check is a value: one question about one typed fact, and all that a person needs to know about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

from packaging.version import Version

from upgrade_kit.model.finding import (
    CheckResult,
    CouldNotRun,
    Finding,
    Found,
    NotApplicable,
    Passed,
    Result,
    Severity,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.facts import Facts

FactT = TypeVar("FactT")

Answer = Passed | NotApplicable | CouldNotRun | Unobserved | Iterable[Finding]
"""What a check's function may give back.

Findings, yielded or in a tuple; none at all means that it passed. ``Passed`` where it has something to
show. ``Unobserved`` is handed on as it was found, where a part of the fact could not be known.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[FactT]):
    """One question about a site.

    Attributes:
        id: never reused. Third parties bring a prefix of their own.
        title: the question as the statement that should hold.
        why: what goes wrong where it does not hold.
        section: where this comes from: the guide's section, or a migration by name.
        reads: the type of the one fact that the function gets; see ``Facts``.
        crosses: ask only where the path crosses this version; ``None`` to ask always.
        remedy: how what it finds is mended, in general; each finding says it for its own case.
        function: the question itself.
    """

    id: str
    title: str
    why: str
    section: str
    remedy: str
    reads: type[FactT]
    crosses: Version | None
    function: Callable[[FactT], Answer]

    @property
    def family(self) -> str:
        """The subject that it belongs to: the name of the module that it is written in, up to the first underscore."""
        return self.function.__module__.rpartition(".")[2].partition("_")[0]

    def run(self, facts: Facts) -> CheckResult:
        """Ask the question, if it arises here and its fact is known."""
        return self._guarded(lambda: self._result(facts))

    def judge(self, fact: FactT) -> CheckResult:
        """Ask the question of a fact, whatever the path."""
        return self._guarded(lambda: _settled(self.function(fact)))

    def _guarded(self, answer: Callable[[], Result]) -> CheckResult:
        try:
            result = answer()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a check may be anybody's code; its failure is an answer
            result = CouldNotRun(f"the check itself failed: {type(error).__name__}: {error}")
        return CheckResult(id=self.id, title=self.title, result=result)

    def _result(self, facts: Facts) -> Result:
        fact = facts.get(self.reads)
        if isinstance(fact, Unobserved) and not fact.asked:
            return NotApplicable(fact.reason)
        if self.crosses is not None:
            path = facts.get(UpgradePath)
            if isinstance(path, Unobserved):
                return _unknown(path)
            if not path.crosses(self.crosses):
                return NotApplicable(f"asked only on the way to {self.crosses}")
        if isinstance(fact, Unobserved):
            return _unknown(fact)
        return _settled(self.function(fact))


def check(
    id: str,  # noqa: A002 - the word that the check's user sees in every report
    title: str,
    *,
    reads: type[FactT],
    section: str,
    why: str = "",
    remedy: str = "",
    crosses: str | None = None,
) -> Callable[[Callable[[FactT], Answer]], Check[FactT]]:
    """Make a check of a function. Nothing is registered: the check is the value that comes back.

    Args:
        id: see ``Check``, as are the others.
        title: the statement that should hold.
        reads: the type of the fact that the function takes.
        section: source.
        why: by default the function's docstring.
        remedy: how what it finds is mended, in general.
        crosses: a version (PEP 440).

    Raises:
        InvalidVersion: ``crosses`` is no version.
    """
    threshold = None if crosses is None else Version(crosses)

    def make(function: Callable[[FactT], Answer]) -> Check[FactT]:
        return Check(
            id=id,
            title=title,
            why=why or " ".join((function.__doc__ or "").replace("``", "").split()),
            section=section,
            remedy=remedy,
            reads=reads,
            crosses=threshold,
            function=function,
        )

    return make


def error(message: str, *, hint: str, where: str = "") -> Finding:
    """Return a finding that stops the upgrade. For the hint see ``to_type``."""
    return Finding(severity=Severity.ERROR, message=message, hint=hint, where=where)


def warning(message: str, *, hint: str, where: str = "") -> Finding:
    """Return a finding that a person should act on and that does not stop the upgrade."""
    return Finding(severity=Severity.WARNING, message=message, hint=hint, where=where)


def info(message: str, *, hint: str, where: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(severity=Severity.INFO, message=message, hint=hint, where=where)


def to_type(sentence: str, *lines: str) -> str:
    """Return a hint: a sentence, then the lines to type, each on its own line behind four blanks.

    Reports never wrap or cut a line that is indented so.
    """
    return "\n".join((sentence, *(f"    {line}" for line in lines)))


def counted(items: Sized | int, noun: str) -> str:
    """Return how many items there are, with the noun in its number."""
    count = items if isinstance(items, int) else len(items)
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def _unknown(fact: Unobserved) -> Result:
    return CouldNotRun(fact.reason) if fact.asked else NotApplicable(fact.reason)


def _settled(answer: Answer) -> Result:
    if isinstance(answer, Unobserved):
        return _unknown(answer)
    if isinstance(answer, Passed | NotApplicable | CouldNotRun):
        return answer
    findings = tuple(answer)
    for finding in findings:
        if not isinstance(finding, Finding):
            raise TypeError(f"a check answers with findings, not with {type(finding).__name__}")
    return Found(findings) if findings else Passed()
