"""Does the database answer, and can the target load its engine?"""

from __future__ import annotations

from upgrade_kit.model.deployment import (
    Database,
)
from upgrade_kit.model.finding import Passed
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, error, info, to_type
from upgrade_kit.preflight.facts import EngineOnPath

_VENDORS = {
    "sqlite": "SQLite",
    "postgresql": "PostgreSQL",
    "mysql": "MySQL or MariaDB",
    "microsoft": "SQL Server",
}


@check(
    "UK201",
    "The target can load the database engine in the settings",
    reads=EngineOnPath,
    section="docs/install/win.rst (v0.3.0), Update your local_settings.py file",
    remedy="Name the target's engine in DATABASES, once its code is checked out; rewrite-settings writes it.",
)
def engine_loads(fact: EngineOnPath) -> Answer:
    """An engine that the target's Django does not have stops every command of the site."""
    engine, target = fact.settings.engine, fact.path.target
    if isinstance(engine, Unobserved):
        return engine
    if engine in target.engines:
        return Passed(engine)
    replacement = dict(target.engine_replacements).get(engine)
    known = ", ".join(target.engines)
    message = f"DATABASES['default']['ENGINE'] is '{engine}', which QATrack+ {target.version} cannot load"
    if replacement is None:
        return [
            error(
                message,
                where=fact.settings.where,
                hint=f"Name one that it can load: {known}.",
            )
        ]
    return [
        error(
            message,
            where=fact.settings.where,
            hint=to_type(_when(fact), *_lines(fact, replacement)),
        )
    ]


def _when(fact: EngineOnPath) -> str:
    target = fact.path.target.version
    sentence = (
        f"Once the code of {target} is checked out, and not before (the release before it needs the old "
        "engine), make these lines of DATABASES['default'] read so, which upgrade-kit rewrite-settings does for you, "
        "then run preflight again:"
    )
    if len(fact.path.hops) > 1:
        before = fact.path.releases[-2].version
        sentence = f"For the way to {before} alone, run preflight with --to {before}. {sentence}"
    return sentence


def _lines(fact: EngineOnPath, replacement: str) -> tuple[str, ...]:
    options = fact.settings.options
    gone = "what was in it" if isinstance(options, Unobserved) else ", ".join(key for key, _ in options)
    emptied = f"  # remove {gone}" if gone else ""
    return (f"'ENGINE': '{replacement}',", f"'OPTIONS': {{}},{emptied}")


@check(
    "UK202",
    "The database answers",
    reads=Database,
    section="docs/install/win.rst and linux.rst (v0.3.0), Backing up your database",
    remedy="See to it that the database answers from this machine: server, name, login and password, firewall.",
)
def database_answers(database: Database) -> Answer:
    """Nothing that the upgrade depends on can be known of a database that does not answer."""
    vendor = _VENDORS.get(database.vendor, database.vendor)
    server = database.server if vendor.casefold() in database.server.casefold() else f"{vendor} {database.server}"
    return Passed(f"{server.strip()}: {database.name}")


@check(
    "UK203",
    "The session with the database is read-only",
    reads=Database,
    section="the kit itself: a preflight changes nothing",
    remedy="Nothing has to be done; a login that may only read makes it certain.",
)
def session_is_read_only(database: Database) -> Answer:
    """Where the server does not hold the session to reading, the kit's own restraint is all there is."""
    if database.read_only:
        return Passed("held by the database")
    vendor = _VENDORS.get(database.vendor, database.vendor)
    return [
        info(
            f"{vendor} does not hold this session to reading; preflight sends nothing but SELECT",
            where=database.url,
            hint="To have the server hold it, name a login in --database that may only read (db_datareader).",
        )
    ]


CHECKS = (engine_loads, database_answers, session_is_read_only)
