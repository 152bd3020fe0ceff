"""The JSON dump of every server: the objects that an SQLite file with the same rows gives."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database


class Server(Protocol):
    vendor: str

    def new_database(self) -> DatabaseAddress: ...
    def copy_of(self, file: Path) -> DatabaseAddress: ...


def objects(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def dump(address: DatabaseAddress, folder: Path) -> list[dict[str, Any]]:
    return objects(create_backup(address, to_dir=folder, method="json").made.file)


GROUPS = """
CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label varchar(99), model varchar(99), name varchar(99));
CREATE TABLE auth_permission (id integer PRIMARY KEY, name varchar(50), content_type_id integer, codename varchar(100));
CREATE TABLE auth_group (id integer PRIMARY KEY, name varchar(80));
CREATE TABLE auth_group_permissions (id integer PRIMARY KEY, group_id integer, permission_id integer);
CREATE TABLE south_migrationhistory (id integer PRIMARY KEY, app_name varchar(255), migration varchar(255));
INSERT INTO django_content_type VALUES (1, 'zoo', 'ape', 'ape'), (2, 'attic', 'box', 'box');
INSERT INTO auth_permission VALUES (1, 'a', 1, 'a'), (2, 'b', 2, 'b'), (3, 'c', 1, 'c'), (4, 'd', 2, 'a');
INSERT INTO auth_group VALUES (3, 'Physics \u00e9\u4e2d'), (7, 'Nobody');
INSERT INTO auth_group_permissions VALUES (5, 3, 1), (6, 3, 2), (1, 7, 4), (2, 8, 3);
INSERT INTO south_migrationhistory VALUES (1, 'qa', '0026_give_new_permission_if_can_review');
"""


def site(folder: Path, more: int = 1200) -> Path:
    """Groups with lists, enough of them for three pages."""
    file = folder / "groups.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(GROUPS)
        connection.executemany(
            "INSERT INTO auth_group VALUES (?, ?)", [(n, f"group {n}") for n in range(10, 10 + more)]
        )
        connection.executemany(
            "INSERT INTO auth_group_permissions VALUES (?, ?, ?)",
            [(5000 - n, n, n % 4 + 1) for n in range(10, 10 + more) if n % 3],
        )
    return file


def test_lists_and_pairs_of_no_object(every_server: Server, tmp_path: Path) -> None:
    file = site(tmp_path)
    found = dump(every_server.copy_of(file), tmp_path / "there")
    assert found == dump(DatabaseAddress(vendor="sqlite", name=str(file)), tmp_path / "here")
    assert len([item for item in found if item["model"] == "auth.group"]) == 1202
    assert [item for item in found if item["model"] == "auth.group_permissions"] == [
        {"model": "auth.group_permissions", "pk": 2, "fields": {"group": 8, "permission": 3}}
    ]


def test_a_dump_is_proved_and_restored_into_another_database_and_into_sqlite(server: Server, tmp_path: Path) -> None:
    address = server.copy_of(site(tmp_path, more=10))
    backup = create_backup(address, to_dir=tmp_path / "to", method="json", compress=True, drill=True)
    assert verify_backup(backup.made.manifest).made.content == backup.made.content
    for target in (server.new_database(), DatabaseAddress(vendor="sqlite", name=str(tmp_path / "new.sqlite3"))):
        restore_backup(backup.made.manifest, database=target)
        again = create_backup(target, to_dir=tmp_path / "again", method="json")
        assert again.made.content == backup.made.content


@pytest.mark.real
@pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1", "0.3.0"])
def test_the_real_database_gives_the_same_dump_on_every_server(
    every_server: Server, real: Path, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "site.sqlite3"
    file.write_bytes((real / f"{name}.sqlite3").read_bytes())
    if every_server.vendor == "microsoft":  # which has no column that could hold the texts South left in SQLite's
        with closing(sqlite3.connect(file)) as connection, connection:
            for column in ("hidden", "skip_without_comment") if name != "0.2.8" else ():
                connection.execute(f"UPDATE qa_test SET {column} = 0 WHERE {column} = 'False'")
    there, here = (
        create_backup(address, to_dir=tmp_path / address.vendor, method="json")
        for address in (every_server.copy_of(file), DatabaseAddress(vendor="sqlite", name=str(file)))
    )
    assert there.made.content.digests == here.made.content.digests
    assert objects(there.made.file) == objects(here.made.file)


def test_what_is_written_meanwhile_is_not_in_the_dump(server: Server, tmp_path: Path) -> None:
    address = server.copy_of(site(tmp_path, more=3000))
    written = 0

    def write(_done: int, _total: int | None) -> None:
        nonlocal written
        if not written:
            with open_database(address, writable=True) as session:
                session.execute("INSERT INTO south_migrationhistory VALUES (2, 'qa', 'later')")
                session.execute("DELETE FROM auth_group_permissions")
        written += 1

    backup = create_backup(address, to_dir=tmp_path / "to", method="json", progress=write)
    assert written > 1
    found = objects(backup.made.file)
    assert [item["pk"] for item in found if item["model"] == "south.migrationhistory"] == [1]
    assert sum(bool(item["fields"].get("permissions")) for item in found) > 1000
