"""Names that no file can have on Windows."""

from __future__ import annotations

import re

# What Windows refuses in a name, the devices that it finds in every folder, and bytes that are no text.
_IMPOSSIBLE = re.compile(r'[<>:"|?*\\\x00-\x1f\ud800-\udfff]|[ .]$|^(?i:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)')


def impossible_on_windows(name: str) -> bool:
    """Tell whether Windows has no file with this name, or the name is no text at all."""
    return _IMPOSSIBLE.search(name) is not None
