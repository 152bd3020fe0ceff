"""Carries a plan out: each step is asked for, begun in the journal, done, proved, and noted as proved."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.whole_file import write_whole
from upgrade_kit.errors import OtherDatabaseError, StepFailedError, UpgradeKitError, UsageError
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.model.plan import Action, Actor, CopyFile, PlannedStep, Run, StepKind
from upgrade_kit.model.step import Effect
from upgrade_kit.upgrading.journal import Happening, UpgradeJournal
from upgrade_kit.upgrading.proofs import Answer, CannotTell, Done, NotDone, SiteAccess, look, prove
from upgrade_kit.upgrading.running import Programs, Ran

OF_DATABASE = frozenset((StepKind.SYNCDB, StepKind.MIGRATE, StepKind.LOADDATA, StepKind.CALCS))
_OWN = "upgrade-kit"
_REFUSED = 1  # the exit status of the kit's own commands that found something


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

    def agrees_to_restore(self, step: PlannedStep, manifest: Path) -> bool:
        """Ask whether the database may be restored, because a step was interrupted in the middle of it."""


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
            self._begin_from(part)
        self._undo_half_done()
        self._check_what_was_done()
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

    def _begin_from(self, part: Part) -> None:
        """Take the steps before a part as done, and those of it as to be done again."""
        steps = self.journal.plan.steps
        ids = [step.id for step in steps]
        first = ids.index(part.first)
        end = ids.index(part.last) + 1 if part.last else len(ids)
        for step in steps[:first]:
            if not self.journal.is_settled(step.id):
                self.journal.add(Happening.ASSUMED, step.id, "taken as done by --from-step")
        has_changed = any(step.kind is StepKind.SETTINGS and self.journal.began(step.id) for step in steps)
        for step in steps[first:end]:
            if step.kind is StepKind.KEEP and has_changed:
                continue  # its copies are of the time before
            if self.journal.is_settled(step.id):
                self.journal.add(Happening.AGAIN, step.id, "asked for by --from-step")

    def _undo_half_done(self) -> None:
        """Restore a database that an interrupted step left in a state from which there is no way on."""
        for step in self.journal.plan.steps:
            if not (step.restores and self.journal.is_half_done(step.id)):
                continue
            backup = self._backup_of(step)
            manifest = None if backup is None else self._manifest_of(backup)
            if backup is None or manifest is None:
                raise self._failed(step, "it was interrupted, and the journal names no backup to restore first")
            if not isinstance(look(backup, self.site), Done):
                if not self.talk.agrees_to_restore(step, manifest):
                    raise NotAgreedError(step)
                restore_backup(manifest, database=self.site.address(), replace=True)
            for other in self.journal.plan.steps:
                if other.hop == step.hop and other.kind in OF_DATABASE and self.journal.began(other.id):
                    self.journal.add(Happening.UNDONE, other.id, f"restored from {manifest}")

    def _check_what_was_done(self) -> None:
        """Go on from a site only where it is as the journal says: somebody may have restored or checked out by hand.

        Raises:
            StepFailedError: it is not.
            OtherDatabaseError: the settings lead to another database than the plan's.
        """
        try:
            self.site.address()
        except OtherDatabaseError:
            raise
        except UpgradeKitError:  # an interrupted checkout has left no whole site: the step that needs it will tell
            pass
        began = [step for step in self.journal.plan.steps if self.journal.began(step.id)]
        of_database = [step for step in began if step.kind in OF_DATABASE and step.effect is not Effect.READ]
        last_hop = of_database[-1].hop if of_database else None
        checkouts = [step for step in began if step.kind is StepKind.CHECKOUT][-1:]
        for step in (*checkouts, *(one for one in of_database if one.kind is StepKind.MIGRATE and one.hop == last_hop)):
            last = self.journal.last(step.id)
            if last is None or last.what is not Happening.PROVED:
                continue
            state = prove(step, (), self.site)
            if isinstance(state, NotDone):
                first = step if step.kind is StepKind.CHECKOUT else self._backup_of(step) or step
                raise self._failed(
                    step,
                    f"this was done {last.at:%Y-%m-%d %H:%M} UTC, and is no longer so ({state.reason}). Nothing was "
                    "done now",
                    hint="Did somebody restore the database, or check something out, by hand? Undo that, or do the "
                    f"steps again: the same command with --from-step {first.id}.",
                )

    def _backup_of(self, step: PlannedStep) -> PlannedStep | None:
        """Return the step that backs up what a step of its hop writes to."""
        steps = self.journal.plan.steps
        return next((other for other in steps if other.hop == step.hop and other.kind is StepKind.BACKUP), None)

    def _manifest_of(self, backup: PlannedStep) -> Path | None:
        proved = (dict(event.details) for event in reversed(self.journal.events) if event.step == backup.id)
        return next((Path(details["manifest"]) for details in proved if "manifest" in details), None)

    def _check_backup(self, step: PlannedStep) -> None:
        """Let nothing be written to a database that has changed since its backup.

        Raises:
            StepFailedError: it has.
            OtherDatabaseError: the settings lead to another database than the plan's.
        """
        self.site.address()
        hop = [other for other in self.journal.plan.steps if other.hop == step.hop and other.kind in OF_DATABASE]
        backup = self._backup_of(step)
        if backup is None or any(self.journal.began(one.id) for one in hop):
            return
        state = look(backup, self.site)
        if self._manifest_of(backup) is None:
            self._answered_for(backup, state)
        elif isinstance(state, NotDone):
            raise self._failed(
                step,
                f"the database has changed since its backup ({state.reason})",
                hint="Is the site still running? Stop it. Then back it up again: the same command with "
                f"--from-step {backup.id} --until {backup.id}.",
            )

    def _answered_for(self, backup: PlannedStep, state: Answer) -> None:
        """Note a backup that was taken as done, for a rollback; where there is none, tell what that means."""
        if isinstance(state, Done):
            self.journal.add(Happening.PROVED, backup.id, state.evidence, **dict(state.details))
        elif isinstance(state, NotDone):
            self.talk.end(
                backup,
                "taken as done",
                f"{state.reason}. --rollback will not bring the database back, only a backup that you made yourself",
            )

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
        if step.kind in OF_DATABASE and step.effect is not Effect.READ:
            self._check_backup(step)
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
        ran = self.programs.run(own_program(self._as_it_stands(step, action)), log)
        if ran.status not in action.accepts:
            ended = f"was ended at its limit of {action.limit_seconds:g} s" if ran.status is None else ""
            raise self._failed(
                step,
                f"{' '.join(action.words)} {ended or f'ended with status {ran.status}'}",
                last_lines=ran.last_lines,
                log=log,
                refused=action.words[0] == _OWN and ran.status == _REFUSED,
            )
        return ran

    def _as_it_stands(self, step: PlannedStep, action: Run) -> Run:
        """Return an action for a site that may still have to be started by a person."""
        steps = self.journal.plan.steps
        left = [one.id for one in steps if one.kind is StepKind.SERVE and self._is_left(one)]
        if step.kind is StepKind.VERIFY and left:
            return replace(action, words=(*action.words, "--no-page"))
        return action

    def _is_left(self, step: PlannedStep) -> bool:
        last = self.journal.last(step.id)
        return last is not None and last.what is Happening.LEFT

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
    if action.words[0] != _OWN:
        return action
    return replace(action, words=(sys.executable, "-m", "upgrade_kit", *action.words[1:]))


def copy_privately(action: CopyFile) -> None:
    """Copy a file, whole or not at all, so that only its owner may read the copy.

    Raises:
        UpgradeKitError: it cannot be copied.
    """
    try:
        action.target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(action.target, action.source.read_bytes())
    except OSError as error:
        raise UpgradeKitError(
            f"{action.source} cannot be copied to {action.target}: {error.strerror or error}",
            hint="Both folders must be there, and the second be writable, on a disk with room.",
        ) from error


Rehearsed = Callable[[PlannedStep, str], None]


def rehearse(journal: UpgradeJournal, site: SiteAccess, tell: Rehearsed, part: Part | None = None) -> None:
    """Say of each step whether it is done or what would be done; writes nothing.

    Args:
        journal: the upgrade, begun or not.
        site: how to look at the site.
        tell: gets each step and its state.
        part: which steps; by default all. Those before its first are taken as done, as they would be.

    Raises:
        UsageError: that is no part of the plan.
        UpgradeKitError: the site cannot be looked at.
    """
    part = part or Part()
    part.check(journal.plan.steps)
    ids = [step.id for step in journal.plan.steps]
    first = ids.index(part.first) if part.first else 0
    last = ids.index(part.last) if part.last else len(ids) - 1
    for number, step in enumerate(journal.plan.steps[: last + 1]):
        if part.first and number < first:
            tell(step, "taken as done, by --from-step")
            continue
        if journal.is_settled(step.id) and not part.first:
            tell(step, "done before")
            continue
        match look(step, site):
            case Done(evidence=evidence):
                tell(step, f"done already: {evidence}")
            case NotDone(reason=reason):
                tell(step, f"to do: {reason}")
            case CannotTell():
                tell(step, "to do" if step.actor is Actor.KIT else "to be done by a person")
