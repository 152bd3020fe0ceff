"""What must hold on every database server alike."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.database import read_database
from upgrade_kit.deployment.fingerprint import database_fingerprint
from upgrade_kit.deployment.journal import read_journal, write_journal
from upgrade_kit.deployment.store import apply_rewrites, undo_rewrites
from upgrade_kit.errors import DatabaseError, JournalError, NotReadyError, RowChangedError
from upgrade_kit.model.deployment import (
    Schema,
    SchemaState,
)
from upgrade_kit.model.journal import Journal, JournalState
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph

RELEASES = VersionGraph.load().releases
Tests = list[tuple[int, str, str, str, str | None]]

SMALL: Tests = [
    (1, "epid", "EPID image (PIL)", "upload", "epid = PIL.Image.open(FILE).size[0]  \r\n"),
    (2, "total", "Total", "composite", "total = epid + 1 # 100 %s"),
    (3, "plain", "Just a number", "simple", None),
    (4, "rows", "Rows \u00e9 \u4e2d", "upload", "rows = len(FILE.readlines()) # \U0001f600"),
]


class Server(Protocol):
    vendor: str
    admin: DatabaseAddress

    def address(self, name: str, *, user: str | None = None, password: str = ...) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...
    def new_database(self) -> DatabaseAddress: ...
    def end_connections(self, address: DatabaseAddress) -> None: ...
    def small_site(self, tests: Tests) -> DatabaseAddress: ...
    def copy_of(self, file: Path) -> DatabaseAddress: ...


def plan(address: DatabaseAddress) -> RewritePlan:
    """Return the plan that renames FILE in every upload test that names it."""
    procedures = read_database(address, RELEASES).procedures
    assert not isinstance(procedures, Unobserved)
    return plan_of(
        [(item, (item.source or "").replace("FILE", "BIN_FILE")) for item in procedures if item.type == "upload"]
    )


def plan_of(pairs: list[tuple[Procedure, str]]) -> RewritePlan:
    items = tuple(
        PlannedRewrite(
            procedure=procedure,
            rewrite=Rewrite(
                outcome=Outcome.REWRITE,
                reads=Reads.BYTES,
                reason="because",
                before=procedure.source,
                source=after,
            ),
            listed=True,
            selected=procedure.source is not None,
        )
        for procedure, after in pairs
    )
    return RewritePlan(items=items, listed=len(items))


def run(address: DatabaseAddress, wanted: RewritePlan, folder: Path) -> Journal:
    journal = apply_rewrites(wanted, database=address, backup=None, journal_folder=folder, without_backup=True)
    assert journal
    return journal


def content(address: DatabaseAddress) -> list[tuple[object, ...]]:
    with open_database(address) as session:
        return session.select("qa_test", *session.column_names("qa_test"))


@pytest.fixture
def server(every_server: Server) -> Server:
    return every_server


@pytest.fixture
def site(server: Server) -> DatabaseAddress:
    return server.small_site(SMALL)


# --- Reading -------------------------------------------------------------------------------------


def test_a_small_site_is_read(server: Server, site: DatabaseAddress) -> None:
    database = read_database(site, RELEASES)
    assert (database.vendor, database.name, database.file) == (server.vendor, site.name, None)
    assert database.read_only is (server.vendor != "microsoft")  # there a login is what limits writing
    assert database.tables == ("django_migrations", "django_site", "qa_test")
    assert isinstance(database.size_bytes, int)
    assert isinstance(database.schema, Schema)
    assert (database.schema.state, database.schema.version) == (SchemaState.COMPLETE, Version("0.3.0"))
    assert database.has_default_site is False
    assert (database.dangling, database.spoilt) == ((), ())
    assert isinstance(database.orphans, Unobserved)
    assert not isinstance(database.procedures, Unobserved)
    assert [(item.slug, item.name, item.source) for item in database.procedures] == [
        (slug, name, source) for _, slug, name, _, source in SMALL if source
    ]


def test_an_empty_database_is_empty(server: Server) -> None:
    schema = read_database(server.new_database(), RELEASES).schema
    assert isinstance(schema, Schema)
    assert schema.state is SchemaState.EMPTY


def test_a_missing_column_is_unobserved(server: Server, site: DatabaseAddress) -> None:
    server.run("ALTER TABLE qa_test DROP COLUMN type", address=site)
    database = read_database(site, RELEASES)
    assert isinstance(database.procedures, Unobserved)
    assert "type" in database.procedures.reason
    assert isinstance(database.schema, Schema)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM qa_test", "CREATE TABLE mine (id integer)", "UPDATE qa_test SET slug = 'x'"]
)
def test_reading_cannot_write(server: Server, site: DatabaseAddress, statement: str) -> None:
    if server.vendor == "microsoft":
        pytest.skip("SQL Server has no session that only reads; preflight says so")
    before = content(site)
    with open_database(site) as session:
        assert session.read_only
        with pytest.raises(DatabaseError, match=r"(?i)read.only"):
            session.execute(statement)
        with pytest.raises(DatabaseError, match=r"(?i)read.only"), session.transaction():
            session.execute(statement)
    assert content(site) == before


def test_a_reading_transaction_sees_one_moment(server: Server, site: DatabaseAddress) -> None:
    with open_database(site) as session:
        with session.transaction():
            before = database_fingerprint(session)
            server.run("DELETE FROM qa_test WHERE id = 1", address=site)
            assert database_fingerprint(session) == before
        assert database_fingerprint(session) != before


def test_equal_rows_have_one_fingerprint_here_and_there(server: Server, site: DatabaseAddress) -> None:
    with open_database(site) as one, open_database(server.small_site(SMALL)) as other:
        assert database_fingerprint(one) == database_fingerprint(other)


# --- Not getting in ------------------------------------------------------------------------------


def failure(address: DatabaseAddress) -> str:
    with pytest.raises(DatabaseError) as caught, open_database(address):
        pass
    said = str(caught.value)
    assert "\n" not in said
    assert "s3cret" not in said
    return said


def test_a_wrong_password_is_told_and_not_shown(server: Server, site: DatabaseAddress) -> None:
    assert "Check user and password" in failure(replace(site, password="s3cret wrong"))


def test_no_password_is_told(site: DatabaseAddress) -> None:
    assert "UPGRADE_KIT_PASSWORD" in failure(replace(site, password=""))


def test_a_database_that_does_not_exist_is_told(server: Server) -> None:
    said = failure(server.address("nowhere"))
    assert "nowhere" in said
    assert "Check the database's name" in said


def test_a_port_that_answers_nobody_is_told(site: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    # One driver tries on until then.
    monkeypatch.setattr("upgrade_kit.deployment.connection_settings.CONNECT_SECONDS", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "Check host, port" in failure(replace(site, port=str(taken.getsockname()[1])))


def test_the_url_that_is_shown_leads_back_with_the_separate_password(site: DatabaseAddress) -> None:
    address = parse_database_url(site.shown, base=Path(), password=site.password)
    with open_database(address) as session:
        assert session.name == site.name


# --- Apply and undo ------------------------------------------------------------------------------


def test_apply_then_undo_leaves_everything_as_it_was(site: DatabaseAddress, tmp_path: Path) -> None:
    before = content(site)
    journal = run(site, plan(site), tmp_path)
    assert journal.state is JournalState.COMMITTED
    after = content(site)
    assert [row[:4] for row in after] == [row[:4] for row in before]
    assert [row[4] for row in after] == [
        "epid = PIL.Image.open(BIN_FILE).size[0]  \r\n",
        SMALL[1][4],
        None,
        "rows = len(BIN_FILE.readlines()) # \U0001f600",
    ]
    assert undo_rewrites(journal.path, database=site).state is JournalState.UNDONE
    assert content(site) == before
    assert "Nothing was to do" in undo_rewrites(journal.path, database=site).note


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = CONCAT(calculation_procedure, ' ') WHERE id = 4",
            id="a trailing blank",
        ),
        pytest.param(
            "UPDATE qa_test SET calculation_procedure = UPPER(calculation_procedure) WHERE id = 4",
            id="another case",
        ),
        pytest.param("UPDATE qa_test SET calculation_procedure = NULL WHERE id = 4", id="NULL"),
        pytest.param("UPDATE qa_test SET slug = 'ROWS' WHERE id = 4", id="another macro name"),
        pytest.param("DELETE FROM qa_test WHERE id = 4", id="the row is gone"),
    ],
)
def test_a_row_that_moved_stops_the_whole_apply(
    server: Server, site: DatabaseAddress, tmp_path: Path, statement: str
) -> None:
    wanted = plan(site)
    server.run(statement, address=site)
    before = content(site)
    with pytest.raises(RowChangedError, match="rows; nothing was written"):
        run(site, wanted, tmp_path)
    assert content(site) == before
    assert list(tmp_path.iterdir()) == []


def test_a_row_that_somebody_holds_is_waited_for_and_then_told(
    site: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, before = plan(site), content(site)
    monkeypatch.setattr("upgrade_kit.deployment.connection.LOCK_SECONDS", 1)
    with open_database(site, writable=True) as other, other.transaction():
        other.select("qa_test", "id", where=("id", 4), lock=True)
        with pytest.raises(DatabaseError, match=r"(?i)lock.*stop the web server"):
            run(site, wanted, tmp_path)
    assert content(site) == before
    assert list(tmp_path.iterdir()) == []


def test_undo_refuses_a_row_that_differs_in_case_alone(server: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    journal = run(site, plan(site), tmp_path)
    server.run("UPDATE qa_test SET calculation_procedure = LOWER(calculation_procedure) WHERE id = 1", address=site)
    before = content(site)
    with pytest.raises(RowChangedError, match="epid"):
        undo_rewrites(journal.path, database=site)
    assert content(site) == before
    assert read_journal(journal.path).state is JournalState.COMMITTED


def test_a_journal_and_the_password_are_enough_to_undo(site: DatabaseAddress, tmp_path: Path) -> None:
    before = content(site)
    journal = run(site, plan(site), tmp_path)
    assert "s3cret" not in journal.path.read_text(encoding="utf-8")
    undo_rewrites(journal.path, password=site.password)
    assert content(site) == before


def test_a_journal_of_another_database_is_refused(server: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    journal = run(site, plan(site), tmp_path)
    other = server.small_site(SMALL)
    with pytest.raises(JournalError, match="belongs to another database"):
        undo_rewrites(journal.path, database=other)


def test_a_lost_connection_before_the_commit_leaves_nothing(
    server: Server, site: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the session after the journal is on disk: the commit fails, and the journal tells."""
    before = content(site)

    def write_and_lose(journal: Journal, *, create: bool = False) -> None:
        write_journal(journal, create=create)
        server.end_connections(site)

    monkeypatch.setattr("upgrade_kit.deployment.store.write_journal", write_and_lose)
    with pytest.raises(DatabaseError, match=r"committed is not known.*--undo"):
        run(site, plan(site), tmp_path)
    monkeypatch.undo()
    assert content(site) == before
    (journal,) = tmp_path.iterdir()
    assert "had never been committed" in undo_rewrites(journal, database=site).note


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    ["", " ", "\r\n", "a\r\nb\r", "x = FILE.read() \t ", "\U0001f600\u00e9", "\ufeffx", "%s %%", "'\"`\\[]"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=3, max_size=3))
def test_apply_then_undo_is_the_identity_for_any_text(
    site: DatabaseAddress, tmp_path: Path, pairs: list[tuple[str, str]]
) -> None:
    with open_database(site, writable=True) as session, session.transaction():
        for test_id, (old, _) in enumerate(pairs, 1):
            session.execute("UPDATE qa_test SET calculation_procedure = %s WHERE id = %s", (old, test_id))
    before = content(site)
    procedures = [
        Procedure(test_id=row[0], slug=row[1], name=row[2], type=row[3], source=old)
        for row, (old, _) in zip(SMALL, pairs, strict=False)
    ]
    wanted = plan_of([(procedure, new) for procedure, (_, new) in zip(procedures, pairs, strict=True)])
    journal = apply_rewrites(wanted, database=site, backup=None, journal_folder=tmp_path, without_backup=True)
    assert [row[4] for row in content(site)][:3] == [new for _, new in pairs]
    if journal:
        undo_rewrites(journal.path, database=site)
    assert content(site) == before


# --- The tables that the real application made ---------------------------------------------------


@pytest.mark.real
def test_a_real_0_3_0_is_read_applied_and_undone(server: Server, real: Path, tmp_path: Path) -> None:
    site = server.copy_of(real / "0.3.0-clean.sqlite3")
    here = read_database(site, RELEASES)
    there = read_database(DatabaseAddress(vendor="sqlite", name=str(real / "0.3.0-clean.sqlite3")), RELEASES)
    assert (here.tables, here.schema, here.procedures) == (there.tables, there.schema, there.procedures)
    assert (here.orphans, here.has_default_site) == ((), True)
    before = content(site)
    journal = run(site, plan(site), tmp_path)
    assert len(journal.rows) > 20
    assert content(site) != before
    undo_rewrites(journal.path, database=site)
    assert content(site) == before


@pytest.mark.real
def test_a_real_0_2_9_1_is_read_and_not_written(server: Server, real: Path, tmp_path: Path) -> None:
    site = server.copy_of(real / "0.2.9.1.sqlite3")
    database = read_database(site, RELEASES)
    assert isinstance(database.schema, Schema)
    assert (database.schema.state, database.schema.version) == (SchemaState.COMPLETE, Version("0.2.9.1"))
    with pytest.raises(NotReadyError, match=r"is at 0\.2\.9\.1"):
        run(site, plan(site), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_a_real_orphan_is_named(server: Server, real: Path) -> None:
    site = server.copy_of(real / "traps" / "stopped-by-orphan.sqlite3")
    assert read_database(site, RELEASES).orphans == (
        "unit test collection 3 of unit 2 (Linac 2 (\u00c9lekta)): its test list 999 is gone",
    )
