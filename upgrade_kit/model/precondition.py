"""What the migrations take for granted of a site's data and tables, and where a database does not keep to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.version import Version

from upgrade_kit.model.unobserved import Unobserved


class Demand(StrEnum):
    """What a precondition demands of its table."""

    UNIQUE = "unique"  # no two rows have the same values in the columns; NULL counts as no value
    REQUIRED = "required"  # the column is never NULL
    REFERENCE = "reference"  # the row that the column points to is there
    LENGTH = "length"  # the text that is made of the column is not too long
    CHOICES = "choices"  # the values of multiple choice tests are places in their choices
    WHOLE_CHOICES = "whole-choices"  # these values are whole numbers from 0 on
    MODALITY_NAMES = "modality-names"  # the names that are made of type and energy differ
    TOLERANCE_NAMES = "tolerance-names"  # what has the same name when rounded is the same tolerance
    TOLERANCE_LENGTHS = "tolerance-lengths"  # the names that are made of choices are not too long
    ONE_OF = "one-of"  # the column holds one of the values
    SINGLE = "single"  # at most one row has the value
    NONE = "none"  # no row has the value
    UNFINISHED = "unfinished"  # no test list instance is in progress
    NUMBERING = "numbering"  # the next number that the database gives out is free
    HISTORY = "history"  # of this app South has applied these migrations and no other
    SCRIPTS = "scripts"  # the pattern that finds scripts in descriptions finds each whole
    LEFTOVER = "leftover"  # no table has a name that a migration needs for a moment
    CONSTRAINT = "constraint"  # one unique constraint is on just these columns
    ENGINE = "engine"  # every table has MySQL's storage engine that new tables get


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """One thing that a migration takes for granted of the data.

    Attributes:
        source: the version that the hop goes from.
        target: the version that the hop goes to.
        demand: what is demanded.
        table: the table; ``""`` for all.
        columns: its columns that it is about.
        to: of a reference, the table that it points to.
        of_test_type: only test instances of tests of this type; ``""`` for all rows.
        values: of ``ONE_OF``, ``SINGLE``, ``NONE`` and ``HISTORY``, what is compared; of ``LEFTOVER`` the names.
        most: of a length, how many characters there may be.
        prefix: of a length, what the migration puts before the column, ``{id}`` for the row's number.
        migration: which one takes it for granted.
        stops: the vendors on which it stops there.
        effect: what happens where it stops, in words that follow the offenders.
        otherwise: what happens on the other vendors; ``""`` for nothing at all.
        loses: whether data is lost or changed there without a word.
        mend: what to do, one sentence.
        lines: what to type; a line with ``{offender}`` in it for each of them by name.
    """

    source: Version
    target: Version
    demand: Demand
    table: str
    columns: tuple[str, ...]
    to: str
    of_test_type: str
    values: tuple[str, ...]
    most: int | None
    prefix: str
    migration: str
    stops: tuple[str, ...]
    effect: str
    otherwise: str
    loses: bool
    mend: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offenders:
    """What does not keep to a precondition.

    Attributes:
        count: how many.
        named: the first of them, in words.
    """

    count: int
    named: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A precondition, and what does not keep to it, or why that is not known."""

    precondition: Precondition
    offenders: Offenders | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDrift:
    """Where the tables differ from those that a version makes and a hop expects.

    Attributes:
        version: the schema's.
        missing: tables, and ``table.column``, that the version has and the database has not.
        absent: the tables of apps of which none is there: the migrations make them anew.
        extra: ``table.column`` that the database has and the version has not.
        in_the_way: ``(version, names)``: tables and ``table.column`` that the migrations to it will make, and that are
            there already.
    """

    version: Version
    missing: tuple[str, ...]
    absent: tuple[str, ...]
    extra: tuple[str, ...]
    in_the_way: tuple[tuple[Version, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAhead:
    """A site's data as the migrations ahead of it will find them.

    Attributes:
        vendor: the database's.
        examined: the preconditions of every hop ahead, in the order of the rules.
        orphans: ``table.column -> table: n rows (id 1, ...)`` of rows that point to no row, or why not.
        drift: where the tables differ, or why not.
    """

    vendor: str
    examined: tuple[Examined, ...]
    orphans: tuple[str, ...] | Unobserved
    drift: TableDrift | Unobserved
