"""A small QATrack+ site on SQLite, made for the demonstration and for tests. Its data is invented."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from upgrade_kit.errors import SiteError
from upgrade_kit.model.path import Release
from upgrade_kit.model.shape import Field, Kind, Models
from upgrade_kit.planning.models import load_models

CREATED = "2018-05-14 08:00:00"

# (macro name, name, type, calculation procedure), in order of test id
TESTS: tuple[tuple[str, str, str, str | None], ...] = (
    ("temperature", "Temperature", "simple", None),
    ("pressure", "Pressure", "simple", None),
    ("ptp", "Ptp", "composite", "ptp = (273.2 + temperature) / 295.2 * 101.33 / pressure\n"),
    (
        "epid_mean",
        "EPID image, mean",
        "upload",
        "ds = dicom.read_file(FILE)\nresult = float(ds.pixel_array.mean())\n",
    ),
    (
        "mlc_snapshots",
        "MLC log (binary), snapshots",
        "upload",
        "import struct\nraw = FILE.read()\nmlc_snapshots = struct.unpack('<I', raw[:4])[0]\n",
    ),
    (
        "film_size",
        "Film size",
        "upload",
        "from PIL import Image\r\nimg = Image.open(FILE)  # width in pixels\r\nfilm_size = img.size[0]\r\n",
    ),
    (
        "chamber_csv",
        "Chamber export",
        "upload",
        "import csv\nrows = list(csv.reader(FILE))\nresult = float(rows[1][2])\n",
    ),
    ("profile_txt", "Profile", "upload", "result = max([float(line.split()[1]) for line in FILE])\n"),
    (
        "by_path",
        "Opened by its path",
        "upload",
        "f = open(FILE.name, 'rb')\nby_path = len(f.read())\nf.close()\n",
    ),
    (
        "in_profile",
        "INPLANE_PROFILE only",
        "upload",
        "INPLANE_PROFILE = [1.0, 2.0]\nresult = max(INPLANE_PROFILE)\n",
    ),
    (
        "header_and_data",
        "Text header, binary data",
        "upload",
        "import struct\nn = int(FILE.readline().split('=')[1])\nresult = sum(struct.unpack('<%df' % n, FILE.read()))\n",
    ),
    (
        "old_print",
        "Prints as Python 2 does",
        "upload",
        'value = float(FILE.readline())\nprint "read", value\nresult = value\n',
    ),
)

_TABLES = """
CREATE TABLE auth_user (id integer NOT NULL PRIMARY KEY, username varchar(30) NOT NULL UNIQUE);
CREATE TABLE django_content_type (
    id integer NOT NULL PRIMARY KEY, app_label varchar(100) NOT NULL, model varchar(100) NOT NULL,
    UNIQUE (app_label, model)
);
CREATE TABLE django_site (id integer NOT NULL PRIMARY KEY, domain varchar(100) NOT NULL, name varchar(50) NOT NULL);
CREATE TABLE units_unit (id integer NOT NULL PRIMARY KEY, number integer NOT NULL UNIQUE, name varchar(256) NOT NULL);
CREATE TABLE qa_testlist (
    id integer NOT NULL PRIMARY KEY, name varchar(255) NOT NULL, slug varchar(50) NOT NULL UNIQUE
);
CREATE TABLE qa_testlistcycle (
    id integer NOT NULL PRIMARY KEY, name varchar(255) NOT NULL, slug varchar(50) NOT NULL UNIQUE
);
CREATE TABLE qa_unittestcollection (
    id integer NOT NULL PRIMARY KEY, unit_id integer NOT NULL, content_type_id integer NOT NULL,
    object_id integer NOT NULL, active bool NOT NULL
);
CREATE TABLE qa_test (
    id integer NOT NULL PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, slug varchar(128) NOT NULL,
    type varchar(10) NOT NULL, choices varchar(2048), calculation_procedure text,
    created datetime NOT NULL, modified datetime NOT NULL, modified_by_id integer NOT NULL
);
CREATE TABLE qa_testlistinstance (
    id integer NOT NULL PRIMARY KEY, test_list_id integer NOT NULL, work_completed datetime NOT NULL,
    in_progress bool NOT NULL, created datetime NOT NULL, modified datetime NOT NULL
);
CREATE TABLE qa_unittestinfo (
    id integer NOT NULL PRIMARY KEY, unit_id integer NOT NULL, test_id integer NOT NULL
);
CREATE TABLE qa_testinstance (
    id integer NOT NULL PRIMARY KEY, test_list_instance_id integer NOT NULL, unit_test_info_id integer NOT NULL,
    value real, string_value varchar(1024), pass_fail varchar(20) NOT NULL
);
"""
# The type of a column, and what stands in it where it requires something. A number is 1, which a reference may be.
_KINDS = {
    Kind.TEXT: ("text", "''"),
    Kind.BOOLEAN: ("bool", "0"),
    Kind.FLOAT: ("real", "0"),
    Kind.DATETIME: ("datetime", f"'{CREATED}'"),
    Kind.DATE: ("date", f"'{CREATED[:10]}'"),
}
_SETTINGS = '''"""The sample site of upgrade-kit: only what the kit reads."""
import os

PROJECT_ROOT = os.path.realpath(os.path.dirname(__file__))
VERSION = "{version}"
DEBUG = False
MEDIA_ROOT = os.path.join(PROJECT_ROOT, "media")

from {local} import *
'''
_LOCAL_SETTINGS = """DATABASES = {{
    'default': {{
        'ENGINE': 'django.db.backends.sqlite3',
        'NAME': {database!r},
    }}
}}
ALLOWED_HOSTS = ['127.0.0.1']
TIME_ZONE = 'Europe/Vienna'
SECRET_KEY = 'the key of the sample site, which keeps no secret'
"""


def build_sample_site(folder: Path, release: Release) -> Path:
    """Make a sample site and return its database's file.

    Args:
        folder: where; it must not exist yet, or be empty.
        release: the version that the site is to have.

    Raises:
        SiteError: the folder holds something, or cannot be written.
    """
    try:
        was_there = folder.exists()
        if was_there and any(folder.iterdir()):
            raise SiteError(f"{folder}: is not empty", hint="Name a folder that does not exist yet.")
        try:
            return _build(folder, release)
        except BaseException:  # an interrupt too: half a site is none
            shutil.rmtree(folder, ignore_errors=True)
            if was_there:
                folder.mkdir(exist_ok=True)
            raise
    except OSError as error:
        raise SiteError(
            f"{error.filename or folder}: cannot be written ({error.strerror})",
            hint="Name a folder that you may write to.",
        ) from error


def _build(folder: Path, release: Release) -> Path:
    database = folder / "db" / "default.db"
    local = "local_settings" if release.history == "south" else ".local_settings"  # Python 3 wants the dot
    package = folder / "qatrack"
    for part in (package / "qa", package / "media" / "uploads" / "1", folder / "logs", folder / "db"):
        part.mkdir(parents=True, exist_ok=True)
    for file, text in (
        (folder / "manage.py", "# the sample site has no application code\n"),
        (package / "settings.py", _SETTINGS.format(version=release.version, local=local)),
        (package / "local_settings.py", _LOCAL_SETTINGS.format(database=str(database.resolve()))),
        (package / "media" / "uploads" / "1" / "profile.txt", "1 2.5\n2 2.4\n"),
    ):
        file.write_text(text, encoding="utf-8", newline="\n")
    for migrations, names in _migration_files(package, release):
        migrations.mkdir(parents=True, exist_ok=True)
        for name in names:
            (migrations / f"{name}.py").write_text("", encoding="utf-8")
    build_sample_database(database, release)
    return database


def build_sample_database(file: Path, release: Release) -> None:
    """Make the sample site's database at a release."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.executescript(_TABLES)
        connection.execute("INSERT INTO auth_user VALUES (1, 'physicist')")
        connection.executemany(
            "INSERT INTO django_content_type VALUES (?, 'qa', ?)", [(1, "testlist"), (2, "testlistcycle")]
        )
        connection.execute("INSERT INTO django_site VALUES (1, 'example.com', 'example.com')")
        connection.execute("INSERT INTO units_unit VALUES (1, 1, 'Linac 1')")
        connection.execute("INSERT INTO qa_testlist VALUES (1, 'Monthly', 'monthly')")
        connection.execute("INSERT INTO qa_unittestcollection VALUES (1, 1, 1, 1, 1)")
        connection.executemany(
            "INSERT INTO qa_test (slug, name, type, calculation_procedure, created, modified, modified_by_id) "
            "VALUES (?, ?, ?, ?, ?, ?, 1)",
            [(*test, CREATED, CREATED) for test in TESTS],
        )
        connection.execute("INSERT INTO qa_testlistinstance VALUES (1, 1, ?, 0, ?, ?)", (CREATED,) * 3)
        connection.executemany("INSERT INTO qa_unittestinfo VALUES (?, 1, ?)", [(1, 1), (2, 2), (3, 3)])
        connection.executemany(
            "INSERT INTO qa_testinstance VALUES (?, 1, ?, ?, NULL, 'ok')",
            [(1, 1, 21.5), (2, 2, 101.2), (3, 3, 1.002)],
        )
        _write_history(connection, release)
        for models in load_models():
            if models.version == release.version:
                _complete(connection, models)


def _complete(connection: sqlite3.Connection, models: Models) -> None:
    """Add what else the version's tables have, with a plain value in every column that requires one."""
    for table in models.tables:
        columns = {row[1] for row in connection.execute(f'PRAGMA table_info("{table.table}")')}
        if not columns:
            connection.execute(f'CREATE TABLE "{table.table}" ({_column(table.fields[0])} PRIMARY KEY)')
            columns.add(table.fields[0].column)
        for field in table.fields:
            if field.column not in columns:
                connection.execute(f'ALTER TABLE "{table.table}" ADD COLUMN {_column(field)}')
        for pairs in table.lists:
            connection.execute(
                f'CREATE TABLE IF NOT EXISTS "{pairs.table}" '
                f'(id integer NOT NULL PRIMARY KEY, "{pairs.source}" integer, "{pairs.target}" integer)'
            )
    # what the rows above point at from now on
    for name in ("qa_category", "qa_testinstancestatus", "units_unittype"):
        connection.execute(f"INSERT INTO {name} (id) VALUES (1)")  # noqa: S608 - names from just above


def _column(field: Field) -> str:
    kind, value = _KINDS.get(field.kind, ("integer", "1"))
    if field.length:
        kind = f"varchar({field.length})"
    if field.key or field.null:
        return f'"{field.column}" {kind}'
    return f'"{field.column}" {kind} NOT NULL DEFAULT {value}'


def _write_history(connection: sqlite3.Connection, release: Release) -> None:
    south = release.history == "south"
    table, app = ("south_migrationhistory", "app_name") if south else ("django_migrations", "app")
    name = "migration" if south else "name"
    connection.execute(
        f"CREATE TABLE {table} (id integer NOT NULL PRIMARY KEY, {app} varchar(255) NOT NULL, "
        f"{name} varchar(255) NOT NULL, applied datetime NOT NULL)"
    )
    insert = f"INSERT INTO {table} ({app}, {name}, applied) VALUES (?, ?, ?)"  # noqa: S608 - names from just above
    history = [(owner, migration, CREATED) for owner, migrations in release.migrations for migration in migrations]
    if south:
        history += [("tastypie", name, CREATED) for name in ("0001_initial", "0002_add_apikey_index")]
    connection.executemany(insert, history)


def _migration_files(package: Path, release: Release) -> Iterator[tuple[Path, tuple[str, ...]]]:
    for app, names in release.migrations:
        yield package / app / "migrations", names
    if release.history == "django":
        yield package / "qa" / "south_migrations", ()
