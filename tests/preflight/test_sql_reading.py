from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.preflight.sql_reading import read_sql
from upgrade_kit.preflight.sql_words import SqlError

STATEMENTS = """select insert into update delete from join on as with where order by union all top set values create
trigger view table index replace merge using then exists in case end a b c t.x drop alter truncate column"""
MARKS = """* ( ) , . ; = 'text' "q" [n] `m` @v #t $$ 1 go /* */ -- \\"""
WORDS = [*STATEMENTS.split(), *MARKS.split(), "\n"]


@given(st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join))
def test_whatever_words_stand_together_reading_ends(text: str) -> None:
    with suppress(SqlError):
        read_sql("x.sql", text)


@given(st.text())
def test_no_text_is_more_than_an_error(text: str) -> None:
    with suppress(SqlError):
        read_sql("x.sql", text)


@pytest.mark.parametrize("depth", [50, 5000])
def test_brackets_may_be_nested_as_deep_as_anybody_likes(depth: int) -> None:
    text = f"SELECT {'(' * depth}1{')' * depth} FROM (SELECT 1 FROM t) x"
    assert len(read_sql("x.sql", text).queries) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT 'a", "a quotation mark in line 1 is never closed"),
        ('SELECT a\nFROM "b', "a quotation mark in line 2 is never closed"),
        ("SELECT (1", "a bracket is never closed"),
        ("SELECT 1\n)", "a bracket in line 2 closes nothing"),
        ("", "no statement"),
        ("-- nothing but a comment", "no statement"),
        ("hello world", "no statement"),
        ("EXEC monthly", "no statement"),
    ],
)
def test_what_cannot_be_taken_apart_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(SqlError, match=told):
        read_sql("x.sql", text)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_go_parts_batches_and_is_no_column(ends: str) -> None:
    queries = read_sql("x.sql", ends.join(["SELECT a FROM t", "GO", "SELECT b FROM t", "go 3", ""])).queries
    assert [column.name for query in queries for column in query.columns] == ["a", "b"]


def test_a_quotation_mark_that_one_batch_leaves_open_is_told_even_where_the_next_closes_it() -> None:
    with pytest.raises(SqlError, match="line 1"):
        read_sql("x.sql", "SELECT 'a\nGO\nSELECT 'b'\n")
