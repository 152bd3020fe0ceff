"""What is in an archive of pg_dump, as pg_restore decodes it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.backup.dumped import DumpedContent
from upgrade_kit.backup.method import Options
from upgrade_kit.backup.programs import Login, Running, find_program
from upgrade_kit.errors import BackupError, ProgramError
from upgrade_kit.model.backup import Content, UnverifiedBackup

_USUAL = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/Library/PostgreSQL/*/bin",
    "C:/Program Files/PostgreSQL/*/bin",
)
_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"

_IDENTIFIER = rb'(?:"(?:[^"]|"")+"|[^\s".(]+)'
COPY = re.compile(rb"COPY (?:(%b)\.)?(%b) (?:\((.*)\) )? ?FROM stdin;\s*" % (_IDENTIFIER, _IDENTIFIER))
_COLUMN = re.compile(_IDENTIFIER)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_OWNER = re.compile(rb"-- (?:Data for )?Name: .*; Type: (.+?); Schema: .*; Owner: (.+?)(?:; Tablespace: .*)?\r?\n?")
_SAID_OF_AN_EXTENSION = re.compile(rb"-- Name: EXTENSION (.+?); Type: COMMENT; Schema: .*\r?\n?")
_GRANT = re.compile(
    rb"(?:ALTER DEFAULT PRIVILEGES [^;]*? )?GRANT [^;]* TO (%b)(?: WITH GRANT OPTION)?;\s*" % _IDENTIFIER
)


def pg_restore_program(options: Options) -> Path:
    """Find pg_restore; it needs no server."""
    path, _ = find("pg_restore", lambda said: "" if "PostgreSQL" in said else "is not PostgreSQL's", options)
    return path


def major(said: str) -> int:
    """Return the first number in what a program or a server says of its version; before 10 the first two counted."""
    found = re.search(r"PostgreSQL\)? (\d+)", said)
    return int(found[1]) if found else 0


def find(name: str, fits: Callable[[str], str], options: Options) -> tuple[Path, str]:
    """Find a program of PostgreSQL that fits; return its path and what it says of its version.

    Raises:
        ProgramError: there is none.
    """
    return find_program([name], fits=fits, product="PostgreSQL", folder=options.client_dir, usual=_USUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """How many objects an archive defines, who owns them, who is given rights, and which extensions have a comment."""

    objects: int
    owners: frozenset[str]
    roles: frozenset[str]
    extensions: frozenset[str]


def read_schema(made: UnverifiedBackup, pg_restore: Path, options: Options) -> Schema:
    """Count the objects that an archive defines, and tell whose they are.

    Raises:
        BackupError: it cannot be read whole.
    """
    objects, owners, roles, extensions = 0, set[str](), set[str](), set[str]()
    for line in _decoded(made, pg_restore, "--schema-only", options):
        if found := _OWNER.fullmatch(line):
            objects += 1
            if found[2] != b"-":
                owners.add(found[2].decode("utf-8", "surrogateescape"))
        elif found := _GRANT.fullmatch(line):
            roles.add(_unquoted(found[1]))
        elif found := _SAID_OF_AN_EXTENSION.fullmatch(line):
            extensions.add(_unquoted(found[1]))
    return Schema(
        objects=objects,
        owners=frozenset(owners),
        roles=frozenset(owners | roles - {"PUBLIC"}),
        extensions=frozenset(extensions),
    )


def read_data(made: UnverifiedBackup, pg_restore: Path, options: Options) -> dict[str, DumpedContent]:
    """Return what each schema of an archive holds."""
    seen: dict[str, DumpedContent] = {}
    lines = _decoded(made, pg_restore, "--data-only", options)
    total, done = sum(number for _, number in made.content.rows), 0
    for line in lines:
        head = COPY.fullmatch(line)
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


def script(made: UnverifiedBackup, pg_restore: Path, options: Options, *how: str) -> Running:
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
    with script(made, pg_restore, options, what) as reading:
        yield from reading.lines()
        try:
            reading.finish()
        except ProgramError:
            raise
        except BackupError as error:
            raise BackupError(f"{made.file}: cannot be read whole: {error.message}", hint=_MAKE_ANOTHER) from error


def visible(seen: dict[str, DumpedContent], wanted: Content, first: str) -> Content:
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
