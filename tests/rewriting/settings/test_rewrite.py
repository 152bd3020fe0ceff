"""Whole settings files: what becomes of them, to the byte."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upgrade_kit import rewrite_settings
from upgrade_kit.deployment.settings_file import read_settings_file
from upgrade_kit.errors import UsageError, VersionError
from upgrade_kit.model.rewrite import Outcome
from upgrade_kit.model.settings_rewrite import SettingsRewrite
from upgrade_kit.rewriting.runtime_text import Places
from upgrade_kit.rewriting.settings.rewrite import path_to

CASES = sorted((Path(__file__).parents[3] / "fixtures" / "settings").iterdir())
QUIET = "# USE_SERVICE_LOG, USE_PARTS, TESTPACK_TIMEOUT and AD_CLEAN_USERNAME are known\n"
OLD = "DATABASES = {'default': {'ENGINE': 'sqlserver_ado', 'OPTIONS': {'provider': 'x'}}}\n"


def shown(answer: SettingsRewrite) -> str:
    return "".join(f"{one.line} {one.name}: {one.reason}\n" for one in answer.left)


def applied(answer: SettingsRewrite) -> str:
    """Make the edits by nothing but their line, column and text before."""
    lines = Places(answer.before)
    text = answer.before
    for edit in reversed(answer.edits):
        assert lines.line_and_column(edit.offset) == (edit.line, edit.column)
        assert text[edit.offset : edit.offset + len(edit.before)] == edit.before
        text = text[: edit.offset] + edit.after + text[edit.offset + len(edit.before) :]
    return text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_file_becomes_what_is_expected_to_the_byte(case: Path) -> None:
    file = read_settings_file(case / "before.py")

    answer = rewrite_settings(file.text)

    assert file.encoded(answer.source) == (case / "after.py").read_bytes()
    assert shown(answer) == (case / "left.txt").read_text(encoding="utf-8")
    assert applied(answer) == answer.source


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_twice_is_once(case: Path) -> None:
    file = read_settings_file(case / "after.py")

    again = rewrite_settings(file.text)

    assert again.outcome is Outcome.UNCHANGED
    assert again.source is file.text
    assert not again.edits


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_result_is_python_3_6(case: Path) -> None:
    ast.parse(read_settings_file(case / "after.py").text, feature_version=(3, 6))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="an empty file"),
        pytest.param("DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql_psycopg2'}}\n", id="Postgres"),
        pytest.param("DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql'}}\n", id="MySQL"),
        pytest.param("DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}\n", id="SQLite"),
        pytest.param(
            "DATABASES = {'default': {'ENGINE': 'sql_server.pyodbc', 'OPTIONS': {'driver': 'x', 'extra_params': ''}}}",
            id="the new engine with its own options",
        ),
        pytest.param(
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql', 'OPTIONS': {'provider': 'x'}}}\n",
            id="another engine's options are nobody's business",
        ),
        pytest.param("OTHER = {'default': {'ENGINE': 'x', 'OPTIONS': {'provider': 'x'}}}\n", id="another name"),
        pytest.param("# ENGINE was sqlserver_ado\n", id="an engine in a comment"),
        pytest.param("TEXT = 'use sqlserver_ado, they said'\n", id="an engine within a text"),
        pytest.param("ICON_SETTINGS = {'SHOW_REVIEW_LABELS_LISTING': 1, 'SHOW_STATUS_LABELS_LISTING': 1, "
                     "'SHOW_STATUS_LABELS_REVIEW': 0}\n", id="all keys are there"),
        pytest.param("LOGIN_EXEMPT_URLS = [r'^qatrack/accounts/', r'qatrack/api/*']\n", id="the API is exempt"),
        pytest.param("X = 1 / 2\nY = map(str, [])\n", id="what Python 3 can run may well be written for it"),
        pytest.param("from secrets_of_site import *\n", id="an import that may come from anywhere"),
    ],
)  # fmt: skip
def test_what_0_3_0_reads_as_it_is_is_left_as_it_is(text: str) -> None:
    answer = rewrite_settings(text + QUIET)

    assert answer.outcome is Outcome.UNCHANGED
    assert answer.source == text + QUIET
    assert answer.left == ()


@pytest.mark.parametrize(
    ("only", "exclude", "expected"),
    [
        pytest.param((), (), {"ENGINE", "OPTIONS", "USE_SERVICE_LOG", "USE_PARTS", "TESTPACK_TIMEOUT",
                              "AD_CLEAN_USERNAME"}, id="all"),
        pytest.param(("ENGINE", "OPTIONS"), (), {"ENGINE", "OPTIONS"}, id="the database alone"),
        pytest.param(("USE_PARTS",), (), {"USE_PARTS"}, id="one that is offered"),
        pytest.param((), ("USE_PARTS", "USE_SERVICE_LOG", "TESTPACK_TIMEOUT", "AD_CLEAN_USERNAME"),
                     {"ENGINE", "OPTIONS"}, id="nothing that is offered"),
        pytest.param(("imports",), (), set(), id="nothing at all"),
    ],
)  # fmt: skip
def test_only_what_is_named_changes(only: tuple[str, ...], exclude: tuple[str, ...], expected: set[str]) -> None:
    answer = rewrite_settings(OLD, only=only, exclude=exclude)

    assert {edit.name for edit in answer.edits} == expected
    assert applied(answer) == answer.source


def test_what_is_offered_later_stands_under_the_heading_of_before() -> None:
    first = rewrite_settings(OLD, only=("USE_PARTS",)).source
    second = rewrite_settings(first).source

    assert second.count("# New in QATrack+ 0.3.0") == 1
    assert [name for name in ("USE_PARTS", "USE_SERVICE_LOG") if second.count(f"# {name} =") == 1]


def test_a_name_that_nothing_goes_by_is_told_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="PASSWORD") as told:
        rewrite_settings(OLD, only=("PASSWORD",))

    assert "ENGINE, OPTIONS" in told.value.hint


@pytest.mark.parametrize(
    ("source", "target", "names"),
    [
        pytest.param("0.2.9.1", "0.3.0", True, id="over the hop that changes settings"),
        pytest.param("0.2.8", "0.3.0", True, id="over both hops"),
        pytest.param("0.2.8", "0.2.9.1", False, id="over the hop that changes none"),
        pytest.param("0.3.0", "0.3.0", False, id="over none"),
    ],
)
def test_the_hops_of_the_path_count(source: str, target: str, *, names: bool) -> None:
    answer = rewrite_settings("TEMPLATE_DEBUG = False\n", source=source, target=target)

    assert (answer.outcome is Outcome.REWRITE) is names


def test_without_a_source_every_hop_to_the_target_counts() -> None:
    assert [str(version) for version in path_to(None, "0.3.0").versions] == ["0.2.8", "0.2.9.1", "0.3.0"]


def test_a_version_that_nobody_knows_is_told() -> None:
    with pytest.raises(VersionError, match=r"0\.9"):
        rewrite_settings(OLD, target="0.9")


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        pytest.param("DATABASES = {'default': \n", Outcome.ERROR, id="neither Python parses it"),
        pytest.param("DEBUG = True\0\n", Outcome.ERROR, id="a NUL"),
        pytest.param("print 'a'\nx = (1,\n", Outcome.ERROR, id="broken Python 2"),
        pytest.param("X = 'a'\n" * 1_300_000, Outcome.REVIEW, id="ten megabytes"),
        pytest.param("X = 'a'\n" * 20_000, Outcome.REVIEW, id="longer than any settings file"),
        pytest.param("X = " + "[" * 5000 + "]" * 5000, Outcome.REVIEW, id="nested too deeply"),
        pytest.param("print >>open('x', 'w'), 'a'\n", Outcome.REVIEW, id="Python 2 that is not converted"),
        pytest.param("DEBUG = '\ud800'\n", Outcome.ERROR, id="half a character"),
    ],
)
def test_hostile_text_has_an_answer_and_stays(text: str, outcome: Outcome) -> None:
    answer = rewrite_settings(text)

    assert answer.outcome in (outcome, Outcome.ERROR if outcome is Outcome.REVIEW and "[[" in text else outcome)
    assert answer.source is text
    assert answer.edits == ()
    assert answer.reason


def test_python_2_whose_conversion_is_left_out_is_left_to_a_person() -> None:
    answer = rewrite_settings("print 'a'\n" + OLD, only=("ENGINE",))

    assert answer.outcome is Outcome.REVIEW
    assert "left out" in answer.reason


def test_a_change_that_would_be_swallowed_is_not_made() -> None:
    answer = rewrite_settings("DEBUG = False\nX = 1 \\")  # the offer would be behind the backslash

    assert answer.outcome in (Outcome.REVIEW, Outcome.ERROR)
    assert answer.edits == ()


LINES = st.sampled_from(
    [
        "DEBUG = False", "TEMPLATE_DEBUG = DEBUG", "import os", "# a comment", "", "    ", "print('x')",
        "DATABASES = {'default': {'ENGINE': 'sqlserver_ado', 'OPTIONS': {'provider': 'x', 'driver': 'y'}}}",
        ("DATABASES = {\n  'default': {\n    'ENGINE' : \"sqlserver_ado\" , # e\n    'OPTIONS': {\n      'provider': 1"
        "\n    }\n  }\n}"),
        "DATABASES['default']['OPTIONS'] = {'driver': 1, 'use_mars': 2, 'provider': 3}",
        "DATABASES['default']['ENGINE'] = ('sqlserver_ado')",
        "if os.name == 'nt':\n    DATABASES['default']['ENGINE'] = 'sqlserver_ado'",
        "ICON_SETTINGS = {'SHOW_DUE_ICONS': True}", "ICON_SETTINGS = {\n    'SHOW_DUE_ICONS': True,\n}",
        "ICON_SETTINGS = {\n\t'A': 1 # last\n\t}", "ICON_SETTINGS['A'] = 2", "MIDDLEWARE_CLASSES = ()",
        "print 'x', 1", "except_ = 0755", "X = 3 / 2", "USE_PARTS = True", "NAME = 'é\\u00e9'", "SECRET_KEY = 'geheim'",
        "ENGINE = 'sqlserver_ado'", "DATABASES = {'default': {'ENGINE': ENGINE}}",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES, max_size=7), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_whatever_the_file_twice_is_once_and_the_result_parses(lines: list[str], newline: str, ended: bool) -> None:
    text = newline.join(newline.join(line.split("\n")) for line in lines) + (newline if ended and lines else "")

    answer = rewrite_settings(text)

    assert answer.outcome is not Outcome.ERROR
    assert applied(answer) == answer.source
    if answer.outcome is Outcome.REWRITE:
        ast.parse(answer.source.replace("\r\n", "\n").replace("\r", "\n"), feature_version=(3, 6))
        again = rewrite_settings(answer.source)
        assert again.edits == ()
        assert again.source is answer.source
    else:
        assert answer.source is text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=80))
def test_any_text_gets_an_answer(text: str) -> None:
    answer = rewrite_settings(text, exclude=("USE_PARTS", "USE_SERVICE_LOG", "TESTPACK_TIMEOUT", "AD_CLEAN_USERNAME"))

    assert answer.source == text or answer.outcome is Outcome.REWRITE
