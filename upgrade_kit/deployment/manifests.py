"""The manifest beside a backup: how it is written, read and found again."""

from __future__ import annotations

import hashlib
import json
import math
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PureWindowsPath

from upgrade_kit import __version__
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import Session
from upgrade_kit.deployment.fingerprint import database_content, database_fingerprint
from upgrade_kit.deployment.sqlite_pages import same_pages
from upgrade_kit.deployment.whole_file import write_whole
from upgrade_kit.errors import BackupError, UsageError
from upgrade_kit.model.backup import OTHER_DATABASE, Backup, Content, UnverifiedBackup, Uploads
from upgrade_kit.model.deployment import Backups

SCHEMA = 1
SUFFIX = ".manifest.json"

_LARGEST = 8 * 1024 * 1024  # bytes; a thousand tables take less than a tenth of a megabyte
_METHODS = ("native", "json")
_FORMATS = ("sqlite", "pg_dump", "mysqldump", "mssql", "django-json", "django-loaddata")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN = 6
_MAKE_ANOTHER = "Make another backup with: upgrade-kit backup"


def manifest_document(backup: Backup | UnverifiedBackup) -> dict[str, object]:
    """Return what the manifest of a backup says, ready for ``json.dumps``."""
    made, verified_at, proof = _parts(backup)
    return {
        "schema": SCHEMA,
        "command": "backup",
        "kit_version": __version__,
        "method": made.method,
        "format": made.format,
        "vendor": made.vendor,
        "server": made.server,
        "database": made.database,
        "site_version": made.site_version,
        "schema_version": made.schema_version,
        "created_at": _write_time(made.created_at),
        "seconds": made.seconds,
        "verified_at": None if verified_at is None else _write_time(verified_at),
        "proof": list(proof),
        "file": made.server_file or made.file.name,
        "on_server": made.on_server,
        "size_bytes": made.size_bytes,
        "sha256": made.sha256 or None,
        "rows": dict(made.content.rows),
        "history_sha256": made.content.history_sha256,
        "procedures_sha256": made.content.procedures_sha256,
        "content": dict(made.content.digests),
        "uploads": None if made.uploads is None else _uploads_document(made.uploads),
    }


def read_manifest(path: Path) -> Backup | UnverifiedBackup:
    """Read a manifest; the type of the answer says whether the backup was ever proved.

    Nothing but the manifest is read: whether the backup is still what the manifest says is the
    question of ``verify_backup``.

    Raises:
        BackupError: there is no such file, it is not a manifest of a backup, or a key of it is wrong.
    """
    try:
        text = _read_text(path)
    except OSError as error:
        raise BackupError(
            f"{path}: the manifest cannot be read ({error.strerror})",
            hint="Name the file that ends in .manifest.json beside the backup.",
        ) from error
    except ValueError as error:
        raise BackupError(f"{path}: not the manifest of a backup: {error}", hint=_MAKE_ANOTHER) from error
    document = _decode(text)
    if document is None or document.get("command") != "backup":
        raise BackupError(f"{path}: not the manifest of a backup, or damaged", hint=_MAKE_ANOTHER)
    return _Manifest(path.absolute(), document).read()


def write_manifest(backup: Backup | UnverifiedBackup) -> None:
    """Write the manifest of a backup to its place, whole or not at all, for the owner alone.

    Raises:
        BackupError: the folder cannot be written to.
    """
    text = json.dumps(manifest_document(backup), indent=2) + "\n"
    target = _parts(backup)[0].manifest
    try:
        write_whole(target, text.encode("utf-8"))
    except OSError as error:
        raise BackupError(
            f"{target}: the manifest cannot be written ({error.strerror})",
            hint="Make room or name a folder that you may write to with --to-dir.",
        ) from error


def find_backups(folders: Sequence[Path], session: Session) -> Backups:
    """Look for backups of a database and say which of them hold it as it is now.

    Searches each folder and the folders directly below it for manifests. A backup is current when it
    was verified, is of this very database, its file still has the manifest's digest, and nobody wrote to
    the database since (SQLite: page for page).

    Args:
        folders: where to look; those that do not exist are passed over.
        session: the database as it is now. It is read only if there is a backup of it to compare.

    Raises:
        DatabaseError: the database cannot be read.
    """
    present = Present(session)
    current: list[Backup] = []
    stale: list[tuple[Path, str]] = []
    for path, backup in manifests_in(folders):
        match backup:
            case BackupError():
                stale.append((path, backup.message.removeprefix(f"{path}: ")))
            case UnverifiedBackup():
                stale.append((path, "not verified: nothing proves it yet"))
            case Backup(made=made):
                reason = objection(made, present)
                if reason:
                    stale.append((path, reason))
                else:
                    current.append(backup)
    current.sort(key=lambda backup: backup.made.created_at, reverse=True)
    return Backups(looked_in=tuple(folders), current=tuple(current), stale=tuple(stale))


def manifests_in(folders: Sequence[Path]) -> Iterator[tuple[Path, Backup | UnverifiedBackup | BackupError]]:
    """Return each manifest in some folders and the folders directly below them, by path, or why it cannot be read.

    Other files, whatever their names, are passed over.
    """
    for path in sorted({found.absolute() for folder in folders for found in _manifests_in(folder)}):
        try:
            yield path, read_manifest(path)
        except BackupError as error:
            if _is_ours(path):
                yield path, error


def changed_content(then: Content, now: Content) -> str:
    """Describe what differs between two states of a database, or return ``""``.

    Digests per table are compared where both states have them.
    """
    parts = [_changed_rows(then.rows, now.rows)]
    if now.history_sha256 != then.history_sha256:
        parts.append("the migration history")
    if now.procedures_sha256 != then.procedures_sha256:
        parts.append("calculation procedures in qa_test")
    if then.digests and now.digests:
        parts.append(_changed_values(then, now))
    return ", ".join(part for part in parts if part)


def filled(content: Content) -> Content:
    """Return the same without the tables that hold no rows, of which rows alone tell nothing."""
    return replace(content, rows=tuple(row for row in content.rows if row[1]))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parts(backup: Backup | UnverifiedBackup) -> tuple[UnverifiedBackup, datetime | None, tuple[str, ...]]:
    match backup:
        case Backup():
            return backup.made, backup.verified_at, backup.proof
        case UnverifiedBackup():
            return backup, None, ()


class Present:
    """What a database holds now. Each part is read when it is first asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.address = session.address

    @cached_property
    def fingerprint(self) -> Content:
        """What can be told without reading every row."""
        with self._session.transaction():
            return database_fingerprint(self._session)

    @cached_property
    def content(self) -> Content:
        """All of it."""
        with self._session.transaction():
            return database_content(self._session)


def objection(made: UnverifiedBackup, now: Present) -> str:
    """Say why a verified backup does not hold the database as it is now, or return ``""``; cheap questions first.

    Args:
        made: the backup. A file that only the server can read is not looked at.
        now: the database.

    Raises:
        DatabaseError: the database cannot be read.
    """
    if not is_of(made, now.address):
        return f"{OTHER_DATABASE}: {made.database}"
    if reason := file_objection(made):
        return reason
    try:
        if changed := changed_content(made.content, now.fingerprint):
            return f"the database has changed since: {changed}"
        if not made.on_server and file_sha256(made.file) != made.sha256:
            return f"the backup file {made.file.name} was altered after it was verified"
        if made.format == "sqlite":
            if not same_pages(Path(now.address.name), made.file):
                return "the database was written to since, though each table has as many rows as before"
        elif made.content.digests and (changed := changed_content(made.content, now.content)):
            return f"the database has changed since: {changed}"
    except sqlite3.Error as error:
        return f"the database cannot be compared with it ({error})"
    except OSError as error:
        return f"the backup file {made.file.name} cannot be read ({error.strerror})"
    return ""


def file_objection(made: UnverifiedBackup) -> str:
    """Say what a look at its size shows to be wrong with a backup file, or return ``""``."""
    if made.on_server:
        return ""
    try:
        size = made.file.stat().st_size
    except OSError as error:
        return f"the backup file {made.file.name} cannot be read ({error.strerror})"
    if size != made.size_bytes:
        return f"the backup file {made.file.name} has {size} bytes instead of {made.size_bytes}"
    return ""


def is_of(made: UnverifiedBackup, address: DatabaseAddress) -> bool:
    """Return whether a backup is of this database, whoever logs in."""
    try:
        return made.database == address.shown or parse_database_url(made.database, base=Path()).leads_where(address)
    except UsageError:
        return False


def _changed_rows(then: Sequence[tuple[str, int]], now: Sequence[tuple[str, int]]) -> str:
    before, after = dict(then), dict(now)
    parts = [
        f"{table} ({before.get(table, 'absent')} -> {after.get(table, 'absent')})"
        for table in sorted(before.keys() | after.keys())
        if before.get(table) != after.get(table)
    ]
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more


def _changed_values(then: Content, now: Content) -> str:
    """Name the tables with as many rows as before and other values in them."""
    before, after, rows = dict(then.digests), dict(now.digests), dict(now.rows)
    changed = [
        table
        for table, count in then.rows
        if rows.get(table) == count and table in before and table in after and before[table] != after[table]
    ]
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return f"other values in {', '.join(changed[:_SHOWN])}{more}" if changed else ""


def _uploads_document(uploads: Uploads) -> dict[str, object]:
    return {
        "file": uploads.file.name,
        "size_bytes": uploads.size_bytes,
        "sha256": uploads.sha256,
        "files": uploads.files,
        "bytes": uploads.bytes,
        "missing": list(uploads.missing),
        "changed": list(uploads.changed),
    }


def _write_time(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError("too large to be one")
    return content.decode("utf-8-sig")


def _decode(text: str) -> dict[str, object] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _is_ours(path: Path) -> bool:
    """Tell a damaged manifest of the kit from a stranger's file that only has the word in its name."""
    if path.name.lower().endswith(SUFFIX):
        return True
    try:
        document = _decode(_read_text(path))
    except (OSError, ValueError):
        return False
    return document is not None and document.get("command") == "backup"


def _manifests_in(folder: Path) -> Iterator[Path]:
    for inside in (folder, *_listed(folder)):
        if inside.is_dir():
            for path in _listed(inside):
                name = path.name.lower()
                if "manifest" in name and not name.startswith(".") and path.is_file():
                    yield path


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


class _Manifest:
    """One decoded manifest, with errors that name file and key."""

    def __init__(self, path: Path, document: dict[str, object]) -> None:
        self.path = path
        self.document = document

    def read(self) -> Backup | UnverifiedBackup:
        schema = self.document.get("schema")
        if type(schema) is not int or schema != SCHEMA:
            raise self._wrong("schema", f"this version of upgrade-kit reads schema {SCHEMA}, the file says {schema!r}")
        on_server = self._flag("on_server")
        server_file = self._text("file") if on_server else ""
        made = UnverifiedBackup(
            method=self._word("method", _METHODS),
            format=self._word("format", _FORMATS),
            manifest=self.path,
            file=self.path.parent / (PureWindowsPath(server_file).name if on_server else self._file_name("file")),
            server_file=server_file,
            database=self._text("database"),
            vendor=self._text("vendor"),
            server=self._text("server"),
            site_version=self._text("site_version"),
            schema_version=self._text("schema_version"),
            created_at=self._time("created_at"),
            seconds=self._seconds(),
            size_bytes=self._count("size_bytes"),
            sha256="" if on_server and self._get("sha256") is None else self._digest("sha256"),
            content=Content(
                rows=self._rows(),
                history_sha256=self._digest("history_sha256"),
                procedures_sha256=self._digest("procedures_sha256"),
                digests=self._digests(),
            ),
            uploads=self._uploads(),
        )
        if "verified_at" in self.document and self.document["verified_at"] is None:
            return made
        return Backup(made=made, verified_at=self._time("verified_at"), proof=self._proof())

    def _wrong(self, key: str, reason: str) -> BackupError:
        return BackupError(f"{self.path}: {key}: {reason}", hint=_MAKE_ANOTHER)

    def _get(self, key: str) -> object:
        """Return the value of a dotted key, or None."""
        value: object = self.document
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def _text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "missing" if value is None else "must be a text")
        return value

    def _flag(self, key: str) -> bool:
        value = self._get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "missing" if value is None else "must be true or false")
        return value

    def _word(self, key: str, words: tuple[str, ...]) -> str:
        word = self._text(key)
        if word not in words:
            raise self._wrong(key, f"must be one of {', '.join(words)}, not {word!r}")
        return word

    def _file_name(self, key: str) -> str:
        name = self._text(key)
        if name in {"", ".", ".."} or re.search(r"[/\\:\0]", name):
            raise self._wrong(key, "must be the plain name of a file beside the manifest")
        return name

    def _digest(self, key: str) -> str:
        value = self._text(key)
        if not _DIGEST.fullmatch(value):
            raise self._wrong(key, "must be a SHA-256 of 64 hexadecimal digits")
        return value

    def _time(self, key: str) -> datetime:
        value = self._text(key)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise self._wrong(key, f"not a date and time: {value!r}") from None
        if moment.tzinfo is None:
            raise self._wrong(key, "must say its time zone")
        return moment

    def _seconds(self) -> float:
        value = self._get("seconds")
        if type(value) not in (int, float) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise self._wrong("seconds", "missing" if value is None else "must be a number of seconds")
        return float(value)

    def _count(self, key: str) -> int:
        return self._whole(key, self._get(key))

    def _whole(self, key: str, value: object) -> int:
        if type(value) is not int or value < 0:
            raise self._wrong(key, "missing" if value is None else "must be a whole number")
        return value

    def _rows(self) -> tuple[tuple[str, int], ...]:
        rows = self._get("rows")
        if not isinstance(rows, dict) or not rows:
            raise self._wrong("rows", "must hold the number of rows of each table")
        return tuple(sorted((str(table), self._whole(f"rows.{table}", count)) for table, count in rows.items()))

    def _digests(self) -> tuple[tuple[str, str], ...]:
        digests = self._get("content")
        if not isinstance(digests, dict):
            raise self._wrong("content", "missing" if digests is None else "must hold the digest of each table")
        for table, value in digests.items():
            if not isinstance(value, str) or not _DIGEST.fullmatch(value):
                raise self._wrong(f"content.{table}", "must be a SHA-256 of 64 hexadecimal digits")
        return tuple(sorted(digests.items()))

    def _uploads(self) -> Uploads | None:
        if "uploads" not in self.document:
            raise self._wrong("uploads", "missing")
        if self.document["uploads"] is None:
            return None
        return Uploads(
            file=self.path.parent / self._file_name("uploads.file"),
            size_bytes=self._count("uploads.size_bytes"),
            sha256=self._digest("uploads.sha256"),
            files=self._count("uploads.files"),
            bytes=self._count("uploads.bytes"),
            missing=self._texts("uploads.missing"),
            changed=self._texts("uploads.changed"),
        )

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self._get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "missing" if value is None else "must be a list of texts")
        return tuple(value)

    def _proof(self) -> tuple[str, ...]:
        proof = self._texts("proof")
        if not proof:
            raise self._wrong("proof", "must list what was checked")
        return proof
