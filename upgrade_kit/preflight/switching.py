"""What ``git checkout TAG`` does with a file that was changed locally, as ``git read-tree -m`` of two trees has it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from upgrade_kit.model.repository import LocalChange


class Fate(StrEnum):
    """What becomes of a local change."""

    REFUSED = "refused"  # git does not check out the release
    CARRIED = "carried"  # it is there afterwards, in the other release's code
    GONE = "gone"  # the release has the very same, or a file that was missing is there again


def fate_of(change: LocalChange, tags: Sequence[str]) -> tuple[Fate, str]:
    """Return what becomes of a change when these releases are checked out one after the other, and where.

    Args:
        change: the change; it must know what each of the releases has in its place.
        tags: the releases, in order.
    """
    targets = dict(change.targets)
    head, index, missing = change.head, change.index, change.missing
    for tag in tags:
        target = targets[tag]
        if not _keeps_index(head, index, target):
            if index is None or index != head or change.changed:
                return Fate.REFUSED, tag
            index, missing = target, False
        head = target
    last = tags[-1] if tags else ""
    return (Fate.CARRIED if index != head or change.changed or (missing and index is not None) else Fate.GONE), last


def _keeps_index(head: str | None, index: str | None, target: str | None) -> bool:
    """Return whether git leaves what is staged as it is, and so the file on disk, too."""
    if index is None:
        return target in {head, None}  # removed here
    if target is None:
        return head is None  # added here
    return target in {head, index}
