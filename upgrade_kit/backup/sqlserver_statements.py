"""Every statement that a backup on SQL Server sends, as a function of names: values in, T-SQL out.

Each is one statement of one batch and takes no parameters: ``BACKUP`` and ``RESTORE`` are not let through by
every driver with any. Syntax as in the Transact-SQL reference (BACKUP, RESTORE, RESTORE Statements - HEADERONLY,
FILELISTONLY, VERIFYONLY, DBCC CHECKDB, ALTER DATABASE SET options), no word newer than SQL Server 2008.
"""

from __future__ import annotations

from collections.abc import Iterable

from upgrade_kit.errors import UsageError

PERCENT_A_MESSAGE = 5

_LONGEST_NAME = 128  # characters of an identifier; the type sysname
_LONGEST_PATH = 259  # characters of a device's physical name


def identifier(name: str) -> str:
    """Quote a name in square brackets, whatever it contains.

    Raises:
        UsageError: no name at all, or one that SQL Server cannot have.
    """
    if not name or "\0" in name or _units(name) > _LONGEST_NAME:
        raise UsageError(
            f"{name[:_LONGEST_NAME]!r} is no name of a database on SQL Server",
            hint=f"A name has 1 to {_LONGEST_NAME} characters and no NUL.",
        )
    return "[" + name.replace("]", "]]") + "]"


def text(value: str) -> str:
    """Quote a text as an ``N'...'`` literal, whatever it contains.

    Raises:
        UsageError: it holds a NUL character, at which servers and drivers end a text.
    """
    if "\0" in value:
        raise UsageError("a text for SQL Server holds a NUL character", hint="Remove it.")
    return "N'" + value.replace("'", "''") + "'"


def backup(database: str, file: str, *, set_name: str, compression: bool) -> str:
    """Write a whole, copy-only backup with checksums into one new file.

    ``COPY_ONLY`` leaves the site's own chain of backups alone. ``INIT`` makes the file hold this one set and
    nothing else; since the set has a name, the server refuses (that is BACKUP's own check without ``SKIP``) to
    overwrite the sets of another.

    Args:
        database: its name.
        file: the path as the server sees it.
        set_name: what the set is called in its header and in ``msdb``, up to 128 characters.
        compression: ask for it, which not every edition can do; otherwise refuse it whatever the server's default.
    """
    return (
        f"BACKUP DATABASE {identifier(database)} TO {_disk(file)} WITH COPY_ONLY, CHECKSUM, INIT, "
        f"NAME = {text(set_name)}, {'COMPRESSION' if compression else 'NO_COMPRESSION'}, STATS = {PERCENT_A_MESSAGE}"
    )


def header(file: str) -> str:
    """Read what a backup file says of the sets in it."""
    return f"RESTORE HEADERONLY FROM {_disk(file)}"


def file_list(file: str) -> str:
    """Read which files of the database the first set holds."""
    return f"RESTORE FILELISTONLY FROM {_disk(file)} WITH FILE = 1"


def verify(file: str) -> str:
    """Read the whole first set and check every checksum in it, without restoring anything."""
    return f"RESTORE VERIFYONLY FROM {_disk(file)} WITH FILE = 1, CHECKSUM, STATS = {PERCENT_A_MESSAGE}"


def restore(database: str, file: str, moves: Iterable[tuple[str, str]], *, replace: bool) -> str:
    """Restore the first set of a file as a database.

    Args:
        database: the name it gets.
        file: the backup's path as the server sees it.
        moves: logical name of each file of the database, and the path that it gets on the server.
        replace: overwrite the database of that name, whatever it holds.
    """
    moved = "".join(f"MOVE {text(logical)} TO {text(path)}, " for logical, path in moves)
    return (
        f"RESTORE DATABASE {identifier(database)} FROM {_disk(file)} WITH FILE = 1, {moved}"
        f"{'REPLACE, ' if replace else ''}CHECKSUM, RECOVERY, STATS = {PERCENT_A_MESSAGE}"
    )


def check(database: str) -> str:
    """Check the structure of a whole database; a sound one answers with nothing."""
    return f"DBCC CHECKDB ({identifier(database)}) WITH NO_INFOMSGS, ALL_ERRORMSGS"


def single_user(database: str) -> str:
    """Throw everybody out of a database and roll their work back."""
    return f"ALTER DATABASE {identifier(database)} SET SINGLE_USER WITH ROLLBACK IMMEDIATE"


def multi_user(database: str) -> str:
    """Let everybody into a database again."""
    return f"ALTER DATABASE {identifier(database)} SET MULTI_USER"


def drop(database: str) -> str:
    """Delete a database together with its files."""
    return f"DROP DATABASE {identifier(database)}"


# SERVERPROPERTY gives an sql_variant, which drivers trip over. What a server does not know is NULL.
_PROPERTIES = (
    ("ProductVersion", "product_version", "nvarchar(128)"),
    ("Edition", "edition", "nvarchar(128)"),
    ("EngineEdition", "engine_edition", "int"),
    ("ServerName", "server_name", "nvarchar(128)"),
    ("InstanceDefaultBackupPath", "backup_folder", "nvarchar(4000)"),
    ("InstanceDefaultDataPath", "data_folder", "nvarchar(4000)"),
    ("InstanceDefaultLogPath", "log_folder", "nvarchar(4000)"),
)
_RIGHTS = (
    ("DB_NAME(), N'DATABASE', N'BACKUP DATABASE'", "may_back_up"),
    ("NULL, NULL, N'CREATE ANY DATABASE'", "may_create_any"),
    ("N'master', N'DATABASE', N'CREATE DATABASE'", "may_create"),
)


def instance() -> str:
    """Ask the server who it is, where it puts files, and what this login may do there."""
    columns = [f"CAST(SERVERPROPERTY(N'{name}') AS {kind}) AS {column}" for name, column, kind in _PROPERTIES]
    columns += [f"HAS_PERMS_BY_NAME({what}) AS {column}" for what, column in _RIGHTS]
    return f"SELECT {', '.join(columns)}"


def clock() -> str:
    """Ask for the server's time, its own and UTC, in the type that every driver knows."""
    return "SELECT GETDATE() AS local_time, GETUTCDATE() AS utc_time"


def backup_folder_in_registry() -> str:
    """Ask for the default folder for backups where ``SERVERPROPERTY`` does not know it (before 2019)."""
    return (
        "EXEC master.dbo.xp_instance_regread N'HKEY_LOCAL_MACHINE', "
        "N'Software\\Microsoft\\MSSQLServer\\MSSQLServer', N'BackupDirectory'"
    )


def files_of(database: str) -> str:
    """List the files of any database of the server, also of one that cannot be opened."""
    return (
        "SELECT name AS logical_name, physical_name, type_desc AS kind FROM sys.master_files "  # noqa: S608 - quoted
        f"WHERE database_id = DB_ID({text(database)}) ORDER BY file_id"
    )


def database_named(database: str) -> str:
    """Ask for the state of a database of that name; no row where there is none."""
    return (
        "SELECT name, state_desc AS state FROM sys.databases "  # noqa: S608 - quoted
        f"WHERE database_id = DB_ID({text(database)})"
    )


def history_of(set_guid: str) -> str:
    """Ask ``msdb`` for its record of one backup set, by the identity that the file's header gives."""
    return (
        "SELECT database_name, has_backup_checksums, is_damaged FROM msdb.dbo.backupset "  # noqa: S608 - quoted
        f"WHERE backup_set_uuid = {text(set_guid)}"
    )


def _disk(file: str) -> str:
    if not file or _units(file) > _LONGEST_PATH:
        raise UsageError(
            f"{file!r}: a path of a backup on SQL Server has 1 to {_LONGEST_PATH} characters",
            hint="Name a folder of the server with a shorter path: --server-dir FOLDER",
        )
    return f"DISK = {text(file)}"


def _units(value: str) -> int:
    """Count characters as SQL Server does: UTF-16 code units."""
    return len(value.encode("utf-16-le", "surrogatepass")) // 2
