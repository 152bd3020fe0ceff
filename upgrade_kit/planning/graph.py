"""The version graph, and the one path through it that an upgrade takes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from packaging.version import InvalidVersion, Version

from upgrade_kit.errors import VersionError
from upgrade_kit.model.path import Hop, Release, UpgradePath

_SHOWN = 20  # versions that a message names before it begins to count them


class VersionGraph:
    """Versions and the hops between them.

    Args:
        releases: the nodes, in any order.
        hops: the edges, in any order.

    Raises:
        VersionError: a version or hop comes twice, a hop has an end that is no version, goes
            backwards, closes a cycle, or comes from a version that its target cannot take over.
    """

    __slots__ = ("_by_version", "_hops_from", "hops", "releases")

    def __init__(self, releases: Iterable[Release], hops: Iterable[Hop]) -> None:
        self.releases: tuple[Release, ...] = tuple(sorted(releases, key=lambda release: release.version))
        self.hops: tuple[Hop, ...] = tuple(sorted(hops, key=lambda hop: (hop.source, hop.target)))
        self._by_version = {release.version: release for release in self.releases}
        self._hops_from: dict[Version, list[Hop]] = {}
        for hop in self.hops:
            self._hops_from.setdefault(hop.source, []).append(hop)
        self._check_repetition()
        for hop in self.hops:
            self._check_hop(hop)

    @classmethod
    def load(cls, folders: Iterable[Path] | None = None) -> VersionGraph:
        """Read the graph from rules folders, by default all that are installed.

        Raises:
            RulesError: a rules file is wrong.
        """
        from upgrade_kit.planning.rulebook import load_rules  # noqa: PLC0415 - a graph of values reads no files

        rulebook = load_rules(folders)
        return cls(rulebook.releases, rulebook.hops)

    def resolve(self, version: str | Version) -> Release:
        """Return the release that stands for a version.

        Args:
            version: ``0.2.9``, or a tag such as ``v0.2.9.1``.

        Raises:
            VersionError: not a version, none that the rules know, or claimed by two releases.
        """
        wanted = _parse(version)
        if (exact := self._by_version.get(wanted)) is not None:
            return exact
        found = [release for release in self.releases if _counts_as(wanted, release)]
        if not found:
            raise VersionError(
                f"The rules do not know version {wanted}. They know {self._known(wanted)}.",
                hint="Type one of these after --from or --to.",
            )
        if len(found) > 1:
            claims = _some({release.version for release in found})
            raise VersionError(
                f"Version {wanted} counts as more than one release in the rules: {claims}.",
                hint="Correct the key 'also' in one of these rules files.",
            )
        return found[0]

    def path(self, source: str | Version, target: str | Version) -> UpgradePath:
        """Return the path with the fewest hops; among equals the one that is first in version order.

        Raises:
            VersionError: an unknown version, a downgrade, or a target that no hops lead to.
        """
        start, end = self.resolve(source), self.resolve(target)
        if start.version > end.version:
            raise VersionError(
                f"From {start.version} to {end.version} is a downgrade, and there are no steps back.",
                hint=f"To return to {end.version}, restore the backup that was made at {end.version}.",
            )
        arrived = self._search(start.version, end.version)
        hops: list[Hop] = []
        version = end.version
        while version != start.version:
            if version not in arrived:
                raise self._unreachable(start.version, end.version, set(arrived))
            hops.append(arrived[version])
            version = arrived[version].source
        hops.reverse()
        releases = (start, *(self._by_version[hop.target] for hop in hops))
        return UpgradePath(releases=releases, hops=tuple(hops))

    def _search(self, start: Version, end: Version) -> dict[Version, Hop]:
        # Breadth first, hops in version order: the first hop to arrive somewhere ends the shortest
        # path that is first in version order, whatever order files and hops came in.
        arrived: dict[Version, Hop] = {}
        layer = [start]
        while layer and end not in arrived:
            following: list[Version] = []
            for version in layer:
                for hop in self._hops_from.get(version, ()):
                    if hop.target not in arrived and hop.target != start:
                        arrived[hop.target] = hop
                        following.append(hop.target)
            layer = following
        return arrived

    def _unreachable(self, start: Version, end: Version, reached: set[Version]) -> VersionError:
        leading = {end}
        for hop in reversed(self.hops):  # every hop goes up: all that start at a target come before it here
            if hop.target in leading:
                leading.add(hop.source)
        here = f"lead from {start} to {_some(reached)}" if reached else f"lead nowhere from {start}"
        there = leading - {end}
        into = f"{end} can be reached from {_some(there)}" if there else f"nothing leads to {end}"
        return VersionError(
            f"No path from {start} to {end}: the rules {here}, and {into}.",
            hint=f"The gap: no hop goes from {_some({start, *reached}, 'or')} to {_some(leading, 'or')}.",
        )

    def _check_repetition(self) -> None:
        for release, other in pairwise(self.releases):
            if release.version == other.version:
                raise VersionError(
                    f"The rules describe version {release.version} twice.", hint="Remove one of the two."
                )
        for hop, following in pairwise(self.hops):
            if (hop.source, hop.target) == (following.source, following.target):
                raise VersionError(
                    f"The rules describe the hop {hop.source} -> {hop.target} twice "
                    f"({hop.origin} and {following.origin}).",
                    hint="Remove one of the two.",
                )

    def _check_hop(self, hop: Hop) -> None:
        where = f"The rules' hop {hop.source} -> {hop.target} ({hop.origin})"
        for version in (hop.source, hop.target):
            if version not in self._by_version:
                raise VersionError(
                    f"{where} needs {version}, which no rule describes. They know {self._known(version)}.",
                    hint=f"Describe {version} in a file under versions, or correct the hop.",
                )
        if hop.source >= hop.target:
            cycle = " -> ".join(map(str, self._cycle(hop)))
            raise VersionError(
                f"{where} makes a cycle: {cycle}." if cycle else f"{where} goes backwards.",
                hint="Remove it from the rules.",
            )
        allowed = self._by_version[hop.target].predecessors
        if allowed and hop.source not in allowed:
            only = f"{hop.target} can take over a database of {_some(set(allowed), 'or')} only"
            raise VersionError(f"{where} would skip a version: {only}.", hint="Remove it from the rules.")

    def _cycle(self, hop: Hop) -> list[Version]:
        """Return the versions around the cycle that a hop backwards closes; none where it closes none."""
        arrived = self._search(hop.target, hop.source)
        if hop.source != hop.target and hop.source not in arrived:
            return []
        around = [hop.source]
        while around[0] != hop.target:
            around.insert(0, arrived[around[0]].source)
        return [hop.source, *around]

    def _known(self, near: Version) -> str:
        versions = [release.version for release in self.releases]
        if not versions:
            return "no version at all"
        below = sum(version < near for version in versions)
        first = max(min(below - _SHOWN // 2, len(versions) - _SHOWN), 0)
        shown = _some(set(versions[first : first + _SHOWN]))
        rest = len(versions) - _SHOWN
        return shown if rest <= 0 else f"{shown}, and {rest} more from {versions[0]} to {versions[-1]}"


def _parse(version: str | Version) -> Version:
    if isinstance(version, Version):
        return version
    try:
        return Version(version)
    except InvalidVersion:
        raise VersionError(f"{version!r} is not a version.", hint="Type a version such as 0.2.9.1.") from None


def _counts_as(version: Version, release: Release) -> bool:
    if not release.also:
        return False
    # 15 ms to import, and needed only for a version that is not itself a node.
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415

    return any(SpecifierSet(text).contains(version, prereleases=False) for text in release.also)


def _some(versions: set[Version], conjunction: str = "and") -> str:
    """Name the versions in order; of very many, how many there are, the first and the last."""
    names = [str(version) for version in sorted(versions)]
    if len(names) > _SHOWN:
        return f"{len(names)} versions from {names[0]} to {names[-1]}"
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}" if len(names) > 1 else names[0]
