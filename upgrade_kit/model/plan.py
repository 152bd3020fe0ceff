"""What the upgrade of one site will do, step by step: shown by ``plan``, carried out by ``upgrade``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.version import Version

from upgrade_kit.model.path import Effect


class StepKind(StrEnum):
    """What a step is about, by which its probe and its proof are known."""

    PREFLIGHT = "preflight"  # look; errors but the missing backup end the upgrade
    FORECAST = "forecast"  # show what rewrite-calcs would change
    STOP = "stop"  # the site no longer answers
    BACKUP = "backup"  # a verified backup of the database and the uploads as they stand
    KEEP = "keep"  # copies of files that no backup of the database holds
    VERDICT = "verdict"  # preflight says GO
    FETCH = "fetch"  # git knows the tag
    CHECKOUT = "checkout"  # the work tree is at the tag
    ENVIRONMENT = "environment"  # the virtual environment is there, with the right Python
    REQUIREMENTS = "requirements"  # it holds what the release needs
    SETTINGS = "settings"  # local_settings.py is the release's
    WHICH_DATABASE = "which-database"  # the release itself sees the site's database
    SYNCDB = "syncdb"
    MIGRATE = "migrate"  # the schema is complete at the hop's target
    COLLECTSTATIC = "collectstatic"
    LOADDATA = "loaddata"
    LOG = "log"  # migrate.log is read
    SHOW_CALCS = "show-calcs"  # what rewrite-calcs will write, shown
    CALCS = "calcs"  # it is written
    SERVE = "serve"  # the site answers again
    VERIFY = "verify"  # the upgraded site is what it should be
    LOOK = "look"  # what only a person can judge


class Actor(StrEnum):
    """Who carries a step out."""

    KIT = "kit"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A program to run, without a shell.

    Attributes:
        words: the program and its arguments as they are, nothing quoted. None of them is a secret.
        folder: where it runs; ``None`` where that does not matter.
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
        open_questions: what could not be known and stands in the plan as a guess or a placeholder, one sentence each.
    """

    site: Path
    database: str
    versions: tuple[Version, ...]
    system: str
    work: Path
    steps: tuple[PlannedStep, ...]
    open_questions: tuple[str, ...] = ()
