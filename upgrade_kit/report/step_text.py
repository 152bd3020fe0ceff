"""The steps of a path or of a plan in plain text, whose commands can be copied."""

from __future__ import annotations

from collections.abc import Iterator

from upgrade_kit.model.plan import Actor, Effect, PlannedStep
from upgrade_kit.report.shells import shown, step_lines

_WIDTH = 79  # of prose; commands are never wrapped
_EFFECTS = {
    Effect.READ: "changes nothing of the site",
    Effect.WRITE: "changes the site",
    Effect.IRREVERSIBLE: "CANNOT BE TAKEN BACK",
}


def step_text(number: int, step: PlannedStep, shell: str, *, of_site: bool = False) -> Iterator[str]:
    """Yield the lines that tell one step.

    Args:
        number: the step's place.
        step: the step.
        shell: whose commands are shown.
        of_site: whether it is the step of one site, of which is told who does it and how long it may take.
    """
    by_person = ", done by you" if of_site and step.actor is Actor.PERSON else ""
    yield f"{number:2}. {shown(step.title)}"
    yield f"    [{step.effect.value}] {_EFFECTS[step.effect]}{by_person}  ({step.id})"
    yield from paragraph(step.why, "    ")
    yield from paragraph(step.corrects, "    ", label="GUIDE CORRECTED: ")
    if commands := step_lines(step, shell):
        yield ""
        yield from (f"        {line}" for line in commands)
        yield ""
    yield from paragraph(step.lasts if of_site else "", "    ", label="Lasts: ")
    yield from paragraph(step.proof, "    ", label="Done when: ")
    yield from paragraph(step.back, "    ", label="Way back: ")
    yield from paragraph(step.source, "    ", label="Source: ")


def paragraph(text: str, indent: str, *, label: str = "") -> Iterator[str]:
    """Yield the text in lines of at most 79 characters, broken at spaces only."""
    if not text:
        return
    line = indent + label.rstrip()
    for word in map(shown, text.split()):
        if len(line) + 1 + len(word) > _WIDTH and line.strip():
            yield line
            line = indent
        line = f"{line} {word}" if line.strip() else indent + word
    yield line


def shell_name(shell: str) -> str:
    """Return the name of a shell as people write it."""
    return "PowerShell" if shell == "powershell" else shell
