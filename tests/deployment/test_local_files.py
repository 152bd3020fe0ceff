"""How git's words are parsed; what becomes of real files is tried in end_to_end/test_preflight_git.py."""

from __future__ import annotations

import pytest

from upgrade_kit.deployment.local_files import parse_status
from upgrade_kit.model.repository import Difference

A, B = "a" * 40, "b" * 40


def test_headers_changes_and_conflicts_are_told_apart() -> None:
    status = parse_status(
        [
            f"# branch.oid {A}",
            "# branch.head master",
            "# branch.upstream origin/master",
            "# branch.ab +1 -20",
            f"1 .M N... 100644 100644 100644 {A} {A} a b\nc",
            f"u UU N... 100644 100644 100644 100644 {A} {A} {B} two words",
            "? untracked",
            "! ignored",
        ]
    )
    assert status.headers["branch.ab"] == "+1 -20"
    assert [change.path for change in status.changes] == ["a b\nc"]
    assert status.unmerged == ("two words",)


@pytest.mark.parametrize(
    ("line", "head", "index", "changed", "missing", "differs_in"),
    [
        (f"1 .M N... 100644 100644 100644 {A} {A} x", f"100644 {A}", f"100644 {A}", True, False, Difference.CONTENT),
        (f"1 M. N... 100644 100644 100644 {A} {B} x", f"100644 {A}", f"100644 {B}", False, False, Difference.CONTENT),
        (f"1 .D N... 100644 100644 000000 {A} {A} x", f"100644 {A}", f"100644 {A}", False, True, Difference.CONTENT),
        (f"1 D. N... 100644 000000 000000 {A} {'0' * 40} x", f"100644 {A}", None, False, False, Difference.CONTENT),
        (f"1 A. N... 000000 100644 100644 {'0' * 40} {B} x", None, f"100644 {B}", False, False, Difference.CONTENT),
        (f"1 .M N... 100644 100644 100755 {A} {A} x", f"100644 {A}", f"100644 {A}", True, False, Difference.MODE),
    ],
)
def test_a_change_is_read(
    line: str, head: str | None, index: str | None, changed: bool, missing: bool, differs_in: Difference
) -> None:
    (change,) = parse_status([line]).changes
    assert (change.path, change.head, change.index) == ("x", head, index)
    assert (change.changed, change.missing, change.differs_in) == (changed, missing, differs_in)


def test_no_lines_are_no_changes() -> None:
    status = parse_status([])
    assert (status.changes, status.unmerged, dict(status.headers)) == ((), (), {})
