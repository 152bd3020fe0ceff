"""The page on checks of one's own shows the very files that the tests install and run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "fixtures" / "plugin"
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_every_file_of_the_plugin_is_shown_as_it_is() -> None:
    files = {file.relative_to(PLUGIN).as_posix(): file for file in PLUGIN.rglob("*") if file.suffix in {".py", ".toml"}}
    assert {name: file.read_text(encoding="utf-8") for name, file in files.items()} == SHOWN
