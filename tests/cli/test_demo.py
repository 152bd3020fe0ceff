"""``upgrade-kit demo``: the first thing that a newcomer runs."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from pathlib import Path

import pytest

from tests.interrupts import interrupt_at, interrupted_runs, lines_run
from upgrade_kit.cli import demo
from upgrade_kit.cli import path as path_command
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.main import main
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment import sample


def test_it_walks_the_sample_site_through_the_whole_job_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert main(["demo"]) == 0

    out = capsys.readouterr().out
    for command in ("path", "backup", "preflight", "rewrite-calcs"):
        assert f"$ upgrade-kit {command}" in out
    assert "4 calculation procedures written, read back and compared." in out
    assert "4 calculation procedures put back, read back and compared." in out
    assert list(tmp_path.iterdir()) == []


def test_it_keeps_the_site_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert main(["demo", "--keep"]) == 0

    (kept,) = tmp_path.iterdir()
    assert str(kept) in capsys.readouterr().out
    assert (kept / "qatrackplus" / "manage.py").is_file()


def test_it_only_builds_the_site_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert main(["demo", "--build", str(tmp_path / "site"), "--at", "0.3.0"]) == 0

    assert "A sample site of QATrack+ 0.3.0" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [tmp_path / "site"]
    assert (tmp_path / "site" / "qatrack" / "settings.py").read_text(encoding="utf-8").count('VERSION = "0.3.0"') == 1


def test_it_builds_no_site_over_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")

    assert main(["demo", "--build", str(tmp_path)]) == 3

    assert "is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_while_it_builds_a_site_leaves_a_whole_one_or_none(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        if main(["demo", "--build", str(folder / "site")]) == 130:
            raise KeyboardInterrupt

    left = {}
    for line, folder, _ in interrupted_runs((sample,), tmp_path, Path.stat, build, at_least=70):
        if found := sorted(path.name for path in folder.rglob("*")):
            left[line] = found
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_leaves_nothing_and_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "interrupted"
    place.mkdir()

    def short(_folder: Path, arguments: Namespace, streams: Streams) -> None:
        # a step is a command of its own, tested elsewhere: here it is the shortest one
        demo._step(["path", "--help"], (Exit.DONE,), arguments, streams)

    monkeypatch.setattr(demo, "_steps", short)

    def walk(folder: Path) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        if main(["demo"]) == 130:
            raise KeyboardInterrupt

    left = {}
    for line, folder, _ in interrupted_runs((demo,), place, Path.stat, walk, at_least=25):
        if found := [path.name for path in folder.iterdir()]:
            left[line] = found
    assert not left


def test_an_interrupt_within_a_step_is_no_defect_of_the_kit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with lines_run((path_command,)) as lines:
        main(["path", "--from", "0.2.9.1"])

    with interrupt_at(next(line for line in lines if line.time == 1)):
        if main(["demo"]) == 130:
            raise KeyboardInterrupt

    assert "please report it" not in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
