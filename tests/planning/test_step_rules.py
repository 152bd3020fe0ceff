"""One step as the rules describe it. What a wrong one is told is in test_rulebook.py."""

from __future__ import annotations

import pytest

from upgrade_kit.errors import RulesError
from upgrade_kit.model.step import Actor, Do, StepKind, When
from upgrade_kit.planning.rules_table import RulesTable
from upgrade_kit.planning.step_rules import actor_on, done_on, read_step

SMALLEST: dict[str, object] = {
    "id": "1-look",
    "kind": "look",
    "title": "Look",
    "effect": "read",
    "why": "To see.",
    "person_on": ["Windows", "Linux"],
    "source": "test",
}


def read(**more: object) -> RulesTable:
    return RulesTable({**SMALLEST, **more}, "rules.toml")


def test_a_step_for_a_person_needs_nothing_to_run() -> None:
    step = read_step(read())
    assert (step.kind, step.when, step.do, step.prove) == (StepKind.LOOK, When.ALWAYS, (), ())
    assert actor_on(step, "Windows") is actor_on(step, "Linux") is Actor.PERSON


def test_who_does_it_may_differ_by_system() -> None:
    step = read_step(read(person_on=["Linux"], do=[{"run": ["x"]}]))
    assert (actor_on(step, "Windows"), actor_on(step, "Linux")) == (Actor.KIT, Actor.PERSON)


def test_a_note_belongs_to_its_system() -> None:
    step = read_step(read(windows="As administrator."))
    assert step.notes == (("Windows", "As administrator."),)


def test_a_system_on_which_nobody_does_anything_is_refused() -> None:
    with pytest.raises(RulesError, match="has nothing to run on Linux"):
        read_step(read(person_on=[], do=[{"run": ["x"], "on": ["Windows"]}]))


def test_a_proof_is_something_to_run() -> None:
    assert read_step(read(prove=[{"run": ["x"]}])).prove == (Do(run=("x",)),)
    with pytest.raises(RulesError, match=r"prove\[0\].copy: a proof runs something"):
        read_step(read(prove=[{"copy": ["a", "b"]}]))


@pytest.mark.parametrize("key", ["title", "why", "lasts", "proof", "back", "windows", "linux"])
def test_a_misspelt_placeholder_in_a_text_is_told_by_its_key(key: str) -> None:
    with pytest.raises(RulesError, match=rf"rules.toml: {key}: there is no placeholder {{sight}}"):
        read_step(read(**{key: "In {sight}."}))


def test_something_for_one_system_is_not_done_on_the_other() -> None:
    do = (Do(run=("x",), systems=("Windows",)),)
    assert done_on(do, "Windows")
    assert not done_on(do, "Linux")
    assert not done_on((), "Linux")
