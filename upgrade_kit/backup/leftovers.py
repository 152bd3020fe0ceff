"""Finds what a backup or a restore left behind when it was killed. Nothing of it is removed: another may be at work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from upgrade_kit.deployment.manifests import SUFFIX
from upgrade_kit.deployment.whole_file import PARTIAL

DRILLS = "upgrade-kit-drill-"
"""What the folders begin with in which JSON dumps are tried out."""

_OF_BACKUPS = re.compile(
    rf"(?:.+-\d{{8}}T\d{{6}}Z(?:-\d+)?\.[a-z0-9.]+|\..+{re.escape(SUFFIX)}\.[0-9a-f]{{8}}){re.escape(PARTIAL)}"
    rf"|{re.escape(DRILLS)}\w+"
)


def left_by_backups(folder: Path) -> tuple[Path, ...]:
    """Return what backups that were killed left in the folder that they were made in, by name."""
    return tuple(path for path in _listed(folder) if _OF_BACKUPS.fullmatch(path.name))


def left_by_restores(target: Path) -> tuple[Path, ...]:
    """Return what restores that were killed left beside the file or folder that they were to make, by name."""
    own = re.compile(rf"\.?{re.escape(target.name)}\.[0-9a-f]{{8}}{re.escape(PARTIAL)}")
    return tuple(path for path in _listed(target.absolute().parent) if own.fullmatch(path.name))


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except OSError:  # where it is needed, its absence is told there
        return
