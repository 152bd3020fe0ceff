"""Looks at several things at once, each within a limit of time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

from upgrade_kit.model.unobserved import Unobserved

SeenT = TypeVar("SeenT")

Watch = Callable[[str, bool], None]
"""Told what is being looked at, and whether that has ended. Called from several threads."""


@dataclass(frozen=True, slots=True)
class Pending(Generic[SeenT]):
    """What is being looked at.

    Attributes:
        what: in words that follow "looking at".
        until: the moment (of ``time.monotonic``) at which nobody waits any longer.
        limit_seconds: the limit, for the words that tell of it.
    """

    what: str
    until: float
    limit_seconds: float
    future: Future[SeenT | Unobserved]

    def result(self) -> SeenT | Unobserved:
        """Wait for it, and return what was seen. Raises what the looking raised.

        At its limit the answer is ``Unobserved``. The looking itself cannot be ended; it only reads, it runs on in a
        thread that does not keep the process alive, and what it sees then is not asked for.
        """
        try:
            return self.future.result(max(0.0, self.until - monotonic()))
        except FutureTimeoutError:
            if self.future.done():  # the looking itself failed, with that very error
                raise
            return _too_long(self.what, self.limit_seconds)


@dataclass(frozen=True, slots=True)
class Observing:
    """Begins looks, each in a thread of its own.

    Attributes:
        limit_seconds: how long each may take.
        watch: told of each beginning and end.
    """

    limit_seconds: float
    watch: Watch = field(default=lambda _what, _ended: None)

    def begin(self, what: str, look: Callable[[], SeenT | Unobserved]) -> Pending[SeenT]:
        """Begin to look at something.

        Args:
            what: in words that follow "looking at".
            look: reads, and gives back what it saw.
        """
        future: Future[SeenT | Unobserved] = Future()
        until = monotonic() + self.limit_seconds

        def run() -> None:
            try:
                seen = look()
                # Whoever waits for it may come late, and is told the same as one who came in time.
                future.set_result(seen if monotonic() <= until else _too_long(what, self.limit_seconds))
            except BaseException as error:  # noqa: BLE001 - handed to who waits for it
                future.set_exception(error)
            finally:
                self.watch(what, True)

        self.watch(what, False)
        Thread(target=run, name=f"looking at {what}", daemon=True).start()
        return Pending(what, until, self.limit_seconds, future)


def _too_long(what: str, limit_seconds: float) -> Unobserved:
    return Unobserved(f"looking at {what} took longer than {limit_seconds:g} s; --time-limit allows more")
