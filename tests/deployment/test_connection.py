from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import empty, settings

from tests.interrupts import interrupted_runs
from upgrade_kit.deployment import connection as connection_module
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.errors import DatabaseError, DriverMissingError


def text_of(caught: pytest.ExceptionInfo[DatabaseError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


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


@pytest.fixture
def closed_port() -> Iterator[str]:
    """A loopback port that is taken and answers nobody."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield str(taken.getsockname()[1])


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


@pytest.mark.parametrize("name", ["a b#c?d%41&mode=memory.db", "\u00e9t\u00e9 \u4e2d.db", 'it\'s "x";.db'])
def test_any_path_opens_the_file_of_that_name(tmp_path: Path, name: str) -> None:
    if os.name == "nt" and set(name) & set('?"'):
        pytest.skip("Windows has no such names")
    with closing(sqlite3.connect(tmp_path / name)) as connection, connection:
        connection.execute("CREATE TABLE here (id integer)")
    with open_database(DatabaseAddress(vendor="sqlite", name=str(tmp_path / name))) as session:
        assert session.table_names() == ("here",)


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


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    for writable in (False, True):
        address = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "none.db"))
        with pytest.raises(DatabaseError, match="no such file"), open_database(address, writable=writable):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_told_as_one(tmp_path: Path) -> None:
    with (
        pytest.raises(DatabaseError, match="is a folder"),
        open_database(DatabaseAddress(vendor="sqlite", name=str(tmp_path))),
    ):
        pass


@pytest.mark.parametrize("content", [b"PK\x03\x04" * 300, b"SQLite format 3\0" + b"\xff" * 2000, b"x"])
def test_a_file_that_is_not_sqlite_is_told_as_one(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "report.xlsx"
    file.write_bytes(content)
    address = DatabaseAddress(vendor="sqlite", name=str(file))
    with (
        pytest.raises(DatabaseError, match=r"file is not a database.*check the path") as caught,
        open_database(address),
    ):
        pass
    assert "report.xlsx" in text_of(caught)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a way to die without a word")
def test_a_write_that_was_cut_off_is_told_when_reading_and_healed_when_writing(site: DatabaseAddress) -> None:
    child = f"""
        import os, signal, sqlite3
        connection = sqlite3.connect({site.name!r}, isolation_level=None)
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE qa_test SET slug = 'half'")
        connection.execute("CREATE TABLE big (x)")
        connection.executemany("INSERT INTO big VALUES (?)", [("x" * 4000,)] * 50)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(child)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(DatabaseError, match=r"interrupted.*-journal"), open_database(site):
        pass
    with open_database(site, writable=True) as session:
        assert session.table_names() == ("django_migrations", "django_site", "qa_test")
        assert session.select("qa_test", "slug", where=("id", 1)) == [("epid",)]


def test_a_locked_file_says_what_to_stop(site: DatabaseAddress) -> None:
    address = DatabaseAddress(vendor="sqlite", name=site.name, options=(("timeout", "0"),))
    with closing(sqlite3.connect(site.name, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with (
            pytest.raises(DatabaseError, match=r"database is locked.*stop the web server"),
            open_database(address),
        ):
            pass


# --- Servers that are not there ------------------------------------------------------------------


@pytest.mark.parametrize("vendor", ["postgresql", "mysql", "mssql"])
def test_a_port_that_answers_nobody_is_told_without_the_password(vendor: str, closed_port: str) -> None:
    for module in {"postgresql": ("psycopg",), "mysql": ("MySQLdb",), "mssql": ("mssql", "pyodbc")}[vendor]:
        pytest.importorskip(module, exc_type=ImportError)
    if vendor == "mssql":
        import pyodbc  # noqa: PLC0415 - an extra

        if not pyodbc.drivers():
            pytest.skip("no ODBC driver is registered")
    url = f"{vendor}://qa:s3cret@127.0.0.1:{closed_port}/site"
    address = parse_database_url(url, base=Path())
    with pytest.raises(DatabaseError, match="Check host, port") as caught, open_database(address):
        pass
    assert "s3cret" not in text_of(caught)
    assert f"{vendor}://qa@127.0.0.1:{closed_port}/site" in text_of(caught)


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


def test_an_unknown_odbc_driver_lists_those_that_are_installed() -> None:
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql")
    address = parse_database_url("mssql://h/n?driver=Nobody's", base=Path())
    with pytest.raises(DatabaseError, match="Nobody's") as caught, open_database(address):
        pass
    assert all(driver in text_of(caught) for driver in pyodbc.drivers())
    assert not isinstance(caught.value, DriverMissingError)


def odbc_driver(kind: str) -> str:
    """Return FreeTDS by its name or Microsoft's driver by its path; skips where it is not there."""
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql")
    if kind == "FreeTDS":
        if "FreeTDS" not in pyodbc.drivers():
            pytest.skip("FreeTDS is not registered")
        return kind
    package = pytest.importorskip("mssql_python_odbc")
    found = sorted(Path(package.__file__).parent.rglob("libmsodbcsql*.so*"))
    here = [file for file in found if {"debian_ubuntu", platform.machine()} <= set(file.parts)]
    if not here:
        pytest.skip("the wheel holds no driver for this system")
    return str(here[0])


@pytest.mark.parametrize("kind", ["FreeTDS", "Microsoft's by its path"])
def test_a_sql_server_driver_reaches_for_host_and_port(kind: str) -> None:
    driver = odbc_driver(kind)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        heard: list[bytes] = []

        def hang_up() -> None:
            caller, _ = server.accept()
            with caller:
                caller.settimeout(10)
                heard.append(caller.recv(1))

        listener = threading.Thread(target=hang_up)
        listener.start()
        address = parse_database_url(
            f"mssql://qa:s3cret@127.0.0.1:{server.getsockname()[1]}/site"
            f"?driver={driver}&Encrypt=optional&connection_timeout=2",
            base=Path(),
        )
        with pytest.raises(DatabaseError) as caught, open_database(address):
            pass
        if "can't open lib" in str(caught.value).lower():
            with socket.create_connection(server.getsockname()):
                listener.join()
            pytest.skip("the driver does not load here")
        listener.join()
    assert heard == [b"\x12"]  # a pre-login of TDS 7
    assert "s3cret" not in text_of(caught)


def test_an_option_cannot_smuggle_in_another(closed_port: str) -> None:
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    pytest.importorskip("mssql")
    if not pyodbc.drivers():
        pytest.skip("no ODBC driver is registered")
    address = parse_database_url(f"mssql://h:{closed_port}/n?Encrypt;UID=no", base=Path())
    with pytest.raises(DatabaseError, match="no option of an ODBC connection"), open_database(address):
        pass


# --- stopped in the middle ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # connections, left to be collected
def test_an_interrupt_before_any_line_leaves_no_loan_no_lock_and_all_of_a_transaction_or_none(
    site: DatabaseAddress, tmp_path: Path
) -> None:
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
    for line, folder, _ in interrupted_runs((connection_module,), place, prepare, write, times=3, at_least=120):
        if settings.configured:
            lent.append(line)
        with closing(sqlite3.connect(folder / "site.sqlite3", timeout=0)) as other, other:  # no lock is left
            found.add(other.execute("SELECT COUNT(*) FROM qa_test WHERE slug = 'changed'").fetchone()[0])
            other.execute("DELETE FROM qa_test")
    assert len(lent) <= 4  # the lines that give it back
    assert found == {0, 2}
