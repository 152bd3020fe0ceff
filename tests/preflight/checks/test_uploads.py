from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.uploads import Examples, NamedUploads, SiteUploads, UploadedFiles
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.uploads import (
    CHECKS,
    folder_can_be_written,
    named_files_are_there,
    names_fit_the_column,
    one_folder_is_named,
    uploads_can_be_read,
)

Ask = Callable[..., Result]
ONE = Examples(count=1, first=("1/scan.dcm (test instance 1)",))


@pytest.fixture
def good(site: Deployment) -> SiteUploads:
    assert isinstance(site.uploads, SiteUploads)
    return site.uploads


@pytest.fixture
def no_folder(good: SiteUploads) -> SiteUploads:
    return replace(good, exists=False, files=UploadedFiles(count=0, bytes=0, newest=None))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_the_good_site_passes(check: object, ask: Ask) -> None:
    assert isinstance(ask(check), Passed)


def test_a_folder_that_was_not_read_is_no_pass(ask: Ask, good: SiteUploads) -> None:
    unread = replace(good, files=Unobserved("it took too long"), named=Unobserved("it took too long"))
    results = {check.id: ask(check, uploads=unread) for check in CHECKS if check is not one_folder_is_named}
    assert set(results.values()) == {CouldNotRun("it took too long")}


def test_no_folder_and_files_in_the_database_is_one_error(ask: Ask, no_folder: SiteUploads) -> None:
    result = ask(uploads_can_be_read, uploads=no_folder)
    assert isinstance(result, Found)
    assert [finding.severity for finding in result.findings] == [Severity.ERROR]
    assert "names 2 uploaded files" in result.findings[0].message
    assert isinstance(ask(named_files_are_there, uploads=no_folder), NotApplicable)
    assert isinstance(ask(folder_can_be_written, uploads=no_folder), NotApplicable)


def test_no_folder_and_a_database_that_does_not_tell_is_no_pass(ask: Ask, no_folder: SiteUploads) -> None:
    silent = replace(no_folder, named=Unobserved("no such table"))
    assert ask(uploads_can_be_read, uploads=silent) == CouldNotRun("no such table")


def test_one_of_many_missing_is_a_warning_and_all_of_them_an_error(ask: Ask, good: SiteUploads) -> None:
    one = ask(named_files_are_there, uploads=replace(good, named=NamedUploads(count=2, missing=ONE)))
    every = ask(named_files_are_there, uploads=replace(good, named=NamedUploads(count=1, missing=ONE)))
    assert isinstance(one, Found)
    assert isinstance(every, Found)
    assert (one.findings[0].severity, every.findings[0].severity) == (Severity.WARNING, Severity.ERROR)


def test_where_only_one_of_two_settings_is_known_nothing_is_said(ask: Ask, good: SiteUploads) -> None:
    for name in ("served", "staging"):
        unknown = replace(good, **{name: Unobserved("it is computed")})  # type: ignore[arg-type]
        assert ask(one_folder_is_named, uploads=unknown) == CouldNotRun("it is computed")


@pytest.mark.parametrize("check", [one_folder_is_named, folder_can_be_written, names_fit_the_column])
def test_what_the_migration_needs_is_not_asked_after_it(
    check: object, ask: Ask, good: SiteUploads, graph: VersionGraph
) -> None:
    bad = replace(
        good,
        served=Path("elsewhere"),
        files=UploadedFiles(count=1, bytes=1, newest=None, unwritable=ONE),
        named=NamedUploads(count=1, too_long=ONE),
    )
    assert isinstance(ask(check, uploads=bad), Found)
    assert isinstance(ask(check, uploads=bad, path=graph.path("0.3.0", "0.3.0")), NotApplicable)
