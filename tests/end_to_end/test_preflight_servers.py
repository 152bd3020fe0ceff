"""The checks of the database server on servers that run: PostgreSQL and MariaDB of the tests' own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.server import read_server
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.server import Identity, Rights, Sessions
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

OWN = tuple(f"UK{number}" for number in range(205, 221))
PASSWORD = "s3cret pw"


class Server(Protocol):
    vendor: str
    admin: DatabaseAddress

    def address(self, name: str, *, user: str | None = None, password: str = ...) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...
    def new_database(self) -> DatabaseAddress: ...
    def copy_of(self, file: Path) -> DatabaseAddress: ...


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sample") / "site.sqlite3"
    build_sample_database(file, VersionGraph.load().resolve("0.2.9.1"))
    return file


def owned(server: Server, sample: Path, name: str) -> DatabaseAddress:
    """A site as the guide sets it up: a login of its own, which made the database's tables."""
    address = server.copy_of(sample)
    if server.vendor == "postgresql":
        server.run(
            f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'", f'ALTER DATABASE "{address.name}" OWNER TO {name}'
        )
        server.run(f"ALTER SCHEMA public OWNER TO {name}", address=address)
        with open_database(address) as session:
            tables = session.table_names()
        server.run(*(f'ALTER TABLE "{table}" OWNER TO {name}' for table in tables), address=address)
    else:
        pattern = address.name.replace("_", "\\_")
        server.run(
            f"CREATE USER '{name}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT ALL ON `{pattern}`.* TO '{name}'@'127.0.0.1'",
        )
    return replace(address, user=name, password=PASSWORD)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"site_{abs(hash(request.node.nodeid)) % 10**9}"


@pytest.fixture
def site(server: Server, sample: Path, name: str) -> DatabaseAddress:
    return owned(server, sample, name)


def observed(address: DatabaseAddress) -> Deployment:
    return survey(None, database=address.shown, password=PASSWORD, interpreters=False)


def answers(address: DatabaseAddress, ids: Sequence[str] = OWN) -> dict[str, Result]:
    return {result.id: result.result for result in run_preflight(observed(address), only=ids).results}


def answer(address: DatabaseAddress, id_: str) -> Result:
    return answers(address, [id_])[id_]


def findings(address: DatabaseAddress, id_: str) -> tuple[Finding, ...]:
    result = answer(address, id_)
    assert isinstance(result, Found), result
    return result.findings


def test_a_default_server_with_the_sites_own_login_has_nothing_to_act_on(site: DatabaseAddress) -> None:
    found = answers(site)
    loud = {
        id_: finding
        for id_, result in found.items()
        if isinstance(result, Found)
        for finding in result.findings
        if finding.severity is not Severity.INFO
    }
    assert loud == {}
    assert [id_ for id_ in OWN if isinstance(found[id_], CouldNotRun)] == []
    assert {id_ for id_ in OWN if isinstance(found[id_], Passed)} >= {"UK205", "UK209", "UK210", "UK211", "UK215"}


def test_somebody_else_who_is_connected_is_named(server: Server, site: DatabaseAddress) -> None:
    with open_database(replace(site, options=(("application_name", "pgAdmin"),) if _pg(server) else ())) as _:
        assert not any("pgAdmin" in finding.message for finding in _found(answer(site, "UK214")))  # the kit's own
    with another_program(server, site, "SELECT 1"):
        (finding, *rest) = findings(site, "UK214")
    assert site.user in finding.message
    assert finding.severity is Severity.INFO
    assert len(rest) == (0 if _pg(server) else 1)  # MariaDB shows such a login its own sessions alone


def test_an_open_transaction_of_another_is_a_warning(server: Server, site: DatabaseAddress) -> None:
    with another_program(server, site, "UPDATE qa_test SET name = name", keeps=True):
        seen = answer(site if _pg(server) else replace(site, user=server.admin.user), "UK214")
    assert any(finding.severity is Severity.WARNING for finding in _found(seen)), seen


def test_nobody_else_is_nobody(server: Server, site: DatabaseAddress) -> None:
    sessions = read_server(site).sessions
    assert isinstance(sessions, Sessions)
    assert sessions.others == ()


def _pg(server: Server) -> bool:
    return server.vendor == "postgresql"


def _found(result: Result) -> tuple[Finding, ...]:
    return result.findings if isinstance(result, Found) else ()


@contextmanager
def another_program(server: Server, site: DatabaseAddress, sql: str, *, keeps: bool = False) -> Iterator[None]:
    """Connect as another program does: not through the kit, which leaves its own connections out."""
    if server.vendor == "postgresql":
        import psycopg  # noqa: PLC0415 - an extra

        with psycopg.connect(
            dbname=site.name, host=site.host, port=site.port, user=site.user, password=site.password
        ) as connection:
            connection.execute(sql)
            if not keeps:
                connection.commit()
            yield
            connection.rollback()
        return
    import MySQLdb  # type: ignore[import-untyped]  # noqa: PLC0415 - as above

    other = MySQLdb.connect(
        host=site.host, port=int(site.port), user=site.user, password=site.password, database=site.name
    )
    try:
        with other.cursor() as cursor:
            cursor.execute(sql)
        if not keeps:
            other.commit()
        yield
    finally:
        other.rollback()
        other.close()


class TestRights:
    def test_a_login_that_only_reads_is_told_what_it_lacks_and_what_to_type(
        self, server: Server, site: DatabaseAddress, name: str
    ) -> None:
        reader = _reader(server, site, f"r{name[5:]}")
        found = findings(reader, "UK209")
        assert {finding.severity for finding in found} == {Severity.ERROR}
        typed = [line.strip() for finding in found for line in finding.hint.splitlines() if line.startswith("    ")]
        assert typed
        server.run(*typed, address=replace(site, user=server.admin.user))
        assert isinstance(answer(reader, "UK209"), Passed)

    def test_what_a_reading_login_can_be_told_is_told(self, server: Server, site: DatabaseAddress, name: str) -> None:
        seen = read_server(_reader(server, site, f"w{name[5:]}"))
        assert isinstance(seen.identity, Identity)
        assert isinstance(seen.rights, Rights)
        for part in (seen.texts, seen.room, seen.sessions, seen.standing):
            assert not isinstance(part, Unobserved)

    def test_a_backup_needs_more_than_the_sites_tables(self, server: Server, site: DatabaseAddress) -> None:
        if not _pg(server):
            pytest.skip("a MySQL login has rights on the whole database")
        server.run(
            "CREATE SCHEMA closed",
            "CREATE TABLE closed.secret (id integer)",
            address=replace(site, user=server.admin.user),
        )
        (finding,) = findings(site, "UK210")
        assert "closed.secret" in finding.message
        assert 'GRANT USAGE ON SCHEMA "closed"' in finding.hint
        assert isinstance(answer(site, "UK209"), Passed)


def _reader(server: Server, site: DatabaseAddress, user: str) -> DatabaseAddress:
    if _pg(server):
        server.run(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'")
        as_admin = replace(site, user=server.admin.user)
        server.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", address=as_admin)
    else:
        server.run(
            f"CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT SELECT ON `{site.name}`.* TO '{user}'@'127.0.0.1'",
        )
    return replace(site, user=user)


@pytest.mark.postgresql
class TestPostgresql:
    @pytest.fixture
    def server(self, postgresql: Server) -> Server:
        return postgresql

    def test_tables_that_somebody_else_owns_are_named(self, server: Server, site: DatabaseAddress, name: str) -> None:
        admin = replace(site, user=server.admin.user)
        server.run(f"ALTER TABLE qa_test OWNER TO {server.admin.user}", address=admin)
        server.run(f"GRANT ALL ON qa_test TO {name}", address=admin)
        (finding,) = findings(site, "UK209")
        assert "does not own 1 table" in finding.message
        assert f'ALTER TABLE "public"."qa_test" OWNER TO "{name}";' in finding.hint

    def test_a_table_of_another_program_is_nobodys_business(self, server: Server, site: DatabaseAddress) -> None:
        admin = replace(site, user=server.admin.user)
        server.run("CREATE TABLE monitoring (id integer)", "GRANT SELECT ON monitoring TO PUBLIC", address=admin)
        assert isinstance(answer(site, "UK209"), Passed)

    def test_since_15_nobody_may_create_in_public_unasked(
        self, server: Server, site: DatabaseAddress, name: str
    ) -> None:
        admin = replace(site, user=server.admin.user)
        server.run(f"ALTER SCHEMA public OWNER TO {server.admin.user}", address=admin)
        server.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", address=admin)
        (finding,) = findings(site, "UK209")
        assert f'GRANT USAGE, CREATE ON SCHEMA "public" TO "{name}";' in finding.hint

    def test_rights_of_a_role_that_the_login_is_in_count(self, server: Server, site: DatabaseAddress) -> None:
        member = f"m{site.user[5:]}"
        server.run(f"CREATE ROLE {member} LOGIN PASSWORD '{PASSWORD}' IN ROLE {site.user}")
        assert isinstance(answer(replace(site, user=member), "UK209"), Passed)

    def test_a_search_path_that_leads_elsewhere_is_an_error(self, server: Server, site: DatabaseAddress) -> None:
        server.run(f"CREATE SCHEMA mine AUTHORIZATION {site.user}", address=replace(site, user=server.admin.user))
        server.run(f"ALTER ROLE {site.user} SET search_path = mine")
        found = findings(site, "UK209")
        assert any('SET search_path = "public"' in finding.hint for finding in found)

    def test_another_encoding_than_utf8_is_told(self, server: Server) -> None:
        name = f"latin_{time.monotonic_ns()}"
        server.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
        (finding,) = findings(server.address(name), "UK211")
        assert (finding.severity, "LATIN1" in finding.message) == (Severity.WARNING, True)

    def test_a_login_that_may_only_read_by_its_settings_cannot_migrate(
        self, server: Server, site: DatabaseAddress
    ) -> None:
        server.run(f'ALTER DATABASE "{site.name}" SET default_transaction_read_only = on')
        (finding,) = findings(site, "UK215")
        assert finding.severity is Severity.ERROR
        assert "RESET default_transaction_read_only" in finding.hint


@pytest.mark.mariadb
class TestMariadb:
    @pytest.fixture
    def server(self, mariadb: Server) -> Server:
        return mariadb

    def test_myisam_is_told_with_what_to_type(self, server: Server, site: DatabaseAddress) -> None:
        server.run("ALTER TABLE qa_test ENGINE=MyISAM", address=site)
        assert isinstance(answer(site, "UK218"), NotApplicable)  # one of the two tells it
        (finding,) = findings(site, "UK325")
        assert "qa_test (MyISAM)" in finding.message
        server.run(finding.hint.splitlines()[-1].strip(), address=site)
        assert isinstance(answer(site, "UK325"), Passed)
        assert isinstance(answer(site, "UK218"), Passed)

    def test_latin1_is_told_and_mended_by_what_is_to_be_typed(self, server: Server, site: DatabaseAddress) -> None:
        server.run("ALTER TABLE qa_test CONVERT TO CHARACTER SET latin1", address=site)
        server.run(f"ALTER DATABASE `{site.name}` CHARACTER SET latin1", address=site)
        found = [finding for finding in findings(site, "UK211") if finding.severity is Severity.WARNING]
        assert len(found) == 2
        for finding in found:
            server.run(finding.hint.splitlines()[-1].strip(), address=site)
        left = answer(site, "UK211")
        assert isinstance(left, Passed) or {one.severity for one in _found(left)} == {Severity.INFO}

    def test_long_keys_need_another_row_format(self, server: Server, site: DatabaseAddress) -> None:
        server.run("DROP TABLE IF EXISTS qa_tolerance", address=site)
        server.run(
            "CREATE TABLE qa_tolerance (id integer PRIMARY KEY, name varchar(255)) CHARACTER SET utf8mb4 "
            "ROW_FORMAT=COMPACT",
            address=site,
        )
        (finding,) = findings(site, "UK212")
        assert "qa_tolerance.name a key of 1020 bytes" in finding.message
        server.run(finding.hint.splitlines()[-1].strip(), address=site)
        assert isinstance(answer(site, "UK212"), Passed)

    def test_a_role_that_is_switched_on_counts_and_one_that_is_not_does_not(
        self, server: Server, site: DatabaseAddress
    ) -> None:
        user, role = f"u{site.user[5:]}", f"role_{site.user[5:]}"
        server.run(
            f"CREATE ROLE {role}",
            f"GRANT ALL ON `{site.name}`.* TO {role}",
            f"CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT SELECT ON `{site.name}`.* TO '{user}'@'127.0.0.1'",
            f"GRANT {role} TO '{user}'@'127.0.0.1'",
        )
        member = replace(site, user=user)
        assert isinstance(answer(member, "UK209"), Found)
        server.run(f"SET DEFAULT ROLE {role} FOR '{user}'@'127.0.0.1'")
        assert isinstance(answer(member, "UK209"), Passed)

    def test_a_server_that_only_reads_is_told(self, server: Server, site: DatabaseAddress) -> None:
        server.run("SET GLOBAL read_only = ON")
        try:
            (finding,) = findings(site, "UK215")
        finally:
            server.run("SET GLOBAL read_only = OFF")
        assert finding.severity is Severity.ERROR


def test_a_server_that_does_not_answer_is_unknown_and_no_pass(server: Server, site: DatabaseAddress) -> None:
    found = answers(replace(site, user="nobody_there"))
    assert not any(isinstance(result, Passed | Found) for result in found.values())
    assert isinstance(found["UK205"], CouldNotRun)
    assert isinstance(found["UK208"], NotApplicable)
