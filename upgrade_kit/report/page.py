"""The page to sign: one preflight and one plan of rewrites as one HTML file that needs nothing else."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

from upgrade_kit import __version__
from upgrade_kit.model.backup import Backup
from upgrade_kit.model.deployment import Database, Deployment
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Finding, Found, NotApplicable, Passed, Severity
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import OtherProcedure, Outcome, PlannedRewrite, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.runner import Preflight
from upgrade_kit.report.formats import in_order_of_work, result_in_words
from upgrade_kit.report.markup import attribute, code_line, shown, shown_lines
from upgrade_kit.report.preflight import verdict_in_words
from upgrade_kit.report.side_by_side import Line, Row, listing, side_by_side

_WORST_FIRST = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_ORDER = (Outcome.REWRITE, Outcome.REVIEW, Outcome.ERROR, Outcome.UNCHANGED)
_MEANING = {
    Outcome.REWRITE: "The kit knows the change and shows it. It is written where it is approved.",
    Outcome.REVIEW: "A person must decide. What is proposed is written only where it is approved and named with "
    "--include.",
    Outcome.ERROR: "The text is neither Python 2 nor Python 3. Nothing is written; correct it in QATrack+'s admin.",
    Outcome.UNCHANGED: "It runs on the target version as it is. Nothing is written.",
}
_UNKNOWN = "unknown"  # a check that could not look
_NONE = "none"
_TYPED = "    "  # how a line of a hint begins that is to be typed


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding as the page shows it: a hint is prose, and lines to be typed."""

    severity: str
    message: str
    where: str
    rule: str
    hint: tuple[tuple[bool, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A check as the page shows it; ``weight`` is its worst severity, ``unknown`` or ``none``."""

    id: str
    title: str
    weight: str
    word: str
    findings: tuple[Told, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An upload test as the page shows it.

    Attributes:
        item: the test and its answer.
        weight: its worst severity, or ``none``.
        findings: what else a person should know.
        rows: both texts side by side; none where nothing changes.
        lines: the text, where nothing changes or where ``rows`` do not hold all of it.
        is_partial: whether ``rows`` do not hold all of it.
    """

    item: PlannedRewrite
    weight: str
    findings: tuple[Told, ...]
    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    is_partial: bool

    @property
    def decision_key(self) -> str:
        """What the export says of the test, as JSON in ASCII: HTML can hold neither a NUL nor a lone surrogate."""
        procedure, rewrite = self.item.procedure, self.item.rewrite
        return json.dumps(
            {
                "test_id": procedure.test_id,
                "slug": procedure.slug,
                "before_sha256": rewrite.before_sha256,
                "after_sha256": rewrite.after_sha256,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The tests of one outcome, and what the outcome means."""

    outcome: str
    meaning: str
    tests: tuple[Judged, ...]


def report_page(
    preflight: Preflight,
    plan: RewritePlan | Unobserved,
    *,
    path: UpgradePath | Unobserved,
    deployment: Deployment,
) -> str:
    """Return the page.

    Args:
        preflight: the answers and the verdict.
        plan: what becomes of the calculation procedures, or why that is not known.
        path: the way to the target, or why it is not known.
        deployment: the site that was looked at.
    """
    style, script = _shipped("page.css"), _shipped("page.js")
    sentence, following = verdict_in_words(preflight, path, "report", said="below")
    database = deployment.database
    items = () if isinstance(plan, Unobserved) else plan.items
    text: str = _template().render(
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704 - the kit's own file
        script=Markup(script),  # noqa: S704 - likewise
        kit=__version__,
        fingerprint=_fingerprint(items),
        site=json.dumps(_site(deployment)),
        deployment=deployment,
        database=database.url if isinstance(database, Database) else database.reason,
        server=database.server if isinstance(database, Database) else "",
        version=_known(deployment.version),
        verdict=preflight.verdict.value,
        sentence=sentence,
        following=following.removeprefix("Next: "),
        path=path,
        path_reason=path.reason if isinstance(path, Unobserved) else "",
        checks=_asked(preflight),
        backup=_current(deployment),
        stale=() if isinstance(deployment.backups, Unobserved) else deployment.backups.stale,
        looked_in=() if isinstance(deployment.backups, Unobserved) else deployment.backups.looked_in,
        backup_reason=deployment.backups.reason if isinstance(deployment.backups, Unobserved) else "",
        plan=plan,
        plan_reason=plan.reason if isinstance(plan, Unobserved) else "",
        counts=Counter(item.rewrite.outcome.value for item in items),
        groups=tuple(_groups(items)),
        others=() if isinstance(plan, Unobserved) else tuple(map(_other, plan.others)),
    )
    return text.rstrip() + "\n"


def _site(deployment: Deployment) -> dict[str, str | None]:
    database, version = deployment.database, deployment.version
    return {
        "folder": None if deployment.site is None else str(deployment.site),
        "version": None if isinstance(version, Unobserved) else str(version),
        "database": database.url if isinstance(database, Database) else None,
    }


def _known(fact: object) -> str:
    return f"not known: {fact.reason}" if isinstance(fact, Unobserved) else str(fact)


def _current(deployment: Deployment) -> Backup | None:
    backups = deployment.backups
    return None if isinstance(backups, Unobserved) or not backups.current else backups.current[0]


def _asked(preflight: Preflight) -> tuple[Asked, ...]:
    order = (*_WORST_FIRST[:2], _UNKNOWN, _WORST_FIRST[2], _NONE)
    asked = [
        Asked(
            id=result.id,
            title=result.title,
            weight=_weight_of(result),
            word=result_in_words(result),
            findings=_told(result.result.findings) if isinstance(result.result, Found) else (),
        )
        for result in in_order_of_work(preflight.results)
    ]
    return tuple(sorted(asked, key=lambda check: (order.index(check.weight), check.word.startswith("does not"))))


def _weight_of(result: CheckResult) -> str:
    match result.result:
        case Found(findings=findings):
            return _weight(findings)
        case CouldNotRun():
            return _UNKNOWN
        case Passed() | NotApplicable():
            return _NONE


def _weight(findings: Sequence[Finding]) -> str:
    return next((one.value for one in _WORST_FIRST if any(found.severity is one for found in findings)), _NONE)


def _told(findings: Iterable[Finding]) -> tuple[Told, ...]:
    ordered = sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.severity))
    return tuple(
        Told(
            severity=finding.severity.value,
            message=finding.message,
            where=finding.where,
            rule=finding.rule,
            hint=tuple(_hint(finding.hint)),
        )
        for finding in ordered
    )


def _hint(hint: str) -> Iterator[tuple[bool, str]]:
    """Yield the paragraphs of a hint, and whether each is what is to be typed: lines that follow one another."""
    lines = [line for line in hint.splitlines() if line.strip()]
    for typed, group in groupby(lines, lambda line: line.startswith(_TYPED)):
        if typed:
            yield True, "\n".join(line.removeprefix(_TYPED) for line in group)
        else:
            yield from ((False, line) for line in group)


def _groups(items: Iterable[PlannedRewrite]) -> Iterator[Group]:
    known = tuple(items)
    for outcome in _ORDER:
        tests = tuple(_judged(item) for item in known if item.rewrite.outcome is outcome)
        if tests:
            yield Group(outcome=outcome.value, meaning=_MEANING[outcome], tests=tests)


def _judged(item: PlannedRewrite) -> Judged:
    before, after = item.rewrite.before or "", item.rewrite.source or ""
    rows = side_by_side(before, after) if before != after else ()
    partial = any(row.skipped for row in rows)
    return Judged(
        item=item,
        weight=_weight(item.rewrite.findings),
        findings=_told(item.rewrite.findings),
        rows=rows,
        lines=listing(before) if partial or not rows else (),
        is_partial=partial,
    )


def _other(other: OtherProcedure) -> tuple[OtherProcedure, str, tuple[Told, ...]]:
    return other, _weight(other.findings), _told(other.findings)


def _fingerprint(items: Iterable[PlannedRewrite]) -> str:
    """Return what tells two pages apart: a digest of the texts, before and after, of every test."""
    shown_texts = [(item.procedure.test_id, item.rewrite.before_sha256, item.rewrite.after_sha256) for item in items]
    return hashlib.sha256(json.dumps(shown_texts).encode("ascii")).hexdigest()


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows this style and this script, and nothing else at all."""
    return (
        f"default-src 'none'; style-src '{_source(style)}'; script-src '{_source(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _shipped(name: str) -> str:
    """Return a file that comes with the kit, with the line ends that a browser hashes."""
    text = (files("upgrade_kit.report") / "templates" / name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


class _Shipped(BaseLoader):
    """Loads the templates that come with the kit."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:  # noqa: ARG002
        return _shipped(template), None, None


@cache
def _template() -> Any:  # noqa: ANN401 - Jinja's, whose render takes anything
    environment = Environment(
        loader=_Shipped(),
        autoescape=True,
        finalize=shown,  # each value that the template writes goes through it
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(attribute=attribute, code_line=code_line, shown_lines=shown_lines)
    return environment.get_template("page.html.j2")
