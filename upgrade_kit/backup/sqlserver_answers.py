"""What SQL Server answers, as values, and its paths, which are the server's and not this machine's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath

from upgrade_kit.deployment.sqlserver_files import Row
from upgrade_kit.errors import BackupError, UsageError

_EXPRESS, _AZURE_DATABASE, _MANAGED_INSTANCE = 4, 5, 8  # SERVERPROPERTY('EngineEdition')
_WHOLE_DATABASE = 1  # BackupType in RESTORE HEADERONLY
_LOG, _DATA = "L", "D"  # Type in RESTORE FILELISTONLY; F and S are folders
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\|//")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """The server: who it is, where it puts files, and what this login may do.

    Attributes:
        version: ``ProductVersion``.
        edition: ``Edition``, or ``""``.
        engine_edition: ``EngineEdition``, or 0.
        backup_folder: default folder for backups, or ``""`` where the server does not say (before 2019).
        data_folder: default folder for data files, or ``""`` (before 2012).
        log_folder: default folder for log files, or ``""`` (before 2012).
        may_back_up: whether the login may ``BACKUP DATABASE`` the database of the session.
        may_create: whether the login may create databases, which ``RESTORE`` asks for even where it only reads.
    """

    version: str
    edition: str
    engine_edition: int
    backup_folder: str
    data_folder: str
    log_folder: str
    may_back_up: bool
    may_create: bool

    @property
    def has_compression(self) -> bool:
        """Whether it is worth asking for; the server has the last word (error 1844)."""
        return self.engine_edition != _EXPRESS

    @property
    def refusal(self) -> str:
        """Why there is no ``BACKUP ... TO DISK`` on such a server at all, or ``""``."""
        if self.engine_edition == _AZURE_DATABASE:
            return "Azure SQL Database has no BACKUP statement"
        if self.engine_edition == _MANAGED_INSTANCE:
            return "Azure SQL Managed Instance backs up to a URL only, not to a disk"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupSet:
    """One backup set in a file, as its header tells (``RESTORE HEADERONLY``).

    Attributes:
        name: what the set was called when it was made.
        kind: ``BackupType``; 1 is a whole database.
        database: name of the database.
        finished: when, in the server's own time.
        size_bytes: bytes that the set takes in the file.
        has_checksums: whether the pages in it carry checksums.
        is_damaged: whether the database was damaged and the backup was made nevertheless.
        is_copy_only: whether it leaves other backups alone.
        guid: identity of the set.
    """

    name: str
    kind: int
    database: str
    finished: datetime
    size_bytes: int
    has_checksums: bool
    is_damaged: bool
    is_copy_only: bool
    guid: str

    def objections(self, *, database: str, set_name: str) -> tuple[str, ...]:
        """Say what it is not of what was asked for: one whole, sound, copy-only backup with checksums."""
        objections = (
            (self.name != set_name, f"it is the set {self.name!r}, not {set_name!r}"),
            (self.database.casefold() != database.casefold(), f"it is of the database {self.database!r}"),
            (self.kind != _WHOLE_DATABASE, "it is not a backup of the whole database"),
            (not self.has_checksums, "it has no checksums"),
            (self.is_damaged, "the database was damaged when it was made"),
            (not self.is_copy_only, "it is not a copy-only backup"),
        )
        return tuple(words for holds, words in objections if holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFile:
    """One file of a database, in a backup (``RESTORE FILELISTONLY``) or on the server (``sys.master_files``).

    Attributes:
        logical: the name that ``MOVE`` takes.
        path: where it is, or was.
        kind: ``D`` data, ``L`` log, ``F`` full text catalogue, ``S`` FILESTREAM.
        size_bytes: its size.
    """

    logical: str
    path: str
    kind: str
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a database stands (``sys.databases``).

    Attributes:
        name: as the server writes it.
        word: ``state_desc``: ``ONLINE``, ``RESTORING``, ``SUSPECT`` ...
    """

    name: str
    word: str

    @property
    def is_online(self) -> bool:
        """Whether it can be opened."""
        return self.word == "ONLINE"

    @property
    def is_restoring(self) -> bool:
        """Whether a restore was begun and not ended."""
        return self.word == "RESTORING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What the server's clock said.

    Attributes:
        local: its own time, in which it writes down its backups.
        utc: the same moment in UTC.
    """

    local: datetime
    utc: datetime


# --- Answers ------------------------------------------------------------------------------------------


def instance(row: Row) -> Instance:
    """Read the answer to ``sqlserver_statements.instance``."""
    return Instance(
        version=_text(row.get("product_version")),
        edition=_text(row.get("edition")),
        engine_edition=_number(row.get("engine_edition")),
        backup_folder=_text(row.get("backup_folder")),
        data_folder=_text(row.get("data_folder")),
        log_folder=_text(row.get("log_folder")),
        may_back_up=_number(row.get("may_back_up")) == 1,
        may_create=1 in {_number(row.get("may_create")), _number(row.get("may_create_any"))},
    )


def clock(row: Row) -> Clock:
    """Read the answer to ``sqlserver_statements.clock``."""
    local, utc = row.get("local_time"), row.get("utc_time")
    if not (isinstance(local, datetime) and isinstance(utc, datetime)):
        raise BackupError("the server does not say what time it is", hint="Use --method json.")
    return Clock(local=local, utc=utc)


def only_set(rows: Sequence[Row], file: str) -> BackupSet:
    """Read the answer to ``RESTORE HEADERONLY`` about a file that must hold one set.

    Raises:
        BackupError: it holds none or several, or the answer lacks a column.
    """
    if len(rows) != 1:
        raise BackupError(
            f"{file}: holds {len(rows)} backup sets on the server where there must be one",
            hint="Another program wrote to it. Make another backup with: upgrade-kit backup",
        )
    row = rows[0]
    finished = row.get("backupfinishdate")
    if not isinstance(finished, datetime):
        raise BackupError(f"{file}: the server does not say when the backup in it was finished", hint=_ANOTHER)
    size = _number(row.get("compressedbackupsize")) or _number(row.get("backupsize"))
    return BackupSet(
        name=_text(row.get("backupname")),
        kind=_number(row.get("backuptype")),
        database=_text(row.get("databasename")),
        finished=finished,
        size_bytes=size,
        has_checksums=bool(row.get("hasbackupchecksums")),
        is_damaged=bool(row.get("isdamaged", True)),
        is_copy_only=bool(row.get("iscopyonly")),
        guid=_text(row.get("backupsetguid")).upper(),
    )


def files_in_backup(rows: Iterable[Row], file: str) -> tuple[DatabaseFile, ...]:
    """Read the answer to ``RESTORE FILELISTONLY``.

    Raises:
        BackupError: the backup lacks data or log, or a file of the database is not in it.
    """
    rows = tuple(rows)
    absent = [_text(row.get("logicalname")) for row in rows if not row.get("ispresent", 1)]
    files = tuple(
        DatabaseFile(
            logical=_text(row.get("logicalname")),
            path=_text(row.get("physicalname")),
            kind=_text(row.get("type")),
            size_bytes=_number(row.get("size")),
        )
        for row in rows
    )
    if absent:
        raise BackupError(f"{file}: the backup lacks these files of the database: {', '.join(absent)}", hint=_ANOTHER)
    if not {_DATA, _LOG} <= {each.kind for each in files}:
        raise BackupError(f"{file}: the backup does not hold both data and log of the database", hint=_ANOTHER)
    return files


def files_on_server(rows: Iterable[Row]) -> tuple[DatabaseFile, ...]:
    """Read the answers to ``own_files`` and ``files_of``; ``size_bytes`` is the used part where that is known."""
    kinds = {"ROWS": _DATA, "LOG": _LOG, "FILESTREAM": "S", "FULLTEXT": "F"}
    return tuple(
        DatabaseFile(
            logical=_text(row.get("logical_name")),
            path=_text(row.get("physical_name")),
            kind=kinds.get(_text(row.get("kind")), ""),
            size_bytes=_number(row.get("used_bytes")) or _number(row.get("size_bytes")),
        )
        for row in rows
    )


# --- Paths of the server ------------------------------------------------------------------------------


def server_path(folder: str, *names: str) -> str:
    r"""Join a folder of the server and names the server's way: ``D:\backups``, ``\\nas\share``, ``/var/opt``.

    Raises:
        UsageError: the folder is not an absolute path, so that nobody can tell where it would be.
    """
    if _WINDOWS.match(folder):
        return str(PureWindowsPath(folder, *names))
    if folder.startswith("/"):
        return str(PurePosixPath(folder, *names))
    raise UsageError(
        f"{folder!r} is not an absolute path on the server",
        hint=r"Write it as the server sees it: --server-dir D:\backups, \\host\share or /var/opt/mssql/backups",
    )


def folder_of(path: str) -> str:
    """Return the folder of a file of the server."""
    return str(PureWindowsPath(path).parent if _WINDOWS.match(path) else PurePosixPath(path).parent)


def name_of(path: str) -> str:
    """Return the last part of a path of the server."""
    return PureWindowsPath(path).name if _WINDOWS.match(path) else PurePosixPath(path).name


def moves(
    files: Sequence[DatabaseFile], stem: str, *, data_folder: str, log_folder: str, own: Sequence[DatabaseFile] = ()
) -> tuple[tuple[str, str], ...]:
    """Say where each file of a backup goes when it is restored under another name.

    Args:
        files: the files in the backup.
        stem: how the new files' names begin; no two databases may share it.
        data_folder: for data files and folders.
        log_folder: for log files.
        own: the files of the database that is overwritten; they are used first, kind by kind.

    Returns:
        Logical name and path of each file. No two paths are the same.
    """
    free = {kind: [each.path for each in own if each.kind == kind] for kind in {each.kind for each in files}}
    placed: list[tuple[str, str]] = []
    for number, each in enumerate(files, start=1):
        if free[each.kind]:
            path = free[each.kind].pop(0)
        else:
            ending = {_LOG: ".ldf", _DATA: ".mdf" if number == 1 else ".ndf"}.get(each.kind, "")
            path = server_path(log_folder if each.kind == _LOG else data_folder, f"{stem}_{number}{ending}")
        placed.append((each.logical, path))
    return tuple(placed)


_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _number(value: object) -> int:
    return 0 if value is None else int(str(value).partition(".")[0] or 0)
