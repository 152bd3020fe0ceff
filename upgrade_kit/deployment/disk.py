"""Measures the room on the volumes that an upgrade writes to."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from upgrade_kit.deployment.places import volume_of
from upgrade_kit.model.deployment import (
    Disk,
    Volume,
)
from upgrade_kit.model.unobserved import Unobserved

_NO_SITE = Unobserved("no site folder was given", asked=False)


def read_disk(
    site: Path | None = None,
    database_file: Path | None = None,
    uploads: tuple[Path, int | Unobserved] | Unobserved = _NO_SITE,
    *,
    backup: Path | None = None,
    temporary: Path | None = None,
) -> Disk | Unobserved:
    """Measure the free room for site, database file, uploads, backup and temporary files.

    Args:
        site: the folder that holds ``manage.py``.
        database_file: the database where it is a file.
        uploads: the folder of the uploads, and how many bytes it holds.
        backup: the folder that a backup is to go to, whether it is there yet or not.
        temporary: the folder for temporary files; by default the system's.
    """
    folder = None if isinstance(uploads, Unobserved) else uploads[0]
    places = [
        ("the site", site),
        ("the database", None if database_file is None else database_file.parent),
        ("the uploads", None if folder is None else volume_of(folder)),
        ("the backup", None if backup is None else volume_of(backup)),
        ("temporary files", temporary or Path(tempfile.gettempdir())),
    ]
    volumes = []
    for purpose, path in places:
        if path is None:
            continue
        try:
            usage = shutil.disk_usage(path)
        except OSError as error:
            return Unobserved(f"the free room at {path} ({purpose}) cannot be told: {error.strerror or error}")
        volumes.append(Volume(path=path, purpose=purpose, free_bytes=usage.free, total_bytes=usage.total))
    return Disk(volumes=tuple(volumes), uploads_bytes=uploads if isinstance(uploads, Unobserved) else uploads[1])
