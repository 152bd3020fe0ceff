"""Knows which of a server's connections are this process's own, which makes several at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

WAIT_SECONDS = 2.0
POSTGRESQL_KEY = "pid::text || ' ' || COALESCE(extract(epoch FROM backend_start)::text, '')"
"""A column of ``pg_stat_activity``: the system gives a process number again after a while, but not for that start."""


class OwnConnections:
    """The keys by which servers know the connections of this process.

    A key belongs to one server, and no server uses it twice in a run. A server lists a connection before its key is
    known here, and for a moment after it was closed: whoever asks waits for those that are being made, and none is
    forgotten.
    """

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._changed = Condition()
        self._being_made = 0
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def making(self) -> Iterator[None]:
        """Say that a connection is being made, until its key is added."""
        with self._changed:
            self._being_made += 1
        try:
            yield
        finally:
            with self._changed:
                self._being_made -= 1
                self._changed.notify_all()

    def add(self, server: str, key: str) -> None:
        """Keep the key of a connection to a server."""
        with self._changed:
            self._keys.add((server, key))

    def keys(self, server: str) -> frozenset[str]:
        """Return the keys of all that were made to a server, also of those that were being made when this was asked."""
        with self._changed:
            self._changed.wait_for(lambda: not self._being_made, self._wait_seconds)
            return frozenset(key for owner, key in self._keys if owner == server)
