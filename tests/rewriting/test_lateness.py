"""What is worked out later on Python 3, where that may be another thing."""

from __future__ import annotations

import pytest

from upgrade_kit.model.rewrite import Outcome
from upgrade_kit.rewriting.rewrite import rewrite_procedure

CAUGHT = """\
try:
    values = {}map(float, FILE.readline().split()){}
except ValueError:
    values = [0]
result = sum(values)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(CAUGHT.format("", ""), CAUGHT.format("list(", ")"), id="an error that is caught where it is made"),
        pytest.param(
            "xs = [1]\ny = map(str, xs)\nxs.append(2)\nresult = ','.join(y)\n",
            "xs = [1]\ny = list(map(str, xs))\nxs.append(2)\nresult = ','.join(y)\n",
            id="what it is made from grows",
        ),
        pytest.param(
            "n = 1\ny = map(lambda v: v + n, [1, 2])\nn = 10\nresult = sum(y)\n",
            "n = 1\ny = list(map(lambda v: v + n, [1, 2]))\nn = 10\nresult = sum(y)\n",
            id="a name that the function looks up changes",
        ),
        pytest.param(
            "out = []\ny = filter(out.append, [1, 2])\nresult = len(out)\n",
            "out = []\ny = list(filter(out.append, [1, 2]))\nresult = len(out)\n",
            id="the function does more than give a value",
        ),
        pytest.param(
            "d = {1: 2}\nk = d.keys()\nd[3] = 4\nresult = len(k)\n",
            "d = {1: 2}\nk = list(d.keys())\nd[3] = 4\nresult = len(k)\n",
            id="a view that grows",
        ),
        pytest.param(
            "rows = []\nfor n in [1, 2]:\n    rows.append(map(lambda v: v * n, [1]))\n"
            "result = sum([sum(r) for r in rows])\n",
            "rows = []\nfor n in [1, 2]:\n    rows.append(list(map(lambda v: v * n, [1])))\n"
            "result = sum([sum(r) for r in rows])\n",
            id="the variable of the loop around it",
        ),
        pytest.param(
            "import json\nresult = json.dumps([map(int, ['1'])])\n",
            "import json\nresult = json.dumps([list(map(int, ['1']))])\n",
            id="in a list that is written as JSON",
        ),
    ],
)
def test_it_is_put_into_a_list(before: str, after: str) -> None:
    rewrite = rewrite_procedure(before, slug="r")

    assert rewrite.source == after, rewrite.reason
    assert rewrite.outcome is Outcome.REWRITE


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("xs = [1]\ny = map(str, xs)\nresult = ','.join(y)\nxs.append(2)\n", id="it grows afterwards"),
        pytest.param("xs = [1]\ny = map(str, xs)\nxs = [2]\nresult = ','.join(y)\n", id="the name is used anew"),
        pytest.param(
            "try:\n    result = sum(map(float, FILE))\nexcept ValueError:\n    result = 0\n", id="used at once"
        ),
        pytest.param(
            "try:\n    y = map(float, FILE)\n    result = sum(y)\nexcept ValueError:\n    result = 0\n",
            id="used in the same block",
        ),
        pytest.param("d = {1: 2}\nfor k in d.keys():\n    d[k] = 3\nresult = d[1]\n", id="values of the same keys"),
        pytest.param("n = 1\ny = map(lambda n: n + 1, [1])\nn = 2\nresult = sum(y)\n", id="the function's own name"),
        pytest.param(
            "total = 0\nfor line in FILE:\n    y = map(float, line.split())\n    total += sum(y)\nresult = total\n",
            id="made anew in each round",
        ),
    ],
)
def test_nothing_changes_in_between(source: str) -> None:
    rewrite = rewrite_procedure(source, slug="r")

    assert rewrite.outcome is Outcome.UNCHANGED, rewrite.reason
