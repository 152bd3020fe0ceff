from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.model.deployment import Interpreter, Interpreters
from upgrade_kit.model.finding import Found, NotApplicable, Passed, Result
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.checks.interpreter import releases_on_the_way_have_python, target_has_python

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
