"""What an apply wrote, so that it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class JournalState(StrEnum):
    """How far the apply had come when the journal was last written."""

    PENDING = "pending"  # on disk before the commit; the rows tell whether the commit happened
    COMMITTED = "committed"  # committed, read back and compared
    UNDONE = "undone"  # taken back, read back and compared


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One changed row of ``qa_test``, before and after."""

    test_id: int
    slug: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """What an apply wrote.

    Attributes:
        path: where the journal is.
        state: see ``JournalState``.
        database: where it was written, without the password.
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        database_name: the database's name; for SQLite the absolute path.
        created_at: in UTC.
        rows: the rows in order of test id.
        note: what an apply or an undo found and did, one sentence; not kept in the file.
    """

    path: Path
    state: JournalState
    database: str
    vendor: str
    database_name: str
    created_at: datetime
    rows: tuple[JournalRow, ...]
    note: str = ""
