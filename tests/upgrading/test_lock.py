from __future__ import annotations

import os
import signal
import subprocess
import sys
from gc import collect
from pathlib import Path

import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.errors import UpgradeError
from upgrade_kit.upgrading import lock
from upgrade_kit.upgrading.lock import locked, marked

HOLD = """
import sys, time
from pathlib import Path
from upgrade_kit.upgrading.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_after_the_work_it_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path):
            pass


def test_a_second_upgrade_is_refused_until_the_first_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(UpgradeError, match="another upgrade-kit upgrade of this site is running"), locked(tmp_path):
            pytest.fail("two at once")
        first.kill()
    with locked(tmp_path):
        pass


@pytest.mark.skipif(os.name != "posix", reason="ends a process by a signal")
def test_what_a_dead_upgrade_started_is_waited_for(tmp_path: Path) -> None:
    code = "import time; print('up', flush=True); time.sleep(60)"
    left = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=marked(os.environ, tmp_path), text=True
    )
    try:
        assert left.stdout is not None
        assert left.stdout.readline() == "up\n"
        with pytest.raises(UpgradeError, match=f"process {left.pid}"), locked(tmp_path):
            pytest.fail("it still runs")
        with locked(tmp_path.parent):  # another site's upgrade has nothing to do with it
            pass
    finally:
        left.send_signal(signal.SIGKILL)
        left.communicate()
    with locked(tmp_path):
        pass


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UpgradeError, match="cannot be taken"), locked(tmp_path / "file"):
        pytest.fail("nowhere to lock")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # locks that are left to be collected
def test_after_an_interrupt_before_any_line_it_can_be_taken_again(tmp_path: Path) -> None:
    def hold(folder: Path) -> None:
        with locked(folder):
            pass

    for _, folder, _ in interrupted_runs((lock,), tmp_path, Path.stat, hold, at_least=12):
        collect()  # a lock goes with the process, or with what held it
        hold(folder)
