"""Whether a database was written to since it was copied."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.sqlite_pages import same_pages


def made(folder: Path, mode: str) -> Path:
    file = folder / "live #1.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE results (id INTEGER PRIMARY KEY, value REAL, note TEXT)")
        rows = [(number / 7, "x" * 50) for number in range(900)]
        connection.executemany("INSERT INTO results (value, note) VALUES (?, ?)", rows)
    return file


def copied(live: Path) -> Path:
    copy = live.with_name("copy.db")
    with closing(sqlite3.connect(live)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    return copy


def update(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE results SET value = 1.5 WHERE id = 17")


def add(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO results (value) VALUES (1)")


def alter(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE results ADD COLUMN more TEXT")


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_database_that_nobody_wrote_to_is_as_its_copy(tmp_path: Path, mode: str) -> None:
    live = made(tmp_path, mode)

    assert same_pages(live, copied(live))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_write_is_seen_through_a_link_too(tmp_path: Path) -> None:
    live = made(tmp_path, "WAL")
    copy = copied(live)
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(live)
    with closing(sqlite3.connect(live, isolation_level=None)) as connection:
        assert same_pages(link, copy)
        update(connection)

        assert not same_pages(link, copy)


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
@pytest.mark.parametrize("write", [update, add, alter])
def test_one_write_is_seen(tmp_path: Path, mode: str, write: Callable[[sqlite3.Connection], None]) -> None:
    live = made(tmp_path, mode)
    copy = copied(live)
    with closing(sqlite3.connect(live)) as connection:
        with connection:
            write(connection)

        assert not same_pages(live, copy), "also while the write is in the write-ahead log alone"


def test_a_log_that_is_full_of_what_was_copied_is_no_difference(tmp_path: Path) -> None:
    live = made(tmp_path, "WAL")
    with closing(sqlite3.connect(live)) as connection:
        with connection:
            update(connection)
        assert live.with_name(f"{live.name}-wal").stat().st_size > 0

        assert same_pages(live, copied(live))


def test_a_write_that_was_rolled_back_is_none(tmp_path: Path) -> None:
    live = made(tmp_path, "DELETE")
    copy = copied(live)
    with closing(sqlite3.connect(live)) as connection:
        update(connection)
        connection.rollback()

    assert same_pages(live, copy)


def test_a_missing_copy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        same_pages(made(tmp_path, "DELETE"), tmp_path / "none.db")
