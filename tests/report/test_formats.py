from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.model.deployment import (
    Deployment,
    Machine,
)
from upgrade_kit.model.finding import CheckResult, CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.runner import Preflight, verdict
from upgrade_kit.report.formats import preflight_junit, preflight_markdown, preflight_sarif

UNKNOWN = Unobserved("not looked at")
SITE = Deployment(
    site=Path("site"),
    observed_at=datetime(2026, 1, 1, tzinfo=UTC),
    version=UNKNOWN,
    versions_agree=UNKNOWN,
    checkout=UNKNOWN,
    settings=UNKNOWN,
    interpreters=UNKNOWN,
    database=UNKNOWN,
    disk=UNKNOWN,
    machine=Machine(system="Linux", preferred_encoding="utf-8"),
    backups=UNKNOWN,
    migrate_log=UNKNOWN,
)


def preflight(*answers: Result, fail_level: Severity = Severity.ERROR) -> Preflight:
    results = tuple(CheckResult(id=f"UK{n:03}", title=f"check {n}", result=each) for n, each in enumerate(answers))
    return Preflight(results=results, verdict=verdict(results, fail_level=fail_level), fail_level=fail_level)


def found(severity: Severity = Severity.ERROR, message: str = "m", hint: str = "h", where: str = "") -> Found:
    return Found((Finding(severity=severity, message=message, hint=hint, where=where),))


def junit(*answers: Result, fail_level: Severity = Severity.ERROR) -> ET.Element:
    return ET.fromstring(preflight_junit(preflight(*answers, fail_level=fail_level), path=UNKNOWN, deployment=SITE))  # noqa: S314 - our own


def sarif(*answers: Result) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(preflight_sarif(preflight(*answers), path=UNKNOWN, deployment=SITE))["runs"][0]
    return run


def markdown(*answers: Result) -> str:
    return preflight_markdown(preflight(*answers), path=UNKNOWN, deployment=SITE)


class TestJUnit:
    def test_each_kind_of_answer_is_counted_as_what_it_is(self) -> None:
        suite = junit(Passed(), found(), NotApplicable("no"), CouldNotRun("blind"), found(Severity.WARNING))
        assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
            "tests": "5",
            "failures": "1",
            "errors": "1",
            "skipped": "1",
        }

    def test_a_warning_fails_where_the_fail_level_says_so(self) -> None:
        assert junit(found(Severity.WARNING)).get("failures") == "0"
        assert junit(found(Severity.WARNING), fail_level=Severity.WARNING).get("failures") == "1"

    @given(st.text(st.characters(codec=None)))
    def test_whatever_a_site_holds_the_xml_is_well_formed(self, text: str) -> None:
        suite = junit(found(message=text, hint=text, where=text), CouldNotRun(text), NotApplicable(text))
        assert suite.tag == "testsuite"


class TestSarif:
    def test_a_finding_points_to_its_check_and_its_place(self) -> None:
        run = sarif(Passed(), found(where=r"C:\site\qatrack\local settings.py:12"))
        (result,) = run["results"]
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "UK001"
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "file:///C:/site/qatrack/local%20settings.py"
        assert place["region"] == {"startLine": 12}

    @pytest.mark.parametrize(
        ("where", "uri"),
        [
            ("qatrack/local_settings.py:3", "qatrack/local_settings.py"),
            ("/srv/site/a b#c.py", "file:///srv/site/a%20b%23c.py"),
            (r"\\server\share\web.config:3", "file://server/share/web.config"),
            ("für.sql:3:4", "f%C3%BCr.sql"),
        ],
    )
    def test_a_file_is_a_uri_wherever_it_is(self, where: str, uri: str) -> None:
        place = sarif(found(where=where))["results"][0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == uri

    def test_line_and_column_are_told_where_they_are_known(self) -> None:
        place = sarif(found(where="report.sql:3:14"))["results"][0]["locations"][0]["physicalLocation"]
        assert place["region"] == {"startLine": 3, "startColumn": 14}

    def test_a_table_is_no_file(self) -> None:
        assert "locations" not in sarif(found(where="qa_unittestcollection"))["results"][0]

    def test_not_being_able_to_look_is_no_successful_run(self) -> None:
        assert sarif(CouldNotRun("blind"))["invocations"][0]["executionSuccessful"] is False
        assert sarif(Passed())["invocations"][0]["executionSuccessful"] is True


class TestMarkdown:
    def test_what_is_to_be_typed_stands_in_a_block_of_code(self) -> None:
        assert "\n\n    git checkout v0.3.0\n" in markdown(found(hint="Type:\n    git checkout v0.3.0"))

    def test_every_check_has_its_row(self) -> None:
        rows = [line for line in markdown(Passed("x"), found(), CouldNotRun("blind")).splitlines() if "| UK" in line]
        assert len(rows) == 3

    @pytest.mark.parametrize("name", ["a|b", "<script>", "*x*", "[x](y)", "`x`", "a\nb"])
    def test_a_name_marks_nothing_up(self, name: str) -> None:
        text = markdown(Passed(name))
        assert name not in text.replace("\\", "\0")
        assert text.count("\n| UK000") == 1
