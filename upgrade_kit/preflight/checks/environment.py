"""What does the site's environment have, and can the next one be made and filled?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from upgrade_kit.model.environment import Distribution, Environment, FolderHolds, PlannedEnvironment
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed, Severity
from upgrade_kit.model.installing import Installing, Trouble
from upgrade_kit.model.path import Release
from upgrade_kit.model.requirement import RequirementLine
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.checks.interpreter import suitable_for
from upgrade_kit.preflight.site_environment import (
    SiteEnvironment,
    applies,
    does,
    fits,
    installed_for,
    names_of,
)

_GUIDE = "docs/install/win.rst and linux.rst (v0.3.0), Create and activate your new virtual environment"
_FILES = "requirements/*.txt at the release's tag"
_FACTS = "docs/facts.md, Environments"
_NOT_FOUND = "the site's environment was not found (UK103)"
# What makes environments and fills them, and what Python 2.7's own library came to hold.
_TOOLS = frozenset(("argparse", "distribute", "pip", "pkg-resources", "setuptools", "virtualenv", "wheel", "wsgiref"))
_MIB = 1024 * 1024
_NAMED_AT_MOST = 12
_ANY_FILE = "REQUIREMENTS_FILE"  # in a line of the rules: whichever file the site needs


@check(
    "UK121",
    "The site's environment has the Django of the release that the site is",
    reads=SiteEnvironment,
    section=f"{_FILES}; {_FACTS}",
    remedy="Name the environment that serves the site with --venv.",
)
def environment_is_of_the_release(fact: SiteEnvironment) -> Answer:
    """An environment of another release is not the one that serves the site, or serves it wrongly."""
    site, release = fact.site, fact.path.source
    if site is None:
        return NotApplicable(_NOT_FOUND)
    django = site.installed("django")
    if django is None or django.number is None:
        return Unobserved(f"nothing in {site.folder} tells its Django")
    if django.number.release[:2] == Version(release.django).release[:2]:
        return Passed(f"Django {django.version} in {site.folder}")
    return [
        warning(
            f"{site.folder} has Django {django.version}; QATrack+ {release.version} runs on {release.django}",
            where=str(site.folder),
            hint=to_type(
                "If another environment serves the site, name it:",
                f"upgrade-kit preflight {fact.arguments} --venv DIR".replace("  ", " "),
            ),
        )
    ]


@check(
    "UK122",
    "The site's environment has nothing that the next one will lack",
    reads=SiteEnvironment,
    section=f"{_FILES}; docs/facts.md, Libraries",
    remedy="Install the same in the new environment.",
)
def nothing_beside_the_requirements(fact: SiteEnvironment) -> Answer:
    """A procedure that imports what somebody installed by hand fails where it is not installed again."""
    site = fact.site
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    if site is None:
        return NotApplicable(_NOT_FOUND)
    if isinstance(site.distributions, Unobserved):
        return site.distributions
    named = _named(fact)
    if isinstance(named, Unobserved):
        return named
    beside = _beside(site.distributions, named)
    if not beside:
        return Passed(f"{counted(site.distributions, 'distribution')} in {site.folder}")
    listed = _listed(f"{one.name} {one.version}" for one in beside)
    return [
        info(
            f"{site.folder} has {counted(beside, 'distribution')} that no requirement file of QATrack+ names: {listed}."
            " The new environment will not have them; a procedure that imports one fails there",
            where=str(site.folder),
            hint=to_type(
                "Install what the site's procedures and settings import, once the new environment is made:",
                f"python -m pip install {' '.join(one.name for one in beside)}",
            ),
        )
    ]


def _named(fact: SiteEnvironment) -> frozenset[str] | Unobserved:
    """Return every name that the requirement files of the way's two ends give, for whatever system."""
    names: set[str] = set(_TOOLS)
    if isinstance(fact.requirements, Unobserved):
        return fact.requirements
    for release in (fact.path.source, fact.path.target):
        known = fact.requirements.at(release.version)
        if isinstance(known, Unobserved):
            return known
        for file in known.files:
            names.update(chain.from_iterable(names_of(line, release) for line in file.lines))
    return frozenset(names)


def _beside(installed: Sequence[Distribution], named: frozenset[str]) -> tuple[Distribution, ...]:
    """Return what is neither named, nor needed by what is, nor needed by something else among the rest."""
    by_name = {one.name: one for one in installed}
    needed = _closure(named, by_name)
    rest = [one for one in installed if one.name not in needed]
    inner = {need for one in rest for need in one.needs if need != one.name}
    roots = [one for one in rest if one.name not in inner]
    reached = _closure({one.name for one in roots}, by_name)
    return (*roots, *(one for one in rest if one.name not in reached))  # the last need each other


def _closure(names: Iterable[str], by_name: dict[str, Distribution]) -> set[str]:
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += by_name[name].needs if name in by_name else ()
    return reached


@check(
    "UK123",
    "The site's environment has what its release requires",
    reads=SiteEnvironment,
    section=_FILES,
    remedy="Know it when the old environment has to serve again.",
)
def environment_has_its_requirements(fact: SiteEnvironment) -> Answer:
    """What differs from the requirement files now is no fault of the upgrade when it shows after it."""
    site, release = fact.site, fact.path.source
    if site is None:
        return NotApplicable(_NOT_FOUND)
    if site == fact.target:
        return NotApplicable(f"{site.folder} is the environment of the target: see UK125")
    if isinstance(site.python, Unobserved):
        return site.python
    lines = fact.lines_of(release, site.python)
    if isinstance(lines, Unobserved):
        return lines
    if isinstance(site.distributions, Unobserved):
        return site.distributions
    absent, other = _compared(lines, site, release)
    findings = [_unreadable(site)] if site.odd else []
    if not absent and not other:
        return findings or Passed(f"{counted(lines, 'requirement')} in {site.folder}")
    return [
        *findings,
        info(
            f"{site.folder} differs from what QATrack+ {release.version} requires: {_difference(absent, other)}",
            where=str(site.folder),
            hint="A site that works can stay so; nothing has to be installed in the old environment.",
        ),
    ]


def _unreadable(environment: Environment) -> Finding:
    listed = _listed(f"{place} ({reason})" for place, reason in environment.odd)
    return info(
        f"what is installed in {environment.folder} is not known in full, because metadata cannot be read: {listed}",
        where=environment.odd[0][0],
        hint=to_type("With the environment active, this lists what it has:", "python -m pip freeze"),
    )


def _compared(
    lines: Iterable[RequirementLine], environment: Environment, release: Release
) -> tuple[list[RequirementLine], list[tuple[RequirementLine, Distribution]]]:
    """Return the lines of what is not installed, and those of which another version is."""
    absent: list[RequirementLine] = []
    other: list[tuple[RequirementLine, Distribution]] = []
    for line in lines:
        one = installed_for(line, environment, release)
        if one is None:
            absent.append(line)
        elif not does(one, line):
            other.append((line, one))
    return absent, other


def _difference(absent: Sequence[RequirementLine], other: Sequence[tuple[RequirementLine, Distribution]]) -> str:
    parts = []
    if absent:
        parts.append(f"{len(absent)} missing ({_listed(f'{line.names[0]}{line.specifier}' for line in absent)})")
    if other:
        parts.append(
            f"{len(other)} of another version "
            f"({_listed(f'{one.name} {one.version}, not {line.specifier}' for line, one in other)})"
        )
    return "; ".join(parts)


def _listed(items: Iterable[str]) -> str:
    every = tuple(items)
    more = len(every) - _NAMED_AT_MOST
    return ", ".join(every[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


@check(
    "UK124",
    "The folder of the new environment is free, or holds one for the target",
    reads=SiteEnvironment,
    section=_GUIDE,
    remedy="Give the new environment a folder of its own.",
)
def folder_is_free(fact: SiteEnvironment) -> Answer:
    """An environment that is made over another keeps what that one had, of another Python."""
    planned, release = _planned(fact), fact.path.target
    if isinstance(planned, NotApplicable):
        return planned
    if isinstance(planned.holds, Unobserved):
        return planned.holds
    match planned.holds:
        case FolderHolds.NOTHING:
            return Passed(f"{planned.folder} is free")
        case FolderHolds.OTHER:
            return [_taken(fact, planned, "holds something else than an environment")]
        case FolderHolds.HALF:
            return [_taken(fact, planned, f"holds half an environment: {planned.lacks} is missing")]
        case FolderHolds.ENVIRONMENT:
            return _environment_there(fact, planned, release)


def _planned(fact: SiteEnvironment) -> PlannedEnvironment | NotApplicable:
    release = fact.path.target
    if not fact.path.hops:
        return NotApplicable(f"the site is at {release.version} already")
    planned = fact.environments.planned_as(release.environment)
    return planned or NotApplicable(f"no rule says where the environment of {release.version} is made")


def _environment_there(fact: SiteEnvironment, planned: PlannedEnvironment, release: Release) -> Answer:
    made = next((one for one in fact.environments.found if one.folder == planned.folder), None)
    if made is None or isinstance(made.python, Unobserved):
        return Unobserved(f"which Python the environment {planned.folder} is of could not be told")
    if fits(made, release):
        return Passed(f"{planned.folder}: an environment of Python {made.python}")
    said = f"is an environment of Python {made.python}; QATrack+ {release.version} runs on {release.python}"
    return [_taken(fact, planned, said)]


def _taken(fact: SiteEnvironment, planned: PlannedEnvironment, said: str) -> Finding:
    old = str(planned.folder)
    if fact.system == "Windows":
        line = f"Rename-Item {quoted(old)} {planned.folder.name}-old"
    else:
        line = f"mv {quoted(old)} {quoted(old + '-old')}"
    return warning(
        f"the folder of the new environment is taken: {old} {said}",
        where=old,
        hint=to_type(
            f"If nothing runs from it, put it out of the way before the new environment is made, in {_shell(fact)}:",
            line,
        ),
    )


@check(
    "UK125",
    "An environment that was made for the target has what the target requires",
    reads=SiteEnvironment,
    section=f"{_FILES}; {_GUIDE}",
    remedy="Install the target's requirement files in it again.",
)
def target_environment_is_complete(fact: SiteEnvironment) -> Answer:
    """An installation that stopped half way shows itself when the migration imports what is missing."""
    release, made = fact.path.target, fact.target
    if made is None:
        return NotApplicable(f"there is no environment for {release.version} yet")
    if isinstance(made.distributions, Unobserved):
        return made.distributions
    if isinstance(made.python, Unobserved):
        return made.python
    lines = fact.lines_of(release, made.python)
    if isinstance(lines, Unobserved):
        return lines
    absent, other = _compared(lines, made, release)
    if not absent and not other:
        return Passed(f"{counted(lines, 'requirement')} in {made.folder}")
    is_empty = len(absent) == len(lines)
    say = info if is_empty else warning
    return [
        say(
            f"{made.folder} is empty as yet" if is_empty else f"{made.folder}: {_difference(absent, other)}",
            where=str(made.folder),
            hint=to_type(
                "With the environment active and the code of the target checked out, type:",
                *_install_lines(fact, release),
            ),
        )
    ]


def _install_lines(fact: SiteEnvironment, release: Release) -> tuple[str, ...]:
    """Return what installs the requirement files of a release, as its rules say it where the plain way fails."""
    known = (_lines_of(fact, trouble) for trouble, _ in _troubles(fact, release))
    special = next(
        (lines for lines in known if _ANY_FILE in " ".join(lines)), (f"python -m pip install -r {_ANY_FILE}",)
    )
    return _with_files(fact, release, special)


def _lines_of(fact: SiteEnvironment, trouble: Trouble) -> tuple[str, ...]:
    return trouble.powershell if fact.system == "Windows" else trouble.bash


def _with_files(fact: SiteEnvironment, release: Release, lines: Iterable[str]) -> tuple[str, ...]:
    """Write each line that is for any requirement file for those of this site: those that take in the others."""
    files = fact.files_of(release)
    first = () if release.installing is None else release.installing.files_for(fact.system, fact.vendor)
    included = {name for file in (() if isinstance(files, Unobserved) else files) for name in file.includes}
    shown = [file for file in first if file not in included]
    if fact.system == "Windows":
        shown = [file.replace("/", "\\") for file in shown]
    filled: list[str] = []
    for line in lines:
        filled += [line.replace(_ANY_FILE, file) for file in shown] if _ANY_FILE in line else [line]
    return tuple(filled)


@check(
    "UK126",
    "Every requirement of the releases to come can be installed as it is written",
    reads=SiteEnvironment,
    section=f"{_FILES}; {_FACTS}",
    remedy="Type what stands beside each.",
)
def requirements_can_be_installed(fact: SiteEnvironment) -> Answer:
    """Requirement files are years old; what they name has moved, or today's pip reads it otherwise."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    lines: list[RequirementLine] = []
    for release in fact.path.releases[1:]:
        files = fact.files_of(release)
        if isinstance(files, Unobserved):
            return files
        read = tuple(chain.from_iterable(file.lines for file in files))
        if not read:
            return CouldNotRun(f"the requirement files of {release.tag} hold no requirement that can be understood")
        lines += read
    findings = [
        _trouble_told(fact, release, trouble, line)
        for release in fact.path.releases[1:]
        for trouble, line in _troubles(fact, release)
    ]
    cloned = sum(line.is_from_git for line in lines)
    return findings or Passed(f"{counted(lines, 'requirement')}; pip clones {cloned} of them with git")


def _troubles(fact: SiteEnvironment, release: Release) -> Iterator[tuple[Trouble, RequirementLine]]:
    """Yield what is known to fail of a release, with the line that fails, on this system and under the Python here."""
    files = fact.files_of(release)
    if isinstance(files, Unobserved) or release.installing is None:
        return
    python = _python_for(fact, release)
    lines = [line for file in files for line in file.lines if applies(line, python, fact.system)]
    for trouble in release.installing.troubles:
        if trouble.system not in ("", fact.system):
            continue
        if trouble.python and not SpecifierSet(trouble.python).contains(python):
            continue
        failing = next((line for line in lines if trouble.line in line.text), None)
        if failing is not None:
            yield trouble, failing


def _python_for(fact: SiteEnvironment, release: Release) -> Version:
    """Return the Python that a release will be installed under: the best here, else the newest that runs it."""
    found = () if isinstance(fact.interpreters, Unobserved) else suitable_for(fact.interpreters, release)
    if found:
        return found[0].version
    minors = [f"3.{minor}" for minor in range(30, -1, -1)]
    wanted = SpecifierSet(release.python)
    return next((Version(one) for one in minors if wanted.contains(f"{one}.19")), Version("2.7.18"))


def _trouble_told(fact: SiteEnvironment, release: Release, trouble: Trouble, line: RequirementLine) -> Finding:
    say = info if trouble.severity == Severity.INFO else warning
    return say(
        f"QATrack+ {release.version} requires {line.text}. {trouble.problem}",
        where=f"{line.where} ({release.tag})",
        hint=to_type(
            f"{_instead(trouble)} ({trouble.source}):",
            *_with_files(fact, release, _lines_of(fact, trouble)),
        ),
    )


def _instead(trouble: Trouble) -> str:
    return "Install the file with this instead" if _ANY_FILE in " ".join(trouble.bash) else "Type this first"


@check(
    "UK127",
    "Every line of the requirement files is understood",
    reads=SiteEnvironment,
    section=_FILES,
    remedy="Look at the line in the repository.",
)
def requirement_files_are_understood(fact: SiteEnvironment) -> Answer:
    """Pip stops at a line that it cannot read, and installs nothing of the file."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    findings: list[Finding] = []
    seen: list[str] = []
    for release in fact.path.releases[1:]:
        files = fact.files_of(release)
        if isinstance(files, Unobserved):
            return files
        seen += [f"{release.tag}: {', '.join(file.name for file in files)}"]
        findings += _odd_lines(fact, release)
    return findings or Passed("; ".join(seen))


def _odd_lines(fact: SiteEnvironment, release: Release) -> Iterator[Finding]:
    known_files = fact.files_of(release)
    files = () if isinstance(known_files, Unobserved) else known_files
    show = f"git show {release.tag}:"
    for file in files:
        for where, text, reason in file.odd:
            yield warning(
                f"{where} at {release.tag} cannot be understood: {text!r} ({reason})",
                where=where,
                hint=to_type("Look at it; a repository that was not changed has no such line:", f"{show}{file.name}"),
            )
    known = Unobserved("") if isinstance(fact.requirements, Unobserved) else fact.requirements.at(release.version)
    needed = set(() if release.installing is None else release.installing.files_for(fact.system, fact.vendor))
    needed.update(chain.from_iterable(file.includes for file in files))
    for name, reason in () if isinstance(known, Unobserved) else known.missing:
        if name in needed:
            yield warning(
                f"the requirement file {name} of {release.tag} cannot be read: {reason}",
                where=name,
                hint=to_type("See which there are:", f"git ls-tree -r --name-only {release.tag} requirements"),
            )


@check(
    "UK128",
    "pip in the environments that will be filled is of an age that works",
    reads=SiteEnvironment,
    section=f"{_GUIDE}; {_FACTS}",
    remedy="Install the newest pip that runs on that Python.",
)
def pip_is_of_an_age(fact: SiteEnvironment) -> Answer:
    """An old pip takes releases that its Python cannot run; the newest run on no old Python."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    filled = _to_be_filled(fact)
    if not filled:
        return NotApplicable("no environment is there yet that the upgrade will install anything in")
    findings: list[Finding] = []
    seen: list[str] = []
    for environment, release in filled:
        if isinstance(environment.distributions, Unobserved):
            return environment.distributions
        findings += _pip_of(fact, environment, release, seen)
    return findings or Passed("; ".join(seen))


def _to_be_filled(fact: SiteEnvironment) -> list[tuple[Environment, Release]]:
    """Return the environments that exist: the guide fills the site's own for a release on the way."""
    filled: list[tuple[Environment, Release]] = []
    for release in fact.path.releases[1:-1]:
        fitting = [one for one in fact.environments.found if one is fact.site and fits(one, release)]
        filled += [(one, release) for one in fitting]
    if fact.target is not None:
        filled.append((fact.target, fact.path.target))
    return filled


def _pip_of(fact: SiteEnvironment, environment: Environment, release: Release, seen: list[str]) -> Iterator[Finding]:
    how, python, pip = release.installing, environment.python, environment.installed("pip")
    if how is None or isinstance(python, Unobserved):
        return
    minor = f"{python.major}.{python.minor}"
    limits = dict(how.pips).get(minor)
    if limits is None:
        return
    oldest, newest = limits
    hint = to_type("With the environment active, type:", f'python -m pip install --upgrade "pip=={newest}"')
    if pip is None or pip.number is None:
        yield warning(f"{environment.folder} has no pip", where=str(environment.folder), hint=_pip_again(fact, minor))
    elif pip.number < oldest:
        yield warning(
            f"pip in {environment.folder} is {pip.version}; under Python {minor} it should be {oldest} or newer",
            where=str(environment.folder),
            hint=hint,
        )
    elif pip.number > newest:
        yield warning(
            f"pip in {environment.folder} is {pip.version}; the last that runs on Python {minor} is {newest}",
            where=str(environment.folder),
            hint=_pip_again(fact, minor),
        )
    else:
        seen.append(f"pip {pip.version} in {environment.folder}")


def _pip_again(fact: SiteEnvironment, minor: str) -> str:
    address = f"https://bootstrap.pypa.io/pip/{minor}/get-pip.py"
    fetch = f"Invoke-WebRequest {address} -OutFile get-pip.py" if fact.system == "Windows" else f"curl -O {address}"
    return to_type(f"With the environment active, type in {_shell(fact)}:", fetch, "python get-pip.py")


def _shell(fact: SiteEnvironment) -> str:
    return "PowerShell" if fact.system == "Windows" else "bash"


@check(
    "UK129",
    "There is room for the new environment",
    reads=SiteEnvironment,
    section=f"{_FACTS}; {_GUIDE}",
    remedy="Free the room, or make the environment on another disk.",
)
def there_is_room(fact: SiteEnvironment) -> Answer:
    """Pip stops on a full disk with half of the distributions installed."""
    planned, how = _planned(fact), fact.path.target.installing
    if isinstance(planned, NotApplicable):
        return planned
    if how is None or planned.holds is FolderHolds.ENVIRONMENT:
        return NotApplicable(f"{planned.folder} is there already")
    if isinstance(planned.free_bytes, Unobserved):
        return planned.free_bytes
    if planned.free_bytes >= how.size_mib * _MIB:
        return Passed(f"{planned.folder}: {how.size_mib} MiB of {planned.free_bytes // _MIB:,} MiB free")
    return [_too_little(planned, how)]


def _too_little(planned: PlannedEnvironment, how: Installing) -> Finding:
    free = 0 if isinstance(planned.free_bytes, Unobserved) else planned.free_bytes // _MIB
    return error(
        f"the disk of {planned.folder} has {free:,} MiB free, and the new environment with pip's downloads takes "
        f"{how.size_mib} MiB ({how.source})",
        where=str(planned.folder),
        hint="Free that much before the new environment is made, or make it in a folder on another disk.",
    )


CHECKS = (
    environment_is_of_the_release,
    nothing_beside_the_requirements,
    environment_has_its_requirements,
    folder_is_free,
    target_environment_is_complete,
    requirements_can_be_installed,
    requirement_files_are_understood,
    pip_is_of_an_age,
    there_is_room,
)
