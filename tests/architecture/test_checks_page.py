"""The page of all checks, which is made and never written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.preflight.installed import OWN_CHECKS
from upgrade_kit.report.checks import checks_markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "checks.md"


def test_the_page_of_checks_is_what_the_checks_say() -> None:
    made = checks_markdown([*sorted(CHECKS, key=lambda check: check.id), *OWN_CHECKS])
    if PAGE.read_text(encoding="utf-8") != made:
        pytest.fail(
            "out of date; type: upgrade-kit preflight --list --format markdown --output docs/checks.md", pytrace=False
        )
