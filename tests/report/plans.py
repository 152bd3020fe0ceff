"""Plans for tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from upgrade_kit.model.plan import Plan
from upgrade_kit.model.plan_facts import PlanFacts
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.plan import make_plan

MADE = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
AWKWARD_NAMES = ["qatrack", "q a", "O'Brien", "$HOME", "`x`", "a&b;c", "caf\u00e9 \u2018x\u2019", 'a"b', "a\nb"]


def facts(system: str, site: str) -> PlanFacts:
    """Return what is known of a site in a folder."""
    separator = "\\" if system == "Windows" else "/"
    return PlanFacts(
        system=system,
        site=site,
        work=f"{site}-upgrade",
        settings=separator.join((site, "qatrack", "local_settings.py")),
        vendor="microsoft" if system == "Windows" else "sqlite",
        database="mssql://q@host/qatrack" if system == "Windows" else f"sqlite:///{site}/db",
        venvs=f"{site}-venvs",
        interpreter=("python3.6",),
        service="QATrackCherryPyService",
        port="8080",
        remote="https://host/q.git",
        database_size="12 MB",
        uploads_size="3 GB",
        open_questions=("What is\nthis?",),
    )


def plan(system: str, site: str | Path, source: str = "0.2.8", target: str = "0.3.0", **more: object) -> Plan:
    """Return the plan of a site in a folder."""
    known = replace(facts(system, str(site)), **more)  # type: ignore[arg-type]
    return make_plan(known, VersionGraph.load().path(source, target))
