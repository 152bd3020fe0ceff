from __future__ import annotations

from threading import Event

import pytest

from upgrade_kit.deployment.observing import Observing
from upgrade_kit.errors import SiteError
from upgrade_kit.model.unobserved import Unobserved


def test_what_was_seen_comes_back() -> None:
    assert Observing(60).begin("the moon", lambda: "full").result() == "full"


def test_looks_go_on_at_the_same_time() -> None:
    met = Event()
    looks = Observing(60)
    waiting = looks.begin("the moon", lambda: met.wait(60))
    looks.begin("the sun", met.set)
    assert waiting.result() is True


def test_at_its_limit_nothing_is_known_and_the_option_is_named() -> None:
    never = Event()
    seen = Observing(0.05).begin("the moon", lambda: never.wait(60)).result()
    never.set()
    assert seen == Unobserved("looking at the moon took longer than 0.05 s; --time-limit allows more")


def test_what_took_too_long_is_told_so_even_to_one_who_comes_when_it_is_over() -> None:
    over = Event()
    looking = Observing(1e-9, lambda _what, has_ended: over.set() if has_ended else None).begin("the moon", lambda: 1)
    assert over.wait(60)
    assert isinstance(looking.result(), Unobserved)


def test_an_error_with_words_of_its_own_is_raised() -> None:
    error = SiteError("gone", hint="Look again.")
    with pytest.raises(SiteError) as raised:
        Observing(60).begin("the moon", lambda: _fail(error)).result()
    assert raised.value is error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied", "moon.txt"), "moon.txt: Permission denied"),
        (TimeoutError("of the looking itself"), "of the looking itself"),
        (ValueError("embedded null byte"), "ValueError: embedded null byte"),
    ],
)
def test_another_error_is_why_nothing_is_known_and_hides_nothing_else(error: Exception, reason: str) -> None:
    seen = Observing(60).begin("the moon", lambda: _fail(error)).result()
    assert seen == Unobserved(f"looking at the moon failed: {reason}")


def _fail(error: Exception) -> str:
    raise error


def test_who_watches_is_told_of_beginning_and_end() -> None:
    told: list[tuple[str, bool]] = []
    ended = Event()

    def watch(what: str, has_ended: bool) -> None:
        told.append((what, has_ended))
        if has_ended:
            ended.set()

    Observing(60, watch).begin("the moon", lambda: None)
    assert ended.wait(60)
    assert told == [("the moon", False), ("the moon", True)]
