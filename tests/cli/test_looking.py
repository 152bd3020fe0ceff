from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from io import StringIO
from pathlib import Path

import pytest

from upgrade_kit.cli.looking import Looked, add_survey_arguments, look
from upgrade_kit.cli.options import add_output_arguments
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.errors import LogError, UsageError, VersionError
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    build_sample_site(tmp_path / "site", VersionGraph.load().resolve("0.2.9.1"))
    return tmp_path / "site"


def looked_at(*words: str) -> Looked:
    parser = ArgumentParser()
    add_survey_arguments(parser)
    add_output_arguments(parser)
    streams = Streams(out=StringIO(), err=StringIO(), environment={"PATH": ""})
    return look(parser.parse_args(list(words)), streams)


def versions(path: UpgradePath | Unobserved) -> list[str]:
    return path.reason.split() if isinstance(path, Unobserved) else [str(version) for version in path.versions]


def test_the_path_starts_at_the_version_that_is_there(site: Path) -> None:
    looked = looked_at(str(site))

    assert versions(looked.path) == versions(looked.way) == ["0.2.9.1", "0.3.0"]
    assert looked.deployment.site == site


def test_from_says_where_the_path_starts(site: Path) -> None:
    assert versions(looked_at(str(site), "--from", "0.2.8").path) == ["0.2.8", "0.2.9.1", "0.3.0"]


@pytest.mark.real
def test_half_way_between_two_versions_the_checks_know_from_where_but_no_path_is_shown(
    real: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.sqlite3"
    copy.write_bytes((real / "traps" / "stopped-at-qa-0013.sqlite3").read_bytes())

    looked = looked_at("--database", f"sqlite:///{copy.as_posix()}")

    assert versions(looked.way) == ["0.2.9.1", "0.3.0"]
    assert isinstance(looked.path, Unobserved)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        pytest.param(["--to", "9.9"], VersionError, id="a version"),
        pytest.param(["--from", "9.9"], VersionError, id="a version to start from"),
        pytest.param(["--log", "nosuch.log"], LogError, id="a log"),
        pytest.param(["--sql", "nosuch.sql"], UsageError, id="a file of SQL"),
        pytest.param(["--python", os.devnull], UsageError, id="an interpreter that is none"),
    ],
)
def test_what_was_misspelt_is_told(words: list[str], kind: type[Exception], site: Path) -> None:
    with pytest.raises(kind):
        looked_at(str(site), *words)


def test_an_interpreter_that_answers_is_taken(site: Path) -> None:
    interpreters = looked_at(str(site), "--python", sys.executable).deployment.interpreters

    assert not isinstance(interpreters, Unobserved)
    assert interpreters.found
