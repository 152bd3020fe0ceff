from __future__ import annotations

import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interrupts import interrupted_runs
from upgrade_kit.deployment import journal as journal_module
from upgrade_kit.deployment import store, whole_file
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.journal import read_journal
from upgrade_kit.deployment.store import apply_rewrites, undo_rewrites
from upgrade_kit.errors import (
    ApplyError,
    BackupError,
    DatabaseError,
    JournalError,
    NotReadyError,
    RowChangedError,
)
from upgrade_kit.model.backup import Backup, UnverifiedBackup
from upgrade_kit.model.journal import Journal, JournalState
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan

NOW = datetime(2018, 10, 10, tzinfo=UTC)
Content = dict[str, list[tuple[object, ...]]]


def content(address: DatabaseAddress) -> Content:
    """Return every table's rows, byte for byte and with each value's own type."""
    with closing(sqlite3.connect(f"file:{address.name}?mode=rw", uri=True)) as connection:
        connection.text_factory = lambda data: ("text", bytes(data))
        tables = [
            row[0][1].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {table: connection.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}


def sql(address: DatabaseAddress, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(address.name)) as connection, connection:
        connection.execute(statement, values)


def change(test_id: int, slug: str, name: str, before: str | None, after: str | None, **more: object) -> PlannedRewrite:
    rewrite = Rewrite(outcome=Outcome.REWRITE, reads=Reads.BYTES, reason="because", before=before, source=after)
    return PlannedRewrite(
        procedure=Procedure(test_id=test_id, slug=slug, name=name, type="upload", source=before),
        rewrite=replace(rewrite, **more),  # type: ignore[arg-type]
        listed=True,
        selected=True,
    )


def plan(*items: PlannedRewrite) -> RewritePlan:
    return RewritePlan(items=items, listed=len(items))


def plan_for(address: DatabaseAddress, test_ids: Sequence[int] = (1, 4)) -> RewritePlan:
    """Return the plan that renames FILE in these tests of a site."""
    with closing(sqlite3.connect(address.name)) as connection:
        rows = connection.execute("SELECT id, slug, name, calculation_procedure FROM qa_test ORDER BY id").fetchall()
    return plan(
        *(
            change(key, slug, name, text, text.replace("FILE", "BIN_FILE"))
            for key, slug, name, text in rows
            if key in test_ids and "FILE" in (text or "")
        )
    )


def run(address: DatabaseAddress, wanted: RewritePlan | None = None) -> Journal:
    """Apply without a backup; the journal goes beside the database."""
    journal = apply_rewrites(
        wanted or plan_for(address),
        database=address,
        backup=None,
        journal_folder=Path(address.name).parent,
        without_backup=True,
    )
    assert journal
    return journal


def refused(address: DatabaseAddress, wanted: RewritePlan, error: type[Exception], said: str) -> str:
    """See that an apply is refused, and that neither database nor folder has changed."""
    before, files = content(address), sorted(Path(address.name).parent.iterdir())
    with pytest.raises(error, match=said) as caught:
        run(address, wanted)
    assert content(address) == before
    assert sorted(Path(address.name).parent.iterdir()) == files
    return str(caught.value)


# --- Apply ---------------------------------------------------------------------------------------


def test_an_apply_writes_the_planned_texts_and_nothing_else(site: DatabaseAddress) -> None:
    before = content(site)
    run(site)
    after = content(site)
    assert {table for table in after if after[table] != before[table]} == {"qa_test"}
    changed = [(old, new) for old, new in zip(before["qa_test"], after["qa_test"], strict=True) if old != new]
    assert [new[0] for _, new in changed] == [1, 4]
    for old, new in changed:
        assert new[:4] + new[5:] == old[:4] + old[5:]
        assert new[4] == ("text", old[4][1].replace(b"FILE", b"BIN_FILE"))  # type: ignore[index]


def test_the_journal_holds_before_and_after(site: DatabaseAddress) -> None:
    journal = run(site)
    kept = read_journal(journal.path)
    assert kept == replace(journal, note="")
    assert (kept.state, kept.vendor, kept.database_name) == (JournalState.COMMITTED, "sqlite", site.name)
    assert [(row.test_id, row.slug, row.after) for row in kept.rows] == [
        (1, "epid", "import PIL.Image\r\nepid = PIL.Image.open(BIN_FILE).size[0]  \r\n"),
        (4, "rows", "rows = len(BIN_FILE.readlines())"),
    ]
    assert "2 calculation procedures written" in journal.note


def test_a_database_may_be_given_as_a_url(site: DatabaseAddress, tmp_path: Path) -> None:
    wanted = plan_for(site)
    journal = apply_rewrites(
        wanted, database=site.shown, backup=None, journal_folder=tmp_path, without_backup=True, now=NOW
    )
    assert journal
    assert journal.path.name == "upgrade-kit-journal-20181010T000000.000000Z.json"
    assert undo_rewrites(journal.path, database=site.shown).state is JournalState.UNDONE


def test_what_is_not_selected_is_not_written(site: DatabaseAddress) -> None:
    wanted = plan_for(site)
    run(site, replace(wanted, items=(wanted.items[0], replace(wanted.items[1], selected=False))))
    with open_database(site) as session:
        assert session.select("qa_test", "calculation_procedure", where=("id", 4)) == [
            ("rows = len(FILE.readlines())",)
        ]


def test_a_plan_without_changes_opens_nothing(tmp_path: Path) -> None:
    nowhere = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "none.db"))
    same = change(1, "a", "A", "x = 1", "x = 1")
    for wanted in (plan(), plan(same), plan(replace(change(1, "a", "A", "x", "y"), selected=False))):
        assert apply_rewrites(wanted, database=nowhere, backup=None, journal_folder=tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = calculation_procedure || ' ' WHERE id = 4",
            id="a trailing blank",
        ),
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = upper(calculation_procedure) WHERE id = 4",
            id="another case",
        ),
        pytest.param("UPDATE qa_test SET calculation_procedure = NULL WHERE id = 4", id="NULL"),
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = CAST(calculation_procedure AS BLOB) WHERE id = 4",
            id="a blob",
        ),
        pytest.param("UPDATE qa_test SET slug = 'rows2' WHERE id = 4", id="another macro name"),
        pytest.param("UPDATE qa_test SET name = 'Rows' WHERE id = 4", id="another name"),
        pytest.param("DELETE FROM qa_test WHERE id = 4", id="the row is gone"),
    ],
)
def test_one_row_that_moved_stops_the_whole_apply(site: DatabaseAddress, statement: str) -> None:
    wanted = plan_for(site)
    sql(site, statement)
    said = refused(site, wanted, RowChangedError, r"(changed since it was shown|holding no text any more.*): rows;")
    assert "nothing was written" in said


def test_the_modified_column_is_not_what_is_compared(site: DatabaseAddress) -> None:
    wanted = plan_for(site)
    sql(site, "UPDATE qa_test SET modified = 'later'")
    run(site, wanted)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        pytest.param(change(4, "rows", "R", "a", "b", outcome=Outcome.ERROR), "never written", id="an error"),
        pytest.param(change(4, "rows", "R", "a", "b", outcome=Outcome.UNCHANGED), "never written", id="unchanged"),
        pytest.param(change(4, "rows", "R", None, "b"), "never written", id="NULL before"),
        pytest.param(change(4, "rows", "R", "a", None), "never written", id="NULL after"),
        pytest.param(
            replace(change(4, "rows", "R", "a", "b"), rewrite=change(4, "r", "R", "c", "b").rewrite),
            "another text",
            id="another text",
        ),
        pytest.param(change(4, "rows", "R", "\udcff", "b"), "no UTF-8", id="bytes that are no UTF-8"),
    ],
)
def test_a_plan_that_asks_for_what_may_not_be_written_is_refused(
    site: DatabaseAddress, item: PlannedRewrite, said: str
) -> None:
    refused(site, plan(*plan_for(site, (1,)).items, item), ApplyError, said)


def test_a_test_that_is_planned_twice_is_refused(site: DatabaseAddress) -> None:
    refused(site, plan(*plan_for(site, (1,)).items * 2), ApplyError, "twice")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "DELETE FROM django_migrations WHERE name = '0020_auto_20180924_2313'",
            r"half way to 0\.3\.0 .*qa\.0020",
        ),
        ("UPDATE django_migrations SET name = '0058_x' WHERE name = '0020_auto_20180924_2313'", "no version"),
        ("DROP TABLE django_migrations", "no migration is recorded"),
    ],
)
def test_a_schema_that_is_not_at_0_3_0_is_refused(site: DatabaseAddress, statement: str, said: str) -> None:
    sql(site, statement)
    refused(site, plan_for(site), NotReadyError, said)


def test_before_0_3_0_an_apply_is_refused(make_site: Callable[..., DatabaseAddress]) -> None:
    site = make_site(history="south")
    said = refused(site, plan_for(site), NotReadyError, r"is at 0\.2\.9\.1, where BIN_FILE does not exist")
    assert "upgrade-kit path" in said


def test_a_database_without_tables_is_refused(site: DatabaseAddress) -> None:
    wanted = plan_for(site)
    Path(site.name).write_bytes(b"")
    with pytest.raises(NotReadyError, match="holds no table"):
        run(site, wanted)


def test_a_journal_that_cannot_be_written_stops_the_apply(site: DatabaseAddress, tmp_path: Path) -> None:
    before = content(site)
    with pytest.raises(ApplyError, match=r"cannot be written.*Nothing was written"):
        apply_rewrites(
            plan_for(site), database=site, backup=None, journal_folder=tmp_path / "none", without_backup=True
        )
    assert content(site) == before


def test_a_locked_database_stops_the_apply(site: DatabaseAddress) -> None:
    wanted = plan_for(site)
    hurried = replace(site, options=(("timeout", "0"),))
    with closing(sqlite3.connect(site.name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="locked"):
            run(hurried, wanted)
    assert list(Path(site.name).parent.glob("*.json")) == []


def test_what_the_server_alters_is_seen_before_the_commit(site: DatabaseAddress) -> None:
    sql(
        site,
        "CREATE TRIGGER tidy AFTER UPDATE ON qa_test BEGIN "
        "UPDATE qa_test SET calculation_procedure = new.calculation_procedure || ' ' WHERE id = new.id; END",
    )
    refused(site, plan_for(site), ApplyError, "does not keep the text")


@pytest.mark.real
def test_keys_to_tables_that_are_gone_do_not_stop_an_apply(real: Path, tmp_path: Path) -> None:
    site = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "site.db"))
    shutil.copyfile(real / "0.3.0.sqlite3", site.name)
    before = content(site)
    ids = [int(str(row[0])) for row in before["qa_test"] if b"FILE" in (row[12] or ("", b""))[1]]  # type: ignore[index]
    assert len(ids) > 20
    journal = run(site, plan_for(site, ids))
    assert content(site) != before
    undo_rewrites(journal.path)
    assert content(site) == before


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("0.2.8", "BIN_FILE does not exist"),
        ("0.2.9.1", "BIN_FILE does not exist"),
        ("traps/skipped-0.2.9", "data is spoilt.*Restore the backup"),
        ("traps/stopped-at-qa-0013", r"half way to 0\.3\.0"),
        ("traps/stopped-by-orphan", r"half way to 0\.3\.0"),
    ],
)
def test_no_real_database_short_of_0_3_0_is_written(real: Path, tmp_path: Path, name: str, said: str) -> None:
    site = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "site.db"))
    shutil.copyfile(real / f"{name}.sqlite3", site.name)
    refused(site, plan_for(site, range(1000)), NotReadyError, said)


# --- Backups -------------------------------------------------------------------------------------


def backup_of(address: DatabaseAddress, folder: Path, **more: object) -> Backup:
    file = folder / "backup.sqlite3"
    shutil.copyfile(address.name, file)
    with open_database(address) as session:
        content = database_fingerprint(session)
    made = UnverifiedBackup(
        method="native",
        format="sqlite",
        manifest=folder / "backup.manifest.json",
        file=file,
        database=address.shown,
        vendor="sqlite",
        site_version="0.3.0",
        created_at=NOW,
        size_bytes=file.stat().st_size,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        content=content,
    )
    return Backup(made=replace(made, **more), verified_at=NOW, proof=())  # type: ignore[arg-type]


def refused_backup(address: DatabaseAddress, backup: Backup | None, said: str, folder: Path) -> None:
    before, files = content(address), sorted(folder.iterdir())
    with pytest.raises(BackupError, match=said) as caught:
        apply_rewrites(plan_for(address), database=address, backup=backup, journal_folder=folder)
    assert "upgrade-kit backup --database" in str(caught.value)
    assert content(address) == before
    assert sorted(folder.iterdir()) == files


def test_a_verified_backup_of_this_database_lets_it_through(site: DatabaseAddress, tmp_path: Path) -> None:
    journal = apply_rewrites(plan_for(site), database=site, backup=backup_of(site, tmp_path), journal_folder=tmp_path)
    assert journal
    assert journal.state is JournalState.COMMITTED


def test_no_backup_is_refused(site: DatabaseAddress, tmp_path: Path) -> None:
    refused_backup(site, None, "no verified backup", tmp_path)


def test_a_backup_of_another_database_is_refused(site: DatabaseAddress, tmp_path: Path) -> None:
    other = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "other.sqlite3"))
    refused_backup(site, backup_of(site, tmp_path, database=other.shown), "it is of sqlite:.*other", tmp_path)


def test_a_backup_that_changed_on_disk_is_refused(site: DatabaseAddress, tmp_path: Path) -> None:
    backup = backup_of(site, tmp_path)
    with backup.made.file.open("ab") as stream:
        stream.write(b"x")
    refused_backup(site, backup, "changed after it was verified", tmp_path)


def test_a_backup_that_is_gone_is_refused(site: DatabaseAddress, tmp_path: Path) -> None:
    backup = backup_of(site, tmp_path)
    backup.made.file.unlink()
    refused_backup(site, backup, "cannot be read", tmp_path)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE qa_test SET calculation_procedure = 'x' WHERE id = 2",
            "procedures changed after this backup",
        ),
        (
            "INSERT INTO django_migrations VALUES (999, 'qa', '0021_check_py3_calcs')",
            "history changed after this backup",
        ),
    ],
)
def test_a_backup_from_before_a_change_is_refused(
    site: DatabaseAddress, tmp_path: Path, statement: str, said: str
) -> None:
    backup = backup_of(site, tmp_path)
    sql(site, statement)
    refused_backup(site, backup, said, tmp_path)


# --- Undo ----------------------------------------------------------------------------------------


def test_undo_puts_back_every_byte(site: DatabaseAddress) -> None:
    before = content(site)
    journal = run(site)
    undone = undo_rewrites(journal.path)
    assert content(site) == before
    assert (undone.state, read_journal(journal.path).state) == (JournalState.UNDONE, JournalState.UNDONE)
    assert "2 calculation procedures put back" in undone.note


def test_undo_can_be_run_twice(site: DatabaseAddress) -> None:
    before = content(site)
    journal = run(site)
    undo_rewrites(journal.path)
    again = undo_rewrites(journal.path)
    assert content(site) == before
    assert (again.state, again.note) == (
        JournalState.UNDONE,
        "Nothing was to do: 2 calculation procedures hold the old texts already.",
    )


def test_an_undone_apply_can_be_applied_and_undone_again(site: DatabaseAddress) -> None:
    before = content(site)
    wanted = plan_for(site)
    for _ in range(2):
        undo_rewrites(run(site, wanted).path)
    assert content(site) == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = 'mine' WHERE id = 4",
            "changed since the apply: rows",
            id="edited",
        ),
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = NULL WHERE id = 4",
            "changed since the apply: rows",
            id="emptied",
        ),
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = 'rows = len(FILE.readlines())' WHERE id = 4",
            "some are at the old text already: rows",
            id="put back by hand",
        ),
    ],
)
def test_undo_refuses_rows_changed_since(site: DatabaseAddress, statement: str, said: str) -> None:
    journal = run(site)
    sql(site, statement)
    before, kept = content(site), journal.path.read_bytes()
    with pytest.raises(RowChangedError, match=said):
        undo_rewrites(journal.path)
    assert (content(site), journal.path.read_bytes()) == (before, kept)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE qa_test SET slug = 'rows2' WHERE id = 4", "test 4 is 'rows'"),
        ("UPDATE qa_test SET name = 'Other' WHERE id = 1", "test 1 is 'epid'"),
        ("DELETE FROM qa_test", "missing here"),
        ("DROP TABLE qa_test", "no table qa_test"),
    ],
)
def test_a_journal_whose_tests_are_not_here_is_refused(site: DatabaseAddress, statement: str, said: str) -> None:
    journal = run(site)
    sql(site, statement)
    before = content(site)
    with pytest.raises(JournalError, match=said):
        undo_rewrites(journal.path)
    assert content(site) == before


def test_a_test_that_was_deleted_since_is_named(site: DatabaseAddress) -> None:
    journal = run(site)
    sql(site, "DELETE FROM qa_test WHERE id = 4")
    before = content(site)
    with pytest.raises(RowChangedError, match="gone since the apply: rows"):
        undo_rewrites(journal.path)
    assert content(site) == before


def test_a_journal_of_another_file_is_refused(site: DatabaseAddress, make_site: Callable[..., DatabaseAddress]) -> None:
    other = make_site(name="other.sqlite3")
    journal = run(site)
    before = content(other)
    with pytest.raises(JournalError, match="belongs to another database"):
        undo_rewrites(journal.path, database=other)
    assert content(other) == before


def test_a_journal_of_another_vendor_is_refused_before_anything_is_opened(site: DatabaseAddress) -> None:
    journal = run(site)
    with pytest.raises(JournalError, match="a sqlite database, and this is a postgresql one"):
        undo_rewrites(journal.path, database="postgresql://h/n")


def test_a_site_that_moved_on_can_still_be_undone(site: DatabaseAddress) -> None:
    journal = run(site)
    sql(site, "INSERT INTO django_migrations VALUES (999, 'qa', '0058_later')")
    assert undo_rewrites(journal.path).state is JournalState.UNDONE


TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", "\r\n", "a\r\nb\r", "\0", "x = FILE.read() \t ", "\U0001f600\u00e9", "\ufeffx", "%s %%", "'\"`[]"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_apply_then_undo_is_the_identity(
    make_site: Callable[..., DatabaseAddress], tmp_path: Path, pairs: list[tuple[str, str]]
) -> None:
    (tmp_path / "any.sqlite3").unlink(missing_ok=True)
    tests = [(key, f"s{key}", f"Test {key}", "upload", before) for key, (before, _) in enumerate(pairs, 1)]
    site = make_site(tests, name="any.sqlite3")
    before = content(site)
    items = [change(key, f"s{key}", f"Test {key}", old, new) for key, (old, new) in enumerate(pairs, 1)]
    journal = apply_rewrites(plan(*items), database=site, backup=None, journal_folder=tmp_path, without_backup=True)
    assert [row[4] for row in content(site)["qa_test"]] == [("text", new.encode()) for _, new in pairs]
    assert (journal is None) == all(old == new for old, new in pairs)
    if journal:
        undo_rewrites(journal.path)
    assert content(site) == before


# --- Killed --------------------------------------------------------------------------------------

CHILD = """
    import os, pickle, signal, sys
    from pathlib import Path
    from upgrade_kit.deployment import connection, journal, store

    def die(*_, **__):
        if hasattr(signal, "SIGKILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(9)

    real_write, real_end = store.write_journal, connection.Session._end
    states = []

    def write(value, **more):
        states.append(value.state.value)
        if where == f"before the journal says {value.state.value}":
            die()
        real_write(value, **more)
        if where == f"after the journal says {value.state.value}":
            die()

    def end(self, how):
        if where == f"at {how}":
            die()
        real_end(self, how)

    where, action, argument, database = pickle.loads(bytes.fromhex(sys.argv[1]))
    store.write_journal, connection.Session._end = write, end
    if where == "inside the journal":
        os.replace = Path.replace = die
    if action == "apply":
        store.apply_rewrites(argument, database=database, backup=None,
                             journal_folder=Path(database.name).parent, without_backup=True)
    else:
        store.undo_rewrites(argument)
"""


def killed(where: str, action: str, argument: RewritePlan | Path, database: DatabaseAddress) -> None:
    """Run an apply or an undo in a child that kills itself at the named point."""
    import pickle  # noqa: PLC0415 - between this test and its own child

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(CHILD),
            pickle.dumps((where, action, argument, database)).hex(),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    expected = -signal.SIGKILL if hasattr(signal, "SIGKILL") else 9
    assert done.returncode == expected, done.stderr.decode()


def the_journal(site: DatabaseAddress) -> Path | None:
    found = sorted(Path(site.name).parent.glob("upgrade-kit-journal-*.json"))
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("where", "committed", "state", "note"),
    [
        ("before the journal says pending", False, None, ""),
        ("inside the journal", False, "empty", ""),
        ("after the journal says pending", False, "pending", "had never been committed"),
        ("at COMMIT", False, "pending", "had never been committed"),
        ("before the journal says committed", True, "pending", "had been committed"),
        ("after the journal says committed", True, "committed", "put back"),
    ],
)
def test_an_apply_killed_anywhere_is_all_or_nothing_and_the_journal_tells(
    site: DatabaseAddress, where: str, committed: bool, state: str | None, note: str
) -> None:
    before = content(site)
    killed(where, "apply", plan_for(site), site)
    assert (content(site) != before) is committed
    journal = the_journal(site)
    if state is None:
        assert journal is None
        return
    assert journal
    if state == "empty":
        with pytest.raises(JournalError, match="wrote nothing"):
            undo_rewrites(journal)
        return
    assert read_journal(journal).state == state
    undone = undo_rewrites(journal)
    assert note in undone.note
    assert undone.state is JournalState.UNDONE
    assert content(site) == before


@pytest.mark.parametrize("where", ["at COMMIT", "before the journal says undone", "after the journal says undone"])
def test_an_undo_killed_anywhere_can_be_run_again(site: DatabaseAddress, where: str) -> None:
    before = content(site)
    journal = run(site)
    applied = content(site)
    killed(where, "undo", journal.path, site)
    assert content(site) == (applied if where == "at COMMIT" else before)
    assert undo_rewrites(journal.path).state is JournalState.UNDONE
    assert content(site) == before


def test_a_second_apply_after_a_killed_one_starts_afresh(site: DatabaseAddress) -> None:
    killed("at COMMIT", "apply", plan_for(site), site)
    assert run(site, plan_for(site)).state is JournalState.COMMITTED


# --- stopped at any line -----------------------------------------------------------------------------

MODULES = (store, journal_module, whole_file)


def copied(site: DatabaseAddress, folder: Path) -> DatabaseAddress:
    shutil.copy(site.name, folder / "site.sqlite3")
    return DatabaseAddress(vendor="sqlite", name=str(folder / "site.sqlite3"))


def in_folder(folder: Path) -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(folder / "site.sqlite3"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_of_an_apply_leaves_all_of_it_with_its_journal_or_none(
    site: DatabaseAddress, tmp_path: Path
) -> None:
    before, wanted = content(site), plan_for(site)
    (tmp_path / "after").mkdir()
    run(copied(site, tmp_path / "after"), wanted)
    after = content(in_folder(tmp_path / "after"))
    place = tmp_path / "interrupted"
    place.mkdir()

    def prepare(folder: Path) -> None:
        copied(site, folder)

    def apply(folder: Path) -> None:
        run(in_folder(folder), wanted)

    left = {}
    for line, folder, _ in interrupted_runs(MODULES, place, prepare, apply, at_least=100):
        names = [path.name for path in folder.iterdir() if path.name != "site.sqlite3"]
        found = content(in_folder(folder))
        if [name for name in names if not name.endswith(".json")] or len(names) > 1 or found not in (before, after):
            left[line] = names
        if found == after and not names:
            left[line] = ["no journal"]
        for name in names:  # whatever was written, it tells, and takes it back
            undo_rewrites(folder / name, database=in_folder(folder))
        assert content(in_folder(folder)) == before
        run(in_folder(folder), wanted)
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_of_an_undo_leaves_all_or_none_and_the_journal(
    site: DatabaseAddress, tmp_path: Path
) -> None:
    before, wanted = content(site), plan_for(site)
    place = tmp_path / "interrupted"
    place.mkdir()

    def prepare(folder: Path) -> None:
        run(copied(site, folder), wanted)

    def undo(folder: Path) -> None:
        undo_rewrites(next(folder.glob("*.json")), database=in_folder(folder))

    left = {}
    for line, folder, _ in interrupted_runs(MODULES, place, prepare, undo, at_least=100):
        names = [path.name for path in folder.iterdir()]
        if len(names) != 2:
            left[line] = names
        undo(folder)
        assert content(in_folder(folder)) == before
    assert not left
