"""What the hops of a path do to the tables that are there before it, from the rules on each version's models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from upgrade_kit.errors import RulesError
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.shape import Models, Moved
from upgrade_kit.model.sql import Fate, SchemaChange, SchemaChanges
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.migrating import renames_as_before
from upgrade_kit.planning.models import load_models

Columns = Mapping[str, frozenset[str]]


def schema_changes(path: UpgradePath, models: Iterable[Models] | None = None) -> SchemaChanges | Unobserved:
    """Return what becomes of the tables and columns of the version that a path starts from.

    Args:
        path: where the site is, and where it goes.
        models: the rules on models; by default all that are installed.

    Raises:
        RulesError: the rules say of a table or column that it moves which was not there before.
    """
    known = {each.version: each for each in (load_models() if models is None else models)}
    missing = [version for version in path.versions if version not in known]
    if missing:
        return Unobserved(f"no rule describes the tables of {', '.join(map(str, missing))}")
    first = columns_of(known[path.versions[0]])
    changes: list[SchemaChange] = []
    for hop in path.hops:
        changes += _of_hop(known[hop.source], known[hop.target], first)
    last = columns_of(known[path.versions[-1]])
    reshaped = tuple(
        (table, tuple(sorted(columns - last[table])), tuple(sorted(last[table] - columns)))
        for table, columns in sorted(first.items())
        if table in last and columns != last[table]
    )
    reached = [known[hop.target] for hop in path.hops]
    looked_at = [known[hop.target] for hop in path.hops if not renames_as_before(hop)]
    return SchemaChanges(
        columns=tuple(sorted(first.items())),
        changes=tuple(changes),
        reshaped=reshaped,
        retyped=tuple(sorted({key for after in reached for key in after.retyped if key[0] in first})),
        remade=tuple(sorted({table for after in reached for table in after.remade if table in first})),
        guarded=tuple(sorted({table for after in looked_at for table in after.remade if table in first})),
    )


def columns_of(models: Models) -> dict[str, frozenset[str]]:
    """Return the columns of each table of a version."""
    tables: dict[str, frozenset[str]] = {}
    for shape in models.tables:
        tables[shape.table] = frozenset(field.column for field in shape.fields)
        for pairs in shape.lists:
            tables[pairs.table] = frozenset({"id", pairs.source, pairs.target})
    return tables


def _of_hop(before: Models, after: Models, first: Columns) -> list[SchemaChange]:
    old, new = columns_of(before), columns_of(after)
    told = {(moved.table, column): moved for moved in after.moved for column in moved.columns or ("",)}
    for (table, column), moved in told.items():
        if table not in old or (column and column not in old[table]):
            raise RulesError(after.origin, "moved", f"{before.version} has no {_name(moved.table, column)}")
    gone = [(table, "") for table in sorted(old) if table not in new]
    gone += [(table, column) for table in sorted(old) if table in new for column in sorted(old[table] - new[table])]
    changed = [key for key in told if key not in gone]
    return [
        _change(table, column, Fate.GONE if (table, column) in gone else Fate.CHANGED, after, told.get((table, column)))
        for table, column in (*gone, *changed)
        if table in first and (not column or column in first[table])
    ]


def _change(table: str, column: str, fate: Fate, after: Models, moved: Moved | None) -> SchemaChange:
    return SchemaChange(
        table=table,
        column=column,
        fate=fate,
        to=str(after.version),
        what="goes" if moved is None else moved.what,
        instead="" if moved is None else moved.instead,
        source=f"the models of {after.version}" if moved is None else moved.source,
    )


def _name(table: str, column: str) -> str:
    return f"{table}.{column}" if column else table
