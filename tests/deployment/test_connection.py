from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import empty, settings

from tests.interrupts import interrupted_runs
from upgrade_kit.deployment import connection as connection_module
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import DatabaseError


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- Django's settings ---------------------------------------------------------------------------


def test_settings_are_as_unconfigured_afterwards_as_before(site: DatabaseAddress) -> None:
    assert run_python(
        f"""
        from django.conf import settings
        from upgrade_kit.deployment.address import DatabaseAddress
        from upgrade_kit.deployment.connection import open_database
        address = DatabaseAddress(vendor="sqlite", name={site.name!r})
        with open_database(address) as outer, open_database(address) as inner:
            print(outer.fetch("SELECT 1"), inner.fetch("SELECT 2"))
        print(settings.configured)
        settings.configure(DEBUG=True)
        print(settings.DEBUG)
        """
    ).splitlines() == ["[(1,)] [(2,)]", "False", "True"]


def test_the_module_that_the_environment_names_is_never_imported(site: DatabaseAddress, tmp_path: Path) -> None:
    (tmp_path / "site_settings.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    assert (
        run_python(
            f"""
            import sys
            from upgrade_kit.deployment.address import DatabaseAddress
            from upgrade_kit.deployment.connection import open_database
            with open_database(DatabaseAddress(vendor="sqlite", name={site.name!r})) as session:
                session.fetch("SELECT 1"), session.table_names(), session.column_names("qa_test")
            print("site_settings" in sys.modules)
            """,
            DJANGO_SETTINGS_MODULE="site_settings",
            PYTHONPATH=str(tmp_path),
        )
        == "False"
    )


def test_a_configured_django_is_left_alone(site: DatabaseAddress) -> None:
    assert (
        run_python(
            f"""
        from django.conf import settings
        settings.configure(DEBUG=True, USE_TZ=False, DATABASES={{"default": {{
            "ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}})
        import django
        django.setup()
        from django.db import connection
        from upgrade_kit.deployment.address import DatabaseAddress
        from upgrade_kit.deployment.connection import open_database
        before = settings._wrapped
        connection.cursor().execute("SELECT 1")
        with open_database(DatabaseAddress(vendor="sqlite", name={site.name!r})) as session:
            session.fetch("SELECT 2")
            connection.cursor().execute("SELECT 3")
        print(settings._wrapped is before, [query["sql"] for query in connection.queries])
        connection.close()
        """
        )
        == "True ['SELECT 1', 'SELECT 3']"
    )


def test_the_loan_ends_when_the_connection_fails(tmp_path: Path) -> None:
    from django.conf import settings  # noqa: PLC0415 - only this test looks

    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseError), open_database(DatabaseAddress(vendor="sqlite", name=str(broken))):
        pass
    assert not settings.configured


def test_sessions_of_several_threads_share_the_loan(site: DatabaseAddress) -> None:
    from django.conf import settings  # noqa: PLC0415 - only this test looks

    together = threading.Barrier(4, timeout=60)
    seen: list[int] = []

    def work() -> None:
        with open_database(site) as session:
            together.wait()
            seen.append(session.count("qa_test"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [5, 5, 5, 5]
    assert not settings.configured


# --- SQLite --------------------------------------------------------------------------------------


def test_a_session_says_where_it_is(site: DatabaseAddress) -> None:
    with open_database(site) as session:
        assert (session.vendor, session.name, session.file) == ("sqlite", site.name, Path(site.name))
        assert session.server == f"SQLite {sqlite3.sqlite_version}"
        assert session.read_only
        assert session.table_names() == ("django_migrations", "django_site", "qa_test")
        assert session.column_names("qa_test")[:3] == ("id", "name", "slug")


def test_reading_cannot_write(site: DatabaseAddress) -> None:
    with open_database(site) as session, pytest.raises(DatabaseError, match="readonly"):
        session.execute("DELETE FROM qa_test")


def test_writing_is_kept_when_the_transaction_ends(site: DatabaseAddress) -> None:
    with open_database(site, writable=True) as session:
        assert not session.read_only
        with session.transaction():
            assert session.execute("UPDATE qa_test SET slug = %s WHERE id < %s", ("x", 3)) == 2
    with open_database(site) as session:
        assert [row[0] for row in session.select("qa_test", "slug")][:3] == ["x", "x", "plain"]


def test_nothing_is_kept_when_the_block_raises(site: DatabaseAddress) -> None:
    with open_database(site, writable=True) as session:
        with pytest.raises(DatabaseError, match="nowhere"), session.transaction():  # noqa: PT012 - as a caller does
            session.execute("DELETE FROM qa_test")
            session.execute("DELETE FROM nowhere")
        assert session.count("qa_test") == 5


def test_a_reading_transaction_sees_one_moment(site: DatabaseAddress) -> None:
    with open_database(site) as session, session.transaction():
        before = session.count("qa_test")
        with (
            closing(sqlite3.connect(site.name, timeout=0, isolation_level=None)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("DELETE FROM qa_test")
        assert session.count("qa_test") == before


@pytest.mark.parametrize("text", ["", "a % b %s", "\r\n \t", "\0", "\U0001f600", "'; DROP TABLE qa_test; --"])
def test_values_go_through_parameters(site: DatabaseAddress, text: str) -> None:
    with open_database(site, writable=True) as session:
        session.execute("UPDATE qa_test SET calculation_procedure = %s WHERE id = %s", (text, 1))
        rows = session.select("qa_test", "calculation_procedure", where=("id", 1))
    assert rows == [(text,)]


def test_a_percent_sign_without_values_is_one(site: DatabaseAddress) -> None:
    with open_database(site) as session:
        assert session.fetch("SELECT '100%', 7 % 4") == [("100%", 3)]


def test_a_missing_column_is_an_error_and_not_its_own_name(site: DatabaseAddress) -> None:
    with open_database(site) as session, pytest.raises(DatabaseError, match="no such column"):
        session.select("qa_test", "hidden")


def test_a_name_is_quoted(site: DatabaseAddress) -> None:
    with open_database(site) as session:
        assert session.column("qa_test", "select") == '"qa_test"."select"'


def test_a_name_may_hold_the_mark_that_it_is_quoted_with(tmp_path: Path) -> None:
    address = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "odd.db"))
    with closing(sqlite3.connect(address.name)) as connection, connection:
        connection.execute('CREATE TABLE "od""d" ("a""b" text)')
    with open_database(address, writable=True) as session:
        names = ('od"d', 'a"b')
        session.insert(names[0], names[1:], [["x"]])
        assert session.fetch("SELECT " + session.column(*names) + " FROM " + session.quote(names[0])) == [("x",)]


def test_a_text_that_is_no_utf8_does_not_end_the_read(site: DatabaseAddress) -> None:
    with closing(sqlite3.connect(site.name)) as connection, connection:
        connection.execute("UPDATE qa_test SET slug = CAST(x'61ff' AS TEXT) WHERE id = 2")
    with open_database(site) as session:
        assert [row[0] for row in session.select("qa_test", "slug")][:2] == ["epid", "a\udcff"]


def test_a_date_that_is_none_does_not_end_the_read(tmp_path: Path) -> None:
    file = tmp_path / "dates.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE t (id integer, at datetime)")
        connection.execute("INSERT INTO t VALUES (1, 'yesterday')")
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        assert session.select("t", "at") == [("yesterday",)]


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    file = tmp_path / "empty.db"
    file.touch()
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        assert session.table_names() == ()
    assert file.stat().st_size == 0


# --- Drivers that are not there ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "hidden", "extra"),
    [
        ("postgresql", ("psycopg", "psycopg2"), "postgresql"),
        ("mysql", ("MySQLdb",), "mysql"),
        ("mssql", ("pyodbc",), "sqlserver"),
    ],
)
def test_a_missing_driver_names_the_extra(vendor: str, hidden: tuple[str, ...], extra: str) -> None:
    assert f'pip install "upgrade-kit[{extra}]"' in run_python(
        f"""
            import sys
            from importlib.abc import MetaPathFinder
            from importlib import machinery
            real = machinery.PathFinder.find_spec
            machinery.PathFinder.find_spec = (
                lambda name, *rest: None if name in {hidden!r} else real(name, *rest)
            )
            from pathlib import Path
            from upgrade_kit.deployment.address import parse_database_url
            from upgrade_kit.deployment.connection import open_database
            from upgrade_kit.errors import DriverMissingError
            try:
                with open_database(parse_database_url("{vendor}://h/n", base=Path())):
                    pass
            except DriverMissingError as error:
                print(error)
            """
    )


# --- stopped in the middle ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # connections, left to be collected
def test_an_interrupt_before_any_line_leaves_no_loan_no_lock_and_all_of_a_transaction_or_none(
    site: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An interrupt can come between the lock and what gives it back: no later test may wait for that one.
    monkeypatch.setattr(connection_module, "_lock", threading.RLock())
    place = tmp_path / "interrupted"
    place.mkdir()

    def prepare(folder: Path) -> None:
        connection_module._loans.clear()
        settings._wrapped = empty
        shutil.copy(site.name, folder / "site.sqlite3")

    def write(folder: Path) -> None:
        copy = DatabaseAddress(vendor="sqlite", name=str(folder / "site.sqlite3"))
        with open_database(copy, writable=True) as session, session.transaction():
            for number in range(2):
                session.execute("UPDATE qa_test SET slug = %s WHERE id = %s", ("changed", number + 1))

    lent, found = [], set()
    for line, folder, _ in interrupted_runs((connection_module,), place, prepare, write, times=3, at_least=90):
        if settings.configured:
            lent.append(line)
        with closing(sqlite3.connect(folder / "site.sqlite3", timeout=0)) as other, other:  # no lock is left
            found.add(other.execute("SELECT COUNT(*) FROM qa_test WHERE slug = 'changed'").fetchone()[0])
            other.execute("DELETE FROM qa_test")
    assert len(lent) <= 4  # the lines that give it back
    assert found == {0, 2}
    with ThreadPoolExecutor(1) as other_thread:  # nor the kit's own
        assert other_thread.submit(connection_module._lock.acquire, timeout=0).result()
        other_thread.submit(connection_module._lock.release).result()
