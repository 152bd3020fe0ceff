"""PostgreSQL's own backup: an archive of pg_dump, read back whole, restored and proved in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from upgrade_kit.backup.method import Options, Written
from upgrade_kit.backup.postgresql_archive import find, major, pg_restore_program, read_data, read_schema, visible
from upgrade_kit.backup.postgresql_restore import restore
from upgrade_kit.backup.programs import Login, Running, beside
from upgrade_kit.backup.server_drill import drill
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.fingerprint import database_content
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import UnverifiedBackup

__all__ = ["FORMAT", "check", "ending", "make", "prove", "restore"]

FORMAT = "pg_dump"

_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"


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
    program = pg_restore_program(options)
    schema = read_schema(made, program, options)
    seen = read_data(made, program, options)
    # Which schema the site looks into first stands in no archive: it is the one by which everything agrees.
    views = (visible(seen, made.content, first) for first in ("public", *sorted(seen.keys() - {"public"})))
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


# --- The programs ------------------------------------------------------------------------------------


def _pg_dump(session: Session, options: Options) -> tuple[Path, str]:
    server = major(session.server)

    def fits(said: str) -> str:
        if "PostgreSQL" not in said:
            return f"is no program of PostgreSQL ({said[:60]})"
        if major(said) < server:
            return f"is of version {major(said)}, older than the server ({session.server})"
        return ""

    return find("pg_dump", fits, options)


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
