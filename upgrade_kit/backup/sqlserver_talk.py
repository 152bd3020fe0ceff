"""Statements to SQL Server, one at a time, each heard out to its very end.

A driver returns from ``BACKUP`` at its first message, long before the work is done; what follows, errors too,
comes only to who asks for every further result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

from upgrade_kit.backup import sqlserver_answers as answers
from upgrade_kit.backup import sqlserver_statements as statements
from upgrade_kit.backup.method import Progress
from upgrade_kit.backup.sqlserver_answers import DatabaseFile, Instance, State, folder_of
from upgrade_kit.backup.sqlserver_errors import (
    FINISHED,
    Message,
    ServerError,
    diagnostics,
    explained,
    information,
    percent,
)
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, Untyped, open_database
from upgrade_kit.deployment.sqlserver_files import Row

Heard: TypeAlias = Callable[[Message], None]

_LOOK_SECONDS = 0.2  # how long Ctrl-C may go unnoticed


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a statement brought, whole.

    Attributes:
        rows: of all result sets, in their order.
        messages: what the server said, in its order; no errors, which are raised.
    """

    rows: tuple[Row, ...]
    messages: tuple[Message, ...]

    def says(self, number: int) -> bool:
        """Return whether a message of this number came."""
        return any(message.number == number for message in self.messages)


class Talk:
    """Speaks to one server over one connection, which is in autocommit: ``BACKUP`` is refused in a transaction.

    Args:
        session: the connection; nobody else may use it meanwhile.
    """

    def __init__(self, session: Session) -> None:
        self._connection = session.driver_connection
        self.address = session.address

    def run(self, sql: str, heard: Heard | None = None) -> Answer:
        """Run one statement to its end.

        The driver waits in a thread of its own, so that Ctrl-C is heard: the statement is then cancelled on the
        server before the interrupt goes on.

        Args:
            sql: the statement.
            heard: told of every message when it comes, from that thread.

        Raises:
            ServerError: what the server said before it failed, and why.
        """
        statement = _Statement(self._connection.cursor(), sql, heard)
        try:
            statement.start()
            statement.wait()
        except BaseException:
            statement.cancel()
            raise
        return statement.answer()


@contextmanager
def talk_to(address: DatabaseAddress) -> Iterator[Talk]:
    """Open a connection of its own to a server.

    Raises:
        DatabaseError: it cannot be reached, or refuses the login.
    """
    with open_database(address, writable=True) as session:
        yield Talk(session)


def percents(tell: Progress | None) -> Heard | None:
    """Return what turns the messages of ``STATS`` into progress, where somebody wants to know."""
    if tell is None:
        return None

    def heard(message: Message) -> None:
        done = percent(message)
        if done is not None:
            tell(done, 100)

    return heard


def finished(answer: Answer) -> str:
    """Return what the server said when ``BACKUP`` or ``RESTORE`` had succeeded, or ``""`` if it did not."""
    return next((message.text for message in answer.messages if message.number == FINISHED), "")


def instance_of(talk: Talk) -> Instance:
    """Ask the server who it is and what this login may do.

    Raises:
        BackupError: with the server's own words.
    """
    return answers.instance(_ask(talk, statements.instance(), "the server cannot be asked who it is").rows[0])


def state_of(talk: Talk, database: str) -> State | None:
    """Ask how a database stands; ``None`` where there is none of that name.

    Raises:
        BackupError: with the server's own words.
    """
    rows = _ask(talk, statements.database_named(database), f"the server cannot be asked about {database}").rows
    return State(name=str(rows[0]["name"]), word=str(rows[0]["state"])) if rows else None


def files_in(talk: Talk, file: str) -> tuple[DatabaseFile, ...]:
    """Ask which files of the database a backup holds.

    Raises:
        BackupError: the server cannot read it, or the backup is not whole.
    """
    answer = _ask(talk, statements.file_list(file), f"{file}: the server cannot read which files the backup holds")
    return answers.files_in_backup(answer.rows, file)


def folders_for(instance: Instance, files: Sequence[DatabaseFile]) -> tuple[str, str]:
    """Return where the server puts data and logs: its default folders, or else where these files are or were."""
    beside = {each.kind: folder_of(each.path) for each in reversed(files)}
    data_folder = instance.data_folder or beside["D"]
    return data_folder, instance.log_folder or beside.get("L", data_folder)


def _ask(talk: Talk, sql: str, doing: str) -> Answer:
    try:
        return talk.run(sql)
    except ServerError as error:
        raise explained(error, doing) from error


class _Statement(threading.Thread):
    """One statement on its way."""

    def __init__(self, cursor: Untyped, sql: str, heard: Heard | None) -> None:
        super().__init__(name="upgrade-kit statement", daemon=True)
        self._cursor = cursor
        self._sql = sql
        self._heard = heard
        self._rows: list[Row] = []
        self._messages: list[Message] = []
        self._failure: BaseException | None = None
        self._begun = False
        self._ended = threading.Event()

    def start(self) -> None:
        self._begun = True
        try:
            super().start()
        except RuntimeError:  # no more threads to be had
            self._ended.set()
            raise

    def run(self) -> None:
        import pyodbc  # noqa: PLC0415 - an extra; a session of this vendor has loaded it

        try:
            self._cursor.execute(self._sql)
            self._collect()
            while self._cursor.nextset():
                self._collect()
            self._collect_messages()
        except pyodbc.Error as error:
            self._failure = ServerError([*self._messages, *diagnostics(error.args)])
            self._failure.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._failure = error
        finally:
            self._ended.set()

    def answer(self) -> Answer:
        """Return or raise what came of it, once it has ended."""
        self._close()
        if self._failure is not None:
            raise self._failure
        # A driver may tell of a lost connection as if it were a remark, and end without an error.
        if any(message.is_error or message.is_lost_connection for message in self._messages):
            raise ServerError(self._messages)
        return Answer(rows=tuple(self._rows), messages=tuple(self._messages))

    def wait(self) -> None:
        """Wait for its end, in steps: a wait without an end hears no Ctrl-C on Windows.

        Not with ``join``: interrupted there, Python takes a running thread for an ended one.
        """
        while self._begun and not self._ended.wait(_LOOK_SECONDS):
            pass

    def cancel(self) -> None:
        """Ask the server to stop, and wait until it has: a connection in use must not be closed."""
        import pyodbc  # noqa: PLC0415 - as above

        with suppress(pyodbc.Error):
            self._cursor.cancel()
        self.wait()
        self._close()

    def _close(self) -> None:
        # Not in the thread that waits for the server: closed there while it is cancelled here, drivers crash.
        import pyodbc  # noqa: PLC0415 - as above

        with suppress(pyodbc.Error):
            self._cursor.close()

    def _collect(self) -> None:
        self._collect_messages()
        if self._cursor.description is None:
            return
        names = [str(column[0]).lower() for column in self._cursor.description]
        self._rows += [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]

    def _collect_messages(self) -> None:
        for message in map(information, self._cursor.messages or ()):
            self._messages.append(message)
            if self._heard is not None:
                self._heard(message)
