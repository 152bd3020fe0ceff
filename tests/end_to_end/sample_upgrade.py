"""Builds the site of fixtures/upgrade, and runs upgrade-kit on it as a person would."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tests.end_to_end.repositories import done, environment
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.model.path import Release
from upgrade_kit.planning.graph import VersionGraph

PARTS = Path(__file__).parents[2] / "fixtures" / "upgrade"
# The key of a table that 0.3.0 makes, to one that it makes anew afterwards.
KEY = ("qa_sublist", '"parent_id" integer NOT NULL', '"parent_id" integer NOT NULL REFERENCES "qa_testlist" ("id")')
UPLOADS = (("epid_mean", "image of EPID.dcm"), ("profile_txt", "profil é.txt"), ("by_path", "path.txt"))
DJANGO = ("1.6.11", "1.11.15")
LOCAL_SETTINGS = """\
# -*- coding: utf-8 -*-
# Settings of the hospital: café
DEBUG = False
TEMPLATE_DEBUG = False
ALLOWED_HOSTS = ['qatrack.hospital.example']
TIME_ZONE = 'Europe/Vienna'
SECRET_KEY = 'the key of the sample site, which keeps no secret'
DATABASES = {{
    'default': {{
        'ENGINE': 'django.db.backends.sqlite3',
        'NAME': {database!r},
    }}
}}
"""


@dataclass(frozen=True)
class Site:
    """A site in a folder of its own, with all that its upgrade needs.

    Attributes:
        folder: which holds everything.
        python: the interpreter of which the new environment is made.
        more: environment variables besides.
        from_github: whether git is to fetch from where it fetches on a real site, and not from this folder.
    """

    folder: Path
    python: Path
    more: dict[str, str] = field(default_factory=dict)
    from_github: bool = False

    @property
    def root(self) -> Path:
        return self.folder / "qatrack plus"

    @property
    def work(self) -> Path:
        return self.folder / "qatrack plus-upgrade"

    @property
    def database(self) -> Path:
        return self.folder / "data" / "qatrack.db"

    @property
    def settings(self) -> Path:
        return self.root / "qatrack" / "local_settings.py"

    @property
    def journal(self) -> Path:
        return self.work / "upgrade.journal.jsonl"

    def command(self, *arguments: str) -> list[str]:
        named = () if "--rollback" in arguments else ("--python", str(self.python))
        here = not self.from_github and "--rollback" not in arguments
        remote = ("--remote", str(self.folder / "origin")) if here else ()
        return [sys.executable, "-m", "upgrade_kit", "upgrade", str(self.root), *remote, *named, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in environment(self.folder).items() if not name.startswith(("PIP_", "PY"))}
        return {
            **kept,
            "PATH": os.pathsep.join([str(Path(shutil.which("git") or "").parent), "/usr/bin", "/bin"]),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.folder / "wheels"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **self.more,
            **more,
        }

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            env=self.environment(**more),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment(**more),
            cwd=self.folder,
        )

    def events(self) -> list[tuple[str, str]]:
        """Return what the journal tells, and of which step."""
        lines = self.journal.read_bytes().split(b"\n")[1:-1] if self.journal.exists() else []
        return [(event["what"], event["step"]) for event in map(json.loads, lines)]

    def steps(self) -> list[str]:
        """Return the ids of the steps of the plan, as a rehearsal tells them."""
        told = self.run("--dry-run").stdout.splitlines()
        return [line.split()[1] for line in told if line and not line.startswith(" ")]


@dataclass(frozen=True)
class End:
    """The state of a site, as far as two upgrades must agree on it."""

    rows: dict[str, str]
    files: dict[str, str]
    head: str


def state(site: Site) -> End:
    """Return what a site is now: the rows of every table, the files of its checkout, and what is checked out."""
    return End(
        rows=rows(site.database), files=dict(sorted(_files(site.root))), head=done(site.root, "rev-parse", "HEAD")
    )


def rows(database: Path) -> dict[str, str]:
    """Return a digest of each table's rows, and of the schema."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        found = {"": sha256(repr(tables).encode()).hexdigest()}
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            content = sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"')))
            found[name] = sha256("\n".join(content).encode("utf-8", "surrogatepass")).hexdigest()
    return found


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """Return the digest and the time of every file below a folder."""
    return {
        str(file.relative_to(folder)): (sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def _files(root: Path) -> Iterator[tuple[str, str]]:
    for file in root.rglob("*"):
        name = file.relative_to(root).as_posix()
        # what the application logs differs by its times, a Python leaves its own, and rewrite-settings its copies
        if file.is_file() and not re.match(r"\.git/|logs/|.*(__pycache__|\.before-)", name):
            yield name, sha256(file.read_bytes().replace(str(root.parent).encode(), b"")).hexdigest()


def build(folder: Path, python: Path | None = None) -> Site:
    """Build the site.

    Args:
        folder: where; it must not exist yet.
        python: a real interpreter of which the new environment is made; by default a stand-in.
    """
    folder.mkdir()
    origin = folder / "origin"
    _build_origin(origin)
    site = Site(folder=folder, python=python or _build_interpreter(folder / "pythons" / "3.6", "3.6.15"))
    done(folder, "clone", "-q", str(origin), str(site.root))
    done(site.root, "checkout", "-q", "v0.2.9.1")
    _build_interpreter(folder / "venvs" / "qatrack", "2.7.18", environment=True)
    _build_wheels(folder / "wheels")
    site.database.parent.mkdir()
    build_sample_database(site.database, _release("0.2.9.1"))
    site.database.chmod(0o600)
    site.settings.write_text(LOCAL_SETTINGS.format(database=str(site.database)), encoding="utf-8", newline="\r\n")
    site.settings.chmod(0o600)
    _build_uploads(site)
    return site


def _release(version: str) -> Release:
    return VersionGraph.load().resolve(version)


def _build_origin(origin: Path) -> None:
    origin.mkdir()
    done(origin, "init", "-q")
    for version in ("0.2.9.1", "0.3.0"):
        done(origin, "rm", "-rqf", "--ignore-unmatch", ".")
        release = _release(version)
        with tempfile.TemporaryDirectory() as made:
            layout = Path(made) / "site"
            build_sample_site(layout, release)  # the folders of migrations that the kit looks at
            for name in ("db", "logs", "qatrack/media", "qatrack/local_settings.py"):
                part = layout / name
                shutil.rmtree(part) if part.is_dir() else part.unlink()
            shutil.copytree(layout, origin, dirs_exist_ok=True)
        for part in (PARTS / "application", PARTS / version):
            shutil.copytree(part, origin, dirs_exist_ok=True)
        (origin / "gitignore.txt").rename(origin / ".gitignore")
        names = [f"{app}.{name}" for app, names in release.migrations for name in names]
        (origin / "qatrack" / "migrations.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        if version == "0.3.0":
            (origin / "qatrack" / "schema.sql").write_text(";\n".join(_changes()) + ";\n", encoding="utf-8")
        done(origin, "add", "-A")
        done(origin, "commit", "-q", "-m", version)
        done(origin, "tag", release.tag)


def _changes() -> Iterator[str]:
    """Yield the statements that make a database of 0.2.9.1 one of 0.3.0: the tables and columns that it lacks."""
    with tempfile.TemporaryDirectory() as made:
        databases = [Path(made) / name for name in ("old", "new")]
        for file, version in zip(databases, ("0.2.9.1", "0.3.0"), strict=True):
            build_sample_database(file, _release(version))
        with closing(sqlite3.connect(databases[0])) as old, closing(sqlite3.connect(databases[1])) as new:
            tables = dict(new.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
            known = {name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for name, sql in tables.items():
                if name not in known and name != "django_migrations":
                    yield sql.replace(*KEY[1:]) if name == KEY[0] else sql
                    continue
                has = {row[1] for row in old.execute(f'PRAGMA table_info("{name}")')}
                for _, column, kind, required, default, _ in new.execute(f'PRAGMA table_info("{name}")'):
                    if column not in has and name in known:
                        more = f" NOT NULL DEFAULT {default}" if required else ""
                        yield f'ALTER TABLE "{name}" ADD COLUMN "{column}" {kind}{more}'


def _build_interpreter(folder: Path, version: str, *, environment: bool = False) -> Path:
    """Make a Python that answers as another version; with ``environment`` it is the site's own environment."""
    venv.EnvBuilder(symlinks=os.name != "nt").create(folder)
    library = next((folder / "lib").glob("python*")) / "site-packages"
    shutil.copy(PARTS / "interpreter" / "sitecustomize.py", library)
    (library / "as_version.txt").write_text(version, encoding="ascii")
    shutil.copytree(PARTS / "packages" / "pip", library / "pip")
    if environment:
        _unpack_django(library, DJANGO[0])
    else:
        for script in (folder / "bin").glob("[aA]ctivate*"):
            script.unlink()
    return folder / "bin" / "python"


def _unpack_django(library: Path, version: str) -> None:
    for name, text in _django(version):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text(text, encoding="utf-8")


def _django(version: str) -> Sequence[tuple[str, str]]:
    source = PARTS / "packages" / "django"
    files = [
        (
            f"django/{file.relative_to(source).as_posix()}",
            file.read_text(encoding="utf-8").replace("@VERSION@", version),
        )
        for file in sorted(source.rglob("*.py"))
    ]
    information = f"Django-{version}.dist-info"
    return [
        *files,
        (f"{information}/METADATA", f"Metadata-Version: 2.1\nName: Django\nVersion: {version}\n"),
        (f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"),
        (f"{information}/RECORD", ""),
    ]


def _build_wheels(folder: Path) -> None:
    folder.mkdir()
    for version in DJANGO:
        _wheel(folder / f"Django-{version}-py2.py3-none-any.whl", _django(version))
    pip = [(f"pip/{name}", (PARTS / "packages" / "pip" / name).read_text()) for name in ("__init__.py", "__main__.py")]
    about = [
        ("pip-21.3.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: pip\nVersion: 21.3.1\n"),
        ("pip-21.3.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        ("pip-21.3.1.dist-info/RECORD", ""),
    ]
    _wheel(folder / "pip-21.3.1-py3-none-any.whl", [*pip, *about])


def _wheel(file: Path, content: Sequence[tuple[str, str]]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in content:
            archive.writestr(name, text)


def _build_uploads(site: Site) -> None:
    uploads = site.root / "qatrack" / "media" / "uploads" / "1"
    uploads.mkdir(parents=True)
    with closing(sqlite3.connect(site.database)) as connection, connection:
        for number, (slug, name) in enumerate(UPLOADS, start=101):
            (uploads / name).write_bytes(f"{slug}\r\n".encode() * 100)
            (test,) = connection.execute("SELECT id FROM qa_test WHERE slug = ?", (slug,)).fetchone()
            columns = [row[1] for row in connection.execute("PRAGMA table_info(qa_testinstance)")]
            model = dict(zip(columns, connection.execute("SELECT * FROM qa_testinstance").fetchone(), strict=True))
            kinds = [row[1] for row in connection.execute("PRAGMA table_info(qa_unittestinfo)")]
            info = dict(zip(kinds, connection.execute("SELECT * FROM qa_unittestinfo").fetchone(), strict=True))
            _insert(connection, "qa_unittestinfo", {**info, "id": number, "test_id": test})
            instance = {"id": number, "unit_test_info_id": number, "value": None, "string_value": name}
            _insert(connection, "qa_testinstance", {**model, **instance})


def _insert(connection: sqlite3.Connection, table: str, values: dict[str, object]) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))
