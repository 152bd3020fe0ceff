from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from upgrade_kit.deployment.migrate_log import read_migrate_log
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
from upgrade_kit.report.rewrites import Run, render_rewrites
from upgrade_kit.report.terminal import make_console

EDIT = Edit(line=1, column=1, offset=0, before="FILE", after="BIN_FILE", rule="UK401")
LONG_SLUG = "a_macro_name_that_goes_on_" * 4
LONG_REASON = "only the name of the file is used and that stays as it is " * 3


def planned(
    slug: str = "epid",
    *,
    outcome: Outcome = Outcome.REWRITE,
    before: str | None = "data = FILE.read()\n",
    after: str | None = "data = BIN_FILE.read()\n",
    reason: str = "reads bytes (line 1)",
    name: str = "EPID image",
    test_id: int = 7,
    findings: tuple[Finding, ...] = (),
) -> PlannedRewrite:
    edited = outcome in (Outcome.REWRITE, Outcome.REVIEW) and before != after
    return PlannedRewrite(
        procedure=Procedure(test_id=test_id, slug=slug, name=name, type="upload", source=before),
        rewrite=Rewrite(
            outcome=outcome,
            reads=Reads.BYTES,
            reason=reason,
            before=before,
            source=after if edited else before,
            edits=(EDIT,) if edited else (),
            findings=findings,
        ),
        listed=True,
        selected=outcome is Outcome.REWRITE,
    )


def rendered(
    *items: PlannedRewrite,
    encoding: str = "utf-8",
    notes: tuple[str, ...] = (),
    forecast: str | None = None,
    verbose: int = 0,
    quiet: bool = False,
    show_diffs: bool = True,
    log: MigrateLog | None = None,
    run: Run | None = None,
    color: bool | None = None,
) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    render_rewrites(
        RewritePlan(items=items, listed=len(items), notes=notes),
        make_console(stream, width=80, color=color),
        forecast=forecast,
        verbose=verbose,
        quiet=quiet,
        show_diffs=show_diffs,
        log=log,
        run=run or Run(),
    )
    stream.seek(0)
    return stream.read()


def cells(text: str, start: int, width: int | None) -> str:
    """Join one column of the table's last row, as a reader does."""
    lines = text.split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return "".join(line[start : None if width is None else start + width].strip() for line in lines)


class TestTable:
    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp437", "ascii"])
    def test_it_holds_on_80_columns_in_any_encoding(self, encoding: str) -> None:
        item = planned("\u7dda" * 60, reason=LONG_REASON + "\xe9\u7dda", name="[red]x[/red]\n")
        table = rendered(item, encoding=encoding, verbose=1).split("\n\n")[0]
        assert {cell_len(line) for line in table.splitlines()} == {80}

    def test_a_long_slug_folds_and_loses_nothing(self) -> None:
        assert cells(rendered(planned(LONG_SLUG)), 10, 24) == LONG_SLUG

    def test_a_long_reason_folds_and_loses_nothing(self) -> None:
        text = rendered(planned(reason=LONG_REASON))
        start = text.splitlines()[0].index("reason")
        assert cells(text, start, None).replace(" ", "") == LONG_REASON.replace(" ", "")

    def test_markup_in_names_is_shown_and_not_obeyed(self) -> None:
        text = rendered(planned("[red]x[/red]", name="[bold]n"), verbose=1)
        assert "[red]x[/red]" in text
        assert "[bold]n" in text

    def test_a_slug_with_a_tab_or_line_break_stays_in_its_row(self) -> None:
        assert "a\\tb\\nc" in rendered(planned("a\tb\nc"))

    def test_a_slug_that_two_tests_share_is_told_apart(self) -> None:
        text = rendered(planned("same", test_id=1), planned("same", test_id=2), show_diffs=False)
        assert "same (test 1)" in text
        assert "same (test 2)" in text

    def test_what_needs_attention_stands_above_what_does_not(self) -> None:
        text = rendered(
            planned("calm", outcome=Outcome.UNCHANGED),
            planned("broken", outcome=Outcome.ERROR),
            planned("doubtful", outcome=Outcome.REVIEW),
            planned("sure"),
        )
        assert re.findall(r"^\S+ +(\w+)  +bytes", text, re.MULTILINE) == [
            "sure",
            "doubtful",
            "broken",
            "calm",
        ]

    def test_a_rewrite_left_out_and_a_review_taken_in_are_marked(self) -> None:
        text = rendered(
            replace(planned("out"), selected=False),
            replace(planned("in", outcome=Outcome.REVIEW), selected=True),
        )
        assert "(left out of this run)" in text
        assert "(included by name)" in text

    def test_no_upload_tests_is_one_sentence(self) -> None:
        assert rendered() == "No upload tests: nothing to rewrite.\n"


class TestFindings:
    FINDING = Finding(severity=Severity.WARNING, message="dicom [x] is gone", hint="Import pydicom.", where="line 3")

    def test_each_is_shown_with_severity_place_and_hint(self) -> None:
        text = rendered(planned(findings=(self.FINDING,)))
        assert "  epid  warning  line 3  dicom [x] is gone\n      Import pydicom." in text

    def test_information_is_only_counted_unless_asked_for(self) -> None:
        item = planned(findings=(replace(self.FINDING, severity=Severity.INFO),))
        assert "dicom [x]" not in rendered(item)
        assert "1 for information only; -v shows them." in rendered(item)
        assert "dicom [x]" in rendered(item, verbose=1)

    def test_no_findings_have_no_heading(self) -> None:
        assert "Findings" not in rendered(planned())


class TestDiff:
    def test_a_rewrite_is_shown_line_by_line(self) -> None:
        assert "-data = FILE.read()\n+data = BIN_FILE.read()\n" in rendered(planned())

    def test_a_review_with_a_proposal_is_shown_as_not_written(self) -> None:
        text = rendered(planned(outcome=Outcome.REVIEW))
        assert "proposed, not written" in text
        assert "+data = BIN_FILE.read()" in text

    @pytest.mark.parametrize("outcome", [Outcome.UNCHANGED, Outcome.ERROR])
    def test_nothing_is_shown_where_nothing_changes(self, outcome: Outcome) -> None:
        assert "@@" not in rendered(planned(outcome=outcome))

    def test_what_is_invisible_is_spelt_out_where_the_change_touches_it(self) -> None:
        text = rendered(planned(before="\tFILE \t\r\nx\t= 1 \r\n", after="\tBIN_FILE \t\r\nx\t= 1 \r\n"))
        assert "-<tab>FILE<space><tab><CR>\n+<tab>BIN_FILE<space><tab><CR>\n" in text
        assert "<tab>=" not in text

    def test_a_missing_final_newline_is_told(self) -> None:
        text = rendered(planned(before="FILE", after="BIN_FILE"))
        assert "-FILE\n\\ No newline at end of file\n+BIN_FILE\n\\ No newline at end of file\n" in text

    def test_a_plain_line_has_no_marks(self) -> None:
        assert "<" not in rendered(planned())

    def test_long_lines_are_not_broken(self) -> None:
        line = "x = " + "FILE + " * 30
        assert f"-{line}1\n" in rendered(planned(before=line + "1\n", after=line + "BIN\n"))

    @pytest.mark.parametrize("mark", [" ", "-"])
    def test_control_characters_of_a_procedure_do_not_reach_the_terminal(self, mark: str) -> None:
        before = {" ": "\x1b[2Jx\nFILE\n", "-": "\x1b[2Jx FILE\n"}[mark]
        text = rendered(planned(before=before, after=before.replace("FILE", "BIN_FILE")))
        assert f"\n{mark}\\x1b[2Jx" in text
        assert "\x1b" not in text

    def test_diffs_can_be_left_out(self) -> None:
        assert "@@" not in rendered(planned(), show_diffs=False)

    def test_on_a_colour_terminal_both_sides_have_their_colour(self) -> None:
        text = rendered(planned(), color=True)
        assert "\x1b[31m-" in text
        assert "\x1b[32m+" in text


class TestLog:
    FAILED = tuple(
        FailedAttachment(file=f"f{i}.dat", test_instance_id=i, test_list_instance_id=1, where=f"migrate.log:{i}")
        for i in range(5)
    )
    LOG = MigrateLog(
        files=(),
        encodings=(),
        runs=1,
        listed=(),
        failed_attachments=FAILED,
        python3_notices=(),
        notes=("The log is odd.",),
    )

    def test_files_that_were_not_moved_are_counted_and_the_first_are_named(self) -> None:
        text = rendered(planned(), log=self.LOG)
        assert "5 uploaded files not moved by the migration" in text
        assert "f2.dat  (test instance 2, migrate.log:2)" in text
        assert "f3.dat" not in text
        assert "... and 2 more" in text
        assert "media/uploads" in text

    def test_all_of_them_are_named_when_asked_for(self) -> None:
        assert "f4.dat" in rendered(planned(), log=self.LOG, verbose=1)

    def test_no_such_files_are_not_mentioned(self) -> None:
        assert "not moved" not in rendered(planned(), log=replace(self.LOG, failed_attachments=()))

    def test_notes_of_the_plan_and_the_log_are_shown(self) -> None:
        text = rendered(planned(), notes=("The log lists x, the database does not.",), log=self.LOG)
        assert "Notes\n  The log lists x, the database does not.\n  The log is odd.\n" in text

    @pytest.mark.real
    def test_the_real_log_fits_on_an_old_console(self, real: Path) -> None:
        text = rendered(planned(), encoding="cp437", log=read_migrate_log(real / "logs" / "migrate.log"))
        assert "322 uploaded files not moved by the migration" in text


class TestEnding:
    def test_a_dry_run_says_what_would_be_written_and_what_to_type(self) -> None:
        text = rendered(
            planned(), planned("b", outcome=Outcome.UNCHANGED), run=Run(command="upgrade-kit rewrite-calcs S")
        )
        summary = "2 upload tests (2 listed): 1 rewrite, 1 unchanged. 1 to be written."
        assert summary in " ".join(text.split())
        assert text.endswith("To write it:  upgrade-kit rewrite-calcs S --apply\n")

    def test_nothing_to_write_asks_for_nothing(self) -> None:
        text = rendered(planned(outcome=Outcome.UNCHANGED))
        assert text.endswith("1 upload test (1 listed): 1 unchanged. Nothing to write.\n")

    def test_a_forecast_does_not_offer_to_apply(self) -> None:
        text = rendered(planned(), planned("b", outcome=Outcome.REVIEW), forecast="the schema is at 0.2.9.1.")
        assert text.startswith("Forecast: the schema is at 0.2.9.1.\n")
        assert "1 to be written after the upgrade." in " ".join(text.split())
        assert "BIN_FILE does not exist before" in text
        assert "--apply" not in text

    def test_after_an_apply_the_way_back_is_told(self) -> None:
        text = rendered(planned(), run=Run(applied=True, journal="a folder/j.json"))
        assert "1 written." in text
        assert "upgrade-kit rewrite-calcs --undo 'a folder/j.json'" in text
        assert "--apply" not in text

    def test_a_proposed_change_can_be_taken_by_name(self) -> None:
        assert "--include doubtful --apply" in rendered(planned("doubtful", outcome=Outcome.REVIEW))

    def test_what_a_person_must_decide_is_counted(self) -> None:
        assert "1 needs a person" in rendered(planned(outcome=Outcome.ERROR))

    def test_remarks_stand_above_the_summary(self) -> None:
        text = rendered(planned(), run=Run(remarks=("No verified backup: --no-backup was given.",)))
        assert text.index("No verified backup") < text.index("1 upload test")

    def test_quiet_shows_the_table_and_the_summary_alone(self) -> None:
        finding = Finding(severity=Severity.ERROR, message="m", hint="h")
        text = rendered(planned(findings=(finding,)), notes=("n",), quiet=True)
        blocks = text.rstrip("\n").split("\n\n")
        assert len(blocks) == 2
        assert blocks[1] == "1 upload test (1 listed): 1 rewrite. 1 to be written. Nothing is written yet."


class TestOtherTests:
    @staticmethod
    def shown(*findings: Finding, verbose: int = 0, quiet: bool = False, encoding: str = "utf-8") -> str:
        procedure = Procedure(test_id=9, slug="comp", name="Comp", type="composite", source="comp = 1\n")
        other = OtherProcedure(procedure=procedure, findings=findings)
        plan = RewritePlan(items=(), listed=0, others=(other,) if findings else (), others_seen=5)
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
        render_rewrites(plan, make_console(stream, width=80), verbose=verbose, quiet=quiet)
        stream.seek(0)
        return stream.read()

    GONE = Finding(
        severity=Severity.ERROR, message="unicode is gone \xb5\u7dda", hint="str", where="line 1", rule="UK420"
    )
    SHADOW = Finding(severity=Severity.INFO, message="never run", hint="nothing", where="line 2", rule="UK429")

    @pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
    def test_a_second_table_says_where_what_and_what_to_type(self, encoding: str) -> None:
        text = self.shown(self.GONE, encoding=encoding)
        assert re.search(r"^comp +composite +line 1: unicode is gone", text, re.MULTILINE)
        assert re.search(r"^ +-> str *$", text, re.MULTILINE)
        assert "1 of 5 other procedures needs a person too" in text

    def test_without_a_finding_there_is_no_second_table(self) -> None:
        assert "other tests" not in self.shown()

    def test_information_is_for_those_who_ask(self) -> None:
        assert "never run" not in self.shown(self.SHADOW)
        assert "need" not in self.shown(self.SHADOW)
        assert "never run" in self.shown(self.SHADOW, verbose=1)

    def test_quiet_keeps_the_table(self) -> None:
        assert "unicode is gone" in self.shown(self.GONE, quiet=True)
