"""What the migration to 0.3.0 printed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTest:
    """One line of the migration's list: an upload test that names ``FILE``."""

    name: str
    slug: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttachment:
    """An uploaded file that the migration could not move."""

    file: str
    test_instance_id: int
    test_list_instance_id: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Python3Notice:
    """A test that the check of 0.3.0.1 and later found not to parse as Python 3."""

    name: str
    test_id: int
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateLog:
    """The migration log, all runs in it.

    Attributes:
        files: the files that were read, oldest first.
        encodings: of each file.
        runs: how many lists the log holds (one per run of the migration; the console shows one run thrice).
        listed: the tests of the last list that was not taken back, in its order.
        failed_attachments: each once, in order.
        python3_notices: each once, in order.
        notes: what a person should know of the log itself, one sentence each.
        unread: which rotated files could not be read, and why.
    """

    files: tuple[Path, ...]
    encodings: tuple[str, ...]
    runs: int
    listed: tuple[ListedTest, ...]
    failed_attachments: tuple[FailedAttachment, ...]
    python3_notices: tuple[Python3Notice, ...]
    notes: tuple[str, ...]
    unread: tuple[str, ...] = ()
