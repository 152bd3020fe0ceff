"""A plan as plain text, as Markdown and as JSON. The scripts are made in ``report/scripts.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from upgrade_kit.model.plan import Action, Actor, CopyFile, Effect, Plan, PlannedStep, Run
from upgrade_kit.report.shells import SHELL_OF, shown, step_lines
from upgrade_kit.report.step_text import paragraph, shell_name, step_text

_EFFECTS = {Effect.READ: "read", Effect.WRITE: "write", Effect.IRREVERSIBLE: "**irreversible**"}


def render_plan(plan: Plan) -> str:
    """Return the plan in plain text, with what is not known before the steps."""
    return "\n".join(_lines(plan)) + "\n"


def render_plan_outline(plan: Plan) -> str:
    """Return the plan as one line a step: number, id, effect, who does it, and title."""
    width = max((len(step.id) for step in plan.steps), default=0)
    lines = [f"Plan: {' -> '.join(map(str, plan.versions))}"]
    for number, step in enumerate(plan.steps, 1):
        actor = "you" if step.actor is Actor.PERSON else ""
        lines.append(f"{number:3d}. {step.id:{width}s}  {step.effect.value:12s}  {actor:3s}  {step.title}")
    return "\n".join(lines) + "\n"


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as the document that ``plan --format json`` prints."""
    last = plan.point_of_no_return
    return {
        "schema": 1,
        "command": "plan",
        "site": {"folder": str(plan.site), "database": plan.database, "system": plan.system},
        "path": [str(version) for version in plan.versions],
        "work": str(plan.work),
        "steps": [_step(step) for step in plan.steps],
        "point_of_no_return": None if last is None else last.id,
        "needs_password": plan.needs_password,
        "open_questions": list(plan.open_questions),
    }


def plan_markdown(plan: Plan) -> str:
    """Return the plan as Markdown, to print and to tick off."""
    return "\n".join(_markdown(plan)) + "\n"


def _lines(plan: Plan) -> Iterator[str]:
    if not plan.steps:
        yield f"Nothing to do: the site is at {plan.versions[-1]} already."
        return
    shell = SHELL_OF[plan.system]
    yield f"Plan: {' -> '.join(map(str, plan.versions))}"
    yield f"Site:      {shown(str(plan.site))}"
    yield f"Database:  {shown(plan.database) or 'not known'}"
    yield f"Kept in:   {shown(str(plan.work))}"
    yield f"{len(plan.steps)} steps; commands for {shell_name(shell)}. Stop at the first error."
    for question in plan.open_questions:
        yield from paragraph(shown(question), "  ", label="OPEN: ")
    if plan.needs_password:
        yield from paragraph("The database's password is taken from UPGRADE_KIT_PASSWORD: set it first.", "")
    hop = None
    for number, step in enumerate(plan.steps, 1):
        if step.hop != hop:
            hop = step.hop
            heading = f"To {hop}"
            yield from ("", "", heading, "=" * len(heading))
        yield ""
        if step.effect is Effect.IRREVERSIBLE:
            yield "!!! POINT OF NO RETURN: after the next step, only the backup leads back !!!"
            yield ""
        yield from step_text(number, step, shell, of_site=True)


def _step(step: PlannedStep) -> dict[str, Any]:
    return {
        "id": step.id,
        "kind": step.kind.value,
        "hop": str(step.hop),
        "title": step.title,
        "why": step.why,
        "effect": step.effect.value,
        "actor": step.actor.value,
        "commands": {"powershell": step_lines(step, "powershell"), "bash": step_lines(step, "bash")},
        "actions": [_action(action) for action in step.actions],
        "lasts": step.lasts,
        "proof": step.proof,
        "proofs": [_action(proof) for proof in step.proofs],
        "back": step.back,
        "facts": dict(step.facts),
        "source": step.source,
        "corrects": step.corrects,
    }


def _action(action: Action) -> dict[str, Any]:
    if isinstance(action, CopyFile):
        return {"copy": str(action.source), "to": str(action.target)}
    return _run(action)


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": list(run.words),
        "folder": None if run.folder is None else str(run.folder),
        "environment": dict(run.environment),
        "accepts": list(run.accepts),
        "limit_seconds": run.limit_seconds,
    }


def _markdown(plan: Plan) -> Iterator[str]:
    yield f"# Upgrade {' -> '.join(map(str, plan.versions))}"
    yield ""
    if not plan.steps:
        yield f"Nothing to do: the site is at {plan.versions[-1]} already."
        return
    yield f"- Site: {_code(str(plan.site))}"
    yield f"- Database: {_code(plan.database) if plan.database else 'not known'}"
    yield f"- Backups, copies and logs: {_code(str(plan.work))}"
    last = plan.point_of_no_return
    if last is not None:
        yield f"- Point of no return: step {plan.steps.index(last) + 1}, {last.id}"
    yield from (f"- **Open:** {_text(question)}" for question in plan.open_questions)
    shell = SHELL_OF[plan.system]
    for number, step in enumerate(plan.steps, 1):
        yield ""
        yield f"## {number}. {_text(step.title)}"
        yield ""
        if step.effect is Effect.IRREVERSIBLE:
            yield "> **Point of no return.** After this step, only the backup leads back."
            yield ""
        who = "you" if step.actor is Actor.PERSON else "the kit"
        lasts = f" Lasts {_text(step.lasts)}." if step.lasts else ""
        yield f"{_code(step.id)}, {_EFFECTS[step.effect]}, done by {who}.{lasts}"
        yield from _markdown_step(step, shell)


def _markdown_step(step: PlannedStep, shell: str) -> Iterator[str]:
    for label, text in (("", step.why), ("The guide is wrong here: ", step.corrects)):
        if text:
            yield ""
            yield _text(label + text)
    if lines := step_lines(step, shell):
        fence = "`" * max(3, 1 + max(_longest_run("`", line) for line in lines))
        yield from ("", f"{fence}{shell}", *lines, fence)
    yield ""
    yield f"- [ ] Done when: {_text(step.proof or 'you have looked')}"
    if step.back:
        yield f"- Way back: {_text(step.back)}"
    yield f"- Source: {_text(step.source)}"


def _text(text: str) -> str:
    """Return a text in which Markdown marks up nothing."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>#|~" else character for character in shown(text))


def _code(text: str) -> str:
    fence = "`" * (1 + _longest_run("`", text))
    blank = " " if "`" in text else ""
    return f"{fence}{blank}{shown(text)}{blank}{fence}"


def _longest_run(character: str, text: str) -> int:
    longest = run = 0
    for each in text:
        run = run + 1 if each == character else 0
        longest = max(longest, run)
    return longest
