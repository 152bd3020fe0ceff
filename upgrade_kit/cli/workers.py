"""Processes that share the work on the procedures of a large site."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

MANY = 3_000  # procedures; with fewer, starting processes takes longer than they save (docs/performance.md)
MOST = 8  # processes that are started without being asked for


@contextmanager
def workers(jobs: int | None, procedures: int) -> Iterator[Executor | None]:
    """Give what shares the work, or ``None`` where this process does it alone.

    Args:
        jobs: how many processes; ``None`` for as many as this machine has processors, on large sites only.
        procedures: how many there are to look at.
    """
    count = jobs if jobs is not None else min(os.cpu_count() or 1, MOST) if procedures >= MANY else 1
    if count < 2 or not procedures:  # noqa: PLR2004 - one process is this one
        yield None
        return
    import multiprocessing  # noqa: PLC0415 - start-up time is measured
    import signal  # noqa: PLC0415
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

    try:
        pool = ProcessPoolExecutor(
            count,
            mp_context=multiprocessing.get_context("spawn"),  # the same on Windows, Linux and macOS
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_IGN),  # one Ctrl-C is told once, by the process that was started
        )
    except (OSError, NotImplementedError):  # a system without semaphores
        yield None
        return
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
