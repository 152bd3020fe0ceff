"""What the tests of Ctrl-C stand on: an interrupt comes where a real one can come, and nowhere else."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

from tests.interrupts import interrupt_at, lines_run

SOURCE = """
def work(early):
    with first:
        ready = True
    with first, second:
        if early:
            return ready
        for _ in range(2):
            with third:
                continue
    with (
        first,
        second,
    ):
        raise ValueError
"""


@pytest.mark.parametrize("early", [False, True])
def test_a_lock_that_a_with_holds_is_free_after_an_interrupt_before_any_line(tmp_path: Path, early: bool) -> None:
    (tmp_path / "work.py").write_text(SOURCE, encoding="utf-8")
    module = ModuleType("work")
    module.__file__ = str(tmp_path / "work.py")
    locks = {name: threading.Lock() for name in ("first", "second", "third")}
    module.__dict__.update(locks)
    exec(compile(SOURCE, module.__file__, "exec"), module.__dict__)  # noqa: S102 - the text above
    with lines_run((module,), times=5) as lines, suppress(ValueError):
        module.work(early)
    assert len(lines) >= (5 if early else 12)
    for line in lines:
        with suppress(ValueError), interrupt_at(line):
            module.work(early)
        assert [name for name, lock in locks.items() if lock.locked()] == [], line
