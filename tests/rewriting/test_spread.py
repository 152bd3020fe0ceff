"""The same with many things, here or in an executor; nothing is lost."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from upgrade_kit.errors import RulesError
from upgrade_kit.rewriting.spread import CHUNK, spread

MANY = tuple(range(5 * CHUNK + 1))


def square(number: int) -> int:
    return number * number


def dies_elsewhere(number: int) -> int:
    if multiprocessing.parent_process() is not None and number == 2 * CHUNK:
        os._exit(1)
    return number * number


def wrong_rules(number: int) -> int:
    raise RulesError("UK401.toml", "readers", f"wrong at {number}")


class Refusing(Executor):
    """Takes two pieces of work and then no more."""

    def __init__(self) -> None:
        self.taken: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if len(self.taken) == 2:
            raise OSError(28, "No space left on device")
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        self.taken.append(future)
        return future


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_without_an_executor_all_is_done_here() -> None:
    assert spread(square, MANY, None) == ([n * n for n in MANY], "")


def test_nothing_asked_is_nothing_answered() -> None:
    with ThreadPoolExecutor() as pool:
        assert spread(square, (), pool) == ([], "")


def test_threads_answer_in_order() -> None:
    with ThreadPoolExecutor(3) as pool:
        assert spread(square, MANY, pool) == ([n * n for n in MANY], "")


def test_processes_answer_in_order(processes: ProcessPoolExecutor) -> None:
    assert spread(square, MANY, processes) == ([n * n for n in MANY], "")


def test_work_that_cannot_be_sent_to_a_process_is_done_here(processes: ProcessPoolExecutor) -> None:
    answers, problem = spread(lambda number: number + 1, MANY, processes)

    assert answers == [n + 1 for n in MANY]
    assert "pickle" in problem.lower()


def test_what_a_dying_worker_loses_is_done_here() -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        answers, problem = spread(dies_elsewhere, MANY, pool)

    assert answers == [n * n for n in MANY]
    assert problem.startswith("BrokenProcessPool: ")


def test_an_executor_that_was_shut_down_loses_nothing() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()

    answers, problem = spread(square, MANY, pool)

    assert answers == [n * n for n in MANY]
    assert "shutdown" in problem


def test_an_executor_that_refuses_half_way_loses_nothing() -> None:
    answers, problem = spread(square, MANY, Refusing())

    assert answers == [n * n for n in MANY]
    assert problem == "OSError: [Errno 28] No space left on device"


def test_an_error_of_the_kit_itself_is_raised(processes: ProcessPoolExecutor) -> None:
    with pytest.raises(RulesError) as raised, ThreadPoolExecutor() as pool:
        spread(wrong_rules, MANY, pool)
    assert raised.value.file == "UK401.toml"


def test_dasks_executor_answers_in_order() -> None:
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert spread(square, MANY, client.get_executor()) == ([n * n for n in MANY], "")
