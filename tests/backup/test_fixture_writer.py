"""The JSON dump: the very objects that dumpdata gives, in a file that is whole or not there."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import sqlite3
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from upgrade_kit.backup.fixture_writer import Fixture, FixtureFile, write_fixture
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import BATCH_ROWS, open_database
from upgrade_kit.deployment.content import content_digests
from upgrade_kit.deployment.shapes import read_shapes

Objects = dict[tuple[str, Any], dict[str, Any]]

TABLES = """
CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text, name text);
CREATE TABLE auth_permission (id integer PRIMARY KEY, name text, content_type_id integer, codename text);
CREATE TABLE auth_group (id integer PRIMARY KEY, name text);
CREATE TABLE auth_group_permissions (id integer PRIMARY KEY, group_id integer, permission_id integer);
INSERT INTO django_content_type VALUES (1, 'zoo', 'ape', 'ape'), (2, 'attic', 'box', 'box');
INSERT INTO auth_permission VALUES (1, 'a', 1, 'a'), (2, 'b', 2, 'b'), (3, 'c', 1, 'c'), (4, 'd', 2, 'a');
INSERT INTO auth_group VALUES (1, 'Physics'), (7, 'Nobody'), (9, 'All');
INSERT INTO auth_group_permissions VALUES (5, 1, 1), (6, 1, 2), (1, 9, 4), (2, 9, 3), (3, 9, 2), (4, 9, 1);
"""


def database(file: Path, script: str = TABLES) -> DatabaseAddress:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(script)
    return DatabaseAddress(vendor="sqlite", name=str(file))


def dump(address: DatabaseAddress, *, compress: bool = False, version: str | None = None) -> tuple[bytes, Fixture]:
    out = io.BytesIO()
    with open_database(address) as session, session.snapshot() as notes:
        assert notes == ()
        shapes = read_shapes(session, Version(version) if version else None)
        with FixtureFile(out, compress=compress) as file:
            fixture = write_fixture(session, shapes, file)
        assert fixture.contents == content_digests(session, shapes)
    return out.getvalue(), fixture


def objects(text: bytes) -> Objects:
    found = json.loads(text.decode("utf-8"))
    keyed = {(item["model"], item["pk"]): item["fields"] for item in found}
    assert len(keyed) == len(found)
    return keyed


# --- As the real application has it --------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.2.8", "0.2.9.1", "0.3.0"])
def test_each_object_of_every_model_is_the_one_that_the_applications_dumpdata_wrote(
    fixtures: Path, tmp_path: Path, version: str
) -> None:
    script = (fixtures / "dumps" / f"{version}.sql").read_text(encoding="utf-8")
    text, fixture = dump(database(tmp_path / "site.sqlite3", script))
    mine, theirs = objects(text), objects((fixtures / "dumps" / f"{version}.json").read_bytes())
    assert fixture.notes == ()
    if version == "0.3.0":
        # Its managers hide what a person deleted, and so does its dumpdata.
        assert {mine.pop(("service_log.serviceevent", 13))["is_active"]} == {False}
        assert {mine.pop(("service_log.returntoserviceqa", 16))["service_event"]} == {13}
        assert mine["service_log.serviceevent", 10].pop("service_event_related") == [13]
        assert theirs["service_log.serviceevent", 10].pop("service_event_related") == []
    assert {model for model, _ in mine.keys() - theirs.keys()} <= {"migrations.migration"}
    assert {key: mine.get(key) for key in theirs} == theirs
    assert len({model for model, _ in theirs}) == {"0.2.8": 30, "0.2.9.1": 30, "0.3.0": 64}[version]


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "real_dump"),
    [("0.2.8", "0.2.8-plain"), ("0.2.9.1", "0.2.9.1-plain"), ("0.3.0-clean", "0.3.0-plain")],
)
def test_each_object_is_the_one_that_the_real_dumpdata_wrote(
    real: Path, tmp_path: Path, name: str, real_dump: str
) -> None:
    file = Path(shutil.copy(real / f"{name}.sqlite3", tmp_path / "site.sqlite3"))
    text, fixture = dump(DatabaseAddress(vendor="sqlite", name=str(file)))
    mine, theirs = objects(text), objects((real / "dumps" / f"{real_dump}.json").read_bytes())
    histories = {"south.migrationhistory", "migrations.migration"}
    assert {model for model, _ in mine.keys() - theirs.keys()} <= histories
    assert {key: mine.get(key) for key in theirs} == theirs
    assert fixture.notes == ()


@pytest.mark.real
@pytest.mark.parametrize("name", ["0.3.0", "0.3.0.20", "traps/skipped-0.2.9", "traps/stopped-by-orphan"])
def test_every_row_of_the_other_real_databases_is_there(real: Path, tmp_path: Path, name: str) -> None:
    file = Path(shutil.copy(real / f"{name}.sqlite3", tmp_path / "site.sqlite3"))
    text, _ = dump(DatabaseAddress(vendor="sqlite", name=str(file)))
    found = objects(text)
    with closing(sqlite3.connect(file)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        lists = ("_permissions", "_groups", "_modalities", "_sublists", "_visible_to", "_related", "_tags")
        tables = [name for name in names if not name.endswith(lists) and not name.startswith("sqlite_")]
        rows = sum(connection.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in tables)
    looks_like_no_pairs = [key for key in found if key[0].endswith("_sublists")]
    assert len(found) - len(looks_like_no_pairs) == rows


# --- Objects and their lists ---------------------------------------------------------------------


def test_a_list_stands_in_its_object_in_the_order_of_dumpdata(tmp_path: Path) -> None:
    found = objects(dump(database(tmp_path / "a.sqlite3"), version="0.2.9.1")[0])
    # By application and model of the permission's content type, then by its code name.
    assert found["auth.group", 9] == {"name": "All", "permissions": [4, 2, 1, 3]}
    assert found["auth.group", 1] == {"name": "Physics", "permissions": [2, 1]}
    assert found["auth.group", 7] == {"name": "Nobody", "permissions": []}
    assert found["auth.permission", 3] == {"name": "c", "content_type": 1, "codename": "c"}


def test_pairs_of_no_object_are_not_lost(tmp_path: Path) -> None:
    address = database(
        tmp_path / "a.sqlite3", TABLES + "INSERT INTO auth_group_permissions VALUES (20, 8, 1), (21, 99, 4)"
    )
    text, fixture = dump(address, version="0.2.9.1")
    found = objects(text)
    assert found["auth.group_permissions", 20] == {"group": 8, "permission": 1}
    assert found["auth.group_permissions", 21] == {"group": 99, "permission": 4}
    assert found["auth.group", 9] == {"name": "All", "permissions": [4, 2, 1, 3]}
    assert (
        "auth_group_permissions: 2 pairs of no auth.group; written as objects of auth.group_permissions."
        in fixture.notes
    )


def test_a_pair_to_an_object_that_is_gone_is_not_lost(tmp_path: Path) -> None:
    address = database(tmp_path / "a.sqlite3", TABLES + "INSERT INTO auth_group_permissions VALUES (20, 7, 99)")
    assert objects(dump(address, version="0.2.9.1")[0])["auth.group", 7]["permissions"] == [99]


def test_objects_with_lists_are_read_page_by_page(tmp_path: Path) -> None:
    number = 2 * BATCH_ROWS + 3
    address = database(tmp_path / "a.sqlite3")
    with closing(sqlite3.connect(address.name)) as connection, connection:
        connection.execute("DELETE FROM auth_group_permissions")
        connection.executemany("INSERT INTO auth_group VALUES (?, ?)", [(n, f"g{n}") for n in range(100, number + 100)])
        pairs = [(n, n % 4 + 1) for n in range(100, number + 100) if n % 3]
        random.Random(3).shuffle(pairs)  # noqa: S311 - the same order each time
        connection.executemany("INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (?, ?)", pairs)
    found = objects(dump(address, version="0.2.9.1")[0])
    assert {n: found["auth.group", n]["permissions"] for n in range(100, number + 100)} == {
        n: [n % 4 + 1] if n % 3 else [] for n in range(100, number + 100)
    }


def test_a_table_of_no_model_is_written_with_a_label_of_its_own(tmp_path: Path) -> None:
    address = database(tmp_path / "a.sqlite3", TABLES + "CREATE TABLE t (a text); INSERT INTO t VALUES ('x'), ('x')")
    text, fixture = dump(address, version="0.2.9.1")
    assert [item for item in json.loads(text) if item["model"] == "table.t"] == [
        {"model": "table.t", "pk": None, "fields": {"a": "x"}}
    ] * 2
    assert any(note.startswith("t is no model's table") for note in fixture.notes)


def test_what_was_found_in_values_is_told(tmp_path: Path) -> None:
    address = database(tmp_path / "a.sqlite3", TABLES + "INSERT INTO auth_group VALUES (11, CAST(X'E9' AS TEXT))")
    text, fixture = dump(address, version="0.2.9.1")
    assert json.loads(text)[-1]["fields"]["name"] == "\udce9"
    assert "auth_group.name: 1 value not in UTF-8, kept as lone surrogates (first in row 11)" in fixture.notes


# --- The file ------------------------------------------------------------------------------------


def test_one_object_stands_on_each_line(tmp_path: Path) -> None:
    lines = dump(database(tmp_path / "a.sqlite3"), version="0.2.9.1")[0].split(b"\n")
    assert (lines[0], lines[-2], lines[-1]) == (b"[", b"]", b"")
    assert len(lines[1:-2]) == 9
    assert all(json.loads(line.removesuffix(b","))["model"] for line in lines[1:-2])


@pytest.mark.parametrize("compress", [False, True])
def test_no_objects_are_an_empty_list(tmp_path: Path, compress: bool) -> None:
    text, fixture = dump(database(tmp_path / "a.sqlite3", ""), compress=compress)
    assert json.loads(gzip.decompress(text) if compress else text) == []
    assert fixture == Fixture(contents=(), notes=())


def test_gzip_holds_the_same(tmp_path: Path) -> None:
    address = database(tmp_path / "a.sqlite3")
    with closing(sqlite3.connect(address.name)) as connection, connection:
        rows = [(n, os.urandom(400).hex()) for n in range(100, 3100)]
        connection.executemany("INSERT INTO auth_group VALUES (?, ?)", rows)
    plain, compressed = dump(address)[0], dump(address, compress=True)[0]
    assert len(plain) > 2_000_000
    assert gzip.decompress(compressed) == plain
    assert compressed.count(b"\x1f\x8b\x08\x00\x00\x00\x00\x00") == 1  # one member, without a name or a time


class _Full(io.BytesIO):
    def write(self, _: Any) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("lines", [1, 200])
def test_a_full_disk_is_an_error_however_late_it_shows(compress: bool, lines: int) -> None:
    def fill() -> None:
        with FixtureFile(_Full(), compress=compress) as file:
            for _ in range(lines):
                file.write([os.urandom(10_000)])

    with pytest.raises(OSError, match="No space left"):
        fill()


@pytest.mark.parametrize("compress", [False, True])
def test_an_error_in_between_leaves_no_thread_and_is_the_one_told(compress: bool) -> None:
    def fail() -> None:
        with FixtureFile(io.BytesIO(), compress=compress) as file:
            file.write([b"{}"])
            raise KeyError("mine")

    before = threading.active_count()
    with pytest.raises(KeyError, match="mine"):
        fail()
    assert threading.active_count() == before


def test_progress_is_told_in_rows(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with (
        open_database(database(tmp_path / "a.sqlite3")) as session,
        session.snapshot(),
        FixtureFile(io.BytesIO(), compress=False) as file,
    ):
        write_fixture(session, read_shapes(session), file, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, None), (6, None), (9, None)]


def many(folder: Path, rows: int) -> DatabaseAddress:
    address = database(folder / f"{rows}.sqlite3")

    def values() -> Iterator[tuple[int, str]]:
        for number in range(10, rows + 10):
            yield number, f"group {number} " + "x" * 300

    with closing(sqlite3.connect(address.name)) as connection, connection:
        connection.executemany("INSERT INTO auth_group VALUES (?, ?)", values())
        pairs = ((number, number % 4 + 1) for number in range(10, rows + 10))
        connection.executemany("INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (?, ?)", pairs)
    return address


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for rows in (4_000, 40_000):
        address = many(tmp_path, rows)
        with (
            (tmp_path / "out.json").open("wb") as out,
            open_database(address) as session,
            session.snapshot(),
            FixtureFile(out, compress=False) as file,
        ):
            shapes = read_shapes(session, Version("0.2.9.1"))
            tracemalloc.start()
            write_fixture(session, shapes, file)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3
    assert peaks[1] < 5_000_000
