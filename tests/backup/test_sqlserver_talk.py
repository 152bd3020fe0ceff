"""Statements to SQL Server over both drivers: as they are written, to their end, and no further."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.sqlserver.script import Break, Count, Failure, Hang, Info, Rows, Script, Wait, on
from tests.sqlserver.server import SqlServer
from upgrade_kit.backup import sqlserver_statements as statements
from upgrade_kit.backup.sqlserver_errors import Message, ServerError
from upgrade_kit.backup.sqlserver_talk import Talk, talk_to
from upgrade_kit.deployment.address import DatabaseAddress

HOSTILE = "a]b'c\"d?e%s{fn now()}--/*\u00e9\U0001f600"


@contextmanager
def talking(driver: str, *parts: object) -> Iterator[tuple[SqlServer, Talk]]:
    """Talk to a server that gives this answer to everything in capitals."""
    options: tuple[tuple[str, str], ...] = (("driver", driver),)
    if "msodbcsql" in driver or "ODBC Driver" in driver:
        options += (("Encrypt", "optional"), ("TrustServerCertificate", "yes"))
    with SqlServer(Script(on("^(BACKUP|RESTORE|DROP|ALTER|DBCC)", *parts))) as server:  # type: ignore[arg-type]
        address = DatabaseAddress(
            vendor="microsoft", name="qatrack", user="sa", password="pw", host="127.0.0.1", port=str(server.port),
            options=options,
        )  # fmt: skip
        with talk_to(address) as talk:
            yield server, talk


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(statements.backup(HOSTILE, HOSTILE, set_name=HOSTILE, compression=True), id="BACKUP"),
        pytest.param(statements.restore(HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], replace=True), id="RESTORE"),
        pytest.param(statements.drop(HOSTILE), id="DROP"),
        pytest.param(statements.single_user(HOSTILE), id="ALTER"),
        pytest.param(statements.check(HOSTILE), id="DBCC"),
    ],
)
def test_a_statement_arrives_as_it_was_written(odbc_driver: str, statement: str) -> None:
    """Drivers look for parameters, escapes in braces and more in what they send."""
    with talking(odbc_driver, Count()) as (server, talk):
        talk.run(statement)
    assert server.statements[-1] == statement


def test_everything_is_heard_in_its_order(odbc_driver: str) -> None:
    parts = (Info(3211, "5 percent processed."), Rows(("Name", "int"), rows=[(1,), (2,)]), Info(3211, "90 percent."),
             Rows(("Other", "int"), rows=[(3,)]), Info(3014, "done"))  # fmt: skip
    heard: list[Message] = []
    with talking(odbc_driver, *parts) as (_, talk):
        answer = talk.run("BACKUP", heard.append)
    assert answer.rows == ({"name": 1}, {"name": 2}, {"other": 3})
    assert [message.number for message in answer.messages] == [3211, 3211, 3014]
    assert tuple(heard) == answer.messages
    assert answer.says(3014)
    assert not answer.says(3262)


def test_an_error_after_messages_and_rows_is_raised_with_what_came_before(odbc_driver: str) -> None:
    parts = (Info(3211, "60 percent processed."), Rows(("a", "int"), rows=[(1,)]), Failure(3202, "full"))
    with talking(odbc_driver, *parts) as (_, talk), pytest.raises(ServerError) as caught:
        talk.run("BACKUP")
    assert [message.number for message in caught.value.messages] == [3211, 3202]
    assert caught.value.numbers == {3202}
    assert not caught.value.lost


@pytest.mark.parametrize("partly", [True, False])
@pytest.mark.parametrize("ends", [True, False])
def test_a_lost_connection_is_never_taken_for_the_end(odbc_driver: str, partly: bool, ends: bool) -> None:
    parts = (Info(3211, "60 percent processed.", ends=ends), Wait(0.05), Break(partly=partly))
    with talking(odbc_driver, *parts) as (_, talk), pytest.raises(ServerError) as caught:
        talk.run("BACKUP")
    assert caught.value.lost


def test_a_connection_is_used_again_after_an_error(odbc_driver: str) -> None:
    with talking(odbc_driver, Failure(3201, "no")) as (server, talk):
        with pytest.raises(ServerError):
            talk.run("BACKUP")
        server.script.first(on("^BACKUP", Info(3014, "done")))
        assert talk.run("BACKUP").says(3014)


@pytest.mark.parametrize("ends", [True, False])
def test_ctrl_c_is_heard_at_once_and_cancels_on_the_server(odbc_driver: str, ends: bool) -> None:
    with talking(odbc_driver, Info(3211, "5 percent processed.", ends=ends), Hang()) as (_, talk):
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come before the statement has begun
            threading.Timer(0.2, _thread.interrupt_main).start()
            talk.run("BACKUP")
        assert time.monotonic() - started < 30
    assert not [thread for thread in threading.enumerate() if thread.name == "upgrade-kit statement"]


def test_what_the_listener_raises_is_raised_here(odbc_driver: str) -> None:
    def heard(_: Message) -> None:
        raise RuntimeError("the listener fails")

    with (
        talking(odbc_driver, Info(3211, "5 percent processed.")) as (_, talk),
        pytest.raises(RuntimeError, match="fails"),
    ):
        talk.run("BACKUP", heard)
