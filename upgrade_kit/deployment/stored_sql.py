"""Reads the views, triggers and procedures that a database holds, by its own catalogue."""

from __future__ import annotations

from collections.abc import Iterable

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_text
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.sql import Script, Scripts, StoredSql
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.sql_reading import read_sql
from upgrade_kit.preflight.sql_words import NoStatementError, SqlError

# Each gives the kind, the name, and the text; NULL where the server does not show it.
_SQLITE = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY type, name"
_POSTGRESQL_VIEWS = """
    SELECT 'view', c.relname, pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg~_%%' ESCAPE '~'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 2"""
_POSTGRESQL_TRIGGERS = """
    SELECT 'trigger', t.tgname, 'CREATE TRIGGER t AFTER UPDATE ON ' || c.relname || ' ; ' || p.prosrc
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT t.tgisinternal AND n.nspname NOT LIKE 'pg~_%%' ESCAPE '~' ORDER BY 2"""
_POSTGRESQL_FUNCTIONS = """
    SELECT 'function', p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_language l ON l.oid = p.prolang
    WHERE l.lanname IN ('sql', 'plpgsql') AND p.prosrc <> '' AND p.prorettype <> 'trigger'::regtype
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg~_%%' ESCAPE '~'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 2"""
_MYSQL_VIEWS = """
    SELECT 'view', table_name, view_definition FROM information_schema.views
    WHERE table_schema = DATABASE() ORDER BY table_name"""
_MYSQL_TRIGGERS = """
    SELECT 'trigger', trigger_name,
    CONCAT('CREATE TRIGGER t AFTER UPDATE ON ', event_object_table, ' ; ', action_statement)
    FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY trigger_name"""
_MYSQL_ROUTINES = """
    SELECT LOWER(routine_type), routine_name, routine_definition FROM information_schema.routines
    WHERE routine_schema = DATABASE() ORDER BY routine_name"""
_MICROSOFT = """
    SELECT CASE RTRIM(o.type) WHEN 'V' THEN 'view' WHEN 'TR' THEN 'trigger' WHEN 'P' THEN 'procedure'
    ELSE 'function' END, o.name, m.definition
    FROM sys.sql_modules m JOIN sys.objects o ON o.object_id = m.object_id WHERE o.is_ms_shipped = 0 ORDER BY o.name"""
_QUERIES = {
    "sqlite": (_SQLITE,),
    "postgresql": (_POSTGRESQL_VIEWS, _POSTGRESQL_TRIGGERS, _POSTGRESQL_FUNCTIONS),
    "mysql": (_MYSQL_VIEWS, _MYSQL_TRIGGERS, _MYSQL_ROUTINES),
    "microsoft": (_MICROSOFT,),
}


def read_stored_sql(session: Session) -> StoredSql | Unobserved:
    """Read what the database holds of SQL, and take it apart.

    A server that only speaks like SQL Server may have no catalogue of modules, and then it has none of them.

    Raises:
        DatabaseError: the catalogue cannot be read.
    """
    try:
        rows = [tuple(map(_text, row)) for sql in _QUERIES[session.vendor] for row in session.fetch(sql)]
    except DatabaseError as error:
        if "Invalid object name" in error.message and "sql_modules" in error.message:
            return Unobserved("this server keeps no SQL of anybody's: it has no sys.sql_modules", asked=False)
        raise
    views = [(f"view {name}", text) for kind, name, text in rows if kind == "view"]
    others = [(f"{kind} {name}", text) for kind, name, text in rows if kind != "view"]
    return StoredSql(vendor=session.vendor, views=_read(views), others=_read(others))


def _text(value: object) -> str | None:
    return None if value is None else as_text(value)


def _read(sources: Iterable[tuple[str, str | None]]) -> Scripts:
    read: list[Script] = []
    unread: list[tuple[str, str]] = []
    for name, text in sources:
        if text is None:
            unread.append((name, "the database does not show its text to this login"))
            continue
        try:
            read.append(read_sql(name, text))
        except NoStatementError:
            continue  # a function may well do no more than reckon
        except SqlError as error:
            unread.append((name, str(error)))
    return Scripts(read=tuple(read), unread=tuple(unread))
