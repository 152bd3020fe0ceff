"""A small database like a site's, and folders that refuse."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process cannot write to, even as root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if not hasattr(os, "geteuid"):
        pytest.skip("rights of folders are not like this on this system")
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    _mount(folder, "ro,size=1m")
    yield folder
    _unmount(folder)


@pytest.fixture
def read_only_copy(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Copy a folder to a place where this process cannot write, even as root."""
    folder = tmp_path / "read-only-copy"
    folder.mkdir()
    _mount(folder, "size=16m")

    def copy(source: Path) -> Path:
        shutil.copytree(source, folder / "copy")
        subprocess.run([_program("mount"), "-o", "remount,ro", str(folder)], check=True)
        return folder / "copy"

    yield copy
    _unmount(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    _mount(folder, "size=16m")
    yield folder
    _unmount(folder)


def _program(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"there is no {name} here")


def _mount(folder: Path, options: str) -> None:
    command = [_program("mount"), "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount")
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")


def _unmount(folder: Path) -> None:
    subprocess.run([_program("umount"), str(folder)], capture_output=True, check=True)
