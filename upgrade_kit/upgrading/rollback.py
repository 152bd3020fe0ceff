"""Takes an upgrade back: database, settings and checkout as they were, as far as the journal proves it can."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.connection import open_database
from upgrade_kit.deployment.manifests import file_sha256, find_backups
from upgrade_kit.errors import UpgradeError, UpgradeKitError
from upgrade_kit.model.plan import CopyFile, Run, StepKind
from upgrade_kit.model.step import Effect
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.upgrading.journal import Happening, UpgradeJournal
from upgrade_kit.upgrading.proofs import NotDone, SiteAccess, commit_of, environment_copy, look
from upgrade_kit.upgrading.restoring import reliable_backup, told_of
from upgrade_kit.upgrading.running import Programs
from upgrade_kit.upgrading.upgrade import OF_DATABASE, copy_privately


class Told(Protocol):
    """Who hears what is taken back, and agrees."""

    def agrees_to_all(self, parts: tuple[str, ...]) -> bool:
        """Ask whether all of this may be done."""

    def came_back(self, part: str, evidence: str) -> None:
        """Tell that a part is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """What there is to take back.

    Attributes:
        manifest: of the backup to restore; ``None`` where the database was not written to.
        told: what a person must know of that restore, one sentence each.
        settings: the copies to put back, each with its place.
        head: the commit to check out; empty where that is checked out.
        branch: the branch that was checked out; empty where none was.
        environment: the virtual environment to put back, and its copy; ``None`` where it was not changed.
        left: what stays as the upgrade left it, one sentence each.
    """

    manifest: Path | None
    told: tuple[str, ...]
    settings: tuple[CopyFile, ...]
    head: str
    branch: str
    environment: tuple[Path, Path] | None
    left: tuple[str, ...]

    def parts(self) -> tuple[str, ...]:
        """Return what will be done, one sentence each."""
        sentences = [*self.told]
        sentences += [
            f"{copy.target} gets the text of {copy.source} again; the text that it has now is kept beside that."
            for copy in self.settings
        ]
        if self.environment:
            sentences.append(f"{self.environment[0]} becomes the copy {self.environment[1]} again.")
        if self.head:
            sentences.append(f"git checks out {self.branch or self.head[:12]} again.")
        return tuple(sentences)


def way_back(journal: UpgradeJournal, site: SiteAccess) -> WayBack:
    """Find out what an upgrade changed, and what leads back.

    Raises:
        UpgradeError: the database was written to, and the journal names no backup from before that can be relied on.
        UpgradeKitError: the site cannot be looked at.
    """
    manifest = _manifest(journal, site)
    head = journal.start.get("head", "")
    now = commit_of(site, "HEAD")
    return WayBack(
        manifest=manifest,
        told=() if manifest is None else told_of(reliable_backup(manifest, site), journal, site),
        settings=tuple(copy for copy in _copies(journal) if _differs(copy)),
        head=head if head and now != head else "",
        branch=journal.start.get("branch", ""),
        environment=_environment(journal),
        left=_left(journal),
    )


def take_back(journal: UpgradeJournal, site: SiteAccess, programs: Programs, told: Told) -> bool:
    """Take an upgrade back; started again after it was stopped, it goes on.

    Returns:
        Whether it was agreed to.

    Raises:
        UpgradeError: something does not come back; says what is back and what is not.
        UpgradeKitError: the backup cannot be restored.
    """
    back = way_back(journal, site)
    if not told.agrees_to_all((*back.parts(), *back.left, *_running(journal, site))):
        return False
    journal.add(Happening.ROLLBACK_BEGUN)
    if back.head:
        # first: the database of the old release is of no use to the code of the new one
        _check_out(back, site, programs)
        told.came_back("checkout", back.branch or back.head[:12])
    for copy in back.settings:
        aside = _set_aside(copy)
        copy_privately(copy)
        told.came_back("settings", f"{copy.target}{f'; what it was is in {aside}' if aside else ''}")
    if back.environment is not None:
        told.came_back("environment", f"what the upgrade made of it is in {_put_back(*back.environment)}")
    if back.manifest is not None:
        restored = restore_backup(back.manifest, database=site.address(), replace=True)
        kept = [line for line in restored.proof[:-1] if "kept" in line]
        told.came_back("database", " ".join((*kept, *restored.proof[-1:])))
    journal.add(Happening.ROLLED_BACK)
    return True


def _manifest(journal: UpgradeJournal, site: SiteAccess) -> Path | None:
    written = [
        step.id
        for step in journal.plan.steps
        if step.kind in OF_DATABASE and step.effect is not Effect.READ and journal.began(step.id)
    ]
    if not written:
        return None
    manifest = _manifest_before(journal, written)
    if manifest is None:
        raise UpgradeError(
            f"{', '.join(written)} may have written to the database, and the journal names no backup from before.",
            hint="Restore one that you know of: upgrade-kit backup restore MANIFEST --database URL --replace",
        )
    try:
        with open_database(site.address()) as session:
            current = {backup.made.manifest.absolute() for backup in find_backups((manifest.parent,), session).current}
    except UpgradeKitError:  # the settings are not back yet, or the database is gone: it is to be restored
        return manifest
    return None if manifest.absolute() in current else manifest


def _manifest_before(journal: UpgradeJournal, written: list[str]) -> Path | None:
    """Return the last backup that was made before the first step that wrote to the database and was not undone."""
    found: Path | None = None
    began: set[str] = set()
    for event in journal.events:
        if event.step in written and event.what in (Happening.BEGUN, Happening.ASSUMED):
            began.add(event.step)
        elif event.what is Happening.UNDONE:
            began.discard(event.step)
        details = dict(event.details)
        if "manifest" in details and not began:
            found = Path(details["manifest"])
    return found


def _copies(journal: UpgradeJournal) -> tuple[CopyFile, ...]:
    """Return the first copy of each file that was kept, turned round."""
    copies: dict[Path, CopyFile] = {}
    for step in journal.plan.steps:
        for action in step.actions:
            if isinstance(action, CopyFile) and journal.is_settled(step.id) and action.target.is_file():
                copies.setdefault(action.source, CopyFile(source=action.target, target=action.source))
    return tuple(copies.values())


def _set_aside(copy: CopyFile) -> Path | None:
    """Copy what is about to be replaced beside its kept text; return the copy, ``None`` where there is nothing."""
    if not copy.target.is_file():
        return None
    stem = f"{copy.source.stem}.before-rollback-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    aside = copy.source.with_name(f"{stem}{copy.source.suffix}")
    copy_privately(CopyFile(source=copy.target, target=aside))
    return aside


def _running(journal: UpgradeJournal, site: SiteAccess) -> Iterator[str]:
    """Tell that the site is still running, where that shows."""
    for step in journal.plan.steps:
        if step.kind is StepKind.STOP and isinstance(state := look(step, site), NotDone):
            yield f"!!! Stop the site first, and what uses its database: {state.reason}."
            return


def _differs(copy: CopyFile) -> bool:
    return not copy.target.is_file() or file_sha256(copy.source) != file_sha256(copy.target)


def _environment(journal: UpgradeJournal) -> tuple[Path, Path] | None:
    """Return the environment that the upgrade changed in its place, and the copy from before."""
    for step in journal.plan.steps:
        copy = environment_copy(step, journal.plan)
        if copy is None or not journal.is_settled(step.id):
            continue
        environment = step.fact("environment")
        changed = any(
            other.kind is StepKind.REQUIREMENTS and other.fact("environment") == environment and journal.began(other.id)
            for other in journal.plan.steps
        )
        if environment and changed and copy.is_dir():
            return Path(environment), copy
    return None


def _put_back(environment: Path, copy: Path) -> Path:
    """Move the copy of an environment to its place, and what is there out of the way; return where that is.

    Raises:
        UpgradeError: one of the two cannot be moved.
    """
    aside = environment.with_name(f"{environment.name}.upgraded")
    partial = environment.with_name(f"{environment.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(copy, partial, symlinks=True)  # it may be on another disk
        if environment.exists() and not aside.exists():
            environment.rename(aside)
        shutil.rmtree(environment, ignore_errors=True)
        partial.rename(environment)
        restored = copy.with_name(f"{copy.name}.restored")
        shutil.rmtree(restored, ignore_errors=True)
        copy.rename(restored)
    except KeyboardInterrupt:
        shutil.rmtree(partial, ignore_errors=True)
        with suppress(OSError):
            if not environment.exists():
                aside.rename(environment)
        raise
    except OSError as error:
        raise UpgradeError(
            f"{environment}: the environment cannot be put back: {error.strerror or error}.",
            hint=f"Is a program of it still running? End it, then type the same command again. Its copy is {copy}.",
        ) from error
    return aside


def _check_out(back: WayBack, site: SiteAccess, programs: Programs) -> None:
    name = back.branch or back.head
    if back.branch and commit_of(site, f"refs/heads/{back.branch}") != back.head:
        name = back.head
    ran = programs.run(
        Run(words=("git", "-C", str(site.plan.site), "checkout", name), limit_seconds=600),
        site.plan.work / "logs" / "rollback.log",
    )
    now = commit_of(site, "HEAD")
    if ran.status != 0 or isinstance(now, Unobserved) or now != back.head:
        raise UpgradeError(
            f"git did not check out {name}: {' / '.join(ran.last_lines[-3:])}.",
            hint="Nothing else was taken back yet. Save what git names, then type the same command again.",
        )


def _left(journal: UpgradeJournal) -> tuple[str, ...]:
    left = [
        f"{step.title}: stays as it is. {step.back}".strip()
        for step in journal.plan.steps
        if journal.began(step.id)
        and step.effect is not Effect.READ
        and step.kind in (StepKind.ENVIRONMENT, StepKind.REQUIREMENTS, StepKind.COLLECTSTATIC, StepKind.SERVE)
    ]
    if any(step.kind is StepKind.MIGRATE and journal.began(step.id) for step in journal.plan.steps):
        left.append("Copies of uploaded files that the migration made stay; the originals were never moved.")
    return tuple(left)
