from __future__ import annotations

import json
import os
import shutil
import sys
from argparse import ArgumentParser
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.cli import verify
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.streams import Streams
from upgrade_kit.errors import SiteError, UsageError


def call(*words: str) -> tuple[Exit, str]:
    parser = ArgumentParser()
    verify.add_arguments(parser)
    out = StringIO()
    streams = Streams(out=out, err=StringIO(), environment={"PATH": "", "HOME": os.environ.get("HOME", "")})
    return verify.run(parser.parse_args(list(words)), streams), out.getvalue()


def answers(text: str) -> dict[str, Any]:
    document = json.loads(text)
    assert document["command"] == "verify"
    return {result["id"]: result for result in document["results"]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def upgraded(real: Path, folder: Path) -> Path:
    """A real database of 0.3.0, with a backup of the one that it was made of."""
    shutil.copyfile(real / "0.2.9.1.sqlite3", folder / "site.db")
    create_backup("sqlite:///site.db", to_dir=folder / "backups", site_version="0.2.9.1")
    shutil.copyfile(real / "0.3.0-clean.sqlite3", folder / "site.db")
    return folder


@pytest.mark.real
@pytest.mark.usefixtures("upgraded")
class TestReal:
    def test_an_upgrade_that_went_well_lost_nothing(self) -> None:
        _, text = call("--database", "sqlite:///site.db", "--backup", "backups", "--format", "json")
        found = answers(text)
        assert found["UK301"]["result"] == "passed"
        assert found["UK702"]["result"] == "passed"
        assert found["UK701"]["result"] == "not_applicable"
        assert found.keys() >= {"UK302", "UK303", "UK307", "UK309", "UK505", "UK703"}
        assert "UK204" not in found

    def test_rows_that_are_gone_are_found(self, upgraded: Path) -> None:
        import sqlite3  # noqa: PLC0415 - to spoil the database

        database = sqlite3.connect(upgraded / "site.db")
        database.execute("DELETE FROM qa_testinstance WHERE id IN (SELECT id FROM qa_testinstance LIMIT 7)")
        database.commit()
        database.close()
        exit_, text = call("--database", "sqlite:///site.db", "--backup", "backups", "--format", "json")
        assert exit_ is Exit.FINDINGS
        (finding,) = answers(text)["UK702"]["findings"]
        assert "qa_testinstance had 486 rows and has 479" in finding["message"]

    def test_without_a_backup_from_before_nothing_is_proved(self, upgraded: Path) -> None:
        shutil.rmtree(upgraded / "backups")
        exit_, text = call("--database", "sqlite:///site.db", "--python", sys.executable, "--format", "json")
        assert exit_ is not Exit.DONE
        assert answers(text)["UK702"]["result"] == "could_not_run"

    def test_the_python_that_is_named_compiles(self) -> None:
        _, text = call("--database", "sqlite:///site.db", "--python", sys.executable, "--format", "json")
        found = answers(text)["UK703"]
        assert found["result"] == "found"
        assert {finding["where"] for finding in found["findings"]} >= {"py2_print"}

    def test_the_table_says_what_to_run_again(self) -> None:
        exit_, text = call("--database", "sqlite:///site.db", "--python", sys.executable, "--backup", "backups")
        assert exit_ is Exit.FINDINGS
        assert text.rstrip().endswith("then run verify again.")


def test_an_address_that_is_none_is_refused_before_anything_is_looked_at() -> None:
    with pytest.raises(UsageError, match="this is no address"):
        call("--database", "sqlite:///gone.db", "--url", "localhost")


def test_a_folder_that_is_not_there_is_told() -> None:
    with pytest.raises(SiteError):
        call("gone")


def test_a_site_that_does_not_answer_where_it_should_is_an_error() -> None:
    exit_, text = call("--database", "sqlite:///gone.db", "--url", "http://127.0.0.1:9/", "--format", "json")
    assert exit_ is Exit.FINDINGS
    assert answers(text)["UK701"]["result"] == "found"
