"""What a site keeps from whoever looks is told as such, and hides nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.ordinary_user import as_ordinary_user
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CouldNotRun, Passed, Result
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.runner import run_preflight

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")


@pytest.fixture
def site() -> Iterator[Path]:
    """A site of a user who may not read all of it, in a folder that everybody may go through."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    build_sample_site(folder / "site", VersionGraph.load().resolve("0.2.9.1"))
    yield folder / "site"
    for one in (folder / "site" / "logs", folder / "site" / ".git"):
        if one.exists():
            one.chmod(0o700)
    shutil.rmtree(folder)


def answers(site: Path) -> dict[str, Result]:
    releases = VersionGraph.load().releases
    seen: Deployment = as_ordinary_user(lambda: survey(site, interpreters=False, releases=releases))
    return {one.id: one.result for one in run_preflight(seen).results}


def test_a_folder_of_logs_that_may_not_be_listed_ends_nothing_else(site: Path) -> None:
    (site / "logs").mkdir(exist_ok=True)
    (site / "logs").chmod(0)
    told = answers(site)
    assert isinstance(told["UK202"], Passed)
    assert isinstance(told["UK301"], Passed)


@pytest.mark.parametrize("closed", ["logs", "logs/migrate.log"])
def test_a_log_that_may_not_be_read_is_not_told_to_be_missing(site: Path, closed: str) -> None:
    shutil.rmtree(site)
    build_sample_site(site, VersionGraph.load().resolve("0.3.0"))
    (site / "logs").mkdir(exist_ok=True)
    (site / "logs" / "migrate.log").touch()
    (site / closed).chmod(0)
    told = answers(site)
    for id_ in ("UK505", "UK517"):
        assert told[id_] == CouldNotRun(f"{site / 'logs' / 'migrate.log'}: cannot be read: Permission denied")


def test_a_history_that_may_not_be_read_is_not_told_to_be_broken(site: Path) -> None:
    git = shutil.which("git") or pytest.skip("needs git")
    subprocess.run([git, "init", "--quiet", str(site)], check=True)
    (site / ".git").chmod(0)
    told = answers(site)["UK142"]
    assert told == CouldNotRun(f"{site / '.git'} may not be read by this user")
