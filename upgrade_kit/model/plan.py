"""What the upgrade of one site will do, step by step: shown by ``plan``, carried out by ``upgrade``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from upgrade_kit.model.step import Actor, Effect, StepKind

__all__ = ["Action", "Actor", "CopyFile", "Effect", "Plan", "PlannedStep", "Run", "StepKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A program to run, without a shell.

    Attributes:
        words: the program and its arguments as they are, nothing quoted. None of them is a secret.
        folder: where it runs; ``None`` where that does not matter: then it is the work folder, for the kit looks for
            backups in the folders below the one where it runs.
        environment: ``(name, value)`` of what is set for it besides what it inherits.
        accepts: the exit statuses that are success.
        limit_seconds: how long it may take.
    """

    words: tuple[str, ...]
    folder: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()
    accepts: tuple[int, ...] = (0,)
    limit_seconds: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFile:
    """A file to copy, which may hold a password: the copy is its owner's alone."""

    source: Path
    target: Path


Action = Run | CopyFile


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step for one site.

    Attributes:
        id: the step's id in the rules (``0.3.0-migrate``).
        kind: what it is about.
        hop: the version that its hop leads to.
        title: what it does.
        why: what it is for, and what to look out for; may be empty.
        effect: what it does to the site.
        actor: who carries it out.
        actions: what to do, in order; for a person they are what that person types.
        lasts: how long it may take, in words; may be empty.
        proof: how to see that it is done; may be empty.
        back: how to go back once it is done; may be empty where it changes nothing.
        proofs: what to run afterwards; the step is done where each succeeds.
        restores: whether the database is restored first where the step was interrupted before.
        facts: ``(name, value)`` of what its probe and its proof need: ``tag``, ``python``, ``environment`` ...
        source: document and section.
        corrects: where the guide is wrong and what is right, or ``""``.
    """

    id: str
    kind: StepKind
    hop: Version
    title: str
    why: str
    effect: Effect
    actor: Actor
    actions: tuple[Action, ...]
    lasts: str
    proof: str
    back: str
    facts: tuple[tuple[str, str], ...]
    source: str
    corrects: str
    proofs: tuple[Run, ...] = ()
    restores: bool = False

    def fact(self, name: str) -> str:
        """Return one of the facts, empty where it has none of that name."""
        return dict(self.facts).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every step of one site's upgrade, in order.

    Attributes:
        site: the folder of the checkout, absolute.
        database: its URL, without the password.
        versions: the path, source first.
        system: ``Windows`` or ``Linux``, whose paths and programs the steps name.
        work: the folder, beside the checkout, for what the upgrade keeps: backups, copies, logs, the journal.
        steps: in order.
        needs_password: whether the kit's own commands take the database's password from ``UPGRADE_KIT_PASSWORD``.
        open_questions: what could not be known and stands in the plan as a guess or a placeholder, one sentence each.
    """

    site: Path
    database: str
    versions: tuple[Version, ...]
    system: str
    work: Path
    steps: tuple[PlannedStep, ...]
    open_questions: tuple[str, ...] = ()
    needs_password: bool = False

    @property
    def point_of_no_return(self) -> PlannedStep | None:
        """The first step that only a backup takes back, if there is one."""
        return next((step for step in self.steps if step.effect is Effect.IRREVERSIBLE), None)
