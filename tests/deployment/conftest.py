"""Small databases, laid out as QATrack+ lays them out, for the tests of this folder."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.errors import DatabaseError
from upgrade_kit.planning.graph import VersionGraph

Tests = list[tuple[int, str, str, str, str | None]]
MakeSite = Callable[..., DatabaseAddress]

SMALL: Tests = [
    (
        1,
        "epid",
        "EPID image (PIL)",
        "upload",
        "import PIL.Image\r\nepid = PIL.Image.open(FILE).size[0]  \r\n",
    ),
    (2, "total", "Total", "composite", "total = epid + 1"),
    (3, "plain", "Just a number", "simple", None),
    (4, "rows", "Rows, \tof a \u00e9 file", "upload", "rows = len(FILE.readlines())"),
    (5, "empty", "Upload without a procedure", "upload", None),
]


def make_tables(run: Callable[[str], object], *, history: str, text_type: str = "text") -> None:
    """Create the tables that the kit reads, at the end of 0.3.0 (``django``) or of 0.2.9.1 (``south``)."""
    run(
        "CREATE TABLE qa_test (id integer NOT NULL PRIMARY KEY, name varchar(255) NOT NULL, "
        f"slug varchar(128) NOT NULL, type varchar(10) NOT NULL, calculation_procedure {text_type} NULL, "
        "modified varchar(30) NULL)"
    )
    run("CREATE TABLE django_site (id integer NOT NULL PRIMARY KEY, domain varchar(100) NOT NULL)")
    run("INSERT INTO django_site VALUES (1, 'example.com')")
    if history == "django":
        run("CREATE TABLE django_migrations (id integer PRIMARY KEY, app varchar(255), name varchar(255))")
    else:
        run(
            "CREATE TABLE south_migrationhistory "
            "(id integer PRIMARY KEY, app_name varchar(255), migration varchar(255))"
        )
    table = {"django": "django_migrations", "south": "south_migrationhistory"}[history]
    release = [node for node in VersionGraph.load().releases if node.history == history][-1]
    number = 0
    for app, names in release.migrations:
        for name in names:
            number += 1
            run(f"INSERT INTO {table} VALUES ({number}, '{app}', '{name}')")


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """Return a maker of small SQLite sites: ``make_site(tests=..., history="django", name=...)``."""

    def make(tests: Tests = SMALL, *, history: str = "django", name: str = "site.sqlite3") -> DatabaseAddress:
        file = tmp_path / name
        with closing(sqlite3.connect(file)) as connection, connection:
            make_tables(connection.execute, history=history)
            connection.executemany(
                "INSERT INTO qa_test VALUES (?, ?, ?, ?, ?, '2018-10-10')",
                [(test_id, title, slug, kind, text) for test_id, slug, title, kind, text in tests],
            )
        return DatabaseAddress(vendor="sqlite", name=str(file))

    return make


@pytest.fixture
def site(make_site: MakeSite) -> DatabaseAddress:
    """A small site at 0.3.0."""
    return make_site()


@pytest.fixture
def closed_port() -> Iterator[str]:
    """A loopback port that is taken and answers nobody."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield str(taken.getsockname()[1])


def text_of(caught: pytest.ExceptionInfo[DatabaseError]) -> str:
    """Return the one line that an error is."""
    assert "\n" not in str(caught.value)
    return str(caught.value)
