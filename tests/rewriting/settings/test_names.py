"""Settings that have another name, want more, are gone, or are new."""

from __future__ import annotations

import pytest

from upgrade_kit import rewrite_settings

QUIET = "# USE_SERVICE_LOG, USE_PARTS, TESTPACK_TIMEOUT and AD_CLEAN_USERNAME are known\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        pytest.param("from site_db import *\n", "from .site_db import *\n", id="from"),
        pytest.param("import site_db\n", "from . import site_db\n", id="import"),
        pytest.param("import site_db as db\n", "from . import site_db as db\n", id="under another name"),
        pytest.param("try:\n    from site_db import X\nexcept ImportError:\n    X = 1\n",
                     "try:\n    from .site_db import X\nexcept ImportError:\n    X = 1\n", id="within a statement"),
        pytest.param("from .site_db import *\n", "from .site_db import *\n", id="with its dot already"),
        pytest.param("from site_dbs import *\n", "from site_dbs import *\n", id="another module"),
        pytest.param("import os, site_db\n", "import os, site_db\n", id="several at once"),
    ],
)  # fmt: skip
def test_a_module_of_the_same_folder_gets_its_dot(text: str, after: str) -> None:
    answer = rewrite_settings(text + QUIET, beside=["site_db"])

    assert answer.source == after + QUIET
    assert bool(answer.left) is (text == "import os, site_db\n")


@pytest.mark.parametrize(
    ("text", "after"),
    [
        pytest.param("TEMPLATE_DEBUG = True\n", "TEMPLATE_DBG = True\n", id="a plain one"),
        pytest.param("DEBUG = TEMPLATE_DEBUG = True\n", None, id="two names at once"),
        pytest.param("TEMPLATE_DEBUG = True\nX = TEMPLATE_DEBUG\n", None, id="one that is used"),
        pytest.param("if X:\n    TEMPLATE_DEBUG = True\n", None, id="one under a condition"),
        pytest.param("TEMPLATE_DEBUG = True\nTEMPLATE_DBG = True\n", None, id="one beside the new one"),
    ],
)
def test_a_name_changes_where_that_is_plain_and_else_is_said(text: str, after: str | None) -> None:
    answer = rewrite_settings(text + QUIET)

    assert answer.source == (text if after is None else after) + QUIET
    assert [one.name for one in answer.left] == (["TEMPLATE_DEBUG"] if after is None else [])


@pytest.mark.parametrize(
    "text",
    [
        "ICON_SETTINGS = make()\n",
        "ICON_SETTINGS = {'A': True, **more}\n",
        "ICON_SETTINGS = {'A': True}\nICON_SETTINGS.update(X)\n",
        "ICON_SETTINGS = {}\n",
    ],
)
def test_a_dictionary_that_is_not_followed_is_left_and_said(text: str) -> None:
    answer = rewrite_settings(text + QUIET)

    assert answer.source == text + QUIET
    assert "SHOW_STATUS_LABELS_LISTING" in answer.left[0].reason


def test_keys_that_are_set_one_by_one_count() -> None:
    text = "ICON_SETTINGS = {'SHOW_STATUS_LABELS_REVIEW': True}\nICON_SETTINGS['SHOW_REVIEW_LABELS_LISTING'] = False\n"

    assert rewrite_settings(text + QUIET).source == text.replace(
        "True}", "True, 'SHOW_STATUS_LABELS_LISTING': True}"
    ) + (QUIET)


def test_each_edit_says_why_and_where_that_comes_from() -> None:
    for edit in rewrite_settings("TEMPLATE_DEBUG = True\nICON_SETTINGS = {'A': 1}\n").edits:
        assert edit.why.endswith(".")
        assert "v0.3.0" in edit.source
