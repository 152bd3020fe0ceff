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

from tests.end_to_end.cases import FOLDER, answer, of_family, parts, told
from tests.end_to_end.ordinary_user import as_ordinary_user
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, NotApplicable, Passed
from upgrade_kit.planning.graph import VersionGraph

MACHINE = of_family("machine")
UNREADABLE = sorted((FOLDER / "machine").glob("unreadable*"))
PLACES = of_family("files", "516-*")
LOGS = of_family("files", "517-*")
GRAPH = VersionGraph.load()

posix = pytest.mark.skipif(sys.platform == "win32", reason="locales and rights are others there")


class Server(Protocol):
    def copy_of(self, file: Path) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...


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
        id_, expected, _ = parts(case)
        stated = tomllib.loads(case.read_text(encoding="utf-8"))
        told(answer(observed(stated, tmp_path), id_), expected)

    @pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.stem)
    def test_what_is_no_moment_is_no_pass(self, case: Path, tmp_path: Path) -> None:
        stated = tomllib.loads(case.read_text(encoding="utf-8"))
        result = answer(observed(stated, tmp_path), stated["check"])
        assert isinstance(result, CouldNotRun)
        assert result.reason

    def test_sqlite_has_no_clock_of_its_own(self, tmp_path: Path) -> None:
        assert isinstance(answer(observed({}, tmp_path), "UK541"), NotApplicable)

    def test_a_database_that_does_not_answer_is_no_pass(self, tmp_path: Path) -> None:
        seen = survey(None, database=f"sqlite:///{tmp_path / 'gone'}", interpreters=False)
        for id_ in ("UK541", "UK542"):
            assert isinstance(answer(seen, id_), CouldNotRun)


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
        assert isinstance(answer(seen, "UK541"), Passed)
        assert isinstance(answer(seen, "UK542"), Passed)

    @pytest.mark.mariadb
    def test_mariadb_here_has_the_same_clock(self, mariadb: Server, tmp_path: Path) -> None:
        seen = served(mariadb, tmp_path)
        assert isinstance(answer(seen, "UK541"), Passed)
        assert isinstance(answer(seen, "UK542"), Passed)

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
        assert isinstance(answer(seen, "UK541"), CouldNotRun)


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
        id_, expected, _ = parts(case)
        site = open_folder / "site"
        build_sample_site(site, GRAPH.resolve("0.2.9.1"))
        for line in case.read_text(encoding="utf-8").splitlines():
            done(site, *line.split(" "))
        if os.geteuid() == 0:
            for path in (site, *site.rglob("*")):
                os.chown(path, 65534, 65534, follow_symlinks=False)
        seen = as_ordinary_user(lambda: survey(site, interpreters=False, releases=GRAPH.releases))
        told(answer(seen, id_), expected)

    def test_a_database_alone_has_no_folder_of_logs(self, tmp_path: Path) -> None:
        assert isinstance(answer(observed({}, tmp_path), "UK516"), NotApplicable)


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
        id_, expected, _ = parts(case)
        site = tmp_path / "site"
        build_sample_site(site, GRAPH.resolve("0.3.0"))
        shutil.copyfile(case, site / "logs" / "migrate.log")
        told(answer(survey(site, interpreters=False), id_), expected)
