"""Time several ways of doing one thing, in turn, and say how they compare."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

Work = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way of doing the thing.

    Attributes:
        name: for the table.
        work: does it once; gets the number of the run, from 0.
        aim: what its ratio to the first way should be (``"at least 5"``), or ``""``.
    """

    name: str
    work: Work
    aim: str = ""


def machine() -> str:
    """Return the line that every figure needs beside it."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs, "
        f"{platform.system()} {platform.machine()}"
    )


def in_turn(ways: Sequence[Way], runs: int, clock: Callable[[], float] = perf_counter) -> list[list[float]]:
    """Return the seconds of each run of each way. The ways take turns: A B C, A B C, ...

    Args:
        ways: what is measured.
        runs: how often each has its turn.
        clock: ``time.process_time`` where all work is done in this process: others on the machine count less.
    """
    seconds: list[list[float]] = [[] for _ in ways]
    for run in range(runs):
        for way, taken in zip(ways, seconds, strict=True):
            gc.collect()  # nobody pays for what another has left behind
            start = clock()
            way.work(run)
            taken.append(clock() - start)
    return seconds


def compared(ways: Sequence[Way], runs: int, clock: Callable[[], float] = perf_counter) -> Iterator[str]:
    """Yield a line for each way: the median of its seconds, and of its ratios to the first, run by run."""
    seconds = in_turn(ways, runs, clock)
    for way, taken in zip(ways, seconds, strict=True):
        ratios = [mine / first for mine, first in zip(taken, seconds[0], strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        aim = f"   aim: {way.aim}" if way.aim else ""
        yield f"  {way.name:<48} {median(taken):9.4f} s   ratio {median(ratios):6.2f}  ({spread}){aim}"
