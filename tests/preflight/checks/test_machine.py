from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from upgrade_kit.model.clock import Clocks
from upgrade_kit.model.deployment import Machine
from upgrade_kit.model.finding import CouldNotRun, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.rewrite import Outcome, PlannedRewrite, Procedure, Reads, Rewrite, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.checks.machine import (
    clocks_agree,
    log_can_hold_names,
    nothing_is_from_the_future,
    printing_is_known,
)

Ask = Callable[..., Result]
HERE = datetime(2018, 10, 9, 8, 0, tzinfo=UTC)
PLACE = "qa_testlistinstance.created"


def clocks(server: timedelta = timedelta(), newest: timedelta = timedelta()) -> Clocks:
    return Clocks(here=HERE, server=HERE + server, newest=(HERE + newest, PLACE))


class TestClocks:
    @pytest.mark.parametrize("apart", [timedelta(), timedelta(minutes=5), -timedelta(minutes=5)])
    def test_a_few_minutes_are_nothing(self, apart: timedelta, ask: Ask) -> None:
        assert isinstance(ask(clocks_agree, clocks=clocks(apart)), Passed)

    @pytest.mark.parametrize(
        ("apart", "words"),
        [
            (timedelta(minutes=6), "6 minutes behind"),
            (-timedelta(minutes=6), "6 minutes ahead of"),
            (timedelta(hours=5), "5 hours behind"),
            (-timedelta(days=400), "400 days ahead of"),
        ],
    )
    def test_more_is_a_warning_that_says_which_way(self, apart: timedelta, words: str, ask: Ask) -> None:
        result = ask(clocks_agree, clocks=clocks(apart))
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.WARNING
        assert words in result.findings[0].message

    def test_a_server_that_does_not_tell_is_no_pass(self, ask: Ask) -> None:
        silent = Clocks(here=HERE, server=Unobserved("denied"), newest=(None, PLACE))
        assert ask(clocks_agree, clocks=silent) == CouldNotRun("denied")


class TestNewest:
    @pytest.mark.parametrize("ahead", [-timedelta(days=900), timedelta(), timedelta(hours=14), timedelta(hours=26)])
    def test_the_past_and_any_time_zone_pass(self, ahead: timedelta, ask: Ask) -> None:
        assert isinstance(ask(nothing_is_from_the_future, clocks=clocks(newest=ahead)), Passed)

    def test_more_than_a_day_ahead_is_a_warning(self, ask: Ask) -> None:
        result = ask(nothing_is_from_the_future, clocks=clocks(newest=timedelta(hours=27)))
        assert isinstance(result, Found)
        assert result.findings[0].where == PLACE

    def test_an_empty_table_does_not_apply(self, ask: Ask) -> None:
        empty = Clocks(here=HERE, server=HERE, newest=(None, PLACE))
        assert isinstance(ask(nothing_is_from_the_future, clocks=empty), NotApplicable)

    def test_a_table_that_cannot_be_read_is_no_pass(self, ask: Ask) -> None:
        broken = Clocks(here=HERE, server=HERE, newest=Unobserved("no such table"))
        assert ask(nothing_is_from_the_future, clocks=broken) == CouldNotRun("no such table")


class TestLocale:
    PLAN = RewritePlan(
        items=(
            PlannedRewrite(
                procedure=Procedure(test_id=1, slug="gamma", name="\u03b3 index", type="upload", source="FILE"),
                rewrite=Rewrite(outcome=Outcome.UNCHANGED, reads=Reads.TEXT, reason="", before="FILE", source="FILE"),
                listed=True,
                selected=False,
            ),
        ),
        listed=1,
    )

    def test_on_windows_with_a_screen_in_utf_8_the_log_lacks_the_list(self, ask: Ask) -> None:
        machine = Machine(system="Windows", preferred_encoding="cp1252", printing="utf-8")
        result = ask(log_can_hold_names, plan=self.PLAN, machine=machine)
        assert isinstance(result, Found)
        assert "\u03b3 index (gamma)" in result.findings[0].message
        assert "Tee-Object" in result.findings[0].hint

    def test_without_it_the_screen_is_the_matter(self, ask: Ask) -> None:
        machine = Machine(system="Windows", preferred_encoding="cp1252")
        assert isinstance(ask(log_can_hold_names, plan=self.PLAN, machine=machine), NotApplicable)

    def test_an_encoding_that_nobody_knows_is_no_pass(self, ask: Ask) -> None:
        machine = Machine(system="Linux", preferred_encoding="martian")
        assert isinstance(ask(log_can_hold_names, plan=self.PLAN, machine=machine), CouldNotRun)

    @pytest.mark.parametrize("stated", ["", "utf-8", "UTF8:replace", ":ignore", "cp437"])
    def test_what_python_knows_passes(self, stated: str, ask: Ask) -> None:
        machine = Machine(system="Linux", preferred_encoding="UTF-8", printing=stated)
        assert isinstance(ask(printing_is_known, machine=machine), Passed)

    @pytest.mark.parametrize("stated", ["martian", "utf-8;replace", "a\0b"])
    def test_what_it_does_not_know_is_an_error(self, stated: str, ask: Ask) -> None:
        machine = Machine(system="Linux", preferred_encoding="UTF-8", printing=stated)
        result = ask(printing_is_known, machine=machine)
        assert isinstance(result, Found)
        assert result.findings[0].severity is Severity.ERROR
