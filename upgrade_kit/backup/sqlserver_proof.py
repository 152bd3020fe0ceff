"""Proves a backup that only SQL Server can read: header, list of files, every checksum, the server's records.

On demand a drill goes further: the backup is restored under another name, checked, compared and removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from upgrade_kit.backup import sqlserver_answers as answers
from upgrade_kit.backup import sqlserver_statements as statements
from upgrade_kit.backup.method import Options
from upgrade_kit.backup.sqlserver_answers import BackupSet, DatabaseFile
from upgrade_kit.backup.sqlserver_drill import drill
from upgrade_kit.backup.sqlserver_errors import VALID, ServerError, explained
from upgrade_kit.backup.sqlserver_talk import Talk, files_in, percents, talk_to
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import UnverifiedBackup

_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"
_LONGEST_SET_NAME = 128


def prove(made: UnverifiedBackup, database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
    """Let the server read the whole backup and check it, and compare its header with what is said of it.

    Args:
        made: what is said of it.
        database: any database of the server that has the file, by default the one that was backed up.
        options: whether there is to be a drill, and who is told of the progress.

    Raises:
        BackupError: it is not what is said of it, or the server cannot read it.
        DatabaseError: the server cannot be reached.
    """
    if not made.on_server or made.vendor != "microsoft":
        raise BackupError(
            f"{made.manifest}: tells of no file on a SQL Server", hint="The manifest was altered. " + _MAKE_ANOTHER
        )
    address = database or parse_database_url(made.database, base=Path.cwd())
    with talk_to(replace(address, name="master")) as talk, _judged():
        found = only_set(talk, made.server_file)
        header = _compare_header(made, found)
        files = files_in(talk, made.server_file)
        checksums = _verify(talk, made, options)
        history = _history(talk, found, made.server_file)
        drilled = drill(talk, made, files, options) if options.drill else ()
    return (checksums[0], header, _files(files), history, *checksums[1:], *drilled, _ON_SERVER)


@contextmanager
def _judged() -> Iterator[None]:
    """Tell a backup that failed its proof from a server that could not be asked."""
    try:
        yield
    except BackupError as error:
        if isinstance(error.__cause__, ServerError) and not error.__cause__.judges_backup:
            raise DatabaseError(error.message, hint=error.hint) from error
        raise


def set_name(file: str) -> str:
    """Return what the set in a file is called: after the file, whose name nobody else's has."""
    return f"upgrade-kit {answers.name_of(file)}"[-_LONGEST_SET_NAME:]


def only_set(talk: Talk, file: str) -> BackupSet:
    """Read the header of a backup.

    Raises:
        BackupError: the server cannot read it, or it does not hold exactly one set.
    """
    try:
        return answers.only_set(talk.run(statements.header(file)).rows, file)
    except ServerError as error:
        raise explained(error, f"{file}: the server cannot read the backup's header") from error


_ON_SERVER = "The file is on the server alone: its SHA-256 is not known, the proof is the server's own."


def _compare_header(made: UnverifiedBackup, found: BackupSet) -> str:
    database = parse_database_url(made.database, base=Path.cwd()).name
    objections = found.objections(database=database, set_name=set_name(made.server_file))
    if found.size_bytes != made.size_bytes:
        objections += (f"it has {found.size_bytes} bytes instead of {made.size_bytes}",)
    if objections:
        raise BackupError(
            f"{made.server_file}: not the backup that the manifest tells of: {'; '.join(objections)}",
            hint=_MAKE_ANOTHER,
        )
    return (
        f"Its header (RESTORE HEADERONLY) is that of one whole, copy-only backup of {found.database} with checksums, "
        f"{found.size_bytes} bytes, finished {found.finished} by the server's clock."
    )


def _files(files: tuple[DatabaseFile, ...]) -> str:
    logical = ", ".join(each.logical for each in files)
    return f"It holds every file of the database (RESTORE FILELISTONLY): {logical}."


def _verify(talk: Talk, made: UnverifiedBackup, options: Options) -> tuple[str, ...]:
    try:
        answer = talk.run(statements.verify(made.server_file), percents(options.progress))
    except ServerError as error:
        raise explained(error, f"{made.server_file}: the server could not verify the backup") from error
    if not answer.says(VALID):
        said = " ".join(message.text for message in answer.messages[-3:]) or "nothing"
        raise BackupError(
            f"{made.server_file}: the server ended RESTORE VERIFYONLY without saying that the backup is valid "
            f"(message {VALID} did not come). The server said: {said}",
            hint=_MAKE_ANOTHER,
        )
    remarks = [
        f"The server remarked: {message.text} ({message.number})"
        for message in answer.messages
        if message.number not in _EXPECTED
    ]
    return ("The server read it whole and found every checksum right (RESTORE VERIFYONLY WITH CHECKSUM).", *remarks)


_EXPECTED = frozenset({VALID, 3211, 5701, 5703})  # progress, and a driver's change of database and language


def _history(talk: Talk, found: BackupSet, file: str) -> str:
    """Compare with the record in ``msdb``, which not everybody may read and not every server keeps."""
    if not found.guid:
        return "Its header has no identity, so the server's record in msdb was not looked for."
    try:
        rows = talk.run(statements.history_of(found.guid)).rows
    except ServerError as error:
        if error.lost:
            raise explained(error, f"{file}: the server's records cannot be asked") from error
        said = next((message.text for message in error.messages if message.is_error), "")
        return f"The server's record in msdb could not be read: {said}"
    if not rows:
        return "The server has no record of it in msdb: another server made it, or the history was cleaned."
    row = rows[0]
    database = str(row.get("database_name"))
    if database.casefold() != found.database.casefold() or row.get("is_damaged") or not row.get("has_backup_checksums"):
        raise BackupError(
            f"{file}: the server's record in msdb tells of another backup: of {database}, "
            f"damaged: {row.get('is_damaged')}, with checksums: {row.get('has_backup_checksums')}",
            hint=_MAKE_ANOTHER,
        )
    return f"The server's record in msdb agrees (backup set {found.guid})."
