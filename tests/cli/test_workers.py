"""Processes that share the work on a large site."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Executor

import pytest

from upgrade_kit.cli.workers import MANY, workers


@pytest.mark.parametrize(("jobs", "procedures"), [(None, 40), (None, MANY - 1), (1, 10 * MANY), (4, 0)])
def test_one_process_does_it_alone(jobs: int | None, procedures: int) -> None:
    with workers(jobs, procedures) as executor:
        assert executor is None


def test_as_many_work_as_are_asked_for_and_leave_the_interrupt_to_this_process() -> None:
    with workers(2, 40) as executor:
        assert executor is not None
        assert executor.submit(os.getpid).result() != os.getpid()
        assert executor.submit(signal.getsignal, signal.SIGINT).result() is signal.SIG_IGN


def test_a_large_site_is_shared_without_being_asked_where_there_are_processors() -> None:
    with workers(None, MANY) as executor:
        assert isinstance(executor, Executor) is ((os.cpu_count() or 1) > 1)


def test_they_end_with_the_work() -> None:
    with workers(2, 40) as executor:
        assert executor is not None
    with pytest.raises(RuntimeError, match="shutdown"):
        executor.submit(os.getpid)
