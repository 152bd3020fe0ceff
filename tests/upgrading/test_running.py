from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.interrupts import interrupted_runs
from tests.upgrading.site import programs, python
from upgrade_kit.deployment import whole_file
from upgrade_kit.errors import UpgradeError
from upgrade_kit.model.plan import Run
from upgrade_kit.upgrading import running
from upgrade_kit.upgrading.running import written_forms


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "01-step.log"


def test_each_line_is_shown_and_logged_with_what_was_run(log: Path) -> None:
    shown: list[str] = []
    ran = programs(shown).run(python("import sys; print('one'); sys.stderr.write('two\\n'); sys.exit(3)"), log)

    assert ran.status == 3
    assert sorted(shown) == ["one", "two"]
    first, *_, last = log.read_text(encoding="utf-8").splitlines()
    assert " UTC  " in first
    assert sys.executable in first
    assert last == "--- exit status 3"


def test_a_second_run_is_added_to_the_log(log: Path) -> None:
    programs().run(python("print('one')"), log)
    shown: list[str] = []
    programs(shown).run(python("print('two')"), log)
    assert shown == ["two"]
    assert [line for line in log.read_text(encoding="utf-8").splitlines() if "---" not in line] == ["one", "two"]


def test_only_the_end_of_a_long_output_is_kept_in_memory(log: Path) -> None:
    ran = programs().run(python("for n in range(1000): print(n)"), log)
    assert ran.last_lines == tuple(str(number) for number in range(980, 1000))


def test_output_without_a_line_end_and_of_no_encoding_is_shown(log: Path) -> None:
    shown: list[str] = []
    programs(shown).run(python("import os; os.write(1, b'a\\xff\\r\\nb')"), log)
    assert shown == ["a\\xff", "b"]


def test_a_very_long_line_comes_in_pieces(log: Path) -> None:
    shown: list[str] = []
    programs(shown).run(python("import os\nfor _ in range(64): os.write(1, b'x' * 4096)"), log)
    assert "".join(shown) == "x" * 64 * 4096


def test_a_secret_is_neither_shown_nor_left_in_the_log(log: Path) -> None:
    shown: list[str] = []
    ran = programs(shown, secrets=("s3cret",)).run(python("print('password is', 's3' + 'cret')"), log)
    assert shown == ["password is ..."]
    assert ran.last_lines == ("password is ...",)
    assert "s3cret" not in log.read_text(encoding="utf-8")


def test_folder_and_environment_are_the_steps_own(log: Path, tmp_path: Path) -> None:
    shown: list[str] = []
    action = python(
        "import os; print(os.getcwd()); print(os.environ['GREETING'])",
        folder=tmp_path,
        environment=(("GREETING", "hé"), ("PYTHONIOENCODING", "utf-8")),
    )
    programs(shown).run(action, log)
    assert shown == [os.path.realpath(tmp_path), "hé"]


def test_it_gets_no_input(log: Path) -> None:
    assert programs().run(python("import sys; sys.exit(len(sys.stdin.read()))"), log).status == 0


def test_at_its_limit_it_is_ended_with_what_it_started(log: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    shown: list[str] = []
    begun = time.monotonic()
    ran = programs(shown).run(python(code, limit_seconds=4.0), log)  # it has to have begun by then

    assert ran.status is None
    assert time.monotonic() - begun < 30
    assert log.read_text(encoding="utf-8").endswith("--- ended at its limit of time\n")
    child = int(shown[0])
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_what_cannot_be_started_is_told(log: Path) -> None:
    with pytest.raises(UpgradeError, match="no-such-program cannot be started"):
        programs().run(Run(words=("no-such-program",)), log)


def test_a_log_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UpgradeError, match="the log cannot be written"):
        programs().run(python("print(1)"), tmp_path / "gone" / "x.log")


@pytest.mark.skipif(os.name != "posix", reason="ends a process by a signal")
def test_a_program_comes_to_its_end_though_who_started_it_was_killed(tmp_path: Path, log: Path) -> None:
    slow = (
        f"import time\nfor n in range(20): print(n, flush=True); time.sleep(0.05)\nopen({str(tmp_path / 'end')!r}, 'w')"
    )
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from upgrade_kit.model.plan import Run\nfrom upgrade_kit.upgrading.running import Programs\n"
        "show = lambda line: print(line, flush=True)\n"
        "programs = Programs(environment=dict(os.environ), secrets=(), folder=Path.cwd(), show=show)\n"
        f"programs.run(Run(words=(sys.executable, '-c', {slow!r})), Path({str(log)!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "0\n"
        starter.kill()
    until = time.monotonic() + 30
    while not (tmp_path / "end").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert (tmp_path / "end").exists()
    assert "19" in log.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("secret", ["p'w\"$;%@:/\\ é", "plain"])
def test_a_password_is_masked_in_each_form_in_which_programs_write_it(tmp_path: Path, secret: str) -> None:
    forms = (secret, quote(secret, safe=""), repr(secret), json.dumps(secret))
    shown: list[str] = []
    action = python("import os, sys; sys.stdout.buffer.write(os.environ['FORMS'].encode())")
    action = replace(action, environment=(("FORMS", "\n".join(forms)),))
    programs(shown, written_forms((secret,))).run(action, tmp_path / "log")
    text = "\n".join([*shown, (tmp_path / "log").read_text(encoding="utf-8")])
    for form in forms:
        assert form.strip("'\"") not in text
    assert shown[0] == "..."


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_no_program_at_work_and_no_secret_in_the_log(tmp_path: Path) -> None:
    action = python("print('s3cret', flush=True)")

    def run(folder: Path) -> None:
        programs(secrets=("s3cret",)).run(action, folder / "step.log")

    wrong, others = {}, set(psutil.Process().children())  # what other tests have left at work
    for line, folder, _ in interrupted_runs((running, whole_file), tmp_path, Path.stat, run, at_least=50):
        if at_work := [child.pid for child in set(psutil.Process().children()) - others if child.is_running()]:
            wrong[line] = f"{at_work} at work"
        for path in folder.iterdir():
            if path.name != "step.log" or b"s3cret" in path.read_bytes():
                wrong[line] = path.name
    assert not wrong
