"""The bash script of a plan takes the real application from 0.2.8 to 0.3.0.

It needs the three versions that ``test_loaddata.py`` needs, and ``UPGRADE_KIT_TEST_REPOSITORY``: a git repository of
the application with its tags. Environments are stood in for, since their requirements come from the network.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from upgrade_kit.cli.main import main
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Database, Schema, SchemaState

pytestmark = [pytest.mark.interpreters, pytest.mark.real]

LOCAL_SETTINGS = """\
DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': {database!r}}}}}
ALLOWED_HOSTS = ['127.0.0.1']
TIME_ZONE = 'Europe/Vienna'
SECRET_KEY = 'of a test'
"""
# The environment of Python 2: what pip would bring to it is brought by another one.
OLD_PYTHON = """\
#!/bin/sh
if [ "$1 $2" = "-m pip" ]; then touch {updated}; exit 0; fi
if [ -e {updated} ]; then exec {after} "$@"; fi
exec {before} "$@"
"""
# The Python that makes the new environment, which is another one too.
NEW_PYTHON = """\
#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
  mkdir -p "$3/bin"
  printf '#!/bin/sh\\nif [ "$1 $2" = "-m pip" ]; then exit 0; fi\\nexec {python} "$@"\\n' > "$3/bin/python"
  chmod +x "$3/bin/python"
  exit 0
fi
exec {python} "$@"
"""
KIT = """\
#!/bin/sh
exec {python} -m upgrade_kit "$@"
"""


def of_environment(name: str) -> str:
    value = os.environ.get(name)
    return value or pytest.skip(f"{name} is not set")


def program(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
    return file


def git(*words: str, folder: Path) -> None:
    found = shutil.which("git") or pytest.skip("there is no git here")
    subprocess.run([found, *words], cwd=folder, check=True, capture_output=True, timeout=300)


def upload_files(database: Path, uploads: Path) -> None:
    """Put a file where each upload of the database should have one."""
    question = """
        SELECT ti.test_list_instance_id, ti.string_value FROM qa_testinstance ti
        JOIN qa_unittestinfo u ON u.id = ti.unit_test_info_id JOIN qa_test t ON t.id = u.test_id
        WHERE t.type = 'upload' AND ti.string_value <> ''
    """
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(question).fetchall()
    assert rows
    for instance, name in rows:
        (uploads / str(instance)).mkdir(parents=True, exist_ok=True)
        (uploads / str(instance) / name).write_bytes(b"uploaded")


@pytest.fixture
def site(tmp_path: Path, real: Path) -> Path:
    folder = tmp_path / "it's a site" / "qatrackplus"
    folder.parent.mkdir()
    repository = of_environment("UPGRADE_KIT_TEST_REPOSITORY")
    git("clone", "--quiet", repository, str(folder), folder=tmp_path)
    git("checkout", "--quiet", "v0.2.8", folder=folder)
    git("tag", "--delete", "v0.2.9.1", "v0.3.0", folder=folder)
    (folder / "db").mkdir(exist_ok=True)
    shutil.copyfile(real / "0.2.8.sqlite3", folder / "db" / "site.db")
    upload_files(folder / "db" / "site.db", folder / "qatrack" / "media" / "uploads")
    text = LOCAL_SETTINGS.format(database=str(folder / "db" / "site.db"))
    (folder / "qatrack" / "local_settings.py").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.skipif(os.name == "nt", reason="it is a bash script")
def test_the_script_of_a_plan_upgrades_a_real_site(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after, new = (
        of_environment(f"UPGRADE_KIT_TEST_SITE_{version}").split(os.pathsep)[0] for version in ("028", "0291", "030")
    )
    stood_in = OLD_PYTHON.format(updated=tmp_path / "updated", before=before, after=after)
    old = program(tmp_path / "venvs" / "qatrack" / "bin" / "python", stood_in)
    python36 = program(tmp_path / "programs" / "python3.6", NEW_PYTHON.format(python=new))
    program(tmp_path / "programs" / "upgrade-kit", KIT.format(python=sys.executable))
    script = tmp_path / "plan.sh"
    asked = ["--site-python", str(old), "--python", str(python36)]
    asked += ["--remote", of_environment("UPGRADE_KIT_TEST_REPOSITORY")]
    assert main(["plan", str(site), *asked, "--format", "bash", "--output", str(script)]) == 0
    assert main(["plan", str(site), *asked, "-q"]) == 0
    ids = [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]]

    done = subprocess.run(
        ["bash", str(script)],  # noqa: S607 - whichever bash is there
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=900,
        env={
            **os.environ,
            "PATH": f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "UPGRADE_CONFIRMED": " ".join(ids),
        },
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("== ")] == ids
    upgraded = survey(site, interpreters=False)
    assert isinstance(upgraded.database, Database)
    assert upgraded.database.dangling == (), "no foreign key points at a table that is gone"
    schema = upgraded.database.schema
    assert isinstance(schema, Schema)
    assert (schema.state, str(schema.version), upgraded.versions_agree) == (SchemaState.COMPLETE, "0.3.0", True)
    work = site.parent / "qatrackplus-upgrade"
    kept = sorted(file.name for file in (work / "kept").iterdir())
    assert kept == ["environment-0.2.8", "local_settings-0.2.8.py", "local_settings-0.2.9.1.py"]
    assert len(list((work / "backups").glob("*.manifest.json"))) == 3
    assert len(list((work / "logs").glob("*journal*.json"))) == 1
    assert list((site / "qatrack" / "media" / "uploads" / "testinstance").rglob("*.dat"))
    assert "Failed to move" not in (site / "logs" / "migrate.log").read_text(encoding="utf-8")
