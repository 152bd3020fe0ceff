"""A file is written whole or not at all, whatever comes between: an error, Ctrl-C, a kill, a power cut."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import BinaryIO

PARTIAL = ".partial"
"""What the names of files that are not whole yet end in; a run that was killed leaves them."""

_PATIENCE_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_ACCESS_DENIED, _SHARING_VIOLATION = 5, 32  # what Windows says of a file that another program has open
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_whole(target: Path, content: bytes, *, rights: int = 0o600) -> None:
    """Put a file in its place in one step; until then what was there stays, and nothing else is left if that fails.

    Args:
        target: the file, which may be there already; its folder is.
        content: the bytes.
        rights: who may read it, as the mode of a file, before the account's umask.

    Raises:
        OSError: it cannot be written; what was there is there.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        with open_new(partial, rights=rights) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(partial, target)
    finally:
        with suppress(OSError):  # what led here is the thing to tell
            partial.unlink(missing_ok=True)
    sync_folder(target.parent)


def open_new(path: Path, *, rights: int = 0o600) -> BinaryIO:
    """Make a file and open it for writing; on Windows it has the rights that its folder hands down.

    Interrupted (Ctrl-C) at any moment, it leaves no open file behind, which Windows would not let anybody remove.

    Args:
        path: the file, which is not there.
        rights: who may read it, as the mode of a file, before the account's umask.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be made.
    """
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, rights))


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


def make_private(file: Path) -> None:
    """Make an empty file that its owner alone may read.

    Raises:
        FileExistsError: the name is taken.
        OSError: it cannot be made.
    """
    os.close(os.open(file, _NEW, 0o600))


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut, where the system can (not on Windows).

    Where it cannot, the files are in their places all the same.
    """
    if os.name == "nt":
        return
    with suppress(OSError):  # some network file systems refuse this for folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
