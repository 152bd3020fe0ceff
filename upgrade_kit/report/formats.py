"""One preflight in the formats of other programs: Markdown, JUnit and SARIF."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

from upgrade_kit import __version__
from upgrade_kit.model.changes import Changes
from upgrade_kit.model.deployment import (
    Database,
    Deployment,
)
from upgrade_kit.model.finding import (
    CheckResult,
    CouldNotRun,
    Finding,
    Found,
    NotApplicable,
    Passed,
    Severity,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.runner import Preflight
from upgrade_kit.report.changes import changes_sentence
from upgrade_kit.report.markdown import code, hint_lines, plain

_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SHORT = 300  # characters of a heading; the text below it tells all
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FILE = re.compile(
    r"(?P<file>.*\.(?:py|config|txt|log|toml|ini|html|sql))(?::(?P<line>\d+)(?::(?P<column>\d+))?)?", re.IGNORECASE
)
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")


def preflight_markdown(
    preflight: Preflight,
    *,
    path: UpgradePath | Unobserved,
    deployment: Deployment,
    changes: Changes | None = None,
) -> str:
    """Return the report as Markdown: a heading, a table of every check, then each finding with what to type."""
    database, version = deployment.database, deployment.version
    lines = [
        f"# Preflight: {preflight.verdict.value}",
        "",
        f"- Site: {'none named' if deployment.site is None else code(deployment.site)}",
        f"- Database: {code(database.url if isinstance(database, Database) else database.reason)}",
        f"- Version: {code(version.reason if isinstance(version, Unobserved) else version)}",
        f"- Path: {code(path.reason if isinstance(path, Unobserved) else ' -> '.join(map(str, path.versions)))}",
        "",
        *([plain(changes_sentence(changes, deployment.observed_at)), ""] if changes is not None else ()),
        "| id | check | result |",
        "|---|---|---|",
        *(
            f"| {plain(result.id)} | {plain(result.title)} | {plain(result_in_words(result))} |"
            for result in preflight.results
            if not result.left_out
        ),
    ]
    for result, finding in _findings(preflight):
        lines += [
            "",
            f"## {plain(result.id)} {finding.severity.value}: {plain(result.title)}",
            "",
            plain(finding.message),
        ]
        if finding.where:
            lines += ["", f"Where: {code(finding.where)}"]
        if finding.hint:
            lines += ["", *hint_lines(finding.hint)]
    blind = [result for result in preflight.results if isinstance(result.result, CouldNotRun)]
    if blind:
        lines += ["", "## Could not look", ""]
        lines += [f"- {plain(result.id)}: {plain(result_in_words(result))}" for result in blind]
    return "\n".join(lines) + "\n"


def preflight_junit(preflight: Preflight, *, path: UpgradePath | Unobserved, deployment: Deployment) -> str:
    """Return the report as JUnit's XML: a check is a test case, an error of it a failure.

    A check that could not look is an error of the test run; one that does not apply is skipped. Warnings and
    information stand in ``system-out`` unless the fail level makes them failures.
    """
    suite = ET.Element("testsuite", name=f"upgrade-kit preflight {preflight.verdict.value}")
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    properties = ET.SubElement(suite, "properties")
    for name, value in (("site", deployment.site), ("path", "" if isinstance(path, Unobserved) else path.versions)):
        shown = " -> ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")
        ET.SubElement(properties, "property", name=name, value=_xml(shown))
    for result in preflight.results:
        counts["tests"] += 1
        case = ET.SubElement(
            suite, "testcase", classname="upgrade-kit.preflight", name=_xml(f"{result.id} {result.title}")
        )
        match result.result:
            case Passed():
                pass
            case NotApplicable(reason=reason):
                counts["skipped"] += 1
                ET.SubElement(case, "skipped", message=_xml(reason))
            case CouldNotRun(reason=reason):
                counts["errors"] += 1
                ET.SubElement(case, "error", type="could not look", message=_xml(reason))
            case Found(findings=findings):
                failing = [finding for finding in findings if preflight.fails(finding)]
                counts["failures"] += bool(failing)
                for finding in failing[:1]:  # a test case has one failure; its text tells all
                    failure = ET.SubElement(
                        case, "failure", type=finding.severity.value, message=_xml(_shortened(finding.message))
                    )
                    failure.text = _xml("\n\n".join(map(_told, failing)))
                others = [finding for finding in findings if finding not in failing]
                if others:
                    ET.SubElement(case, "system-out").text = _xml("\n\n".join(map(_told, others)))
    for name, number in counts.items():
        suite.set(name, str(number))
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def preflight_sarif(preflight: Preflight, *, path: UpgradePath | Unobserved, deployment: Deployment) -> str:
    """Return the report as SARIF 2.1.0: a check is a rule, a finding a result of it.

    What could not be looked at is a notification of the run, and the run is not successful then.
    """
    rules = [
        {"id": result.id, "shortDescription": {"text": result.title}, "defaultConfiguration": {"level": "error"}}
        for result in preflight.results
    ]
    places = {result.id: number for number, result in enumerate(preflight.results)}
    results = [
        {
            "ruleId": result.id,
            "ruleIndex": places[result.id],
            "level": _SARIF_LEVELS[finding.severity],
            "message": {"text": _told(finding)},
            **_locations(finding),
        }
        for result, finding in _findings(preflight)
    ]
    blind = [result for result in preflight.results if isinstance(result.result, CouldNotRun)]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "upgrade-kit", "version": __version__, "rules": rules}},
        "invocations": [
            {
                "executionSuccessful": not blind,
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": result_in_words(result)},
                        "associatedRule": {"id": result.id, "index": places[result.id]},
                    }
                    for result in blind
                ],
            }
        ],
        "results": results,
        "properties": {
            "verdict": preflight.verdict.value,
            "site": "" if deployment.site is None else str(deployment.site),
            "path": [] if isinstance(path, Unobserved) else [str(version) for version in path.versions],
        },
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


# What is mended after a backup is not in it: the backup comes when all else of its weight is done.
_DONE_LAST = frozenset(("UK204", "UK254"))


def in_order_of_work(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Return the answers in the order in which to act on those of the same weight."""
    return sorted(results, key=lambda result: result.id in _DONE_LAST)


def _findings(preflight: Preflight) -> Iterator[tuple[CheckResult, Finding]]:
    order = tuple(reversed(Severity))
    found = [
        (result, finding)
        for result in in_order_of_work(preflight.results)
        if isinstance(result.result, Found)
        for finding in result.result.findings
    ]
    yield from sorted(found, key=lambda pair: order.index(pair[1].severity))


def result_in_words(result: CheckResult) -> str:
    """Return what came of a check, in one line."""
    match result.result:
        case Passed(seen=seen):
            return f"passed: {seen}" if seen else "passed"
        case Found(findings=findings):
            counts = [(severity, sum(one.severity is severity for one in findings)) for severity in reversed(Severity)]
            return ", ".join(f"{number} {severity.value}" for severity, number in counts if number)
        case NotApplicable(reason=reason):
            return f"does not apply: {reason}"
        case CouldNotRun(reason=reason):
            return f"could not look: {reason}"


def _shortened(message: str) -> str:
    return textwrap.shorten(message, _SHORT, placeholder=" ...")


def _told(finding: Finding) -> str:
    parts = (finding.message, f"Where: {finding.where}" if finding.where else "", finding.hint)
    return "\n".join(part for part in parts if part)


def _locations(finding: Finding) -> dict[str, Any]:
    """Return the place of a finding, where it is a file: with its line where one is known."""
    found = _FILE.fullmatch(finding.where)
    if found is None:
        return {}
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(found["file"])}}
    if found["line"] is not None and int(found["line"]) > 0:
        place["region"] = {"startLine": int(found["line"])}
        if found["column"] is not None and int(found["column"]) > 0:
            place["region"]["startColumn"] = int(found["column"])
    return {"locations": [{"physicalLocation": place}]}


def _uri(file: str) -> str:
    """Return the name of a file as a URI: an absolute one with its scheme, else ``C:`` would be taken for one."""
    name = file.replace("\\", "/")
    path = quote(name, safe="/:~", errors="surrogatepass")
    if name.startswith("//"):
        return f"file:{path}"  # a share of another machine
    return f"file:///{path.lstrip('/')}" if _ABSOLUTE.match(name) else path


def _xml(text: str) -> str:
    """Return text with what XML cannot hold written as an escape."""
    return _NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
