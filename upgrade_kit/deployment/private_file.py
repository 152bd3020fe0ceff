"""Makes a file that only its owner may read, from its first byte on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def open_new(path: Path) -> BinaryIO:
    """Make a file and open it for writing; on Windows it has the rights that its folder hands down.

    Interrupted (Ctrl-C) at any moment, it leaves no open file behind, which Windows would not let anybody remove.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be made.
    """
    return open(path, "xb", opener=_private)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
