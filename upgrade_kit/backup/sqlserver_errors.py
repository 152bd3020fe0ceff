"""What SQL Server's errors mean to whoever makes a backup, and what to do next. The server's own words are never lost.

Numbers and texts are those of sys.messages ("Database Engine events and errors" in the SQL Server documentation);
the numbers are the same in every language that a server speaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from upgrade_kit.errors import BackupError

FINISHED = 3014  # "BACKUP DATABASE successfully processed N pages ...", the same for RESTORE
PERCENT = 3211  # "N percent processed."
VALID = 3262  # "The backup set on file 1 is valid."
NO_COMPRESSION = 1844  # "... WITH COMPRESSION is not supported on Express Edition."
CANNOT_OPEN = 3201  # "Cannot open backup device ... Operating system error ..."

FILE_NOT_FOUND = 2  # of the operating system; SQL Server on Linux says the same numbers as on Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something that the server or the driver said.

    Attributes:
        state: the SQLSTATE, five letters and digits.
        number: the server's number of the message, or the driver's, or 0.
        text: the words alone.
    """

    state: str
    number: int
    text: str

    @property
    def is_error(self) -> bool:
        """Whether it tells of a failure."""
        return self.state[:2] not in _NO_FAILURE

    @property
    def is_lost_connection(self) -> bool:
        """Whether the driver tells that the server is gone."""
        return self.state[:2] == "08" or self.state in {"HYT00", "HYT01"} or self.number in _FREETDS_LOST


class ServerError(Exception):
    """A statement failed. Never leaves this package: ``explained`` makes it a ``BackupError``.

    Attributes:
        messages: what was said before and with the failure, in the order in which it came.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        super().__init__("; ".join(message.text for message in messages))
        self.messages = tuple(messages)

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the errors."""
        return frozenset(message.number for message in self.messages if message.is_error)

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return _SESSION_KILLED in self.numbers or any(message.is_lost_connection for message in self.messages)

    @property
    def judges_backup(self) -> bool:
        """Whether it says something of the backup, and not only of the login, the server or the connection."""
        return bool(self.numbers & (_SPOILT | _CHECK)) or any(
            message.number == CANNOT_OPEN and _system_error(message.text) == FILE_NOT_FOUND for message in self.messages
        )

    def system_error(self, number: int, file: str) -> int | None:
        """Return what the operating system answered, by the words of an error of this number about a file."""
        for message in self.messages:
            if message.number == number:
                return _system_error(message.text.replace(file, ""))
        return None


def diagnostics(arguments: Sequence[object]) -> tuple[Message, ...]:
    """Take apart the arguments of a ``pyodbc.Error``: one text holds all that the driver had to say."""
    text = str(arguments[1]) if len(arguments) > 1 else " ".join(map(str, arguments))
    found = tuple(
        Message(state=record["state"], number=int(record["number"]), text=_words(record["text"]))
        for record in _RECORD.finditer(text)
    )
    state = str(arguments[0]) if len(arguments) > 1 else "HY000"
    return found or (Message(state=state, number=0, text=_words(text)),)


def information(entry: Sequence[object]) -> Message:
    """Take apart one entry of ``Cursor.messages``: ``("[01000] (3211)", "[driver][SQL Server]words")``."""
    found = _ENTRY.search(str(entry[0]))
    state, number = (found["state"], int(found["number"])) if found else ("01000", 0)
    return Message(state=state, number=number, text=_words(str(entry[1])))


def percent(message: Message) -> int | None:
    """Return how far a statement has come, if that is what the message tells."""
    found = re.search(r"\d+", message.text) if message.number == PERCENT else None
    return min(int(found[0]), 100) if found else None


def explained(error: ServerError, doing: str, *, more: str = "") -> BackupError:
    """Return what went wrong as one sentence with the server's own words, and what to do next.

    Args:
        error: what the server said.
        doing: what was tried, with its place: ``"qatrack: the backup to /var/... failed"``.
        more: a sentence on what is left behind, if anything.
    """
    failures = _causes(error.messages)
    meaning, hint = _meaning(failures)
    if error.lost:
        meaning = (
            "the session was ended on the server" if _SESSION_KILLED in error.numbers else "the connection was lost"
        )
        hint = "Check that the server still runs (its error log tells why it ended the session), then try again."
    words = " ".join(f"{message.text}{f' ({message.number})' if message.number else ''}" for message in failures)
    said = f": {meaning}. The server said: {words}" if meaning else f". The server said: {words}"
    tail = f" {more}" if more else ""
    return BackupError(f"{doing}{said}{tail}", hint=hint)


def unavailable(error: ServerError) -> str:
    """Say that the server has no such statement, if that is what its error means, else ``""``."""
    for message in error.messages:
        if message.number in _NOT_HERE or (message.is_error and "not currently supported" in message.text.lower()):
            return f"this server does not know the statement: {message.text} ({message.number})"
    return ""


# --- How drivers put it -------------------------------------------------------------------------------

# What pyodbc makes of two errors: [42000] [driver][SQL Server]words (3201) (SQLExecDirectW); [42000] words (3013)
_RECORD = re.compile(
    r"(?:\A|; )\[(?P<state>[0-9A-Z]{5})\] (?P<text>.*?) \((?P<number>-?\d+)\)(?: \(\w+\))?(?=; \[[0-9A-Z]{5}\] |\Z)",
    re.DOTALL,
)
_ENTRY = re.compile(r"\[(?P<state>[0-9A-Z]{5})\] \((?P<number>-?\d+)\)")
_SPEAKERS = re.compile(r"\A(?:\[(?:Microsoft|FreeTDS|unixODBC|SQL Server|[^\]]*Driver[^\]]*|[^\]]*Client[^\]]*)\])+")


def _words(text: str) -> str:
    return " ".join(_SPEAKERS.sub("", text).split())


# --- What it means ------------------------------------------------------------------------------------

_TERMINATED = frozenset({3013, 3204})  # "... is terminating abnormally.", "... was aborted.": the cause came before
_SESSION_KILLED = 596
_FREETDS_LOST = frozenset({20003, 20004, 20006, 20017, 20047})
_NO_FAILURE = frozenset({"00", "01"})  # classes of SQLSTATE
# 102, 156, 319: syntax; 33557097: Babelfish; 40510, 40511: Azure SQL Database; 343: unknown object type
_NOT_HERE = frozenset({102, 156, 319, 343, 40510, 40511, 33557097})

_RIGHTS_OF_SERVICE = (
    "The account of the SQL Server service, not yours, needs the right to write there: "
    "give it that, or name another folder of the server with --server-dir."
)
_OTHER_FOLDER = "Name a folder that exists on the server, in the server's own words, with --server-dir."
_SYSTEM: dict[int, tuple[str, str]] = {
    2: ("there is no such file on the server", "Check the path: it is a path of the server's, not of this machine."),
    3: ("there is no such folder on the server", _OTHER_FOLDER),
    5: ("the service account of SQL Server may not open it", _RIGHTS_OF_SERVICE),
    19: ("the server's disk is write-protected", _OTHER_FOLDER),
    21: ("the server's disk is not ready", _OTHER_FOLDER),
    32: (
        "another program on the server has the file open",
        "Close that program (often a virus scanner), then try again.",
    ),
    33: ("another program on the server has locked the file", "Close that program, then try again."),
    39: ("the server's disk is full", "Make room there, or name a folder on another disk with --server-dir."),
    53: ("the server cannot reach that network path", "Check the share's name, and that the server can reach it."),
    64: ("the server lost that network path", "Use a local folder of the server with --server-dir."),
    67: ("there is no such share", "Check the share's name."),
    112: ("the server's disk is full", "Make room there, or name a folder on another disk with --server-dir."),
    123: ("the server's system takes no such path", _OTHER_FOLDER),
    1326: ("the share refuses the account of the SQL Server service", _RIGHTS_OF_SERVICE),
}

# FreeTDS puts the gravest error first, and pyodbc passes on the first alone: a missing right (262) gets lost like this.
_ENDED = (
    "the driver did not pass on the cause",
    "Most often the login lacks a right; the server's error log, or Microsoft's ODBC driver, tells.",
)
_GIVE_BACKUP = "Let an administrator of the server give it: ALTER ROLE db_backupoperator ADD MEMBER [login's user]."
_DAMAGED_BACKUP = "Do not rely on this backup. Make another, on another disk of the server: --server-dir FOLDER."
_DAMAGED_DATABASE = (
    "The database itself is damaged: run DBCC CHECKDB on it, keep every older backup, "
    "and do not upgrade before it is mended."
)
_IN_USE = "Stop the site and close every query window on that database, then try again."
_NEWER = "Restore it on that version of SQL Server or a later one."
_LOGIN = "Check user and password; the password may also come from UPGRADE_KIT_PASSWORD."
_MEANING: dict[int, tuple[str, str]] = {
    262: ("this login lacks the right", "Use a login with that right, or let an administrator give it."),
    300: ("this login lacks the right", "Use a login with that right, or let an administrator give it."),
    911: ("there is no such database", "Check the database's name in the URL."),
    916: ("this login may not use that database", "Let an administrator make a user for it in that database."),
    924: ("the database is held by one user alone", _IN_USE),
    927: ("the database is in the middle of a restore", "Finish or repeat that restore first."),
    945: ("the database cannot be opened by the server", "Read the server's error log: a file or room is missing."),
    1105: ("no room is left in the database", "Make room on the server's disk, then try again."),
    1204: ("the server has no room for more locks", "Try again when the server rests."),
    1205: ("the server chose this session to end a deadlock", "Try again when the site rests, or stop the site."),
    1222: ("another session kept its lock too long", _IN_USE),
    1801: ("a database of that name exists already", "Name another, or add --replace."),
    1807: ("another session is creating a database just now", "Try again."),
    1827: ("Express holds no database larger than its limit", "Restore it on an edition without that limit."),
    NO_COMPRESSION: ("this edition cannot compress backups", "The kit then makes it without compression."),
    3021: ("the server sees an open transaction", "Close other work of this session; the kit opens none itself."),
    3023: ("another backup or change of files of this database is running", "Wait until it has ended, then try again."),
    3041: ("the backup failed", "Read the server's error log."),
    3043: ("a page of the database fails its checksum", _DAMAGED_DATABASE),
    3049: ("corruption was found in the database", _DAMAGED_DATABASE),
    3101: ("the database is in use", _IN_USE),
    3102: ("the database is in use by this very session", _IN_USE),
    3110: (
        "this login may not restore that database",
        "Use a login with the role sysadmin or dbcreator, or its owner.",
    ),
    3119: ("the restore met problems while it was planned", "See what the server said before it."),
    3132: ("the backup was made onto several files, and one is missing", _DAMAGED_BACKUP),
    3154: (
        "the database there is another than the one backed up",
        "Check --database; to overwrite what is there, add --replace.",
    ),
    3156: (
        "a file of the database cannot be put there",
        "Check the default folders of the server and what lies there.",
    ),
    3159: (
        "what is there has work that no backup holds",
        "Check --database; to overwrite what is there, add --replace.",
    ),
    3168: ("a system database cannot be restored like this", "Check the database's name."),
    3169: ("the backup was made by a newer version of SQL Server", _NEWER),
    3183: ("a page of the backup is damaged", _DAMAGED_BACKUP),
    3189: ("the backup is damaged", _DAMAGED_BACKUP),
    3202: (
        "the server could not write the backup",
        "Check the disk of the server, or name another folder: --server-dir.",
    ),
    3203: ("the server could not read the file", "Check the disk of the server that holds it."),
    3234: ("the backup holds other files of the database than expected", _DAMAGED_BACKUP),
    3241: ("the file is no backup, damaged, or of a newer SQL Server", _DAMAGED_BACKUP),
    3242: ("the file is no backup of SQL Server", _DAMAGED_BACKUP),
    3243: ("the file is no backup that this version of SQL Server can read", _DAMAGED_BACKUP),
    3254: ("the backup file is empty", _DAMAGED_BACKUP),
    3257: ("the server's disk has no room for the database", "Make room on that disk of the server, then try again."),
    3266: ("the backup file is damaged or cut off", _DAMAGED_BACKUP),
    3268: ("the file on the server holds another backup", "Try again: the kit then takes another name."),
    3271: ("the server met an error of its disk", "Check the disk of the server; its system log tells more."),
    3414: ("the database cannot be recovered", "Read the server's error log."),
    3627: ("the server has too little memory for another worker", "Try again when the server rests."),
    3702: ("the database is in use", _IN_USE),
    4030: ("the file on the server has not expired", "Name another folder with --server-dir."),
    4060: (
        "the database cannot be opened by this login",
        "Check the database's name in the URL and the login's rights.",
    ),
    4064: ("the login's default database cannot be opened", "Name the database in the URL, or let it be changed."),
    5011: ("this login may not change that database", "Use a login with the role sysadmin, or the database's owner."),
    5061: ("the database is in use", _IN_USE),
    5064: ("the database is held by one user alone", _IN_USE),
    5069: ("the database's options could not be changed", _IN_USE),
    5123: ("the server could not make a file of the database", "Check the server's default folders for data and log."),
    5133: ("the server has no such folder for a file of the database", "Check its default folders for data and log."),
    8921: ("the check of the database was ended before its end", "Check the room of tempdb, then try again."),
    9002: ("the transaction log is full", "Make room on the server's disk, or back the log up, then try again."),
    15247: ("this login lacks the right", "Use a login with that right, or let an administrator give it."),
    18452: ("the server refused this Windows login", _LOGIN),
    18456: ("the server refused user or password", _LOGIN),
    18470: ("the login is disabled", _LOGIN),
    18486: ("the login is locked out", _LOGIN),
    18487: ("the login's password has expired", _LOGIN),
    18488: ("the login's password must be changed", _LOGIN),
    33111: ("the certificate that encrypted the database is not on this server", "Restore that certificate first."),
    41902: ("a managed instance backs up to a URL only", "Make the backup with --method json."),
}
_SPOILT = frozenset(number for number, (_, hint) in _MEANING.items() if hint == _DAMAGED_BACKUP)
_DEVICE_ERRORS = frozenset({CANNOT_OPEN, 3202, 3203, 3271, 3634, 5123, 5133})
_DAMAGE = frozenset({823, 824, 825, 829})
_CHECK = frozenset(range(8900, 9000)) - {8921}  # what DBCC CHECKDB finds; 8921: it could not go on


def _causes(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return the errors that say why: not the one that only says that it was the end."""
    failures = tuple(message for message in messages if message.is_error)
    causes = tuple(message for message in failures if message.number not in _TERMINATED)
    return causes or failures or tuple(messages)[-1:]


def _meaning(failures: Sequence[Message]) -> tuple[str, str]:
    """Return what the first error that is known means and what to do, or two empty texts."""
    for message in failures:
        if message.number in _DEVICE_ERRORS:
            known = _SYSTEM.get(_system_error(message.text) or 0)
            if known is not None:
                return known
        if message.number == 262 and "BACKUP" in message.text:  # noqa: PLR2004 - the number of sys.messages
            return "this login may not back up that database", _GIVE_BACKUP
        if message.number in _DAMAGE:
            return "the server read a damaged page", _DAMAGED_DATABASE
        if message.number in _MEANING:
            return _MEANING[message.number]
        if message.number in _CHECK:
            return "the check of the database found damage", _DAMAGED_DATABASE
        if message.number == CANNOT_OPEN:
            return "the server cannot open the file", _OTHER_FOLDER
    if failures and failures[0].number in _TERMINATED:
        return _ENDED
    return "", "Look the number up in the server's documentation, and read the server's error log."


def _system_error(words: str) -> int | None:
    """Return the operating system's number: the last one right before a bracket, ``5(Access is denied.)``."""
    found = re.findall(r"(\d+)\s?\(", words)
    return int(found[-1]) if found else None
