"""Folders that the upgrade is going to write to, and what stands in the way. Nothing was written to find out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.model.unobserved import Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupPlace:
    """Where a backup is, or is to go.

    Attributes:
        folder: the folder.
        is_kept: whether a backup of the database as it stands lies there already, so that nothing is to be written.
        obstacle: why it cannot be written to, as far as that can be told without writing; or ``""``.
        free_bytes: the room there, or why it is not known.
        shares_volume: whether the database's file is on the same volume, or why that cannot be told.
        on_server: whether the backup itself is on the database's server.
        archive_problem: what is wrong with the archive of uploads that belongs to the backup, or ``""``.
    """

    folder: Path
    is_kept: bool
    obstacle: str
    free_bytes: int | Unobserved
    shares_volume: bool | Unobserved
    on_server: bool = False
    archive_problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPlace:
    """The folder of the logs that 0.3.0 opens whenever it starts.

    Attributes:
        folder: ``logs`` beside ``manage.py``.
        obstacles: ``(path, why it cannot be written to)``.
    """

    folder: Path
    obstacles: tuple[tuple[Path, str], ...]
