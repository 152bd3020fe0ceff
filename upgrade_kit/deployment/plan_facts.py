"""What a plan has to know of a site, from what was observed; what was not is told, and stands as the guide has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet

from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.model.deployment import Database, Deployment, Interpreter, Interpreters, ServiceScript, Settings
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.plan import Plan
from upgrade_kit.model.plan_facts import PlanFacts
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.guide import GUIDE_SITES
from upgrade_kit.planning.plan import make_plan

_NAMED = "named with --python"
_KILO = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user says of a plan.

    Attributes:
        system: ``Windows`` or ``Linux``, or ``""``: the one of this machine.
        work: the folder for what the upgrade keeps; by default beside the checkout.
        python: an interpreter for the new environment.
        site_python: the Python of the environment in which the site runs now.
        remote: the git repository to fetch from; by default QATrack+'s own.
    """

    system: str = ""
    work: Path | None = None
    python: Path | None = None
    site_python: Path | None = None
    remote: str = ""


def plan_facts(
    deployment: Deployment,
    path: UpgradePath,
    address: DatabaseAddress | Unobserved,
    *,
    database_option: bool = False,
    has_password: bool = False,
    wishes: Wishes | None = None,
) -> PlanFacts:
    """Return what a plan has to know of a site.

    Args:
        deployment: what was observed.
        path: from the site's version to the target.
        address: of its database.
        database_option: whether the settings do not lead there, so that each command has to be told.
        has_password: whether the password comes from ``UPGRADE_KIT_PASSWORD``.
        wishes: what the user says.
    """
    wishes = wishes or Wishes()
    system = wishes.system or ("Windows" if deployment.machine.system == "Windows" else "Linux")
    site = _Site(deployment=deployment, path=path, system=system, guide=GUIDE_SITES[system], wishes=wishes)
    questions = list(site.place_questions())
    vendor = site.guide.vendor if isinstance(address, Unobserved) else address.vendor
    if isinstance(address, Unobserved):
        questions.append(f"Which database the site uses is not known: {address.reason}. The steps are for {vendor}.")
    environments = site.environments(questions)
    port, port_is_known = site.port()
    return PlanFacts(
        system=system,
        site=site.folder,
        work=site.work,
        settings=site.settings(questions),
        vendor=vendor,
        database="" if isinstance(address, Unobserved) else address.shown,
        database_option=database_option and not isinstance(address, Unobserved),
        needs_password=vendor != "sqlite" and has_password,
        venvs=site.guide.venvs,
        environments=environments,
        interpreter=site.interpreter(environments, questions),
        asked="" if wishes.python is None else str(wishes.python),
        service=site.service(questions),
        port=port,
        port_is_known=port_is_known,
        remote=wishes.remote or site.guide.remote,
        database_size=_size(_database_bytes(deployment)),
        uploads_size=_size(_uploads_bytes(deployment)),
        open_questions=tuple(questions),
    )


def plan_upgrade(deployment: Deployment, path: UpgradePath, *, wishes: Wishes | None = None) -> Plan:
    """Return the plan of an observed site's upgrade.

    Args:
        deployment: what ``survey`` observed.
        path: from the site's version to the target.
        wishes: what the user says of the plan.
    """
    database = deployment.database
    address = (
        parse_database_url(database.url, base=Path.cwd())
        if isinstance(database, Database)
        else Unobserved(database.reason)
    )
    facts = plan_facts(deployment, path, address, database_option=deployment.site is None, wishes=wishes)
    return make_plan(facts, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """One site, asked for one thing after the other; what is not known goes to a list of questions."""

    deployment: Deployment
    path: UpgradePath
    system: str
    guide: PlanFacts
    wishes: Wishes

    @property
    def folder(self) -> str:
        site = self.deployment.site
        return self.guide.site if site is None else os.path.abspath(site)  # noqa: PTH100 - text, "." too

    @property
    def work(self) -> str:
        if self.wishes.work is not None:
            return os.path.abspath(self.wishes.work)  # noqa: PTH100 - as above
        if self.deployment.site is None:
            return self.guide.work
        return f"{self.folder}-upgrade"

    def place_questions(self) -> Iterator[str]:
        if self.deployment.site is None:
            yield f"No site folder was named: the install guide's own stand here ({self.folder})."
        elif self.system != _this_system():
            yield f"The plan is for {self.system}, and the site was read on another system: its folders are those here."

    def settings(self, questions: list[str]) -> str:
        read = self.deployment.settings
        files = read.files if isinstance(read, Settings) else ()
        found = next((file for file in reversed(files) if file.name == "local_settings.py"), None)
        if found is not None:
            return os.path.abspath(found)  # noqa: PTH100 - as above
        if self.deployment.site is None:
            return self.guide.settings
        usual = str(Path(self.folder) / "qatrack" / "local_settings.py")
        questions.append(f"No local_settings.py was found; the steps name {usual}.")
        return usual

    def environments(self, questions: list[str]) -> tuple[tuple[str, str], ...]:
        """Return the folder of each environment that the path needs, by its name in the rules."""
        found: dict[str, str] = {}
        old = self._old_environment()
        source = self.path.source.environment
        for release in self.path.releases[1:]:
            name = release.environment
            if name == source and old is None:
                found[name] = self._usual(name)
                questions.append(
                    f"The environment in which the site runs now was not found; the steps name {found[name]}. "
                    "Name its Python with --site-python."
                )
            elif name == source:
                found[name] = str(old)
            else:
                found[name] = self._usual(name) if old is None else str(old.parent / name)
        return tuple(found.items())

    def _usual(self, name: str) -> str:
        separator = "\\" if self.system == "Windows" else "/"
        if self.deployment.site is not None and self.system == "Windows":
            return str(Path(self.folder).parent / "venvs" / name)
        return os.path.expanduser(separator.join((self.guide.venvs, name)))  # noqa: PTH111 - text

    def _old_environment(self) -> Path | None:
        """Return the folder of the environment in which the site runs now, where there is one to be known."""
        if self.wishes.site_python is not None:
            return Path(os.path.abspath(self.wishes.site_python)).parents[1]  # noqa: PTH100 - links are not followed
        usual = self.path.source.environment
        folders = [one.path.parents[1] for one in self._running(self.path.source) if _in_environment(one.path)]
        named = [folder for folder in folders if folder.name == usual]
        beside = [folder for folder in named if folder.parent.parent == Path(self.folder).parent]
        return next(iter([*beside, *named, *folders[: len(folders) == 1]]), None)

    def interpreter(self, environments: tuple[tuple[str, str], ...], questions: list[str]) -> tuple[str, ...]:
        """Return what starts the Python of which a new environment is made."""
        target = self.path.target
        if dict(environments).keys() <= {self.path.source.environment}:
            return self.guide.interpreter  # no new environment is made
        if self.wishes.python is not None:
            return (os.path.abspath(self.wishes.python),)  # noqa: PTH100 - links are not followed
        found = [one for one in self._running(target) if not _in_environment(one.path)]
        if found:
            return (str(found[0].path),)
        questions.append(
            f"No Python for {target.version} ({target.python}) was found; the steps name "
            f"{' '.join(self.guide.interpreter)}. Install one, or name it with --python."
        )
        return self.guide.interpreter

    def _running(self, release: Release) -> list[Interpreter]:
        """Return the interpreters that run a release, newest first."""
        known = self.deployment.interpreters
        allowed = SpecifierSet(release.python)
        found = known.found if isinstance(known, Interpreters) else ()
        return [one for one in found if one.version in allowed and one.found != _NAMED]

    def service(self, questions: list[str]) -> str:
        scripts = self._scripts()
        names = [one.service.value for one in scripts if one.service is not None]
        known = [name for name in names if isinstance(name, str)]
        if known:
            return known[0]
        if self.system == "Windows" and self.path.hops:
            questions.append(f"The name of the Windows service is not known; the steps name {self.guide.service}.")
        return self.guide.service

    def port(self) -> tuple[str, bool]:
        """Return the port, and whether it is sure: a script that is not of this very site states only a usual one."""
        stated = [(one.port.value, one.is_this_site is True) for one in self._scripts()]
        ports = [(str(port), sure) for port, sure in stated if isinstance(port, int)]
        return max(ports, key=lambda pair: pair[1], default=(self.guide.port, False))

    def _scripts(self) -> list[ServiceScript]:
        """Return the scripts with which the site runs now: not the next release's, and not another site's."""
        known = self.deployment.service_scripts
        scripts = [] if isinstance(known, Unobserved) else list(known.scripts)
        mine = [one for one in scripts if one.is_this_site is not False and one.venv_directory is None]
        top = Path(self.folder)
        return sorted(mine, key=lambda one: one.file.parent != top)  # the one in use stands in the site's own folder


def _in_environment(python: Path) -> bool:
    folder = python.parent
    return any((folder / name).exists() for name in ("activate", "activate.bat", "activate_this.py"))


def _this_system() -> str:
    return "Windows" if os.name == "nt" else "Linux"


def _database_bytes(deployment: Deployment) -> int | None:
    known = deployment.database
    size = known.size_bytes if isinstance(known, Database) else None
    return size if isinstance(size, int) else None


def _uploads_bytes(deployment: Deployment) -> int | None:
    disk = deployment.disk
    size = None if isinstance(disk, Unobserved) else disk.uploads_bytes
    return size if isinstance(size, int) else None


def _size(number: int | None) -> str:
    if number is None:
        return "a size that is not known"
    size = float(number)
    for unit in ("B", "kB", "MB"):
        if size < _KILO:
            return f"{size:.0f} {unit}"
        size /= _KILO
    return f"{size:.1f} GB"
