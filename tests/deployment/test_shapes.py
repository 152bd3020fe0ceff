from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.shapes import read_shapes, shapes_of
from upgrade_kit.model.shape import Field, Kind, Shapes, TableShape

MODALITY = (
    "CREATE TABLE units_modality (id integer PRIMARY KEY, name varchar(255) NOT NULL)",
    "CREATE TABLE units_unit (id integer PRIMARY KEY, type_id integer, number integer, name text, "  # noqa: ISC004
    "serial_number text, location text, install_date date)",
    "CREATE TABLE units_unit_modalities (id integer PRIMARY KEY, unit_id integer, modality_id integer)",
)


def shapes(folder: Path, *statements: str, version: str | None = "0.2.9.1") -> Shapes:
    file = folder / "site.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        return read_shapes(session, Version(version) if version else None)


def table(found: Shapes, name: str) -> TableShape:
    return next(shape for shape in found.tables if shape.table == name)


def test_the_rules_say_which_column_is_which_field(tmp_path: Path) -> None:
    found = shapes(tmp_path, *MODALITY)
    unit = table(found, "units_unit")
    assert (found.version, unit.model) == (Version("0.2.9.1"), "units.unit")
    assert unit.key == Field(name="id", column="id", kind=Kind.AUTO, key=True)
    assert [(field.name, field.column, field.to) for field in unit.fields if field.to] == [
        ("type", "type_id", "units.unittype")
    ]
    assert [(pairs.name, pairs.source, pairs.target) for pairs in unit.lists] == [
        ("modalities", "unit_id", "modality_id")
    ]
    assert [shape.table for shape in found.tables] == ["units_modality", "units_unit"]


def test_what_the_database_lacks_is_told(tmp_path: Path) -> None:
    found = shapes(tmp_path, "CREATE TABLE units_unit (id integer PRIMARY KEY, name varchar(256))")
    assert [field.name for field in table(found, "units_unit").fields] == ["id", "name"]
    assert table(found, "units_unit").lists == ()
    text = " ".join(found.notes)
    assert "units_unit has no column number, serial_number, location, install_date, type_id" in text
    assert "No table units_unit_modalities, which 0.2.9.1 has." in text
    assert "No table django_content_type, django_session" in text


def test_a_column_that_no_rule_knows_is_kept_and_told(tmp_path: Path) -> None:
    found = shapes(
        tmp_path,
        "CREATE TABLE units_modality (id integer PRIMARY KEY, name varchar(255), energy real, made datetime)",
    )
    modality = table(found, "units_modality")
    assert [(field.name, field.kind) for field in modality.fields[2:]] == [
        ("energy", Kind.FLOAT),
        ("made", Kind.DATETIME),
    ]
    assert "units_modality has energy, made, which 0.2.9.1 has not; kept under the column's name." in found.notes


def test_a_column_that_is_called_as_a_field_of_another_column_does_not_hide_it(tmp_path: Path) -> None:
    found = shapes(
        tmp_path,
        *MODALITY[2:],
        "CREATE TABLE units_unit (id integer PRIMARY KEY, type_id integer, type text, modalities text)",
    )
    unit = table(found, "units_unit")
    names = [field.name for field in unit.fields] + [pairs.name for pairs in unit.lists]
    assert sorted(names) == ["id", "modalities", "modalities_column", "type", "type_column"]


def test_a_table_of_another_application_gets_the_model_that_the_site_knows(tmp_path: Path) -> None:
    found = shapes(
        tmp_path,
        "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text)",
        "INSERT INTO django_content_type VALUES (1, 'extra', 'thing')",
        "CREATE TABLE extra_thing (name text, b bool, code integer PRIMARY KEY, d decimal(5,2), x blob, t foo)",
    )
    thing = table(found, "extra_thing")
    assert (thing.model, thing.is_model) == ("extra.thing", True)
    assert [(field.name, field.kind) for field in thing.fields] == [
        ("code", Kind.INTEGER),
        ("b", Kind.BOOLEAN),
        ("d", Kind.DECIMAL),
        ("name", Kind.TEXT),
        ("t", Kind.ANY),
        ("x", Kind.BINARY),
    ]


@pytest.mark.parametrize("keys", ["", ", PRIMARY KEY (a, b)"])
def test_a_table_of_no_model_without_one_key_is_kept_and_told(tmp_path: Path, keys: str) -> None:
    found = shapes(tmp_path, f"CREATE TABLE copy_of_tests (a integer, b text{keys})", *MODALITY)
    copy = table(found, "copy_of_tests")
    assert (copy.model, copy.is_model, copy.key, len(copy.fields)) == ("table.copy_of_tests", False, None, 2)
    assert "copy_of_tests is no model's table; kept as table.copy_of_tests." in found.notes
    assert "copy_of_tests has no primary key of one column; its rows are kept without." in found.notes


def test_pairs_with_something_beside_them_are_a_table_of_their_own(tmp_path: Path) -> None:
    found = shapes(tmp_path, *MODALITY, "ALTER TABLE units_unit_modalities ADD COLUMN weight real")
    assert table(found, "units_unit").lists == ()
    assert [field.name for field in table(found, "units_unit_modalities").fields] == [
        "id",
        "modality_id",
        "unit_id",
        "weight",
    ]
    assert any("weight beside its pairs" in note for note in found.notes)


def test_an_empty_database_has_no_shapes_and_no_notes(tmp_path: Path) -> None:
    found = shapes(tmp_path, version=None)
    assert (found.tables, found.notes) == ((), ())


def test_what_sqlite_keeps_for_itself_is_no_table(tmp_path: Path) -> None:
    found = shapes(
        tmp_path,
        "CREATE TABLE units_modality (id integer PRIMARY KEY AUTOINCREMENT, name text UNIQUE)",
        "INSERT INTO units_modality (name) VALUES ('6MV')",
        "ANALYZE",
    )
    assert [shape.table for shape in found.tables] == ["units_modality"]


def test_a_fresh_database_has_what_the_rules_say() -> None:
    assert len(shapes_of(Version("0.3.0")).tables) == 66
    assert shapes_of(Version("9.9")).tables == ()


@pytest.mark.real
@pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1", "0.3.0", "0.3.0.20"])
def test_the_rules_fit_the_real_databases(real: Path, tmp_path: Path, name: str) -> None:
    file = shutil.copy(real / f"{name}.sqlite3", tmp_path / "site.sqlite3")
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        found = read_shapes(session)
        tables = {shape.table for shape in found.tables} | {
            pairs.table for shape in found.tables for pairs in shape.lists
        }
        assert tables == {table for table in session.table_names() if not table.startswith("sqlite_")}
    assert found.notes == ()
    assert found.tables == shapes_of(found.version or Version("0")).tables


def test_where_no_history_tells_the_version_the_tables_do(tmp_path: Path) -> None:
    assert shapes(tmp_path, *MODALITY, version=None).version == Version("0.2.8")
    assert shapes(tmp_path, "CREATE TABLE units_site (id integer PRIMARY KEY, name text)", version=None).version == (
        Version("0.3.0")
    )


def test_a_table_that_a_site_may_lack_is_not_missed(tmp_path: Path) -> None:
    found = shapes(tmp_path, "CREATE TABLE units_site (id integer PRIMARY KEY, name text)", version="0.3.0")
    text = " ".join(found.notes)
    assert "django_session" in text
    assert "south_migrationhistory" not in text
