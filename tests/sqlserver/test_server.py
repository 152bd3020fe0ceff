"""The scripted SQL Server, asked by both ODBC drivers through pyodbc."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from typing import Any

import pytest

from tests.sqlserver.clients import find_driver
from tests.sqlserver.script import Break, Count, Failure, Hang, Info, Rows, Script, Wait, on
from tests.sqlserver.server import Logins, SqlServer

pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
Connection = Any  # pyodbc's, which is not there for the type checker everywhere

ONE = on(r"^SELECT 1$", Rows(("", "int"), rows=[(1,)]))


@contextmanager
def connected(server: SqlServer, driver: str, *, autocommit: bool = True, **login: str) -> Iterator[Connection]:
    with closing(pyodbc.connect(server.connection_string(driver, **login), autocommit=autocommit, timeout=5)) as found:
        yield found


def server_with(*parts: Any) -> SqlServer:
    """A server that gives this answer to everything."""
    return SqlServer(Script(on("", *parts)))


def rows_of(cursor: Any) -> list[tuple[object, ...]]:
    return [tuple(row) for row in cursor.fetchall()]


def consume(cursor: Any) -> None:
    while (cursor.description and cursor.fetchall()) or cursor.nextset():
        pass


# --- Statements and what is recorded of them -----------------------------------------------------


def test_a_batch_is_answered_and_recorded_as_it_came(odbc_driver: str) -> None:
    with SqlServer(Script(ONE)) as server, connected(server, odbc_driver) as connection:
        assert rows_of(connection.execute("SELECT 1")) == [(1,)]
    assert server.statements == ("SELECT 1",)
    (request,) = server.runs
    assert (request.how, request.parameters, request.login) == ("batch", (), "sa")
    assert (request.database, request.connection, request.in_transaction) == ("qatrack", 1, False)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(7, id="a whole number"),
        pytest.param(-(2**40), id="a big one"),
        pytest.param("\u00e9 \u4e2d \U0001f600 ' ; -- \r\n", id="a text of any script"),
        pytest.param("x" * 5000, id="a text longer than nvarchar(4000)"),
        pytest.param("x" * 300_000, id="a text of many packets"),
        pytest.param(b"\0\xff", id="bytes"),
        pytest.param(True, id="a bit"),
        pytest.param(0.1, id="a float"),
        pytest.param(Decimal("-12.50"), id="a decimal"),
        pytest.param(date(2018, 2, 28), id="a date"),
        pytest.param(clock(23, 59, 59), id="a time"),
        pytest.param(datetime(2018, 2, 28, 1, 2, 3, 456000), id="a moment"),  # noqa: DTZ001 - as the columns have it
        pytest.param(None, id="NULL"),
    ],
)
def test_a_parameter_arrives_as_it_was_given(odbc_driver: str, value: object) -> None:
    with server_with(Rows(("n", "int"))) as server, connected(server, odbc_driver) as connection:
        connection.execute("SELECT id FROM qa_test WHERE name = ?", value)
    assert server.statements == ("SELECT id FROM qa_test WHERE name = @P1",)
    (request,) = server.runs
    assert request.names == ("@P1",)
    assert request.parameters == (value,)
    assert type(request.parameters[0]) is type(value)


def test_a_statement_that_is_prepared_once_is_recorded_each_time(odbc_driver: str) -> None:
    with server_with(Count(1)) as server, connected(server, odbc_driver) as connection, connection.cursor() as cursor:
        for number in range(3):
            cursor.execute("UPDATE t SET a = ?", number)
            assert cursor.rowcount == 1
        cursor.executemany("UPDATE t SET a = ?", [(3,), (4,)])
    assert [one.parameters for one in server.runs] == [(number,) for number in range(5)]
    assert set(server.statements) == {"UPDATE t SET a = @P1"}


def test_a_value_that_its_type_does_not_have_is_an_error() -> None:
    """FreeTDS sends days before March 1600 wrong, and the first ones as days before there were any."""
    driver, reason = find_driver("FreeTDS")
    if not driver:
        pytest.skip(reason)
    with server_with(Count()) as server, connected(server, driver) as connection:
        with pytest.raises(pyodbc.Error, match="8023"):
            connection.execute("UPDATE t SET a = ?", date(1, 1, 1))
        connection.execute("UPDATE t SET a = ?", date(1599, 1, 1))
        assert server.runs[-1].parameters != (date(1599, 1, 1),)
        connection.execute("UPDATE t SET a = ?", date(1600, 3, 1))
        assert server.runs[-1].parameters == (date(1600, 3, 1),)


def test_an_unscripted_statement_is_an_error_that_names_it(odbc_driver: str) -> None:
    with SqlServer(Script(ONE)) as server, connected(server, odbc_driver) as connection:
        with pytest.raises(pyodbc.Error, match="FROBNICATE"):
            connection.execute("FROBNICATE [x] FROM nowhere")
        assert rows_of(connection.execute("SELECT 1")) == [(1,)]


def test_a_rule_answers_as_often_as_it_says(odbc_driver: str) -> None:
    script = Script(on("^SELECT", Failure(1205, "deadlock", severity=13), times=1), ONE)
    with SqlServer(script) as server, connected(server, odbc_driver) as connection:
        with pytest.raises(pyodbc.Error, match="1205"):
            connection.execute("SELECT 1")
        assert rows_of(connection.execute("SELECT 1")) == [(1,)]


def test_an_answer_may_be_made_from_the_request(odbc_driver: str) -> None:
    script = Script(
        on(
            lambda request: len(request.parameters) == 2,
            lambda request: [Rows(("a", "int"), ("b", "int"), rows=[request.parameters])],
        )
    )
    with SqlServer(script) as server, connected(server, odbc_driver) as connection:
        assert rows_of(connection.execute("SELECT ?, ?", 3, 4)) == [(3, 4)]


# --- Values --------------------------------------------------------------------------------------

VALUES = [
    ("tinyint", 255),
    ("smallint", -32768),
    ("int", -(2**31)),
    ("bigint", 2**63 - 1),
    ("bit", True),
    ("bit", False),
    ("float", math.pi),
    ("real", 0.5),
    ("decimal(38,10)", Decimal("-1234567890123456789012345678.0123456789")),
    ("decimal(9,2)", Decimal("0.01")),
    ("decimal(19,0)", Decimal(10**18)),
    ("decimal(28,4)", Decimal("-1.5000")),
    ("money", Decimal("-922337203685477.5808")),
    ("smallmoney", Decimal("214748.3647")),
    ("nvarchar(10)", "\u00e9\u4e2d\U0001f600"),
    ("nvarchar(max)", ""),
    ("nvarchar(max)", "x" * 100_000),
    ("nvarchar(4000)", "y" * 4000),
    ("nchar(3)", "ab "),
    ("varchar(10)", "caf\u00e9 \u20ac"),
    ("varchar(max)", "caf\u00e9" * 10_000),
    ("char(2)", "ab"),
    ("ntext", "\u00e9" * 5000),
    ("text", "old"),
    ("image", b"\0\1\2" * 3000),
    ("varbinary(20)", b"\0\xff"),
    ("varbinary(max)", bytes(range(256)) * 100),
    ("binary(2)", b"ab"),
    ("date", date(1, 1, 1)),
    ("date", date(9999, 12, 31)),
    ("datetime2(7)", datetime(2018, 5, 14, 8, 0, 0, 123456)),  # noqa: DTZ001
    ("datetime2(0)", datetime(9999, 12, 31, 23, 59, 59)),  # noqa: DTZ001
    ("datetime2(3)", datetime(1, 1, 1, 0, 0, 0, 1000)),  # noqa: DTZ001
    ("datetime", datetime(1753, 1, 1, 0, 0, 0, 10000)),  # noqa: DTZ001
    ("smalldatetime", datetime(2018, 5, 14, 8, 1)),  # noqa: DTZ001
]


@pytest.mark.parametrize(("kind", "value"), VALUES, ids=[f"{kind} {str(value)[:12]!r}" for kind, value in VALUES])
def test_a_value_arrives_as_the_server_holds_it(odbc_driver: str, kind: str, value: object) -> None:
    rows = [(1, value), (2, None)]
    with (
        server_with(Rows(("n", "int"), ("v", kind), rows=rows)) as server,
        connected(server, odbc_driver) as connection,
    ):
        assert rows_of(connection.execute("SELECT n, v FROM t")) == rows


def test_the_remaining_types_arrive(odbc_driver: str) -> None:
    key = uuid.uuid4()
    columns = (("g", "uniqueidentifier"), ("t", "time(7)"), ("x", "xml"))
    row = (key, clock(1, 2, 3), "<a/>")
    with server_with(Rows(*columns, rows=[row])) as server, connected(server, odbc_driver) as connection:
        found = connection.execute("SELECT g, t, x FROM t").fetchone()
    assert uuid.UUID(str(found[0])) == key
    assert str(found[1]).startswith("01:02:03")
    assert "<a/>" in found[2]


@pytest.mark.parametrize("nulls", [0, 1, 9, 20])
def test_rows_with_many_nulls_are_read(odbc_driver: str, nulls: int) -> None:
    columns = [(f"c{number}", "nvarchar(5)" if number % 2 else "int") for number in range(20)]
    row = tuple(None if number < nulls else "x" if number % 2 else number for number in range(20))
    with server_with(Rows(*columns, rows=[row] * 3)) as server, connected(server, odbc_driver) as connection:
        assert rows_of(connection.execute("SELECT * FROM t")) == [row] * 3


def test_a_big_result_is_read_to_its_end(odbc_driver: str) -> None:
    rows = ((number, "x" * (number % 50)) for number in range(20_000))
    with (
        server_with(Rows(("n", "bigint"), ("t", "nvarchar(50)"), rows=rows)) as server,
        connected(server, odbc_driver) as connection,
    ):
        found = connection.execute("SELECT * FROM t").fetchall()
    assert (len(found), sum(row[0] for row in found)) == (20_000, sum(range(20_000)))


def test_a_result_that_nobody_wants_to_the_end_is_cancelled(odbc_driver: str) -> None:
    sent = 0

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal sent
        for sent in range(2_000_000):
            yield (sent, "x" * 100)

    script = Script(ONE, on("SELECT", Rows(("n", "int"), ("t", "nvarchar(100)"), rows=rows())))
    with SqlServer(script) as server, connected(server, odbc_driver) as connection:
        cursor = connection.execute("SELECT * FROM t")
        assert cursor.fetchone()[0] == 0
        cursor.close()
        assert rows_of(connection.execute("SELECT 1")) == [(1,)]
    assert 0 < sent < 1_000_000


def test_several_results_follow_each_other(odbc_driver: str) -> None:
    parts = (Rows(("a", "int"), rows=[(1,)]), Count(5), Rows(("b", "int"), rows=[(2,), (3,)]))
    with server_with(*parts) as server, connected(server, odbc_driver) as connection:
        cursor = connection.execute("SELECT")
        assert rows_of(cursor) == [(1,)]
        assert cursor.nextset()
        assert cursor.rowcount == 5
        assert cursor.nextset()
        assert rows_of(cursor) == [(2,), (3,)]
        assert not cursor.nextset()


# --- Messages and errors -------------------------------------------------------------------------


def test_a_backup_is_not_done_when_execute_returns(odbc_driver: str) -> None:
    parts = (Info(3211, "50 percent processed."), Wait(0.5), Info(3014, "BACKUP DATABASE successfully processed."))
    with server_with(*parts) as server, connected(server, odbc_driver) as connection:
        start = time.monotonic()
        cursor = connection.execute("BACKUP DATABASE [qatrack] TO DISK = N'x'")
        said = [text for _, text in cursor.messages]
        assert len(said) == 1
        assert said[0].endswith("50 percent processed.")
        while cursor.nextset():
            said += [text for _, text in cursor.messages]
        assert time.monotonic() - start >= 0.5
    assert len(said) == 2
    assert said[1].endswith("BACKUP DATABASE successfully processed.")


@pytest.mark.parametrize("number", [102, 208, 229, 262, 547, 911, 1205, 1222, 1844, 2627, 3013, 3021, 3101, 3154, 3201])
def test_an_error_is_raised_with_its_number(odbc_driver: str, number: int) -> None:
    with (
        server_with(Failure(number, "The words."), Failure(3013, "And so it ends.")) as server,
        connected(server, odbc_driver) as connection,
    ):
        with pytest.raises(pyodbc.Error, match=rf"The words\. \({number}\)"):
            connection.execute("BACKUP")
        with pytest.raises(pyodbc.Error, match=rf"The words\. \({number}\)"):
            connection.execute("SELECT ?", 1)


def test_an_error_among_the_rows_is_raised_by_the_fetch(odbc_driver: str) -> None:
    rows: list[Any] = [*((number,) for number in range(2000)), Failure(824, "a torn page", severity=16)]
    with server_with(Rows(("a", "int"), rows=rows)) as server, connected(server, odbc_driver) as connection:
        cursor = connection.execute("SELECT a FROM t")
        with pytest.raises(pyodbc.Error, match="824"):
            consume(cursor)


def test_an_error_after_messages_is_found_behind_them(odbc_driver: str) -> None:
    parts = (Info(3211, "10 percent processed."), Failure(3202, "disk full"), Failure(3013, "terminated abnormally"))
    with server_with(*parts) as server, connected(server, odbc_driver) as connection:
        cursor = connection.execute("BACKUP")
        with pytest.raises(pyodbc.Error, match="3202"):
            consume(cursor)


# --- Connections that break, hang or are refused -------------------------------------------------


@pytest.mark.parametrize("partly", [True, False])
def test_a_connection_that_breaks_in_the_middle_is_an_error(odbc_driver: str, partly: bool) -> None:
    rows: list[Any] = [*((number,) for number in range(5000)), Break(partly=partly)]
    with (
        server_with(Rows(("a", "int"), rows=rows)) as server,
        connected(server, odbc_driver) as connection,
        pytest.raises(pyodbc.Error),
    ):
        connection.execute("SELECT a FROM t").fetchall()


def test_a_server_that_is_killed_breaks_all_connections(odbc_driver: str) -> None:
    with SqlServer(Script(ONE)) as server, connected(server, odbc_driver) as one, connected(server, odbc_driver) as two:
        server.break_connections()
        for connection in (one, two):
            with pytest.raises(pyodbc.Error):
                connection.execute("SELECT 1")
        with connected(server, odbc_driver) as three:
            assert rows_of(three.execute("SELECT 1")) == [(1,)]


def test_a_fatal_error_ends_the_connection(odbc_driver: str) -> None:
    killed = Failure(596, "Cannot continue the execution because the session is in the kill state.", severity=21)
    with server_with(killed) as server, connected(server, odbc_driver) as connection:
        for _ in range(2):
            with pytest.raises(pyodbc.Error):
                connection.execute("SELECT 1")


def test_a_slow_answer_is_waited_for(odbc_driver: str) -> None:
    with (
        server_with(Wait(0.3), Rows(("", "int"), rows=[(1,)])) as server,
        connected(server, odbc_driver) as connection,
    ):
        assert rows_of(connection.execute("SELECT 1")) == [(1,)]


def test_a_query_time_out_cancels_and_the_connection_goes_on(odbc_driver: str) -> None:
    with SqlServer(Script(ONE, on("SLOW", Hang()))) as server, connected(server, odbc_driver) as connection:
        connection.timeout = 1
        with pytest.raises(pyodbc.Error, match=r"HYT00|(?i:time.?out)"):
            connection.execute("SELECT SLOW")
        connection.timeout = 0
        assert rows_of(connection.execute("SELECT 1")) == [(1,)]


def test_a_server_that_is_closed_ends_what_hangs(odbc_driver: str) -> None:
    with server_with(Hang()) as server, connected(server, odbc_driver) as connection:
        threading.Timer(0.3, server.break_connections).start()
        with pytest.raises(pyodbc.Error):
            connection.execute("SELECT 1")


@pytest.mark.parametrize(
    ("login", "number"),
    [
        pytest.param({"password": "wrong"}, "18456", id="a wrong password"),
        pytest.param({"user": "nobody"}, "18456", id="an unknown login"),
        pytest.param({"database": "nowhere"}, "4060|18456", id="an unknown database"),
    ],
)
def test_a_login_is_refused_with_the_servers_number(odbc_driver: str, login: dict[str, Any], number: str) -> None:
    with SqlServer(Script(ONE)) as server:
        with pytest.raises(pyodbc.Error, match=number), connected(server, odbc_driver, **login):
            pass
        with connected(server, odbc_driver) as connection:
            assert rows_of(connection.execute("SELECT 1")) == [(1,)]


def test_the_password_is_seen_as_it_was_given(odbc_driver: str) -> None:
    secret = "p\u00e4ss w0rd!"
    with (
        SqlServer(Script(ONE), logins=Logins(passwords={"sa": secret})) as server,
        connected(server, odbc_driver, password=secret),
    ):
        pass
    assert {login.password for login in server.logins_seen} == {secret}


def test_a_login_that_is_never_answered_times_out(odbc_driver: str) -> None:
    with SqlServer(logins=Logins(answer=lambda _: [Hang()])) as server:
        start = time.monotonic()
        with pytest.raises(pyodbc.Error), closing(pyodbc.connect(server.connection_string(odbc_driver), timeout=1)):
            pass
        assert timedelta(seconds=time.monotonic() - start) < timedelta(seconds=20)


# --- Transactions --------------------------------------------------------------------------------


def test_a_transaction_is_begun_and_ended(odbc_driver: str) -> None:
    with SqlServer(Script(ONE)) as server, connected(server, odbc_driver, autocommit=False) as connection:
        connection.execute("SELECT 1").fetchall()
        connection.commit()
        connection.execute("SELECT 1").fetchall()
        connection.rollback()
        connection.autocommit = True
        connection.execute("SELECT 1").fetchall()
    assert [one.in_transaction for one in server.runs] == [True, True, False]
