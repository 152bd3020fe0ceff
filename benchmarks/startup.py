"""How long a whole process takes that prints the version or a path, beside one that imports rich."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.measuring import Way, compared

SIZE = 20  # processes a run
AIM = "at most 1.5"
_BUILT_ON = "import argparse, dataclasses, packaging.version, pathlib, tomllib"  # and typing, as rich does


def run(size: int, runs: int) -> Iterator[str]:
    """Measure processes from start to end. Their bytecode is compiled beforehand, as an installer leaves it."""
    program = Path(sysconfig.get_path("scripts"), "upgrade-kit.exe" if os.name == "nt" else "upgrade-kit")
    kit = [str(program)] if program.exists() else [sys.executable, "-m", "upgrade_kit"]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def process(*command: str) -> Callable[[int], None]:
            def once(_: int) -> None:
                _start(command, environment)

            return once

        ways = [
            Way(name='python -c "import rich"', work=process(sys.executable, "-c", "import rich")),
            Way(name="upgrade-kit --version", work=process(*kit, "--version"), aim=AIM),
            Way(name="upgrade-kit path --from 0.2.8", work=process(*kit, "path", "--from", "0.2.8"), aim=AIM),
            Way(name="python importing only what path is built on", work=process(sys.executable, "-c", _BUILT_ON)),
            Way(name='python -c "pass"', work=process(sys.executable, "-c", "pass")),
        ]
        for way in ways:
            way.work(0)  # compiles
        yield f"One process, {size * runs} of each in turn; as {' '.join(kit[1:]) or 'the installed command'}"
        yield from compared(ways, size * runs)


def _start(command: Sequence[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
