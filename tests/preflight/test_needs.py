"""Only what chosen checks need is looked at, and what they say of it is what they say of the whole site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Database, Deployment, Settings
from upgrade_kit.model.finding import CouldNotRun
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import NOT_LOOKED, Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Answer, Check, check
from upgrade_kit.preflight.facts import Facts
from upgrade_kit.preflight.installed import load_checks
from upgrade_kit.preflight.journey import path_of, plan_of
from upgrade_kit.preflight.needs import EVERYTHING, facts_needed
from upgrade_kit.preflight.runner import run_preflight
from upgrade_kit.preflight.selection import families

GRAPH = VersionGraph.load()
CHECKS = load_checks().checks
VERSIONS = ("0.2.9.1", "0.3.0")


@pytest.fixture(scope="module", params=VERSIONS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("needs") / "site"
    build_sample_site(folder, GRAPH.resolve(request.param))
    return folder


def observed(site: Path, facts: frozenset[str] | None = None) -> Deployment:
    releases = GRAPH.releases
    return survey(site, environment={"PATH": "", "LC_ALL": "C.UTF-8"}, backup_to=site, releases=releases, facts=facts)


@pytest.fixture(scope="module")
def whole(site: Path) -> Deployment:
    return observed(site)


def needed(checks: tuple[Check[Any], ...], deployment: Deployment) -> frozenset[str]:
    return facts_needed(checks, deployment, path_of(deployment), plan_of(deployment))


def narrow(site: Path, checks: tuple[Check[Any], ...]) -> Deployment:
    facts: frozenset[str] = frozenset()
    while not (more := needed(checks, seen := observed(site, facts))) <= facts:
        facts |= more
    return seen


@pytest.mark.parametrize("family", families(CHECKS))
def test_a_family_says_the_same_of_what_it_needs_as_of_the_whole_site(
    site: Path, whole: Deployment, family: str
) -> None:
    chosen = tuple(one for one in CHECKS if one.family == family)

    told = run_preflight(narrow(site, chosen), only=[family])

    expected = run_preflight(whole, only=[family])
    assert [one.id for one in told.results if one.result == CouldNotRun(NOT_LOOKED.reason)] == []
    assert free_room_apart(told.results) == free_room_apart(expected.results)
    assert told.verdict is expected.verdict


def free_room_apart(results: Any) -> list[Any]:
    """Return the results but for those that tell how many bytes are free, which is another number a moment later."""
    return [one for one in results if one.id not in {"UK129", "UK252", "UK504"}]


@pytest.mark.parametrize(
    ("family", "asks"), [("settings", False), ("git", False), ("iis", False), ("schema", True), ("uploads", True)]
)
def test_the_database_is_asked_where_a_check_needs_it(tmp_path: Path, family: str, asks: bool) -> None:
    build_sample_site(tmp_path / "site", GRAPH.resolve("0.2.9.1"))
    seen = narrow(tmp_path / "site", tuple(one for one in CHECKS if one.family == family))
    assert isinstance(seen.database, Database) is asks
    assert asks or seen.database == NOT_LOOKED
    assert seen.interpreters == NOT_LOOKED


def test_where_the_code_may_be_ahead_of_the_schema_the_schema_is_asked(tmp_path: Path) -> None:
    """The code of 0.3.0 is checked out before the database is migrated."""
    build_sample_site(tmp_path / "site", GRAPH.resolve("0.3.0"))
    (tmp_path / "site" / "db" / "default.db").unlink()
    build_sample_site(tmp_path / "old", GRAPH.resolve("0.2.9.1"))
    (tmp_path / "old" / "db" / "default.db").rename(tmp_path / "site" / "db" / "default.db")

    seen = narrow(tmp_path / "site", tuple(one for one in CHECKS if one.family == "settings"))

    path = path_of(seen)
    assert isinstance(path, UpgradePath)
    assert [str(version) for version in path.versions] == ["0.2.9.1", "0.3.0"]


@dataclass(frozen=True)
class Whole:
    """A fact that hands the deployment on."""

    site: Deployment

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        return cls(site=facts.deployment)


@dataclass(frozen=True)
class Broken:
    """A fact that cannot be put together."""

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        raise KeyError(str(facts))


@dataclass(frozen=True)
class Direct:
    """A fact that reads an attribute past ``get``."""

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        _ = facts.deployment.git
        return cls()


def of(reads: type, crosses: str | None = None) -> tuple[Check[Any], ...]:
    @check("XX001", "A check of somebody else", reads=reads, section="", crosses=crosses)
    def question(fact: object) -> Answer:
        """It does not matter."""
        return (fact,)  # type: ignore[return-value]

    return (question,)


@pytest.mark.parametrize("reads", [Deployment, Whole, Broken])
def test_of_what_cannot_be_told_everything_is_looked_at(whole: Deployment, reads: type) -> None:
    assert needed(of(reads), whole) == EVERYTHING


def test_what_is_read_past_get_is_noted(whole: Deployment) -> None:
    assert needed(of(Direct), whole) == {"git"}


def test_a_check_that_asks_about_the_way_needs_a_version(tmp_path: Path) -> None:
    build_sample_site(tmp_path / "site", GRAPH.resolve("0.2.9.1"))
    seen = observed(tmp_path / "site", frozenset(("checkout",)))
    assert needed(of(Settings, "0.3.0"), seen) == {"settings", "checkout"}
    assert needed(of(Settings, "0.2.9.1"), seen) == {"settings", "checkout", "database"}
    given: Callable[..., frozenset[str]] = facts_needed
    assert given(of(Settings, "0.2.9.1"), seen, path_of(seen), plan_of(seen), path_is_given=True) == {"settings"}


def test_what_was_not_looked_at_is_no_pass(tmp_path: Path) -> None:
    build_sample_site(tmp_path / "site", GRAPH.resolve("0.2.9.1"))
    preflight = run_preflight(observed(tmp_path / "site", frozenset()), only=["UK202", "UK141", "UK611"])
    for result in preflight.results:
        if not result.left_out:
            assert result.result == CouldNotRun(NOT_LOOKED.reason)


def test_a_name_that_is_none_of_a_fact_is_refused(tmp_path: Path) -> None:
    build_sample_site(tmp_path / "site", GRAPH.resolve("0.2.9.1"))
    with pytest.raises(ValueError, match="databse"):
        observed(tmp_path / "site", frozenset(("databse",)))
