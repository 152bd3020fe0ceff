"""Observes one site: reads what can be read, and says of everything else why not. Writes nothing."""

from __future__ import annotations

import locale
import os
import platform
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.checkout import SiteFolder, find_site, read_checkout, release_of
from upgrade_kit.deployment.disk import read_disk
from upgrade_kit.deployment.looks import Looks, wanted_looks
from upgrade_kit.deployment.observing import Observing, Watch
from upgrade_kit.errors import DatabaseError, LogError, UsageError
from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.deployment import (
    Backups,
    Checkout,
    Database,
    Deployment,
    Disk,
    Iis,
    Interpreters,
    Machine,
    Schema,
    SchemaState,
    ServiceScripts,
    Settings,
    WindowsServices,
)
from upgrade_kit.model.dumps import FoundDumps
from upgrade_kit.model.environment import Environments
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.path import Release
from upgrade_kit.model.places import BackupPlace, LogPlace
from upgrade_kit.model.precondition import DataAhead
from upgrade_kit.model.repository import Git
from upgrade_kit.model.requirement import Requirements
from upgrade_kit.model.server import Server
from upgrade_kit.model.sql import Scripts, StoredSql
from upgrade_kit.model.unobserved import Absent, Unobserved
from upgrade_kit.model.uploads import SiteUploads

if TYPE_CHECKING:  # Django loads only when needed
    from upgrade_kit.deployment.connection import Session
    from upgrade_kit.deployment.uploads import UploadsFolder

SeenT = TypeVar("SeenT")

TIME_LIMIT_SECONDS = 300.0  # of one look: counting the rows of a large database takes its time
_NO_SITE = Unobserved("no site folder was given", asked=False)
_NO_PYTHONS = Unobserved("the interpreters were not asked for", asked=False)
# What CPython sets LC_CTYPE to by itself where it finds the C locale (PEP 538).
_COERCED = frozenset(("C.UTF-8", "C.utf8", "UTF-8"))
_C_LOCALES = frozenset(("", "C", "POSIX"))


def survey(  # noqa: PLR0913 - each is one thing that a user may say of a site
    site: str | Path | None = None,
    *,
    database: str | None = None,
    password: str | None = None,
    interpreters: bool = True,
    data: bool = True,
    server: bool = True,
    environment: Mapping[str, str] | None = None,
    python: Path | None = None,
    environments: Sequence[Path] = (),
    log: Path | None = None,
    backup_folders: Sequence[Path] = (),
    backup_to: Path | None = None,
    service_exports: Sequence[Path] = (),
    iis: Sequence[Path] = (),
    sql: Sequence[Path] = (),
    releases: tuple[Release, ...] | None = None,
    now: datetime | None = None,
    facts: Collection[str] | None = None,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
    watch: Watch | None = None,
) -> Deployment:
    """Observe one site. Only reads; a fact that cannot be read is ``Unobserved`` with the reason.

    Args:
        site: the folder that holds ``manage.py``.
        database: a database URL; overrides what the settings say.
        password: the database password; overrides what settings and URL leave out or say.
        interpreters: whether to ask the Pythons of this machine, and to look at its virtual environments.
        data: whether to hold the data against what the migrations ahead take for granted.
        server: whether to ask the database server about itself, the login, and the database as a whole.
        environment: the environment to search for programs; ``None`` means this process's own.
        python: an interpreter that the user names.
        environments: folders of virtual environments that the user names.
        log: the migration log; by default ``logs/migrate.log`` in the site.
        backup_folders: where to look for backups.
        backup_to: where a backup is to go.
        service_exports: files with what ``sc.exe query`` and ``sc.exe qc`` printed on the server.
        iis: ``web.config`` and ``applicationHost.config``, or folders that hold them, besides those of the site.
        sql: files of SQL that the site keeps.
        releases: the releases that the rules know; by default all that are installed.
        now: the time of the observation; by default the present.
        facts: the names of the attributes of ``Deployment`` that are wanted, by default all. Others may be
            ``Unobserved``: what takes time and is not needed for these is not looked at.
        time_limit_seconds: how long looking at one thing may take; what takes longer is ``Unobserved``.
        watch: told what is being looked at, and when that has ended; called from several threads.

    Raises:
        SiteError: there is no such folder.
        UsageError: neither site nor database is given, or the URL is none.
        ValueError: ``facts`` holds a name that is none of an attribute.
    """
    if site is None and database is None:
        raise UsageError(
            "neither a site nor a database was named",
            hint="Give the folder that holds manage.py, or --database URL.",
        )
    if releases is None:
        from upgrade_kit.planning.graph import VersionGraph  # noqa: PLC0415 - rules are read only where asked for

        releases = VersionGraph.load().releases
    folder = _NO_SITE if site is None else find_site(site)
    root = folder.root if isinstance(folder, SiteFolder) else None
    settings, address = _settings_and_address(folder, database, password)
    scripts = _service_scripts(folder)

    looks = Looks(Observing(time_limit_seconds, watch or _unwatched), wanted_looks(facts))
    base = looks.begin("database", "the database", lambda: _database(address, releases))
    rows = looks.begin("data_ahead", "the data", lambda: _data_ahead(address, releases, wanted=data))
    itself = looks.begin("server", "the database server", lambda: _server(address, environment, wanted=server))
    code = looks.begin("checkout", "the checkout", lambda: _checkout(site, releases, environment))
    pythons = looks.begin(
        "interpreters",
        "the interpreters",
        lambda: _interpreters(root, python, environments, scripts, environment) if interpreters else _NO_PYTHONS,
    )
    services = looks.begin(
        "windows_services", "the services", lambda: _windows_services(root, scripts, service_exports, environment)
    )
    web_server = looks.begin("iis", "IIS", lambda: _iis(root, iis, environment))
    in_database = looks.begin("stored_sql", "views and triggers", lambda: _stored_sql(address))
    queries = looks.begin("sql", "the files of SQL", lambda: _sql(sql))
    repository = looks.begin("git", "git", lambda: _git(folder, releases, environment))
    needed = looks.begin("requirements", "the requirement files", lambda: _requirements(root, releases, environment))
    record = looks.begin("migrate_log", "the migration's log", lambda: _migrate_log(folder, log))
    logs = looks.begin("log_place", "the folder of the logs", lambda: _log_place(root))
    stored = looks.begin("uploads", "the uploaded files", lambda: _uploads_folder(root, settings))
    observed, checkout = base.result(), code.result()
    # what has to know the database, the interpreters or the services first
    places = looks.begin(
        "environments",
        "the virtual environments",
        lambda: (
            _environments(root, environments, scripts, (services.result(), pythons.result()), releases, environment)
            if interpreters
            else _NO_PYTHONS
        ),
    )
    backups = looks.begin("backups", "the backups", lambda: _backups(address, observed, backup_folders))
    dumps = looks.begin("dumps", "JSON dumps", lambda: _dumps(address, observed, backup_folders))
    clocks = looks.begin("clocks", "the clocks", lambda: _clocks(address, observed))
    files = stored.result()
    uploads = looks.begin("uploads", "the uploads in the database", lambda: _site_uploads(address, observed, files))
    kept = backups.result()
    place = looks.begin(
        "backup_place", "the place of the backup", lambda: _backup_place(address, observed, kept, backup_to)
    )
    disk = looks.begin("disk", "the disks", lambda: _disk(root, observed, files, _still_to_go(kept, backup_to)))
    return Deployment(
        site=root or (None if site is None else Path(site)),
        observed_at=now or datetime.now(UTC),
        version=_version(checkout, observed, releases),
        versions_agree=_agree(checkout, observed, releases),
        checkout=checkout,
        settings=settings,
        interpreters=pythons.result(),
        database=observed,
        server=itself.result(),
        disk=disk.result(),
        machine=read_machine(environment),
        backups=kept,
        migrate_log=record.result(),
        service_scripts=scripts,
        windows_services=services.result(),
        iis=web_server.result(),
        data_ahead=rows.result(),
        sql=queries.result(),
        stored_sql=in_database.result(),
        environments=places.result(),
        requirements=needed.result(),
        uploads=uploads.result(),
        backup_place=place.result(),
        dumps=dumps.result(),
        clocks=clocks.result(),
        log_place=logs.result(),
        git=repository.result(),
        database_url=None if isinstance(address, Unobserved) else address.shown,
        database_was_named=database is not None,
    )


def resolve_address(
    site: str | Path | None,
    *,
    database: str | None = None,
    password: str | None = None,
) -> DatabaseAddress | Unobserved:
    """Return the address of a site's database: the URL's where one is given, else the settings'.

    Args:
        site: the folder that holds ``manage.py``.
        database: a database URL.
        password: the database password.

    Raises:
        SiteError: there is no such folder.
        UsageError: neither is given, or the URL is none.
    """
    if database is not None:
        return parse_database_url(database, base=Path.cwd(), password=password)
    if site is None:
        raise UsageError(
            "neither a site nor a database was named",
            hint="Give the folder that holds manage.py, or --database URL.",
        )
    return _settings_and_address(find_site(site), None, password)[1]


def find_uploads(site: str | Path) -> Path | Unobserved:
    """Return the folder of a site's uploaded files, or why it is not known.

    Args:
        site: the folder that holds ``manage.py``.

    Raises:
        SiteError: there is no such folder.
    """
    settings, _ = _settings_and_address(find_site(site), None, None)
    media = settings if isinstance(settings, Unobserved) else settings.media_root
    if isinstance(media, Unobserved):
        return media
    folder = media / "uploads"
    if folder.is_dir():
        return folder
    return Unobserved(f"{folder} is there and is no folder" if folder.exists() else f"there is no folder {folder}")


def read_machine(environment: Mapping[str, str] | None = None) -> Machine:
    """Return the system and the encoding in which the site's Python would write a log.

    That Python is older than UTF-8 mode (PEP 540) and locale coercion (PEP 538), which hide a C locale from
    the Python that runs this.
    """
    settings = os.environ if environment is None else environment
    encoding = locale.getencoding()
    if os.name == "posix":
        stated = settings.get("LC_ALL") or settings.get("LC_CTYPE") or settings.get("LANG") or ""
        coerced = not settings.get("LC_ALL") and stated in _COERCED and settings.get("LANG", "") in _C_LOCALES
        if stated in _C_LOCALES or coerced:
            encoding = "ascii"
    return Machine(
        system=platform.system() or os.name,
        preferred_encoding=encoding,
        printing=settings.get("PYTHONIOENCODING", ""),
    )


def _settings_and_address(
    folder: SiteFolder | Unobserved, database: str | None, password: str | None
) -> tuple[Settings | Unobserved, DatabaseAddress | Unobserved]:
    from upgrade_kit.deployment.settings import read_settings  # noqa: PLC0415 - a database alone has no settings

    settings: Settings | Unobserved
    address: DatabaseAddress | Unobserved
    if isinstance(folder, SiteFolder):
        settings, address = read_settings(folder.root, password)
    else:
        settings, address = folder, Unobserved(folder.reason)
    if database is not None:
        address = parse_database_url(database, base=Path.cwd(), password=password)
    return settings, address


def _unwatched(_what: str, _ended: bool) -> None:
    return None


def _checkout(
    site: str | Path | None, releases: tuple[Release, ...], environment: Mapping[str, str] | None
) -> Checkout | Unobserved:
    return _NO_SITE if site is None else read_checkout(Path(site), releases, environment=environment)


def _database(address: DatabaseAddress | Unobserved, releases: tuple[Release, ...]) -> Database | Unobserved:
    if isinstance(address, Unobserved):
        return address
    from upgrade_kit.deployment.database import read_database  # noqa: PLC0415 - Django loads only when needed

    try:
        return read_database(address, releases)
    except DatabaseError as error:
        return Unobserved(str(error))


def _data_ahead(
    address: DatabaseAddress | Unobserved, releases: tuple[Release, ...], *, wanted: bool
) -> DataAhead | Unobserved:
    if not wanted:
        return Unobserved("the data was not asked about", asked=False)
    if isinstance(address, Unobserved):
        return address
    from upgrade_kit.deployment.preconditions import read_data_ahead  # noqa: PLC0415 - Django loads only when needed
    from upgrade_kit.planning.models import load_models  # noqa: PLC0415 - rules are read only where asked for
    from upgrade_kit.planning.preconditions import load_preconditions  # noqa: PLC0415 - as above

    try:
        return read_data_ahead(address, releases, load_preconditions(), load_models())
    except DatabaseError as error:
        return Unobserved(str(error))


def _server(
    address: DatabaseAddress | Unobserved, environment: Mapping[str, str] | None, *, wanted: bool
) -> Server | Unobserved:
    if not wanted:
        return Unobserved("the database server was not asked about itself", asked=False)
    if isinstance(address, Unobserved):
        return address
    from upgrade_kit.deployment.server import read_server  # noqa: PLC0415 - Django loads only when needed

    return read_server(address, environment=environment)


def _schema_version(database: Database | Unobserved) -> Version | None:
    if isinstance(database, Unobserved) or isinstance(database.schema, Unobserved):
        return None
    return database.schema.version


def _checkout_version(checkout: Checkout | Unobserved) -> Version | None:
    if isinstance(checkout, Unobserved) or isinstance(checkout.version, Unobserved):
        return None
    return checkout.version


def _same_node(one: Version, other: Version, releases: Sequence[Release]) -> bool:
    return one == other or ((node := release_of(one, releases)) is not None and node == release_of(other, releases))


def _version(
    checkout: Checkout | Unobserved, database: Database | Unobserved, releases: Sequence[Release]
) -> Version | Unobserved:
    code, schema = _checkout_version(checkout), _schema_version(database)
    between = _between(database)
    if between is not None:
        return Unobserved(between)
    if schema is not None:
        return code if code is not None and _same_node(code, schema, releases) else schema
    if code is not None:
        return code
    reasons = [fact.reason for fact in (checkout, database) if isinstance(fact, Unobserved) and fact.asked]
    return Unobserved("; ".join(dict.fromkeys(reasons)) or "neither the checkout nor the database tells the version")


def _between(database: Database | Unobserved) -> str | None:
    """Return why a schema is of no version at all, or None."""
    schema = None if isinstance(database, Unobserved) else database.schema
    if not isinstance(schema, Schema):
        return None
    match schema.state:
        case SchemaState.PARTIAL:
            return f"the schema is half way from {schema.version} to {schema.towards}"
        case SchemaState.SKIPPED:
            return f"the schema was taken from {schema.version} past a version that it had to go through"
        case _:
            return None


def _agree(
    checkout: Checkout | Unobserved, database: Database | Unobserved, releases: Sequence[Release]
) -> bool | Unobserved:
    code, schema = _checkout_version(checkout), _schema_version(database)
    if code is None:
        asked = not isinstance(checkout, Unobserved) or checkout.asked
        return Unobserved("the version of the checkout is not known", asked=asked)
    if schema is None:
        return Unobserved("the version of the schema is not known")
    return _same_node(code, schema, releases)


def _interpreters(
    root: Path | None,
    python: Path | None,
    given: Sequence[Path],
    scripts: ServiceScripts | Unobserved,
    environment: Mapping[str, str] | None,
) -> Interpreters:
    # Both look around, and the first starts programs: nobody pays for it who does not ask.
    from upgrade_kit.deployment.environments import find_environment_folders  # noqa: PLC0415
    from upgrade_kit.deployment.interpreters import find_interpreters  # noqa: PLC0415

    folders = find_environment_folders(root, given=given, scripts=scripts, environment=environment)
    return find_interpreters(python, environment=environment, site=root, environments=[one.folder for one in folders])


def _environments(
    root: Path | None,
    given: Sequence[Path],
    scripts: ServiceScripts | Unobserved,
    seen: tuple[WindowsServices | Unobserved, Interpreters | Unobserved],
    releases: Sequence[Release],
    environment: Mapping[str, str] | None,
) -> Environments | Unobserved:
    if root is None and not given:
        return _NO_SITE
    from upgrade_kit.deployment.environments import (  # noqa: PLC0415 - as above
        find_environment_folders,
        read_environments,
    )

    services, pythons = seen
    folders = find_environment_folders(root, given=given, scripts=scripts, services=services, environment=environment)
    names = [release.environment for release in releases if release.environment]
    return read_environments(folders, pythons, names, site=root, environment=environment)


def _requirements(
    root: Path | None, releases: Sequence[Release], environment: Mapping[str, str] | None
) -> Requirements | Unobserved:
    if root is None:
        return _NO_SITE
    from upgrade_kit.deployment.requirements import read_requirements  # noqa: PLC0415 - asks git

    return read_requirements(root, releases, environment=environment)


def _disk(
    root: Path | None,
    database: Database | Unobserved,
    files: UploadsFolder | Unobserved,
    backup_to: Path | None,
) -> Disk | Unobserved:
    return read_disk(
        root, None if isinstance(database, Unobserved) else database.file, _measured(files), backup=backup_to
    )


def _measured(files: UploadsFolder | Unobserved) -> tuple[Path, int | Unobserved] | Unobserved:
    if isinstance(files, Unobserved):
        return files
    seen = files.uploads
    return seen.folder, seen.files if isinstance(seen.files, Unobserved) else seen.files.bytes


def _uploads_folder(root: Path | None, settings: Settings | Unobserved) -> UploadsFolder | Unobserved:
    if root is None:
        return _NO_SITE
    if isinstance(settings, Unobserved):
        return Unobserved(f"the uploads folder cannot be found: {settings.reason}")
    from upgrade_kit.deployment.uploads import read_uploads_folder  # noqa: PLC0415 - a database alone has no folder

    return read_uploads_folder(settings, root)


def _site_uploads(
    address: DatabaseAddress | Unobserved, database: Database | Unobserved, files: UploadsFolder | Unobserved
) -> SiteUploads | Unobserved:
    if isinstance(files, Unobserved):
        return files
    from upgrade_kit.deployment.uploads import read_named_uploads  # noqa: PLC0415 - as above

    named = (
        files.uploads.files
        if isinstance(files.uploads.files, Unobserved)
        else _asked(address, database, lambda session: read_named_uploads(session, files))
    )
    return replace(files.uploads, named=named)


def _asked(
    address: DatabaseAddress | Unobserved, database: Database | Unobserved, ask: Callable[[Session], SeenT]
) -> SeenT | Unobserved:
    """Ask a database that has answered before, in a session of its own."""
    if isinstance(database, Unobserved):
        return database
    if isinstance(address, Unobserved):
        return address
    from upgrade_kit.deployment.connection import open_database  # noqa: PLC0415 - Django loads only when needed

    try:
        with open_database(address) as session:
            return ask(session)
    except DatabaseError as error:
        return Unobserved(str(error))


def _clocks(address: DatabaseAddress | Unobserved, database: Database | Unobserved) -> Clocks | Unobserved:
    from upgrade_kit.deployment.clock import read_clocks  # noqa: PLC0415 - as above

    return _asked(address, database, read_clocks)


def _dumps(
    address: DatabaseAddress | Unobserved, database: Database | Unobserved, folders: Sequence[Path]
) -> FoundDumps | Unobserved:
    if not folders:
        return Unobserved("no folder was named in which a dump could lie", asked=False)
    from upgrade_kit.deployment.dumps import find_dumps  # noqa: PLC0415 - as above

    found = _asked(address, database, lambda session: find_dumps(folders, session))
    return find_dumps(folders) if isinstance(found, Unobserved) else found


def _backup_place(
    address: DatabaseAddress | Unobserved,
    database: Database | Unobserved,
    backups: Backups | Unobserved,
    folder: Path | None,
) -> BackupPlace | Unobserved:
    if folder is None:
        return Unobserved("nobody said where a backup is to go", asked=False)
    if isinstance(address, Unobserved) or isinstance(database, Unobserved) or isinstance(backups, Unobserved):
        return Unobserved("the database could not be read, so it is not known where it is and how large")
    from upgrade_kit.deployment.places import read_backup_place  # noqa: PLC0415 - as above

    return read_backup_place(folder, next(iter(backups.current), None), address, database.file)


def _still_to_go(backups: Backups | Unobserved, folder: Path | None) -> Path | None:
    """Return where a backup is to go, if there is none yet."""
    return None if isinstance(backups, Backups) and backups.current else folder


def _log_place(root: Path | None) -> LogPlace | Unobserved:
    if root is None:
        return _NO_SITE
    from upgrade_kit.deployment.places import read_log_place  # noqa: PLC0415 - as above

    return read_log_place(root)


def _backups(
    address: DatabaseAddress | Unobserved, database: Database | Unobserved, folders: Sequence[Path]
) -> Backups | Unobserved:
    if isinstance(address, Unobserved) or isinstance(database, Unobserved):
        return Unobserved("the database could not be read, so there is nothing to compare a backup with")
    from upgrade_kit.deployment.manifests import find_backups  # noqa: PLC0415 - Django loads only when needed

    return _asked(address, database, lambda session: find_backups(tuple(folders), session))


def _service_scripts(folder: SiteFolder | Unobserved) -> ServiceScripts | Unobserved:
    if isinstance(folder, Unobserved):
        return folder
    from upgrade_kit.deployment.service import read_service_scripts  # noqa: PLC0415 - a database alone has no script

    return read_service_scripts(folder.root)


def _windows_services(
    root: Path | None,
    scripts: ServiceScripts | Unobserved,
    exports: Sequence[Path],
    environment: Mapping[str, str] | None,
) -> WindowsServices | Unobserved:
    if not exports and (root is None or os.name != "nt"):
        return Unobserved("services are asked for on Windows only; --service-export takes its answers", asked=False)
    from upgrade_kit.deployment.service import ask_windows, read_service_exports  # noqa: PLC0415 - as the line says

    stated = () if isinstance(scripts, Unobserved) else tuple(script.service for script in scripts.scripts)
    names = [one.value for one in stated if one is not None and isinstance(one.value, str)]
    return read_service_exports(exports, names) if exports else ask_windows(names, environment)


def _iis(root: Path | None, given: Sequence[Path], environment: Mapping[str, str] | None) -> Iis | Unobserved:
    if root is None and not given:
        return _NO_SITE
    from upgrade_kit.deployment.iis import read_iis  # noqa: PLC0415 - a database alone has no web server

    return read_iis(root, given, environment=environment)


def _stored_sql(address: DatabaseAddress | Unobserved) -> StoredSql | Unobserved:
    if isinstance(address, Unobserved):
        return address
    from upgrade_kit.deployment.connection import open_database  # noqa: PLC0415 - Django loads only when needed
    from upgrade_kit.deployment.stored_sql import read_stored_sql  # noqa: PLC0415 - as above

    try:
        with open_database(address) as session:
            return read_stored_sql(session)
    except DatabaseError as error:
        return Unobserved(str(error))


def _sql(files: Sequence[Path]) -> Scripts | Unobserved:
    if not files:
        return Unobserved("no file of SQL was named; --sql FILE takes reports and jobs that a site keeps", asked=False)
    from upgrade_kit.deployment.sql_files import read_sql_files  # noqa: PLC0415 - most sites name none

    return read_sql_files(files)


def _git(
    folder: SiteFolder | Unobserved, releases: tuple[Release, ...], environment: Mapping[str, str] | None
) -> Git | Unobserved:
    if isinstance(folder, Unobserved):
        return folder
    from upgrade_kit.deployment.repository import read_git  # noqa: PLC0415 - a database alone has no repository

    return read_git(folder.root, releases, environment=environment)


def _migrate_log(folder: SiteFolder | Unobserved, log: Path | None) -> MigrateLog | Unobserved:
    path = log
    if path is None:
        if isinstance(folder, Unobserved):
            return folder
        path = folder.root / "logs" / "migrate.log"
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return Absent(f"there is no {path}")
        except OSError as error:
            return Unobserved(f"{path}: cannot be read: {error.strerror or error}")
    from upgrade_kit.deployment.migrate_log import read_migrate_log  # noqa: PLC0415 - only where there is one

    try:
        return read_migrate_log(path)
    except LogError as error:
        return Unobserved(error.message)
