"""``upgrade-kit path`` as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.main import main

TRAPS = [
    pytest.param("traps/skipped-0.2.9.sqlite3", "spoilt", id="0.2.9 was skipped"),
    pytest.param("traps/stopped-at-qa-0013.sqlite3", "half way to 0.3.0", id="the migration died at qa 0013"),
    pytest.param("traps/stopped-by-orphan.sqlite3", "half way to 0.3.0", id="the migration died at an orphan"),
]


def url(file: Path) -> str:
    return f"sqlite:///{file.as_posix()}"


def test_the_text_goes_to_standard_output_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "--from", "0.2.8", "--shell", "powershell"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Upgrade path: 0.2.8 -> 0.2.9.1 -> 0.3.0\n")
    assert "C:\\deploy\\venvs\\qatrack\\Scripts\\python.exe manage.py syncdb --noinput" in out
    assert err == ""


def test_the_shell_is_that_of_the_system(capsys: pytest.CaptureFixture[str]) -> None:
    main(["path", "--from", "0.2.9.1"])
    assert ("commands for PowerShell" in capsys.readouterr().out) is (os.name == "nt")


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "--from", "0.2.9", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] == ["0.2.9.1", "0.3.0"]


def test_an_output_file_takes_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "path.json"
    assert main(["path", "--from", "0.2.8", "--to", "0.2.9.1", "--format", "json", "--output", str(target)]) == 0
    assert json.loads(target.read_text(encoding="utf-8"))["path"] == ["0.2.8", "0.2.9.1"]
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == [target]


def test_a_site_at_the_target_has_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "--from", "0.3.0.12"]) == 0
    assert capsys.readouterr().out.startswith("Nothing to do")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--from", "0.2.7"], "do not know version 0.2.7", id="an unknown version"),
        pytest.param(["--from", "new"], "'new' is not a version", id="no version"),
        pytest.param(["--from", "0.3.0", "--to", "0.2.8"], "downgrade", id="a downgrade"),
        pytest.param(["--to", "9", "no/such/folder"], "do not know version 9", id="an unknown target before any site"),
        pytest.param(["--from", "0.2.8", "--output", "no/such/folder/x"], "there is no folder", id="a bad output"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["path", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_with_from_neither_site_nor_database_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["path", "no/such/folder", "--database", "sqlite:///no/such/file", "--from", "0.2.8"]
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""


def test_a_version_that_cannot_be_seen_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", str(tmp_path)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "--from" in err


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("0.2.8.sqlite3", ["0.2.8", "0.2.9.1", "0.3.0"]),
        ("0.2.9.1.sqlite3", ["0.2.9.1", "0.3.0"]),
        ("0.3.0.sqlite3", ["0.3.0"]),
        ("0.3.0-clean.sqlite3", ["0.3.0"]),
        ("0.3.0.20.sqlite3", ["0.3.0"]),
    ],
)
def test_the_path_starts_where_a_real_database_is(
    real: Path, capsys: pytest.CaptureFixture[str], file: str, path: list[str]
) -> None:
    assert main(["path", "--database", url(real / file), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == path


@pytest.mark.real
@pytest.mark.parametrize(("file", "told"), TRAPS)
def test_no_path_starts_from_a_database_that_is_not_whole(
    real: Path, capsys: pytest.CaptureFixture[str], file: str, told: str
) -> None:
    assert main(["path", "--database", url(real / file)]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "preflight" in err


def test_with_from_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from upgrade_kit.cli.main import main; main(['path', '--from', '0.2.8']); "
        "heavy = {'django', 'rich', 'libcst', 'fissix', 'sqlite3', 'subprocess', 'importlib.metadata', "
        "'packaging.specifiers'}; sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["path", "plan"])
def test_a_folder_without_qatrack_is_told_as_one(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path)]) == Exit.FAILED
    said = capsys.readouterr().err
    assert said.startswith(f"upgrade-kit: {tmp_path} is no QATrack+ checkout: it holds no manage.py")
    assert "git clone" in said
    assert said.index("git clone") < said.index("--from")
