"""Rules on models: what is accepted, and that what is wrong is told by file, key and reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.errors import RulesError
from upgrade_kit.model.shape import Field, Kind, ListField
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.models import load_models

ONE = """\
version = "1.0"
source = "the application"

[[models]]
model = "qa.group"
table = "qa_group"
fields = [{ name = "id", kind = "auto", key = true }]

[[models]]
model = "qa.test"
table = "qa_test"
fields = [
  { name = "id", kind = "auto", key = true },
  { name = "group", kind = "integer", to = "qa.group", null = true },
  { name = "cost", kind = "decimal", column = "COST", digits = 10, places = 2 },
]
lists = [
  { name = "seen_by", table = "qa_test_seen_by", source = "test_id", target = "group_id", to = "qa.group", \
order = ["-id"] },
]
"""


def rules(root: Path, *texts: str) -> Path:
    (root / "models").mkdir()
    for number, text in enumerate(texts):
        (root / "models" / f"{number}.toml").write_text(text, encoding="utf-8")
    return root


def test_a_model_is_its_table_its_fields_and_its_lists(tmp_path: Path) -> None:
    (models,) = load_models([rules(tmp_path, ONE)])
    assert models.version == Version("1.0")
    group, test = models.tables
    assert (group.model, group.table, group.lists) == ("qa.group", "qa_group", ())
    assert test.fields == (
        Field(name="id", column="id", kind=Kind.AUTO, key=True),
        Field(name="group", column="group_id", kind=Kind.INTEGER, to="qa.group", null=True),
        Field(name="cost", column="COST", kind=Kind.DECIMAL, digits=10, places=2),
    )
    assert test.lists == (
        ListField(
            name="seen_by",
            table="qa_test_seen_by",
            source="test_id",
            target="group_id",
            to="qa.group",
            order=("-id",),
        ),
    )
    assert test.key == test.fields[0]


def test_a_folder_without_models_is_nothing_wrong(tmp_path: Path) -> None:
    assert load_models([tmp_path]) == ()


@pytest.mark.parametrize(
    ("before", "after", "key", "reason"),
    [
        ('version = "1.0"', 'version = "one"', "version", "'one' is not a version"),
        ('version = "1.0"\n', "", "version", "is missing"),
        ('kind = "decimal"', 'kind = "money"', "models[1].fields[2].kind", "'money' is none of"),
        ("null = true", 'null = "yes"', "models[1].fields[1].null", "must be of type bool"),
        ("places = 2", "place = 2", "models[1].fields[2].place", "look for a misspelling"),
        (
            '{ name = "group"',
            '{ name = "g", kind = "text", key = true }, { name = "group"',
            "models[1].fields",
            "primary",
        ),
        ('name = "cost"', 'name = "group"', "models[1].fields", "two fields have one name"),
        ('to = "qa.group", null', 'to = "qa.gone", null', "models[1]", "points to 'qa.gone'"),
        ('table = "qa_test"', 'table = "qa_group"', "models.table", "described twice"),
        ('order = ["-id"]', "order = [1]", "models[1].lists[0].order", "array of strings"),
        ("[[models]]", "[models]", "", "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_by_key(tmp_path: Path, before: str, after: str, key: str, reason: str) -> None:
    assert before in ONE
    with pytest.raises(RulesError, match=r"\.toml") as caught:
        load_models([rules(tmp_path, ONE.replace(before, after, 1))])
    assert (caught.value.key, caught.value.file) == (key, str(tmp_path / "models" / "0.toml"))
    assert reason in caught.value.reason


def test_one_version_is_not_described_twice(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"1\.0 is in .*0\.toml too"):
        load_models([rules(tmp_path, ONE, ONE)])


def test_every_version_of_the_graph_has_its_models() -> None:
    assert [models.version for models in load_models()] == [node.version for node in VersionGraph.load().releases]
