"""The command that migrates a database, as the rules have it: for a person who types it, and for what it spares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging.version import Version

from upgrade_kit.model.path import Hop
from upgrade_kit.model.step import Do, StepKind
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.planning.graph import VersionGraph


def migration_to_type(target: Version, vendor: str, hops: Iterable[Hop] | None = None) -> str:
    """Return what migrates a database to a version, typed in the site's folder where ``python`` is the version's own.

    PowerShell and bash read it alike.

    Args:
        target: the version that a hop leads to.
        vendor: of the database: ``sqlite``, ``postgresql``, ``mysql`` or ``microsoft``.
        hops: where it is looked for; by default in all rules that are installed.

    Raises:
        RulesError: a rules file is wrong.
    """
    known = VersionGraph.load().hops if hops is None else hops
    found = (do.run for hop in known if hop.target == target for do in _migrations(hop, vendor))
    words = next(found, ("{python}", "manage.py", "migrate"))
    return " ".join(quoted("python" if word == "{python}" else word) for word in words)


def renames_as_before(hop: Hop) -> bool:
    """Tell whether a hop's command lets SQLite rename a table as it did before 3.26, touching nothing that names it."""
    return any("legacy_alter_table" in word for do in _migrations(hop, "sqlite") for word in do.run)


def _migrations(hop: Hop, vendor: str) -> Iterator[Do]:
    for step in hop.steps:
        if step.kind is StepKind.MIGRATE:
            yield from (do for do in step.do if do.run and (not do.vendors or vendor in do.vendors))
