r"""What the scripted SQL Server answers, and what it was asked.

An answer is a sequence of parts, sent in their order. A rule is a regular expression, searched in the statement
(case is ignored, ``.`` takes line ends), or a function of the request, and the answer; the first rule that fits
answers. What no rule fits is answered by the tables behind the server (``tables.py``), which know plain SELECT,
INSERT, UPDATE, DELETE, the catalogue and transactions, and refuse everything else with error 50000::

    script = Script(
        on(r"^BACKUP DATABASE", Info(3211, "50 percent processed."), Wait(0.1), Info(3014, "BACKUP DATABASE ...")),
        on(r"^RESTORE VERIFYONLY", Failure(3201, "Cannot open backup device ...", state=2), Failure(3013, "...")),
        on(r"FROM msdb\.dbo\.backupset", Rows(("name", "nvarchar(128)"), ("size", "bigint"), rows=[("full", 7)])),
        on(r"^UPDATE", Failure(1205, "... deadlock victim ...", severity=13, state=45), times=1),  # once, then no more
        on(lambda request: request.parameters == (7,), Rows(("id", "int"), rows=[(1,), (2,), Break()])),
    )
    with SqlServer(script) as server, closing(pyodbc.connect(server.connection_string(driver))) as connection:
        connection.execute("SELECT 1 WHERE 1 = ?", 2).fetchall()
    assert server.statements == ("SELECT 1 WHERE 1 = @P1",)  # those of the drivers themselves are left out
    assert server.runs[0].parameters == (2,)  # server.received holds everything that was asked

An answer may also be made when it is asked for: ``on(r"^BACKUP", lambda request: [Info(...), Count(3)])``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asked.

    Attributes:
        sql: the statement as it came, without a change; with a procedure that is called by its name, that name.
        names: of the parameters, as the statement has them: @P1 ...
        parameters: their values.
        types: how T-SQL spells the type of each.
        how: ``batch``, ``sp_executesql``, ``sp_prepexec``, ``sp_prepare``, ``sp_execute``, ``sp_unprepare``,
            ``begin``, ``commit``, ``rollback`` (transaction manager requests), or the name of another procedure.
        from_driver: a driver asked this for itself.
        connection: the number of the connection, from 1.
        login: who logged in.
        database: where the connection stands.
        in_transaction: whether a transaction was open.
    """

    sql: str
    names: tuple[str, ...] = ()
    parameters: tuple[object, ...] = ()
    types: tuple[str, ...] = ()
    how: str = "batch"
    from_driver: bool = False
    connection: int = 1
    login: str = ""
    database: str = "master"
    in_transaction: bool = False


class Rows:
    """A result set.

    Args:
        columns: a name and the type as T-SQL spells it, each.
        rows: tuples of values; a ``Wait``, ``Hang``, ``Failure`` or ``Break`` among them happens at that place.
    """

    def __init__(self, *columns: tuple[str, str], rows: Iterable[tuple[object, ...] | Interruption] = ()) -> None:
        self.columns = columns
        self.rows = rows


@dataclass(frozen=True, slots=True)
class Count:
    """The end of a statement that returns no rows, with how many it touched (None: it does not say)."""

    rows: int | None = None
    verb: str = ""


@dataclass(frozen=True, slots=True)
class Info:
    """A message.

    Attributes:
        number: the message's; 0 for PRINT.
        text: its words.
        severity: 0 to 10.
        state: the message's.
        line: of the batch.
        ends: a DONE follows that says that more comes, as after each message of BACKUP, RESTORE and PRINT: a
            driver then returns from ``execute`` before the work is done.
    """

    number: int
    text: str
    severity: int = 0
    state: int = 1
    line: int = 1
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """An error. The statement's remaining parts are sent nonetheless; an answer usually ends with it."""

    number: int
    text: str
    severity: int = 16
    state: int = 1
    line: int = 1


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing for some seconds; what was said before has gone out. A client may cancel it."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing more, until the client cancels or goes away, or the server stops."""


@dataclass(frozen=True, slots=True)
class Break:
    """The connection is closed without another word; ``partly`` sends half of the last packet first."""

    partly: bool = True


Interruption: TypeAlias = Failure | Wait | Hang | Break
Part: TypeAlias = Rows | Count | Info | Interruption
Answer: TypeAlias = Iterable[Part]
Matcher: TypeAlias = str | Callable[[Request], bool]


@dataclass(slots=True, kw_only=True)
class Rule:
    """When to answer, and what.

    Attributes:
        matches: an expression that is searched in the statement, or a function.
        answer: the parts, or a function that makes them.
        times: how often the rule may answer; None is always.
        used: how often it has.
    """

    matches: Matcher
    answer: tuple[Part, ...] | Callable[[Request], Answer]
    times: int | None = None
    used: int = 0

    def fits(self, request: Request) -> bool:
        if self.times is not None and self.used >= self.times:
            return False
        if callable(self.matches):
            return self.matches(request)
        return re.search(self.matches, request.sql, re.IGNORECASE | re.DOTALL) is not None


def on(matches: Matcher, *parts: Part | Callable[[Request], Answer], times: int | None = None) -> Rule:
    """Return a rule; with no parts at all the answer is that the statement is done."""
    if len(parts) == 1 and not isinstance(parts[0], Rows | Count | Info | Failure | Wait | Hang | Break):
        return Rule(matches=matches, answer=parts[0], times=times)
    plain = tuple(part for part in parts if isinstance(part, Rows | Count | Info | Failure | Wait | Hang | Break))
    if len(plain) != len(parts):
        raise TypeError("a function makes the whole answer, or none of it")
    return Rule(matches=matches, answer=plain, times=times)


@dataclass(slots=True)
class Script:
    """Rules in their order; more may be added, in front, while the server runs."""

    rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __init__(self, *rules: Rule) -> None:
        self.rules = list(rules)
        self._lock = threading.Lock()

    def first(self, *rules: Rule) -> None:
        """Put rules before the others."""
        with self._lock:
            self.rules[:0] = rules

    def answer(self, request: Request) -> Answer | None:
        """Return the parts of the first rule that fits."""
        with self._lock:
            rule = next((rule for rule in self.rules if rule.fits(request)), None)
            if rule is None:
                return None
            rule.used += 1
        return rule.answer(request) if callable(rule.answer) else rule.answer
