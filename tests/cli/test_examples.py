"""The examples in each command's help are lines that can be typed."""

from __future__ import annotations

import shlex

import pytest

from upgrade_kit.cli.examples import EXAMPLES, FIRST_STEPS
from upgrade_kit.cli.main import COMMANDS, main
from upgrade_kit.cli.parser import make_parser

LINES = [
    (name, line.removeprefix('eval "$(').removesuffix(')"').removeprefix("upgrade-kit ").split(" | ")[0])
    for name, examples in EXAMPLES.items()
    for line, _ in examples
]


def test_every_command_has_examples() -> None:
    assert list(EXAMPLES) == list(COMMANDS)
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
def test_an_example_is_a_line_of_its_command(name: str, line: str) -> None:
    words = shlex.split(line)

    arguments = make_parser(words).parser.parse_args(words)

    assert arguments.command == name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_them_within_the_width_of_a_console(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([name, "--help"]) == 0

    printed = capsys.readouterr().out
    assert all(line in printed for line, _ in EXAMPLES[name])
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_the_help_of_all_begins_with_first_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    printed = capsys.readouterr().out
    assert FIRST_STEPS in printed
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    assert "Exit status: 0 go or done" in printed


def test_a_command_line_that_is_wrong_shows_no_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "--nosuch"]) == 2
    assert "Examples" not in capsys.readouterr().err
