"""Looks at several things at once, each within a limit of time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

from upgrade_kit.errors import UpgradeKitError
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

    @classmethod
    def known(cls, what: str, seen: SeenT | Unobserved) -> Pending[SeenT]:
        """Return what nobody has to wait for."""
        future: Future[SeenT | Unobserved] = Future()
        future.set_result(seen)
        return Pending(what, monotonic(), 0.0, future)

    def result(self) -> SeenT | Unobserved:
        """Wait for it, and return what was seen. Raises ``UpgradeKitError`` where the looking raised that.

        At its limit the answer is ``Unobserved``. The looking itself cannot be ended; it only reads, it runs on in a
        thread that does not keep the process alive, and what it sees then is not asked for.
        """
        try:
            return self.future.result(max(0.0, self.until - monotonic()))
        except FutureTimeoutError:
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
                seen = _seen(what, look)
                # Whoever waits for it may come late, and is told the same as one who came in time.
                future.set_result(seen if monotonic() <= until else _too_long(what, self.limit_seconds))
            except BaseException as error:  # noqa: BLE001 - handed to who waits for it
                future.set_exception(error)
            finally:
                self.watch(what, True)

        self.watch(what, False)
        Thread(target=run, name=f"looking at {what}", daemon=True).start()
        return Pending(what, until, self.limit_seconds, future)


def _seen(what: str, look: Callable[[], SeenT | Unobserved]) -> SeenT | Unobserved:
    """Look; what fails unforeseen, because of what a site holds, is no more than something that is not known."""
    try:
        return look()
    except UpgradeKitError:
        raise
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        return Unobserved(f"looking at {what} failed: {file}{error.strerror or error}")
    except Exception as error:  # noqa: BLE001 - one thing that could not be looked at hides none of the others
        return Unobserved(f"looking at {what} failed: {type(error).__name__}: {error}")


def _too_long(what: str, limit_seconds: float) -> Unobserved:
    return Unobserved(f"looking at {what} took longer than {limit_seconds:g} s; --time-limit allows more")
