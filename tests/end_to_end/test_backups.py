"""Native backups of the servers that the tests start: made, proved, restored, and everything that can go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database

Tests = list[tuple[int, str, str, str, str | None]]

SMALL: Tests = [
    (1, "epid", "EPID image (PIL)", "upload", "epid = PIL.Image.open(FILE).size[0]  \r\n"),
    (2, "total", "Total", "composite", "total = epid + 1 # 100 %s"),
    (3, "plain", "Just a number", "simple", None),
    (4, "rows", "Rows \u00e9 \u4e2d", "upload", "a\tb\\n\\N'\"`;--\n\\.\n# \U0001f600"),
]


class Server(Protocol):
    vendor: str
    admin: DatabaseAddress

    def address(self, name: str, *, user: str | None = None, password: str = ...) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...
    def new_database(self) -> DatabaseAddress: ...
    def small_site(self, tests: Tests) -> DatabaseAddress: ...
    def copy_of(self, file: Path) -> DatabaseAddress: ...


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def content(address: DatabaseAddress) -> dict[str, list[tuple[object, ...]]]:
    with open_database(address) as session:
        return {table: session.select(table, *session.column_names(table)) for table in session.table_names()}


@pytest.fixture
def site(server: Server) -> DatabaseAddress:
    return server.small_site(SMALL)


def test_a_backup_is_made_and_proved(site: DatabaseAddress, tmp_path: Path) -> None:
    backup = create_backup(site, to_dir=tmp_path / "to")
    assert verify_backup(backup.made.manifest).made == backup.made
    assert dict(backup.made.content.rows)["qa_test"] == 4
    assert len(names(tmp_path / "to")) == 2


def test_an_empty_database_gets_the_content(server: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    backup = create_backup(site, to_dir=tmp_path / "to")
    target = server.new_database()
    restore_backup(backup.made.manifest, database=target)
    assert content(target) == content(site)


def test_replace_leaves_of_what_was_there_a_backup_alone(server: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    backup = create_backup(site, to_dir=tmp_path / "to")
    target = server.small_site(SMALL[:1])
    server.run("CREATE TABLE extra (id integer PRIMARY KEY)", address=target)
    restore_backup(backup.made.manifest, database=target, replace=True)
    assert content(target) == content(site)
