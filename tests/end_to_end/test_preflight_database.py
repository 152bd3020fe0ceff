"""The checks of the database server on what servers answered, one file under fixtures/ for each case.

A file's name holds the check, its answer, and what the case is. It names a healthy server and what this one answers
otherwise, query by query; the real readers read that. SQLite runs for real.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.cases import FOLDER, of_family, parts
from upgrade_kit.deployment import server_mysql, server_postgresql, server_sqlite, server_sqlserver
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.deployment import DatabaseSettings, Deployment, Machine, Settings
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result
from upgrade_kit.model.server import FileState, Server
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

CASES = FOLDER / "database"
JUDGED = of_family("database")
HEALTHY = ("sqlserver", "postgresql", "mysql")
OWN = tuple(f"UK{number}" for number in range(205, 221))
NOT_A_NUMBER = "what is this?"
QUERIES: Mapping[str, Mapping[str, str]] = {
    "sqlserver": server_sqlserver.QUERIES,
    "postgresql": server_postgresql.QUERIES,
    "mysql": server_mysql.QUERIES,
}


@dataclass(kw_only=True)
class Recorded:
    """A session that gives back what was recorded, query by query."""

    name: str
    answers: Mapping[str, list[tuple[object, ...]]]
    errors: Mapping[str, str]
    keys: frozenset[str] = field(default_factory=frozenset)

    def fetch(self, sql: str, params: Sequence[object] = ()) -> list[tuple[object, ...]]:
        assert not params  # no question here has any
        if sql in self.errors:
            raise DatabaseError(self.errors[sql])
        return self.answers[sql]

    def own_keys(self) -> frozenset[str]:
        return self.keys


def loaded(file: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if "base" not in case:
        return case
    base = loaded(CASES / f"healthy-{case['base']}.json")
    answers = {**base["answers"], **case.get("answers", {})}
    return {**base, **case, "answers": answers, "errors": case.get("errors", {})}


def read(case: Mapping[str, Any]) -> Server:
    base = {"microsoft": "sqlserver"}.get(case["vendor"], case["vendor"])
    queries = QUERIES[base]
    session = Recorded(
        name=case["database"],
        answers={queries[name]: [tuple(row) for row in rows] for name, rows in case["answers"].items()},
        errors={queries[name]: said for name, said in case["errors"].items()},
        keys=frozenset(map(str, case.get("own_keys", ()))),
    )
    match base:
        case "sqlserver":
            return server_sqlserver.read(session, tuple(case["drivers"]))
        case "postgresql":
            return server_postgresql.read(session, is_here=False)
        case _:
            return server_mysql.read(session, is_here=False)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sample") / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    return file


@pytest.fixture(scope="module")
def deployment(sample: Path) -> Deployment:
    return survey(
        None, database=f"sqlite:///{sample}", interpreters=False, now=datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
    )


def with_server(deployment: Deployment, server: Server, case: Mapping[str, Any]) -> Deployment:
    seen = replace(deployment, server=server, machine=Machine(system=case["system"], preferred_encoding="utf-8"))
    stated = case.get("settings")
    if stated is None:
        return seen
    database = DatabaseSettings(
        engine=stated["engine"],
        name=server.database,
        user=stated.get("user", ""),
        host="",
        port="",
        options=tuple((key, value) for key, value in stated["options"]),
        has_password=False,
        where="qatrack/local_settings.py:3",
    )
    none = Unobserved("not read here", asked=False)
    return replace(
        seen,
        settings=Settings(files=(), values=(), unknown=(), database=database, media_root=none, python2_only=()),
    )


def answers(deployment: Deployment, ids: Sequence[str] = OWN) -> dict[str, Result]:
    return {result.id: result.result for result in run_preflight(deployment, only=ids).results}


@pytest.mark.parametrize("file", JUDGED, ids=lambda file: file.stem)
def test_each_case_gets_its_answer(file: Path, deployment: Deployment) -> None:
    id_, expected, _ = parts(file)
    case = loaded(file)

    result = answers(with_server(deployment, read(case), case), [id_])[id_]

    match expected:
        case "passed":
            assert isinstance(result, Passed | NotApplicable), result
        case "unknown":
            assert isinstance(result, CouldNotRun), result
        case _:
            assert isinstance(result, Found), result
            severities = [finding.severity.value for finding in result.findings]
            assert max(severities, key=("info", "warning", "error").index) == expected
            assert all(finding.message and finding.hint for finding in result.findings)


@pytest.mark.parametrize("base", HEALTHY)
def test_a_healthy_server_has_nothing_to_act_on(base: str, deployment: Deployment) -> None:
    case = loaded(CASES / f"healthy-{base}.json")
    for id_, result in answers(with_server(deployment, read(case), case)).items():
        assert not isinstance(result, CouldNotRun), (id_, result)
        for finding in result.findings if isinstance(result, Found) else ():
            assert finding.severity.value == "info", (id_, finding)


# --- What cannot be read -----------------------------------------------------------------------------------

PARTS = {
    "sqlserver": {
        "identity": ("UK205", "UK206"),
        "login": ("UK209", "UK210", "UK214"),
        "rights": ("UK209", "UK210"),
        "site": ("UK209",),
        "database": ("UK215",),
        "mirroring": ("UK215",),
        "replica": ("UK215",),
        "collation": ("UK211",),
        "columns": ("UK211",),
        "files": ("UK213",),
        "sees": ("UK214",),
        "sessions": ("UK214",),
        "recovery": ("UK216",),
        "backups": ("UK216",),
        "level": ("UK217",),
    },
    "postgresql": {
        "version": ("UK205", "UK206"),
        "login": ("UK209", "UK210", "UK214"),
        "tables": ("UK209", "UK210"),
        "sequences": ("UK210",),
        "encoding": ("UK211",),
        "size": ("UK213",),
        "sessions": ("UK214",),
        "standing": ("UK215",),
        "prepared": ("UK215",),
        "slots": ("UK215",),
    },
    "mysql": {
        "version": ("UK205", "UK206"),
        "login": ("UK209", "UK210", "UK214"),
        "grants": ("UK209", "UK210", "UK214"),
        "defaults": ("UK211", "UK218"),
        "tables": ("UK212", "UK218"),
        "columns": ("UK211", "UK212"),
        "keys": ("UK211",),
        "size": ("UK213",),
        "sessions": ("UK214",),
        "standing": ("UK215",),
    },
}
EACH_PART = [
    pytest.param(base, query, ids, id=f"{base}-{query}")
    for base, found in PARTS.items()
    for query, ids in found.items()
]


@pytest.mark.parametrize(("base", "query", "ids"), EACH_PART)
def test_what_a_server_refuses_to_tell_is_no_pass_and_leaves_the_rest_alone(
    base: str, query: str, ids: tuple[str, ...], deployment: Deployment
) -> None:
    case = loaded(CASES / f"healthy-{base}.json")
    sound = answers(with_server(deployment, read(case), case))
    case["errors"] = {query: "permission denied"}
    found = answers(with_server(deployment, read(case), case))
    for id_ in ids:
        assert found[id_] == CouldNotRun("permission denied"), id_
    assert [id_ for id_ in OWN if found[id_] == sound[id_]]


EMPTY_IS_AN_ANSWER = frozenset(
    (
        "site",
        "mirroring",
        "columns",
        "sessions",
        "backups",
        "tables",
        "sequences",
        "prepared",
        "slots",
        "grants",
        "keys",
    )
)


@pytest.mark.parametrize("rows", [[], [[NOT_A_NUMBER] * 7], [[[]]], [[None] * 7], [[{}] * 7]], ids=str)
@pytest.mark.parametrize(("base", "query", "ids"), EACH_PART)
def test_an_answer_that_makes_no_sense_is_no_pass_and_no_crash(
    base: str, query: str, ids: tuple[str, ...], rows: list[list[object]], deployment: Deployment
) -> None:
    case = loaded(CASES / f"healthy-{base}.json")
    case["answers"][query] = rows
    for id_, result in answers(with_server(deployment, read(case), case)).items():
        if isinstance(result, CouldNotRun):
            assert "check itself failed" not in result.reason, id_
        if id_ in ids and rows == [] and query not in EMPTY_IS_AN_ANSWER:
            assert isinstance(result, CouldNotRun), (id_, result)


def test_a_server_that_only_speaks_like_sql_server_is_unknown_where_it_is_silent(deployment: Deployment) -> None:
    case = loaded(CASES / "UK205-unknown-babelfish.json")
    case["errors"] = dict.fromkeys(("sessions", "backups", "volumes", "drives", "mirroring"), "Invalid object name")
    case["answers"]["rights"] = [[1, 1, 1, 1, 1, 1, 1, 0]]
    found = answers(with_server(deployment, read(case), case))
    assert {id_ for id_ in OWN if isinstance(found[id_], CouldNotRun)} == {"UK205", "UK214", "UK216"}
    assert isinstance(found["UK209"], Passed)
    assert isinstance(found["UK215"], Passed)


# --- SQLite, for real --------------------------------------------------------------------------------------


@pytest.fixture
def site(sample: Path, tmp_path: Path) -> Path:
    file = tmp_path / "site.sqlite3"
    file.write_bytes(sample.read_bytes())
    return file


def of_file(file: Path) -> dict[str, Result]:
    return answers(survey(None, database=f"sqlite:///{file}", interpreters=False))


def test_a_sound_file_passes(site: Path) -> None:
    found = of_file(site)
    assert {id_ for id_ in OWN if isinstance(found[id_], Found | CouldNotRun)} == set()
    assert isinstance(found["UK219"], Passed)
    assert isinstance(found["UK209"], Passed)


def test_a_damaged_page_is_an_error(site: Path) -> None:
    data = bytearray(site.read_bytes())
    with closing(sqlite3.connect(site)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'qa_test'").fetchone()[0]
    data[(page - 1) * size : (page - 1) * size + 200] = b"\xff" * 200
    site.write_bytes(data)
    result = of_file(site)["UK219"]
    assert isinstance(result, Found)
    assert result.findings[0].severity.value == "error"


def test_a_file_that_is_cut_off_is_damaged_or_unknown_but_no_pass(site: Path) -> None:
    site.write_bytes(site.read_bytes()[: site.stat().st_size // 2])
    assert isinstance(of_file(site)["UK219"], Found | CouldNotRun)


def test_a_check_that_takes_too_long_is_unknown(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_sqlite, "CHECKING_SECONDS", -1.0)
    monkeypatch.setattr(server_sqlite, "_STEPS_BETWEEN_LOOKS", 10)
    result = of_file(site)["UK219"]
    assert isinstance(result, CouldNotRun)
    assert "took longer" in result.reason


def test_what_is_not_in_the_file_yet_is_told(site: Path) -> None:
    with closing(sqlite3.connect(site, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE qa_test SET name = name || '!'")
        result = of_file(site)["UK220"]
    assert isinstance(result, Found)
    assert f"{site}-wal holds" in result.findings[0].message


def test_a_journal_that_was_overwritten_with_zeros_is_nothing(site: Path) -> None:
    Path(f"{site}-journal").write_bytes(b"\0" * 512)
    assert isinstance(of_file(site)["UK220"], Passed)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is closed to this user")
def test_a_file_that_may_not_be_written_to_is_an_error(site: Path) -> None:
    site.chmod(0o444)
    result = of_file(site)["UK209"]
    assert isinstance(result, Found)
    assert str(site) in result.findings[0].message


def test_where_this_process_may_not_write_is_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != site)
    result = of_file(site)["UK209"]
    assert isinstance(result, Found)
    assert str(site) in result.findings[0].message


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /mnt/a\\040share rw,relatime shared:9 - cifs //nas/qa rw
31 22 0:41 / /mnt/a\\040share/local rw - ext4 /dev/sdb1 rw
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows is asked itself")
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/mnt/a share/site.db", "cifs"), ("/mnt/a share/local/site.db", ""), ("/srv/site.db", ""), ("/mnt/a share2", "")],
)
def test_a_network_drive_is_the_one_that_the_path_is_in(path: str, kind: str) -> None:
    assert server_sqlite.network_of(Path(path), MOUNTS) == kind


def test_mounts_that_make_no_sense_tell_nothing() -> None:
    assert server_sqlite.network_of(Path("/srv"), "what\n - \n1 2 3 - nfs\n") == ""


def test_a_network_drive_is_a_warning(deployment: Deployment) -> None:
    assert isinstance(deployment.server, Server)
    file = FileState(path="/mnt/site.db", faults=(), leftovers=(), network="nfs4")
    result = answers(replace(deployment, server=replace(deployment.server, file=file)), ["UK220"])["UK220"]
    assert isinstance(result, Found)
    assert "nfs4" in result.findings[0].message


@pytest.mark.real
@pytest.mark.parametrize(
    "name", ["0.2.8", "0.2.9.1", "0.3.0", "0.3.0-clean", "0.3.0.20", "traps/skipped-0.2.9", "traps/stopped-by-orphan"]
)
def test_real_databases_are_sound(name: str, real: Path) -> None:
    found = of_file(real / f"{name}.sqlite3")
    assert [id_ for id_ in ("UK211", "UK219", "UK220") if not isinstance(found[id_], Passed)] == []
    assert [id_ for id_ in OWN if isinstance(found[id_], Found)] == []
