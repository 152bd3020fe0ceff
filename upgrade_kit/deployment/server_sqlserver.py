"""What SQL Server says of itself, one question for each part, so that a login hears as much as it may.

Sources: the Transact-SQL reference (SERVERPROPERTY, HAS_PERMS_BY_NAME, sys.databases, sys.database_files,
sys.sysprocesses, sys.database_mirroring, backupset). Nothing here is newer than SQL Server 2008 but ``replica_id``.
Servers that only speak like it (Babelfish) lack some, and each part says so for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from packaging.version import Version

from upgrade_kit.deployment.server_answers import (
    Asked,
    Rows,
    flag,
    moment,
    not_of,
    number,
    number_or_none,
    one,
    seen,
    text,
    version,
)
from upgrade_kit.deployment.sqlserver_files import fixed_drives, free_bytes, own_files, volumes
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.server import (
    Identity,
    OtherSession,
    Purpose,
    Recovery,
    Right,
    Rights,
    Room,
    Server,
    Sessions,
    Standing,
    StoredFile,
    Texts,
)
from upgrade_kit.model.unobserved import Unobserved

_SCHEMA_RIGHTS = (
    ("ALTER", Purpose.MIGRATION),
    ("REFERENCES", Purpose.MIGRATION),
    ("SELECT", Purpose.WORK),
    ("INSERT", Purpose.WORK),
    ("UPDATE", Purpose.WORK),
    ("DELETE", Purpose.WORK),
)
_DATABASE_RIGHTS = (("CREATE TABLE", Purpose.MIGRATION), ("BACKUP DATABASE", Purpose.BACKUP))
_ASKED = (
    *(
        f"HAS_PERMS_BY_NAME(QUOTENAME(SCHEMA_NAME()), N'SCHEMA', N'{name}') AS may_{name.lower()}"
        for name, _ in _SCHEMA_RIGHTS
    ),
    *(
        f"HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'{name}') AS may_{name.lower().replace(' ', '_')}"
        for name, _ in _DATABASE_RIGHTS
    ),
)
QUERIES = {
    "identity": (
        "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version, "
        "CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition, "
        "CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition, @@VERSION AS said"
    ),
    "login": "SELECT ORIGINAL_LOGIN() AS login_name, USER_NAME() AS user_name, SCHEMA_NAME() AS schema_name",
    "rights": f"SELECT {', '.join(_ASKED)}",
    "site": "SELECT TABLE_SCHEMA AS place FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = N'qa_test'",
    "database": (
        "SELECT d.state_desc, d.user_access_desc, d.is_read_only, d.is_auto_close_on "
        "FROM sys.databases AS d WHERE d.database_id = DB_ID()"
    ),
    "mirroring": (
        "SELECT CASE WHEN m.mirroring_guid IS NULL THEN 0 ELSE 1 END AS mirrored FROM sys.database_mirroring AS m "
        "WHERE m.database_id = DB_ID()"
    ),
    "replica": (
        "SELECT CASE WHEN d.replica_id IS NULL THEN 0 ELSE 1 END AS replicated FROM sys.databases AS d "
        "WHERE d.database_id = DB_ID()"
    ),
    "collation": "SELECT d.collation_name FROM sys.databases AS d WHERE d.database_id = DB_ID()",
    "columns": (
        "SELECT DISTINCT TABLE_NAME AS table_name, COLLATION_NAME AS collation_name FROM INFORMATION_SCHEMA.COLUMNS "
        "WHERE COLLATION_NAME IS NOT NULL AND TABLE_SCHEMA = SCHEMA_NAME() ORDER BY TABLE_NAME"
    ),
    "files": own_files(),
    "volumes": volumes(),
    "drives": fixed_drives(),
    "sees": (
        "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER STATE') AS may_view, "
        "HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW SERVER PERFORMANCE STATE') AS may_view_performance"
    ),
    "sessions": (
        "SELECT p.spid, p.loginame, p.program_name, p.hostname, p.hostprocess, p.open_tran, "
        "CASE WHEN p.spid = @@SPID THEN 1 ELSE 0 END AS is_own FROM sys.sysprocesses AS p "
        "WHERE p.dbid = DB_ID() AND p.spid > 50 AND p.ecid = 0 ORDER BY p.spid"
    ),
    "recovery": (
        "SELECT d.recovery_model_desc, d.log_reuse_wait_desc, CONVERT(nvarchar(19), GETDATE(), 120) AS local_time "
        "FROM sys.databases AS d WHERE d.database_id = DB_ID()"
    ),
    "backups": (
        "SELECT b.type, CONVERT(nvarchar(19), MAX(b.backup_finish_date), 120) AS finished FROM msdb.dbo.backupset AS b "
        "WHERE b.database_name = DB_NAME() AND b.backup_finish_date IS NOT NULL GROUP BY b.type"
    ),
    "level": "SELECT d.compatibility_level FROM sys.databases AS d WHERE d.database_id = DB_ID()",
}
_EXPRESS, _AZURE_DATABASE = 4, 5  # SERVERPROPERTY('EngineEdition')
_FIRST_WITH_REPLICAS = Version("11")
_PAGE = 8192
_FULL, _LOG = "D", "L"  # backupset.type


def read(session: Asked, odbc_drivers: tuple[str, ...] | Unobserved) -> Server:
    """Ask a server; ``odbc_drivers`` are handed on."""
    identity = seen(_identity, session)
    return Server(
        vendor="microsoft",
        database=session.name,
        identity=identity,
        rights=seen(_rights, session),
        texts=seen(_texts, session),
        room=seen(_room, session),
        sessions=seen(_sessions, session),
        standing=seen(_standing_of(identity), session),
        recovery=seen(_recovery, session),
        compatibility_level=seen(_level, session),
        engines=not_of("SQL Server"),
        file=not_of("SQL Server"),
        odbc_drivers=odbc_drivers,
    )


def _identity(session: Asked) -> Identity:
    numbers, edition, engine, said = one(session.fetch(QUERIES["identity"]))
    product = "SQL Server"
    if "babelfish" in text(said).lower():
        product = "Babelfish"
    elif number(engine) == _AZURE_DATABASE:
        product = "Azure SQL Database"
    return Identity(
        product=product, version=version(text(numbers)), edition=text(edition), is_express=number(engine) == _EXPRESS
    )


def _rights(session: Asked) -> Rights:
    login, user, schema = map(text, one(session.fetch(QUERIES["login"])))
    answers = one(session.fetch(QUERIES["rights"]))
    asked = [
        *((name, what, (schema,)) for name, what in _SCHEMA_RIGHTS),
        *((name, what, ()) for name, what in _DATABASE_RIGHTS),
    ]
    return Rights(
        login=login,
        user=user,
        schema=schema,
        site_schemas=tuple(sorted({text(row[0]) for row in session.fetch(QUERIES["site"])})),
        rights=tuple(
            Right(name=name, purpose=what, held=flag(answer), on=() if flag(answer) else place)
            for (name, what, place), answer in zip(asked, answers, strict=True)
        ),
    )


def _texts(session: Asked) -> Texts:
    collation = text(one(session.fetch(QUERIES["collation"]))[0])
    columns = session.fetch(QUERIES["columns"])
    return Texts(
        encoding="", collation=collation, tables=tuple((text(table), "", text(other)) for table, other in columns)
    )


# --- Room ------------------------------------------------------------------------------------------------


def _room(session: Asked) -> Room:
    mounts = [{"mount_point": row[0], "free_bytes": row[1]} for row in _rows_if_told(session, "volumes")]
    drives = [] if mounts else [{"drive": row[0], "mb free": row[1]} for row in _rows_if_told(session, "drives")]
    files = [_file(row, free_bytes(text(row[1]), mounts, drives)) for row in session.fetch(QUERIES["files"])]
    if not files:
        raise ValueError("no file at all")
    free = [file.free_bytes for file in files if not file.is_log and file.free_bytes is not None]
    untold = Unobserved("the server does not tell this login the free room of its disks", asked=False)
    return Room(
        size_bytes=sum(file.size_bytes for file in files), files=tuple(files), free_bytes=min(free) if free else untold
    )


def _rows_if_told(session: Asked, which: str) -> Rows:
    try:
        return session.fetch(QUERIES[which])
    except DatabaseError:  # not every login may ask, not every system has drive letters
        return []


def _file(row: tuple[object, ...], free: int | None) -> StoredFile:
    name, _, kind, size, used, most, growth = row
    limit = number(most)
    return StoredFile(
        name=text(name),
        is_log=text(kind) == "LOG",
        size_bytes=number(size),
        used_bytes=number_or_none(used),
        max_bytes=limit * _PAGE if limit > 0 else None,  # -1: to the end of the disk; 0: not at all, as growth 0 is
        grows=number(growth) > 0 and limit != 0,
        free_bytes=free,
    )


# --- Sessions, standing, recovery ------------------------------------------------------------------------


def _sessions(session: Asked) -> Sessions:
    rows = session.fetch(QUERIES["sessions"])
    ours = {_place(row) for row in rows if flag(row[6])}
    others = [row for row in rows if _place(row) not in ours]
    return Sessions(
        others=tuple(
            OtherSession(
                login=text(row[1]).strip(),
                program=text(row[2]).strip(),
                host=text(row[3]).strip(),
                is_open=number(row[5]) > 0,
            )
            for row in others
        ),
        sees_all=1 in one(session.fetch(QUERIES["sees"])),
        login=text(one(session.fetch(QUERIES["login"]))[0]),
    )


def _place(row: tuple[object, ...]) -> tuple[str, str]:
    """Return the machine and the process that a session belongs to."""
    return text(row[3]).strip().lower(), text(row[4]).strip()


def _standing_of(identity: Identity | Unobserved) -> Callable[[Asked], Standing]:
    """Return what asks a server no more than it knows: others than SQL Server have neither mirrors nor replicas."""
    if not isinstance(identity, Identity) or identity.product != "SQL Server":
        return _standing
    return _standing_with_mirror if identity.version < _FIRST_WITH_REPLICAS else _standing_with_replicas


def _standing_with_replicas(session: Asked) -> Standing:
    known = _standing_with_mirror(session)
    if not number(one(session.fetch(QUERIES["replica"]))[0]):
        return known
    note = ("the database is in an availability group: every change is sent to its replicas", "")
    return replace(known, notes=(*known.notes, note))


def _standing_with_mirror(session: Asked) -> Standing:
    known = _standing(session)
    if not number(one(session.fetch(QUERIES["mirroring"]))[0]):
        return known
    note = ("the database is mirrored: every change is sent to another server", "")
    return replace(known, notes=(*known.notes, note))


def _standing(session: Asked) -> Standing:
    state, access, read_only, auto_close = one(session.fetch(QUERIES["database"]))
    name = "[{}]".format(session.name.replace("]", "]]"))
    obstacles, cautions, notes = [], [], []
    if text(state) != "ONLINE":
        obstacles.append((f"the database is {text(state)}, not ONLINE", ""))
    if flag(read_only):
        obstacles.append(("the database is read-only", f"ALTER DATABASE {name} SET READ_WRITE"))
    if text(access) != "MULTI_USER":
        said = f"the database is open to few: {text(access)}"
        cautions.append((said, f"ALTER DATABASE {name} SET MULTI_USER"))
    if flag(auto_close):
        said = "the server closes the database whenever nobody is connected, and opens it anew each time (AUTO_CLOSE)"
        notes.append((said, f"ALTER DATABASE {name} SET AUTO_CLOSE OFF"))
    return Standing(obstacles=tuple(obstacles), cautions=tuple(cautions), notes=tuple(notes))


def _recovery(session: Asked) -> Recovery:
    model, waits_for, now = one(session.fetch(QUERIES["recovery"]))
    finished = {text(kind).strip(): moment(when) for kind, when in session.fetch(QUERIES["backups"])}
    return Recovery(
        model=text(model),
        log_waits_for=text(waits_for),
        last_full=finished.get(_FULL),
        last_log=finished.get(_LOG),
        now=moment(now),
    )


def _level(session: Asked) -> int:
    return number(one(session.fetch(QUERIES["level"]))[0])
