"""Entries of a dictionary come and go, and the rest stays where it is."""

from __future__ import annotations

import ast

import pytest

from upgrade_kit.rewriting.settings.entries import Cut, added, without
from upgrade_kit.rewriting.settings.module import SettingsModule, Table


def table_of(text: str) -> Table:
    module = SettingsModule.read(text)
    assert module is not None
    table = module.table(module.assignments("X")[0].value)
    assert table is not None
    return table


def made(text: str, cuts: list[Cut]) -> str:
    for start, end, after in reversed(cuts):
        text = text[:start] + after + text[end:]
    return text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("X = {'a': 1}", "X = {}", id="the only one"),
        pytest.param("X = {'a': 1, 'b': 2}", "X = {}", id="all"),
        pytest.param("X = {\n  'a': 1,  # old\n  'b': 2,\n}", "X = {}", id="all, with a comment behind one"),
        pytest.param("X = {\n  # why\n  'a': 1,\n}", "X = {\n  # why\n}", id="all but a comment of its own"),
        pytest.param("X = {'a': 1, 'z': 3}", "X = {'z': 3}", id="the first"),
        pytest.param("X = {'z': 3, 'a': 1}", "X = {'z': 3}", id="the last"),
        pytest.param("X = {'z': 3, 'a': 1,}", "X = {'z': 3}", id="the last, with a comma"),
        pytest.param("X = {'z': 3, 'a': 1, 'b': 2}", "X = {'z': 3}", id="two neighbours at the end"),
        pytest.param("X = {'a': 1, 'b': 2, 'z': 3}", "X = {'z': 3}", id="two neighbours at the beginning"),
        pytest.param("X = {'a': 1, 'z': 3, 'b': 2}", "X = {'z': 3}", id="on both sides"),
        pytest.param("X = {\r\n\t'a': 1, # c\r\n\t'z': 3\r\n}", "X = {\r\n\t'z': 3\r\n}", id="a line of its own"),
        pytest.param("X = {\n  'z': 3,\n  'a': 1\n}", "X = {\n  'z': 3,\n}", id="the last line"),
        pytest.param("X = {\n  'a': (1,\n    2),\n  'z': 3,\n}", "X = {\n  'z': 3,\n}", id="more than one line"),
        pytest.param("X = dict(\n  a=((1)),\n  z=3,\n)", "X = dict(\n  z=3,\n)", id="brackets around a value"),
        pytest.param("X = {'a': 1,\n     'z': 3}", "X = {\n     'z': 3}", id="beside the bracket"),
        pytest.param("X = {'z': 3,\n     'a': 1}", "X = {'z': 3,\n     }", id="before the bracket"),
        pytest.param("X = dict(a=1, b=2)", "X = dict()", id="all of a call"),
        pytest.param("X = dict(a=1, z=3)", "X = dict(z=3)", id="one of a call"),
        pytest.param("X = {'z': 3}", "X = {'z': 3}", id="none"),
    ],
)
def test_entries_go(before: str, after: str) -> None:
    left = made(before, without(before, table_of(before), {"a", "b"}))

    assert left == after
    ast.parse(left)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("X = {'a': 1}", "X = {'a': 1, 'n': 0}", id="on one line"),
        pytest.param("X = {'a': 1,}", "X = {'a': 1, 'n': 0,}", id="on one line, with a comma"),
        pytest.param("X = {\n  'a': 1,\n}", "X = {\n  'a': 1,\n  'n': 0,\n}", id="lines"),
        pytest.param("X = {\n  'a': 1\n}", "X = {\n  'a': 1,\n  'n': 0,\n}", id="lines without a last comma"),
        pytest.param("X = {\r\n\t'a': 1 # c\r\n}", "X = {\r\n\t'a': 1, # c\r\n\t'n': 0,\r\n}", id="a comment behind"),
        pytest.param("X = {\n  'a': 1}", "X = {\n  'a': 1, 'n': 0}", id="the bracket on the last line"),
    ],
)
def test_entries_come(before: str, after: str) -> None:
    assert made(before, added(before, table_of(before), ["'n': 0"])) == after
    ast.parse(after)
