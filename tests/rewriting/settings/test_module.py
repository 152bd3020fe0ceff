"""A settings file, taken apart."""

from __future__ import annotations

import libcst as cst
import pytest

from upgrade_kit.rewriting.settings.module import SettingsModule, subscripted, text_of


def read(text: str) -> SettingsModule:
    module = SettingsModule.read(text)
    assert module is not None
    return module


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_text_is_where_it_is_said_to_be(newline: str) -> None:
    text = newline.join(["# é", "X = {'ä': ('a'),", "\t'b': u'é'}", "Y = 'c'"])
    module = read(text)

    found = [module.written(string) for string in module.nodes(cst.SimpleString)]

    assert found == ["'ä'", "'a'", "'b'", "u'é'", "'c'"]
    assert [module.line(string) for string in module.nodes(cst.SimpleString)] == [2, 2, 3, 3, 4]


@pytest.mark.parametrize("text", ["X = (", "print 'a'", "X = \x00"])
def test_what_cannot_be_parsed_is_none(text: str) -> None:
    assert SettingsModule.read(text) is None


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        pytest.param("X = {'a': 1, 'b': 2}", True, id="a dictionary"),
        pytest.param("X = dict(a=1, b=2)", True, id="a call"),
        pytest.param("X = {'a': 1, 'b': 2, **more}", False, id="with more unpacked into it"),
        pytest.param("X = dict(more, a=1, b=2)", False, id="a call with more"),
        pytest.param("X = {'a': 1, 'b': 2, 'a': 3}", False, id="a key that comes twice"),
        pytest.param("X = {'a': 1, 'b': 2, name: 3}", False, id="a key that is computed"),
    ],
)
def test_a_table_knows_whether_it_is_whole(text: str, *, whole: bool) -> None:
    module = read(text)

    table = module.table(module.assignments("X")[0].value)

    assert table is not None
    assert table.is_whole is whole
    assert table.keys() == {"a", "b"}


@pytest.mark.parametrize("text", ["X = [1]", "X = make()", "X = {1: 2 for _ in ()}", "X = other", "X = {*a}"])
def test_what_is_no_dictionary_is_no_table(text: str) -> None:
    module = read(text)

    assert module.table(module.assignments("X")[0].value) is None


def test_only_plain_texts_are_texts() -> None:
    values = [module.value for module in read("A = 'x'\nB = b'x'\nC = f'x'\nD = 'x' 'y'\nE = 1\n").nodes(cst.Assign)]

    assert [text_of(value) for value in values] == ["x", None, None, None, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D['a']['b'] = 1", ("D", "a", "b")),
        ("D = 1", ("D",)),
        ("D[name] = 1", None),
        ("D['a':'b'] = 1", None),
        ("f()['a'] = 1", None),
        ("D.a = 1", None),
    ],
)
def test_subscripts_are_followed_where_they_are_plain(text: str, expected: tuple[str, ...] | None) -> None:
    assignment = next(read(text).nodes(cst.Assign))

    assert subscripted(assignment.targets[0].target) == expected


def test_assignments_are_those_of_the_outermost_level_to_one_name() -> None:
    module = read("X = 1\nX = Y = 2\nif True:\n    X = 3\nX.a = 4\nX: int = 5\n")

    assert [module.written(assignment) for assignment in module.assignments("X")] == ["X = 1"]
