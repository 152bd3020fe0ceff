"""Finds the Pythons of a machine by asking each of them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from upgrade_kit.deployment.asking import ask
from upgrade_kit.model.deployment import (
    Interpreter,
    Interpreters,
)
from upgrade_kit.model.unobserved import Unobserved

TIMEOUT_SECONDS = 10.0
_NAMES = ("python3.6", "python3.5", "python3.4", "python3", "python", "python2.7", "python2")
_AT_ONCE = 8
_INHERITED_SETTINGS = frozenset(("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"))
# Runs on 2.7 and on every 3. Paths go through hexadecimal, so that no console encoding can spoil them.
_QUESTION = """\
import binascii, struct, sys
lacks = []
if sys.version_info[0] > 2:
    from importlib.util import find_spec
    lacks = [name for name, module in (("venv",) * 2, ("ensurepip",) * 2, ("ssl", "_ssl")) if find_spec(module) is None]
def h(path):
    raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogatepass")
    return binascii.hexlify(raw).decode("ascii") or "-"
stage = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(sys.version_info[3], "")
number = ".".join(map(str, sys.version_info[:3])) + (stage + str(sys.version_info[4]) if stage else "")
bits = str(struct.calcsize("P") * 8)
inside = hasattr(sys, "real_prefix") or getattr(sys, "base_prefix", sys.prefix) != sys.prefix
try:
    from _sqlite3 import sqlite_version
except ImportError:
    sqlite_version = "-"
words = ["interpreter", number, bits, h(sys.executable or ""), h(sys.prefix), str(int(inside)), ",".join(lacks) or "-"]
words.append(sqlite_version)
print(" ".join(words))
"""
_PATH = r"((?:[0-9a-f]{2})+|-)"
_REPLY = re.compile(
    rf"interpreter (\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?) (\d+) {_PATH} {_PATH}"
    r"(?: ([01]) ([a-z,]+|-)(?: (\d+\.[\d.]*\d|-))?)?(?!\S)"
)
# The star marks the one that "py" alone starts: before the path, or behind it where the launcher is an old one.
_LAUNCHER_LINE = re.compile(r"^\s*(?:-\S+\s+)?(?:\*\s+)?(?P<path>[A-Za-z]:[\\/].*?|/.*?)(?:\s+\*)?\s*$")
_LAUNCHER_WORDS = ("-3.6", "-3.5", "-3.4", "-2.7")  # where the launcher is too old to list paths
_COMMANDS = ("python", "python3", "python3.6")


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    found: str
    words: tuple[str, ...] = ()  # between the program and its options


@dataclass(frozen=True, slots=True)
class _Reply:
    interpreter: Interpreter
    identity: tuple[str, str]


def find_interpreters(
    extra: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    site: Path | None = None,
    environments: Sequence[Path] = (),
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Interpreters:
    """Ask every Python of this machine for its version.

    Looks at each folder on PATH, at Windows' launcher, at pyenv, and at virtual environments in ``venvs``
    folders beside the site and in the home folder. Several names of one interpreter are one answer.

    Args:
        extra: an interpreter that the user names.
        environment: the environment to search and to run in; ``None`` means this process's own.
        site: the folder that holds ``manage.py``.
        environments: virtual environments that are known already.
        timeout_seconds: how long each may take.
    """
    settings = {
        name: value
        for name, value in (os.environ if environment is None else environment).items()
        if name not in _INHERITED_SETTINGS
    }
    candidates = _distinct(_candidates(extra, settings, site, environments, timeout_seconds))
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        replies = list(pool.map(lambda candidate: _ask_one(candidate, settings, timeout_seconds), candidates))
    found: dict[tuple[str, str], Interpreter] = {}
    silent: list[tuple[str, str]] = []
    commands: dict[str, Interpreter] = {}
    for candidate, reply in zip(candidates, replies, strict=True):
        if isinstance(reply, Unobserved):
            if not candidate.words:  # the launcher says of most that there are none
                silent.append((str(candidate.path), reply.reason))
            continue
        found.setdefault(reply.identity, reply.interpreter)
        word = candidate.path.name.lower().removesuffix(".exe")
        if candidate.found == "PATH" and word in _COMMANDS and not _is_this(reply.interpreter):
            commands.setdefault(word, found[reply.identity])
    ordered = sorted(found.values(), key=lambda one: str(one.path))
    ordered.sort(key=lambda one: (one.version, one.bits), reverse=True)
    return Interpreters(found=tuple(ordered), silent=tuple(silent), commands=tuple(commands.items()))


def parse_launcher_list(text: str) -> tuple[Path, ...]:
    r"""Return the paths in what ``py -0p`` prints.

    Each line is ``-V:3.6 *  C:\Python36\python.exe`` or, from older launchers, ``-3.6-64  C:\... *``. A line without a
    version is the active virtual environment.
    """
    matches = filter(None, map(_LAUNCHER_LINE.match, text.splitlines()))
    return tuple(Path(found["path"]) for found in matches if "python" in found["path"].lower())


def _is_this(one: Interpreter) -> bool:
    """Tell whether an interpreter is that of the environment in which this runs; a new window knows nothing of it."""
    return (
        one.is_environment and one.prefix is not None and os.path.realpath(one.prefix) == os.path.realpath(sys.prefix)
    )


def _candidates(
    extra: Path | None,
    settings: Mapping[str, str],
    site: Path | None,
    environments: Sequence[Path],
    timeout_seconds: float,
) -> Iterator[_Candidate]:
    if extra is not None:
        yield _Candidate(extra, "named with --python")
    for folder in _search_path(settings):
        for name in _NAMES:
            path = folder / _file_name(name)
            if path.is_file() and os.access(path, os.X_OK):
                yield _Candidate(path, "PATH")
    if os.name == "nt":
        yield from _of_launcher(settings, timeout_seconds)
    for path in _pyenv(settings):
        yield _Candidate(path, "pyenv")
    for path in (
        *(path for folder in environments for path in _pythons_in(folder)),
        *_virtual_environments(settings, site),
    ):
        yield _Candidate(path, "virtual environment")


def _of_launcher(settings: Mapping[str, str], timeout_seconds: float) -> Iterator[_Candidate]:
    listed = ask(["py", "-0p"], timeout_seconds=timeout_seconds, environment=settings)
    if isinstance(listed, Unobserved):
        return  # there is no launcher
    paths = parse_launcher_list(listed.text)
    yield from (_Candidate(path, "py launcher") for path in paths)
    if not paths:
        yield from (_Candidate(Path("py"), "py launcher", (word,)) for word in _LAUNCHER_WORDS)


def _search_path(settings: Mapping[str, str]) -> Iterator[Path]:
    """Return the folders on PATH; a relative one names whatever folder happens to be the current one."""
    for entry in os.get_exec_path(settings):
        folder = Path(entry.strip('"'))
        if folder.is_absolute():
            yield folder


def _file_name(name: str) -> str:
    return f"{name}.exe" if os.name == "nt" else name


def _home(settings: Mapping[str, str]) -> Path | None:
    text = settings.get("USERPROFILE" if os.name == "nt" else "HOME")
    return Path(text) if text else None


def _pyenv(settings: Mapping[str, str]) -> Iterator[Path]:
    home = _home(settings)
    stated = (settings.get(name) for name in ("PYENV_ROOT", "PYENV", "PYENV_HOME"))  # the last two: pyenv for Windows
    roots = [Path(root) for root in dict.fromkeys(filter(None, stated))]
    roots += [home / ".pyenv", home / ".pyenv" / "pyenv-win"] if home else []
    for root in roots:
        for version in _subfolders(root / "versions"):
            yield from _pythons_in(version)


def _virtual_environments(settings: Mapping[str, str], site: Path | None) -> Iterator[Path]:
    home = _home(settings)
    parents = [site.parent / "venvs"] if site else []
    parents += [home / "venvs"] if home else []
    for parent in parents:
        for folder in _subfolders(parent):
            yield from _pythons_in(folder)


def _pythons_in(folder: Path) -> Iterator[Path]:
    for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe", folder / "python.exe"):
        try:
            there = path.is_file()
        except OSError:
            continue
        if there:
            yield path
            return


def _subfolders(folder: Path) -> Sequence[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir())
    except OSError:
        return ()


def _distinct(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Keep one candidate for each file, links in it unfollowed: a virtual environment links to its base."""
    kept: dict[tuple[str, ...], _Candidate] = {}
    for candidate in candidates:
        folder = os.path.realpath(candidate.path.parent)
        kept.setdefault((folder, candidate.path.name, *candidate.words), candidate)
    return list(kept.values())


def _ask_one(candidate: _Candidate, settings: Mapping[str, str], timeout_seconds: float) -> _Reply | Unobserved:
    command: list[str | Path] = [candidate.path, *candidate.words, "-B", "-E", "-s", "-c", _QUESTION]
    answer = ask(command, timeout_seconds=timeout_seconds, environment=settings)
    if isinstance(answer, Unobserved):
        return answer
    replies = list(_REPLY.finditer(answer.text))
    if answer.status != 0 or not replies:
        said = f", saying: {answer.last_line[:100]}" if answer.last_line else " and no word"
        return Unobserved(f"ended with status {answer.status}{said}" if answer.status else f"gave no version{said}")
    version, bits, executable, in_hexadecimal, inside, lacks, sqlite = replies[-1].groups()
    path = _from_hexadecimal(executable) or str(candidate.path)
    prefix = _from_hexadecimal(in_hexadecimal)
    return _Reply(
        interpreter=Interpreter(
            path=Path(path),
            version=Version(version),
            bits=int(bits),
            found=candidate.found,
            prefix=Path(prefix) if prefix else None,
            is_environment=inside == "1",
            lacks=() if lacks in (None, "-") else tuple(lacks.split(",")),
            sqlite=None if sqlite in (None, "-") else Version(sqlite),
        ),
        identity=(os.path.realpath(path), os.path.realpath(prefix)),
    )


def _from_hexadecimal(text: str) -> str:
    return "" if text == "-" else bytes.fromhex(text).decode("utf-8", "surrogateescape").replace("\0", "")
