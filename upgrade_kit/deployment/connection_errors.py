"""Errors of databases in plain words, with what to do about them."""

from __future__ import annotations

import re
from pathlib import Path

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.errors import DatabaseError

_SQLITE_HEADER = b"SQLite format 3\0"
_SQLITE_CANNOT_OPEN = "Check the file's and its folder's permissions."
_NOT_SQLITE = "It is another kind of file, encrypted, or damaged: check the path."
_REACH = "Check host, port and that the server runs and can be reached from this machine."
# (words in the error, what to do), the first that fits
_HINTS: tuple[tuple[str, str], ...] = (
    ("adaptive server is unavailable|unexpected eof|\\b08s01\\b", _REACH),
    ("file is not a database", _NOT_SQLITE),
    (
        "disk is full|no space left|could not extend file|table is full",
        "Make room on the disk that holds the database, then try again. What was not committed is taken back.",
    ),
    ("malformed|disk image", "The file is damaged: restore a backup."),
    (
        "readonly database|read-only|read only|1792|cannot execute .* in a read-only",
        "The database or its folder may not be written to.",
    ),
    (
        "certificate|ssl provider|ssl security|encryption not supported",
        "Add &TrustServerCertificate=yes (or &Encrypt=no) to the URL if you trust the server.",
    ),
    (
        "unknown database|does not exist.*database|database .* does not exist|\\b4060\\b|\\b911\\b",
        "Check the database's name in the URL.",
    ),
    (
        # FreeTDS puts the gravest error first, and keeps the one with the reason to itself.
        "freetds.*\\b18456\\b",
        "Check user and password (it may also come from UPGRADE_KIT_PASSWORD). Check the database's name, too.",
    ),
    (
        "password|access denied for user|authentication|login failed|\\b18456\\b|\\b28000\\b|no pg_hba",
        "Check user and password; the password may also come from UPGRADE_KIT_PASSWORD.",
    ),
    (
        "locked|lock wait|lock timeout|lock request|deadlock|\\b1205\\b|\\b1222\\b",
        "Another program holds it: stop the web server and whatever else uses the database, then try again.",
    ),
    (
        "no such table|no such column|doesn't exist|does not exist|invalid object name|invalid column",
        "Check that this is the site's database.",
    ),
    ("permission|denied|\\b229\\b|\\b262\\b", "Give this login or user the right to do that."),
    (
        "can't open lib|data source name not found",
        "Check the driver's name or path, and that what it needs is installed.",
    ),
    (
        "connect|refused|timed? ?out|timeout|unreachable|resolve|name or service|no route|08001|hyt00",
        _REACH,
    ),
)


def check_file(address: DatabaseAddress) -> None:
    """Tell of a missing file, a folder and another kind of file in plain words.

    SQLite says the same of the first two, and takes a file of a few bytes for an empty database.

    Raises:
        DatabaseError: it is none of SQLite's.
    """
    if address.vendor != "sqlite":
        return
    path = Path(address.name)
    try:
        if path.is_dir():
            raise DatabaseError(f"{path} is a folder, not a database.", hint="Name the database's file.")
        if not path.exists():
            raise DatabaseError(f"{path}: there is no such file.", hint="Check the path; nothing was made.")
        with path.open("rb") as stream:
            start = stream.read(len(_SQLITE_HEADER))
    except OSError as error:
        raise DatabaseError(f"{path}: {error.strerror or error}.", hint=_SQLITE_CANNOT_OPEN) from error
    if start and start != _SQLITE_HEADER:
        raise DatabaseError(f"{path}: the file is not a database of SQLite.", hint=_NOT_SQLITE)


def explained(error: BaseException, address: DatabaseAddress) -> DatabaseError:
    """Return what a driver raised with the server's own words, and with what to do where that is known."""
    said = one_line(error, address)
    lowered = said.lower()
    hint = next((hint for words, hint in _HINTS if re.search(words, lowered)), "")
    if address.vendor == "sqlite":
        if "unable to open" in lowered:
            hint = _SQLITE_CANNOT_OPEN
        if Path(f"{address.name}-journal").exists() and ("unable to open" in lowered or "readonly" in lowered):
            hint = (
                "A write was interrupted (a -journal file lies beside it). Start the site once, or let SQLite mend it: "
                f"python -c \"import sqlite3; print(sqlite3.connect(r'{address.name}').execute('PRAGMA quick_check')"
                '.fetchone())"'
            )
    if type(error).__name__ == "SynchronousOnlyOperation":
        hint = "Call this from a thread, not from inside an event loop."
    return DatabaseError(f"{address.shown}: {said}", hint=hint)


def one_line(error: BaseException, address: DatabaseAddress) -> str:
    """Return the server's own words on one line, without the password."""
    arguments = error.args
    # pyodbc gives (SQLSTATE, words), MySQL (number, words).
    if len(arguments) > 1 and isinstance(arguments[1], str):
        number, words = arguments[0], arguments[1]
        text = words if str(number) in words else f"{words} ({number})"
    else:
        text = str(error) or type(error).__name__
    for secret in address.secrets:
        text = text.replace(secret, "***")
    return " ".join(text.split()).rstrip(".") + "."
