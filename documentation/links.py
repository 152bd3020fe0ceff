"""A hook of MkDocs: a link to a file of the repository that is no page becomes the file's name."""

from __future__ import annotations

import re
from typing import Any

_OUT = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?!docs/)([^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Return the page's text without links that lead out of ``docs/``."""
    up = page.file.src_uri.count("/") + 1
    return _OUT.sub(lambda link: _shown(link, up), markdown)


def _shown(link: re.Match[str], up: int) -> str:
    leads_out = link[0].split("](", 1)[1].startswith("../" * up)
    return f"`{link[2]}`" if leads_out else link[0]
