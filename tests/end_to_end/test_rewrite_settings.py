"""The settings of fixtures/settings as the two interpreters run them: the same before and after, but for what changes.

These files are the kit's own, so that they may be run; the kit itself never runs a site's settings.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.interpreters import interpreter
from upgrade_kit.cli.main import main
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph

CASES = Path(__file__).parents[2] / "fixtures" / "settings"
NEEDS_MORE = {"python2-modules", "settings-gone"}  # what a person must do is not done here
RUN = """
import json, runpy, sys
names = runpy.run_path(sys.argv[1])
def plain(value):
    if isinstance(value, dict):
        return dict((str(key), plain(item)) for key, item in value.items())
    if callable(value):
        return value.__name__
    if isinstance(value, bytes):
        return value.decode("latin-1")
    listed = isinstance(value, (list, tuple)) or type(value).__name__ == "map"
    return [plain(item) for item in value] if listed else value
shown = dict((name, plain(value)) for name, value in names.items() if name.isupper())
sys.stdout.write("\\n" + json.dumps(shown))
"""
OLD_OPTIONS = {"provider", "use_legacy_date_fields", "use_mars"}


@cache
def found_python(version: str) -> str | None:
    found = interpreter(version)
    return None if found is None else str(found.program)


def python(version: str) -> str:
    return found_python(version) or pytest.skip(f"Python {version} is not on this machine")


def values(version: str, file: Path) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python(version), "-c", RUN, str(file)], capture_output=True, check=False, timeout=60, env=environment
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    found: dict[str, Any] = json.loads(done.stdout.decode("utf-8").splitlines()[-1])
    return found


def expected(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the values of before come to: the new engine without the options of the old one, and new names."""
    after = json.loads(json.dumps(before).replace('"sqlserver_ado"', '"sql_server.pyodbc"'))
    for name, old in before.get("DATABASES", {}).items():
        gone = OLD_OPTIONS | ({"extra_params"} if old.get("ENGINE") == "sqlserver_ado" else set())
        for key in gone & set(old.get("OPTIONS", ())):
            del after["DATABASES"][name]["OPTIONS"][key]
    if "TEMPLATE_DEBUG" in after:
        after["TEMPLATE_DBG"] = after.pop("TEMPLATE_DEBUG")
    for key in ("SHOW_REVIEW_LABELS_LISTING", "SHOW_STATUS_LABELS_LISTING", "SHOW_STATUS_LABELS_REVIEW"):
        if "ICON_SETTINGS" in after:
            after["ICON_SETTINGS"].setdefault(key, True)
    return dict(after)


LEFT = {"under-a-condition", "variable-used-elsewhere", "computed", "unknown-engine"}  # said, and not changed
WHOLE = sorted(case.name for case in CASES.iterdir() if case.name not in LEFT | NEEDS_MORE | {"python2-print"})


@pytest.mark.interpreters
@pytest.mark.parametrize("case", WHOLE)
def test_python_3_6_reads_after_what_python_2_7_reads_before(case: str) -> None:
    before = values("2.7", CASES / case / "before.py")
    after = values("3.6", CASES / case / "after.py")

    changed = {"OPTIONS", "ENGINE"}  # variables that are handed to the database
    assert {name: value for name, value in after.items() if name not in changed} == {
        name: value for name, value in expected(before).items() if name not in changed
    }
    assert after.get("DATABASES", {}).get("default", {}).get("ENGINE") != "sqlserver_ado"


@pytest.mark.interpreters
def test_what_only_python_2_could_run_comes_to_the_same_on_python_3() -> None:
    before = values("2.7", CASES / "python2-print" / "before.py")
    after = values("3.6", CASES / "python2-print" / "after.py")

    assert after.pop("THIRD") / before.pop("THIRD") == 1  # told of: 604800 / 3 comes out even
    assert after == expected(before)


@pytest.mark.interpreters
@pytest.mark.parametrize("case", sorted(case.name for case in CASES.iterdir()))
def test_python_3_6_compiles_what_an_apply_has_written(tmp_path: Path, case: str) -> None:
    site = tmp_path / "qatrackplus"
    build_sample_site(site, VersionGraph.load().resolve("0.3.0"))
    local = site / "qatrack" / "local_settings.py"
    shutil.copyfile(CASES / case / "before.py", local)

    main(["rewrite-settings", str(site), "--apply", "-q"])

    assert local.read_bytes() == (CASES / case / "after.py").read_bytes()
    subprocess.run([python("3.6"), "-m", "py_compile", str(local)], check=True, timeout=60)
