"""Versions, the hops between them, and a path made of hops."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.version import Version

from upgrade_kit.model.setting_change import SettingChange


class Effect(StrEnum):
    """What a step does to the site. The point of no return is data."""

    READ = "read"
    WRITE = "write"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do by hand, with the words to type.

    Attributes:
        id: stable, unique in the whole rulebook (``0.3.0-migrate``).
        title: what it does.
        effect: what it does to the site.
        why: what it is for, and what to look out for; may be empty.
        powershell: lines to type in PowerShell.
        bash: lines to type in bash.
        proof: how to see that the step is done; may be empty.
        source: document and section.
        corrects: where the guide is wrong and what is right, or ``""``.
    """

    id: str
    title: str
    effect: Effect
    why: str
    powershell: tuple[str, ...]
    bash: tuple[str, ...]
    proof: str
    source: str
    corrects: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A node of the version graph: one release and those that count as the same.

    Attributes:
        version: the release that stands for the node.
        also: version specifiers (PEP 440) of releases that count as this node, e.g. ``==0.3.0.*``.
        tag: the git tag to check out for this node.
        python: PEP 440 specifier of interpreters that run it.
        python_note: why others do not, one sentence.
        django: the Django version that it runs on.
        engines: database engines (``settings.DATABASES[...]['ENGINE']``) that it can load.
        engine_replacements: ``(old, new)`` pairs for engines it can no longer load.
        history: ``"south"`` or ``"django"``: which table holds the migrations.
        migrations: ``(app, names)`` pairs, in order; every migration of QATrack+'s own apps at this version.
        later_migrations: ``(first version, app, name)`` of what releases within the node added.
        source: document and section.
        settings_gone: ``(name, what takes its place)`` of settings that it reads no more.
        engine_options: ``(engine, keys)``: the keys of ``OPTIONS`` that an engine reads, where it passes over others.
        commits: ``(tag, commit)`` of the releases that count as this node, as their authors published them.
        predecessors: releases whose database it can take over; empty for "any that a hop comes from".
    """

    version: Version
    also: tuple[str, ...]
    tag: str
    python: str
    python_note: str
    django: str
    engines: tuple[str, ...]
    engine_replacements: tuple[tuple[str, str], ...]
    history: str
    migrations: tuple[tuple[str, tuple[str, ...]], ...]
    later_migrations: tuple[tuple[Version, str, str], ...]
    source: str
    predecessors: tuple[Version, ...] = ()
    settings_gone: tuple[tuple[str, str], ...] = ()
    engine_options: tuple[tuple[str, tuple[str, ...]], ...] = ()
    commits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """An edge of the version graph with its ordered steps, and what it changes in a site's settings."""

    source: Version
    target: Version
    title: str
    steps: tuple[Step, ...]
    origin: str
    settings: tuple[SettingChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradePath:
    """Adjacent hops from a site's version to a target.

    Attributes:
        releases: the nodes in order; one more than ``hops``, at least one.
        hops: the edges in order; empty when the site is at the target already.
    """

    releases: tuple[Release, ...]
    hops: tuple[Hop, ...]

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions in order, source first."""
        return tuple(release.version for release in self.releases)

    @property
    def source(self) -> Release:
        """Where the path starts."""
        return self.releases[0]

    @property
    def target(self) -> Release:
        """Where the path ends."""
        return self.releases[-1]

    def crosses(self, version: Version) -> bool:
        """Return whether some hop goes from before ``version`` to it or beyond."""
        return any(hop.source < version <= hop.target for hop in self.hops)
