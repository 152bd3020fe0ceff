"""What the rules hold: versions, hops with their steps, and the rules for calculation procedures."""

from __future__ import annotations

from documentation.made import table
from upgrade_kit.planning.rulebook import builtin, load_rules
from upgrade_kit.rewriting.readers import load_procedure_rules


def versions() -> list[str]:
    """Return a table of the versions that the kit knows."""
    rows = [
        (
            str(release.version),
            ", ".join(f"`{other}`" for other in release.also),
            f"`{release.tag}`",
            f"`{release.python}`",
            release.django,
            ", ".join(f"`{engine}`" for engine in release.engines),
        )
        for release in load_rules([builtin()]).releases
    ]
    return table(("version", "counts as the same", "tag", "Python", "Django", "database engines"), rows)


def steps() -> list[str]:
    """Return the steps of each hop, in order."""
    lines: list[str] = []
    for hop in load_rules([builtin()]).hops:
        lines += [f"### {hop.source} to {hop.target}", "", f"{hop.title}.", ""]
        rows = [(f"`{step.id}`", step.effect.value, step.title, step.source) for step in hop.steps]
        lines += [*table(("step", "effect", "what it does", "source"), rows), ""]
    return lines


def procedures() -> list[str]:
    """Return the rules by which calculation procedures are judged."""
    rules = [rule for _, rule in sorted(load_procedure_rules([builtin()]).texts.items())]
    return table(("id", "rule", "why", "source"), [(one.id, one.title, one.why, one.source) for one in rules])
