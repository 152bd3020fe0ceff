"""The tables behind the scripted SQL Server: what a client would see on the real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.sqlserver.server import SqlServer
from tests.sqlserver.tables import Tables
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.planning.graph import VersionGraph

pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
Connection = Any  # pyodbc's, which is not there for the type checker everywhere

MAKE = (
    "CREATE TABLE [dbo].[qa_test] ([id] int IDENTITY(1,1) NOT NULL PRIMARY KEY, [slug] nvarchar(10) NOT NULL UNIQUE, "
    "[procedure] nvarchar(max) NULL, [value] numeric(10, 2) NULL, [made] datetime2(7) NULL, [hidden] bit NULL, "
    "[weight] float NULL, [raw] varbinary(max) NULL)"
)


@pytest.fixture
def server() -> Iterator[SqlServer]:
    with SqlServer() as found:
        yield found


def connect(server: SqlServer, driver: str, *, autocommit: bool = True) -> Any:
    return closing(pyodbc.connect(server.connection_string(driver), autocommit=autocommit, timeout=5))


@pytest.fixture
def connection(server: SqlServer, odbc_driver: str) -> Iterator[Connection]:
    with connect(server, odbc_driver) as found:
        found.execute(MAKE)
        yield found


def rows_of(cursor: Any) -> list[tuple[object, ...]]:
    return [tuple(row) for row in cursor.fetchall()]


def test_a_row_comes_back_as_it_went_in(connection: Connection) -> None:
    made = datetime(2018, 5, 14, 8, 0, 0, 123456)  # noqa: DTZ001 - as the column has it
    row = ("a\u00e9\U0001f600", "x = 1\r\n" * 1000, Decimal("-1.50"), made, True, 0.1, b"\0\xff")
    names = "[slug], [procedure], [value], [made], [hidden], [weight], [raw]"
    connection.execute(f"INSERT INTO [qa_test] ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", *row)
    assert rows_of(connection.execute("SELECT * FROM [qa_test]")) == [(1, *row)]


def test_nulls_of_every_type_come_back(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO qa_test (slug, [procedure], value, made) VALUES (?, ?, ?, ?)", "a", None, None, None
    )
    assert rows_of(connection.execute("SELECT * FROM qa_test")) == [(1, "a", *[None] * 6)]


def test_counts_are_told(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("INSERT INTO qa_test (slug) VALUES (N'a'), (N'b'), (N'c')")
    assert cursor.rowcount == 3
    assert cursor.execute("UPDATE qa_test SET [hidden] = 1 WHERE slug <> ?", "a").rowcount == 2
    assert cursor.execute("SELECT COUNT_BIG(*) FROM qa_test WHERE hidden = 1").fetchone()[0] == 2
    assert cursor.execute("DELETE FROM qa_test").rowcount == 3


def test_texts_are_compared_as_the_servers_collation_does(connection: Connection) -> None:
    connection.execute("INSERT INTO qa_test (slug) VALUES (?)", "Epid")
    assert connection.execute("SELECT slug FROM QA_TEST WHERE SLUG = ?", "EPID  ").fetchval() == "Epid"
    binary = "SELECT slug FROM qa_test WHERE slug = ? COLLATE Latin1_General_BIN2"
    assert connection.execute(binary, "EPID").fetchval() is None


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("SELECT [nowhere] FROM [qa_test]", 207),
        ("SELECT [qa_test].[nowhere] FROM [qa_test]", 207),
        ("SELECT 1 FROM [nowhere]", 208),
        ("INSERT INTO qa_test (slug) VALUES (N'a'), (N'A ')", 2627),
        ("INSERT INTO qa_test (slug) VALUES (NULL)", 515),
        ("INSERT INTO qa_test (slug) VALUES (N'longer than ten')", 2628),
        ("INSERT INTO qa_test (id, slug) VALUES (1, N'a')", 544),
        ("UPDATE qa_test SET id = 2", 8102),
        ("CREATE TABLE qa_test (id int)", 2714),
        ("COMMIT TRANSACTION", 3902),
        ("ROLLBACK TRANSACTION", 3903),
        ("BACKUP DATABASE [qatrack] TO DISK = N'x'", 102),
        ("SELECT FROM WHERE", 102),
        ("SELECT FROBNICATE(1)", 195),
    ],
)
def test_an_error_has_the_servers_number(connection: Connection, statement: str, number: int) -> None:
    with pytest.raises(pyodbc.Error, match=rf"\({number}\)"):
        connection.execute(statement)
    assert connection.execute("SELECT COUNT(*) FROM qa_test").fetchval() == 0


def test_identity_insert_is_for_one_table_and_moves_the_next_number(connection: Connection) -> None:
    connection.execute("CREATE TABLE [other] ([id] int IDENTITY(1,1) PRIMARY KEY, [a] int)")
    connection.execute("SET IDENTITY_INSERT [dbo].[qa_test] ON")
    with pytest.raises(pyodbc.Error, match="8107"):
        connection.execute("SET IDENTITY_INSERT [other] ON")
    with pytest.raises(pyodbc.Error, match="545"):
        connection.execute("INSERT INTO qa_test (slug) VALUES (N'a')")
    connection.execute("INSERT INTO qa_test (id, slug) VALUES (41, N'a')")
    connection.execute("SET IDENTITY_INSERT [dbo].[qa_test] OFF")
    connection.execute("INSERT INTO qa_test (slug) VALUES (N'b')")
    connection.execute("DBCC CHECKIDENT (N'[qa_test]', RESEED, 99)")
    connection.execute("INSERT INTO qa_test (slug) VALUES (N'c')")
    assert rows_of(connection.execute("SELECT id FROM qa_test ORDER BY id")) == [(41,), (42,), (100,)]


def test_a_transaction_is_kept_or_taken_back(server: SqlServer, odbc_driver: str, connection: Connection) -> None:
    with connect(server, odbc_driver, autocommit=False) as other:
        other.execute("INSERT INTO qa_test (slug) VALUES (N'a')")
        other.rollback()
        other.execute("INSERT INTO qa_test (slug) VALUES (N'b')")
        other.commit()
        other.execute("INSERT INTO qa_test (slug) VALUES (N'c')")
    assert rows_of(connection.execute("SELECT slug FROM qa_test")) == [("b",)]


def test_a_transaction_may_be_spelled_out_and_nested(connection: Connection) -> None:
    connection.execute("BEGIN TRANSACTION")
    connection.execute("BEGIN TRAN")
    connection.execute("INSERT INTO qa_test (slug) VALUES (N'a')")
    assert connection.execute("SELECT @@TRANCOUNT").fetchval() == 2
    connection.execute("COMMIT")
    connection.execute("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION")
    assert connection.execute("SELECT @@TRANCOUNT").fetchval() == 0
    assert connection.execute("SELECT COUNT(*) FROM qa_test").fetchval() == 0


def test_a_held_row_is_waited_for_as_long_as_was_said(
    server: SqlServer, odbc_driver: str, connection: Connection
) -> None:
    connection.execute("INSERT INTO qa_test (slug) VALUES (N'a')")
    with connect(server, odbc_driver, autocommit=False) as other:
        other.execute("SELECT id FROM qa_test WITH (UPDLOCK) WHERE id = 1").fetchall()
        connection.execute("SET LOCK_TIMEOUT 100")
        with pytest.raises(pyodbc.Error, match="1222"):
            connection.execute("UPDATE qa_test SET hidden = 1")
        other.rollback()
        assert connection.execute("UPDATE qa_test SET hidden = 1").rowcount == 1


@pytest.mark.parametrize(("isolation", "seen"), [("READ COMMITTED", 1), ("SNAPSHOT", 0)])
def test_only_a_snapshot_sees_one_moment(
    server: SqlServer, odbc_driver: str, connection: Connection, isolation: str, seen: int
) -> None:
    with connect(server, odbc_driver, autocommit=False) as reader:
        reader.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        assert reader.execute("SELECT COUNT(*) FROM qa_test").fetchval() == 0
        connection.execute("INSERT INTO qa_test (slug) VALUES (N'a')")
        assert reader.execute("SELECT COUNT(*) FROM qa_test").fetchval() == seen
        reader.rollback()


def test_a_snapshot_has_to_be_allowed(tmp_path: Path, odbc_driver: str) -> None:
    tables = Tables(file=tmp_path / "db", snapshot=False)
    with SqlServer(databases={"qatrack": tables}) as server, connect(server, odbc_driver, autocommit=False) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
        with pytest.raises(pyodbc.Error, match="3952"):
            reader.execute("SELECT COUNT(*) FROM sys.tables")


def test_the_catalogue_knows_the_tables(connection: Connection) -> None:
    asked = (
        "SELECT t.name, c.name, ty.name, c.max_length, c.is_nullable, c.is_identity FROM sys.tables t "
        "JOIN sys.columns c ON c.object_id = t.object_id JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id "
        "WHERE t.schema_id = SCHEMA_ID(N'dbo') AND OBJECT_ID(N'[dbo].[qa_test]') = t.object_id ORDER BY c.column_id"
    )
    assert rows_of(connection.execute(asked))[:4] == [
        ("qa_test", "id", "int", 4, False, True),
        ("qa_test", "slug", "nvarchar", 20, False, False),
        ("qa_test", "procedure", "nvarchar", -1, True, False),
        ("qa_test", "value", "numeric", 9, True, False),
    ]
    names = "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_TYPE = 'BASE TABLE'"
    assert rows_of(connection.execute(names)) == [("qa_test",)]


def test_a_table_is_described_to_the_driver(connection: Connection, odbc_driver: str) -> None:
    described = [(row[3], row[4], row[6], row[10]) for row in connection.cursor().columns(table="qa_test")]
    later = pyodbc.SQL_WVARCHAR if "FreeTDS" in odbc_driver else pyodbc.SQL_TYPE_TIMESTAMP
    assert described[:5] == [
        ("id", pyodbc.SQL_INTEGER, 10, 0),
        ("slug", pyodbc.SQL_WVARCHAR, 10, 0),
        ("procedure", pyodbc.SQL_WVARCHAR, 0, 1),
        ("value", pyodbc.SQL_NUMERIC, 10, 1),
        ("made", later, 27, 1),
    ]


def test_the_first_rows_come_first(connection: Connection) -> None:
    for number in range(5):
        connection.execute("INSERT INTO qa_test (slug) VALUES (?)", f"s{number}")
    assert rows_of(connection.execute("SELECT TOP (2) slug FROM qa_test ORDER BY id DESC")) == [("s4",), ("s3",)]
    paged = "SELECT slug FROM qa_test ORDER BY id OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY"
    assert rows_of(connection.execute(paged)) == [("s1",), ("s2",)]


def test_the_server_says_what_it_is_and_what_time(connection: Connection) -> None:
    asked = "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int), DB_NAME(), IS_SRVROLEMEMBER('sysadmin')"
    assert tuple(connection.execute(asked).fetchone()) == (3, "qatrack", 1)
    now = connection.execute("SELECT SYSDATETIME()").fetchval().replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60


def test_a_site_is_taken_over_from_sqlite(tmp_path: Path, odbc_driver: str) -> None:
    release = [node for node in VersionGraph.load().releases if node.history == "django"][-1]
    build_sample_database(tmp_path / "sample", release)
    tables = Tables(file=tmp_path / "db")
    tables.copy(tmp_path / "sample")
    with SqlServer(databases={"qatrack": tables}) as server, connect(server, odbc_driver) as connection:
        made = rows_of(connection.execute("SELECT id, slug, created, choices FROM qa_test ORDER BY id"))
    assert made[0] == (1, "temperature", datetime(2018, 5, 14, 8), None)  # noqa: DTZ001
    assert len(made) == 12
