from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.errors import RulesError
from upgrade_kit.model.shape import Moved
from upgrade_kit.model.sql import Fate, SchemaChanges
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.models import load_models
from upgrade_kit.planning.schema_changes import columns_of, schema_changes


def between(source: str, target: str) -> SchemaChanges:
    changes = schema_changes(VersionGraph.load().path(source, target))
    assert isinstance(changes, SchemaChanges)
    return changes


def gone(source: str, target: str) -> set[str]:
    changes = between(source, target).changes
    return {f"{one.table}.{one.column}".rstrip(".") for one in changes if one.fate is Fate.GONE}


def test_what_goes_is_what_the_models_of_the_next_version_do_not_have() -> None:
    assert gone("0.2.8", "0.2.9.1") == {"qa_testinstance.in_progress", "units_modality.energy", "units_modality.type"}
    assert gone("0.2.9.1", "0.3.0") == {
        "django_content_type.name",
        "qa_testlist_sublists",
        "qa_testlistinstance.comment",
        "units_unittype.vendor",
    }


def test_both_hops_together_take_away_what_each_does() -> None:
    assert gone("0.2.8", "0.3.0") == gone("0.2.8", "0.2.9.1") | gone("0.2.9.1", "0.3.0")


def test_without_a_hop_nothing_changes() -> None:
    changes = between("0.3.0", "0.3.0")
    assert (changes.changes, changes.reshaped) == ((), ())


def test_sqlite_looks_at_views_only_where_it_was_not_told_to_rename_as_before() -> None:
    first, second = between("0.2.8", "0.2.9.1"), between("0.2.9.1", "0.3.0")
    assert first.guarded == first.remade != ()
    assert second.guarded == () != second.remade
    assert between("0.2.8", "0.3.0").guarded == first.guarded


def test_of_everything_that_goes_the_rules_say_what_becomes_of_it() -> None:
    assert all(one.instead and one.source for one in between("0.2.8", "0.3.0").changes)


def test_a_version_whose_tables_no_rule_describes_is_not_known() -> None:
    path = VersionGraph.load().path("0.2.9.1", "0.3.0")
    models = [each for each in load_models() if str(each.version) != "0.3.0"]
    changes = schema_changes(path, models)
    assert isinstance(changes, Unobserved)
    assert "0.3.0" in changes.reason


@pytest.mark.parametrize(("table", "columns"), [("qa_nothing", ()), ("qa_test", ("nothing",))])
def test_a_rule_on_what_was_never_there_is_wrong(table: str, columns: tuple[str, ...]) -> None:
    moved = Moved(table=table, columns=columns, what="goes", instead="x", source="none")
    models = [replace(each, moved=(moved,)) if str(each.version) == "0.3.0" else each for each in load_models()]
    with pytest.raises(RulesError, match=r"0\.2\.9\.1 has no"):
        schema_changes(VersionGraph.load().path("0.2.9.1", "0.3.0"), models)


@pytest.mark.real
@pytest.mark.parametrize(("version", "name"), [("0.2.8", "0.2.8"), ("0.2.9.1", "0.2.9.1"), ("0.3.0", "0.3.0-clean")])
def test_the_columns_are_those_of_the_real_databases(version: str, name: str, real: Path) -> None:
    (models,) = [each for each in load_models() if str(each.version) == version]
    with closing(sqlite3.connect(f"file:{real / name}.sqlite3?mode=ro&immutable=1", uri=True)) as connection:
        for table, columns in columns_of(models).items():
            there = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
            assert there in (columns, set())
