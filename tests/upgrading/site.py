"""A site in a repository of its own, and a plan of small programs that leave their traces in it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import Version

from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.model.plan import Action, Actor, CopyFile, Plan, PlannedStep, Run, StepKind
from upgrade_kit.model.step import Effect
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.upgrading.proofs import SiteAccess
from upgrade_kit.upgrading.running import Programs

GIT = ("git", "-c", "user.name=Sample", "-c", "user.email=sample@example.com", "-c", "commit.gpgsign=false")


@dataclass
class Talked:
    """A person who agrees to everything but what is named, and remembers what was said."""

    refuses: set[str] = field(default_factory=set)
    has_not_done: set[str] = field(default_factory=set)
    ended: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    stayed: list[str] = field(default_factory=list)

    def begin(self, number: int, total: int, step: PlannedStep) -> None:
        assert 1 <= number <= total
        assert step.title

    def end(self, step: PlannedStep, word: str, evidence: str) -> None:
        self.ended.append((step.id, word))
        assert isinstance(evidence, str)

    def agrees(self, step: PlannedStep) -> bool:
        self.asked.append(step.id)
        return step.id not in self.refuses

    def has_done(self, step: PlannedStep) -> bool:
        self.asked.append(step.id)
        return step.id not in self.has_not_done and self.asked.count(step.id) < 3

    def stays(self, step: PlannedStep, reason: str) -> None:
        self.stayed.append(f"{step.id}: {reason}")

    def agrees_to_restore(self, step: PlannedStep, manifest: Path) -> bool:
        assert manifest.is_file()
        self.asked.append(f"restore before {step.id}")
        return step.id not in self.refuses


def git(site: Path, *words: str) -> str:
    done = subprocess.run([*GIT, "-C", str(site), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def step(
    id_: str,
    *actions: Action,
    kind: StepKind = StepKind.COLLECTSTATIC,
    effect: Effect = Effect.WRITE,
    actor: Actor = Actor.KIT,
    **facts: str,
) -> PlannedStep:
    return PlannedStep(
        id=id_,
        kind=kind,
        hop=Version("0.3.0"),
        title=f"Do {id_}",
        why="",
        effect=effect,
        actor=actor,
        actions=actions,
        lasts="",
        proof="",
        back="",
        facts=tuple(facts.items()),
        source="",
        corrects="",
    )


def python(code: str, **more: object) -> Run:
    return Run(words=(sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def noting(folder: Path, word: str) -> Run:
    """Return a program that adds a word to a file, so that a test sees what was done, and how often."""
    return python(f"open({str(folder / 'done.txt')!r}, 'a').write({word!r} + '\\n'); print('did', {word!r})")


def noted(folder: Path) -> list[str]:
    file = folder / "done.txt"
    return file.read_text(encoding="utf-8").split() if file.exists() else []


def copying(source: Path, target: Path) -> CopyFile:
    return CopyFile(source=source, target=target)


def plan_of(site: Path, *steps: PlannedStep) -> Plan:
    return Plan(
        site=site,
        database=f"sqlite:///{(site / 'site.db').as_posix()}",
        versions=(Version("0.2.9.1"), Version("0.3.0")),
        system="Linux",
        work=site.parent / "work",
        steps=steps,
    )


def access(plan: Plan) -> SiteAccess:
    return SiteAccess(
        plan=plan,
        address=lambda: parse_database_url(plan.database, base=Path.cwd()),
        releases=VersionGraph.load().releases,
        environment=dict(os.environ),
    )


def programs(lines: list[str] | None = None, secrets: tuple[str, ...] = ()) -> Programs:
    show = (lambda _line: None) if lines is None else lines.append
    return Programs(environment=dict(os.environ), secrets=secrets, folder=Path.cwd(), show=show)
