"""The JSON of rewrite-calcs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from upgrade_kit.model.finding import Finding
from upgrade_kit.model.migrate_log import MigrateLog
from upgrade_kit.model.rewrite import Edit, Outcome, PlannedRewrite, RewritePlan
from upgrade_kit.report.diff import unified_diff


def rewrites_document(
    plan: RewritePlan,
    *,
    version: str | None,
    database: str,
    applied: bool,
    journal: str | None,
    log: MigrateLog | None = None,
) -> dict[str, Any]:
    """Return what rewrite-calcs found, as plain lists, dictionaries, strings and numbers.

    Args:
        plan: every upload test with its answer.
        version: of the site's schema; None where it is of none.
        database: where it is, without the password.
        applied: whether the selected changes were written.
        journal: path of the journal, if they were.
        log: the migration's log, if there is one.
    """
    return {
        "schema": 1,
        "command": "rewrite-calcs",
        "site": {"version": version, "database": database},
        "listed": plan.listed,
        "procedures": [_procedure(item) for item in plan.items],
        "others": [
            {
                "test_id": other.procedure.test_id,
                "slug": other.procedure.slug,
                "name": other.procedure.name,
                "type": other.procedure.type,
                "findings": [finding_document(finding) for finding in other.findings],
            }
            for other in plan.others
        ],
        "summary": summary(plan),
        "applied": applied,
        "journal": journal,
        "notes": [*plan.notes, *(log.notes if log else ())],
        "failed_attachments": [
            {
                "file": failed.file,
                "test_instance_id": failed.test_instance_id,
                "test_list_instance_id": failed.test_list_instance_id,
                "where": failed.where,
            }
            for failed in (log.failed_attachments if log else ())
        ],
    }


def to_json(document: dict[str, Any]) -> str:
    """Return a document as JSON text in ASCII, which every console, pipe and code page can carry."""
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def summary(plan: RewritePlan) -> dict[str, int]:
    """Return how many upload tests have each outcome, also where there are none."""
    counts = Counter(item.rewrite.outcome for item in plan.items)
    return {outcome.value: counts[outcome] for outcome in Outcome}


def _procedure(item: PlannedRewrite) -> dict[str, Any]:
    procedure, rewrite = item.procedure, item.rewrite
    return {
        "test_id": procedure.test_id,
        "slug": procedure.slug,
        "name": procedure.name,
        "type": procedure.type,
        "listed": item.listed,
        "outcome": rewrite.outcome.value,
        "reads": rewrite.reads.value,
        "reason": rewrite.reason,
        "findings": [finding_document(finding) for finding in rewrite.findings],
        "edits": [edit_document(edit) for edit in rewrite.edits],
        "before_sha256": rewrite.before_sha256,
        "after_sha256": rewrite.after_sha256,
        "diff": unified_diff(rewrite.before or "", rewrite.source or "", procedure.slug),
        "selected": item.selected,
        "approved": item.approved,
    }


def edit_document(edit: Edit) -> dict[str, int | str]:
    """Return one edit, as plain numbers and strings."""
    return {
        "line": edit.line,
        "column": edit.column,
        "offset": edit.offset,
        "before": edit.before,
        "after": edit.after,
        "rule": edit.rule,
    }


def finding_document(finding: Finding) -> dict[str, str]:
    """Return one finding, as plain strings."""
    return {
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        "where": finding.where,
        "rule": finding.rule,
    }
