from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.model.changes import Changes, EarlierAnswer, EarlierRun, Outcome, Remembered
from upgrade_kit.model.finding import Severity
from upgrade_kit.report.changes import changes_document, changes_sentence, earlier_run_document, read_earlier_run

AT = datetime(2026, 3, 1, 21, 14).astimezone()
LATER = AT + timedelta(minutes=20)


def one(id_: str, message: str = "m", where: str = "") -> Remembered:
    return Remembered(id=id_, severity=Severity.ERROR, message=message, where=where)


class TestSentence:
    def test_it_names_what_is_mended_and_new_and_counts_the_rest(self) -> None:
        changes = Changes(
            since=AT,
            verdict="NO_GO",
            mended=(one("UK506"), one("UK512")),
            new=(one("UK204"),),
            same=(one("UK1"), one("UK2"), one("UK2")),
        )
        assert changes_sentence(changes, LATER) == (
            "Since the last run (21:14): mended UK506, UK512; new UK204; 3 as before."
        )

    def test_nothing_is_told_as_nothing(self) -> None:
        assert changes_sentence(Changes(since=AT, verdict="GO"), LATER) == (
            "Since the last run (21:14): nothing has changed."
        )

    def test_the_day_is_told_where_it_was_another(self) -> None:
        text = changes_sentence(Changes(since=AT, verdict="GO"), AT + timedelta(hours=6))
        assert text.startswith("Since the last run (2026-03-01 21:14):")

    def test_a_run_that_does_not_say_when_it_was_has_no_time(self) -> None:
        assert changes_sentence(Changes(since=None, verdict="GO"), LATER).startswith("Since the last run: ")

    def test_a_check_with_one_finding_left_is_not_called_mended(self) -> None:
        changes = Changes(since=AT, verdict="NO_GO", mended=(one("UK1", "a"), one("UK1", "b")), same=(one("UK1", "c"),))
        assert "partly mended UK1 (2); 1 as before" in changes_sentence(changes, LATER)

    def test_what_could_not_be_looked_at_is_not_called_mended(self) -> None:
        changes = Changes(since=AT, verdict="NO_GO", unclear=(one("UK1"),), blinded=("UK1", "UK2"), seeing=("UK3",))
        text = changes_sentence(changes, LATER)
        assert "the check could not look: UK1" in text
        assert "cannot now: UK2;" in text
        assert text.endswith("can look now: UK3.")


runs = st.builds(
    EarlierRun,
    at=st.none()
    | st.datetimes(timezones=st.just(timezone(timedelta(hours=1)))).map(lambda at: at.replace(microsecond=0)),
    verdict=st.sampled_from(["GO", "NO_GO", "UNKNOWN"]),
    answers=st.lists(
        st.tuples(
            st.text(), st.sampled_from(Outcome), st.lists(st.tuples(st.sampled_from(Severity), st.text(), st.text()))
        )
    ).map(
        lambda rows: tuple(
            EarlierAnswer(
                id=id_,
                outcome=outcome,
                findings=tuple(Remembered(id=id_, severity=s, message=m, where=w) for s, m, w in found),
            )
            for id_, outcome, found in rows
        )
    ),
)


@given(runs)
def test_what_is_written_is_read_back(run: EarlierRun) -> None:
    assert read_earlier_run(json.dumps(earlier_run_document(run))) == run


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '"preflight"',
        "\0\1\2",
        "[" * 100_000,
        '{"schema": 2, "command": "preflight", "verdict": "GO", "results": []}',
        '{"schema": 1, "command": "path", "path": []}',
        '{"schema": 1, "command": "preflight", "verdict": "GO"}',
        '{"schema": 1, "command": "preflight", "verdict": "GO", "results": 3}',
        '{"schema": 1, "command": "preflight", "verdict": "GO", "results": [3]}',
        '{"schema": 1, "command": "preflight", "verdict": "", "results": [{"id": "U", "result": "?", "findings": []}]}',
        '{"schema": 1, "command": "preflight", "verdict": "GO", "results": [], "observed_at": "yesterday"}',
        '{"schema": 1, "command": "preflight", "verdict": "GO", "results": [], "observed_at": "2026-03-01T08:00:00"}',
    ],
)
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        read_earlier_run(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_powershell_made_of_it_can_be_read(encoding: str) -> None:
    run = EarlierRun(at=AT, verdict="GO", answers=())
    assert read_earlier_run(json.dumps(earlier_run_document(run)).encode(encoding)).verdict == "GO"


def test_a_check_that_was_left_out_of_an_earlier_answer_is_not_taken_for_one_that_found_nothing() -> None:
    left_out = {"id": "UK1", "result": "not_applicable", "left_out": True, "findings": []}
    text = json.dumps({"schema": 1, "command": "preflight", "verdict": "GO", "results": [left_out]})
    assert read_earlier_run(text).answers == ()


def test_the_document_has_every_list_even_where_it_is_empty() -> None:
    document = changes_document(Changes(since=None, verdict="GO", new=(one("UK1", where="a.py:3"),)))
    assert document["new"] == [{"id": "UK1", "severity": "error", "message": "m", "where": "a.py:3"}]
    assert document["mended"] == document["same"] == document["can_look_now"] == []
