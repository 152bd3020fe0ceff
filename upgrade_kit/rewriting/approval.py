"""Holds a plan against what people approved: nothing else is written, and only from and to the texts they saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from upgrade_kit.errors import RowChangedError
from upgrade_kit.model.approvals import Approvals, DecidedProcedure, Decision
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite
from upgrade_kit.rewriting.named import some

_UNSETTLED = frozenset({Outcome.REVIEW, Outcome.ERROR})


def approved_only(
    items: Sequence[PlannedRewrite], approvals: Approvals
) -> tuple[list[PlannedRewrite], tuple[str, ...]]:
    """Return the items with none to be written but the approved ones, and what is to be told of the others.

    What ``only`` and ``exclude`` leave out of this run is not looked at: that is how to go on without it.

    Raises:
        RowChangedError: what was approved is not what there is now.
    """
    decided = {one.test_id: one for one in approvals.decisions}
    _check_as_shown(items, approvals)
    held = []
    for item in items:
        one = decided.get(item.procedure.test_id)
        approved = one is not None and one.decision is Decision.APPROVED
        held.append(replace(item, approved=approved, selected=item.selected and approved))
    return held, tuple(_notes(items, held, approvals))


def _check_as_shown(items: Sequence[PlannedRewrite], approvals: Approvals) -> None:
    here = {item.procedure.test_id: item for item in items}
    wrong = []
    for one in approvals.decisions:
        item = here.get(one.test_id)
        if one.decision is not Decision.APPROVED or (item is not None and item.left_out):
            continue
        reason = "no upload test has this id here" if item is None else _otherwise(one, item)
        if reason:
            wrong.append(f"{one.slug} (test {one.test_id}: {reason})")
    if wrong:
        raise RowChangedError(
            f"{approvals.source}: approved, but not as it was shown: {some(wrong)}; nothing was written.",
            hint="Make the page again with upgrade-kit report and look at these; or leave them out with --exclude.",
        )


def _otherwise(one: DecidedProcedure, item: PlannedRewrite) -> str:
    """Return what is not as it was shown, or nothing."""
    if one.slug != item.procedure.slug:
        return f"its macro name is {item.procedure.slug} now"
    if _is_written(one, item):
        return ""
    if one.before_sha256 != item.rewrite.before_sha256:
        return "its text was changed since"
    if one.after_sha256 != item.rewrite.after_sha256:
        return "it would become another text"
    return ""


def _is_written(one: DecidedProcedure, item: PlannedRewrite) -> bool:
    """Tell whether a test holds the approved text already, and stays as it is."""
    unchanged = item.rewrite.before_sha256 == item.rewrite.after_sha256
    return one.before_sha256 != one.after_sha256 and one.after_sha256 == item.rewrite.before_sha256 and unchanged


def _notes(items: Sequence[PlannedRewrite], held: Sequence[PlannedRewrite], approvals: Approvals) -> Iterator[str]:
    decided = {one.test_id: one for one in approvals.decisions}
    stopped = [item.procedure for item, now in zip(items, held, strict=True) if item.selected and not now.selected]
    rejected = [test.slug for test in stopped if test.test_id in decided]
    if rejected:
        yield f"Rejected, so left as they are: {some(rejected)}."
    undecided = [test.slug for test in stopped if test.test_id not in decided]
    if undecided:
        yield f"Not approved, so left as they are: {some(undecided)}."
    agreed = [item for item in held if item.approved and not item.selected and not item.left_out]
    waiting = [item.procedure.slug for item in agreed if item.rewrite.outcome is Outcome.REVIEW and item.rewrite.edits]
    if waiting:
        yield f"Approved, but a review is written only where it is named with --include too: {some(waiting)}."
    nothing = [item.procedure.slug for item in agreed if not item.rewrite.edits and item.rewrite.outcome in _UNSETTLED]
    if nothing:
        yield f"Approved, and nothing is written for them, for the kit proposes no change: {some(nothing)}."
    done = [item.procedure.slug for item in agreed if _is_written(decided[item.procedure.test_id], item)]
    if done:
        yield f"Approved, and they hold the approved text already: {some(done)}."
    here = {item.procedure.test_id for item in items}
    gone = [f"{one.slug} (test {one.test_id})" for one in approvals.decisions if one.test_id not in here]
    if gone:
        yield f"The approvals name what is no upload test here: {some(gone)}."
    nameless = [one.slug for one in approvals.decisions if one.decision is Decision.APPROVED and not one.reviewer]
    if nameless:
        yield f"Approved without a reviewer's name: {some(nameless)}."
