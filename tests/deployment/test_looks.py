from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest

from upgrade_kit.deployment.looks import Looks, wanted_looks
from upgrade_kit.deployment.observing import Observing
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.unobserved import NOT_LOOKED


def test_by_default_all_is_wanted() -> None:
    assert wanted_looks(None) == {field.name for field in fields(Deployment)}


def test_what_a_look_has_to_know_is_wanted_too() -> None:
    assert wanted_looks(["disk"]) == {"disk", "database", "backups", "uploads"}
    assert wanted_looks(["git"]) == {"git"}
    assert wanted_looks([]) == frozenset()


def test_a_name_that_is_none_of_an_attribute_is_refused() -> None:
    with pytest.raises(ValueError, match="databse"):
        wanted_looks(["databse"])


def test_only_what_is_wanted_is_looked_at() -> None:
    looked: list[str] = []
    told: list[tuple[str, bool]] = []
    looks = Looks(Observing(5, lambda what, ended: told.append((what, ended))), frozenset(("git",)))

    def look(fact: str) -> Callable[[], str]:
        def see() -> str:
            looked.append(fact)
            return fact

        return see

    seen = [looks.begin(fact, fact, look(fact)) for fact in ("git", "database")]

    assert [one.result() for one in seen] == ["git", NOT_LOOKED]
    assert looked == ["git"]
    assert ("database", False) not in told
