"""The JSON dump: a Django fixture of the whole database, written by streaming from one consistent snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from upgrade_kit.backup.fixture_proof import prove_fixture
from upgrade_kit.backup.fixture_restore import restore_fixture
from upgrade_kit.backup.fixture_writer import FixtureFile, write_fixture
from upgrade_kit.backup.method import JSON, Options, Restored, Written
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import database_size
from upgrade_kit.deployment.fingerprint import history_digest, procedures_digest
from upgrade_kit.deployment.shapes import read_shapes
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup
from upgrade_kit.model.content import TableContent

FORMAT = JSON

_ROOM = 2.0  # bytes of JSON for each byte of a database, at most: 1.5 was seen, without indexes
_ROOM_COMPRESSED = 0.4


def ending(options: Options) -> str:
    """Return the ending of the file's name, which tells ``loaddata`` what it is."""
    return ".json.gz" if options.compress else ".json"


def check(session: Session, options: Options) -> int:
    """Return how large the dump may become; any database that can be read can be dumped."""
    try:
        size = database_size(session)
    except DatabaseError:
        return 0  # a login may read every table and not be allowed to ask
    return int(size * (_ROOM_COMPRESSED if options.compress else _ROOM))


def make(session: Session, partial: Path, options: Options) -> Written:
    """Write every object; rows, digests and the rest of the content are of the snapshot that is written."""
    with what_to_do_next(), session.snapshot() as notes:
        shapes = read_shapes(session)
        with partial.open("wb") as opened:
            with FixtureFile(opened, compress=options.compress) as file:
                fixture = write_fixture(session, shapes, file, progress=options.progress)
            opened.flush()
            os.fsync(opened.fileno())
        content = snapshot_content(session, fixture.contents)
    return Written(content=content, notes=(*notes, *fixture.notes))


@contextmanager
def what_to_do_next() -> Iterator[None]:
    """Tell what to do about an error of the database in the middle of a dump, unless the error knows."""
    try:
        yield
    except DatabaseError as error:
        hint = error.hint or "Nothing was kept. Let nobody change the site's tables meanwhile, and try again."
        raise DatabaseError(error.message, hint=hint) from error


def snapshot_content(session: Session, contents: tuple[TableContent, ...]) -> Content:
    """Return what a backup says of its content, from what was counted and digested on the way."""
    tables = session.table_names()
    return Content(
        rows=tuple((content.name, content.rows) for content in contents),
        history_sha256=history_digest(session, tables),
        procedures_sha256=procedures_digest(session, tables),
        digests=tuple((content.name, content.sha256) for content in contents),
    )


def prove(made: UnverifiedBackup, _database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
    """Read every object back, and compare rows and digests table by table with what is said."""
    return prove_fixture(made, options)


def restore(
    made: UnverifiedBackup,
    target: DatabaseAddress,
    options: Options,
    *,
    replace: bool,
    keep: Callable[[], Backup],
) -> Restored:
    """Put the objects into a database of any vendor, all of them or none."""
    return restore_fixture(made, target, options, replace_data=replace, keep=keep)
