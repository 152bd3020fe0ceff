"""Knows which of a server's connections are this process's own, which makes several at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

WAIT_SECONDS = 2.0


class OwnConnections:
    """The numbers by which servers know the connections of this process; no server uses one twice in a run.

    A server lists a connection before its number is known here, so whoever asks waits for those that are being made.
    """

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._changed = Condition()
        self._being_made = 0
        self._numbers: set[int] = set()

    @contextmanager
    def making(self) -> Iterator[None]:
        """Say that a connection is being made, until its number is added."""
        with self._changed:
            self._being_made += 1
        try:
            yield
        finally:
            with self._changed:
                self._being_made -= 1
                self._changed.notify_all()

    def add(self, number: int) -> None:
        """Keep the number of a connection."""
        with self._changed:
            self._numbers.add(number)

    def numbers(self) -> frozenset[int]:
        """Return the numbers of all that were made, also of those that were being made when this was asked."""
        with self._changed:
            self._changed.wait_for(lambda: not self._being_made, self._wait_seconds)
            return frozenset(self._numbers)
