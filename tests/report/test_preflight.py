from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import (
    Deployment,
    Machine,
)
from upgrade_kit.model.finding import (
    CheckResult,
    CouldNotRun,
    Finding,
    Found,
    NotApplicable,
    Passed,
    Result,
    Severity,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import Preflight, verdict
from upgrade_kit.report.document import to_json
from upgrade_kit.report.preflight import preflight_document, render_preflight
from upgrade_kit.report.terminal import make_console

UNREAD = Unobserved("not read")
COMMAND = "upgrade-kit backup --database sqlite:////a/very/long/path/" + "folder/" * 12 + "qatrack.db"
DEPLOYMENT = Deployment(
    site=Path("site"),
    observed_at=datetime(2026, 3, 1, tzinfo=UTC),
    version=Version("0.2.9.1"),
    versions_agree=UNREAD,
    checkout=UNREAD,
    settings=UNREAD,
    interpreters=UNREAD,
    database=Unobserved("the server does not answer"),
    disk=UNREAD,
    machine=Machine(system="Linux", preferred_encoding="UTF-8"),
    backups=UNREAD,
    migrate_log=UNREAD,
)
ERROR = Found(
    (
        Finding(
            severity=Severity.ERROR,
            message="no verified backup",
            hint=f"Make one:\n    {COMMAND}\nThen go on.",
            where="backups",
        ),
    )
)
WARNING = Found((Finding(severity=Severity.WARNING, message="an old server", hint="Look."),))


@pytest.fixture
def path() -> UpgradePath:
    return VersionGraph.load().path("0.2.9.1", "0.3.0")


def preflight_of(**answers: Result) -> Preflight:
    results = tuple(CheckResult(id=id_, title=f"Title of {id_}", result=result) for id_, result in answers.items())
    return Preflight(results=results, verdict=verdict(results))


def shown(
    preflight: Preflight,
    path: UpgradePath | Unobserved = UNREAD,
    *,
    verbose: int = 0,
    quiet: bool = False,
    stream: StringIO | None = None,
) -> str:
    stream = StringIO() if stream is None else stream
    console = make_console(stream, color=False)
    render_preflight(preflight, console, path=path, deployment=DEPLOYMENT, verbose=verbose, quiet=quiet)
    return stream.getvalue()


class TestTable:
    @pytest.mark.parametrize("verbose", [0, 1])
    def test_every_check_that_applies_has_its_line_and_the_others_with_verbose(self, verbose: int) -> None:
        text = shown(
            preflight_of(
                UK1=Passed(),
                UK2=ERROR,
                UK3=WARNING,
                UK4=NotApplicable("no folder"),
                UK5=CouldNotRun("locked"),
            ),
            verbose=verbose,
        )
        assert "UK4  no folder" in text
        rows = [line.split() for line in text.splitlines() if line.startswith("UK") and "Title of" in line]
        words = {row[0]: row[4:] for row in rows[: 5 if verbose else 4]}
        assert words == {
            "UK1": ["passed"],
            "UK2": ["error"],
            "UK3": ["warning"],
            **({"UK4": ["not", "applicable"]} if verbose else {}),
            "UK5": ["could", "not", "look"],
        }

    def test_the_worst_finding_names_the_result(self) -> None:
        both = Found((*WARNING.findings, *ERROR.findings))
        rows = [line.split() for line in shown(preflight_of(UK1=both)).splitlines()]
        assert ["UK1", "Title", "of", "UK1", "error"] in rows

    def test_it_keeps_to_80_columns_beside_what_is_to_be_typed(self, path: UpgradePath) -> None:
        text = shown(preflight_of(UK1=Passed("x" * 200), UK2=ERROR, UK3=CouldNotRun("word " * 60)), path)
        assert [line for line in text.splitlines() if len(line) > 80] == [COMMAND]

    def test_what_was_seen_is_shown_with_v(self) -> None:
        preflight = preflight_of(UK1=Passed("Python 3.6.15"))
        assert "Python 3.6.15" not in shown(preflight)
        assert "Python 3.6.15" in shown(preflight, verbose=1)


class TestFindings:
    def test_a_line_to_type_stands_alone_whole_and_at_the_margin(self) -> None:
        assert COMMAND in shown(preflight_of(UK1=ERROR)).splitlines()

    def test_message_place_and_hint_are_shown(self) -> None:
        lines = shown(preflight_of(UK1=ERROR)).splitlines()
        assert lines[lines.index("UK1  error  Title of UK1") :][:8] == [
            "UK1  error  Title of UK1",
            "  no verified backup",
            "  Where: backups",
            "  Make one:",
            "",
            COMMAND,
            "",
            "  Then go on.",
        ]

    def test_errors_come_before_warnings(self) -> None:
        text = shown(preflight_of(UK1=WARNING, UK2=ERROR))
        assert text.index("UK2  error") < text.index("UK1  warning")

    def test_the_backup_comes_after_the_other_errors_which_it_would_not_hold_mended(self, path: UpgradePath) -> None:
        preflight = preflight_of(UK204=ERROR, UK304=ERROR, UK491=WARNING)
        told = shown(preflight, path=path)
        assert told.index("UK304  error") < told.index("UK204  error") < told.index("UK491  warning")
        assert "UK304, UK204." in told

    def test_a_very_long_message_is_shortened_and_says_so(self) -> None:
        slugs = ", ".join(f"slug_{number}" for number in range(200))
        finding = Finding(severity=Severity.WARNING, message=slugs, hint="h")
        preflight = preflight_of(UK1=Found((finding,)))
        assert "-v shows them" in " ".join(shown(preflight).split())
        assert "slug_199" not in shown(preflight)
        assert "slug_199" in shown(preflight, verbose=1)

    def test_control_characters_of_a_name_cannot_forge_a_line(self) -> None:
        finding = Finding(severity=Severity.ERROR, message="test \x1b[2J\nGO", hint="h")
        assert "\x1b" not in shown(preflight_of(UK1=Found((finding,))))
        assert "\nGO" not in shown(preflight_of(UK1=Found((finding,))))


class TestNotLookedAt:
    def test_reasons_are_told_once_with_their_checks(self) -> None:
        text = shown(preflight_of(UK1=CouldNotRun("locked"), UK2=CouldNotRun("locked")))
        assert "  UK1, UK2  locked" in text.splitlines()

    def test_what_does_not_apply_is_told_apart(self) -> None:
        text = shown(preflight_of(UK1=NotApplicable("no folder"), UK2=Passed()))
        assert "Could not look" not in text
        assert "  UK1  no folder" in text.splitlines()


class TestVerdict:
    @pytest.mark.parametrize(
        ("answers", "line"),
        [
            ({"UK1": ERROR}, "NO_GO  1 error must be gone before the upgrade: UK1."),
            ({"UK1": CouldNotRun("x")}, "UNKNOWN  No error, but not everything could be looked at: UK1."),
            ({"UK1": WARNING}, "GO  Nothing found that stands in the way (1 warning)."),
        ],
    )
    def test_it_comes_last_with_what_to_do_next(self, path: UpgradePath, answers: dict[str, Result], line: str) -> None:
        *_, sentence, following = shown(preflight_of(**answers), path).splitlines()
        assert sentence == line
        assert following.startswith("Next: ")

    def test_at_the_target_already_no_upgrade_is_spoken_of(self, path: UpgradePath) -> None:
        there = UpgradePath(releases=(path.target,), hops=())
        assert "NO_GO  1 error to be mended: UK1." in shown(preflight_of(UK1=ERROR), there)

    def test_quiet_tells_errors_what_is_unknown_and_the_verdict(self) -> None:
        text = shown(preflight_of(UK1=ERROR, UK2=WARNING, UK3=CouldNotRun("locked")), quiet=True)
        assert text.splitlines() == [
            "UK1  error  no verified backup",
            "Could not look",
            "  UK3  locked",
            "",
            "NO_GO  1 error must be gone before the upgrade: UK1.",
        ]


class TestDocument:
    def test_it_is_the_contracts(self, path: UpgradePath) -> None:
        preflight = preflight_of(
            UK1=Passed("seen"), UK2=ERROR, UK3=NotApplicable("no folder"), UK4=CouldNotRun("locked")
        )
        document = json.loads(to_json(preflight_document(preflight, path=path, deployment=DEPLOYMENT)))
        assert {key: value for key, value in document.items() if key != "results"} == {
            "schema": 1,
            "command": "preflight",
            "site": {"folder": "site", "version": "0.2.9.1", "database": None},
            "path": ["0.2.9.1", "0.3.0"],
            "verdict": "NO_GO",
            "observed_at": "2026-03-01T00:00:00+00:00",
            "changes": None,
        }
        assert document["results"][0] == {
            "id": "UK1",
            "title": "Title of UK1",
            "result": "passed",
            "seen": "seen",
            "findings": [],
        }
        assert document["results"][1]["findings"] == [
            {
                "severity": "error",
                "message": "no verified backup",
                "hint": f"Make one:\n    {COMMAND}\nThen go on.",
                "where": "backups",
            }
        ]
        assert [(result["result"], result.get("reason")) for result in document["results"]] == [
            ("passed", None),
            ("found", None),
            ("not_applicable", "no folder"),
            ("could_not_run", "locked"),
        ]

    def test_an_unknown_path_is_empty(self) -> None:
        document = preflight_document(preflight_of(UK1=Passed()), path=UNREAD, deployment=DEPLOYMENT)
        assert document["path"] == []
