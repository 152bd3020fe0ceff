"""Is there a way back, and is it proved?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from upgrade_kit.model.backup import OTHER_DATABASE, UnverifiedBackup
from upgrade_kit.model.deployment import Backups, Database, Disk, Schema, SchemaState
from upgrade_kit.model.dumps import DumpedRows, FoundDump, FoundDumps
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.places import BackupPlace
from upgrade_kit.model.rewrite import Outcome, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.uploads import SiteUploads, UploadedFiles
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, both, then

_MIB = 1024 * 1024
_SHOWN = 5
_TYPES, _PERMISSIONS = "contenttypes.contenttype", "auth.permission"
_OF_NO_USE = {
    SchemaState.SKIPPED: "the data is spoilt, see UK302: what is wanted is the backup from before",
    SchemaState.EMPTY: "the database is empty, see UK301: what is wanted is the site's own",
}
_NOTHING_AHEAD = NotApplicable("nothing is going to be written")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupsOfSite:
    """The backups, and what one would be for.

    Attributes:
        backups: what was found.
        work_ahead: whether anything is going to be written.
        of_no_use: why a backup of the database as it stands is of no use; ``""`` where it is of use.
        arguments: the words that name this site on a command line.
    """

    backups: Backups
    work_ahead: bool
    of_no_use: str
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        schema = facts.get(Schema)
        return then(
            facts.get(Backups),
            lambda known: cls(
                backups=known,
                work_ahead=_work_ahead(facts.get(UpgradePath), facts.get(RewritePlan)),
                of_no_use=_OF_NO_USE.get(schema.state, "") if isinstance(schema, Schema) else "",
                arguments=facts.arguments,
            ),
        )


def _work_ahead(path: UpgradePath | Unobserved, plan: RewritePlan | Unobserved) -> bool:
    """Tell whether the upgrade or rewrite-calcs is going to write; in doubt, yes."""
    if isinstance(path, Unobserved) or isinstance(plan, Unobserved):
        return True
    return bool(path.hops) or any(item.rewrite.outcome is Outcome.REWRITE for item in plan.items)


@check(
    "UK204",
    "A verified backup of the database as it stands exists",
    reads=BackupsOfSite,
    section="docs/install/win.rst and linux.rst (v0.3.0), Backing up your database",
    remedy="Stop the site, make a backup with upgrade-kit backup, and let nobody work in it before the upgrade.",
)
def verified_backup_exists(fact: BackupsOfSite) -> Answer:
    """The migration cannot be undone; a backup that was never proved is a hope."""
    if fact.of_no_use:
        return NotApplicable(fact.of_no_use)
    if not fact.work_ahead:
        return NotApplicable("nothing is going to be written")
    if fact.backups.current:
        newest = fact.backups.current[0]
        return Passed(f"{newest.made.manifest} ({newest.verified_at:%Y-%m-%d %H:%M} UTC)")
    looked_in = ", ".join(str(folder) for folder in fact.backups.looked_in)
    found = f"was found in {looked_in}" if looked_in else "is known, and no folder was there to look in"
    own = [(path, reason) for path, reason in fact.backups.stale if not reason.startswith(OTHER_DATABASE)]
    stale = "".join(f"; {manifest}: {reason}" for manifest, reason in own)
    return [
        error(
            f"no verified backup of this database as it stands now {found}{stale}",
            hint=to_type(
                "Stop the site, make a backup and have it proved (with --to-dir on another disk). "
                "If there is one elsewhere, name its folder with --backup.",
                f"upgrade-kit backup {fact.arguments}".rstrip(),
            ),
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOfBackup:
    """Where a backup is to go, and what it will hold.

    Attributes:
        place: the folder.
        needed_bytes: what a backup of database and uploads takes at most, or why that is not known.
        is_wanted: whether anything is going to be written, so that a backup is wanted at all.
        arguments: the words that name this site on a command line.
    """

    place: BackupPlace
    needed_bytes: int | Unobserved
    is_wanted: bool
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(
            facts.get(BackupPlace),
            facts.get(BackupsOfSite),
            lambda place, site: cls(
                place=place,
                needed_bytes=_needed(facts),
                is_wanted=site.work_ahead and not site.of_no_use,
                arguments=facts.arguments,
            ),
        )


def _needed(facts: Facts) -> int | Unobserved:
    """Add up database and uploads, which a backup at most takes: both are compressed."""
    database, disk = facts.get(Database), facts.get(Disk)
    size = database if isinstance(database, Unobserved) else database.size_bytes
    uploads = disk if isinstance(disk, Unobserved) else disk.uploads_bytes
    if isinstance(size, Unobserved):
        return size
    if isinstance(uploads, Unobserved):
        return uploads if uploads.asked else size
    return size + uploads


@check(
    "UK251",
    "A backup can be written where it is to go",
    reads=PlaceOfBackup,
    section="docs/install/win.rst and linux.rst (v0.3.0), Backing up your database; docs/facts.md, Backups",
    remedy="Name a folder that you may write to.",
)
def backup_can_be_written(fact: PlaceOfBackup) -> Answer:
    """The backup comes first, and a folder that refuses it stops the evening. Nothing is written to find out."""
    if (reason := _not_wanted(fact)) is not None:
        return reason
    if not fact.place.obstacle:
        return Passed(f"{fact.place.folder} (by its rights; nothing was written to try)")
    return (
        error(
            f"a backup cannot be written to {fact.place.folder}: {fact.place.obstacle}",
            where=str(fact.place.folder),
            hint=to_type("Name a folder that you may write to, on another disk than the database:", _command(fact)),
        ),
    )


@check(
    "UK252",
    "There is room for a backup where it is to go",
    reads=PlaceOfBackup,
    section="docs/install/win.rst and linux.rst (v0.3.0), Backing up your database; docs/facts.md, Backups",
    remedy="Free as much room, or name a folder on a larger disk.",
)
def backup_has_room(fact: PlaceOfBackup) -> Answer:
    """A backup holds the database and the uploads; how far they can be compressed is not known beforehand."""
    if (reason := _not_wanted(fact)) is not None:
        return reason
    free, needed = fact.place.free_bytes, fact.needed_bytes
    if isinstance(free, Unobserved):
        return free
    if isinstance(needed, Unobserved):
        return needed
    if free >= needed:
        return Passed(f"{_mib(needed)} of {_mib(free)}")
    return (
        error(
            f"the disk of {fact.place.folder} has {_mib(free)} free; database and uploads are {_mib(needed)}",
            where=str(fact.place.folder),
            hint=to_type("Free that much, or put the backup on another disk:", _command(fact)),
        ),
    )


@check(
    "UK253",
    "The backup is not on the database's own disk",
    reads=PlaceOfBackup,
    section="docs/facts.md, Backups",
    remedy="Keep a copy of the backup on another disk or another machine.",
)
def backup_is_elsewhere(fact: PlaceOfBackup) -> Answer:
    """A disk that fails, or is encrypted by malware, takes a backup on it along with the database."""
    place = fact.place
    if not fact.is_wanted:
        return _NOTHING_AHEAD
    if place.on_server:
        return (
            info(
                f"the backup is on the database's server ({place.folder} holds its manifest); whether on another disk "
                "than the database, that server knows",
                where=str(place.folder),
                hint="Copy the backup file from the server to another machine.",
            ),
        )
    if isinstance(place.shares_volume, Unobserved):
        return (
            info(
                f"whether {place.folder} is on another disk than the database is not known: "
                f"{place.shares_volume.reason}",
                where=str(place.folder),
                hint="See to it yourself, or copy the backup to another machine as well.",
            ),
        )
    if not place.shares_volume:
        return Passed(str(place.folder))
    return (
        warning(
            f"{place.folder} is on the same volume as the database",
            where=str(place.folder),
            hint=to_type(
                "Copy the folder to another disk or machine, or make the backup there (DIR):",
                _command(fact),
            ),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUpUploads:
    """The backup of the database as it stands, and the uploads as they are now."""

    site: BackupsOfSite
    place: BackupPlace
    uploads: SiteUploads

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        place = both(facts.get(BackupsOfSite), facts.get(BackupPlace), lambda site, place: (site, place))
        return both(
            place, facts.get(SiteUploads), lambda known, uploads: cls(site=known[0], place=known[1], uploads=uploads)
        )


@check(
    "UK254",
    "The uploaded files are in the backup, as they are now",
    reads=BackedUpUploads,
    section="migration attachments.0002 (v0.3.0) writes among the uploads; docs/facts.md, Uploads",
    remedy="Make the backup with the uploads, when nobody uploads any more.",
)
def uploads_are_backed_up(fact: BackedUpUploads) -> Answer:
    """No dump holds an uploaded file, and a restored database names files that only this copy has."""
    if not fact.site.work_ahead or fact.site.of_no_use:
        return _NOTHING_AHEAD
    if not fact.site.backups.current:
        return NotApplicable("there is no backup of the database as it stands: see UK204")
    files = fact.uploads.files
    if isinstance(files, Unobserved):
        return files
    if fact.place.archive_problem:
        return (
            error(
                f"the copy of the uploads that belongs to the backup is not what its manifest says: "
                f"{fact.place.archive_problem}",
                where=str(fact.place.folder),
                hint=to_type("Make another backup:", f"upgrade-kit backup {fact.site.arguments}".rstrip()),
            ),
        )
    return _compared(fact.site.backups.current[0].made, files, fact) or Passed(counted(files.count, "file"))


def _compared(made: UnverifiedBackup, files: UploadedFiles, fact: BackedUpUploads) -> tuple[Finding, ...]:
    again = to_type(
        "When nobody uploads any more, make another backup with the uploads:",
        f"upgrade-kit backup {fact.site.arguments}".rstrip(),
    )
    copied, where = made.uploads, str(made.manifest)
    if copied is None:
        if not files.count:
            return ()
        lost = f"the backup was made without the uploads: {counted(files.count, 'file')} ({_mib(files.bytes)})"
        return (warning(lost, where=where, hint=again),)
    told = []
    if copied.missing or copied.changed:
        names = ", ".join((*copied.missing, *copied.changed)[:_SHOWN])
        count = len(copied.missing) + len(copied.changed)
        told.append(f"{counted(count, 'uploaded file')} not in the backup, or changed while it was made: {names}")
    if (copied.files, copied.bytes) != (files.count, files.bytes):
        told.append(
            "the uploads have changed since the backup: "
            f"{counted(copied.files, 'file')}, {copied.bytes} bytes then, and "
            f"{counted(files.count, 'file')}, {files.bytes} bytes now"
        )
    elif files.newest is not None and files.newest > _finished(made):
        told.append(
            f"an uploaded file was written to after the backup ({files.newest:%Y-%m-%d %H:%M} UTC; the backup is of "
            f"{made.created_at:%Y-%m-%d %H:%M})"
        )
    return tuple(warning(message, where=where, hint=again) for message in told)


def _finished(made: UnverifiedBackup) -> datetime:
    """Return when a backup was done; its moment is a whole second, and what was written meanwhile is in the copy."""
    return made.created_at + timedelta(seconds=made.seconds + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpsOfSite:
    """The dumps that were found, and what they are compared with."""

    dumps: FoundDumps
    version: str
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        schema = facts.get(Schema)
        known = isinstance(schema, Schema) and schema.state is SchemaState.COMPLETE
        version = str(schema.version) if known and isinstance(schema, Schema) else ""
        return then(facts.get(FoundDumps), lambda found: cls(dumps=found, version=version, arguments=facts.arguments))


@check(
    "UK256",
    "loaddata can read every JSON dump that lies here",
    reads=DumpsOfSite,
    section="docs/facts.md, Backups; docs/install/win.rst (v0.3.0), Backing up your database",
    remedy="Make the dump again in a way that PowerShell does not re-encode.",
)
def dumps_can_be_read(fact: DumpsOfSite) -> Answer:
    """A dump can be UTF-16 (PowerShell's >) or cut off (dumpdata failed), which nobody sees until it is needed."""
    found = fact.dumps.found
    if not found:
        return _no_dumps(fact.dumps)
    wrong: dict[tuple[str, str], list[FoundDump]] = {}
    for dump in found:
        if dump.problem:
            wrong.setdefault((dump.problem, dump.hint), []).append(dump)
    findings = tuple(
        warning(
            f"no dump to rely on, {_names(dumps)}: {problem}",
            where=_files(dumps),
            hint=_with_a_proved_one(hint, fact.arguments),
        )
        for (problem, hint), dumps in wrong.items()
    )
    if fact.dumps.unread and not findings:
        return _no_dumps(fact.dumps)
    return findings or Passed(", ".join(_told(dump) for dump in found))


def _with_a_proved_one(hint: str, arguments: str) -> str:
    """Return what to do about a dump, which may hold lines to type itself, and how to make a backup to rely on."""
    proved = to_type("A backup that is proved is made with:", f"upgrade-kit backup {arguments}".rstrip())
    return f"{hint}\n{proved}" if "\n" in hint else f"{hint.removesuffix('.')}. {proved}"


@check(
    "UK257",
    "Every JSON dump that lies here holds what it needs to be loaded",
    reads=DumpsOfSite,
    section="docs/facts.md, Backups",
    remedy="Make the dump with --natural, without content types, permissions, South's history and sessions.",
)
def dumps_hold_what_they_need(fact: DumpsOfSite) -> Answer:
    """A fresh database numbers its content types and permissions itself; a dump that goes by numbers loads wrong."""
    whole = tuple(dump for dump in fact.dumps.found if dump.whole and not dump.problem)
    if not whole:
        return _no_dumps(fact.dumps)
    return tuple(_lacking(whole, fact.arguments)) or Passed(_names(whole))


def _lacking(dumps: Sequence[FoundDump], arguments: str) -> Iterator[Finding]:
    """Tell what dumps lack; those that lack the same are told in one finding."""
    partial = tuple(dump for dump in dumps if "qa.test" not in dict(dump.models))
    numbered = tuple(
        dump
        for dump in dumps
        if dump not in partial and dump.by_number and not {_TYPES, _PERMISSIONS} <= dict(dump.models).keys()
    )
    filled = tuple(dump for dump in dumps if dump not in partial + numbered and _TYPES in dict(dump.models))
    instead = to_type(
        "A dump that the site's own loaddata takes into a fresh database is made with:",
        f"upgrade-kit backup --loaddata {arguments}".rstrip(),
    )
    if partial:
        yield warning(
            f"not the dump of a whole QATrack+ database, because it holds no test (qa.test): {_names(partial)}",
            where=_files(partial),
            hint=instead,
        )
    if numbered:
        told = (f"{dump.file.name} ({', '.join(dump.by_number)})" for dump in numbered)
        yield warning(
            "these name content types or permissions by their numbers and do not hold them; in another database the "
            f"numbers are others: {', '.join(told)}",
            where=_files(numbered),
            hint=instead,
        )
    if filled:
        yield info(
            "these hold content types and permissions, which a fresh database has too: loaddata fails there (UNIQUE) "
            f"unless they have the same numbers, or the tables are emptied first: {_names(filled)}",
            where=_files(filled),
            hint=instead,
        )


@check(
    "UK258",
    "Every JSON dump that lies here is of this database as it stands",
    reads=DumpsOfSite,
    section="docs/install/win.rst (v0.3.0), Backing up your database: the file is called backup-0.2.8 for any version",
    remedy="Keep old dumps apart, under names that say what they are.",
)
def dumps_are_of_this_database(fact: DumpsOfSite) -> Answer:
    """The guide calls every dump backup-0.2.8, so that the name does not tell which one belongs to which state."""
    whole = tuple(dump for dump in fact.dumps.found if dump.whole and not dump.problem and dump.models)
    if not whole:
        return _no_dumps(fact.dumps)
    database = fact.dumps.database
    if isinstance(database, Unobserved):
        return database if database.asked else Unobserved("the database could not be read to compare them with")
    differences = tuple((dump, _difference(dump, database, fact.version)) for dump in whole)
    others = tuple((dump, difference) for dump, difference in differences if difference)
    if not others:
        return Passed(_names(whole))
    return (
        info(
            "; ".join(f"{dump.file.name}: {difference}" for dump, difference in others),
            where=_files(tuple(dump for dump, _ in others)),
            hint=to_type(
                "Load none of these in place of a backup of this database. Such a one is made with:",
                f"upgrade-kit backup {fact.arguments}".rstrip(),
            ),
        ),
    )


def _difference(dump: FoundDump, database: DumpedRows, version: str) -> str:
    if dump.units and database.units and not set(dump.units) & set(database.units):
        return f"of another site: it has none of this database's units ({', '.join(database.units[:_SHOWN])})"
    if version and dump.version and dump.version != version:
        return f"of {dump.version}, and the database is at {version}"
    there = dict(dump.models)
    changed = [
        f"{model} ({there.get(model, 0)} -> {rows})" for model, rows in database.rows if there.get(model, 0) != rows
    ]
    return f"the database has changed since: {', '.join(changed)}" if changed else ""


def _no_dumps(dumps: FoundDumps) -> Answer:
    if dumps.unread:
        return CouldNotRun(f"these folders could not be listed: {', '.join(dumps.unread)}")
    if any(dump.whole and not dump.problem for dump in dumps.found):
        return NotApplicable("no dump holds an object: see UK257")
    if dumps.found:
        return NotApplicable("no dump could be read whole: see UK256")
    return NotApplicable("no JSON dump lies in the folders that were searched")


def _names(dumps: Sequence[FoundDump]) -> str:
    return ", ".join(dump.file.name for dump in dumps)


def _files(dumps: Sequence[FoundDump]) -> str:
    return ", ".join(str(dump.file) for dump in dumps)


def _told(dump: FoundDump) -> str:
    return dump.file.name if dump.whole else f"{dump.file.name} (large: its beginning and its end)"


def _not_wanted(fact: PlaceOfBackup) -> NotApplicable | None:
    if not fact.is_wanted:
        return _NOTHING_AHEAD
    if fact.place.is_kept:
        return NotApplicable("there is a backup of the database as it stands: see UK204")
    return None


def _command(fact: PlaceOfBackup) -> str:
    return " ".join(f"upgrade-kit backup {fact.arguments} --to-dir DIR".split())


def _mib(size: int) -> str:
    return f"{size / _MIB:,.1f} MiB"


CHECKS = (
    verified_backup_exists,
    backup_can_be_written,
    backup_has_room,
    backup_is_elsewhere,
    uploads_are_backed_up,
    dumps_can_be_read,
    dumps_hold_what_they_need,
    dumps_are_of_this_database,
)
