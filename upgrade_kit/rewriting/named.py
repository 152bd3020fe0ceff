"""Names in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def some(names: Sequence[str], *, most: int = 12) -> str:
    """Return names with commas between them; of many the first, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
