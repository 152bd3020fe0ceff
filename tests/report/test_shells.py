"""Words quoted for each shell: what the shell gets is what was meant."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path, PureWindowsPath
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from tests.report.powershell import parse, strings
from upgrade_kit.model.plan import Action, Actor, CopyFile, Effect, PlannedStep, Run, StepKind
from upgrade_kit.report.shells import (
    bash_literal,
    bash_word,
    powershell_literal,
    powershell_word,
    shown,
    step_lines,
)

# What a path, a name or a URL may hold. NUL cannot be in an argument of any program.
WORDS = st.text(
    st.one_of(
        st.sampled_from(" '\"`$&;|<>(){}[]*?!~#%^=\\/-@,.:\n\t\r\x1b\u2018\u2019\u201c\u201d\u00e9"),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
    ),
    max_size=12,
)
AWKWARD = [
    "",
    "/srv/O'Brien & Söhne/$HOME/`x`",
    "C:\\Program Files\\QATrack+ (old)\\$x",
    "-r",
    "--startup=auto",
    "-a:b",
    "~/x",
    "a=b",
    "pip<21",
    "{site}",
    "@(1)",
    "1e3",
    "\u2018quoted\u2019",
    "new\nline",
    "$(rm -rf x)",
    "trailing\\",
    "\x01a",
    "%PATH%",
    "!x",
]


def in_bash(quoted: list[str]) -> list[str]:
    """Return what bash makes of quoted words."""
    program = shutil.which("bash") or pytest.skip("there is no bash here")
    script = f"printf '%s\\0' {' '.join(quoted)}"
    done = subprocess.run([program, "-c", script], capture_output=True, check=True, timeout=60)
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=20))
def test_bash_gets_every_word_as_it_was_meant(words: list[str]) -> None:
    assert in_bash([bash_word(word) for word in words]) == words
    assert in_bash([bash_literal(word) for word in words]) == words


def test_bash_gets_awkward_words_as_they_were_meant() -> None:
    assert in_bash([bash_word(word) for word in AWKWARD]) == AWKWARD


def test_bash_gets_a_name_that_is_no_text_as_the_bytes_it_has() -> None:
    word = b"/srv/caf\xe9/1".decode("utf-8", "surrogateescape")
    assert in_bash([bash_word(word)]) == [word]
    assert bash_word(word).isascii()


@settings(max_examples=200, deadline=None)
@given(WORDS)
def test_powershell_gets_every_literal_as_it_was_meant(word: str) -> None:
    assert strings(f"$x = {powershell_literal(word)}") == [word]


@pytest.mark.parametrize("word", AWKWARD)
def test_powershell_gets_awkward_arguments_as_they_were_meant(word: str) -> None:
    quoted = powershell_word(word)
    if quoted == word:
        assert not parse(f"program {quoted}").root_node.has_error
    else:
        assert strings(f"program {quoted}") == [word]


@given(WORDS)
def test_a_word_stays_on_one_line_in_either_shell(word: str) -> None:
    for quoted in (bash_word(word), bash_literal(word), powershell_word(word), powershell_literal(word)):
        assert quoted.splitlines() in ([quoted], [])


@pytest.mark.parametrize(
    "word", ["upgrade-kit", "manage.py", "--noinput", "-m", "v0.3.0", "requirements/win.txt", "/srv/q"]
)
def test_what_needs_no_quotes_gets_none(word: str) -> None:
    assert bash_word(word) == powershell_word(word) == word


@given(WORDS)
def test_what_is_shown_is_one_line_that_can_be_shown(text: str) -> None:
    assert shown(text).isprintable()


def test_what_can_be_shown_is_shown_as_it_is() -> None:
    assert shown("/srv/café O'Brien") == "/srv/café O'Brien"


def planned(*actions: Action) -> PlannedStep:
    return PlannedStep(
        id="x",
        kind=StepKind.LOOK,
        hop=Version("1"),
        title="",
        why="",
        effect=Effect.READ,
        actor=Actor.KIT,
        actions=actions,
        lasts="",
        proof="",
        back="",
        facts=(),
        source="",
        corrects="",
    )


def test_the_folder_is_entered_once_before_the_commands_that_run_there() -> None:
    step = planned(
        Run(words=("a",), folder=Path("/srv/x y")), Run(words=("b",), folder=Path("/srv/x y")), Run(words=("c",))
    )
    assert step_lines(step, "bash") == ["cd '/srv/x y'", "a", "b", "c"]
    assert step_lines(step, "powershell") == [f"cd '{Path('/srv/x y')}'", "a", "b", "c"]


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("~/web/qatrackplus", "cd ~/web/qatrackplus"),
        ("/srv/x y", "cd '/srv/x y'"),
        ("C:/deploy", "cd 'C:\\deploy'"),
        ("//server/share/site", "cd '\\\\server\\share\\site'"),
    ],
)
def test_a_folder_of_linux_keeps_its_slashes_on_windows(folder: str, line: str) -> None:
    on_windows = cast("Path", PureWindowsPath(folder))
    assert step_lines(planned(Run(words=("a",), folder=on_windows)), "bash") == [line, "a"]
    copied = planned(CopyFile(source=on_windows, target=cast("Path", PureWindowsPath("/k/copy"))))
    assert step_lines(copied, "bash") == ["mkdir -p -m 700 /k", f"cp -p {line.removeprefix('cd ')} /k/copy"]


def test_what_is_set_for_one_command_is_set_in_the_words_of_each_shell() -> None:
    step = planned(Run(words=("/x y/python", "go"), environment=(("LC_ALL", "C.UTF-8"),)))
    assert step_lines(step, "bash") == ["LC_ALL=C.UTF-8 '/x y/python' go"]
    assert step_lines(step, "powershell") == ["$env:LC_ALL = 'C.UTF-8'", "& '/x y/python' go"]


def test_a_copy_makes_its_folder_first() -> None:
    unix = planned(CopyFile(source=Path("/a/s.py"), target=Path("/k/s-1.py")))
    assert step_lines(unix, "bash") == ["mkdir -p -m 700 /k", "cp -p /a/s.py /k/s-1.py"]
    windows = planned(CopyFile(source=Path("C:\\a\\s.py"), target=Path("C:\\k k\\s-1.py")))
    made, copied = step_lines(windows, "powershell")
    assert made == "New-Item -ItemType Directory -Force -Path 'C:\\k k'"
    assert copied == "Copy-Item -LiteralPath C:\\a\\s.py -Destination 'C:\\k k\\s-1.py'"


def test_a_home_folder_of_the_guide_stays_one_and_no_other_tilde_does() -> None:
    assert step_lines(planned(Run(words=("~/x y/p", "~z"))), "bash") == ["~/'x y/p' '~z'"]


def test_a_step_with_nothing_to_run_has_no_lines() -> None:
    assert step_lines(planned(), "bash") == []
    assert not re.findall(r"\S", "".join(step_lines(planned(), "powershell")))
