from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tests.preflight.conftest import installed, site_environment
from upgrade_kit.model.deployment import Interpreter, Interpreters, Machine
from upgrade_kit.model.environment import Environments
from upgrade_kit.model.finding import CouldNotRun, Finding, Found, NotApplicable, Passed, Result, Severity
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.interpreter import (
    NAMED,
    command_starts_it,
    named_python_suits,
    python_is_supported,
    releases_on_the_way_have_python,
    site_has_interpreter,
    suitable_for,
    target_has_64_bits,
    target_has_python,
    target_python_is_whole,
)

Ask = Callable[..., Result]


def machine_with(*versions: str, silent: tuple[tuple[str, str], ...] = ()) -> Interpreters:
    found = tuple(
        Interpreter(path=Path("py") / version / "python", version=Version(version), bits=64, found="PATH")
        for version in versions
    )
    return Interpreters(found=found, silent=silent)


class TestTarget:
    @pytest.mark.parametrize("version", ["3.4.10", "3.5.2", "3.6.15"])
    def test_a_python_that_030_supports_is_enough(self, ask: Ask, version: str) -> None:
        result = ask(target_has_python, interpreters=machine_with("3.12.1", version))
        assert isinstance(result, Passed)
        assert version in result.seen

    @pytest.mark.parametrize("versions", [("3.7.16",), ("3.3.7",), ("2.7.18",), ("3.13.0", "3.11.7"), ()])
    def test_others_are_not_and_are_named(self, ask: Ask, versions: tuple[str, ...]) -> None:
        result = ask(target_has_python, interpreters=machine_with(*versions))
        assert isinstance(result, Found)
        (finding,) = result.findings
        assert all(version in finding.message for version in versions)
        assert "--python PATH" in finding.hint

    def test_the_reason_why_a_newer_one_does_not_do_is_given(self, ask: Ask) -> None:
        result = ask(target_has_python, interpreters=machine_with("3.7.16"))
        assert isinstance(result, Found)
        assert "Python 3.7 " in result.findings[0].message

    def test_one_that_did_not_answer_is_named(self, ask: Ask) -> None:
        silent = machine_with(silent=(("python3.6", "no answer in 5 s"),))
        result = ask(target_has_python, interpreters=silent)
        assert isinstance(result, Found)
        assert "python3.6 did not answer: no answer in 5 s" in result.findings[0].message

    def test_the_hint_names_the_newest_python_that_would_do(self, ask: Ask) -> None:
        result = ask(target_has_python, interpreters=machine_with())
        assert isinstance(result, Found)
        assert "Install Python 3.6 " in result.findings[0].hint

    def test_a_site_at_its_target_needs_none(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.3.0", "0.3.0")
        result = ask(target_has_python, interpreters=machine_with(), path=path)
        assert isinstance(result, NotApplicable)


class TestOnTheWay:
    def test_a_path_through_029_needs_27(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.8", "0.3.0")
        result = ask(releases_on_the_way_have_python, interpreters=machine_with("3.6.15"), path=path)
        assert isinstance(result, Found)
        assert "0.2.9.1" in result.findings[0].message
        assert "Install Python 2.7 " in result.findings[0].hint

    def test_with_27_it_passes(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.8", "0.3.0")
        machine = machine_with("3.6.15", "2.7.18")
        result = ask(releases_on_the_way_have_python, interpreters=machine, path=path)
        assert isinstance(result, Passed)
        assert "2.7.18" in result.seen

    def test_one_hop_has_nothing_on_the_way(self, ask: Ask) -> None:
        result = ask(releases_on_the_way_have_python, interpreters=machine_with())
        assert isinstance(result, NotApplicable)


WINDOWS = Machine(system="Windows", preferred_encoding="cp1252")


def python(version: str, *, path: str = "/py/python", found: str = "PATH", bits: int = 64, **more: Any) -> Interpreter:
    return Interpreter(path=Path(path), version=Version(version), bits=bits, found=found, **more)


def machine(*those: Interpreter, **commands: Interpreter) -> Interpreters:
    return Interpreters(found=those, silent=(), commands=tuple(commands.items()))


def only(result: Result) -> Finding:
    assert isinstance(result, Found)
    (finding,) = result.findings
    return finding


def test_the_best_is_wide_new_and_no_environment(graph: VersionGraph) -> None:
    narrow, old, new = python("3.6.15", bits=32), python("3.5.2"), python("3.6.8")
    inside = python("3.6.8", is_environment=True)
    target = graph.path("0.3.0", "0.3.0").target
    assert suitable_for(machine(narrow, old, inside, new, python("3.7.1")), target) == (new, inside, old, narrow)


class TestSite:
    def test_it_is_named_with_what_it_has(self, ask: Ask) -> None:
        result = ask(site_has_interpreter)
        assert isinstance(result, Passed)
        assert result.seen.endswith("qatrack: Python 2.7.18, Django 1.6.11, pip 20.3.4 (beside the site)")

    def test_none_is_told_with_how_to_name_it(self, ask: Ask) -> None:
        lost = Environments(found=(), planned=(), lost=(("VENV_DIRECTORY, service.py:3", "/gone"),))
        finding = only(ask(site_has_interpreter, environments=lost))
        assert finding.severity is Severity.INFO
        assert "VENV_DIRECTORY, service.py:3 names /gone" in finding.message
        assert finding.hint.endswith("--venv DIR")

    def test_one_whose_python_is_not_known_is_no_pass(self, ask: Ask) -> None:
        unknown = Environments(found=(site_environment(python=Unobserved("it is silent")),), planned=())
        assert ask(site_has_interpreter, environments=unknown) == CouldNotRun("it is silent")

    def test_one_whose_interpreter_is_gone_is_told(self, ask: Ask) -> None:
        bare = site_environment(program=None, distributions=installed("django 1.6.11"))
        finding = only(ask(site_has_interpreter, environments=Environments(found=(bare,), planned=())))
        assert finding.severity is Severity.WARNING


class TestCommand:
    @pytest.mark.parametrize("version", ["2.7.18", "3.7.16", "3.11.7"])
    def test_another_python_is_told_and_how_to_start_the_right_one(self, ask: Ask, version: str) -> None:
        right = python("3.6.15", path="/opt/python 3.6/bin/python3.6")
        known = machine(right, python3=python(version))
        finding = only(ask(command_starts_it, interpreters=known))
        assert finding.severity is Severity.INFO
        assert f"python3 on PATH is Python {version}" in finding.message
        assert finding.hint.endswith(f"'{Path('/opt/python 3.6/bin/python3.6')}' -m venv FOLDER")

    @pytest.mark.parametrize(
        ("found", "typed"),
        [("py launcher", "    py -3.6 -m venv FOLDER"), ("PATH", f'    & "{Path("/py/python")}" -m venv FOLDER')],
    )
    def test_on_windows_the_word_is_python(self, ask: Ask, found: str, typed: str) -> None:
        known = machine(python("3.6.15", found=found), python=python("2.7.18"))
        assert only(ask(command_starts_it, interpreters=known, machine=WINDOWS)).hint.endswith(typed)
        assert isinstance(ask(command_starts_it, interpreters=known), NotApplicable)  # on Linux it is python3

    def test_the_right_one_passes(self, ask: Ask) -> None:
        known = machine(python("3.6.15"), python3=python("3.6.15"))
        assert isinstance(ask(command_starts_it, interpreters=known), Passed)

    def test_without_a_right_one_it_is_to_be_installed(self, ask: Ask) -> None:
        known = machine(python3=python("3.11.7"))
        assert only(ask(command_starts_it, interpreters=known)).hint.startswith("Install Python 3.6,")


class TestBits:
    def test_only_narrow_ones_are_told(self, ask: Ask) -> None:
        finding = only(ask(target_has_64_bits, interpreters=machine(python("3.6.15", bits=32), python("3.11.7"))))
        assert "a 32-bit one" in finding.message
        assert "py -3.6 -c" in finding.hint

    @pytest.mark.parametrize("more", [(), (python("3.6.15", bits=32),)], ids=["alone", "beside a narrow one"])
    def test_a_wide_one_passes(self, ask: Ask, more: tuple[Interpreter, ...]) -> None:
        assert isinstance(ask(target_has_64_bits, interpreters=machine(python("3.5.2"), *more)), Passed)

    def test_none_is_for_another_check(self, ask: Ask) -> None:
        for check in (target_has_64_bits, target_python_is_whole):
            assert isinstance(ask(check, interpreters=machine(python("2.7.18", bits=32))), NotApplicable)


class TestEnd:
    def test_it_is_said_once_and_is_no_fault(self, ask: Ask) -> None:
        finding = only(ask(python_is_supported))
        assert finding.severity is Severity.INFO
        assert "3.6 on 2021-12-23" in finding.message

    def test_a_target_of_which_no_rule_tells_is_not_judged(self, ask: Ask, graph: VersionGraph) -> None:
        path = graph.path("0.2.9.1", "0.3.0")
        bare = replace(path, releases=(path.source, replace(path.target, installing=None)))
        assert isinstance(ask(python_is_supported, path=bare), NotApplicable)


class TestNamed:
    @pytest.mark.parametrize(
        ("more", "instead"), [((), "Python 3.6"), ((python("3.6.15"),), f"{Path('/py/python')} (3.6.15)")]
    )
    def test_one_that_does_not_run_the_target_is_refused_with_the_reason(
        self, ask: Ask, more: tuple[Interpreter, ...], instead: str
    ) -> None:
        finding = only(ask(named_python_suits, interpreters=machine(python("3.7.16", found=NAMED), *more)))
        assert "Python 3.7 does not parse" in finding.message
        assert finding.hint == f"Take {instead} instead."

    @pytest.mark.parametrize("version", ["3.4.10", "3.6.15"])
    def test_one_that_does_passes(self, ask: Ask, version: str) -> None:
        assert isinstance(ask(named_python_suits, interpreters=machine(python(version, found=NAMED))), Passed)

    def test_one_for_a_release_on_the_way_passes(self, ask: Ask, graph: VersionGraph) -> None:
        known = machine(python("2.7.18", found=NAMED))
        assert isinstance(ask(named_python_suits, interpreters=known, path=graph.path("0.2.8", "0.3.0")), Passed)
        assert isinstance(ask(named_python_suits, interpreters=known), Found)


class TestWhole:
    @pytest.mark.parametrize(
        ("lacks", "typed"),
        [
            (("venv", "ensurepip"), "apt-get install python3.6-venv"),
            (("ssl",), "apt-get install libssl-dev"),
        ],
    )
    def test_what_it_lacks_is_told_with_what_to_install(self, ask: Ask, lacks: tuple[str, ...], typed: str) -> None:
        finding = only(ask(target_python_is_whole, interpreters=machine(python("3.6.15", lacks=lacks))))
        assert ", ".join(lacks) in finding.message
        assert typed in finding.hint

    def test_windows_has_an_installer(self, ask: Ask) -> None:
        known = machine(python("3.6.15", lacks=("ensurepip",)))
        assert "installer" in only(ask(target_python_is_whole, interpreters=known, machine=WINDOWS)).hint

    def test_one_that_is_whole_is_enough(self, ask: Ask) -> None:
        known = machine(python("3.6.15", lacks=("ssl",)), python("3.5.2"))
        assert isinstance(ask(target_python_is_whole, interpreters=known), Passed)


@pytest.mark.parametrize(
    "check", [command_starts_it, target_has_64_bits, python_is_supported, named_python_suits, target_python_is_whole]
)
def test_a_site_at_its_target_is_told_nothing(check: Any, ask: Ask, graph: VersionGraph) -> None:
    known = machine(python("3.7.16", found=NAMED, bits=32, lacks=("ssl",)), python3=python("3.7.16"))
    path = graph.path("0.3.0", "0.3.0")
    assert isinstance(ask(check, interpreters=known, path=path), NotApplicable)
