"""Read the rules on each version's models: ``rules/models/*.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from upgrade_kit.errors import RulesError
from upgrade_kit.model.shape import Field, FreshRow, Kind, ListField, Models, Moved, TableShape
from upgrade_kit.planning.rulebook import rule_folders

_FIELD_KEYS = {
    "name": str,
    "kind": str,
    "column": str,
    "to": str,
    "key": bool,
    "null": bool,
    "length": int,
    "digits": int,
    "places": int,
}
_LIST_KEYS = {"name": str, "table": str, "source": str, "target": str, "to": str, "order": list}
_MODEL_KEYS = {"model": str, "table": str, "fields": list, "lists": list, "permissions": list, "dumped": bool}
_FRESH_KEYS = {"model": str, "pk": int, "unique": dict}
_FILE_KEYS = {
    "version": str,
    "source": str,
    "models": list,
    "fresh": list,
    "moved": list,
    "remade": list,
    "retyped": list,
}
_MOVED_KEYS = {"table": str, "columns": list, "what": str, "instead": str, "source": str}


def load_models(folders: Iterable[Path] | None = None) -> tuple[Models, ...]:
    """Read and check the rules on models, oldest version first.

    Args:
        folders: folders that may hold ``models``; by default those of ``rule_folders()``.

    Raises:
        RulesError: a file is wrong in itself, or two describe one version.
    """
    return _load(tuple(rule_folders() if folders is None else folders))


@cache
def _load(folders: tuple[Path, ...]) -> tuple[Models, ...]:
    found: dict[Version, Models] = {}
    for folder in folders:
        for file in sorted((folder / "models").glob("*.toml")):
            models = _read(file)
            if models.version in found:
                raise RulesError(str(file), "version", f"{models.version} is in {found[models.version].origin} too")
            found[models.version] = models
    return tuple(found[version] for version in sorted(found))


def _read(file: Path) -> Models:
    where = str(file)
    try:
        values: dict[str, object] = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise RulesError(where, "", f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(where, "", f"is not TOML in UTF-8: {error}") from error
    _check(values, _FILE_KEYS, ("version", "source", "models"), where, "")
    try:
        version = Version(str(values["version"]))
    except InvalidVersion:
        raise RulesError(where, "version", f"{values['version']!r} is not a version") from None
    tables = tuple(
        _table(item, where, f"models[{index}]") for index, item in enumerate(_tables(values, "models", where, ""))
    )
    known = {table.model for table in tables}
    for index, table in enumerate(tables):
        _check_table(table, known, where, f"models[{index}]")
    for name in ("model", "table"):
        names = [getattr(table, name) for table in tables]
        if twice := next((each for each in names if names.count(each) > 1), None):
            raise RulesError(where, f"models.{name}", f"{twice!r} is described twice")
    fresh = tuple(
        _fresh(item, known, where, f"fresh[{index}]")
        for index, item in enumerate(_tables(values, "fresh", where, "") if "fresh" in values else ())
    )
    moved = tuple(
        _moved(item, where, f"moved[{index}]")
        for index, item in enumerate(_tables(values, "moved", where, "") if "moved" in values else ())
    )
    remade = _texts(values, "remade", [], where, "")
    retyped = tuple(tuple(name.split(".", 1)) for name in _texts(values, "retyped", [], where, ""))
    pairs = tuple((pair[0], pair[1]) for pair in retyped if len(pair) > 1)
    if len(pairs) < len(retyped):
        raise RulesError(where, "retyped", "must name each as table.column")
    return Models(version=version, tables=tables, fresh=fresh, remade=remade, retyped=pairs, moved=moved, origin=where)


def _table(item: Mapping[str, object], where: str, key: str) -> TableShape:
    _check(item, _MODEL_KEYS, ("model", "table", "fields"), where, key)
    fields = tuple(
        _field(field, where, f"{key}.fields[{index}]")
        for index, field in enumerate(_tables(item, "fields", where, f"{key}."))
    )
    lists = tuple(
        _list(field, where, f"{key}.lists[{index}]")
        for index, field in enumerate(_tables(item, "lists", where, f"{key}.") if "lists" in item else ())
    )
    model = str(item["model"])
    name = model.rpartition(".")[2]
    usual = [f"{what}_{name}" for what in ("add", "change", "delete")]
    permissions = _texts(item, "permissions", usual, where, key)
    return TableShape(
        model=model,
        table=str(item["table"]),
        fields=fields,
        lists=lists,
        permissions=permissions,
        dumped=bool(item.get("dumped", True)),
    )


def _fresh(item: Mapping[str, object], known: set[str], where: str, key: str) -> FreshRow:
    _check(item, _FRESH_KEYS, ("model", "pk"), where, key)
    if item["model"] not in known:
        raise RulesError(where, f"{key}.model", f"{item['model']!r} is not described")
    unique = item.get("unique", {})
    pairs = tuple((str(name), str(value)) for name, value in unique.items()) if isinstance(unique, dict) else ()
    return FreshRow(model=str(item["model"]), pk=int(str(item["pk"])), unique=pairs)


def _moved(item: Mapping[str, object], where: str, key: str) -> Moved:
    _check(item, _MOVED_KEYS, ("table", "what", "instead", "source"), where, key)
    return Moved(
        table=str(item["table"]),
        columns=_texts(item, "columns", [], where, key),
        what=str(item["what"]),
        instead=str(item["instead"]),
        source=str(item["source"]),
    )


def _field(item: Mapping[str, object], where: str, key: str) -> Field:
    _check(item, _FIELD_KEYS, ("name", "kind"), where, key)
    if item["kind"] not in set(Kind):
        raise RulesError(where, f"{key}.kind", f"{item['kind']!r} is none of {', '.join(Kind)}")
    name = str(item["name"])
    return Field(
        name=name,
        column=str(item.get("column", f"{name}_id" if "to" in item else name)),
        kind=Kind(str(item["kind"])),
        to=str(item.get("to", "")),
        key=bool(item.get("key")),
        null=bool(item.get("null")),
        length=_number(item.get("length")),
        digits=_number(item.get("digits")),
        places=_number(item.get("places")),
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _list(item: Mapping[str, object], where: str, key: str) -> ListField:
    _check(item, _LIST_KEYS, ("name", "table", "source", "target", "to"), where, key)
    order = _texts(item, "order", [], where, key)
    name, table, source, target, to = (str(item[key]) for key in ("name", "table", "source", "target", "to"))
    return ListField(name=name, table=table, source=source, target=target, to=to, order=order)


def _texts(item: Mapping[str, object], name: str, default: list[str], where: str, key: str) -> tuple[str, ...]:
    value = item.get(name, default)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise RulesError(where, f"{key}.{name}", "must be an array of strings")
    return tuple(value)


def _check_table(table: TableShape, known: set[str], where: str, key: str) -> None:
    if [field.key for field in table.fields].count(True) != 1 or not table.fields[0].key:
        raise RulesError(where, f"{key}.fields", "the first field, and no other, must be the primary key")
    names = [*(field.name for field in table.fields), *(field.name for field in table.lists)]
    if len(set(names)) < len(names):
        raise RulesError(where, f"{key}.fields", "two fields have one name")
    for target in (*(field.to for field in table.fields), *(field.to for field in table.lists)):
        if target and target not in known:
            raise RulesError(where, key, f"points to {target!r}, which is not described")


def _tables(item: Mapping[str, object], name: str, where: str, prefix: str) -> list[dict[str, object]]:
    value = item[name]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise RulesError(where, f"{prefix}{name}", "must be an array of tables")
    return value


def _check(
    item: Mapping[str, object], known: Mapping[str, type], required: Iterable[str], where: str, prefix: str
) -> None:
    dot = f"{prefix}." if prefix else ""
    for name in required:
        if name not in item:
            raise RulesError(where, f"{dot}{name}", "is missing")
    for name, value in item.items():
        if name not in known:
            raise RulesError(where, f"{dot}{name}", "no such key; look for a misspelling")
        if type(value) is not known[name]:
            raise RulesError(where, f"{dot}{name}", f"must be of type {known[name].__name__}")
        if value == "":
            raise RulesError(where, f"{dot}{name}", "must not be empty")
