"""Is there a Python for each release on the way?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from packaging.specifiers import SpecifierSet

from upgrade_kit.model.deployment import Interpreter, Interpreters
from upgrade_kit.model.finding import Finding, NotApplicable, Passed
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, error, to_type
from upgrade_kit.preflight.facts import Facts, both

_MINORS = (*(f"3.{minor}" for minor in range(30, -1, -1)), "2.7")  # the newest that suits is named first


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpretersOnPath:
    """The machine's interpreters, the releases that need one, and the words that name this site."""

    interpreters: Interpreters
    path: UpgradePath
    arguments: str

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(
            facts.get(Interpreters),
            facts.get(UpgradePath),
            lambda known, way: cls(interpreters=known, path=way, arguments=facts.arguments),
        )


@check(
    "UK101",
    "A Python that the target supports is found",
    reads=InterpretersOnPath,
    section="docs/install/win.rst and linux.rst (v0.3.0), Verifying your Python 3 version",
)
def target_has_python(fact: InterpretersOnPath) -> Answer:
    """The target runs on certain Pythons only; on others its installation fails half way."""
    if not fact.path.hops:
        return NotApplicable(f"the site is at {fact.path.target.version} already")
    suitable = _suitable(fact.interpreters, fact.path.target)
    if suitable is not None:
        return Passed(f"{suitable.path} ({suitable.version})")
    return [_missing(fact, fact.path.target)]


@check(
    "UK102",
    "A Python for every release on the way is found",
    reads=InterpretersOnPath,
    section="docs/install/win.rst and linux.rst (v0.3.0), Upgrading from version 0.2.8",
)
def releases_on_the_way_have_python(fact: InterpretersOnPath) -> Answer:
    """Each hop runs the migrations of its own release, with the Python of that release."""
    between = fact.path.releases[1:-1]
    if not between:
        return NotApplicable("no release lies between the site's version and the target")
    found = [(release, _suitable(fact.interpreters, release)) for release in between]
    if all(suitable for _, suitable in found):
        return Passed("; ".join(f"{release.version}: {one.path} ({one.version})" for release, one in found if one))
    return _missing_on_the_way(fact, tuple(release for release, suitable in found if suitable is None))


def _missing_on_the_way(fact: InterpretersOnPath, releases: tuple[Release, ...]) -> Iterator[Finding]:
    for release in releases:
        yield _missing(fact, release)


def _suitable(interpreters: Interpreters, release: Release) -> Interpreter | None:
    wanted = SpecifierSet(release.python)
    fitting = [one for one in interpreters.found if wanted.contains(one.version, prereleases=True)]
    return max(fitting, key=lambda one: one.version, default=None)


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


CHECKS = (target_has_python, releases_on_the_way_have_python)
