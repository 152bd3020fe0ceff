"""``upgrade-kit demo``: the first thing that a newcomer runs."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from upgrade_kit.cli.main import main


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
