"""Ctrl-C at a chosen moment: a ``KeyboardInterrupt`` when a line of the kit is about to run."""

from __future__ import annotations

import sys
import tracemalloc  # noqa: F401 - pytest imports it when something is collected, wherever that is
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from dis import get_instructions
from functools import cache
from gc import collect
from inspect import unwrap
from itertools import islice
from linecache import getline
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple

import pytest


class Line(NamedTuple):
    """A line of a file, about to run for the nth time."""

    file: str
    number: int
    time: int


class NotReachedError(AssertionError):
    """The line was not run, so nothing was interrupted."""


@dataclass
class Stopped:
    """What came of an interrupt: what the ``KeyboardInterrupt`` says that came out."""

    message: str = ""


def interrupted_runs(
    modules: tuple[ModuleType, ...],
    folder: Path,
    prepare: Callable[[Path], object],
    act: Callable[[Path], object],
    *,
    times: int = 1,
    every: int = 1,
    may_vary: bool = False,
    tries: bool = True,
    at_least: int,
) -> Iterator[tuple[str, Path, str]]:
    """Do something once for each line that it runs, each time in a folder of its own, and interrupt it there.

    Args:
        modules: whose lines.
        folder: for the folders.
        prepare: makes a folder ready.
        act: what is done in it. An interrupt must come out of it as one.
        times: how often a line that runs again and again is interrupted, at most.
        every: 2 takes every second of these lines, and so on.
        may_vary: whether another run may pass over a line, as where it waits for a program.
        tries: whether at a line that says ``try:`` and no more. It stands for an interrupt at the end of the line
            before. But Python 3.11 to 3.13 leave it out of what a ``with`` around it covers, where no real one comes.
        at_least: how many interrupts there must be: code that has moved to another module would not be looked at.

    Yields:
        The line as people write it, the folder as it was left, and what the interrupt said.
    """
    with pytest.MonkeyPatch.context() as patch:
        # Each run looks anew for the rules of other distributions, which takes longer than what is tried here.
        patch.setattr("upgrade_kit.planning.rulebook._others_bring_rules", lambda: False)
        for name in ("first", "whole"):
            (folder / name).mkdir()
            prepare(folder / name)
        act(folder / "first")  # what is done once and kept, such as rules that are read, is none of the lines then
        with lines_run(modules, times=times) as lines:
            act(folder / "whole")
        assert len(lines) >= at_least, f"only {len(lines)} interrupts"
        lines = [line for line in lines if tries or getline(line.file, line.number).strip() != "try:"]
        for number, line in enumerate(lines[::every]):
            place = folder / f"{number}"
            place.mkdir()
            prepare(place)
            with suppress(*[NotReachedError] * may_vary), interrupt_at(line) as stopped:
                act(place)
            yield shown(line), place, stopped.message
        collect()  # what was left open, while the test still expects to hear of it


@contextmanager
def lines_run(modules: tuple[ModuleType, ...], *, times: int = 1) -> Iterator[list[Line]]:
    """Tell, once the block is over, which lines of the modules it ran, in order, each at most so many times."""
    counts: Counter[tuple[str, int]] = Counter()
    lines: list[Line] = []

    def note(file: str, number: int) -> None:
        counts[file, number] += 1
        if counts[file, number] <= times:
            lines.append(Line(file, number, counts[file, number]))

    told: list[Line] = []
    with _each_line({str(module.__file__) for module in modules}, note):
        yield told
    told.extend(lines)


def lines_of(function: Callable[..., object]) -> list[Line]:
    """Return the lines of a function."""
    code = unwrap(function).__code__
    numbers = {number for *_, number in code.co_lines() if number is not None and number > code.co_firstlineno}
    return [Line(code.co_filename, number, 1) for number in sorted(numbers)]


@contextmanager
def interrupt_at(line: Line) -> Iterator[Stopped]:
    """Raise ``KeyboardInterrupt`` in the block when this line is about to run; it must come out, and ends there."""
    stopped, seen = Stopped(), 0

    def interrupt(file: str, number: int) -> None:
        nonlocal seen
        if (file, number) == (line.file, line.number):
            seen += 1
            if seen == line.time:
                raise KeyboardInterrupt

    try:
        with _each_line({line.file}, interrupt):
            yield stopped
    except KeyboardInterrupt as interrupted:
        stopped.message = str(interrupted)
        return
    if seen < line.time:
        raise NotReachedError(f"{shown(line)}: this was not reached")
    raise AssertionError(f"{shown(line)}: the interrupt did not come out")


@contextmanager
def meanwhile(function: Callable[..., object], text: str, happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen once in the block, when the line of a function that holds a text is about to run."""
    (line,) = (line for line in lines_of(function) if text in getline(line.file, line.number))
    done = False

    def look(file: str, number: int) -> None:
        nonlocal done
        if not done and (file, number) == (line.file, line.number):
            done = True
            happens()

    with _each_line({line.file}, look):
        yield
    assert done


@contextmanager
def _each_line(files: set[str], tell: Callable[[str, int], None]) -> Iterator[None]:
    def on_line(frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and not _leaves_with(frame.f_code, frame.f_lasti):
            tell(frame.f_code.co_filename, frame.f_lineno)
        return on_line

    def on_call(frame: FrameType, _event: str, _: object) -> Any:
        return on_line if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(before)


@cache
def _leaves_with(code: CodeType, offset: int) -> bool:
    """Return whether what runs next leaves a ``with``: CPython 3.11 to 3.13 hear no signal then.

    A trace function hears of the line once more there. What it raised would pass ``__exit__`` over, as nothing
    else can: a lock would stay locked, and whoever waits for it next would wait for ever.
    """
    nothing = 0
    for instruction in get_instructions(code):
        if instruction.offset < offset or instruction.opname in {"CACHE", "NOP", "SWAP"}:
            continue
        if instruction.opname in {"PUSH_EXC_INFO", "WITH_EXCEPT_START"}:
            return "WITH_EXCEPT_START" in _names_from(code, instruction.offset)
        if instruction.opname != "LOAD_CONST" or instruction.argval is not None:
            return False
        nothing += 1
        if nothing == len(("type", "value", "traceback")):
            return True
    return False


def _names_from(code: CodeType, offset: int) -> list[str]:
    names = (instruction.opname for instruction in get_instructions(code) if instruction.offset >= offset)
    return list(islice(names, 2))


def shown(line: Line) -> str:
    """Return a line as people write it."""
    return f"{Path(line.file).name}:{line.number}" + (f" ({line.time})" if line.time > 1 else "")
