"""Where the order of a dictionary or a set could reach the result."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.rewrite import rewrite_procedure


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("d = {'a': 1, 'b': 2}\nresult = [k for k in d]\n", "order of chance", id="a list of keys"),
        pytest.param(
            "s = set(FILE.read().split())\nresult = list(s)[0]\n",
            "by its place",
            id="one of a set by its place",
        ),
        pytest.param("result = str({'a': 1, 'b': 2})\n", "puts it into text", id="a dictionary as text"),
        pytest.param("result = {'a': 1, 'b': 2}.popitem()\n", ".popitem()", id="any pair"),
        pytest.param("d = {'a': 1, 'b': 2}\nx, y = d\nresult = x\n", "takes it apart", id="taken apart"),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nresult = [(i, k) for i, k in enumerate(d)]\n",
            "counts through it",
            id="counted through",
        ),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nresult = sorted(d, key=d.get)\n",
            "equal ones",
            id="sorted by what may be equal",
        ),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nfor k in d:\n    last = k\nresult = last\n",
            "leaves behind",
            id="the last of a loop",
        ),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nt = ''\nfor k in d:\n    t += k\nresult = t\n",
            "leaves behind",
            id="text put together in a loop",
        ),
        pytest.param(
            "d = {'a': 1.5, 'b': 2}\nresult = dict((v, k) for k, v in d.items())\n",
            "equal keys",
            id="a dictionary turned round",
        ),
        pytest.param(
            "def f(d):\n    for k in d:\n        yield k\nresult = list(f({'a': 1, 'b': 2}))\n",
            "order of chance",
            id="a generator",
        ),
        pytest.param("result = [k for k in REFS]\n", "order of chance", id="the references"),
    ],
)
def test_what_may_differ_is_for_a_person(source: str, reason: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "review"
    assert reason in answer.reason


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("d = {'a': 1, 'b': 2}\nresult = sorted(d)\n", id="sorted keys"),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nresult = sorted(d.items(), key=lambda pair: pair[0])\n",
            id="items sorted by key",
        ),
        pytest.param("d = {'a': 1, 'b': 2}\nresult = sum(d.values())\n", id="a sum of whole numbers"),
        pytest.param("d = {'a': 1, 'b': 2}\nresult = max(d.values())\n", id="the greatest"),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nresult = dict((k, v + 1) for k, v in d.items())\n",
            id="another dictionary",
        ),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nout = []\nfor k in d:\n    out.append(k)\nout.sort()\nresult = out\n",
            id="a list that is sorted later",
        ),
        pytest.param(
            "d = {'a': 1, 'b': 2}\ne = {}\nfor k in d:\n    v = d[k] * 2\n    e[k] = v\nresult = e\n",
            id="a dictionary filled by key",
        ),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nfor k in d:\n    x = d[k]\n    if x > 1:\n        print(k)\nresult = 1\n",
            id="nothing is left behind",
        ),
        pytest.param(
            "d = {'a': 1, 'b': 2}\nbest = 0\nfor k in d:\n    best = max(best, d[k])\nresult = best\n",
            id="the greatest by max()",
        ),
        pytest.param("result = 'known' in REFS\n", id="whether there is a reference"),
        pytest.param("result = {'a': 1, 'b': 2}\n", id="the dictionary itself"),
    ],
)
def test_what_is_the_same_is_left_alone(source: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "unchanged", answer.reason
