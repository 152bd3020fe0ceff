"""Archives that do not come out of PostgreSQL as they went in: nothing of them is kept, and what was there stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Server
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup

pytestmark = pytest.mark.postgresql

Tests = list[tuple[int, str, str, str, str | None]]
TESTS: Tests = [(1, "epid", "EPID image", "upload", "epid = FILE.read()"), (2, "total", "Total", "composite", "t = 1")]
OTHERS: Tests = [(7, "other", "Another test", "upload", "other = FILE.name")]


@pytest.fixture
def site(postgresql: Server) -> DatabaseAddress:
    return postgresql.small_site(TESTS)


@pytest.fixture
def backup(site: DatabaseAddress, tmp_path: Path) -> Backup:
    return create_backup(site, to_dir=tmp_path / "to", method="native")


@pytest.fixture
def target(postgresql: Server) -> DatabaseAddress:
    return postgresql.small_site(OTHERS)


@pytest.fixture
def trigger(postgresql: Server, target: DatabaseAddress) -> Iterator[None]:
    """An event trigger of the target that changes a row as soon as the rows have their key.

    Its function stands where a restore drops none.
    """
    postgresql.run(
        "CREATE FUNCTION information_schema.spoil() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF to_regclass('public.qa_test') IS NOT NULL THEN "
        "UPDATE public.qa_test SET calculation_procedure = 'x = 1' WHERE id = 2; END IF; END $$",
        "CREATE EVENT TRIGGER spoil ON ddl_command_end WHEN TAG IN ('ALTER TABLE') "
        "EXECUTE PROCEDURE information_schema.spoil()",
        address=target,
    )
    yield
    postgresql.run("DROP EVENT TRIGGER spoil", address=target)


def content(address: DatabaseAddress) -> dict[str, list[tuple[object, ...]]]:
    with open_database(address) as session:
        return {
            table: sorted(session.fetch(f"SELECT * FROM {session.quote(table)}"), key=repr)
            for table in session.table_names()
        }


def refused(backup: Backup, target: DatabaseAddress) -> str:
    with pytest.raises(BackupError) as caught:
        restore_backup(backup.made.manifest, database=target, replace=True)
    return str(caught.value)


def say(backup: Backup, **changes: object) -> None:
    """Change what the manifest says."""
    document = json.loads(backup.made.manifest.read_text(encoding="utf-8")) | changes
    backup.made.manifest.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.usefixtures("trigger")
def test_what_an_event_trigger_changes_is_rolled_back(backup: Backup, target: DatabaseAddress) -> None:
    before = content(target)
    assert "nothing was changed: what was loaded is not what the manifest says: calculation" in refused(backup, target)
    assert content(target) == before


def test_rows_of_another_digest_are_rolled_back(backup: Backup, target: DatabaseAddress) -> None:
    """The archive is read back row by row, but its digests come from the database: a restore alone proves them."""
    before = content(target)
    say(backup, content=dict(backup.made.content.digests) | {"qa_test": "0" * 64})
    assert "nothing was changed: what was loaded is not what the manifest says: other values in qa_test" in refused(
        backup, target
    )
    assert content(target) == before


def test_an_empty_database_is_empty_again(backup: Backup, postgresql: Server) -> None:
    empty = postgresql.new_database()
    say(backup, content=dict(backup.made.content.digests) | {"qa_test": "0" * 64})
    assert "nothing was changed" in refused(backup, empty)
    assert content(empty) == {}


def test_large_objects_end_no_transaction(postgresql: Server, tmp_path: Path, target: DatabaseAddress) -> None:
    """pg_restore writes BEGIN and COMMIT around them; what comes behind may still fail."""
    site = postgresql.small_site(TESTS)
    postgresql.run("SELECT lo_from_bytea(4711, decode(repeat('61', 400000), 'hex'))", address=site)
    backup = create_backup(site, to_dir=tmp_path / "to", method="native")
    postgresql.run(
        "CREATE FUNCTION information_schema.no() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF EXISTS (SELECT 1 FROM pg_largeobject) THEN RAISE EXCEPTION 'no keys here'; END IF; END $$",
        "CREATE EVENT TRIGGER no ON ddl_command_end WHEN TAG IN ('ALTER TABLE') "
        "EXECUTE PROCEDURE information_schema.no()",
        address=target,
    )
    before = content(target)
    said = refused(backup, target)
    assert "nothing was changed" in said
    assert "no keys here" in said
    assert content(target) == before

    postgresql.run("DROP EVENT TRIGGER no", address=target)
    restore_backup(backup.made.manifest, database=target, replace=True)
    with open_database(target) as session:
        assert session.fetch("SELECT length(lo_get(4711))") == [(400000,)]
    assert content(target) == content(site)


def test_the_proof_tells_that_it_was_compared_before_it_was_kept(backup: Backup, target: DatabaseAddress) -> None:
    proof = restore_backup(backup.made.manifest, database=target, replace=True).proof
    assert any("digests of 3 tables, migration history and procedures were compared" in told for told in proof)


BACKSLASHES = (
    r"CREATE TABLE slashes (a text DEFAULT 'a\b\\c' CHECK (a <> '\d'))",
    r"COMMENT ON TABLE slashes IS 'x\y'",
    "INSERT INTO slashes DEFAULT VALUES",
)
DEFINED = (
    "SELECT pg_get_expr(adbin, adrelid), obj_description(adrelid) FROM pg_attrdef "
    "WHERE adrelid = 'slashes'::regclass UNION ALL SELECT pg_get_constraintdef(oid), '' FROM pg_constraint "
    "WHERE conrelid = 'slashes'::regclass ORDER BY 2"
)


@pytest.mark.parametrize("which", ["source", "target"])
def test_a_backslash_is_one_whatever_either_database_takes_it_for(
    postgresql: Server, tmp_path: Path, which: str
) -> None:
    site, target = postgresql.small_site(TESTS), postgresql.new_database()
    postgresql.run(*BACKSLASHES, address=site)
    other = site if which == "source" else target
    with open_database(site) as session:
        before = session.fetch(DEFINED)
    postgresql.run(f"ALTER DATABASE {other.name} SET standard_conforming_strings = off")
    backup = create_backup(site, to_dir=tmp_path, method="native")
    restore_backup(backup.made.manifest, database=target)
    postgresql.run(f"ALTER DATABASE {other.name} RESET standard_conforming_strings")
    with open_database(target) as session:
        assert session.fetch(DEFINED) == before


@pytest.fixture
def owner(postgresql: Server) -> Iterator[str]:
    """A login that owns its database and is no administrator."""
    postgresql.run("CREATE ROLE site_owner LOGIN PASSWORD 'secret word'")
    yield "site_owner"
    with open_database(postgresql.admin) as session:
        names = session.fetch(
            "SELECT datname FROM pg_database WHERE datdba = (SELECT oid FROM pg_roles WHERE rolname = 'site_owner')"
        )
    postgresql.run(*(f"DROP DATABASE {name}" for (name,) in names), "DROP ROLE site_owner")


def test_an_extension_of_the_administrator_is_no_obstacle_for_the_owner(
    postgresql: Server, owner: str, tmp_path: Path
) -> None:
    """An extension has a comment, which its owner alone may make."""
    address = postgresql.new_database()
    postgresql.run("CREATE EXTENSION hstore", address=address)
    postgresql.run(f"ALTER DATABASE {address.name} OWNER TO {owner}")
    site = postgresql.address(address.name, user=owner, password="secret word")
    postgresql.run("CREATE TABLE qa_test (id int PRIMARY KEY, calculation_procedure text)", address=site)
    backup = create_backup(site, to_dir=tmp_path, method="native")
    proof = restore_backup(backup.made.manifest, database=site, replace=True).proof
    assert "Comments are left out: site_owner does not own the extension hstore, which has one." in proof


def test_what_has_no_rows_gives_way_and_is_told(postgresql: Server, backup: Backup, tmp_path: Path) -> None:
    target = postgresql.new_database()
    postgresql.run("CREATE SCHEMA site", "CREATE VIEW lonely AS SELECT 1 AS one", address=target)
    assert "Add --replace" in str(_refused_without_replace(backup, target))
    proof = restore_backup(backup.made.manifest, database=target, replace=True).proof
    assert "What was there held no table, and is not kept: view public.lonely, schema site." in proof
    assert [file.name for file in tmp_path.rglob("*.manifest.json")] == [backup.made.manifest.name]


def _refused_without_replace(backup: Backup, target: DatabaseAddress) -> BackupError:
    with pytest.raises(BackupError) as caught:
        restore_backup(backup.made.manifest, database=target)
    return caught.value


def test_a_connection_that_is_lost_among_the_rows_is_told_in_one_line(postgresql: Server, tmp_path: Path) -> None:
    site, target = postgresql.small_site(TESTS), postgresql.new_database()
    postgresql.run(
        "CREATE TABLE padding AS SELECT n, repeat('x', 400) AS text FROM generate_series(1, 60000) n", address=site
    )
    backup = create_backup(site, to_dir=tmp_path, method="native")
    url = f"postgresql://{target.user}@{target.host}:{target.port}/{target.name}"
    restoring = subprocess.Popen(
        [sys.executable, "-m", "upgrade_kit", "backup", "restore", backup.made.manifest, "--database", url],
        env={**os.environ, "UPGRADE_KIT_PASSWORD": target.password},
        stderr=subprocess.PIPE,
        text=True,
    )
    copying = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{target.name}' AND query LIKE 'COPY%padding%'"
    until = time.monotonic() + 30
    with open_database(postgresql.admin) as session:
        while session.fetch(copying) == [(0,)] and time.monotonic() < until:
            time.sleep(0.002)
    postgresql.end_connections(target)
    _, said = restoring.communicate(timeout=30)
    assert restoring.returncode == 3
    (line,) = said.strip().splitlines()
    assert "nothing was changed" in line
    assert content(target) == {}
