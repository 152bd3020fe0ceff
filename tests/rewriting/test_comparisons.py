"""Less and greater, between things of unlike types and None."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.rewrite import rewrite_procedure


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("def f():\n    pass\nresult = f() > 1\n", "None is less", id="a function without a value"),
        pytest.param("result = REFS['x'] > 1\n", "may be missing", id="a reference"),
        pytest.param("result = 1 < TOLS['x']['act_high']\n", "may be missing", id="a tolerance"),
        pytest.param("result = sorted([(1, None), (1, 2)])\n", "None is less", id="None in tuples"),
        pytest.param("result = {'a': 1} < {'a': 2}\n", "no order", id="dictionaries"),
        pytest.param("class P(object):\n    pass\nresult = P() < P()\n", "no order", id="objects"),
        pytest.param("result = 'x' if TOLS['x'] else 'y'\n", "without tolerances", id="whether there is a tolerance"),
        pytest.param("result = 'abc' is 'abc'\n", "same object", id="texts by identity"),
        pytest.param("x = FILE.read().find('END')\nresult = x > 100\n", "place in the text", id="a place in the text"),
    ],
)
def test_what_may_differ_is_for_a_person(source: str, reason: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "review"
    assert reason in answer.reason


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("result = abs(2.5 - REFS['x']) < 2\n", id="what was calculated with a reference"),
        pytest.param("result = sorted([(1, 'b'), (1, 'a')])\n", id="tuples of the same kind"),
        pytest.param(
            "class P(object):\n"
            "    def __lt__(self, other):\n"
            "        return True\n"
            "result = sorted([P(), P()]) is None\n",
            id="objects with an order",
        ),
        pytest.param("result = FILE.read().find('END') >= 0\n", id="whether something was found"),
        pytest.param("result = 'a' < 'b'\n", id="texts"),
        pytest.param(
            "best = None\nfor v in [1, 2]:\n    if best is None or v > best:\n        best = v\nresult = best\n",
            id="None is asked for first",
        ),
    ],
)
def test_what_is_the_same_is_left_alone(source: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "unchanged", answer.reason
