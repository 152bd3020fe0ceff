"""SQL Server's own ``BACKUP``: written, read back and checked by the server, on the server's disk.

The backup never comes to this machine: path, room and rights are the server's, and only the server can read it.
So the proof is the server's word, asked for in several ways; see ``sqlserver_proof``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upgrade_kit.backup import sqlserver_answers as answers
from upgrade_kit.backup import sqlserver_statements as statements
from upgrade_kit.backup.method import Options, Written
from upgrade_kit.backup.sqlserver_answers import BackupSet, Clock, Instance, server_path
from upgrade_kit.backup.sqlserver_errors import (
    CANNOT_OPEN,
    FILE_NOT_FOUND,
    NO_COMPRESSION,
    ServerError,
    explained,
    unavailable,
)
from upgrade_kit.backup.sqlserver_proof import only_set, prove, set_name
from upgrade_kit.backup.sqlserver_restore import restore
from upgrade_kit.backup.sqlserver_talk import Talk, finished, instance_of, percents, talk_to
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.fingerprint import database_content
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.deployment.sqlserver_files import Row, fixed_drives, free_bytes, own_files, volumes
from upgrade_kit.deployment.whole_file import PARTIAL
from upgrade_kit.errors import BackupError, DatabaseError, UpgradeKitError
from upgrade_kit.model.backup import Content

__all__ = ["FORMAT", "check", "ending", "make", "prove", "restore"]

FORMAT = "mssql"

_ENDING = ".bak"
_CLOCK_SLACK = timedelta(seconds=5)  # a header's times are of whole seconds
_CLOCKS_APART = 60  # seconds between two machines' clocks that are worth a word
_MARGIN = 16 * 1024 * 1024  # bytes of a backup besides the pages of the database


def ending(_options: Options) -> str:
    """Return the ending of the file's name."""
    return _ENDING


def check(session: Session, options: Options) -> int:
    """Ask the server whether it can do it: edition, rights, folder and room. Nothing is written."""
    talk = Talk(session)
    instance = instance_of(talk)
    _refuse(session, instance)
    folder = _folder(talk, instance, options)
    _must_be_free(talk, server_path(folder, f"upgrade-kit-{secrets.token_hex(8)}{_ENDING}"))
    _refuse_too_little_room(talk, folder)
    return 0


def make(session: Session, partial: Path, options: Options) -> Written:
    """Let the server write the backup; the content is read before and after, and must be the same."""
    talk = Talk(session)
    instance = instance_of(talk)
    # BACKUP overwrites what is there under the same name: hence a name that nobody else has, and a look before.
    stem = partial.name.removesuffix(PARTIAL).removesuffix(_ENDING)
    file = server_path(_folder(talk, instance, options), f"{stem}-{secrets.token_hex(4)}{_ENDING}")
    _must_be_free(talk, file)
    before, clock_before = _content(session), _clock(talk)
    notes = _write(talk, session.name, file, compression=instance.has_compression, options=options)
    with _told_where(file):
        clock_after, after = _clock(talk), _content(session)
        found = only_set(talk, file)
        _compare_times(found, clock_before, clock_after, file)
        if differences := changed_content(before, after):
            raise BackupError(
                f"{session.name}: was written to while the backup was made, so what the backup holds is not known to "
                f"the row: {differences}.",
                hint="Stop the site and try again, or use --method json, which reads one moment.",
            )
    notes = (*notes, *_clocks_apart(clock_after))
    return Written(content=after, notes=notes, server_file=file, size_bytes=found.size_bytes)


# --- Before -------------------------------------------------------------------------------------------


def _refuse(session: Session, instance: Instance) -> None:
    place = session.address.shown
    if instance.refusal:
        raise BackupError(f"{place}: {instance.refusal}.", hint="Use --method json.")
    if not instance.may_back_up:
        raise BackupError(
            f"{place}: this login may not BACKUP DATABASE {session.name}, or the server has no such statement.",
            hint="Use a login with the role db_backupoperator or db_owner in that database, or --method json.",
        )
    if not instance.may_create:
        raise BackupError(
            f"{place}: this login may make a backup but not have it verified: for RESTORE VERIFYONLY the server asks "
            "for the right CREATE DATABASE.",
            hint="Use a login with the server role dbcreator or sysadmin, or --method json.",
        )


def _folder(talk: Talk, instance: Instance, options: Options) -> str:
    """Return the folder of the server for the backup: the one that is asked for, or the server's default."""
    folder = options.server_folder or instance.backup_folder
    if not folder:
        with suppress(ServerError):  # no right to ask, or no registry
            rows = talk.run(statements.backup_folder_in_registry()).rows
            folder = next((str(row["data"]) for row in rows if row.get("data")), "")
    if not folder:
        raise BackupError(
            f"{talk.address.shown}: the server does not say where its backups go",
            hint=r"Name a folder as the server sees it: --server-dir D:\backups or /var/opt/mssql/backups",
        )
    return server_path(folder)


def _must_be_free(talk: Talk, file: str) -> None:
    """See that there is no such file on the server, and that its folder is one that the server can open.

    Asked with ``RESTORE HEADERONLY``: by the account that will write the file, and with no right but the one that
    ``RESTORE VERIFYONLY`` needs later anyway.
    """
    try:
        talk.run(statements.header(file))
    except ServerError as error:
        if error.system_error(CANNOT_OPEN, file) == FILE_NOT_FOUND:
            return
        if said := unavailable(error):
            raise BackupError(f"{talk.address.shown}: {said}", hint="Use --method json.") from error
        raise explained(error, f"{talk.address.shown}: no backup can be written to {file} on the server") from error
    raise BackupError(
        f"{talk.address.shown}: {file} exists on the server already, and is not overwritten",
        hint="Try again: every backup gets a name of its own.",
    )


def _refuse_too_little_room(talk: Talk, folder: str) -> None:
    """Refuse a volume of the server that cannot hold the database uncompressed, where the server tells."""
    own = answers.files_on_server(_rows_if_told(talk, own_files()))
    needed = sum(each.size_bytes for each in own if each.kind != "L") + _MARGIN
    mounts, drives = _rows_if_told(talk, volumes()), _rows_if_told(talk, fixed_drives())
    free = free_bytes(folder, mounts, drives)
    if free is not None and free < needed:
        raise BackupError(
            f"{talk.address.shown}: {folder} on the server has {free} bytes free, the backup may need {needed}",
            hint="Make room there, or name a folder on another disk of the server with --server-dir.",
        )


def _rows_if_told(talk: Talk, sql: str) -> tuple[Row, ...]:
    """Return what a server tells, or nothing: not every login may ask, not every system has drive letters."""
    try:
        return talk.run(sql).rows
    except ServerError as error:
        if error.lost:
            raise explained(error, f"{talk.address.shown}: the room on the server cannot be asked") from error
        return ()


# --- Writing ------------------------------------------------------------------------------------------


def _write(talk: Talk, database: str, file: str, *, compression: bool, options: Options) -> tuple[str, ...]:
    """Run ``BACKUP`` to its end; return what is to be said of it."""
    sql = statements.backup(database, file, set_name=set_name(file), compression=compression)
    try:
        answer = talk.run(sql, percents(options.progress))
    except ServerError as error:
        if compression and NO_COMPRESSION in error.numbers:
            written = _write(talk, database, file, compression=False, options=options)
            return ("This edition of SQL Server does not compress backups, so this one is not compressed.", *written)
        doing = f"{database}: the backup to {file} on the server failed"
        raise explained(error, doing, more=_leftover(talk.address, file)) from error
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(_leftover(talk.address, file)) from interrupt
    if said := finished(answer):
        return (f"The server ended BACKUP with: {said}",)
    said = " ".join(message.text for message in answer.messages[-3:]) or "nothing"
    raise BackupError(
        f"{database}: the server ended BACKUP without saying that it succeeded (message 3014 did not come). "
        f"The server said: {said} {_leftover(talk.address, file)}",
        hint="Read the server's error log, then try again.",
    )


@contextmanager
def _told_where(file: str) -> Iterator[None]:
    """Say with an error that a whole backup is left on the server."""
    try:
        yield
    except UpgradeKitError as error:
        left = f"The backup got no manifest; it is left on the server as {file}"
        raise type(error)(f"{error.message} {left}", hint=error.hint) from error


def _leftover(address: DatabaseAddress, file: str) -> str:
    """Say whether a half backup lies on the server; asked over a new connection, since the old one may be gone."""
    try:
        with talk_to(replace(address, name="master")) as talk:
            talk.run(statements.header(file))
    except ServerError as error:
        if error.system_error(CANNOT_OPEN, file) == FILE_NOT_FOUND:
            return "There is no manifest, and nothing of it is left on the server."
    except DatabaseError:
        return f"There is no manifest; whether a part of it is left on the server could not be asked: look for {file}."
    return f"There is no manifest; a part of it is left on the server: delete {file} there."


def _content(session: Session) -> Content:
    with session.transaction():
        return database_content(session)


# --- Clocks -------------------------------------------------------------------------------------------


def _clock(talk: Talk) -> Clock:
    try:
        return answers.clock(talk.run(statements.clock()).rows[0])
    except ServerError as error:
        raise explained(error, f"{talk.address.shown}: the server cannot be asked for its time") from error


def _compare_times(found: BackupSet, before: Clock, after: Clock, file: str) -> None:
    """Refuse a file whose set was not finished while this run waited for it; not on the night the clocks change."""
    zone_changed = abs((before.local - before.utc) - (after.local - after.utc)) > _CLOCK_SLACK
    if not zone_changed and not before.local - _CLOCK_SLACK <= found.finished <= after.local + _CLOCK_SLACK:
        raise BackupError(
            f"{file}: the backup in it was finished at {found.finished}, but this one was made from {before.local} to "
            f"{after.local} of the server's time: it is another",
            hint="Something else writes to that file. Try again, or name another folder with --server-dir.",
        )


def _clocks_apart(server: Clock) -> tuple[str, ...]:
    apart = round((server.utc.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())
    if abs(apart) <= _CLOCKS_APART:
        return ()
    which = "ahead of" if apart > 0 else "behind"
    return (f"The server's clock is {abs(apart)} seconds {which} this machine's, whose time the manifest tells.",)
