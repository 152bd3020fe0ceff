"""The site of the install guide."""

from __future__ import annotations

import pytest

from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.guide import GUIDE_SITES, guide_steps


@pytest.mark.parametrize("system", ["Windows", "Linux"])
def test_every_step_of_a_hop_is_there_also_those_that_a_plan_may_leave_out(system: str) -> None:
    path = VersionGraph.load().path("0.2.8", "0.3.0")
    for hop in path.hops:
        assert [step.id for step in guide_steps(path, hop, system)] == [step.id for step in hop.steps]


def test_the_folders_are_the_guides() -> None:
    assert GUIDE_SITES["Windows"].site == "C:\\deploy\\qatrackplus"
    assert GUIDE_SITES["Linux"].site == "~/web/qatrackplus"
    assert all(site.open_questions == () for site in GUIDE_SITES.values())
