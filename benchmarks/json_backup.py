"""JSON dumps: written, proved and restored, beside Django's ``dumpdata`` and ``loaddata`` and beside the floor.

Each way is a process of its own on the same database, whose CPU seconds and largest memory the system counts.
Django gets the one big table alone, with plain columns in place of foreign keys, which spares it work; the kit
takes the whole database.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from textwrap import dedent

import django

from benchmarks.sqlite_backup import build

SIZE = 200_000  # rows of qa_testinstance

_MODELS = """
from django.db import models

class TestInstance(models.Model):
    value = models.FloatField(null=True)
    string_value = models.CharField(max_length=1024, null=True)
    comment = models.TextField(null=True)
    skipped = models.BooleanField()
    pass_fail = models.CharField(max_length=20)
    status_id = models.IntegerField()
    reference_id = models.IntegerField(null=True)
    tolerance_id = models.IntegerField(null=True)
    unit_test_info_id = models.IntegerField()
    test_list_instance_id = models.IntegerField()
    review_date = models.DateTimeField(null=True)
    reviewed_by_id = models.IntegerField(null=True)
    work_started = models.DateTimeField()
    work_completed = models.DateTimeField()
    created = models.DateTimeField()
    created_by_id = models.IntegerField()
    modified = models.DateTimeField()
    modified_by_id = models.IntegerField()

    class Meta:
        managed = {managed}
        db_table = "qa_testinstance"
"""
_SETTINGS = """
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {name!r}}}}}
INSTALLED_APPS = ["qa"]
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""
_FLOOR = """
import sqlite3, sys
import orjson
with open(sys.argv[2], "wb") as file:
    cursor = sqlite3.connect(sys.argv[1]).execute("SELECT * FROM qa_testinstance")
    names = [column[0] for column in cursor.description]
    while rows := cursor.fetchmany(500):
        for row in rows:
            file.write(orjson.dumps(dict(zip(names, row))))
            file.write(b",\\n")
"""
_DUMP = """
import sys
from pathlib import Path
from upgrade_kit.backup import fixture
from upgrade_kit.backup.method import Options
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import open_database
with open_database(DatabaseAddress(vendor="sqlite", name=sys.argv[1])) as session:
    fixture.make(session, Path(sys.argv[2]), Options(compress=sys.argv[3] == "gzip"))
"""
_VERIFY = "import sys; from upgrade_kit import verify_backup; verify_backup(sys.argv[1])"
_RESTORE = """
import sys
from pathlib import Path
from upgrade_kit.backup import fixture
from upgrade_kit.backup.method import Options
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.manifests import read_manifest
target = DatabaseAddress(vendor="sqlite", name=sys.argv[2])
fixture.restore(read_manifest(Path(sys.argv[1])).made, target, Options(), replace=False, keep=lambda: None)
"""


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one process took: CPU seconds of its own and of the system for it, and its largest memory in MB."""

    seconds: float
    megabytes: float


def run(size: int, runs: int) -> Iterator[str]:
    """Measure in turn, and compare CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        database = here / "default.db"
        build(database, size)
        manifest = _backed_up(database, here / "backups")
        yield f"One SQLite database as of 0.2.9.1, {size} rows in qa_testinstance; Django {django.get_version()}"
        yield "CPU seconds, and the largest memory of the process (that of the one which started it at least)"
        dumping = {
            "the floor: fetch and orjson, no more": lambda at: _script(_FLOOR, database, at / "floor.json"),
            "upgrade-kit, the whole database": lambda at: _script(_DUMP, database, at / "kit.json", "plain"),
            "upgrade-kit, gzip": lambda at: _script(_DUMP, database, at / "kit.json.gz", "gzip"),
            "dumpdata, one table": lambda at: _dumpdata(at, database),
            "upgrade-kit, a dump of no rows: its start": lambda at: _script(
                _DUMP, _emptied(at / "empty.db"), at / "no.json", "plain"
            ),
            "upgrade-kit, verify": lambda _: _script(_VERIFY, manifest),
        }
        restoring = {
            "upgrade-kit, restored and compared": lambda at: _script(_RESTORE, manifest, _emptied(at / "new.db")),
            "loaddata, one table": lambda at: _loaddata(at, here),
        }
        for title, ways in (("dump", dumping), ("restore", restoring)):
            costs: dict[str, list[_Cost]] = {name: [] for name in ways}
            for number in range(runs):
                for name, way in ways.items():
                    at = here / f"{title}-{number}-{len(costs[name])}-{list(ways).index(name)}"
                    at.mkdir()
                    costs[name].append(way(at))
            first = [cost.seconds for cost in next(iter(costs.values()))]
            for name, found in costs.items():
                ratios = [cost.seconds / other for cost, other in zip(found, first, strict=True)]
                spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
                memory = max(cost.megabytes for cost in found)
                yield (
                    f"  {name:<40} {median(cost.seconds for cost in found):8.2f} s  {memory:7.1f} MB"
                    f"  ratio {median(ratios):6.2f}  ({spread})"
                )


def _backed_up(database: Path, folder: Path) -> Path:
    from upgrade_kit import create_backup  # noqa: PLC0415 - what is measured runs elsewhere

    return create_backup(f"sqlite:///{database.as_posix()}", to_dir=folder, method="json").made.manifest


def _emptied(file: Path) -> Path:
    """Make the tables of the same site, without rows."""
    build(file, 1)
    with closing(sqlite3.connect(file)) as connection, connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            connection.execute(f'DELETE FROM "{name}"')
    return file


def _dumpdata(at: Path, database: Path) -> _Cost:
    _project(at, database, managed=False)
    return _cost([sys.executable, "-m", "django", "dumpdata", "qa", "--output", str(at / "dump.json")], at)


def _loaddata(at: Path, here: Path) -> _Cost:
    dump = next(here.glob("dump-*/dump.json"))
    _project(at, at / "new.db", managed=True)
    made = [sys.executable, "-m", "django", "migrate", "--run-syncdb", "--verbosity", "0"]
    subprocess.run(made, env=_environment(at), check=True, capture_output=True)
    return _cost([sys.executable, "-m", "django", "loaddata", str(dump)], at)


def _project(at: Path, database: Path, *, managed: bool) -> None:
    (at / "qa").mkdir()
    (at / "qa" / "__init__.py").write_text("", encoding="utf-8")
    (at / "qa" / "models.py").write_text(_MODELS.format(managed=managed), encoding="utf-8")
    (at / "site_settings.py").write_text(_SETTINGS.format(name=str(database)), encoding="utf-8")


def _script(text: str, *arguments: object) -> _Cost:
    return _cost([sys.executable, "-c", dedent(text), *map(str, arguments)], None)


def _environment(at: Path | None) -> dict[str, str]:
    if at is None:
        return dict(os.environ)
    return {**os.environ, "PYTHONPATH": str(at), "DJANGO_SETTINGS_MODULE": "site_settings"}


def _cost(command: Sequence[str], at: Path | None) -> _Cost:
    process = subprocess.Popen(command, env=_environment(at), stdout=subprocess.DEVNULL)
    with closing(_Waited(process)) as waited:
        return waited.cost()


class _Waited:
    """Waits for a process in the way that tells what it took."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def cost(self) -> _Cost:
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode:
            raise subprocess.CalledProcessError(self._process.returncode, self._process.args)
        return _Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
