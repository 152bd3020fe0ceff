"""The facts that checks read, each under its own type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        read = _OBSERVED.get(kind)
        if read is None:
            return Unobserved(f"nothing here observes a fact of the type {getattr(kind, '__name__', kind)}")
        return read(self)


def _in_settings(facts: Facts) -> DatabaseSettings | Unobserved:
    settings = facts.deployment.settings
    return settings.database if isinstance(settings, Settings) else settings


def _in_database(facts: Facts) -> Schema | Unobserved:
    database = facts.deployment.database
    return database.schema if isinstance(database, Database) else database


# Each is read only when it is asked for, so that ``needs`` can tell what a check reads.
_OBSERVED: Mapping[type, Callable[[Facts], object]] = {
    Deployment: lambda facts: facts.deployment,
    UpgradePath: lambda facts: facts.path,
    RewritePlan: lambda facts: facts.plan,
    Checkout: lambda facts: facts.deployment.checkout,
    Settings: lambda facts: facts.deployment.settings,
    DatabaseSettings: _in_settings,
    Interpreters: lambda facts: facts.deployment.interpreters,
    Database: lambda facts: facts.deployment.database,
    Schema: _in_database,
    Disk: lambda facts: facts.deployment.disk,
    Machine: lambda facts: facts.deployment.machine,
    Backups: lambda facts: facts.deployment.backups,
    MigrateLog: lambda facts: facts.deployment.migrate_log,
    ServiceScripts: lambda facts: facts.deployment.service_scripts,
    WindowsServices: lambda facts: facts.deployment.windows_services,
    Iis: lambda facts: facts.deployment.iis,
    DataAhead: lambda facts: facts.deployment.data_ahead,
    Scripts: lambda facts: facts.deployment.sql,
    StoredSql: lambda facts: facts.deployment.stored_sql,
    Environments: lambda facts: facts.deployment.environments,
    Requirements: lambda facts: facts.deployment.requirements,
    Server: lambda facts: facts.deployment.server,
    Verification: lambda facts: facts.deployment.verification,
    SiteUploads: lambda facts: facts.deployment.uploads,
    BackupPlace: lambda facts: facts.deployment.backup_place,
    FoundDumps: lambda facts: facts.deployment.dumps,
    Clocks: lambda facts: facts.deployment.clocks,
    LogPlace: lambda facts: facts.deployment.log_place,
    Git: lambda facts: facts.deployment.git,
}


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
    if isinstance(database, Database):
        if not names_this_database(deployment):
            words += ["--database", quoted(database.url)]
    elif (
        deployment.database_was_named and deployment.database_url is not None
    ):  # it was not looked at, or did not answer
        words += ["--database", quoted(deployment.database_url)]
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
