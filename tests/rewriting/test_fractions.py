"""Places in arrays that were divided."""

from __future__ import annotations

import ast

import pytest

from upgrade_kit.model.finding import Severity
from upgrade_kit.rewriting.fractions import fractions_as_places
from upgrade_kit.rewriting.rewrite import rewrite_procedure


def places(source: str) -> list[str]:
    return [ast.unparse(place) for place in fractions_as_places(list(ast.walk(ast.parse(source))))]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("a[n / 2]", ["n / 2"], id="by a quotient"),
        pytest.param("a[n / 2 + 1]", ["n / 2 + 1"], id="and one more"),
        pytest.param("a[:-n / 4]", ["-n / 4"], id="a bound of a slice"),
        pytest.param("a[3, n / 2:]", ["n / 2"], id="one of two axes"),
        pytest.param("half = n / 2\na[half]", ["half"], id="a variable"),
        pytest.param("numpy.zeros(n / 2)", ["n / 2"], id="a size"),
        pytest.param("a.reshape((n / 2, 4))", ["n / 2"], id="one of two sizes"),
    ],
)
def test_a_fraction_is_found(source: str, found: list[str]) -> None:
    assert places(source) == found


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("a[n // 2]", id="a whole quotient"),
        pytest.param("a[int(n / 2)]", id="made whole"),
        pytest.param("a[n] / 2", id="what is in the place is divided"),
        pytest.param("half = n / 2\nhalf = int(half)\na[half]", id="a variable made whole later"),
        pytest.param("half = n / 2\nfor half in range(3):\n    a[half]", id="a variable that a loop takes over"),
        pytest.param("def f(half):\n    return a[half]\nhalf = n / 2", id="a parameter of that name"),
        pytest.param("d = {}\nd[n / 2] = 1", id="a key of a dictionary"),
        pytest.param("d = collections.defaultdict(list)\nd[n / 2]", id="a key of another dictionary"),
        pytest.param("numpy.linspace(0, n / 2, 5)", id="an end, which may be a fraction"),
        pytest.param("x = n / 2", id="no place at all"),
    ],
)
def test_what_is_whole_or_no_place_is_not(source: str) -> None:
    assert places(source) == []


def test_it_is_told_with_words_to_type_and_changes_no_answer() -> None:
    rewrite = rewrite_procedure("a = numpy.loadtxt(FILE)\nmid = a.size / 2\nresult = a[a.size / 2] + a[mid]\n")

    assert rewrite.outcome == "unchanged"
    assert [(found.severity, found.where, found.hint) for found in rewrite.findings if found.rule == "UK431"] == [
        (Severity.WARNING, "line 3", "a.size // 2"),
        (Severity.WARNING, "line 3", "int(mid)"),
    ]
