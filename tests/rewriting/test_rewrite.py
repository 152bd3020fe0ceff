"""What becomes of one procedure."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upgrade_kit.model.rewrite import Outcome, Reads
from upgrade_kit.rewriting.rewrite import rewrite_procedure

READS_BYTES = "import struct\nresult = struct.unpack('<I', FILE.read(4))[0]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "import struct\r\nraw = FILE.read()  # all\r\nresult = struct.unpack('<I', raw[:4])[0]\r\n",
            "import struct\r\nraw = BIN_FILE.read()  # all\r\nresult = struct.unpack('<I', raw[:4])[0]\r\n",
            id="CRLF stays",
        ),
        pytest.param("result = len(FILE.read())", "result = len(BIN_FILE.read())", id="no final newline stays"),
        pytest.param(
            "result = len(FILE.read())\t \n\n\n",
            "result = len(BIN_FILE.read())\t \n\n\n",
            id="trailing blanks and lines stay",
        ),
        pytest.param(
            "if FILE:\n\tresult = len( FILE . read( ) )\n",
            "if BIN_FILE:\n\tresult = len( BIN_FILE . read( ) )\n",
            id="tabs and odd blanks stay",
        ),
        pytest.param(
            "# l'intensité, FILE\nx = 'é FILE'; result = len(FILE.read())\n",
            "# l'intensité, FILE\nx = 'é FILE'; result = len(BIN_FILE.read())\n",
            id="strings, comments and letters before it stay",
        ),
        pytest.param("result = len(FILE.read())\r", "result = len(BIN_FILE.read())\r", id="a lone carriage return"),
        pytest.param(
            "a = dict(FILE=1)\nresult = len(FILE.read()) + a['FILE']\n",
            "a = dict(FILE=1)\nresult = len(BIN_FILE.read()) + a['FILE']\n",
            id="a keyword argument is no use of FILE",
        ),
        pytest.param(
            "class A:\n    FILE = 1\nresult = len(FILE.read()) + A.FILE\n",
            "class A:\n    FILE = 1\nresult = len(BIN_FILE.read()) + A.FILE\n",
            id="an attribute is no use of FILE",
        ),
        pytest.param(
            "f = lambda: len(FILE.read())\nresult = f()\n",
            "f = lambda: len(BIN_FILE.read())\nresult = f()\n",
            id="in a lambda",
        ),
        pytest.param(
            "def f(FILE=FILE):\n    return len(FILE.read())\nresult = f()\n",
            "def f(FILE=BIN_FILE):\n    return len(FILE.read())\nresult = f()\n",
            id="a default argument is the context's, the parameter is not",
        ),
        pytest.param(
            "def f():\n    global FILE\n    return len(FILE.read())\nresult = f()\n",
            "def f():\n    global FILE\n    return len(BIN_FILE.read())\nresult = f()\n",
            id="declared global",
        ),
        pytest.param(
            "n = [len(x.read()) for x in [FILE]]\nresult = n[0]\n",
            "n = [len(x.read()) for x in [BIN_FILE]]\nresult = n[0]\n",
            id="in a comprehension",
        ),
    ],
)
def test_only_the_name_changes(before: str, after: str) -> None:
    rewrite = rewrite_procedure(before, slug="x")

    assert rewrite.outcome is Outcome.REWRITE, rewrite.reason
    assert rewrite.source == after


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            "def f():\n    FILE = open('/x', 'rb')\n    return len(FILE.read())\nresult = f()\n", id="a local"
        ),
        pytest.param("FILE = 3\nresult = FILE\n", id="bound before use"),
        pytest.param("result = len('FILE')  # FILE.read()\n", id="in a string and a comment"),
        pytest.param("def f(FILE):\n    return FILE + 1\nresult = f(2)\n", id="a parameter"),
        pytest.param("result = [FILE for FILE in (1, 2)][0]\n", id="the variable of a comprehension"),
        pytest.param("import os as FILE\nresult = len(FILE.sep)\n", id="an import"),
        pytest.param("for FILE in (1, 2):\n    result = FILE\n", id="the variable of a loop"),
    ],
)
def test_a_file_that_is_not_the_context_s_is_left_alone(source: str) -> None:
    rewrite = rewrite_procedure(source, slug="x")

    assert rewrite.outcome in (Outcome.UNCHANGED, Outcome.REVIEW)
    assert rewrite.source is source
    assert not rewrite.edits


@pytest.mark.parametrize(
    ("source", "outcome", "words"),
    [
        pytest.param("result = = 1\n", Outcome.ERROR, "cannot be parsed as Python 2 or 3", id="no Python at all"),
        pytest.param("x = '\0'\n", Outcome.ERROR, "null character", id="a null character"),
        pytest.param("x = '\ud800'\n", Outcome.ERROR, "not valid text", id="a lone surrogate"),
        pytest.param("result = `FILE.readline()`\n", Outcome.REVIEW, "only Python 2", id="backticks"),
        pytest.param(
            "'''doc'''\nfrom __future__ import print_function\n",
            Outcome.REVIEW,
            "only Python 2",
            id="a late future",
        ),
        pytest.param("x = 1 + \\\r\n 2\r\n", Outcome.ERROR, "cannot be parsed", id="a continuation before CRLF"),
        pytest.param("mylab.read(FILE)\n", Outcome.REVIEW, "which the kit does not know", id="an unknown reader"),
        pytest.param("(" * 3000 + ")" * 3000, Outcome.ERROR, "", id="three thousand brackets"),
    ],
)
def test_what_the_kit_cannot_decide_is_said(source: str, outcome: Outcome, words: str) -> None:
    rewrite = rewrite_procedure(source, slug="x")

    assert rewrite.outcome is outcome
    assert words in rewrite.reason
    if outcome is Outcome.ERROR:
        assert rewrite.source is source


def test_null_is_unchanged() -> None:
    rewrite = rewrite_procedure(None)

    assert (rewrite.outcome, rewrite.reads, rewrite.source) == (Outcome.UNCHANGED, Reads.NOTHING, None)


def test_an_edit_says_where_it_is() -> None:
    (edit,) = rewrite_procedure("from PIL import Image\r\nimg = Image.open(FILE)\r\n", slug="x").edits

    assert (edit.line, edit.column, edit.before, edit.after) == (2, 18, "FILE", "BIN_FILE")


def test_the_same_twice_is_the_same_as_once() -> None:
    once = rewrite_procedure(READS_BYTES, slug="x")
    assert once.source is not None

    twice = rewrite_procedure(once.source, slug="x")

    assert twice.outcome is Outcome.UNCHANGED
    assert twice.source is once.source


LINES = (
    "raw = FILE.read()",
    "n = len(raw)",
    "lines = FILE.readlines()",
    "FILE = raw",
    "f = FILE",
    "x = FILE.read(4)",
    "import struct",
    "import csv, re",
    "v = struct.unpack('<I', x)",
    "rows = list(csv.reader(FILE))",
    "ds = dicom.read_file(FILE)",
    "name = FILE.name",
    "for line in FILE: n = line.split(',')",
    "while raw: raw = FILE.read(2)",
    "def g(FILE=None): return FILE",
    "def h(): return FILE.read()",
    "y = h()",
    "z = g(FILE)",
    "try: raw = raw.decode('utf-8')\nexcept Exception: pass",
    "result = n",
    "result = raw[0]",
    "result = {'a': raw, FILE: 1}",
    "w = map(float, lines)",
    "del FILE",
    "if raw == 'x': FILE = None",
    "with FILE as q: result = len(q.read())",
    "BIN_FILE = FILE",
    "print raw",
    "\tx = 1",
    "# FILE",
)


@given(st.lists(st.sampled_from(LINES), max_size=12), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_whatever_the_procedure_there_is_an_answer_and_twice_is_once(
    lines: list[str], newline: str, final: bool
) -> None:
    source = newline.join(lines).replace("\n", newline) + (newline if final else "")

    rewrite = rewrite_procedure(source, slug="result", python2=False)

    assert rewrite.outcome in Outcome
    assert rewrite.reason
    if rewrite.outcome is Outcome.REWRITE:
        assert rewrite.source is not None
        again = rewrite_procedure(rewrite.source, slug="result", python2=False)
        assert again.outcome is Outcome.UNCHANGED, again.reason
        assert rewrite.source.replace("BIN_FILE.path", "FILE.name").replace("BIN_FILE", "FILE") == source.replace(
            "BIN_FILE", "FILE"
        )
    elif rewrite.outcome is not Outcome.REVIEW:
        assert rewrite.source is source


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_whatever_the_text_the_answer_is_an_outcome(source: str) -> None:
    assert rewrite_procedure(source, slug="x").outcome in Outcome


@given(st.text(alphabet="abFILE_.()= \n'\"#:,[]0", max_size=80))
@settings(max_examples=500, deadline=None)
def test_without_a_use_of_the_name_the_same_text_comes_out(source: str) -> None:
    rewrite = rewrite_procedure(source.replace("FILE", "PROFILES"), slug="x", python2=False)

    assert rewrite.source == source.replace("FILE", "PROFILES")
    assert not rewrite.edits


@pytest.mark.real
def test_every_real_upload_test_gets_its_truth(real: Path) -> None:
    with (real / "truth.tsv").open(encoding="utf-8") as file:
        truth = {row["slug"]: row["outcome"].split("|") for row in csv.DictReader(file, delimiter="\t")}
    with closing(sqlite3.connect(f"file:{real / '0.3.0.sqlite3'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT slug, calculation_procedure FROM qa_test WHERE type = 'upload'").fetchall()

    wrong = {
        slug: (str(rewrite.outcome), rewrite.reason)
        for slug, rewrite in ((slug, rewrite_procedure(source, slug=slug)) for slug, source in rows)
        if rewrite.outcome not in truth[slug]
    }

    assert len(rows) == len(truth)
    assert wrong == {}


def test_a_long_table_of_names_is_followed() -> None:
    leaves = ", ".join(f"'leaf {number}'" for number in range(120))
    source = f"import struct\nleaves = [{leaves}]\nresult = struct.unpack('<i', FILE.read(4))[0]\n"

    assert rewrite_procedure(source).outcome is Outcome.REWRITE


def test_what_would_take_minutes_is_for_a_person() -> None:
    answer = rewrite_procedure("result = FILE.read()\n" + "x = 1\n" * 300_000)

    assert answer.outcome is Outcome.REVIEW
    assert answer.reason == "it is too long to be analysed"
