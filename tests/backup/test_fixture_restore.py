from __future__ import annotations

import hashlib
import json
import math
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.interrupts import interrupted_runs
from upgrade_kit.backup import fixture_restore, loading, restore, tables
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment import whole_file
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.content import content_digests
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.content import TableContent
from upgrade_kit.planning.graph import VersionGraph


def address(file: Path) -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(file))


def digests(file: Path) -> tuple[TableContent, ...]:
    with open_database(address(file)) as session, session.transaction():
        return content_digests(session)


def execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The sample database of 0.2.9.1, with rows in a few tables more."""
    file = tmp_path / "site.db"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    execute(
        file,
        *(f"DROP TABLE {name}" for name in ("qa_category", "auth_group", "auth_group_permissions", "qa_tolerance")),
        "CREATE TABLE qa_category (id integer PRIMARY KEY, name varchar(255), slug varchar(255), description text)",
        "INSERT INTO qa_category VALUES (1, 'Dosimetry', 'dosimetry', 'caf\u00e9'), (2, 'Imaging', 'imaging', NULL)",
        "CREATE TABLE auth_group (id integer PRIMARY KEY, name varchar(80))",
        "CREATE TABLE auth_group_permissions (id integer PRIMARY KEY, group_id integer, permission_id integer)",
        "INSERT INTO auth_group VALUES (1, 'Physics'), (2, 'Therapy')",
        "INSERT INTO auth_group_permissions VALUES (1, 1, 7), (2, 1, 9), (3, 2, 7)",
        "CREATE TABLE qa_tolerance (id integer PRIMARY KEY, type varchar(20), act_low real, tol_low real,"
        " tol_high real, act_high real, mc_pass_choices varchar(2048), mc_tol_choices varchar(2048),"
        " created_date datetime, created_by_id integer, modified_date datetime, modified_by_id integer)",
        "INSERT INTO qa_tolerance VALUES (1, 'absolute', -3, -2.5, 2.5, 3, NULL, NULL, '2018-05-04 08:15:00', 1,"
        " '2018-05-04 08:15:00.123456', 1)",
    )
    return file


@pytest.fixture
def backup(site: Path, tmp_path: Path) -> Backup:
    return create_backup(address(site), to_dir=tmp_path / "backups", method="json")


def test_a_file_that_does_not_exist_is_made_with_every_row(site: Path, backup: Backup, tmp_path: Path) -> None:
    target = tmp_path / "new.db"
    done = restore_backup(backup.made.manifest, database=address(target))

    assert digests(target) == digests(site)
    assert any("made with columns and primary keys" in sentence for sentence in done.proof)
    assert list(tmp_path.glob("new.db*")) == [target]


def test_an_empty_table_that_no_rule_knows_is_told_and_no_difference(site: Path, tmp_path: Path) -> None:
    execute(site, "CREATE TABLE somebodys_own (id integer PRIMARY KEY)")
    backup = create_backup(address(site), to_dir=tmp_path / "backups", method="json")
    done = restore_backup(backup.made.manifest, database=address(tmp_path / "new.db"))

    assert "Not there, and empty in the backup: somebodys_own." in done.proof[-1]


def test_a_table_with_capitals_and_marks_in_its_names_comes_back(site: Path, tmp_path: Path) -> None:
    execute(
        site,
        """CREATE TABLE "Some body's ""Own" (id integer PRIMARY KEY, "100%s" text, "Order" text, "a""b" text)""",
        """INSERT INTO "Some body's ""Own" VALUES (1, 'a', 'b', 'c')""",
    )
    backup = create_backup(address(site), to_dir=tmp_path / "backups", method="json", drill=True)
    restore_backup(backup.made.manifest, database=address(tmp_path / "new.db"))

    assert digests(tmp_path / "new.db") == digests(site)


def test_an_empty_file_counts_as_free(site: Path, backup: Backup, tmp_path: Path) -> None:
    target = tmp_path / "new.db"
    target.touch()
    restore_backup(backup.made.manifest, database=address(target))

    assert digests(target) == digests(site)


def test_data_is_never_overwritten_unasked(site: Path, backup: Backup) -> None:
    before = site.read_bytes()
    with pytest.raises(BackupError, match="holds data"):
        restore_backup(backup.made.manifest, database=address(site))

    assert site.read_bytes() == before


def test_replace_puts_the_rows_back_and_keeps_a_backup_of_what_was_there(
    site: Path, backup: Backup, tmp_path: Path
) -> None:
    then = digests(site)
    execute(site, "DELETE FROM qa_test", "UPDATE units_unit SET name = 'other'")
    changed = digests(site)
    restore_backup(backup.made.manifest, database=address(site), replace=True)

    assert digests(site) == then
    kept = [file for file in (tmp_path / "backups").glob("*.manifest.json") if file != backup.made.manifest]
    assert len(kept) == 1
    restore_backup(kept[0], database=address(tmp_path / "kept.db"))
    assert digests(tmp_path / "kept.db") == changed


def test_tables_and_indexes_of_the_target_stay_as_they_are(site: Path, backup: Backup) -> None:
    execute(site, "CREATE INDEX somebodys ON qa_test (name)", "DELETE FROM qa_test")
    restore_backup(backup.made.manifest, database=address(site), replace=True)

    with closing(sqlite3.connect(site)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'somebodys'").fetchone() == (1,)


def test_the_tables_of_another_version_are_refused(backup: Backup, tmp_path: Path) -> None:
    target = tmp_path / "newer.db"
    build_sample_database(target, VersionGraph.load().resolve("0.3.0"))
    before = target.read_bytes()
    with pytest.raises(BackupError, match=r"0\.3\.0.*0\.2\.9\.1"):
        restore_backup(backup.made.manifest, database=address(target), replace=True)

    assert target.read_bytes() == before


def test_a_table_that_is_gone_from_the_target_stops_before_anything_is_changed(site: Path, backup: Backup) -> None:
    execute(site, "DROP TABLE qa_category")
    before = digests(site)
    with pytest.raises(BackupError, match=r"qa\.category"):
        restore_backup(backup.made.manifest, database=address(site), replace=True)

    assert digests(site) == before


def test_a_column_that_is_gone_from_the_target_stops_before_anything_is_changed(site: Path, backup: Backup) -> None:
    execute(site, "ALTER TABLE qa_category DROP COLUMN description")
    before = digests(site)
    with pytest.raises(BackupError, match="description"):
        restore_backup(backup.made.manifest, database=address(site), replace=True)

    assert digests(site) == before


def say(backup: Backup, **changes: Any) -> None:
    """Change what the manifest says."""
    document = json.loads(backup.made.manifest.read_text(encoding="utf-8")) | changes
    backup.made.manifest.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize("change", ["slug = 'x'", "calculation_procedure = 'x = 1'", "id = id + 1000"])
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_trigger_that_changes_rows_is_noticed_and_not_a_byte_is_changed(
    site: Path, backup: Backup, change: str, journal: str
) -> None:
    trigger = f"CREATE TRIGGER spoil AFTER INSERT ON qa_test BEGIN UPDATE qa_test SET {change} WHERE id = NEW.id; END"
    execute(site, "DELETE FROM qa_test WHERE id > 1", trigger, f"PRAGMA journal_mode = {journal}")
    before = site.read_bytes()
    with pytest.raises(BackupError, match=r"not what the manifest says, so nothing was kept of it: .*qa_test"):
        restore_backup(backup.made.manifest, database=address(site), replace=True)

    assert site.read_bytes() == before


def test_a_procedure_that_a_trigger_changes_is_noticed_by_a_manifest_without_digests(
    site: Path, backup: Backup
) -> None:
    execute(
        site,
        "CREATE TRIGGER spoil AFTER INSERT ON qa_test BEGIN "
        "UPDATE qa_test SET calculation_procedure = 'x = 1' WHERE id = NEW.id; END",
    )
    say(backup, content={})
    before = site.read_bytes()
    with pytest.raises(BackupError, match="nothing was kept of it: calculation procedures in qa_test"):
        restore_backup(backup.made.manifest, database=address(site), replace=True)

    assert site.read_bytes() == before


@pytest.mark.parametrize("what", ["history_sha256", "procedures_sha256"])
def test_another_history_or_other_procedures_than_the_manifest_tells_are_not_kept(
    site: Path, backup: Backup, tmp_path: Path, what: str
) -> None:
    say(backup, **{what: "0" * 64})
    before = site.read_bytes()
    for target in (site, tmp_path / "new.db"):
        with pytest.raises(BackupError, match=rf"{target.name}: .*, so nothing was kept of it"):
            restore_backup(backup.made.manifest, database=address(target), replace=True)

    assert site.read_bytes() == before
    assert not list(tmp_path.glob("new.db*"))


def test_history_and_procedures_are_told_as_proved(backup: Backup, tmp_path: Path) -> None:
    proof = restore_backup(backup.made.manifest, database=address(tmp_path / "new.db")).proof
    assert any("migration history and procedures were compared with the manifest before" in told for told in proof)


@pytest.mark.parametrize("change", ["value", "row", "text"])
def test_an_altered_dump_is_no_backup_even_where_its_digest_was_altered_too(
    site: Path, backup: Backup, change: str, tmp_path: Path
) -> None:
    made = backup.made
    lines = made.file.read_bytes().splitlines()
    place = next(number for number, line in enumerate(lines) if b'"qa.test"' in line)
    match change:
        case "value":
            lines[place] = lines[place].replace(b'"type":"', b'"type":"x')
        case "row":
            del lines[place]
        case _:
            lines[-1] = b"] "
            lines.append(b"and more")
    made.file.write_bytes(b"\n".join(lines) + b"\n")
    document = json.loads(made.manifest.read_text(encoding="utf-8"))
    document["size_bytes"] = made.file.stat().st_size
    document["sha256"] = hashlib.sha256(made.file.read_bytes()).hexdigest()
    made.manifest.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(BackupError):
        verify_backup(made.manifest)
    before = site.read_bytes()
    for target in (site, tmp_path / "new.db"):
        with pytest.raises(BackupError):
            restore_backup(made.manifest, database=address(target), replace=True)
    assert site.read_bytes() == before
    assert not (tmp_path / "new.db").exists()


def test_the_drill_loads_it_into_a_database_and_leaves_none(backup: Backup) -> None:
    beside = sorted(backup.made.file.parent.iterdir())
    proved = verify_backup(backup.made.manifest, drill=True)

    assert any("new SQLite database" in sentence for sentence in proved.proof)
    assert sorted(backup.made.file.parent.iterdir()) == beside


def test_verifying_twice_gives_the_same_proof(backup: Backup) -> None:
    assert verify_backup(backup.made.manifest).proof == verify_backup(backup.made.manifest).proof


# Whatever SQLite holds in a column, whatever the column was declared as.
ANYTHING = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.text().map(lambda text: text + "\0" + text),
    st.binary(max_size=8),
    st.sampled_from(["2024-01-02 03:04:05", "2024-01-02 03:04:05.000999", "2024-01-02", "True", "0", "NaN", ""]),
)
ROWS = st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING), max_size=6)


@settings(
    max_examples=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=ROWS)
def test_whatever_the_rows_what_is_restored_has_their_digests(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    source, target = folder / "site.db", folder / "new.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute(
            "CREATE TABLE qa_test (id integer PRIMARY KEY, hidden bool, created datetime, constant_value real, "
            "calculation_procedure text, mystery)"
        )
        connection.executemany(
            "INSERT INTO qa_test (hidden, created, constant_value, calculation_procedure, mystery) VALUES (?,?,?,?,?)",
            rows,
        )
        connection.commit()
    backup = create_backup(address(source), to_dir=folder, method="json")
    restore_backup(backup.made.manifest, database=address(target))

    assert digests(target) == digests(source)


def test_bytes_that_are_no_utf_8_come_back_byte_for_byte(site: Path, tmp_path: Path) -> None:
    execute(site, "UPDATE qa_category SET description = CAST(x'e9206465' AS TEXT) WHERE id = 1")
    backup = create_backup(address(site), to_dir=tmp_path / "backups", method="json")
    target = tmp_path / "new.db"
    restore_backup(backup.made.manifest, database=address(target))

    query = "SELECT hex(description) FROM qa_category WHERE id = 1"
    with closing(sqlite3.connect(site)) as one, closing(sqlite3.connect(target)) as other:
        assert other.execute(query).fetchone() == one.execute(query).fetchone() == ("E9206465",)


def test_numbers_that_json_has_not_come_back(site: Path, tmp_path: Path) -> None:
    execute(site, "UPDATE qa_tolerance SET act_high = 9e999")
    backup = create_backup(address(site), to_dir=tmp_path / "backups", method="json")
    target = tmp_path / "new.db"
    restore_backup(backup.made.manifest, database=address(target))

    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT act_high FROM qa_tolerance").fetchone() == (math.inf,)


def test_a_pair_of_no_object_is_not_lost(site: Path, tmp_path: Path) -> None:
    execute(site, "INSERT INTO auth_group_permissions VALUES (4, 999, 998)")
    backup = create_backup(address(site), to_dir=tmp_path / "backups", method="json")
    target, then = tmp_path / "new.db", digests(site)
    restore_backup(backup.made.manifest, database=address(target))
    execute(site, "DELETE FROM auth_group_permissions")
    restore_backup(backup.made.manifest, database=address(site), replace=True)

    assert digests(target) == digests(site) == then


@pytest.mark.real
@pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1", "0.3.0", "0.3.0-clean", "0.3.0.20"])
def test_a_real_database_comes_back_into_its_own_tables_and_into_new_ones(
    real: Path, tmp_path: Path, name: str, content: Callable[[Path], dict[str, list[tuple[object, ...]]]]
) -> None:
    own, new = tmp_path / "own.db", tmp_path / "new.db"
    own.write_bytes((real / f"{name}.sqlite3").read_bytes())
    then = digests(own)
    backup = create_backup(address(own), to_dir=tmp_path / "backups", method="json")
    execute(own, "DELETE FROM qa_testinstance", "DELETE FROM auth_user")
    restore_backup(backup.made.manifest, database=address(own), replace=True)
    restore_backup(backup.made.manifest, database=address(new))

    assert digests(own) == digests(new) == then
    assert len(content(own)["qa_testinstance"]) == dict(backup.made.content.rows)["qa_testinstance"]


# --- stopped in the middle ---------------------------------------------------------------------------

MODULES = (fixture_restore, loading, tables, whole_file)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_whole_new_database_or_none(
    site: Path, backup: Backup, tmp_path: Path
) -> None:
    place, wanted = tmp_path / "interrupted", digests(site)
    place.mkdir()

    def put(folder: Path) -> None:
        restore_backup(backup.made.manifest, database=address(folder / "new.db"))

    left = {}
    for line, folder, _ in interrupted_runs(MODULES, place, Path.stat, put, at_least=120):
        found = [path.name for path in folder.iterdir()]
        if found == ["new.db"]:
            assert {each for each in digests(folder / "new.db") if each.rows} == {each for each in wanted if each.rows}
        elif found:
            left[line] = found
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_leaves_the_old_rows_or_the_new_and_a_backup_of_the_old(
    site: Path, backup: Backup, tmp_path: Path
) -> None:
    place, new = tmp_path / "interrupted", digests(site)
    place.mkdir()
    execute(site, "UPDATE qa_category SET name = 'changed'")
    old = digests(site)

    def prepare(folder: Path) -> None:
        shutil.copy(site, folder / "site.db")
        for file in backup.made.manifest.parent.iterdir():
            shutil.copy(file, folder)

    def put(folder: Path) -> None:
        restore_backup(folder / backup.made.manifest.name, database=address(folder / "site.db"), replace=True)

    left, seen = {}, set()
    for line, folder, _ in interrupted_runs((fixture_restore, restore), place, prepare, put, at_least=50):
        found = sorted(path.name for path in folder.iterdir())
        present = digests(folder / "site.db")
        seen.add(present)
        if len(found) not in (3, 5) or (present != old and len(found) != 5) or present not in (old, new):
            left[line] = found
    assert not left
    assert seen == {old, new}
