"""JSON dumps that somebody made with the site's own ``dumpdata`` and left lying beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.model.unobserved import NOT_ASKED, Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDump:
    """One dump without a manifest.

    Attributes:
        file: its path.
        size_bytes: its size.
        problem: why ``loaddata`` cannot read it, ``""`` where nothing is known to be wrong.
        hint: what to do then.
        whole: whether it was read from its first to its last object; of a large one only both ends are.
        models: ``(model, number of objects)``, by name.
        by_name: models whose objects name others by natural keys.
        by_number: models whose objects name permissions or content types by number.
        version: the one release whose models these are, or ``""``.
        units: the names of the units in it.
    """

    file: Path
    size_bytes: int
    problem: str = ""
    hint: str = ""
    whole: bool = True
    models: tuple[tuple[str, int], ...] = ()
    by_name: tuple[str, ...] = ()
    by_number: tuple[str, ...] = ()
    version: str = ""
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpedRows:
    """What a database holds of the models by which a dump is known to be of it.

    Attributes:
        rows: ``(model, number of rows)``.
        units: the names of its units.
    """

    rows: tuple[tuple[str, int], ...]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDumps:
    """The dumps that were found, newest first.

    Attributes:
        looked_in: folders.
        found: the newest of them.
        passed_over: how many older ones were not looked into.
        unread: folders that could not be listed, with the reason.
        database: what the database holds, to compare them with.
    """

    looked_in: tuple[Path, ...]
    found: tuple[FoundDump, ...]
    passed_over: int = 0
    unread: tuple[str, ...] = ()
    database: DumpedRows | Unobserved = NOT_ASKED
