"""Read the rules on database servers: until when their makers mend faults (``rules/servers/*.toml``)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from packaging.version import InvalidVersion, Version

from upgrade_kit.errors import RulesError
from upgrade_kit.planning.rulebook import rule_folders

_KEYS = frozenset(("product", "source", "until"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """A line of versions of one server.

    Attributes:
        product: the server, as ``model.server.Identity`` calls it.
        version: the beginning of the numbers of each version in the line.
        until: the last day on which its makers mend faults in it.
        source: where they say so.
    """

    product: str
    version: Version
    until: date
    source: str


def load_server_lines(folders: Iterable[Path] | None = None) -> tuple[ServerLine, ...]:
    """Read and check the rules on servers.

    Args:
        folders: folders that may hold ``servers``; by default those of ``rule_folders()``.

    Raises:
        RulesError: a file is wrong.
    """
    return _load(tuple(rule_folders() if folders is None else folders))


def line_of(product: str, version: Version, lines: Iterable[ServerLine]) -> ServerLine | None:
    """Return the line that a version belongs to, the longest that fits, or ``None``."""
    numbers = version.release
    fitting = [
        line
        for line in lines
        if line.product == product and numbers[: len(line.version.release)] == line.version.release
    ]
    return max(fitting, key=lambda line: len(line.version.release), default=None)


@cache
def _load(folders: tuple[Path, ...]) -> tuple[ServerLine, ...]:
    files = (file for folder in folders for file in sorted((folder / "servers").glob("*.toml")))
    return tuple(line for file in files for line in _read(file))


def _read(file: Path) -> list[ServerLine]:
    where = str(file)
    try:
        values: dict[str, object] = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise RulesError(where, "", f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RulesError(where, "", f"is not TOML in UTF-8: {error}") from error
    tables = values.pop("lines", None)
    if values or not isinstance(tables, list):
        raise RulesError(where, next(iter(values), "lines"), "must hold [[lines]] and nothing else")
    return [line for index, table in enumerate(tables) for line in _lines(table, where, f"lines[{index}]")]


def _lines(table: object, where: str, key: str) -> list[ServerLine]:
    if not isinstance(table, dict) or set(table) != _KEYS:
        raise RulesError(where, key, f"must hold {', '.join(sorted(_KEYS))} and nothing else")
    until = table["until"]
    if not isinstance(until, dict) or not all(type(day) is date for day in until.values()):
        raise RulesError(where, f"{key}.until", "must be a table of days")
    try:
        return [
            ServerLine(product=str(table["product"]), version=Version(name), until=day, source=str(table["source"]))
            for name, day in until.items()
        ]
    except InvalidVersion as error:
        raise RulesError(where, f"{key}.until", str(error)) from None
