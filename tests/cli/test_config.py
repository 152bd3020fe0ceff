"""``config`` shows what is set, where, and never a password."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from upgrade_kit.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_where_nothing_is_set_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config"]) == 0
    assert "Nothing is set there" in capsys.readouterr().out


def test_each_value_is_shown_with_its_source_and_without_its_password(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "upgrade-kit.toml").write_text("[defaults]\nlog = 'migrate.log'\n", encoding="utf-8")
    monkeypatch.setenv("UPGRADE_KIT_DATABASE", "mysql://me:sekret@host/qatrack")

    assert main(["config"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert "sekret" not in "".join(lines)
    assert any(
        line.split() == ["preflight", "--log", "migrate.log", "upgrade-kit.toml", "[defaults]"] for line in lines
    )
    assert any(line.split()[:2] == ["backup", "--database"] and "UPGRADE_KIT_DATABASE" in line for line in lines)


def test_the_same_for_a_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "upgrade-kit.toml").write_text("[preflight]\nonly = ['git']\n", encoding="utf-8")

    assert main(["config", "--format", "json"]) == 0

    assert json.loads(capsys.readouterr().out)["settings"] == [
        {"command": "preflight", "option": "only", "value": ["git"], "from": "upgrade-kit.toml [preflight]"}
    ]


def test_a_mistake_for_any_command_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "upgrade-kit.toml").write_text("[backup]\ngzp = true\n", encoding="utf-8")

    assert main(["config"]) == 2
    assert "Did you mean gzip?" in capsys.readouterr().err
