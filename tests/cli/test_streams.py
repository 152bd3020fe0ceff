from __future__ import annotations

from pathlib import Path

import pytest

from upgrade_kit.cli.streams import refuse_to_replace
from upgrade_kit.errors import UsageError

SARIF = """{
  "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
  "version": "2.1.0",
  "runs": [
    {
      "tool": {
        "driver": {
          "name": "%s","""


@pytest.mark.parametrize(
    "start",
    [
        '{"schema": 1, "command": "path"}',
        '{\n  "schema": 1,\n  "command": "preflight",\n',
        '{\n  "schema": 1,\n  "command": "preflight --list",\n',
        "<!-- upgrade-kit preflight --list --format markdown -->\n",
        "# Preflight: NO_GO\n\n- Site: none named\n",
        '<?xml version="1.0" encoding="utf-8"?>\n<testsuite name="upgrade-kit preflight GO"',
        SARIF % "upgrade-kit",
        "",
    ],
)
def test_an_earlier_answer_may_be_replaced(start: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(start, encoding="utf-8")
    refuse_to_replace(str(tmp_path / "answer"))


@pytest.mark.parametrize(
    "start",
    [
        "SQLite format 3\0",
        '{"schema": 1, "method": "native"}',
        "# My notes\n",
        "# Preflight: what I found\n",
        '<?xml version="1.0"?>\n<testsuite name="pytest">',
        SARIF % "another-tool",
    ],
)
def test_anything_else_may_not(start: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(start, encoding="utf-8")
    with pytest.raises(UsageError, match="no earlier answer"):
        refuse_to_replace(str(tmp_path / "answer"))


@pytest.mark.parametrize("name", ["site.manifest.json", "journal-1.json"])
def test_nor_what_bears_the_name_of_a_manifest_or_journal(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"schema": 1, "command": "preflight"}', encoding="utf-8")
    with pytest.raises(UsageError):
        refuse_to_replace(str(tmp_path / name))
