"""Which of the environments that were found is the site's own, and what it has to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from upgrade_kit.model.deployment import Database, Interpreters
from upgrade_kit.model.environment import Distribution, Environment, Environments
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.requirement import RequirementFile, RequirementLine, Requirements
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.facts import Facts, both

_SYS_PLATFORM = {"Windows": "win32", "Linux": "linux", "Darwin": "darwin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEnvironment:
    """The environments, the way, and what decides which requirements count.

    Attributes:
        environments: those that were found.
        path: the way.
        interpreters: those of the machine.
        requirements: the requirement files of the releases.
        system: ``Windows``, ``Linux`` ...
        vendor: the database's, or ``""``.
        arguments: the words that name this site after a command.
        folder: the folder of the site.
    """

    environments: Environments
    path: UpgradePath
    interpreters: Interpreters | Unobserved
    requirements: Requirements | Unobserved
    system: str
    vendor: str
    arguments: str
    folder: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        database = facts.get(Database)
        return both(
            facts.get(Environments),
            facts.get(UpgradePath),
            lambda known, way: cls(
                environments=known,
                path=way,
                interpreters=facts.get(Interpreters),
                requirements=facts.get(Requirements),
                system=facts.deployment.machine.system,
                vendor="" if isinstance(database, Unobserved) else database.vendor,
                arguments=facts.arguments,
                folder=facts.folder,
            ),
        )

    @property
    def site(self) -> Environment | None:
        """The environment that the site runs in, as far as can be told, or ``None``."""
        return best_environment(self.environments.found, self.path.source)

    @property
    def target(self) -> Environment | None:
        """The environment that was made for the target already, or ``None``."""
        release = self.path.target
        fitting = [one for one in self.environments.found if fits(one, release)]
        made = [one for one in fitting if one.folder.name == release.environment]
        return next(iter((*made, *(one for one in fitting if _has_its_django(one, release)))), None)

    def files_of(self, release: Release) -> tuple[RequirementFile, ...] | Unobserved:
        """Return the requirement files of a release that this site needs."""
        if release.installing is None:
            return Unobserved(f"no rule says which requirement files {release.version} has", asked=False)
        if isinstance(self.requirements, Unobserved):
            return self.requirements
        known = self.requirements.at(release.version)
        if isinstance(known, Unobserved):
            return known
        return known.reached_from(release.installing.files_for(self.system, self.vendor))

    def lines_of(self, release: Release, python: Version) -> tuple[RequirementLine, ...] | Unobserved:
        """Return the requirement lines of a release that count for a Python on this system, each name once."""
        files = self.files_of(release)
        if isinstance(files, Unobserved):
            return files
        lines: dict[str, RequirementLine] = {}
        for file in files:
            for line in file.lines:
                if applies(line, python, self.system):
                    lines.setdefault(line.names[0], line)
        return tuple(lines.values())


def best_environment(found: Sequence[Environment], release: Release) -> Environment | None:
    """Return the environment that most speaks for being that of a release, or ``None`` where nothing does.

    Its Django counts most, then that the site names it, then its Python. One with another Django may be any other
    application's, unless the site or its own name speaks for it.
    """
    ranked = sorted(found, key=lambda one: _score(one, release), reverse=True)
    return next((one for one in ranked if _may_be(one, release)), None)


def fits(one: Environment, release: Release) -> bool:
    """Return whether a release runs on the Python of an environment."""
    return not isinstance(one.python, Unobserved) and SpecifierSet(release.python).contains(
        one.python, prereleases=True
    )


def _has_its_django(one: Environment, release: Release) -> bool:
    django = one.installed("django")
    number = None if django is None else django.number
    return number is not None and number.release[:2] == Version(release.django).release[:2]


def _score(one: Environment, release: Release) -> tuple[bool, bool, bool]:
    return _has_its_django(one, release), bool(one.named_by), fits(one, release)


def _may_be(one: Environment, release: Release) -> bool:
    if not fits(one, release) and not isinstance(one.python, Unobserved):
        return False
    if _has_its_django(one, release):
        return True
    is_ours = bool(one.named_by) or "qatrack" in one.folder.name.lower()
    return is_ours and fits(one, release) and one.installed("django") is not None


def applies(line: RequirementLine, python: Version, system: str) -> bool:
    """Return whether a requirement line counts for a Python on a system; one that cannot be told counts."""
    if not line.marker:
        return True
    environment = {
        "python_version": f"{python.major}.{python.minor}",
        "python_full_version": str(python),
        "sys_platform": _SYS_PLATFORM.get(system, system.lower()),
        "platform_system": system,
        "os_name": "nt" if system == "Windows" else "posix",
    }
    try:
        return Marker(line.marker).evaluate(environment)
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def installed_for(line: RequirementLine, environment: Environment, release: Release) -> Distribution | None:
    """Return what an environment has of what a requirement line names."""
    names = dict.fromkeys((*line.names, *_provided(line, release)))
    return next((one for one in map(environment.installed, names) if one is not None), None)


def does(one: Distribution, line: RequirementLine) -> bool:
    """Return whether the version of a distribution is one that a requirement line asks for."""
    number = one.number
    return not line.specifier or (
        number is not None and SpecifierSet(line.specifier).contains(number, prereleases=True)
    )


def names_of(line: RequirementLine, release: Release) -> tuple[str, ...]:
    """Return every name under which what a line requires may be installed."""
    return (*line.names, *_provided(line, release))


def _provided(line: RequirementLine, release: Release) -> tuple[str, ...]:
    provides = () if release.installing is None else release.installing.provides
    table = {canonicalize_name(name): names for name, names in provides}
    return tuple(canonicalize_name(name) for one in line.names for name in table.get(canonicalize_name(one), ()))
