"""May the login do what the plan will do, and is it alone?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from upgrade_kit.model.deployment import (
    DatabaseSettings,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.server import (
    Engines,
    OtherSession,
    Purpose,
    Right,
    Rights,
    Server,
    Sessions,
)
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, then
from upgrade_kit.preflight.grants import statements

_DJANGO_TABLES = ("auth_", "django_", "south_", "tastypie_", "registration_", "profiles_", "genericdropdown_")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOnPath:
    """What the login may do, whose login the site uses, and where the way leads.

    Attributes:
        server: the vendor, and the database's name.
        rights: what was asked.
        site_login: the login in the settings, or ``""`` where it is left to the system or not known.
        path: the way.
    """

    server: Server
    rights: Rights
    site_login: str
    path: UpgradePath | Unobserved

    @property
    def is_another(self) -> bool:
        """Whether the rights are those of another login than the site's."""
        return bool(self.site_login) and self.site_login.casefold() != self.rights.login.casefold()

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server, settings = facts.get(Server), facts.get(DatabaseSettings)
        login = settings.user if isinstance(settings, DatabaseSettings) and isinstance(settings.user, str) else ""
        if isinstance(server, Unobserved):
            return server
        way = facts.get(UpgradePath)
        return then(
            server.rights,
            lambda may: cls(server=server, rights=may, site_login=login if may.login else "", path=way),
        )


@check(
    "UK209",
    "The login may do what the migration does",
    reads=LoginOnPath,
    section="docs/install/win.rst (v0.3.0), Creating a database with SQL Server; deploy/*/create_db_and_role.sql",
    remedy="Let an administrator give the site's login what it lacks, before the upgrade.",
)
def login_may_migrate(fact: LoginOnPath) -> Answer:
    """A migration that lacks a right ends in the middle; what it did before that stays."""
    if fact.is_another:
        return _other_login(fact)
    if elsewhere := _other_schema(fact):
        return elsewhere  # whose version cannot be told, nor whose tables those are
    if isinstance(fact.path, Unobserved):
        return fact.path
    if not fact.path.hops:
        return NotApplicable("nothing is going to be migrated")
    asked = [_of_site(fact, fact.path, right) for right in fact.rights.rights if right.purpose is not Purpose.BACKUP]
    findings = [_lacking(fact, right) for right in asked if not right.held]
    who = fact.rights.login or "this process"
    return findings or Passed(f"{who} may create, change and fill tables")


@check(
    "UK210",
    "The login may back the database up",
    reads=LoginOnPath,
    section="docs/install/win.rst and linux.rst (v0.3.0), Backing up your database",
    remedy="Use a login that may, for the backup alone, or give the site's login the right.",
)
def login_may_back_up(fact: LoginOnPath) -> Answer:
    """Without the right to back up there is no way back but a dump that somebody else makes."""
    if fact.server.vendor == "sqlite":
        return NotApplicable("a copy of the file is a backup")
    lacking = [right for right in fact.rights.rights if right.purpose is Purpose.BACKUP and not right.held]
    if fact.is_another and lacking:
        return _other_login(fact)
    if fact.server.vendor == "mysql" and _are_all_innodb(fact.server.engines):
        lacking = [right for right in lacking if right.name != "LOCK TABLES"]  # one moment is seen without locks
    findings = [
        warning(
            f"{fact.rights.login} lacks {right.name} for a backup{_on(right)}",
            where=fact.server.database,
            hint=to_type(
                "Let an administrator type this, or make the backup with another login"
                + (" or with --method json" if fact.server.vendor == "microsoft" else "")
                + ":",
                *statements(fact.server.vendor, fact.server.database, fact.rights, [right]),
            ),
        )
        for right in lacking
    ]
    return findings or Passed(f"{fact.rights.login} may")


def _are_all_innodb(engines: Engines | Unobserved) -> bool:
    return isinstance(engines, Engines) and all(engine.lower() == "innodb" for _, engine in engines.tables)


def _other_login(fact: LoginOnPath) -> CouldNotRun:
    return CouldNotRun(
        f"the login that asked is {fact.rights.login}, the site logs in as {fact.site_login}, whose rights it cannot "
        f"tell; run this check once with the site's own login"
    )


def _of_site(fact: LoginOnPath, path: UpgradePath, right: Right) -> Right:
    """Leave out tables that are not of QATrack+ and that no migration of its touches."""
    if right.held or fact.server.vendor != "postgresql" or right.name == "CREATE":
        return right
    apps = {app for release in path.releases for app, _ in release.migrations}
    names = tuple(name for name in right.on if name.startswith((*_DJANGO_TABLES, *(f"{app}_" for app in apps))))
    return Right(name=right.name, purpose=right.purpose, held=not names, on=names)


def _lacking(fact: LoginOnPath, right: Right) -> Finding:
    where = fact.server.database
    if right.name == "WRITE":
        return error(
            f"this process may not write to {', '.join(right.on)}",
            where=where,
            hint="Run the upgrade as the account that owns the file, or let that account give the right to write to "
            "the file and to its folder, where SQLite makes its journal.",
        )
    lines = statements(fact.server.vendor, fact.server.database, fact.rights, [right])
    what = f"does not own {counted(right.on, 'table')}, so that it may not change them" if right.name == "OWNER" else ""
    return error(
        f"{fact.rights.login} {what or f'lacks {right.name}'}{_on(right)}",
        where=where,
        hint=to_type("Let an administrator of the server type this in the site's database:", *lines),
    )


def _on(right: Right) -> str:
    return f": {', '.join(right.on)}" if right.on else ""


def _other_schema(fact: LoginOnPath) -> list[Finding]:
    rights = fact.rights
    if not rights.schema or not rights.site_schemas or rights.schema in rights.site_schemas:
        return []
    site = rights.site_schemas[0]
    return [
        error(
            f"{rights.login} makes and looks for tables in the schema {rights.schema}, but the site's are in "
            f"{', '.join(rights.site_schemas)}",
            hint=to_type(
                "Let an administrator make that the login's default:",
                f"ALTER USER [{rights.user}] WITH DEFAULT_SCHEMA = [{site}];"
                if fact.server.vendor == "microsoft"
                else f'ALTER ROLE "{rights.user}" SET search_path = "{site}";',
            ),
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsOnServer:
    """Who else is connected, and to what."""

    server: Server
    sessions: Sessions

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Unobserved):
            return server
        return then(server.sessions, lambda known: cls(server=server, sessions=known))


@check(
    "UK214",
    "Nobody else is connected to the database",
    reads=SessionsOnServer,
    section="docs/install/win.rst and linux.rst (v0.3.0), Backing up your database",
    remedy="Stop the site and close every other program before the backup and the migration.",
)
def nobody_else_is_connected(fact: SessionsOnServer) -> Answer:
    """Whoever writes after the backup is lost with it, and whoever holds a lock lets the migration wait."""
    open_ones = [one for one in fact.sessions.others if one.is_open]
    others = [one for one in fact.sessions.others if not one.is_open]
    findings: list[Finding] = []
    if open_ones:
        findings.append(
            warning(
                f"{counted(open_ones, 'session')} with an open transaction, whose locks the migration waits for: "
                f"{_listed(open_ones)}",
                where=fact.server.database,
                hint="Let whoever that is finish, and stop the site before backup and migration.",
            )
        )
    if others:
        findings.append(
            info(
                f"{counted(others, 'other session')}: {_listed(others)}",
                where=fact.server.database,
                hint="While planning that is as it should be. Before backup and migration stop the site and close the "
                "others, then run this again.",
            )
        )
    if not fact.sessions.sees_all:
        findings.append(_not_all(fact))
    return findings or Passed()


def _listed(sessions: Sequence[OtherSession]) -> str:
    told = Counter(
        " ".join(
            part
            for part in (
                one.login or "somebody",
                f"with {one.program}" * bool(one.program),
                f"from {one.host}" * bool(one.host),
            )
            if part
        )
        for one in sessions
    )
    return "; ".join(f"{who} ({number} times)" if number > 1 else who for who, number in told.items())


def _not_all(fact: SessionsOnServer) -> Finding:
    told = f"the server shows {fact.sessions.login} only its own sessions: whether others are connected is not known"
    line = "EXEC sp_who2;" if fact.server.vendor == "microsoft" else "SHOW FULL PROCESSLIST;"
    return info(told, where=fact.server.database, hint=to_type("Before the migration let an administrator look:", line))


CHECKS = (login_may_migrate, login_may_back_up, nobody_else_is_connected)
