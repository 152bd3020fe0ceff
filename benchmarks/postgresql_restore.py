"""PostgreSQL's native restore, proved before its commit, beside ``pg_restore --single-transaction`` alone.

It wants a server: ``UPGRADE_KIT_BENCHMARK_POSTGRESQL`` is the URL of any database there; its login may create others.
Each way is a process of its own, whose CPU seconds (with those of the programs that it starts) and largest memory the
system counts. The server's work is in the seconds on the clock alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.json_backup import _Cost, _cost, _script
from benchmarks.sqlite_backup import _row
from upgrade_kit import create_backup
from upgrade_kit.backup.method import Options
from upgrade_kit.backup.postgresql_archive import pg_restore_program
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.model.backup import UnverifiedBackup

SIZE = 1_000_000  # rows of qa_testinstance

_URL = "UPGRADE_KIT_BENCHMARK_POSTGRESQL"
_TABLE = """
CREATE TABLE qa_testinstance (
    id serial PRIMARY KEY, value double precision, string_value varchar(1024), comment text, skipped boolean NOT NULL,
    pass_fail varchar(20) NOT NULL, status_id integer NOT NULL, reference_id integer, tolerance_id integer,
    unit_test_info_id integer NOT NULL, test_list_instance_id integer NOT NULL, review_date timestamptz,
    reviewed_by_id integer, work_started timestamptz NOT NULL, work_completed timestamptz NOT NULL,
    created timestamptz NOT NULL, created_by_id integer NOT NULL, modified timestamptz NOT NULL,
    modified_by_id integer NOT NULL
);
CREATE INDEX by_unit_test_info ON qa_testinstance (unit_test_info_id);
CREATE INDEX by_test_list_instance ON qa_testinstance (test_list_instance_id);
CREATE INDEX by_work_completed ON qa_testinstance (work_completed);
"""
# What a method's restore does, without reading the archive once more before and looking at the database afterwards.
_RESTORE = """
import os, sys
from dataclasses import replace
from pathlib import Path
from upgrade_kit.backup import postgresql_restore
from upgrade_kit.backup.method import Options
from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.deployment.manifests import read_manifest
if sys.argv[3] == "unproved":
    postgresql_restore._prove = lambda *_: 0
target = replace(parse_database_url(sys.argv[2], base=Path.cwd()), password=os.environ["PGPASSWORD"])
made = read_manifest(Path(sys.argv[1])).made
postgresql_restore.restore(made, target, Options(), replace=False, keep=lambda: None)
"""


def run(size: int, runs: int) -> Iterator[str]:
    """Measure in turn, at the size and at a tenth of it: memory must not grow with the rows."""
    url = os.environ.get(_URL, "")
    if not url:
        yield f"nothing was measured: {_URL} names no server"
        return
    server = parse_database_url(url, base=Path.cwd())
    for rows in (max(1, size // 10), size):
        with TemporaryDirectory() as folder, _database(server) as site:
            _fill(site, rows)
            made = create_backup(site, to_dir=folder, method="native").made
            yield f"{rows} rows in qa_testinstance, an archive of {made.size_bytes / 1e6:.1f} MB; {made.server}"
            yield from _compared(server, made, runs)


def _compared(server: DatabaseAddress, made: UnverifiedBackup, runs: int) -> Iterator[str]:
    os.environ["PGPASSWORD"] = server.password
    program = pg_restore_program(Options())
    ways: dict[str, Callable[[DatabaseAddress], _Cost]] = {
        "pg_restore --single-transaction": lambda to: _cost(
            [str(program), "--single-transaction", "--exit-on-error", f"--dbname={_url(to)}", str(made.file)], None
        ),
        "upgrade-kit, loaded, the proof left out": lambda to: _script(_RESTORE, made.manifest, _url(to), "unproved"),
        "upgrade-kit, loaded and every row proved": lambda to: _script(_RESTORE, made.manifest, _url(to), "proved"),
    }
    costs: dict[str, list[tuple[float, _Cost]]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            with _database(server) as target:
                start = perf_counter()
                found = way(target)
                costs[name].append((perf_counter() - start, found))
    first = [clock for clock, _ in next(iter(costs.values()))]
    for name, seen in costs.items():
        ratios = [clock / other for (clock, _), other in zip(seen, first, strict=True)]
        yield (
            f"  {name:<42} {median(clock for clock, _ in seen):7.2f} s"
            f"   CPU {median(found.seconds for _, found in seen):6.2f} s"
            f"  {max(c.megabytes for _, c in seen):6.1f} MB  ratio {median(ratios):5.2f}"
            f"  ({min(ratios):.2f} to {max(ratios):.2f})"
        )


@contextmanager
def _database(server: DatabaseAddress) -> Iterator[DatabaseAddress]:
    """Make an empty database, and drop it at the end."""
    name = f"upgrade_kit_benchmark_{secrets.token_hex(4)}"
    with open_database(server, writable=True) as session:
        session.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield replace(server, name=name)
    finally:
        with open_database(server, writable=True) as session:
            session.execute(f"DROP DATABASE {name}")


def _fill(site: DatabaseAddress, rows: int) -> None:
    random = Random(5)  # noqa: S311 - the same data each time
    with open_database(site, writable=True) as session, session.transaction():
        session.execute(_TABLE)
        with session.driver_connection.cursor() as cursor, cursor.copy("COPY qa_testinstance FROM STDIN") as taking:
            for number in range(1, rows + 1):
                values = list(_row(number, random))
                values[4] = False
                taking.write_row(values)


def _url(address: DatabaseAddress) -> str:
    return f"postgresql://{address.user}@{address.host}:{address.port or 5432}/{address.name}"
