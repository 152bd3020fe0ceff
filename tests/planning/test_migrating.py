"""The command that migrates, for a person to type; and what the one for SQLite does, run."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.model.step import Do, StepKind
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.migrating import migration_to_type, renames_as_before

GRAPH = VersionGraph.load()
SERVERS = ("postgresql", "mysql", "microsoft")
# What Django 1.11 does to a table that it changes.
MANAGE = """
import sys
from django.db import connection

if __name__ == "__main__":
    for statement in (
        'ALTER TABLE parent RENAME TO parent__old',
        'CREATE TABLE parent (id integer PRIMARY KEY)',
        'INSERT INTO parent SELECT id FROM parent__old',
        'DROP TABLE parent__old',
    ):
        connection.cursor().execute(statement)
    print(sys.argv)
"""
needs_new_sqlite = pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 26), reason="this SQLite renames as before")


def migration(version: str, vendor: str) -> Do:
    (hop,) = [hop for hop in GRAPH.hops if str(hop.target) == version]
    found = [do for step in hop.steps if step.kind is StepKind.MIGRATE for do in step.do]
    (only,) = [do for do in found if not do.vendors or vendor in do.vendors]
    return only


@pytest.fixture
def site(tmp_path: Path, fixtures: Path) -> Path:
    """A folder with a stand-in for Django, and a ``manage.py`` that changes a table to which another one refers."""
    shutil.copytree(fixtures / "upgrade" / "packages" / "django", tmp_path / "django")
    (tmp_path / "manage.py").write_text(MANAGE, encoding="utf-8")
    (tmp_path / "settings.py").write_text("DATABASES = {'default': {'NAME': 'site.db'}}\n", encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "site.db")) as connection, connection:
        connection.execute("CREATE TABLE parent (id integer PRIMARY KEY)")
        connection.execute("CREATE TABLE child (id integer PRIMARY KEY, parent_id integer REFERENCES parent (id))")
        connection.execute("CREATE VIEW report AS SELECT id FROM parent")
        connection.execute("INSERT INTO parent VALUES (7)")
    return tmp_path


def run(site: Path, do: Do) -> subprocess.CompletedProcess[str]:
    words = [sys.executable if word == "{python}" else word for word in do.run]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings"}
    return subprocess.run(words, cwd=site, env=environment, check=False, capture_output=True, text=True)


def keys(site: Path) -> set[str]:
    with closing(sqlite3.connect(site / "site.db")) as connection:
        return {row[2] for row in connection.execute("PRAGMA foreign_key_list(child)")}


def test_the_command_for_sqlite_keeps_foreign_keys_and_passes_over_views(site: Path) -> None:
    ran = run(site, migration("0.3.0", "sqlite"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "['manage.py', 'migrate', '--fake-initial']"
    assert keys(site) == {"parent"}
    with closing(sqlite3.connect(site / "site.db")) as connection:
        assert connection.execute("SELECT id FROM report").fetchall() == [(7,)]


def test_a_second_database_of_the_site_on_another_server_is_told_nothing(site: Path) -> None:
    package = site / "django" / "db" / "__init__.py"
    package.write_text(package.read_text(encoding="utf-8").replace('"sqlite"', '"postgresql"'), encoding="utf-8")
    (site / "manage.py").write_text(
        "from django.db import connection\nprint(*connection.cursor().execute('PRAGMA legacy_alter_table'))\n",
        encoding="utf-8",
    )
    assert run(site, migration("0.3.0", "sqlite")).stdout.strip() == "(0,)"


@needs_new_sqlite
def test_the_command_for_a_server_would_break_them(site: Path) -> None:
    with closing(sqlite3.connect(site / "site.db")) as connection, connection:
        connection.execute("DROP VIEW report")
    assert run(site, migration("0.3.0", "postgresql")).returncode == 0
    assert keys(site) == {"parent__old"}


def test_a_migration_that_fails_ends_with_its_own_status(site: Path) -> None:
    (site / "manage.py").write_text("import sys\nsys.exit(7)\n", encoding="utf-8")
    assert run(site, migration("0.3.0", "sqlite")).returncode == 7


@pytest.mark.parametrize("vendor", SERVERS)
def test_a_server_gets_the_guides_own_command(vendor: str) -> None:
    assert migration_to_type(Version("0.3.0"), vendor) == "python manage.py migrate --fake-initial"


def test_powershell_and_bash_read_the_command_for_sqlite_alike() -> None:
    typed = migration_to_type(Version("0.3.0"), "sqlite")
    head, program, tail = typed.split('"')  # no other is in it
    assert (head, tail) == ("python -c ", " migrate --fake-initial")
    assert not set("$`!\\\n") & set(program)
    compile(program, "typed", "exec")


def test_south_needs_no_other_command() -> None:
    assert migration_to_type(Version("0.2.9.1"), "sqlite") == "python manage.py migrate"


def test_where_no_hop_leads_to_a_version_it_is_the_plain_command() -> None:
    assert migration_to_type(Version("0.3.0"), "sqlite", hops=()) == "python manage.py migrate"


def test_only_the_hop_that_tells_sqlite_so_renames_as_before() -> None:
    told = {str(hop.target): renames_as_before(hop) for hop in GRAPH.hops}
    assert told == {"0.2.9.1": False, "0.3.0": True}
    (hop,) = [hop for hop in GRAPH.hops if str(hop.target) == "0.3.0"]
    assert not renames_as_before(replace(hop, steps=()))
