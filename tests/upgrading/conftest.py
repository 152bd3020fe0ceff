from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.upgrading.site import Talked, access, git, plan_of, programs
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.model.plan import PlannedStep
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.upgrading.journal import begin_journal
from upgrade_kit.upgrading.upgrade import Upgrade


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with two tags, and a work folder beside it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    site = tmp_path / "qatrack plus"
    site.mkdir()
    git(site, "init", "--quiet", "--initial-branch=master")
    for tag in ("v0.2.9.1", "v0.3.0"):
        (site / "manage.py").write_text(f"# {tag}\n", encoding="utf-8")
        git(site, "add", "manage.py")
        git(site, "commit", "--quiet", "--message", tag)
        git(site, "tag", tag)
    git(site, "checkout", "--quiet", "v0.2.9.1")
    (tmp_path / "work" / "logs").mkdir(parents=True)
    build_sample_database(site / "site.db", VersionGraph.load().resolve("0.2.9.1"))
    return site


@pytest.fixture
def upgrade(folder: Path) -> Callable[..., Upgrade]:
    """Begin an upgrade of these steps."""

    def begin(*steps: PlannedStep, talk: Talked | None = None) -> Upgrade:
        plan = plan_of(folder, *steps)
        return Upgrade(
            journal=begin_journal(plan, {"head": git(folder, "rev-parse", "HEAD")}),
            site=access(plan),
            programs=programs(),
            talk=talk or Talked(),
            way_back="upgrade-kit upgrade SITE --rollback",
        )

    return begin
