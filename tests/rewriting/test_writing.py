"""Numbers, exceptions and types written as text."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.rewrite import rewrite_procedure


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("result = str(1.5 / 7)\n", "12 digits", id="str() of a fraction"),
        pytest.param("result = '%s of %d' % (1.5 / 7, 3)\n", "12 digits", id="%s of a fraction"),
        pytest.param("result = 'mean {}'.format(1.5 / 7)\n", "12 digits", id="{} of a fraction"),
        pytest.param("result = '{:>10}'.format(1.5 / 7)\n", "12 digits", id="a width alone"),
        pytest.param("result = 'a' + str(1.5 / 7)\n", "12 digits", id="joined"),
        pytest.param("result = str(1.5 / 7)[:4]\n", "takes a part", id="cut off"),
        pytest.param("result = len(str(1.5 / 7))\n", "its length", id="its length"),
        pytest.param(
            "import json\nresult = str([json.load(FILE)['name']])\n",
            "12 digits",
            id="a list with text of JSON",
        ),
        pytest.param("class P(object):\n    pass\nresult = str(P())\n", "12 digits", id="an object without a text"),
    ],
)
def test_what_may_differ_is_for_a_person(source: str, reason: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "review"
    assert reason in answer.reason


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("result = str(3) + '%s' % len('abc')\n", id="whole numbers"),
        pytest.param("result = '%.2f of %s' % (1.5 / 7, 'x')\n", id="written digits"),
        pytest.param("result = '{:.2f} {}'.format(1.5 / 7, 3)\n", id="written digits in braces"),
        pytest.param("result = float(str(1.5))\n", id="back to a number"),
        pytest.param(
            "class P(object):\n    def __str__(self):\n        return 'p'\nresult = '%s' % P()\n",
            id="an object with a text",
        ),
        pytest.param("print(1.5 / 7)\nresult = 1\n", id="printed"),
    ],
)
def test_what_is_the_same_is_left_alone(source: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "unchanged", answer.reason
