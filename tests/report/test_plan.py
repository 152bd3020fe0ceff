"""A plan as text, as Markdown and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.report.plans import AWKWARD_NAMES, plan
from upgrade_kit.report.plan import plan_document, plan_markdown, render_plan, render_plan_outline

STEP_KEYS = {
    "id",
    "kind",
    "hop",
    "title",
    "why",
    "effect",
    "actor",
    "commands",
    "actions",
    "lasts",
    "proof",
    "proofs",
    "back",
    "facts",
    "source",
    "corrects",
}
# Runs the site's manage.py, with a word to SQLite on each connection (tests/planning/test_migrating.py runs it).
TELLS_SQLITE = (
    "import runpy; from django.db.backends.signals import connection_created as made; "
    "made.connect(lambda connection, **_: connection.vendor == 'sqlite' and "
    "connection.cursor().execute('PRAGMA legacy_alter_table = ON'), weak=False); "
    "runpy.run_path('manage.py', run_name='__main__')"
)


def test_the_document_holds_what_other_tools_read() -> None:
    document = json.loads(json.dumps(plan_document(plan("Linux", "/srv/q"))))
    assert (document["schema"], document["command"]) == (1, "plan")
    assert document["site"] == {"folder": str(Path("/srv/q")), "database": "sqlite:////srv/q/db", "system": "Linux"}
    assert document["path"] == ["0.2.8", "0.2.9.1", "0.3.0"]
    assert document["work"] == str(Path("/srv/q-upgrade"))
    assert document["point_of_no_return"] == "0.2.9.1-migrate"
    assert document["open_questions"] == ["What is\nthis?"]
    assert all(set(step) == STEP_KEYS for step in document["steps"])
    migrate = next(step for step in document["steps"] if step["id"] == "0.3.0-migrate")
    assert migrate["actions"] == [
        {
            "run": ["/srv/q-venvs/qatrack3/bin/python", "-c", TELLS_SQLITE, "migrate", "--fake-initial"],
            "folder": str(Path("/srv/q")),
            "environment": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"},
            "accepts": [0],
            "limit_seconds": 86400.0,
        }
    ]
    keep = next(step for step in document["steps"] if step["id"] == "0.3.0-keep")
    assert keep["actions"] == [
        {
            "copy": str(Path("/srv/q/qatrack/local_settings.py")),
            "to": str(Path("/srv/q-upgrade/kept/local_settings-0.2.9.1.py")),
        }
    ]


@pytest.mark.parametrize(("system", "site", "shell"), [("Windows", "D:\\q", "PowerShell"), ("Linux", "/srv/q", "bash")])
def test_the_text_tells_each_step_with_the_commands_of_its_system(system: str, site: str, shell: str) -> None:
    made = plan(system, site)
    text = render_plan(made)
    assert f"commands for {shell}." in text
    places = [text.index(f"({step.id})") for step in made.steps]
    assert places == sorted(places)
    assert text.count("POINT OF NO RETURN") == 2
    assert "OPEN: What is\\nthis?" in text


def test_the_text_says_who_does_what_and_how_long_it_may_take() -> None:
    text = render_plan(plan("Linux", "/srv/q"))
    assert "[write] changes the site, done by you  (0.3.0-serve)" in text
    assert "[write] changes the site  (0.3.0-checkout)" in text
    assert "Lasts: minutes to hours: the database has 12 MB, the uploads 3 GB" in text


@pytest.mark.parametrize("name", AWKWARD_NAMES)
@pytest.mark.parametrize("system", ["Windows", "Linux"])
def test_nothing_that_the_site_is_called_forges_a_line(system: str, name: str) -> None:
    made = plan(system, f"/srv/{name}/site")
    plain = plan(system, "/srv/name/site")
    for render in (render_plan, plan_markdown):
        titles = [line for line in render(made).splitlines() if line.startswith(("#", "To ", "=="))]
        assert titles == [line for line in render(plain).splitlines() if line.startswith(("#", "To ", "=="))]
        assert render(made).replace("\n", "").isprintable()


def test_a_password_that_is_needed_is_announced() -> None:
    assert "UPGRADE_KIT_PASSWORD" in render_plan(plan("Linux", "/srv/q", needs_password=True))
    assert "UPGRADE_KIT_PASSWORD" not in render_plan(plan("Linux", "/srv/q"))


def test_the_outline_has_one_line_a_step() -> None:
    made = plan("Linux", "/srv/q")
    lines = render_plan_outline(made).splitlines()
    assert len(lines) == len(made.steps) + 1
    assert all(step.id in line and step.title in line for step, line in zip(made.steps, lines[1:], strict=True))


def test_markdown_can_be_ticked_off() -> None:
    made = plan("Linux", "/srv/q")
    text = plan_markdown(made)
    assert text.count("- [ ] Done when:") == len(made.steps)
    assert text.count("**Point of no return.**") == 2
    assert "```bash\ncd /srv/q\ngit checkout v0.3.0\n```" in text


def test_a_site_at_the_target_has_nothing_to_do() -> None:
    there = plan("Linux", "/srv/q", "0.3.0")
    assert render_plan(there) == "Nothing to do: the site is at 0.3.0 already.\n"
    assert "Nothing to do" in plan_markdown(there)
    assert plan_document(there)["steps"] == []
    assert plan_document(there)["point_of_no_return"] is None
