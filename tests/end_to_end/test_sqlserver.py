"""SQL Server: what the kit sends, statement by statement, and what it makes of the answers.

The server is the tests' own (``tests/sqlserver``), asked through FreeTDS and through Microsoft's driver. What must
hold on every server alike is in ``test_servers.py``, which runs on a real one too where
``UPGRADE_KIT_SQLSERVER_URL`` names it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyodbc", exc_type=ImportError)
pytest.importorskip("mssql", exc_type=ImportError)
pytest.importorskip("sqlglot")

from tests.sqlserver.clients import find_driver
from tests.sqlserver.script import Break, Count, Failure, Hang, Rows, Script, Wait, on
from tests.sqlserver.server import Logins, SqlServer
from tests.sqlserver.tables import PROPERTIES, Tables
from upgrade_kit.cli.main import main
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.database import read_database
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.store import apply_rewrites
from upgrade_kit.errors import ApplyError, DatabaseError
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph

RELEASES = VersionGraph.load().releases
SECRET = "s3cret; {pw}"
# What every connection says first: mssql-django's part, then the kit's.
GREETING = [
    "SET DATEFORMAT ymd; SET DATEFIRST 7",
    "SELECT CAST(SERVERPROPERTY('ProductVersion') AS varchar), CAST(SERVERPROPERTY('EngineEdition') AS integer)",
    "SELECT SYSDATETIME()",
    (
        "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), "
        "CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), DB_NAME()"
    ),
    "SET LOCK_TIMEOUT 10000",
]
SNAPSHOT = [
    "SELECT d.snapshot_isolation_state FROM sys.databases d WHERE d.database_id = DB_ID()",
    "SET TRANSACTION ISOLATION LEVEL SNAPSHOT",
]


def sample(folder: Path, version: str = "0.3.0", **settings: Any) -> Tables:
    """The sample site's tables, as SQL Server would have them."""
    folder.mkdir(parents=True, exist_ok=True)
    build_sample_database(folder / "sample.sqlite3", VersionGraph.load().resolve(version))
    tables = Tables(file=folder / "qatrack.sqlite3", **settings)
    tables.copy(folder / "sample.sqlite3")
    return tables


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SqlServer]:
    """A site at 0.3.0."""
    with SqlServer(databases={"qatrack": sample(tmp_path)}, logins=Logins(passwords={"sa": SECRET})) as found:
        yield found


@pytest.fixture
def url(server: SqlServer, odbc_driver: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """What is typed after ``--database``; the password comes from the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UPGRADE_KIT_PASSWORD", SECRET)
    return server.url(odbc_driver).replace("sa:pw@", "sa@")


@pytest.fixture
def address(url: str) -> DatabaseAddress:
    return parse_database_url(url, base=Path(), password=SECRET)


def texts(server: SqlServer) -> dict[object, object]:
    return dict(server.databases["qatrack"].rows("SELECT slug, calculation_procedure FROM qa_test"))  # type: ignore[arg-type]


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    captured = capsys.readouterr()
    assert "s3cret" not in captured.out + captured.err
    return json.loads(captured.out)


# --- The commands as they are typed --------------------------------------------------------------


def test_path_starts_from_the_databases_version(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "--database", url, "--to", "0.3.0", "--format", "json"]) == 0
    assert answer(capsys)["path"] == ["0.3.0"]


def test_preflight_reads_the_database_and_says_that_nothing_keeps_it_from_writing(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["preflight", "--database", url, "--from", "0.2.9.1", "--format", "json"])
    document = answer(capsys)
    results = {item["title"]: item["result"] for item in document["results"]}
    assert "could_not_run" not in {results[title] for title in results if "database" in title.lower()}
    assert document["site"]["database"].startswith("mssql://sa@127.0.0.1:")


def test_rewrite_calcs_is_shown_applied_and_undone(
    server: SqlServer, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = texts(server)
    assert main(["rewrite-calcs", "--database", url, "--format", "json"]) == 1
    shown = answer(capsys)
    assert shown["summary"]["rewrite"] >= 3
    assert texts(server) == before

    assert main(["rewrite-calcs", "--database", url, "--apply", "--no-backup", "--format", "json"]) == 0
    applied = answer(capsys)
    after = texts(server)
    changed = {slug for slug in before if before[slug] != after[slug]}
    assert changed == {item["slug"] for item in shown["procedures"] if item["outcome"] == "rewrite"}
    assert after["epid_mean"] == "ds = dicom.read_file(BIN_FILE)\nresult = float(ds.pixel_array.mean())\n"
    assert "s3cret" not in Path(applied["journal"]).read_text(encoding="utf-8")

    assert main(["rewrite-calcs", "--undo", applied["journal"]]) == 0
    assert texts(server) == before
    assert "s3cret" not in capsys.readouterr().out


def test_a_site_before_0_3_0_is_forecast_and_never_written(
    tmp_path: Path, odbc_driver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with SqlServer(databases={"qatrack": sample(tmp_path / "old", "0.2.9.1")}) as old:
        before = texts(old)
        assert main(["rewrite-calcs", "--database", old.url(odbc_driver), "--apply", "--no-backup"]) != 0
        assert "nothing was written" in capsys.readouterr().err
        assert texts(old) == before
        assert not any("UPDATE" in sql for sql in old.statements)


# --- What is sent --------------------------------------------------------------------------------


def test_reading_sends_this_and_nothing_else(server: SqlServer, address: DatabaseAddress) -> None:
    read_database(address, RELEASES)
    sent = [" ".join(sql.split()) for sql in server.statements if "@@TRANCOUNT" not in sql]
    assert sent[: len(GREETING) + 2] == GREETING + SNAPSHOT
    tables, *rest = sent[len(GREETING) + 2 :]
    assert "FROM INFORMATION_SCHEMA.TABLES i" in tables
    assert rest[0] == "SELECT SUM(CAST(size AS bigint)) * 8192 FROM sys.database_files"
    assert all(re.fullmatch(r"SELECT \[.* FROM \[\w+\]( WHERE .*)? ORDER BY \[\w+\]\.\[id\]", sql) for sql in rest[1:])
    assert {request.in_transaction for request in server.runs if "@@TRANCOUNT" not in request.sql} == {False}


def test_applying_sends_this_in_one_transaction(server: SqlServer, address: DatabaseAddress, tmp_path: Path) -> None:
    apply_rewrites(plan(), database=address, backup=None, journal_folder=tmp_path, without_backup=True)
    within = [request for request in server.runs if request.in_transaction and "@@TRANCOUNT" not in request.sql]
    row = "SELECT [qa_test].[id], [qa_test].[slug], [qa_test].[name], [qa_test].[calculation_procedure] FROM [qa_test]"
    where = "WHERE [qa_test].[id] = @P1 ORDER BY [qa_test].[id]"
    assert [" ".join(request.sql.split()) for request in within] == [
        f"{row} WITH (ROWLOCK, UPDLOCK) {where}",
        "UPDATE [qa_test] SET [calculation_procedure] = @P1 WHERE [qa_test].[id] = @P2",
        f"{row} {where}",
    ]
    assert [request.parameters for request in within] == [(5,), ("x = BIN_FILE", 5), (5,)]
    asked = [request.how for request in server.received]
    assert asked.index("commit") > 0


def test_every_statement_is_t_sql(
    server: SqlServer,
    url: str,
    address: DatabaseAddress,
    tmp_path: Path,
    tsql_parses: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["preflight", "--database", url, "--from", "0.2.9.1"])
    main(["rewrite-calcs", "--database", url, "--apply", "--no-backup"])
    capsys.readouterr()
    assert len(set(server.statements)) > 15
    for sql in set(server.statements):
        tsql_parses(sql)


def test_a_reading_session_says_what_it_is(server: SqlServer, address: DatabaseAddress) -> None:
    with open_database(address) as session:
        assert session.server == "Microsoft SQL Server 16.0.1000.6 (Developer Edition (64-bit))"
        assert (session.name, session.read_only) == ("qatrack", False)


def test_without_snapshots_reading_goes_on_as_the_server_does_it(tmp_path: Path, odbc_driver: str) -> None:
    with SqlServer(databases={"qatrack": sample(tmp_path, snapshot=False)}) as server:
        address = parse_database_url(server.url(odbc_driver), base=Path())
        with open_database(address) as session, session.transaction():
            assert session.count("qa_test") == 12
        assert not any("ISOLATION" in sql for sql in server.statements)


def test_a_writing_session_takes_no_snapshot(server: SqlServer, address: DatabaseAddress) -> None:
    with open_database(address, writable=True):
        pass
    assert not any("ISOLATION" in sql for sql in server.statements)


# --- Servers of other ages and kinds -------------------------------------------------------------


@pytest.mark.parametrize("version", ["10.0.1600.22", "10.50.6000.34", "11.0.7001.0", "15.0.4430.1", "17.0.1000.7"])
def test_a_server_of_any_version_is_read(tmp_path: Path, odbc_driver: str, version: str) -> None:
    properties = {**PROPERTIES, "ProductVersion": version, "Edition": "Express Edition"}
    with SqlServer(databases={"qatrack": sample(tmp_path, properties=properties)}) as server:
        address = parse_database_url(server.url(odbc_driver), base=Path())
        database = read_database(address, RELEASES)
    assert database.server == f"Microsoft SQL Server {version} (Express Edition)"
    assert not isinstance(database.procedures, Unobserved)


def test_a_server_that_knows_less_is_read_nonetheless(tmp_path: Path, odbc_driver: str) -> None:
    unknown = Failure(33557097, "'this' is not currently supported in Babelfish")
    script = Script(on(r"LOCK_TIMEOUT|snapshot_isolation_state|sys\.database_files", unknown))
    with SqlServer(script, databases={"qatrack": sample(tmp_path)}) as server:
        database = read_database(parse_database_url(server.url(odbc_driver), base=Path()), RELEASES)
    assert isinstance(database.size_bytes, Unobserved)
    assert "not currently supported in Babelfish" in database.size_bytes.reason
    assert not isinstance(database.procedures, Unobserved)


# --- What goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        pytest.param(
            Failure(229, "The SELECT permission was denied on the object 'qa_test'.", 14, 5), "the right to do"
        ),
        pytest.param(Failure(1222, "Lock request time out period exceeded.", 16, 51), "stop the web server"),
        pytest.param(
            Failure(1205, "was deadlocked on lock resources and chosen as the deadlock victim.", 13), "stop the"
        ),
        pytest.param(Failure(208, "Invalid object name 'qa_test'."), "this is the site's database"),
        pytest.param(Failure(596, "Cannot continue: the session is in the kill state.", 21), ""),
    ],
    ids=lambda value: str(value.number) if isinstance(value, Failure) else "",
)
def test_an_error_is_told_in_the_servers_words_with_what_to_do(
    server: SqlServer, address: DatabaseAddress, failure: Failure, hint: str
) -> None:
    server.script.first(on(r"FROM \[qa_test\]", failure))
    with (
        pytest.raises(DatabaseError) as caught,
        open_database(address) as session,
    ):
        session.count("qa_test")
    if failure.severity < 20:  # after that a driver may only say that the connection is gone
        assert failure.text.rstrip(".") in caught.value.message
        assert str(failure.number) in caught.value.message
    assert hint in caught.value.hint
    assert "s3cret" not in str(caught.value)


def test_a_deadlock_in_the_update_leaves_nothing(server: SqlServer, address: DatabaseAddress, tmp_path: Path) -> None:
    before = texts(server)
    server.script.first(on("^UPDATE", Failure(1205, "was chosen as the deadlock victim.", severity=13, state=45)))
    with pytest.raises(DatabaseError, match=r"1205.*Nothing was written"):
        apply_rewrites(plan(), database=address, backup=None, journal_folder=tmp_path, without_backup=True)
    assert texts(server) == before
    assert list(tmp_path.glob("upgrade-kit-journal*")) == []


def test_a_trigger_that_touches_more_rows_stops_the_apply(
    server: SqlServer, address: DatabaseAddress, tmp_path: Path
) -> None:
    before = texts(server)
    server.script.first(on("^UPDATE", Count(2)))
    with pytest.raises(ApplyError, match="touched 2 rows"):
        apply_rewrites(plan(), database=address, backup=None, journal_folder=tmp_path, without_backup=True)
    assert texts(server) == before


@pytest.mark.parametrize("place", [r"^SELECT \[qa_test\].*UPDLOCK", "^UPDATE"])
def test_a_connection_that_breaks_before_the_commit_leaves_nothing(
    server: SqlServer, address: DatabaseAddress, tmp_path: Path, place: str
) -> None:
    before = texts(server)
    server.script.first(on(place, Break()))
    with pytest.raises(DatabaseError, match="Nothing was written"):
        apply_rewrites(plan(), database=address, backup=None, journal_folder=tmp_path, without_backup=True)
    assert texts(server) == before
    assert list(tmp_path.glob("upgrade-kit-journal*")) == []


def test_a_commit_that_is_never_answered_is_not_known(
    server: SqlServer, address: DatabaseAddress, tmp_path: Path
) -> None:
    """The rows are written there, or not: the journal and --undo find out."""
    before = texts(server)
    server.script.first(on(lambda request: request.how == "commit" and _updated(server), Break()))
    with pytest.raises(DatabaseError, match=r"not known.*--undo"):
        apply_rewrites(plan(), database=address, backup=None, journal_folder=tmp_path, without_backup=True)
    assert texts(server) == before
    (journal,) = tmp_path.glob("upgrade-kit-journal*")
    assert json.loads(journal.read_text(encoding="utf-8"))["state"] == "pending"


def test_a_read_that_breaks_in_the_middle_is_no_short_answer(server: SqlServer, address: DatabaseAddress) -> None:
    rows: list[Any] = [*((number, f"slug{number}") for number in range(500)), Break()]
    server.script.first(on(r"^SELECT \[qa_test\]", Rows(("id", "int"), ("slug", "nvarchar(128)"), rows=rows)))
    with pytest.raises(DatabaseError), open_database(address) as session:
        session.select("qa_test", "id", "slug")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"password": "wrong s3cret"}, "Check user and password", id="a wrong password"),
        pytest.param({"user": "nobody"}, "Check user and password", id="an unknown login"),
        pytest.param({"name": "nowhere"}, "Check the database's name", id="an unknown database"),
    ],
)
def test_a_login_that_is_refused_is_told_without_the_password(
    server: SqlServer, address: DatabaseAddress, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(DatabaseError) as caught, open_database(replace(address, **change)):
        pass
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_server_that_never_answers_the_login_is_given_up(odbc_driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upgrade_kit.deployment.connection_settings.CONNECT_SECONDS", 1)
    with SqlServer(logins=Logins(answer=lambda _: [Hang()])) as server:
        address = parse_database_url(server.url(odbc_driver), base=Path())
        with pytest.raises(DatabaseError, match="Check host, port"), open_database(address):
            pass


def test_a_server_without_encryption_is_told_with_what_to_add(server: SqlServer) -> None:
    driver, reason = find_driver("Microsoft")
    if not driver:
        pytest.skip(reason)
    url = server.url(driver).partition("&")[0]  # version 18 wants encryption unless told otherwise
    address = replace(parse_database_url(url, base=Path()), password=SECRET)
    with pytest.raises(DatabaseError) as caught, open_database(address):
        pass
    assert "&Encrypt=no" in caught.value.hint


def test_a_slow_server_is_waited_for(server: SqlServer, address: DatabaseAddress) -> None:
    server.script.first(on(r"COUNT_BIG", Wait(1.5), Rows(("", "bigint"), rows=[(2**40,)])))
    with open_database(address) as session:
        assert session.count("qa_test") == 2**40


@pytest.mark.parametrize(
    "secret",
    ["{", "}", "a}b", "{a}", "{a;b}", " {a", "a}}b;c", ";", "a;b", "'", '"', "=", " ", "\u00e9\u4e2d", "%20", "?@/:"],
)
def test_any_password_logs_in(tmp_path: Path, odbc_driver: str, secret: str) -> None:
    with (
        SqlServer(logins=Logins(passwords={"sa": secret})) as server,
        open_database(parse_database_url(server.url(odbc_driver, password=secret), base=Path())) as session,
    ):
        assert session.name == "qatrack"
    assert {login.password for login in server.logins_seen} == {secret}


def test_a_password_that_freetds_cannot_be_given_is_told(server: SqlServer) -> None:
    driver, reason = find_driver("FreeTDS")
    if not driver:
        pytest.skip(reason)
    address = parse_database_url(server.url(driver), base=Path(), password="s3cret};x")
    with (
        pytest.raises(DatabaseError, match="Microsoft's driver") as caught,
        open_database(replace(address, password="s3cret};x")),
    ):
        pass
    assert "s3cret" not in str(caught.value)


# --- Pieces --------------------------------------------------------------------------------------


def plan() -> RewritePlan:
    """Rewrite one procedure of the sample site."""
    before = "import struct\nraw = FILE.read()\nmlc_snapshots = struct.unpack('<I', raw[:4])[0]\n"
    procedure = Procedure(
        test_id=5, slug="mlc_snapshots", name="MLC log (binary), snapshots", type="upload", source=before
    )
    rewrite = Rewrite(
        outcome=Outcome.REWRITE, reads=Reads.BYTES, reason="because", before=before, source="x = BIN_FILE"
    )
    return RewritePlan(
        items=(PlannedRewrite(procedure=procedure, rewrite=rewrite, listed=True, selected=True),), listed=1
    )


def _updated(server: SqlServer) -> bool:
    return any(sql.startswith("UPDATE") for sql in server.statements)


# --- The server itself ---------------------------------------------------------------------------


def judged(url: str, capsys: pytest.CaptureFixture[str], *ids: str) -> dict[str, Any]:
    only = [word for id_ in ids for word in ("--only", id_)]
    main(["preflight", "--database", url, "--from", "0.2.9.1", "--format", "json", *only])
    return {item["id"]: item for item in answer(capsys)["results"]}


OF_SERVER = tuple(f"UK{number}" for number in range(205, 221))


@pytest.fixture
def server_2017(tmp_path: Path) -> Iterator[Callable[..., SqlServer]]:
    """A server of 2017 with a site at 0.2.9.1, whose login may do what is said."""
    running: list[SqlServer] = []

    def start(*rules: Any, version: str = "14.0.3381.3", **settings: Any) -> SqlServer:
        properties = {**PROPERTIES, "ProductVersion": version, "Edition": "Standard Edition (64-bit)"}
        tables = sample(tmp_path / str(len(running)), "0.2.9.1", properties=properties, **settings)
        level = Rows(("compatibility_level", "tinyint"), rows=[(140,)])
        own = SqlServer(Script(*rules, on("compatibility_level FROM", level)), databases={"qatrack": tables})
        running.append(own)
        return own.__enter__()

    yield start
    for own in running:
        own.__exit__(None, None, None)


def test_a_server_of_2017_with_its_owners_login_has_nothing_to_act_on(
    server_2017: Callable[..., SqlServer], odbc_driver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = judged(server_2017().url(odbc_driver), capsys, *OF_SERVER)
    assert [id_ for id_ in OF_SERVER if found[id_]["result"] == "could_not_run"] == []
    loud = [one for item in found.values() for one in item.get("findings", ()) if one["severity"] != "info"]
    assert loud == []
    assert {id_ for id_ in OF_SERVER if found[id_]["result"] == "passed"} >= {"UK205", "UK209", "UK210", "UK215"}


def test_a_server_that_the_targets_engine_does_not_know_is_an_error(
    server_2017: Callable[..., SqlServer], odbc_driver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = judged(server_2017(version="15.0.2000.5").url(odbc_driver), capsys, "UK205")["UK205"]
    (finding,) = found["findings"]
    assert (finding["severity"], "refuses SQL Server 15.0.2000.5" in finding["message"]) == ("error", True)


def test_a_login_that_only_reads_is_told_what_it_lacks_and_all_that_it_may_know(
    server_2017: Callable[..., SqlServer], odbc_driver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = Failure(300, "VIEW SERVER STATE permission was denied on object 'server', database 'master'.")
    own = server_2017(
        on("dm_os_volume_stats", denied),
        on("xp_fixeddrives", Failure(229, "The EXECUTE permission was denied on the object 'xp_fixeddrives'.")),
        on("msdb", Failure(229, "The SELECT permission was denied on the object 'backupset', database 'msdb'.")),
        permissions=frozenset({"SELECT"}),
    )
    found = judged(own.url(odbc_driver), capsys, *OF_SERVER)
    typed = [one["hint"].splitlines()[-1].strip() for one in found["UK209"]["findings"]]
    assert "GRANT CREATE TABLE TO [dbo];" in typed
    assert "GRANT ALTER ON SCHEMA::[dbo] TO [dbo];" in typed
    assert found["UK210"]["findings"][0]["severity"] == "warning"
    assert {id_ for id_ in OF_SERVER if found[id_]["result"] == "could_not_run"} == {"UK216"}
    assert "backupset" in found["UK216"]["reason"]
    assert "only its own sessions" in found["UK214"]["findings"][0]["message"]
    assert "is not known" in found["UK213"]["findings"][0]["message"]


def test_a_server_that_only_speaks_like_sql_server_is_no_traceback(
    server_2017: Callable[..., SqlServer], odbc_driver: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "Babelfish for PostgreSQL with SQL Server Compatibility - 12.0.2000.8"
    columns = (
        ("product_version", "nvarchar(128)"),
        ("edition", "nvarchar(128)"),
        ("engine_edition", "int"),
        ("said", "nvarchar(300)"),
    )
    unknown = Failure(33557097, "relation does not exist")
    own = server_2017(
        on("AS said", Rows(*columns, rows=[("12.0.2000.8", "Standard", 2, said)])),
        on("msdb|database_mirroring|dm_os_volume|xp_fixed|FILEPROPERTY|sysprocesses", unknown),
    )
    found = judged(own.url(odbc_driver), capsys, *OF_SERVER)
    silent = {id_ for id_ in OF_SERVER if found[id_]["result"] == "could_not_run"}
    assert silent == {"UK205", "UK213", "UK214", "UK216"}
    assert not any("check itself failed" in found[id_]["reason"] for id_ in silent)
