"""Ctrl-C at a chosen moment: a ``KeyboardInterrupt`` when a line of the kit is about to run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

Line = tuple[str, int]  # file and line number


@contextmanager
def lines_run(modules: tuple[ModuleType, ...]) -> Iterator[list[Line]]:
    """Tell, once the block is over, which lines of the modules it ran, each once, in order of the first time."""
    lines: dict[Line, None] = {}

    def note(line: Line) -> None:
        lines[line] = None

    told: list[Line] = []
    with _each_line({str(module.__file__) for module in modules}, note):
        yield told
    told.extend(lines)


@contextmanager
def interrupt_at(line: Line) -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` in the block when this line is about to run for the first time; it ends there."""

    def interrupt(other: Line) -> None:
        if other == line:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt), _each_line({line[0]}, interrupt):
        yield


@contextmanager
def _each_line(files: set[str], tell: Any) -> Iterator[None]:
    def on_line(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            tell((frame.f_code.co_filename, frame.f_lineno))
        return on_line

    def on_call(frame: FrameType, _event: str, _: object) -> Any:
        return on_line if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(before)


def shown(line: Line) -> str:
    """Return a line as people write it."""
    return f"{Path(line[0]).name}:{line[1]}"
