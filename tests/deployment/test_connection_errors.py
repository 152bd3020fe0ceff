from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from tests.deployment.conftest import text_of
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import DatabaseError


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for writable in (False, True):
        address = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "none.db"))
        with pytest.raises(DatabaseError, match="no such file"), open_database(address, writable=writable):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_told_as_one(tmp_path: Path) -> None:
    with (
        pytest.raises(DatabaseError, match="is a folder"),
        open_database(DatabaseAddress(vendor="sqlite", name=str(tmp_path))),
    ):
        pass


@pytest.mark.parametrize("content", [b"PK\x03\x04" * 300, b"SQLite format 3\0" + b"\xff" * 2000, b"x"])
def test_a_file_that_is_not_sqlite_is_told_as_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "report.xlsx"
    file.write_bytes(content)
    address = DatabaseAddress(vendor="sqlite", name=str(file))
    with (
        pytest.raises(DatabaseError, match=r"file is not a database.*check the path") as caught,
        open_database(address),
    ):
        pass
    assert "report.xlsx" in text_of(caught)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a way to die without a word")
def test_a_write_that_was_cut_off_is_told_when_reading_and_healed_when_writing(site: DatabaseAddress) -> None:
    child = f"""
        import os, signal, sqlite3
        connection = sqlite3.connect({site.name!r}, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE qa_test SET slug = 'half'")
        connection.execute("CREATE TABLE big (x)")
        connection.executemany("INSERT INTO big VALUES (?)", [("x" * 4000,)] * 50)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(child)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(DatabaseError, match=r"interrupted.*-journal"), open_database(site):
        pass
    with open_database(site, writable=True) as session:
        assert session.table_names() == ("django_migrations", "django_site", "qa_test")
        assert session.select("qa_test", "slug", where=("id", 1)) == [("epid",)]


def test_a_locked_file_says_what_to_stop(site: DatabaseAddress) -> None:
    address = DatabaseAddress(vendor="sqlite", name=site.name, options=(("timeout", "0"),))
    with closing(sqlite3.connect(site.name, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with (
            pytest.raises(DatabaseError, match=r"database is locked.*stop the web server"),
            open_database(address),
        ):
            pass


@pytest.mark.parametrize("vendor", ["postgresql", "mysql", "mssql"])
def test_a_port_that_answers_nobody_is_told_without_the_password(vendor: str, closed_port: str) -> None:
    for module in {"postgresql": ("psycopg",), "mysql": ("MySQLdb",), "mssql": ("mssql", "pyodbc")}[vendor]:
        pytest.importorskip(module, exc_type=ImportError)
    if vendor == "mssql":
        import pyodbc  # noqa: PLC0415 - an extra

        if not pyodbc.drivers():
            pytest.skip("no ODBC driver is registered")
    url = f"{vendor}://qa:s3cret@127.0.0.1:{closed_port}/site"
    address = parse_database_url(url, base=Path())
    with pytest.raises(DatabaseError, match="Check host, port") as caught, open_database(address):
        pass
    assert "s3cret" not in text_of(caught)
    assert f"{vendor}://qa@127.0.0.1:{closed_port}/site" in text_of(caught)
