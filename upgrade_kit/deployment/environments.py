"""Finds the virtual environments that may be a site's, and the folder in which its next one will be made."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from packaging.version import InvalidVersion, Version

from upgrade_kit.deployment.distributions import find_site_packages, read_distributions
from upgrade_kit.model.deployment import Interpreter, Interpreters, ServiceScripts, WindowsServices
from upgrade_kit.model.environment import Environment, Environments, FolderHolds, PlannedEnvironment
from upgrade_kit.model.unobserved import Unobserved

APACHE_FOLDERS = tuple(
    Path(folder)
    for folder in (
        "/etc/apache2/sites-enabled",
        "/etc/apache2/mods-enabled",
        "/etc/apache2/conf-enabled",
        "/etc/httpd/conf.d",
        "/etc/httpd/conf.modules.d",
    )
)
PARENT_NAME = "venvs"  # the install guides, on Windows and on Linux
_SMALL_BYTES = 256 * 1024
_ENTRIES_AT_MOST = 500
_PROGRAMS = (("bin", "python"), ("Scripts", "python.exe"), ("bin", "python3"), ("bin", "python2"))
_MARKS = (("pyvenv.cfg",), ("bin", "activate"), ("Scripts", "activate"), ("Scripts", "activate.bat"))
_APACHE = re.compile(
    r"^[ \t]*WSGI(?:PythonHome[ \t]+|DaemonProcess[ \t][^\n]*?python-home=)(?P<quote>[\"']?)(?P<folder>[^\"'\s]+)",
    re.MULTILINE | re.IGNORECASE,
)
_SHEBANG = re.compile(r"#![ \t]*(?P<program>/\S*/bin/python[\d.]*)\s")
_CONFIGURED = re.compile(r"^version(?:_info)?[ \t]*=[ \t]*(?P<version>\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
_LIBRARY = re.compile(r"python(\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class EnvironmentFolder:
    """A folder that holds an environment, or is said to, and what says so."""

    folder: Path
    named_by: str
    found: str


def find_environment_folders(
    site: Path | None,
    *,
    given: Sequence[Path] = (),
    scripts: ServiceScripts | Unobserved | None = None,
    services: WindowsServices | Unobserved | None = None,
    environment: Mapping[str, str] | None = None,
    apache: Sequence[Path] = APACHE_FOLDERS,
) -> tuple[EnvironmentFolder, ...]:
    """Return the folders that may be the environment of a site, what names one first. Runs nothing.

    Args:
        site: the folder that holds ``manage.py``.
        given: folders that the user names.
        scripts: the site's service scripts, which name a folder.
        services: the services, whose program lies in one.
        environment: the variables to look at; ``None`` means this process's own.
        apache: folders with Apache's configuration.
    """
    settings = os.environ if environment is None else environment
    found = [EnvironmentFolder(folder, f"--venv {folder}", "named with --venv") for folder in given]
    if site is not None:
        found += _of_scripts(scripts)
        found += _of_services(services)
        found += _of_apache(apache, site)
        found += _of_shebang(site)
    if active := settings.get("VIRTUAL_ENV"):
        found.append(EnvironmentFolder(Path(active), "", "VIRTUAL_ENV"))
    if site is not None:
        found += [EnvironmentFolder(folder, "", "beside the site") for folder in _around(site, settings)]
    kept: dict[str, EnvironmentFolder] = {}
    for one in found:
        kept.setdefault(_identity(one.folder), one)
    return tuple(kept.values())


def read_environments(
    folders: Sequence[EnvironmentFolder],
    interpreters: Interpreters | Unobserved,
    planned: Iterable[str] = (),
    *,
    site: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Environments:
    """Read what is in each environment, and look at the folders in which the next ones will be made.

    Args:
        folders: see ``find_environment_folders``.
        interpreters: those that answered; they know their version better than any file.
        planned: the names that the rules give to environments.
        site: the folder that holds ``manage.py``.
        environment: the variables to look at; ``None`` means this process's own.
    """
    answered = () if isinstance(interpreters, Unobserved) else interpreters.found
    found = [_read(one, answered) for one in folders if _is_environment(one.folder)]
    known = {_identity(one.folder) for one in found}
    found += [_of_interpreter(one) for one in answered if _has_django_of_its_own(one, known)]
    known = {_identity(one.folder) for one in found}
    lost = [(one.named_by, str(one.folder)) for one in folders if one.named_by and _identity(one.folder) not in known]
    settings = os.environ if environment is None else environment
    places = () if site is None else tuple(_planned(name, site, settings) for name in dict.fromkeys(planned))
    return Environments(found=tuple(found), planned=places, lost=tuple(lost))


# Where they may be


def _of_scripts(scripts: ServiceScripts | Unobserved | None) -> Iterator[EnvironmentFolder]:
    for script in scripts.scripts if isinstance(scripts, ServiceScripts) else ():
        stated = script.venv_directory
        if stated is not None and isinstance(stated.value, str) and _may_be_here(stated.value):
            yield EnvironmentFolder(Path(stated.value), f"VENV_DIRECTORY, {stated.where}", "the service script")


def _of_services(services: WindowsServices | Unobserved | None) -> Iterator[EnvironmentFolder]:
    r"""``...\venvs\qatrack\Lib\site-packages\win32\pythonservice.exe`` lies in the environment that it serves."""
    for service in services.found if isinstance(services, WindowsServices) else ():
        if not isinstance(service.program, str):
            continue
        program = PureWindowsPath(service.program.strip().strip('"'))
        for folder, child in zip(program.parents[1:], program.parents, strict=False):
            if child.name.lower() in {"lib", "scripts"} and _may_be_here(folder.as_posix()):
                yield EnvironmentFolder(Path(folder.as_posix()), f"the service {service.name}", "the service")
                break


def _of_apache(folders: Sequence[Path], site: Path) -> Iterator[EnvironmentFolder]:
    """Yield what Apache is told to run; a file that names another site than this one alone counts as well."""
    for folder in folders:
        for file in _entries(folder):
            text = _small_text(file)
            for match in _APACHE.finditer(text):
                home = Path(match["folder"])
                if home.is_absolute():
                    line = text.count("\n", 0, match.start("folder")) + 1
                    named = f"Apache, {file}:{line}" if site.as_posix() in text else ""
                    yield EnvironmentFolder(home, named, "Apache")


def _of_shebang(site: Path) -> Iterator[EnvironmentFolder]:
    if match := _SHEBANG.match(_small_text(site / "manage.py")):
        folder = Path(match["program"]).parent.parent
        if (folder / "pyvenv.cfg").is_file() or (folder / "bin" / "activate").is_file():
            yield EnvironmentFolder(folder, "manage.py:1", "the first line of manage.py")


def _around(site: Path, settings: Mapping[str, str]) -> Iterator[Path]:
    home = home_folder(settings)
    work_on = settings.get("WORKON_HOME")
    parents = [site, site.parent, *(parent / PARENT_NAME for parent in _parents(site, home))]
    parents += [home, home / ".virtualenvs"] if home else []
    parents += [Path(work_on)] if work_on else []
    for parent in parents:
        yield from filter(_is_environment, _entries(parent))


def _parents(site: Path, home: Path | None) -> list[Path]:
    """Return where the guides put ``venvs``: beside the checkout on Windows, in the home folder on Linux."""
    return [site.parent, site.parent.parent, *([home] if home else [])]


def home_folder(settings: Mapping[str, str]) -> Path | None:
    """Return the user's folder."""
    text = settings.get("USERPROFILE" if os.name == "nt" else "HOME")
    return Path(text) if text else None


# What is in them


def _read(one: EnvironmentFolder, answered: Sequence[Interpreter]) -> Environment:
    place = _identity(one.folder)
    program = program_of(one.folder)
    interpreter = next((each for each in answered if each.prefix and _identity(each.prefix) == place), None)
    python = _stated_version(one.folder) if interpreter is None else interpreter.version
    return _environment(one, python, program)


def _environment(one: EnvironmentFolder, python: Version | Unobserved, program: Path | None) -> Environment:
    packages = find_site_packages(one.folder)
    read = read_distributions(packages) if packages else Unobserved(f"{one.folder} holds no site-packages")
    return Environment(
        folder=one.folder,
        named_by=one.named_by,
        found=one.found,
        python=python,
        program=program,
        distributions=read if isinstance(read, Unobserved) else read[0],
        odd=() if isinstance(read, Unobserved) else read[1],
    )


def _has_django_of_its_own(one: Interpreter, known: set[str]) -> bool:
    """Tell whether a site may run on an interpreter that is in no virtual environment."""
    if one.is_environment or one.prefix is None or _identity(one.prefix) in known:
        return False
    names = (entry.name.lower() for folder in find_site_packages(one.prefix) for entry in _entries(folder))
    return any(name.startswith("django-1") and "info" in name for name in names)


def _of_interpreter(one: Interpreter) -> Environment:
    folder = EnvironmentFolder(one.prefix or one.path.parent, "", f"the interpreter {one.path}")
    return _environment(folder, one.version, one.path)


def _stated_version(folder: Path) -> Version | Unobserved:
    """Return what ``pyvenv.cfg`` says, or the folder of its library; virtualenv before 20 writes no ``version``."""
    stated = _CONFIGURED.search(_small_text(folder / "pyvenv.cfg"))
    libraries = [found[1] for entry in _entries(folder / "lib") if (found := _LIBRARY.fullmatch(entry.name))]
    for text in [stated["version"]] if stated else libraries:
        try:
            return Version(text)
        except InvalidVersion:
            continue
    if _exists(folder / "Scripts" / "python27.dll"):
        return Version("2.7")
    return Unobserved(f"nothing in {folder} says which Python it is of, and its interpreter did not answer")


def program_of(folder: Path) -> Path | None:
    """Return the interpreter of an environment, where it is there and leads somewhere."""
    for parts in _PROGRAMS:
        if _is_file(path := folder.joinpath(*parts)):
            return path
    return None


# Where the next one will be


def _planned(name: str, site: Path, settings: Mapping[str, str]) -> PlannedEnvironment:
    home = home_folder(settings)
    parents = [parent / PARENT_NAME for parent in _parents(site, home)]
    folder = next((parent / name for parent in parents if _exists(parent / name)), None)
    if folder is None:
        usual = parents[0] if os.name == "nt" or home is None else parents[-1]
        folder = next((parent for parent in parents if _exists(parent)), usual) / name
    holds, lacks = _holds(folder)
    return PlannedEnvironment(folder=folder, holds=holds, lacks=lacks, free_bytes=_free(folder))


def _holds(folder: Path) -> tuple[FolderHolds | Unobserved, str]:
    try:
        if not os.path.lexists(folder):
            return FolderHolds.NOTHING, ""
        if not folder.is_dir():
            return FolderHolds.OTHER, ""
        if not any(folder.iterdir()):
            return FolderHolds.NOTHING, ""
    except OSError as error:
        return Unobserved(f"{folder} cannot be looked into: {error.strerror or error}"), ""
    if not _is_environment(folder):
        return FolderHolds.OTHER, ""
    if program_of(folder) is None:
        return FolderHolds.HALF, "its interpreter"
    read = read_distributions(find_site_packages(folder))
    has_pip = not isinstance(read, Unobserved) and any(one.name == "pip" for one in read[0])
    return (FolderHolds.ENVIRONMENT, "") if has_pip else (FolderHolds.HALF, "pip")


def _free(folder: Path) -> int | Unobserved:
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError as error:
            return Unobserved(f"the free room at {place} cannot be told: {error.strerror or error}")
    return Unobserved(f"there is no volume for {folder}")


# The file system


def _is_environment(folder: Path) -> bool:
    return any(_is_file(folder.joinpath(*parts)) for parts in _MARKS)


def _may_be_here(text: str) -> bool:
    """Tell whether a folder that a file names can be one of this machine."""
    absolute = Path(text).is_absolute()
    return "\0" not in text and absolute and (os.name == "nt" or not PureWindowsPath(text).drive)


def _identity(folder: Path) -> str:
    return os.path.normcase(os.path.realpath(folder)) if "\0" not in str(folder) else str(folder)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())[:_ENTRIES_AT_MOST]
    except (OSError, ValueError):
        return []


def _small_text(file: Path) -> str:
    """Return the text of a file if it is small and can be read, else an empty text."""
    if not _is_file(file):
        return ""
    try:
        with file.open("rb") as stream:
            raw = stream.read(_SMALL_BYTES + 1)
    except OSError:
        return ""
    return "" if len(raw) > _SMALL_BYTES else raw.decode("utf-8", "backslashreplace")
