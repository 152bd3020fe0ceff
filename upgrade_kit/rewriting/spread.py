"""Do the same with many things: here, or spread over an executor. What an executor loses is done here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from upgrade_kit.errors import UpgradeKitError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

CHUNK = 32  # things handed over at once: some 50 ms of work, a hundred times what handing over costs

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def spread(
    work: Callable[[Question], Answer],
    questions: Sequence[Question],
    executor: Executor | None,
    progress: Callable[[int], object] | None = None,
) -> tuple[list[Answer], str]:
    """Return the answer to each question, in their order, and what went wrong with the executor.

    A worker that dies, an executor that was shut down or that cannot take the work costs time and no answer: what
    it did not answer is answered in this process.

    Args:
        work: answers one question. For processes it has to be a function that they can import.
        questions: all of them.
        executor: any executor of ``concurrent.futures``; ``None`` for this process.
        progress: called with how many are answered, now and then.

    Returns:
        The answers, and the first failure of the executor in words, or ``""``.

    Raises:
        UpgradeKitError: the work itself raised it.
    """
    tell = progress or (lambda _done: None)
    if executor is None:
        return _told(work, questions, tell), ""
    chunks = [questions[start : start + CHUNK] for start in range(0, len(questions), CHUNK)]
    futures: list[Future[list[Answer]]] = []
    answers: list[Answer] = []
    problem = ""
    try:
        for chunk in chunks:
            try:
                futures.append(executor.submit(_each, work, chunk))
            except Exception as error:  # noqa: BLE001 - every executor fails in its own way; the rest is done here
                problem = _said(error)
                break
        for number, chunk in enumerate(chunks):
            tell(len(answers))
            if number < len(futures):
                try:
                    answers += futures[number].result()
                    continue
                except UpgradeKitError:
                    raise
                except Exception as error:  # noqa: BLE001 - as above; if the work raised it, it does so again here
                    problem = problem or _said(error)
            answers += _each(work, chunk)
    finally:
        for future in futures:
            future.cancel()
    return answers, problem


def _told(
    work: Callable[[Question], Answer], questions: Sequence[Question], tell: Callable[[int], object]
) -> list[Answer]:
    answers = []
    for question in questions:
        answers.append(work(question))
        tell(len(answers))
    return answers


def _each(work: Callable[[Question], Answer], questions: Sequence[Question]) -> list[Answer]:
    return [work(question) for question in questions]


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].removesuffix(": ")
