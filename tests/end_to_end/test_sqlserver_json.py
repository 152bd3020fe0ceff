"""JSON dumps from and into SQL Server, through real drivers and the tests' own server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("pyodbc", exc_type=ImportError)
pytest.importorskip("mssql", exc_type=ImportError)
pytest.importorskip("sqlglot")

from tests.sqlserver.server import Logins, SqlServer
from tests.sqlserver.tables import Tables
from tests.sqlserver.translation import COLLATION
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.content import content_digests
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.errors import BackupError
from upgrade_kit.model.content import TableContent
from upgrade_kit.planning.graph import VersionGraph


@pytest.fixture
def source(tmp_path: Path) -> DatabaseAddress:
    """The sample site on SQLite."""
    file = tmp_path / "sample.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    return DatabaseAddress(vendor="sqlite", name=str(file))


@pytest.fixture
def server(tmp_path: Path, source: DatabaseAddress) -> Iterator[SqlServer]:
    """A server with the sample site and an empty database."""
    site = Tables(file=tmp_path / "qatrack.sqlite3")
    site.copy(Path(source.name))
    empty = Tables(file=tmp_path / "empty.sqlite3")
    databases = {"qatrack": site, "empty": empty}
    with SqlServer(databases=databases, logins=Logins(passwords={"sa": "pw"})) as found:
        yield found


def spoil(tmp_path: Path, change: str) -> None:
    """Let a trigger change each test that is inserted. The statement is SQLite's, which holds the server's tables."""
    with closing(sqlite3.connect(tmp_path / "qatrack.sqlite3")) as connection, connection:
        connection.create_collation(COLLATION, lambda one, other: (one > other) - (one < other))
        connection.execute(
            f"CREATE TRIGGER spoil AFTER INSERT ON qa_test BEGIN UPDATE qa_test SET {change} WHERE id = NEW.id; END"
        )


def address(server: SqlServer, driver: str, name: str) -> DatabaseAddress:
    return parse_database_url(server.url(driver).replace("/qatrack?", f"/{name}?"), base=Path())


def digests(where: DatabaseAddress) -> tuple[TableContent, ...]:
    with open_database(where) as session, session.transaction():
        return content_digests(session)


def test_a_dump_of_sqlite_is_restored_into_an_empty_database(
    server: SqlServer, odbc_driver: str, source: DatabaseAddress, tmp_path: Path
) -> None:
    backup = create_backup(source, to_dir=tmp_path / "backups", method="json")
    target = address(server, odbc_driver, "empty")
    restore_backup(backup.made.manifest, database=target)

    assert digests(target) == digests(source)


def test_a_dump_of_sql_server_is_restored_into_sqlite(
    server: SqlServer, odbc_driver: str, source: DatabaseAddress, tmp_path: Path
) -> None:
    backup = create_backup(address(server, odbc_driver, "qatrack"), to_dir=tmp_path / "backups", method="json")
    target = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "new.sqlite3"))
    restore_backup(backup.made.manifest, database=target)

    assert digests(target) == digests(source)


def test_data_goes_only_when_replace_is_said_and_keys_come_back_as_they_were(
    server: SqlServer, odbc_driver: str, tmp_path: Path
) -> None:
    target = address(server, odbc_driver, "qatrack")
    then = digests(target)
    backup = create_backup(target, to_dir=tmp_path / "backups", method="json")
    with open_database(target, writable=True) as session, session.transaction():
        session.execute("DELETE FROM [qa_test] WHERE [id] = 1")
    with pytest.raises(BackupError, match="holds data"):
        restore_backup(backup.made.manifest, database=target)
    assert digests(target) != then
    restore_backup(backup.made.manifest, database=target, replace=True)

    assert digests(target) == then


def test_what_a_trigger_changes_is_rolled_back_with_all_the_rest(
    server: SqlServer, odbc_driver: str, tmp_path: Path
) -> None:
    target = address(server, odbc_driver, "qatrack")
    manifest = create_backup(target, to_dir=tmp_path / "backups", method="json").made.manifest
    said = json.loads(manifest.read_text(encoding="utf-8")) | {"content": {}}  # rows are compared in any case
    manifest.write_text(json.dumps(said), encoding="utf-8")
    with open_database(target, writable=True) as session, session.transaction():
        session.execute("DELETE FROM [qa_test] WHERE [id] = 1")
    spoil(tmp_path, "calculation_procedure = 'x = 1'")
    before = digests(target)
    with pytest.raises(BackupError, match=r"so nothing was kept of it: .*qa_test"):
        restore_backup(manifest, database=target, replace=True)

    assert digests(target) == before


def test_a_history_that_differs_from_the_manifest_is_rolled_back_with_new_tables(
    server: SqlServer, odbc_driver: str, source: DatabaseAddress, tmp_path: Path
) -> None:
    manifest = create_backup(source, to_dir=tmp_path / "backups", method="json").made.manifest
    said = json.loads(manifest.read_text(encoding="utf-8")) | {"history_sha256": "0" * 64}
    manifest.write_text(json.dumps(said), encoding="utf-8")
    target = address(server, odbc_driver, "empty")
    with pytest.raises(BackupError, match="so nothing was kept of it: the migration history"):
        restore_backup(manifest, database=target)

    with open_database(target) as session:
        assert session.table_names() == ()
