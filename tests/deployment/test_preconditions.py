"""The reader of preconditions on SQLite; tests/end_to_end has it on every server, and each case of a check."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.preconditions import read_data_ahead
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.survey import survey
from upgrade_kit.errors import DatabaseError
from upgrade_kit.model.precondition import DataAhead
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.models import load_models
from upgrade_kit.planning.preconditions import load_preconditions

GRAPH = VersionGraph.load()


def read(file: Path) -> DataAhead | Unobserved:
    address = DatabaseAddress(vendor="sqlite", name=str(file))
    return read_data_ahead(address, GRAPH.releases, load_preconditions(), load_models())


@pytest.mark.parametrize(
    ("version", "targets"), [("0.2.8", {"0.2.9.1", "0.3.0"}), ("0.2.9.1", {"0.3.0"}), ("0.3.0", set())]
)
def test_every_hop_ahead_is_examined_and_none_behind(version: str, targets: set[str], tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    build_sample_database(file, GRAPH.resolve(version))
    data = read(file)
    assert isinstance(data, DataAhead)
    assert {str(item.precondition.target) for item in data.examined} == targets


def test_a_database_of_something_else_is_not_examined(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE other (id integer)")
    data = read(file)
    assert isinstance(data, Unobserved)
    assert not data.asked, "UK301 tells it"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="no such file"):
        read(tmp_path / "none.sqlite3")


def test_a_survey_looks_at_the_data_only_where_it_is_asked_to(tmp_path: Path) -> None:
    file = tmp_path / "site.sqlite3"
    build_sample_database(file, GRAPH.resolve("0.2.9.1"))
    url = f"sqlite:///{file}"
    assert isinstance(survey(database=url, interpreters=False).data_ahead, DataAhead)
    unasked = survey(database=url, interpreters=False, data=False).data_ahead
    assert isinstance(unasked, Unobserved)
    assert not unasked.asked


def test_a_file_that_is_not_there_leaves_the_data_unobserved(tmp_path: Path) -> None:
    found = survey(database=f"sqlite:///{tmp_path / 'none.sqlite3'}", interpreters=False).data_ahead
    assert isinstance(found, Unobserved)
    assert found.asked
