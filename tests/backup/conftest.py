"""A small database like a site's."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest


def _make_database(path: Path, *, tests: int = 3, padding: int = 0, journal: str = "delete") -> Path:
    """Build a database with a migration history, procedures, and kilobytes of padding."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT)")
        connection.execute("INSERT INTO django_migrations VALUES (1, 'qa', '0001_initial')")
        connection.execute("CREATE TABLE qa_test (id INTEGER PRIMARY KEY, calculation_procedure TEXT)")
        connection.executemany(
            "INSERT INTO qa_test VALUES (?, ?)", [(number, f"x = {number}") for number in range(1, tests + 1)]
        )
        connection.execute("CREATE TABLE padding (id INTEGER PRIMARY KEY, content BLOB)")
        connection.executemany("INSERT INTO padding VALUES (?, randomblob(1000))", [(n,) for n in range(padding)])
        connection.execute("COMMIT")
    return path


def _content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every table's rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        names = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid').fetchall() for name in sorted(names)}


@pytest.fixture(scope="session")
def make_database() -> Callable[..., Path]:
    return _make_database


@pytest.fixture(scope="session")
def content() -> Callable[[Path], dict[str, list[tuple[object, ...]]]]:
    """Return a function that reads every table's rows."""
    return _content


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return _make_database(tmp_path / "db.sqlite3")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A database of some 10 MB: the copy takes several steps."""
    return _make_database(tmp_path / "large.sqlite3", padding=7000)
