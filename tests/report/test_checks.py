from __future__ import annotations

from upgrade_kit.model.deployment import Machine
from upgrade_kit.preflight.check import Answer, Check, check, warning
from upgrade_kit.report.checks import check_document, checks_markdown, render_check


def made(id_: str, title: str = "It holds", **more: str) -> Check[Machine]:
    @check(id_, title, reads=Machine, section="docs/some_file.md", **more)
    def named(_machine: Machine) -> Answer:
        """Because."""
        return [warning("w", hint="h")]

    return named


def test_a_check_is_one_row_that_tells_all_there_is() -> None:
    text = checks_markdown([made("XX001", remedy="Mend it.", crosses="0.3.0")])
    (row,) = [line for line in text.splitlines() if line.startswith("| XX001")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "XX001",
        "It holds (asked where the path goes past 0.3.0)",
        "Because.",
        "warning",
        "docs/some\\_file.md",
        "Mend it.",
    ]


def test_a_title_with_a_bar_stays_in_its_cell() -> None:
    text = checks_markdown([made("XX001", "a | b")])
    assert "| a \\| b |" in text


def test_checks_of_one_family_stand_under_one_heading() -> None:
    text = checks_markdown([made("XX001"), made("XX002")])
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## test"]


def test_json_and_explanation_name_the_severities() -> None:
    assert check_document(made("XX001"))["severities"] == ["warning"]
    assert "Found as:\n  warning\n" in render_check(made("XX001"))
