"""What shows that a step is done: asked before it (is it done already?) and after it (did it work?)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.asking import ask
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.database import read_schema
from upgrade_kit.deployment.manifests import file_sha256, find_backups
from upgrade_kit.model.deployment import SchemaState
from upgrade_kit.model.path import Release
from upgrade_kit.model.plan import CopyFile, Plan, PlannedStep, Run, StepKind
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.upgrading.running import Ran

_ASK_SECONDS = 60.0
_CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The step is done, and what shows it."""

    evidence: str
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDone:
    """The step is not done, and what shows it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotTell:
    """Nothing outside the step's own programs shows whether it is done; doing it again does no harm."""


Answer = Done | NotDone | CannotTell


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAccess:
    """How to look at the site.

    Attributes:
        plan: the plan, for its folders.
        address: gives the database's address as the site's settings have it now.
        releases: the releases that the rules know.
        environment: for the programs that are asked.
    """

    plan: Plan
    address: Callable[[], DatabaseAddress]
    releases: tuple[Release, ...]
    environment: Mapping[str, str]

    def said(self, *words: str | Path, folder: Path | None = None) -> str | Unobserved:
        """Return the last line that a program prints, or why it does not."""
        answer = ask(words, timeout_seconds=_ASK_SECONDS, environment=self.environment, folder=folder)
        if isinstance(answer, Unobserved):
            return answer
        if answer.status != 0:
            return Unobserved(f"{words[0]} ended with status {answer.status}: {answer.last_line}")
        return answer.last_line


def look(step: PlannedStep, site: SiteAccess) -> Answer:
    """Say whether a step is done, from the state of the site alone. Only reads.

    Raises:
        UpgradeKitError: the site cannot be looked at.
    """
    look_at = _LOOKS.get(step.kind)
    return CannotTell() if look_at is None else look_at(step, site)


def prove(step: PlannedStep, ran: tuple[Ran, ...], site: SiteAccess) -> Done | NotDone:
    """Say whether a step that was carried out did what it should. Every program of it ended well.

    Raises:
        UpgradeKitError: the site cannot be looked at.
    """
    of_output, afterwards = _OUTPUTS.get(step.kind), _AFTERWARDS.get(step.kind)
    if of_output is not None:
        return of_output(step, ran, site)
    answer = look(step, site) if afterwards is None else afterwards(step, site)
    if isinstance(answer, CannotTell):
        statuses = ", ".join(str(one.status) for one in ran)
        return Done(evidence=f"exit status {statuses}" if statuses else "done")
    return answer


def _stop(step: PlannedStep, _site: SiteAccess) -> Answer:
    port = step.fact("port")
    if not port.isdigit():
        return CannotTell()
    return NotDone(reason=f"something answers at port {port}") if _answers(port) else _silent(port)


def _silent(port: str) -> Done:
    return Done(evidence=f"nothing answers at port {port}")


def _serve(step: PlannedStep, _site: SiteAccess) -> Answer:
    port = step.fact("port")
    if not port.isdigit():
        return CannotTell()
    return (
        Done(evidence=f"something answers at port {port}") if _answers(port) else NotDone(reason=_silent(port).evidence)
    )


def _answers(port: str) -> bool:
    try:
        with socket.create_connection(("localhost", int(port)), timeout=_CONNECT_SECONDS):
            return True
    except (OSError, OverflowError):
        return False


def _backup(step: PlannedStep, site: SiteAccess) -> Answer:
    with open_database(site.address()) as session:
        backups = find_backups((Path(step.fact("backups")),), session)
    if not backups.current:
        reasons = "".join(f"; {manifest.name}: {reason}" for manifest, reason in backups.stale)
        return NotDone(reason=f"no verified backup of the database as it is now{reasons}")
    made = backups.current[0].made
    return Done(evidence=f"verified: {made.manifest}", details=(("manifest", str(made.manifest)),))


def environment_copy(step: PlannedStep, plan: Plan) -> Path | None:
    """Return where a step keeps a copy of the environment, which a program makes; ``None`` where it keeps none."""
    if step.kind is not StepKind.KEEP or not any(isinstance(action, Run) for action in step.actions):
        return None
    return Path(step.fact("kept")) / f"environment-{plan.versions[0]}"


def _keep(step: PlannedStep, site: SiteAccess) -> Answer:
    environment = environment_copy(step, site.plan)
    if environment is not None and not environment.is_dir():
        return NotDone(reason=f"there is no {environment}")
    kept = [action for action in step.actions if isinstance(action, CopyFile)]
    for copy in kept:
        if not copy.target.is_file():
            return NotDone(reason=f"there is no {copy.target}")
        if not copy.source.is_file() or file_sha256(copy.source) != file_sha256(copy.target):
            return NotDone(reason=f"{copy.target} is not what {copy.source} is now")
    return Done(
        evidence=", ".join(map(str, (*(copy.target for copy in kept), *filter(None, (environment,))))),
        details=tuple((f"copy of {copy.source}", str(copy.target)) for copy in kept),
    )


def commit_of(site: SiteAccess, name: str) -> str | Unobserved:
    """Return the commit that a name leads to in the site's repository, or why none is known."""
    return site.said("git", "-C", site.plan.site, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")


def _fetch(step: PlannedStep, site: SiteAccess) -> Answer:
    known = {tag: commit_of(site, f"refs/tags/{tag}") for tag in step.fact("tags").split()}
    unknown = [tag for tag, commit in known.items() if isinstance(commit, Unobserved)]
    if unknown or not known:
        return NotDone(reason=f"git here does not know the tag {', '.join(unknown) or 'that is needed'}")
    return Done(evidence=", ".join(f"{tag} is {str(commit)[:12]}" for tag, commit in known.items()))


def _checkout(step: PlannedStep, site: SiteAccess) -> Answer:
    wanted, head = commit_of(site, f"refs/tags/{step.fact('tag')}"), commit_of(site, "HEAD")
    if isinstance(wanted, Unobserved):
        return NotDone(reason=f"git here does not know the tag {step.fact('tag')}")
    if isinstance(head, Unobserved):
        return NotDone(reason=f"git does not say what is checked out: {head.reason}")
    if head != wanted:
        return NotDone(reason=f"what is checked out is {head[:12]}, and {step.fact('tag')} is {wanted[:12]}")
    return Done(evidence=f"{step.fact('tag')} ({head[:12]})")


def _environment(step: PlannedStep, site: SiteAccess) -> Answer:
    python = Path(step.fact("python"))
    said = site.said(python, "-c", "import sys, pip; sys.stdout.write('%d.%d.%d' % sys.version_info[:3])")
    if isinstance(said, Unobserved):
        return NotDone(reason=f"{python} {said.reason}")
    try:
        fits = SpecifierSet(step.fact("requires")).contains(Version(said))
    except InvalidVersion:
        return NotDone(reason=f"{python} says that its version is {said!r}")
    return Done(evidence=f"{python} is {said}") if fits else NotDone(reason=f"{python} is {said}")


def _requirements(step: PlannedStep, site: SiteAccess) -> Answer:
    python, wanted = Path(step.fact("python")), step.fact("django")
    said = site.said(python, "-c", "import sys, django; sys.stdout.write(django.get_version())", folder=site.plan.work)
    if isinstance(said, Unobserved):
        return NotDone(reason=f"Django cannot be imported: {said.reason}")
    if wanted and said != wanted:
        return NotDone(reason=f"Django is {said}, and {wanted} is what the release needs")
    return Done(evidence=f"Django {said}")


def _migrate(step: PlannedStep, site: SiteAccess) -> Answer:
    with open_database(site.address()) as session:
        schema = read_schema(session, session.table_names(), site.releases)
    if schema.state is SchemaState.COMPLETE and schema.version == step.hop:
        return Done(evidence=f"the schema is complete: {schema.span or schema.version}")
    missing = f", missing: {', '.join(schema.missing)}" if schema.missing else ""
    return NotDone(reason=f"the schema is {schema.state.value} at {schema.version}{missing}")


def _which_database(_step: PlannedStep, ran: tuple[Ran, ...], site: SiteAccess) -> Done | NotDone:
    said = ran[-1].last_lines[-1] if ran and ran[-1].last_lines else ""
    address = site.address()
    name = said.partition(" ")[2]  # behind the engine
    same = _same_file(name, address.name) if address.vendor == "sqlite" else name == address.name
    if same:
        return Done(evidence=said)
    return NotDone(
        reason=f"the release would use {said or 'no database'}, and the site's database is {address.name}; "
        "it passes over a local_settings.py that cannot be imported"
    )


def _same_file(one: str, other: str) -> bool:
    try:
        return bool(one) and Path(one).samefile(other)
    except OSError:
        return False


def _loaddata(_step: PlannedStep, ran: tuple[Ran, ...], _site: SiteAccess) -> Done | NotDone:
    """Old releases of Django end with status 0 where nothing was loaded (docs/facts.md)."""
    said = [line for one in ran for line in one.last_lines if line.startswith("Installed ")]
    if len(said) == len(ran) and not any(line.startswith("Installed 0 ") for line in said):
        return Done(evidence="; ".join(said))
    return NotDone(reason=f"not every file says what it installed: {'; '.join(said) or 'none does'}")


_LOOKS: Mapping[StepKind, Callable[[PlannedStep, SiteAccess], Answer]] = {
    StepKind.STOP: _stop,
    StepKind.SERVE: _serve,
    StepKind.BACKUP: _backup,
    StepKind.KEEP: _keep,
    StepKind.FETCH: _fetch,
    StepKind.CHECKOUT: _checkout,
}
# What shows that these are done does not show that they are done to their end; doing them again is harmless.
_AFTERWARDS: Mapping[StepKind, Callable[[PlannedStep, SiteAccess], Answer]] = {
    StepKind.ENVIRONMENT: _environment,
    StepKind.REQUIREMENTS: _requirements,
    StepKind.MIGRATE: _migrate,
}
_OUTPUTS: Mapping[StepKind, Callable[[PlannedStep, tuple[Ran, ...], SiteAccess], Done | NotDone]] = {
    StepKind.WHICH_DATABASE: _which_database,
    StepKind.LOADDATA: _loaddata,
}
