"""What a database holds, in values that a backup and its database must agree on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from upgrade_kit.deployment.connection import Session
from upgrade_kit.model.backup import Content

# Where each generation of the application writes down its migrations: (table, app, migration).
HISTORY_TABLES = (
    ("south_migrationhistory", "app_name", "migration"),
    ("django_migrations", "app", "name"),
)


def database_fingerprint(session: Session) -> Content:
    """Return the rows of each table, the digest of the migration history and that of the procedures.

    Run it inside ``session.transaction()`` where others may be writing. Digests are SHA-256, hexadecimal;
    a table that is not there counts as one without rows.

    Raises:
        DatabaseError: a table cannot be read.
    """
    tables = session.table_names()
    return Content(
        rows=tuple((table, session.count(table)) for table in tables),
        history_sha256=history_digest(session, tables),
        procedures_sha256=procedures_digest(session, tables),
    )


def database_content(session: Session) -> Content:
    """Return the same, and the digest of each table's rows, for which every row is read.

    Run it inside ``session.transaction()``.

    Raises:
        DatabaseError: a table cannot be read.
    """
    from upgrade_kit.deployment.content import content_digests  # noqa: PLC0415 - needs more than a fingerprint does

    digests = tuple((table.name, table.sha256) for table in content_digests(session))
    return replace(database_fingerprint(session), digests=digests)


def history_digest(session: Session, tables: Iterable[str]) -> str:
    """Return the digest of ``table, app, name`` of each migration, in the order of application."""
    present = set(tables)
    return rows_digest(
        (table, *row)
        for table, app, name in HISTORY_TABLES
        if table in present
        for row in session.select(table, app, name)
    )


def procedures_digest(session: Session, tables: Iterable[str]) -> str:
    """Return the digest of every test's id and calculation procedure, in order of id."""
    present = "qa_test" in set(tables)
    return rows_digest(session.select("qa_test", "id", "calculation_procedure") if present else ())


def rows_digest(rows: Iterable[Iterable[object]]) -> str:
    """Return the digest of rows in their order; a number counts as its decimal text."""
    digest = hashlib.sha256()
    for row in rows:
        _add(digest, *row)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, *values: object) -> None:
    """Feed the values with their lengths, so that none can pass for part of its neighbour."""
    for value in values:
        if value is None:
            digest.update(b"-,")
            continue
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b," % (len(data), data))
