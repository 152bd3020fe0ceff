"""The public API is the one that is recorded: a change to it is meant, and told in CHANGELOG.md."""

from __future__ import annotations

import difflib
import inspect
import runpy
from pathlib import Path

import pytest

import upgrade_kit

HERE = Path(__file__).parent
README = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_public_api_is_the_one_that_is_recorded() -> None:
    now = runpy.run_path(str(HERE / "public_api.py"))["described"]()
    recorded = (HERE / "public_api.txt").read_text(encoding="utf-8")
    if now != recorded:
        difference = "\n".join(difflib.unified_diff(recorded.splitlines(), now.splitlines(), "recorded", "now", n=0))
        pytest.fail(f"{difference}\nIf it is meant: python tests/architecture/public_api.py", pytrace=False)


@pytest.mark.parametrize("name", [name for name in upgrade_kit.__all__ if name != "__version__"])
def test_a_public_name_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(upgrade_kit, name))


@pytest.mark.parametrize("name", [name for name in upgrade_kit.__all__ if name != "__version__"])
def test_the_readme_names_it(name: str) -> None:
    assert f"`{name}`" in README or f" {name}" in README
