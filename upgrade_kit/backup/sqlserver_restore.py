"""Restores a backup on the server that holds it: as a new database, or in the place of one that may go."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace as changed
from datetime import UTC, datetime

from upgrade_kit.backup import sqlserver_answers as answers
from upgrade_kit.backup import sqlserver_statements as statements
from upgrade_kit.backup.method import Options, Restored
from upgrade_kit.backup.names import backup_name
from upgrade_kit.backup.sqlserver_answers import DatabaseFile, State, moves
from upgrade_kit.backup.sqlserver_errors import ServerError, explained
from upgrade_kit.backup.sqlserver_talk import (
    Answer,
    Talk,
    files_in,
    finished,
    folders_for,
    instance_of,
    percents,
    state_of,
    talk_to,
)
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import BackupError, UpgradeKitError
from upgrade_kit.model.backup import Backup, UnverifiedBackup

_SYSTEM = frozenset({"master", "model", "msdb", "tempdb"})


def restore(
    made: UnverifiedBackup,
    target: DatabaseAddress,
    options: Options,
    *,
    replace: bool,
    keep: Callable[[], Backup],
) -> Restored:
    """Let the server restore the backup.

    Where there is no database of the target's name, it is made, in files of its own in the server's default folders.
    Where there is one, its files are used. Others are thrown out of it only with ``replace``.

    Raises:
        BackupError: the target holds data and may not be replaced, or the restore failed; the message says what
            became of the target.
        DatabaseError: the server or the target cannot be reached.
    """
    if target.name.lower() in _SYSTEM:
        raise BackupError(
            f"{target.shown}: a database of the system is not restored over",
            hint="Name the site's database after the last / of --database.",
        )
    with talk_to(changed(target, name="master")) as talk:
        files = files_in(talk, made.server_file)
        state = state_of(talk, target.name)
        kept = "" if state is None else _make_way(target, state, replace=replace, keep=keep)
        placed = _places(talk, target.name, files, exists=state is not None)
        with _let_in_again(talk, state, replace=replace, kept=kept):
            if state is not None and replace and state.is_online:
                _run(talk, statements.single_user(state.name), f"{state.name}: others could not be sent away")
            said = _restore(talk, made, target.name, placed, options, exists=state is not None)
    return Restored(done=(f"Restored by the server as {target.name}: {said}",), kept=kept)


def _make_way(target: DatabaseAddress, state: State, *, replace: bool, keep: Callable[[], Backup]) -> str:
    """See that what is there may go, and keep it; return where it is kept, or ``""`` where nothing is there."""
    if not state.is_online:
        if state.is_restoring and replace:
            return "The target was in the middle of a restore that never ended, so there was nothing to keep."
        what = "in the middle of a restore that never ended" if state.is_restoring else f"{state.word}, not ONLINE"
        raise BackupError(
            f"{target.shown}: is {what}; nothing was changed",
            hint="Add --replace to put the backup in its place."
            if state.is_restoring
            else "A backup of what is there cannot be made. Bring it online first, or drop it on the server.",
        )
    with open_database(target) as session:
        occupied = bool(session.table_names())
    if not occupied:
        return ""
    if not replace:
        raise BackupError(
            f"{target.shown}: holds data; nothing was changed",
            hint="Add --replace to put the backup in its place; a backup of what is there is made before.",
        )
    kept = keep().made
    return f"What was there before is kept as {kept.server_file or kept.file}; its manifest is {kept.manifest}."


def _places(talk: Talk, name: str, files: Sequence[DatabaseFile], *, exists: bool) -> tuple[tuple[str, str], ...]:
    own: tuple[DatabaseFile, ...] = ()
    if exists:
        answer = _run(talk, statements.files_of(name), f"{name}: the server cannot be asked for its files")
        own = answers.files_on_server(answer.rows)
    data_folder, log_folder = folders_for(instance_of(talk), own or files)
    stem = f"{backup_name(name, '', datetime.now(UTC))}-{secrets.token_hex(4)}"
    return moves(files, stem, data_folder=data_folder, log_folder=log_folder, own=own)


def _restore(
    talk: Talk,
    made: UnverifiedBackup,
    name: str,
    placed: tuple[tuple[str, str], ...],
    options: Options,
    *,
    exists: bool,
) -> str:
    """Run ``RESTORE`` to its end and return what the server said there."""
    doing = f"{name}: the restore from {made.server_file} failed"
    try:
        answer = talk.run(
            statements.restore(name, made.server_file, placed, replace=exists), percents(options.progress)
        )
    except ServerError as error:
        raise explained(error, doing) from error
    if said := finished(answer):
        return said
    raise BackupError(
        f"{doing}: the server ended RESTORE without saying that it succeeded (message 3014 did not come)",
        hint="Read the server's error log, then try again.",
    )


@contextmanager
def _let_in_again(talk: Talk, state: State | None, *, replace: bool, kept: str) -> Iterator[None]:
    """Open the target for everybody again whatever happens, and say with a failure what became of it."""
    try:
        yield
    except BaseException as error:
        if state is None:
            raise
        fate = _open(talk.address, state.name) if replace else ""
        more = " ".join(part for part in (fate, kept) if part)
        if isinstance(error, UpgradeKitError):
            raise BackupError(f"{error.message} {more}".rstrip(), hint=error.hint) from error
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(more) from error
        raise
    if state is not None and replace:
        _open(talk.address, state.name)


def _open(address: DatabaseAddress, name: str) -> str:
    """Let everybody into a database again, over a new connection; return how it stands now, as a sentence."""
    try:
        with talk_to(address) as talk:
            state = state_of(talk, name)
            if state is None:
                return f"There is no database {name} on the server any more."
            if not state.is_online:
                return f"{name} is now {state.word}: repeat the restore with --replace."
            talk.run(statements.multi_user(name))
    except (ServerError, UpgradeKitError):
        by_hand = statements.multi_user(name)
        return f"How {name} stands could not be asked; if nobody gets in, type on the server: {by_hand}"
    return f"{name} is online and open to everybody."


def _run(talk: Talk, sql: str, doing: str) -> Answer:
    try:
        return talk.run(sql)
    except ServerError as error:
        raise explained(error, doing) from error
