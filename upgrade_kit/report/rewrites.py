"""What rewrite-calcs shows a person: the table, the findings, a diff per procedure, what to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from upgrade_kit.model.finding import Severity
from upgrade_kit.model.migrate_log import FailedAttachment, MigrateLog
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, RewritePlan
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.report.diff import split_lines, unified_diff
from upgrade_kit.report.diff_line import diff_line
from upgrade_kit.report.document import summary
from upgrade_kit.report.terminal import literal, print_prose, print_table, table_box

_UNDECIDED = (Outcome.REVIEW, Outcome.ERROR)
_ORDER = (Outcome.REWRITE, *_UNDECIDED, Outcome.UNCHANGED)
_OUTCOME_STYLE = {
    Outcome.REWRITE: "green",
    Outcome.UNCHANGED: "dim",
    Outcome.REVIEW: "yellow",
    Outcome.ERROR: "red",
}
_SEVERITY_STYLE = {Severity.INFO: "dim", Severity.WARNING: "yellow", Severity.ERROR: "red"}
_SLUG_WIDTH = 24
_FIRST_FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a report must know of the run besides its plan.

    Attributes:
        command: what to type for this run again, without ``--apply`` and without a password.
        applied: whether the selected changes were written.
        journal: path of the journal, if they were.
        remarks: sentences to be read before the summary (``"No verified backup: ..."``).
    """

    command: str = "upgrade-kit rewrite-calcs"
    applied: bool = False
    journal: str | None = None
    remarks: tuple[str, ...] = ()


_DRY_RUN = Run()


def render_rewrites(
    plan: RewritePlan,
    console: Console,
    *,
    forecast: str | None = None,
    verbose: int = 0,
    quiet: bool = False,
    show_diffs: bool = True,
    log: MigrateLog | None = None,
    run: Run = _DRY_RUN,
) -> None:
    """Write the report of one run to a console.

    Args:
        plan: every upload test with its answer, and what breaks in the others.
        console: made by ``make_console``.
        forecast: why nothing can be applied here yet; ``None`` where it can.
        verbose: from 1 on also names, information, and every file that was not moved.
        quiet: only the table, the remarks and the summary.
        show_diffs: whether to show the changes line by line.
        log: the migration's log, for its notes and the files that it failed to move.
        run: what to type next, and whether the changes were written.
    """
    if forecast:
        print_prose(console, literal(console, f"Forecast: {forecast}", "bold yellow"))
        console.print()
    if plan.items:
        print_table(console, _table(plan, console, verbose=verbose))
        console.print()
    _print_others(plan, console, verbose=verbose)
    if not quiet:
        _print_findings(plan, console, verbose=verbose)
        _print_section("Notes", (*plan.notes, *(log.notes if log else ())), console)
        if log and log.failed_attachments:
            _print_failed(log.failed_attachments, console, verbose=verbose)
        if show_diffs:
            _print_diffs(plan, console)
    for remark in run.remarks:
        print_prose(console, literal(console, remark, "bold yellow"))
    print_prose(console, Text(_summary(plan, run, forecast=forecast), style="bold"))
    if not quiet:
        for line in _next_steps(plan, run, forecast=forecast):
            console.print(literal(console, line), soft_wrap=True)


def _table(plan: RewritePlan, console: Console, *, verbose: int) -> Table:
    table = Table(box=table_box(console), show_edge=False, pad_edge=False)
    table.add_column("outcome", no_wrap=True)
    table.add_column("slug", overflow="fold", max_width=_SLUG_WIDTH)
    if verbose:
        table.add_column("test", overflow="fold", max_width=_SLUG_WIDTH)
    table.add_column("reads", no_wrap=True)
    table.add_column("reason", overflow="fold", ratio=1)
    repeated = Counter(item.procedure.slug for item in plan.items)
    for item in sorted(plan.items, key=lambda item: _ORDER.index(item.rewrite.outcome)):
        procedure, rewrite = item.procedure, item.rewrite
        slug = literal(console, procedure.slug)
        if repeated[procedure.slug] > 1:
            slug.append(f" (test {procedure.test_id})")
        row = [Text(rewrite.outcome, style=_OUTCOME_STYLE[rewrite.outcome]), slug]
        if verbose:
            row.append(literal(console, f"{procedure.test_id} {procedure.name}"))
        row += [Text(rewrite.reads), literal(console, rewrite.reason + _selection(item))]
        table.add_row(*row)
    return table


def _selection(item: PlannedRewrite) -> str:
    """Say where the selection differs from what the outcome alone would give."""
    match item.rewrite.outcome, item.selected:
        case Outcome.REWRITE, False:
            return " (not approved)" if item.approved is False and not item.left_out else " (left out of this run)"
        case Outcome.REVIEW, True:
            return " (included by name)"
        case _:
            return ""


def _print_others(plan: RewritePlan, console: Console, *, verbose: int) -> None:
    """Show what breaks in tests that are no upload tests: never written, so that a person must."""
    table = Table(box=table_box(console), show_edge=False, pad_edge=False)
    table.add_column("other tests", overflow="fold", max_width=_SLUG_WIDTH)
    table.add_column("type", no_wrap=True)
    table.add_column("what breaks, and what to type", overflow="fold", ratio=1)
    repeated = Counter(other.procedure.slug for other in plan.others)
    for other in plan.others:
        slug = literal(console, other.procedure.slug)
        if repeated[other.procedure.slug] > 1:
            slug.append(f" (test {other.procedure.test_id})")
        for finding in other.findings:
            if finding.severity is Severity.INFO and not verbose:
                continue
            rule = f"  [{finding.rule}]" if finding.rule else ""
            text = literal(console, f"{finding.where}: {finding.message}{rule}", _SEVERITY_STYLE[finding.severity])
            text.append("\n-> ").append(literal(console, finding.hint))
            table.add_row(slug, literal(console, other.procedure.type), text)
            slug = Text("")
    if table.row_count:
        print_table(console, table)
        console.print()


def _print_section(title: str, lines: tuple[str, ...], console: Console) -> None:
    if not lines:
        return
    console.print(Text(title, style="bold"))
    for line in lines:
        print_prose(console, literal(console, line), indent=2)
    console.print()


def _print_findings(plan: RewritePlan, console: Console, *, verbose: int) -> None:
    found = [(item, finding) for item in plan.items for finding in item.rewrite.findings]
    shown = [(item, finding) for item, finding in found if verbose or finding.severity != Severity.INFO]
    if not found:
        return
    console.print(Text("Findings", style="bold"))
    for item, finding in shown:
        line = literal(console, item.procedure.slug)
        line.append(f"  {finding.severity}", style=_SEVERITY_STYLE[finding.severity])
        where = f"  {finding.where}" if finding.where and finding.where != item.procedure.slug else ""
        rule = f"  [{finding.rule}]" if finding.rule else ""
        line.append(literal(console, f"{where}  {finding.message}{rule}"))
        print_prose(console, line, indent=2)
        if finding.hint:
            print_prose(console, literal(console, finding.hint), indent=6)
    if len(found) > len(shown):
        print_prose(console, Text(f"{len(found) - len(shown)} for information only; -v shows them."), indent=2)
    console.print()


def _print_failed(failed: tuple[FailedAttachment, ...], console: Console, *, verbose: int) -> None:
    noun = "uploaded file" if len(failed) == 1 else "uploaded files"
    shown = failed if verbose else failed[:_FIRST_FEW]
    lines = [f"{one.file}  (test instance {one.test_instance_id}, {one.where})" for one in shown]
    if len(failed) > len(shown):
        lines.append(f"... and {len(failed) - len(shown)} more; -v shows them.")
    lines.append(
        "The checkout that migrated had no media/uploads/<test list instance>/<file> for them. If the whole "
        "folder was missing, restore the backup, copy media/uploads into the checkout and migrate again; "
        "otherwise attach the files by hand."
    )
    _print_section(f"{len(failed)} {noun} not moved by the migration", tuple(lines), console)


def _print_diffs(plan: RewritePlan, console: Console) -> None:
    for item in plan.items:
        before, after = item.rewrite.before or "", item.rewrite.source or ""
        left_out = item.rewrite.outcome is Outcome.REWRITE and not item.selected
        if not item.rewrite.edits or before == after or left_out:
            continue
        procedure = item.procedure
        title = literal(console, f"{procedure.slug}  {procedure.name}  (test {procedure.test_id})", "bold")
        if item.rewrite.outcome is Outcome.REVIEW:
            title.append("  proposed, " + ("included" if item.selected else "not written"), style="yellow")
        console.print(title)
        # The two file lines only repeat the title.
        for line in split_lines(unified_diff(before, after, procedure.slug))[2:]:
            console.print(diff_line(line, console), soft_wrap=True)
        console.print()


def _summary(plan: RewritePlan, run: Run, *, forecast: str | None) -> str:
    if not plan.items:
        return "No upload tests: nothing to rewrite."
    counts = ", ".join(f"{number} {outcome}" for outcome, number in summary(plan).items() if number)
    noun = "upload test" if len(plan.items) == 1 else "upload tests"
    return f"{len(plan.items)} {noun} ({plan.listed} listed): {counts}. {_fate(plan, run, forecast=forecast)}"


def _fate(plan: RewritePlan, run: Run, *, forecast: str | None) -> str:
    changes = len(plan.changes)
    if not changes and any(item.left_out and item.rewrite.outcome is Outcome.REWRITE for item in plan.items):
        return "Nothing to write: --only or --exclude leaves the others out."
    if not changes and any(item.approved and _is_proposed(item) for item in plan.items):
        return "Nothing to write: what is approved is a review, which has to be named too."
    if not changes and any(item.approved is False and item.rewrite.outcome is Outcome.REWRITE for item in plan.items):
        return "Nothing to write: nothing of it is approved."
    if not changes:
        return "Nothing to write."
    if run.applied:
        return f"{changes} written."
    return f"{changes} to be written" + (" after the upgrade." if forecast else ". Nothing is written yet.")


def _next_steps(plan: RewritePlan, run: Run, *, forecast: str | None) -> Iterator[str]:
    if run.journal:
        yield f"To take it back:  upgrade-kit rewrite-calcs --undo {quoted(run.journal)}"
    elif plan.changes and not run.applied and forecast is None:
        yield f"To write it:  {run.command} --apply"
    yield from _step_for_reviews(plan, run, forecast=forecast)
    yield from _step_for_others(plan)
    undecided = sum(item.rewrite.outcome in _UNDECIDED and not item.selected for item in plan.items)
    if undecided:
        need = "needs a person" if undecided == 1 else "need a person"
        if forecast is None:
            yield f"{undecided} {need}: see the reason, edit the test in QATrack+'s admin, run this again."
        else:
            yield f"{undecided} {need}, after the upgrade: BIN_FILE does not exist before it."


def _step_for_reviews(plan: RewritePlan, run: Run, *, forecast: str | None) -> Iterator[str]:
    """Tell what to type for the changes that reviews propose: all that people approved, or how to take the first."""
    proposed = [item for item in plan.items if _is_proposed(item)]
    approved = list(dict.fromkeys(item.procedure.slug for item in proposed if item.approved))
    if forecast is not None:
        return
    if approved:
        options = " ".join(f"--include {quoted(slug)}" for slug in approved)
        noun = "review" if len(approved) == 1 else "reviews"
        yield f"To write the approved {noun} too:  {run.command} {options} --apply"
    elif proposed and not run.applied and proposed[0].approved is None:
        option = f"--include {quoted(proposed[0].procedure.slug)}"
        yield f"To take a proposed change of a review too:  {run.command} {option} --apply"


def _step_for_others(plan: RewritePlan) -> Iterator[str]:
    told = [other for other in plan.others if any(f.severity is not Severity.INFO for f in other.findings)]
    if told:
        need = "needs" if len(told) == 1 else "need"
        yield (
            f"{len(told)} of {plan.others_seen} other procedures {need} a person too: "
            "edit them in QATrack+'s admin as told above."
        )


def _is_proposed(item: PlannedRewrite) -> bool:
    proposed = item.rewrite.outcome is Outcome.REVIEW and bool(item.rewrite.edits)
    return proposed and not item.selected and not item.left_out
