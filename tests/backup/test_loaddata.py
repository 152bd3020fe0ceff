"""The dump for the site's own loaddata: what is named, left out, set aside and refused.

That the real loaddata takes it, and what the database holds then, is in ``tests/end_to_end/test_loaddata.py``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.errors import BackupError, UsageError
from upgrade_kit.model.backup import Backup

VERSIONS = ["0.2.8", "0.2.9.1", "0.3.0"]
Site = Callable[..., Path]


@pytest.fixture
def site(fixtures: Path, tmp_path: Path) -> Site:
    """Return a maker of sites with rows in every model: ``site(version, statements ...)``."""

    def make(version: str, *statements: str) -> Path:
        file = tmp_path / "site.sqlite3"
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.executescript((fixtures / "dumps" / f"{version}.sql").read_text(encoding="utf-8"))
            for statement in statements:
                connection.execute(statement)
        return file

    return make


def backup(file: Path, **options: Any) -> Backup:
    return create_backup(f"sqlite:///{file.as_posix()}", to_dir=file.parent / "to", loaddata=True, **options)


def written(file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(backup(file).made.file.read_bytes())
    return found


def of(items: list[dict[str, Any]], model: str) -> dict[Any, dict[str, Any]]:
    return {item["pk"]: item["fields"] for item in items if item["model"] == model}


@pytest.mark.parametrize("version", VERSIONS)
def test_content_types_and_permissions_are_named(site: Site, version: str) -> None:
    items = written(site(version))
    collections = of(items, "qa.unittestcollection")
    assert all(len(fields["content_type"]) == 2 for fields in collections.values())
    lists = [fields["permissions"] for fields in of(items, "auth.group").values()]
    assert any(lists)
    assert all(len(name) == 3 for names in lists for name in names)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_fresh_database_has_of_its_own_is_left_out(site: Site, version: str) -> None:
    models = {item["model"] for item in written(site(version))}
    own = {"contenttypes.contenttype", "auth.permission", "sessions.session"}
    assert not models & {*own, "south.migrationhistory", "migrations.migration"}
    assert {"sites.site", "auth.user", "admin.logentry", "qa.testinstance", "tastypie.apikey"} <= models


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_else_is_what_the_plain_dump_has(site: Site, version: str) -> None:
    file = site(version)
    plain = json.loads(
        create_backup(
            f"sqlite:///{file.as_posix()}", to_dir=file.parent / "plain", method="json"
        ).made.file.read_bytes()
    )
    here = {(item["model"], item["pk"]): item["fields"] for item in written(file)}
    named = {"qa.unittestcollection", "auth.group", "auth.user", "admin.logentry", "django_comments.comment"}
    compared = 0
    for item in plain:
        key = (item["model"], item["pk"])
        if key in here and item["model"] not in named:
            compared += 1
            assert {name: _cut(value) for name, value in here[key].items()} == item["fields"]
    assert compared > 60


def _cut(value: Any) -> Any:
    """Take from a moment the microseconds that dumpdata does not keep."""
    return f"{value[:23]}Z" if isinstance(value, str) and len(value) == 27 and value[19:20] == "." else value


def test_microseconds_are_kept(site: Site) -> None:
    items = written(site("0.2.9.1"))
    moments = {fields["created"] for fields in of(items, "qa.reference").values()}
    assert moments & {"2018-05-14T08:15:00.123456Z", "2018-01-01T01:01:01.000999Z", "2017-12-31T23:59:59.999999Z"}


def test_a_site_without_dangling_keys_has_one_note(site: Site) -> None:
    notes = [text for text in backup(site("0.2.8")).proof if "agree" not in text]
    assert len(notes) == 1
    assert notes[0].startswith(
        "Written for the site's own loaddata, into a database of the same version in which syncdb"
    )


# --- What is in no fresh database ----------------------------------------------------------------


def test_permissions_of_models_that_are_gone_come_along_if_somebody_has_them(site: Site) -> None:
    items = written(
        site(
            "0.3.0",
            "INSERT INTO django_content_type (id, app_label, model) VALUES (900, 'extinct', 'dodo'), (901, 'x', 'y')",
            "INSERT INTO auth_permission (id, content_type_id, codename, name) VALUES (900, 900, 'feed', 'Can feed'),"
            " (901, 901, 'unused', 'Unused')",
            "INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (1, 900)",
        )
    )
    assert of(items, "contenttypes.contenttype") == {None: {"app_label": "extinct", "model": "dodo"}}
    permission = {"name": "Can feed", "content_type": ["extinct", "dodo"], "codename": "feed"}
    assert of(items, "auth.permission") == {None: permission}
    assert ["feed", "extinct", "dodo"] in of(items, "auth.user")[1]["user_permissions"]
    assert [item["model"] for item in items[:2]] == ["contenttypes.contenttype", "auth.permission"]


def test_the_south_of_an_upgraded_site_is_gone_in_a_fresh_one(site: Site) -> None:
    items = written(
        site(
            "0.3.0",
            "CREATE TABLE south_migrationhistory (id integer PRIMARY KEY, app_name text, migration text, applied text)",
            "INSERT INTO django_content_type (id, app_label, model) VALUES (900, 'south', 'migrationhistory')",
            "INSERT INTO django_admin_log (action_time, user_id, content_type_id, object_repr, action_flag,"
            " change_message) VALUES ('2018-05-14 08:15:00', 1, 900, 'x', 1, 'x')",
        )
    )
    assert of(items, "contenttypes.contenttype") == {None: {"app_label": "south", "model": "migrationhistory"}}


def test_an_application_of_the_sites_own_has_made_its_content_type_itself(site: Site) -> None:
    file = site(
        "0.3.0",
        "CREATE TABLE extra_thing (id integer PRIMARY KEY, name text)",
        "INSERT INTO extra_thing VALUES (1, 'x')",
        "INSERT INTO django_content_type (id, app_label, model) VALUES (900, 'extra', 'thing')",
        "INSERT INTO django_admin_log (action_time, user_id, content_type_id, object_repr, action_flag, change_message)"
        " VALUES ('2018-05-14 08:15:00', 1, 900, 'x', 1, 'x')",
    )
    made = backup(file)
    items = json.loads(made.made.file.read_bytes())
    assert of(items, "contenttypes.contenttype") == of(items, "extra.thing") == {}
    assert ["extra", "thing"] in [fields["content_type"] for fields in of(items, "admin.logentry").values()]
    assert "Left out: extra_thing (1 rows), which is no model's table of QATrack+." in made.proof
    assert "It names extra.thing, of an application that the new site must have too." in made.proof


# --- What a fresh 0.3.0 holds already ------------------------------------------------------------


def test_rows_of_a_fresh_database_that_the_site_has_too_are_written_once(site: Site) -> None:
    items = written(site("0.3.0"))
    for model in ("auth.user", "qa.tolerance", "sites.site"):
        keys = [item["pk"] for item in items if item["model"] == model]
        assert len(set(keys)) == len(keys)


def test_a_name_that_a_fresh_row_of_another_number_has_is_set_free_first(site: Site) -> None:
    file = site("0.3.0", "UPDATE auth_user SET username = 'QATrack+ Internal' WHERE id = 13")
    made = backup(file)
    items = [item for item in json.loads(made.made.file.read_bytes()) if item["model"] == "auth.user"]
    assert [item["pk"] for item in items] == [1, 1, 13, 16]
    assert items[0]["fields"]["username"] == "QATrack+ Internal (of the empty database)"
    assert items[2]["fields"]["username"] == "QATrack+ Internal"
    assert not any("stay there" in note for note in made.proof)


def test_a_fresh_row_that_the_site_has_not_stays_and_is_told(site: Site) -> None:
    file = site("0.3.0", "UPDATE django_site SET id = 7", "UPDATE django_comments SET site_id = 7")
    made = backup(file)
    items = json.loads(made.made.file.read_bytes())
    domain = of(items, "sites.site")[1]["domain"]
    assert domain == "example.com (of the empty database)"
    assert (
        "A fresh database has a sites.site numbered 1, which this one has not: it will stay there, "
        "with (of the empty database) behind its name."
    ) in made.proof


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE qa_test SET category_id = 99 WHERE id = 10",
            "qa_test.category_id in 1 rows (there is no qa.category 99)",
        ),
        (
            "UPDATE qa_unittestcollection SET content_type_id = 99",
            "qa_unittestcollection.content_type_id in 3 rows (there is no contenttypes.contenttype 99)",
        ),
        (
            "INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (10, 999)",
            "auth_group_permissions.permission_id in 1 rows (there is no auth.permission 999)",
        ),
        ("UPDATE qa_test SET hidden = 'maybe' WHERE id = 13", "qa_test.hidden: 1 value neither true nor false"),
        ("UPDATE qa_test SET name = CAST(X'E9' AS TEXT) WHERE id = 13", "qa_test.name: 1 value not in UTF-8"),
        ("UPDATE qa_test SET created = 'never' WHERE id = 13", "qa_test.created: 1 value not a date and time"),
        ("DELETE FROM south_migrationhistory WHERE migration LIKE '0026%'", "not at the end of a version of QATrack+"),
        ("ALTER TABLE units_modality ADD COLUMN colour text", "loaddata knows no field for colour of units_modality"),
        ("DROP TABLE auth_permission", "no table of content types or of permissions"),
    ],
)
def test_what_loaddata_would_refuse_is_refused_before(site: Site, statement: str, told: str) -> None:
    file = site("0.2.9.1", statement)
    with pytest.raises(BackupError) as caught:
        backup(file)
    assert told in caught.value.message
    assert "without" in caught.value.hint or "leave --loaddata out" in caught.value.hint.lower()
    assert not [path for path in (file.parent / "to").rglob("*") if path.is_file()]


def test_floats_that_json_has_no_number_for_are_told_and_taken(site: Site) -> None:
    made = backup(site("0.2.9.1", "UPDATE qa_testinstance SET value = 9e999 WHERE id = 10"))
    assert of(json.loads(made.made.file.read_bytes()), "qa.testinstance")[10]["value"] == "Infinity"
    assert any("that JSON has no number for" in note for note in made.proof)


def test_pairs_of_no_object_are_left_out_and_told(site: Site) -> None:
    made = backup(site("0.2.8", "INSERT INTO auth_group_permissions (group_id, permission_id) VALUES (99, 1)"))
    assert "Left out: 1 of the pairs in auth_group_permissions, which are of no auth.group." in made.proof


def test_native_and_loaddata_do_not_go_together(site: Site) -> None:
    with pytest.raises(UsageError, match="loaddata"):
        backup(site("0.2.8"), method="native")


# --- The proof -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("compress", [False, True])
def test_it_is_proved_again(site: Site, version: str, compress: bool) -> None:
    made = backup(site(version), compress=compress, drill=True)
    assert (made.made.method, made.made.format) == ("json", "django-loaddata")
    assert "Only the site's own loaddata can load it, so it was not drilled." in made.proof
    assert verify_backup(made.made.manifest).made == made.made


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b'"model":"qa.category","pk":13', b'"model":"qa.xategory","pk":13', "which loaddata does not know"),
        (b'"name":"name_category_1"', b'"name":"name_category_2"', "other rows of qa.category"),
        (b'{"model":"qa.category","pk":13', b'{"model":"units.modality","pk":13', "holds 4 objects of units.modality"),
    ],
)
def test_another_content_is_seen(site: Site, before: bytes, after: bytes, told: str) -> None:
    from upgrade_kit.backup import loaddata  # noqa: PLC0415 - the file's own digest would be told first
    from upgrade_kit.backup.method import Options  # noqa: PLC0415 - as above

    made = backup(site("0.2.9.1")).made
    text = made.file.read_bytes()
    assert text.count(before) == 1
    made.file.write_bytes(text.replace(before, after))
    with pytest.raises(BackupError, match=told):
        loaddata.prove(replace(made), None, Options())


def test_the_kit_does_not_restore_it_and_says_what_to_type(site: Site, tmp_path: Path) -> None:
    made = backup(site("0.2.8")).made
    with pytest.raises(BackupError, match="own loaddata") as caught:
        restore_backup(made.manifest, database=f"sqlite:///{(tmp_path / 'new.sqlite3').as_posix()}")
    assert caught.value.hint.endswith(f"manage.py loaddata {made.file}")
    assert not (tmp_path / "new.sqlite3").exists()
