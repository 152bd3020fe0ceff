from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interrupts import interrupted_runs
from upgrade_kit.deployment import journal as journal_module
from upgrade_kit.deployment import whole_file
from upgrade_kit.deployment.journal import journal_path, read_journal, write_journal
from upgrade_kit.errors import JournalError
from upgrade_kit.model.journal import Journal, JournalRow, JournalState

MODULES = (journal_module, whole_file)
NOW = datetime(2018, 10, 10, 9, 8, 7, 654321, tzinfo=UTC)


def make(path: Path, before: str = "a\r\n", after: str = "b") -> Journal:
    return Journal(
        path=path,
        state=JournalState.PENDING,
        database="sqlite:////srv/site.db",
        vendor="sqlite",
        database_name="/srv/site.db",
        created_at=NOW,
        rows=(JournalRow(test_id=7, slug="epid", name="EPID \u00e9", before=before, after=after),),
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    written = make(tmp_path / "journal.json")
    write_journal(written, create=True)
    return written


def test_the_name_holds_the_time_in_utc() -> None:
    assert journal_path(Path("x"), NOW) == Path("x/upgrade-kit-journal-20181010T090807.654321Z.json")


def test_what_is_written_is_read(journal: Journal) -> None:
    assert read_journal(journal.path) == journal


def test_it_is_json_with_schema_texts_and_digests(journal: Journal) -> None:
    data = json.loads(journal.path.read_text(encoding="utf-8"))
    assert (data["schema"], data["state"], data["created_at"]) == (
        1,
        "pending",
        "2018-10-10T09:08:07.654321+00:00",
    )
    (row,) = data["rows"]
    assert (row["test_id"], row["before"], row["after"]) == (7, "a\r\n", "b")
    assert row["after_sha256"] == "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"


@given(before=st.text(), after=st.text())
def test_any_text_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, before: str, after: str) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.json"
    write_journal(make(path, before, after), create=True)
    row = read_journal(path).rows[0]
    assert (row.before, row.after) == (before, after)


def test_a_new_journal_takes_nobodys_place(journal: Journal) -> None:
    with pytest.raises(JournalError, match="cannot be written"):
        write_journal(make(journal.path, "other"), create=True)
    assert read_journal(journal.path) == journal


def test_an_update_replaces_it_and_leaves_nothing_else(journal: Journal) -> None:
    write_journal(replace(journal, state=JournalState.COMMITTED))
    assert read_journal(journal.path).state is JournalState.COMMITTED
    assert list(journal.path.parent.iterdir()) == [journal.path]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"nowhere.*cannot be written"):
        write_journal(make(tmp_path / "nowhere" / "journal.json"), create=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in lists")
def test_only_its_owner_may_read_it(journal: Journal) -> None:
    write_journal(replace(journal, state=JournalState.COMMITTED))
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def change(data: dict[str, object], **more: object) -> dict[str, object]:
    return data | more


def change_row(data: dict[str, object], **more: object) -> dict[str, object]:
    return data | {"rows": [row | more for row in data["rows"]]}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda _: [], "no journal", id="a list"),
        pytest.param(lambda _: {"schema": 1, "command": "backup"}, "no journal", id="another JSON of the kit"),
        pytest.param(lambda data: change(data, schema=2), "schema is 2", id="a later schema"),
        pytest.param(lambda data: change(data, rows=[]), "rows is missing or empty", id="no rows"),
        pytest.param(lambda data: change(data, rows="x"), "rows is missing or empty", id="rows that are none"),
        pytest.param(lambda data: change(data, rows=["x"]), r"rows\[0\]", id="a row that is none"),
        pytest.param(lambda data: change(data, rows=data["rows"] * 2), "names a test twice", id="a test twice"),
        pytest.param(lambda data: change(data, state="done"), "state", id="a state that does not exist"),
        pytest.param(lambda data: change(data, created_at="today"), "created_at", id="no time"),
        pytest.param(lambda data: change(data, vendor=None), "vendor", id="no vendor"),
        pytest.param(
            lambda data: change_row(data, before="a\n"),
            r"rows\[0\].before does not match",
            id="a changed text",
        ),
        pytest.param(
            lambda data: change_row(data, after_sha256="0"),
            r"rows\[0\].after does not match",
            id="a changed digest",
        ),
        pytest.param(
            lambda data: change_row(data, after=None), r"rows\[0\].after is missing", id="a text that is none"
        ),
        pytest.param(lambda data: change_row(data, test_id="7"), r"rows\[0\].test_id", id="an id in quotes"),
        pytest.param(
            lambda data: change_row(data, test_id=True),
            r"rows\[0\].test_id",
            id="an id that is a truth value",
        ),
    ],
)
def test_damage_is_told_by_its_place(
    journal: Journal, damage: Callable[[dict[str, object]], object], said: str
) -> None:
    data = json.loads(journal.path.read_text(encoding="utf-8"))
    journal.path.write_text(json.dumps(damage(data)), encoding="utf-8")
    with pytest.raises(JournalError, match=said) as caught:
        read_journal(journal.path)
    assert str(journal.path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "stopped before it, and wrote nothing", id="empty"),
        pytest.param(b"{", "no JSON", id="cut short"),
        pytest.param(b"\xff\xfe{}", "not UTF-8", id="another encoding"),
        pytest.param(b"[" * 100_000, "no JSON", id="nested without end"),
    ],
)
def test_a_file_that_is_no_journal_is_told_as_such(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "journal.json"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=said):
        read_journal(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        read_journal(tmp_path / "none.json")


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read"):
        read_journal(tmp_path)


# --- stopped in the middle ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_no_new_journal(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        write_journal(make(folder / "journal.json"), create=True)

    left = {
        line: found
        for line, folder, _ in interrupted_runs(MODULES, tmp_path, Path.stat, write, times=2, at_least=25)
        if (found := [path.name for path in folder.iterdir()])
    }
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_leaves_the_old_state_of_a_journal_or_the_new(tmp_path: Path) -> None:
    def prepare(folder: Path) -> None:
        write_journal(make(folder / "journal.json"), create=True)

    def settle(folder: Path) -> None:
        write_journal(replace(make(folder / "journal.json"), state=JournalState.COMMITTED))

    left = {}
    for line, folder, _ in interrupted_runs(MODULES, tmp_path, prepare, settle, times=2, at_least=20):
        found = [path.name for path in folder.iterdir()]
        assert read_journal(folder / "journal.json").rows
        if found != ["journal.json"]:
            left[line] = found
    assert not left
