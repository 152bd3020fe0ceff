"""Take the screenshots of README.md anew: ``python -m docs.screenshots``, on Linux or macOS, in the repository.

Each command runs in a terminal of its own, on the sample site of ``upgrade-kit demo``; what it shows becomes an SVG.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph

HERE = Path(__file__).parent
WIDTH = 88
SHOTS = {
    "preflight": "upgrade-kit preflight qatrackplus --only schema --only backup --no-memory",
    "rewrite-calcs": "upgrade-kit rewrite-calcs qatrackplus",
    "explain": "upgrade-kit rewrite-calcs qatrackplus --explain header_and_data",
}
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # of a server somewhere; the reader's own will do


def main() -> None:
    """Write each screenshot beside this file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_sample_site(folder / "qatrackplus", VersionGraph.load().resolve("0.2.9.1"))
        for shot, command in SHOTS.items():
            shown = on_a_terminal(command, folder).replace(str(folder.resolve()), "/srv")
            (HERE / f"{shot}.svg").write_text(picture(shot, command, shown), encoding="utf-8", newline="\n")


def on_a_terminal(command: str, folder: Path) -> str:
    """Run a command in a terminal, and return all that it wrote there."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    words = [sys.executable, "-m", "upgrade_kit", *shlex.split(command)[1:]]
    unset = ("NO_COLOR", "COLUMNS", "LINES")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"TERM": "xterm-256color"}
    with subprocess.Popen(
        words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=follower, stderr=subprocess.DEVNULL
    ):
        os.close(follower)
        data = b""
        with suppress(OSError):  # Linux: the other side has gone
            while read := os.read(leader, 65536):
                data += read
    os.close(leader)
    return data.decode("utf-8").replace("\r\n", "\n")


def picture(name: str, command: str, shown: str) -> str:
    """Return an SVG of a terminal in which a command was typed."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(shown.rstrip()))
    svg = console.export_svg(title="upgrade-kit", unique_id=f"upgrade-kit-{name}")
    return "\n".join(line.rstrip() for line in _FONT.sub("", svg).splitlines()) + "\n"


if __name__ == "__main__":
    main()
