"""The shape of a database's tables: from the rules on models, and from the database where they say nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from packaging.version import Version

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_text, read_schema
from upgrade_kit.deployment.described_tables import ColumnDescription
from upgrade_kit.model.shape import NO_MODEL, Field, Kind, ListField, Models, Shapes, TableShape
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.models import load_models

_KINDS = {
    "AutoField": Kind.AUTO,
    "BigAutoField": Kind.AUTO,
    "SmallAutoField": Kind.AUTO,
    "IntegerField": Kind.INTEGER,
    "BigIntegerField": Kind.INTEGER,
    "SmallIntegerField": Kind.INTEGER,
    "PositiveIntegerField": Kind.INTEGER,
    "PositiveBigIntegerField": Kind.INTEGER,
    "PositiveSmallIntegerField": Kind.INTEGER,
    "FloatField": Kind.FLOAT,
    "DecimalField": Kind.DECIMAL,
    "BooleanField": Kind.BOOLEAN,
    "DateField": Kind.DATE,
    "DateTimeField": Kind.DATETIME,
    "TimeField": Kind.TIME,
    "DurationField": Kind.DURATION,
    "BinaryField": Kind.BINARY,
}


def read_shapes(session: Session, version: Version | None = None) -> Shapes:
    """Tell which table of a database is which model, and which column which field.

    The rules of the version say it. What they do not know is asked of the database: a column keeps its own
    name, a table gets the model that ``django_content_type`` has for it, or the label ``table.NAME``. Nothing
    that the database holds is left out; every difference is a note.

    Args:
        session: an open session.
        version: the version of its schema; by default what its migration history says.

    Raises:
        DatabaseError: the tables cannot be listed or described.
        RulesError: the rules on models cannot be read.
    """
    tables = session.table_names()
    models = _models(session, tables, version)
    notes: list[str] = []
    found: list[TableShape] = []
    if models:
        here = [shape for shape in models.tables if shape.table in tables]
        found.extend(_fitted(session, shape, tables, notes, models.version) for shape in here)
        if here and len(here) < len(models.tables):
            absent = [shape.table for shape in models.tables if shape.table not in tables and shape.dumped]
            if absent:
                notes.append(f"No table {_listed(absent)}, which {models.version} has.")
    known = {shape.table for shape in found} | {pairs.table for shape in found for pairs in shape.lists}
    labels = _labels(session, tables)
    others = (table for table in tables if table not in known)
    found.extend(_introspected(session, table, labels.get(table, ""), notes) for table in others)
    return Shapes(version=models.version if models else None, tables=tuple(found), notes=tuple(notes))


def shapes_of(version: Version) -> Shapes:
    """Return the shapes that a fresh database of this version has, by the rules alone.

    Raises:
        RulesError: the rules on models cannot be read, or say nothing of this version.
    """
    models = next((each for each in load_models() if each.version == version), None)
    return Shapes(version=version, tables=models.tables if models else ())


def _models(session: Session, tables: Collection[str], version: Version | None) -> Models | None:
    known = load_models()
    if version is None:
        schema = read_schema(session, tables, VersionGraph.load().releases)
        version = schema.towards or schema.version
    if version is None:
        return min(known, key=lambda models: _distance(models, tables), default=None)
    older = [models for models in known if models.version <= version]
    return older[-1] if older else next(iter(known), None)


def _distance(models: Models, tables: Collection[str]) -> tuple[int, int]:
    """Return how many tables here the rules do not know, and how many that they know are not here."""
    known = {name for shape in models.tables for name in (shape.table, *(pairs.table for pairs in shape.lists))}
    return len(set(tables) - known), len(known - set(tables))


def _fitted(
    session: Session, shape: TableShape, tables: Collection[str], notes: list[str], version: Version
) -> TableShape:
    """Return what the database has of a model, in the rules' order, and what it has beside it."""
    columns = session.column_names(shape.table)
    there = set(columns)
    fields = [field for field in shape.fields if field.column in there]
    if absent := [field.column for field in shape.fields if field.column not in there]:
        notes.append(f"{shape.table} has no column {_listed(absent)}, which {version} has.")
    known = {field.column for field in shape.fields}
    if more := sorted(there - known):
        notes.append(f"{shape.table} has {_listed(more)}, which {version} has not; kept under the column's name.")
        described = {column.name: column for column in session.describe(shape.table)}
        taken = {field.name for field in fields} | {pairs.name for pairs in shape.lists}
        fields.extend(_field(described[name], taken=taken) for name in more if name in described)
    lists = tuple(pairs for pairs in shape.lists if _has_pairs(session, pairs, tables, notes, version))
    return replace(shape, fields=tuple(fields), lists=lists)


def _has_pairs(session: Session, pairs: ListField, tables: Collection[str], notes: list[str], version: Version) -> bool:
    if pairs.table not in tables:
        notes.append(f"No table {pairs.table}, which {version} has.")
        return False
    columns = set(session.column_names(pairs.table))
    if not {pairs.source, pairs.target} <= columns:
        notes.append(f"{pairs.table} is not the table of pairs that {version} has; kept as a table of its own.")
        return False
    if more := sorted(columns - {"id", pairs.source, pairs.target}):
        notes.append(f"{pairs.table} has {_listed(more)} beside its pairs; kept as a table of its own.")
        return False
    return True


def _introspected(session: Session, table: str, model: str, notes: list[str]) -> TableShape:
    columns = session.describe(table)
    keys = [column.name for column in columns if column.key]
    key = keys[0] if len(keys) == 1 else ""
    fields = sorted(
        (_field(column, key=column.name == key) for column in columns), key=lambda field: (not field.key, field.column)
    )
    if not model:
        notes.append(f"{table} is no model's table; kept as {NO_MODEL}{table}.")
    if not key:
        notes.append(f"{table} has no primary key of one column; its rows are kept without.")
    return TableShape(model=model or f"{NO_MODEL}{table}", table=table, fields=tuple(fields))


def _field(column: ColumnDescription, *, key: bool = False, taken: Collection[str] = ()) -> Field:
    name = column.name
    while name in taken:  # the rules have a field of this name in another column
        name += "_column"
    kind = _KINDS.get(column.type, Kind.TEXT) if column.type else Kind.ANY
    return Field(name=name, column=column.name, kind=kind, key=key, null=not key)


def _labels(session: Session, tables: Collection[str]) -> dict[str, str]:
    """Return the models that the application says it has, by the table that a model usually has."""
    if "django_content_type" not in tables:
        return {}
    rows = session.select("django_content_type", "app_label", "model")
    pairs = [(as_text(app), as_text(model)) for app, model in rows]
    return {f"{app}_{model}": f"{app}.{model}" for app, model in pairs}


def _listed(names: Iterable[str] | Sequence[str]) -> str:
    return ", ".join(names)
