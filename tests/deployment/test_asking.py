from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from upgrade_kit.deployment.asking import OUTPUT_LIMIT_BYTES, Answer, ask
from upgrade_kit.model.unobserved import Unobserved


def python(code: str, seconds: float = 20) -> Answer | Unobserved:
    return ask([sys.executable, "-c", code], timeout_seconds=seconds)


def test_output_and_status_come_back() -> None:
    assert python("import sys; print('x'); sys.exit(3)") == Answer(status=3, text="x\n".replace("\n", _newline()))


def _newline() -> str:
    return "\r\n" if sys.platform == "win32" else "\n"


def test_the_last_line_is_the_last_that_is_not_blank() -> None:
    assert Answer(status=0, text="warning\nv0.2.8\n\n").last_line == "v0.2.8"


def test_no_line_is_no_last_line() -> None:
    assert Answer(status=0, text="\n").last_line == ""


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows' own programs write in a code page")
def test_what_is_no_utf8_is_of_the_consoles_code_page() -> None:
    answer = python(r"import sys; sys.stdout.buffer.write('Prüfung'.encode('oem'))")
    assert isinstance(answer, Answer)
    assert answer.text == "Prüfung"


def test_a_program_gets_no_standard_input() -> None:
    answer = python("import sys; print(repr(sys.stdin.read()))")
    assert isinstance(answer, Answer)
    assert answer.last_line == "''"


def test_a_missing_program_is_a_reason() -> None:
    answer = ask(["no-such-program-anywhere"], timeout_seconds=5)
    assert isinstance(answer, Unobserved)
    assert answer.reason.startswith("could not be started")


def starting_another(note: Path) -> str:
    """A program that starts another, notes that one's process id in a file, and waits for it."""
    return (
        "import pathlib, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"file = pathlib.Path({str(note)!r})\n"
        "file.with_suffix('.part').write_text(str(child.pid))\n"
        "file.with_suffix('.part').rename(file)\n"
        "child.wait()"
    )


def has_ended(note: Path) -> bool:
    """Wait for the end of the program whose process id was noted."""
    pid = int(note.read_text())
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    start = time.monotonic()
    answer = python(starting_another(tmp_path / "pid"), seconds=3)
    assert answer == Unobserved("did not answer within 3 s and was ended")
    assert has_ended(tmp_path / "pid")
    assert time.monotonic() - start < 20


def test_one_whose_asker_is_interrupted_is_ended_with_what_it_started(tmp_path: Path) -> None:
    asker = (
        "import _thread, pathlib, sys, threading, time\n"
        "from upgrade_kit.deployment.asking import ask\n"
        f"note = pathlib.Path({str(tmp_path / 'pid')!r})\n"
        "def interrupt():\n"
        "    while not note.exists(): time.sleep(0.05)\n"
        "    _thread.interrupt_main()\n"
        "threading.Thread(target=interrupt, daemon=True).start()\n"
        f"try: ask([sys.executable, '-c', {starting_another(tmp_path / 'pid')!r}], timeout_seconds=50)\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    start = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", asker], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "interrupted"
    assert has_ended(tmp_path / "pid")
    assert time.monotonic() - start < 40


def test_a_program_that_closes_its_output_and_hangs_is_ended() -> None:
    answer = python("import os, time; os.close(1); os.close(2); time.sleep(30)", seconds=0.5)
    assert answer == Unobserved("did not answer within 0.5 s and was ended")


def test_a_program_that_prints_without_end_is_ended() -> None:
    answer = python("while True: print('x' * 1000)")
    assert answer == Unobserved("printed more than 64 KiB and was ended")


def test_as_much_as_is_allowed_is_not_too_much() -> None:
    answer = python(f"import sys; sys.stdout.write('x' * {OUTPUT_LIMIT_BYTES})")
    assert isinstance(answer, Answer)
    assert len(answer.text) == OUTPUT_LIMIT_BYTES


@pytest.mark.skipif(sys.platform == "win32", reason="there its code page has a letter for most bytes")
def test_bytes_that_are_no_utf8_are_escaped() -> None:
    answer = python(r"import os; os.write(1, b'\xff\xfe')")
    assert answer == Answer(status=0, text="\\xff\\xfe")


def test_standard_error_can_be_kept_apart() -> None:
    code = "import sys; sys.stderr.write('x' * 1_000_000); sys.stdout.write('out')"
    answer = ask([sys.executable, "-c", code], timeout_seconds=20, errors_apart=True)
    assert isinstance(answer, Answer)
    assert answer.text == "out"
    assert answer.errors == "x" * OUTPUT_LIMIT_BYTES


def test_standard_error_comes_with_the_rest_where_it_is_not_kept_apart() -> None:
    answer = python("import sys; sys.stderr.write('x')")
    assert answer == Answer(status=0, text="x")


def test_more_output_can_be_allowed() -> None:
    code = f"print('x' * {2 * OUTPUT_LIMIT_BYTES})"
    assert isinstance(ask([sys.executable, "-c", code], timeout_seconds=20), Unobserved)
    answer = ask([sys.executable, "-c", code], timeout_seconds=20, limit_bytes=3 * OUTPUT_LIMIT_BYTES)
    assert isinstance(answer, Answer)
