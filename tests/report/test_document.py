from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.model.finding import Finding, Severity
from upgrade_kit.model.migrate_log import FailedAttachment, MigrateLog
from upgrade_kit.model.rewrite import (
    Edit,
    OtherProcedure,
    Outcome,
    PlannedRewrite,
    Procedure,
    Reads,
    Rewrite,
    RewritePlan,
)
from upgrade_kit.report.document import rewrites_document, summary, to_json


def planned(before: str | None, after: str | None, outcome: Outcome = Outcome.REWRITE) -> PlannedRewrite:
    edit = Edit(line=1, column=8, offset=7, before="FILE", after="BIN_FILE", rule="UK401")
    finding = Finding(severity=Severity.WARNING, message="m", hint="h", where="line 1", rule="UK402")
    return PlannedRewrite(
        procedure=Procedure(test_id=7, slug="epid_pil", name="EPID (PIL)", type="upload", source=before),
        rewrite=Rewrite(
            outcome=outcome,
            reads=Reads.BYTES,
            reason="PIL.Image.open reads bytes (line 1)",
            before=before,
            source=after,
            edits=() if before == after else (edit,),
            findings=(finding,),
        ),
        listed=True,
        selected=outcome is Outcome.REWRITE,
    )


def document(*items: PlannedRewrite, log: MigrateLog | None = None) -> dict[str, Any]:
    plan = RewritePlan(items=items, listed=1, notes=("a note",))
    return rewrites_document(
        plan, version="0.2.9.1", database="sqlite:///site.db", applied=False, journal=None, log=log
    )


def test_the_document_has_the_contract_s_keys_and_values() -> None:
    found = document(planned("x=open(FILE)\n", "x=open(BIN_FILE)\n"))
    (procedure,) = found.pop("procedures")
    assert found == {
        "schema": 1,
        "command": "rewrite-calcs",
        "site": {"version": "0.2.9.1", "database": "sqlite:///site.db"},
        "listed": 1,
        "others": [],
        "summary": {"rewrite": 1, "unchanged": 0, "review": 0, "error": 0},
        "applied": False,
        "journal": None,
        "notes": ["a note"],
        "failed_attachments": [],
    }
    assert procedure == {
        "test_id": 7,
        "slug": "epid_pil",
        "name": "EPID (PIL)",
        "type": "upload",
        "listed": True,
        "outcome": "rewrite",
        "reads": "bytes",
        "reason": "PIL.Image.open reads bytes (line 1)",
        "findings": [{"severity": "warning", "message": "m", "hint": "h", "where": "line 1", "rule": "UK402"}],
        "edits": [{"line": 1, "column": 8, "offset": 7, "before": "FILE", "after": "BIN_FILE", "rule": "UK401"}],
        "before_sha256": hashlib.sha256(b"x=open(FILE)\n").hexdigest(),
        "after_sha256": hashlib.sha256(b"x=open(BIN_FILE)\n").hexdigest(),
        "diff": "--- a/epid_pil\n+++ b/epid_pil\n@@ -1 +1 @@\n-x=open(FILE)\n+x=open(BIN_FILE)\n",
        "selected": True,
        "approved": None,
    }


def test_what_breaks_in_other_tests_stands_beside_the_upload_tests() -> None:
    other = OtherProcedure(
        procedure=Procedure(test_id=9, slug="ptp", name="Ptp", type="composite", source="ptp = unicode(1)"),
        findings=(
            Finding(severity=Severity.ERROR, message="unicode is gone", hint="str", where="line 1", rule="UK420"),
        ),
    )
    plan = RewritePlan(items=(), listed=0, others=(other,), others_seen=4)

    found = rewrites_document(plan, version=None, database="d", applied=False, journal=None)

    assert found["procedures"] == []
    assert found["others"] == [
        {
            "test_id": 9,
            "slug": "ptp",
            "name": "Ptp",
            "type": "composite",
            "findings": [
                {
                    "severity": "error",
                    "message": "unicode is gone",
                    "hint": "str",
                    "where": "line 1",
                    "rule": "UK420",
                }
            ],
        }
    ]


def test_an_sql_null_has_no_digest_and_no_diff() -> None:
    (procedure,) = document(planned(None, None, Outcome.ERROR))["procedures"]
    assert (procedure["before_sha256"], procedure["after_sha256"], procedure["diff"]) == (None, None, "")


def test_an_empty_procedure_has_the_digest_of_nothing() -> None:
    (procedure,) = document(planned("", "", Outcome.UNCHANGED))["procedures"]
    assert procedure["before_sha256"] == hashlib.sha256(b"").hexdigest()
    assert procedure["diff"] == ""


def test_the_digest_is_of_the_text_in_utf8_with_its_line_ends() -> None:
    text = "\xe9 = FILE\r\n"
    (procedure,) = document(planned(text, text, Outcome.UNCHANGED))["procedures"]
    assert procedure["before_sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_the_log_adds_its_notes_and_the_files_that_were_not_moved() -> None:
    failed = FailedAttachment(file="a.txt", test_instance_id=46, test_list_instance_id=2, where="migrate.log:1")
    log = MigrateLog(
        files=(),
        encodings=(),
        runs=1,
        listed=(),
        failed_attachments=(failed,),
        python3_notices=(),
        notes=("of the log",),
    )
    found = document(log=log)
    assert found["notes"] == ["a note", "of the log"]
    assert found["failed_attachments"] == [
        {"file": "a.txt", "test_instance_id": 46, "test_list_instance_id": 2, "where": "migrate.log:1"}
    ]


def test_the_summary_names_every_outcome_also_for_no_tests() -> None:
    assert list(summary(RewritePlan(items=(), listed=0)).items()) == [
        ("rewrite", 0),
        ("unchanged", 0),
        ("review", 0),
        ("error", 0),
    ]


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_text_becomes_ascii_json_that_gives_it_back(before: str, after: str) -> None:
    found = document(planned(before, after))
    text = to_json(found)
    assert text.isascii()
    assert text.endswith("}\n")
    # JSON joins two escaped halves of a character to the character; all else comes back as it was.
    assert json.loads(text) == json.loads(json.dumps(found))
    assert list(json.loads(text)) == list(found)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "utf-16"])
def test_the_json_can_be_printed_anywhere(encoding: str) -> None:
    to_json(document(planned("\u7dda\ud800", "\xe9"))).encode(encoding)
