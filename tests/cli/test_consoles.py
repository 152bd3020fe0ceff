"""Consoles of every kind: old code pages, dumb terminals, no colour, pipes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph

COMMANDS = [
    pytest.param(["path", "site"], id="path"),
    pytest.param(["preflight", "site", "--only", "schema", "--no-memory"], id="preflight"),
    pytest.param(["rewrite-calcs", "site"], id="rewrite-calcs"),
    pytest.param(["rewrite-settings", "site"], id="rewrite-settings"),
]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a site whose tests have names that no old code page holds."""
    folder = tmp_path_factory.mktemp("consoles")
    database = build_sample_site(folder / "site", VersionGraph.load().resolve("0.2.9.1"))
    import sqlite3  # noqa: PLC0415 - only here

    with sqlite3.connect(database) as connection:
        connection.execute("update qa_test set name = '線量 Δ ☢ é' where slug = 'epid_mean'")
    connection.close()
    return folder


def piped(words: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "upgrade_kit", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["cp437", "cp1252", "ascii"])
@pytest.mark.parametrize("words", COMMANDS)
def test_an_old_code_page_gets_what_it_can_show(words: list[str], encoding: str, folder: Path) -> None:
    done = piped(words, folder, PYTHONIOENCODING=encoding)

    assert done.returncode in {0, 1}
    assert done.stdout.decode(encoding)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", COMMANDS)
def test_a_pipe_gets_no_colour_and_no_progress(words: list[str], folder: Path) -> None:
    done = piped(words, folder, FORCE_COLOR="1", TERM="xterm-256color")

    assert b"\x1b" not in done.stdout + done.stderr
    assert done.stderr == b""


def on_a_terminal(words: list[str], folder: Path, **environment: str) -> str:
    """Return all that a command writes to a terminal of 80 columns."""
    pty = pytest.importorskip("pty", reason="Windows has no such terminals")
    import fcntl  # noqa: PLC0415 - as above
    import struct  # noqa: PLC0415
    import termios  # noqa: PLC0415

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
    with subprocess.Popen(
        [sys.executable, "-m", "upgrade_kit", *words],
        cwd=folder,
        env={**kept, "TERM": "xterm-256color", **environment},
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    ):
        os.close(follower)
        data = b""
        with suppress(OSError):  # the other side has gone
            while read := os.read(leader, 65536):
                data += read
    os.close(leader)
    return data.decode("utf-8")


REWRITES = ["rewrite-calcs", "site"]


def test_a_terminal_gets_colour_and_lines_that_fit(folder: Path) -> None:
    shown = on_a_terminal([*REWRITES, "-q"], folder)

    assert COLOUR.search(shown)
    assert max(len(COLOUR.sub("", line)) for line in shown.splitlines()) <= 80


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        pytest.param([*REWRITES, "-q", "--no-color"], {}, id="--no-color"),
        pytest.param([*REWRITES, "-q"], {"NO_COLOR": "1"}, id="NO_COLOR"),
        pytest.param([*REWRITES, "-q"], {"TERM": "dumb"}, id="TERM=dumb"),
    ],
)
def test_who_wants_no_colour_gets_none(words: list[str], environment: dict[str, str], folder: Path) -> None:
    shown = on_a_terminal(words, folder, **environment)

    assert "epid_mean" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", shown)


def test_a_terminal_sees_how_far_the_work_has_come_and_it_goes_away(folder: Path) -> None:
    shown = on_a_terminal(REWRITES, folder)

    assert "Looking at procedures" in shown
    assert shown.index("Looking at procedures") < shown.index("epid_mean")
