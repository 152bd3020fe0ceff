"""LibCST's opinion on an edit, asked about edits that are wrong."""

from __future__ import annotations

import pytest

from upgrade_kit.model.rewrite import Edit, Outcome
from upgrade_kit.rewriting.grammar import Python3, parse
from upgrade_kit.rewriting.proof import MOST_CHARACTERS, objection
from upgrade_kit.rewriting.rewrite import rewrite_procedure


def asked(source: str, number: int) -> str | None:
    """Ask about the ``number``-th FILE in the text, whatever it is."""
    offset = -1
    for _ in range(number):
        offset = source.index("FILE", offset + 1)
    dialect = parse(source)
    assert isinstance(dialect, Python3)
    edit = Edit(line=1, column=1, offset=offset, before="FILE", after="BIN_FILE", rule="UK401")
    return objection(source, dialect.tree, (edit,))


@pytest.mark.parametrize(
    ("source", "number"),
    [
        pytest.param("result = len(FILE.read())\n", 1, id="the context's"),
        pytest.param("x = 1\r\ndef f():\r\n    return FILE.read()\r\nresult = f()\r\n", 1, id="in a function, CRLF"),
        pytest.param("def f(FILE):\n    return FILE\nresult = f(FILE)\n", 3, id="the argument of a call"),
        pytest.param("é = 1; result = FILE.read()\n", 1, id="after a letter outside ASCII"),
        pytest.param("@dec(FILE)\ndef f():\n    pass\n", 1, id="in a decorator"),
        pytest.param("a = 1; b = FILE; c = '''\n'''\nd = FILE\n", 2, id="after a statement that shares its line"),
    ],
)
def test_it_agrees_with_a_use_of_the_context_s_file(source: str, number: int) -> None:
    assert asked(source, number) is None


@pytest.mark.parametrize(
    ("source", "number"),
    [
        pytest.param("def f(FILE):\n    return FILE\nresult = f(FILE)\n", 2, id="a parameter's use"),
        pytest.param("def f():\n    FILE = 1\n    return FILE\n", 2, id="a local's use"),
        pytest.param("result = dict(FILE=1)\n", 1, id="a keyword"),
        pytest.param("result = x.FILE\n", 1, id="an attribute"),
        pytest.param("result = 'FILE'\n", 1, id="in a string"),
        pytest.param("result = BIN_FILE\n", 1, id="a part of a name"),
        pytest.param("x = 1  # FILE\n", 1, id="in a comment"),
        pytest.param("result = [FILE for FILE in x]\n", 1, id="the variable of a comprehension"),
    ],
)
def test_it_objects_to_what_is_not(source: str, number: int) -> None:
    assert asked(source, number) is not None


def test_what_it_cannot_confirm_is_not_written() -> None:
    source = f"result = len(FILE.read()) + len('{'x' * MOST_CHARACTERS}')\n"

    rewrite = rewrite_procedure(source, slug="x")

    assert rewrite.outcome is Outcome.REVIEW
    assert "too long for LibCST" in rewrite.reason
    assert rewrite.source is source


def test_a_file_that_is_sometimes_the_procedure_s_own_is_not_written() -> None:
    source = "if META['cycle_day'] > 1:\n    FILE = open('/x', 'rb')\nresult = len(FILE.read())\n"

    rewrite = rewrite_procedure(source, slug="x")

    assert rewrite.outcome is Outcome.REVIEW
    assert "sometimes" in rewrite.reason
    assert not rewrite.edits
