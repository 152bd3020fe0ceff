"""Is the database sound, writable and recoverable, and is there room for it to grow?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from packaging.version import Version

from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.server import (
    Engines,
    FileState,
    Identity,
    Recovery,
    Room,
    Server,
    Standing,
    StoredFile,
)
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, both, then
from upgrade_kit.preflight.sizes import size, used

_NEW_TABLES = Version("0.3.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOnServer:
    """The room that the database has, and where the way leads."""

    server: Server
    room: Room
    path: UpgradePath

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Server) and server.vendor == "sqlite":
            return Unobserved("the database is a file, see UK504", asked=False)
        if isinstance(server, Unobserved):
            return server
        known = server
        return both(server.room, facts.get(UpgradePath), lambda room, way: cls(server=known, room=room, path=way))


@check(
    "UK213",
    "The server has room for the migration",
    reads=RoomOnServer,
    section="the kit itself: measured on the migration of 0.2.9.1 to 0.3.0, which can double a database",
    remedy="Make room on the server's disk, or let the files grow.",
)
def server_has_room(fact: RoomOnServer) -> Answer:
    """A full disk or a file that may not grow ends the migration in the middle, and stops the site as well."""
    if not fact.path.hops:
        return NotApplicable("nothing is going to be migrated")
    need = sum(used(file) for file in fact.room.files if not file.is_log) or fact.room.size_bytes
    findings = [finding for file in fact.room.files for finding in _file_findings(fact, file, need)]
    if findings:
        return findings
    free = fact.room.free_bytes
    if isinstance(free, Unobserved):
        return [
            info(
                f"the database takes {size(fact.room.size_bytes)}; whether the server has as much free is not known: "
                f"{free.reason}",
                where=fact.server.database,
                hint=_look_yourself(fact.server),
            )
        ]
    if free < need:
        return [
            warning(
                f"the disk of the server has {size(free)} free, the migration can need {size(need)}",
                where=fact.server.database,
                hint="Make room there first: a backup on the same disk needs as much again.",
            )
        ]
    return Passed(f"{size(fact.room.size_bytes)} taken, {size(free)} free")


def _look_yourself(server: Server) -> str:
    if server.vendor == "microsoft":
        return to_type(
            "Look on the server, or let an administrator type in Management Studio:", "EXEC master.dbo.xp_fixeddrives;"
        )
    return to_type("Look on the server, in PowerShell or in bash:", "Get-PSDrive -PSProvider FileSystem", "df -h")


def _file_findings(fact: RoomOnServer, file: StoredFile, need: int) -> Iterator[Finding]:
    kind = "log" if file.is_log else "data"
    left = file.size_bytes - used(file)
    if file.grows:
        growth = None if file.max_bytes is None else max(0, file.max_bytes - file.size_bytes)
        if file.free_bytes is not None:
            growth = file.free_bytes if growth is None else min(growth, file.free_bytes)
        if growth is None:
            return
        left += growth
    if left >= need:
        return
    if not file.is_log and any(other is not file and not other.is_log for other in fact.room.files):
        return  # another file may take what this one cannot
    database = "[{}]".format(fact.server.database.replace("]", "]]"))
    limit = "it does not grow by itself" if not file.grows else "its limit or its disk is near"
    yield warning(
        f"the {kind} file {file.name} has room for {size(max(0, left))} more, {limit}; the migration can need "
        f"{size(need)}",
        where=fact.server.database,
        hint=to_type(
            "Make room on its disk, and let it grow; in Management Studio:",
            f"ALTER DATABASE {database} MODIFY FILE (NAME = N'{file.name}', FILEGROWTH = 64MB, MAXSIZE = UNLIMITED);",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOfServer:
    """How the database stands."""

    server: Server
    standing: Standing

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Unobserved):
            return server
        return then(server.standing, lambda known: cls(server=server, standing=known))


@check(
    "UK215",
    "The database can be written to, and nothing about it is special",
    reads=StandingOfServer,
    section="the kit itself: what keeps a migration from writing",
    remedy="End what keeps the database from being written to, or upgrade where it is written to.",
)
def database_can_be_written(fact: StandingOfServer) -> Answer:
    """A standby, a read-only database or a forgotten transaction lets the migration fail or wait without an end."""
    standing, where = fact.standing, fact.server.database
    return [
        *(
            error(what, where=where, hint=_ended(line, "Upgrade where it can be written to."))
            for what, line in standing.obstacles
        ),
        *(warning(what, where=where, hint=_ended(line, "Look into it first.")) for what, line in standing.cautions),
        *(
            info(what, where=where, hint=_ended(line, "Ask who keeps it before you upgrade."))
            for what, line in standing.notes
        ),
    ]


def _ended(line: str, otherwise: str) -> str:
    return to_type("If nobody wants it so, let an administrator type:", line) if line else otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryOfServer:
    """What SQL Server does to bring the database back."""

    server: Server
    recovery: Recovery

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Unobserved):
            return server
        return then(server.recovery, lambda known: cls(server=server, recovery=known))


_BACKUP_DAYS = 8  # a weekly backup is at most as old
_LOG_DAYS = 2


@check(
    "UK216",
    "SQL Server has backups of the database, and its log is kept short",
    reads=RecoveryOfServer,
    section="Microsoft, Recovery Models (SQL Server); backupset (Transact-SQL)",
    remedy="Make a full backup; with the recovery model FULL make log backups too, or use SIMPLE.",
)
def recovery_is_in_order(fact: RecoveryOfServer) -> Answer:
    """Under the model FULL the log grows until it is backed up: the migration can fill the disk with it."""
    recovery, where = fact.recovery, fact.server.database
    name = "[{}]".format(where.replace("]", "]]"))
    findings: list[Finding] = []
    if recovery.last_full is None:
        findings.append(
            warning(
                "the server knows of no full backup of this database, ever",
                where=where,
                hint="Make one before anything else, and see that it is made regularly: upgrade-kit backup",
            )
        )
    elif recovery.now - recovery.last_full > timedelta(days=_BACKUP_DAYS):
        findings.append(
            info(
                f"the last full backup is of {recovery.last_full:%Y-%m-%d %H:%M} (the server's time)",
                where=where,
                hint="For the upgrade make a fresh one (UK204), and look why none was made since.",
            )
        )
    logs_lack = recovery.last_log is None or recovery.now - recovery.last_log > timedelta(days=_LOG_DAYS)
    if recovery.model != "SIMPLE" and recovery.last_full is not None and logs_lack:
        last = (
            "was never backed up"
            if recovery.last_log is None
            else f"was last backed up on {recovery.last_log:%Y-%m-%d}"
        )
        findings.append(
            warning(
                f"the recovery model is {recovery.model}, but the log {last}: it only grows, while migrating too",
                where=where,
                hint=to_type(
                    "If nobody makes log backups, keep the log short:", f"ALTER DATABASE {name} SET RECOVERY SIMPLE;"
                ),
            )
        )
    if recovery.log_waits_for in {"ACTIVE_TRANSACTION", "REPLICATION", "AVAILABILITY_REPLICA", "DATABASE_MIRRORING"}:
        findings.append(
            warning(
                f"the log cannot be used again: it waits for {recovery.log_waits_for}",
                where=where,
                hint=to_type("Find out what that is before the migration:", "DBCC OPENTRAN;"),
            )
        )
    return findings or Passed(f"{recovery.model}, last full backup {recovery.last_full:%Y-%m-%d %H:%M}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelOfServer:
    """The compatibility level beside the server's version."""

    identity: Identity
    level: int
    name: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Unobserved):
            return server
        return both(
            server.compatibility_level,
            server.identity,
            lambda level, who: cls(identity=who, level=level, name=server.database),
        )


_FIRST_WITH_OFFSET, _LEVEL_WITH_OFFSET = Version("11"), 110


@check(
    "UK217",
    "The compatibility level allows what the target's engine writes",
    reads=LevelOfServer,
    section="sql_server/pyodbc/compiler.py of django-pyodbc-azure 1.11.13.1: OFFSET ... FETCH where the server has it",
    remedy="Raise the compatibility level to the server's own.",
)
def compatibility_level_is_current(fact: LevelOfServer) -> Answer:
    """The engine asks the server for its version, not the database for its level, which may lack what it writes."""
    major = fact.identity.version.major
    if fact.identity.version < _FIRST_WITH_OFFSET or fact.level >= _LEVEL_WITH_OFFSET:
        return Passed(str(fact.level))
    name = "[{}]".format(fact.name.replace("]", "]]"))
    return [
        warning(
            f"the compatibility level is {fact.level}, below 110 (SQL Server 2012), on a server of version {major}",
            where=fact.name,
            hint=to_type(
                "After a backup; try the site afterwards:",
                f"ALTER DATABASE {name} SET COMPATIBILITY_LEVEL = {major * 10};",
            ),
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginesOfServer:
    """The storage engines, and the path where it is known."""

    server: Server
    engines: Engines
    path: UpgradePath | Unobserved

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Unobserved):
            return server
        path = facts.get(UpgradePath)
        return then(server.engines, lambda known: cls(server=server, engines=known, path=path))


@check(
    "UK218",
    "Every table knows transactions and foreign keys",
    reads=EnginesOfServer,
    section="Django 1.11 documentation, Databases, MySQL notes: Storage engines",
    remedy="Convert the tables to InnoDB after a backup and before the upgrade.",
)
def tables_are_innodb(fact: EnginesOfServer) -> Answer:
    """MyISAM takes nothing back when a migration fails, and a foreign key from InnoDB to it cannot be made."""
    loose = [(table, engine) for table, engine in fact.engines.tables if engine.lower() != "innodb"]
    findings = []
    # UK325 tells of the tables where a migration would stop at them.
    ahead = isinstance(fact.path, UpgradePath) and fact.path.crosses(_NEW_TABLES)
    if loose and not ahead:
        named = ", ".join(f"{table} ({engine})" for table, engine in loose)
        findings.append(
            warning(
                f"{counted(loose, 'table')} without transactions and foreign keys: {named}",
                where=fact.server.database,
                hint=to_type(
                    "After a backup, with the site stopped:",
                    *(f"ALTER TABLE `{table}` ENGINE=InnoDB;" for table, _ in loose),
                ),
            )
        )
    if fact.engines.default.lower() != "innodb":
        findings.append(
            warning(
                f"tables that the migration makes get the engine {fact.engines.default}",
                where=fact.server.database,
                hint=to_type("Before the upgrade, as administrator:", "SET GLOBAL default_storage_engine = InnoDB;"),
            )
        )
    if loose and not findings:
        return NotApplicable("a migration on the way asks the same of the tables: see UK325")
    return findings or Passed(counted(fact.engines.tables, "table"))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOfServer:
    """The file of an SQLite database."""

    file: FileState

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        server = facts.get(Server)
        if isinstance(server, Server) and server.vendor != "sqlite":
            return Unobserved("the database is not a file", asked=False)
        return then(then(server, lambda asked: asked.file), lambda file: cls(file=file))


@check(
    "UK219",
    "The SQLite file is sound",
    reads=FileOfServer,
    section="SQLite documentation, PRAGMA quick_check",
    remedy="Restore a backup from before the damage, or save what can be read with sqlite3's .recover.",
)
def file_is_sound(fact: FileOfServer) -> Answer:
    """A damaged file is carried into every backup, and the migration ends where it meets the damage."""
    faults = fact.file.faults
    if isinstance(faults, Unobserved):
        return faults
    if not faults:
        return Passed("quick_check: ok")
    return [
        error(
            f"the file is damaged: {'; '.join(faults)}",
            where=fact.file.path,
            hint=to_type(
                "Stop the site, keep the file, restore a backup from before; without one save what can be read:",
                'sqlite3 damaged.sqlite3 ".output saved.sql" ".recover"',
            ),
        )
    ]


@check(
    "UK220",
    "The SQLite file lies on a disk of this machine, with nothing left beside it",
    reads=FileOfServer,
    section="SQLite documentation, SQLite Over a Network; Temporary Files Used By SQLite",
    remedy="Stop the site so that SQLite writes everything into the file; keep the file on a disk of the server.",
)
def file_is_whole(fact: FileOfServer) -> Answer:
    """Whoever copies the file without what lies beside it loses what was written last."""
    findings: list[Finding] = []
    for path, left in fact.file.leftovers:
        findings.append(
            info(
                f"{path} holds {left} bytes that are not in the file yet",
                where=fact.file.path,
                hint="Stop the site, so that SQLite writes it in. Never delete it, and copy the file only with it; "
                "upgrade-kit backup takes care of that.",
            )
        )
    if fact.file.network:
        findings.append(
            warning(
                f"the file is on a network drive ({fact.file.network}), where locks do not always hold",
                where=fact.file.path,
                hint="Upgrade on a copy on a disk of this machine, with the site stopped.",
            )
        )
    return findings


CHECKS = (
    server_has_room,
    database_can_be_written,
    recovery_is_in_order,
    compatibility_level_is_current,
    tables_are_innodb,
    file_is_sound,
    file_is_whole,
)
