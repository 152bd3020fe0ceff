"""The journal of an apply: a JSON file with the text before and after of each row, and their digests."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from upgrade_kit.deployment.whole_file import make_private, write_whole
from upgrade_kit.errors import JournalError
from upgrade_kit.model.journal import Journal, JournalRow, JournalState

SCHEMA = 1
KIND = "rewrite-calcs journal"


def journal_path(folder: Path, created_at: datetime) -> Path:
    """Return the name of a new journal: the time in UTC, to the microsecond."""
    return folder / f"upgrade-kit-journal-{created_at:%Y%m%dT%H%M%S.%fZ}.json"


def write_journal(journal: Journal, *, create: bool = False) -> None:
    """Put a journal on disk, whole or not at all; only its owner may read it.

    Args:
        journal: what to write, and where.
        create: the journal is new, and no file of that name may be there.

    Raises:
        JournalError: it cannot be written, or ``create`` and the file is there.
    """
    text = json.dumps(_as_json(journal), indent=1, ensure_ascii=True) + "\n"
    try:
        if create:
            _write_new(journal.path, text.encode("ascii"))
        else:
            write_whole(journal.path, text.encode("ascii"))
    except OSError as error:
        raise JournalError(
            f"{journal.path}: the journal cannot be written: {error.strerror or error}.",
            hint="Check that the folder is there, may be written to, and has room.",
        ) from error


def read_journal(path: Path) -> Journal:
    """Read a journal and check every digest in it.

    Raises:
        JournalError: it is not there, is no journal, or is damaged; says where in it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise JournalError(f"{path}: this is no journal of upgrade-kit (it is not UTF-8).") from error
    if not text.strip():
        raise JournalError(
            f"{path}: the journal is empty: the apply stopped before it, and wrote nothing.",
            hint="Delete the file.",
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise JournalError(f"{path}: this is no JSON, so no journal of upgrade-kit: {error}.") from error
    return _Reader(path).journal(data)


def digest(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _as_json(journal: Journal) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "state": journal.state.value,
        "database": journal.database,
        "vendor": journal.vendor,
        "database_name": journal.database_name,
        "created_at": journal.created_at.isoformat(),
        "rows": [
            {
                "test_id": row.test_id,
                "slug": row.slug,
                "name": row.name,
                "before_sha256": digest(row.before),
                "after_sha256": digest(row.after),
                "before": row.before,
                "after": row.after,
            }
            for row in journal.rows
        ],
    }


class _Reader:
    """Takes a journal apart; every complaint names the file and the place in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def journal(self, data: object) -> Journal:
        if not isinstance(data, dict) or data.get("kind") != KIND:
            raise JournalError(f"{self._path}: this JSON is no journal of upgrade-kit's rewrite-calcs.")
        if data.get("schema") != SCHEMA:
            raise self._wrong("schema", f"is {data.get('schema')!r}, and this upgrade-kit reads {SCHEMA}")
        rows = data.get("rows")
        if not isinstance(rows, list) or not rows:
            raise self._wrong("rows", "is missing or empty")
        read = tuple(self._row(f"rows[{number}]", row) for number, row in enumerate(rows))
        if len({row.test_id for row in read}) != len(read):
            raise self._wrong("rows", "names a test twice")
        try:
            state = JournalState(self._text(data, "state", "state"))
            created_at = datetime.fromisoformat(self._text(data, "created_at", "created_at"))
        except ValueError as error:
            raise self._wrong("state, created_at", str(error)) from error
        return Journal(
            path=self._path,
            state=state,
            database=self._text(data, "database", "database"),
            vendor=self._text(data, "vendor", "vendor"),
            database_name=self._text(data, "database_name", "database_name"),
            created_at=created_at,
            rows=read,
        )

    def _row(self, where: str, data: object) -> JournalRow:
        if not isinstance(data, dict):
            raise self._wrong(where, "is no table of values")
        test_id = data.get("test_id")
        if not isinstance(test_id, int) or isinstance(test_id, bool):
            raise self._wrong(f"{where}.test_id", "is no whole number")
        texts = {key: self._text(data, key, f"{where}.{key}") for key in ("slug", "name", "before", "after")}
        for key in ("before", "after"):
            if data.get(f"{key}_sha256") != digest(texts[key]):
                raise self._wrong(f"{where}.{key}", f"does not match its digest (test {texts['slug']!r})")
        return JournalRow(test_id=test_id, **texts)

    def _text(self, data: dict[str, object], key: str, where: str) -> str:
        value = data.get(key)
        if not isinstance(value, str):
            raise self._wrong(where, "is missing or no text")
        return value

    def _wrong(self, where: str, reason: str) -> JournalError:
        return JournalError(
            f"{self._path}: the journal is damaged: {where} {reason}.",
            hint="Nothing was done. Use an undamaged copy of the journal, or restore the backup.",
        )


def _write_new(path: Path, content: bytes) -> None:
    """Write a file whose name nobody else has, or leave none.

    Raises:
        OSError: the name is taken, or the file cannot be written.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    try:
        make_private(path)  # takes the name; nobody can take it between now and the replace
        write_whole(path, content)
    except FileExistsError:  # somebody else was quicker, and it is theirs
        raise
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
