from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.settings import read_settings, vendor_of
from upgrade_kit.model.deployment import (
    DatabaseSettings,
    Settings,
)
from upgrade_kit.model.unobserved import Unobserved

SECRET = "hunter-2-hunter"


def write(site: Path, text: str, *, version: str = "0.3.0", local: str | None = None) -> Path:
    (site / "qatrack").mkdir(exist_ok=True)
    (site / "manage.py").touch()
    head = f"import os\nVERSION = '{version}'\n"
    (site / "qatrack" / "settings.py").write_text(head + text, encoding="utf-8")
    if local is not None:
        (site / "qatrack" / "local_settings.py").write_text(local, encoding="utf-8")
    return site


def known(site: Path, password: str | None = None) -> Settings:
    found, _ = read_settings(site, password)
    assert isinstance(found, Settings), found
    return found


def database(site: Path) -> DatabaseSettings:
    found = known(site).database
    assert isinstance(found, DatabaseSettings), found
    return found


def address(site: Path, password: str | None = None) -> DatabaseAddress:
    found = read_settings(site, password)[1]
    assert isinstance(found, DatabaseAddress), found
    return found


def default(**entries: object) -> str:
    return f"DATABASES = {{'default': {entries!r}}}\n"


# The sample sites


def test_sqlite(fixtures: Path) -> None:
    site = fixtures / "sites" / "0.2.8-sqlite"
    assert address(site) == DatabaseAddress(vendor="sqlite", name=str(site / "db" / "qatrack.sqlite3"))
    assert database(site).where == "qatrack/local_settings.py:6"
    assert known(site).files == (site / "qatrack" / "settings.py", site / "qatrack" / "local_settings.py")
    assert known(site).notes == ()


def test_without_local_settings_the_database_is_the_one_that_the_application_came_with(fixtures: Path) -> None:
    site = fixtures / "sites" / "0.3.0-sqlite"
    assert address(site).name == str(site / "db" / "default.db")
    assert known(site).notes == ("there is no local_settings.py: the values are those that QATrack+ came with",)
    assert known(site).media_root == site / "qatrack" / "media"


def test_sql_server_in_python_2(fixtures: Path) -> None:
    site = fixtures / "sites" / "0.2.9.1-sqlserver"
    assert address(site) == DatabaseAddress(
        vendor="microsoft",
        name="qatrackdb",
        user="qatrack",
        password="sample-password",
        host="127.0.0.1\\SQLExpress",
    )
    found = database(site)
    assert found.engine == "sqlserver_ado"
    assert found.options == (("provider", "sqlncli11"), ("use_legacy_date_fields", "True"))
    assert found.has_password is True
    assert known(site).python2_only == ("qatrack/local_settings.py:2",)


def test_postgresql_with_the_password_in_the_environment(fixtures: Path) -> None:
    site = fixtures / "sites" / "0.2.9.1-postgresql"
    found = database(site)
    assert (found.name, found.port) == ("qatrackplus", "5432")
    assert isinstance(found.has_password, Unobserved)
    assert "the environment variable QATRACK_DB_PASSWORD" in found.has_password.reason
    assert address(site, "given").password == "given"
    unknown = read_settings(site)[1]
    assert isinstance(unknown, Unobserved)
    assert unknown.reason.endswith("(qatrack/local_settings.py:9); give it in UPGRADE_KIT_PASSWORD")


def test_what_is_set_under_a_condition_is_unknown_with_the_condition(fixtures: Path) -> None:
    found = known(fixtures / "sites" / "0.2.9.1-postgresql")
    reason = Unobserved("set only if os.environ.get('QATRACK_STAGING') (qatrack/local_settings.py:15)")
    assert found.media_root == reason
    assert dict(found.unknown) == {"MEDIA_ROOT": reason, "SITE_NAME": reason}


def test_a_syntax_error_names_file_and_line(fixtures: Path) -> None:
    found, where = read_settings(fixtures / "sites" / "syntax-error")
    reason = "qatrack/local_settings.py, line 6: neither Python 3 nor Python 2 can parse it"
    assert found == Unobserved(reason)
    assert where == Unobserved(f"the settings could not be read: {reason}")


def test_crlf_reads_like_lf(fixtures: Path) -> None:
    site = fixtures / "sites" / "crlf"
    assert b"\r\n" in (site / "qatrack" / "local_settings.py").read_bytes()
    assert address(site).name == str(site / "db" / "qatrack.sqlite3")


def test_cp1252_is_read_and_told(fixtures: Path) -> None:
    site = fixtures / "sites" / "cp1252"
    assert address(site).name == str(site / "db" / "qatrack-m\u00fcnchen.sqlite3")
    assert "byte 0xfc without a coding line" in known(site).notes[0]


# Which files count


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    connection.cursor().execute('PRAGMA legacy_alter_table=ON')", True),
        ("    # connection.cursor().execute('PRAGMA legacy_alter_table=ON')", False),
        ("    connection.cursor().execute('PRAGMA legacy_alter_table=OFF')", False),
    ],
)
def test_what_the_settings_tell_sqlite_of_renaming_is_known(tmp_path: Path, line: str, expected: bool) -> None:
    (tmp_path / "qatrack").mkdir()
    (tmp_path / "qatrack" / "settings.py").write_text(f"def keep(connection):\n    pass\n{line}\n", encoding="utf-8")
    settings, _ = read_settings(tmp_path)
    assert isinstance(settings, Settings)
    assert settings.alters_as_before is expected


def test_local_settings_overrides_settings(tmp_path: Path) -> None:
    text = default(ENGINE="django.db.backends.sqlite3", NAME="/a") + "from .local_settings import *\n"
    site = write(tmp_path, text, local="DATABASES = {'default': {'ENGINE': 'mysql', 'NAME': 'b'}}\n")
    assert database(site).engine == "mysql"


@pytest.mark.parametrize(
    ("version", "line", "name", "note"),
    [
        pytest.param("0.2.9.1", "from local_settings import *", "beside", "is in use", id="counts in 0.2.9"),
        pytest.param("0.3.0", "from .local_settings import *", "own", "is not in use", id="is ignored by 0.3.0"),
    ],
)
def test_a_local_settings_beside_manage_py(tmp_path: Path, version: str, line: str, name: str, note: str) -> None:
    text = default(ENGINE="mysql", NAME="own") + f"try:\n    {line}\nexcept ImportError:\n    pass\n"
    site = write(tmp_path, text, version=version)
    (site / "local_settings.py").write_text(default(ENGINE="mysql", NAME="beside"), encoding="utf-8")
    assert database(site).name == name
    assert any(f"local_settings.py beside manage.py {note}" in said for said in known(site).notes)


def test_the_one_inside_counts_in_0_2_where_there_are_both(tmp_path: Path) -> None:
    text = "try:\n    from local_settings import *\nexcept ImportError:\n    pass\n"
    site = write(tmp_path, text, version="0.2.9.1", local=default(ENGINE="mysql", NAME="inside"))
    (site / "local_settings.py").write_text(default(ENGINE="mysql", NAME="beside"), encoding="utf-8")
    assert database(site).name == "inside"


def test_an_import_that_the_site_may_lack_is_told(tmp_path: Path) -> None:
    text = "try:\n    from .local_settings import *\nexcept ImportError:\n    pass\n"
    site = write(tmp_path, text, local="import ldap\nimport json\n" + default(ENGINE="mysql", NAME="a"))
    assert database(site).name == "a"
    (note,) = (note for note in known(site).notes if "imports" in note)
    assert note.startswith("qatrack/local_settings.py:1 imports ldap; where the Python that runs the site lacks it")


def test_local_settings_that_import_a_file_that_is_not_there_are_passed_over_as_the_application_does(
    tmp_path: Path,
) -> None:
    text = (
        default(ENGINE="mysql", NAME="own") + "try:\n    from .local_settings import *\nexcept ImportError:\n    pass\n"
    )
    site = write(tmp_path, text, local=default(ENGINE="mysql", NAME="a") + "from .gone import *\n")
    assert database(site).name == "own"
    assert known(site).notes[0] == (
        "qatrack/local_settings.py:2 imports gone, which is not there;"
        " the application passes over that whole file without a word"
    )


def test_local_settings_that_must_be_there_and_are_not_stop_the_application(tmp_path: Path) -> None:
    found, _ = read_settings(write(tmp_path, "from .local_settings import *\n"))
    assert found == Unobserved(
        "qatrack/settings.py:3 imports local_settings, which is not there, so the application does not start"
    )


def test_a_folder_without_settings_is_a_reason(tmp_path: Path) -> None:
    found, where = read_settings(tmp_path)
    assert isinstance(found, Unobserved)
    assert isinstance(where, Unobserved)


def test_nothing_of_the_site_is_run(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    line = f"open({str(planted)!r}, 'w').close()\n"
    known(write(tmp_path, f"{line}os.mkdir({str(planted)!r})\nprint(os.system('echo'))\n"))
    assert not planted.exists()


# The database


@pytest.mark.parametrize(
    ("engine", "vendor"),
    [
        ("django.db.backends.sqlite3", "sqlite"),
        ("sqlite3", "sqlite"),
        ("django.db.backends.postgresql_psycopg2", "postgresql"),
        ("django.db.backends.postgresql", "postgresql"),
        ("django.db.backends.mysql", "mysql"),
        ("sqlserver_ado", "microsoft"),
        ("sql_server.pyodbc", "microsoft"),
        ("django_mssql", "microsoft"),
        ("mssql", "microsoft"),
    ],
)
def test_an_engine_has_a_vendor(engine: str, vendor: str) -> None:
    assert vendor_of(engine) == vendor


@pytest.mark.parametrize("engine", ["django.db.backends.oracle", "django.db.backends.dummy", ""])
def test_another_engine_is_a_reason(engine: str) -> None:
    assert isinstance(vendor_of(engine), Unobserved)


def test_a_relative_sqlite_file_is_looked_for_beside_manage_py_and_told(tmp_path: Path) -> None:
    site = write(tmp_path, default(ENGINE="django.db.backends.sqlite3", NAME="db/x.db"))
    assert address(site).name == str(tmp_path / "db" / "x.db")
    assert any("'db/x.db' is relative" in note for note in known(site).notes)


def test_an_absolute_windows_path_is_kept_on_any_system(tmp_path: Path) -> None:
    site = write(tmp_path, default(ENGINE="django.db.backends.sqlite3", NAME="C:\\data\\x.db"))
    assert address(site).name == "C:\\data\\x.db"
    assert not any("relative" in note for note in known(site).notes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("X = 1\n", "no file of the settings sets DATABASES", id="no DATABASES"),
        pytest.param("DATABASES = {}\n", "is not a dict with entries", id="no default"),
        pytest.param(default(ENGINE="django.db.backends.oracle", NAME="x"), "is none that QATrack+", id="Oracle"),
        pytest.param(default(ENGINE="django.db.backends.mysql"), "has no NAME", id="no name"),
        pytest.param(default(ENGINE="sqlite3", NAME=":memory:"), "is no file on disk", id="in memory"),
        pytest.param(default(ENGINE="mysql", NAME=b"x"), "is not text", id="a name that is no text"),
        pytest.param("import dj\nDATABASES = {'default': dj.config()}\n", "computed by dj.config()", id="computed"),
        pytest.param(
            "DATABASES = {'default': {'ENGINE': 'mysql', 'NAME': os.environ['N']}}\n",
            "name the database with --database",
            id="the name is taken from the environment",
        ),
    ],
)
def test_an_address_that_is_not_known_has_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    found = read_settings(write(tmp_path, text))[1]
    assert isinstance(found, Unobserved)
    assert reason in found.reason


def test_options_that_the_driver_here_understands_are_handed_on(tmp_path: Path) -> None:
    options = {"driver": "ODBC Driver 17", "provider": "sqlncli11", "use_mars": True}
    site = write(tmp_path, default(ENGINE="sql_server.pyodbc", NAME="x", OPTIONS=options))
    assert address(site).options == (("driver", "ODBC Driver 17"),)


def test_an_entry_set_later_counts_with_its_line(tmp_path: Path) -> None:
    text = default(ENGINE="sqlserver_ado", NAME="x") + "DATABASES['default']['ENGINE'] = 'sql_server.pyodbc'\n"
    found = database(write(tmp_path, text))
    assert (found.engine, found.where) == ("sql_server.pyodbc", "qatrack/settings.py:4")


# Secrets


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(default(ENGINE="mysql", NAME="x", PASSWORD=SECRET), id="the database password"),
        pytest.param(f"SECRET_KEY = '{SECRET}'\n", id="the secret key"),
        pytest.param(f"EMAIL_HOST_PASSWORD = '{SECRET}'\n", id="the mail password"),
        pytest.param(f"AD_LDAP_PW = '{SECRET}'\n", id="a directory password"),
        pytest.param(f"X = '{SECRET}'\nAPI_TOKEN = X\n", id="a text that a secret is taken from"),
        pytest.param(f"X = ['a', {{'b': 'user={SECRET}'}}]\nMY_SECRET = '{SECRET}'\n", id="a text that holds a secret"),
        pytest.param(f"AUTH = {{'PASSWORDS': ['{SECRET}']}}\n", id="a list of secrets"),
        pytest.param(f"BROKER = 'amqp://me:{SECRET}@host/x'\n", id="a URL with a password"),
        pytest.param(f"CONNECTION = 'SERVER=x;PWD={SECRET};UID=y'\n", id="a connection string"),
        pytest.param(
            default(ENGINE="mssql", NAME="x", OPTIONS={"extra_params": f"Encrypt=no;PWD={SECRET}"}), id="an option"
        ),
        pytest.param(default(ENGINE="mysql", NAME="x", OPTIONS={"passwd": SECRET}), id="an option that is one"),
        pytest.param(f"PASSWORD = '{SECRET}'\nif os.getenv('Q') == '{SECRET}':\n    X = 1\n", id="a condition"),
        pytest.param(
            default(ENGINE="mysql", NAME="x", PASSWORD=SECRET) + f"DATABASES['other'] = f('{SECRET}')\n", id="a call"
        ),
    ],
)
def test_no_secret_is_told(tmp_path: Path, text: str) -> None:
    found, where = read_settings(write(tmp_path, text))
    assert SECRET not in repr((found, where))


def test_a_password_that_is_the_databases_name_spoils_no_other_text(tmp_path: Path) -> None:
    text = default(ENGINE="mysql", NAME="qatrack", USER="qatrack", PASSWORD="qatrack") + "PLACE = '/srv/qatrack'\n"
    found = known(write(tmp_path, text))
    assert ("PLACE", "'/srv/qatrack'", "qatrack/settings.py:4") in found.values
    assert "'PASSWORD': '(hidden)'" in found.values[1][1]


def test_a_password_that_is_a_word_spoils_no_reason(tmp_path: Path) -> None:
    found = known(write(tmp_path, "A_PASSWORD = 'settings'\nX = os.environ['Q']\n"))
    assert "(qatrack/settings.py:4)" in found.unknown[0][1].reason


def test_a_secret_with_a_backslash_is_not_told(tmp_path: Path) -> None:
    text = "MY_SECRET = r'a\\b\\c\\d'\nPLACE = MY_SECRET + 'x'\nif os.getenv('Q') == r'a\\b\\c\\d':\n    X = 1\n"
    shown = repr(read_settings(write(tmp_path, text)))
    assert "Unobserved" in shown
    assert "b\\" not in shown


def test_what_is_hidden_is_listed_as_hidden(tmp_path: Path) -> None:
    found = known(write(tmp_path, f"SECRET_KEY = '{SECRET}'\nEMPTY_PASSWORD = ''\nDEBUG = True\n"))
    assert ("SECRET_KEY", "'(hidden)'", "qatrack/settings.py:3") in found.values
    assert ("EMPTY_PASSWORD", "''", "qatrack/settings.py:4") in found.values
    assert ("DEBUG", "True", "qatrack/settings.py:5") in found.values


def test_the_password_goes_into_the_address_alone(tmp_path: Path) -> None:
    site = write(tmp_path, default(ENGINE="mysql", NAME="x", HOST="h", USER="u", PASSWORD=SECRET))
    assert address(site).password == SECRET
    assert SECRET not in address(site).shown


def test_a_password_that_is_given_counts(tmp_path: Path) -> None:
    site = write(tmp_path, default(ENGINE="mysql", NAME="x", PASSWORD="old"))
    assert address(site, "new").password == "new"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=80))
def test_any_local_settings_are_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    site = write(tmp_path, "try:\n    from .local_settings import *\nexcept ImportError:\n    pass\n")
    (site / "qatrack" / "local_settings.py").write_bytes(raw)
    found, where = read_settings(site)
    assert isinstance(found, Settings | Unobserved)
    assert isinstance(where, Unobserved)
