"""What is typed comes first, then the environment, then the file's table of the command, then [defaults]."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from upgrade_kit.cli.configuration import (
    TYPED_EACH_TIME,
    configurable,
    fill_in,
    find_file,
    hold_back,
    options_of,
    settings_for,
)
from upgrade_kit.cli.main import COMMANDS, main
from upgrade_kit.cli.parser import command_parser
from upgrade_kit.cli.streams import Streams
from upgrade_kit.cli.upgrade import _environment
from upgrade_kit.errors import UsageError


def taken(command: str, typed: list[str], environment: dict[str, str], text: str | None = None) -> dict[str, object]:
    """Return the arguments of a command, as typed here and set there."""
    if text is not None:
        Path("upgrade-kit.toml").write_text(text, encoding="utf-8")
    parser = command_parser(command)
    settings = settings_for(command, parser, find_file(None, environment), environment)
    hold_back(parser, settings)
    arguments = parser.parse_args(typed)
    fill_in(arguments, settings)
    return vars(arguments)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


BOTH = '[defaults]\nfail-level = "warning"\n[preflight]\nfail-level = "info"\n'


@pytest.mark.parametrize(
    ("typed", "environment", "text", "level"),
    [
        pytest.param([], {}, None, "error", id="nothing is set"),
        pytest.param([], {}, '[defaults]\nfail-level = "warning"\n', "warning", id="for all commands"),
        pytest.param([], {}, BOTH, "info", id="for the command"),
        pytest.param([], {"UPGRADE_KIT_FAIL_LEVEL": "error"}, BOTH, "error", id="in the environment"),
        pytest.param(
            ["--fail-level", "warning"], {"UPGRADE_KIT_FAIL_LEVEL": "error"}, BOTH, "warning", id="on the command line"
        ),
        pytest.param(["--fail-level", "error"], {}, BOTH, "error", id="typed as the default is"),
        pytest.param([], {"UPGRADE_KIT_CONFIG": ""}, BOTH, "error", id="no file is wanted"),
        pytest.param([], {}, "[backup]\ngzip = true\n", "error", id="for another command"),
    ],
)
def test_what_is_nearest_to_the_person_counts(
    typed: list[str], environment: dict[str, str], text: str | None, level: str
) -> None:
    assert taken("preflight", typed, environment, text)["fail_level"] == level


def test_each_kind_of_option_takes_its_kind_of_value() -> None:
    text = '[preflight]\nonly = ["git", "UK301"]\nskip = "UK141"\ntime-limit = 5\nverbose = 2\nno-memory = true\n'

    arguments = taken("preflight", [], {}, text)

    assert arguments["only"] == ["git", "UK301"]
    assert arguments["skip"] == ["UK141"]
    assert arguments["time_limit"] == 5.0
    assert arguments["verbose"] == 2
    assert arguments["no_memory"] is True


def test_a_list_that_is_typed_replaces_the_one_that_is_set() -> None:
    assert taken("preflight", ["--only", "UK301"], {}, '[preflight]\nonly = ["git"]\n')["only"] == ["UK301"]


def test_variables_hold_lists_as_path_does_and_flags_as_one_or_zero() -> None:
    variables = {"UPGRADE_KIT_ONLY": os.pathsep.join(["git", "UK301"]), "UPGRADE_KIT_NO_MEMORY": "1"}

    arguments = taken("preflight", [], variables)

    assert arguments["only"] == ["git", "UK301"]
    assert arguments["no_memory"] is True
    assert taken("preflight", [], {"UPGRADE_KIT_NO_MEMORY": "0"})["no_memory"] is False


def test_what_was_not_typed_is_known_with_its_source() -> None:
    arguments = taken("preflight", ["--to", "0.3.0"], {"UPGRADE_KIT_LOG": "a.log"}, '[defaults]\nto = "0.2.9"\n')

    assert arguments["untyped"] == {"log": "UPGRADE_KIT_LOG"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "[preflight]\nfail-levl = 'info'\n", r"\[preflight\] fail-levl.*Did you mean fail-level", id="a key"
        ),
        pytest.param("[defaults]\ndatabse = 'x'\n", r"\[defaults\] databse.*Did you mean database", id="a key for all"),
        pytest.param("[preflght]\n", r"\[preflght\].*Did you mean preflight", id="a table"),
        pytest.param("database = 'x'\n", r"database: this stands in no table", id="no table"),
        pytest.param("[preflight]\nfail-level = 'warnin'\n", "warnin.*Did you mean warning", id="a choice"),
        pytest.param("[preflight]\nfail-level = true\n", "a text or a number is wanted", id="a text is wanted"),
        pytest.param("[preflight]\nno-memory = 'yes'\n", "true or false is wanted", id="a flag is wanted"),
        pytest.param("[preflight]\nverbose = 'yes'\n", "a whole number is wanted", id="a number is wanted"),
        pytest.param("[preflight]\ntime-limit = -1\n", "--time-limit does not take '-1'", id="a number that is none"),
        pytest.param('[preflight]\nlog = "C:\\deploy"\n', "single quotes", id="a Windows path in double quotes"),
        pytest.param("[defaults]\npassword = 'x'\n", "a password does not belong into a file", id="a password"),
        pytest.param("[backup]\ndatabase = 'mysql://a:sekret@h/d'\n", "holds a password", id="a password in a URL"),
        pytest.param("[backup]\ndatabase = 'mssql://h/d?pwd=sekret'\n", "holds a password", id="a password at its end"),
        pytest.param("[rewrite-calcs]\napply = true\n", "--apply is typed each time", id="what writes"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_where(text: str, told: str) -> None:
    command = next((name for name in COMMANDS if f"[{name}]" in text), "preflight")

    with pytest.raises(UsageError, match=f"(?s)upgrade-kit.toml.*{told}") as refused:
        taken(command, [], {}, text)

    assert "sekret" not in str(refused.value)


@pytest.mark.parametrize("data", [b"\xff\xfe[\x00", b"[defaults", b"[preflight]\nlog = 1979-05-27\n"])
def test_a_file_that_is_damaged_is_told_and_is_no_traceback(
    data: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "upgrade-kit.toml").write_bytes(data)

    assert main(["preflight"]) == 2
    assert "upgrade-kit.toml" in capsys.readouterr().err


def test_a_file_with_the_mark_that_notepad_writes_is_read(folder: Path) -> None:
    (folder / "upgrade-kit.toml").write_bytes(b'\xef\xbb\xbf[preflight]\r\nfail-level = "info"\r\n')

    assert taken("preflight", [], {})["fail_level"] == "info"


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("UPGRADE_KIT_FAIL_LEVL", "Did you mean UPGRADE_KIT_FAIL_LEVEL"),
        ("UPGRADE_KIT_APPLY", "--apply is typed each time"),
        ("UPGRADE_KIT_YES", "--yes is typed each time"),
    ],
)
def test_a_variable_that_sets_nothing_is_an_error(variable: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        taken("preflight", [], {variable: "1"})


def test_the_password_is_the_environments() -> None:
    arguments = taken("preflight", [], {"UPGRADE_KIT_PASSWORD": "sekret", "UPGRADE_KIT_STATE_DIR": "x"})

    assert arguments["untyped"] == {}


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_that_writes_to_a_site_can_be_configured(command: str) -> None:
    allowed = set(configurable(command))

    assert allowed & TYPED_EACH_TIME == set()
    assert not {option for option in allowed if option.startswith(("apply", "undo", "restore", "repl", "yes"))}
    assert allowed <= set(options_of(command_parser(command)))


def test_the_command_line_names_another_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.toml").write_text("[path]\nfrom = '0.2.9.1'\n", encoding="utf-8")

    assert main(["path", "--config", "other.toml", "-q"]) == 0
    assert "0.2.9.1 -> 0.3.0" in capsys.readouterr().out
    assert main(["path", "--config=nosuch.toml"]) == 2
    assert "nosuch.toml" in capsys.readouterr().err
    assert main(["path", "--config"]) == 2


def test_help_is_shown_whatever_the_file_holds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "upgrade-kit.toml").write_text("[defaults", encoding="utf-8")

    assert main(["preflight", "--help"]) == 0
    assert "Examples" in capsys.readouterr().out


def test_a_restore_goes_only_where_it_is_typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "upgrade-kit.toml").write_text("[defaults]\ndatabase = 'sqlite:///live.db'\n", encoding="utf-8")

    assert main(["backup", "restore", "x.manifest.json"]) == 2

    assert "restore needs to be told where to" in capsys.readouterr().err
    assert not (folder / "live.db").exists()


def test_who_asks_with_v_hears_what_was_not_typed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "upgrade-kit.toml").write_text("[path]\nfrom = '0.2.9.1'\n", encoding="utf-8")

    assert main(["path", "-v"]) == 0
    assert capsys.readouterr().err == "--from: 0.2.9.1 (from upgrade-kit.toml [path])\n"
    assert main(["path"]) == 0
    assert capsys.readouterr().err == ""


def test_the_steps_of_an_upgrade_are_not_changed_by_what_is_configured(folder: Path) -> None:
    streams = Streams(environment={"UPGRADE_KIT_FORMAT": "json", "UPGRADE_KIT_PASSWORD": "x", "PATH": "p"})

    inherited = _environment(streams, folder)

    assert "UPGRADE_KIT_FORMAT" not in inherited
    assert inherited["UPGRADE_KIT_CONFIG"] == ""
    assert (inherited["UPGRADE_KIT_PASSWORD"], inherited["PATH"]) == ("x", "p")


def test_the_demo_heeds_no_configuration(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("UPGRADE_KIT_FORMAT", "json")

    assert main(["path", "--from", "0.2.8", "-q"], configured=False) == 0
    assert capsys.readouterr().out.startswith("Upgrade path")
