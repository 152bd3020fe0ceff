"""Does the Windows service run this site, from its own environment, on a port of its own?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Self

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from upgrade_kit.model.deployment import (
    ServiceScript,
    ServiceScripts,
    Stated,
    WindowsService,
    WindowsServices,
)
from upgrade_kit.model.environment import Environments
from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, then

_GUIDE = "docs/install/win.rst (v0.3.0), Configuring CherryPy to Serve QATrack+"
_UPDATE = "docs/install/win.rst (v0.3.0), Update your CherryPy Service"
_SCRIPT = "deploy/win/QATrack3CherryPyService.py (v0.3.0)"
_NAMES_ENVIRONMENT_SINCE = Version("0.3.0")  # deploy/win/ at v0.3.0; the script of 0.2.9 has no VENV_DIRECTORY
_LAST_PORT = 65535
_STARTS_BY_ITSELF = "AUTO_START"


def _computed(what: str, stated: Stated, reason: Unobserved) -> Finding:
    return info(
        f"{what} is not written out, and so is not known here: {reason.reason}",
        where=stated.where,
        hint="Look up what it comes to on the server.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptsOfSite:
    """The service scripts, and the folder of the site in which they stand."""

    scripts: ServiceScripts
    folder: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(ServiceScripts), lambda known: cls(scripts=known, folder=facts.folder))


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

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(ServiceScripts), lambda known: cls(scripts=known, services=facts.get(WindowsServices)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptsAndEnvironments:
    """The service scripts, what Windows says, and the environments that may be meant, where that is known."""

    known: ScriptsAndServices
    environments: Environments | Unobserved
    path: UpgradePath | Unobserved

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(
            facts.get(ScriptsAndServices),
            lambda known: cls(known=known, environments=facts.get(Environments), path=facts.get(UpgradePath)),
        )

    @property
    def release(self) -> Release | None:
        """The release whose service script names an environment, so far as the path leads there."""
        target = None if isinstance(self.path, Unobserved) else self.path.target
        return None if target is None or target.version < _NAMES_ENVIRONMENT_SINCE else target

    def python_of(self, stated: Stated) -> Version | Unobserved | None:
        """Return the Python of the environment that a script names, or ``None`` where no environment is."""
        if isinstance(self.environments, Unobserved):
            return self.environments
        named = f"VENV_DIRECTORY, {stated.where}"
        folder = Path(str(stated.value))
        return next(
            (one.python for one in self.environments.found if one.named_by == named or one.folder == folder), None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesOnPath:
    """What Windows says of the services, the path where it is known, and the scripts where there are any."""

    services: WindowsServices
    scripts: ServiceScripts | Unobserved
    path: UpgradePath | Unobserved

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(
            facts.get(WindowsServices),
            lambda known: cls(services=known, scripts=facts.get(ServiceScripts), path=facts.get(UpgradePath)),
        )


@check(
    "UK601",
    "The service script names this site's folder",
    reads=ScriptsOfSite,
    section=f"{_GUIDE}; {_SCRIPT}, DEPLOY_DIRECTORY",
    remedy="Correct DEPLOY_DIRECTORY in the script and restart the service.",
)
def script_names_the_site(fact: ScriptsOfSite) -> Answer:
    """A service whose DEPLOY_DIRECTORY is another folder goes on serving the code that lies there."""
    findings: list[Finding] = []
    reasons: list[str] = []
    unknown: list[Unobserved] = []
    for script in fact.scripts.scripts:
        if script.deploy_directory is None:
            reasons.append(f"{script.file.name} names no DEPLOY_DIRECTORY")
        else:
            findings += _folder_findings(script, script.deploy_directory, fact.folder, (reasons, unknown))
    if findings:
        return findings
    if unknown:
        return unknown[0]
    if len(reasons) == len(fact.scripts.scripts):
        return NotApplicable("; ".join(reasons))
    return Passed(", ".join(script.file.name for script in fact.scripts.scripts))


def _folder_findings(
    script: ServiceScript, stated: Stated, folder: str, left: tuple[list[str], list[Unobserved]]
) -> Iterator[Finding]:
    """Tell what is wrong with the folder; ``left`` takes why that does not apply here, or could not be looked at."""
    reasons, unknown = left
    text = stated.value
    right = to_type(
        "Write the folder with / (a single \\ may start a control character), then restart the service:",
        f'DEPLOY_DIRECTORY = "{folder.replace(chr(92), "/").rstrip("/")}/"',
    )
    if isinstance(text, Unobserved):
        yield _computed("DEPLOY_DIRECTORY", stated, text)
    elif _has_control_character(str(text)):
        yield warning(f"DEPLOY_DIRECTORY holds a control character: {text!r}", where=stated.where, hint=right)
    elif isinstance(script.is_this_site, Unobserved):
        if script.is_this_site.asked:
            unknown.append(script.is_this_site)
            return
        reasons.append(script.is_this_site.reason)
        if not _same_name(str(text), folder):
            yield info(
                f"whether DEPLOY_DIRECTORY is this site is not known: {script.is_this_site.reason}",
                where=stated.where,
                hint="Run preflight on the server, or compare it with the site's folder there.",
            )
    elif script.is_this_site is False:
        yield warning(f"DEPLOY_DIRECTORY is {text}, and this site is {folder}", where=stated.where, hint=right)


def _has_control_character(text: str) -> bool:
    return any(ord(letter) < ord(" ") for letter in text)


def _same_name(one: str, other: str) -> bool:
    return PureWindowsPath(one).name.casefold() == PureWindowsPath(other).name.casefold()


@check(
    "UK602",
    "The service runs in the virtual environment that its script names",
    reads=ScriptsAndEnvironments,
    section=f"{_UPDATE}; {_SCRIPT}, VENV_DIRECTORY",
    remedy="Correct VENV_DIRECTORY in the script, and let the script update the service from that environment.",
)
def service_has_its_environment(fact: ScriptsAndEnvironments) -> Answer:
    """A service that starts another Python than the site's has other libraries, or none, and stops at its start."""
    findings: list[Finding] = []
    seen: list[str] = []
    unknown: list[Unobserved] = []
    for script in fact.known.scripts.scripts:
        stated = script.venv_directory
        if stated is None:
            continue
        if isinstance(stated.value, Unobserved):
            findings.append(_computed("VENV_DIRECTORY", stated, stated.value))
            continue
        if _has_control_character(str(stated.value)):
            findings.append(_garbled_environment(script, stated))
            continue
        if script.has_venv is False:
            findings.append(_no_environment(script, stated))
            continue
        if isinstance(script.has_venv, Unobserved):
            unknown.append(script.has_venv)
        else:
            findings += _wrong_python(fact, script, stated, unknown)
        service = fact.known.service_of(script)
        if service is not None and isinstance(service.program, str):
            if not _is_below(service.program, str(stated.value)):
                findings.append(_other_program(script, stated, service))
            seen.append(service.program)
        elif script.has_venv is True:
            seen.append(str(stated.value))
    if findings:
        return findings
    if (reason := next((one for one in unknown if one.asked), None)) is not None:
        return reason
    return (
        Passed(", ".join(seen)) if seen else NotApplicable("no script names an environment that can be looked at here")
    )


def _wrong_python(
    fact: ScriptsAndEnvironments, script: ServiceScript, stated: Stated, unknown: list[Unobserved]
) -> Iterator[Finding]:
    """Tell of an environment whose Python the release does not run on; one that is not known goes to ``unknown``."""
    release, python = fact.release, fact.python_of(stated)
    if release is None:
        return
    if isinstance(python, Unobserved):
        unknown.append(python)
    elif python is None:
        yield _wrong_environment(script, stated, "no Python environment is in that folder")
    elif not SpecifierSet(release.python).contains(python, prereleases=True):
        yield _wrong_environment(
            script,
            stated,
            f"that environment is of Python {python}; QATrack+ {release.version} runs on {release.python}",
        )


def _wrong_environment(script: ServiceScript, stated: Stated, what: str) -> Finding:
    return warning(
        f"VENV_DIRECTORY is {stated.value!r}, and {what}: the service would not start",
        where=stated.where,
        hint=to_type(
            f"Write the folder of the target's environment, with /, into {script.file.name} (the guide's is):",
            'VENV_DIRECTORY = "C:/deploy/venvs/qatrack3/"',
        ),
    )


def _is_below(program: str, folder: str) -> bool:
    found = re.match(r'\s*"([^"]+)"|\s*(.+?\.exe)', program, re.IGNORECASE)
    path = (found[1] or found[2]) if found else program
    return PureWindowsPath(path).is_relative_to(PureWindowsPath(folder))


def _garbled_environment(script: ServiceScript, stated: Stated) -> Finding:
    return warning(
        f"VENV_DIRECTORY holds a control character: {stated.value!r}",
        where=stated.where,
        hint=to_type(
            f"Write the folder with / (a single \\ may start a control character) into {script.file.name}:",
            'VENV_DIRECTORY = "C:/deploy/venvs/qatrack3/"',
        ),
    )


def _no_environment(script: ServiceScript, stated: Stated) -> Finding:
    return warning(
        f"VENV_DIRECTORY is {stated.value!r}, and there is no such folder",
        where=stated.where,
        hint=to_type(
            f"Make the environment, or write the right folder, with /, into {script.file.name}:",
            'VENV_DIRECTORY = "C:/deploy/venvs/qatrack3/"',
        ),
    )


def _other_program(script: ServiceScript, stated: Stated, service: WindowsService) -> Finding:
    return warning(
        f"Windows starts {service.name} with {service.program}, which is not below VENV_DIRECTORY, {stated.value}",
        where=stated.where,
        hint=to_type(
            "Activate the environment that is meant, then let the script tell Windows anew:",
            f"python {script.file.name} --startup=auto update",
        ),
    )


@check(
    "UK603",
    "No two services use one port",
    reads=ScriptsAndServices,
    section=f"{_UPDATE}; deploy/QATrackCherryPyService.py (v0.2.9.1): CherryPy's own port, 8080",
    remedy="Disable the service of the version before, or give one of them another port.",
)
def ports_are_not_shared(fact: ScriptsAndServices) -> Answer:
    """Of two services on one port only one can start: after a restart it may be the old one."""
    users: dict[int, dict[str, ServiceScript]] = {}
    for script in fact.scripts.scripts:
        if isinstance(script.port.value, int) and _may_start(fact, script):
            name = script.service.value if script.service is not None else None
            key = name.casefold() if isinstance(name, str) else script.file.name
            users.setdefault(script.port.value, {}).setdefault(key, script)
    findings = [_shared(port, tuple(sharing.values())) for port, sharing in users.items() if len(sharing) > 1]
    if findings:
        return findings
    if len(fact.scripts.scripts) > 1 and any(isinstance(one.port.value, Unobserved) for one in fact.scripts.scripts):
        return NotApplicable("a port is not written out, see UK604")
    return Passed(", ".join(str(port) for port in users))


def _may_start(fact: ScriptsAndServices, script: ServiceScript) -> bool:
    """Return whether a script's service runs or starts by itself, in doubt yes."""
    if isinstance(fact.services, Unobserved) or script.service is None or isinstance(script.service.value, Unobserved):
        return True
    service = fact.service_of(script)
    if service is None:
        return False  # not installed
    start = service.start_type
    return service.state == "RUNNING" or isinstance(start, Unobserved) or start == _STARTS_BY_ITSELF


def _shared(port: int, scripts: tuple[ServiceScript, ...]) -> Finding:
    old = next((script for script in scripts if script.venv_directory is None), scripts[0])
    names = [
        str(script.service.value)
        if script.service is not None and isinstance(script.service.value, str)
        else script.file.name
        for script in (old, *(script for script in scripts if script is not old))
    ]
    return warning(
        f"port {port} is used by the services {', '.join(names)}",
        where=", ".join(script.port.where for script in scripts),
        hint=to_type(
            "Only one of them can run. Once the new one is to serve the site, keep the old one off, in PowerShell as "
            "an administrator:",
            f"Stop-Service -Name {names[0]}",
            f"Set-Service -Name {names[0]} -StartupType Disabled",
        ),
    )


@check(
    "UK604",
    "The port of the service is a port",
    reads=ScriptsAndServices,
    section=f"{_GUIDE}; {_SCRIPT}, PORT",
    remedy="Write PORT as a plain number without quotes, and restart the service.",
)
def port_is_a_number(fact: ScriptsAndServices) -> Answer:
    """CherryPy does not start on what is no number of a port."""
    findings = tuple(finding for script in fact.scripts.scripts for finding in _port_findings(script.port))
    return findings or Passed(", ".join(f"{script.file.name}: {script.port.value}" for script in fact.scripts.scripts))


def _port_findings(port: Stated) -> Iterator[Finding]:
    if isinstance(port.value, Unobserved):
        yield _computed("the service's port", port, port.value)
    elif not isinstance(port.value, int) or not 0 < port.value <= _LAST_PORT:
        yield warning(
            f"the service's port is {port.value!r}, and no number from 1 to {_LAST_PORT}",
            where=port.where,
            hint=to_type("Write the number without quotes, for example:", "PORT = 8080"),
        )


@check(
    "UK605",
    "A service of the site starts with Windows",
    reads=ServicesOnPath,
    section=f"{_GUIDE} (--startup=auto)",
    remedy="Set the service's startup type to Automatic.",
)
def service_starts_by_itself(fact: ServicesOnPath) -> Answer:
    """After the next restart of the server, a service that is started by hand is simply not there."""
    found = fact.services.found
    if not found:
        if isinstance(fact.scripts, Unobserved):
            return NotApplicable(f"{fact.services.source} tells of no service with QATrack in its name")
        return [_not_installed(script, fact.services.source) for script in fact.scripts.scripts]
    if any(service.start_type == _STARTS_BY_ITSELF for service in found):
        return Passed(", ".join(f"{service.name}: {service.start_type}" for service in found if service.start_type))
    unknown = next((service.start_type for service in found if isinstance(service.start_type, Unobserved)), None)
    if unknown is not None:
        return unknown
    told = ", ".join(f"{service.name}: {service.start_type}" for service in found)
    return [
        warning(
            f"no service of the site starts with Windows: {told}",
            where=fact.services.source,
            hint=to_type(
                "Let the one that serves the site start by itself, in PowerShell as an administrator:",
                f"Set-Service -Name {found[0].name} -StartupType Automatic",
            ),
        )
    ]


def _not_installed(script: ServiceScript, source: str) -> Finding:
    name = script.service.value if script.service is not None else script.file.name
    return warning(
        f"{script.file.name} is there, and {source} does not tell of its service {name}",
        where=str(script.file),
        hint=to_type(
            "Where it should serve the site, install it:", f"python {script.file.name} --startup=auto install"
        ),
    )


@check(
    "UK606",
    "No service of the site runs while it is upgraded",
    reads=ServicesOnPath,
    section=f"{_UPDATE}: first, stop your existing service",
    remedy="Stop the service before the backup and the migration, and start it when all is done.",
)
def service_is_stopped(fact: ServicesOnPath) -> Answer:
    """What is saved while the database is migrated is in neither the backup nor the new tables."""
    if isinstance(fact.path, UpgradePath) and not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    found = fact.services.found
    running = [service.name for service in found if service.state == "RUNNING"]
    if running:
        return [
            info(
                f"{', '.join(running)} is running, as it should until the upgrade begins",
                where=fact.services.source,
                hint=to_type(
                    "When the upgrade begins, before the backup, in PowerShell as an administrator:",
                    *(f"Stop-Service -Name {name}" for name in running),
                ),
            )
        ]
    unknown = next((service.state for service in found if isinstance(service.state, Unobserved)), None)
    if unknown is not None:
        return unknown
    between = [service for service in found if service.state != "STOPPED"]
    if between:
        return [_not_stopped(service, fact.services.source) for service in between]
    if not found:
        return NotApplicable(f"{fact.services.source} tells of no service with QATrack in its name")
    return Passed(", ".join(f"{service.name}: {service.state}" for service in found))


def _not_stopped(service: WindowsService, source: str) -> Finding:
    return info(
        f"{service.name} is {service.state}, so its process is there still",
        where=source,
        hint=to_type(
            "Before the backup, stop it, in PowerShell as an administrator, and wait until the second line says "
            "STOPPED; where it never does, the third ends its process:",
            f"Stop-Service -Name {service.name}",
            f"sc.exe query {service.name}",
            f'taskkill.exe /f /fi "SERVICES eq {service.name}"',
        ),
    )


CHECKS = (
    script_names_the_site,
    service_has_its_environment,
    ports_are_not_shared,
    port_is_a_number,
    service_starts_by_itself,
    service_is_stopped,
)
