from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.verification import Compiled, Page, RowsThen, Verification
from upgrade_kit.preflight.checks.verify import procedures_compile, rows_are_all_there, site_answers

Ask = Callable[..., Result]


@pytest.fixture
def good(site: Deployment) -> Verification:
    assert isinstance(site.verification, Verification)
    return site.verification


def severities(result: Result) -> list[str]:
    assert isinstance(result, Found)
    return [finding.severity.value for finding in result.findings]


class TestPage:
    @pytest.fixture
    def page(self, good: Verification) -> Page:
        assert isinstance(good.page, Page)
        return good.page

    def test_a_login_page_passes_with_its_address(self, ask: Ask) -> None:
        assert ask(site_answers) == Passed("http://localhost:8080/accounts/login/?next=/")

    def test_no_answer_is_an_error_with_what_to_start(self, ask: Ask, good: Verification) -> None:
        silent = Page(url="http://localhost:8080/", problem="nothing answers: refused")
        result = ask(site_answers, verification=replace(good, page=silent))
        assert severities(result) == ["error"]
        assert isinstance(result, Found)
        assert "Start-Service" in result.findings[0].hint

    def test_another_page_than_qatracks_is_an_error(self, ask: Ask, good: Verification, page: Page) -> None:
        other = replace(page, is_qatrack=False)
        assert severities(ask(site_answers, verification=replace(good, page=other))) == ["error"]

    def test_a_page_that_lets_anybody_in_is_told(self, ask: Ask, good: Verification, page: Page) -> None:
        opened = replace(page, asks_for_password=False)
        assert severities(ask(site_answers, verification=replace(good, page=opened))) == ["warning"]

    def test_an_address_that_nobody_named_is_not_asked(self, ask: Ask, good: Verification) -> None:
        unnamed = replace(good, page=Unobserved("--url names it", asked=False))
        assert ask(site_answers, verification=unnamed) == NotApplicable("--url names it")


class TestRows:
    def test_what_the_migrations_change_is_explained_and_no_finding(self, ask: Ask) -> None:
        result = ask(rows_are_all_there)
        assert isinstance(result, Passed)
        assert "qa_testlist_sublists 1 -> gone: migration qa 0008" in result.seen

    @pytest.mark.parametrize(
        ("now", "expected", "words"),
        [
            pytest.param((("qa_testinstance", 480),), "error", "had 486 rows and has 480", id="fewer"),
            pytest.param((("qa_testinstance", 487),), "warning", "had 486 rows and has 487", id="more"),
            pytest.param((), "error", "had 486 rows and is gone", id="gone"),
        ],
    )
    def test_what_no_migration_explains_is_found(
        self, ask: Ask, good: Verification, now: tuple[tuple[str, int], ...], expected: str, words: str
    ) -> None:
        result = ask(rows_are_all_there, verification=replace(good, rows_now=(("qa_test", 53), *now)))
        assert severities(result) == [expected]
        assert isinstance(result, Found)
        assert words in result.findings[0].message

    @pytest.mark.parametrize(
        ("table", "before", "after", "fine"),
        [
            pytest.param("auth_user", 3, 4, True, id="a user that a migration adds"),
            pytest.param("auth_user", 3, 2, False, id="a user that is gone"),
            pytest.param("qa_tolerance", 6, 4, True, id="tolerances that a migration merges"),
            pytest.param("qa_test", 53, 54, False, id="a test that nobody should have added"),
        ],
    )
    def test_only_the_change_that_a_migration_makes_is_let_through(
        self, ask: Ask, good: Verification, table: str, before: int, after: int, fine: bool
    ) -> None:
        then = RowsThen(manifest=Path("m"), version=Version("0.2.9.1"), rows=((table, before),))
        seen = replace(good, rows_now=((table, after),), backups=(then,))
        assert isinstance(ask(rows_are_all_there, verification=seen), Passed) == fine

    def test_what_an_earlier_hop_does_explains_nothing_of_a_later_one(self, ask: Ask, good: Verification) -> None:
        for version, fine in (("0.2.8", True), ("0.2.9.1", False)):
            then = RowsThen(manifest=Path("m"), version=Version(version), rows=(("south_migrationhistory", 21),))
            seen = replace(good, rows_now=(("south_migrationhistory", 32),), backups=(then,))
            assert isinstance(ask(rows_are_all_there, verification=seen), Passed) == fine

    @pytest.mark.parametrize("part", ["rows_now", "backups"])
    def test_what_is_not_known_is_no_pass(self, ask: Ask, good: Verification, part: str) -> None:
        blind = replace(good, **{part: Unobserved("it is locked")})
        assert ask(rows_are_all_there, verification=blind) == CouldNotRun("it is locked")


class TestProcedures:
    def test_all_that_compile_pass_with_the_interpreter(self, ask: Ask) -> None:
        assert ask(procedures_compile) == Passed(f"43 with {Path('/usr/bin/python3.6')} (3.6.15)")

    def test_each_that_does_not_is_an_error_with_the_command_for_it(
        self, ask: Ask, good: Verification, site: Deployment
    ) -> None:
        assert isinstance(good.compiled, Compiled)
        bad = replace(good.compiled, refused=(("old print", "SyntaxError: invalid syntax (line 2)"),))
        result = ask(procedures_compile, verification=replace(good, compiled=bad))
        assert isinstance(result, Found)
        (finding,) = result.findings
        assert finding.severity is Severity.ERROR
        assert finding.hint.endswith(f"upgrade-kit rewrite-calcs {site.site} --explain 'old print'")

    def test_a_site_without_upload_tests_has_nothing_to_compile(self, ask: Ask, good: Verification) -> None:
        assert isinstance(good.compiled, Compiled)
        none = replace(good.compiled, seen=0)
        assert isinstance(ask(procedures_compile, verification=replace(good, compiled=none)), NotApplicable)


@pytest.mark.parametrize("check", [site_answers, rows_are_all_there, procedures_compile])
def test_before_an_upgrade_none_is_asked(ask: Ask, check: object) -> None:
    result = ask(check, verification=Unobserved("asked by verify", asked=False))
    assert result == NotApplicable("asked by verify")
