"""Database servers that the tests start themselves, on a free loopback port and in a folder of their own."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.errors import DatabaseError
from upgrade_kit.planning.graph import VersionGraph

PASSWORD = "s3cret pw"
START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that answers.

    Attributes:
        vendor: ``postgresql`` or ``mysql``.
        admin: the address of its own database, with the administrator's login.
    """

    vendor: str
    admin: DatabaseAddress
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def address(self, name: str, *, user: str | None = None, password: str = PASSWORD) -> DatabaseAddress:
        """Return the address of one of its databases."""
        return DatabaseAddress(
            vendor=self.vendor,
            name=name,
            user=user or self.admin.user,
            password=password,
            host=self.admin.host,
            port=self.admin.port,
        )

    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None:
        """Run statements, each on its own."""
        with open_database(address or self.admin, writable=True) as session:
            for statement in statements:
                session.execute(statement)

    def new_database(self) -> DatabaseAddress:
        """Create an empty database."""
        name = f"site_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.address(name)

    def small_site(self, tests: list[tuple[int, str, str, str, str | None]]) -> DatabaseAddress:
        """Create a site at 0.3.0 with these tests: id, macro name, name, type, procedure."""
        address = self.new_database()
        text = "longtext" if self.vendor == "mysql" else "text"
        with open_database(address, writable=True) as session:
            session.execute(
                "CREATE TABLE qa_test (id integer NOT NULL PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, "
                f"slug varchar(128) NOT NULL, type varchar(10) NOT NULL, calculation_procedure {text} NULL)"
            )
            session.execute("CREATE TABLE django_site (id integer NOT NULL PRIMARY KEY)")
            session.execute(
                "CREATE TABLE django_migrations (id integer PRIMARY KEY, app varchar(255), name varchar(255))"
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
        with (
            closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as source,
            open_database(address, writable=True) as target,
        ):
            tables = source.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            for (table,) in tables.fetchall():
                if not table.startswith("sqlite_"):
                    _copy_table(source, target, table)
        return address


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
        return declared
    if declared in {"real", "decimal"} or "double" in declared:
        return "double precision"
    return "longtext" if vendor == "mysql" else "text"


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
    common = ["--no-defaults", f"--datadir={data}"]
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


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.postgresql),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ]
)
def server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    found: Server = request.getfixturevalue(request.param)
    return found
