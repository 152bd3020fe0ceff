"""Is there a Python for each release on the way, and does it have what it takes?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from packaging.specifiers import SpecifierSet

from upgrade_kit.model.deployment import Interpreter, Interpreters
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, both
from upgrade_kit.preflight.site_environment import SiteEnvironment

NAMED = "named with --python"
_WIDE = 64
_MINORS = (*(f"3.{minor}" for minor in range(30, -1, -1)), "2.7")  # the newest that suits is named first


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpretersOnPath:
    """The machine's interpreters, the releases that need one, and the words that name this site."""

    interpreters: Interpreters
    path: UpgradePath
    arguments: str
    system: str

    @property
    def suitable(self) -> tuple[Interpreter, ...]:
        """Those that run the target, the best first."""
        return suitable_for(self.interpreters, self.path.target)

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(
            facts.get(Interpreters),
            facts.get(UpgradePath),
            lambda known, way: cls(
                interpreters=known, path=way, arguments=facts.arguments, system=facts.deployment.machine.system
            ),
        )


@check(
    "UK101",
    "A Python that the target supports is found",
    reads=InterpretersOnPath,
    section="docs/install/win.rst and linux.rst (v0.3.0), Verifying your Python 3 version",
    remedy="Install a Python that the target runs on, or name one with --python.",
)
def target_has_python(fact: InterpretersOnPath) -> Answer:
    """The target runs on certain Pythons only; on others its installation fails half way."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    if fact.suitable:
        return Passed(f"{fact.suitable[0].path} ({fact.suitable[0].version})")
    return [_missing(fact, fact.path.target)]


@check(
    "UK102",
    "A Python for every release on the way is found",
    reads=InterpretersOnPath,
    section="docs/install/win.rst and linux.rst (v0.3.0), Upgrading from version 0.2.8",
    remedy="Install a Python for each release that is named, or name one with --python.",
)
def releases_on_the_way_have_python(fact: InterpretersOnPath) -> Answer:
    """Each hop runs the migrations of its own release, with the Python of that release."""
    between = fact.path.releases[1:-1]
    if not between:
        return NotApplicable("no release lies between the site's version and the target")
    found = [(release, suitable_for(fact.interpreters, release)) for release in between]
    if all(suitable for _, suitable in found):
        return Passed("; ".join(f"{release.version}: {those[0].path} ({those[0].version})" for release, those in found))
    return _missing_on_the_way(fact, tuple(release for release, suitable in found if not suitable))


def _missing_on_the_way(fact: InterpretersOnPath, releases: tuple[Release, ...]) -> Iterator[Finding]:
    for release in releases:
        yield _missing(fact, release)


def suitable_for(interpreters: Interpreters, release: Release) -> tuple[Interpreter, ...]:
    """Return the interpreters that run a release, the best first: 64-bit, new, and in no virtual environment."""
    wanted = SpecifierSet(release.python)
    fitting = (one for one in interpreters.found if wanted.contains(one.version, prereleases=True))
    return tuple(sorted(fitting, key=lambda one: (one.bits, one.version, not one.is_environment), reverse=True))


def _missing(fact: InterpretersOnPath, release: Release) -> Finding:
    found = ", ".join(f"{one.version} ({one.path})" for one in fact.interpreters.found) or "none"
    silent = "".join(f"; {path} did not answer: {reason}" for path, reason in fact.interpreters.silent)
    best = _best_minor(release)
    return error(
        f"QATrack+ {release.version} runs on Python {release.python}; "
        f"found here: {found}{silent}. {release.python_note}",
        hint=to_type(
            f"Install Python {best} beside the others (python.org, pyenv, your distribution). "
            "If it is there already, name it:",
            f"upgrade-kit preflight {fact.arguments} --python PATH_TO_PYTHON".replace("  ", " "),
        ),
    )


def _best_minor(release: Release) -> str:
    wanted = SpecifierSet(release.python)
    return next((minor for minor in _MINORS if wanted.contains(f"{minor}.19")), release.python)


@check(
    "UK103",
    "The interpreter that the site runs on is known",
    reads=SiteEnvironment,
    section="docs/install/win.rst and linux.rst (v0.3.0), Setting up our Python environment",
    remedy="Name the site's environment with --venv.",
)
def site_has_interpreter(fact: SiteEnvironment) -> Answer:
    """What is installed for the site now tells what the next environment must have besides the requirement files."""
    site = fact.site
    typed = [folder for who, folder in fact.environments.lost if who.startswith("--venv ")]
    if typed:
        return CouldNotRun(f"{', '.join(typed)}, named with --venv, holds no environment: no pyvenv.cfg, no activate")
    if site is None:
        return [_no_environment(fact)]
    if isinstance(site.python, Unobserved):
        return site.python
    django, pip = site.installed("django"), site.installed("pip")
    seen = f"{site.folder}: Python {site.python}"
    seen += f", Django {django.version}" if django else ""
    seen += f", pip {pip.version}" if pip else ""
    if site.program is None:
        return [
            warning(
                f"the interpreter of the site's environment {site.folder} (Python {site.python}) is not there",
                where=str(site.folder),
                hint="If this is a copy of the server's folder, that is how it should be; run preflight on the server. "
                f"Otherwise install Python {site.python} again in its former place.",
            )
        ]
    return Passed(f"{seen} ({site.named_by or site.found})")


def _no_environment(fact: SiteEnvironment) -> Finding:
    lost = "".join(f"; {who} names {folder}, and no environment is there" for who, folder in fact.environments.lost)
    return info(
        f"no environment with the Django of QATrack+ {fact.path.source.version} was found here{lost}. What the "
        "site has installed besides the requirement files is not known",
        hint=to_type(
            "Run preflight on the site's server, or name the environment:",
            f"upgrade-kit preflight {fact.arguments} --venv DIR".replace("  ", " "),
        ),
    )


@check(
    "UK104",
    "The command that the guide types starts a Python for the target",
    reads=InterpretersOnPath,
    section="docs/install/win.rst and linux.rst (v0.3.0), Verifying your Python 3 version",
    remedy="Start the right Python by its full path.",
)
def command_starts_it(fact: InterpretersOnPath) -> Answer:
    """``python -m venv`` makes the environment with the Python that PATH answers with, whatever that is."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    word = "python" if fact.system == "Windows" else "python3"
    answering = dict(fact.interpreters.commands).get(word)
    if answering is None:
        return NotApplicable(f"nothing on PATH answers to {word}")
    target = fact.path.target
    if SpecifierSet(target.python).contains(answering.version, prereleases=True):
        return Passed(f"{word}: {answering.version} ({answering.path})")
    return [
        info(
            f"{word} on PATH is Python {answering.version} ({answering.path}); QATrack+ {target.version} runs on "
            f"{target.python}",
            where=str(answering.path),
            hint=_start_another(fact),
        )
    ]


def _start_another(fact: InterpretersOnPath) -> str:
    if not fact.suitable:
        return f"Install Python {_best_minor(fact.path.target)}, and start it by its full path."
    best = fact.suitable[0]
    if best.found == "py launcher":
        start = f"py -{best.version.major}.{best.version.minor}"
    else:
        start = f'& "{best.path}"' if fact.system == "Windows" else quoted(str(best.path))
    return to_type("Leave PATH as the site needs it, and make the new environment with:", f"{start} -m venv FOLDER")


@check(
    "UK105",
    "The Python for the target is a 64-bit one",
    reads=InterpretersOnPath,
    section="docs/install/win.rst (v0.3.0), Installing Python 3",
    remedy="Install the 64-bit Python beside the other.",
)
def target_has_64_bits(fact: InterpretersOnPath) -> Answer:
    """A 32-bit process ends at 2 GiB of memory, and loads 32-bit ODBC drivers alone."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    if not fact.suitable:
        return NotApplicable(f"no Python for {fact.path.target.version} was found (UK101)")
    best = fact.suitable[0]
    if best.bits >= _WIDE:
        return Passed(f"{best.path}: {best.bits} bits")
    minor = f"{best.version.major}.{best.version.minor}"
    return [
        warning(
            f"every Python here that runs QATrack+ {fact.path.target.version} is a {best.bits}-bit one "
            f"({best.path}, {best.version}): image analysis in it ends at 2 GiB of memory, and the driver of the "
            "database must be a 32-bit one too",
            where=str(best.path),
            hint=to_type(
                f"Install the 64-bit Python {minor} (python.org: Windows x86-64 executable installer), then see that "
                "this prints 64:",
                f"py -{minor} -c \"import struct; print(struct.calcsize('P') * 8)\"",
            ),
        )
    ]


@check(
    "UK106",
    "Python's own support lasts",
    reads=UpgradePath,
    section="devguide.python.org, Status of Python versions",
    remedy="Plan the next upgrade, to a QATrack+ that runs on a newer Python.",
)
def python_is_supported(path: UpgradePath) -> Answer:
    """A Python whose support has ended gets no repairs, not even of security."""
    if not path.hops:
        return NotApplicable(f"the site is at {path.target.version} already")
    how = path.target.installing
    if how is None or not how.python_ends:
        return NotApplicable(f"no rule says when support of the Pythons of {path.target.version} ends")
    ends = ", ".join(f"{python} on {day}" for python, day in how.python_ends)
    return [
        info(
            f"every Python that runs QATrack+ {path.target.version} has reached its end of life ({ends}): it gets no "
            "repairs any more",
            hint="This does not stand in the way. Keep the server off the internet, and plan the next upgrade after "
            "this one.",
        )
    ]


@check(
    "UK107",
    "The Python that --python names runs the target",
    reads=InterpretersOnPath,
    section="docs/install/win.rst and linux.rst (v0.3.0), Verifying your Python 3 version",
    remedy="Name a Python of a version that the target runs on.",
)
def named_python_suits(fact: InterpretersOnPath) -> Answer:
    """Whoever names a Python means to make the new environment with it."""
    target = fact.path.target
    named = next((one for one in fact.interpreters.found if one.found == NAMED), None)
    if named is None:
        return NotApplicable("no interpreter was named with --python")
    if any(
        SpecifierSet(release.python).contains(named.version, prereleases=True) for release in fact.path.releases[1:]
    ):
        return Passed(f"{named.path}: {named.version}")
    if not fact.path.hops:
        return NotApplicable(f"the site is at {target.version} already")
    instead = (
        f"{fact.suitable[0].path} ({fact.suitable[0].version})" if fact.suitable else f"Python {_best_minor(target)}"
    )
    return [
        warning(
            f"{named.path} is Python {named.version}; QATrack+ {target.version} runs on {target.python}. "
            f"{target.python_note}",
            where=str(named.path),
            hint=f"Take {instead} instead.",
        )
    ]


@check(
    "UK108",
    "The Python for the target can make an environment and reach PyPI",
    reads=InterpretersOnPath,
    section="docs/install/linux.rst (v0.3.0), Setting up our Python environment (python3-venv)",
    remedy="Install the parts that are missing.",
)
def target_python_is_whole(fact: InterpretersOnPath) -> Answer:
    """Linux distributions keep venv in a package of its own, and a Python without OpenSSL has no pip that works."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    if not fact.suitable:
        return NotApplicable(f"no Python for {fact.path.target.version} was found (UK101)")
    whole = next((one for one in fact.suitable if not one.lacks), None)
    if whole is not None:
        return Passed(str(whole.path))
    best = fact.suitable[0]
    minor = f"{best.version.major}.{best.version.minor}"
    if fact.system == "Windows":
        how = to_type(f"Repair it with its installer, all parts chosen, or install Python {minor} from python.org.")
    elif "ssl" in best.lacks:
        how = to_type("Install OpenSSL's headers and build that Python again:", "sudo apt-get install libssl-dev")
    else:
        how = to_type("Install the part of the distribution:", f"sudo apt-get install python{minor}-venv")
    return [
        warning(
            f"{best.path} ({best.version}) lacks {', '.join(best.lacks)}, so that no environment can be made with it "
            "or filled by pip",
            where=str(best.path),
            hint=how,
        )
    ]


CHECKS = (
    target_has_python,
    releases_on_the_way_have_python,
    site_has_interpreter,
    command_starts_it,
    target_has_64_bits,
    python_is_supported,
    named_python_suits,
    target_python_is_whole,
)
