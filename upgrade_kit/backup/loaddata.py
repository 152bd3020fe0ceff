"""The JSON dump for the site's own ``manage.py loaddata``: into a database that the application has just made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from upgrade_kit.backup import fixture
from upgrade_kit.backup.fixture_writer import FixtureFile
from upgrade_kit.backup.loaddata_writer import LEFT_OUT, PERMISSIONS, SET_ASIDE, TYPES, LoaddataWriter
from upgrade_kit.backup.method import LOADDATA, Options, Restored, Written
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import read_schema
from upgrade_kit.deployment.fixture_reader import FixtureObject, read_fixture
from upgrade_kit.deployment.moments import CUT, moment
from upgrade_kit.deployment.rows import ContentDigest, object_line
from upgrade_kit.deployment.shapes import read_shapes
from upgrade_kit.errors import BackupError, VersionError
from upgrade_kit.model.backup import Backup, UnverifiedBackup
from upgrade_kit.model.deployment import SchemaState
from upgrade_kit.model.shape import Kind, Models, TableShape
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.models import load_models

FORMAT = LOADDATA

_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup --loaddata"


def ending(options: Options) -> str:
    """Return the ending of the file's name, by which ``loaddata`` knows what it is."""
    return fixture.ending(options)


def check(session: Session, options: Options) -> int:
    """Refuse a database that is at the end of no version: there is no fresh one of its kind to load into."""
    _models(session)
    return fixture.check(session, options)


def make(session: Session, partial: Path, options: Options) -> Written:
    """Write what a fresh database of the same version lacks; tell the content of the whole database."""
    with fixture.what_to_do_next(), session.snapshot() as notes:
        models = _models(session)
        shapes = read_shapes(session, models.version)
        with partial.open("wb") as opened:
            with FixtureFile(opened, compress=options.compress) as file:
                written = LoaddataWriter(session, shapes, models, file, options.progress).write()
            opened.flush()
            os.fsync(opened.fileno())
        content = fixture.snapshot_content(session, written.contents)
    return Written(content=content, notes=(*notes, *written.notes))


def prove(made: UnverifiedBackup, _database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
    """Read every object back; compare rows with what is said, and digests where nothing is named in place of a key."""
    models = _models_of(made)
    rows, digests = dict(made.content.rows), dict(made.content.digests)
    counted, compared = 0, 0
    for shape, seen in _read(made.file, models):
        said = rows.get(shape.table, 0)
        if seen.rows != said:
            raise BackupError(
                f"{made.file}: holds {seen.rows} objects of {shape.model}, and not the {said} of the manifest",
                hint=_MAKE_ANOTHER,
            )
        counted += said
        if not _names(shape):
            compared += 1
            if seen.sha256 != digests.get(shape.table, seen.sha256):
                raise BackupError(
                    f"{made.file}: other rows of {shape.model} than the manifest says", hint=_MAKE_ANOTHER
                )
    drilled = ("Only the site's own loaddata can load it, so it was not drilled.",) if options.drill else ()
    read = f"Every object was read: {counted} rows, as the manifest says; in {compared} tables their digests agree too."
    return (read, *drilled)


def restore(
    made: UnverifiedBackup,
    _target: DatabaseAddress,
    _options: Options,
    *,
    replace: bool,  # noqa: ARG001 - nothing is restored
    keep: Callable[[], Backup],  # noqa: ARG001 - as above
) -> Restored:
    """Say who can load it."""
    raise BackupError(
        f"{made.file}: was written for the site's own loaddata, without what a fresh database has",
        hint=f"In the new site, after syncdb and migrate, type: python manage.py loaddata {made.file}",
    )


def _models(session: Session) -> Models:
    schema = read_schema(session, session.table_names(), VersionGraph.load().releases)
    found = [models for models in load_models() if models.version == schema.version]
    if schema.state is not SchemaState.COMPLETE or not found:
        told = schema.evidence[-1] if schema.evidence else "Its version is not known."
        raise BackupError(
            f"{session.address.shown}: not at the end of a version of QATrack+, so no fresh one is like it. {told}",
            hint="Leave --loaddata out: the plain dump takes what is there.",
        )
    return found[0]


def _models_of(made: UnverifiedBackup) -> Models:
    try:
        version = VersionGraph.load().resolve(made.site_version).version
    except VersionError as error:
        raise BackupError(f"{made.manifest}: {error.message}", hint=_MAKE_ANOTHER) from error
    for models in load_models():
        if models.version == version:
            return models
    raise BackupError(f"{made.manifest}: no rules say which models {version} has", hint=_MAKE_ANOTHER)


def _read(file: Path, models: Models) -> Iterator[tuple[TableShape, _Seen]]:
    """Count and digest the objects of each model that is to be loaded."""
    shapes = {shape.model: shape for shape in models.tables if shape.model not in LEFT_OUT}
    fresh = {row.model for row in models.fresh}
    seen = {model: _Seen(shape) for model, shape in shapes.items()}
    again: dict[tuple[str, object], FixtureObject] = {}
    for item in read_fixture(file):
        if item.model in {TYPES, PERMISSIONS} and item.pk is None:
            continue  # those that a fresh database has not
        if item.model not in seen:
            raise BackupError(f"{file}: holds {item.model} {item.pk}, which loaddata does not know", hint=_MAKE_ANOTHER)
        if item.model in fresh:
            again[item.model, item.pk] = item  # what is set aside is written once more; the last one counts
        else:
            seen[item.model].add(item)
    for item in again.values():
        if not any(isinstance(value, str) and value.endswith(SET_ASIDE) for value in item.fields.values()):
            seen[item.model].add(item)
    return ((shapes[model], found) for model, found in seen.items())


def _names(shape: TableShape) -> bool:
    """Tell whether objects of a model name others, so that the digest of their rows cannot be told from them."""
    return any(field.to in {TYPES, PERMISSIONS} for field in shape.fields)


class _Seen:
    """Adds up the objects of one model as a database will hold them."""

    def __init__(self, shape: TableShape) -> None:
        self._digest = ContentDigest(shape.table)
        self._lists = [pairs.name for pairs in shape.lists]
        self._moments = [field.name for field in shape.fields if field.kind is Kind.DATETIME and not field.key]

    def add(self, item: FixtureObject) -> None:
        fields = {name: value for name, value in item.fields.items() if name not in self._lists}
        for name in self._moments:
            text = moment(fields[name]) if name in fields else None
            if text is not None:
                fields[name] = f"{text.removesuffix(CUT)}Z" if text.endswith(CUT) else text
        self._digest.add_lines([object_line(item.model, item.pk, fields)])

    @property
    def rows(self) -> int:
        return self._digest.content.rows

    @property
    def sha256(self) -> str:
        return self._digest.content.sha256
