"""Writes planned rewrites into a database, and takes them back. All or nothing, never over a changed text."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.database import as_number, as_text, read_schema
from upgrade_kit.deployment.fingerprint import history_digest, procedures_digest
from upgrade_kit.deployment.journal import journal_path, read_journal, write_journal
from upgrade_kit.errors import (
    ApplyError,
    BackupError,
    DatabaseError,
    JournalError,
    NotReadyError,
    RowChangedError,
)
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.deployment import Schema, SchemaState
from upgrade_kit.model.journal import Journal, JournalRow, JournalState
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, RewritePlan
from upgrade_kit.planning.graph import VersionGraph

# BIN_FILE exists from this version on (qatrack/qa/views/perform.py at tag v0.3.0).
FIRST_WITH_BIN_FILE = Version("0.3.0")

_TABLE = "qa_test"
_TEXT = "calculation_procedure"


def apply_rewrites(
    plan: RewritePlan,
    *,
    database: str | DatabaseAddress,
    backup: Backup | None,
    journal_folder: str | Path = ".",
    without_backup: bool = False,
    now: datetime | None = None,
) -> Journal | None:
    """Write the plan's changes in one transaction, with a journal on disk before the commit.

    Each row is read under a lock and must hold exactly the text, macro name and name that were shown; the
    column ``modified`` is left as it is. After the commit every row is read back and compared.

    Args:
        plan: what was shown; nothing else is written.
        database: a URL (relative SQLite paths start from the current folder) or an address.
        backup: a verified backup of this database as it stands now.
        journal_folder: where the journal goes, by default the current folder; it must exist.
        without_backup: go on with no backup.
        now: the journal's time, by default the present one.

    Returns:
        The journal, or None where the plan holds no change: then nothing was opened or written.

    Raises:
        NotReadyError: the schema is not at the end of 0.3.0 or a later version.
        BackupError: there is no backup, or it is not of this database as it stands.
        RowChangedError: a row no longer holds what was shown; nothing was written.
        ApplyError: it was stopped for another reason; nothing was written.
        DatabaseError: the database cannot be opened, read or written.
        JournalError: the change was committed, but the journal could not be brought up to date.
    """
    changes = _checked(plan)
    if not changes:
        return None
    address = _address(database)
    if backup is None and not without_backup:
        raise BackupError(
            f"{address.shown}: there is no verified backup of it as it stands; nothing was written.",
            hint=f'Type: upgrade-kit backup --database "{address.shown}"  (or give --no-backup)',
        )
    if backup is not None:
        _check_backup_file(backup, address)
    rows = tuple(_row(item) for item in changes)
    created_at = (now or datetime.now(UTC)).astimezone(UTC)
    with open_database(address, writable=True) as session:
        _check_ready(session, address)
        _check_transactions(session)
        journal = Journal(
            path=journal_path(Path(journal_folder), created_at),
            state=JournalState.PENDING,
            database=address.shown,
            vendor=session.vendor,
            database_name=session.name,
            created_at=created_at,
            rows=rows,
        )
        written = False
        try:
            with session.transaction():
                if backup is not None:
                    _check_backup_content(session, backup)
                _check_unchanged(session, rows)
                for row in rows:
                    _write(session, row, row.after)
                try:
                    write_journal(journal, create=True)
                except JournalError as error:
                    raise ApplyError(f"{error.message} Nothing was written.", hint=error.hint) from error
                written = True
        except DatabaseError as error:
            if not written:
                raise _with(error, "Nothing was written.") from error
            raise _unsure(error, address, journal) from error
        _check_after_commit(session, rows, journal, after=True)
    return _settled(journal, JournalState.COMMITTED, f"{_tests(len(rows))} written, read back and compared.")


def undo_rewrites(
    journal: str | Path, *, database: str | DatabaseAddress | None = None, password: str | None = None
) -> Journal:
    """Put back exactly the texts from before an apply. It can be run twice.

    Args:
        journal: the file that the apply wrote.
        database: a URL or an address; by default the one in the journal, which holds no password.
        password: fills in where a URL, or the journal's address, names none.

    Returns:
        The journal as it stands now; ``note`` says what was found and done.

    Raises:
        JournalError: the journal is damaged or of another database, or cannot be brought up to date.
        RowChangedError: a row holds a text that the apply did not write; nothing was written.
        DatabaseError: the database cannot be opened, read or written.
    """
    found = read_journal(Path(journal))
    address = _address(database if database is not None else found.database, password)
    if address.vendor != found.vendor:
        raise _elsewhere(found, f"it is of a {found.vendor} database, and this is a {address.vendor} one")
    with open_database(address, writable=True) as session:
        _check_same_database(session, address, found)
        if _TABLE not in session.table_names():
            raise _elsewhere(found, f"{address.shown} has no table {_TABLE}")
        _check_transactions(session)
        committed = False
        with session.transaction():
            at_before = _where_it_stands(session, found)
            if not at_before:
                for row in found.rows:
                    _write(session, row, row.before)
                committed = True
        if committed:
            _check_after_commit(session, found.rows, found, after=False)
    count = _tests(len(found.rows))
    match found.state, committed:
        case JournalState.PENDING, True:
            note = f"The apply had been committed, though its journal did not say so; {count} put back."
        case JournalState.PENDING, False:
            note = f"The apply had never been committed: {count} hold the old texts; nothing was to do."
        case _, True:
            note = f"{count} put back, read back and compared."
        case _:
            note = f"Nothing was to do: {count} hold the old texts already."
    if found.state is JournalState.UNDONE and not committed:
        return replace(found, note=note)
    return _settled(found, JournalState.UNDONE, note)


# --- Before anything is opened -----------------------------------------------------------------------


def _address(database: str | DatabaseAddress, password: str | None = None) -> DatabaseAddress:
    if isinstance(database, DatabaseAddress):
        return database
    return parse_database_url(database, base=Path.cwd(), password=password)


def _checked(plan: RewritePlan) -> tuple[PlannedRewrite, ...]:
    """Return the changes that there are to write, refusing a plan that asks for what may not be written."""
    changes = tuple(item for item in plan.changes if item.rewrite.source != item.procedure.source)
    for item in changes:
        slug, before, after = item.procedure.slug, item.procedure.source, item.rewrite.source
        if item.rewrite.outcome not in {Outcome.REWRITE, Outcome.REVIEW} or before is None or after is None:
            raise ApplyError(f"{slug}: outcome {item.rewrite.outcome} is never written; nothing was written.")
        if item.rewrite.before != before:
            raise ApplyError(f"{slug}: the rewrite is of another text than the test's; nothing was written.")
        for text in (before, after):
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise ApplyError(
                    f"{slug}: the procedure holds bytes that are no UTF-8; nothing was written.",
                    hint=f"Correct it in the admin, or leave it out: --exclude {slug}",
                ) from error
    if len({item.procedure.test_id for item in changes}) != len(changes):
        raise ApplyError("the plan names a test twice; nothing was written.")
    return changes


def _row(item: PlannedRewrite) -> JournalRow:
    test = item.procedure
    return JournalRow(
        test_id=test.test_id,
        slug=test.slug,
        name=test.name,
        before=test.source or "",
        after=item.rewrite.source or "",
    )


def _check_backup_file(backup: Backup, address: DatabaseAddress) -> None:
    made = backup.made
    hint = f'Type: upgrade-kit backup --database "{address.shown}"'
    if not parse_database_url(made.database, base=made.manifest.parent).leads_where(address):
        raise BackupError(
            f"{made.manifest}: it is of {made.database}, not of {address.shown}; nothing was written.",
            hint=hint,
        )
    if made.on_server:  # only the server can read it, and it was asked when the backup was verified
        return
    try:
        with made.file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BackupError(
            f"{made.file}: the backup cannot be read: {error.strerror or error}; nothing was written.",
            hint=hint,
        ) from error
    if found != made.sha256:
        raise BackupError(f"{made.file}: the backup was changed after it was verified; nothing was written.", hint=hint)


# --- Inside the database -----------------------------------------------------------------------------


def _check_ready(session: Session, address: DatabaseAddress) -> None:
    schema = read_schema(session, session.table_names(), VersionGraph.load().releases)
    if schema.state is SchemaState.COMPLETE and schema.version and schema.version >= FIRST_WITH_BIN_FILE:
        return
    stands, hint = _stands(schema)
    raise NotReadyError(f"{address.shown} {stands}; nothing was written.", hint=hint)


def _check_transactions(session: Session) -> None:
    """Refuse a table that knows no transactions: MySQL's MyISAM keeps half of what was stopped half way."""
    if session.vendor != "mysql":
        return
    engine = session.fetch(
        "SELECT engine FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s",
        (_TABLE,),
    )
    if engine and as_text(engine[0][0]).lower() != "innodb":
        raise ApplyError(
            f"{_TABLE} is of engine {as_text(engine[0][0])}, without transactions; nothing was written.",
            hint=f"Back up, then: ALTER TABLE {_TABLE} ENGINE=InnoDB",
        )


def _stands(schema: Schema) -> tuple[str, str]:
    finish = "Finish the upgrade first (upgrade-kit path shows the steps); until then this is a forecast."
    match schema.state:
        case SchemaState.COMPLETE:
            return f"is at {schema.version}, where BIN_FILE does not exist yet", finish
        case SchemaState.PARTIAL:
            first = f", first missing {schema.missing[0]}" if schema.missing else ""
            return (
                f"is half way to {schema.towards} ({len(schema.missing)} migrations missing{first})",
                finish,
            )
        case SchemaState.SKIPPED:
            return (
                f"was taken to {schema.towards} past a version that it had to go through; its data is spoilt",
                "Restore the backup from before the upgrade, and go through 0.2.9.1.",
            )
        case SchemaState.EMPTY:
            return "holds no table", "Check that this is the site's database."
        case SchemaState.FOREIGN:
            reason = schema.evidence[-1].rstrip(".") if schema.evidence else "no version fits"
            return (
                f"is at no version that the rules know ({reason})",
                "Check that this is the site's database.",
            )


def _check_backup_content(session: Session, backup: Backup) -> None:
    tables = session.table_names()
    told = (
        ("migration history", history_digest(session, tables), backup.made.content.history_sha256),
        ("procedures", procedures_digest(session, tables), backup.made.content.procedures_sha256),
    )
    for what, here, there in told:
        if here != there:
            raise BackupError(
                f"{backup.made.manifest}: the {what} changed after this backup; nothing was written.",
                hint=f'Type: upgrade-kit backup --database "{session.address.shown}"',
            )


def _read(session: Session, test_id: int, *, lock: bool) -> tuple[str, str, str | None] | None:
    """Return macro name, name and text of a test, or None where there is no such row.

    The text is None unless it is a text exactly: what SQL calls equal (case, trailing blanks) is not asked.
    """
    rows = session.select(_TABLE, "id", "slug", "name", _TEXT, where=("id", test_id), lock=lock)
    if not rows or as_number(rows[0][0]) != test_id:
        return None
    _, slug, name, text = rows[0]
    if isinstance(text, bytes) and session.vendor == "mysql":  # a binary collation
        text = as_text(text)
    return as_text(slug), as_text(name), text if isinstance(text, str) else None


def _check_unchanged(session: Session, rows: Sequence[JournalRow]) -> None:
    there = [(row, _read(session, row.test_id, lock=True)) for row in rows]
    not_text = [row.slug for row, found in there if found is not None and found[2] is None]
    if not_text:
        raise RowChangedError(
            f"holding no text any more, but NULL or a BLOB: {', '.join(not_text)}; nothing was written.",
            hint="Save these tests once in QATrack+'s admin, or leave them out with --exclude.",
        )
    changed = [row.slug for row, found in there if found != (row.slug, row.name, row.before)]
    if changed:
        raise RowChangedError(
            f"changed since it was shown: {', '.join(changed)}; nothing was written.",
            hint="Run rewrite-calcs again and look at the new text.",
        )


def _write(session: Session, row: JournalRow, text: str) -> None:
    """Update one row by its key, and see in the same transaction that the server keeps the text as given."""
    key = session.column(_TABLE, "id")
    sql = f"UPDATE {session.quote(_TABLE)} SET {session.quote(_TEXT)} = %s WHERE {key} = %s"  # noqa: S608 - quoted identifiers
    touched = session.execute(sql, (text, row.test_id))
    if touched != 1:
        raise ApplyError(f"{row.slug}: the update touched {touched} rows, not one; nothing was written.")
    if _read(session, row.test_id, lock=False) != (row.slug, row.name, text):
        raise ApplyError(f"{row.slug}: the server does not keep the text as it was given; nothing was written.")


def _check_after_commit(session: Session, rows: Sequence[JournalRow], journal: Journal, *, after: bool) -> None:
    wrong = [
        row.slug
        for row in rows
        if _read(session, row.test_id, lock=False) != (row.slug, row.name, row.after if after else row.before)
    ]
    if wrong:
        raise DatabaseError(
            f"committed, but when read back these do not hold what was written: {', '.join(wrong)}.",
            hint=f"Somebody changed them at the same moment. The old and new texts are in {journal.path}",
        )


def _with(error: DatabaseError, sentence: str) -> DatabaseError:
    return DatabaseError(f"{error.message} {sentence}", hint=error.hint)


def _unsure(error: DatabaseError, address: DatabaseAddress, journal: Journal) -> DatabaseError:
    """Return what is to be said of a commit that failed.

    SQLite commits in this process, so the rows tell. A server may still be at it when the connection is lost.
    """
    kept = address.vendor == "sqlite"
    try:
        with open_database(address) as session:
            kept = kept and all(
                _read(session, row.test_id, lock=False) == (row.slug, row.name, row.before) for row in journal.rows
            )
    except DatabaseError:
        kept = False
    if kept and journal.state is JournalState.PENDING:
        return DatabaseError(
            f"{error.message} Nothing was written: the rows were read again and hold what they held.",
            hint="Stop the site, so that no other program uses the database, and type the same again.",
        )
    return DatabaseError(
        f"{error.message} Whether the change was committed is not known.",
        hint=f"This finds out, and takes it back: upgrade-kit rewrite-calcs --undo {journal.path}",
    )


def _check_same_database(session: Session, address: DatabaseAddress, journal: Journal) -> None:
    if session.vendor == "sqlite":
        there = DatabaseAddress(vendor="sqlite", name=journal.database_name)
        same = there.leads_where(address)
    else:
        same = session.name.lower() == journal.database_name.lower()
    if not same:
        raise _elsewhere(journal, f"it is of {journal.database_name}, and this is {session.name}")


def _where_it_stands(session: Session, journal: Journal) -> bool:
    """Return True where every row holds the text before, False where every row holds the text after."""
    standing: dict[str, list[str]] = {"before": [], "after": [], "changed": []}
    rows = [(row, _read(session, row.test_id, lock=True)) for row in journal.rows]
    gone = [row.slug for row, found in rows if found is None]
    if gone and len(gone) < len(rows):
        raise RowChangedError(
            f"gone since the apply: {', '.join(gone)}; nothing was written.",
            hint=f"The old texts are in {journal.path}; put those of the other tests back by hand",
        )
    for row, found in rows:
        if found is None or found[:2] != (row.slug, row.name):
            called = f"{found[0]!r} ({found[1]})" if found else "missing"
            raise _elsewhere(journal, f"test {row.test_id} is {row.slug!r} ({row.name}) there, and {called} here")
        text = found[2]
        standing["after" if text == row.after else "before" if text == row.before else "changed"].append(row.slug)
    if standing["changed"]:
        raise RowChangedError(
            f"changed since the apply: {', '.join(standing['changed'])}; nothing was written.",
            hint=f"Put these back by hand; their old texts are in {journal.path}",
        )
    if standing["before"] and standing["after"]:
        raise RowChangedError(
            f"some are at the old text already: {', '.join(standing['before'])}; nothing was written.",
            hint=f"Somebody put these back by hand. All old texts are in {journal.path}",
        )
    return not standing["after"]


def _elsewhere(journal: Journal, reason: str) -> JournalError:
    return JournalError(
        f"{journal.path}: this journal belongs to another database: {reason}; nothing was written.",
        hint=f"It was written for {journal.database}",
    )


def _settled(journal: Journal, state: JournalState, note: str) -> Journal:
    settled = replace(journal, state=state, note=note)
    try:
        write_journal(settled)
    except JournalError as error:
        raise JournalError(
            f"{note} But the journal still says {journal.state.value!r}: {error.message}",
            hint="The journal can be used as it is; keep it.",
        ) from error
    return settled


def _tests(count: int) -> str:
    return f"{count} calculation procedure{'' if count == 1 else 's'}"
