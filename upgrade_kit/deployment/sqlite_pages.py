"""Whether two SQLite files hold the same pages: whether a database was written to since it was copied."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from upgrade_kit.deployment.sqlite_uri import sqlite_uri

PIECE = 1 << 20
# Bytes of the first page that the online backup sets anew, though the content is the same: read and write version
# (18, 19), change counter (24 to 27), schema cookie (40 to 43), version-valid-for and SQLite's own version (92 to 99).
# Source: sqlite.org/fileformat2.html, The Database Header.
_BOOKKEEPING = ((18, 20), (24, 28), (40, 44), (92, 100))


def same_pages(live: Path, copy: Path) -> bool:
    """Return whether a database holds page for page what its copy holds.

    The live database is held against writers while it is read; what still is in its write-ahead log counts.

    Raises:
        OSError: one of the files cannot be read.
        sqlite3.Error: the database cannot be read.
    """
    live = live.resolve()  # the log lies beside the file, not beside a link to it
    with closing(sqlite3.connect(sqlite_uri(live, mode="ro"), uri=True)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        log = live.with_name(f"{live.name}-wal")
        if not log.exists() or log.stat().st_size == 0:
            return _same_bytes(live, copy)
        with tempfile.TemporaryDirectory(prefix="upgrade-kit-") as folder:
            whole = Path(folder) / "whole.sqlite3"
            with closing(sqlite3.connect(whole)) as target:
                connection.backup(target)
            return _same_bytes(whole, copy)


def _same_bytes(first: Path, second: Path) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    with first.open("rb") as mine, second.open("rb") as other:
        if _masked(mine.read(100)) != _masked(other.read(100)):
            return False
        while piece := mine.read(PIECE):
            if piece != other.read(PIECE):
                return False
    return True


def _masked(header: bytes) -> bytes:
    masked = bytearray(header)
    for start, end in _BOOKKEEPING:
        masked[start:end] = bytes(end - start)
    return bytes(masked)
