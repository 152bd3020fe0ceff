"""What was observed of one site, by kind of fact. Holds no connection and no password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from packaging.version import Version

from upgrade_kit.model.backup import Backup
from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.dumps import FoundDumps
from upgrade_kit.model.environment import Environments
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.places import BackupPlace, LogPlace
from upgrade_kit.model.precondition import DataAhead
from upgrade_kit.model.repository import Git
from upgrade_kit.model.requirement import Requirements
from upgrade_kit.model.rewrite import MacroName, Procedure
from upgrade_kit.model.server import Server
from upgrade_kit.model.sql import Scripts, StoredSql
from upgrade_kit.model.unobserved import NOT_ASKED, Unobserved
from upgrade_kit.model.uploads import SiteUploads
from upgrade_kit.model.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The application's code in the site's folder.

    Attributes:
        root: the folder that holds ``manage.py``.
        version: what the files and git together say, or why not.
        declared: ``VERSION`` in ``qatrack/settings.py``; tags and this line disagree in some releases.
        described: what git says of the commit (a tag, or ``tag-N-gHASH``), or why not.
        evidence: the sentences that led to ``version``.
    """

    root: Path
    version: Version | Unobserved
    declared: str | Unobserved
    described: str | Unobserved
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """``DATABASES['default']`` as the site's files state it. The password itself is not kept here.

    Each value is ``Unobserved`` where it is computed at run time.
    """

    engine: str | Unobserved
    name: str | Unobserved
    user: str | Unobserved
    host: str | Unobserved
    port: str | Unobserved
    options: tuple[tuple[str, str], ...] | Unobserved
    has_password: bool | Unobserved
    where: str


class ImportKind(StrEnum):
    """Where the settings find what they import, beside Python's and Django's own."""

    OWN = "own"  # a file of the site that both versions of Python find
    BESIDE = "beside"  # a file in the same folder, which only Python 2 finds without a dot
    PYTHON2 = "python2"  # a module that Python 3 has no more
    FOREIGN = "foreign"  # a module that has to be installed


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsImport:
    """One import in a settings file that the site wrote.

    Attributes:
        module: what is imported.
        kind: where it is found.
        where: ``"file:line"``.
        certain: whether it happens always, and nothing catches its failure in that file.
    """

    module: str
    kind: ImportKind
    where: str
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``settings.py`` and ``local_settings.py``, parsed and never imported.

    Attributes:
        files: the files that were read, in the order in which the application reads them.
        values: ``(name, value as Python text, "file:line")`` of each top-level name that is known.
        unknown: ``(name, Unobserved)`` of each that is set but cannot be known.
        database: the default database.
        media_root: ``MEDIA_ROOT``.
        python2_only: ``"file:line"`` of files that only Python 2 can parse.
        undeclared: ``"file:line"`` of a byte for which neither Python takes a file: it is not UTF-8, and no coding line
            says what it is.
        notes: what a person should know of the files themselves, one sentence each.
        set_by_site: ``(name, "file:line")`` of what other files set than the application's own ``settings.py``.
        imports: what the site's own settings files import, but for what comes with Python and Django.
        has_published_key: whether ``SECRET_KEY`` is the one that QATrack+ came with, or is left to it.
        has_known_zone: whether this machine's time zone data have ``TIME_ZONE``, where that is a text.
        open_to_all: ``(file, names)`` of files that every user of the machine may read, with the names of the secrets
            in them.
        alters_as_before: whether a file sets SQLite's ``legacy_alter_table``, which UK308 asks about.
    """

    files: tuple[Path, ...]
    values: tuple[tuple[str, str, str], ...]
    unknown: tuple[tuple[str, Unobserved], ...]
    database: DatabaseSettings | Unobserved
    media_root: Path | Unobserved
    python2_only: tuple[str, ...]
    notes: tuple[str, ...] = ()
    set_by_site: tuple[tuple[str, str], ...] = ()
    imports: tuple[SettingsImport, ...] = ()
    has_published_key: bool | Unobserved = NOT_ASKED
    has_known_zone: bool | Unobserved = NOT_ASKED
    open_to_all: tuple[tuple[str, tuple[str, ...]], ...] | Unobserved = NOT_ASKED
    alters_as_before: bool = False
    undeclared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python that answered when asked.

    Attributes:
        path: the program.
        version: its version.
        bits: 32 or 64.
        found: how it was found.
        prefix: the folder that it is installed in, or its virtual environment; ``None`` where it does not say.
        is_environment: whether that is a virtual environment.
        lacks: what pip and new environments need of it and it has not: ``venv``, ``ensurepip``, ``ssl``.
        sqlite: the version of SQLite that it comes with, or ``None`` where it does not say.
    """

    path: Path
    version: Version
    bits: int
    found: str
    prefix: Path | None = None
    is_environment: bool = False
    lacks: tuple[str, ...] = ()
    sqlite: Version | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreters:
    """The interpreters of this machine.

    Attributes:
        found: those that answered, newest first.
        silent: ``(path, reason)`` of those that did not.
        commands: ``(word, interpreter)``: what answers to ``python`` and the like in a new window, where it is one of
            ``found``; the environment that runs this is passed over.
    """

    found: tuple[Interpreter, ...]
    silent: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, Interpreter], ...] = ()


class SchemaState(StrEnum):
    """Where a schema stands among the versions that the rules know."""

    COMPLETE = "complete"  # at the end of one version's migrations
    PARTIAL = "partial"  # half way between two versions
    SKIPPED = "skipped"  # taken past a version that it had to go through; data is spoilt
    EMPTY = "empty"  # no tables of QATrack+
    FOREIGN = "foreign"  # tables, but not QATrack+'s, or a version that no rule knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What the migration history says.

    Attributes:
        state: see ``SchemaState``.
        version: the node whose migrations are complete (for ``PARTIAL``: the one it comes from).
        towards: for ``PARTIAL`` and ``SKIPPED`` the node it was going to, else ``None``.
        span: the releases that this schema fits, for people (``"0.3.0.1 to 0.3.0.20"``).
        missing: ``app.name`` of migrations of that node that are not applied.
        unknown: ``app.name`` of applied migrations in QATrack+'s apps that no rule knows.
        evidence: the sentences that led to this.
    """

    state: SchemaState
    version: Version | None
    towards: Version | None
    span: str
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database that answered.

    Attributes:
        url: where it is, without the password.
        vendor: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        server: product and version, as the server says it.
        name: the database's name; for SQLite the absolute path.
        file: the database's file where it is one.
        size_bytes: its size, or why not.
        read_only: True where the vendor enforces it for this session.
        tables: names, sorted.
        schema: what the migration history says, or why not.
        procedures: every test that has a procedure or is an upload test, by test id, or why not.
        orphans: unit test collections whose test list or cycle is gone, one description each, or why not.
        dangling: foreign keys to a table that does not exist (``"table -> missing"``), or why not.
        spoilt: columns whose every value is the column's own name: ``"table.column (n rows)"``, or why not.
        has_default_site: whether ``django_site`` has row 1, or why not.
        macro_names: every test as composites see it, by test id, or why not.
    """

    url: str
    vendor: str
    server: str
    name: str
    file: Path | None
    size_bytes: int | Unobserved
    read_only: bool
    tables: tuple[str, ...]
    schema: Schema | Unobserved
    procedures: tuple[Procedure, ...] | Unobserved
    orphans: tuple[str, ...] | Unobserved
    dangling: tuple[str, ...] | Unobserved
    spoilt: tuple[str, ...] | Unobserved
    has_default_site: bool | Unobserved
    macro_names: tuple[MacroName, ...] | Unobserved = NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Free room where a step writes."""

    path: Path
    purpose: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The volumes that the upgrade writes to, and what is there to copy.

    Attributes:
        volumes: one per distinct purpose.
        uploads_bytes: size of the uploads folder in bytes, or why not.
    """

    volumes: tuple[Volume, ...]
    uploads_bytes: int | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """This machine, as far as the migration depends on it.

    Attributes:
        system: ``Windows``, ``Linux`` ...
        preferred_encoding: what a Python started here would write text files in.
        printing: ``PYTHONIOENCODING``, which says in what the screen is written to; ``""`` where it is not set.
    """

    system: str
    preferred_encoding: str
    printing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """The manifests that were found.

    Attributes:
        looked_in: folders and files that were searched.
        current: verified backups of this very database as it stands now, newest first.
        stale: ``(manifest, reason)`` of the others.
    """

    looked_in: tuple[Path, ...]
    current: tuple[Backup, ...]
    stale: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A value that a file states, and ``file:line``."""

    value: str | int | Unobserved
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceScript:
    """A script that runs the site as a Windows service.

    Attributes:
        file: the script.
        service: the name under which Windows knows the service, or ``None`` where the script has none.
        deploy_directory: ``DEPLOY_DIRECTORY``, or ``None`` where the script has none.
        is_this_site: whether that is the folder of the site that is looked at; ``None`` where the script has none.
        venv_directory: ``VENV_DIRECTORY``, or ``None``: the script of 0.2.9 has none.
        has_venv: whether that folder is there; ``None`` where the script has none.
        port: the TCP port that CherryPy serves.
    """

    file: Path
    service: Stated | None
    deploy_directory: Stated | None
    is_this_site: bool | Unobserved | None
    venv_directory: Stated | None
    has_venv: bool | Unobserved | None
    port: Stated


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceScripts:
    """The service scripts of a site, at least one."""

    scripts: tuple[ServiceScript, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsService:
    """What Windows says of one service, in its own words (``RUNNING``, ``AUTO_START``)."""

    name: str
    state: str | Unobserved
    start_type: str | Unobserved
    program: str | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsServices:
    """The services that have to do with QATrack+, and who said so: ``sc.exe``, or the files that hold its answers."""

    found: tuple[WindowsService, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IisRule:
    """A rule of IIS's URL Rewrite, in the words of its configuration.

    Attributes:
        name: its name.
        is_global: whether it holds for the whole server; such rules come first.
        scope: for others, the site or the file that it holds for.
        enabled: whether it is used at all.
        stops: whether no later rule is tried (``stopProcessing``).
        syntax: ``ECMAScript``, ``Wildcard`` or ``ExactMatch``.
        pattern: what the path, without its first ``/``, is compared with.
        ignores_case: whether capitals do not matter.
        negated: whether it holds for what the pattern does not match.
        has_conditions: whether it depends on more than the path.
        action: ``None``, ``Rewrite``, ``Redirect``, ``CustomResponse`` or ``AbortRequest``.
        url: where ``Rewrite`` and ``Redirect`` lead.
        appends_query: whether what follows ``?`` goes along.
        where: ``"file:line"``.
    """

    name: str
    is_global: bool
    scope: str
    enabled: bool
    stops: bool
    syntax: str
    pattern: str
    ignores_case: bool
    negated: bool
    has_conditions: bool
    action: str
    url: str
    appends_query: bool
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IisSite:
    """A site of IIS: its name, whether it starts by itself, its folder, its bindings (``http *:80:``) and its place."""

    name: str
    starts: bool
    folder: Stated
    bindings: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Iis:
    """What the configuration files of IIS say that were read.

    Attributes:
        files: those files.
        rules: the rules of URL Rewrite, the server's own first.
        has_rewriting: whether any of the files has a section for them.
        proxy: whether Application Request Routing may act as a proxy, and ``"file:line"``; the server's file says it.
        modules: the modules that are installed, which the server's file says.
        sites: the sites, which the server's file says.
    """

    files: tuple[Path, ...]
    rules: tuple[IisRule, ...]
    has_rewriting: bool
    proxy: tuple[bool, str] | Unobserved
    modules: tuple[str, ...] | Unobserved
    sites: tuple[IisSite, ...] | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One QATrack+ installation as observed at one moment.

    Attributes:
        site: the folder that was given, or ``None``.
        observed_at: when, in UTC.
        version: the site's version: the schema's, made precise by the checkout where both agree.
        versions_agree: whether checkout and schema are of the same node; ``Unobserved`` if one is unknown.
        service_scripts: the scripts with which the site runs as a Windows service.
        windows_services: what Windows says of these services.
        iis: what the web server in front of them is told to do.
        data_ahead: the data as the migrations ahead will find it.
        sql: the files of SQL that were named.
        stored_sql: views, triggers and procedures in the database.
        environments: the virtual environments that may be the site's.
        requirements: the requirement files of the releases, as the site's own repository has them.
        server: what the database server says of itself.
        verification: what was looked at when an upgrade is done.
        uploads: the uploaded files, and those that the database names.
        backup_place: where a backup is, or is to go.
        dumps: JSON dumps that somebody made by hand.
        clocks: what time it is, here and at the database's server.
        log_place: where 0.3.0 writes its logs.
        git: what git knows of the site's folder.
        database_url: where the database is, without the password, whether it was looked at or not; ``None`` where that
            is not known.
        database_was_named: whether that was said in place of the settings.
    """

    site: Path | None
    observed_at: datetime
    version: Version | Unobserved
    versions_agree: bool | Unobserved
    checkout: Checkout | Unobserved
    settings: Settings | Unobserved
    interpreters: Interpreters | Unobserved
    database: Database | Unobserved
    disk: Disk | Unobserved
    machine: Machine
    backups: Backups | Unobserved
    migrate_log: MigrateLog | Unobserved
    service_scripts: ServiceScripts | Unobserved = NOT_ASKED
    windows_services: WindowsServices | Unobserved = NOT_ASKED
    iis: Iis | Unobserved = NOT_ASKED
    data_ahead: DataAhead | Unobserved = NOT_ASKED
    sql: Scripts | Unobserved = NOT_ASKED
    stored_sql: StoredSql | Unobserved = NOT_ASKED
    environments: Environments | Unobserved = NOT_ASKED
    requirements: Requirements | Unobserved = NOT_ASKED
    server: Server | Unobserved = NOT_ASKED
    verification: Verification | Unobserved = NOT_ASKED
    uploads: SiteUploads | Unobserved = NOT_ASKED
    backup_place: BackupPlace | Unobserved = NOT_ASKED
    dumps: FoundDumps | Unobserved = NOT_ASKED
    clocks: Clocks | Unobserved = NOT_ASKED
    log_place: LogPlace | Unobserved = NOT_ASKED
    git: Git | Unobserved = NOT_ASKED
    database_url: str | None = None
    database_was_named: bool = False
