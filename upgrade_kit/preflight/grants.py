"""The statements that give a login a right which it lacks, vendor by vendor."""

from __future__ import annotations

from collections.abc import Iterable

from upgrade_kit.model.server import Right, Rights

_FIRST_NAMES = 20


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
        lines = [f"ALTER TABLE {_quoted(rights.schema)}.{_quoted(name)} OWNER TO {user};" for name in right.on]
        return _first(lines)
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


def _first(lines: list[str]) -> list[str]:
    """Return no more lines than anybody reads; the message has the names of all."""
    rest = len(lines) - _FIRST_NAMES
    return lines if rest <= 0 else [*lines[:_FIRST_NAMES], f"-- and {rest} more of the same"]
