from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from upgrade_kit.errors import RowChangedError
from upgrade_kit.model.approvals import Approvals, DecidedProcedure, Decision
from upgrade_kit.model.rewrite import Outcome, Procedure, RewritePlan
from upgrade_kit.rewriting.plan import plan_rewrites

BYTES = "ds = dicom.read_file(FILE)\nresult = ds.Rows\n"
MIXED = "import struct\nn = int(FILE.readline().split('=')[1])\nresult = struct.unpack('<I', FILE.read())\n"
TESTS = tuple(
    Procedure(test_id=number, slug=slug, name=slug.upper(), type="upload", source=source)
    for number, slug, source in (
        (1, "one", BYTES),
        (2, "two", f"# another\n{BYTES}"),
        (3, "mixed", MIXED),
        (4, "plain", "result = 1\n"),
        (5, "none", None),
    )
)


def approvals(**decisions: str) -> Approvals:
    """What a page of these tests would export, by macro name."""
    shown = {item.procedure.slug: item for item in plan_rewrites(TESTS).items}
    return Approvals(
        source="approvals.json",
        site=(None, None, None),
        made_at=datetime(2026, 3, 1, tzinfo=UTC),
        reviewer="A. Physicist",
        decisions=tuple(
            DecidedProcedure(
                test_id=shown[slug].procedure.test_id,
                slug=slug,
                decision=Decision(decision),
                reviewer="A. Physicist",
                decided_on=None,
                note="",
                before_sha256=shown[slug].rewrite.before_sha256,
                after_sha256=shown[slug].rewrite.after_sha256,
            )
            for slug, decision in decisions.items()
        ),
    )


def written(plan: RewritePlan) -> list[str]:
    return [item.procedure.slug for item in plan.changes]


def test_without_approvals_nothing_changes() -> None:
    plan = plan_rewrites(TESTS)

    assert written(plan) == ["one", "two"]
    assert {item.approved for item in plan.items} == {None}


@pytest.mark.parametrize(
    ("decisions", "expected", "note"),
    [
        pytest.param({"one": "approved", "two": "approved"}, ["one", "two"], "", id="all are approved"),
        pytest.param({"one": "approved"}, ["one"], "Not approved, so left as they are: two.", id="one is undecided"),
        pytest.param(
            {"one": "approved", "two": "rejected"}, ["one"], "Rejected, so left as they are: two.", id="one is rejected"
        ),
        pytest.param({}, [], "Not approved, so left as they are: one, two.", id="nobody decided"),
        pytest.param(
            {"one": "approved", "two": "approved", "plain": "approved", "none": "approved"},
            ["one", "two"],
            "",
            id="what stays as it is may be approved",
        ),
        pytest.param(
            {"one": "approved", "two": "approved", "mixed": "rejected"}, ["one", "two"], "", id="a review is rejected"
        ),
    ],
)
def test_only_what_is_approved_is_written(decisions: dict[str, str], expected: list[str], note: str) -> None:
    plan = plan_rewrites(TESTS, approvals=approvals(**decisions))

    assert written(plan) == expected
    assert "".join(plan.notes) == note
    assert {item.procedure.slug: item.approved for item in plan.items} == {
        test.slug: decisions.get(test.slug) == "approved" for test in TESTS
    }


def test_a_review_is_written_only_where_it_is_approved_and_included() -> None:
    review = replace(TESTS[0], test_id=6, slug="odd", source="data = FILE.read()\nresult = helper(data)\nf = FILE\n")
    plans = {
        (include, decided): plan_rewrites(
            (*TESTS[:1], review), include=include, approvals=_approving(review) if decided else approvals()
        )
        for include in ((), ("odd",))
        for decided in (True, False)
    }
    [item] = [one for one in plans[(), True].items if one.procedure.slug == "odd"]
    assert item.rewrite.outcome is Outcome.REVIEW
    assert item.rewrite.edits

    assert written(plans[("odd",), True]) == ["odd"]
    assert written(plans[(), True]) == []
    assert written(plans[("odd",), False]) == []
    assert any("named with --include too: odd" in note for note in plans[(), True].notes)


def _approving(procedure: Procedure) -> Approvals:
    [item] = plan_rewrites([procedure]).items
    one = DecidedProcedure(
        test_id=procedure.test_id,
        slug=procedure.slug,
        decision=Decision.APPROVED,
        reviewer="",
        decided_on=None,
        note="",
        before_sha256=item.rewrite.before_sha256,
        after_sha256=item.rewrite.after_sha256,
    )
    return replace(approvals(), decisions=(one,))


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        pytest.param(replace(TESTS[0], source=f"{BYTES}\n"), "its text was changed since", id="a blank line more"),
        pytest.param(replace(TESTS[0], source=None), "its text was changed since", id="no text any more"),
        pytest.param(replace(TESTS[0], slug="uno"), "its macro name is uno now", id="another macro name"),
        pytest.param(replace(TESTS[0], test_id=8), "no upload test has this id here", id="another id"),
        pytest.param(replace(TESTS[0], type="string"), "no upload test has this id here", id="another type"),
    ],
)
def test_an_approval_of_what_is_not_there_any_more_refuses_all(now: Procedure, reason: str) -> None:
    with pytest.raises(RowChangedError, match=reason) as caught:
        plan_rewrites([now, *TESTS[1:]], approvals=approvals(one="approved", two="approved"))

    assert "one (test 1" in caught.value.message
    assert "nothing was written" in caught.value.message


def test_an_approval_of_what_would_become_another_text_refuses_all() -> None:
    given = approvals(one="approved")
    other = replace(given, decisions=(replace(given.decisions[0], after_sha256="0" * 64),))

    with pytest.raises(RowChangedError, match="it would become another text"):
        plan_rewrites(TESTS, approvals=other)


@pytest.mark.parametrize(
    ("only", "exclude"),
    [pytest.param((), ("one",), id="excluded"), pytest.param(("two",), (), id="not among the only ones")],
)
def test_what_is_left_out_of_the_run_need_not_be_as_it_was_shown(
    only: tuple[str, ...], exclude: tuple[str, ...]
) -> None:
    now = [replace(TESTS[0], source="result = 2\n"), *TESTS[1:]]

    plan = plan_rewrites(now, only=only, exclude=exclude, approvals=approvals(one="approved", two="approved"))

    assert written(plan) == ["two"]


def test_a_rejected_test_that_is_gone_stops_nothing() -> None:
    plan = plan_rewrites(TESTS[1:], approvals=approvals(one="rejected", two="approved"))

    assert written(plan) == ["two"]
    assert plan.notes == ("The approvals name what is no upload test here: one (test 1).",)


def test_a_rejected_test_that_changed_stops_nothing() -> None:
    now = [replace(TESTS[0], source=f"{BYTES}# more\n"), *TESTS[1:]]

    assert written(plan_rewrites(now, approvals=approvals(one="rejected", two="approved"))) == ["two"]


def test_the_same_approvals_after_the_apply_find_it_done() -> None:
    given = approvals(one="approved", two="approved")
    done = [
        replace(test, source=item.rewrite.source)
        for test, item in zip(TESTS, plan_rewrites(TESTS, approvals=given).items, strict=True)
    ]

    plan = plan_rewrites(done, approvals=given)

    assert written(plan) == []
    assert plan.notes == ("Approved, and they hold the approved text already: one, two.",)


def test_an_approval_without_a_name_counts_and_is_told() -> None:
    plan = plan_rewrites(TESTS[:1], approvals=_approving(TESTS[0]))

    assert written(plan) == ["one"]
    assert plan.notes == ("Approved without a reviewer's name: one.",)
