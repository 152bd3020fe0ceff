"""The version graph: what a version stands for, which path is taken, and how a fault is told."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from upgrade_kit.errors import VersionError
from upgrade_kit.model.path import Hop, Release
from upgrade_kit.planning.graph import VersionGraph


def node(version: str, *, also: tuple[str, ...] = (), predecessors: tuple[str, ...] = ()) -> Release:
    return Release(
        version=Version(version),
        also=also,
        tag=f"v{version}",
        python=">=3.4",
        python_note="",
        django="1.11",
        engines=("django.db.backends.sqlite3",),
        engine_replacements=(),
        history="django",
        migrations=(),
        later_migrations=(),
        source="test",
        predecessors=tuple(map(Version, predecessors)),
    )


def edge(source: str, target: str, origin: str = "rules.toml") -> Hop:
    return Hop(source=Version(source), target=Version(target), title="", steps=(), origin=origin)


def graph(versions: Iterable[str], edges: Iterable[tuple[str, str]]) -> VersionGraph:
    return VersionGraph(map(node, versions), [edge(source, target) for source, target in edges])


def names(path_versions: Iterable[Version]) -> list[str]:
    return [str(version) for version in path_versions]


@pytest.fixture(scope="module")
def real_rules() -> VersionGraph:
    return VersionGraph.load()


@pytest.mark.parametrize(
    ("asked", "stands_for"),
    [
        ("0.2.8", "0.2.8"),
        ("0.2.8.1", "0.2.8"),
        ("0.2.9", "0.2.9.1"),
        ("0.2.9.1", "0.2.9.1"),
        ("0.2.9.2", "0.2.9.1"),
        ("v0.2.9.1", "0.2.9.1"),
        ("V0.3.0.3", "0.3.0"),
        (" 0.3.0 ", "0.3.0"),
        ("0.3", "0.3.0"),
        ("0.3.0.17", "0.3.0"),
        ("0.3.0.20", "0.3.0"),
    ],
)
def test_a_release_stands_for_its_line(real_rules: VersionGraph, asked: str, stands_for: str) -> None:
    assert real_rules.resolve(asked).version == Version(stands_for)
    assert real_rules.resolve(Version(asked.strip())).version == Version(stands_for)


@pytest.mark.parametrize("asked", ["0.2.7", "0.2.7.2", "0.2.8.2", "0.2.9.3", "0.3.1", "3.1.0", "0.3.0rc1"])
def test_an_unknown_version_is_told_with_those_that_exist(real_rules: VersionGraph, asked: str) -> None:
    with pytest.raises(VersionError) as caught:
        real_rules.resolve(asked)
    assert f"do not know version {asked}. They know 0.2.8, 0.2.9.1 and 0.3.0." in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "asked", ["", "banana", "0.2.9.x", "0,2,9", "0.2.9-", "HEAD", "0.2.9 0.3.0", "\u0966.\u0968\u0964"]
)
def test_what_is_no_version_is_told(real_rules: VersionGraph, asked: str) -> None:
    with pytest.raises(VersionError, match="is not a version"):
        real_rules.resolve(asked)


def test_a_version_that_two_releases_claim_is_told() -> None:
    both = VersionGraph([node("1.0", also=("==1.0.*",)), node("1.1", also=(">=1.0.5,<1.2",))], [])
    assert both.resolve("1.0.2").version == Version("1.0")
    with pytest.raises(VersionError, match=r"1\.0\.7 counts as more than one release in the rules: 1\.0 and 1\.1\."):
        both.resolve("1.0.7")


def test_from_0_2_8_the_path_goes_through_0_2_9_1(real_rules: VersionGraph) -> None:
    path = real_rules.path("0.2.8", "0.3.0")
    assert names(path.versions) == ["0.2.8", "0.2.9.1", "0.3.0"]
    assert all(hop.steps for hop in path.hops)


@pytest.mark.parametrize(
    ("source", "target", "versions"),
    [
        ("0.2.8.1", "0.2.9", ["0.2.8", "0.2.9.1"]),
        ("0.2.9.2", "0.3.0.20", ["0.2.9.1", "0.3.0"]),
    ],
)
def test_a_part_of_the_way_is_a_path_too(
    real_rules: VersionGraph, source: str, target: str, versions: list[str]
) -> None:
    assert names(real_rules.path(source, target).versions) == versions


@pytest.mark.parametrize(("source", "target"), [("0.3.0", "0.3.0"), ("0.3.0.17", "0.3.0"), ("0.2.9.2", "0.2.9")])
def test_within_one_release_there_is_nothing_to_do(real_rules: VersionGraph, source: str, target: str) -> None:
    path = real_rules.path(source, target)
    assert path.hops == ()
    assert path.source == path.target


def test_a_rule_that_skips_0_2_9_is_refused(real_rules: VersionGraph) -> None:
    with pytest.raises(VersionError, match=r"0\.2\.8 -> 0\.3\.0 \(mine\.toml\) would skip a version.*0\.2\.9\.1 only"):
        VersionGraph(real_rules.releases, [*real_rules.hops, edge("0.2.8", "0.3.0", "mine.toml")])


def test_without_0_2_9_there_is_no_path_at_all(real_rules: VersionGraph) -> None:
    with_gap = VersionGraph(real_rules.releases, real_rules.hops[1:])
    with pytest.raises(VersionError) as caught:
        with_gap.path("0.2.8", "0.3.0")
    assert caught.value.message == (
        "No path from 0.2.8 to 0.3.0: the rules lead nowhere from 0.2.8, and 0.3.0 can be reached from 0.2.9.1."
    )
    assert caught.value.hint == "The gap: no hop goes from 0.2.8 to 0.2.9.1 or 0.3.0."


def test_a_gap_further_on_is_told_from_both_sides() -> None:
    broken = graph("12345", ["12", "23", "45"])  # type: ignore[list-item]  # two characters, two versions
    with pytest.raises(VersionError) as caught:
        broken.path("1", "5")
    assert "lead from 1 to 2 and 3, and 5 can be reached from 4." in caught.value.message
    assert caught.value.hint == "The gap: no hop goes from 1, 2 or 3 to 4 or 5."


def test_a_target_that_nothing_leads_to_is_told() -> None:
    with pytest.raises(VersionError, match=r"lead from 1 to 2, and nothing leads to 3\."):
        graph(["1", "2", "3"], [("1", "2")]).path("1", "3")


def test_a_downgrade_is_told_with_the_way_back(real_rules: VersionGraph) -> None:
    with pytest.raises(VersionError, match=r"From 0\.3\.0 to 0\.2\.9\.1 is a downgrade") as caught:
        real_rules.path("0.3.0.4", "0.2.9.2")
    assert "restore the backup" in caught.value.hint


@pytest.mark.parametrize(
    ("edges", "told"),
    [
        pytest.param([("1", "1")], r"1 -> 1 \(rules\.toml\) makes a cycle: 1 -> 1\.", id="to itself"),
        pytest.param([("1", "2"), ("2", "1")], r"makes a cycle: 2 -> 1 -> 2\.", id="there and back"),
        pytest.param([("1", "2"), ("2", "3"), ("3", "1")], r"makes a cycle: 3 -> 1 -> 2 -> 3\.", id="around three"),
        pytest.param([("2", "1")], r"2 -> 1 \(rules\.toml\) goes backwards\.", id="backwards without a cycle"),
        pytest.param([("1", "4")], r"needs 4, which no rule describes\. They know 1, 2 and 3\.", id="to nowhere"),
        pytest.param([("0.1", "1")], r"needs 0\.1, which no rule describes", id="from nowhere"),
        pytest.param([("1", "2"), ("1", "2")], r"hop 1 -> 2 twice \(rules\.toml and rules\.toml\)", id="twice"),
    ],
)
def test_hops_that_make_no_order_are_told_by_name(edges: list[tuple[str, str]], told: str) -> None:
    with pytest.raises(VersionError, match=told):
        graph(["1", "2", "3"], edges)


def test_a_version_twice_is_told() -> None:
    with pytest.raises(VersionError, match=r"describe version 1(\.0)? twice"):
        graph(["1", "2", "1.0"], [])


def test_an_empty_graph_knows_no_version() -> None:
    with pytest.raises(VersionError, match="They know no version at all"):
        VersionGraph([], []).resolve("1")


def test_the_fewest_hops_win() -> None:
    assert names(graph(["1", "2", "3"], [("1", "2"), ("2", "3"), ("1", "3")]).path("1", "3").versions) == [
        "1",
        "3",
    ]


def test_among_equals_the_first_in_version_order_wins_whatever_order_they_came_in() -> None:
    edges = [("1", "10"), ("10", "11"), ("1", "9"), ("9", "11"), ("1", "9.5"), ("9.5", "11")]
    found = {
        tuple(names(graph(["1", "9", "9.5", "10", "11"], shuffled).path("1", "11").versions))
        for shuffled in permutations(edges)
    }
    assert found == {("1", "9", "11")}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    count = draw(st.integers(min_value=2, max_value=14))
    versions = [f"1.{number}" for number in range(count)]
    forward = [(one, other) for index, one in enumerate(versions) for other in versions[index + 1 :]]
    return versions, draw(st.lists(st.sampled_from(forward), unique=True, max_size=40))


def shortest(versions: list[str], edges: set[tuple[str, str]]) -> list[str] | None:
    """Find the answer the slow and plain way: every path there is, then the least."""
    complete: list[list[str]] = []
    unfinished = [[versions[0]]]
    while unfinished and not complete:
        longer = [[*path, version] for path in unfinished for version in versions if (path[-1], version) in edges]
        complete = [path for path in longer if path[-1] == versions[-1]]
        unfinished = longer
    return min(complete, key=lambda path: list(map(Version, path)), default=None)


@given(graphs(), st.randoms(use_true_random=False))
def test_a_path_is_adjacent_hops_the_least_of_the_shortest_and_the_same_under_shuffling(
    made: tuple[list[str], list[tuple[str, str]]], chance: random.Random
) -> None:
    versions, edges = made
    expected = shortest(versions, set(edges))
    for _ in range(2):
        shuffled_versions, shuffled_edges = list(versions), list(edges)
        chance.shuffle(shuffled_versions)
        chance.shuffle(shuffled_edges)
        built = graph(shuffled_versions, shuffled_edges)
        if expected is None:
            with pytest.raises(VersionError, match="No path from"):
                built.path(versions[0], versions[-1])
            continue
        path = built.path(versions[0], versions[-1])
        assert names(path.versions) == expected
        assert all(one.target == other.source for one, other in pairwise(path.hops))
        assert (path.hops[0].source, path.hops[-1].target) == (path.source.version, path.target.version)


def test_two_hundred_more_versions_change_nothing_and_take_no_time(real_rules: VersionGraph) -> None:
    later = [f"1.{number}" for number in range(250)]
    chain = [edge(*ends) for ends in pairwise(["0.3.0", *later])]
    jumps = [edge(one, other) for one, other in zip(later, later[2:], strict=False)]
    hops = [*real_rules.hops, *chain, *jumps]
    hops.reverse()
    begin = time.process_time()
    grown = VersionGraph([*map(node, later), *real_rules.releases], hops)
    path = grown.path("0.2.8", "1.249")
    assert time.process_time() - begin < 1
    assert names(path.versions)[:4] == ["0.2.8", "0.2.9.1", "0.3.0", "1.0"]
    assert len(path.hops) == 2 + 1 + 125
    assert grown.path("0.2.8", "0.3.0") == real_rules.path("0.2.8", "0.3.0")


def test_an_unknown_version_among_hundreds_is_told_with_its_neighbours() -> None:
    with pytest.raises(VersionError) as caught:
        graph([f"1.{number}" for number in range(250)], []).resolve("1.100.5")
    assert "1.100 and 1.101" not in caught.value.message  # the neighbours stand in the middle of the list
    assert "1.100, 1.101" in caught.value.message
    assert "and 230 more from 1.0 to 1.249" in caught.value.message
    assert len(caught.value.message) < 300
