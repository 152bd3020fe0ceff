"""A misspelt command or option is told with what was perhaps meant."""

from __future__ import annotations

import pytest

from upgrade_kit.cli.main import main


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param(["preflght"], "Did you mean preflight?", id="a command"),
        pytest.param(["preflight", "--databse", "x"], "Did you mean --database?", id="an option"),
        pytest.param(["preflight", "--databse=x"], "Did you mean --database?", id="an option with its value"),
        pytest.param(["path", "--format", "jsn"], "Did you mean json?", id="a choice"),
        pytest.param(["preflight", "--only", "setings", "--no-memory"], "Did you mean settings?", id="a family"),
        pytest.param(["preflight", "--skip", "uk3011", "--no-memory"], "UK301?", id="a check"),
        pytest.param(["explain", "UK3011"], "UK301?", id="an id"),
        pytest.param(["explain", "UK0402"], "UK402", id="the id of a rule"),
    ],
)
def test_what_is_misspelt_gets_a_suggestion(typed: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed) == 2
    assert meant in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed",
    [["xyzzy"], ["preflight", "--xyzzy"], ["explain", "xyzzy"], ["path", "--from"]],
    ids=["a command", "an option", "an id", "nothing at all"],
)
def test_what_is_like_nothing_gets_none(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed) == 2
    assert "Did you mean" not in capsys.readouterr().err
