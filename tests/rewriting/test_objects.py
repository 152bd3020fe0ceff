"""The procedure's own classes."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.rewrite import rewrite_procedure


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(
            "class P(object):\n    def __cmp__(self, other):\n        return 0\nresult = 1\n",
            "__cmp__",
            id="a method that Python 3 does not call",
        ),
        pytest.param(
            "class P(object):\n    def __eq__(self, other):\n        return True\nresult = 1\n",
            "__hash__",
            id="equality alone",
        ),
        pytest.param(
            "class Log(object):\n"
            "    def __init__(self, f):\n"
            "        self.f = f\n"
            "log = Log(FILE)\n"
            "result = log.f.read(4)\n",
            "cut by position",
            id="a piece of the file through an object",
        ),
        pytest.param(
            "class Log(object):\n    def __init__(self, f):\n        self.f = f\nresult = META['x'](Log(FILE))\n",
            "does not know",
            id="an object with the file, handed on",
        ),
        pytest.param(
            "class Best(object):\n"
            "    value = None\n"
            "    def see(self, v):\n"
            "        if v > self.value:\n"
            "            self.value = v\n"
            "b = Best()\n"
            "b.see(1)\n"
            "result = b.value\n",
            "None is less",
            id="None in an attribute",
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
            "class T(object):\n"
            "    def __init__(self, f):\n"
            "        self.rows = [l.split() for l in f]\n"
            "result = len(T(FILE).rows)\n",
            id="lines kept in an object",
        ),
        pytest.param(
            "class T(object):\n"
            "    @property\n"
            "    def n(self):\n"
            "        return 3\n"
            "    @staticmethod\n"
            "    def m():\n"
            "        return 4\n"
            "result = T().n + T.m()\n",
            id="properties and static methods",
        ),
        pytest.param(
            "class A(object):\n"
            "    def __init__(self, f):\n"
            "        self.n = len(f.readline().split())\n"
            "class B(A):\n"
            "    def __init__(self, f):\n"
            "        super(B, self).__init__(f)\n"
            "result = B(FILE).n\n",
            id="super()",
        ),
    ],
)
def test_what_is_the_same_is_left_alone(source: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "unchanged", answer.reason
