from __future__ import annotations

from threading import Event, Thread

from upgrade_kit.deployment.own_connections import OwnConnections


def test_keys_that_were_added_are_known_of_their_server_alone() -> None:
    own = OwnConnections()
    with own.making():
        own.add("here", "7")
    assert own.keys("here") == {"7"}
    assert own.keys("there") == frozenset()


def test_one_that_is_being_made_is_waited_for() -> None:
    own = OwnConnections(wait_seconds=60)
    begun = Event()

    def make() -> None:
        with own.making():
            begun.set()
            Event().wait(0.05)
            own.add("here", "8")

    making = Thread(target=make)
    making.start()
    assert begun.wait(60)
    assert own.keys("here") == {"8"}
    making.join()


def test_one_that_cannot_be_made_is_no_longer_waited_for_after_a_while() -> None:
    own = OwnConnections(wait_seconds=0.01)
    with own.making():
        assert own.keys("here") == frozenset()
