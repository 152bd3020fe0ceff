from __future__ import annotations

import sys
import time

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


def test_a_program_gets_no_standard_input() -> None:
    answer = python("import sys; print(repr(sys.stdin.read()))")
    assert isinstance(answer, Answer)
    assert answer.last_line == "''"


def test_a_missing_program_is_a_reason() -> None:
    answer = ask(["no-such-program-anywhere"], timeout_seconds=5)
    assert isinstance(answer, Unobserved)
    assert answer.reason.startswith("could not be started")


def test_a_program_that_hangs_is_ended_with_what_it_started() -> None:
    start = time.monotonic()
    child = "import time; time.sleep(30)"
    answer = python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])", seconds=0.5)
    assert answer == Unobserved("did not answer within 0.5 s and was ended")
    assert time.monotonic() - start < 10


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


@pytest.mark.parametrize("raw", [pytest.param(b"\xff\xfe", id="bytes that are no UTF-8")])
def test_bytes_that_are_no_text_are_escaped(raw: bytes) -> None:
    answer = python(f"import os; os.write(1, {raw!r})")
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
