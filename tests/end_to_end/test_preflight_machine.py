"""The checks of clock, locale and logs on sites as they are, one file under fixtures/ for each case.

A name holds the check, its answer, and what the case is. In a ``.toml`` of the machine is what is done to the sample
site's database, and the environment; in a ``.txt`` of the files what is done in the site's folder (see
``test_preflight_uploads``); a ``.log`` is the migration's.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.end_to_end.ordinary_user import as_ordinary_user
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Found, NotApplicable, Passed, Severity
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

CASES = Path(__file__).parents[2] / "fixtures" / "preflight"
MACHINE = sorted(case for case in (CASES / "machine").iterdir() if case.name.startswith("UK"))
UNREADABLE = sorted(case for case in (CASES / "machine").iterdir() if case.name.startswith("unreadable"))
PLACES = sorted((CASES / "files").glob("UK516-*.txt"))
LOGS = sorted((CASES / "files").glob("UK517-*.log"))
GRAPH = VersionGraph.load()

posix = pytest.mark.skipif(sys.platform == "win32", reason="locales and rights are others there")


class Server(Protocol):
    def copy_of(self, file: Path) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...


def answer(deployment: Deployment, id_: str) -> CheckResult:
    return next(result for result in run_preflight(deployment, only=[id_]).results if result.id == id_)


def expect(result: object, expected: str) -> None:
    if expected == "passed":
        assert isinstance(result, Passed | NotApplicable)
        return
    assert isinstance(result, Found)
    assert {finding.severity.value for finding in result.findings} == {expected}
    assert all(finding.hint for finding in result.findings)


def database_of(case: dict[str, Any], folder: Path) -> Path:
    database = folder / "site.sqlite3"
    build_sample_database(database, GRAPH.resolve("0.2.9.1"))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(case.get("sql", ""))
    return database


def observed(case: dict[str, Any], folder: Path) -> Deployment:
    environment = {"PATH": "", "LC_ALL": "C.UTF-8", **case.get("environment", {})}
    url = f"sqlite:///{database_of(case, folder)}"
    return survey(None, database=url, interpreters=False, environment=environment)


class TestMachine:
    @posix
    @pytest.mark.parametrize("case", MACHINE, ids=lambda case: case.stem)
    def test_each_case_gets_its_answer(self, case: Path, tmp_path: Path) -> None:
        id_, expected, _ = case.stem.split("-", 2)
        stated = tomllib.loads(case.read_text(encoding="utf-8"))
        expect(answer(observed(stated, tmp_path), id_).result, expected)

    def test_every_check_has_a_case_that_trips_it_and_one_that_does_not(self) -> None:
        """UK541 compares with a server, which the tests below start."""
        answers = {(case.name.split("-")[0], case.name.split("-")[1] == "passed") for case in MACHINE}
        assert answers == {(id_, passes) for id_ in ("UK306", "UK542", "UK543", "UK544") for passes in (True, False)}

    @pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.stem)
    def test_what_is_no_moment_is_no_pass(self, case: Path, tmp_path: Path) -> None:
        stated = tomllib.loads(case.read_text(encoding="utf-8"))
        result = answer(observed(stated, tmp_path), stated["check"]).result
        assert isinstance(result, CouldNotRun)
        assert result.reason

    def test_sqlite_has_no_clock_of_its_own(self, tmp_path: Path) -> None:
        assert isinstance(answer(observed({}, tmp_path), "UK541").result, NotApplicable)

    def test_a_database_that_does_not_answer_is_no_pass(self, tmp_path: Path) -> None:
        seen = survey(None, database=f"sqlite:///{tmp_path / 'gone'}", interpreters=False)
        for id_ in ("UK541", "UK542"):
            assert isinstance(answer(seen, id_).result, CouldNotRun)


def served(server: Server, folder: Path) -> Deployment:
    address = server.copy_of(database_of({}, folder))
    return seen_at(address)


def seen_at(address: DatabaseAddress) -> Deployment:
    scheme = {"postgresql": "postgresql", "mysql": "mysql"}[address.vendor]
    url = f"{scheme}://{address.user}@{address.host}:{address.port}/{address.name}"
    return survey(None, database=url, password=address.password, interpreters=False)


class TestServers:
    @pytest.mark.postgresql
    def test_postgresql_here_has_the_same_clock(self, postgresql: Server, tmp_path: Path) -> None:
        seen = served(postgresql, tmp_path)
        assert isinstance(answer(seen, "UK541").result, Passed)
        assert isinstance(answer(seen, "UK542").result, Passed)

    @pytest.mark.mariadb
    def test_mariadb_here_has_the_same_clock(self, mariadb: Server, tmp_path: Path) -> None:
        seen = served(mariadb, tmp_path)
        assert isinstance(answer(seen, "UK541").result, Passed)
        assert isinstance(answer(seen, "UK542").result, Passed)

    @pytest.mark.postgresql
    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Toronto", "Asia/Kathmandu"])
    def test_a_servers_time_zone_is_no_difference(self, zone: str, postgresql: Server, tmp_path: Path) -> None:
        address = postgresql.copy_of(database_of({}, tmp_path))
        postgresql.run(f"ALTER DATABASE {address.name} SET timezone = '{zone}'")
        assert isinstance(answer(seen_at(address), "UK541").result, Passed)

    @pytest.mark.postgresql
    @pytest.mark.parametrize(("shift", "words"), [("-1 hour", "60 minutes ahead of"), ("3 days", "3 days behind")])
    def test_a_server_with_another_clock_is_a_warning(
        self, shift: str, words: str, postgresql: Server, tmp_path: Path
    ) -> None:
        """A function of the same name, which this database finds first, stands for the clock."""
        address = postgresql.copy_of(database_of({}, tmp_path))
        with open_database(address, writable=True) as session:
            session.execute(
                "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                f"$$ SELECT pg_catalog.now() + interval '{shift}' $$"
            )
        postgresql.run(f"ALTER DATABASE {address.name} SET search_path = public, pg_catalog")
        result = answer(seen_at(address), "UK541").result
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.WARNING
        assert words in result.findings[0].message

    @pytest.mark.postgresql
    def test_a_clock_that_gives_nonsense_is_no_pass(self, postgresql: Server, tmp_path: Path) -> None:
        address = postgresql.copy_of(database_of({}, tmp_path))
        with open_database(address, writable=True) as session:
            session.execute(
                "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                "$$ SELECT 'infinity'::timestamptz $$"
            )
        postgresql.run(f"ALTER DATABASE {address.name} SET search_path = public, pg_catalog")
        seen = seen_at(address)
        assert isinstance(seen.clocks, Clocks)
        assert isinstance(answer(seen, "UK541").result, CouldNotRun)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


class TestPlaceOfLogs:
    @posix
    @pytest.mark.parametrize("case", PLACES, ids=lambda case: case.stem)
    def test_each_case_gets_its_answer(self, case: Path, open_folder: Path) -> None:
        id_, expected, _ = case.stem.split("-", 2)
        site = open_folder / "site"
        build_sample_site(site, GRAPH.resolve("0.2.9.1"))
        for line in case.read_text(encoding="utf-8").splitlines():
            done(site, *line.split(" "))
        if os.geteuid() == 0:
            for path in (site, *site.rglob("*")):
                os.chown(path, 65534, 65534, follow_symlinks=False)
        seen = as_ordinary_user(lambda: survey(site, interpreters=False, releases=GRAPH.releases))
        expect(answer(seen, id_).result, expected)

    def test_there_are_cases_of_both_kinds(self) -> None:
        assert {case.stem.split("-")[1] for case in (*PLACES, *LOGS)} == {"passed", "error", "info"}

    def test_a_database_alone_has_no_folder_of_logs(self, tmp_path: Path) -> None:
        assert isinstance(answer(observed({}, tmp_path), "UK516").result, NotApplicable)


def done(site: Path, verb: str, *words: str) -> None:
    match verb, *words:
        case "file", name:
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).touch()
        case "mode", mode, name:
            (site / name).chmod(int(mode, 8))
        case "link", name, target:
            (site / name).symlink_to(target)
        case "remove", name:
            shutil.rmtree(site / name)
        case _:
            raise AssertionError(verb)


class TestLogs:
    @pytest.mark.parametrize("case", LOGS, ids=lambda case: case.stem)
    def test_each_case_gets_its_answer(self, case: Path, tmp_path: Path) -> None:
        id_, expected, _ = case.stem.split("-", 2)
        site = tmp_path / "site"
        build_sample_site(site, GRAPH.resolve("0.3.0"))
        shutil.copyfile(case, site / "logs" / "migrate.log")
        expect(answer(survey(site, interpreters=False), id_).result, expected)
