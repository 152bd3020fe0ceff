"""The files of a database of SQL Server and the room on their volumes: what is asked, and what the answers say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from upgrade_kit.deployment.server_answers import number, text

# A row by the names of its columns in small letters. What a version has besides the columns asked for is passed over.
Row = Mapping[str, object]


def own_files() -> str:
    """List the files of the session's database: sizes and used parts in bytes, limits in pages (-1 is none)."""
    return (
        "SELECT name AS logical_name, physical_name, type_desc AS kind, CAST(size AS bigint) * 8192 AS size_bytes, "
        "CAST(FILEPROPERTY(name, 'SpaceUsed') AS bigint) * 8192 AS used_bytes, max_size AS max_pages, growth "
        "FROM sys.database_files ORDER BY file_id"
    )


def volumes() -> str:
    """Ask for the free bytes of each volume that holds a database of the server."""
    return (
        "SELECT DISTINCT v.volume_mount_point AS mount_point, v.available_bytes AS free_bytes "
        "FROM sys.master_files AS f CROSS APPLY sys.dm_os_volume_stats(f.database_id, f.file_id) AS v"
    )


def fixed_drives() -> str:
    """Ask for the free megabytes of each drive letter; Windows only."""
    return "EXEC master.dbo.xp_fixeddrives"


def free_bytes(folder: str, volumes: Iterable[Row], drives: Iterable[Row]) -> int | None:
    """Return the free room where a folder is, or ``None`` where the server does not tell.

    Args:
        folder: of the server.
        volumes: the answer to ``volumes``; the longest mount point that the folder begins with counts.
        drives: the answer to ``fixed_drives``: a letter and megabytes.
    """
    mounts = {_slashed(f"{text(row.get('drive'))}:"): number(row.get("mb free")) * 1024 * 1024 for row in drives}
    mounts |= {_slashed(text(row.get("mount_point"))): number(row.get("free_bytes") or 0) for row in volumes}
    place = _slashed(folder)
    fitting = [mount for mount in mounts if mount and place.startswith(mount)]
    return mounts[max(fitting, key=len)] if fitting else None


def _slashed(folder: str) -> str:
    """Return a folder in a form in which the folders that it is in are its beginnings."""
    return folder.replace("\\", "/").lower().rstrip("/") + "/" if folder else ""
