"""Runs the commands that a page shows, in its order, and compares what they print with what is shown.

A page is tried in a folder of its own. Lines such as ``<!-- first: upgrade-kit demo --build qatrackplus -->`` are run
before, and ``<!-- first: plugin -->`` makes the distribution of fixtures/plugin known. In what is shown, a line ``...``
stands for any lines that are left out, and ``...`` in a line for any part of it. Times are shown as one fixed time, and
the folder as one that a reader may have.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from documentation.command_lines import words
from documentation.fences import Told, told, with_outputs

ROOT = Path(__file__).resolve().parents[1]
SHOWN_FOLDER = "/home/physicist/trial"
LEFT_OUT = "..."
_STAMP = "20270115T201500"
_TIMES = (
    (re.compile(r"\b20\d{6}T\d{6}(?=Z|\.\d{6}Z)"), _STAMP),
    (re.compile(r"(?<=T201500)\.\d{6}(?=Z)"), ".000000"),
    (re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\b"), "2027-01-15 20:15:00"),
    (re.compile(r"(?<=\(1 file, )46\d(?= bytes\))"), "465"),  # a zip of the same file, which holds its time
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\b"), "2027-01-15T20:15:00"),
)
_CLOCK = (re.compile(r"(?<=last run \()\d\d:\d\d(?=\))"), "20:15")
_FIRST = re.compile(r"^<!-- first: (.+) -->$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A command that a page shows, and what it printed when it was run."""

    shown: Told
    printed: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Tell whether what is shown is what was printed."""
        pattern = "".join(
            r"(?:.*\n)*?" if line == LEFT_OUT else re.escape(line).replace(re.escape(LEFT_OUT), ".*") + r"\n"
            for line in self.shown.output
        )
        return re.fullmatch(pattern, "".join(f"{line}\n" for line in self.printed)) is not None


@contextmanager
def trial_folder() -> Iterator[Path]:
    """Make a folder whose path is as long as the one that pages show, so that lines are folded alike."""
    above = Path("/tmp") if os.name == "posix" else Path(os.environ["TEMP"])  # noqa: S108 - the name is random
    folder = above / secrets.token_hex(16)[: len(SHOWN_FOLDER) - len(str(above)) - 1]
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tried(page: str) -> Iterator[Tried]:
    """Run every command of the page's ``console`` blocks, one after the other."""
    with trial_folder() as folder:
        for first in _FIRST.findall(page):
            if first == "plugin":
                _make_known(ROOT / "fixtures" / "plugin", folder)
            else:
                run(first, folder)
        for block in told(page):
            yield Tried(shown=block, printed=run(block.command, folder))


def renewed(page: str) -> str:
    """Return the page with what its commands print now. Where something is left out, what is shown stays."""
    answers = [
        one.shown.output if any(LEFT_OUT in line for line in one.shown.output) else one.printed for one in tried(page)
    ]
    return with_outputs(page, iter(answers))


def run(command: str, folder: Path, shell: str = "bash") -> tuple[str, ...]:
    """Run a command of the kit in a folder; return what it printed, as a page shows it.

    Raises:
        AssertionError: the command line was refused, or the kit ended with a traceback.
    """
    arguments = [_there(word.replace(SHOWN_FOLDER, str(folder)), folder) for word in words(command, shell)[1:]]
    done = subprocess.run(
        [sys.executable, "-m", "upgrade_kit", *arguments],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    if done.returncode == 2 or "Traceback" in done.stdout:
        raise AssertionError(f"{command}: ended with status {done.returncode}:\n{done.stdout}")
    return as_shown(done.stdout, folder)


def as_shown(text: str, folder: Path) -> tuple[str, ...]:
    """Return lines that are the same whenever and wherever they were printed."""
    for pattern, fixed in (*_TIMES, _CLOCK):
        text = pattern.sub(fixed, text)
    text = text.replace(str(folder), SHOWN_FOLDER)
    return tuple(line.rstrip() for line in text.rstrip().splitlines())


def _there(word: str, folder: Path) -> str:
    """Return the word with the time that a file's name really has in place of the one that is shown."""
    if _STAMP not in word:
        return word
    pattern = re.sub(rf"{_STAMP}(\.000000)?Z", "*", word)
    found = sorted(Path(folder).glob(pattern.removeprefix(f"{folder}/")), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise AssertionError(f"{word}: no such file was made")
    return str(found[-1]) if word.startswith("/") else str(found[-1].relative_to(folder))


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which no Python but the system's own is found, and nothing is remembered."""
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(folder / ".plugin"),
        "UPGRADE_KIT_STATE_DIR": str(folder / ".state"),
    }


def _make_known(project: Path, folder: Path) -> None:
    """Put a distribution where the kit looks for entry points, as an installation would."""
    target = folder / ".plugin"
    shutil.copytree(project, target)
    facts = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    about = target / f"{facts['name'].replace('-', '_')}-{facts['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {facts['name']}\nVersion: {facts['version']}\n", encoding="utf-8"
    )
    lines = []
    for group, points in facts["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
