"""Restores a backup of SQL Server under another name, checks and compares what that holds, and removes it again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from upgrade_kit.backup import sqlserver_answers as answers
from upgrade_kit.backup import sqlserver_statements as statements
from upgrade_kit.backup.method import Options
from upgrade_kit.backup.sqlserver_answers import DatabaseFile, moves
from upgrade_kit.backup.sqlserver_errors import ServerError, explained
from upgrade_kit.backup.sqlserver_talk import Talk, finished, folders_for, instance_of, percents, state_of, talk_to
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.fingerprint import database_content
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.errors import BackupError, DatabaseError, UpgradeKitError
from upgrade_kit.model.backup import UnverifiedBackup

_BEGINS = "upgrade_kit_drill_"
_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"


def drill(talk: Talk, made: UnverifiedBackup, files: Sequence[DatabaseFile], options: Options) -> tuple[str, ...]:
    """Restore, check, compare, remove; return what was found, one sentence each.

    Args:
        talk: to the server, in ``master``.
        made: the backup.
        files: the files of the database in it.
        options: who is told of the progress.

    Raises:
        BackupError: any of the four failed; the message says whether the copy is still there.
        DatabaseError: the copy cannot be read.
    """
    name = f"{_BEGINS}{secrets.token_hex(6)}"
    data_folder, log_folder = folders_for(instance_of(talk), files)
    placed = moves(files, name, data_folder=data_folder, log_folder=log_folder)
    if state_of(talk, name) is not None:
        raise BackupError(f"there is a database {name} on the server already", hint="Try again.")
    with _removed_at_the_end(talk.address, name, placed):
        _restore(talk, made, name, placed, options)
        _check(talk, name)
        with open_database(replace(talk.address, name=name)) as session, session.transaction():
            seen = database_content(session)
        if differences := changed_content(made.content, seen):
            raise BackupError(
                f"{made.server_file}: restored as a drill, it holds other than the manifest says: {differences}",
                hint=_MAKE_ANOTHER,
            )
    rows = made.content.rows
    counted = f"rows counted in {len(rows)} tables ({sum(count for _, count in rows)} rows in all)"
    digests = f", the digests of the rows of {len(made.content.digests)} tables" if made.content.digests else ""
    return (
        "Restored by the server under another name, it passed DBCC CHECKDB.",
        f"In that copy {counted}{digests}, migration history and procedures agree; it was removed again.",
    )


def _restore(
    talk: Talk, made: UnverifiedBackup, name: str, placed: tuple[tuple[str, str], ...], options: Options
) -> None:
    doing = f"{made.server_file}: the drill could not restore it as {name}"
    try:
        answer = talk.run(statements.restore(name, made.server_file, placed, replace=False), percents(options.progress))
    except ServerError as error:
        raise explained(error, doing) from error
    if not finished(answer):
        raise BackupError(f"{doing}: the server ended without saying that it succeeded", hint=_MAKE_ANOTHER)


def _check(talk: Talk, name: str) -> None:
    try:
        talk.run(statements.check(name))
    except ServerError as error:
        raise explained(error, f"DBCC CHECKDB of the restored copy {name} failed") from error


@contextmanager
def _removed_at_the_end(address: DatabaseAddress, name: str, placed: tuple[tuple[str, str], ...]) -> Iterator[None]:
    """Remove the copy whatever happens, and say so where it cannot be removed."""
    try:
        yield
    except UpgradeKitError as error:
        if left := _remove(address, name, placed):
            raise type(error)(f"{error.message} {left}", hint=error.hint) from (error.__cause__ or error)
        raise
    except KeyboardInterrupt as interrupt:
        if left := _remove(address, name, placed):
            raise KeyboardInterrupt(left) from interrupt
        raise
    except BaseException:
        _remove(address, name, placed)
        raise
    if left := _remove(address, name, placed):
        # No word against the backup, hence no BackupError.
        raise DatabaseError(f"the drill went well, but its copy could not be removed. {left}")


def _remove(address: DatabaseAddress, name: str, placed: tuple[tuple[str, str], ...]) -> str:
    """Drop the copy, over a new connection; return what is left to do by hand, or ``""``.

    Nothing else can be dropped: the name is one that was free and that this run made up, and every file of that
    database must be one that this run had put there.
    """
    left = f"The copy is still on the server; remove it there with: {statements.drop(name)}"
    ours = {path.casefold() for _, path in placed}
    try:
        with talk_to(replace(address, name="master")) as talk:
            found = answers.files_on_server(talk.run(statements.files_of(name)).rows)
            if not found:
                return "" if state_of(talk, name) is None else left
            if not name.startswith(_BEGINS) or not {each.path.casefold() for each in found} <= ours:
                return f"The database {name} is not the copy that the drill made, and was left alone."
            _drop(talk, name)
    except (ServerError, DatabaseError):
        return left
    return ""


def _drop(talk: Talk, name: str) -> None:
    try:
        talk.run(statements.drop(name))
    except ServerError:  # somebody looks into it, or the restore is still being cancelled
        talk.run(statements.single_user(name))
        talk.run(statements.drop(name))
