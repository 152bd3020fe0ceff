"""One step of a hop as the rules describe it: for every site, with placeholders where sites differ."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a step does to the site. The point of no return is data."""

    READ = "read"
    WRITE = "write"
    IRREVERSIBLE = "irreversible"


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


class When(StrEnum):
    """At which hops of a path a step is done."""

    ALWAYS = "always"
    FIRST = "first"  # only where the path starts with this hop
    LAST = "last"  # only where it ends with it


SYSTEMS = ("Windows", "Linux")
VENDORS = ("sqlite", "postgresql", "mysql", "microsoft")


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """Something to run, or a file to copy, with placeholders in braces.

    A ``/`` in a word becomes the system's own separator, unless the word is a URL.

    Attributes:
        run: a program and its arguments, or nothing. A placeholder that is a whole word may stand for several words,
            or for none.
        copy: the file and its copy, or nothing.
        folder: where it runs, or ``""``.
        environment: ``(name, value)`` of what is set for it.
        accepts: the exit statuses that are success.
        systems: the systems on which it is done; none means all.
        vendors: the databases with which it is done; none means all.
        limit_seconds: how long it may take.
    """

    run: tuple[str, ...] = ()
    copy: tuple[str, ...] = ()
    folder: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    accepts: tuple[int, ...] = (0,)
    systems: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    limit_seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a hop.

    Attributes:
        id: stable, unique in the whole rulebook (``0.3.0-migrate``).
        kind: what it is about.
        title: what it does.
        effect: what it does to the site.
        why: what it is for, and what to look out for; may be empty.
        notes: ``(system, text)``: what a person should know besides on one system.
        person_on: the systems on which a person has to do it.
        when: at which hops of a path it is done.
        do: what is done, in order.
        prove: what to run afterwards; it is done where each succeeds.
        lasts: how long it may take, in words; may be empty.
        proof: how to see that the step is done; may be empty.
        back: how to go back once it is done; empty where it changes nothing.
        source: document and section.
        corrects: where the guide is wrong and what is right, or ``""``.
        restore_on: the databases that it leaves half done where it is interrupted, and that are restored before it is
            done again.
    """

    id: str
    kind: StepKind
    title: str
    effect: Effect
    why: str
    notes: tuple[tuple[str, str], ...]
    person_on: tuple[str, ...]
    when: When
    do: tuple[Do, ...]
    prove: tuple[Do, ...]
    lasts: str
    proof: str
    back: str
    source: str
    corrects: str
    restore_on: tuple[str, ...] = ()
