"""Makes a file that only its owner may read, from its first byte on, and puts it in the place of another."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

_PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_ACCESS_DENIED, _SHARING_VIOLATION = 5, 32  # what Windows says of a file that another program has open


def open_new(path: Path) -> BinaryIO:
    """Make a file and open it for writing; on Windows it has the rights that its folder hands down.

    Interrupted (Ctrl-C) at any moment, it leaves no open file behind, which Windows would not let anybody remove.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be made.
    """
    return open(path, "xb", opener=_private)


def put_in_place(source: Path, target: Path) -> None:
    """Rename a file over another in one step.

    Windows refuses that while anybody has one of the two open, as virus scanners and indexers have each new file for a
    moment. They are waited for.

    Raises:
        OSError: it cannot be renamed; on Windows, not for a second.
    """
    until = monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            source.replace(target)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in {_ACCESS_DENIED, _SHARING_VIOLATION} or monotonic() > until:
                raise
            sleep(_LOOK_SECONDS)
        else:
            return


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
