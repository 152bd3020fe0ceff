"""Does SQL that the site keeps still find what it names?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.sql import Fate, SchemaChanges, Script, Scripts, StoredSql
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.schema_changes import schema_changes
from upgrade_kit.preflight.check import Answer, check, counted, error, info, warning
from upgrade_kit.preflight.facts import Facts, both, then
from upgrade_kit.preflight.sql_uses import Use, Whole, columns_of, inserts, selects, tables_of, uses

FoundT = TypeVar("FoundT")
_SHOWN = 5  # places of one file and one column; more of them say nothing more


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptsOnPath:
    """The files of SQL that were named, and what the migrations on the way do to the tables."""

    scripts: Scripts
    changes: SchemaChanges

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        scripts, path = facts.get(Scripts), facts.get(UpgradePath)
        if isinstance(scripts, Unobserved) or isinstance(path, Unobserved):
            return both(scripts, path, lambda _scripts, _path: Unobserved("never asked"))
        return then(schema_changes(path), lambda changes: cls(scripts=scripts, changes=changes))


@check(
    "UK351",
    "No SQL of the site names a table or column that the migrations take away",
    reads=ScriptsOnPath,
    section="rules/models, each with its migration; docs/facts.md, SQL of the site",
    remedy="Write the statement anew for the version that is to come, and put it into use after the migration.",
)
def nothing_is_named_that_goes(fact: ScriptsOnPath) -> Answer:
    """A report or a job that names what is gone fails, or goes on with what a text of that name says on SQLite."""
    return _answer(fact, lambda script: _of_uses(uses(script, fact.changes, Fate.GONE), warning))


@check(
    "UK352",
    "Every INSERT of the site says into which columns",
    reads=ScriptsOnPath,
    section="rules/models, each with its migration; docs/facts.md, SQL of the site",
    remedy="Name the columns behind the table: INSERT INTO table (one, other) ...",
)
def inserts_name_their_columns(fact: ScriptsOnPath) -> Answer:
    """Where columns come or go, values without columns end up in others than before, or nowhere."""
    return _answer(fact, lambda script: map(_insert, inserts(script, fact.changes)))


@check(
    "UK353",
    "No SQL of the site takes all columns of a table that loses some",
    reads=ScriptsOnPath,
    section="rules/models, each with its migration; docs/facts.md, SQL of the site",
    remedy="Name the columns that are used in place of the asterisk.",
)
def no_asterisk_loses_columns(fact: ScriptsOnPath) -> Answer:
    """SELECT * goes on without an error; what reads its columns by name or number finds others."""
    return _answer(fact, lambda script: map(_select, selects(script, fact.changes)))


@check(
    "UK354",
    "No SQL of the site reads a column whose content changes",
    reads=ScriptsOnPath,
    section="rules/models, each with its migration; docs/facts.md, SQL of the site",
    remedy="Look whether the statement means the rows that change.",
)
def nothing_is_named_that_changes(fact: ScriptsOnPath) -> Answer:
    """A statement that goes on without an error and gives something else is noticed late."""
    return _answer(fact, lambda script: _of_uses(uses(script, fact.changes, Fate.CHANGED), info))


@check(
    "UK359",
    "Every file of SQL that was named can be read",
    reads=Scripts,
    section="upgrade-kit itself: preflight --sql",
    remedy="Save the file from its editor as UTF-8 or UTF-16, whole and with nothing in it but SQL.",
)
def every_file_can_be_read(scripts: Scripts) -> Answer:
    """What a file holds that cannot be taken apart is known to nobody."""
    if scripts.unread:
        return CouldNotRun(_unread(scripts))
    return Passed(counted(scripts.read, "file"))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOnPath:
    """The views, triggers and procedures in the database, and what the migrations on the way do to the tables."""

    stored: StoredSql
    changes: SchemaChanges

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        stored, path = facts.get(StoredSql), facts.get(UpgradePath)
        if isinstance(stored, Unobserved) or isinstance(path, Unobserved):
            return both(stored, path, lambda _stored, _path: Unobserved("never asked"))
        return then(schema_changes(path), lambda changes: cls(stored=stored, changes=changes))


@check(
    "UK355",
    "No view in the database stands in the way of the migrations",
    reads=StoredOnPath,
    section="docs/facts.md, SQL of the site",
    remedy="Keep the view's definition, drop the view before the migration, and make it anew afterwards.",
)
def no_view_is_in_the_way(fact: StoredOnPath) -> Answer:
    """A view of a table that South makes anew, or of a column that gets another type, stops the migration half way."""
    if not fact.changes.changes and not fact.changes.reshaped:
        return NotApplicable(_NO_CHANGE)
    findings = [finding for view in fact.stored.views.read for finding in _of_view(view, fact)]
    return _judged(findings, fact.stored.views, "view")


@check(
    "UK356",
    "No trigger or procedure in the database names what the migrations take away",
    reads=StoredOnPath,
    section="docs/facts.md, SQL of the site",
    remedy="Keep its definition, drop it before the migration, and make it anew afterwards for the new columns.",
)
def no_trigger_loses_its_columns(fact: StoredOnPath) -> Answer:
    """A trigger that names a column that is gone makes every save of its table fail; one that vanished does nothing."""
    if not fact.changes.changes and not fact.changes.reshaped:
        return NotApplicable(_NO_CHANGE)
    findings = [finding for script in fact.stored.others.read for finding in _of_trigger(script, fact)]
    return _judged(findings, fact.stored.others, "trigger or procedure")


def _of_view(view: Script, fact: StoredOnPath) -> Iterator[Finding]:
    """Yield what becomes of a view, as its vendor has it."""
    hint = "Keep its definition, drop it before the migration, and make it anew afterwards for what is there then."
    guarded = sorted(tables_of(view) & set(fact.changes.guarded)) if fact.stored.vendor == "sqlite" else ()
    retyped = sorted(columns_of(view, fact.changes) & set(fact.changes.retyped))
    if guarded:
        told = f"{view.name} reads {', '.join(guarded)}, which the migration makes anew; it stops there"
        yield error(told, where=view.name, hint=hint)
    elif retyped and fact.stored.vendor == "postgresql":
        names = ", ".join(f"{table}.{column}" for table, column in retyped)
        told = f"{view.name} uses {names}, which the migration gives another length; PostgreSQL refuses that"
        yield error(told, where=view.name, hint=hint)
    else:
        end = _ENDS.get(fact.stored.vendor, "fails when it is next used")
        for name in _gone(view, fact):
            yield warning(f"{view.name} names {name}, which goes; the view {end}", where=view.name, hint=hint)


def _of_trigger(script: Script, fact: StoredOnPath) -> Iterator[Finding]:
    hint = "Keep its definition, drop it before the migration, and make it anew afterwards for what is there then."
    on = script.queries[0].tables
    if fact.stored.vendor == "sqlite" and on and on[0].name in fact.changes.remade:
        told = f"{script.name} is on {on[0].name}, which the migration makes anew without it"
        yield warning(told, where=script.name, hint=hint)
        return
    for name in _gone(script, fact):
        yield warning(f"{script.name} names {name}, which goes", where=script.name, hint=hint)


_ENDS = {
    "postgresql": "is dropped with it",
    "sqlite": "fails when it is next used, or has that name for a value where it is in double quotation marks",
}
_NO_CHANGE = "the way that is left changes no table"


def _gone(script: Script, fact: StoredOnPath) -> list[str]:
    found = (use.change for use in uses(script, fact.changes, Fate.GONE))
    return list(dict.fromkeys(f"{one.table}.{one.column}" if one.column else one.table for one in found))


def _judged(findings: list[Finding], scripts: Scripts, noun: str) -> Answer:
    """Return what was found; without a finding, it passes only where all could be read."""
    if findings:
        return findings
    return CouldNotRun(_unread(scripts)) if scripts.unread else Passed(counted(scripts.read, noun))


def _answer(fact: ScriptsOnPath, judge: Callable[[Script], Iterable[Finding]]) -> Answer:
    """Return what is found; without a finding, it passes only where every file could be read."""
    if not fact.changes.changes and not fact.changes.reshaped:
        return NotApplicable(_NO_CHANGE)
    findings = [finding for script in fact.scripts.read for finding in judge(script)]
    return _judged(findings, fact.scripts, "file")


def _unread(scripts: Scripts) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in scripts.unread)


def _of_uses(found: Iterable[Use], make: Callable[..., Finding]) -> Iterator[Finding]:
    """Make one finding of all places in which a script names the same table or column."""
    for group in _grouped(found, lambda use: use.change):
        use, change = group[0], group[0].change
        name = f"{change.table}.{change.column}" if change.column else change.table
        instead = f"Write {change.instead} instead" if change.instead else "Leave it out: nothing holds the same"
        yield make(
            f"{name} {change.what} ({change.source}): {_places(group)}, {use.words}",
            where=use.where,
            hint=f"{instead}, from {change.to} on.",
        )


def _insert(whole: Whole) -> Finding:
    return error(
        f"INSERT into {whole.table} without its columns, which change{_shape(whole)}: {whole.words}",
        where=whole.where,
        hint="Name the columns behind the table: INSERT INTO table (one, other) ...",
    )


def _select(whole: Whole) -> Finding:
    return info(
        f"{whole.table}, whose columns change{_shape(whole)}, is read with an asterisk: {whole.words}",
        where=whole.where,
        hint="Name the columns that are used in place of the asterisk, if what reads them counts on those that go.",
    )


def _shape(whole: Whole) -> str:
    going = f"without {', '.join(whole.going)}" if whole.going else ""
    coming = f"with {', '.join(whole.coming)}" if whole.coming else ""
    return f" ({'; '.join(part for part in (going, coming) if part)})"


def _places(group: list[Use]) -> str:
    lines = list(dict.fromkeys(use.place.line for use in group))
    shown = ", ".join(map(str, lines[:_SHOWN])) + (f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else "")
    return f"line {shown}" if len(lines) == 1 else f"lines {shown}"


def _grouped(items: Iterable[FoundT], key: Callable[[FoundT], object]) -> list[list[FoundT]]:
    groups: dict[object, list[FoundT]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())


CHECKS = (
    nothing_is_named_that_goes,
    inserts_name_their_columns,
    no_asterisk_loses_columns,
    nothing_is_named_that_changes,
    no_view_is_in_the_way,
    no_trigger_loses_its_columns,
    every_file_can_be_read,
)
