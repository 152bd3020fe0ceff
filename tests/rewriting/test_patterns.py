"""Regular expressions and line ends."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.rewrite import rewrite_procedure


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(
            "import re\nresult = re.search(r'x$', FILE.read()) is None\n",
            "line ends",
            id="the end of a line",
        ),
        pytest.param("import re\nresult = len(re.split(r'\\n\\n', FILE.read()))\n", "line ends", id="an empty line"),
        pytest.param(
            "import re\nresult = re.findall(r'name: (.*)', FILE.read())\n",
            "line end",
            id="all up to the end of a line",
        ),
        pytest.param(
            "import re\nresult = re.sub(r'x', 'y', FILE.readline())\n",
            "line end",
            id="a line with another word",
        ),
        pytest.param(
            "import re\nresult = re.search('\\\\xa0', FILE.read()) is None\n",
            "pattern of bytes",
            id="an escaped byte",
        ),
        pytest.param(
            "import re\nresult = re.search(r'_(\\d+)_', FILE.name).group(1)\n",
            "named in another way",
            id="a number out of the file's name",
        ),
        pytest.param(
            "import re\nresult = re.search('Output', FILE.read()).start()\n",
            "place in the text",
            id="where it was found",
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
        pytest.param("import re\nresult = re.findall(r'([0-9.]+)', FILE.read())\n", id="digits"),
        pytest.param("import re\nresult = re.search(r'v=\"(.*)\"', FILE.read()).group(1)\n", id="all up to a quote"),
        pytest.param("import re\nresult = re.split(r'\\s+', FILE.read())\n", id="words"),
        pytest.param("import re\nresult = len(re.split(r'\\r?\\n', FILE.read()))\n", id="lines, whatever ends them"),
        pytest.param(
            "import re\nresult = [float(v) for v in re.findall(r'x=(\\S+)\\s*$', FILE.read())]\n",
            id="blanks before the end",
        ),
        pytest.param("import re\nresult = re.sub(r'[^0-9]', '', FILE.read())\n", id="all but digits taken out"),
    ],
)
def test_what_is_the_same_is_left_alone(source: str) -> None:
    answer = rewrite_procedure(source)

    assert answer.outcome == "unchanged", answer.reason
