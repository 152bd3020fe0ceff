"""The command line as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import upgrade_kit
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.main import COMMANDS, main


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"upgrade-kit {upgrade_kit.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert command in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["nosuch"], ["path", "--nosuch"]], ids=["nothing", "a command", "an option"])
def test_a_command_line_that_is_none_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_an_abbreviated_option_is_not_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite-calcs", "--app"]) == 2
    assert "--app" in capsys.readouterr().err


def test_the_version_loads_next_to_nothing() -> None:
    code = (
        "import sys; from upgrade_kit.cli.main import main; main(['--version']);"
        "print([m for m in ('argparse', 'rich', 'django', 'libcst') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.splitlines()[-1] == "[]"


def test_a_path_that_is_asked_for_by_version_loads_no_rich_and_no_database(tmp_path: Path) -> None:
    code = (
        "import sys; from upgrade_kit.cli.main import main; main(['path', '--from', '0.2.8']);"
        "print([m for m in ('rich', 'django', 'libcst', 'sqlite3', 'subprocess') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert result.stdout.splitlines()[-1] == "[]"


def test_as_a_module_it_is_the_same() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "upgrade_kit", "--version"], capture_output=True, text=True, check=True
    )

    assert result.stdout == f"upgrade-kit {upgrade_kit.__version__}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no broken pipe signal to survive")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full here")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["backup", "--help"]])
def test_what_a_full_disk_does_not_take_is_told_in_a_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "upgrade_kit", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert ended.returncode == 3
    assert ended.stderr == "upgrade-kit: standard output: No space left on device. It was not shown whole.\n"


def test_a_reader_that_goes_away_ends_no_traceback() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "upgrade_kit", "path", "--from", "0.2.8"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert writer.stdout is not None
    writer.stdout.close()
    assert writer.stderr is not None

    assert writer.stderr.read() == b""

    writer.stderr.close()
    writer.wait(timeout=30)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["rewrite-calcs", "{url}"], id="as the site"),
        pytest.param(["rewrite-calcs", ".", "{url}"], id="as one argument too many"),
        pytest.param(["{url}"], id="as the command"),
        pytest.param(["path", "--from", "{url}"], id="as a version"),
        pytest.param(["backup", "verify", "{url}"], id="as a manifest"),
        pytest.param(["rewrite-calcs", "--undo", "{url}"], id="as a journal"),
        pytest.param(["rewrite-calcs", "--database", "{url}"], id="in its place"),
        pytest.param(["rewrite-calcs", ".", "--log", "{url}"], id="as a log"),
    ],
)
def test_a_password_is_never_shown_wherever_the_url_is_typed(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql://me:sekret@127.0.0.1:1/site"

    assert main([word.format(url=url) for word in arguments]) in {2, 3}

    captured = capsys.readouterr()
    assert "sekret" not in captured.out + captured.err


def test_an_output_that_cannot_be_is_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "site.db"
    kept.write_bytes(b"SQLite format 3\0 and more")

    assert main(["path", "--from", "0.2.8", "--output", "site.db"]) == 2
    assert main(["path", "--from", "0.2.8", "--output", "no/such/file"]) == 2
    assert main(["path", "--from", "0.2.8", "--output", "."]) == 2

    assert kept.read_bytes() == b"SQLite format 3\0 and more"
    assert capsys.readouterr().out == ""


def test_an_earlier_answer_in_json_may_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    for _ in range(2):
        assert main(["path", "--from", "0.2.8", "--format", "json", "--output", "path.json"]) == 0


@pytest.mark.parametrize(
    "command",
    ["path", "plan", "preflight", "backup", "rewrite-calcs", "rewrite-settings", "report", "upgrade", "verify"],
)
def test_a_site_that_is_not_there_could_not_be_looked_at(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same line is right where the share is mounted: it is no mistake of its form."""
    monkeypatch.chdir(tmp_path)
    more = {"report": ["--output", "page.html"], "upgrade": ["--yes"]}.get(command, [])
    assert main([command, "gone", *more]) == Exit.FAILED
    assert capsys.readouterr().err.startswith("upgrade-kit: there is no folder gone.")
    assert list(tmp_path.iterdir()) == []
