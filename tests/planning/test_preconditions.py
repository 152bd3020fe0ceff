"""Rules on preconditions: what is accepted, and that what is wrong is told by file, key and reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.errors import RulesError
from upgrade_kit.model.precondition import Demand
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.models import load_models
from upgrade_kit.planning.preconditions import load_preconditions

ONE = """\
from = "1.0"
to = "2.0"
source = "the migrations"

[[preconditions]]
demand = "unique"
table = "qa_test"
columns = ["name"]
migration = "qa.0002"
stops = ["sqlite"]
effect = "it  stops"
mend = "Rename one."
lines = ["python manage.py shell"]
"""


def rules(root: Path, *texts: str) -> Path:
    (root / "preconditions").mkdir()
    for number, text in enumerate(texts):
        (root / "preconditions" / f"{number}.toml").write_text(text, encoding="utf-8")
    return root


def test_a_precondition_is_what_its_table_says(tmp_path: Path) -> None:
    (one,) = load_preconditions([rules(tmp_path, ONE)])
    assert (one.source, one.target, one.demand) == (Version("1.0"), Version("2.0"), Demand.UNIQUE)
    assert (one.table, one.columns, one.stops, one.lines) == (
        "qa_test",
        ("name",),
        ("sqlite",),
        ("python manage.py shell",),
    )
    assert (one.effect, one.otherwise, one.loses, one.most) == ("it stops", "", False, None)


def test_a_folder_without_any_has_none(tmp_path: Path) -> None:
    assert load_preconditions([tmp_path]) == ()


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        pytest.param('demand = "unique"', 'demand = "pretty"', "preconditions[0].demand", "none of", id="demand"),
        pytest.param('columns = ["name"]\n', "", "preconditions[0].columns", "missing", id="what the demand needs"),
        pytest.param('["sqlite"]', '["oracle"]', "preconditions[0].stops", "'oracle'", id="an unknown vendor"),
        pytest.param('effect = "it  stops"\n', "", "preconditions[0].effect", "missing", id="stops without effect"),
        pytest.param("mend =", "mended =", "preconditions[0].mend", "missing", id="a needed key is misspelt"),
        pytest.param("lines =", "line =", "preconditions[0].line", "no such key", id="an optional key is misspelt"),
        pytest.param('["name"]', "[1]", "preconditions[0].columns", "array of strings", id="a number for a name"),
        pytest.param('"qa_test"', '""', "preconditions[0].table", "empty", id="an empty table"),
        pytest.param('"qa_test"', "7", "preconditions[0].table", "of type str", id="a number for a table"),
        pytest.param('"2.0"', '"1.0"', "to", "does not come after", id="a hop backwards"),
        pytest.param('"1.0"', '"one"', "from", "not a version", id="no version"),
        pytest.param('to = "2.0"', "to = ", "", "not TOML", id="no TOML"),
    ],
)
def test_what_is_wrong_is_told(old: str, new: str, key: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=re.escape(reason)) as caught:
        load_preconditions([rules(tmp_path, ONE.replace(old, new, 1))])
    assert key in str(caught.value)
    assert "0.toml" in str(caught.value)


def test_the_built_in_ones_belong_to_hops_and_name_tables_and_columns_of_the_version_they_start_from() -> None:
    hops = {(hop.source, hop.target) for hop in VersionGraph.load().hops}
    columns = {
        (models.version, table.table): {field.column for field in table.fields}
        for models in load_models()
        for table in models.tables
    }
    found = load_preconditions()
    assert found
    for one in found:
        assert (one.source, one.target) in hops
        assert one.stops or one.otherwise, one
        if one.columns:
            assert set(one.columns) <= columns[one.source, one.table], one
