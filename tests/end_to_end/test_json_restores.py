"""JSON dumps that do not come out of a server as they went in: nothing of them is kept, and what was there stays."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Server
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup

Tests = list[tuple[int, str, str, str, str | None]]

TESTS: Tests = [
    (1, "epid", "EPID image", "upload", "epid = FILE.read()"),
    (2, "total", "Total", "composite", "total = epid + 1"),
]
OTHERS: Tests = [(7, "other", "Another test", "upload", "other = FILE.name")]


@dataclass
class Target:
    """A database that holds other tests than the backup, and the backup."""

    server: Server
    address: DatabaseAddress
    backup: Backup
    before: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)

    def run(self, *statements: str) -> None:
        self.server.run(*statements, address=self.address)

    def spoil(self, *, change: str) -> None:
        """Let a trigger change each test that is inserted, or write elsewhere for it."""
        if self.server.vendor == "postgresql":
            self.run(
                f"CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {change}; RETURN NEW; END $$",
                "CREATE TRIGGER spoil BEFORE INSERT ON qa_test FOR EACH ROW EXECUTE PROCEDURE spoil()",
            )
        else:
            set_ = change if change.startswith("INSERT") else f"SET {change.replace(':=', '=')}"
            self.run(f"CREATE TRIGGER spoil BEFORE INSERT ON qa_test FOR EACH ROW {set_}")

    def content(self) -> dict[str, list[tuple[object, ...]]]:
        with open_database(self.address) as session:
            rows = {
                table: sorted(session.fetch(f"SELECT * FROM {session.quote(table)}"), key=repr)
                for table in session.table_names()
            }
            if self.server.vendor == "postgresql":
                sequences = session.fetch("SELECT sequencename FROM pg_sequences ORDER BY 1")
                rows |= {
                    f"sequence {name}": session.fetch(f"SELECT last_value, is_called FROM {name}")
                    for (name,) in sequences
                }
            return rows

    def refused(self) -> str:
        before = self.content()
        with pytest.raises(BackupError) as caught:
            restore_backup(self.backup.made.manifest, database=self.address, replace=True)
        self.before = before
        return str(caught.value)

    def say(self, **changes: Any) -> None:
        """Change what the manifest says."""
        file = self.backup.made.manifest
        file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")


@pytest.fixture
def target(server: Server, tmp_path: Path) -> Target:
    backup = create_backup(server.small_site(TESTS), to_dir=tmp_path / "to", method="json")
    return Target(server, server.small_site(OTHERS), backup)


def test_a_trigger_that_changes_a_row_leaves_every_row_as_it_was(target: Target) -> None:
    target.spoil(change="NEW.slug := 'spoilt'")
    assert "other rows in qa_test" in target.refused()
    assert target.content() == target.before


def test_a_trigger_that_writes_elsewhere_leaves_every_row_as_it_was(target: Target) -> None:
    target.spoil(change="INSERT INTO django_site VALUES (NEW.id)")
    assert "django_site (0 -> 2)" in target.refused()
    assert target.content() == target.before


def test_a_procedure_that_a_trigger_changes_is_noticed_by_a_manifest_without_digests(target: Target) -> None:
    target.say(content={})
    target.spoil(change="NEW.calculation_procedure := 'x = 1'")
    assert "calculation procedures in qa_test" in target.refused()
    assert target.content() == target.before


def test_another_history_than_the_manifest_tells_is_not_kept(target: Target) -> None:
    target.say(history_sha256="0" * 64)
    assert "the migration history" in target.refused()
    assert target.content() == target.before


def test_new_tables_are_gone_again(server: Server, target: Target) -> None:
    target.address = server.new_database()
    target.say(history_sha256="0" * 64)
    assert "the migration history" in target.refused()
    assert target.content() == {}


@pytest.mark.postgresql
def test_a_trigger_that_waits_for_the_commit_is_not_waited_for(postgresql: Server, tmp_path: Path) -> None:
    backup = create_backup(postgresql.small_site(TESTS), to_dir=tmp_path / "to", method="json")
    target = Target(postgresql, postgresql.small_site(OTHERS), backup)
    target.run(
        "CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN UPDATE qa_test SET slug = 'late' WHERE id = NEW.id; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON qa_test DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE PROCEDURE late()",
    )
    assert "other rows in qa_test" in target.refused()
    assert target.content() == target.before


@pytest.mark.postgresql
@pytest.mark.parametrize("kind", ["serial", "integer GENERATED BY DEFAULT AS IDENTITY"])
def test_the_next_key_is_as_it_was_unless_the_rows_are_kept(postgresql: Server, tmp_path: Path, kind: str) -> None:
    """``setval`` is not rolled back: the site would then be given keys that it has."""

    def site(tests: Tests) -> DatabaseAddress:
        address = postgresql.small_site([])
        postgresql.run(
            "DROP TABLE qa_test",
            f"CREATE TABLE qa_test (id {kind} PRIMARY KEY, name varchar(255), slug varchar(128), type varchar(10), "
            "calculation_procedure text)",
            *(f"INSERT INTO qa_test VALUES ({test[0]}, 'a', 'a', 'upload', 'a')" for test in tests),
            f"SELECT setval('qa_test_id_seq', {max(test[0] for test in tests)})",
            address=address,
        )
        return address

    target = Target(postgresql, site(OTHERS), create_backup(site(TESTS), to_dir=tmp_path / "to", method="json"))
    history = target.backup.made.content.history_sha256
    target.say(history_sha256="0" * 64)
    target.refused()
    assert target.content() == target.before
    assert target.before["sequence qa_test_id_seq"] == [(7, True)]

    target.say(history_sha256=history)
    restore_backup(target.backup.made.manifest, database=target.address, replace=True)
    with open_database(target.address, writable=True) as session:
        assert session.fetch("SELECT nextval('qa_test_id_seq')") == [(3,)]


@pytest.mark.mariadb
def test_tables_that_take_nothing_back_are_named_with_the_backup_of_what_they_held(
    mariadb: Server, tmp_path: Path
) -> None:
    backup = create_backup(mariadb.small_site(TESTS), to_dir=tmp_path / "to", method="json")
    target = Target(mariadb, mariadb.small_site(OTHERS), backup)
    target.run("ALTER TABLE qa_test ENGINE=MyISAM")
    target.spoil(change="NEW.slug := 'spoilt'")
    said = target.refused()
    (kept,) = (path for path in (tmp_path / "to").glob("*.manifest.json") if path != backup.made.manifest)
    assert "no transactions are not as they were: qa_test. What was there is kept" in said
    assert kept.name in said

    target.run("DROP TRIGGER spoil")
    restore_backup(kept, database=target.address, replace=True)
    assert target.content() == target.before
