"""Tells whether the upgrade can write where it is going to, without writing anything itself.

``os.access`` and the file system's own numbers tell it. On Windows ``os.access`` knows the read-only mark of a file
and not its access list, so that a folder which is closed by one is found only when it is written to.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
from pathlib import Path

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.database import as_text
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.places import BackupPlace, LogPlace
from upgrade_kit.model.unobserved import Unobserved

# qatrack/settings.py (v0.3.0), LOGGING: both are opened by every command of manage.py.
_LOGS = ("debug.log", "migrate.log")
# Where a server keeps its files, as far as it tells an ordinary login.
_DATA_FOLDER = {
    "postgresql": "SHOW data_directory",
    "mysql": "SELECT @@datadir",
    "microsoft": "SELECT MIN(physical_name) FROM sys.database_files WHERE type = 0",
}
_HERE = frozenset(("", ".", "(local)", "(localdb)", "localhost", "127.0.0.1", "::1"))
_NOT_TOLD = "where the database's server keeps its files cannot be told from here"


def read_backup_place(folder: Path, backup: Backup | None, address: DatabaseAddress, file: Path | None) -> BackupPlace:
    """Look at where a backup is, or is to go.

    Args:
        folder: where one is to go.
        backup: the backup of the database as it stands, where there is one.
        address: the database.
        file: the database's file where it is one.
    """
    if backup is not None:
        folder = backup.made.manifest.parent
    nearest = _nearest(folder)
    return BackupPlace(
        folder=folder,
        is_kept=backup is not None,
        obstacle="" if backup is not None else _obstacle(folder, nearest),
        free_bytes=_free(nearest),
        shares_volume=_shares_volume(nearest, address, file),
        on_server=backup is not None and backup.made.on_server,
        archive_problem="" if backup is None else _archive_problem(backup),
    )


def read_log_place(root: Path) -> LogPlace:
    """Look at the folder of the logs in a checkout, and at the two files that 0.3.0 opens there.

    Args:
        root: the folder that holds ``manage.py``.
    """
    folder = root / "logs"
    obstacle = _obstacle(folder, _nearest(folder))
    if obstacle:
        return LogPlace(folder=folder, obstacles=((folder, obstacle),))
    files = ((folder / name, _file_obstacle(folder / name)) for name in _LOGS)
    return LogPlace(folder=folder, obstacles=tuple((file, reason) for file, reason in files if reason))


def volume_of(path: Path) -> Path:
    """Return the path itself where it is there, else the nearest folder above it that is."""
    return _nearest(path)


def _nearest(path: Path) -> Path:
    path = path.absolute()
    for folder in (path, *path.parents):
        if os.path.lexists(folder):
            return folder
    return path


def _obstacle(folder: Path, nearest: Path) -> str:
    """Say why nothing can be written to a folder, or why it cannot be made, or return ``""``."""
    try:
        is_folder = stat.S_ISDIR(nearest.stat().st_mode)
    except (OSError, ValueError) as error:
        return f"{nearest} cannot be looked at ({getattr(error, 'strerror', None) or error})"
    if not is_folder:
        return f"{nearest} is no folder"
    if os.access(nearest, os.W_OK | os.X_OK):
        return ""
    if nearest == folder.absolute():
        return f"this user may not write to {nearest}"
    return f"there is no such folder, and this user may not make one in {nearest}"


def _file_obstacle(file: Path) -> str:
    try:
        status = file.stat()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"it cannot be looked at ({error.strerror or error})"
    if not stat.S_ISREG(status.st_mode):
        return "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no plain file"
    return "" if os.access(file, os.W_OK) else "this user may not write to it"


def _free(nearest: Path) -> int | Unobserved:
    try:
        return shutil.disk_usage(nearest).free
    except OSError as error:
        return Unobserved(f"the free room at {nearest} cannot be told: {error.strerror or error}")


def _shares_volume(nearest: Path, address: DatabaseAddress, file: Path | None) -> bool | Unobserved:
    """Compare the volumes: the device number, which on Windows is the volume's serial number."""
    if file is None:
        if not _is_here(address.host):
            return False  # another machine's disk
        file = _data_folder(address)
    if file is None:
        return Unobserved(_NOT_TOLD)
    try:
        return nearest.stat().st_dev == file.stat().st_dev
    except OSError as error:
        return Unobserved(f"{error.filename}: the volume cannot be told ({error.strerror or error})")


def _is_here(host: str) -> bool:
    name = host.partition("\\")[0].lower()  # an instance of SQL Server follows
    this = platform.node().partition(".")[0].lower()
    return name in _HERE or name.startswith("/") or name.partition(".")[0] == this


def _data_folder(address: DatabaseAddress) -> Path | None:
    try:
        with open_database(address) as session:
            text = as_text(session.fetch(_DATA_FOLDER[address.vendor])[0][0])
    except (DatabaseError, IndexError):
        return None
    return Path(text) if text and "\0" not in text and Path(text).exists() else None


def _archive_problem(backup: Backup) -> str:
    uploads = backup.made.uploads
    if uploads is None:
        return ""
    try:
        size = uploads.file.stat().st_size
    except OSError as error:
        return f"{uploads.file} cannot be read ({error.strerror or error})"
    return "" if size == uploads.size_bytes else f"{uploads.file} has {size} bytes instead of {uploads.size_bytes}"
