"""What SQLite is told of a file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.sqlite_uri import sqlite_uri


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        pytest.param("/srv/site/default.db", "file:///srv/site/default.db?mode=ro", id="a path"),
        pytest.param("C:\\deploy\\default.db", "file:///C:/deploy/default.db?mode=ro", id="a drive"),
        pytest.param("C:/deploy/default.db", "file:///C:/deploy/default.db?mode=ro", id="a drive with slashes"),
        # Path.as_uri() has file://server/share, and SQLite answers: invalid uri authority.
        pytest.param("\\\\server\\share\\a.db", "file:////server/share/a.db?mode=ro", id="a share has no host"),
        pytest.param("/srv/a b?c#d%.db", "file:///srv/a%20b%3Fc%23d%25.db?mode=ro", id="what has a meaning in a URI"),
        pytest.param("/srv/\udce4.db", "file:///srv/%E4.db?mode=ro", id="a byte that is no UTF-8"),
    ],
)
def test_a_path_is_written_as_sqlite_reads_it(file: str, uri: str) -> None:
    assert sqlite_uri(file, mode="ro") == uri


def test_sqlite_opens_what_it_names(tmp_path: Path) -> None:
    file = tmp_path / "a b#c%.db"
    with closing(sqlite3.connect(sqlite_uri(file, mode="rwc"), uri=True)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER)")
    assert file.stat().st_size > 0


@pytest.mark.skipif(os.name != "nt", reason="only Windows has shares as paths")
def test_sqlite_opens_a_share(tmp_path: Path) -> None:
    drive, rest = os.path.splitdrive(tmp_path / "a.db")
    share = Path(f"\\\\localhost\\{drive[0]}${rest}")
    if not share.parent.is_dir():
        pytest.skip("this account reaches no share of its own machine")
    with closing(sqlite3.connect(sqlite_uri(share, mode="rwc"), uri=True)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER)")
    assert (tmp_path / "a.db").stat().st_size > 0
