"""ENGINE and OPTIONS: what is written out changes, and nothing else."""

from __future__ import annotations

import pytest

from upgrade_kit.rewriting.settings.database import database_changes
from upgrade_kit.rewriting.settings.module import SettingsModule
from upgrade_kit.rewriting.settings.proposals import Proposals
from upgrade_kit.rewriting.settings.rewrite import path_to


def found(text: str) -> Proposals:
    module = SettingsModule.read(text)
    assert module is not None
    return database_changes(module, path_to(None, "0.3.0"))


@pytest.mark.parametrize(
    ("literal", "after"),
    [
        ("'sqlserver_ado'", "'sql_server.pyodbc'"),
        ('"sqlserver_ado"', '"sql_server.pyodbc"'),
        ("u'sqlserver_ado'", "u'sql_server.pyodbc'"),
        ("('sqlserver_ado')", "('sql_server.pyodbc')"),
        ("'''sqlserver_ado'''", "'''sql_server.pyodbc'''"),
    ],
)
def test_the_engine_keeps_its_quotes(literal: str, after: str) -> None:
    text = f"DATABASES = {{'default': {{'ENGINE': {literal}}}}}\n"

    (change,) = found(text).changes

    assert text[: change.start] + change.after + text[change.end :] == text.replace(literal, after)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("DATABASES = {'default': {'ENGINE': 'sqlserver' '_ado'}}", id="in two parts"),
        pytest.param("DATABASES = {'default': {'ENGINE': 'sqlserver_ado' if X else 'x'}}", id="on a condition"),
        pytest.param("DATABASES = {'default': {'ENGINE': environ['E']}}", id="from the environment"),
        pytest.param("E = 'sqlserver_ado'\nE = 'x'\nDATABASES = {'default': {'ENGINE': E}}", id="assigned twice"),
        pytest.param("def f():\n    DATABASES['default'] = {'ENGINE': 'sqlserver_ado'}", id="in a function"),
        pytest.param("DATABASES['default'].update(ENGINE='sqlserver_ado')", id="in a call"),
        pytest.param("for a in ('sqlserver_ado',):\n    DATABASES['default']['ENGINE'] = a", id="in a loop"),
    ],
)
def test_what_is_not_plain_is_left_alone_and_said(text: str) -> None:
    answer = found(text)

    assert answer.changes == ()
    assert {doubt.name for doubt in answer.doubts} == {"ENGINE"}
    assert all("sql_server.pyodbc" in doubt.reason for doubt in answer.doubts)


def test_what_a_computed_dictionary_holds_is_not_taken_out() -> None:
    answer = found("DATABASES = {'default': {'ENGINE': 'sqlserver_ado', 'OPTIONS': {'provider': 1, **more}}}")

    assert [change.name for change in answer.changes] == ["ENGINE"]
    assert [doubt.reason for doubt in answer.doubts] == [
        "OPTIONS of DATABASES['default'] holds more than plain texts as keys. Take out of it: provider."
    ]


def test_options_that_are_computed_are_said() -> None:
    answer = found("DATABASES = {'default': {'ENGINE': 'sqlserver_ado', 'OPTIONS': options()}}")

    assert [doubt.name for doubt in answer.doubts] == ["OPTIONS"]


def test_the_last_assignment_of_a_database_counts() -> None:
    text = "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}\nDATABASES['default'] = make()\n"

    assert found(text) == Proposals()
