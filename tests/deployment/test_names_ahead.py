"""The names that migrations will make are worked out as they make them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.names_ahead import long_tolerance_names, tolerance_names, torn_scripts, unknown_choices
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.precondition import Demand, Offenders, Precondition
from upgrade_kit.planning.preconditions import load_preconditions

BY_DEMAND = {one.demand: one for one in load_preconditions()}
TOLERANCES = (
    "CREATE TABLE qa_tolerance (id integer, type text, act_low real, tol_low real, tol_high real, act_high real, "
    "mc_pass_choices text, mc_tol_choices text)"
)
Find = Callable[[Session, Precondition], Offenders]


def found(find: Find, demand: Demand, folder: Path, *statements: str) -> Offenders:
    file = folder / "site.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        return find(session, BY_DEMAND[demand])


def tolerances(*rows: str) -> tuple[str, ...]:
    return (TOLERANCES, *(f"INSERT INTO qa_tolerance VALUES ({row})" for row in rows))


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        pytest.param(
            "1, 'absolute', -2, -1, 1, 2, NULL, NULL",
            "2, 'absolute', -2, -1, 1.0004, 2, NULL, NULL",
            "Absolute(-2.000, -1.000, 1.000, 2.000): 1, 2",
            id="alike to three places",
        ),
        pytest.param(
            "1, 'percent', NULL, -1, 1, NULL, NULL, NULL",
            "2, 'percent', NULL, -1, 1.004, NULL, NULL, NULL",
            "Percent(--, -1.00%, 1.00%, --): 1, 2",
            id="alike to two places, and no limit",
        ),
        pytest.param(
            "1, 'absolute', -2, -1, 1, 2, NULL, NULL",
            "2, 'percent', -2, -1, 1, 2, NULL, NULL",
            "",
            id="one absolute and one percent",
        ),
        pytest.param(
            "1, 'absolute', -2, -1, 0, 2, NULL, NULL",
            "2, 'absolute', -2, -1, -0.0001, 2, NULL, NULL",
            "",
            id="0.000 and -0.000",
        ),
        pytest.param(
            "1, 'multchoice', NULL, NULL, NULL, NULL, 'a', 'b'",
            "2, 'multchoice', NULL, NULL, NULL, NULL, 'a', 'b'",
            "",
            id="the same choices, which become one tolerance",
        ),
        pytest.param("1, 'other', 1, 1, 1, 1, '', ''", "2, 'other', 1, 1, 1, 2, '', ''", "", id="types without name"),
    ],
)
def test_tolerances_of_one_name(one: str, other: str, name: str, tmp_path: Path) -> None:
    offenders = found(tolerance_names, Demand.TOLERANCE_NAMES, tmp_path, *tolerances(one, other))
    assert offenders.named == ((name,) if name else ())


@pytest.mark.parametrize(("letters", "count"), [(255 - len("M.C.(OK=, Tolerance=)"), 0), (235, 1)])
def test_the_name_of_choices_may_have_255_characters(letters: int, count: int, tmp_path: Path) -> None:
    rows = tolerances(f"1, 'multchoice', NULL, NULL, NULL, NULL, '{'n' * letters}', NULL")
    assert found(long_tolerance_names, Demand.TOLERANCE_LENGTHS, tmp_path, *rows).count == count


@pytest.mark.parametrize(
    ("text", "torn"),
    [
        pytest.param("NULL", False, id="no text"),
        pytest.param("'<script>run()</script>'", False, id="one script"),
        pytest.param("'<script src=\"/x.js\"></script>'", False, id="a script elsewhere"),
        pytest.param("'<script>if (a > b) run()</script>'", False, id="a bracket comes first"),
        pytest.param("'<script>a = b > c</script>'", True, id="a comparison comes first"),
        pytest.param("'<script>one</script><script>two</script>'", True, id="two scripts of words"),
        pytest.param("'<script>a = b > c'", False, id="never closed"),
    ],
)
def test_scripts_that_the_pattern_tears(text: str, torn: bool, tmp_path: Path) -> None:
    statements = (
        "CREATE TABLE qa_testlist (id integer, description text)",
        f"INSERT INTO qa_testlist VALUES (1, {text})",
    )
    wanted = next(one for one in load_preconditions() if one.table == "qa_testlist" and one.demand is Demand.SCRIPTS)
    file = tmp_path / "site.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with open_database(DatabaseAddress(vendor="sqlite", name=str(file))) as session:
        assert bool(torn_scripts(session, wanted).count) is torn


def test_without_multiple_choice_tests_no_result_is_read(tmp_path: Path) -> None:
    made = "CREATE TABLE qa_test (id integer, slug text, type text, choices text)"  # and no table of results
    assert found(unknown_choices, Demand.CHOICES, tmp_path, made) == Offenders(count=0, named=())


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="qa_test"):
        found(unknown_choices, Demand.CHOICES, tmp_path, "CREATE TABLE other (id integer)")
