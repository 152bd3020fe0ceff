"""Read the rules on what migrations take for granted: ``rules/preconditions/*.toml``, one file a hop."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from upgrade_kit.errors import RulesError
from upgrade_kit.model.precondition import Demand, Precondition
from upgrade_kit.planning.rulebook import rule_folders

VENDORS = ("sqlite", "postgresql", "mysql", "microsoft")
_FILE_KEYS: dict[str, type] = {"from": str, "to": str, "source": str, "preconditions": list}
_KEYS: dict[str, type] = {
    "demand": str,
    "table": str,
    "columns": list,
    "to": str,
    "of_test_type": str,
    "values": list,
    "most": int,
    "prefix": str,
    "migration": str,
    "stops": list,
    "effect": str,
    "otherwise": str,
    "loses": bool,
    "mend": str,
    "lines": list,
}
_NEEDED = ("demand", "migration", "stops", "mend")
# What each demand cannot do without, besides what all need.
_NEEDED_BY: dict[Demand, tuple[str, ...]] = {
    Demand.UNIQUE: ("table", "columns"),
    Demand.REQUIRED: ("table", "columns"),
    Demand.REFERENCE: ("table", "columns", "to"),
    Demand.LENGTH: ("table", "columns", "most"),
    Demand.CHOICES: (),
    Demand.WHOLE_CHOICES: (),
    Demand.MODALITY_NAMES: (),
    Demand.TOLERANCE_NAMES: (),
    Demand.TOLERANCE_LENGTHS: ("most",),
    Demand.ONE_OF: ("table", "columns", "values"),
    Demand.SINGLE: ("table", "columns", "values"),
    Demand.NONE: ("table", "columns", "values"),
    Demand.UNFINISHED: ("table", "columns"),
    Demand.NUMBERING: ("table", "columns"),
    Demand.HISTORY: ("table", "values"),
    Demand.SCRIPTS: ("table", "columns"),
    Demand.LEFTOVER: ("values",),
    Demand.CONSTRAINT: ("table", "columns"),
    Demand.ENGINE: (),
}


def load_preconditions(folders: Iterable[Path] | None = None) -> tuple[Precondition, ...]:
    """Read and check the preconditions of every hop, in the order of the hops and of the files.

    Args:
        folders: folders that may hold ``preconditions``; by default those of ``rule_folders()``.

    Raises:
        RulesError: a file is wrong in itself.
    """
    return _load(tuple(rule_folders() if folders is None else folders))


@cache
def _load(folders: tuple[Path, ...]) -> tuple[Precondition, ...]:
    files = [file for folder in folders for file in sorted((folder / "preconditions").glob("*.toml"))]
    found = [item for file in files for item in _read(file)]
    return tuple(sorted(found, key=lambda item: (item.source, item.target)))


def _read(file: Path) -> list[Precondition]:
    where = str(file)
    try:
        values: dict[str, object] = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise RulesError(where, "", f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(where, "", f"is not TOML in UTF-8: {error}") from error
    _check(values, _FILE_KEYS, tuple(_FILE_KEYS), where, "")
    source, target = (_version(values[key], where, key) for key in ("from", "to"))
    if source >= target:
        raise RulesError(where, "to", f"{target} does not come after {source}")
    items = values["preconditions"]
    return [
        _precondition(item, source, target, where, f"preconditions[{index}]")
        for index, item in enumerate(items if isinstance(items, list) else ())
    ]


def _precondition(item: object, source: Version, target: Version, where: str, key: str) -> Precondition:
    if not isinstance(item, dict):
        raise RulesError(where, key, "must be a table")
    _check(item, _KEYS, _NEEDED, where, f"{key}.")
    if item["demand"] not in set(Demand):
        raise RulesError(where, f"{key}.demand", f"{item['demand']!r} is none of {', '.join(Demand)}")
    demand = Demand(item["demand"])
    _check(item, _KEYS, _NEEDED_BY[demand], where, f"{key}.")
    stops = _texts(item, "stops", where, key)
    if other := next((vendor for vendor in stops if vendor not in VENDORS), None):
        raise RulesError(where, f"{key}.stops", f"{other!r} is none of {', '.join(VENDORS)}")
    if stops and "effect" not in item:
        raise RulesError(where, f"{key}.effect", "is missing; it says what happens where the migration stops")
    texts = {name: str(item.get(name, "")) for name in ("table", "to", "of_test_type", "prefix", "migration")}
    words = {name: " ".join(str(item.get(name, "")).split()) for name in ("effect", "otherwise", "mend")}
    most = item.get("most")
    return Precondition(
        source=source,
        target=target,
        demand=demand,
        columns=_texts(item, "columns", where, key),
        values=_texts(item, "values", where, key),
        lines=_texts(item, "lines", where, key),
        most=most if isinstance(most, int) else None,
        stops=stops,
        loses=bool(item.get("loses")),
        **texts,
        **words,
    )


def _version(value: object, where: str, key: str) -> Version:
    try:
        return Version(str(value))
    except InvalidVersion:
        raise RulesError(where, key, f"{value!r} is not a version") from None


def _texts(item: Mapping[str, object], name: str, where: str, key: str) -> tuple[str, ...]:
    value = item.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) and text.isprintable() for text in value):
        raise RulesError(where, f"{key}.{name}", "must be an array of strings, each one line")
    return tuple(value)


def _check(
    item: Mapping[str, object], known: Mapping[str, type], required: Iterable[str], where: str, prefix: str
) -> None:
    for name in required:
        if name not in item:
            raise RulesError(where, f"{prefix}{name}", "is missing")
    for name, value in item.items():
        if name not in known:
            raise RulesError(where, f"{prefix}{name}", "no such key; look for a misspelling")
        if type(value) is not known[name]:
            raise RulesError(where, f"{prefix}{name}", f"must be of type {known[name].__name__}")
        if value in ("", []) and name != "stops":
            raise RulesError(where, f"{prefix}{name}", "must not be empty")
