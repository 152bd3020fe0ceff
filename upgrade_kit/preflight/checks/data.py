"""Is there something in the data or the tables that the migrations trip over?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from packaging.version import Version

from upgrade_kit.model.deployment import (
    Database,
    Interpreter,
    Interpreters,
    Schema,
    SchemaState,
    Settings,
)
from upgrade_kit.model.finding import NotApplicable, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.precondition import DataAhead, Demand
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.migrating import migration_to_type
from upgrade_kit.preflight.ahead import DataOnPath, offences, remarks
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.checks.interpreter import suitable_for
from upgrade_kit.preflight.facts import Facts, SiteDatabase, then

_DJANGO_1_11 = Version("0.3.0")  # the hop on which Django changes tables itself
_RENAMES_IN_KEYS = Version("3.26")  # sqlite.org, ALTER TABLE RENAME: references in other tables are renamed too


@check(
    "UK304",
    "No unit test collection points at a test list that is gone",
    reads=Database,
    crosses="0.3.0",
    section="migration qa.0002_029_to_030_2nd (v0.3.0); docs/facts.md, Orphans",
    remedy="Delete the collections that have no records, and give the others an empty list with the missing number.",
)
def no_orphaned_collections(database: Database) -> Answer:
    """The migration looks up the list of every collection, and dies where it is gone."""
    if isinstance(database.orphans, Unobserved):
        return database.orphans
    if not database.orphans:
        return Passed()
    return [
        error(
            f"{counted(database.orphans, 'unit test collection')} without test list or cycle, at which the "
            f"migration stops half way: {'; '.join(database.orphans)}",
            where="qa_unittestcollection",
            hint=to_type(
                "Count the records of each (ID: its number) in the site's own shell. If there are none, "
                "delete it. If there are some, deleting takes them along: give it an empty list with the "
                "missing number (LIST) instead.",
                "python manage.py shell",
                "from qatrack.qa.models import TestList, TestListInstance, UnitTestCollection",
                "TestListInstance.objects.filter(unit_test_collection_id=ID).count()",
                "UnitTestCollection.objects.filter(pk=ID).delete()",
                "TestList.objects.create(id=LIST, name='Lost list LIST', slug='lost-LIST', created_by_id=1, "
                "modified_by_id=1)",
            ),
        )
    ]


@check(
    "UK305",
    "django_site has its row 1",
    reads=Database,
    crosses="0.3.0",
    section="migration qa.0002_029_to_030_first (v0.3.0); docs/facts.md, django_site",
    remedy="Make the row in the site's own shell.",
)
def default_site_exists(database: Database) -> Answer:
    """Comments become rows that point at site 1; where foreign keys are enforced, that fails."""
    if isinstance(database.has_default_site, Unobserved):
        return database.has_default_site
    if database.has_default_site:
        return Passed()
    tell = warning if database.vendor == "sqlite" else error
    stops = (
        "comments will point at a row that does not exist"
        if database.vendor == "sqlite"
        else "the migration stops half way if any test list instance has a comment"
    )
    return [
        tell(
            f"django_site has no row with id 1: {stops}",
            where="django_site",
            hint=to_type(
                "Add it in the site's own shell:",
                "python manage.py shell",
                "from django.contrib.sites.models import Site",
                "Site.objects.create(id=1, domain='example.com', name='example.com')",
            ),
        )
    ]


@check(
    "UK307",
    "Every foreign key points at a table that exists",
    reads=SiteDatabase,
    section="seen with Django 1.11 on SQLite 3.26 and later; docs/facts.md, SQLite's foreign keys",
    remedy="Mend the definitions of the tables in a copy of the file, and put the copy in its place once it is proved.",
)
def foreign_keys_have_tables(fact: SiteDatabase) -> Answer:
    """Django 1.11 renames tables in a way that newer SQLites follow into the foreign keys of other tables."""
    database = fact.database
    if database.vendor != "sqlite":
        return NotApplicable("only SQLite lets a foreign key point at no table")
    if isinstance(database.schema, Schema) and database.schema.state is not SchemaState.COMPLETE:
        return NotApplicable("the schema itself is not whole, see UK301 and UK302")
    if isinstance(database.dangling, Unobserved):
        return database.dangling
    if not database.dangling:
        return Passed()
    tables = sorted({pair.split(".", 1)[0] for pair in database.dangling})
    return [
        warning(
            f"{counted(database.dangling, 'foreign key')} of {counted(tables, 'table')} to tables that do "
            f"not exist: {', '.join(database.dangling)}. The site itself runs (Django 1.11 does not "
            "enforce them on SQLite); loaddata into this file fails, and so do updates that enforce them",
            where=database.name,
            hint=to_type(
                "To mend it: stop the site, make a verified backup (first line), copy the database to "
                "copy.db and type the others in Python. The copy takes the file's place if the last line "
                "says ok and preflight finds nothing here in it:",
                f"upgrade-kit backup {fact.arguments}".rstrip(),
                "import sqlite3",
                "db = sqlite3.connect('copy.db', isolation_level=None)",
                "db.execute('PRAGMA writable_schema=ON')",
                """name = "substr(sql, 1, instr(sql, '('))\"""",
                """rest = "replace(substr(sql, instr(sql, '(') + 1), '__old\\"', '\\"')\"""",
                """db.execute(f"UPDATE sqlite_master SET sql = {name} || {rest} WHERE type = 'table'")""",
                "db.close()",
                "sqlite3.connect('copy.db').execute('PRAGMA integrity_check').fetchall()",
            ),
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigratedDatabase:
    """The database, and what its migration to 0.3.0 will be run with.

    Attributes:
        database: see there.
        pythons: the interpreters that run the target; none where none was found, or where nobody looked.
        alters_as_before: whether the settings tell SQLite to rename tables as it did before 3.26.
    """

    database: Database
    pythons: tuple[Interpreter, ...]
    alters_as_before: bool

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        path, interpreters, settings = facts.get(UpgradePath), facts.get(Interpreters), facts.get(Settings)
        return then(
            facts.get(Database),
            lambda database: cls(
                database=database,
                pythons=()
                if isinstance(path, Unobserved) or isinstance(interpreters, Unobserved)
                else suitable_for(interpreters, path.target),
                alters_as_before=isinstance(settings, Settings) and settings.alters_as_before,
            ),
        )


@check(
    "UK308",
    "The migration leaves SQLite's foreign keys as they are",
    reads=MigratedDatabase,
    crosses="0.3.0",
    section="seen with Django 1.11 on SQLite 3.26 and later; docs/facts.md, SQLite's foreign keys",
    remedy="Let upgrade-kit migrate, or type its command for SQLite in place of the guide's.",
)
def sqlite_keeps_foreign_keys(fact: MigratedDatabase) -> Answer:
    """With Django 1.11 on SQLite 3.26 or later, 49 foreign keys end up pointing at no table."""
    if fact.database.vendor != "sqlite":
        return NotApplicable("the database is not SQLite")
    if fact.alters_as_before:
        return Passed("the settings set legacy_alter_table")
    told = ", ".join(f"{one.path}: SQLite {one.sqlite}" for one in fact.pythons)
    if fact.pythons and all(one.sqlite is not None and one.sqlite < _RENAMES_IN_KEYS for one in fact.pythons):
        return Passed(told)
    named = [one for one in fact.pythons if one.sqlite is not None and one.sqlite >= _RENAMES_IN_KEYS]
    where = (
        ", ".join(f"{one.path} comes with SQLite {one.sqlite}" for one in named)
        if named
        else "the Python that migrates may come with SQLite 3.26 or later"
    )
    return [
        info(
            f"{where}: migrate as the guide types it leaves 49 foreign keys pointing at tables called ..__old, and "
            "stops at a view of a table that it changes. upgrade-kit's own command does neither",
            where=fact.database.name,
            hint=to_type(
                "Let upgrade-kit upgrade migrate, or the script of upgrade-kit plan. To migrate by hand, type this "
                "in the site's folder and the new environment, in place of the guide's line:",
                migration_to_type(_DJANGO_1_11, "sqlite"),
            ),
        )
    ]


_FACTS = "docs/facts.md, Data"


@check(
    "UK310",
    "What becomes unique is unique",
    reads=DataOnPath,
    section=f"migrations units.0004 (0.2.9.1), sites.0002, qa.0006, qa.0019, qa.0020 (0.3.0); {_FACTS}",
    remedy="Give one of each pair another value, or delete the one that nobody uses.",
)
def nothing_stands_twice(fact: DataOnPath) -> Answer:
    """A constraint cannot be made on values that stand twice: the migration stops, with others done already."""
    return offences(fact, Demand.UNIQUE, Demand.MODALITY_NAMES, Demand.TOLERANCE_NAMES)


@check(
    "UK311",
    "What becomes required is there",
    reads=DataOnPath,
    section=f"migrations qa.0022 (0.2.9.1), qa.0002 (0.3.0); {_FACTS}",
    remedy="Delete the rows, or give them what they lack.",
)
def nothing_required_is_missing(fact: DataOnPath) -> Answer:
    """Results that belong to no test list instance stop both hops."""
    return offences(fact, Demand.REQUIRED)


@check(
    "UK312",
    "Every row that the migrations look up is there",
    reads=DataOnPath,
    section=f"migration attachments.0002 (0.3.0); {_FACTS}",
    remedy="Give each reference a row to point at, or delete what points at none.",
)
def looked_up_rows_are_there(fact: DataOnPath) -> Answer:
    """The migration follows references of every upload, and dies at one that leads nowhere."""
    return offences(fact, Demand.REFERENCE)


@check(
    "UK313",
    "What the migrations write fits its column",
    reads=DataOnPath,
    section=f"migrations attachments.0002, qa.0017 (0.3.0); {_FACTS}",
    remedy="Shorten what is too long, an uploaded file along with its name.",
)
def texts_fit(fact: DataOnPath) -> Answer:
    """Names of files and tolerances get longer; SQLite keeps no limit, the servers do."""
    return offences(fact, Demand.LENGTH, Demand.TOLERANCE_LENGTHS)


@check(
    "UK314",
    "Results of multiple choice tests are among their choices",
    reads=DataOnPath,
    section=f"migration qa.0019 (0.2.9.1); {_FACTS}",
    remedy="Bring the results and the choices of the test in line before the upgrade.",
)
def choices_are_known(fact: DataOnPath) -> Answer:
    """0.2.9 turns the number of a choice into its text, and dies where the test has no such choice any more."""
    return offences(fact, Demand.CHOICES, Demand.WHOLE_CHOICES)


@check(
    "UK315",
    "Types are those that the migrations know",
    reads=DataOnPath,
    section=f"migrations units.0003 (0.2.9.1), qa.0017 (0.3.0); {_FACTS}",
    remedy="Correct the type in the database, or the name after the migration.",
)
def types_are_known(fact: DataOnPath) -> Answer:
    """Names are made from types; one that no release offers gets a wrong name, or none."""
    return offences(fact, Demand.ONE_OF)


@check(
    "UK316",
    "Each permission that the migrations look up is the only one of its name",
    reads=DataOnPath,
    section=f"migrations qa.0026 (0.2.9.1), qa.0003 (0.3.0); {_FACTS}",
    remedy="Delete the permission that is not QATrack+'s own.",
)
def permissions_are_single(fact: DataOnPath) -> Answer:
    """They ask for the one permission of a code name, whatever model it belongs to, and die at two."""
    return offences(fact, Demand.SINGLE, Demand.NONE)


@check(
    "UK317",
    "No test list is in progress",
    reads=DataOnPath,
    section=f"migrations qa.0023 (0.2.9.1), qa.0003 (0.3.0); {_FACTS}",
    remedy="Have them finished or saved before the site is stopped.",
)
def nothing_is_in_progress(fact: DataOnPath) -> Answer:
    """They go through both hops as they are, but not what someone has typed and not saved."""
    return remarks(fact, Demand.UNFINISHED)


@check(
    "UK318",
    "Scripts in descriptions are moved whole",
    reads=DataOnPath,
    section=f"migration qa.0002_029_to_030_first (0.3.0); {_FACTS}",
    remedy="Save these descriptions elsewhere, and leave one script in each.",
)
def scripts_are_moved_whole(fact: DataOnPath) -> Answer:
    """The pattern that finds a script's opening tag runs on to a later >, and drops all between."""
    return offences(fact, Demand.SCRIPTS)


@check(
    "UK319",
    "Every reference points at a row",
    reads=DataAhead,
    section=f"databases of 0.2.x on SQLite have no foreign keys; {_FACTS}",
    remedy="Bring back the row that is missing, or delete what points at it.",
)
def references_lead_somewhere(data: DataAhead) -> Answer:
    """The migration keeps such rows as they are, but neither version can show them, and no server takes them."""
    if isinstance(data.orphans, Unobserved):
        return data.orphans
    if not data.orphans:
        return Passed()
    return [
        warning(
            f"{counted(data.orphans, 'reference')} with rows that point at nothing: {'; '.join(data.orphans)}",
            where=data.orphans[0].partition(" ")[0],
            hint="The upgrade goes on with them unless UK304 or UK312 names them too. Pages that show these rows fail, "
            "before and after: let whoever knows the data decide what they should point at, or delete them.",
        )
    ]


@check(
    "UK320",
    "The next numbers that PostgreSQL gives out are free",
    reads=DataOnPath,
    section=f"seen where rows were copied with their ids; {_FACTS}",
    remedy="Set every counter behind the rows of its table.",
)
def numbers_are_free(fact: DataOnPath) -> Answer:
    """Rows that were copied with their numbers leave the counter behind; the first new row then fails."""
    return offences(fact, Demand.NUMBERING)


CHECKS = (
    no_orphaned_collections,
    default_site_exists,
    foreign_keys_have_tables,
    sqlite_keeps_foreign_keys,
    nothing_stands_twice,
    nothing_required_is_missing,
    looked_up_rows_are_there,
    texts_fit,
    choices_are_known,
    types_are_known,
    permissions_are_single,
    nothing_is_in_progress,
    scripts_are_moved_whole,
    references_lead_somewhere,
    numbers_are_free,
)
