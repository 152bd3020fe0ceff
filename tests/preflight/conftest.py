"""A site with nothing wrong, as one literal; each test spoils the part that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup, Uploads
from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.deployment import (
    Backups,
    Checkout,
    Database,
    DatabaseSettings,
    Deployment,
    Disk,
    Iis,
    IisRule,
    Interpreter,
    Interpreters,
    Machine,
    Schema,
    SchemaState,
    ServiceScript,
    ServiceScripts,
    Settings,
    Stated,
    Volume,
    WindowsService,
    WindowsServices,
)
from upgrade_kit.model.dumps import DumpedRows, FoundDumps
from upgrade_kit.model.environment import (
    Distribution,
    Environment,
    Environments,
    FolderHolds,
    PlannedEnvironment,
)
from upgrade_kit.model.finding import Result
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.places import BackupPlace, LogPlace
from upgrade_kit.model.precondition import DataAhead, TableDrift
from upgrade_kit.model.repository import Git, Head, Remote, Repository
from upgrade_kit.model.requirement import (
    ReleaseRequirements,
    RequirementFile,
    RequirementLine,
    Requirements,
)
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.server import FileState, Identity, Purpose, Right, Rights, Room, Server, Texts
from upgrade_kit.model.sql import Script, Scripts, StoredSql
from upgrade_kit.model.unobserved import Absent, Unobserved
from upgrade_kit.model.uploads import NamedUploads, SiteUploads, UploadedFiles
from upgrade_kit.model.verification import Compiled, Page, RowsThen, Verification
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.facts import Facts

ROOT = Path("site")
WHEN = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def graph() -> VersionGraph:
    return VersionGraph.load()


@pytest.fixture
def path(graph: VersionGraph) -> UpgradePath:
    return graph.path("0.2.9.1", "0.3.0")


@pytest.fixture
def database() -> Database:
    return Database(
        url="sqlite:////data/qatrack.db",
        vendor="sqlite",
        server="SQLite 3.40.1",
        name="/data/qatrack.db",
        file=Path("/data/qatrack.db"),
        size_bytes=1_000_000,
        read_only=True,
        tables=("qa_test",),
        schema=Schema(
            state=SchemaState.COMPLETE,
            version=Version("0.2.9.1"),
            towards=None,
            span="0.2.9, 0.2.9.1 or 0.2.9.2",
            missing=(),
            unknown=(),
            evidence=(),
        ),
        procedures=(),
        orphans=(),
        dangling=(),
        spoilt=(),
        has_default_site=True,
        macro_names=(),
    )


@pytest.fixture
def settings() -> Settings:
    return Settings(
        files=(ROOT / "qatrack" / "settings.py", ROOT / "qatrack" / "local_settings.py"),
        values=(),
        unknown=(),
        database=DatabaseSettings(
            engine="django.db.backends.sqlite3",
            name="/data/qatrack.db",
            user="",
            host="",
            port="",
            options=(),
            has_password=False,
            where="qatrack/local_settings.py:4",
        ),
        media_root=ROOT / "media",
        python2_only=(),
    )


@pytest.fixture
def site(database: Database, settings: Settings, path: UpgradePath) -> Deployment:
    return Deployment(
        site=ROOT,
        observed_at=WHEN,
        version=Version("0.2.9.1"),
        versions_agree=True,
        checkout=Checkout(root=ROOT, version=Version("0.2.9.1"), declared="0.2.9.1", described="v0.2.9.1", evidence=()),
        settings=settings,
        interpreters=Interpreters(found=(_python("3.6.15"), _python("2.7.18")), silent=()),
        database=database,
        disk=Disk(
            volumes=(Volume(path=Path("/data"), purpose="database", free_bytes=900_000_000, total_bytes=990_000_000),),
            uploads_bytes=1_000_000,
        ),
        machine=Machine(system="Linux", preferred_encoding="UTF-8"),
        backups=Backups(looked_in=(Path("backups"),), current=(_backup(),), stale=()),
        migrate_log=Absent("there is no logs/migrate.log"),
        service_scripts=ServiceScripts(scripts=(_script(),)),
        windows_services=WindowsServices(
            found=(
                WindowsService(
                    name="QATrackCherryPyService",
                    state="STOPPED",
                    start_type="AUTO_START",
                    program="C:/deploy/venvs/qatrack/Lib/site-packages/win32/pythonservice.exe",
                ),
            ),
            source="sc.exe",
        ),
        iis=Iis(
            files=(Path("applicationHost.config"),),
            rules=(
                iis_rule("static", "^(static|media)/.*"),
                iis_rule("proxy", "^(.*)", action="Rewrite", url="http://localhost:8080/{R:1}"),
            ),
            has_rewriting=True,
            proxy=(True, "applicationHost.config:9"),
            modules=("StaticFileModule", "RewriteModule", "ApplicationRequestRouting"),
            sites=(),
        ),
        data_ahead=DataAhead(
            vendor="sqlite",
            examined=(),
            orphans=(),
            drift=TableDrift(version=Version("0.2.9.1"), missing=(), absent=(), extra=(), in_the_way=()),
        ),
        sql=Scripts(read=(Script(name="report.sql", queries=()),)),
        stored_sql=StoredSql(vendor="sqlite", views=Scripts(read=()), others=Scripts(read=())),
        environments=Environments(found=(site_environment(),), planned=(planned_environment(),)),
        requirements=Requirements(
            releases=(
                (Version("0.2.9.1"), required("v0.2.9.1", "Django==1.6.11")),
                (Version("0.3.0"), required("v0.3.0", "Django==1.11.15")),
            )
        ),
        server=server_of_sqlite(),
        uploads=SiteUploads(
            folder=ROOT / "media" / "uploads",
            served=ROOT / "media" / "uploads",
            staging=ROOT / "media" / "uploads" / "tmp",
            exists=True,
            files=UploadedFiles(count=2, bytes=1_000_000, newest=WHEN),
            named=NamedUploads(count=2),
        ),
        backup_place=BackupPlace(
            folder=Path("backups"), is_kept=True, obstacle="", free_bytes=90_000_000, shares_volume=False
        ),
        dumps=FoundDumps(
            looked_in=(Path("backups"),), found=(), database=DumpedRows(rows=(("qa.test", 3),), units=("Linac 1",))
        ),
        clocks=Clocks(here=WHEN, server=WHEN, newest=(WHEN, "qa_testlistinstance.created")),
        log_place=LogPlace(folder=ROOT / "logs", obstacles=()),
        git=_git(path.source),
        verification=verification(),
    )


@pytest.fixture
def plan() -> RewritePlan:
    return RewritePlan(items=(), listed=0)


@pytest.fixture
def ask(site: Deployment, path: UpgradePath, plan: RewritePlan) -> Callable[..., Result]:
    """Run one check on the good site, with some of its facts replaced by keyword."""

    def run(check: Check[Any], **facts: Any) -> Result:
        way = facts.pop("path", path)
        judged = facts.pop("plan", plan)
        inner = facts.pop("in_database", None)
        if inner is not None:
            assert isinstance(site.database, Database)
            facts["database"] = replace(site.database, **inner)
        return check.run(Facts(replace(site, **facts), way, judged)).result

    return run


def verification(**more: Any) -> Verification:
    """Return what is seen of a site of 0.3.0 that was upgraded as it should be."""
    stated: dict[str, Any] = {
        "page": Page(
            url="http://localhost:8080/",
            problem="",
            status=200,
            ended_at="http://localhost:8080/accounts/login/?next=/",
            asks_for_password=True,
            is_qatrack=True,
        ),
        "rows_now": (("qa_test", 53), ("qa_testinstance", 486), ("units_site", 0)),
        "backups": (
            RowsThen(
                manifest=Path("backups/site.manifest.json"),
                version=Version("0.2.9.1"),
                rows=(("qa_test", 53), ("qa_testinstance", 486), ("qa_testlist_sublists", 1)),
            ),
        ),
        "compiled": Compiled(python=Path("/usr/bin/python3.6"), version=Version("3.6.15"), seen=43, refused=()),
    }
    return Verification(**(stated | more))


def iis_rule(name: str, pattern: str, **more: Any) -> IisRule:
    """Return a rule of the server that is enabled and stops."""
    stated: dict[str, Any] = {
        "is_global": True,
        "scope": "",
        "enabled": True,
        "stops": True,
        "syntax": "ECMAScript",
        "ignores_case": True,
        "negated": False,
        "has_conditions": False,
        "action": "None",
        "url": "",
        "appends_query": True,
        "where": f"applicationHost.config:{len(pattern)}",
    }
    return IisRule(name=name, pattern=pattern, **(stated | more))


def site_environment(**more: Any) -> Environment:
    """Return the environment of a site of 0.2.9.1."""
    stated: dict[str, Any] = {
        "folder": Path("venvs/qatrack"),
        "named_by": "",
        "found": "beside the site",
        "python": Version("2.7.18"),
        "program": Path("venvs/qatrack/bin/python"),
        "distributions": installed("django 1.6.11", "pip 20.3.4"),
    }
    return Environment(**(stated | more))


def installed(*named: str) -> tuple[Distribution, ...]:
    """Return distributions of ``name version`` or ``name version needs,needs``."""
    words = [one.split(" ") for one in named]
    return tuple(
        Distribution(name=name, version=version, needs=tuple(needs[0].split(",")) if needs else ())
        for name, version, *needs in words
    )


def planned_environment(**more: Any) -> PlannedEnvironment:
    """Return the folder of the environment of 0.3.0, free and with room."""
    stated: dict[str, Any] = {
        "folder": Path("venvs/qatrack3"),
        "holds": FolderHolds.NOTHING,
        "lacks": "",
        "free_bytes": 10**12,
    }
    return PlannedEnvironment(**(stated | more))


def required(tag: str, *lines: str) -> ReleaseRequirements:
    """Return requirement files with one, ``base.txt``, that holds these lines."""
    parsed = []
    for number, text in enumerate(lines, 1):
        name, equals, version = text.partition("==")
        parsed.append(
            RequirementLine(
                text=text,
                where=f"requirements/base.txt:{number}",
                names=(name.lower(),),
                specifier=equals + version,
                marker="",
                is_from_git=False,
            )
        )
    file = RequirementFile(name="requirements/base.txt", lines=tuple(parsed), includes=(), odd=())
    return ReleaseRequirements(tag=tag, files=(file,), missing=())


def server_of_sqlite() -> Server:
    """Return what there is to know of a sound SQLite file."""
    none = Unobserved("SQLite has no such thing", asked=False)
    return Server(
        vendor="sqlite",
        database="/data/qatrack.db",
        identity=Identity(product="SQLite", version=Version("3.40.1")),
        rights=Rights(
            login="",
            user="",
            schema="",
            site_schemas=(),
            rights=(Right(name="WRITE", purpose=Purpose.MIGRATION, held=True),),
        ),
        texts=Texts(encoding="UTF-8", collation=""),
        room=Room(size_bytes=1_000_000, files=(), free_bytes=10_000_000),
        sessions=none,
        standing=none,
        recovery=none,
        compatibility_level=none,
        engines=none,
        file=FileState(path="/data/qatrack.db", faults=(), leftovers=(), network=""),
        odbc_drivers=none,
    )


def _git(release: Release) -> Git:
    tags = (
        ("v0.2.9.1", "c8503c6e008191d8a36f6ab39291d5b45afe1a60"),
        ("v0.3.0", "e1d386a008f336e146e28373533a3ed6ba5f3a1e"),
    )
    return Git(
        folder=ROOT,
        program=Version("2.39.5"),
        has_repository=True,
        refusal="",
        distrusts=False,
        repository=Repository(
            storage=ROOT / ".git",
            is_linked=False,
            is_work_tree=True,
            is_shallow=False,
            is_sparse=False,
            unfinished=(),
            lock=None,
            unmerged=(),
            head=Head(
                commit=tags[0][1],
                branch="",
                upstream=None,
                described="v0.2.9.1",
                release=release,
                is_release=True,
                local_commits=(),
            ),
            tags=tags,
            branches=(),
            at_origin=Unobserved("origin is not on this machine, and preflight asks no other", asked=False),
            remotes=(Remote(name="origin", address="https://github.com/qatrackplus/qatrackplus.git"),),
            changes=(),
            in_the_way=(),
        ),
    )


def _script() -> ServiceScript:
    return ServiceScript(
        file=ROOT / "QATrackCherryPyService.py",
        service=Stated(value="QATrackCherryPyService", where="QATrackCherryPyService.py:12"),
        deploy_directory=Stated(value="site", where="QATrackCherryPyService.py:8"),
        is_this_site=True,
        venv_directory=None,
        has_venv=None,
        port=Stated(value=8080, where="QATrackCherryPyService.py"),
    )


def _python(version: str) -> Interpreter:
    return Interpreter(path=Path(f"/usr/bin/python{version[:3]}"), version=Version(version), bits=64, found="PATH")


def _backup() -> Backup:
    made = UnverifiedBackup(
        method="native",
        format="sqlite",
        manifest=Path("backups/site.manifest.json"),
        file=Path("backups/site.sqlite3"),
        database="sqlite:////data/qatrack.db",
        vendor="sqlite",
        site_version="0.2.9.1",
        created_at=WHEN,
        size_bytes=1,
        sha256="",
        content=Content(rows=(), history_sha256="", procedures_sha256=""),
        uploads=Uploads(file=Path("backups/site.uploads.zip"), size_bytes=1, sha256="", files=2, bytes=1_000_000),
    )
    return Backup(made=made, verified_at=WHEN, proof=())
