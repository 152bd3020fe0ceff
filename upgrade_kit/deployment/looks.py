"""Which looks at a site are taken: all, or those that were asked for and what these need to know first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from upgrade_kit.deployment.observing import Observing, Pending
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.unobserved import NOT_LOOKED, Unobserved

SeenT = TypeVar("SeenT")

# What a look has to know, by the names of the attributes of Deployment. Settings and service scripts are always read.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "version": ("checkout", "database"),
    "versions_agree": ("checkout", "database"),
    "environments": ("interpreters", "windows_services"),
    "backups": ("database",),
    "dumps": ("database",),
    "clocks": ("database",),
    "uploads": ("database",),
    "backup_place": ("database", "backups"),
    "disk": ("database", "backups", "uploads"),
}


@dataclass(frozen=True, slots=True)
class Looks:
    """Begins those looks that are wanted."""

    observing: Observing
    wanted: frozenset[str]

    def begin(self, fact: str, what: str, look: Callable[[], SeenT | Unobserved]) -> Pending[SeenT]:
        """Begin to look at something, if it is wanted.

        Args:
            fact: the attribute of ``Deployment`` that it becomes.
            what: in words that follow "looking at".
            look: reads, and gives back what it saw.
        """
        return self.observing.begin(what, look) if fact in self.wanted else Pending.known(what, NOT_LOOKED)


def wanted_looks(facts: Collection[str] | None) -> frozenset[str]:
    """Return the attributes of ``Deployment`` to look at: these and all that they need, or all there are.

    Args:
        facts: names of attributes; ``None`` means all.

    Raises:
        ValueError: a name is none of an attribute.
    """
    names = {field.name for field in fields(Deployment)}
    if facts is None:
        return frozenset(names)
    if unknown := set(facts) - names:
        raise ValueError(f"a deployment has no {', '.join(sorted(unknown))}")
    reached: set[str] = set()
    waiting = list(facts)
    while waiting:
        fact = waiting.pop()
        if fact not in reached:
            reached.add(fact)
            waiting += _NEEDS.get(fact, ())
    return frozenset(reached)
