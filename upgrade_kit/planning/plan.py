"""Make the plan of one site's upgrade: the steps of its path, with what the site's own facts put into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from upgrade_kit.model.path import Hop, UpgradePath
from upgrade_kit.model.plan import Action, CopyFile, Plan, PlannedStep, Run
from upgrade_kit.model.plan_facts import PlanFacts
from upgrade_kit.model.step import Do, Step, StepKind, When
from upgrade_kit.planning.placeholders import fill, fill_word
from upgrade_kit.planning.step_rules import actor_on

# What the probe and the proof of a step need to know, besides the site, by the names of placeholders.
_FACTS: dict[StepKind, tuple[str, ...]] = {
    StepKind.PREFLIGHT: ("backups", "to"),
    StepKind.STOP: ("service", "port"),
    StepKind.BACKUP: ("backups",),
    StepKind.KEEP: ("kept", "settings", "environment"),
    StepKind.VERDICT: ("backups", "to"),
    StepKind.FETCH: ("remote", "tags"),
    StepKind.CHECKOUT: ("tag", "from_tag"),
    StepKind.ENVIRONMENT: ("environment", "python", "requires"),
    StepKind.REQUIREMENTS: ("environment", "python", "django"),
    StepKind.SETTINGS: ("settings", "python", "from", "to"),
    StepKind.WHICH_DATABASE: ("python", "database"),
    StepKind.SYNCDB: ("python", "to"),
    StepKind.MIGRATE: ("python", "from", "to", "log"),
    StepKind.COLLECTSTATIC: ("python",),
    StepKind.LOADDATA: ("python",),
    StepKind.LOG: ("log",),
    StepKind.SHOW_CALCS: ("log",),
    StepKind.CALCS: ("log", "logs", "backups"),
    StepKind.SERVE: ("service", "port", "python", "environment"),
}


def make_plan(facts: PlanFacts, path: UpgradePath) -> Plan:
    """Return every step of one site's upgrade, in order.

    Args:
        facts: what is known of the site.
        path: from the site's version to the target.
    """
    steps: list[PlannedStep] = []
    for index, hop in enumerate(path.hops):
        site = SiteWords.of(facts, path, index)
        steps += [site.planned(step, hop) for step in steps_of(path, hop)]
    return Plan(
        site=Path(facts.site),
        database=facts.database,
        versions=path.versions,
        system=facts.system,
        work=Path(facts.work),
        steps=tuple(steps),
        open_questions=facts.open_questions,
        needs_password=facts.needs_password,
    )


def with_approvals(plan: Plan, file: str) -> Plan:
    """Return the plan in which upload tests are rewritten only as a file of approvals allows.

    Args:
        plan: the plan.
        file: the decisions that the page of ``report`` saves; an absolute path, since steps run in other folders.
    """

    def held_to_it(action: Action) -> Action:
        if isinstance(action, Run) and action.words[:2] == ("upgrade-kit", "rewrite-calcs"):
            return replace(action, words=(*action.words, "--approved", file))
        return action

    return replace(
        plan,
        steps=tuple(
            replace(step, actions=tuple(map(held_to_it, step.actions)))
            if step.kind in (StepKind.SHOW_CALCS, StepKind.CALCS)
            else step
            for step in plan.steps
        ),
    )


def steps_of(path: UpgradePath, hop: Hop) -> Iterator[Step]:
    """Yield the steps of a hop that are done on a path: no look at a site that only passes through a version."""
    left_out = set()
    if hop is not path.hops[0]:
        left_out.add(When.FIRST)
    if hop is not path.hops[-1]:
        left_out.add(When.LAST)
    return (step for step in hop.steps if step.when not in left_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWords:
    """What the placeholders of one hop stand for at one site.

    Attributes:
        facts: of the site.
        values: of the placeholders that are one text, and of other facts of the hop.
        lists: of those that are any number of words.
        separator: between folders.
    """

    facts: PlanFacts
    values: dict[str, str]
    lists: dict[str, tuple[str, ...]]
    separator: str

    @classmethod
    def of(cls, facts: PlanFacts, path: UpgradePath, index: int) -> SiteWords:
        """Return what the placeholders stand for on one hop of a path."""
        source, target = path.releases[index], path.releases[index + 1]
        windows = facts.system == "Windows"
        separator = "\\" if windows else "/"
        name = target.environment or f"qatrack-{target.version}"
        environment = dict(facts.environments).get(name) or separator.join((facts.venvs, name))
        program = ("Scripts", "python.exe") if windows else ("bin", "python")
        values = {
            "backups": separator.join((facts.work, "backups")),
            "database_size": facts.database_size,
            "django": target.django,
            "environment": environment,
            "from": str(source.version),
            "from_tag": source.tag,
            "kept": separator.join((facts.work, "kept")),
            "log": separator.join((facts.site, "logs", "migrate.log")),
            "logs": separator.join((facts.work, "logs")),
            "port": facts.port,
            "python": separator.join((environment, *program)),
            "remote": facts.remote,
            "requires": target.python,
            "service": facts.service,
            "settings": facts.settings,
            "site": facts.site,
            "tag": target.tag,
            "to": str(target.version),
            "uploads_size": facts.uploads_size,
        }
        lists = {
            "asked": ("--python", facts.asked) if facts.asked else (),
            "database": ("--database", facts.database) if facts.database_option else (),
            "interpreter": facts.interpreter,
            "tags": tuple(word for release in path.releases[index + 1 :] for word in ("tag", release.tag)),
        }
        return cls(facts=facts, values=values, lists=lists, separator=separator)

    def planned(self, step: Step, hop: Hop) -> PlannedStep:
        """Return a step of the rules as it is at this site."""
        note = dict(step.notes).get(self.facts.system, "")
        tags = " ".join(self.lists["tags"][1::2])
        port = self.facts.port if self.facts.port_is_known else ""
        known = {**self.values, "database": self.facts.database, "tags": tags, "port": port}
        return PlannedStep(
            id=step.id,
            kind=step.kind,
            hop=hop.target,
            title=self.told(step.title),
            why=self.told(" ".join(filter(None, (step.why, note)))),
            effect=step.effect,
            actor=actor_on(step, self.facts.system),
            actions=tuple(self.actions(step.do)),
            lasts=self.told(step.lasts),
            proof=self.told(step.proof),
            back=self.told(step.back),
            facts=tuple((name, known[name]) for name in _FACTS.get(step.kind, ())),
            source=step.source,
            corrects=step.corrects,
            proofs=tuple(action for action in self.actions(step.prove) if isinstance(action, Run)),
            restores=self.facts.vendor in step.restore_on,
        )

    def told(self, text: str) -> str:
        """Return a text for people with the placeholders filled in."""
        return fill(text.replace("}/", "}" + self.separator), self.values)

    def actions(self, do: Iterable[Do]) -> Iterator[Action]:
        """Yield what is done at this site: on its system, with its database."""
        for one in do:
            if one.systems and self.facts.system not in one.systems:
                continue
            if one.vendors and self.facts.vendor not in one.vendors:
                continue
            if one.copy:
                source, target = self._words(one.copy)
                yield CopyFile(source=Path(source), target=Path(target))
            else:
                yield Run(
                    words=tuple(self._words(one.run)),
                    folder=Path(fill(one.folder, self.values)) if one.folder else None,
                    environment=one.environment,
                    accepts=one.accepts,
                    limit_seconds=float(one.limit_seconds),
                )

    def _words(self, words: Iterable[str]) -> Iterator[str]:
        for word in words:
            yield from fill_word(word, self.values, self.lists, self.separator)
