"""Finds the JSON dumps that somebody made by hand, and tells what is in them. A bounded search, never a whole disk."""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.database import as_text
from upgrade_kit.deployment.fixture_reader import FixtureObject, read_fixture
from upgrade_kit.deployment.manifests import SUFFIX, manifests_in
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import Backup, UnverifiedBackup
from upgrade_kit.model.dumps import DumpedRows, FoundDump, FoundDumps
from upgrade_kit.model.shape import TableShape
from upgrade_kit.model.unobserved import NOT_ASKED, Unobserved
from upgrade_kit.planning.models import load_models

COMPARED = ("auth.user", "qa.test", "qa.testinstance", "qa.testlistinstance", "units.unit")

_ENTRIES = 5_000  # of one folder
_FILES = 12  # that are looked into
_WHOLE_BYTES = 64 * 1024 * 1024  # of one file; larger ones are looked at from both ends
_ALL_BYTES = 128 * 1024 * 1024
_HEAD, _TAIL = 4096, 64
_ENDINGS = (".json", ".json.gz")
_NAMED = re.compile(r"(?i)backup|dump")
_BEGINS = re.compile(rb'\s*\[\s*(\{\s*"(pk|model|fields)"|\])')
_CUT = "cut off: it does not end with ], so the dump failed, or was not copied whole"
_AGAIN = "Do not rely on it; make another."


def find_dumps(folders: Sequence[Path], session: Session | None = None) -> FoundDumps:
    """Look for dumps in some folders, and in those folders directly below them whose names say that they hold some.

    The kit's own dumps are left to their manifests.

    Args:
        folders: where to look; those that do not exist are passed over.
        session: the database to compare them with.
    """
    unread: list[str] = []
    files = sorted(set(_candidates(folders, unread)), key=_written, reverse=True)
    own = _own(folders) if files else frozenset()
    files = [file for file in files if file not in own]
    found, budget = [], _ALL_BYTES
    for file in files[:_FILES]:
        dump = _look_into(file, budget)
        found.append(dump)
        budget -= dump.size_bytes if dump.whole else 0
    return FoundDumps(
        looked_in=tuple(folders),
        found=tuple(found),
        passed_over=max(0, len(files) - _FILES),
        unread=tuple(unread),
        database=_rows(session) if found and session is not None else NOT_ASKED,
    )


def _candidates(folders: Sequence[Path], unread: list[str]) -> Iterator[Path]:
    waiting = [(folder.absolute(), True) for folder in folders]
    while waiting:
        folder, is_named = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for _, entry in zip(range(_ENTRIES), entries, strict=False):
                    path = folder / entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if is_named and _NAMED.search(entry.name):
                            waiting.append((path, False))
                    elif entry.is_file(follow_symlinks=False) and _is_dump(path):
                        yield path
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            unread.append(f"{folder} ({error.strerror or error})")


def _is_dump(path: Path) -> bool:
    """Tell whether a file is a dump, or is meant to be one: by its name, and by how it begins."""
    name = path.name.lower()
    if not name.endswith(_ENDINGS) or name.endswith(SUFFIX):
        return False
    try:
        head = _head(path)
    except (OSError, EOFError):
        return _NAMED.search(name) is not None
    text = head.decode("utf-16", "ignore").encode() if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else head
    if _BEGINS.match(text.removeprefix(b"\xef\xbb\xbf")):
        return True
    return _NAMED.search(name) is not None and not text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(b"\x1f\x8b"):
        return head
    with gzip.open(path) as unpacked:
        return unpacked.read(_HEAD)


def _own(folders: Sequence[Path]) -> frozenset[Path]:
    """Return the files that a manifest speaks of."""
    files = []
    for _, backup in manifests_in(folders):
        match backup:
            case Backup(made=made) | (UnverifiedBackup() as made):
                files.append(made.file.absolute())
            case _:
                continue
    return frozenset(files)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _look_into(file: Path, budget: int) -> FoundDump:
    try:
        size = file.stat().st_size
        if size > min(_WHOLE_BYTES, budget):
            return _both_ends(file, size)
    except OSError as error:
        return FoundDump(file=file, size_bytes=0, problem=f"it cannot be read: {error.strerror or error}", hint=_AGAIN)
    contents = _Contents()
    problem = hint = ""
    try:
        for item in read_fixture(file):
            contents.add(item)
    except BackupError as error:
        problem, hint = error.message.removeprefix(f"{file}: "), error.hint
    return replace(contents.told(file, size), problem=problem, hint=hint)


def _both_ends(file: Path, size: int) -> FoundDump:
    """Look at the beginning and the end of a dump that is too large to be read here."""
    found = FoundDump(file=file, size_bytes=size, whole=False)
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
        opened.seek(-_TAIL, os.SEEK_END)
        tail = opened.read()
    try:
        next(read_fixture(file), None)
    except BackupError as error:
        return replace(found, problem=error.message.removeprefix(f"{file}: "), hint=error.hint)
    if not head.startswith(b"\x1f\x8b") and not tail.rstrip().endswith(b"]"):
        return replace(found, problem=_CUT, hint=_AGAIN)
    return found


@dataclass(slots=True)
class _Contents:
    """Adds up what a dump holds."""

    counts: Counter[str] = field(default_factory=Counter)
    names: dict[str, frozenset[str]] = field(default_factory=dict)
    by_name: set[str] = field(default_factory=set)
    by_number: set[str] = field(default_factory=set)
    units: list[str] = field(default_factory=list)

    def add(self, item: FixtureObject) -> None:
        self.counts[item.model] += 1
        if item.model not in self.names:
            self.names[item.model] = frozenset(item.fields)
        if item.model == "units.unit":
            self.units.append(str(item.fields.get("name")))
        for name, value in item.fields.items():
            if isinstance(value, list):
                self._add_named(item.model, name, value)
            elif name == "content_type" and isinstance(value, int):
                self.by_number.add(item.model)

    def _add_named(self, model: str, field_name: str, value: list[object]) -> None:
        if value and not isinstance(value[0], int):
            self.by_name.add(model)
        elif value and field_name in {"permissions", "user_permissions"}:
            self.by_number.add(model)

    def told(self, file: Path, size: int) -> FoundDump:
        return FoundDump(
            file=file,
            size_bytes=size,
            models=tuple(sorted(self.counts.items())),
            by_name=tuple(sorted(self.by_name)),
            by_number=tuple(sorted(self.by_number)),
            version=self._version(),
            units=tuple(self.units),
        )

    def _version(self) -> str:
        """Return the one release whose models have just these fields, or ``""``."""
        fitting = []
        for models in load_models():
            known = {shape.model: _field_names(shape) for shape in models.tables}
            if all(known.get(model) == names for model, names in self.names.items() if model.startswith("qa.")):
                fitting.append(str(models.version))
        return fitting[0] if len(fitting) == 1 and self.counts else ""


def _field_names(shape: TableShape) -> frozenset[str]:
    return frozenset((*(each.name for each in shape.fields if not each.key), *(each.name for each in shape.lists)))


def _rows(session: Session) -> DumpedRows | Unobserved:
    try:
        tables: Collection[str] = session.table_names()
        rows = [(model, session.count(table)) for model in COMPARED if (table := model.replace(".", "_")) in tables]
        units = [as_text(row[0]) for row in session.select("units_unit", "name")] if "units_unit" in tables else []
    except DatabaseError as error:
        return Unobserved(error.message)
    return DumpedRows(rows=tuple(rows), units=tuple(units))
