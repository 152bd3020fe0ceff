"""Proves that a JSON dump holds what its manifest says, and looks through dumps that others made."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from packaging.version import InvalidVersion, Version

from upgrade_kit.backup.leftovers import DRILLS
from upgrade_kit.backup.loading import load
from upgrade_kit.backup.method import Options, Progress
from upgrade_kit.backup.tables import make_tables
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.content import content_digests
from upgrade_kit.deployment.fixture_reader import FixtureObject, read_fixture
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.deployment.rows import ContentDigest, object_line
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Content, InspectedDump, UnverifiedBackup
from upgrade_kit.model.content import TableContent
from upgrade_kit.model.shape import NO_MODEL, Field, Kind, Models, Shapes, TableShape, pairs_model
from upgrade_kit.planning.models import load_models

_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup --method json"
_BATCH = 500
_WHOLE_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z").fullmatch
_KINDS = {bool: Kind.BOOLEAN, int: Kind.INTEGER, float: Kind.FLOAT, str: Kind.TEXT}


def prove_fixture(made: UnverifiedBackup, options: Options) -> tuple[str, ...]:
    """Read every object of a dump, count and digest them table by table, and compare with the manifest.

    With ``options.drill`` it is also loaded into a new SQLite database, whose tables are compared in the same way.

    Returns:
        What was checked, one sentence each.

    Raises:
        BackupError: the dump is not whole, or does not hold what the manifest says.
    """
    found = fixture_content(made, progress=options.progress)
    if different := differences(made.content, found):
        raise BackupError(f"{made.file}: not what the manifest says: {different}", hint=_MAKE_ANOTHER)
    rows, tables = sum(table.rows for table in found), len(made.content.rows)
    read = f"Every object was read; rows ({rows} in all) and their digests agree in {tables} tables."
    return (read, _drill(made)) if options.drill else (read,)


def fixture_content(made: UnverifiedBackup, *, progress: Progress | None = None) -> tuple[TableContent, ...]:
    """Count and digest what a dump holds, by table; what it has no object of is not named.

    Raises:
        BackupError: the dump is not whole.
    """
    tables = {shape.model: shape for shape in _shapes_by_rules(made)}
    loose = {pairs_model(shape, pairs): pairs for shape in tables.values() for pairs in shape.lists}
    digests: dict[str, ContentDigest] = {}
    shape: TableShape | None = None
    lines: list[bytes] = []
    digest = ContentDigest("")
    for done, item in enumerate(read_fixture(made.file), 1):
        if item.model in loose:
            pairs = loose[item.model]
            pair = [item.fields[column.removesuffix("_id")] for column in (pairs.source, pairs.target)]
            digests.setdefault(pairs.table, ContentDigest(pairs.table)).add_pairs([(pair[0], pair[1])])
            continue
        if shape is None or shape.model != item.model or len(lines) >= _BATCH:
            digest.add_lines(lines)
            lines.clear()
            shape = tables.get(item.model) or TableShape(model=item.model, table=_table_of(item.model), fields=())
            digest = digests.setdefault(shape.table, ContentDigest(shape.table))
            if progress is not None:
                progress(done, None)
        for pairs in shape.lists:
            targets = item.fields.pop(pairs.name, None)
            if isinstance(targets, list):
                of_pairs = digests.setdefault(pairs.table, ContentDigest(pairs.table))
                of_pairs.add_pairs([(item.pk, target) for target in targets])
        line = object_line(item.model, item.pk, item.fields)
        lines.append(_without_noughts(item, shape) if b".000Z" in line else line)
    digest.add_lines(lines)
    return tuple(sorted((each.content for each in digests.values()), key=lambda content: content.name))


def _without_noughts(item: FixtureObject, shape: TableShape) -> bytes:
    """Return an object whose moments are whole seconds as a database gives it back: dumpdata keeps the noughts."""
    kinds = {field.name: field.kind for field in shape.fields}
    fields = {
        name: f"{value.removesuffix('.000Z')}Z"
        if isinstance(value, str) and kinds.get(name, Kind.DATETIME) is Kind.DATETIME and _WHOLE_SECOND(value)
        else value
        for name, value in item.fields.items()
    }
    return object_line(item.model, item.pk, fields)


def inspect_fixture(file: Path) -> InspectedDump:
    """Read a dump that came without a manifest from its first to its last object.

    Raises:
        BackupError: it is not whole, or no Django fixture.
    """
    counts: Counter[str] = Counter()
    seen: dict[str, _Keys] = {}
    twice: Counter[str] = Counter()
    by_name: Counter[str] = Counter()
    for item in read_fixture(file):
        counts[item.model] += 1
        if item.pk is not None and seen.setdefault(item.model, _Keys()).add(item.pk):
            twice[item.model] += 1
        if any(isinstance(value, list) and value and not isinstance(value[0], int) for value in item.fields.values()):
            by_name[item.model] += 1
    return InspectedDump(file=file, objects=tuple(sorted(counts.items())), notes=_notes(counts, twice, by_name))


class _Keys:
    """The keys that were seen, in an eighth of a byte each where they are whole numbers of a usual size."""

    _LARGEST = 80_000_000

    def __init__(self) -> None:
        self._bits = bytearray()
        self._others: set[str] = set()

    def add(self, key: object) -> bool:
        """Return whether the key was there already, and remember it."""
        if not isinstance(key, int) or isinstance(key, bool) or not 0 <= key < self._LARGEST:
            text = repr(key)
            if text in self._others:
                return True
            self._others.add(text)
            return False
        place, bit = divmod(key, 8)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 + place // 4 - len(self._bits)))
        was = bool(self._bits[place] & (1 << bit))
        self._bits[place] |= 1 << bit
        return was


def _notes(counts: Counter[str], twice: Counter[str], by_name: Counter[str]) -> tuple[str, ...]:
    notes = []
    if not counts:
        notes.append("It holds no object at all.")
    elif "qa.test" not in counts:
        notes.append("It holds no test (qa.test): it is not the dump of a whole QATrack+ database.")
    if twice:
        notes.append(f"A key comes more than once in {_listed(twice)}: loaddata keeps the last of them.")
    if by_name:
        notes.append(
            f"It names other objects by natural keys ({_listed(by_name)}): loaddata finds them only in a database "
            "that holds them, so it loads into a freshly made one and not into one that was emptied."
        )
    if "contenttypes.contenttype" in counts and counts:
        notes.append(
            "It holds content types, which a freshly made database has too: loaddata fails there unless their table "
            "is emptied first (docs/facts.md)."
        )
    known = _nearest(counts)
    if known is not None:
        absent = [shape.model for shape in known.tables if shape.is_model and shape.model not in counts and shape.lists]
        if absent:
            notes.append(f"It holds none of {', '.join(absent)}, which {known.version} has.")
    return tuple(notes)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{model} ({number})" for model, number in sorted(counts.items()))


def _nearest(counts: Counter[str]) -> Models | None:
    """Return the version whose models are the ones that are here, if any has them all."""
    fitting = [models for models in load_models() if {shape.model for shape in models.tables} >= counts.keys()]
    return fitting[0] if len(fitting) == 1 else None


def _drill(made: UnverifiedBackup) -> str:
    """Load the dump into a scratch database and compare every table with the manifest."""
    with tempfile.TemporaryDirectory(prefix=DRILLS, dir=made.file.parent) as folder:
        file = Path(folder) / "drill.sqlite3"
        file.touch(mode=0o600)
        address = DatabaseAddress(vendor="sqlite", name=str(file.absolute()))
        with open_database(address, writable=True) as session:
            session.execute("PRAGMA synchronous = OFF")  # it is thrown away
            session.execute("PRAGMA journal_mode = OFF")
            shapes = fixture_shapes(made)
            with session.transaction():
                list(make_tables(session, shapes))
                load(read_fixture(made.file), session, shapes)
                found = content_digests(session, shapes)
    if different := differences(made.content, found):
        raise BackupError(
            f"{made.file}: loaded into a new database it is not what the manifest says: {different}",
            hint=_MAKE_ANOTHER,
        )
    return f"Loaded into a new SQLite database: rows and digests of {len(found)} tables agree with the manifest."


def fixture_shapes(made: UnverifiedBackup) -> Shapes:
    """Return the tables that a dump needs: those of its version's rules, and what it holds beside them.

    Of a table that no rule knows the columns, and what they hold, are told from its objects.

    Raises:
        BackupError: the dump is not whole.
    """
    wanted: dict[str, dict[str, Kind | None]] = {}
    keys: dict[str, Kind | None] = {}
    ruled_names = _names_in_any_rules()
    for item in read_fixture(made.file):
        names = wanted.setdefault(item.model, {})
        if not item.fields.keys() <= names.keys():
            names.update(dict.fromkeys(item.fields.keys() - names.keys()))
        if not names.keys() <= ruled_names.get(item.model, frozenset()):
            _learn(names, item.fields)
        if keys.get(item.model) is None:
            keys[item.model] = _KINDS.get(type(item.pk))
    ruled = {shape.model: shape for shape in _best_fitting(made, wanted)}
    loose = {pairs_model(shape, pairs) for shape in ruled.values() for pairs in shape.lists}
    tables = [
        _fitted(ruled[model], names) if model in ruled else _unruled(model, names, key=keys[model])
        for model, names in wanted.items()
        if model not in loose
    ]
    there = {name for name, _ in made.content.rows}
    empty = [
        replace(shape, lists=tuple(pairs for pairs in shape.lists if pairs.table in there))
        for model, shape in ruled.items()
        if model not in wanted and shape.table in there
    ]
    return Shapes(version=_version(made), tables=(*tables, *empty))


def _names_in_any_rules() -> dict[str, frozenset[str]]:
    """Return, for each model, the fields that some version's rules know."""
    found: dict[str, frozenset[str]] = {}
    for models in load_models():
        for shape in models.tables:
            names = {field.name for field in shape.fields} | {pairs.name for pairs in shape.lists}
            found[shape.model] = found.get(shape.model, frozenset()) | names
    return found


def _learn(names: dict[str, Kind | None], fields: dict[str, object]) -> None:
    """Note what kind of values the fields hold; where they hold several, any."""
    for name, value in fields.items():
        kind = None if value is None else _KINDS.get(type(value), Kind.ANY)
        known = names[name]
        if known is not kind and kind is not None:
            names[name] = kind if known is None else Kind.ANY


def _best_fitting(made: UnverifiedBackup, wanted: dict[str, dict[str, Kind | None]]) -> tuple[TableShape, ...]:
    """Return the shapes of the version that has most of the fields that are here; half way, that is the next one."""

    def unknown(models: Models) -> tuple[int, bool, Version]:
        known = {
            shape.model: {field.name for field in shape.fields} | {pairs.name for pairs in shape.lists}
            for shape in models.tables
        }
        strange = sum(len(names.keys() - known.get(model, set())) for model, names in wanted.items())
        return strange, models.version != _version(made), models.version

    return min(load_models(), key=unknown).tables


def _fitted(shape: TableShape, names: dict[str, Kind | None]) -> TableShape:
    """Return the shape that the objects have, by the rules as far as they go."""
    fields = [field for field in shape.fields if field.key or field.name in names]
    lists = tuple(pairs for pairs in shape.lists if pairs.name in names)
    known = {field.name for field in shape.fields} | {pairs.name for pairs in shape.lists}
    fields += [_unknown_field(name, kind) for name, kind in names.items() if name not in known]
    return replace(shape, fields=tuple(fields), lists=lists)


def _unknown_field(name: str, kind: Kind | None) -> Field:
    return Field(name=name, column=name, kind=kind or Kind.TEXT, null=True)


def _unruled(model: str, names: dict[str, Kind | None], *, key: Kind | None) -> TableShape:
    fields = [_unknown_field(name, kind) for name, kind in names.items()]
    if key is not None:
        fields.insert(0, Field(name="id", column="id", kind=key, key=True))
    return TableShape(model=model, table=_table_of(model), fields=tuple(fields))


def _shapes_by_rules(made: UnverifiedBackup) -> tuple[TableShape, ...]:
    """Return the shapes of the version whose tables are nearest to those that the manifest names."""
    tables, version = {name for name, _ in made.content.rows}, _version(made)

    def distance(models: Models) -> tuple[int, int, bool, Version]:
        known = {name for shape in models.tables for name in (shape.table, *(pairs.table for pairs in shape.lists))}
        return len(tables - known), len(known - tables), models.version != version, models.version

    return min(load_models(), key=distance).tables


def _version(made: UnverifiedBackup) -> Version | None:
    try:
        return Version(made.site_version)
    except InvalidVersion:
        return None


def _table_of(model: str) -> str:
    return model.removeprefix(NO_MODEL) if model.startswith(NO_MODEL) else model.replace(".", "_")


def differences(said: Content, found: Iterable[TableContent]) -> str:
    """Say in which tables a manifest and what was found differ, or return ``""``."""
    here = {table.name: table for table in found}
    empty = TableContent(name="", rows=0, sha256="0" * 64)
    rows = tuple((name, here.get(name, empty).rows) for name, _ in said.rows)
    rows += tuple((name, table.rows) for name, table in here.items() if name not in dict(said.rows) and table.rows)
    seen = replace(said, rows=tuple(sorted(rows)), digests=())
    parts = [changed_content(replace(said, digests=()), seen)]
    other = [
        name
        for name, digest in said.digests
        if digest != here.get(name, empty).sha256 and dict(rows)[name] == dict(said.rows)[name]
    ]
    if other:
        parts.append(f"other rows in {', '.join(other)}")
    return ", ".join(part for part in parts if part)
