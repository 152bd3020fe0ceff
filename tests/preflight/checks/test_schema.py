from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import (
    Checkout,
    Database,
    Deployment,
    Schema,
    SchemaState,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.rewrite import Procedure
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.migrating import migration_to_type
from upgrade_kit.preflight.checks.schema import (
    code_matches_schema,
    nothing_was_skipped,
    path_is_known,
    schema_is_whole,
)

Ask = Callable[..., Result]
GONE = "unit test collection 3 of unit 2 (Linac 2): its test list 999 is gone"


def schema(state: SchemaState, **more: Any) -> Schema:
    facts: dict[str, Any] = {
        "version": Version("0.2.9.1"),
        "towards": None,
        "span": "",
        "missing": (),
        "unknown": (),
        "evidence": (),
        **more,
    }
    return Schema(state=state, **facts)


def partial(*missing: str) -> Schema:
    return schema(
        SchemaState.PARTIAL,
        towards=Version("0.3.0"),
        missing=missing,
        evidence=(f"The first missing is {missing[0]}.",),
    )


def only_finding(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


class TestWhole:
    def test_a_complete_schema_passes_and_is_named(self, ask: Ask) -> None:
        assert ask(schema_is_whole) == Passed("0.2.9, 0.2.9.1 or 0.2.9.2")

    def test_migrations_of_the_sites_own_are_named_and_stop_nothing(self, ask: Ask) -> None:
        own = schema(SchemaState.COMPLETE, unknown=("qa.0027_ours",))
        finding = only_finding(ask(schema_is_whole, in_database={"schema": own}))
        assert finding.severity is Severity.WARNING
        assert "qa.0027_ours" in finding.message

    def test_half_way_is_an_error_with_evidence_and_what_is_missing(self, ask: Ask) -> None:
        half = partial("qa.0014_convert_file_uploads", "qa.0015_auto_20180601_1212")
        finding = only_finding(ask(schema_is_whole, in_database={"schema": half}))
        assert finding.severity is Severity.ERROR
        assert "The first missing is qa.0014_convert_file_uploads." in finding.message
        assert "Missing: qa.0014_convert_file_uploads, qa.0015_auto_20180601_1212." in finding.message
        assert f"    {migration_to_type(Version('0.3.0'), 'sqlite')}" in finding.hint.splitlines()
        assert "backup restore MANIFEST --database sqlite:////data/qatrack.db" in finding.hint

    def test_stopped_at_0014_names_the_test_that_could_not_be_printed(self, ask: Ask) -> None:
        names = ("Intensit\xe9", "Output", "D\xe9bit")
        procedures = tuple(
            Procedure(
                test_id=number,
                slug="s",
                name=name,
                type="upload",
                source="FILE" if number < 3 else "result = 1",
            )
            for number, name in enumerate(names, start=1)
        )
        half = partial("qa.0014_convert_file_uploads")
        finding = only_finding(ask(schema_is_whole, in_database={"schema": half, "procedures": procedures}))
        assert "locale cannot print: Intensit\xe9." in finding.hint
        assert "D\xe9bit" not in finding.hint
        assert "    export LC_ALL=C.UTF-8" in finding.hint.splitlines()

    def test_stopped_at_0014_without_known_procedures_still_names_the_cause(self, ask: Ask) -> None:
        facts = {"schema": partial("qa.0014_convert_file_uploads"), "procedures": Unobserved("no qa_test")}
        assert "locale cannot print" in only_finding(ask(schema_is_whole, in_database=facts)).hint

    def test_stopped_at_the_second_step_names_the_orphan(self, ask: Ask) -> None:
        half = partial("attachments.0001_initial", "qa.0002_029_to_030_2nd", "qa.0014_convert_file_uploads")
        facts = {"schema": half, "orphans": (GONE,)}
        finding = only_finding(ask(schema_is_whole, in_database=facts))
        assert GONE in finding.hint
        assert "LC_ALL" not in finding.hint

    def test_stopped_at_the_first_step_points_to_the_site_row(self, ask: Ask) -> None:
        half = partial("qa.0002_029_to_030_first", "qa.0002_029_to_030_2nd")
        assert "UK305" in only_finding(ask(schema_is_whole, in_database={"schema": half})).hint

    def test_stopped_elsewhere_claims_no_cause(self, ask: Ask) -> None:
        half = partial("units.0010_default_is_serviceable")
        hint = only_finding(ask(schema_is_whole, in_database={"schema": half})).hint
        assert "migrate.log of that run tells" in hint

    @pytest.mark.parametrize(("tables", "told"), [((), "it is empty"), (("other",), "1 table, none of QATrack+")])
    def test_an_empty_database_is_an_error(self, ask: Ask, tables: tuple[str, ...], told: str) -> None:
        facts = {"schema": schema(SchemaState.EMPTY, version=None), "tables": tables}
        assert told in only_finding(ask(schema_is_whole, in_database=facts)).message

    def test_a_foreign_database_is_an_error_with_the_evidence(self, ask: Ask) -> None:
        foreign = schema(SchemaState.FOREIGN, version=None, evidence=("There is no qa_test.",))
        finding = only_finding(ask(schema_is_whole, in_database={"schema": foreign}))
        assert "There is no qa_test." in finding.message

    def test_a_skipped_version_is_told_once_by_its_own_check(self, ask: Ask) -> None:
        skipped = schema(SchemaState.SKIPPED)
        assert isinstance(ask(schema_is_whole, in_database={"schema": skipped}), NotApplicable)

    def test_an_unreadable_history_is_no_pass(self, ask: Ask) -> None:
        facts = {"schema": Unobserved("no right to read")}
        assert ask(schema_is_whole, in_database=facts) == CouldNotRun("no right to read")


class TestSkipped:
    SKIPPED = schema(SchemaState.SKIPPED, version=Version("0.2.8"), towards=Version("0.3.0"))

    def test_a_schema_that_went_its_way_passes(self, ask: Ask) -> None:
        assert ask(nothing_was_skipped) == Passed()

    def test_it_is_told_for_what_it_is(self, ask: Ask) -> None:
        facts = {"schema": self.SKIPPED, "spoilt": ("qa_test.hidden (53 rows)",)}
        finding = only_finding(ask(nothing_was_skipped, in_database=facts))
        assert finding.severity is Severity.ERROR
        assert "0.2.9 was skipped" in finding.message
        assert "exit status 0" in finding.message
        assert "qa_test.hidden (53 rows)" in finding.message
        assert "0.2.8 -> 0.2.9.1 -> 0.3.0" in finding.hint
        assert "backup restore" in finding.hint

    def test_unknown_columns_do_not_hide_it(self, ask: Ask) -> None:
        facts = {"schema": self.SKIPPED, "spoilt": Unobserved("locked")}
        assert "spoils data silently" in only_finding(ask(nothing_was_skipped, in_database=facts)).message

    def test_spoilt_columns_alone_are_enough(self, ask: Ask) -> None:
        facts = {"spoilt": ("qa_test.hidden (53 rows)",)}
        assert "qa_test.hidden" in only_finding(ask(nothing_was_skipped, in_database=facts)).message

    def test_columns_that_could_not_be_read_are_no_pass(self, ask: Ask) -> None:
        assert ask(nothing_was_skipped, in_database={"spoilt": Unobserved("locked")}) == CouldNotRun("locked")


class TestCode:
    @pytest.fixture
    def with_code(self, site: Deployment) -> Callable[[str], Checkout]:
        def make(version: str) -> Checkout:
            assert isinstance(site.checkout, Checkout)
            return replace(site.checkout, version=Version(version))

        return make

    def test_the_same_version_passes(self, ask: Ask) -> None:
        assert isinstance(ask(code_matches_schema), Passed)

    def test_code_that_is_one_hop_ahead_is_a_hop_that_was_begun(
        self, ask: Ask, with_code: Callable[[str], Checkout]
    ) -> None:
        result = ask(code_matches_schema, checkout=with_code("0.3.0"), versions_agree=False)
        finding = only_finding(result)
        assert finding.severity is Severity.WARNING
        assert "upgrade-kit path --from 0.2.9.1 --to 0.3.0" in finding.hint

    def test_code_that_would_skip_a_version_is_an_error(
        self, ask: Ask, with_code: Callable[[str], Checkout], database: Database, graph: VersionGraph
    ) -> None:
        old = replace(database, schema=schema(SchemaState.COMPLETE, version=Version("0.2.8")))
        result = ask(
            code_matches_schema,
            checkout=with_code("0.3.0"),
            versions_agree=False,
            database=old,
            path=graph.path("0.2.8", "0.3.0"),
        )
        finding = only_finding(result)
        assert finding.severity is Severity.ERROR
        assert "do not migrate with this code" in finding.message
        assert "    git checkout v0.2.8" in finding.hint.splitlines()

    def test_without_a_path_it_is_an_error_too(self, ask: Ask, with_code: Callable[[str], Checkout]) -> None:
        result = ask(
            code_matches_schema,
            checkout=with_code("0.2.8"),
            versions_agree=False,
            path=Unobserved("not known"),
        )
        assert only_finding(result).severity is Severity.ERROR

    def test_an_unknown_version_of_the_code_is_no_pass(self, ask: Ask) -> None:
        unknown = Unobserved("the version of the checkout is not known")
        assert ask(code_matches_schema, versions_agree=unknown) == CouldNotRun(unknown.reason)


class TestPath:
    def test_the_versions_are_shown(self, ask: Ask, graph: VersionGraph) -> None:
        eight = graph.path("0.2.8", "0.3.0")
        facts = {"schema": schema(SchemaState.COMPLETE, version=Version("0.2.8"))}
        assert ask(path_is_known, path=eight, in_database=facts) == Passed("0.2.8 -> 0.2.9.1 -> 0.3.0")

    def test_a_site_at_its_target_passes(self, ask: Ask, graph: VersionGraph) -> None:
        facts = {"schema": schema(SchemaState.COMPLETE, version=Version("0.3.0"))}
        result = ask(path_is_known, path=graph.path("0.3.0", "0.3.0"), in_database=facts)
        assert result == Passed("the site is at 0.3.0 already")

    def test_a_path_from_elsewhere_than_the_schema_is_an_error(self, ask: Ask, graph: VersionGraph) -> None:
        finding = only_finding(ask(path_is_known, path=graph.path("0.2.8", "0.3.0")))
        assert "--from 0.2.9.1" in finding.hint

    def test_no_path_is_no_pass(self, ask: Ask) -> None:
        assert ask(path_is_known, path=Unobserved("no version")) == CouldNotRun("no version")
