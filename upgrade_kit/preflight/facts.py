"""The facts that checks read, each under its own type, put together in this one place.

A check that needs two facts reads a type that holds both. If either could not be observed, neither can
what holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TypeVar

from packaging.version import Version

from upgrade_kit.model.deployment import (
    Backups,
    Checkout,
    Database,
    DatabaseSettings,
    Deployment,
    Disk,
    Iis,
    Interpreters,
    Machine,
    Schema,
    SchemaState,
    ServiceScript,
    ServiceScripts,
    Settings,
    Unobserved,
    WindowsService,
    WindowsServices,
)
from upgrade_kit.model.finding import Finding, Severity
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import MacroName, OtherProcedure, Outcome, PlannedRewrite, Procedure, RewritePlan
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.rewriting.others import Neighbours, uses_of_choices

CHOICES_RULE = "UK430"
CHOICES_ARE_TEXT = Version("0.2.9.1")  # the node whose migrations make it so: qa.0019_multiple_choice_to_string

FactT = TypeVar("FactT")
FirstT = TypeVar("FirstT")
SecondT = TypeVar("SecondT")

BIN_FILE_SINCE = Version("0.3.0")  # qatrack/qa/views/perform.py: earlier releases define no BIN_FILE


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a site and of its way to the target, by type of fact."""

    values: Mapping[type, object] = field(default_factory=dict)

    def get(self, kind: type[FactT]) -> FactT | Unobserved:
        """Return the fact of this type, or why it is not known."""
        if kind not in self.values:
            return Unobserved(f"nothing here observes a fact of the type {getattr(kind, '__name__', kind)}")
        value = self.values[kind]
        if isinstance(value, kind | Unobserved):
            return value
        raise TypeError(f"the fact {kind.__name__} is kept as {type(value).__name__}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpretersOnPath:
    """The machine's interpreters, the releases that need one, and the words that name this site."""

    interpreters: Interpreters
    path: UpgradePath
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOnPath:
    """The database engine in the settings beside the releases that must load it."""

    settings: DatabaseSettings
    path: UpgradePath


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsOnPath:
    """The settings beside the path, where that is known."""

    settings: Settings
    path: UpgradePath | Unobserved

    def reaches(self, version: Version) -> bool:
        """Return whether the path ends at this version or later, in doubt yes."""
        return isinstance(self.path, Unobserved) or self.path.target.version >= version

    def crosses(self, version: Version) -> bool:
        """Return whether the path is known to cross this version."""
        return not isinstance(self.path, Unobserved) and self.path.crosses(version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptsOfSite:
    """The service scripts, and the folder of the site in which they stand."""

    scripts: ServiceScripts
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptsAndServices:
    """The service scripts beside what Windows says of the services, where that is known."""

    scripts: ServiceScripts
    services: WindowsServices | Unobserved

    def service_of(self, script: ServiceScript) -> WindowsService | None:
        """Return what Windows says of the service that a script runs."""
        name = script.service.value if script.service is not None else None
        if isinstance(self.services, Unobserved) or not isinstance(name, str):
            return None
        return next((one for one in self.services.found if one.name.casefold() == name.casefold()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesOnPath:
    """What Windows says of the services, the path where it is known, and the scripts where there are any."""

    services: WindowsServices
    scripts: ServiceScripts | Unobserved
    path: UpgradePath | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class IisOfSite:
    """The configuration of IIS, the service scripts where there are any, and the site's folder."""

    iis: Iis
    scripts: ServiceScripts | Unobserved
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDatabase:
    """The database, and the words that name this site on a command line."""

    database: Database
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutAndSchema:
    """The code's version beside the schema's, and the path where it is known."""

    agree: bool
    checkout: Checkout
    schema: Schema
    path: UpgradePath | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFromSchema:
    """The path beside the schema that it should start from."""

    path: UpgradePath
    schema: Schema | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupsOfSite:
    """The backups, and what one would be for.

    Attributes:
        backups: what was found.
        work_ahead: whether anything is going to be written.
        is_spoilt: whether the database holds spoilt data, so that a backup of it is of no use.
        arguments: the words that name this site on a command line.
    """

    backups: Backups
    work_ahead: bool
    is_spoilt: bool
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTests:
    """The answers for the site's upload tests beside the path, and the words that name this site."""

    plan: RewritePlan
    path: UpgradePath
    arguments: str

    @property
    def has_bin_file(self) -> bool:
        """Whether the site's own version gives procedures ``BIN_FILE``."""
        return self.path.source.version >= BIN_FILE_SINCE

    @property
    def gets_bin_file(self) -> bool:
        """Whether the site has ``BIN_FILE``, or will have it at the end of the path."""
        return self.path.target.version >= BIN_FILE_SINCE

    @property
    def breaking(self) -> tuple[OtherProcedure, ...]:
        """The tests that get no file and in whose procedure something breaks at the target, in order of test id."""
        return tuple(
            other
            for other in self.plan.others
            if any(finding.severity is not Severity.INFO and finding.rule != CHOICES_RULE for finding in other.findings)
        )

    def having(self, outcome: Outcome) -> tuple[PlannedRewrite, ...]:
        """Return the upload tests with this outcome, in order of test id."""
        return tuple(item for item in self.plan.items if item.rewrite.outcome is outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsesOfChoices:
    """The composites that use the value of a multiple-choice test.

    Attributes:
        found: macro name of each composite, and what was found in it.
        seen: how many procedures were looked at.
    """

    found: tuple[tuple[str, Finding], ...]
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTests:
    """What the migration prints for each upload test that it lists, and the machine that prints it."""

    lines: tuple[str, ...]
    machine: Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOnPath:
    """Free room beside what the path writes.

    ``database_bytes`` is ``Unobserved`` where the size could not be read.
    """

    disk: Disk
    database_bytes: int | Unobserved
    path: UpgradePath


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRecord:
    """The migration's log, which is a fact worth telling even where it is missing."""

    log: MigrateLog | Unobserved
    path: UpgradePath
    arguments: str


def facts_of(deployment: Deployment, path: UpgradePath | Unobserved, plan: RewritePlan | Unobserved) -> Facts:
    """Put together every fact that a check may read."""
    database = deployment.database
    arguments = site_arguments(deployment)
    schema = database.schema if isinstance(database, Database) else database
    settings = deployment.settings
    default_database = settings.database if isinstance(settings, Settings) else settings
    size = database.size_bytes if isinstance(database, Database) else database
    values: dict[type, object] = {
        Deployment: deployment,
        UpgradePath: path,
        RewritePlan: plan,
        Checkout: deployment.checkout,
        Settings: settings,
        DatabaseSettings: default_database,
        Interpreters: deployment.interpreters,
        Database: database,
        Schema: schema,
        Disk: deployment.disk,
        Machine: deployment.machine,
        Backups: deployment.backups,
        MigrateLog: deployment.migrate_log,
        InterpretersOnPath: _both(
            deployment.interpreters,
            path,
            lambda known, way: InterpretersOnPath(interpreters=known, path=way, arguments=arguments),
        ),
        ScriptsOfSite: _then(
            deployment.service_scripts,
            lambda known: ScriptsOfSite(scripts=known, folder=str(deployment.site or "")),
        ),
        ScriptsAndServices: _then(
            deployment.service_scripts,
            lambda known: ScriptsAndServices(scripts=known, services=deployment.windows_services),
        ),
        ServicesOnPath: _then(
            deployment.windows_services,
            lambda known: ServicesOnPath(services=known, scripts=deployment.service_scripts, path=path),
        ),
        IisOfSite: _then(
            deployment.iis,
            lambda known: IisOfSite(iis=known, scripts=deployment.service_scripts, folder=str(deployment.site or "")),
        ),
        SettingsOnPath: _then(settings, lambda stated: SettingsOnPath(settings=stated, path=path)),
        EngineOnPath: _both(default_database, path, lambda stated, way: EngineOnPath(settings=stated, path=way)),
        SiteDatabase: _then(database, lambda known: SiteDatabase(database=known, arguments=arguments)),
        CheckoutAndSchema: _checkout_and_schema(deployment, schema, path),
        PathFromSchema: _then(path, lambda way: PathFromSchema(path=way, schema=schema)),
        BackupsOfSite: _then(
            deployment.backups,
            lambda known: BackupsOfSite(
                backups=known,
                work_ahead=_work_ahead(path, plan),
                is_spoilt=isinstance(schema, Schema) and schema.state is SchemaState.SKIPPED,
                arguments=arguments,
            ),
        ),
        UploadTests: _both(plan, path, lambda known, way: UploadTests(plan=known, path=way, arguments=arguments)),
        UsesOfChoices: _uses_of_choices(database, path),
        PrintedTests: _then(plan, lambda known: PrintedTests(lines=_printed(known), machine=deployment.machine)),
        RoomOnPath: _both(
            deployment.disk, path, lambda disk, way: RoomOnPath(disk=disk, database_bytes=size, path=way)
        ),
        MigrationRecord: _then(
            path,
            lambda way: MigrationRecord(log=deployment.migrate_log, path=way, arguments=arguments),
        ),
    }
    return Facts(values)


def site_arguments(deployment: Deployment) -> str:
    """Return the words that name this site after a command, fit for PowerShell and bash alike."""
    words: list[str] = []
    database = deployment.database
    if deployment.site is not None:
        words.append(quoted(str(deployment.site)))
    if isinstance(database, Database) and not _settings_name(deployment, database):
        words += ["--database", quoted(database.url)]
    return " ".join(words)


def _settings_name(deployment: Deployment, database: Database) -> bool:
    """Tell whether the site's own settings lead to the database that was observed."""
    settings = deployment.settings
    if not isinstance(settings, Settings) or not isinstance(settings.database, DatabaseSettings):
        return False
    name = settings.database.name
    return isinstance(name, str) and PurePath(name).name == PurePath(database.name).name


def _both(
    first: FirstT | Unobserved, second: SecondT | Unobserved, make: Callable[[FirstT, SecondT], FactT]
) -> FactT | Unobserved:
    if isinstance(first, Unobserved):
        # What nobody asked for settles the question whatever became of the other.
        return second if isinstance(second, Unobserved) and not second.asked else first
    if isinstance(second, Unobserved):
        return second
    return make(first, second)


def _then(first: FirstT | Unobserved, make: Callable[[FirstT], FactT]) -> FactT | Unobserved:
    return first if isinstance(first, Unobserved) else make(first)


def _checkout_and_schema(
    deployment: Deployment, schema: Schema | Unobserved, path: UpgradePath | Unobserved
) -> CheckoutAndSchema | Unobserved:
    both = _both(deployment.checkout, schema, lambda code, data: (code, data))
    if isinstance(both, Unobserved):
        return both
    agree = deployment.versions_agree
    if isinstance(agree, Unobserved):
        return agree
    return CheckoutAndSchema(agree=agree, checkout=both[0], schema=both[1], path=path)


def _work_ahead(path: UpgradePath | Unobserved, plan: RewritePlan | Unobserved) -> bool:
    """Tell whether the upgrade or rewrite-calcs is going to write; in doubt, yes."""
    if isinstance(path, Unobserved) or isinstance(plan, Unobserved):
        return True
    return bool(path.hops) or any(item.rewrite.outcome is Outcome.REWRITE for item in plan.items)


def _uses_of_choices(database: Database | Unobserved, path: UpgradePath | Unobserved) -> UsesOfChoices | Unobserved:
    if isinstance(database, Unobserved):
        return database
    if isinstance(path, UpgradePath) and not path.crosses(CHOICES_ARE_TEXT):
        return Unobserved(f"asked only on the way to {CHOICES_ARE_TEXT}", asked=False)
    return _both(database.procedures, database.macro_names, _choices_used)


def _choices_used(procedures: tuple[Procedure, ...], macro_names: tuple[MacroName, ...]) -> UsesOfChoices:
    neighbours = Neighbours(procedures, macro_names)
    others = tuple(procedure for procedure in procedures if procedure.type != "upload")
    found = tuple((p.slug, finding) for p in others for finding in uses_of_choices(p, neighbours))
    return UsesOfChoices(found=found, seen=len(others))


def _printed(plan: RewritePlan) -> tuple[str, ...]:
    return tuple(f"{item.procedure.name} ({item.procedure.slug})" for item in plan.items if item.listed)
