from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interrupts import interrupted_runs
from tests.upgrading.site import copying, plan_of, python, step
from upgrade_kit.deployment import whole_file
from upgrade_kit.errors import JournalError
from upgrade_kit.model.plan import Plan
from upgrade_kit.upgrading import journal as journal_module
from upgrade_kit.upgrading.journal import JOURNAL_NAME, Happening, UpgradeJournal, begin_journal, read_upgrade_journal
from upgrade_kit.upgrading.plan_codec import decode_plan, encode_plan


@pytest.fixture
def journal(tmp_path: Path) -> UpgradeJournal:
    (tmp_path / "work").mkdir()
    plan = plan_of(
        tmp_path / "site",
        step("a", python("pass", accepts=(0, 1), environment=(("LC_ALL", "C.UTF-8"),), folder=tmp_path), tag="v0.3.0"),
        step("b", copying(tmp_path / "é.py", tmp_path / "kept.py")),
    )
    return begin_journal(plan, {"head": "1234"})


def test_a_plan_comes_back_from_json_as_it_was(journal: UpgradeJournal) -> None:
    assert decode_plan(json.loads(json.dumps(encode_plan(journal.plan)))) == journal.plan


def test_what_was_written_is_read(journal: UpgradeJournal) -> None:
    journal.add(Happening.BEGUN, "a")
    journal.add(Happening.PROVED, "a", "höher", manifest="x.manifest.json")
    journal.add(Happening.BEGUN, "b")

    read = read_upgrade_journal(journal.path)

    assert read == journal
    assert read.start == {"head": "1234"}
    assert (read.is_settled("a"), read.is_settled("b"), read.is_settled("c")) == (True, False, False)
    assert (read.began("b"), read.began("c")) == (True, False)
    assert read.events[1].details == (("manifest", "x.manifest.json"),)


def test_a_line_that_was_cut_off_never_happened_and_makes_room_for_the_next(journal: UpgradeJournal) -> None:
    journal.add(Happening.BEGUN, "a")
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + b'{"what": "proved", "st')

    read = read_upgrade_journal(journal.path)
    assert [event.what for event in read.events] == [Happening.BEGUN]
    assert journal.path.read_bytes() != whole, "reading writes nothing"

    read.add(Happening.FAILED, "a", "it broke")
    assert [event.what for event in read_upgrade_journal(journal.path).events] == [Happening.BEGUN, Happening.FAILED]
    assert journal.path.read_bytes().startswith(whole)


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        pytest.param(b"", "line 1", id="empty"),
        pytest.param(b"{}\n", "no journal of upgrade-kit upgrade", id="of something else"),
        pytest.param(b"nonsense\n", "line 1", id="no JSON"),
        pytest.param(b"[1]\n", "line 1", id="no object"),
        pytest.param(b'{"kind": "upgrade-kit upgrade journal", "schema": 2}\n', "schema is 2", id="of a later kit"),
        pytest.param(b'{"kind": "upgrade-kit upgrade journal", "schema": 1}\n', "line 1", id="no plan"),
        pytest.param(b"\xff\xfe\n", "line 1", id="bytes"),
    ],
)
def test_what_is_no_journal_is_refused_with_file_and_line(tmp_path: Path, spoilt: bytes, told: str) -> None:
    file = tmp_path / "upgrade.journal.jsonl"
    file.write_bytes(spoilt)
    with pytest.raises(JournalError) as raised:
        read_upgrade_journal(file)
    assert str(file) in raised.value.message
    assert told in raised.value.message


@pytest.mark.parametrize("line", [b"{}", b"[]", b"no", b'{"what": "eaten", "step": "a", "at": "2026-01-01T00:00:00"}'])
def test_a_damaged_event_is_refused_with_its_line(journal: UpgradeJournal, line: bytes) -> None:
    journal.path.write_bytes(journal.path.read_bytes() + line + b"\n")
    with pytest.raises(JournalError, match="line 2 of the journal is damaged"):
        read_upgrade_journal(journal.path)


def test_a_journal_is_not_begun_over_one_that_goes_on(journal: UpgradeJournal) -> None:
    journal.add(Happening.PROVED, "a")
    before = journal.path.read_bytes()
    with pytest.raises(JournalError, match="neither finished nor taken back"):
        begin_journal(journal.plan, {})
    assert journal.path.read_bytes() == before


@pytest.mark.parametrize("end", [Happening.ROLLED_BACK, Happening.FINISHED])
def test_one_that_is_over_is_kept_under_another_name(journal: UpgradeJournal, end: Happening) -> None:
    journal.add(end)
    before = journal.path.read_bytes()

    begin_journal(journal.plan, {"head": "5678"})

    assert read_upgrade_journal(journal.path).start == {"head": "5678"}
    (kept,) = (file for file in journal.path.parent.iterdir() if file.name.startswith("upgrade-2"))
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    ("happened", "half_done", "began"),
    [
        pytest.param("", False, False, id="nothing"),
        pytest.param("begun", True, True, id="begun and killed"),
        pytest.param("begun failed", True, True, id="begun and failed"),
        pytest.param("failed", False, False, id="its probe failed before it was begun"),
        pytest.param("begun proved", False, True, id="proved"),
        pytest.param("begun proved again", False, True, id="to be done again"),
        pytest.param("begun undone", False, False, id="the database was restored since"),
        pytest.param("begun undone begun", True, True, id="begun again after that"),
        pytest.param("assumed", False, True, id="a person says that it is done"),
    ],
)
def test_half_done_is_what_was_begun_and_came_to_no_good_end(
    journal: UpgradeJournal, happened: str, half_done: bool, began: bool
) -> None:
    journal.add(Happening.BEGUN, "another")
    for what in happened.split():
        journal.add(Happening(what), "a")
    assert (journal.is_half_done("a"), journal.began("a")) == (half_done, began)


def test_a_journal_that_cannot_be_written_is_told(journal: UpgradeJournal) -> None:
    journal.path.unlink()
    with pytest.raises(JournalError, match="cannot be written"):
        journal.add(Happening.BEGUN, "a")


# --- stopped in the middle ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_journal_that_is_over_or_the_new_one(tmp_path: Path) -> None:
    def plan(folder: Path) -> Plan:
        (folder / "work").mkdir(exist_ok=True)
        return plan_of(folder / "site", step("a", python("pass")))

    def prepare(folder: Path) -> None:
        begin_journal(plan(folder), {"head": "old"}).add(Happening.FINISHED)

    def begin(folder: Path) -> None:
        begin_journal(plan(folder), {"head": "new"})

    left, seen = {}, set()
    modules = (journal_module, whole_file)
    for line, folder, _ in interrupted_runs(modules, tmp_path, prepare, begin, times=2, at_least=45):
        found = sorted(path.name for path in (folder / "work").iterdir())
        present = read_upgrade_journal(folder / "work" / JOURNAL_NAME)
        seen.add(present.start["head"])
        kept = [name for name in found if name != JOURNAL_NAME]
        if len(found) != (2 if present.start["head"] == "new" else 1):
            left[line] = found
        if kept:
            assert read_upgrade_journal(folder / "work" / kept[0]).is_over
    assert not left
    assert seen == {"old", "new"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_of_an_event_leaves_it_whole_or_not_there(tmp_path: Path) -> None:
    def prepare(folder: Path) -> None:
        (folder / "work").mkdir()
        begin_journal(plan_of(folder / "site", step("a", python("pass"))), {}).add(Happening.BEGUN, "a")

    def add(folder: Path) -> None:
        read_upgrade_journal(folder / "work" / JOURNAL_NAME).add(Happening.PROVED, "a")

    seen = set()
    for _, folder, _ in interrupted_runs((journal_module,), tmp_path, prepare, add, times=2, at_least=45):
        journal = read_upgrade_journal(folder / "work" / JOURNAL_NAME)
        seen.add(len(journal.events))
        journal.add(Happening.FAILED, "a")
        assert len(read_upgrade_journal(journal.path).events) == len(journal.events)
        assert [path.name for path in (folder / "work").iterdir()] == [JOURNAL_NAME]
    assert seen == {1, 2}
