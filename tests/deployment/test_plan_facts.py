"""What a plan takes from what was observed, and what it asks."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.plan_facts import Wishes, plan_facts, plan_upgrade
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import (
    Deployment,
    Interpreter,
    Interpreters,
    Machine,
    ServiceScript,
    ServiceScripts,
    Stated,
)
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.plan import Run
from upgrade_kit.model.plan_facts import PlanFacts
from upgrade_kit.model.unobserved import NOT_ASKED, Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.plan import make_plan

SQLITE = DatabaseAddress(vendor="sqlite", name="/srv/q/db/default.db")
POSTGRESQL = DatabaseAddress(vendor="postgresql", name="qatrack", user="q", password="secret", host="db")
UNKNOWN = Unobserved("local_settings.py cannot be read")


def path(source: str = "0.2.8") -> UpgradePath:
    return VersionGraph.load().path(source, "0.3.0")


def site(folder: Path | None, *pythons: Interpreter) -> Deployment:
    return Deployment(
        site=folder,
        observed_at=datetime(2026, 1, 1, tzinfo=UTC),
        version=Version("0.2.8"),
        versions_agree=True,
        checkout=NOT_ASKED,
        settings=NOT_ASKED,
        interpreters=Interpreters(found=pythons, silent=()),
        database=NOT_ASKED,
        disk=NOT_ASKED,
        machine=Machine(system="Linux", preferred_encoding="utf-8"),
        backups=NOT_ASKED,
        migrate_log=NOT_ASKED,
    )


def environment(folder: Path, version: str) -> Interpreter:
    """Make a virtual environment as far as it can be told from outside."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").touch()
    return Interpreter(path=programs / "python", version=Version(version), bits=64, found="virtual environment")


def python(path: str, version: str, found: str = "PATH") -> Interpreter:
    return Interpreter(path=Path(path), version=Version(version), bits=64, found=found)


def script(
    folder: Path, name: str, port: int, *, mine: bool | None = True, venv: Stated | None = None
) -> ServiceScript:
    where = "script.py:1"
    return ServiceScript(
        file=folder / "script.py",
        service=Stated(value=name, where=where),
        deploy_directory=None,
        is_this_site=mine,
        venv_directory=venv,
        has_venv=None,
        port=Stated(value=port, where=where),
    )


def about(facts: PlanFacts, word: str) -> bool:
    return any(word in question for question in facts.open_questions)


def test_the_work_folder_is_beside_the_checkout_and_paths_are_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    facts = plan_facts(site(Path("q")), path(), SQLITE)
    assert (facts.site, facts.work) == (str(tmp_path / "q"), str(tmp_path / "q-upgrade"))
    assert plan_facts(site(Path("q")), path(), SQLITE, wishes=Wishes(work=Path("w"))).work == str(tmp_path / "w")


def test_without_a_site_the_guides_folders_stand_there_and_that_is_told() -> None:
    facts = plan_facts(site(None), path(), SQLITE)
    assert facts.site == "~/web/qatrackplus"
    assert about(facts, "No site folder was named")


def test_the_environment_of_the_usual_name_is_the_sites_and_the_new_one_is_beside_it(tmp_path: Path) -> None:
    old = environment(tmp_path / "venvs" / "qatrack", "2.7.18")
    other = environment(tmp_path / "venvs" / "reports", "2.7.18")
    facts = plan_facts(site(tmp_path / "q", other, old), path(), SQLITE)
    assert dict(facts.environments) == {
        "qatrack": str(tmp_path / "venvs" / "qatrack"),
        "qatrack3": str(tmp_path / "venvs" / "qatrack3"),
    }
    assert not about(facts, "--site-python")


def test_the_only_python_2_environment_is_the_sites_whatever_its_name(tmp_path: Path) -> None:
    facts = plan_facts(site(tmp_path / "q", environment(tmp_path / "envs" / "q", "2.7.18")), path(), SQLITE)
    assert dict(facts.environments)["qatrack"] == str(tmp_path / "envs" / "q")


@pytest.mark.parametrize("how_many", [0, 2])
def test_an_environment_that_cannot_be_told_is_asked_for(tmp_path: Path, how_many: int) -> None:
    pythons = [environment(tmp_path / "envs" / str(number), "2.7.18") for number in range(how_many)]
    facts = plan_facts(site(tmp_path / "q", python("/usr/bin/python2.7", "2.7.18"), *pythons), path(), SQLITE)
    assert about(facts, "--site-python")
    named = Wishes(site_python=tmp_path / "x" / "bin" / "python")
    answered = plan_facts(site(tmp_path / "q"), path(), SQLITE, wishes=named)
    assert dict(answered.environments)["qatrack"] == str(tmp_path / "x")
    assert not about(answered, "--site-python")


def test_a_path_that_needs_no_python_2_asks_for_none(tmp_path: Path) -> None:
    assert not about(plan_facts(site(tmp_path / "q"), path("0.2.9.1"), SQLITE), "--site-python")


def test_a_new_environment_is_made_of_the_newest_python_that_fits_and_is_in_no_environment(tmp_path: Path) -> None:
    inside = environment(tmp_path / "venvs" / "qatrack3", "3.6.15")
    found = (python("/usr/bin/python3", "3.12.1"), inside, python("/opt/py36", "3.6.8"), python("/opt/py35", "3.5.2"))
    assert plan_facts(site(tmp_path / "q", *found), path(), SQLITE).interpreter == (str(Path("/opt/py36")),)


def test_no_python_that_fits_is_told(tmp_path: Path) -> None:
    facts = plan_facts(site(tmp_path / "q", python("/usr/bin/python3", "3.12.1")), path(), SQLITE)
    assert facts.interpreter == ("python3.6",)
    assert about(facts, ">=3.4,<3.7")


def test_the_python_that_the_user_names_is_taken(tmp_path: Path) -> None:
    facts = plan_facts(site(tmp_path / "q"), path(), SQLITE, wishes=Wishes(python=Path("/opt/p36/bin/python")))
    assert facts.interpreter == (os.path.abspath("/opt/p36/bin/python"),)  # noqa: PTH100
    assert facts.asked == str(Path("/opt/p36/bin/python"))
    assert not about(facts, ">=3.4")


def test_a_password_is_in_no_fact(tmp_path: Path) -> None:
    facts = plan_facts(site(tmp_path / "q"), path(), POSTGRESQL, database_option=True, has_password=True)
    assert "secret" not in repr(facts)
    assert (facts.vendor, facts.needs_password, facts.database_option) == ("postgresql", True, True)
    assert not plan_facts(site(tmp_path / "q"), path(), SQLITE, has_password=True).needs_password


def test_a_database_that_is_not_known_is_told(tmp_path: Path) -> None:
    facts = plan_facts(site(tmp_path / "q"), path(), UNKNOWN, database_option=True)
    assert about(facts, "local_settings.py cannot be read")
    assert (facts.database, facts.database_option) == ("", False)


def test_the_service_that_runs_the_site_now_is_named_and_not_the_next_releases(tmp_path: Path) -> None:
    scripts = ServiceScripts(
        scripts=(
            script(tmp_path / "q" / "deploy", "Template", 8080, mine=None),
            script(tmp_path / "q", "New", 8090, venv=Stated(value="C:/v", where="x:1")),
            script(tmp_path / "q", "Other", 8091, mine=False),
            script(tmp_path / "q", "Ours", 8008),
        )
    )
    observed = replace(site(tmp_path / "q"), service_scripts=scripts)
    facts = plan_facts(observed, path(), SQLITE, wishes=Wishes(system="Windows"))
    assert (facts.service, facts.port, facts.port_is_known) == ("Ours", "8008", True)
    assert not about(facts, "Windows service")


def test_a_port_that_only_a_template_states_is_no_known_one(tmp_path: Path) -> None:
    template = ServiceScripts(scripts=(script(tmp_path / "q" / "deploy", "Template", 8090, mine=None),))
    facts = plan_facts(replace(site(tmp_path / "q"), service_scripts=template), path(), SQLITE)
    assert (facts.port, facts.port_is_known) == ("8090", False)
    stop = next(step for step in make_plan(facts, path()).steps if step.id.endswith("-stop"))
    assert stop.fact("port") == ""
    assert not plan_facts(site(tmp_path / "q"), path(), SQLITE).port_is_known


def test_a_service_that_is_not_known_is_told_on_windows_alone(tmp_path: Path) -> None:
    assert about(plan_facts(site(tmp_path / "q"), path(), SQLITE, wishes=Wishes(system="Windows")), "Windows service")
    assert not about(plan_facts(site(tmp_path / "q"), path(), SQLITE), "Windows service")


def test_settings_that_were_not_found_are_told_and_named_where_they_belong(tmp_path: Path) -> None:
    facts = plan_facts(site(tmp_path / "q"), path(), SQLITE)
    assert facts.settings == str(tmp_path / "q" / "qatrack" / "local_settings.py")
    assert about(facts, "local_settings.py")


@pytest.mark.parametrize("named", [True, False])
def test_a_plan_can_be_made_of_what_survey_observed(tmp_path: Path, *, named: bool) -> None:
    folder = tmp_path / "q"
    database = build_sample_site(folder, VersionGraph.load().resolve("0.2.9.1"))
    address = f"sqlite:///{database.as_posix()}"
    observed = survey(folder, interpreters=False) if named else survey(database=address, interpreters=False)
    plan = plan_upgrade(observed, path("0.2.9.1"))
    assert plan.database == address
    typed = [word for step in plan.steps for run in step.actions if isinstance(run, Run) for word in run.words]
    assert ("--database" in typed) is not named
    assert plan.steps[-1].id == "0.3.0-look"
