from __future__ import annotations

import pytest
from packaging.version import Version

from upgrade_kit.deployment.schema import classify
from upgrade_kit.model.deployment import Schema, SchemaState
from upgrade_kit.model.path import Release
from upgrade_kit.planning.graph import VersionGraph

RELEASES = VersionGraph.load().releases
TABLES = ("qa_test", "units_unit")
History = dict[str, tuple[str, ...]]


def release(version: str) -> Release:
    return next(node for node in RELEASES if node.version == Version(version))


def history(version: str, *, without: tuple[str, ...] = (), **more: tuple[str, ...]) -> History:
    """Return a node's migrations, without those named ``app.name``, and with those that come in addition."""
    kept = {
        app: tuple(name for name in names if f"{app}.{name}" not in without)
        for app, names in release(version).migrations
    }
    return kept | {app: kept.get(app, ()) + names for app, names in more.items()}


def cut(version: str, app: str, last: str) -> History:
    """Return a node's migrations, with nothing of ``app`` after ``last``."""
    whole = history(version)
    return whole | {app: whole[app][: whole[app].index(last) + 1]}


def south(found: History | None) -> Schema:
    return classify(found, None, TABLES, RELEASES)


def django(found: History | None, before: History | None = None) -> Schema:
    return classify(before, found, TABLES, RELEASES)


def told(schema: Schema) -> str:
    return " ".join(schema.evidence)


@pytest.mark.parametrize(("version", "span"), [("0.2.8", "0.2.8 or 0.2.8.1"), ("0.2.9.1", "0.2.9, 0.2.9.1 or 0.2.9.2")])
def test_the_end_of_souths_migrations_is_that_version(version: str, span: str) -> None:
    schema = south(history(version))
    assert (schema.state, schema.version, schema.span) == (SchemaState.COMPLETE, Version(version), span)
    assert (schema.towards, schema.missing, schema.unknown) == (None, (), ())


def test_the_end_of_djangos_migrations_is_that_version_whatever_south_left() -> None:
    for before in (None, {}, history("0.2.9.1")):
        schema = django(history("0.3.0"), before)
        assert (schema.state, schema.version, schema.span) == (
            SchemaState.COMPLETE,
            Version("0.3.0"),
            "0.3.0",
        )


def test_the_check_of_0_3_0_1_is_no_other_version() -> None:
    schema = django(history("0.3.0", qa=("0021_check_py3_calcs",)), history("0.2.9.1"))
    assert (schema.state, schema.version) == (SchemaState.COMPLETE, Version("0.3.0"))
    assert schema.span == "0.3.0.1 or later 0.3.0.x"


def test_south_between_two_versions_is_half_way() -> None:
    last = next(name for name in history("0.2.9.1")["qa"] if name.startswith("0020_"))
    schema = south(cut("0.2.9.1", "qa", last))
    assert (schema.state, schema.version, schema.towards) == (
        SchemaState.PARTIAL,
        Version("0.2.8"),
        Version("0.2.9.1"),
    )
    assert schema.missing[0].startswith("qa.0021_")
    assert last in told(schema)


def test_qa_and_units_must_both_be_at_their_end() -> None:
    schema = south(cut("0.2.9.1", "units", "0001_initial"))
    assert (schema.state, schema.version, schema.towards) == (
        SchemaState.PARTIAL,
        Version("0.2.8"),
        Version("0.2.9.1"),
    )
    assert all(name.startswith("units.") for name in schema.missing)


@pytest.mark.parametrize(
    ("last", "first"),
    [
        ("0002_029_to_030_first", "qa.0002_029_to_030_2nd"),
        ("0002_029_to_030_2nd", "qa.0002_auto_20161218_1851"),
        ("0013_auto_20180511_2341", "qa.0014_convert_file_uploads"),
    ],
)
def test_django_half_way_names_the_last_and_the_first_missing(last: str, first: str) -> None:
    schema = django(cut("0.3.0", "qa", last), history("0.2.9.1"))
    assert (schema.state, schema.version, schema.towards) == (
        SchemaState.PARTIAL,
        Version("0.2.9.1"),
        Version("0.3.0"),
    )
    assert next(name for name in schema.missing if name.startswith("qa.")) == first
    assert f"after {last}: {first}" in told(schema)


def test_one_app_that_is_behind_is_half_way() -> None:
    schema = django(history("0.3.0", without=("units.0010_default_is_serviceable",)), history("0.2.9.1"))
    assert schema.state is SchemaState.PARTIAL
    assert schema.missing == ("units.0010_default_is_serviceable",)


def test_the_very_beginning_of_the_upgrade_is_half_way() -> None:
    schema = django({"contenttypes": ("0001_initial",)}, history("0.2.9.1"))
    assert (schema.state, schema.version, schema.towards) == (
        SchemaState.PARTIAL,
        Version("0.2.9.1"),
        Version("0.3.0"),
    )


def test_a_new_installation_that_stopped_comes_from_nowhere() -> None:
    schema = django({"qa": ("0001_initial",)})
    assert (schema.state, schema.version, schema.towards) == (SchemaState.PARTIAL, None, Version("0.3.0"))


def test_an_empty_django_table_is_a_site_that_has_not_begun() -> None:
    schema = django({}, history("0.2.9.1"))
    assert (schema.state, schema.version) == (SchemaState.COMPLETE, Version("0.2.9.1"))


@pytest.mark.parametrize("last", ["0020_auto_20180924_2313", "0013_auto_20180511_2341"])
def test_past_0_2_9_is_told_for_what_it_is(last: str) -> None:
    schema = django(cut("0.3.0", "qa", last), history("0.2.8"))
    assert (schema.state, schema.version, schema.towards) == (
        SchemaState.SKIPPED,
        Version("0.2.8"),
        Version("0.3.0"),
    )
    assert "qa.0019_multiple_choice_to_string" in schema.missing
    assert "0.2.9.1 was skipped" in told(schema)


def test_one_south_migration_short_is_skipped_too() -> None:
    units = history("0.2.9.1")["units"]
    schema = django(history("0.3.0"), history("0.2.9.1", without=(f"units.{units[-1]}",)))
    assert (schema.state, schema.missing) == (SchemaState.SKIPPED, (f"units.{units[-1]}",))


@pytest.mark.parametrize(
    ("number", "version"),
    [
        (1, "before 0.2.5"),
        (2, "0.2.5"),
        (5, "before 0.2.6"),
        (7, "0.2.6"),
        (14, "0.2.7"),
        (17, "after 0.2.7"),
    ],
)
def test_older_than_0_2_8_is_named_and_known_to_no_rule(number: int, version: str) -> None:
    schema = south(history("0.2.8") | {"qa": history("0.2.8")["qa"][:number]})
    assert (schema.state, schema.version) == (SchemaState.FOREIGN, None)
    assert f"That is {version}, older than 0.2.8" in told(schema)


def test_a_newer_version_is_named_and_known_to_no_rule() -> None:
    schema = django(history("0.3.0", qa=("0021_check_py3_calcs", "0022_x", "0058_y")))
    assert (schema.state, schema.version, schema.span) == (SchemaState.FOREIGN, None, "newer than 0.3.0")
    assert schema.unknown == ("qa.0022_x", "qa.0058_y")
    assert "qa.0058_y" in told(schema)


def test_migrations_of_other_peoples_apps_are_no_matter() -> None:
    schema = django(history("0.3.0", their_app=("0001_initial",), auth=("0001_initial",)))
    assert schema.state is SchemaState.COMPLETE


def test_a_database_without_tables_is_empty() -> None:
    assert classify(None, None, (), RELEASES).state is SchemaState.EMPTY


def test_tables_of_another_application_are_foreign() -> None:
    for other in (None, {}, {"blog": ("0001_initial",)}):
        schema = classify(None, other, ("blog_post",), RELEASES)
        assert schema.state is SchemaState.FOREIGN
        assert "no qa_test" in told(schema)


def test_tables_without_any_history_are_foreign() -> None:
    schema = south(None)
    assert schema.state is SchemaState.FOREIGN
    assert "no migration is recorded" in told(schema)


def test_without_rules_nothing_is_known() -> None:
    assert classify(history("0.2.8"), None, TABLES, ()).state is SchemaState.FOREIGN
    assert classify(None, history("0.3.0"), TABLES, ()).state is SchemaState.FOREIGN
