"""An upgrade path as plain text whose commands can be copied, and as the JSON of the contract."""

from __future__ import annotations

from collections.abc import Iterator

from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.plan import PlannedStep
from upgrade_kit.model.step import Effect
from upgrade_kit.planning.guide import guide_steps
from upgrade_kit.report.shells import SYSTEM_OF, step_lines
from upgrade_kit.report.step_text import paragraph, shell_name, step_text


def render_path(path: UpgradePath, *, shell: str) -> str:
    """Return the path as numbered steps, in plain text.

    Args:
        path: the path to show.
        shell: ``powershell`` or ``bash``: whose commands are shown.
    """
    return "\n".join(_lines(path, shell)) + "\n"


def render_outline(path: UpgradePath) -> str:
    """Return the path as one line a step: number, effect and title."""
    lines = [f"Upgrade path: {' -> '.join(str(version) for version in path.versions)}"]
    for hop in path.hops:
        lines += ["", f"{hop.source} -> {hop.target}: {hop.title}"]
        for number, step in enumerate(hop.steps, 1):
            lines.append(f"{number:3d}. {step.effect.value:13s} {step.title}")
    return "\n".join(lines) + "\n"


def path_document(path: UpgradePath) -> dict[str, object]:
    """Return the path as the document that ``path --format json`` prints."""
    return {
        "schema": 1,
        "command": "path",
        "path": [str(version) for version in path.versions],
        "hops": [
            {
                "from": str(hop.source),
                "to": str(hop.target),
                "title": hop.title,
                "steps": [
                    _step_document(on_windows, on_linux)
                    for on_windows, on_linux in zip(
                        guide_steps(path, hop, "Windows"), guide_steps(path, hop, "Linux"), strict=True
                    )
                ],
            }
            for hop in path.hops
        ],
    }


def _step_document(on_windows: PlannedStep, on_linux: PlannedStep) -> dict[str, object]:
    def told(name: str) -> str:
        windows, linux = getattr(on_windows, name), getattr(on_linux, name)
        return str(windows) if windows == linux else f"Windows: {windows} Linux: {linux}"

    return {
        "id": on_windows.id,
        "title": on_windows.title,
        "effect": on_windows.effect.value,
        "commands": {"powershell": step_lines(on_windows, "powershell"), "bash": step_lines(on_linux, "bash")},
        "why": told("why"),
        "proof": told("proof"),
        "back": told("back"),
        "corrects": on_windows.corrects,
        "source": on_windows.source,
    }


def _lines(path: UpgradePath, shell: str) -> Iterator[str]:
    if not path.hops:
        yield f"Nothing to do: the site is at {path.target.version} already."
        return
    steps = sum(len(hop.steps) for hop in path.hops)
    yield f"Upgrade path: {' -> '.join(map(str, path.versions))}"
    yield f"{_counted(len(path.hops), 'hop')}, {_counted(steps, 'step')}; commands for {shell_name(shell)}"
    yield from paragraph(
        "Stop at the first error and find its cause before the next step. "
        "Where your folders differ from those below, type your own.",
        "",
    )
    number = 0
    for hop_number, hop in enumerate(path.hops, start=1):
        heading = f"Hop {hop_number} of {len(path.hops)}: {hop.source} -> {hop.target}"
        yield from ("", "", heading, "=" * len(heading))
        yield from paragraph(hop.title, "")
        for step in guide_steps(path, hop, SYSTEM_OF[shell]):
            number += 1
            yield ""
            if step.effect is Effect.IRREVERSIBLE:
                yield "!!! POINT OF NO RETURN: after the next step, only the backup leads back !!!"
                yield ""
            yield from step_text(number, step, shell)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
