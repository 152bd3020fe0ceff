"""Does the target work with the database server, and with the driver that leads there?"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from packaging.version import Version

from upgrade_kit.model.deployment import (
    DatabaseSettings,
    Machine,
)
from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.path import Release, ServerSpan, UpgradePath
from upgrade_kit.model.server import (
    Identity,
    Server,
)
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.servers import ServerLine, line_of, load_server_lines
from upgrade_kit.preflight.check import Answer, check, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, both, then
from upgrade_kit.preflight.sizes import GIB, size, used


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOnPath:
    """The server beside the releases that have to work with it."""

    server: Server
    path: UpgradePath

    @property
    def releases(self) -> tuple[Release, ...]:
        """The releases that are still ahead; the target alone where the site is there already."""
        return self.path.releases[1:] or (self.path.target,)

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(facts.get(Server), facts.get(UpgradePath), lambda server, way: cls(server=server, path=way))


@check(
    "UK205",
    "The target works with this version of the database server",
    reads=ServerOnPath,
    section="rules/versions/0.3.0.toml, [[servers]], each with its source",
    remedy="Move the database to a version that the target works with, before the upgrade.",
)
def target_works_with_server(fact: ServerOnPath) -> Answer:
    """An engine that does not know its server ends every command of the site, or fails in the middle of a migration."""
    identity = fact.server.identity
    if isinstance(identity, Unobserved):
        return identity
    if identity.product == "SQLite":
        return NotApplicable("SQLite comes with Python, see UK308")
    spans = [(release, _span_of(release, identity.product)) for release in fact.releases]
    known = [(release, span) for release, span in spans if span is not None]
    if not known:
        return Unobserved(f"the rules know of no release on the way that works with {identity.product}")
    findings = [finding for release, span in known for finding in _version_findings(release, span, identity)]
    return findings or Passed(f"{identity.product} {identity.version}")


def _span_of(release: Release, product: str) -> ServerSpan | None:
    return next((span for span in release.servers if span.product == product), None)


def _version_findings(release: Release, span: ServerSpan, identity: Identity) -> Iterator[Finding]:
    named = f"{identity.product} {identity.version}"
    new = span.before is not None and identity.version >= span.before
    if identity.version < span.at_least:
        yield error(
            f"QATrack+ {release.version} does not work with {named}, only from {span.at_least} on: {span.why}",
            where=span.source,
            hint=span.remedy,
        )
    elif new and span.refused:
        yield error(
            f"QATrack+ {release.version} refuses {named}: {span.why}",
            where=span.source,
            hint=span.remedy,
        )
    elif new:
        yield info(
            f"QATrack+ {release.version} is not known to have been tried on {named}: {span.why}",
            where=span.source,
            hint=span.remedy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerToday:
    """The server, the day on which it was looked at, and until when servers are maintained."""

    server: Server
    today: date
    lines: tuple[ServerLine, ...]

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        today = facts.deployment.observed_at.date()
        return then(facts.get(Server), lambda server: cls(server=server, today=today, lines=load_server_lines()))


@check(
    "UK206",
    "The makers of the database server still mend faults in this version",
    reads=ServerToday,
    section="rules/servers/maintained.toml, each with its source",
    remedy="Plan a newer server for after the upgrade, among those that the target works with.",
)
def server_is_maintained(fact: ServerToday) -> Answer:
    """A server out of maintenance is no obstacle to the upgrade, but no faults in it are mended any more."""
    identity = fact.server.identity
    if isinstance(identity, Unobserved):
        return identity
    line = line_of(identity.product, identity.version, fact.lines)
    if line is None:
        return NotApplicable(f"the rules know no end of maintenance of {identity.product} {identity.version}")
    if fact.today <= line.until:
        return Passed(f"{identity.product} {line.version} until {line.until}")
    return [
        info(
            f"{identity.product} {identity.version} has not been maintained since {line.until}",
            where=line.source,
            hint="It need not stop the upgrade. Plan a newer version for afterwards, among those that UK205 passes.",
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressLimits:
    """The server and the room that the database takes there."""

    server: Server

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(Server), lambda server: cls(server=server))


_EXPRESS_BYTES = ((Version("10.50"), 10 * GIB), (Version("9"), 4 * GIB))  # SQL Server 2008 R2 raised it


@check(
    "UK207",
    "The edition of SQL Server has room for the database",
    reads=ExpressLimits,
    section="Microsoft, Editions and supported features of SQL Server: maximum relational database size",
    remedy="Move the database to another edition, or remove what is not needed, before the upgrade.",
)
def edition_has_room(fact: ExpressLimits) -> Answer:
    """SQL Server Express stops every write at its limit of size, in the middle of a migration too."""
    identity, room = fact.server.identity, fact.server.room
    if fact.server.vendor != "microsoft":
        return NotApplicable("only editions of SQL Server have a limit of size")
    if isinstance(identity, Unobserved):
        return identity
    if not identity.is_express:
        return NotApplicable(f"{identity.edition or identity.product} has no limit of size")
    if isinstance(room, Unobserved):
        return room
    limit = next((most for since, most in _EXPRESS_BYTES if identity.version >= since), 4 * GIB)
    taken = sum(used(file) for file in room.files if not file.is_log)
    told = f"the data take {size(taken)} of the {size(limit)} that {identity.edition} allows"
    if 2 * taken > limit:  # a migration writes tables anew before it drops the old ones
        return [
            warning(
                f"{told}; a migration can need as much again",
                hint="Use another edition of SQL Server (Standard, or Developer for a rehearsal), or make the "
                "database smaller first.",
            )
        ]
    return Passed(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverInSettings:
    """The ODBC driver that the target will ask for, beside those that this machine has."""

    installed: tuple[str, ...] | Unobserved
    settings: DatabaseSettings
    system: str
    path: UpgradePath

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server, settings, machine = facts.get(Server), facts.get(DatabaseSettings), facts.get(Machine)
        if isinstance(server, Server) and server.vendor != "microsoft":
            return Unobserved("only SQL Server is reached through ODBC", asked=False)
        if isinstance(machine, Unobserved):
            return machine
        known = both(server, settings, lambda asked, stated: (asked.odbc_drivers, stated))
        return both(
            known,
            facts.get(UpgradePath),
            lambda pair, way: cls(installed=pair[0], settings=pair[1], system=machine.system, path=way),
        )


@check(
    "UK208",
    "The ODBC driver that the target asks for is installed",
    reads=DriverInSettings,
    section="sql_server/pyodbc/base.py of django-pyodbc-azure 1.11.13.1, get_new_connection",
    remedy="Install the driver, or name one that is installed in DATABASES['default']['OPTIONS']['driver'].",
)
def odbc_driver_is_installed(fact: DriverInSettings) -> Answer:
    """Without its ODBC driver the target cannot connect at all, and says so only once the old version is gone."""
    options, engine = fact.settings.options, fact.settings.engine
    defaults = dict(fact.path.target.odbc_defaults)
    if not defaults:
        return NotApplicable(f"the rules name no ODBC driver for {fact.path.target.version}")
    if isinstance(options, Unobserved):
        return options
    if isinstance(engine, Unobserved):
        return engine
    if isinstance(fact.installed, Unobserved):
        return fact.installed
    stated = dict(options)
    if "dsn" in stated:
        return NotApplicable(f"the data source {stated['dsn']} names the driver")
    default = defaults.get(fact.system, defaults.get("other", ""))
    # The options of another engine go when the engine is changed (UK201).
    wanted = stated.get("driver", default) if engine in fact.path.target.engines else default
    return _driver_findings(fact, wanted, named="driver" in stated and wanted == stated["driver"]) or Passed(wanted)


def _driver_findings(fact: DriverInSettings, wanted: str, *, named: bool) -> list[Finding]:
    installed = fact.installed if isinstance(fact.installed, tuple) else ()
    if wanted in installed or _is_path(wanted):
        return []
    bare = wanted.strip("{}")
    target = fact.path.target.version
    who = "DATABASES['default']['OPTIONS']['driver']" if named else f"QATrack+ {target}, where OPTIONS names no driver,"
    listed = ", ".join(installed) or "none"
    same = next((name for name in installed if name.lower() == bare.lower()), None)
    if same is not None and wanted.startswith("{"):
        said = f"{who} is {wanted!r}: the engine puts braces of its own around it, and then there is no such driver"
        return [error(said, where=fact.settings.where, hint=_driver_lines("Write the name without braces:", same))]
    if same is not None:
        said = f"{who} is {wanted!r}, but the driver is called {same!r}: the engine compares capitals too"
        return [warning(said, where=fact.settings.where, hint=_driver_lines("Write it as it is called:", same))]
    said = f"{who} {'is' if named else 'asks for'} {wanted!r}, which this machine does not have (installed: {listed})"
    near = _nearest(bare, installed)
    if near is None:
        hint = (
            "Install Microsoft's ODBC Driver 17 for SQL Server on the machine that runs the site, then run preflight."
        )
        return [error(said, where=fact.settings.where, hint=hint)]
    sentence = "Install that driver, or name one that is there. If the site runs on another machine, look there:"
    return [error(said, where=fact.settings.where, hint=_driver_lines(sentence, near))]


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name


def _driver_lines(sentence: str, name: str) -> str:
    more = ", 'host_is_server': True" if "tds" in name.lower() else ""
    return to_type(sentence, f"'OPTIONS': {{'driver': '{name}'{more}}},")


def _nearest(wanted: str, installed: Sequence[str]) -> str | None:
    """Return the installed driver for SQL Server whose name is most like the one that is asked for."""
    fitting = [name for name in installed if re.search(r"sql (server|native)|tds", name, re.IGNORECASE)]
    alike = difflib.get_close_matches(wanted, fitting, n=1, cutoff=0.0)
    return alike[0] if alike else None


CHECKS = (target_works_with_server, server_is_maintained, edition_has_room, odbc_driver_is_installed)
