"""The names of one scope and what they held earlier."""

from __future__ import annotations

from random import Random

import pytest

from upgrade_kit.rewriting.frames import Frame, Moment, same
from upgrade_kit.rewriting.values import NUMBER, OTHER, TEXT, Value

VALUES = (NUMBER, TEXT, OTHER, NUMBER | TEXT)


def frame(**names: Value) -> Frame:
    made = Frame(None, None)
    for name, value in names.items():
        made.store(name, value)
    return made


def test_going_back_undoes_what_was_stored_since() -> None:
    scope = frame(a=NUMBER)
    before = scope.now()
    scope.store("a", TEXT)
    scope.store("b", TEXT)

    scope.go(before)

    assert scope.names == {"a": NUMBER}


def test_going_to_another_branch_takes_what_was_stored_there() -> None:
    scope = frame(a=NUMBER)
    before = scope.now()
    scope.store("b", TEXT)
    one = scope.now()
    scope.go(before)
    scope.store("a", OTHER)

    scope.go(one)

    assert scope.names == {"a": NUMBER, "b": TEXT}


def test_nothing_new_is_the_same_moment() -> None:
    scope = frame(a=NUMBER)
    before = scope.now()
    scope.store("a", TEXT)
    scope.store("a", NUMBER)

    assert scope.now() is before


def test_what_the_ways_have_in_common_is_not_widened() -> None:
    scope = frame(a=NUMBER, b=TEXT)
    before = scope.now()
    scope.store("a", TEXT)
    first = scope.now()
    scope.go(before)
    scope.store("a", OTHER)

    scope.join([first, scope.now()])

    assert scope.names == {"a": TEXT | OTHER, "b": TEXT}


def test_a_value_that_every_way_stored_over_is_forgotten() -> None:
    scope = frame(a=NUMBER)
    scope.store("a", TEXT)
    first = scope.now()
    scope.store("a", OTHER)

    scope.join([first, scope.now()])

    assert scope.names == {"a": TEXT | OTHER}


def test_moments_that_hold_the_same_are_the_same_by_whatever_way() -> None:
    scope = frame(a=NUMBER)
    before = scope.now()
    scope.store("a", TEXT)
    first = scope.now()
    scope.store("a", OTHER)
    scope.now()
    scope.store("a", NUMBER)
    again = scope.now()

    assert same(before, again)
    assert not same(first, again)


@pytest.mark.parametrize("seed", range(60))
def test_any_order_of_storing_going_back_and_joining_gives_what_copies_would_give(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - the same orders each time
    scope = frame()
    kept: list[tuple[Moment, dict[str, Value]]] = [(scope.now(), {})]
    copy: dict[str, Value] = {}
    for _ in range(120):
        match random.randrange(5):
            case 0 | 1:
                name, value = random.choice("abcde"), random.choice(VALUES)
                scope.store(name, value)
                copy[name] = value
            case 2:
                kept.append((scope.now(), dict(copy)))
            case 3:
                moment, names = random.choice(kept)
                scope.go(moment)
                copy = dict(names)
            case _:
                chosen = random.sample(kept, random.randint(1, min(len(kept), 6)))
                scope.join([moment for moment, _ in chosen])
                copy = {}
                for _, names in chosen:
                    for name, value in names.items():
                        copy[name] = copy.get(name, frozenset()) | value
        assert scope.names == copy
    now = scope.now()
    assert all(same(now, moment) is (names == copy) for moment, names in kept)
