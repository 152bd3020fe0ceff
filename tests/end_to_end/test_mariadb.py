"""What is MySQL's and MariaDB's own: collations, character sets, engines."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.database import read_database
from upgrade_kit.deployment.store import apply_rewrites, undo_rewrites
from upgrade_kit.errors import ApplyError, DatabaseError, RowChangedError
from upgrade_kit.model.journal import Journal
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan

pytestmark = pytest.mark.mariadb

BEFORE = "epid = FILE.read()"


class Server(Protocol):
    def address(self, name: str, *, user: str | None = None, password: str = ...) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...
    def small_site(self, tests: list[tuple[int, str, str, str, str | None]]) -> DatabaseAddress: ...


def plan(after: str, before: str = BEFORE, slug: str = "epid") -> RewritePlan:
    procedure = Procedure(test_id=1, slug=slug, name="EPID", type="upload", source=before)
    rewrite = Rewrite(outcome=Outcome.REWRITE, reads=Reads.BYTES, reason="because", before=before, source=after)
    return RewritePlan(
        items=(PlannedRewrite(procedure=procedure, rewrite=rewrite, listed=True, selected=True),), listed=1
    )


def run(address: DatabaseAddress, wanted: RewritePlan, folder: Path) -> Journal | None:
    return apply_rewrites(wanted, database=address, backup=None, journal_folder=folder, without_backup=True)


@pytest.fixture
def site(mariadb: Server) -> DatabaseAddress:
    return mariadb.small_site([(1, "epid", "EPID", "upload", BEFORE)])


def texts(address: DatabaseAddress) -> list[tuple[object, ...]]:
    with open_database(address) as session:
        return session.select("qa_test", "calculation_procedure")


def test_the_server_says_who_it_is(site: DatabaseAddress) -> None:
    with open_database(site) as session:
        assert session.server.startswith("MariaDB ")


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(plan("x", before="EPID = file.READ()"), id="another case"),
        pytest.param(plan("x", before=f"{BEFORE} "), id="a trailing blank more"),
        pytest.param(plan("x", before="\u00e9pid = FILE.read()"), id="an accent"),
        pytest.param(plan("x", slug="EPID"), id="a macro name in another case"),
    ],
)
def test_what_the_collation_calls_equal_is_seen_as_changed(
    site: DatabaseAddress, tmp_path: Path, wanted: RewritePlan
) -> None:
    text = wanted.items[0].procedure.source
    with open_database(site) as session:  # the trap is real: SQL finds the row
        assert session.fetch("SELECT id FROM qa_test WHERE calculation_procedure = %s", (text,)) == [(1,)]
    with pytest.raises(RowChangedError):
        run(site, wanted, tmp_path)
    assert texts(site) == [(BEFORE,)]


def test_a_table_of_binary_collation_is_read_applied_and_undone(
    mariadb: Server, site: DatabaseAddress, tmp_path: Path
) -> None:
    mariadb.run("ALTER TABLE qa_test CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", address=site)
    (procedure,) = read_database(site, ()).procedures  # type: ignore[misc]
    assert (procedure.slug, procedure.source) == ("epid", BEFORE)
    journal = run(site, plan("x = '\u00e9'"), tmp_path)
    assert journal
    undo_rewrites(journal.path, database=site)
    assert texts(site) == [(BEFORE,)]


def test_a_table_without_transactions_is_refused(mariadb: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    mariadb.run("ALTER TABLE qa_test ENGINE=MyISAM", address=site)
    with pytest.raises(ApplyError, match=r"MyISAM, without transactions.*ALTER TABLE qa_test ENGINE=InnoDB"):
        run(site, plan("x"), tmp_path)
    assert texts(site) == [(BEFORE,)]


@pytest.mark.parametrize(
    ("alter", "after"),
    [
        pytest.param("CONVERT TO CHARACTER SET latin1", "x = '\u4e2d'", id="a character that the column cannot hold"),
        pytest.param("MODIFY calculation_procedure varchar(30)", "x" * 31, id="a text longer than the column"),
    ],
)
def test_a_server_that_alters_texts_in_silence_is_caught(
    mariadb: Server, site: DatabaseAddress, tmp_path: Path, alter: str, after: str
) -> None:
    mariadb.run(f"ALTER TABLE qa_test {alter}", address=site)
    mariadb.run("SET GLOBAL sql_mode = ''")
    try:
        with pytest.raises(ApplyError, match="does not keep the text"):
            run(site, plan(after), tmp_path)
    finally:
        mariadb.run("SET GLOBAL sql_mode = DEFAULT")
    assert texts(site) == [(BEFORE,)]
    assert list(tmp_path.iterdir()) == []


def test_a_login_that_may_only_read_is_told(mariadb: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    mariadb.run(
        "CREATE OR REPLACE USER 'reader'@'127.0.0.1' IDENTIFIED BY 's3cret pw'",
        f"GRANT SELECT ON {site.name}.* TO 'reader'@'127.0.0.1'",
    )
    reader = mariadb.address(site.name, user="reader")
    with pytest.raises(DatabaseError, match=r"UPDATE command denied.*Give this login"):
        run(reader, plan("x"), tmp_path)
    assert texts(reader) == [(BEFORE,)]
