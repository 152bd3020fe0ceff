"""The table of ``git read-tree -m`` with two trees, line by line; that git does so is tried in end_to_end."""

from __future__ import annotations

import pytest

from upgrade_kit.model.repository import LocalChange
from upgrade_kit.preflight.switching import Fate, fate_of

OLD, NEW, OURS = "100644 old", "100644 new", "100644 ours"


def change(
    head: str | None, index: str | None, target: str | None, *, changed: bool = False, missing: bool = False
) -> LocalChange:
    return LocalChange(
        path="x", head=head, index=index, changed=changed, missing=missing, targets=(("v1", target), ("v2", NEW))
    )


@pytest.mark.parametrize(
    ("local", "fate"),
    [
        pytest.param(change(OLD, OLD, OLD, changed=True), Fate.CARRIED, id="changed, the same in both"),
        pytest.param(change(OLD, OLD, NEW, changed=True), Fate.REFUSED, id="changed, another in the target"),
        pytest.param(change(OLD, OLD, None, changed=True), Fate.REFUSED, id="changed, none in the target"),
        pytest.param(change(OLD, OURS, OLD), Fate.CARRIED, id="staged, the same in both"),
        pytest.param(change(OLD, OURS, NEW), Fate.REFUSED, id="staged, another in the target"),
        pytest.param(change(OLD, OURS, None), Fate.REFUSED, id="staged, none in the target"),
        pytest.param(change(OLD, NEW, NEW), Fate.GONE, id="the target's own staged"),
        pytest.param(change(OLD, NEW, NEW, changed=True), Fate.CARRIED, id="the target's own staged, and changed"),
        pytest.param(change(None, OURS, None), Fate.CARRIED, id="added, none in the target"),
        pytest.param(change(None, OURS, NEW), Fate.REFUSED, id="added, another in the target"),
        pytest.param(change(None, NEW, NEW), Fate.GONE, id="added, the target's own"),
        pytest.param(change(OLD, None, OLD), Fate.CARRIED, id="removed, the same in both"),
        pytest.param(change(OLD, None, NEW), Fate.REFUSED, id="removed, another in the target"),
        pytest.param(change(OLD, None, None), Fate.GONE, id="removed, none in the target"),
        pytest.param(change(OLD, OLD, OLD, missing=True), Fate.CARRIED, id="missing, the same in both"),
        pytest.param(change(OLD, OLD, NEW, missing=True), Fate.GONE, id="missing, another in the target"),
        pytest.param(change(OLD, OLD, None, missing=True), Fate.GONE, id="missing, none in the target"),
    ],
)
def test_what_becomes_of(local: LocalChange, fate: Fate) -> None:
    assert fate_of(local, ["v1"]) == (fate, "v1")


def test_what_the_first_release_carries_the_second_may_refuse() -> None:
    assert fate_of(change(OLD, OLD, OLD, changed=True), ["v1", "v2"]) == (Fate.REFUSED, "v2")


def test_a_file_that_was_missing_is_there_again_after_the_first() -> None:
    assert fate_of(change(OLD, OLD, NEW, missing=True), ["v1", "v2"])[0] is Fate.GONE


def test_without_a_release_to_check_out_a_change_stays() -> None:
    assert fate_of(change(OLD, OLD, OLD, changed=True), []) == (Fate.CARRIED, "")
