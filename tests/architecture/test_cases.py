"""Every check has data under fixtures/preflight that trips it and data that does not, by the names of the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tests.end_to_end.cases import ANSWERS, FOLDER, parts
from upgrade_kit.preflight.checks import CHECKS

CASES = sorted(FOLDER.glob("*/UK*"))
FAMILIES = {check.id: check.family for check in CHECKS}
# What these two ask is answered by being able to look: all that they can say besides is that nobody could.
TRIPPED_BY_SILENCE = {"UK202": "the database answers", "UK359": "the file of SQL can be read"}
# Families with cases in the folder of another too, where the parts of a site that are told are the same.
TOLD_WITH = {"tables": {"data"}, "procedures": {"machine"}}


def answers(id_: str) -> set[str]:
    return {parts(case)[1] for case in CASES if case.name.startswith(f"{id_}-")}


@pytest.mark.parametrize("id_", sorted(FAMILIES))
def test_a_case_trips_it(id_: str) -> None:
    trips = {"unknown"} if id_ in TRIPPED_BY_SILENCE else {"info", "warning", "error"}
    assert answers(id_) & trips, f"{id_} has no case among fixtures/preflight that trips it"


@pytest.mark.parametrize("id_", sorted(FAMILIES))
def test_a_case_does_not_trip_it(id_: str) -> None:
    assert "passed" in answers(id_), f"{id_} has no case among fixtures/preflight that leaves it quiet"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_named_for_a_check_that_is_there_and_lies_with_its_family(case: Path) -> None:
    id_, answer, what = parts(case)
    assert id_ in FAMILIES
    assert answer in ANSWERS
    assert what
    assert case.parent.name in {FAMILIES[id_], *TOLD_WITH.get(FAMILIES[id_], ())}


def test_every_case_is_run() -> None:
    """What a test is given one by one stands in a list of its module."""
    assert set(CASES) - {path for module in _modules() for path in _paths(vars(module).values())} == set()


def _modules() -> Iterator[ModuleType]:
    for file in sorted((Path(__file__).parents[1] / "end_to_end").glob("test_preflight_*.py")):
        yield import_module(f"tests.end_to_end.{file.stem}")


def _paths(values: Iterable[object]) -> Iterator[Path]:
    return (one for value in values if isinstance(value, list) for one in value if isinstance(one, Path))


def test_what_is_tripped_by_silence_is_still_a_check() -> None:
    assert TRIPPED_BY_SILENCE.keys() <= FAMILIES.keys()
