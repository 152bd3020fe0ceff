"""PostgreSQL's own backup: an archive of pg_dump, read back whole, restored in one transaction."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.backup.dumped import DumpedContent
from upgrade_kit.backup.method import Options, Restored, Written, kept_sentence
from upgrade_kit.backup.programs import Login, Running, beside, find_program
from upgrade_kit.backup.server_drill import drill
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.fingerprint import database_content
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.errors import BackupError, ProgramError
from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup

FORMAT = "pg_dump"

_USUAL = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/Library/PostgreSQL/*/bin",
    "C:/Program Files/PostgreSQL/*/bin",
)
_PSQL = ("--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-")
_NOT_WHOSE = ("--no-owner", "--no-privileges", "--no-comments")
_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"
_KNOWS_TRANSACTION_TIMEOUT = 17
_HEADER_LINES = 40

_IDENTIFIER = rb'(?:"(?:[^"]|"")+"|[^\s".(]+)'
_COPY = re.compile(rb"COPY (?:(%b)\.)?(%b) (?:\((.*)\) )? ?FROM stdin;\s*" % (_IDENTIFIER, _IDENTIFIER))
_COLUMN = re.compile(_IDENTIFIER)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_OWNER = re.compile(rb"-- (?:Data for )?Name: .*; Type: (.+?); Schema: .*; Owner: (.+?)(?:; Tablespace: .*)?\r?\n?")
_GRANT = re.compile(rb"GRANT [^;]* TO (%b)(?: WITH GRANT OPTION)?;\s*" % _IDENTIFIER)

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


def ending(_options: Options) -> str:
    """Return the ending of the file's name."""
    return ".dump"


def check(session: Session, options: Options) -> int:
    """Find the programs; how large the archive will be cannot be told."""
    beside(_pg_dump(session, options)[0], "pg_restore")
    return 0


def make(session: Session, partial: Path, options: Options) -> Written:
    """Let pg_dump write an archive of the very moment whose rows are counted here."""
    program, version = _pg_dump(session, options)
    address = session.address
    with session.transaction():
        snapshot = str(session.fetch("SELECT pg_catalog.pg_export_snapshot()")[0][0])
        command: list[str | Path] = [
            program,
            "--format=custom",
            "--encoding=UTF8",
            "--verbose",
            "--no-password",
            "--load-via-partition-root",  # the rows stand under the table that the site sees
            f"--lock-wait-timeout={int(options.lock_seconds * 1000)}",
            f"--snapshot={snapshot}",
            f"--file={partial.name}",
            f"--dbname={_connection_string(address)}",
        ]
        with Running(
            command,
            login=_login(address),
            silence_seconds=options.silence_seconds,
            folder=partial.parent,
            file=partial,
            told=_counted(session, options),
        ) as dumping:
            dumping.finish()
        content = database_content(session)
    return Written(
        content=content,
        notes=(f"Made by {version}; rows and digests were read from the same snapshot.",),
    )


def prove(made: UnverifiedBackup, database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
    """Let pg_restore decode the whole archive, and count and digest the rows that come out of it."""
    pg_restore = _pg_restore(options)
    schema = _read_schema(made, pg_restore, options)
    seen = _read_data(made, pg_restore, options)
    # Which schema the site looks into first stands in no archive: it is the one by which everything agrees.
    views = (_visible(seen, made.content, first) for first in ("public", *sorted(seen.keys() - {"public"})))
    found = [changed_content(made.content, view) for view in views]
    if all(found):
        raise BackupError(f"{made.file}: not what the manifest says: {found[0]}", hint=_MAKE_ANOTHER)
    rows = made.content.rows
    tables = sum(len(each.tables) for each in seen.values())
    return (
        f"pg_restore decodes the whole archive: {schema.objects} objects and the data of {tables} tables.",
        f"Rows counted in {len(rows)} tables ({sum(number for _, number in rows)} rows in all) agree.",
        "Migration history and calculation procedures agree.",
        *((drill(made, database, options, create=_create, restore=restore),) if options.drill else ()),
    )


def _create(session: Session, name: str) -> None:
    """Create an empty database of the same encoding and order of letters as the one that the session is in."""
    encoding, collate, ctype = session.fetch(
        "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_catalog.pg_database "
        "WHERE datname = current_database()"
    )[0]
    session.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE '{collate}' LC_CTYPE '{ctype}'"
    )


def restore(
    made: UnverifiedBackup,
    target: DatabaseAddress,
    options: Options,
    *,
    replace: bool,
    keep: Callable[[], Backup],
) -> Restored:
    """Put the archive into the database in one transaction: all of it, or nothing has changed.

    Whatever the database held is in a verified backup first. Killed at any moment, the target is as it was.
    """
    pg_restore = _pg_restore(options)
    psql = beside(pg_restore, "psql")
    schema = _read_schema(made, pg_restore, options)
    with open_database(target) as session:
        occupied = session.fetch(_DROPS) != []
        whose = _whose(session, schema)
        server = _major(session.server)
    if occupied and not replace:
        raise BackupError(
            f"{target.shown}: holds data; nothing was changed",
            hint="Add --replace to put the backup in its place; what is there is backed up first.",
        )
    kept = kept_sentence(keep()) if occupied else ""
    with (
        _script(made, pg_restore, options, *([] if whose.kept else _NOT_WHOSE)) as reading,
        Running(
            [psql, *_PSQL, f"--dbname={_connection_string(target)}"],
            login=_login(target),
            silence_seconds=options.silence_seconds,
            folder=made.file.parent,
            pipe="stdin",
        ) as writing,
    ):
        clear = _CLEAR.format(drops=_DROPS, lock_ms=int(options.lock_seconds * 1000)) if occupied else ""
        try:
            # COMMIT is said only when all of the archive has been read: a psql that is left alone in the middle,
            # as when this process is killed, finds none, and the server takes everything back.
            taken = writing.feed(f"BEGIN;\n{clear}".encode())
            if taken and all(map(writing.feed, _understood(reading.lines(), server))):
                reading.finish()
                writing.feed(b"\n;\nCOMMIT;\n")
            writing.finish()
        except BackupError as error:
            # 3: an error in the script, before COMMIT. Source: PostgreSQL's manual, psql, "Exit Status".
            became = "nothing was changed" if writing.status in (3, None) else "what was not committed is taken back"
            raise type(error)(f"{target.shown}: {became}: {error.message}", hint=error.hint) from error
    return Restored(done=(f"Restored to {target.shown} in one transaction.", *whose.told), kept=kept)


# --- The programs ------------------------------------------------------------------------------------


def _pg_dump(session: Session, options: Options) -> tuple[Path, str]:
    server = _major(session.server)

    def fits(said: str) -> str:
        if "PostgreSQL" not in said:
            return f"is no program of PostgreSQL ({said[:60]})"
        if _major(said) < server:
            return f"is of version {_major(said)}, older than the server ({session.server})"
        return ""

    return _found("pg_dump", fits, options)


def _pg_restore(options: Options) -> Path:
    path, _ = _found("pg_restore", lambda said: "" if "PostgreSQL" in said else "is not PostgreSQL's", options)
    return path


def _major(said: str) -> int:
    """Return the first number in what a program or a server says of its version; before 10 the first two counted."""
    found = re.search(r"PostgreSQL\)? (\d+)", said)
    return int(found[1]) if found else 0


def _found(name: str, fits: Callable[[str], str], options: Options) -> tuple[Path, str]:
    return find_program([name], fits=fits, product="PostgreSQL", folder=options.client_dir, usual=_USUAL)


def _login(address: DatabaseAddress) -> Login:
    password = address.password or dict(address.options).get("password", "")
    # Messages are read for words, so they must be in one language.
    environment = {"LC_ALL": "C", **({"PGPASSWORD": password} if password else {})}
    return Login(environment=environment, secrets=address.secrets)


def _connection_string(address: DatabaseAddress) -> str:
    """Return what libpq connects with, without a secret: it can be seen in the list of processes."""
    pairs = {
        "dbname": address.name,
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "application_name": "upgrade-kit",
        **{key: value for key, value in address.options if value not in address.secrets},
    }
    return " ".join(f"{key}={_quoted(value)}" for key, value in pairs.items() if value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _counted(session: Session, options: Options) -> Callable[[str], None]:
    """Return what turns the lines of a verbose pg_dump into progress: tables begun, of all tables."""
    total, done = len(session.table_names()), 0

    def told(line: str) -> None:
        nonlocal done
        if "dumping contents of table" in line:
            done += 1
            if options.progress is not None:
                options.progress(min(done, total), total)

    return told


# --- What is in an archive ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    """How many objects an archive defines, who owns them, and who is given rights to them."""

    objects: int
    owners: frozenset[str]
    roles: frozenset[str]


def _read_schema(made: UnverifiedBackup, pg_restore: Path, options: Options) -> _Schema:
    objects, owners, roles = 0, set[str](), set[str]()
    for line in _decoded(made, pg_restore, "--schema-only", options):
        if found := _OWNER.fullmatch(line):
            objects += 1
            if found[2] != b"-":
                owners.add(found[2].decode("utf-8", "surrogateescape"))
        elif found := _GRANT.fullmatch(line):
            roles.add(_unquoted(found[1]))
    return _Schema(objects=objects, owners=frozenset(owners), roles=frozenset(owners | roles - {"PUBLIC"}))


def _read_data(made: UnverifiedBackup, pg_restore: Path, options: Options) -> dict[str, DumpedContent]:
    """Return what each schema of an archive holds."""
    seen: dict[str, DumpedContent] = {}
    lines = _decoded(made, pg_restore, "--data-only", options)
    total, done = sum(number for _, number in made.content.rows), 0
    for line in lines:
        head = _COPY.fullmatch(line)
        if head is None:
            continue
        schema, table = _unquoted(head[1] or b"public"), _unquoted(head[2])
        columns = [_unquoted(column.rstrip(b",")) for column in _COLUMN.findall(head[3] or b"")]
        content = seen.setdefault(schema, DumpedContent())
        number = _read_copy(lines, content, table, columns)
        content.add_rows(table, number)
        done += number
        if options.progress is not None:
            options.progress(done, total)
    return seen


def _read_copy(lines: Iterator[bytes], seen: DumpedContent, table: str, columns: list[str]) -> int:
    """Go through the data of one table and return its number of rows.

    Source of the form: PostgreSQL's manual, COPY, "Text Format".
    """
    places, number = seen.wants(table, columns), 0
    for line in lines:
        if line in (b"\\.\n", b"\\.\r\n"):
            return number
        number += 1
        if places:
            fields = line.rstrip(b"\r\n").split(b"\t")
            seen.keep(table, [_value(fields[place]) for place in places])
    raise BackupError(f"the data of {table} break off after {number} rows", hint=_MAKE_ANOTHER)


def _script(made: UnverifiedBackup, pg_restore: Path, options: Options, *how: str) -> Running:
    """Start the program that turns an archive into SQL."""
    # The dot keeps a name like "-x" from being an option; the folder may have a name in any script.
    return Running(
        [pg_restore, *how, "--file=-", f".{os.sep}{made.file.name}"],
        login=Login(environment={"LC_ALL": "C"}),
        silence_seconds=options.silence_seconds,
        folder=made.file.parent,
        pipe="stdout",
    )


def _decoded(made: UnverifiedBackup, pg_restore: Path, what: str, options: Options) -> Iterator[bytes]:
    with _script(made, pg_restore, options, what) as reading:
        yield from reading.lines()
        try:
            reading.finish()
        except ProgramError:
            raise
        except BackupError as error:
            raise BackupError(f"{made.file}: cannot be read whole: {error.message}", hint=_MAKE_ANOTHER) from error


def _visible(seen: dict[str, DumpedContent], wanted: Content, first: str) -> Content:
    """Return what a site sees that looks for its tables in one schema before the others."""
    names = dict(wanted.rows)
    content = DumpedContent()
    for schema in sorted(seen, key=lambda schema: (schema != first, schema != "public", schema)):
        content.add_unseen(seen[schema], only=None if schema == first else names)
    return content.content()


def _unquoted(identifier: bytes) -> str:
    text = identifier.decode("utf-8", "surrogateescape")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _value(field: bytes) -> bytes | None:
    return None if field == rb"\N" else _ESCAPE.sub(_unescaped, field)


def _unescaped(found: re.Match[bytes]) -> bytes:
    octal, hexadecimal, letter = found.groups()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    if hexadecimal:
        return bytes([int(hexadecimal, 16)])
    return _ESCAPES.get(letter, letter)


# --- Restoring ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    """Whether owners and rights are restored, and what there is to say of it."""

    kept: bool
    told: tuple[str, ...] = ()


def _whose(session: Session, schema: _Schema) -> _Whose:
    """Tell whether this login can restore owners and rights as they were: a part of them would be none."""
    login, is_super = session.fetch("SELECT rolname, rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")[0]
    roles = session.fetch("SELECT rolname, pg_has_role(current_user, oid, 'MEMBER') FROM pg_catalog.pg_roles")
    known = {str(role): bool(member) for role, member in roles}
    missing = sorted(role for role in schema.roles if role not in known)
    foreign = sorted(role for role in schema.owners if not is_super and not known.get(role))
    if not missing and not foreign:
        return _Whose(kept=True)
    reason = f"there is no role {', '.join(missing)}" if missing else f"{login} is no member of {', '.join(foreign)}"
    return _Whose(
        kept=False,
        told=(f"Everything restored belongs to {login}, without rights for others: {reason}.",),
    )


def _understood(lines: Iterable[bytes], server: int) -> Iterator[bytes]:
    """Leave out the one setting in the head of a script that servers before 17 do not know."""
    for number, line in enumerate(lines):
        new = number < _HEADER_LINES and line.startswith(b"SET transaction_timeout")
        if not new or server >= _KNOWS_TRANSACTION_TIMEOUT:
            yield line
