"""The catalogue of a database of SQL Server: sys and INFORMATION_SCHEMA as tables of SQLite, and its functions.

Only what a client asks for; the columns are those of Microsoft's documentation of each view.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

from tests.sqlserver.datatypes import SqlType
from tests.sqlserver.script import Rows
from tests.sqlserver.translation import COLLATION, Column, Table, quoted

DBO = 1
_FIRST_OBJECT = 1000

# A view's columns; what has no type is nvarchar(128), the type of names.
VIEWS: Mapping[str, str] = {
    "sys.schemas": "name, schema_id int, principal_id int",
    "sys.objects": "name, object_id int, schema_id int, parent_object_id int, type char(2), type_desc nvarchar(60), "
    "create_date datetime, modify_date datetime, is_ms_shipped bit",
    "sys.tables": "name, object_id int, schema_id int, type char(2), type_desc nvarchar(60), create_date datetime, "
    "modify_date datetime, is_ms_shipped bit, temporal_type tinyint, is_memory_optimized bit",
    "sys.views": "name, object_id int, schema_id int, is_ms_shipped bit",
    "sys.columns": "object_id int, name, column_id int, system_type_id tinyint, user_type_id int, max_length smallint, "
    "precision tinyint, scale tinyint, collation_name, is_nullable bit, is_identity bit, is_computed bit, "
    "generated_always_type tinyint, default_object_id int",
    "sys.types": "name, system_type_id tinyint, user_type_id int, schema_id int, max_length smallint, "
    "precision tinyint, scale tinyint, is_user_defined bit",
    "sys.identity_columns": "object_id int, name, column_id int, seed_value int, increment_value int, "
    "last_value bigint, is_identity bit",
    "sys.computed_columns": "object_id int, name, column_id int, definition nvarchar(max)",
    "sys.default_constraints": "name, object_id int, parent_object_id int, parent_column_id int, "
    "definition nvarchar(max)",
    "sys.check_constraints": "name, object_id int, parent_object_id int, is_disabled bit, is_not_trusted bit, "
    "definition nvarchar(max)",
    "sys.triggers": "name, object_id int, parent_id int, is_disabled bit",
    "sys.sql_modules": "object_id int, definition nvarchar(max)",
    "sys.extended_properties": "class tinyint, major_id int, minor_id int, name, value nvarchar(4000)",
    "sys.indexes": "object_id int, name, index_id int, type tinyint, type_desc nvarchar(60), is_unique bit, "
    "is_primary_key bit, is_unique_constraint bit, is_disabled bit",
    "sys.index_columns": "object_id int, index_id int, index_column_id int, column_id int, key_ordinal tinyint, "
    "is_descending_key bit, is_included_column bit",
    "sys.key_constraints": "name, object_id int, schema_id int, parent_object_id int, type char(2), "
    "type_desc nvarchar(60), unique_index_id int",
    "sys.foreign_keys": "name, object_id int, schema_id int, parent_object_id int, referenced_object_id int, "
    "is_disabled bit, is_not_trusted bit, delete_referential_action_desc nvarchar(60)",
    "sys.foreign_key_columns": "constraint_object_id int, constraint_column_id int, parent_object_id int, "
    "parent_column_id int, referenced_object_id int, referenced_column_id int",
    "sys.partitions": "partition_id bigint, object_id int, index_id int, partition_number int, rows bigint",
    "sys.databases": "name, database_id int, create_date datetime, compatibility_level tinyint, collation_name, "
    "user_access_desc nvarchar(60), is_read_only bit, state tinyint, state_desc nvarchar(60), "
    "snapshot_isolation_state tinyint, snapshot_isolation_state_desc nvarchar(60), is_read_committed_snapshot_on bit, "
    "recovery_model tinyint, recovery_model_desc nvarchar(60), is_auto_close_on bit, "
    "log_reuse_wait_desc nvarchar(60), replica_id uniqueidentifier",
    "sys.database_mirroring": "database_id int, mirroring_guid uniqueidentifier",
    "msdb.backupset": "database_name, type char(1), backup_finish_date datetime",
    "sys.sysprocesses": "spid smallint, dbid smallint, loginame nchar(128), program_name nchar(128), "
    "hostname nchar(128), hostprocess nchar(10), open_tran smallint, status nchar(30), ecid smallint",
    "sys.database_files": "file_id int, type tinyint, type_desc nvarchar(60), name, physical_name nvarchar(260), "
    "state_desc nvarchar(60), size int, max_size int, growth int",
    "information_schema.tables": "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE varchar(10)",
    "information_schema.columns": "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION int, "
    "COLUMN_DEFAULT nvarchar(4000), IS_NULLABLE varchar(3), DATA_TYPE, CHARACTER_MAXIMUM_LENGTH int, "
    "NUMERIC_PRECISION tinyint, NUMERIC_SCALE int, DATETIME_PRECISION smallint, COLLATION_NAME",
    "information_schema.table_constraints": "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_CATALOG, "
    "TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_TYPE varchar(11)",
    "information_schema.key_column_usage": "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, TABLE_CATALOG, "
    "TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION int",
    "information_schema.referential_constraints": "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME, "
    "UNIQUE_CONSTRAINT_SCHEMA, UNIQUE_CONSTRAINT_NAME, DELETE_RULE varchar(11)",
    "information_schema.constraint_column_usage": "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, "
    "CONSTRAINT_CATALOG, CONSTRAINT_SCHEMA, CONSTRAINT_NAME",
}

# system_type_id, bytes, precision, scale
_TYPES = {
    "tinyint": (48, 1, 3, 0),
    "smallint": (52, 2, 5, 0),
    "int": (56, 4, 10, 0),
    "bigint": (127, 8, 19, 0),
    "bit": (104, 1, 1, 0),
    "real": (59, 4, 24, 0),
    "float": (62, 8, 53, 0),
    "smallmoney": (122, 4, 10, 4),
    "money": (60, 8, 19, 4),
    "decimal": (106, 9, 18, 0),
    "numeric": (108, 9, 18, 0),
    "date": (40, 3, 10, 0),
    "time": (41, 5, 16, 7),
    "datetime2": (42, 8, 27, 7),
    "datetimeoffset": (43, 10, 34, 7),
    "smalldatetime": (58, 4, 16, 0),
    "datetime": (61, 8, 23, 3),
    "uniqueidentifier": (36, 16, 0, 0),
    "varbinary": (165, 8000, 0, 0),
    "binary": (173, 8000, 0, 0),
    "image": (34, 16, 0, 0),
    "varchar": (167, 8000, 0, 0),
    "char": (175, 8000, 0, 0),
    "text": (35, 16, 0, 0),
    "nvarchar": (231, 8000, 0, 0),
    "nchar": (239, 8000, 0, 0),
    "ntext": (99, 16, 0, 0),
    "sql_variant": (98, 8016, 0, 0),
    "xml": (241, -1, 0, 0),
}
_SERVER_COLLATION = "SQL_Latin1_General_CP1_CI_AS"
_MADE = "2018-05-14 08:00:00"


def view_columns(view: str) -> list[Column]:
    """Return the columns of one of the catalogue's views."""
    found = []
    for item in re.split(r",\s*(?![^(]*\))", VIEWS[view]):
        name, _, kind = item.strip().partition(" ")
        found.append(Column(name=name, type=SqlType.of(kind or "nvarchar(128)")))
    return found


def attach(connection: sqlite3.Connection) -> None:
    """Make the catalogue's empty tables, beside the database."""
    for schema in ("sys", "INFORMATION_SCHEMA", "msdb"):
        connection.execute(f"ATTACH ':memory:' AS {schema}")
    for view in VIEWS:
        columns = ", ".join(f"{quoted(one.name)} COLLATE {COLLATION}" for one in view_columns(view))
        connection.execute(f"CREATE TABLE {view} ({columns})")


def fill(connection: sqlite3.Connection, tables: Iterable[Table], *, database: str, snapshot: bool) -> None:
    """Write what there is into the catalogue's tables."""
    for view in VIEWS:
        connection.execute(f"DELETE FROM {view}")
    found = list(tables)
    numbers = {table.name.lower(): number for number, table in enumerate(found, _FIRST_OBJECT)}
    for view, row in _rows(connection, found, numbers, database=database, snapshot=snapshot):
        wanted = [column.name for column in view_columns(view)]
        values = [row.get(name) for name in wanted]
        connection.execute(f"INSERT INTO {view} VALUES ({', '.join('?' * len(wanted))})", values)


Row = tuple[str, dict[str, object]]


_ODBC = {
    "tinyint": -6,
    "smallint": 5,
    "int": 4,
    "bigint": -5,
    "bit": -7,
    "real": 7,
    "float": 6,
    "smallmoney": 3,
    "money": 3,
    "decimal": 3,
    "numeric": 2,
    "uniqueidentifier": -11,
    "date": 91,
    "time": -154,
    "datetime2": 93,
    "datetimeoffset": -155,
    "smalldatetime": 93,
    "datetime": 93,
    "varchar": 12,
    "char": 1,
    "text": -1,
    "nvarchar": -9,
    "nchar": -8,
    "ntext": -10,
    "varbinary": -3,
    "binary": -2,
    "image": -4,
    "sql_variant": -150,
    "xml": -152,
}
# What sp_columns, which FreeTDS calls, tells clients of before 2008 of: they get texts.
_LATER_TYPES = ("date", "time", "datetime2", "datetimeoffset")


def columns_procedure(tables: Iterable[Table], wanted: str, *, modern: bool) -> Rows:
    """Answer sp_columns, or where ``modern`` sp_columns_100, for a table."""
    names = (
        *(("TABLE_QUALIFIER", "sysname"), ("TABLE_OWNER", "sysname"), ("TABLE_NAME", "sysname")),
        *(("COLUMN_NAME", "sysname"), ("DATA_TYPE", "smallint"), ("TYPE_NAME", "sysname"), ("PRECISION", "int")),
        *(("LENGTH", "int"), ("SCALE", "smallint"), ("RADIX", "smallint"), ("NULLABLE", "smallint")),
        *(("REMARKS", "varchar(254)"), ("COLUMN_DEF", "nvarchar(4000)"), ("SQL_DATA_TYPE", "smallint")),
        *(("SQL_DATETIME_SUB", "smallint"), ("CHAR_OCTET_LENGTH", "int"), ("ORDINAL_POSITION", "int")),
        *(("IS_NULLABLE", "varchar(254)"), ("SS_DATA_TYPE", "tinyint")),
    )
    found = []
    for table in tables:
        if table.name.lower() != wanted.replace("\\_", "_").lower():
            continue
        for place, column in enumerate(table.columns, 1):
            kind = column.type
            code = -9 if kind.name in _LATER_TYPES and not modern else _ODBC[kind.name]
            texts = kind.name.endswith(("char", "text", "binary"))
            exact = kind.name in {"decimal", "numeric"}
            size = max(kind.length, 0) if texts else kind.precision if exact else _TYPES[kind.name][2]
            scale = kind.scale if exact or kind.name in {"time", "datetime2"} else 0
            kind_name = kind.name + (" identity" if column.identity else "")
            head = (None, "dbo", table.name, column.name, code, kind_name, size, size, None if texts else scale, 10)
            null = int(column.nullable)
            tail = (null, None, None, code, None, None, place, "YES" if null else "NO", _TYPES[kind.name][0])
            found.append((*head, *tail))
    return Rows(*names, rows=found)


def _rows(
    connection: sqlite3.Connection, tables: list[Table], numbers: Mapping[str, int], *, database: str, snapshot: bool
) -> Iterator[Row]:
    yield "sys.schemas", {"name": "dbo", "schema_id": DBO, "principal_id": DBO}
    for name, (number, size, precision, scale) in _TYPES.items():
        same = {"system_type_id": number, "user_type_id": number, "schema_id": 4, "is_user_defined": 0}
        yield "sys.types", {"name": name, "max_length": size, "precision": precision, "scale": scale, **same}
    yield from _database(connection, database, snapshot=snapshot)
    for table in tables:
        number = numbers[table.name.lower()]
        yield from _table(connection, table, number, database)
        yield from _keys(table, number, numbers, database)


def _database(connection: sqlite3.Connection, database: str, *, snapshot: bool) -> Iterator[Row]:
    state = {"state": 0, "state_desc": "ONLINE", "user_access_desc": "MULTI_USER", "is_read_only": 0}
    model = {"recovery_model": 3, "recovery_model_desc": "SIMPLE", "compatibility_level": 160, "is_auto_close_on": 0}
    model["log_reuse_wait_desc"] = "NOTHING"
    isolation = {
        "snapshot_isolation_state": int(snapshot),
        "snapshot_isolation_state_desc": "ON" if snapshot else "OFF",
        "is_read_committed_snapshot_on": 0,
    }
    for number, name in ((1, "master"), (5, database)):
        named = {"name": name, "database_id": number, "create_date": _MADE, "collation_name": _SERVER_COLLATION}
        yield "sys.databases", {**named, **state, **model, **isolation}
        yield "sys.database_mirroring", {"database_id": number}
    own = {"spid": 51, "dbid": 5, "loginame": "sa", "program_name": "upgrade-kit", "hostname": "CLIENT"}
    yield "msdb.backupset", {"database_name": database, "type": "D", "backup_finish_date": _MADE}
    yield "sys.sysprocesses", {**own, "hostprocess": "4711", "open_tran": 0, "status": "runnable", "ecid": 0}
    with closing(
        connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    ) as cursor:
        pages = max(1, cursor.fetchone()[0] // 8192)
    for number, kind, end, size in ((1, "ROWS", ".mdf", pages), (2, "LOG", "_log.ldf", 128)):
        named = {"file_id": number, "type": number - 1, "type_desc": kind, "name": database + end.partition(".")[0]}
        place = {"physical_name": f"/var/opt/mssql/data/{database}{end}", "state_desc": "ONLINE"}
        yield "sys.database_files", {**named, **place, "size": size, "max_size": -1, "growth": 8192}


def _table(connection: sqlite3.Connection, table: Table, number: int, database: str) -> Iterator[Row]:
    made = {"create_date": _MADE, "modify_date": _MADE, "is_ms_shipped": 0, "parent_object_id": 0}
    kind = {"type": "U ", "type_desc": "USER_TABLE", "temporal_type": 0, "is_memory_optimized": 0}
    row = {"name": table.name, "object_id": number, "schema_id": DBO, **kind, **made}
    yield "sys.objects", row
    yield "sys.tables", row
    there = {"TABLE_CATALOG": database, "TABLE_SCHEMA": "dbo", "TABLE_NAME": table.name}
    yield "information_schema.tables", {**there, "TABLE_TYPE": "BASE TABLE"}
    with closing(connection.execute(f"SELECT COUNT(*) FROM main.{quoted(table.name)}")) as cursor:
        rows = cursor.fetchone()[0]
    clustered = 1 if table.primary_key else 0
    counted = {"partition_id": number, "object_id": number, "index_id": clustered, "partition_number": 1}
    yield "sys.partitions", {**counted, "rows": rows}
    for place, column in enumerate(table.columns, 1):
        yield from _column(column, number, place, there)


def _column(column: Column, number: int, place: int, there: Mapping[str, object]) -> Iterator[Row]:
    kind = column.type
    code, size, precision, scale = _TYPES[kind.name]
    texts = kind.name.endswith(("char", "text"))
    if kind.length:
        size = kind.length if kind.length < 0 or not kind.name.startswith("n") else 2 * kind.length
    if kind.name in {"decimal", "numeric"}:
        precision, scale = kind.precision, kind.scale
    elif kind.name in {"time", "datetime2", "datetimeoffset"}:
        scale = kind.scale
    yield (
        "sys.columns",
        {
            "object_id": number,
            "name": column.name,
            "column_id": place,
            "system_type_id": code,
            "user_type_id": code,
            "max_length": size,
            "precision": precision,
            "scale": scale,
            "collation_name": _SERVER_COLLATION if texts else None,
            "is_nullable": int(column.nullable),
            "is_identity": int(column.identity),
            "is_computed": 0,
            "generated_always_type": 0,
            "default_object_id": 0,
        },
    )
    if column.identity:
        named = {"object_id": number, "name": column.name, "column_id": place, "is_identity": 1}
        yield "sys.identity_columns", {**named, "seed_value": 1, "increment_value": 1}
    yield (
        "information_schema.columns",
        {
            **there,
            "COLUMN_NAME": column.name,
            "ORDINAL_POSITION": place,
            "DATA_TYPE": kind.name,
            "IS_NULLABLE": "YES" if column.nullable else "NO",
            "COLLATION_NAME": _SERVER_COLLATION if texts else None,
            "CHARACTER_MAXIMUM_LENGTH": kind.length or None,
            "NUMERIC_PRECISION": precision or None,
            "NUMERIC_SCALE": scale if precision else None,
        },
    )


def _keys(table: Table, number: int, numbers: Mapping[str, int], database: str) -> Iterator[Row]:
    places = {column.name.lower(): place for place, column in enumerate(table.columns, 1)}
    same: dict[str, object] = {"TABLE_CATALOG": database, "TABLE_SCHEMA": "dbo", "TABLE_NAME": table.name}
    sets = [("PRIMARY KEY", table.primary_key)] if table.primary_key else []
    sets += [("UNIQUE", names) for names in table.unique]
    for place, (kind, names) in enumerate(sets, 1):
        short = "PK" if kind == "PRIMARY KEY" else "UQ"
        name = f"{short}_{table.name}_{'_'.join(names)}"
        index = {"object_id": number, "index_id": place}
        own = {"object_id": number * 100 + place, "parent_object_id": number, "unique_index_id": place}
        clustered = {"type": 1 if short == "PK" else 2, "type_desc": "CLUSTERED" if short == "PK" else "NONCLUSTERED"}
        flags = {"is_unique": 1, "is_primary_key": int(short == "PK"), "is_unique_constraint": int(short == "UQ")}
        yield "sys.indexes", {**index, "name": name, **clustered, **flags, "is_disabled": 0}
        described = {"type": short, "type_desc": f"{kind.replace(' ', '_')}_CONSTRAINT", "schema_id": DBO}
        yield "sys.key_constraints", {"name": name, **own, **described}
        constraint = {"CONSTRAINT_CATALOG": database, "CONSTRAINT_SCHEMA": "dbo", "CONSTRAINT_NAME": name}
        yield "information_schema.table_constraints", {**same, **constraint, "CONSTRAINT_TYPE": kind}
        for ordinal, column in enumerate(names, 1):
            key = {"index_column_id": ordinal, "key_ordinal": ordinal, "column_id": places[column.lower()]}
            yield "sys.index_columns", {**index, **key, "is_descending_key": 0, "is_included_column": 0}
            used = {**same, **constraint, "COLUMN_NAME": column}
            yield "information_schema.key_column_usage", {**used, "ORDINAL_POSITION": ordinal}
            yield "information_schema.constraint_column_usage", used
    for place, (column, other, there) in enumerate(table.references, 1):
        name, own = f"FK_{table.name}_{column}", {"object_id": number * 100 + 50 + place}
        ends = {"parent_object_id": number, "referenced_object_id": numbers.get(other.lower())}
        state = {"is_disabled": 0, "is_not_trusted": 0, "delete_referential_action_desc": "NO_ACTION"}
        yield "sys.foreign_keys", {"name": name, "schema_id": DBO, **own, **ends, **state}
        yield (
            "sys.foreign_key_columns",
            {
                "constraint_object_id": own["object_id"],
                "constraint_column_id": 1,
                **ends,
                "parent_column_id": places[column.lower()],
                "referenced_column_id": 1,
            },
        )
        constraint = {"CONSTRAINT_CATALOG": database, "CONSTRAINT_SCHEMA": "dbo", "CONSTRAINT_NAME": name}
        yield "information_schema.table_constraints", {**same, **constraint, "CONSTRAINT_TYPE": "FOREIGN KEY"}
        used = {**same, **constraint, "COLUMN_NAME": column, "ORDINAL_POSITION": 1}
        yield "information_schema.key_column_usage", used
        unique: dict[str, object] = {"UNIQUE_CONSTRAINT_SCHEMA": "dbo", "UNIQUE_CONSTRAINT_NAME": f"PK_{other}_{there}"}
        yield "information_schema.referential_constraints", {**constraint, **unique, "DELETE_RULE": "NO ACTION"}
