"""Tells where a restore stands that was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from upgrade_kit.backup.names import sidecars
from upgrade_kit.backup.sqlite_swap import KEPT
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.manifests import SUFFIX


@contextmanager
def told_where_it_stands(manifest: Path, database: DatabaseAddress | None) -> Iterator[None]:
    """Add to an interrupt of a restore, and of telling what it did, what the database may hold and what is kept.

    Args:
        manifest: of the backup that is restored.
        database: where to; None where only uploads are.

    Raises:
        KeyboardInterrupt: the one that came, with what is to be told, unless it tells something already.
    """
    before = _kept(manifest, database)
    try:
        yield
    except KeyboardInterrupt as stop:
        if str(stop) or database is None:
            raise
        now = sorted(_kept(manifest, database) - before)
        kept = f" What it held is kept: {', '.join(map(str, now))}." if now else ""
        raise KeyboardInterrupt(f"{database.shown} is as it was, or holds the whole backup already.{kept}") from None


def _kept(manifest: Path, database: DatabaseAddress | None) -> set[Path]:
    """Return what restores have kept so far: SQLite files beside the database, other backups beside the manifest."""
    kept = set(manifest.parent.glob(f"*{SUFFIX}"))
    if database is not None and database.vendor == "sqlite":
        file = Path(database.name).resolve()
        found = set(file.parent.glob(f"{escape(file.name)}{KEPT}*"))
        kept |= found - {beside for path in found for beside in sidecars(path)}
    return kept
