"""Is there room where the upgrade writes, and is the migration's log where it should be?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from upgrade_kit.model.deployment import (
    Database,
    Disk,
    Volume,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.places import LogPlace
from upgrade_kit.model.typed_word import giving_the_right_to_write
from upgrade_kit.model.unobserved import Absent, Unobserved
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import BIN_FILE_SINCE, Facts, both, then

_MIB = 1024 * 1024
# What pip installs for 0.3.0 with Python 3.6 (requirements/base.txt, v0.3.0), rounded up: 543 MiB were measured.
ENVIRONMENT_BYTES = 600 * _MIB
_READ_IT = "Read it yourself, from its end: the last run is the one that counts."


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOnPath:
    """Free room beside what the path writes.

    ``database_bytes`` is ``Unobserved`` where the size could not be read.
    """

    disk: Disk
    database_bytes: int | Unobserved
    path: UpgradePath

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        database = facts.get(Database)
        size = database.size_bytes if isinstance(database, Database) else database
        return both(
            facts.get(Disk), facts.get(UpgradePath), lambda disk, way: cls(disk=disk, database_bytes=size, path=way)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRecord:
    """The migration's log, which is a fact worth telling even where it is missing."""

    log: MigrateLog | Unobserved
    path: UpgradePath
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(
            facts.get(UpgradePath),
            lambda way: cls(log=facts.get(MigrateLog), path=way, arguments=facts.arguments),
        )


@check(
    "UK504",
    "There is room for what the upgrade writes",
    reads=RoomOnPath,
    section="migration attachments.0002 (v0.3.0) copies every upload; docs/facts.md, Uploads",
    remedy="Free as much room as is named, or move the folder to a larger disk.",
)
def disk_has_room(fact: RoomOnPath) -> Answer:
    """A full disk stops the migration half way, or the copying of an upload."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    if isinstance(fact.database_bytes, Unobserved):
        return fact.database_bytes
    if not fact.disk.volumes:
        return CouldNotRun("no volume that the upgrade writes to is known")
    uploads = fact.disk.uploads_bytes
    if not fact.path.crosses(BIN_FILE_SINCE):
        uploads = 0
    elif isinstance(uploads, Unobserved):
        if uploads.asked:
            return uploads
        uploads = 0
    environment = ENVIRONMENT_BYTES if fact.path.crosses(BIN_FILE_SINCE) else 0
    needs = _needs(fact.disk.volumes, fact.database_bytes, uploads, environment)
    short = tuple(need for need in needs if need.free_bytes < need.needed_bytes)
    if short:
        return tuple(_too_little(need) for need in short)
    return Passed("; ".join(f"{need.path}: {_mib(need.needed_bytes)} of {_mib(need.free_bytes)}" for need in needs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    path: Path
    purposes: str
    needed_bytes: int
    free_bytes: int


def _needs(volumes: tuple[Volume, ...], database: int, uploads: int, environment: int) -> tuple[_Need, ...]:
    """Add up what is written to each disk; two folders with the same room to the byte are on one disk."""
    there = {volume.purpose for volume in volumes}
    needs: dict[tuple[int, int], _Need] = {}
    for volume in volumes:
        match volume.purpose:
            case "the database":
                needed = 2 * database  # the file grows, and a table is rebuilt beside its old self
            case "the site":
                needed = environment
                if "the uploads" not in there:
                    needed += uploads
                if not there & {"the database", "the backup"}:
                    needed += database  # without a file of its own: a dump of it
            case "the uploads":
                needed = uploads  # attachments.0002 copies each and leaves the original
            case "the backup":
                needed = database + uploads
            case _:
                needed = database
        disk = (volume.free_bytes, volume.total_bytes)
        before = needs.get(disk)
        needs[disk] = _Need(
            path=volume.path if before is None else before.path,
            purposes=volume.purpose if before is None else f"{before.purposes}, {volume.purpose}",
            needed_bytes=needed + (0 if before is None else before.needed_bytes),
            free_bytes=volume.free_bytes,
        )
    return tuple(needs.values())


def _too_little(need: _Need) -> Finding:
    return error(
        f"the disk of {need.path} (for {need.purposes}) has {_mib(need.free_bytes)} free, and "
        f"{_mib(need.needed_bytes)} are needed (twice the database, its temporary files, the uploads that the "
        "migration copies, a backup of both, and the new Python's packages)",
        where=str(need.path),
        hint=to_type("Free that much, or put backups on another disk:", "upgrade-kit backup --to-dir DIR"),
    )


def _mib(size: int) -> str:
    return f"{size / _MIB:,.1f} MiB"


@check(
    "UK505",
    "The migration's log holds its list, and nothing that failed",
    reads=MigrationRecord,
    section="docs/install/win.rst and linux.rst (v0.3.0), Check the migration log; docs/facts.md, migrate.log",
    remedy="Look for the files in a backup of the uploads; where all failed, migrate again with the folder in place.",
)
def migration_log_is_there(fact: MigrationRecord) -> Answer:
    """The log alone tells which uploaded files the migration could not move."""
    if fact.path.source.version < BIN_FILE_SINCE:
        return NotApplicable(f"the migration to {BIN_FILE_SINCE} has not been run")
    log = fact.log
    if isinstance(log, Absent):
        return (_log_missing(fact, log.reason),)
    if isinstance(log, Unobserved):
        return log
    if log.unread and not (log.failed_attachments or log.python3_notices):
        return CouldNotRun("; ".join(log.unread))
    findings = tuple(_found_in(fact, log))
    return findings or Passed(f"{', '.join(str(file) for file in log.files)}: {len(log.listed)} listed")


def _found_in(fact: MigrationRecord, log: MigrateLog) -> Iterator[Finding]:
    if not log.runs:
        files = ", ".join(str(file) for file in log.files) or "no file"
        yield _log_missing(fact, f"{files}: no list of upload tests in it (any command makes the file, empty)")
    if log.failed_attachments:
        files = ", ".join(failed.file for failed in log.failed_attachments)
        yield warning(
            f"the migration could not move {counted(log.failed_attachments, 'uploaded file')}: {files}",
            where=log.failed_attachments[0].where,
            hint="Look for them in the uploads folder (media/uploads) of the old checkout or its backup. "
            "If all are missing, the migration ran from a checkout without its media folder: restore the "
            "backup, put the folder in place and migrate again.",
        )
    if log.python3_notices:
        tests = ", ".join(f"{notice.name} (id {notice.test_id})" for notice in log.python3_notices)
        yield warning(
            f"the migration found {counted(log.python3_notices, 'procedure')} that Python 3 cannot parse: {tests}",
            where=log.python3_notices[0].where,
            hint="Correct each in the site's admin pages (Tests, Calculation procedure).",
        )


def _log_missing(fact: MigrationRecord, reason: str) -> Finding:
    return warning(
        f"what the migration reported is not known: {reason}. The upload tests are told from the database "
        "itself; which uploaded files it could not move is not known",
        where="logs/migrate.log",
        hint=to_type(
            "If the log, or what the screen showed, is kept elsewhere, name it:",
            f"upgrade-kit preflight {fact.arguments} --log FILE".replace("  ", " "),
        ),
    )


@check(
    "UK516",
    "0.3.0 can write its logs",
    reads=LogPlace,
    crosses="0.3.0",
    section="qatrack/settings.py, LOG_ROOT and LOGGING (v0.3.0); docs/facts.md, migrate.log",
    remedy="Give the user that migrates, and the one that the site runs as, the right to write to the folder.",
)
def logs_can_be_written(place: LogPlace) -> Answer:
    """It opens both logs whenever it starts: where it may not, no command of manage.py runs, migrate among them."""
    if not place.obstacles:
        return Passed(str(place.folder))
    named = "; ".join(f"{path}: {reason}" for path, reason in place.obstacles)
    return (
        error(
            f"0.3.0 will not start, for it cannot write its logs: {named}",
            where=str(place.folder),
            hint=to_type(
                "Move away what is in the way, and give the user that migrates the folder, in PowerShell as an "
                "administrator (first line) or bash (second line):",
                *giving_the_right_to_write(place.folder),
            ),
        ),
    )


@check(
    "UK517",
    "The migration's log is of one run, and whole",
    reads=MigrationRecord,
    section="docs/install/win.rst and linux.rst (v0.3.0), Check the migration log; docs/facts.md, migrate.log",
    remedy="Read the log yourself where it says more than one run.",
)
def migration_log_is_plain(fact: MigrationRecord) -> Answer:
    """A run appends to what an earlier one wrote; what failed in the first need not have failed in the last."""
    if fact.path.source.version < BIN_FILE_SINCE:
        return NotApplicable(f"the migration to {BIN_FILE_SINCE} has not been run")
    log = fact.log
    if isinstance(log, Absent):
        return NotApplicable(f"{log.reason}: see UK505")
    if isinstance(log, Unobserved):
        return log
    if not log.runs:
        return NotApplicable("there is no list in it: see UK505")
    where = str(log.files[-1]) if log.files else ""
    return tuple(info(note, where=where, hint=_READ_IT) for note in log.notes) or Passed(counted(log.files, "file"))


CHECKS = (disk_has_room, migration_log_is_there, logs_can_be_written, migration_log_is_plain)
