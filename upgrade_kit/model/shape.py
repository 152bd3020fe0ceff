"""The shape of a database's tables: which table is which model, which column which field, and of what kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.version import Version


class Kind(StrEnum):
    """What a column holds, whatever the vendor calls it."""

    AUTO = "auto"  # a whole number that the database gives out: a primary key
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    DATETIME = "datetime"  # a moment in UTC
    TIME = "time"
    DURATION = "duration"  # microseconds as a whole number, except on PostgreSQL
    BINARY = "binary"
    ANY = "any"  # of a type that nothing is known of


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a model's table.

    Attributes:
        name: the field's name; the column's own where no rule knows it.
        column: the column's name.
        kind: what it holds; of a foreign key, what the key of the other model is.
        to: the model it points to (``"qa.test"``), or ``""``.
        key: whether it is the primary key.
        null: whether it may be NULL.
        length: of a text, in characters; ``None`` where there is no limit or none is known.
        digits: of a decimal, all of them.
        places: of a decimal, those after the point.
    """

    name: str
    column: str
    kind: Kind
    to: str = ""
    key: bool = False
    null: bool = False
    length: int | None = None
    digits: int | None = None
    places: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListField:
    """A many-to-many field: a table of its own, which dumpdata writes as a list in its model's object.

    Attributes:
        name: the field's name.
        table: the table that holds the pairs.
        source: its column that points to the model which has the field.
        target: its column that points to the other model.
        to: the other model.
        order: the field paths of the other model by which dumpdata sorts the list (``"content_type.model"``,
            ``"-datetime"`` for falling); empty where it leaves the order to the database.
    """

    name: str
    table: str
    source: str
    target: str
    to: str
    order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """A table that holds a model's objects.

    Attributes:
        model: the model (``"qa.testinstance"``); ``"table.NAME"`` where the table is no model's.
        table: the table's name.
        fields: its columns, the primary key first where there is one.
        lists: its many-to-many fields.
        permissions: the permissions that the application makes for the model.
        dumped: whether the application has the model, and dumpdata writes it; False for what only the table is
            left of, which a database may lack.
    """

    model: str
    table: str
    fields: tuple[Field, ...]
    lists: tuple[ListField, ...] = ()
    permissions: tuple[str, ...] = ()
    dumped: bool = True

    @property
    def key(self) -> Field | None:
        """The primary key; ``None`` where the table has none, or one of several columns."""
        return self.fields[0] if self.fields and self.fields[0].key else None

    @property
    def is_model(self) -> bool:
        """Whether the table is a model's."""
        return not self.model.startswith(NO_MODEL)


def pairs_model(owner: TableShape, pairs: ListField) -> str:
    """Return what Django calls the model that it makes for a table of pairs (``"auth.user_groups"``)."""
    return f"{owner.model}_{pairs.name}"


NO_MODEL = "table."  # how the label of a table begins that is no model's


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshRow:
    """A row that a database holds which the application has just made.

    Attributes:
        model: the model.
        pk: its primary key.
        unique: ``(field, value)`` of what no other row may have too.
    """

    model: str
    pk: int
    unique: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a version's migrations do to what tables held before it.

    Attributes:
        table: of the version before.
        columns: its columns; none where it is about the whole table.
        what: in words that follow the names (``"becomes one text in name"``).
        instead: what holds the same now.
        source: the migration.
    """

    table: str
    columns: tuple[str, ...]
    what: str
    instead: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """What the rules know of one version's models.

    Attributes:
        version: QATrack+'s.
        tables: in the order in which that version's dumpdata writes them; objects come after those they point
            to, as far as that is possible.
        fresh: what a fresh database holds beside content types, permissions and migrations.
        remade: tables that the migrations to this version make anew on SQLite.
        retyped: ``(table, column)`` of what these migrations give another type or length.
        moved: what became of what the version before held, as far as the models do not tell.
        origin: the rules file.
    """

    version: Version
    tables: tuple[TableShape, ...]
    fresh: tuple[FreshRow, ...] = ()
    remade: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str], ...] = ()
    moved: tuple[Moved, ...] = ()
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """Every table of one database.

    Attributes:
        version: the version whose rules were taken, or ``None`` where there were none.
        tables: the models of the rules in their order, then the others by name. Tables of pairs stand in
            ``TableShape.lists`` of their model.
        notes: where rules and database differ, one sentence each.
    """

    version: Version | None
    tables: tuple[TableShape, ...]
    notes: tuple[str, ...] = ()
