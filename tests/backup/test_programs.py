from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.backup import programs
from upgrade_kit.backup.programs import Login, Running, beside, find_program
from upgrade_kit.errors import BackupError, ProgramError

NO_LOGIN = Login(environment={})


def program(folder: Path, name: str, says: str) -> Path:
    """Make a program that answers --version."""
    if os.name == "nt":
        pytest.skip("a script is no program on Windows")
    file = folder / name
    folder.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def start(code: str, **named: object) -> Running:
    settings = {"login": NO_LOGIN, "silence_seconds": 30.0, **named}
    return Running([sys.executable, "-c", code], **settings)  # type: ignore[arg-type]


def fits_16(said: str) -> str:
    return "" if "16" in said else "is too old"


# --- found -------------------------------------------------------------------------------------------


def test_a_program_in_the_named_folder_is_found(tmp_path: Path) -> None:
    made = program(tmp_path, "dumper", "dumper 16.1")
    assert find_program(["dumper"], fits=fits_16, product="X", folder=tmp_path) == (made, "dumper 16.1")


def test_the_named_folder_alone_is_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "path", "dumper", "dumper 16.1")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(ProgramError, match=f"is not in {tmp_path}"):
        find_program(["dumper"], fits=fits_16, product="X", folder=tmp_path)


def test_one_that_does_not_fit_is_passed_over_for_one_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "path", "dumper", "dumper 9.6")
    program(tmp_path / "15", "dumper", "dumper 15.1")
    newest = program(tmp_path / "16", "dumper", "dumper 16.1")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    found = find_program(["dumper"], fits=fits_16, product="X", usual=[f"{tmp_path}/1*"])
    assert found == (newest, "dumper 16.1")


def test_why_none_fits_is_told_of_each(tmp_path: Path) -> None:
    made = program(tmp_path, "dumper", "dumper 9.6")
    with pytest.raises(ProgramError, match=f"{made} is too old") as caught:
        find_program(["dumper"], fits=fits_16, product="X", folder=tmp_path)
    assert "--client-dir" in caught.value.hint


def test_a_relative_entry_of_the_search_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "here", "dumper", "dumper 16.1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "here")
    with pytest.raises(ProgramError):
        find_program(["dumper"], fits=fits_16, product="X")


def test_a_relative_folder_that_is_named_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = program(tmp_path / "here", "dumper", "dumper 16.1")
    monkeypatch.chdir(tmp_path)
    assert find_program(["dumper"], fits=fits_16, product="X", folder=Path("here"))[0] == made


def test_a_companion_that_is_not_there_is_told(tmp_path: Path) -> None:
    made = program(tmp_path, "dumper", "dumper 16.1")
    assert beside(made, "dumper") == made
    with pytest.raises(ProgramError, match="loader is not beside"):
        beside(made, "loader")


# --- at work -----------------------------------------------------------------------------------------


def test_what_it_writes_is_read_line_by_line() -> None:
    with start("print('a'); print('b')", pipe="stdout") as running:
        assert [line.strip() for line in running.lines()] == [b"a", b"b"]
        running.finish()


def test_what_it_is_fed_it_reads(tmp_path: Path) -> None:
    code = f"import sys; open({str(tmp_path / 'x')!r}, 'wb').write(sys.stdin.buffer.read())"
    with start(code, pipe="stdin") as running:
        assert running.feed(b"one ")
        assert running.feed(b"two")
        running.finish()
    assert (tmp_path / "x").read_bytes() == b"one two"


def test_each_line_of_standard_error_is_told() -> None:
    told: list[str] = []
    with start("import sys; print('working', file=sys.stderr)", told=told.append) as running:
        running.finish()
    assert told == ["working"]


def test_it_runs_where_it_is_told_with_what_it_is_told(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['MARK'])"
    with start(code, folder=tmp_path, login=Login(environment={"MARK": "here"}), pipe="stdout") as running:
        assert b"".join(running.chunks()).decode().split() == [str(tmp_path), "here"]
        running.finish()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("error: could not write: No space left on device", "Make room"),
        ("Got errno 28 on write", "Make room"),
        ("error: permission denied for table qa_test", "right"),
        ("error: canceling statement due to lock timeout", "Stop the site"),
        ("FATAL: terminating connection due to administrator command", "can be reached"),
        ('error: role "qatrack" does not exist', "Create on the server"),
        ("error: something that nobody has seen yet", "Mend that"),
    ],
)
def test_its_last_words_are_told_with_what_to_do(said: str, hint: str) -> None:
    with start(f"import sys; print({said!r}, file=sys.stderr); sys.exit(3)") as running:
        with pytest.raises(BackupError, match="ended with status 3") as caught:
            running.finish()
        assert running.status == 3
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_of_its_account_of_its_work_only_the_error_is_told() -> None:
    code = "import sys; sys.stderr.write('-- Retrieving rows...\\ndump: error: bad\\n'); sys.exit(1)"
    with start(code) as running, pytest.raises(BackupError) as caught:
        running.finish()
    assert "Retrieving" not in caught.value.message


def test_secrets_are_taken_out_of_its_words() -> None:
    login = Login(environment={}, secrets=("hunter2",))
    code = "import sys; print('error: password hunter2 is wrong', file=sys.stderr); sys.exit(1)"
    with start(code, login=login) as running, pytest.raises(BackupError) as caught:
        running.finish()
    assert "hunter2" not in str(caught.value)
    assert "***" in caught.value.message


def test_a_login_does_not_show_itself() -> None:
    assert "hunter2" not in repr(Login(environment={"PGPASSWORD": "hunter2"}, secrets=("hunter2",)))


def test_a_long_account_is_cut() -> None:
    code = "import sys; print('error: ' + 'x' * 5000, file=sys.stderr); sys.exit(1)"
    with start(code) as running, pytest.raises(BackupError) as caught:
        running.finish()
    assert len(caught.value.message) < 1000


def test_one_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no program", encoding="utf-8")
    with (
        pytest.raises(ProgramError, match="cannot be started"),
        Running([tmp_path / "x"], login=NO_LOGIN, silence_seconds=1),
    ):
        pytest.fail("it runs")


# --- silence -----------------------------------------------------------------------------------------


def test_silence_ends_it() -> None:
    began = time.monotonic()
    sleeping = start("import time; time.sleep(60)", silence_seconds=0.5)
    with sleeping as running, pytest.raises(ProgramError, match="no sign of life"):
        running.finish()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "code",
    [
        "import sys, time\nfor _ in range(14): print('x', file=sys.stderr, flush=True); time.sleep(0.25)",
        "import time\nfor _ in range(14): open('grows', 'ab').write(b'x'); time.sleep(0.25)",
    ],
    ids=["words", "a file that grows"],
)
def test_a_sign_of_life_keeps_it(tmp_path: Path, code: str) -> None:
    with start(code, silence_seconds=3.0, folder=tmp_path, file=tmp_path / "grows") as running:
        running.finish()


def test_it_is_not_silent_while_its_caller_is_busy() -> None:
    with start("print('x\\nx\\nx', flush=True)", silence_seconds=30, pipe="stdout") as running:
        for number, _ in enumerate(running.lines(), 1):
            running._silence_seconds = 0.2 if number < 3 else 30  # it may take its time to begin and to end
            time.sleep(0.6)
        running.finish()


# --- ended -------------------------------------------------------------------------------------------


def _gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(os.name == "nt", reason="signal 0 asks nothing on Windows")
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_it_does_not_outlive_its_caller(error: type[BaseException]) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with suppress(error), start(code, pipe="stdout") as running:
        number = int(next(running.lines()))
        raise error
    assert _gone(number)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM to ignore on Windows")
def test_one_that_does_not_want_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upgrade_kit.backup.programs._END_SECONDS", 0.5)
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    with start(code, pipe="stdout") as running:
        number = int(next(running.lines()))
    assert _gone(number)


def test_one_that_takes_no_more_is_told_when_it_is_finished() -> None:
    with start("import sys; print('error: enough', file=sys.stderr); sys.exit(1)", pipe="stdin") as running:
        while running.feed(bytes(1 << 16)):
            pass
        with pytest.raises(BackupError, match="enough"):
            running.finish()


def test_no_thread_is_left(request: pytest.FixtureRequest) -> None:
    before = threading.active_count()
    with start("print('x')", pipe="stdout") as running:
        list(running.lines())
        running.finish()
    assert threading.active_count() == before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pipes that are left to be collected
@pytest.mark.parametrize("pipe", ["stdin", "stdout", ""])
def test_an_interrupt_before_any_line_leaves_no_program_at_work(tmp_path: Path, pipe: str) -> None:
    code = "import sys; sys.stdin.read(); print('x')"

    def work(_folder: Path) -> None:
        with start(code, pipe=pipe) as running:
            if pipe == "stdin":
                running.feed(b"x")
            if pipe == "stdout":
                list(running.lines())
            running.finish()

    left, others = {}, set(psutil.Process().children())  # what other tests have left at work
    for line, _, _ in interrupted_runs((programs,), tmp_path, Path.stat, work, may_vary=True, at_least=40):
        for child in set(psutil.Process().children()) - others:
            left[line] = child.pid
            child.kill()
            child.wait()
    assert not left
