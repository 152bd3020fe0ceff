"""Functions of Python's own modules."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.rewrite import rewrite_procedure


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(
            "import collections\nc = collections.Counter(FILE.read().split())\nresult = c.most_common(1)[0][0]\n",
            "by its place",
            id="the most common of equally many",
        ),
        pytest.param("import json\nresult = json.dumps({'a': 1, 'b': 2})\n", "as JSON", id="a dictionary as JSON"),
        pytest.param("import json\nresult = json.dumps([1], indent=2)\n", "indent", id="JSON with indents"),
        pytest.param("import random\nrandom.seed('x')\nresult = random.random()\n", "random.seed", id="a seed of text"),
        pytest.param(
            "import itertools\nresult = list(itertools.islice({'a': 1, 'b': 2}, 1))\n",
            "takes a part",
            id="a part of a dictionary",
        ),
    ],
)
def test_what_may_differ_is_for_a_person(source: str, reason: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "review"
    assert reason in answer.reason


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            "import collections\n"
            "d = collections.defaultdict(list)\n"
            "for l in FILE:\n"
            "    d[l.split()[0]].append(1)\n"
            "result = len(d)\n",
            id="a dictionary of lists",
        ),
        pytest.param(
            "from operator import itemgetter\nimport csv\nresult = sorted(csv.reader(FILE), key=itemgetter(1))[0]\n",
            id="sorted by a column",
        ),
        pytest.param(
            "import functools\nresult = functools.reduce(lambda a, b: a + int(b), FILE, 0)\n",
            id="step by step",
        ),
        pytest.param(
            "import json\nresult = json.dumps({'a': 1, 'b': 2}, sort_keys=True)\n",
            id="JSON with sorted keys",
        ),
        pytest.param("import copy\nrows = copy.deepcopy([1, 2])\nresult = rows[0]\n", id="a copy"),
    ],
)
def test_what_is_the_same_is_left_alone(source: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "unchanged", answer.reason
