from __future__ import annotations

import os
from argparse import Namespace
from io import StringIO
from pathlib import Path

import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.cli import streams
from upgrade_kit.cli.main import main
from upgrade_kit.cli.streams import Streams, refuse_to_replace
from upgrade_kit.deployment import whole_file
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


def test_a_password_is_asked_of_nobody_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "--ask-password", "--no-memory"]) == 2
    assert "UPGRADE_KIT_PASSWORD" in capsys.readouterr().err


def test_the_password_that_is_typed_counts_before_the_one_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "typed")
    streams = Streams(environment={"UPGRADE_KIT_PASSWORD": "kept"}, source=Terminal())
    assert streams.password() == "kept"

    streams.ask_password()

    assert streams.password() == "typed"


# --- stopped in the middle ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_old_answer_or_the_new(tmp_path: Path) -> None:
    old, new = '{"schema": 1, "command": "path"}', '{"schema": 1, "command": "preflight"}'

    def prepare(folder: Path) -> None:
        (folder / "answer.json").write_text(old, encoding="utf-8")

    def answer(folder: Path) -> None:
        Streams(out=StringIO()).emit(new, Namespace(output=str(folder / "answer.json")))

    left = {
        line: found
        for line, folder, _ in interrupted_runs((streams, whole_file), tmp_path, prepare, answer, at_least=20)
        if (found := {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()})
        not in ({"answer.json": old}, {"answer.json": new})
    }
    assert not left


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe with a name")
def test_an_answer_takes_no_place_of_a_pipe_or_a_device(tmp_path: Path) -> None:
    """The one would be waited for without end; the other, for an administrator, become a plain file."""
    os.mkfifo(tmp_path / "pipe")
    for output in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(UsageError, match="this is no file"):
            refuse_to_replace(str(output))
