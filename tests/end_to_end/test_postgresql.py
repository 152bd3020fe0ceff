"""What is PostgreSQL's own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.store import apply_rewrites
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan

pytestmark = pytest.mark.postgresql


class Server(Protocol):
    def address(self, name: str, *, user: str | None = None, password: str = ...) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...
    def small_site(self, tests: list[tuple[int, str, str, str, str | None]]) -> DatabaseAddress: ...


def plan(after: str) -> RewritePlan:
    procedure = Procedure(test_id=1, slug="epid", name="EPID", type="upload", source="epid = FILE.read()")
    rewrite = Rewrite(
        outcome=Outcome.REWRITE, reads=Reads.BYTES, reason="because", before=procedure.source, source=after
    )
    return RewritePlan(
        items=(PlannedRewrite(procedure=procedure, rewrite=rewrite, listed=True, selected=True),), listed=1
    )


@pytest.fixture
def site(postgresql: Server) -> DatabaseAddress:
    return postgresql.small_site([(1, "epid", "EPID", "upload", "epid = FILE.read()")])


def texts(address: DatabaseAddress) -> list[tuple[object, ...]]:
    with open_database(address) as session:
        return session.select("qa_test", "calculation_procedure")


def test_the_server_says_who_it_is(site: DatabaseAddress) -> None:
    with open_database(site) as session:
        assert session.server.startswith("PostgreSQL ")


def test_a_nul_that_the_server_cannot_hold_is_told_and_nothing_written(site: DatabaseAddress, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="NUL"):
        apply_rewrites(plan("a\0b"), database=site, backup=None, journal_folder=tmp_path, without_backup=True)
    assert texts(site) == [("epid = FILE.read()",)]
    assert list(tmp_path.iterdir()) == []


def test_a_login_that_may_only_read_is_told(postgresql: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    postgresql.run(
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN PASSWORD 's3cret pw'",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        address=site,
    )
    reader = postgresql.address(site.name, user="reader")
    try:
        with pytest.raises(DatabaseError, match=r"permission denied for table qa_test.*Give this login"):
            apply_rewrites(plan("x"), database=reader, backup=None, journal_folder=tmp_path, without_backup=True)
        assert texts(reader) == [("epid = FILE.read()",)]
    finally:
        postgresql.run("DROP OWNED BY reader", "DROP ROLE reader", address=site)
