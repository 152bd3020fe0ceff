from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import (
    Machine,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.rewrite import (
    MacroName,
    OtherProcedure,
    Outcome,
    PlannedRewrite,
    Procedure,
    Reads,
    Rewrite,
    RewritePlan,
)
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.check import Check
from upgrade_kit.preflight.checks.procedures import (
    names_can_be_printed,
    no_composite_uses_choices,
    no_procedure_needs_review,
    no_procedure_needs_rewriting,
    other_procedures_run,
    procedures_can_be_parsed,
)

Ask = Callable[..., Result]


def plan_of(*outcomes: Outcome, name: str = "Test", listed: bool = True) -> RewritePlan:
    items = tuple(
        PlannedRewrite(
            procedure=Procedure(test_id=number, slug=f"slug_{number}", name=name, type="upload", source="FILE"),
            rewrite=Rewrite(outcome=outcome, reads=Reads.BYTES, reason="line 3", before="FILE", source="FILE"),
            listed=listed,
            selected=False,
        )
        for number, outcome in enumerate(outcomes, start=1)
    )
    return RewritePlan(items=items, listed=len(items))


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


class TestPrinting:
    ACCENT = plan_of(Outcome.UNCHANGED, name="Intensit\xe9")
    GREEK = plan_of(Outcome.UNCHANGED, name="\u03b3 index")

    @pytest.mark.parametrize(
        ("plan", "system", "encoding"),
        [
            pytest.param(ACCENT, "Linux", "UTF-8", id="UTF-8 prints everything"),
            pytest.param(plan_of(Outcome.UNCHANGED), "Linux", "ascii", id="ASCII prints ASCII"),
            pytest.param(ACCENT, "Windows", "cp1252", id="cp1252 has the accents of western Europe"),
            pytest.param(plan_of(Outcome.UNCHANGED, name="\u03b3", listed=False), "Linux", "ascii", id="not listed"),
        ],
    )
    def test_names_that_can_be_printed_pass(self, ask: Ask, plan: RewritePlan, system: str, encoding: str) -> None:
        machine = Machine(system=system, preferred_encoding=encoding)
        assert isinstance(ask(names_can_be_printed, plan=plan, machine=machine), Passed)

    def test_a_c_locale_is_an_error_that_names_the_test(self, ask: Ask) -> None:
        machine = Machine(system="Linux", preferred_encoding="ascii")
        finding = only_finding(ask(names_can_be_printed, plan=self.ACCENT, machine=machine))
        assert finding.severity is Severity.ERROR
        assert "Intensit\xe9 (slug_1)" in finding.message
        assert "    export LC_ALL=C.UTF-8" in finding.hint.splitlines()

    def test_on_windows_a_name_outside_cp1252_is_a_warning(self, ask: Ask) -> None:
        machine = Machine(system="Windows", preferred_encoding="cp1252")
        finding = only_finding(ask(names_can_be_printed, plan=self.GREEK, machine=machine))
        assert finding.severity is Severity.WARNING
        assert "PYTHONIOENCODING" in finding.hint

    def test_an_encoding_that_nobody_knows_is_no_pass(self, ask: Ask) -> None:
        machine = Machine(system="Linux", preferred_encoding="martian")
        assert "martian" in only_finding(ask(names_can_be_printed, plan=self.ACCENT, machine=machine)).message

    def test_a_site_past_030_is_not_asked(self, ask: Ask, graph: VersionGraph) -> None:
        machine = Machine(system="Linux", preferred_encoding="ascii")
        path = graph.path("0.3.0", "0.3.0")
        result = ask(names_can_be_printed, plan=self.ACCENT, machine=machine, path=path)
        assert isinstance(result, NotApplicable)


class TestRewriting:
    PLAN = plan_of(Outcome.UNCHANGED, Outcome.REWRITE, Outcome.REVIEW, Outcome.REWRITE)

    def test_none_passes(self, ask: Ask) -> None:
        plan = plan_of(Outcome.UNCHANGED, Outcome.REVIEW)
        assert ask(no_procedure_needs_rewriting, plan=plan) == Passed("2 upload tests")

    def test_before_the_migration_it_is_a_warning_with_count_and_slugs(self, ask: Ask) -> None:
        finding = only_finding(ask(no_procedure_needs_rewriting, plan=self.PLAN))
        assert finding.severity is Severity.WARNING
        assert finding.message.startswith("2 upload tests fail at 0.3.0")
        assert "slug_2, slug_4." in finding.message

    def test_after_the_migration_it_is_an_error_with_the_command(self, ask: Ask, graph: VersionGraph) -> None:
        result = ask(no_procedure_needs_rewriting, plan=self.PLAN, path=graph.path("0.3.0", "0.3.0"))
        finding = only_finding(result)
        assert finding.severity is Severity.ERROR
        assert "2 upload tests fail today" in finding.message
        assert finding.hint.splitlines()[-1] == "    upgrade-kit rewrite-calcs site --apply"

    def test_a_path_that_ends_before_030_is_not_concerned(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.8", "0.2.9.1")
        assert isinstance(ask(no_procedure_needs_rewriting, plan=self.PLAN, path=path), NotApplicable)


class TestReview:
    def test_none_passes(self, ask: Ask) -> None:
        assert ask(no_procedure_needs_review, plan=plan_of(Outcome.REWRITE)) == Passed()

    def test_each_is_named(self, ask: Ask) -> None:
        plan = plan_of(Outcome.REVIEW, Outcome.UNCHANGED, Outcome.REVIEW)
        finding = only_finding(ask(no_procedure_needs_review, plan=plan))
        assert finding.severity is Severity.WARNING
        assert "slug_1, slug_3" in finding.message

    def test_a_path_that_ends_before_030_is_not_concerned(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.8", "0.2.9.1")
        result = ask(no_procedure_needs_review, plan=plan_of(Outcome.REVIEW), path=path)
        assert isinstance(result, NotApplicable)


def others(*findings: tuple[str, Severity], slug: str = "comp") -> RewritePlan:
    """A plan with one composite in which these rules found something, of three that were looked at."""
    other = OtherProcedure(
        procedure=Procedure(test_id=9, slug=slug, name="Composite", type="composite", source="x"),
        findings=tuple(
            Finding(severity=severity, message=f"says {rule}", hint="type this", where="line 2", rule=rule)
            for rule, severity in findings
        ),
    )
    return RewritePlan(items=(), listed=0, others=(other,) if findings else (), others_seen=3)


class TestChoices:
    FILM = MacroName(test_id=1, slug="film", type="multchoice", choices=("EBT2", "XR"))

    @staticmethod
    def site(source: str, kind: str = "composite") -> dict[str, Any]:
        procedure = Procedure(test_id=2, slug="comp", name="Comp", type=kind, source=source)
        own = MacroName(test_id=2, slug="comp", type=kind)
        return {"procedures": (procedure,), "macro_names": (TestChoices.FILM, own)}

    def test_none_passes(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.8", "0.3.0")
        result = ask(no_composite_uses_choices, path=path, in_database=self.site("comp = 'film'\n"))
        assert result == Passed("procedures that get no file: 1")

    @pytest.mark.parametrize("version", [Version("0.2.8"), Unobserved("nobody knows")])
    def test_a_use_is_a_warning_whatever_is_known_of_the_version(
        self, version: Version | Unobserved, ask: Ask, graph: VersionGraph
    ) -> None:
        site, path = self.site("comp = 0\nif film == 1:\n    comp = 1\n"), graph.path("0.2.8", "0.2.9.1")
        finding = only_finding(ask(no_composite_uses_choices, path=path, version=version, in_database=site))
        assert (finding.severity, finding.where) == (Severity.WARNING, "comp, line 2")
        assert finding.message.startswith("comp: film is a multiple-choice test")
        assert "0 EBT2, 1 XR" in finding.message
        assert finding.hint == "After the upgrade to 0.2.9.1 compare with the text: film == 'EBT2'"

    @pytest.mark.parametrize("kind", ["upload", "simple"])
    def test_what_is_given_no_values_of_other_tests_uses_none(self, kind: str, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.8", "0.3.0")
        assert isinstance(ask(no_composite_uses_choices, path=path, in_database=self.site("film", kind)), Passed)

    def test_a_site_past_029_is_not_asked(self, ask: Ask) -> None:
        assert isinstance(ask(no_composite_uses_choices, in_database=self.site("comp = film\n")), NotApplicable)

    def test_choices_that_cannot_be_read_are_no_pass(self, ask: Ask, graph: VersionGraph) -> None:
        unread = {"macro_names": Unobserved("qa_test has no column choices")}
        result = ask(no_composite_uses_choices, path=graph.path("0.2.8", "0.3.0"), in_database=unread)
        assert result == CouldNotRun("qa_test has no column choices")


class TestOtherProcedures:
    def test_none_passes(self, ask: Ask) -> None:
        assert ask(other_procedures_run, plan=others()) == Passed("procedures that get no file: 3")

    def test_those_that_break_are_counted_and_named(self, ask: Ask) -> None:
        finding = only_finding(ask(other_procedures_run, plan=others(("UK420", Severity.ERROR))))
        assert finding.severity is Severity.WARNING
        assert finding.message == "a person must look at 1 of the 3 procedures that get no file: comp"
        assert finding.hint.splitlines()[-1] == "    upgrade-kit rewrite-calcs site"

    @pytest.mark.parametrize(
        "plan",
        [
            pytest.param(others(("UK430", Severity.WARNING)), id="what UK494 tells is not told twice"),
            pytest.param(others(("UK420", Severity.INFO)), id="what is never run breaks nothing"),
        ],
    )
    def test_what_does_not_break_at_the_target_passes(self, ask: Ask, plan: RewritePlan) -> None:
        assert isinstance(ask(other_procedures_run, plan=plan), Passed)

    def test_a_path_that_ends_before_030_is_not_concerned(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.8", "0.2.9.1")
        result = ask(other_procedures_run, plan=others(("UK420", Severity.ERROR)), path=path)
        assert isinstance(result, NotApplicable)


class TestParsing:
    def test_none_passes(self, ask: Ask) -> None:
        assert ask(procedures_can_be_parsed, plan=plan_of(Outcome.REVIEW)) == Passed()

    def test_each_is_named_with_its_reason(self, ask: Ask) -> None:
        finding = only_finding(ask(procedures_can_be_parsed, plan=plan_of(Outcome.ERROR)))
        assert finding.severity is Severity.WARNING
        assert "slug_1: line 3" in finding.message


@pytest.mark.parametrize(
    "check",
    [
        names_can_be_printed,
        no_procedure_needs_rewriting,
        no_procedure_needs_review,
        other_procedures_run,
        procedures_can_be_parsed,
    ],
)
def test_procedures_that_could_not_be_read_are_no_pass(ask: Ask, check: Check[Any]) -> None:
    assert ask(check, plan=Unobserved("there is no qa_test")) == CouldNotRun("there is no qa_test")
