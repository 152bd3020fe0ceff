"""Builds the site that a ``*.site.toml`` under fixtures/preflight describes.

It is the sample site of ``version``, to which ``steps`` are done in their order; then it is looked at:

- ``["sql", SCRIPT]`` in its database, ``["backup"]`` with its uploads or ``["backup", "without uploads"]``, verified;
- ``["write", FILE, TEXT]``, ``["replace", FILE, OLD, NEW]``, ``["move", FILE, FILE]``, ``["remove", FILE]``;
- ``["damage", TABLE]`` in the database's file, ``["become", VERSION]``: the database is another version's sample from
  then on.

``server`` names one to which the database is copied, and ``on_server`` what is done to it there. With ``alone`` the
database is looked at without the site's folder, with ``database`` beside it, as ``--database`` has it. ``from`` is
what ``--from`` says, ``sql`` names a file of SQL, ``backup_to`` where a backup is to go, ``free_mib`` what every
disk answers when it is asked for its free room. ``pages`` are what the site's web server
answers (``test_preflight_verify``). ``says`` holds words that the findings must have in them.
"""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.planning.graph import VersionGraph

GRAPH = VersionGraph.load()
FIXTURES = {"postgresql": "postgresql", "mysql": "mariadb", "microsoft": "sqlserver_freetds"}
KEYS = frozenset(
    "version steps server on_server alone database from sql backup_to free_mib pages says".split()  # noqa: SIM905 - short
)
_ANOTHER_VOLUME = "@ANOTHER VOLUME@"
_MEMORY = Path("/dev/shm")  # noqa: S108 - a volume of its own, of which only the number is read


class Server(Protocol):
    def copy_of(self, file: Path) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...


@dataclass(frozen=True)
class DescribedSite:
    """A site that was built."""

    said: Mapping[str, Any]
    root: Path
    address: DatabaseAddress

    @property
    def backups(self) -> Path:
        return self.root.parent / "backups"

    @property
    def path(self) -> UpgradePath | None:
        return GRAPH.path(self.said["from"], "0.3.0") if "from" in self.said else None

    def observed(self) -> Deployment:
        says = self.said
        return survey(
            None if says.get("alone") else self.root,
            database=self.address.shown if says.keys() & {"alone", "database", "server"} else None,
            password=self.address.password or None,
            interpreters=False,
            environment={"PATH": "", "LC_ALL": "C.UTF-8"},
            backup_folders=[self.backups] if self.backups.exists() else (),
            backup_to=_place(says["backup_to"], self.root) if "backup_to" in says else None,
            sql=[self.root / name for name in says.get("sql", ())],
            releases=GRAPH.releases,
        )


def read(case: Path) -> dict[str, Any]:
    said = tomllib.loads(case.read_text(encoding="utf-8"))
    assert said.keys() <= KEYS
    return said


def build(said: Mapping[str, Any], folder: Path, server: Server | None = None) -> DescribedSite:
    root = folder / "site"
    file = build_sample_site(root, GRAPH.resolve(said.get("version", "0.2.9.1")))
    for verb, *words in said.get("steps", ()):
        _do(root, file, verb, words)
    address = parse_database_url(f"sqlite:///{file}", base=root)
    if server is not None:
        address = server.copy_of(file)
        server.run(*said.get("on_server", ()), address=address)
    return DescribedSite(said=said, root=root, address=address)


def _do(root: Path, database: Path, verb: str, words: list[str]) -> None:
    match verb, *words:
        case "sql", script:
            with closing(sqlite3.connect(database)) as connection, connection:
                connection.executescript(script)
        case "backup", *how:
            uploads = None if how else root / "qatrack" / "media" / "uploads"
            address = parse_database_url(f"sqlite:///{database}", base=root)
            create_backup(address, to_dir=root.parent / "backups", uploads=uploads)
        case "write", name, text:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(text.encode())
        case "replace", name, old, new:
            content = (root / name).read_bytes()
            assert old.encode() in content
            (root / name).write_bytes(content.replace(old.encode(), new.encode()))
        case "move", name, to:
            (root / name).rename(root / to)
        case "remove", name:
            (root / name).unlink()
        case "damage", table:
            _damage(database, table)
        case "become", version:
            _become(database, version)
        case _:
            raise AssertionError(verb)


def _become(database: Path, version: str) -> None:
    """Put another version's sample in the database's place; what South recorded stays, as a migration leaves it."""
    wanted = "SELECT app_name, migration, applied FROM south_migrationhistory"
    with closing(sqlite3.connect(database)) as connection:
        south = connection.execute(wanted).fetchall()
    database.unlink()
    release = GRAPH.resolve(version)
    build_sample_database(database, release)
    if release.history == "django":
        with closing(sqlite3.connect(database)) as connection, connection:
            insert = "INSERT INTO south_migrationhistory (app_name, migration, applied) VALUES (?, ?, ?)"
            connection.executemany(insert, south)


def _damage(database: Path, table: str) -> None:
    """Write over the beginning of a table's first page."""
    with closing(sqlite3.connect(database)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    data = bytearray(database.read_bytes())
    data[(page - 1) * size : (page - 1) * size + 200] = b"\xff" * 200
    database.write_bytes(data)


def _place(stated: str, root: Path) -> Path:
    if stated.startswith(_ANOTHER_VOLUME) and not (_MEMORY.is_dir() and _MEMORY.stat().st_dev != root.stat().st_dev):
        pytest.skip("there is no second volume here")
    return root.parent / stated.replace(_ANOTHER_VOLUME, str(_MEMORY))
