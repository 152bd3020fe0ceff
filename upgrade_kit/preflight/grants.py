"""The statements that give a login a right which it lacks, vendor by vendor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from upgrade_kit.model.server import Right, Rights

_LINES = 20  # that anybody reads


def statements(vendor: str, database: str, rights: Rights, lacking: Iterable[Right]) -> list[str]:
    """Return what an administrator types so that a login gets what it lacks."""
    lacking = list(lacking)
    match vendor:
        case "postgresql":
            return [line for right in lacking for line in _postgresql(rights, right)]
        case "mysql":
            names = ", ".join(dict.fromkeys(right.name for right in lacking))
            place = rights.place or database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")
            return [f"GRANT {names} ON `{place.replace('`', '``')}`.* TO {rights.user};"]
        case "microsoft":
            return [_sql_server(rights, right) for right in lacking]
        case _:
            return []


def _postgresql(rights: Rights, right: Right) -> list[str]:
    user = _quoted(rights.user)
    if right.name == "CREATE":
        return [f"GRANT USAGE, CREATE ON SCHEMA {_quoted(rights.schema)} TO {user};"]
    if right.name == "OWNER":
        if len(right.on) > _LINES:
            return [_own_all(_quoted(rights.schema), right.on, user)]
        return [f"ALTER TABLE {_quoted(rights.schema)}.{_quoted(name)} OWNER TO {user};" for name in right.on]
    if "." in "".join(right.on):  # each with its schema
        schemas = dict.fromkeys(name.partition(".")[0] for name in right.on)
    else:
        schemas = dict.fromkeys([rights.schema])
    lines = []
    for schema in schemas:
        place = _quoted(schema)
        lines.append(f"GRANT USAGE ON SCHEMA {place} TO {user};")
        lines.append(f"GRANT {right.name} ON ALL TABLES IN SCHEMA {place} TO {user};")
        lines.append(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {place} TO {user};")
    return lines


def _sql_server(rights: Rights, right: Right) -> str:
    user = "[{}]".format(rights.user.replace("]", "]]"))
    if right.on:
        schema = "[{}]".format(rights.schema.replace("]", "]]"))
        return f"GRANT {right.name} ON SCHEMA::{schema} TO {user};"
    return f"GRANT {right.name} TO {user};"


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


def _own_all(schema: str, tables: Sequence[str], user: str) -> str:
    """Return one statement for many tables, which nobody would type line by line."""
    names = ", ".join(_literal(name) for name in tables)
    change = f"{_literal(f'ALTER TABLE {schema}.')} || quote_ident(t) || {_literal(f' OWNER TO {user}')}"
    return f"DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY ARRAY[{names}] LOOP EXECUTE {change}; END LOOP; END $$;"


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
