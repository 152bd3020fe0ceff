"""Writes a fixture that the site's own ``loaddata`` takes into a database that the application has just made.

Such a database holds content types, permissions and its migrations already, under numbers of its own, and from
0.3.0 a user and two tolerances. So content types and permissions are named and not numbered, in whatever version of
Django: each of them can load an object that names others, also where its ``dumpdata`` cannot write one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from upgrade_kit.backup.fixture_writer import Fixture, FixtureFile, FixtureWriter, FoundLists, Pairs
from upgrade_kit.backup.method import Progress
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_text
from upgrade_kit.deployment.moments import exact_moment
from upgrade_kit.deployment.rows import Row, Rows, Written, object_line
from upgrade_kit.errors import BackupError
from upgrade_kit.model.shape import Kind, Models, Shapes, TableShape

Value: TypeAlias = Any  # as JSON holds it
Named: TypeAlias = dict[Value, list[str]]  # by key: the natural key

TYPES = "contenttypes.contenttype"
PERMISSIONS = "auth.permission"
SET_ASIDE = " (of the empty database)"

# What a fresh database has of its own, or has no use for.
LEFT_OUT = frozenset({TYPES, PERMISSIONS, "sessions.session", "south.migrationhistory", "migrations.migration"})
_WITHOUT = "Correct it in the application, or leave --loaddata out: the plain dump keeps everything."
_SHOWN = 5


class LoaddataWriter(FixtureWriter):
    """Writes what ``loaddata`` takes, in an order in which it can; refuses what it would refuse.

    Args:
        session: the database.
        shapes: its tables.
        models: the rules of its version.
        file: where to.
        progress: told how many rows are done.
    """

    keeps_loose_pairs = False  # nothing could be loaded for them

    def __init__(
        self, session: Session, shapes: Shapes, models: Models, file: FixtureFile, progress: Progress | None
    ) -> None:
        super().__init__(session, shapes, file, progress)
        self._models = models
        self._ruled = {shape.model: shape for shape in models.tables}
        self._tables = {shape.model: shape for shape in shapes.tables}
        self._types: Named = {}
        self._permissions: Named = {}

    def write(self) -> Fixture:
        """Write everything that a fresh database lacks.

        Raises:
            BackupError: the database holds what ``loaddata`` would refuse; the message says what and where.
            DatabaseError: a table cannot be read.
            OSError: the file cannot be written.
        """
        self._tell_what_is_left_out()
        self._refuse_other_columns()
        self._refuse_dangling()
        self._name()
        self.put(self._new_types_and_permissions(), 0)
        self.put(self._set_aside(), 0)
        return super().write()

    def wants(self, shape: TableShape) -> bool:
        """Leave out what a fresh database has of its own, and what no model is known for."""
        return shape.model in self._ruled and shape.model not in LEFT_OUT

    def written(self, rows: Rows, batch: Sequence[Row], lists: Sequence[FoundLists]) -> Written | None:
        """Name what is named, and keep the microseconds that dumpdata cuts off."""
        if not self.wants(rows.shape):
            return None
        moments = [
            (place, field.name)
            for place, field in enumerate(rows.fields)
            if field.kind is Kind.DATETIME and not field.key
        ]
        named = [(field.name, self._named(field.to)) for field in rows.fields if field.to in {TYPES, PERMISSIONS}]
        if not (moments or named or lists):
            return None
        source = iter(batch)

        def write(item: dict[str, Value], _: bytes) -> bytes:
            row, fields = next(source), item["fields"]
            for place, name in moments:
                fields[name] = exact_moment(row[place]) or fields[name]
            for name, names in named:
                fields[name] = names.get(fields[name], fields[name])
            for pairs, found in lists:
                names = self._named(pairs.field.to)
                fields[pairs.field.name] = [names.get(target, target) for target in found[item["pk"]]]
            return object_line(item["model"], item["pk"], fields)

        return write

    def read(self, rows: Rows, _lists: Sequence[Pairs]) -> None:
        """Refuse values that a field would not take."""
        if self.wants(rows.shape):
            if rows.unfit:
                raise BackupError(f"loaddata would not take {rows.unfit[0]}", hint=_WITHOUT)
            self.notes.extend(rows.told)

    def loose(self, pairs: Pairs, number: int) -> None:
        """Tell of pairs of no object, which are left out."""
        self.notes.append(
            f"Left out: {number} of the pairs in {pairs.shape.table}, which are of no {pairs.owner.model}."
        )

    def _named(self, model: str) -> Named:
        return {TYPES: self._types, PERMISSIONS: self._permissions}.get(model, {})

    # --- What a fresh database has ---------------------------------------------------------------

    def _name(self) -> None:
        """Read what content types and permissions are called."""
        if TYPES not in self._tables or PERMISSIONS not in self._tables:
            raise BackupError(
                "there is no table of content types or of permissions, by which loaddata finds them",
                hint="Leave --loaddata out: the plain dump takes what is there.",
            )
        for key, app, model in self.session.select("django_content_type", "id", "app_label", "model"):
            self._types[key] = [as_text(app), as_text(model)]
        for key, code, content_type in self.session.select("auth_permission", "id", "codename", "content_type_id"):
            if content_type in self._types:
                self._permissions[key] = [as_text(code), *self._types[content_type]]

    def _new_types_and_permissions(self) -> Iterator[bytes]:
        """Yield those that something points to and a fresh database has not, without a number of their own."""
        fresh_types = {shape.model for shape in self._models.tables if shape.dumped}
        fresh = {
            (code, *shape.model.split("."))
            for shape in self._models.tables
            if shape.dumped
            for code in shape.permissions
        }
        permissions = {
            key
            for key in self._used(PERMISSIONS)
            if key in self._permissions and tuple(self._permissions[key]) not in fresh
        }
        used = self._used(TYPES)
        owners = {tuple(self._permissions[key][1:]) for key in permissions}
        types = {
            key
            for key, (app, model) in self._types.items()
            if f"{app}.{model}" not in fresh_types and ((app, model) in owners or key in used)
        }
        # Where the tables are, the application is, and has made its own in the fresh database too.
        others = {shape.table for shape in self.shapes.tables if shape.model not in self._ruled}
        installed = {key for key in types if "_".join(self._types[key]) in others}
        for key in installed:
            self.notes.append(
                f"It names {'.'.join(self._types[key])}, of an application that the new site must have too."
            )
        names = {tuple(self._types[key]) for key in installed}
        for item in self._objects(TYPES):
            if item["pk"] in types - installed:
                yield object_line(TYPES, None, item["fields"])
        for item in self._objects(PERMISSIONS):
            if item["pk"] in permissions and tuple(self._permissions[item["pk"]][1:]) not in names:
                named = self._types[item["fields"]["content_type"]]
                yield object_line(PERMISSIONS, None, item["fields"] | {"content_type": named})

    def _used(self, model: str) -> set[Value]:
        """Return the keys of a model that something that is written points to."""
        found: set[Value] = set()
        for shape in filter(self.wants, self.shapes.tables):
            ends = [(shape.table, field.column) for field in shape.fields if field.to == model]
            ends += [(pairs.table, pairs.target) for pairs in shape.lists if pairs.to == model]
            for table, column in ends:
                name = self.session.column(table, column)
                sql = f"SELECT DISTINCT {name} FROM {self.session.quote(table)} WHERE {name} IS NOT NULL"  # noqa: S608 - quoted
                found.update(row[0] for batch in self.session.batches(sql) for row in batch)
        return found

    def _objects(self, model: str) -> list[dict[str, Value]]:
        """Return the objects of a small table, without their lists."""
        rows, found = Rows(self.session, self._tables[model]), []

        def keep(item: dict[str, Value], line: bytes) -> bytes:
            found.append(item)
            return line

        for batch in self.session.batches(f"{rows.sql} ORDER BY {rows.columns[-1]}"):
            for _ in rows.lines(batch, keep):
                pass
        return found

    def _set_aside(self) -> Iterator[bytes]:
        """Yield what gives rows of a fresh database other names, where their names are wanted by other rows.

        Each is written again under its own name, unless the site has no row of that number. Then it stays.
        """
        for model in dict.fromkeys(row.model for row in self._models.fresh):
            if model not in self._tables:
                continue
            there = {item["pk"]: item["fields"] for item in self._objects(model)}
            known = {field.name for field in self._ruled[model].fields}
            for row in (row for row in self._models.fresh if row.model == model):
                wanted = {
                    name: next((key for key, fields in there.items() if fields.get(name) == value), None)
                    for name, value in row.unique
                }
                others = {name: key for name, key in wanted.items() if key not in {None, row.pk}}
                if row.pk not in there:
                    self.notes.append(
                        f"A fresh database has a {model} numbered {row.pk}, which this one has not: it will stay there"
                        + (f", with {SET_ASIDE.strip()} behind its name." if others else ".")
                    )
                for name, key in others.items():
                    fields = {each: value for each, value in there.get(row.pk, there[key]).items() if each in known}
                    yield object_line(model, row.pk, fields | {name: dict(row.unique)[name] + SET_ASIDE})

    # --- What loaddata would refuse --------------------------------------------------------------

    def _tell_what_is_left_out(self) -> None:
        self.notes.append(
            "Written for the site's own loaddata, into a database of the same version in which syncdb and migrate, and "
            "nothing else, have been run. Content types and permissions are named in it; sessions and the history of "
            "migrations are left out."
        )
        for shape in self.shapes.tables:
            if shape.model not in self._ruled and (number := self.session.count(shape.table)):
                self.notes.append(f"Left out: {shape.table} ({number} rows), which is no model's table of QATrack+.")

    def _refuse_other_columns(self) -> None:
        for shape in filter(self.wants, self.shapes.tables):
            known = {field.name for field in self._ruled[shape.model].fields}
            more = [field.column for field in shape.fields if field.name not in known]
            if more:
                what = f"{', '.join(more)} of {shape.table}"
                raise BackupError(f"loaddata knows no field for {what}", hint=_WITHOUT)

    def _refuse_dangling(self) -> None:
        """Refuse keys of objects that are gone: loaddata checks them all. A server with constraints has none."""
        if self.session.vendor not in {"sqlite", "mysql"}:
            return
        found = []
        for shape in filter(self.wants, self.shapes.tables):
            ends = [(shape.table, field.column, field.to) for field in shape.fields if field.to]
            ends += [(pairs.table, pairs.target, pairs.to) for pairs in shape.lists]
            found += [self._dangling(table, column, to) for table, column, to in ends]
        told = [text for text in found if text]
        if told:
            more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
            raise BackupError(
                f"loaddata would refuse what points to nothing: {'; '.join(told[:_SHOWN])}{more}", hint=_WITHOUT
            )

    def _dangling(self, table: str, column: str, to: str) -> str:
        target = self._tables.get(to)
        if target is None or target.key is None:
            return ""
        quote, name = self.session.quote, self.session.column(table, column)
        there = (
            f"SELECT 1 FROM {quote(target.table)} there "  # noqa: S608 - quoted
            f"WHERE there.{quote(target.key.column)} = {name}"
        )
        sql = (
            f"SELECT COUNT(*), MIN({name}) FROM {quote(table)} "  # noqa: S608 - quoted
            f"WHERE {name} IS NOT NULL AND NOT EXISTS ({there})"
        )
        number, first = self.session.fetch(sql)[0]
        return f"{table}.{column} in {number} rows (there is no {to} {first})" if number else ""
