"""Puts a JSON dump into a database of any vendor: one that is empty, or in the place of what it holds."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from upgrade_kit.backup.fixture_proof import differences, fixture_shapes
from upgrade_kit.backup.loading import load, reset_sequences, without_constraints
from upgrade_kit.backup.method import Options, Restored, kept_sentence
from upgrade_kit.backup.names import file_errors
from upgrade_kit.backup.tables import make_tables
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.content import content_digests
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.fixture_reader import read_fixture
from upgrade_kit.deployment.manifests import changed_content, filled
from upgrade_kit.deployment.shapes import read_shapes
from upgrade_kit.deployment.whole_file import PARTIAL, make_private, sync_folder
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import Backup, UnverifiedBackup
from upgrade_kit.model.shape import Shapes

# What syncdb and migrate write into a database that they have just made (docs/facts.md): no site's data.
_MADE_BY_MIGRATIONS = frozenset(
    {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "django_content_type",
        "django_migrations",
        "django_site",
        "south_migrationhistory",
    }
)
_OURS = (
    "The database had no tables: they were made with columns and primary keys, without indexes and other constraints. "
    "That serves to read and to compare; for the site itself, or to rehearse its migrations, make the tables with its "
    "own syncdb and migrate first."
)
_SHOWN = 6


def restore_fixture(
    made: UnverifiedBackup,
    target: DatabaseAddress,
    options: Options,
    *,
    replace_data: bool,
    keep: Callable[[], Backup],
) -> Restored:
    """Put the content of a proved dump into a database, all of it or nothing.

    What it holds then is compared with the manifest before the commit: rows and digest of every table, migration
    history and procedures. What is not proved is rolled back. MySQL cannot do that with tables that know no
    transactions (MyISAM), nor with tables that were made on the way, which are dropped again.

    Into a database without tables they are made first, with columns and keys alone. Into one that has the
    site's tables the rows go in one transaction; those that the migrations of a fresh database made give way.

    Args:
        made: the dump, proved a moment ago.
        target: where to. An SQLite file that does not exist is made.
        options: what the caller asks.
        replace_data: whether data that is there may go.
        keep: makes a verified backup of what is there.

    Raises:
        BackupError: the target holds data and may not be replaced, its tables are others, or the work failed;
            nothing was changed then.
        DatabaseError: with the server's own words.
    """
    file = Path(target.name)
    if target.vendor == "sqlite" and not (file.exists() and file.stat().st_size):
        return _into_new_file(made, file, options)
    with open_database(target, writable=True) as session:
        tables = session.table_names()
        if not tables:
            return _into_tables_of_our_own(made, session, options)
        _refuse_other_version(made, session, tables)
        holding = [table for table in tables if table not in _MADE_BY_MIGRATIONS and session.count(table)]
        if holding and not replace_data:
            raise BackupError(
                f"{target.shown}: holds data ({_some(holding)}); nothing was changed",
                hint="Add --replace to put the backup in its place; what is there is backed up first.",
            )
        kept = kept_sentence(keep()) if holding else ""
        with _told_what_stays(session, kept):
            done = _into_tables(made, session, tables, options)
        return Restored(done=done, kept=kept, proved=True)


def _into_new_file(made: UnverifiedBackup, file: Path, options: Options) -> Restored:
    """Build the database beside its place, and give it its name when it is whole."""
    if not file.parent.is_dir():
        raise BackupError(f"{file.parent}: there is no such folder", hint="Make it, or check the --database URL.")
    partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}{PARTIAL}")
    with file_errors(file):
        try:
            make_private(partial)
            with open_database(DatabaseAddress(vendor="sqlite", name=str(partial)), writable=True) as session:
                session.execute("PRAGMA journal_mode = OFF")  # a half one is thrown away whole
                done = _into_tables_of_our_own(made, session, options)
            with partial.open("r+b") as opened:
                os.fsync(opened.fileno())
            partial.replace(file)
            sync_folder(file.parent)
        except (BackupError, DatabaseError) as error:  # of a file that the user has not named
            raise type(error)(error.message.replace(partial.name, file.name), hint=error.hint) from error
        finally:
            partial.unlink(missing_ok=True)
    return done


def _into_tables_of_our_own(made: UnverifiedBackup, session: Session, options: Options) -> Restored:
    shapes, own = fixture_shapes(made), list[str]()
    try:
        with session.transaction(), _nothing_changed(session):
            own.extend(make_tables(session, shapes))
            load(read_fixture(made.file), session, shapes, progress=options.progress)
            done = _proved(made, session, shapes)
    except BaseException:
        if session.vendor == "mysql":  # which takes no CREATE TABLE back
            with suppress(DatabaseError), open_database(session.address, writable=True) as other:
                for table in own:
                    other.execute(f"DROP TABLE {other.quote(table)}")
        raise
    return Restored(done=(_OURS, done), proved=True)


@contextmanager
def _told_what_stays(session: Session, kept: str) -> Iterator[None]:
    """Say with a failure which tables could not be taken back, and where that is which they held."""
    try:
        yield
    except (BackupError, DatabaseError) as error:
        loose: Sequence[str] = ()
        if session.vendor == "mysql":
            with suppress(DatabaseError), open_database(session.address) as other:  # this one may be lost
                loose = other.tables_without_transactions()
        if not loose:
            raise
        what = kept or "They held nothing but what a new database has."
        raise type(error)(
            f"{error.message}. Tables that know no transactions are not as they were: {_some(loose)}. {what}",
            hint=error.hint,
        ) from error


@contextmanager
def _nothing_changed(session: Session) -> Iterator[None]:
    """Add to what a server says that the transaction is taken back, and what can be done."""
    try:
        yield
    except DatabaseError as error:
        shown = session.address.shown
        what = error.message.removeprefix(f"{shown}: ")
        raise DatabaseError(
            f"{shown}: it does not take the rows of the backup, so nothing of it was kept: {what}",
            hint=error.hint
            or "The server or its settings may not hold such values (on MySQL max_allowed_packet too, "
            "or a collation for which two keys are one). Try again, or restore into SQLite, which holds them all.",
        ) from error


def _into_tables(made: UnverifiedBackup, session: Session, tables: Sequence[str], options: Options) -> tuple[str, ...]:
    shapes = read_shapes(session)
    with session.transaction(), _nothing_changed(session):
        with without_constraints(session, tables) as told:
            for table in tables:
                session.execute(f"DELETE FROM {session.quote(table)}")  # noqa: S608 - quoted
            load(read_fixture(made.file), session, shapes, progress=options.progress)
        done = _proved(made, session, shapes)
    return (done, *told)


def _proved(made: UnverifiedBackup, session: Session, shapes: Shapes) -> str:
    """Compare every row, the history of migrations and the procedures with the manifest while all can be taken back.

    Of the plain dump alone: what a dump for ``loaddata`` leaves out (that history is of it) is in its manifest.
    """
    found = content_digests(session, shapes)
    different = differences(made.content, found) or changed_content(
        filled(replace(made.content, digests=())), filled(database_fingerprint(session))
    )
    if different:
        raise BackupError(
            f"{session.address.shown}: what was loaded is not what the manifest says, so nothing was kept of it: "
            f"{different}",
            hint="If the site or another program writes to it, stop that. Else the database may not hold such values: "
            "restore into SQLite or into the vendor that it came from.",
        )
    reset_sequences(session, shapes)
    return (
        f"Rows and digests of {len(found)} tables, migration history and procedures were compared with the manifest "
        "before they were kept."
    )


def _refuse_other_version(made: UnverifiedBackup, session: Session, tables: Sequence[str]) -> None:
    from upgrade_kit.deployment.database import read_schema  # noqa: PLC0415 - where there are tables
    from upgrade_kit.planning.graph import VersionGraph  # noqa: PLC0415 - as above

    schema = read_schema(session, tables, VersionGraph.load().releases)
    if schema.version is not None and made.site_version and str(schema.version) != made.site_version:
        raise BackupError(
            f"{session.address.shown}: its tables are those of {schema.version}, the backup is of {made.site_version}; "
            "nothing was changed",
            hint=f"Restore into an empty database, or into one that {made.site_version} has made.",
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
