"""Makes git repositories of what stands in fixtures/preflight/git."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from upgrade_kit.model.path import Release

CASES = Path(__file__).parents[2] / "fixtures" / "preflight" / "git"
HOME = "https://github.com/qatrackplus/qatrackplus.git"


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which git knows no settings of this machine and makes the same commits always."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.example",
        "GIT_AUTHOR_DATE": "2018-10-10T10:10:10Z",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.example",
        "GIT_COMMITTER_DATE": "2018-10-10T10:10:10Z",
    }


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("git") or "git"
    return subprocess.run(
        [program, "-c", "init.defaultBranch=master", "-c", "protocol.file.allow=always", "-C", folder, *words],
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        env=environment(folder),
    )


def done(folder: Path, *words: str) -> str:
    answer = git(folder, *words)
    assert answer.returncode == 0, (words, answer.stderr)
    return answer.stdout.strip()


def build_project(folder: Path, releases: Sequence[Release]) -> dict[str, str]:
    """Make the project's repository, with the names of the releases' migrations; returns the commit of each tag."""
    migrations = {release.tag: release.migrations for release in releases}
    folder.mkdir(parents=True)
    done(folder, "init", "-q")
    commits = {}
    for tag, files in read(CASES / "application.toml")["files"].items():
        done(folder, "rm", "-rqf", "--ignore-unmatch", ".")
        for name, text in files.items():
            write(folder / name, text)
        for app, names in migrations.get(tag, ()):
            for name in names:
                write(folder / "qatrack" / app / "migrations" / f"{name}.py", "")
        done(folder, "add", "-f", ".")
        done(folder, "commit", "-q", "-m", tag)
        done(folder, "tag", "-a", "-m", tag, tag)
        commits[tag] = done(folder, "rev-parse", "HEAD")
    return commits


def build_site(case: Path, folder: Path, project: Path) -> Path:
    """Clone the project as a site, and do to it what the case says."""
    said = read(case)
    site = folder / "site"
    done(folder, "clone", "-q", str(project), "site")
    done(site, "remote", "set-url", "origin", HOME)
    done(site, "checkout", "-q", said.get("start", "v0.2.9.1"))
    done(site, "branch", "-q", "-D", "master")
    for verb, *words in said["steps"]:
        _do(site, project, verb, words)
    return site


def read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())


def state(folder: Path) -> Mapping[str, tuple[int, bytes]]:
    """Return every file below a folder with its time and content."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def _do(site: Path, project: Path, verb: str, words: Sequence[str]) -> None:
    words = [word.replace("@SITE@", str(site)).replace("@ORIGIN@", str(project)) for word in words]
    match verb:
        case "git":
            done(site, *words)
        case "fails":
            assert git(site, *words).returncode
        case "write":
            write(site / words[0], words[1])
        case "remove":
            (site / words[0]).unlink()
        case "folder":
            (site / words[0]).mkdir(parents=True)
        case "forget":
            shutil.rmtree(site / words[0])
        case "touch":
            os.utime(site / words[0], (0, 0))
        case "mode":
            (site / words[0]).chmod(int(words[1], 8))
        case _:
            raise AssertionError(verb)
