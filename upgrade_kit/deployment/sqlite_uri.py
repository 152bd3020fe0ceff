"""The form in which SQLite takes a file's path together with how it is to be opened."""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath
from urllib.parse import quote_from_bytes


def sqlite_uri(file: str | Path, *, mode: str) -> str:
    r"""Return what ``sqlite3.connect(..., uri=True)`` takes for a file.

    ``C:\deploy\site.db`` is ``file:///C:/deploy/site.db``, and ``\\server\share\site.db`` is
    ``file:////server/share/site.db``: SQLite refuses a host after two slashes, where ``Path.as_uri`` puts it.
    Source: sqlite.org/uri.html, The URI Authority.

    Args:
        file: its absolute path.
        mode: ``ro``, ``rw`` or ``rwc``.
    """
    name = os.fspath(file)
    path = PureWindowsPath(name).as_posix() if re.match(r"[A-Za-z]:|\\\\", name) else name
    if not path.startswith("/"):
        path = f"/{path}"
    # Surrogates stand for bytes that are no UTF-8 (PEP 383).
    return f"file://{quote_from_bytes(path.encode('utf-8', 'surrogateescape'), safe='/:')}?mode={mode}"
