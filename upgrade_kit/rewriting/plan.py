"""All upload tests of a site in, one plan out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.version import Version

from upgrade_kit.errors import DatabaseError, UsageError
from upgrade_kit.model.approvals import Approvals
from upgrade_kit.model.deployment import (
    Database,
    Deployment,
    Schema,
)
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Rewrite, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.rewriting.approval import approved_only
from upgrade_kit.rewriting.named import some
from upgrade_kit.rewriting.others import Neighbours, look_at_others
from upgrade_kit.rewriting.rewrite import rewrite_procedure
from upgrade_kit.rewriting.spread import spread

if TYPE_CHECKING:
    from concurrent.futures import Executor

MARK = "FILE"
CHOICES_ARE_TEXT = Version("0.2.9")  # migration qa.0019_multiple_choice_to_string


def plan_rewrites(  # noqa: PLR0913 - each is one thing that a caller may say
    site: Deployment | Iterable[Procedure],
    *,
    log: MigrateLog | None = None,
    only: Collection[str] = (),
    include: Collection[str] = (),
    exclude: Collection[str] = (),
    python2: bool = True,
    approvals: Approvals | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> RewritePlan:
    """Decide for every upload test what rewrite-calcs shows and what an apply may write; look at the others too.

    Args:
        site: what ``survey`` observed, or the site's tests with their procedures. Tests that are no upload tests are
            looked at for what breaks in them, and never written.
        log: what the migration printed; without it a test is listed when its text holds ``FILE``, which is what
            the migration asks the database (qa/0014_convert_file_uploads).
        only: macro names; where given, no other test is written.
        include: macro names of reviews whose proposed edits are to be written too.
        exclude: macro names that are not to be written.
        python2: whether what only Python 2 can run is converted; see ``rewrite_procedure``.
        approvals: where given, no other test is written than those approved there, and only from and to the texts
            that were shown.
        executor: what shares the work, for sites with thousands of procedures: any executor of
            ``concurrent.futures``. A script that gives a process pool has to start under
            ``if __name__ == "__main__":``. By default all is done in this process.
        progress: called with how many texts were looked at, and how many there are at most.

    Returns:
        The plan, in order of test id; the same whatever shares the work, and whole even where it fails.

    Raises:
        DatabaseError: the site's procedures could not be observed.
        UsageError: a macro name that no upload test has, or one that is both included and excluded.
        RowChangedError: a test that is approved has no longer the text that was shown, or would become another.
        RulesError: a rules file is wrong.
    """
    procedures = tuple(_procedures(site) if isinstance(site, Deployment) else site)
    if log is None and isinstance(site, Deployment) and isinstance(site.migrate_log, MigrateLog):
        log = site.migrate_log
    uploads = sorted((p for p in procedures if p.type == "upload"), key=lambda procedure: procedure.test_id)
    _check_names(uploads, only, include, exclude)
    listed, notes = _listed(uploads, log)
    texts = list(dict.fromkeys((procedure.source, procedure.slug) for procedure in uploads))
    others = tuple(p for p in procedures if p.type != "upload" and (p.source or "").strip())
    tell = progress or (lambda _done, _total: None)
    total = len(texts) + len(others)
    rewrites, problem = spread(partial(_rewrite, python2=python2), texts, executor, lambda done: tell(done, total))
    known = dict(zip(texts, rewrites, strict=True))
    items: list[PlannedRewrite] = []
    for procedure in uploads:
        rewrite = _of(procedure, known[procedure.source, procedure.slug])
        wanted = (not only or procedure.slug in only) and procedure.slug not in exclude
        writable = rewrite.outcome is Outcome.REWRITE or (
            rewrite.outcome is Outcome.REVIEW and procedure.slug in include and bool(rewrite.edits)
        )
        items.append(
            PlannedRewrite(
                procedure=procedure,
                rewrite=rewrite,
                listed=procedure.test_id in listed,
                selected=wanted and writable,
                left_out=not wanted,
            )
        )
    notes += tuple(_included_in_vain(item) for item in items if item.procedure.slug in include and not item.selected)
    if approvals is not None:
        items, told = approved_only(items, approvals)
        notes += (*_shown_elsewhere(site, approvals), *told)
    found, other_problem = look_at_others(
        others,
        neighbours(site, procedures),
        choices_change=choices_change(site),
        executor=executor,
        progress=lambda done: tell(len(texts) + done, total),
    )
    if problem or other_problem:
        notes += (f"What was to share the work failed ({problem or other_problem}); the rest was done without it.",)
    return RewritePlan(items=tuple(items), listed=len(listed), notes=notes, others=found, others_seen=len(others))


def _rewrite(text: tuple[str | None, str], *, python2: bool) -> Rewrite:
    source, slug = text
    return rewrite_procedure(source, slug=slug, python2=python2)


def _of(procedure: Procedure, rewrite: Rewrite) -> Rewrite:
    """Return the answer with the procedure's own text, where it was made of an equal one."""
    if rewrite.before is procedure.source:
        return rewrite
    after = procedure.source if rewrite.source == procedure.source else rewrite.source
    return replace(rewrite, before=procedure.source, source=after)


def neighbours(site: Deployment | Iterable[Procedure], procedures: Iterable[Procedure]) -> Neighbours:
    """Return what the tests of a site are to one another, as far as it was observed."""
    database = site.database if isinstance(site, Deployment) else None
    macro_names = database.macro_names if isinstance(database, Database) else None
    return Neighbours(procedures, None if isinstance(macro_names, Unobserved) else macro_names)


def choices_change(site: Deployment | Iterable[Procedure]) -> bool:
    """Return whether a site has 0.2.9 before it, where the values of multiple-choice tests become text."""
    if not isinstance(site, Deployment):
        return False
    if not isinstance(site.version, Unobserved):
        return site.version < CHOICES_ARE_TEXT
    schema = site.database.schema if isinstance(site.database, Database) else site.database
    return isinstance(schema, Schema) and schema.version is not None and schema.version < CHOICES_ARE_TEXT


def _procedures(site: Deployment) -> tuple[Procedure, ...]:
    database = site.database
    procedures = database if isinstance(database, Unobserved) else database.procedures
    if isinstance(procedures, Unobserved):
        raise DatabaseError(f"the calculation procedures cannot be read: {procedures.reason}")
    return procedures


def _shown_elsewhere(site: Deployment | Iterable[Procedure], approvals: Approvals) -> tuple[str, ...]:
    """Tell where the approvals were given on a page of another database; the texts decide whether they hold here."""
    there = approvals.site[2]
    here = site.database.url if isinstance(site, Deployment) and isinstance(site.database, Database) else None
    if there is None or here is None or there == here:
        return ()
    return (f"The approvals were given on a page of {there}; this is {here}.",)


def _included_in_vain(item: PlannedRewrite) -> str:
    if item.left_out:
        why = "--only or --exclude leaves it out"
    elif item.rewrite.outcome is Outcome.UNCHANGED:
        why = "there is nothing to change in it"
    else:
        why = "the kit has no edit to propose; edit it in QATrack+'s admin"
    return f"{item.procedure.slug}: included, but {why}."


def _check_names(
    uploads: Sequence[Procedure], only: Collection[str], include: Collection[str], exclude: Collection[str]
) -> None:
    slugs = {procedure.slug for procedure in uploads}
    for option, names in (("--only", only), ("--include", include), ("--exclude", exclude)):
        for name in names:
            if name not in slugs:
                raise UsageError(
                    f"{option} {name}: no upload test has this macro name",
                    hint=did_you_mean(name, slugs) or f"Upload tests here: {some(sorted(slugs))}.",
                )
    both = sorted(set(include) & set(exclude))
    if both:
        raise UsageError(f"{both[0]}: named with --include and with --exclude", hint="Name it with one of them.")


def _listed(uploads: Sequence[Procedure], log: MigrateLog | None) -> tuple[set[int], tuple[str, ...]]:
    """Return the ids of the tests that the list names, and where log and database disagree."""
    naming = {procedure.test_id for procedure in uploads if MARK in (procedure.source or "")}
    if log is None or not log.listed:
        return naming, ()
    listed: set[int] = set()
    gone: list[str] = []
    for test in log.listed:
        same_slug = [p for p in uploads if p.slug == test.slug]
        same_both = [p for p in same_slug if p.name == test.name]
        for procedure in same_both or same_slug:
            listed.add(procedure.test_id)
        if not same_slug:
            gone.append(test.slug)
    notes = []
    by_id = {procedure.test_id: procedure.slug for procedure in uploads}
    if gone:
        notes.append(f"The log lists tests that the database has not as upload tests: {some(gone)}.")
    silent = sorted(by_id[test_id] for test_id in listed - naming)
    if silent:
        notes.append(
            f"The log lists tests whose procedure does not hold FILE now: {some(silent)} (changed since, or the "
            "database compares without regard to case)."
        )
    new = sorted(by_id[test_id] for test_id in naming - listed)
    if new:
        notes.append(f"The procedure holds FILE and the log does not list it: {some(new)} (changed since the log).")
    return listed, tuple(notes)
