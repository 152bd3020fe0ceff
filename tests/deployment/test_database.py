from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.database import read_database
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.deployment import (
    Database,
    Schema,
    SchemaState,
)
from upgrade_kit.model.rewrite import MacroName
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph

RELEASES = VersionGraph.load().releases


def read(address: DatabaseAddress, *statements: str) -> Database:
    if statements:
        with closing(sqlite3.connect(address.name)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
    return read_database(address, RELEASES)


def sqlite(file: Path) -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(file))


def schema_of(database: Database) -> Schema:
    assert isinstance(database.schema, Schema)
    return database.schema


def reason(fact: object) -> str:
    assert isinstance(fact, Unobserved)
    return fact.reason


COLLECTIONS = (
    "CREATE TABLE django_content_type (id integer PRIMARY KEY, app_label text, model text)",
    "INSERT INTO django_content_type VALUES (1, 'qa', 'testlist'), (2, 'qa', 'testlistcycle')",
    "INSERT INTO django_content_type VALUES (3, 'auth', 'testlist')",
    "CREATE TABLE units_unit (id integer PRIMARY KEY, number integer, name text)",
    "INSERT INTO units_unit VALUES (1, 7, 'Linac 7')",
    "CREATE TABLE qa_testlist (id integer PRIMARY KEY)",
    "INSERT INTO qa_testlist VALUES (10)",
    "CREATE TABLE qa_testlistcycle (id integer PRIMARY KEY)",
    "INSERT INTO qa_testlistcycle VALUES (20)",
    "CREATE TABLE qa_unittestcollection (id integer, unit_id integer, content_type_id int, object_id int)",
    "INSERT INTO qa_unittestcollection VALUES (1, 1, 1, 10), (2, 1, 2, 20)",
)


def test_a_small_site_is_read(site: DatabaseAddress) -> None:
    database = read(site)
    assert (database.url, database.vendor, database.name) == (site.shown, "sqlite", site.name)
    assert database.file == Path(site.name)
    assert database.size_bytes == Path(site.name).stat().st_size
    assert database.server.startswith("SQLite 3.")
    assert database.read_only
    assert database.tables == ("django_migrations", "django_site", "qa_test")
    assert (schema_of(database).state, schema_of(database).version) == (
        SchemaState.COMPLETE,
        Version("0.3.0"),
    )
    assert database.has_default_site is True
    assert (database.dangling, database.spoilt) == ((), ())


def test_procedures_are_those_of_upload_tests_and_of_tests_that_have_one(site: DatabaseAddress) -> None:
    procedures = read(site).procedures
    assert not isinstance(procedures, Unobserved)
    assert [(item.test_id, item.slug, item.type) for item in procedures] == [
        (1, "epid", "upload"),
        (2, "total", "composite"),
        (4, "rows", "upload"),
        (5, "empty", "upload"),
    ]
    assert procedures[0].source == "import PIL.Image\r\nepid = PIL.Image.open(FILE).size[0]  \r\n"
    assert procedures[2].name == "Rows, \tof a \u00e9 file"
    assert procedures[3].source is None


@pytest.mark.parametrize(
    ("table", "facts"),
    [
        ("qa_test", {"procedures"}),
        ("django_site", {"has_default_site"}),
        ("qa_unittestcollection", {"orphans"}),
        ("django_content_type", {"orphans"}),
    ],
)
def test_a_missing_table_costs_only_its_own_facts(site: DatabaseAddress, table: str, facts: set[str]) -> None:
    read(site, *COLLECTIONS)
    database = read(site, f"DROP TABLE {table}")
    names = ("size_bytes", "schema", "procedures", "orphans", "dangling", "spoilt", "has_default_site")
    unobserved = {name for name in names if isinstance(getattr(database, name), Unobserved)}
    assert unobserved == facts
    assert table in reason(getattr(database, facts.pop()))


def test_a_missing_column_is_unobserved_and_not_its_own_name(site: DatabaseAddress) -> None:
    database = read(site, "ALTER TABLE qa_test RENAME COLUMN calculation_procedure TO procedure_text")
    assert "calculation_procedure" in reason(database.procedures)


def test_a_history_that_cannot_be_read_is_unobserved(site: DatabaseAddress) -> None:
    database = read(site, "ALTER TABLE django_migrations RENAME COLUMN app TO application")
    assert "no such column" in reason(database.schema)
    assert not isinstance(database.procedures, Unobserved)


def test_collections_that_lead_somewhere_are_no_orphans(site: DatabaseAddress) -> None:
    assert read(site, *COLLECTIONS).orphans == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("(3, 1, 1, 99)", "unit test collection 3 of unit 7 (Linac 7): its test list 99 is gone"),
        ("(3, 1, 2, 10)", "unit test collection 3 of unit 7 (Linac 7): its test list cycle 10 is gone"),
        (
            "(3, 5, 1, 99)",
            "unit test collection 3 of the unit with id 5, which is gone too: its test list 99 is gone",
        ),
        (
            "(3, 1, 3, 10)",
            "unit test collection 3 of unit 7 (Linac 7): its object of content type 3, number 10 is gone",
        ),
    ],
)
def test_an_orphan_is_named_with_its_unit(site: DatabaseAddress, row: str, said: str) -> None:
    database = read(site, *COLLECTIONS, f"INSERT INTO qa_unittestcollection VALUES {row}")
    assert database.orphans == (said,)


def test_a_reference_to_a_missing_table_dangles(site: DatabaseAddress) -> None:
    database = read(
        site,
        "CREATE TABLE a (x integer REFERENCES qa_test__old (id), y integer REFERENCES QA_Test (id))",
    )
    assert database.dangling == ("a.x -> qa_test__old",)


@pytest.mark.parametrize(
    ("statements", "spoilt"),
    [
        pytest.param(("INSERT INTO t VALUES ('hidden', 1), ('hidden', 2)",), ("t.hidden (2 rows)",), id="every value"),
        pytest.param(("INSERT INTO t VALUES ('hidden', 1), ('no', 2)",), (), id="not every value"),
        pytest.param(("INSERT INTO t VALUES ('hidden', 1), (NULL, 2)",), (), id="a NULL among them"),
        pytest.param(("INSERT INTO t VALUES ('Hidden', 1)",), (), id="another case"),
        pytest.param((), (), id="no rows"),
    ],
)
def test_a_column_that_holds_its_own_name_is_spoilt(
    site: DatabaseAddress, statements: tuple[str, ...], spoilt: tuple[str, ...]
) -> None:
    assert read(site, "CREATE TABLE t (hidden bool, id integer)", *statements).spoilt == spoilt


def test_the_first_site_may_be_missing(site: DatabaseAddress) -> None:
    assert read(site, "UPDATE django_site SET id = 2").has_default_site is False


def test_an_empty_file_is_a_database_without_tables(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    database = read(sqlite(tmp_path / "empty.db"))
    assert schema_of(database).state is SchemaState.EMPTY
    assert reason(database.procedures) == "there is no table qa_test."


def test_another_applications_database_is_foreign(tmp_path: Path) -> None:
    address = sqlite(tmp_path / "blog.db")
    with closing(sqlite3.connect(address.name)) as connection, connection:
        connection.execute("CREATE TABLE blog_post (id integer)")
    assert schema_of(read(address)).state is SchemaState.FOREIGN


def test_a_damaged_file_does_not_open(site: DatabaseAddress) -> None:
    with Path(site.name).open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xff" * 900)
    with pytest.raises(DatabaseError, match=r"malformed.*restore a backup"):
        read(site)


def test_reading_leaves_the_file_and_its_folder_as_they_were(site: DatabaseAddress) -> None:
    folder = Path(site.name).parent
    before = {file: file.read_bytes() for file in folder.iterdir()}
    read(site)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


# --- What the real application made --------------------------------------------------------------


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "state", "version", "towards", "dangling", "spoilt", "orphans"),
    [
        ("0.2.8", "complete", "0.2.8", None, 0, 0, 0),
        ("0.2.9.1", "complete", "0.2.9.1", None, 0, 0, 0),
        ("0.3.0", "complete", "0.3.0", None, 49, 0, 0),
        ("0.3.0-clean", "complete", "0.3.0", None, 0, 0, 0),
        ("0.3.0.20", "complete", "0.3.0", None, 49, 0, 0),
        ("traps/skipped-0.2.9", "skipped", "0.2.8", "0.3.0", 49, 5, 0),
        ("traps/stopped-at-qa-0013", "partial", "0.2.9.1", "0.3.0", 42, 0, 0),
        ("traps/stopped-by-orphan", "partial", "0.2.9.1", "0.3.0", 13, 0, 1),
    ],
)
def test_each_real_database_is_told_for_what_it_is(
    real: Path,
    name: str,
    state: str,
    version: str,
    towards: str | None,
    dangling: int,
    spoilt: int,
    orphans: int,
) -> None:
    database = read(sqlite(real / f"{name}.sqlite3"))
    schema = schema_of(database)
    assert (schema.state, schema.version) == (state, Version(version))
    assert schema.towards == (Version(towards) if towards else None)
    facts = (database.dangling, database.spoilt, database.orphans)
    assert [isinstance(fact, tuple) and len(fact) for fact in facts] == [dangling, spoilt, orphans]
    assert database.has_default_site is True
    assert isinstance(database.procedures, tuple)
    assert sum(item.type == "upload" for item in database.procedures) == 43


@pytest.mark.real
def test_the_real_orphan_is_named_with_its_unit(real: Path) -> None:
    (orphan,) = read(sqlite(real / "traps" / "stopped-by-orphan.sqlite3")).orphans  # type: ignore[misc]
    assert orphan == "unit test collection 3 of unit 2 (Linac 2 (\u00c9lekta)): its test list 999 is gone"


@pytest.mark.real
def test_the_real_spoilt_columns_are_named(real: Path) -> None:
    assert read(sqlite(real / "traps" / "skipped-0.2.9.sqlite3")).spoilt == (
        "qa_test.hidden (53 rows)",
        "qa_test.skip_without_comment (53 rows)",
        "qa_testlist.warning_message (3 rows)",
        "qa_testlistcycle.drop_down_label (1 row)",
        "qa_testlistcycle.day_option_text (1 row)",
    )


@pytest.mark.real
def test_a_real_database_in_write_ahead_mode_is_read(real: Path, tmp_path: Path) -> None:
    copy = tmp_path / "wal.db"
    shutil.copyfile(real / "0.3.0.sqlite3", copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
    assert schema_of(read(sqlite(copy))).version == Version("0.3.0")


def test_macro_names_are_those_of_every_test_with_their_choices(site: DatabaseAddress) -> None:
    database = read(
        site,
        "ALTER TABLE qa_test ADD COLUMN choices varchar(2048)",
        "INSERT INTO qa_test (id, name, slug, type, choices) VALUES (91, 'Film', 'film', 'multchoice', 'A,B c')",
        "INSERT INTO qa_test (id, name, slug, type) VALUES (92, 'T', 'temperature', 'simple')",
    )

    assert isinstance(database.macro_names, tuple)
    assert database.macro_names[-2:] == (
        MacroName(test_id=91, slug="film", type="multchoice", choices=("A", "B c")),
        MacroName(test_id=92, slug="temperature", type="simple"),
    )


def test_without_its_column_the_choices_are_unobserved_and_the_procedures_are_not(site: DatabaseAddress) -> None:
    database = read(site)

    assert "choices" in reason(database.macro_names)
    assert not isinstance(database.procedures, Unobserved)
