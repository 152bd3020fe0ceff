"""The facts that checks read, each under its own type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Self, TypeVar

from packaging.version import Version

from upgrade_kit.model.clock import Clocks
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
    ServiceScripts,
    Settings,
    WindowsServices,
)
from upgrade_kit.model.dumps import FoundDumps
from upgrade_kit.model.environment import Environments
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.places import BackupPlace, LogPlace
from upgrade_kit.model.precondition import DataAhead
from upgrade_kit.model.repository import Git
from upgrade_kit.model.requirement import Requirements
from upgrade_kit.model.rewrite import RewritePlan
from upgrade_kit.model.server import Server
from upgrade_kit.model.sql import Scripts, StoredSql
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.uploads import SiteUploads
from upgrade_kit.model.verification import Verification

FactT = TypeVar("FactT")
FirstT = TypeVar("FirstT")
SecondT = TypeVar("SecondT")

BIN_FILE_SINCE = Version("0.3.0")  # qatrack/qa/views/perform.py: earlier releases define no BIN_FILE


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a site and of its way to the target, by type of fact.

    A check that needs two facts reads a type that holds both. Such a type has a class method ``of(facts)``, which
    puts it together or says why that cannot be done: whoever writes a check can write its fact beside it.
    """

    deployment: Deployment
    path: UpgradePath | Unobserved
    plan: RewritePlan | Unobserved

    def get(self, kind: type[FactT]) -> FactT | Unobserved:
        """Return the fact of this type, or why it is not known.

        Raises:
            TypeError: what is kept under the type, or what its ``of`` gives, is something else.
        """
        make = getattr(kind, "of", None)
        value = self._observed(kind) if make is None else make(self)
        if isinstance(value, kind | Unobserved):
            return value
        raise TypeError(f"the fact {kind.__name__} is kept as {type(value).__name__}")

    @property
    def arguments(self) -> str:
        """The words that name this site after a command, fit for PowerShell and bash alike."""
        return site_arguments(self.deployment)

    @property
    def folder(self) -> str:
        """The folder of the site, empty where there is none."""
        return str(self.deployment.site or "")

    def _observed(self, kind: type) -> object:
        deployment = self.deployment
        database, settings = deployment.database, deployment.settings
        observed: dict[type, object] = {
            Deployment: deployment,
            UpgradePath: self.path,
            RewritePlan: self.plan,
            Checkout: deployment.checkout,
            Settings: settings,
            DatabaseSettings: settings.database if isinstance(settings, Settings) else settings,
            Interpreters: deployment.interpreters,
            Database: database,
            Schema: database.schema if isinstance(database, Database) else database,
            Disk: deployment.disk,
            Machine: deployment.machine,
            Backups: deployment.backups,
            MigrateLog: deployment.migrate_log,
            ServiceScripts: deployment.service_scripts,
            WindowsServices: deployment.windows_services,
            Iis: deployment.iis,
            DataAhead: deployment.data_ahead,
            Scripts: deployment.sql,
            StoredSql: deployment.stored_sql,
            Environments: deployment.environments,
            Requirements: deployment.requirements,
            Server: deployment.server,
            Verification: deployment.verification,
            SiteUploads: deployment.uploads,
            BackupPlace: deployment.backup_place,
            FoundDumps: deployment.dumps,
            Clocks: deployment.clocks,
            LogPlace: deployment.log_place,
            Git: deployment.git,
        }
        unknown = Unobserved(f"nothing here observes a fact of the type {getattr(kind, '__name__', kind)}")
        return observed.get(kind, unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOnPath:
    """The database engine in the settings beside the releases that must load it."""

    settings: DatabaseSettings
    path: UpgradePath

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(
            facts.get(DatabaseSettings), facts.get(UpgradePath), lambda stated, way: cls(settings=stated, path=way)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDatabase:
    """The database, and the words that name this site on a command line."""

    database: Database
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(Database), lambda known: cls(database=known, arguments=facts.arguments))


def site_arguments(deployment: Deployment) -> str:
    """Return the words that name this site after a command, fit for PowerShell and bash alike."""
    words: list[str] = []
    database = deployment.database
    if deployment.site is not None:
        words.append(quoted(str(deployment.site)))
    if isinstance(database, Database) and not names_this_database(deployment):
        words += ["--database", quoted(database.url)]
    return " ".join(words)


def names_this_database(deployment: Deployment) -> bool:
    """Tell whether the site's own settings lead to the database that was observed."""
    settings, database = deployment.settings, deployment.database
    if not isinstance(settings, Settings) or not isinstance(settings.database, DatabaseSettings):
        return False
    if not isinstance(database, Database):
        return False
    name = settings.database.name
    return isinstance(name, str) and PurePath(name).name == PurePath(database.name).name


def both(
    first: FirstT | Unobserved, second: SecondT | Unobserved, make: Callable[[FirstT, SecondT], FactT]
) -> FactT | Unobserved:
    """Make a fact of two others; if either could not be observed, neither can what holds both."""
    if isinstance(first, Unobserved):
        # What nobody asked for settles the question whatever became of the other.
        return second if isinstance(second, Unobserved) and not second.asked else first
    if isinstance(second, Unobserved):
        return second
    return make(first, second)


def then(first: FirstT | Unobserved, make: Callable[[FirstT], FactT]) -> FactT | Unobserved:
    """Make a fact of another, if that could be observed."""
    return first if isinstance(first, Unobserved) else make(first)
