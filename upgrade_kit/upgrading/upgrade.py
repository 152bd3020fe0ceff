"""Carries a plan out: each step is asked for, begun in the journal, done, proved, and noted as proved."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from upgrade_kit.errors import StepFailedError, UpgradeKitError, UsageError
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.model.plan import Action, Actor, CopyFile, PlannedStep, Run, StepKind
from upgrade_kit.model.step import Effect
from upgrade_kit.upgrading.journal import Happening, UpgradeJournal
from upgrade_kit.upgrading.proofs import CannotTell, Done, NotDone, SiteAccess, look, prove
from upgrade_kit.upgrading.running import Programs, Ran

_CHECKS = frozenset((StepKind.PREFLIGHT, StepKind.VERDICT, StepKind.VERIFY))


class Talk(Protocol):
    """The person at the console."""

    def begin(self, number: int, total: int, step: PlannedStep) -> None:
        """Tell that a step's turn has come."""

    def end(self, step: PlannedStep, word: str, evidence: str) -> None:
        """Tell what became of it: done, done before, left to a person."""

    def agrees(self, step: PlannedStep) -> bool:
        """Ask whether a step that writes may be carried out."""

    def has_done(self, step: PlannedStep) -> bool:
        """Ask whether a person has done what only a person can do; False leaves it to be done later."""

    def stays(self, step: PlannedStep, reason: str) -> None:
        """Tell that what a person says to have done does not show."""


class NotAgreedError(Exception):
    """The person did not agree; nothing of the step was done."""

    def __init__(self, step: PlannedStep) -> None:
        super().__init__(step.id)
        self.step = step


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which steps to carry out.

    Attributes:
        first: the id of the step to start from, those before it being taken as done; empty for where it stopped.
        last: the id of the last step to carry out; empty for all.
    """

    first: str = ""
    last: str = ""

    def check(self, steps: Sequence[PlannedStep]) -> None:
        """Refuse what is no part of a plan.

        Raises:
            UsageError: a step is unknown, or the last comes before the first.
        """
        ids = [step.id for step in steps]
        for option, id_ in (("--from-step", self.first), ("--until", self.last)):
            if id_ and id_ not in ids:
                raise UsageError(
                    f"{option} {id_}: the plan has no such step",
                    hint=did_you_mean(id_, ids) or f"Its steps are {', '.join(ids)}.",
                )
        if self.first and self.last and ids.index(self.last) < ids.index(self.first):
            raise UsageError(
                f"--until {self.last} comes before --from-step {self.first}", hint="Name them in the plan's order."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """One upgrade under way.

    Attributes:
        journal: what it sets out to do, and how far it is.
        site: how to look at the site.
        programs: how to run programs.
        talk: the person at the console.
        way_back: the command that takes the upgrade back, for messages.
    """

    journal: UpgradeJournal
    site: SiteAccess
    programs: Programs
    talk: Talk
    way_back: str

    def carry_out(self, part: Part) -> None:
        """Carry out every step that is not settled, in order.

        Raises:
            StepFailedError: a step stopped or is not proved; nothing after it was begun.
            NotAgreedError: the person did not agree to a step.
            UpgradeKitError: the site cannot be looked at, or the journal not be written.
            KeyboardInterrupt: the person stopped it; the program of the step was ended first.
        """
        steps = self.journal.plan.steps
        part.check(steps)
        if part.first:
            self._assume(part.first)
        for number, step in enumerate(steps, start=1):
            self.talk.begin(number, len(steps), step)
            if self.journal.is_settled(step.id):
                last = self.journal.last(step.id)
                self.talk.end(step, "done before", "" if last is None else last.told)
            else:
                self._carry_out(step, number)
            if step.id == part.last:
                return
        self.journal.add(Happening.FINISHED)

    def _assume(self, first: str) -> None:
        for step in self.journal.plan.steps:
            if step.id == first:
                return
            if not self.journal.is_settled(step.id):
                self.journal.add(Happening.ASSUMED, step.id, "taken as done by --from-step")

    def _carry_out(self, step: PlannedStep, number: int) -> None:
        try:
            before = look(step, self.site)
            if isinstance(before, Done):
                self._settle(step, before, "done already")
            elif step.actor is Actor.PERSON:
                self._by_person(step)
            else:
                self._by_kit(step, self._log(step, number))
        except StepFailedError as error:
            self.journal.add(Happening.FAILED, step.id, error.message)
            raise
        except UpgradeKitError as error:
            self.journal.add(Happening.FAILED, step.id, error.message)
            raise self._failed(step, error.message, hint=error.hint) from error

    def _by_kit(self, step: PlannedStep, log: Path) -> None:
        if step.effect is not Effect.READ and not self.talk.agrees(step):
            raise NotAgreedError(step)
        self.journal.add(Happening.BEGUN, step.id)
        ran = tuple(one for action in step.actions if (one := self._act(step, action, log)) is not None)
        for action in step.proofs:
            self._act(step, action, log)
        proof = prove(step, ran, self.site)
        if isinstance(proof, NotDone):
            last = ran[-1].last_lines if ran else ()
            raise self._failed(
                step, f"its programs ended well, but {proof.reason}", last_lines=last, log=log if ran else None
            )
        self._settle(step, proof, "done")

    def _by_person(self, step: PlannedStep) -> None:
        while self.talk.has_done(step):
            after = look(step, self.site)
            if not isinstance(after, NotDone):
                self._settle(step, after if isinstance(after, Done) else Done(evidence="said by a person"), "done")
                return
            self.talk.stays(step, after.reason)
        self.journal.add(Happening.LEFT, step.id, "left to a person")
        self.talk.end(step, "left to you", "")

    def _act(self, step: PlannedStep, action: Action, log: Path) -> Ran | None:
        if isinstance(action, CopyFile):
            copy_privately(action)
            return None
        ran = self.programs.run(own_program(action), log)
        if ran.status not in action.accepts:
            ended = f"was ended at its limit of {action.limit_seconds:g} s" if ran.status is None else ""
            raise self._failed(
                step,
                f"{' '.join(action.words)} {ended or f'ended with status {ran.status}'}",
                last_lines=ran.last_lines,
                log=log,
                refused=step.kind in _CHECKS and ran.status == 1,
            )
        return ran

    def _settle(self, step: PlannedStep, proof: Done, word: str) -> None:
        self.journal.add(Happening.PROVED, step.id, proof.evidence, **dict(proof.details))
        self.talk.end(step, word, proof.evidence)

    def _log(self, step: PlannedStep, number: int) -> Path:
        return self.journal.plan.work / "logs" / f"{number:02d}-{step.id}.log"

    def _failed(
        self,
        step: PlannedStep,
        reason: str,
        *,
        hint: str = "",
        last_lines: tuple[str, ...] = (),
        log: Path | None = None,
        refused: bool = False,
    ) -> StepFailedError:
        where = f" Its output is in {log}." if log is not None else ""
        return StepFailedError(
            f"{step.id} ({step.title}): {reason}.{where}",
            hint=f"{hint} Find the cause, then type the same command again: it goes on at this step. "
            f"To take the upgrade back: {self.way_back}".strip(),
            step=step.id,
            last_lines=last_lines,
            refused=refused,
        )


def own_program(action: Run) -> Run:
    """Return an action whose ``upgrade-kit`` is the very one that runs this."""
    if action.words[0] != "upgrade-kit":
        return action
    return replace(action, words=(sys.executable, "-m", "upgrade_kit", *action.words[1:]))


def copy_privately(action: CopyFile) -> None:
    """Copy a file, whole or not at all, so that only its owner may read the copy.

    Raises:
        UpgradeKitError: it cannot be copied.
    """
    temporary = action.target.with_name(f"{action.target.name}.{os.getpid()}.tmp")
    try:
        action.target.parent.mkdir(parents=True, exist_ok=True)
        with action.source.open("rb") as source, open(temporary, "xb", opener=_private) as target:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        temporary.replace(action.target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UpgradeKitError(
            f"{action.source} cannot be copied to {action.target}: {error.strerror or error}",
            hint="Both folders must be there, and the second be writable, on a disk with room.",
        ) from error


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


Rehearsed = Callable[[PlannedStep, str], None]


def rehearse(journal: UpgradeJournal, site: SiteAccess, tell: Rehearsed) -> None:
    """Say of each step whether it is done or what would be done; writes nothing.

    Raises:
        UpgradeKitError: the site cannot be looked at.
    """
    for step in journal.plan.steps:
        if journal.is_settled(step.id):
            tell(step, "done before")
            continue
        match look(step, site):
            case Done(evidence=evidence):
                tell(step, f"done already: {evidence}")
            case NotDone(reason=reason):
                tell(step, f"to do: {reason}")
            case CannotTell():
                tell(step, "to do" if step.actor is Actor.KIT else "to be done by a person")
