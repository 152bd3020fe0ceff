"""Measures the room on the volumes that an upgrade writes to, and what is there to copy."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from upgrade_kit.model.deployment import (
    Disk,
    Volume,
)
from upgrade_kit.model.unobserved import Unobserved

COUNTING_SECONDS = 60.0


def read_disk(
    site: Path | None = None,
    database_file: Path | None = None,
    media_root: Path | Unobserved | None = None,
    *,
    temporary: Path | None = None,
    counting_seconds: float = COUNTING_SECONDS,
) -> Disk | Unobserved:
    """Measure the free room for site, database file and temporary files, and the size of the uploads.

    Args:
        site: the folder that holds ``manage.py``.
        database_file: the database where it is a file.
        media_root: the ``MEDIA_ROOT`` of the settings; uploads are in its folder ``uploads``.
        temporary: the folder for temporary files; by default the system's.
        counting_seconds: how long adding up the uploads may take.
    """
    places = [
        ("the site", site),
        ("the database", None if database_file is None else database_file.parent),
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
    return Disk(volumes=tuple(volumes), uploads_bytes=_uploads(media_root, counting_seconds))


def _uploads(media_root: Path | Unobserved | None, counting_seconds: float) -> int | Unobserved:
    if media_root is None:
        return Unobserved("no site folder was given", asked=False)
    if isinstance(media_root, Unobserved):
        return Unobserved(f"the uploads folder cannot be found: {media_root.reason}")
    folder = media_root / "uploads"
    if not folder.exists():
        return Unobserved(f"there is no uploads folder {folder}")
    deadline = monotonic() + counting_seconds
    total = 0
    try:
        for size in _sizes(folder):
            total += size
            if monotonic() > deadline:
                return Unobserved(f"adding up {folder} took longer than {counting_seconds:g} s")
    except OSError as error:
        return Unobserved(f"{error.filename or folder} cannot be looked into: {error.strerror or error}")
    return total


def _sizes(folder: Path) -> Iterator[int]:
    """Return the size in bytes of each file below a folder; links are not followed, so none counts twice."""
    waiting = [os.fspath(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    yield entry.stat(follow_symlinks=False).st_size
