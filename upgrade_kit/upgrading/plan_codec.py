"""A plan as JSON and back, so that an upgrade goes on with the very plan that it began with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from packaging.version import Version

from upgrade_kit.model.plan import Action, Actor, CopyFile, Plan, PlannedStep, Run, StepKind
from upgrade_kit.model.step import Effect

_WORDS = ("id", "title", "why", "lasts", "proof", "back", "source", "corrects")


def encode_plan(plan: Plan) -> dict[str, Any]:
    """Return a plan as values that JSON knows."""
    return {
        "site": str(plan.site),
        "database": plan.database,
        "versions": [str(version) for version in plan.versions],
        "system": plan.system,
        "work": str(plan.work),
        "steps": [_encode_step(step) for step in plan.steps],
        "needs_password": plan.needs_password,
        "open_questions": list(plan.open_questions),
    }


def decode_plan(data: Any) -> Plan:  # noqa: ANN401 - whatever JSON holds
    """Return the plan that ``encode_plan`` made this of.

    Raises:
        KeyError: something is missing.
        TypeError: something is of another type.
        ValueError: a value is none of those that it can be.
    """
    return Plan(
        site=Path(data["site"]),
        database=str(data["database"]),
        versions=tuple(map(Version, data["versions"])),
        system=str(data["system"]),
        work=Path(data["work"]),
        steps=tuple(map(_decode_step, data["steps"])),
        needs_password=bool(data["needs_password"]),
        open_questions=tuple(map(str, data["open_questions"])),
    )


def _encode_step(step: PlannedStep) -> dict[str, Any]:
    return {
        **{word: getattr(step, word) for word in _WORDS},
        "kind": step.kind.value,
        "hop": str(step.hop),
        "effect": step.effect.value,
        "actor": step.actor.value,
        "actions": [_encode_action(action) for action in step.actions],
        "proofs": [_encode_action(action) for action in step.proofs],
        "facts": [list(pair) for pair in step.facts],
        "restores": step.restores,
    }


def _decode_step(data: Any) -> PlannedStep:  # noqa: ANN401 - as above
    return PlannedStep(
        **{word: str(data[word]) for word in _WORDS},
        kind=StepKind(data["kind"]),
        hop=Version(data["hop"]),
        effect=Effect(data["effect"]),
        actor=Actor(data["actor"]),
        actions=tuple(map(_decode_action, data["actions"])),
        proofs=tuple(map(_decode_run, data["proofs"])),
        facts=_pairs(data["facts"]),
        restores=bool(data["restores"]),
    )


def _encode_action(action: Action) -> dict[str, Any]:
    match action:
        case CopyFile():
            return {"copy": str(action.source), "to": str(action.target)}
        case Run():
            return {
                "run": list(action.words),
                "in": None if action.folder is None else str(action.folder),
                "environment": [list(pair) for pair in action.environment],
                "accepts": list(action.accepts),
                "limit_seconds": action.limit_seconds,
            }


def _decode_action(data: Any) -> Action:  # noqa: ANN401 - as above
    if "copy" in data:
        return CopyFile(source=Path(data["copy"]), target=Path(data["to"]))
    return _decode_run(data)


def _decode_run(data: Any) -> Run:  # noqa: ANN401 - as above
    return Run(
        words=tuple(map(str, data["run"])),
        folder=None if data["in"] is None else Path(data["in"]),
        environment=_pairs(data["environment"]),
        accepts=tuple(map(int, data["accepts"])),
        limit_seconds=float(data["limit_seconds"]),
    )


def _pairs(data: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - as above
    return tuple((str(name), str(value)) for name, value in data)
