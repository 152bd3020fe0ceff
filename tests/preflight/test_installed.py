from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from upgrade_kit.model.finding import Found, Passed
from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.preflight.installed import (
    GROUP,
    OWN_CHECKS,
    LoadedChecks,
    every_check_can_be_loaded,
    every_check_has_an_id_of_its_own,
    load_checks,
)


class TestLoad:
    def test_the_kits_own_checks_come_in_by_the_entry_point(self) -> None:
        loaded = load_checks()
        assert set(CHECKS) <= set(loaded.checks)
        assert loaded.failures == ()

    def test_nothing_installed_is_an_error_and_no_pass(self) -> None:
        assert _messages(load_checks([])) == [
            "no check is installed: no entry point of the group upgrade_kit.checks gives any"
        ]

    @pytest.mark.parametrize(
        ("value", "told"),
        [
            pytest.param("upgrade_kit.no_such_module:CHECKS", "ModuleNotFoundError", id="no such module"),
            pytest.param("upgrade_kit.preflight.checks:NO", "AttributeError", id="no such name"),
            pytest.param("upgrade_kit.cli.main:COMMANDS", "TypeError", id="not a tuple of checks"),
        ],
    )
    def test_what_cannot_be_loaded_is_an_error_beside_the_others(self, value: str, told: str) -> None:
        good = EntryPoint("builtin", "upgrade_kit.preflight.checks:CHECKS", GROUP)
        loaded = load_checks([good, EntryPoint("broken", value, GROUP)])
        assert len(loaded.checks) == len(CHECKS)
        (message,) = _messages(loaded)
        assert value in message
        assert told in message

    def test_order_does_not_depend_on_the_order_of_installation(self) -> None:
        ids = [one.id for one in load_checks().checks]
        assert ids == sorted(ids)


def _messages(loaded: LoadedChecks) -> list[str]:
    return [finding.message for finding in loaded.failures]


class TestOwnChecks:
    def test_what_is_installed_here_passes(self) -> None:
        assert [one.judge(load_checks()).result for one in OWN_CHECKS] == [Passed(), Passed()]

    def test_what_could_not_be_loaded_is_found(self) -> None:
        loaded = load_checks([EntryPoint("broken", "upgrade_kit.no_such_module:CHECKS", GROUP)])
        assert isinstance(every_check_can_be_loaded.judge(loaded).result, Found)

    def test_two_of_one_id_are_found_and_named(self) -> None:
        result = every_check_has_an_id_of_its_own.judge(LoadedChecks(checks=(*CHECKS, CHECKS[0]))).result
        assert isinstance(result, Found)
        assert CHECKS[0].id in result.findings[0].message

    def test_their_ids_are_no_others(self) -> None:
        assert not {one.id for one in OWN_CHECKS} & {one.id for one in CHECKS}
