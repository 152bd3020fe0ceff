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
from upgrade_kit.errors import DatabaseError


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


def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(server: Server, tmp_path: Path) -> None:
    address = server.copy_of(site(tmp_path, more=3000))
    done: list[int] = []

    def kill(rows: int, _total: int | None) -> None:
        if not done:
            with open_database(address, writable=True) as session:
                if server.vendor == "postgresql":
                    session.fetch(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                else:
                    others = session.fetch(
                        "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
                    )
                    for (number,) in others:
                        session.execute(f"KILL {number}")
        done.append(rows)

    with pytest.raises(DatabaseError) as caught:
        create_backup(address, to_dir=tmp_path / "to", method="json", progress=kill)
    assert done
    assert caught.value.hint
    assert list((tmp_path / "to").iterdir()) == []


def test_no_table_goes_away_before_it_is_read(server: Server, tmp_path: Path) -> None:
    address = server.copy_of(site(tmp_path, more=100))
    said: list[str] = []

    def drop(_rows: int, _total: int | None) -> None:
        if not said:
            with open_database(address, writable=True) as session:
                short = "SET lock_timeout = '1s'" if server.vendor == "postgresql" else "SET lock_wait_timeout = 1"
                session.execute(short)
                with pytest.raises(DatabaseError) as caught:
                    session.execute("DROP TABLE south_migrationhistory")
                said.append(caught.value.message)

    found = objects(create_backup(address, to_dir=tmp_path / "to", method="json", progress=drop).made.file)
    assert "lock" in said[0].lower()
    assert [item["pk"] for item in found if item["model"] == "south.migrationhistory"] == [1]


def test_rows_that_lock_nobody(server: Server, tmp_path: Path) -> None:
    """The site goes on writing while it is dumped: here to a table that has been read, and to one that has not."""
    address = server.copy_of(site(tmp_path, more=1200))

    def write(rows: int, _total: int | None) -> None:
        with open_database(address, writable=True) as session:
            session.execute("UPDATE django_content_type SET name = 'x' WHERE id = 1")
            session.execute("UPDATE south_migrationhistory SET migration = %s WHERE id = 1", (f"after {rows}",))

    found = objects(create_backup(address, to_dir=tmp_path / "to", method="json", progress=write).made.file)
    texts = [item["fields"].get("migration") or item["fields"].get("name") for item in found]
    assert "x" not in texts
    assert "0026_give_new_permission_if_can_review" in texts


@pytest.mark.mariadb
def test_a_restore_that_fails_leaves_no_tables_behind(mariadb: Server, tmp_path: Path) -> None:
    file = site(tmp_path, more=0)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE words (word text PRIMARY KEY)")
        connection.executemany("INSERT INTO words VALUES (?)", [("a",), ("\u00e4",)])
    backup = create_backup(f"sqlite:///{file.as_posix()}", to_dir=tmp_path, method="json")
    empty = mariadb.new_database()

    with pytest.raises(DatabaseError, match="nothing of it was kept: Duplicate entry"):
        restore_backup(backup.made.manifest, database=empty)
    with open_database(empty) as session:
        assert session.table_names() == ()
