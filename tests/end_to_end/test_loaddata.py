"""The site's own ``manage.py`` loads what ``backup --loaddata`` wrote, and the database holds what the site's held.

For each version it needs a checkout of the application and the Python that runs it, named by an environment variable:
``UPGRADE_KIT_TEST_SITE_028``, ``.._0291`` and ``.._030``, each ``PYTHON`` and ``CHECKOUT`` with ``os.pathsep`` between.
The checkout's ``local_settings.py`` must take the SQLite file that the variable ``UPGRADE_KIT_TEST_DATABASE`` names.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.content import content_digests

pytestmark = pytest.mark.interpreters

VERSIONS = {
    "0.2.8": "UPGRADE_KIT_TEST_SITE_028",
    "0.2.9.1": "UPGRADE_KIT_TEST_SITE_0291",
    "0.3.0": "UPGRADE_KIT_TEST_SITE_030",
}
# Whose rows name others by numbers of their own, or are a fresh database's own.
OWN = {"django_session", "django_migrations", "south_migrationhistory", "django_content_type", "auth_permission"}
NUMBERED = {
    "auth_group_permissions": "SELECT a.name, {permission} FROM auth_group_permissions x "
    "JOIN auth_group a ON a.id = x.group_id {joined}",
    "auth_user_user_permissions": "SELECT a.username, {permission} FROM auth_user_user_permissions x "
    "JOIN auth_user a ON a.id = x.user_id {joined}",
    "qa_unittestcollection": "SELECT x.id, x.object_id, x.due_date, t.model FROM qa_unittestcollection x "
    "JOIN django_content_type t ON t.id = x.content_type_id",
    "django_admin_log": "SELECT x.id, x.action_time, x.object_id, t.app_label, t.model FROM django_admin_log x "
    "LEFT JOIN django_content_type t ON t.id = x.content_type_id",
    "django_comments": "SELECT x.id, x.submit_date, x.object_pk, x.comment, t.model FROM django_comments x "
    "JOIN django_content_type t ON t.id = x.content_type_id",
}
PERMISSION = "p.codename, t.app_label, t.model"
JOINED = "JOIN auth_permission p ON p.id = x.permission_id JOIN django_content_type t ON t.id = p.content_type_id"

Manage = Callable[..., str]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    if not os.environ.get(VERSIONS[found]):
        pytest.skip(f"{VERSIONS[found]} names no site of {found}")
    return found


@pytest.fixture
def fresh(version: str, tmp_path: Path) -> Path:
    """An SQLite file in which the application has just made its tables."""
    file = tmp_path / "fresh.sqlite3"
    if version == "0.3.0":
        manage(version, file, "migrate", "--noinput")
    else:
        manage(version, file, "syncdb", "--noinput")
        manage(version, file, "migrate", "--noinput")
    return file


def manage(version: str, file: Path, *arguments: str) -> str:
    python, checkout = os.environ[VERSIONS[version]].split(os.pathsep)
    environment = {**os.environ, "UPGRADE_KIT_TEST_DATABASE": str(file), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [python, "manage.py", *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Error" not in said, said  # Django 1.4 fails with status 0
    return said


def rows(file: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return sorted(connection.execute(sql.format(permission=PERMISSION, joined=JOINED)).fetchall(), key=repr)


def assert_loaded(source: Path, loaded: Path) -> None:
    digests = []
    for file in (source, loaded):
        with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session, session.transaction():
            digests.append({content.name: content for content in content_digests(session)})
    there, here = digests
    assert {name for name in there if here.get(name) != there[name]} <= OWN | NUMBERED.keys()
    for name, sql in NUMBERED.items():
        if name in there:
            assert rows(loaded, sql) == rows(source, sql)
    for table, column in (("qa_testinstance", "created"), ("qa_test", "modified"), ("auth_user", "date_joined")):
        # To the microsecond, which dumpdata does not keep.
        sql = f"SELECT id, {column} FROM {table}"
        assert rows(loaded, sql) == rows(source, sql)


@pytest.mark.parametrize("compress", [False, True])
def test_a_site_with_rows_of_every_model_is_loaded(
    version: str, fresh: Path, fixtures: Path, tmp_path: Path, compress: bool
) -> None:
    source = tmp_path / "site.sqlite3"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.executescript((fixtures / "dumps" / f"{version}.sql").read_text(encoding="utf-8"))
    load(version, source, fresh, compress=compress)


@pytest.mark.real
def test_the_real_site_is_loaded(version: str, fresh: Path, real: Path, tmp_path: Path) -> None:
    source = tmp_path / "site.sqlite3"
    source.write_bytes((real / f"{version}.sqlite3").read_bytes())
    load(version, source, fresh)


@pytest.mark.real
def test_names_that_a_fresh_0_3_0_has_too_are_no_hindrance(
    version: str, fresh: Path, real: Path, tmp_path: Path
) -> None:
    if version != "0.3.0":
        pytest.skip("a fresh database of this version holds nothing that is in the way")
    source = tmp_path / "site.sqlite3"
    source.write_bytes((real / "0.3.0-clean.sqlite3").read_bytes())
    with closing(sqlite3.connect(source)) as connection, connection:
        # What a fresh database has as tolerances 1 and 2 stands the other way round, and a role is taken by south.
        connection.execute("UPDATE qa_tolerance SET name = 'x' || id WHERE id IN (1, 2)")
        connection.execute("UPDATE qa_tolerance SET name = 'y' || id WHERE name LIKE 'Boolean%'")
        connection.execute("UPDATE qa_tolerance SET name = 'Boolean(Action on fail)' WHERE id = 1")
        connection.execute("UPDATE qa_tolerance SET name = 'Boolean(Tolerance on fail)' WHERE id = 2")
        connection.execute(
            "INSERT INTO auth_group_permissions (group_id, permission_id) "
            "SELECT 1, id FROM auth_permission WHERE codename = 'add_migrationhistory'"
        )
    load(version, source, fresh)


def load(version: str, source: Path, fresh: Path, *, compress: bool = False) -> None:
    backup = create_backup(
        f"sqlite:///{source.as_posix()}", to_dir=source.parent / "to", loaddata=True, compress=compress
    )
    assert not any("stay there" in note for note in backup.proof)
    manage(version, fresh, "loaddata", str(backup.made.file))
    assert_loaded(source, fresh)
