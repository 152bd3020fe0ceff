"""Database servers that the tests start themselves, on a free loopback port and in a folder of their own."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.errors import DatabaseError
from upgrade_kit.planning.graph import VersionGraph

PASSWORD = "s3cret pw"
START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that answers.

    Attributes:
        vendor: ``postgresql``, ``mysql`` or ``microsoft``.
        admin: the address of its own database, with the administrator's login.
        prefix: how the names of new databases begin.
        made: the names of the databases that were made.
        cut: ends every connection, for a server that has no statement for that.
        copy: puts the tables and rows of an SQLite file into a database past the wire, where that can be done.
    """

    vendor: str
    admin: DatabaseAddress
    prefix: str = "site"
    made: list[str] = field(default_factory=list)
    cut: Callable[[], None] | None = None
    copy: Callable[[str, Path], None] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def address(self, name: str, *, user: str | None = None, password: str | None = None) -> DatabaseAddress:
        """Return the address of one of its databases."""
        return DatabaseAddress(
            vendor=self.vendor,
            name=name,
            user=user or self.admin.user,
            password=self.admin.password if password is None else password,
            host=self.admin.host,
            port=self.admin.port,
            options=self.admin.options,
        )

    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None:
        """Run statements, each on its own."""
        with open_database(address or self.admin, writable=True) as session:
            for statement in statements:
                session.execute(statement)

    def new_database(self) -> DatabaseAddress:
        """Create an empty database."""
        name = f"{self.prefix}_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        self.made.append(name)
        if self.vendor == "microsoft":
            # A server that only speaks like SQL Server has snapshots without being told.
            with suppress(DatabaseError):
                self.run(f"ALTER DATABASE {name} SET ALLOW_SNAPSHOT_ISOLATION ON")
        return self.address(name)

    def end_connections(self, address: DatabaseAddress) -> None:
        """End every connection to a database, as a server that goes down does."""
        if self.cut is not None:
            self.cut()
        elif self.vendor == "postgresql":
            self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{address.name}'")
        else:
            where = {
                "mysql": "SELECT id FROM information_schema.processlist WHERE db = %s",
                "microsoft": "SELECT session_id FROM sys.dm_exec_sessions WHERE database_id = DB_ID(%s)",
            }
            try:
                with open_database(self.admin) as admin:
                    rows = admin.fetch(where[self.vendor], (address.name,))
            except DatabaseError as error:
                pytest.skip(f"this server or login does not tell who is connected: {error.message}")
            self.run(*(f"KILL {row[0]}" for row in rows))

    def small_site(self, tests: list[tuple[int, str, str, str, str | None]]) -> DatabaseAddress:
        """Create a site at 0.3.0 with these tests: id, macro name, name, type, procedure."""
        address = self.new_database()
        varchar, text = _TEXTS[self.vendor]
        with open_database(address, writable=True) as session:
            session.execute(
                f"CREATE TABLE qa_test (id integer NOT NULL PRIMARY KEY, name {varchar}(255) NOT NULL UNIQUE, "
                f"slug {varchar}(128) NOT NULL, type {varchar}(10) NOT NULL, calculation_procedure {text} NULL)"
            )
            session.execute("CREATE TABLE django_site (id integer NOT NULL PRIMARY KEY)")
            session.execute(
                f"CREATE TABLE django_migrations (id integer PRIMARY KEY, app {varchar}(255), name {varchar}(255))"
            )
            release = [node for node in VersionGraph.load().releases if node.history == "django"][-1]
            names = [(app, name) for app, found in release.migrations for name in found]
            with session.transaction():
                for number, (app, name) in enumerate(names, 1):
                    session.execute("INSERT INTO django_migrations VALUES (%s, %s, %s)", (number, app, name))
                for test_id, slug, name, kind, source in tests:
                    session.execute(
                        "INSERT INTO qa_test VALUES (%s, %s, %s, %s, %s)", (test_id, name, slug, kind, source)
                    )
        return address

    def copy_of(self, file: Path) -> DatabaseAddress:
        """Create a database with the tables and rows of an SQLite file."""
        address = self.new_database()
        if self.copy is not None:
            self.copy(address.name, file)
            return address
        with (
            closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as source,
            open_database(address, writable=True) as target,
        ):
            tables = source.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            for (table,) in tables.fetchall():
                if not table.startswith("sqlite_"):
                    _copy_table(source, target, table)
        return address


# A short text with its length after it, and one of any length. SQL Server keeps only its code page in a varchar.
_TEXTS = {
    "postgresql": ("varchar", "text"),
    "mysql": ("varchar", "longtext"),
    "microsoft": ("nvarchar", "nvarchar(max)"),
}


def _copy_table(source: sqlite3.Connection, target: Session, table: str) -> None:
    columns = source.execute(f'PRAGMA table_info("{table}")').fetchall()
    defined = ", ".join(
        f"{target.quote(name)} {_type_of(target.vendor, declared.lower())}{' PRIMARY KEY' if key else ''}"
        for _, name, declared, _, _, key in columns
    )
    target.execute(f"CREATE TABLE {target.quote(table)} ({defined})")
    places = ", ".join(["%s"] * len(columns))
    with target.transaction():
        for row in source.execute(f'SELECT * FROM "{table}"'):
            target.execute(f"INSERT INTO {target.quote(table)} VALUES ({places})", row)


def _type_of(vendor: str, declared: str) -> str:
    if "int" in declared:
        return "bigint"
    if declared.startswith("varchar"):
        return declared.replace("varchar", _TEXTS[vendor][0])
    if declared in {"real", "decimal"} or "double" in declared:
        return "double precision"
    return _TEXTS[vendor][1]


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def _is_root() -> bool:
    return os.name != "nt" and os.geteuid() == 0


def _as_user(account: str) -> list[str]:
    """Return what to put before a command so that it does not run as root, which PostgreSQL refuses."""
    if not _is_root():
        return []
    runuser = shutil.which("runuser")
    if runuser is None:
        pytest.skip("runuser, to start a server as another account than root, is not installed")
    return [runuser, "-u", account, "--"]


def _find(name: str, *folders: Path) -> str:
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *map(str, folders)])
    found = shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _server_folder(account: str | None) -> Path:
    # Not pytest's own: another account may not enter that.
    folder = Path(tempfile.mkdtemp(prefix="upgrade-kit-"))
    if account:
        shutil.chown(folder, account)
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL of the tests' own; skips where none can be started."""
    pytest.importorskip("psycopg", exc_type=ImportError)
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    initdb, pg_ctl = _find("initdb", *versions), _find("pg_ctl", *versions)
    before = _as_user("postgres")
    folder = _server_folder("postgres" if before else None)
    data, port = folder / "data", _free_port()
    secret = folder / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    secret.chmod(0o644)
    login = ["-U", "qa", "-A", "scram-sha-256", f"--pwfile={secret}"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    start = [
        pg_ctl,
        "-D",
        str(data),
        "-l",
        str(folder / "log"),
        "-w",
        "-t",
        str(START_SECONDS),
        "-o",
        options,
        "start",
    ]
    try:
        for command in ([initdb, "-D", str(data), "-E", "UTF8", "--locale=C.UTF-8", *login], start):
            subprocess.run([*before, *command], check=True, stdout=subprocess.DEVNULL, timeout=120, cwd=folder)
        admin = DatabaseAddress(
            vendor="postgresql", name="postgres", user="qa", password=PASSWORD, host="127.0.0.1", port=port
        )
        yield Server(vendor="postgresql", admin=admin)
    finally:
        stop = [*before, pg_ctl, "-D", str(data), "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, capture_output=True, timeout=60, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """A MariaDB of the tests' own; skips where none can be started."""
    pytest.importorskip("MySQLdb", exc_type=ImportError)
    install, daemon = _find("mariadb-install-db"), _find("mariadbd")
    # Started by root it changes to this account by itself, and stays our own child.
    account = ["--user=mysql"] if _is_root() else []
    folder = _server_folder("mysql" if account else None)
    data, port, first = folder / "data", _free_port(), folder / "first.sql"
    first.write_text(
        f"CREATE USER 'qa'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        "GRANT ALL ON *.* TO 'qa'@'127.0.0.1' WITH GRANT OPTION;\n",
        encoding="utf-8",
    )
    first.chmod(0o644)
    common = ["--no-defaults", f"--datadir={data}", f"--tmpdir={folder}"]
    subprocess.run(
        [install, *common, "--skip-test-db", *account],
        check=True,
        capture_output=True,
        timeout=120,
        cwd=folder,
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(daemon, *common, *account, f"--port={port}", "--bind-address=127.0.0.1"),
                *(f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", f"--init-file={first}"),
                *(
                    "--character-set-server=utf8mb4",
                    "--collation-server=utf8mb4_general_ci",
                    "--skip-name-resolve",
                ),
                "--innodb-flush-log-at-trx-commit=0",
            ],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    server = Server(
        vendor="mysql",
        admin=DatabaseAddress(vendor="mysql", name="mysql", user="qa", password=PASSWORD, host="127.0.0.1", port=port),
    )
    try:
        _wait_for(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with open_database(server.admin):
                return
        except DatabaseError as error:
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the server does not start: {error}")
            time.sleep(0.1)


@contextmanager
def _loopback(client: str) -> Iterator[Server]:
    """The tests' own SQL Server, asked through one of the two ODBC drivers."""
    pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql", exc_type=ImportError)
    pytest.importorskip("sqlglot")
    from tests.sqlserver.clients import find_driver  # noqa: PLC0415 - what it needs is an extra
    from tests.sqlserver.script import Answer, Count, Request, Script, on  # noqa: PLC0415 - as above
    from tests.sqlserver.server import Logins, SqlServer  # noqa: PLC0415 - as above

    driver, reason = find_driver(client)
    if not driver:
        pytest.skip(reason)

    def create(request: Request) -> Answer:
        name = request.sql.split()[2]
        own.databases[name] = own.empty(name)
        return [Count()]

    script = Script(on(r"^CREATE DATABASE", create))
    with SqlServer(script, logins=Logins(passwords={"sa": PASSWORD})) as own:
        url = own.url(driver, password=PASSWORD, database="master")
        admin = parse_database_url(url, base=Path())
        yield Server(
            vendor="microsoft",
            admin=admin,
            cut=own.break_connections,
            copy=lambda name, file: own.databases[name].copy(file),
        )


@pytest.fixture(scope="session")
def sqlserver_freetds() -> Iterator[Server]:
    """The tests' own SQL Server through FreeTDS."""
    with _loopback("FreeTDS") as server:
        yield server


@pytest.fixture(scope="session")
def sqlserver_microsoft() -> Iterator[Server]:
    """The tests' own SQL Server through Microsoft's driver."""
    with _loopback("Microsoft") as server:
        yield server


@pytest.fixture(scope="session")
def sqlserver_real() -> Iterator[Server]:
    """The SQL Server that ``UPGRADE_KIT_SQLSERVER_URL`` names; what is made there is dropped again."""
    url = os.environ.get("UPGRADE_KIT_SQLSERVER_URL", "")
    if not url:
        pytest.skip("UPGRADE_KIT_SQLSERVER_URL names no SQL Server")
    server = Server(
        vendor="microsoft",
        admin=parse_database_url(url, base=Path()),
        prefix=f"upgrade_kit_{secrets.token_hex(4)}",
    )
    try:
        yield server
    finally:
        server.run(*(f"DROP DATABASE {name}" for name in server.made))


_OWN = [
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]


@pytest.fixture(params=_OWN)
def server(request: pytest.FixtureRequest) -> Server:
    """Each server that the tests start, in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture(
    params=[
        *_OWN,
        "sqlserver_freetds",
        "sqlserver_microsoft",
        pytest.param("sqlserver_real", marks=pytest.mark.sqlserver),
    ]
)
def every_server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn, SQL Server through both of its drivers too."""
    found: Server = request.getfixturevalue(request.param)
    return found
