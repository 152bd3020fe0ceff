"""A backup that is proved, beside SQLite's bare copy and beside a dump to text, of the same database."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

from benchmarks.measuring import Way, compared
from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.planning.graph import VersionGraph

SIZE = 200_000  # rows of qa_testinstance

_TEST_INSTANCE = """
DROP TABLE qa_testinstance;
CREATE TABLE qa_testinstance (
    id integer PRIMARY KEY, value real, string_value varchar(1024), comment text, skipped bool NOT NULL,
    pass_fail varchar(20) NOT NULL, status_id integer NOT NULL, reference_id integer, tolerance_id integer,
    unit_test_info_id integer NOT NULL, test_list_instance_id integer NOT NULL, review_date datetime,
    reviewed_by_id integer, work_started datetime NOT NULL, work_completed datetime NOT NULL,
    created datetime NOT NULL, created_by_id integer NOT NULL, modified datetime NOT NULL,
    modified_by_id integer NOT NULL
);
CREATE INDEX by_unit_test_info ON qa_testinstance (unit_test_info_id);
CREATE INDEX by_test_list_instance ON qa_testinstance (test_list_instance_id);
CREATE INDEX by_work_completed ON qa_testinstance (work_completed);
"""


def run(size: int, runs: int) -> Iterator[str]:
    """Measure whole backups to a folder of the same disk."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        database = here / "default.db"
        build(database, size)
        ways = [
            Way(
                name="sqlite3.Connection.backup, nothing proved", work=lambda run: _copy(database, here / f"{run}.copy")
            ),
            Way(
                name="upgrade-kit create_backup, copied and proved",
                work=lambda run: create_backup(f"sqlite:///{database.as_posix()}", to_dir=here / f"{run}.kit"),
            ),
            Way(name="sqlite3.Connection.iterdump to a file", work=lambda run: _dump(database, here / f"{run}.sql")),
        ]
        megabytes = database.stat().st_size / 1e6
        yield f"One SQLite database as of 0.2.9.1, {size} rows in qa_testinstance, {megabytes:.1f} MB"
        yield from compared(ways, runs)


def build(file: Path, rows: int) -> None:
    """Make a database as of 0.2.9.1 with so many test instances."""
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    random = Random(5)  # noqa: S311 - the same data each time
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(_TEST_INSTANCE)
        places = ", ".join("?" * 19)
        connection.executemany(
            f"INSERT INTO qa_testinstance VALUES ({places})", (_row(number, random) for number in range(1, rows + 1))
        )


def _row(number: int, random: Random) -> tuple[object, ...]:
    work = f"2018-{number % 12 + 1:02}-{number % 28 + 1:02} {number % 24:02}:15:00"  # Django writes no noughts
    saved = f"{work}.{random.randrange(1, 1_000_000):06}"
    comment = "repeated after warm-up" if number % 50 == 0 else None
    result = (random.gauss(100, 1), None, comment, 0, random.choice(("ok", "tolerance", "action", "no_tol")))
    keys = (1, number % 400 + 1, number % 90 + 1, number % 900 + 1, number // 20 + 1)
    return (number, *result, *keys, saved, 1, work, work, saved, 1, saved, 1)


def _copy(database: Path, target: Path) -> None:
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _dump(database: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(database)) as source,
        target.open("w", encoding="utf-8", newline="\n") as file,
    ):
        file.writelines(f"{statement}\n" for statement in source.iterdump())
