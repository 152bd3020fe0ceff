"""What does not keep to the migrations' preconditions is found on every database server alike."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.preconditions import read_data_ahead
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.model.precondition import DataAhead, Demand, Offenders
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.models import load_models
from upgrade_kit.planning.preconditions import load_preconditions

GRAPH = VersionGraph.load()
SPOILS = """
INSERT INTO django_site VALUES (2, 'example.com', 'The same');
INSERT INTO qa_tolerance (id, type, act_low, tol_low, tol_high, act_high) VALUES
(1, 'absolute', -3, -2, 2, 3), (2, 'absolute', -3, -2, 2.0001, 3), (3, 'other', 1, 1, 1, 1);
INSERT INTO qa_tolerance (id, type, mc_pass_choices) VALUES (4, 'multchoice', '{long}');
UPDATE qa_test SET type = 'upload' WHERE id IN (1, 2);
UPDATE qa_testinstance SET string_value = '{long}' WHERE id = 1;
UPDATE qa_testinstance SET string_value = 'image.dcm', created_by_id = 99 WHERE id = 2;
UPDATE qa_testlistinstance SET in_progress = 1;
UPDATE qa_testlist SET description = '<script>x = y > 2; run()</script>';
INSERT INTO auth_permission (id, name, content_type_id, codename) VALUES (1, 'a', 1, 'can_save_in_progress');
""".format(long="n" * 300)
SPOILS_OF_028 = """
UPDATE qa_test SET type = 'multchoice', choices = 'a,b' WHERE id IN (1, 2, 3);
UPDATE qa_testinstance SET value = 7 WHERE id = 1;
UPDATE qa_testinstance SET value = -1 WHERE id = 2;
UPDATE qa_testinstance SET value = 1 WHERE id = 3;
INSERT INTO units_modality (id, type, energy) VALUES (1, 'photon', 6), (2, 'photon', 6.0000001);
INSERT INTO auth_permission (id, name, content_type_id, codename) VALUES
(1, 'a', 1, 'can_review'), (2, 'b', 2, 'can_review');
"""


class Server(Protocol):
    vendor: str

    def copy_of(self, file: Path) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...


@pytest.fixture
def server(every_server: Server) -> Server:
    return every_server


def spoilt(folder: Path, version: str, spoils: str) -> Path:
    file = folder / "site.sqlite3"
    build_sample_database(file, GRAPH.resolve(version))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(spoils)
    return file


def read(address: DatabaseAddress) -> DataAhead:
    data = read_data_ahead(address, GRAPH.releases, load_preconditions(), load_models())
    assert isinstance(data, DataAhead)
    return data


def offending(data: DataAhead) -> dict[tuple[Demand, str], Offenders]:
    found: dict[tuple[Demand, str], Offenders] = {}
    for item in data.examined:
        assert not isinstance(item.offenders, Unobserved), item
        if item.offenders.count and item.precondition.demand is not Demand.CONSTRAINT:
            found[item.precondition.demand, item.precondition.table] = item.offenders
    return found


def test_a_sound_site_is_found_sound(server: Server, tmp_path: Path) -> None:
    data = read(server.copy_of(spoilt(tmp_path, "0.2.9.1", "")))
    assert data.vendor == server.vendor
    assert offending(data) == {}
    assert data.orphans == ()
    assert not isinstance(data.drift, Unobserved)
    assert (data.drift.missing, data.drift.absent, data.drift.extra, data.drift.in_the_way) == ((), (), (), ())


def test_offenders_at_0_2_9_are_counted_and_named(server: Server, tmp_path: Path) -> None:
    data = read(server.copy_of(spoilt(tmp_path, "0.2.9.1", SPOILS)))
    found = {key: offenders.named for key, offenders in offending(data).items()}
    assert found == {
        (Demand.UNIQUE, "django_site"): ("example.com (2 rows)",),
        (Demand.TOLERANCE_NAMES, ""): ("Absolute(-3.000, -2.000, 2.000, 3.000): 1, 2",),
        (Demand.TOLERANCE_LENGTHS, ""): ("id 4: 321 characters",),
        (Demand.ONE_OF, "qa_tolerance"): ("id 3: other",),
        (Demand.REFERENCE, "qa_testinstance"): ("id 2: 99",),
        (Demand.LENGTH, "qa_testinstance"): (f"id 1: {'n' * 60}...",),
        (Demand.NONE, "auth_permission"): ("id 1",),
        (Demand.UNFINISHED, "qa_testlistinstance"): ("id 1",),
        (Demand.SCRIPTS, "qa_testlist"): ("id 1: <script>x = y >",),
    }
    assert data.orphans == ("qa_testinstance.created_by_id -> auth_user: 1 row (id 2 to 99)",)


def test_offenders_at_0_2_8_are_counted_and_named(server: Server, tmp_path: Path) -> None:
    found = offending(read(server.copy_of(spoilt(tmp_path, "0.2.8", SPOILS_OF_028))))
    assert found.keys() == {
        (Demand.CHOICES, ""),
        (Demand.WHOLE_CHOICES, ""),
        (Demand.MODALITY_NAMES, ""),
        (Demand.SINGLE, "auth_permission"),
    }
    assert "has the value 7" in found[Demand.CHOICES, ""].named[0]
    assert "has the value -1" in found[Demand.WHOLE_CHOICES, ""].named[0]
    assert found[Demand.SINGLE, "auth_permission"].named == ("id 1", "id 2")


def test_tables_that_differ_are_told(server: Server, tmp_path: Path) -> None:
    file = spoilt(tmp_path, "0.2.9.1", "ALTER TABLE qa_test ADD COLUMN local_note text; DROP TABLE qa_category;")
    drift = read(server.copy_of(file)).drift
    assert not isinstance(drift, Unobserved)
    assert (drift.missing, drift.extra) == (("qa_category",), ("qa_test.local_note",))


@pytest.mark.postgresql
class TestPostgreSQL:
    def test_a_counter_behind_its_rows_is_told_and_one_before_them_is_not(
        self, postgresql: Server, tmp_path: Path
    ) -> None:
        address = postgresql.copy_of(spoilt(tmp_path, "0.2.9.1", ""))
        for table, next_one in (("auth_user", 1), ("qa_tolerance", 1), ("django_content_type", 9)):
            postgresql.run(
                f"CREATE SEQUENCE {table}_id_seq START {next_one} OWNED BY {table}.id",
                f"ALTER TABLE {table} ALTER id SET DEFAULT nextval('{table}_id_seq')",
                address=address,
            )
        found = offending(read(address))
        assert found == {
            (Demand.NUMBERING, "auth_user"): Offenders(count=1, named=("the next would be 1, and rows go up to 1",))
        }

    def test_the_constraint_that_a_migration_drops_is_looked_for(self, postgresql: Server, tmp_path: Path) -> None:
        address = postgresql.copy_of(spoilt(tmp_path, "0.2.9.1", ""))
        assert constraint(address).named == ("no unique constraint on name, model",)
        postgresql.run("ALTER TABLE units_unittype ADD CONSTRAINT one UNIQUE (name, model)", address=address)
        assert constraint(address).count == 0
        postgresql.run("ALTER TABLE units_unittype ADD CONSTRAINT two UNIQUE (name, model)", address=address)
        assert constraint(address).named == ("2 unique constraints (one, two) on name, model",)


@pytest.mark.mariadb
class TestMariaDB:
    def test_a_table_of_another_engine_is_told(self, mariadb: Server, tmp_path: Path) -> None:
        address = mariadb.copy_of(spoilt(tmp_path, "0.2.9.1", ""))
        mariadb.run("ALTER TABLE auth_user ENGINE=MyISAM", address=address)
        assert offending(read(address))[Demand.ENGINE, ""] == Offenders(count=1, named=("auth_user (MyISAM)",))

    def test_the_constraint_that_a_migration_drops_is_looked_for(self, mariadb: Server, tmp_path: Path) -> None:
        address = mariadb.copy_of(spoilt(tmp_path, "0.2.9.1", ""))
        assert constraint(address).count == 1
        mariadb.run(
            "ALTER TABLE units_unittype MODIFY name varchar(50), MODIFY model varchar(50)",
            "ALTER TABLE units_unittype ADD CONSTRAINT one UNIQUE (name, model)",
            address=address,
        )
        assert constraint(address).count == 0


def constraint(address: DatabaseAddress) -> Offenders:
    found = [item.offenders for item in read(address).examined if item.precondition.demand is Demand.CONSTRAINT]
    assert len(found) == 1
    assert isinstance(found[0], Offenders)
    return found[0]
