"""Read one step of a hop from its table in a rules file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from upgrade_kit.model.step import SYSTEMS, VENDORS, Actor, Do, Effect, Step, StepKind, When
from upgrade_kit.planning.placeholders import LISTS, PLACEHOLDERS, names_in
from upgrade_kit.planning.rules_table import RulesTable

_STEP_ID = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_LIMIT_SECONDS = 3600


def read_step(table: RulesTable) -> Step:
    """Return the step that a table describes.

    Raises:
        RulesError: the table is wrong.
    """
    step = Step(
        id=table.text("id"),
        kind=StepKind(table.choice("kind", (kind.value for kind in StepKind))),
        title=table.text("title"),
        effect=Effect(table.choice("effect", (effect.value for effect in Effect))),
        why=table.text("why", ""),
        notes=tuple((system, note) for system in SYSTEMS if (note := table.text(system.lower(), ""))),
        person_on=table.choices("person_on", SYSTEMS),
        when=When(table.choice("when", (when.value for when in When), When.ALWAYS.value)),
        do=tuple(map(_do, table.tables("do", required=False))),
        prove=tuple(map(_do, table.tables("prove", required=False))),
        lasts=table.text("lasts", ""),
        proof=table.text("proof", ""),
        back=table.text("back", ""),
        source=table.text("source"),
        corrects=table.text("corrects", ""),
        restore_on=table.choices("restore_on", VENDORS),
    )
    table.done()
    _check(table, step)
    return step


def actor_on(step: Step, system: str) -> Actor:
    """Return who carries a step out on a system."""
    return Actor.PERSON if system in step.person_on else Actor.KIT


def _check(table: RulesTable, step: Step) -> None:
    if not _STEP_ID.fullmatch(step.id):
        raise table.wrong("id", f"{step.id!r} must be lower-case words joined by hyphens or full stops")
    for system in SYSTEMS:
        if not done_on(step.do, system):
            if not step.why and not dict(step.notes).get(system):
                raise table.wrong("why", f"must say what to do where there is nothing to run ({system})")
            if actor_on(step, system) is Actor.KIT:
                raise table.wrong("do", f"has nothing to run on {system}, and person_on does not name it")
    if step.effect is not Effect.READ and not step.back:
        raise table.wrong("back", f"must say how to go back, for the effect is {step.effect}")
    for index, proof in enumerate(step.prove):
        if proof.copy:
            raise table.wrong(f"prove[{index}].copy", "a proof runs something")
    for key, text in (
        ("title", step.title),
        ("why", step.why),
        ("lasts", step.lasts),
        ("proof", step.proof),
        ("back", step.back),
        *((system.lower(), note) for system, note in step.notes),
    ):
        _check_names(table, key, text, PLACEHOLDERS)


def done_on(do: Iterable[Do], system: str) -> bool:
    """Return whether anything of this is done on a system, whatever the database."""
    return any(not one.systems or system in one.systems for one in do)


def _do(table: RulesTable) -> Do:
    do = Do(
        run=table.words("run"),
        copy=table.words("copy"),
        folder=table.text("in", ""),
        environment=table.pairs("environment"),
        accepts=table.statuses("accepts"),
        systems=table.choices("on", SYSTEMS),
        vendors=table.choices("vendors", VENDORS),
        limit_seconds=table.whole("limit_seconds", _LIMIT_SECONDS),
    )
    table.done()
    if bool(do.run) == bool(do.copy):
        raise table.wrong("run", "must be here, or else 'copy'")
    if do.copy and len(do.copy) != 2:  # noqa: PLR2004 - a file and its copy
        raise table.wrong("copy", "must be a file and its copy")
    for key, words in (("run", do.run), ("copy", do.copy)):
        for index, word in enumerate(words):
            _check_names(table, f"{key}[{index}]", word, PLACEHOLDERS | (LISTS if _is_alone(word) else frozenset()))
    _check_names(table, "in", do.folder, PLACEHOLDERS)
    return do


def _is_alone(word: str) -> bool:
    return word.startswith("{") and word.endswith("}") and word.count("{") == 1


def _check_names(table: RulesTable, key: str, text: str, known: frozenset[str]) -> None:
    for name in names_in(text):
        if name not in known:
            where = ", where it is not a whole word" if name in LISTS else ""
            raise table.wrong(key, f"there is no placeholder {{{name}}}{where}; look for a misspelling")
