"""Each shell's script is one that the shell takes, and the answers are those of the parser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from upgrade_kit.cli.completion import SHELLS
from upgrade_kit.cli.main import main

PROGRAM = Path(sys.executable).with_name("upgrade-kit")


def asked(line: str, folder: Path, **more: str) -> set[str]:
    """Return what the program answers to a shell that asks what could come next."""
    answer = folder / "answer"
    variables = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    command = [sys.executable, "-m", "upgrade_kit"]
    subprocess.run(command, env={**os.environ, **variables, **more}, cwd=folder, check=True, capture_output=True)
    return {word.strip() for word in answer.read_text(encoding="utf-8").splitlines()}


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "upgrade-kit" in capsys.readouterr().out


def test_a_shell_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fsh"]) == 2
    assert "Did you mean fish" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        pytest.param("upgrade-kit pre", {"preflight"}, id="a command"),
        pytest.param("upgrade-kit preflight --fail-l", {"--fail-level"}, id="an option"),
        pytest.param("upgrade-kit preflight --fail-level w", {"warning"}, id="a choice"),
        pytest.param("upgrade-kit preflight --only UK30", {f"UK30{last}" for last in range(1, 8)}, id="a check"),
        pytest.param("upgrade-kit preflight --only gi", {"git"}, id="a family"),
        pytest.param("upgrade-kit explain UK40", {"UK401", "UK402"}, id="a rule"),
        pytest.param("upgrade-kit path --from 0.2.8", {"0.2.8"}, id="a version"),
        pytest.param("upgrade-kit backup sit", {"site/"}, id="a folder"),
    ],
)
def test_what_could_come_next_is_offered(line: str, offered: set[str], tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()

    assert offered <= asked(line, tmp_path)


@pytest.mark.parametrize(
    ("word", "offered"),
    [
        pytest.param("no", {"notes/", "note.json"}, id="in this folder"),
        pytest.param("notes/", {"notes/old.json"}, id="in another, and nothing that is hidden"),
        pytest.param("notes/.", {"notes/.hidden"}, id="hidden, if that is asked for"),
        pytest.param("gone/", set(), id="in none"),
    ],
)
def test_files_are_offered_without_any_shell(word: str, offered: set[str], tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    for name in ("note.json", "notes/old.json", "notes/.hidden", "other.json"):
        (tmp_path / name).touch()

    assert asked(f"upgrade-kit path --output {word}", tmp_path, PATH=str(tmp_path)) == offered


@pytest.mark.parametrize("line", ["upgrade-kit xyz", "upgrade-kit preflight --xyz"])
def test_where_nothing_fits_nothing_is_offered(line: str, tmp_path: Path) -> None:
    assert asked(line, tmp_path) <= {""}


@pytest.mark.skipif(not PROGRAM.exists(), reason="upgrade-kit is not installed beside this Python")
@pytest.mark.parametrize(
    ("shell", "script"),
    [
        pytest.param(
            "bash",
            """eval "$(upgrade-kit completion bash)"
            COMP_LINE='upgrade-kit pre'; COMP_POINT=15; COMP_TYPE=9; COMP_WORDS=(upgrade-kit pre); COMP_CWORD=1
            _python_argcomplete upgrade-kit pre upgrade-kit; printf '%s\\n' "${COMPREPLY[@]}" """,
            id="bash",
        ),
        pytest.param("fish", "upgrade-kit completion fish | source; complete -C 'upgrade-kit pre'", id="fish"),
        pytest.param(
            "zsh",
            """autoload -U compinit; compinit -u -D; eval "$(upgrade-kit completion zsh)"
            _describe() { print -l -- ${completions} }
            words=(upgrade-kit pre); BUFFER='upgrade-kit pre'; CURSOR=15; _python_argcomplete""",
            id="zsh",
        ),
    ],
)
def test_the_shell_itself_completes_with_it(shell: str, script: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}

    done = subprocess.run(
        [shell, "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert "preflight" in done.stdout, done.stderr
    assert "rewrite-calcs" not in done.stdout


def test_powershell_can_parse_its_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "powershell"]) == 0
    script = capsys.readouterr().out

    # The grammar knows no list of names with a drive (Env:) as an argument; PowerShell does.
    known_to_grammar = "".join(line for line in script.splitlines(keepends=True) if "Remove-Item" not in line)

    tree = Parser(Language(tree_sitter_powershell.language())).parse(known_to_grammar.encode())

    assert not tree.root_node.has_error
    assert "Register-ArgumentCompleter -Native -CommandName upgrade-kit" in script
