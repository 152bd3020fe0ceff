"""Are the tables those that the migrations expect?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from packaging.version import Version

from upgrade_kit.model.finding import Finding
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.precondition import DataAhead, Demand, TableDrift
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.ahead import DataOnPath, offences
from upgrade_kit.preflight.check import Answer, check, counted, error, to_type, warning
from upgrade_kit.preflight.facts import Facts, both

_FAKE_INITIAL = "Django 1.11.15, MigrationExecutor.detect_soft_applied; docs/facts.md, Data"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftOnPath:
    """Where the tables differ, beside the path."""

    vendor: str
    drift: TableDrift
    path: UpgradePath

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        known = both(facts.get(DataAhead), facts.get(UpgradePath), lambda data, path: (data, path))
        if isinstance(known, Unobserved):
            return known
        data, path = known
        if isinstance(data.drift, Unobserved):
            return data.drift
        return cls(vendor=data.vendor, drift=data.drift, path=path)


@check(
    "UK321",
    "Every table and column of the version is there",
    reads=DriftOnPath,
    section=_FAKE_INITIAL,
    remedy="Restore a backup that has them, or make them as the application's own migrations do.",
)
def tables_are_whole(fact: DriftOnPath) -> Iterator[Finding]:
    """``migrate --fake-initial`` makes an app's tables anew if one is missing, and stops at those that are there."""
    drift = fact.drift
    if drift.missing:
        yield error(
            f"the history says {drift.version}, but {counted(drift.missing, 'table or column')} of it is not there: "
            f"{', '.join(drift.missing)}. The migration stops where it needs them, or where it makes the other tables "
            "of the same app again",
            where=drift.missing[0],
            hint=to_type(
                "Find out what became of them; a backup that has them is the safest way. What the tables of the "
                "version look like, the site's own code tells:",
                "python manage.py sqlall qa units",
            ),
        )
    if drift.absent:
        yield warning(
            f"{counted(drift.absent, 'table')} of apps that have none here: {', '.join(drift.absent)}. The migration "
            "makes them anew, empty",
            where=drift.absent[0],
            hint="Go on if nothing was ever in them; otherwise restore a backup that has them.",
        )


@check(
    "UK322",
    "No table or column of a later version is there already",
    reads=DriftOnPath,
    section=_FAKE_INITIAL,
    remedy="Restore the backup from before the attempt that made them.",
)
def nothing_is_in_the_way(fact: DriftOnPath) -> Iterator[Finding]:
    """What an earlier attempt left is taken for done, or stops the migration that makes it."""
    for version, names in fact.drift.in_the_way:
        if fact.path.crosses(version):
            yield from _in_the_way(fact.vendor, version, names)


def _in_the_way(vendor: str, version: Version, names: tuple[str, ...]) -> Iterator[Finding]:
    tables = tuple(name for name in names if "." not in name)
    columns = tuple(name for name in names if "." in name)
    hint = (
        "If an earlier attempt at the upgrade made them, restore the backup from before it. If they are your own, "
        "rename them until after the upgrade."
    )
    if tables:
        yield error(
            f"{counted(tables, 'table')} of {version} there already: {', '.join(tables)}. The migration stops at the "
            "one that it makes, or takes it for its own without looking at its columns",
            where=tables[0],
            hint=hint,
        )
    if columns:
        tell, what = (
            (warning, "on SQLite the migration goes on with what they hold")
            if vendor == "sqlite"
            else (error, "the migration stops where it adds them")
        )
        yield tell(
            f"{counted(columns, 'column')} of {version} there already: {', '.join(columns)}; {what}",
            where=columns[0],
            hint=hint,
        )


@check(
    "UK323",
    "No table has columns that the version does not know",
    reads=DriftOnPath,
    section="Django 1.11.15 and South 1.0.1, changing a table on SQLite; docs/facts.md, Data",
    remedy="Copy what the columns hold to a table of your own before the upgrade.",
)
def no_columns_of_the_sites_own(fact: DriftOnPath) -> Iterator[Finding]:
    """On SQLite a migration makes a table again with the columns that it knows; on a server a new row may fail."""
    if fact.drift.extra and fact.path.hops:
        happens = (
            "the migration makes these tables again without them: what they hold is lost"
            if fact.vendor == "sqlite"
            else "they stay, but a new row fails if one is required and has no default of its own"
        )
        yield warning(
            f"{counted(fact.drift.extra, 'column')} that {fact.drift.version} does not have: "
            f"{', '.join(fact.drift.extra)}; {happens}",
            where=fact.drift.extra[0],
            hint="Find out who put them there and what needs them. Copy what they hold to a table of its own first.",
        )


@check(
    "UK324",
    "No table is left over from an earlier attempt",
    reads=DataOnPath,
    section="Django 1.11.15 and South 1.0.1, changing a table on SQLite; docs/facts.md, Data",
    remedy="Drop what an earlier attempt left behind, after a backup.",
)
def nothing_is_left_over(fact: DataOnPath) -> Answer:
    """SQLite changes a table by making it again under another name; an attempt that died leaves that one."""
    return offences(fact, Demand.LEFTOVER)


@check(
    "UK325",
    "MySQL keeps every table in InnoDB",
    reads=DataOnPath,
    section="MySQL, error 1005 (errno 150); docs/facts.md, Data",
    remedy="Convert the tables to InnoDB after a backup.",
)
def tables_are_of_one_engine(fact: DataOnPath) -> Answer:
    """Tables made before MySQL 5.5 are of MyISAM, to which no new table can refer; nor does it roll back."""
    return offences(fact, Demand.ENGINE)


@check(
    "UK326",
    "South has applied what 0.2.9.1 knows of other apps",
    reads=DataOnPath,
    section="South 1.0.1, check_migration_histories; django-tastypie 0.9.16; docs/facts.md, Data",
    remedy="Bring South's history in line with the migrations of the installed applications.",
)
def other_histories_fit(fact: DataOnPath) -> Answer:
    """South stops at a migration that is recorded and not on disk, and makes again what is not recorded."""
    return offences(fact, Demand.HISTORY)


@check(
    "UK327",
    "The constraints that the migrations drop are there once",
    reads=DataOnPath,
    section="migrations units.0004 (0.2.9.1), units.0007 (0.3.0); docs/facts.md, Data",
    remedy="Make it again in the server's own client; where there are two, drop the one that is not South's.",
)
def constraints_are_there_once(fact: DataOnPath) -> Answer:
    """A server's constraint is dropped by its name, which the migration looks up by the columns."""
    return offences(fact, Demand.CONSTRAINT)


CHECKS = (
    tables_are_whole,
    nothing_is_in_the_way,
    no_columns_of_the_sites_own,
    nothing_is_left_over,
    tables_are_of_one_engine,
    other_histories_fit,
    constraints_are_there_once,
)
