from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.deployment import approvals
from upgrade_kit.deployment.approvals import read_approvals
from upgrade_kit.errors import ApprovalsError
from upgrade_kit.model.approvals import Decision

SHA = "0" * 64


def decision(**other: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "test_id": 4,
        "slug": "epid",
        "decision": "approved",
        "reviewer": "A. Physicist",
        "date": "2026-03-01",
        "note": "",
        "before_sha256": SHA,
        "after_sha256": "f" * 64,
    }
    return {**made, **other}


def document(*decisions: object, **other: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "schema": 1,
        "kind": "upgrade-kit approvals",
        "site": {"folder": None, "version": "0.3.0", "database": "sqlite:///a.db"},
        "made_at": "2026-03-01T08:30:00.000Z",
        "reviewer": "A. Physicist",
        "decisions": list(decisions),
    }
    return {**made, **other}


def without(table: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name != key}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "approvals.json"


def test_a_file_is_read_in_order_of_test_id(file: Path) -> None:
    file.write_text(json.dumps(document(decision(test_id=9, decision="rejected", date=""), decision())))

    read = read_approvals(file)

    assert [(one.test_id, one.decision) for one in read.decisions] == [(4, Decision.APPROVED), (9, Decision.REJECTED)]
    assert [one.decided_on for one in read.decisions] == [date(2026, 3, 1), None]
    assert read.made_at == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert read.site == (None, "0.3.0", "sqlite:///a.db")
    assert read.source == str(file)


@pytest.mark.parametrize(
    "encoding",
    [pytest.param("utf-8", id="as the page saves it"), pytest.param("utf-8-sig", id="saved again by an old Notepad")],
)
def test_letters_of_any_language_are_read(encoding: str, file: Path) -> None:
    written = json.dumps(document(decision(reviewer="Zoë Ångström")), ensure_ascii=False)
    file.write_bytes(written.replace("\n", "\r\n").encode(encoding))

    assert read_approvals(file).decisions[0].reviewer == "Zoë Ångström"


def test_no_decision_at_all_is_a_file_that_approves_nothing(file: Path) -> None:
    file.write_text(json.dumps(document()))

    assert read_approvals(file).decisions == ()


def test_a_test_without_a_text_has_no_digest(file: Path) -> None:
    file.write_text(json.dumps(document(decision(before_sha256=None, after_sha256=None))))

    assert read_approvals(file).decisions[0].before_sha256 is None


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param([], "no file of approvals", id="a list"),
        pytest.param(document(kind="rewrite-calcs journal"), "no file of approvals", id="another kind"),
        pytest.param(document(schema=2), "schema is 2", id="a later schema"),
        pytest.param(document(schema=True), "schema is True", id="a schema that only equals one"),
        pytest.param(without(document(), "schema"), "schema is None", id="no schema"),
        pytest.param(without(document(), "site"), "the file has no site", id="no site"),
        pytest.param(document(site="a"), "site is no table", id="a site that is a text"),
        pytest.param(document(site={"folder": 1, "version": None, "database": None}), "site.folder", id="no folder"),
        pytest.param(document(extra=1), "what is not known here: 'extra'", id="a key too many"),
        pytest.param(document(made_at="yesterday"), "made_at is 'yesterday'", id="no time"),
        pytest.param(document(made_at="2026-03-01T08:30:00"), "made_at", id="a time of no zone"),
        pytest.param(document(reviewer=None), "reviewer is no text", id="no reviewer"),
        pytest.param(document(decisions={}), "decisions is no list", id="decisions that are a table"),
        pytest.param(document("approved"), "decisions[0] is no table", id="a decision that is a text"),
        pytest.param(document(without(decision(), "note")), "decisions[0] has no note", id="a decision cut short"),
        pytest.param(document(decision(sha="")), "decisions[0] holds what", id="a decision with a key too many"),
        pytest.param(document(decision(test_id="4")), "decisions[0].test_id", id="an id that is a text"),
        pytest.param(document(decision(test_id=True)), "decisions[0].test_id", id="an id that is a truth"),
        pytest.param(document(decision(test_id=4.0)), "decisions[0].test_id", id="an id that is a fraction"),
        pytest.param(document(decision(decision="undecided")), "not approved or rejected", id="undecided"),
        pytest.param(document(decision(decision="Approved")), "not approved or rejected", id="another case"),
        pytest.param(document(decision(date="1.3.2026")), "no day such as", id="no day"),
        pytest.param(document(decision(before_sha256="0" * 63)), "before_sha256 is no SHA-256", id="a short digest"),
        pytest.param(document(decision(after_sha256=f"{SHA}\n")), "after_sha256 is no SHA-256", id="a line end"),
        pytest.param(document(decision(), decision(decision="rejected")), "name test 4 ('epid') twice", id="twice"),
    ],
)
def test_what_is_not_understood_is_refused_and_the_place_is_named(data: object, told: str, file: Path) -> None:
    file.write_text(json.dumps(data))

    with pytest.raises(ApprovalsError) as caught:
        read_approvals(file)

    assert told in caught.value.message
    assert str(file) in caught.value.message
    assert "Nothing was written" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(json.dumps(document(decision())).encode()[:-9], id="cut off"),
        pytest.param(json.dumps(document(decision())).encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"kind": "upgrade-kit approvals", "kind": "upgrade-kit approvals"}', id="a key twice"),
        pytest.param(b"[" * 100_000, id="deeper than any"),
        pytest.param(b'{"schema": ' + b"9" * 5_000 + b"}", id="a number longer than any"),
        pytest.param(b"<!doctype html>", id="the page itself"),
    ],
)
def test_what_is_no_whole_json_is_refused(content: bytes, file: Path) -> None:
    file.write_bytes(content)

    with pytest.raises(ApprovalsError):
        read_approvals(file)


def test_a_file_beyond_all_bounds_is_not_read_to_its_end(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(approvals.MAX_BYTES + 1)

    with pytest.raises(ApprovalsError, match="larger than 32 MB"):
        read_approvals(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for name in (tmp_path / "none.json", tmp_path, "a\x00b"):
        with pytest.raises(ApprovalsError, match="cannot be read"):
            read_approvals(name)
