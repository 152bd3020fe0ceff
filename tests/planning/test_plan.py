"""The plan of one site: pure, from facts and a path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from upgrade_kit.model.plan import Actor, CopyFile, Effect, Plan, PlannedStep, Run, StepKind
from upgrade_kit.model.plan_facts import PlanFacts
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.plan import make_plan, steps_of, with_approvals

LINUX = PlanFacts(
    system="Linux",
    site="/srv/O'Brien/q a",
    work="/srv/O'Brien/q a-upgrade",
    settings="/srv/O'Brien/q a/qatrack/local_settings.py",
    vendor="postgresql",
    database="postgresql://qatrack@db/qatrack",
    venvs="/opt/venvs",
    interpreter=("/usr/bin/python3.6",),
    service="QATrackCherryPyService",
    port="8080",
    remote="https://host/q.git",
    database_size="12 MB",
    uploads_size="3 GB",
)
WINDOWS = replace(
    LINUX,
    system="Windows",
    site="D:\\q a",
    work="D:\\q a-upgrade",
    settings="D:\\q a\\qatrack\\local_settings.py",
    vendor="microsoft",
    venvs="D:\\venvs",
    interpreter=("py", "-3.6"),
)


def plan(facts: PlanFacts = LINUX, source: str = "0.2.8", target: str = "0.3.0") -> Plan:
    return make_plan(facts, VersionGraph.load().path(source, target))


def step(made: Plan, step_id: str) -> PlannedStep:
    return next(one for one in made.steps if one.id == step_id)


def words(one: PlannedStep) -> list[tuple[str, ...]]:
    return [action.words for action in one.actions if isinstance(action, Run)]


def kinds(made: Plan) -> list[str]:
    return [one.kind.value for one in made.steps]


def test_the_steps_of_two_hops_come_in_the_order_in_which_they_are_safe() -> None:
    assert [one.id for one in plan().steps] == [
        "0.2.9.1-fetch",
        "0.2.9.1-preflight",
        "0.2.9.1-forecast",
        "0.2.9.1-multiple-choice",
        "0.2.9.1-stop",
        "0.2.9.1-backup",
        "0.2.9.1-keep",
        "0.2.9.1-go",
        "0.2.9.1-checkout",
        "0.2.9.1-requirements",
        "0.2.9.1-syncdb",
        "0.2.9.1-migrate",
        "0.3.0-backup",
        "0.3.0-keep",
        "0.3.0-go",
        "0.3.0-checkout",
        "0.3.0-settings",
        "0.3.0-environment",
        "0.3.0-requirements",
        "0.3.0-which-database",
        "0.3.0-collectstatic",
        "0.3.0-migrate",
        "0.3.0-log",
        "0.3.0-unit-data",
        "0.3.0-service-log-data",
        "0.3.0-backup-migrated",
        "0.3.0-calcs-show",
        "0.3.0-calcs-apply",
        "0.3.0-serve",
        "0.3.0-verify",
        "0.3.0-look",
    ]


@pytest.mark.parametrize("facts", [LINUX, WINDOWS], ids=["Linux", "Windows"])
@pytest.mark.parametrize(("source", "target"), [("0.2.8", "0.2.9.1"), ("0.2.8", "0.3.0"), ("0.2.9.1", "0.3.0")])
def test_no_path_migrates_before_the_site_is_stopped_backed_up_and_judged(
    facts: PlanFacts, source: str, target: str
) -> None:
    order = kinds(plan(facts, source, target))
    assert order[:2] == ["fetch", "preflight"]
    assert order.count("stop") == order.count("serve") == 1
    for place, kind in enumerate(order):
        if kind == "migrate":
            before = order[:place]
            assert {"stop", "backup", "keep", "verdict", "checkout", "requirements"} <= set(before)
            # a backup of the very database that is migrated: none is migrated in between
            assert "migrate" not in before[len(before) - 1 - before[::-1].index("backup") :]
    assert order.index("serve") > max(place for place, kind in enumerate(order) if kind == "migrate")


def test_a_site_that_passes_through_a_version_is_not_started_there() -> None:
    assert "0.2.9.1-serve" not in [one.id for one in plan().steps]
    assert "0.2.9.1-serve" in [one.id for one in plan(target="0.2.9.1").steps]
    path = VersionGraph.load().path("0.2.8", "0.3.0")
    assert len(list(steps_of(path, path.hops[1]))) < len(path.hops[1].steps)


def test_a_site_at_the_target_has_no_steps() -> None:
    there = plan(source="0.3.0")
    assert (there.steps, there.point_of_no_return) == ((), None)


def test_the_point_of_no_return_is_the_first_migration() -> None:
    made = plan()
    assert made.point_of_no_return is step(made, "0.2.9.1-migrate")
    assert [one.id for one in made.steps if one.effect is Effect.IRREVERSIBLE] == ["0.2.9.1-migrate", "0.3.0-migrate"]


@pytest.mark.parametrize("facts", [LINUX, WINDOWS], ids=["Linux", "Windows"])
def test_no_placeholder_is_left(facts: PlanFacts) -> None:
    for one in plan(facts).steps:
        told = [one.title, one.why, one.lasts, one.proof, one.back]
        typed = [word for action in (*one.actions, *one.proofs) if isinstance(action, Run) for word in action.words]
        assert not any("{" in text for text in (*told, *typed)), one.id


def test_paths_are_the_sites_own_and_of_its_system() -> None:
    keep = step(plan(WINDOWS), "0.2.9.1-keep")
    assert keep.actions[0] == CopyFile(
        source=Path("D:\\q a\\qatrack\\local_settings.py"),
        target=Path("D:\\q a-upgrade\\kept\\local_settings-0.2.8.py"),
    )
    load = step(plan(WINDOWS), "0.3.0-unit-data")
    assert isinstance(load.actions[0], Run)
    assert load.actions[0].folder == Path("D:\\q a")
    assert load.actions[0].words[:4] == (
        "D:\\venvs\\qatrack3\\Scripts\\python.exe",
        "manage.py",
        "loaddata",
        "fixtures\\defaults\\units\\01-vendors.json",
    )
    assert step(plan(), "0.3.0-migrate").fact("python") == "/opt/venvs/qatrack3/bin/python"


def test_an_environment_that_is_known_is_named() -> None:
    facts = replace(LINUX, environments=(("qatrack", "/home/me/old"),))
    assert step(plan(facts), "0.2.9.1-migrate").fact("python") == "/home/me/old/bin/python"
    assert step(plan(facts), "0.3.0-migrate").fact("python") == "/opt/venvs/qatrack3/bin/python"


@pytest.mark.parametrize(
    ("vendor", "lists"),
    [
        ("postgresql", ["requirements/postgres.txt"]),
        ("mysql", ["requirements/mysql.txt"]),
        ("sqlite", ["requirements/base.txt"]),
        ("microsoft", ["requirements/base.txt"]),
    ],
)
def test_requirements_on_linux_go_by_the_database(vendor: str, lists: list[str]) -> None:
    installed = words(step(plan(replace(LINUX, vendor=vendor)), "0.3.0-requirements"))
    assert [one[one.index("-r") + 1] for one in installed] == lists


@pytest.mark.parametrize(
    ("vendor", "lists"),
    [("microsoft", ["requirements\\win.txt"]), ("mysql", ["requirements\\win.txt", "requirements\\mysql.txt"])],
)
def test_requirements_on_windows_hold_what_the_service_needs(vendor: str, lists: list[str]) -> None:
    installed = words(step(plan(replace(WINDOWS, vendor=vendor)), "0.3.0-requirements"))
    assert [one[-1] for one in installed if "-r" in one] == lists
    assert any("CherryPy==18.0.1" in one for one in installed)


def test_the_kit_is_told_of_the_database_only_where_the_settings_do_not_lead_there() -> None:
    told = plan(replace(LINUX, database_option=True))
    kit = [
        one for each in told.steps for one in words(each) if one[0] == "upgrade-kit" and one[1] != "rewrite-settings"
    ]
    assert all(one[one.index("--database") + 1] == "postgresql://qatrack@db/qatrack" for one in kit)
    assert not any("--database" in one for each in plan().steps for one in words(each))


def test_an_interpreter_that_the_user_named_is_asked_by_every_preflight_that_asks_for_one() -> None:
    made = plan(replace(LINUX, asked="/opt/py36"))
    assert words(step(made, "0.2.9.1-preflight"))[0][-2:] == ("--python", "/opt/py36")
    assert "--python" in words(step(made, "0.3.0-go"))[0]


def test_services_are_the_kits_on_windows_and_a_persons_elsewhere() -> None:
    for name in ("0.2.9.1-stop", "0.3.0-serve"):
        assert step(plan(WINDOWS), name).actor is Actor.KIT
        assert step(plan(LINUX), name).actor is Actor.PERSON
    stop = words(step(plan(replace(WINDOWS, service="Ours")), "0.2.9.1-stop"))
    assert stop == [("sc.exe", "query", "Ours"), ("net.exe", "stop", "Ours")]


def test_a_service_that_could_not_be_stopped_is_not_taken_for_one_that_was_not_running() -> None:
    """net.exe ends with 2 in both cases."""
    (proof,) = step(plan(replace(WINDOWS, service="Ours")), "0.2.9.1-stop").proofs
    assert proof.words[0] == "powershell.exe"
    assert "Get-Service -Name 'Ours'" in proof.words[-1]
    assert "exit [int]($s -ne 'Stopped')" in proof.words[-1]
    assert step(plan(LINUX), "0.2.9.1-stop").proofs == ()


@pytest.mark.parametrize("facts", [LINUX, WINDOWS], ids=["Linux", "Windows"])
def test_tags_are_pinned_and_git_changes_no_remote(facts: PlanFacts) -> None:
    git = [one[1:] for each in plan(facts).steps for one in words(each) if one[0] == "git"]
    assert git == [
        ("fetch", "https://host/q.git", "tag", "v0.2.9.1", "tag", "v0.3.0"),
        ("checkout", "v0.2.9.1"),
        ("checkout", "v0.3.0"),
    ]


def test_each_step_knows_what_its_proof_needs() -> None:
    made = plan()
    assert step(made, "0.3.0-checkout").fact("tag") == "v0.3.0"
    assert step(made, "0.2.9.1-fetch").fact("tags") == "v0.2.9.1 v0.3.0"
    assert step(made, "0.3.0-environment").fact("requires") == ">=3.4,<3.7"
    assert step(made, "0.3.0-which-database").fact("database") == "postgresql://qatrack@db/qatrack"
    assert step(made, "0.3.0-look").fact("tag") == ""


def test_what_is_kept_is_outside_the_checkout() -> None:
    made = plan()
    kept = [action.target for one in made.steps for action in one.actions if isinstance(action, CopyFile)]
    assert len(kept) == len(set(kept)) == 2
    assert all(target.is_relative_to(made.work) and not target.is_relative_to(made.site) for target in kept)


@pytest.mark.parametrize(
    ("vendor", "restored"),
    [
        ("sqlite", ["0.2.9.1-syncdb", "0.2.9.1-migrate"]),
        ("postgresql", []),
        ("mysql", ["0.2.9.1-syncdb", "0.2.9.1-migrate", "0.3.0-migrate"]),
        ("microsoft", ["0.2.9.1-syncdb", "0.2.9.1-migrate"]),
    ],
)
def test_what_an_interrupted_migration_leaves_half_done_is_restored_first(vendor: str, restored: list[str]) -> None:
    assert [one.id for one in plan(replace(LINUX, vendor=vendor)).steps if one.restores] == restored


def test_sizes_stand_where_a_step_goes_by_them() -> None:
    assert "12 MB" in step(plan(), "0.2.9.1-backup").lasts
    assert "3 GB" in step(plan(), "0.3.0-migrate").lasts


def test_what_is_open_goes_along() -> None:
    made = plan(replace(LINUX, open_questions=("Which?",), needs_password=True))
    assert made.open_questions == ("Which?",)
    assert made.needs_password
    assert {one.kind for one in made.steps} <= set(StepKind)


def test_approvals_hold_the_steps_that_show_and_rewrite_procedures_and_no_other() -> None:
    held = with_approvals(plan(), "/srv/approvals.json")
    changed = [after.kind for before, after in zip(plan().steps, held.steps, strict=True) if before != after]
    assert changed == [StepKind.SHOW_CALCS, StepKind.CALCS]
    for kind in changed:
        (one,) = (step for step in held.steps if step.kind is kind)
        assert [run[-2:] for run in words(one)] == [("--approved", "/srv/approvals.json")]


def test_a_plan_that_rewrites_no_procedure_is_held_to_nothing() -> None:
    to_029 = plan(target="0.2.9.1")
    assert with_approvals(to_029, "/srv/approvals.json") == to_029
