"""A SQL Server with one small site, for backups: what its documentation says it does, over the scripted TDS server.

It knows databases and files, and answers ``BACKUP``, ``RESTORE``, ``DBCC``, ``ALTER`` and ``DROP DATABASE`` by them.
Each statement is first read by ``tsql_syntax``, so none goes through that an independent reader of T-SQL refuses.
Messages and errors are those of "Database Engine events and errors" in the documentation of SQL Server, result sets
those of RESTORE Statements - HEADERONLY and - FILELISTONLY (Transact-SQL), backupset (Transact-SQL),
sys.databases, sys.master_files and xp_fixeddrives.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from tests.backup.tsql_syntax import parse
from tests.sqlserver.script import Answer, Count, Failure, Info, Part, Request, Rows, Script, on
from tests.sqlserver.server import SqlServer
from tests.sqlserver.tables import Tables
from upgrade_kit.deployment.address import DatabaseAddress

DONE = Count()
NO_FILE = "2(The system cannot find the file specified.)"
CONTENT = """
    CREATE TABLE auth_user (id integer NOT NULL PRIMARY KEY, username varchar(30) NOT NULL);
    INSERT INTO auth_user VALUES (1, 'physicist');
    CREATE TABLE django_migrations (id integer NOT NULL PRIMARY KEY, app varchar(255), name varchar(255));
    INSERT INTO django_migrations VALUES (1, 'qa', '0001_initial'), (2, 'units', '0001_initial');
    CREATE TABLE qa_test (id integer NOT NULL PRIMARY KEY, calculation_procedure text);
    INSERT INTO qa_test VALUES (1, 'result = 1'), (2, NULL), (3, 'x = "béta"');
"""


def change(tables: Tables, statements: str) -> None:
    """Change what a database holds, past the server."""
    with closing(tables.connect()) as connection:
        connection.executescript(statements)


@dataclass(slots=True)
class Database:
    tables: Tables
    files: list[tuple[str, str, str]]  # logical name, path, kind as sys.master_files has it
    state: str = "ONLINE"
    access: str = "MULTI_USER"


@dataclass(slots=True)
class BackupFile:
    set_name: str
    database: str
    tables: Tables
    files: list[tuple[str, str, str]]
    finished: datetime
    compressed: bool
    guid: str = "3F1C2B7E-0000-4000-8000-00000000000A"
    header: dict[str, object] = field(default_factory=dict)  # columns that shall say something else


@dataclass(slots=True)
class Site:
    """The server's state, and its answers.

    Attributes:
        properties: what ``SERVERPROPERTY`` says besides the version.
        rights: what ``HAS_PERMS_BY_NAME`` says: BACKUP DATABASE, CREATE ANY DATABASE, CREATE DATABASE in master.
        clock: the server's own time; UTC is five hours later.
    """

    server: SqlServer
    folder: Path
    databases: dict[str, Database]
    backups: dict[str, BackupFile] = field(default_factory=dict)
    properties: dict[str, object] = field(default_factory=dict)
    rights: tuple[int, int, int] = (1, 1, 1)
    clock: datetime = datetime(2026, 3, 1, 9, 30, 15, 250000)  # noqa: DTZ001 - SQL Server's datetime has no zone
    sent: list[str] = field(default_factory=list)

    # --- What tests do -----------------------------------------------------------------------------

    def address(self, driver: str, database: str = "qatrack") -> DatabaseAddress:
        options: tuple[tuple[str, str], ...] = (("driver", driver),)
        if "msodbcsql" in driver or "ODBC Driver" in driver:
            options += (("Encrypt", "optional"), ("TrustServerCertificate", "yes"))
        return DatabaseAddress(
            vendor="microsoft",
            name=database,
            user="sa",
            password="pw",
            host="127.0.0.1",
            port=str(self.server.port),
            options=options,
        )

    def answer(self, statement: str, answer: Callable[[Request], Answer]) -> None:
        """Answer a statement by a function from now on."""
        self.server.script.first(on(statement, self._read_first(answer)))

    def fail(self, statement: str, *parts: Part, times: int | None = None) -> None:
        """Answer a statement otherwise from now on."""
        self.server.script.first(on(statement, self._read_first(lambda _: parts), times=times))

    def add(self, name: str, content: str = CONTENT, *, state: str = "ONLINE") -> Database:
        """Make a database."""
        tables = self._tables(name)
        if content:
            source = self.folder / f"{token_hex(8)}.sqlite3"
            with closing(sqlite3.connect(source)) as connection:
                connection.executescript(content)
            tables.copy(source)
        files = [(name, f"D:\\data\\{name}.mdf", "ROWS"), (f"{name}_log", f"E:\\log\\{name}.ldf", "LOG")]
        return self._put(name, Database(tables, files, state))

    def _tables(self, name: str, source: Tables | None = None) -> Tables:
        tables = Tables(file=self.folder / f"{token_hex(8)}.sqlite3", name=name)
        if source is not None:
            with closing(source.connect()) as there, closing(tables.connect()) as here:
                there.backup(here)
        return tables

    def _put(self, name: str, database: Database) -> Database:
        self.databases[name] = database
        self.server.databases[name] = database.tables
        return database

    @property
    def kinds(self) -> list[str]:
        """What the statements that change or read backups did, in order."""
        kinds = ("BACKUP", "RESTORE", "DBCC", "SINGLE_USER", "MULTI_USER", "DROP")
        return [what for what in (parse(sql)[0] for sql in self.sent) if what.startswith(kinds)]

    # --- What the server answers -------------------------------------------------------------------

    def rules(self) -> Script:
        answers: tuple[tuple[str, Callable[[Request], Answer]], ...] = (
            (r"^SELECT CAST\(SERVERPROPERTY\(N'ProductVersion'\)", self._instance),
            (r"^SELECT GETDATE\(\)", self._clock),
            (r"^BACKUP ", self.backup),
            (r"^RESTORE HEADERONLY", self._header),
            (r"^RESTORE FILELISTONLY", self._file_list),
            (r"^RESTORE VERIFYONLY", self._verify),
            (r"^RESTORE DATABASE", self.restore),
            (r"^DBCC ", self._silent),
            (r"^ALTER DATABASE", self._alter),
            (r"^DROP DATABASE", self._drop),
            (r"FROM sys\.databases WHERE", self._state),
            (r"FROM sys\.master_files WHERE", self._files_of),
            (r"AS logical_name.*FROM sys\.database_files", self._own_files),
            (r"dm_os_volume_stats", self._volumes),
            (r"xp_fixeddrives", self._drives),
            (r"xp_instance_regread", self._registry),
            (r"FROM msdb\.dbo\.backupset", self._history),
        )
        return Script(
            *(on(pattern, self._read_first(answer)) for pattern, answer in answers),
        )

    def _read_first(self, answer: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
        def read(request: Request) -> Answer:
            parse(request.sql)
            self.sent.append(request.sql)
            assert not request.in_transaction or request.sql.startswith("SELECT"), "error 3021"
            return answer(request)

        return read

    def _instance(self, _: Request) -> Answer:
        known = {
            "product_version": "14.0.3456.2",
            "edition": "Standard Edition (64-bit)",
            "engine_edition": 2,
            "server_name": "TESTS",
            "backup_folder": None,
            "data_folder": "D:\\data\\",
            "log_folder": "E:\\log\\",
        } | self.properties
        rights = dict(zip(("may_back_up", "may_create_any", "may_create"), self.rights, strict=True))
        columns = [(name, "int" if name == "engine_edition" else "nvarchar(4000)") for name in known]
        columns += [(name, "int") for name in rights]
        return [Rows(*columns, rows=[(*known.values(), *rights.values())])]

    def _clock(self, _: Request) -> Answer:
        now, self.clock = self.clock, self.clock + timedelta(seconds=1)
        return [Rows(("local_time", "datetime"), ("utc_time", "datetime"), rows=[(now, now + timedelta(hours=5))])]

    def backup(self, request: Request) -> Answer:
        _, parts = parse(request.sql)
        ((name,),), ((path,),), ((set_name,),) = parts["database"], parts["disk"], parts["NAME"]
        assert path not in self.backups, "a backup must never be overwritten"
        self.clock += timedelta(seconds=3)
        database = self.databases[name]
        self.backups[path] = BackupFile(
            set_name,
            name,
            self._tables(name, database.tables),
            list(database.files),
            self.clock.replace(microsecond=0),
            "COMPRESSION" in parts,
        )
        yield from (Info(3211, f"{percent} percent processed.") for percent in (5, 50, 100))
        yield Info(4035, f"Processed 360 pages for database '{name}', file '{name}' on file 1.")
        yield Info(3014, "BACKUP DATABASE successfully processed 362 pages in 0.110 seconds (25.7 MB/sec).")

    def _missing(self, path: str, what: str) -> Answer:
        return [
            Failure(3201, f"Cannot open backup device '{path}'. Operating system error {NO_FILE}.", state=2),
            Failure(3013, f"{what} is terminating abnormally."),
        ]

    def _header(self, request: Request) -> Answer:
        path = _disk(request)
        if path not in self.backups:
            return self._missing(path, "RESTORE HEADERONLY")
        found = self.backups[path]
        values = {
            "BackupName": found.set_name,
            "BackupType": 1,
            "Compressed": found.compressed,
            "Position": 1,
            "DatabaseName": found.database,
            "BackupSize": 3000000,
            "BackupFinishDate": found.finished,
            "HasBackupChecksums": True,
            "IsDamaged": False,
            "IsCopyOnly": True,
            "BackupSetGUID": found.guid,
            "CompressedBackupSize": 700000 if found.compressed else 3000000,
        } | found.header
        types = {
            "BackupType": "smallint",
            "Compressed": "bit",
            "Position": "smallint",
            "BackupSize": "numeric(20,0)",
            "BackupFinishDate": "datetime",
            "HasBackupChecksums": "bit",
            "IsDamaged": "bit",
            "IsCopyOnly": "bit",
            "BackupSetGUID": "uniqueidentifier",
            "CompressedBackupSize": "bigint",
        }
        columns = [(name, types.get(name, "nvarchar(128)")) for name in values]
        return [Rows(*columns, rows=[tuple(values.values())])]

    def _file_list(self, request: Request) -> Answer:
        path = _disk(request)
        if path not in self.backups:
            return self._missing(path, "RESTORE FILELIST")
        columns = (
            ("LogicalName", "nvarchar(128)"),
            ("PhysicalName", "nvarchar(260)"),
            ("Type", "char(1)"),
            ("Size", "numeric(20,0)"),
            ("IsPresent", "bit"),
        )
        kinds = {"ROWS": "D", "LOG": "L"}
        rows = [(name, place, kinds[kind], 8388608, True) for name, place, kind in self.backups[path].files]
        return [Rows(*columns, rows=rows)]

    def _verify(self, request: Request) -> Answer:
        path = _disk(request)
        if path not in self.backups:
            return self._missing(path, "VERIFY DATABASE")
        return [Info(3211, "100 percent processed."), Info(3262, "The backup set on file 1 is valid.")]

    def restore(self, request: Request) -> Answer:
        _, parts = parse(request.sql)
        ((name,),), ((path,),) = parts["database"], parts["disk"]
        backup = self.backups[path]
        there = self.databases.get(name)
        taken = {
            place.casefold() for other in self.databases.values() if other is not there for _, place, _ in other.files
        }
        assert not taken & {place.casefold() for _, place in parts["MOVE"]}, "error 1834: the file is in use"
        if there is not None and "REPLACE" not in parts:
            return [
                Failure(
                    3154, f"The backup set holds a backup of a database other than the existing '{name}' database."
                ),
                Failure(3013, "RESTORE DATABASE is terminating abnormally."),
            ]
        places = {move[0]: move[1] for move in parts["MOVE"]}
        files = [(logical, places[logical], kind) for logical, _, kind in backup.files]
        self._put(name, Database(self._tables(name, backup.tables), files))
        return [
            Info(3211, "100 percent processed."),
            Info(3014, "RESTORE DATABASE successfully processed 362 pages in 0.070 seconds (40.4 MB/sec)."),
        ]

    def _alter(self, request: Request) -> Answer:
        what, parts = parse(request.sql)
        database = self.databases[parts["database"][0][0]]
        if database.state != "ONLINE":
            return [
                Failure(5052, f"ALTER DATABASE is not permitted while a database is in the {database.state} state.")
            ]
        database.access = what
        return [DONE]

    def _drop(self, request: Request) -> Answer:
        _, parts = parse(request.sql)
        ((name,),) = parts["names"]
        assert name != "qatrack", "the site's own database must never be dropped"
        del self.databases[name], self.server.databases[name]
        return [DONE]

    def _silent(self, _: Request) -> Answer:
        return [DONE]

    def _state(self, request: Request) -> Answer:
        ((name,),) = parse(request.sql)[1]["texts"]
        found = next((key for key in self.databases if key.casefold() == name.casefold()), None)
        rows = [] if found is None else [(found, self.databases[found].state)]
        return [Rows(("name", "nvarchar(128)"), ("state", "nvarchar(60)"), rows=rows)]

    def _files_of(self, request: Request) -> Answer:
        ((name,),) = parse(request.sql)[1]["texts"]
        found = self.databases.get(name)
        columns = (("logical_name", "nvarchar(128)"), ("physical_name", "nvarchar(260)"), ("kind", "nvarchar(60)"))
        return [Rows(*columns, rows=[] if found is None else list(found.files))]

    def _own_files(self, request: Request) -> Answer:
        columns = (
            ("logical_name", "nvarchar(128)"),
            ("physical_name", "nvarchar(260)"),
            ("kind", "nvarchar(60)"),
            ("size_bytes", "bigint"),
            ("used_bytes", "bigint"),
        )
        return [Rows(*columns, rows=[(*each, 8388608, 3000000) for each in self.databases[request.database].files])]

    def _volumes(self, _: Request) -> Answer:
        return [
            Failure(300, "VIEW SERVER STATE permission was denied on object 'server', database 'master'.", severity=14)
        ]

    def _drives(self, _: Request) -> Answer:
        return [Rows(("drive", "char(1)"), ("MB free", "int"), rows=[("C", 20000), ("D", 90000), ("E", 90000)])]

    def _registry(self, _: Request) -> Answer:
        rows = [("BackupDirectory", "C:\\Program Files\\MSSQL14\\MSSQL\\Backup")]
        return [Rows(("Value", "nvarchar(128)"), ("Data", "nvarchar(4000)"), rows=rows)]

    def _history(self, request: Request) -> Answer:
        guid = next(text for (text,) in parse(request.sql)[1]["texts"])
        rows = [(each.database, True, False) for each in self.backups.values() if each.guid == guid]
        columns = (("database_name", "nvarchar(128)"), ("has_backup_checksums", "bit"), ("is_damaged", "bit"))
        return [Rows(*columns, rows=rows)]


def _disk(request: Request) -> str:
    return parse(request.sql)[1]["disk"][0][0]


@contextmanager
def sqlserver_site() -> Iterator[Site]:
    """Run the server, with the database ``qatrack``."""
    with TemporaryDirectory() as folder, SqlServer() as server:
        site = Site(server, Path(folder), {})
        site.add("master", "")
        site.add("qatrack")
        server.script.rules = site.rules().rules
        yield site
