"""Native backups of SQL Server by the command line, through both drivers; and on a real server where one is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

pytest.importorskip("pyodbc", exc_type=ImportError)
pytest.importorskip("mssql", exc_type=ImportError)
pytest.importorskip("sqlglot")

from tests.backup.sqlserver_site import Site, change, sqlserver_site
from tests.sqlserver.script import Failure
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.cli.main import main
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database

BABELFISH = Failure(33557097, "'BACKUP' is not currently supported in Babelfish")


class Server(Protocol):
    admin: DatabaseAddress
    made: list[str]

    def small_site(self, tests: list[tuple[int, str, str, str, str | None]]) -> DatabaseAddress: ...


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UPGRADE_KIT_PASSWORD", "pw")
    with sqlserver_site() as running:
        yield running


@pytest.fixture
def url(site: Site, odbc_driver: str) -> str:
    """What is typed after ``--database``; the password comes from the environment."""
    return replace(site.address(odbc_driver), password="").shown


def manifests(folder: Path) -> list[Path]:
    return sorted(folder.glob("to/*.manifest.json"))


def test_a_backup_is_made_verified_drilled_and_restored(
    site: Site, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["backup", "--database", url, "--method", "native", "--to-dir", "to", "--server-dir", "D:\\b", "--drill"]
    assert main([*made, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["on_server"], document["format"], document["sha256"]) == (True, "mssql", None)
    assert document["file"].startswith("D:\\b\\qatrack-")
    (manifest,) = manifests(tmp_path)
    assert main(["backup", "verify", str(manifest)]) == 0
    assert "every checksum right" in " ".join(capsys.readouterr().out.split())
    rehearsal = url.replace("/qatrack?", "/rehearsal?")
    assert main(["backup", "restore", str(manifest), "--database", rehearsal]) == 0
    assert site.databases["rehearsal"].tables.rows("SELECT * FROM auth_user") == [(1, "physicist")]
    assert main(["backup", "restore", str(manifest), "--database", url]) == 3
    assert "holds data; nothing was changed" in capsys.readouterr().err
    change(site.databases["qatrack"].tables, "UPDATE auth_user SET username = 'other'")
    assert main(["backup", "restore", str(manifest), "--database", url, "--replace", "--server-dir", "D:\\b"]) == 0
    assert site.databases["qatrack"].tables.rows("SELECT * FROM auth_user") == [(1, "physicist")]
    assert len(manifests(tmp_path)) == 2
    assert all(path.startswith("D:\\b\\") for path in site.backups)
    assert "pw" not in "".join(path.read_text(encoding="utf-8") for path in manifests(tmp_path))


def test_a_backup_that_the_server_cannot_prove_ends_with_3(
    site: Site, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.fail("VERIFYONLY", Failure(3189, "Damage to the backup set was detected."))
    assert main(["backup", "--database", url, "--to-dir", "to"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "Damage to the backup set was detected. (3189)" in said.err
    assert manifests(tmp_path) == []


def test_values_that_differ_in_a_restored_copy_are_seen(site: Site, odbc_driver: str, tmp_path: Path) -> None:
    address = site.address(odbc_driver)
    manifest = create_backup(address, to_dir=tmp_path / "to", method="native").made.manifest
    change(next(iter(site.backups.values())).tables, "UPDATE auth_user SET username = 'other'")
    with pytest.raises(Exception, match=r"holds other than the manifest says: .*auth_user"):
        verify_backup(manifest, database=address, drill=True)


@pytest.mark.parametrize(
    "rights", [pytest.param((0, 0, 0), id="no rights"), pytest.param((1, 1, 1), id="rights and no statement")]
)
def test_a_server_without_backup_gets_a_json_dump_and_is_told_why(
    site: Site,
    url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rights: tuple[int, int, int],
) -> None:
    site.rights = rights
    site.fail("^(BACKUP|RESTORE)", BABELFISH)
    assert main(["backup", "--database", url, "--to-dir", "to", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["method"], document["on_server"]) == ("json", False)
    assert document["proof"][0].startswith("The native method cannot be used: ")
    assert (tmp_path / "to" / document["file"]).is_file()


def test_native_on_a_server_without_backup_is_refused(
    site: Site, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.fail("^(BACKUP|RESTORE)", BABELFISH)
    assert main(["backup", "--database", url, "--to-dir", "to", "--method", "native"]) == 3
    said = capsys.readouterr().err
    assert "does not know the statement: 'BACKUP' is not currently supported in Babelfish (33557097)" in said
    assert "--method json" in said
    assert manifests(tmp_path) == []


@pytest.mark.parametrize(
    "which",
    ["sqlserver_freetds", "sqlserver_microsoft", pytest.param("sqlserver_real", marks=pytest.mark.sqlserver)],
)
def test_whatever_the_server_can_a_backup_is_made_proved_and_restored(
    request: pytest.FixtureRequest, which: str, tmp_path: Path
) -> None:
    """On a server without BACKUP, as the tests' own is, by a JSON dump."""
    server: Server = request.getfixturevalue(which)
    address = server.small_site(
        [(1, "epid", "EPID \u00e9", "upload", "epid = FILE.read()\r\n"), (2, "n", "N", "simple", None)]
    )
    backup = create_backup(address, to_dir=tmp_path, drill=True)
    if backup.made.format == "mssql":
        assert "passed DBCC CHECKDB" in " ".join(backup.proof)
        target = replace(address, name=f"{address.name}_restored")
        server.made.append(target.name)
    else:
        assert backup.proof[0].startswith("The native method cannot be used: ")
        target = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "restored.sqlite3"))
    verify_backup(backup.made.manifest, database=address)
    restore_backup(backup.made.manifest, database=target)
    with open_database(address) as here, open_database(target) as there:
        columns = ("id", "slug", "name", "type", "calculation_procedure")
        assert there.select("qa_test", *columns) == here.select("qa_test", *columns)
