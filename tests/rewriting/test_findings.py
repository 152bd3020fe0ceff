"""What was seen in a procedure, as findings."""

from __future__ import annotations

import pytest

from upgrade_kit.model.finding import Severity
from upgrade_kit.model.rewrite import Outcome
from upgrade_kit.rewriting.rewrite import rewrite_procedure


def test_what_is_gone_or_differs_comes_before_what_a_person_must_look_at() -> None:
    findings = rewrite_procedure("y = eval('1')\nx = round(1.5, 1)\nresult = xrange(x)[0]\n").findings

    assert [(found.severity, found.where) for found in findings] == [
        (Severity.ERROR, "line 2"),
        (Severity.ERROR, "line 3"),
        (Severity.WARNING, "line 1"),
    ]


@pytest.mark.parametrize("name", ["BIN_FILE", "UTILS", "pydicom", "matplotlib"])
def test_an_upload_test_s_own_variable_with_a_new_name_is_told_and_changes_no_answer(name: str) -> None:
    rewrite = rewrite_procedure(f"{name} = 3\nresult = {name} * 2\n")

    assert rewrite.outcome is Outcome.UNCHANGED
    (found,) = rewrite.findings
    assert (found.severity, found.where, found.rule) == (Severity.INFO, "line 1", "UK429")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import pydicom, matplotlib\nresult = 1\n", id="the module itself"),
        pytest.param("import matplotlib.pyplot as plt\nresult = 1\n", id="a part of it under another name"),
        pytest.param("result = dicom.read_file(BIN_FILE).Rows\n", id="BIN_FILE, used"),
        pytest.param("def f():\n    UTILS = 1\n    return UTILS\nresult = f()\n", id="inside a function"),
        pytest.param("numpy = 3\nresult = numpy\n", id="a name that 0.2.9.1 supplies too"),
    ],
)
def test_what_hides_nothing_new_is_not_told(source: str) -> None:
    assert rewrite_procedure(source).findings == ()
