"""The bash script of a plan, run by bash: the programs are stand-ins that write down how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.plans import AWKWARD_NAMES, MADE, plan
from upgrade_kit.model.plan import Actor, Plan, Run
from upgrade_kit.report.bash_script import bash_script

pytestmark = pytest.mark.skipif(shutil.which("bash") is None or os.name == "nt", reason="there is no bash here")

STAND_IN = """\
#!/bin/sh
{ printf '%s\\0' "$(pwd)" "LC_ALL=${LC_ALL-}" "${0##*/}" "$@"; printf '\\n'; } >> "$CALLS"
case " $FAILING " in *" ${0##*/}:$1 "*) exit 7;; *" ${0##*/}:$2 "*) exit 7;; esac
exit 0
"""


class Site:
    """A folder that is a site as far as a script can tell, and what the stand-ins wrote down."""

    def __init__(self, root: Path, name: str = "site") -> None:
        self.folder = root / name
        (self.folder / "qatrack").mkdir(parents=True)
        (self.folder / "qatrack" / "local_settings.py").write_text("PASSWORD = 'x'\n", encoding="utf-8")
        self.programs = root / "programs"
        self.programs.mkdir()
        self.calls = root / "calls"
        for program in ("git", "upgrade-kit", "python3.6"):
            self._stand_in(self.programs / program)
        for venv in ("qatrack", "qatrack3"):
            self._stand_in(Path(f"{self.folder}-venvs") / venv / "bin" / "python")
        self.plan = plan("Linux", self.folder)
        self.script = root / "plan.sh"
        self.write(self.plan)

    def write(self, made: Plan) -> None:
        self.script.write_bytes(os.fsencode(bash_script(made, made=MADE, version="1.2.3")))

    def _stand_in(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(STAND_IN, encoding="utf-8")
        file.chmod(0o755)

    def run(
        self, *arguments: str, confirmed: str | None = None, failing: str = "", typed: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        answered = " ".join(step.id for step in self.plan.steps) if confirmed is None else confirmed
        settings = {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "CALLS": str(self.calls),
            "FAILING": failing,
            "UPGRADE_CONFIRMED": answered,
            **environment,
        }
        return subprocess.run(
            ["bash", str(self.script), *arguments],  # noqa: S607 - whichever bash is there
            input=typed,
            capture_output=True,
            encoding="utf-8",
            check=False,
            env=settings,
            timeout=120,
        )

    def called(self) -> list[list[str]]:
        """Return each call: program and arguments."""
        if not self.calls.exists():
            return []
        records = self.calls.read_bytes().decode("utf-8", "surrogateescape").split("\0\n")
        return [record.split("\0")[2:] for record in records if record]

    def called_where(self) -> list[tuple[str, str]]:
        """Return the folder and ``LC_ALL`` of each call."""
        records = self.calls.read_bytes().decode("utf-8", "surrogateescape").split("\0\n")
        return [(record.split("\0")[0], record.split("\0")[1]) for record in records if record]


def expected(made: Plan, since: str = "") -> list[list[str]]:
    """Return what a script that runs through has called."""
    ids = [step.id for step in made.steps]
    steps = made.steps[ids.index(since) if since else 0 :]
    runs = [
        run
        for step in steps
        for run in (*(step.actions if step.actor is Actor.KIT else ()), *step.proofs)
        if isinstance(run, Run)
    ]
    return [[Path(run.words[0]).name, *run.words[1:]] for run in runs]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_it_calls_every_program_with_the_words_of_the_plan_whatever_the_folder_is_called(
    tmp_path: Path, name: str
) -> None:
    site = Site(tmp_path, name)
    done = site.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert site.called() == expected(site.plan)
    kept = Path(f"{site.folder}-upgrade") / "kept"
    assert [file.name for file in sorted(kept.iterdir())] == ["local_settings-0.2.8.py", "local_settings-0.2.9.1.py"]


@pytest.mark.parametrize("source", ["0.2.8", "0.2.9.1", "0.3.0"])
def test_bash_reads_it_without_a_complaint(tmp_path: Path, source: str) -> None:
    script = tmp_path / "plan.sh"
    script.write_text(bash_script(plan("Linux", tmp_path, source), made=MADE, version="1"), encoding="utf-8")
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)  # noqa: S607
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck here")
@pytest.mark.parametrize("name", ["".join(AWKWARD_NAMES[:6]), "".join(AWKWARD_NAMES[6:])])
def test_shellcheck_finds_nothing_in_it(tmp_path: Path, name: str) -> None:
    script = tmp_path / "plan.sh"
    script.write_text(bash_script(plan("Linux", tmp_path / name), made=MADE, version="1"), encoding="utf-8")
    utf_8 = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, check=False, env=utf_8)  # noqa: S607
    assert (done.returncode, done.stdout.decode()) == (0, "")


def test_each_program_runs_in_its_folder_and_only_the_migration_in_utf_8(site: Site) -> None:
    site.run(LC_ALL="C")
    where = dict(zip(map(tuple, site.called()), site.called_where(), strict=True))
    (migrate,) = [called for words, called in where.items() if words[-2:] == ("migrate", "--fake-initial")]
    assert migrate == (str(site.folder), "LC_ALL=C.UTF-8")
    assert where["git", "checkout", "v0.3.0"] == (str(site.folder), "LC_ALL=C")
    verified = [folder for words, (folder, _) in where.items() if words[:2] == ("upgrade-kit", "verify")]
    assert verified == [f"{site.folder}-upgrade"]


def test_it_stops_at_the_first_program_that_fails_with_its_status(site: Site) -> None:
    done = site.run(failing="git:checkout")
    assert done.returncode == 7
    assert site.called()[-1] == ["git", "checkout", "v0.2.9.1"]
    assert "Stopped at 0.2.9.1-checkout with exit status 7" in done.stderr
    assert "--from 0.2.9.1-checkout" in done.stderr


def test_a_proof_that_fails_stops_it_too(site: Site) -> None:
    assert site.run(failing="git:describe").returncode == 7
    assert site.called()[-1][:2] == ["git", "describe"]


def test_a_program_that_is_not_there_stops_it(site: Site) -> None:
    (Path(f"{site.folder}-venvs") / "qatrack" / "bin" / "python").unlink()
    done = site.run()
    assert done.returncode == 127
    assert "Stopped at 0.2.9.1-keep" in done.stderr


def test_a_status_that_is_accepted_does_not_stop_it(site: Site) -> None:
    steps = tuple(
        replace(step, actions=tuple(replace(one, accepts=(0, 7)) for one in step.actions if isinstance(one, Run)))
        if step.id == "0.2.9.1-checkout"
        else step
        for step in site.plan.steps
    )
    site.write(replace(site.plan, steps=steps))
    assert site.run("--from", "0.2.9.1-checkout", failing="git:checkout").returncode == 7
    assert ["git", "describe", "--exact-match", "--tags", "--match", "v0.2.9.1"] in site.called()


def test_it_goes_on_from_a_step(site: Site) -> None:
    done = site.run("--from", "0.3.0-log")
    assert done.returncode == 0
    assert site.called() == expected(site.plan, "0.3.0-log")


def test_a_step_that_is_not_there_is_told_with_those_that_are(site: Site) -> None:
    done = site.run("--from", "0.3.0-nonsense")
    assert done.returncode == 2
    assert "0.3.0-migrate" in done.stderr
    assert site.called() == []


def test_it_lists_its_steps_and_does_nothing(site: Site) -> None:
    done = site.run("--list")
    assert done.stdout.split() == [step.id for step in site.plan.steps]
    assert site.called() == []


def test_an_option_that_is_not_known_does_nothing(site: Site) -> None:
    assert site.run("--form", "x").returncode == 2
    assert site.called() == []


@pytest.mark.parametrize("typed", ["", "no\n", "yes\n", "YES please\n"])
def test_it_does_not_pass_the_point_of_no_return_without_a_yes(site: Site, typed: str) -> None:
    done = site.run("--from", "0.3.0-migrate", confirmed="", typed=typed)
    assert done.returncode == 3
    assert "POINT OF NO RETURN" in done.stdout
    assert site.called() == []


def test_a_yes_is_for_one_step_alone(site: Site) -> None:
    done = site.run("--from", "0.3.0-migrate", confirmed="", typed="YES\n")
    assert ["migrate", "--fake-initial"] in [words[-2:] for words in site.called()]
    assert "Stopped at 0.3.0-serve" in done.stderr


def test_what_is_answered_for_beforehand_is_not_asked(site: Site) -> None:
    done = site.run("--from", "0.3.0-migrate", confirmed="0.3.0-migrate 0.3.0-serve 0.3.0-look")
    assert done.returncode == 0
    assert "YES" not in done.stdout


def test_a_persons_step_shows_what_to_type_and_types_none_of_it(site: Site) -> None:
    done = site.run("--from", "0.3.0-serve", confirmed="0.3.0-serve 0.3.0-look")
    assert "sudo service apache2 restart" in done.stdout
    assert [call[0] for call in site.called()] == ["upgrade-kit"]


def test_a_copy_is_its_owners_alone_and_is_not_replaced(site: Site) -> None:
    assert site.run().returncode == 0
    copy = Path(f"{site.folder}-upgrade") / "kept" / "local_settings-0.2.8.py"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert site.run("--from", "0.2.9.1-keep").returncode == 0
    (site.folder / "qatrack" / "local_settings.py").write_text("changed", encoding="utf-8")
    done = site.run("--from", "0.2.9.1-keep")
    assert done.returncode == 3
    assert copy.read_text(encoding="utf-8") == "PASSWORD = 'x'\n"


def test_without_the_kit_on_the_path_it_says_so_and_does_nothing(site: Site) -> None:
    (site.programs / "upgrade-kit").unlink()
    done = site.run(PATH=f"{site.programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert done.returncode == 3
    assert "upgrade-kit is not on PATH" in done.stderr
    assert site.called() == []


def test_without_the_site_it_does_nothing(site: Site) -> None:
    site.folder.rename(site.folder.with_name("moved"))
    assert site.run().returncode == 3
    assert site.called() == []


def test_a_password_that_is_needed_is_asked_for_and_never_shown(site: Site) -> None:
    site.write(replace(site.plan, needs_password=True))
    assert site.run().returncode == 3
    assert site.called() == []
    done = site.run(UPGRADE_KIT_PASSWORD="geheim")
    assert done.returncode == 0
    assert "geheim" not in done.stdout + done.stderr


def test_what_comes_from_the_site_cannot_leave_a_comment(tmp_path: Path) -> None:
    text = bash_script(plan("Linux", tmp_path / "a\ntouch pwned"), made=MADE, version="1")
    assert not any(line.startswith("touch") for line in text.splitlines())
