"""What a hop changes in a site's local_settings.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ChangeKind(StrEnum):
    """What becomes of a setting."""

    RENAMED = "renamed"  # the target reads it under another name
    KEYS = "keys"  # a dictionary that must hold these keys too
    LACKS = "lacks"  # a list or dictionary that a person must look at where this text is not in it
    NEW = "new"  # offered by the target


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """One setting that a hop changes.

    Attributes:
        name: the setting.
        kind: what becomes of it.
        now: the new name (``RENAMED``), the text that should be there (``LACKS``), the value that counts where it is
            not set (``NEW``); else ``""``.
        keys: ``(key, value as Python text)`` of what must be there (``KEYS``).
        why: what goes wrong without it, or what it is for; one or two sentences.
        source: document and section.
    """

    name: str
    kind: ChangeKind
    now: str
    keys: tuple[tuple[str, str], ...]
    why: str
    source: str
