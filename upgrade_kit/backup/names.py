"""What the files of a backup are called, and how a name is taken so that nobody else gets it."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from upgrade_kit.deployment.manifests import SUFFIX
from upgrade_kit.deployment.whole_file import PARTIAL, make_private
from upgrade_kit.errors import BackupError

_LONGEST = 50
_SIDECARS = ("-journal", "-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Names that belong to one backup in the making.

    Attributes:
        partial: exists already, empty, readable by the owner alone; holding it holds the other two.
        file: the backup's final name; does not exist.
        uploads: the final name of the archive of uploads; does not exist.
        manifest: the manifest's name; does not exist.
    """

    partial: Path
    file: Path
    uploads: Path
    manifest: Path

    @property
    def uploads_partial(self) -> Path:
        """The temporary name of the archive of uploads."""
        return self.uploads.with_name(self.uploads.name + PARTIAL)

    def release(self) -> None:
        """Remove the temporary files and what the database left beside one."""
        for leftover in (self.partial, *sidecars(self.partial), self.uploads_partial):
            with suppress(OSError):  # the error that led here is the one to tell
                leftover.unlink(missing_ok=True)


def backup_name(database: str, site_version: str, moment: datetime) -> str:
    """Return the name, without an ending, of a backup: database, version, UTC time.

    ASCII letters, digits, ``.``, ``_`` and ``-`` only, so that it can be typed and copied anywhere,
    and never the word that marks a manifest.
    """
    stem = _plain(Path(database).stem).replace(".", "-") or "database"
    parts = [stem, _plain(site_version), f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"]
    return "-".join(part for part in parts if part)


def reserve(folder: Path, name: str, ending: str) -> Reserved:
    """Take a free name in a folder; a second backup in the same second gets ``-2``.

    The temporary file is made exclusively, and whoever holds it may use the final names.

    Interrupted (Ctrl-C) at any moment, it leaves nothing: whoever calls it gets the names or there are none.

    Raises:
        OSError: the folder cannot be written to.
    """
    for number in count(1):
        candidate = name if number == 1 else f"{name}-{number}"
        file = folder / f"{candidate}{ending}"
        reserved = Reserved(
            partial=file.with_name(file.name + PARTIAL),
            file=file,
            uploads=folder / f"{candidate}.uploads.zip",
            manifest=folder / f"{candidate}{SUFFIX}",
        )
        if os.path.lexists(reserved.partial):
            continue
        try:
            make_private(reserved.partial)
            if not any(os.path.lexists(name) for name in (reserved.file, reserved.uploads, reserved.manifest)):
                return reserved
        except FileExistsError:  # somebody else was quicker, and it is theirs
            continue
        except BaseException:  # an interrupt: no name can say whether the file was made before or after it
            reserved.release()
            raise
        reserved.release()
    raise AssertionError("count() does not end")  # pragma: no cover


@contextmanager
def file_errors(where: Path) -> Iterator[None]:
    """Turn an error of the file system inside the block into a ``BackupError`` with what to do next."""
    try:
        yield
    except OSError as error:
        raise BackupError(
            f"{error.filename or where}: {error.strerror or error}",
            hint="Check the folder, its rights and its free room, then try again.",
        ) from error


def sidecars(database: Path) -> tuple[Path, ...]:
    """Return the files that SQLite may keep beside a database, whether they exist or not."""
    return tuple(database.with_name(database.name + ending) for ending in _SIDECARS)


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", ascii_only)[:_LONGEST]
    while "manifest" in plain.lower():
        plain = re.sub("manifest", "", plain, flags=re.IGNORECASE)
    return plain.strip("-._")
