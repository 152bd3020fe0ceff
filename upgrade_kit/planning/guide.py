"""The site that the install guide describes: its folders stand where nothing is known of a real one."""

from __future__ import annotations

from upgrade_kit.model.path import Hop, UpgradePath
from upgrade_kit.model.plan import PlannedStep
from upgrade_kit.model.plan_facts import PlanFacts
from upgrade_kit.planning.plan import SiteWords

REMOTE = "https://github.com/qatrackplus/qatrackplus.git"
SERVICE = "QATrackCherryPyService"
PORT = "8080"

GUIDE_SITES = {
    "Windows": PlanFacts(
        system="Windows",
        site="C:\\deploy\\qatrackplus",
        work="C:\\deploy\\qatrackplus-upgrade",
        settings="C:\\deploy\\qatrackplus\\qatrack\\local_settings.py",
        vendor="microsoft",
        venvs="C:\\deploy\\venvs",
        interpreter=("py", "-3.6"),
        service=SERVICE,
        port=PORT,
        remote=REMOTE,
        database_size="a size that backup tells",
        uploads_size="a size that backup tells",
    ),
    "Linux": PlanFacts(
        system="Linux",
        site="~/web/qatrackplus",
        work="~/web/qatrackplus-upgrade",
        settings="~/web/qatrackplus/qatrack/local_settings.py",
        vendor="postgresql",
        venvs="~/venvs",
        interpreter=("python3.6",),
        service=SERVICE,
        port=PORT,
        remote=REMOTE,
        database_size="a size that backup tells",
        uploads_size="a size that backup tells",
    ),
}


def guide_steps(path: UpgradePath, hop: Hop, system: str) -> list[PlannedStep]:
    """Return every step of a hop at the guide's own site, those for a site that stays at a version too."""
    words = SiteWords.of(GUIDE_SITES[system], path, path.hops.index(hop))
    return [words.planned(step, hop) for step in hop.steps]
