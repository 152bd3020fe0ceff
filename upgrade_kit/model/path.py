"""Versions, the hops between them, and a path made of hops."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version

from upgrade_kit.model.installing import Installing
from upgrade_kit.model.setting_change import SettingChange
from upgrade_kit.model.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpan:
    """Which versions of a database server a release works with.

    Attributes:
        product: the server, as ``model.server.Identity`` calls it.
        at_least: the first version that it works with.
        before: the first version that is too new for it or untried, or ``None``.
        refused: whether it refuses versions from ``before`` on; otherwise nobody has tried them.
        why: what happens outside of the span, one sentence.
        remedy: what a person can do, in words.
        source: where that is written or was run.
    """

    product: str
    at_least: Version
    before: Version | None
    refused: bool
    why: str
    remedy: str
    source: str


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
        installing: how its environment is made, or ``None`` where the rules do not say.
        servers: the database servers that it works with; of others nothing is known.
        odbc_defaults: ``(system, driver)``: the ODBC driver that its engine takes where settings name none.
        long_keys: ``(table, (column, characters, migration))`` of unique keys that its migrations make or lengthen.
        commits: ``(tag, commit)`` of the releases that count as this node, as their authors published them.
        environment: the install guide's name of the virtual environment, which releases of one name share; with none
            a release has its own.
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
    environment: str = ""
    predecessors: tuple[Version, ...] = ()
    settings_gone: tuple[tuple[str, str], ...] = ()
    engine_options: tuple[tuple[str, tuple[str, ...]], ...] = ()
    installing: Installing | None = None
    servers: tuple[ServerSpan, ...] = ()
    odbc_defaults: tuple[tuple[str, str], ...] = ()
    long_keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    commits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """A table of which a hop makes more rows or fewer.

    Attributes:
        table: its name.
        since: the version that the hop leads to.
        becomes: ``more``, ``fewer``, ``other`` (either), or ``gone`` (the table too).
        why: which migration or step does so, and what for.
    """

    table: str
    since: Version
    becomes: str
    why: str

    @property
    def lets_grow(self) -> bool:
        """Whether there may be more rows."""
        return self.becomes in {"more", "other"}

    @property
    def lets_shrink(self) -> bool:
        """Whether there may be fewer rows."""
        return self.becomes in {"fewer", "other"}

    @property
    def lets_vanish(self) -> bool:
        """Whether the table may be gone."""
        return self.becomes == "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """An edge of the version graph with its ordered steps.

    Attributes:
        source: the version that it comes from.
        target: the version that it leads to.
        title: what it is about.
        steps: in order.
        origin: the rules file.
        settings: what it changes in a site's settings.
        row_changes: the tables of which it makes more rows or fewer.
    """

    source: Version
    target: Version
    title: str
    steps: tuple[Step, ...]
    origin: str
    row_changes: tuple[RowChange, ...] = ()
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
