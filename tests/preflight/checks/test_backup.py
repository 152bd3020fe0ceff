from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from upgrade_kit.model.deployment import (
    Backups,
)
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.backup import verified_backup_exists

Ask = Callable[..., Result]


class TestBackup:
    NONE = Backups(looked_in=(Path("backups"),), current=(), stale=())

    def test_a_current_one_passes_and_is_named(self, ask: Ask) -> None:
        result = ask(verified_backup_exists)
        assert isinstance(result, Passed)
        assert "site.manifest.json (2026-03-01 08:30 UTC)" in result.seen

    def test_none_is_an_error_with_the_command_for_this_site(self, ask: Ask) -> None:
        result = ask(verified_backup_exists, backups=self.NONE)
        assert isinstance(result, Found)
        (finding,) = result.findings
        assert finding.severity is Severity.ERROR
        assert finding.hint.splitlines()[-1] == "    upgrade-kit backup site"

    def test_without_a_folder_the_command_names_the_database(self, ask: Ask) -> None:
        no_folder = Unobserved("no site folder was given", asked=False)
        result = ask(verified_backup_exists, backups=self.NONE, site=None, settings=no_folder)
        assert isinstance(result, Found)
        command = "    upgrade-kit backup --database sqlite:////data/qatrack.db"
        assert result.findings[0].hint.splitlines()[-1] == command

    def test_a_stale_one_is_named_with_its_reason(self, ask: Ask) -> None:
        stale = replace(self.NONE, stale=((Path("old.manifest.json"), "12 rows were added since"),))
        result = ask(verified_backup_exists, backups=stale)
        assert isinstance(result, Found)
        assert "old.manifest.json: 12 rows were added since" in result.findings[0].message

    def test_nothing_to_write_needs_no_backup(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.3.0", "0.3.0")
        assert isinstance(ask(verified_backup_exists, backups=self.NONE, path=path), NotApplicable)

    def test_a_rewrite_ahead_needs_one(self, ask: Ask, graph: VersionGraph) -> None:
        item = PlannedRewrite(
            procedure=Procedure(test_id=1, slug="a", name="A", type="upload", source="FILE"),
            rewrite=Rewrite(outcome=Outcome.REWRITE, reads=Reads.BYTES, reason="", before="FILE", source="BIN_FILE"),
            listed=True,
            selected=True,
        )
        result = ask(
            verified_backup_exists,
            backups=self.NONE,
            path=graph.path("0.3.0", "0.3.0"),
            plan=RewritePlan(items=(item,), listed=1),
        )
        assert isinstance(result, Found)

    def test_folders_that_could_not_be_read_are_no_pass(self, ask: Ask) -> None:
        assert ask(verified_backup_exists, backups=Unobserved("denied")) == CouldNotRun("denied")
