"""Restores an archive of pg_dump: all of it, proved, or nothing has changed.

pg_restore decodes the archive; its SQL goes through the kit's own connection, in whose transaction what the tables hold
is compared with the manifest before the commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from upgrade_kit.backup.method import Options, Restored, gave_way, kept_sentence
from upgrade_kit.backup.postgresql_archive import COPY, Schema, major, pg_restore_program, read_schema, script
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.fingerprint import database_content
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.errors import BackupError, DatabaseError, DriverMissingError
from upgrade_kit.model.backup import Backup, UnverifiedBackup

_NOT_WHOSE = ("--no-owner", "--no-privileges")
_NO_COMMENTS = "--no-comments"
_KNOWS_TRANSACTION_TIMEOUT = 17
_PIECE = 1 << 18  # bytes that go to the server at once

# Since 2025 a script is locked for psql by a word that nobody can guess, so that no command of psql can hide in it
# (CVE-2025-8714). Here it meets no psql.
_RESTRICT = rb"\restrict "
_FIRST_OBJECT = (b"-- Name: ", b"-- Data for Name: ")
# Around large objects pg_restore begins and ends a transaction of its own, which would end this one.
_OWN_TRANSACTION = (b"BEGIN;", b"COMMIT;")

# The statements that would drop all that a database holds besides what came with the server and with extensions.
_DROPS = """
    SELECT format('DROP %s IF EXISTS %s CASCADE', i.type, i.identity) AS statement
    FROM (
        SELECT 'pg_class'::regclass AS classid, oid, relnamespace AS namespace FROM pg_catalog.pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_catalog.pg_proc
        UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace FROM pg_catalog.pg_type t
        LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
        WHERE t.typtype IN ('d', 'e', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')
        UNION ALL SELECT 'pg_namespace'::regclass, oid, oid FROM pg_catalog.pg_namespace WHERE nspname <> 'public'
    ) o
    JOIN pg_catalog.pg_namespace n ON n.oid = o.namespace
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.oid, 0) i
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d
                    WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'e')
    AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_extension e
                    WHERE o.classid = 'pg_namespace'::regclass AND e.extnamespace = o.oid)
"""
_WITH_ROWS = tuple(f"DROP {kind} " for kind in ("table", "materialized view", "foreign table", "sequence"))
_CLEAR = """
SET lock_timeout = '{lock_ms}ms';
SET client_min_messages = warning;
DO $clear$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY({drops}) LOOP
        EXECUTE statement;
    END LOOP;
    PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
END
$clear$;
"""


def restore(
    made: UnverifiedBackup,
    target: DatabaseAddress,
    options: Options,
    *,
    replace: bool,
    keep: Callable[[], Backup],
) -> Restored:
    """Put the archive into the database in one transaction: all of it, as the manifest says, or nothing has changed.

    Whatever the database held is in a verified backup first. Killed at any moment, the target is as it was.
    """
    program = pg_restore_program(options)
    schema = read_schema(made, program, options)
    with open_database(target, writable=True) as session:
        if not hasattr(session.driver_connection.cursor(), "copy"):
            raise DriverMissingError(
                f"{target.shown}: the Python driver psycopg2 does not take an archive; nothing was changed",
                hint='Type: pip install "upgrade-kit[postgresql]"',
            )
        drops = [str(statement) for (statement,) in session.fetch(_DROPS)]
        occupied = drops != []
        whose = _whose(session, schema)
        if occupied and not replace:
            raise BackupError(
                f"{target.shown}: holds data; nothing was changed",
                hint="Add --replace to put the backup in its place; what is there is backed up first.",
            )
        # Of a database without tables there is no backup: views, functions and empty schemas hold no row.
        kept = kept_sentence(keep()) if any(drop.startswith(_WITH_ROWS) for drop in drops) else ""
        with _all_or_nothing(session):
            if occupied:
                session.execute(_CLEAR.format(drops=_DROPS, lock_ms=int(options.lock_seconds * 1000)))
            for section in ("pre-data", "data", "post-data"):
                how = (f"--section={section}", *whose.left_out)
                with script(made, program, options, *how) as reading:
                    _take(session, _understood(reading.lines(), major(session.server)), with_rows=section == "data")
                    reading.finish()
            tables = _prove(made, session)
    done = (
        f"Restored to {target.shown} in one transaction; rows per table, digests of {tables} tables, migration history "
        "and procedures were compared with the manifest before they were kept."
    )
    named = [drop.removeprefix("DROP ").removesuffix(" CASCADE").replace("IF EXISTS ", "") for drop in drops]
    gone = (gave_way(named),) if named and not kept else ()
    return Restored(done=(done, *whose.told, *gone), kept=kept, proved=True)


@contextmanager
def _all_or_nothing(session: Session) -> Iterator[None]:
    """Hold the transaction, and say with a failure what became of the target."""
    shown, at_the_commit = session.address.shown, False
    try:
        with session.transaction():
            yield
            at_the_commit = True
    except (BackupError, DatabaseError) as error:
        became = "what was not committed is taken back" if at_the_commit else "nothing was changed"
        said = error.message.removeprefix(f"{shown}: ")
        raise BackupError(f"{shown}: {became}: {said}", hint=error.hint) from error


def _prove(made: UnverifiedBackup, session: Session) -> int:
    """Compare all that the tables hold now with the manifest; return how many digests were compared."""
    session.execute("RESET search_path")  # the script sets none, and the site's own tells which tables it sees
    now = database_content(session)
    if differences := changed_content(made.content, now):
        raise BackupError(
            f"what was loaded is not what the manifest says: {differences}",
            hint="Look for event triggers in the target, and for a search_path that the site's database has and this "
            "one has not. A new database shows how it comes out there.",
        )
    return len(dict(made.content.digests).keys() & dict(now.digests).keys())


# --- The script --------------------------------------------------------------------------------------


def _take(session: Session, lines: Iterator[bytes], *, with_rows: bool) -> None:
    """Carry out what pg_restore writes; rows of tables are where a section has them, between other statements.

    The head goes by itself: a server takes apart all the statements that it is given at once by the settings of before
    (its manual, "Multiple Statements in a Simple Query"), and ``standard_conforming_strings`` of the head tells how.
    """
    waiting, size, in_head = list[bytes](), 0, True
    for line in lines:
        if in_head and line.startswith(_FIRST_OBJECT):
            in_head = False
            _run(session, waiting)
        if with_rows and COPY.fullmatch(line):
            _run(session, waiting)
            _copy(session, line, lines)
        elif not with_rows or line.strip() not in _OWN_TRANSACTION:
            waiting.append(line)
            size += len(line)
            if with_rows and size > _PIECE and line.endswith(b";\n"):  # large objects: a statement a line
                _run(session, waiting)
                size = 0
    _run(session, waiting)


def _run(session: Session, lines: list[bytes]) -> None:
    if any(line.strip() and not line.startswith(b"--") for line in lines):
        with session.driver_errors(), session.driver_connection.cursor() as cursor:
            cursor.execute(b"".join(lines))
    lines.clear()


def _copy(session: Session, head: bytes, lines: Iterator[bytes]) -> None:
    """Hand over the rows of one table. Source of the form: PostgreSQL's manual, COPY, "Text Format"."""
    with (
        session.driver_errors(),
        _driver_keeps_quiet(),
        session.driver_connection.cursor() as cursor,
        cursor.copy(head.rstrip().removesuffix(b";")) as taking,
    ):
        piece, size = [], 0
        for line in lines:
            if line in (b"\\.\n", b"\\.\r\n"):
                break
            piece.append(line)
            size += len(line)
            if size > _PIECE:
                taking.write(b"".join(piece))
                piece, size = [], 0
        taking.write(b"".join(piece))


@contextmanager
def _driver_keeps_quiet() -> Iterator[None]:
    """Keep psycopg's warning of a lost connection from standard error; the error itself is told."""
    logger, handler = logging.getLogger("psycopg"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _understood(lines: Iterable[bytes], server: int) -> Iterator[bytes]:
    """Leave out what is for psql, and the one setting in the head of a script that servers before 17 do not know."""
    in_head, end = True, b""
    for line in lines:
        if in_head and line.startswith(_FIRST_OBJECT):
            in_head = False
        if in_head and line.startswith(_RESTRICT):
            end = line.replace(_RESTRICT, rb"\unrestrict ").strip()
        elif in_head and server < _KNOWS_TRANSACTION_TIMEOUT and line.startswith(b"SET transaction_timeout"):
            pass
        elif not end or line.strip() != end:
            yield line


# --- Owners ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    """What of owners, rights and comments is left out, as options of pg_restore, and what there is to say of it."""

    left_out: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def _whose(session: Session, schema: Schema) -> _Whose:
    """Tell whether this login can restore owners and rights as they were: a part of them would be none."""
    login, is_super = session.fetch("SELECT rolname, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")[0]
    roles = session.fetch("SELECT rolname, pg_has_role(current_user, oid, 'MEMBER') FROM pg_catalog.pg_roles")
    known = {str(role): bool(member) for role, member in roles}
    missing = sorted(role for role in schema.roles if role not in known)
    foreign = sorted(role for role in schema.owners if not is_super and not known.get(role))
    if missing or foreign:
        reason = (
            f"there is no role {', '.join(missing)}" if missing else f"{login} is no member of {', '.join(foreign)}"
        )
        told = f"Everything restored belongs to {login}, without rights for others and without comments: {reason}."
        return _Whose(left_out=(*_NOT_WHOSE, _NO_COMMENTS), told=(told,))
    # A comment of an extension is its owner's alone to make: who made it here, often an administrator.
    owned = session.fetch("SELECT extname, pg_has_role(current_user, extowner, 'MEMBER') FROM pg_catalog.pg_extension")
    others = sorted(schema.extensions & {str(name) for name, own in owned if not own})
    if others and not is_super:
        told = f"Comments are left out: {login} does not own the extension {', '.join(others)}, which has one."
        return _Whose(left_out=(_NO_COMMENTS,), told=(told,))
    return _Whose()
