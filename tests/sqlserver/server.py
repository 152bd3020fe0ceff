"""A SQL Server for tests, on loopback: it speaks TDS 7.4 and answers from a script (``script.py`` shows how).

Both ODBC drivers, FreeTDS and Microsoft's, talk to it through pyodbc as to the real one; there is no encryption.
A connection is a thread. Closing the server ends them all.
"""

from __future__ import annotations

import select
import socket
import struct
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tests.sqlserver import clients, protocol
from tests.sqlserver.datatypes import SqlType
from tests.sqlserver.script import Answer, Break, Count, Failure, Hang, Info, Request, Rows, Script, Wait
from tests.sqlserver.tables import Session, Tables

NAME = "TESTS"
PRODUCT = "Microsoft SQL Server"
END_SECONDS = 10


@dataclass(slots=True, kw_only=True)
class Logins:
    """Who may log in.

    Attributes:
        passwords: of each login; None lets everybody in.
        answer: what is said instead of a yes or no, for time-outs and the like.
    """

    passwords: Mapping[str, str] | None = field(default_factory=lambda: {"sa": "pw"})
    answer: Callable[[protocol.Login], Answer | None] = lambda _: None


class SqlServer:
    """The server; used with ``with``.

    Args:
        script: what it answers.
        databases: by name, what answers where no rule fits; by default an empty ``qatrack``. ``master`` is there
            without being named.
        logins: who may log in, by default ``sa`` with the password ``pw``.

    Attributes:
        received: every request, in the order in which they came, from all connections.
        logins_seen: every LOGIN7, with the password as it was sent.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        databases: Mapping[str, Tables] | None = None,
        logins: Logins | None = None,
    ) -> None:
        self.script = script or Script()
        self._folder = tempfile.TemporaryDirectory(prefix="upgrade-kit-sqlserver-")
        self.databases: dict[str, Tables] = {"master": self.empty("master")}
        self.databases |= databases or {"qatrack": self.empty("qatrack")}
        self.logins = logins or Logins()
        self.received: list[Request] = []
        self.logins_seen: list[protocol.Login] = []
        self.faults: list[BaseException] = []  # what went wrong inside the server itself; told when it is closed
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, name="sqlserver accept")

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is not None:
            for fault in self.faults:
                error.add_note(f"inside the scripted server: {''.join(traceback.format_exception(fault))}")
        elif self.faults:
            raise BaseExceptionGroup("inside the scripted server", self.faults)

    def empty(self, name: str) -> Tables:
        """Return a database without tables, which lives as long as the server."""
        return Tables(file=Path(self._folder.name) / f"{name}.sqlite3", name=name)

    def close(self) -> None:
        """End every connection, and wait for that."""
        self._stopped = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(END_SECONDS)
        self.break_connections()
        with self._lock:
            threads = list(self._connections)
        for thread in threads:
            thread.join(END_SECONDS)
        self._folder.cleanup()

    def break_connections(self) -> None:
        """Cut every connection that is open now, as a server that is killed does."""
        with self._lock:
            sockets = list(self._connections.values())
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    @property
    def runs(self) -> tuple[Request, ...]:
        """The requests that ran T-SQL, in order, without what the drivers ask for themselves."""
        ran = {"batch", "sp_executesql", "sp_prepexec", "sp_execute"}
        return tuple(one for one in self.received if one.how in ran and not one.from_driver)

    @property
    def statements(self) -> tuple[str, ...]:
        """The T-SQL that was run, in order, as it came."""
        return tuple(one.sql for one in self.runs)

    def connection_string(
        self,
        driver: str,
        *,
        user: str = "sa",
        password: str = "pw",  # noqa: S107 - it opens nothing but this
        database: str = "qatrack",
    ) -> str:
        """Return what pyodbc takes; ``driver`` is a registered name or a path."""
        common = f"DRIVER={{{driver}}};UID={user};PWD={password};DATABASE={database}"
        if _is_microsoft(driver):
            return f"{common};SERVER=127.0.0.1,{self.port};Encrypt=optional;TrustServerCertificate=yes"
        return f"{common};SERVER=127.0.0.1;PORT={self.port};TDS_Version=7.4;ClientCharset=UTF-8"

    def url(self, driver: str, *, user: str = "sa", password: str = "pw", database: str = "qatrack") -> str:  # noqa: S107 - as above
        """Return what ``--database`` takes."""
        tail = "&Encrypt=optional&TrustServerCertificate=yes" if _is_microsoft(driver) else ""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"mssql://{login}@127.0.0.1:{self.port}/{quote(database)}?driver={quote(driver, safe='')}{tail}"

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(self, peer, number)
            thread = threading.Thread(target=self._serve, args=(connection,), name=f"sqlserver {number}")
            with self._lock:
                self._connections[thread] = peer
            thread.start()

    def _serve(self, connection: _Connection) -> None:
        try:
            connection.run()
        except (OSError, _GoneError):
            pass  # the client, or the script, ended it
        except BaseException as error:  # noqa: BLE001 - a thread's error is told where the test can see it
            self.faults.append(error)
        finally:
            connection.close()
            with self._lock:
                self._connections.pop(threading.current_thread(), None)


def _is_microsoft(driver: str) -> bool:
    return "msodbcsql" in driver or "ODBC Driver" in driver


class _GoneError(Exception):
    """The client is not there any more, or the script sent it away."""


class _CancelledError(Exception):
    """The client wants no more of this answer."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    sql: str
    names: tuple[str, ...]


class _Connection:
    """One client."""

    def __init__(self, server: SqlServer, peer: socket.socket, number: int) -> None:
        self._server = server
        self._peer = peer
        self._number = number
        self._login: protocol.Login | None = None
        self._database = "master"
        self._session: Session | None = None  # from the login on
        self._prepared: dict[int, _Prepared] = {}
        self._packet_size = 4096
        self._packet_number = 1
        self._buffer = bytearray()
        self._told = False  # whether the client knows of an open transaction
        self._descriptor = 0
        self._ended_by = protocol.COMMIT

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._peer.close()

    def run(self) -> None:
        while True:
            kind, data = self._receive()
            try:
                self._answer(kind, data)
            except _CancelledError:
                self._say(protocol.done(protocol.DONE, status=protocol.CANCELLED | self._status, verb="", rows=0))
            self._flush(end=True)

    def _answer(self, kind: int, data: bytes) -> None:
        match kind:
            case protocol.PRELOGIN:
                self._say(protocol.prelogin_answer())
            case protocol.LOGIN:
                self._log_in(protocol.read_login(data))
            case protocol.BATCH:
                self._batch(protocol.read_batch(data))
            case protocol.RPC:
                self._calls(data)
            case protocol.TRANSACTION:
                self._transaction(*protocol.read_transaction(data))
            case protocol.ATTENTION:  # it came after the answer's end
                raise _CancelledError
            case protocol.TLS:  # a client that speaks nothing but TLS
                raise _GoneError
            case _:
                raise ValueError(f"a packet of kind {kind}")

    # --- Packets ---------------------------------------------------------------------------------

    def _receive(self) -> tuple[int, bytes]:
        parts = []
        while True:
            head = self._take(protocol.HEADER_SIZE)
            kind, status, length = struct.unpack_from(">BBH", head)
            parts.append(self._take(length - protocol.HEADER_SIZE))
            if status & protocol.END_OF_MESSAGE:
                return kind, b"".join(parts)

    def _take(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._peer.recv(count - len(parts))
            if not part:
                raise _GoneError
            parts += part
        return bytes(parts)

    def _say(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > 16 * self._packet_size:
            room = self._packet_size - protocol.HEADER_SIZE
            whole = len(self._buffer) // room * room
            keep = self._buffer[whole:]
            del self._buffer[whole:]
            self._flush(end=False)
            self._buffer = keep
            self._pause(0)  # where the client wants no more, the rest is not sent

    def _flush(self, *, end: bool) -> None:
        if not self._buffer and not end:
            return
        for packet in protocol.packets(
            protocol.REPLY, bytes(self._buffer), self._packet_size, end=end, number=self._packet_number
        ):
            self._peer.sendall(packet)
            self._packet_number += 1
        self._buffer.clear()
        if end:
            self._packet_number = 1

    def _wait(self, seconds: float | None) -> None:
        """Let what was said go out, and wait; the client may cancel or leave."""
        self._flush(end=False)
        self._pause(seconds)

    def _pause(self, seconds: float | None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            ready, _, _ = select.select([self._peer], [], [], left)
            if not ready:
                return
            kind, _ = self._receive()
            if kind == protocol.ATTENTION:
                raise _CancelledError

    def _break(self, how: Break) -> None:
        if how.partly:
            room = self._packet_size - protocol.HEADER_SIZE
            self._say(bytes(8))  # so that there is something of which half can be sent
            *whole, last = protocol.packets(
                protocol.REPLY, bytes(self._buffer), room, end=True, number=self._packet_number
            )
            self._peer.sendall(b"".join(whole) + last[: len(last) // 2])
        raise _GoneError

    # --- Login -----------------------------------------------------------------------------------

    def _log_in(self, login: protocol.Login) -> None:
        server = self._server
        server.logins_seen.append(login)
        self._login = login
        answer = server.logins.answer(login)
        if answer is not None:
            self._refuse(answer)
        passwords = server.logins.passwords
        if passwords is not None and passwords.get(login.user) != login.password:
            self._refuse([Failure(18456, f"Login failed for user '{login.user}'.", severity=14)])
        wanted = login.database or "master"
        name = next((name for name in server.databases if name.lower() == wanted.lower()), None)
        if name is None:
            self._refuse(
                [
                    Failure(
                        4060,
                        f'Cannot open database "{wanted}" requested by the login. The login failed.',
                        severity=11,
                    ),
                    Failure(18456, f"Login failed for user '{login.user}'.", severity=14),
                ]
            )
            return
        self._use(name)
        size = min(max(login.packet_size or 4096, 512), 32767)
        self._message(Info(5703, "Changed language setting to us_english."))
        self._say(protocol.changed(protocol.LANGUAGE, "us_english"))
        self._say(protocol.collation_changed())
        self._say(protocol.login_accepted(PRODUCT))
        self._say(protocol.changed(protocol.PACKET_SIZE, str(size), "4096"))
        self._say(protocol.done(protocol.DONE, status=0, verb="", rows=0))
        self._packet_size = size

    def _refuse(self, answer: Answer) -> None:
        output = _Output(self, protocol.DONE)
        self._parts(answer, output)
        output.end(self._status)
        self._flush(end=True)
        raise _GoneError

    def _use(self, name: str) -> None:
        if self._session is not None:
            self._session.close()
        self._session = self._server.databases[name].open(self._login.user if self._login else "")
        before, self._database = self._database, name
        self._say(protocol.changed(protocol.DATABASE, name, before))
        self._message(Info(5701, f"Changed database context to '{name}'.", state=2))

    # --- Requests --------------------------------------------------------------------------------

    def _batch(self, sql: str) -> None:
        output = _Output(self, protocol.DONE)
        self._parts(self._ask(self._request(sql)), output)
        output.end(self._status)

    def _calls(self, data: bytes) -> None:
        try:
            calls = list(protocol.read_calls(data))
        except (OverflowError, UnicodeDecodeError) as error:  # a value that its type does not have
            output = _Output(self, protocol.DONE)
            self._parts(
                [Failure(8023, f"The supplied value is not a valid instance of its data type: {error}")], output
            )
            output.end(self._status)
            return
        for place, call in enumerate(calls):
            output = _Output(self, protocol.DONE_IN_PROCEDURE)
            handle = self._call(call, output)
            output.end(self._status, alone=True)
            self._say(protocol.return_status())
            if handle is not None:
                self._say(protocol.return_value(0, call.parameters[0].name, handle))
            more = protocol.MORE if place < len(calls) - 1 else 0
            status = self._status | more | (protocol.ERROR if output.failed else 0)
            self._say(protocol.done(protocol.DONE_PROCEDURE, status=status, verb="", rows=0))

    def _call(self, call: protocol.Call, output: _Output) -> int | None:
        """Run one procedure; return the handle of what was prepared."""
        values = call.parameters
        match call.procedure:
            case "sp_executesql":
                names = protocol.declared_names(str(values[1].value or "")) if len(values) > 1 else ()
                self._run(_Prepared(str(values[0].value), names), values[2:], call.procedure, output)
            case "sp_prepexec" | "sp_prepare":
                prepared = _Prepared(str(values[2].value), protocol.declared_names(str(values[1].value or "")))
                handle = len(self._prepared) + 1
                self._prepared[handle] = prepared
                if call.procedure == "sp_prepare":
                    self._server.received.append(self._request(prepared.sql, how=call.procedure))
                else:
                    self._run(prepared, values[3:], call.procedure, output)
                return handle
            case "sp_execute":
                found = self._prepared.get(int(str(values[0].value)))
                if found is None:
                    self._parts(
                        [Failure(8179, f"Could not find prepared statement with handle {values[0].value}.")], output
                    )
                else:
                    self._run(found, values[1:], call.procedure, output)
            case "sp_unprepare":
                self._server.received.append(self._request("", how=call.procedure, from_driver=True))
            case _:
                self._run(_Prepared(call.procedure, ()), values, call.procedure, output)
        return None

    def _run(self, prepared: _Prepared, values: Sequence[protocol.Parameter], how: str, output: _Output) -> None:
        request = self._request(
            prepared.sql,
            how=how,
            names=prepared.names or tuple(value.name for value in values),
            parameters=tuple(value.value for value in values),
            types=tuple(value.type.spelled for value in values),
        )
        self._parts(self._ask(request), output)

    def _transaction(self, *asked: str) -> None:
        output = _Output(self, protocol.DONE)
        for one in asked:
            self._parts(self._ask(self._request("", how=one, from_driver=True)), output)
        output.end(self._status)

    def _request(
        self,
        sql: str,
        *,
        how: str = "batch",
        from_driver: bool = False,
        names: tuple[str, ...] = (),
        parameters: tuple[object, ...] = (),
        types: tuple[str, ...] = (),
    ) -> Request:
        return Request(
            sql=sql,
            names=names,
            parameters=parameters,
            types=types,
            how=how,
            from_driver=from_driver,
            connection=self._number,
            login=self._login.user if self._login else "",
            database=self._database,
            in_transaction=self._open_transactions > 0,
        )

    def _ask(self, request: Request) -> Answer:
        if clients.is_own(request.sql):  # no rule of a script is meant for this
            self._server.received.append(replace(request, from_driver=True))
            return clients.own_answer(request)
        self._server.received.append(request)
        rollback = request.how == "rollback" or request.sql.lstrip().upper().startswith("ROLLBACK")
        self._ended_by = protocol.ROLLBACK if rollback else protocol.COMMIT
        answer = self._server.script.answer(request)
        return self._tables.answer(request) if answer is None else answer

    # --- Answers ---------------------------------------------------------------------------------

    @property
    def _tables(self) -> Session:
        if self._session is None:
            raise ValueError("a request before the login")
        return self._session

    @property
    def _open_transactions(self) -> int:
        return self._session.transactions if self._session is not None else 0

    @property
    def _status(self) -> int:
        return protocol.IN_TRANSACTION if self._open_transactions else 0

    def _message(self, part: Info | Failure) -> None:
        self._say(
            protocol.message(
                part.number, part.text, severity=part.severity, state=part.state, line=part.line, server=NAME
            )
        )

    def _parts(self, answer: Answer, output: _Output) -> None:
        fatal = False
        for part in answer:
            self._tell_transaction(output)
            match part:
                case Rows():
                    output.start(self._status)
                    fatal |= self._rows(part, output)
                case Count():
                    output.start(self._status)
                    output.finish("" if part.rows is None else part.verb or "UPDATE", part.rows)
                case Info() | Failure():
                    output.start(self._status)
                    output.failed |= isinstance(part, Failure)
                    output.loose = True
                    self._message(part)
                    fatal |= part.severity >= 20
                    if isinstance(part, Info) and part.ends:
                        output.finish("", None)
                case Wait() | Hang() | Break():
                    output.start(self._status)
                    self._interrupt(part)
        self._tell_transaction(output)
        if fatal:
            output.end(self._status)
            self._flush(end=True)
            raise _GoneError

    def _rows(self, part: Rows, output: _Output) -> bool:
        columns = [(name, SqlType.of(spelled)) for name, spelled in part.columns]
        types = [kind for _, kind in columns]
        self._say(protocol.metadata(columns))
        count = 0
        fatal = False
        for item in part.rows:
            match item:
                case Failure():
                    self._message(item)
                    output.failed = True
                    fatal |= item.severity >= 20
                case Wait() | Hang() | Break():
                    self._interrupt(item)
                case _:
                    self._say(protocol.row(types, item))
                    count += 1
        output.finish("SELECT", count)
        return fatal

    def _interrupt(self, part: Wait | Hang | Break) -> None:
        match part:
            case Wait():
                self._wait(part.seconds)
            case Hang():
                self._wait(None)
            case Break():
                self._break(part)

    def _tell_transaction(self, output: _Output) -> None:
        """Tell the client that a transaction began or ended."""
        now = self._open_transactions > 0
        if now == self._told:
            return
        output.start(self._status)
        self._told = now
        if now:
            self._descriptor += 1
        number = struct.pack("<Q", self._descriptor)
        self._say(protocol.changed(protocol.BEGIN, number) if now else protocol.changed(self._ended_by, b"", number))


class _Output:
    """The DONE tokens of one answer: each but the last says that more comes."""

    def __init__(self, connection: _Connection, token: int) -> None:
        self._connection = connection
        self._token = token
        self._pending: tuple[str, int | None] | None = None
        self.failed = False
        self.loose = False  # messages that no DONE has followed yet

    def start(self, status: int) -> None:
        """Say the DONE that was held back, now that something follows it."""
        if self._pending is not None:
            self._done(status | protocol.MORE)

    def finish(self, verb: str, rows: int | None) -> None:
        self._pending = (verb, rows)

    def end(self, status: int, *, alone: bool = False) -> None:
        """Say the last DONE; with ``alone`` only where a statement has ended, since another token follows."""
        if self._pending is None and not (alone and not self.loose and not self.failed):
            self._pending = ("", None)
        if self._pending is not None:
            self._done(status | (protocol.MORE if self._token == protocol.DONE_IN_PROCEDURE else 0))

    def _done(self, status: int) -> None:
        verb, rows = self._pending or ("", None)
        status |= (protocol.ERROR if self.failed else 0) | (0 if rows is None else protocol.COUNTED)
        self._connection._say(protocol.done(self._token, status=status, verb=verb, rows=rows or 0))
        self._pending = None
        self.loose = False
