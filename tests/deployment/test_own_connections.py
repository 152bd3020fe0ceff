from __future__ import annotations

from threading import Event, Thread

from upgrade_kit.deployment.own_connections import OwnConnections


def test_numbers_that_were_added_are_known() -> None:
    own = OwnConnections()
    with own.making():
        own.add(7)
    assert own.numbers() == {7}


def test_one_that_is_being_made_is_waited_for() -> None:
    own = OwnConnections(wait_seconds=60)
    begun = Event()

    def make() -> None:
        with own.making():
            begun.set()
            Event().wait(0.05)
            own.add(8)

    making = Thread(target=make)
    making.start()
    assert begun.wait(60)
    assert own.numbers() == {8}
    making.join()


def test_one_that_cannot_be_made_is_no_longer_waited_for_after_a_while() -> None:
    own = OwnConnections(wait_seconds=0.01)
    with own.making():
        assert own.numbers() == frozenset()
