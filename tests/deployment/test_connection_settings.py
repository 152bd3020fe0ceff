from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database


@pytest.mark.parametrize("name", ["a b#c?d%41&mode=memory.db", "\u00e9t\u00e9 \u4e2d.db", 'it\'s "x";.db'])
def test_any_path_opens_the_file_of_that_name(tmp_path: Path, name: str) -> None:
    if os.name == "nt" and set(name) & set('?"'):
        pytest.skip("Windows has no such names")
    with closing(sqlite3.connect(tmp_path / name)) as connection, connection:
        connection.execute("CREATE TABLE here (id integer)")
    with open_database(DatabaseAddress(vendor="sqlite", name=str(tmp_path / name))) as session:
        assert session.table_names() == ("here",)
