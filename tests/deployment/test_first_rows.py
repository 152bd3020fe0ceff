from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.first_rows import first_rows, shown


def test_no_more_rows_come_than_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (id integer)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(20)])
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        assert first_rows(session, "SELECT id FROM t WHERE id > %s ORDER BY id", (3,), most=2) == [(4,), (5,)]
        assert len(first_rows(session, "SELECT id FROM t")) == 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("plain", "plain", id="a plain text is left alone"),
        pytest.param("a\r\nb\x00\u2028c\x1b[31m", "a  b  c [31m", id="nothing steers a terminal or breaks a line"),
        pytest.param("n" * 61, "n" * 60 + "...", id="a long text is cut"),
        pytest.param(b"\xffa", "\ufffda", id="bytes that are no text"),
        pytest.param(None, "None", id="no value"),
        pytest.param(7, "7", id="a number"),
    ],
)
def test_a_value_is_shown_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text
