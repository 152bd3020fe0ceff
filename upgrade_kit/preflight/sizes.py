"""Sizes of a server's files, for people."""

from __future__ import annotations

from upgrade_kit.model.server import StoredFile

GIB = 1024**3
_MIB = 1024**2


def used(file: StoredFile) -> int:
    """Return the bytes of a file that are in use, or all where the server does not tell."""
    return file.size_bytes if file.used_bytes is None else file.used_bytes


def size(number: int) -> str:
    """Return a number of bytes in words."""
    return f"{number / GIB:.1f} GB" if number >= GIB else f"{-(-number // _MIB)} MB"
