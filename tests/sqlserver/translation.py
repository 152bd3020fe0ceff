"""T-SQL turned into SQLite's SQL, for the tables behind the scripted server.

sqlglot reads and writes; what it cannot know is done here: names in back quotes (SQLite takes an unknown name in
double quotes for a text), parameters, schemas, table hints, and the type of each column of a result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite

from tests.sqlserver.datatypes import SqlType

SYSTEM_SCHEMAS = ("sys", "information_schema")
COLLATION = "mssql"


class BackQuoted(SQLite):
    """SQLite's SQL with names in back quotes."""

    class Tokenizer(SQLite.Tokenizer):
        IDENTIFIERS = ["`"]  # noqa: RUF012 - as the base has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table, as T-SQL has it."""

    name: str
    type: SqlType
    nullable: bool = True
    identity: bool = False
    key: bool = False


@dataclass(slots=True, kw_only=True)
class Table:
    """A table, as T-SQL has it."""

    name: str
    columns: list[Column] = field(default_factory=list)
    primary_key: list[str] = field(default_factory=list)
    unique: list[list[str]] = field(default_factory=list)
    references: list[tuple[str, str, str]] = field(default_factory=list)  # column, table, its column

    def create(self) -> str:
        """Return SQLite's statement that makes it; the types stay those of T-SQL."""
        parts = []
        for column in self.columns:
            name = quoted(column.name)
            if column.identity:
                parts.append(f"{name} INTEGER PRIMARY KEY AUTOINCREMENT")
                continue
            null = "" if column.nullable else " NOT NULL"
            texts = column.type.name.endswith(("char", "text"))
            collated = f" COLLATE {COLLATION}" if texts else ""
            # SQLite keeps any length; SQL Server refuses what is too long.
            short = texts and column.type.length > 0
            limit = f" CONSTRAINT too_long CHECK (length({name}) <= {column.type.length})" if short else ""
            parts.append(f'{name} "{column.type.spelled}"{collated}{null}{limit}')
        if self.primary_key and not any(column.identity for column in self.columns):
            parts.append(f"PRIMARY KEY ({', '.join(map(quoted, self.primary_key))})")
        parts += [f"UNIQUE ({', '.join(map(quoted, names))})" for names in self.unique]
        parts += [
            f"FOREIGN KEY ({quoted(column)}) REFERENCES {quoted(table)} ({quoted(there)})"
            for column, table, there in self.references
        ]
        return f"CREATE TABLE {quoted(self.name)} ({', '.join(parts)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, ready for SQLite.

    Attributes:
        sql: SQLite's text.
        tree: sqlglot's tree of the T-SQL.
        locks: it holds the rows that it reads (UPDLOCK, XLOCK).
    """

    sql: str
    tree: Any
    locks: bool = False


def quoted(name: str) -> str:
    doubled = name.replace("`", "``")
    return f"`{doubled}`"


@lru_cache(maxsize=500)
def split(batch: str) -> tuple[str, ...]:
    """Cut a batch at its semicolons."""
    if ";" not in batch:
        return (batch.strip(),)
    found, start = [], 0
    for token in sqlglot.tokenize(batch, read="tsql"):
        if token.token_type is sqlglot.TokenType.SEMICOLON:
            found.append(batch[start : token.start])
            start = token.end + 1
    return tuple(part.strip() for part in (*found, batch[start:]) if part.strip())


@lru_cache(maxsize=500)
def parse(sql: str) -> Any:
    """Return sqlglot's tree of one statement, which nobody may change.

    Raises:
        sqlglot.errors.SqlglotError: it is no T-SQL.
    """
    return sqlglot.parse_one(sql, read="tsql")


def translate(sql: str, variables: Mapping[str, object]) -> Statement:
    """Turn one statement into SQLite's; ``variables`` are the values of ``@@NAME``."""
    return _translate(sql, tuple(variables.items()) if "@@" in sql else ())


@lru_cache(maxsize=500)
def _translate(sql: str, variables: tuple[tuple[str, object], ...]) -> Statement:
    tree = parse(sql)
    locks = any(
        isinstance(hint, exp.Var) and hint.name.upper() in {"UPDLOCK", "XLOCK", "TABLOCKX"}
        for hints in tree.find_all(exp.WithTableHint)
        for hint in hints.expressions
    )
    return Statement(sql=sqlite_text(tree, dict(variables)), tree=tree, locks=locks)


def sqlite_text(tree: Any, variables: Mapping[str, object]) -> str:
    return str(tree.transform(_for_sqlite, variables).sql(dialect=BackQuoted))


def _for_sqlite(node: Any, variables: Mapping[str, object]) -> Any:
    match node:
        case exp.Parameter(this=exp.Parameter(this=inner)):
            return exp.convert(variables.get(inner.name.upper()))
        case exp.Parameter():
            return exp.Placeholder(this=node.name)
        case exp.Table():
            if node.catalog.lower() == "msdb":
                node.set("db", exp.to_identifier("msdb"))
            elif node.db.lower() not in SYSTEM_SCHEMAS:
                node.set("db", None)
            node.set("catalog", None)
            node.set("hints", None)
        case exp.Column() if node.args.get("db"):
            node.set("db", None)
        case exp.CurrentSchema():
            return exp.Literal.string("dbo")
        case exp.National():
            return exp.Literal.string(node.name)
        case exp.Cast() | exp.TryCast():
            return _cast(node)
        case exp.Collate():
            binary = re.search(r"_BIN2?$|_CS_", node.expression.name, re.IGNORECASE)
            return exp.Collate(this=node.this, expression=exp.to_identifier("BINARY" if binary else COLLATION))
        case exp.Add() if _is_text(node.left) or _is_text(node.right):
            return exp.DPipe(this=node.left, expression=node.right)
        case _:
            pass
    return node


def _cast(node: Any) -> Any:
    kind = node.to.sql("tsql").lower()
    if re.match(r"n?(var)?char|n?text", kind):
        text = exp.Cast(this=node.this, to=exp.DataType.build("TEXT"))
        length = _cast_type(node).length
        return text if length <= 0 else exp.func("SUBSTR", text, exp.convert(1), exp.convert(length))
    if re.match(r"(big|small|tiny)?int|bit", kind):
        return exp.Cast(this=node.this, to=exp.DataType.build("INTEGER", dialect="sqlite"))
    if re.match(r"float|real|double", kind):
        return exp.Cast(this=node.this, to=exp.DataType.build("REAL", dialect="sqlite"))
    return node.this  # dates, decimals and the like are texts or numbers already


def _cast_type(node: Any) -> SqlType:
    """Return the type that a CAST makes; a text with no length is one of 30 characters there."""
    spelled = node.to.sql("tsql")
    return SqlType.of(f"{spelled}(30)" if re.fullmatch(r"(?i)n?(var)?char", spelled) else spelled)


def _is_text(node: Any) -> bool:
    if isinstance(node, exp.National | exp.Concat | exp.DPipe):
        return True
    if isinstance(node, exp.Literal):
        return bool(node.is_string)
    if isinstance(node, exp.Cast):
        return "char" in node.to.sql("tsql").lower()
    return isinstance(node, exp.Add) and (_is_text(node.left) or _is_text(node.right))


# --- The types of a result ---------------------------------------------------------------------------


def result_types(
    tree: Any, tables: Mapping[str, Sequence[Column]], parameters: Mapping[str, SqlType]
) -> list[SqlType | None] | None:
    """Return the type of each column of a SELECT, None where nothing tells; None where even their number is open.

    Args:
        tree: sqlglot's.
        tables: the columns of each table, by ``name`` or ``schema.name`` in small letters.
        parameters: the types of those that were given, by name without ``@``.
    """
    while isinstance(tree, exp.SetOperation | exp.Subquery):
        tree = tree.this
    if not isinstance(tree, exp.Select):
        return None
    sources: dict[str, Sequence[Column]] = {}
    for table in tree.find_all(exp.Table):
        schema = table.db.lower()
        name = f"{schema}.{table.name.lower()}" if schema in SYSTEM_SCHEMAS else table.name.lower()
        sources.setdefault(table.alias_or_name.lower(), tables.get(name, ()))
    found: list[SqlType | None] = []
    for item in tree.expressions:
        inner = item.unalias()
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            wanted = inner.table.lower() if isinstance(inner, exp.Column) else ""
            named = [columns for source, columns in sources.items() if wanted in {"", source}]
            if not all(named):
                return None
            found += [column.type for columns in named for column in columns]
        else:
            found.append(_type_of(inner, sources, parameters))
    return found


def _type_of(node: Any, sources: Mapping[str, Sequence[Column]], parameters: Mapping[str, SqlType]) -> SqlType | None:
    match node:
        case exp.Cast() | exp.TryCast():
            return _cast_type(node)
        case exp.Column():
            wanted = [sources.get(node.table.lower(), ())] if node.table else list(sources.values())
            columns = (column for columns in wanted for column in columns)
            return next((column.type for column in columns if column.name.lower() == node.name.lower()), None)
        case exp.Count():
            return SqlType.of("bigint" if node.args.get("big_int") else "int")
        case exp.Parameter(this=exp.Var()):
            return parameters.get(node.name)
        case exp.Min() | exp.Max() | exp.Sum() | exp.Paren() | exp.Coalesce():
            return _type_of(node.this, sources, parameters)
        case exp.Literal():
            number = "int" if node.is_int and abs(int(node.name)) < 2**31 else "numeric(38, 10)"
            return SqlType.of("nvarchar(4000)" if node.is_string else number)
        case exp.CurrentTimestamp():
            return SqlType.of("datetime2(7)")
        case exp.Anonymous(this=name) if str(name).upper() == "SERVERPROPERTY":
            return SqlType.of("sql_variant")
        case _:
            return None


def table_from(tree: Any) -> Table:
    """Return the table that a CREATE TABLE describes."""
    schema = tree.this
    table = Table(name=schema.this.name)
    for item in schema.expressions:
        if isinstance(item, exp.ColumnDef):
            _add_column(table, item)
            continue
        found = item.expressions[0] if isinstance(item, exp.Constraint) else item
        names = [name.this.name if isinstance(name, exp.Ordered) else name.name for name in found.expressions]
        match found:
            case exp.PrimaryKey():
                table.primary_key = names
            case exp.UniqueColumnConstraint():
                table.unique.append([name.name for name in found.this.expressions])
            case exp.ForeignKey():
                there = found.args["reference"].this
                others = [name.name for name in there.expressions] or ["id"]
                table.references += [(one, there.this.name, other) for one, other in zip(names, others, strict=True)]
            case _:
                pass
    return table


def _add_column(table: Table, item: Any) -> None:
    kinds = [constraint.kind for constraint in item.constraints]
    key = any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
    required = any(isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null") for kind in kinds)
    column = Column(
        name=item.name,
        type=SqlType.of(item.kind.sql("tsql")),
        nullable=not (key or required),
        identity=any(isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) for kind in kinds),
        key=key,
    )
    table.columns.append(column)
    if key:
        table.primary_key = [item.name]
    if any(isinstance(kind, exp.UniqueColumnConstraint) for kind in kinds):
        table.unique.append([item.name])
    for kind in kinds:
        if isinstance(kind, exp.Reference):
            there = [name.name for name in kind.this.expressions] or ["id"]
            table.references.append((item.name, kind.this.this.name, there[0]))
