"""Read the rules files: what is true of each version, and the steps from one to the next."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from upgrade_kit.errors import RulesError
from upgrade_kit.model.path import Effect, Hop, Release, Step
from upgrade_kit.model.setting_change import ChangeKind, SettingChange

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "upgrade_kit.rules"
KINDS = ("versions", "hops", "procedures", "models", "preconditions")
HISTORIES = ("south", "django")

# packaging.specifiers takes 15 ms to import, half of what `path` may take in all. This is the part
# of PEP 440 that rules need; `===`, which PEP 440 advises against, is not in it.
_CLAUSE = re.compile(r"(==|!=)(?P<prefix>[^*,\s]+)\.\*|(~=|==|!=|<=|>=|<|>)(?P<version>[^*,=\s]+)")
_ENGINE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_STEP_ID = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Every version and every hop that the rules know, in order of version."""

    releases: tuple[Release, ...]
    hops: tuple[Hop, ...]


def builtin() -> Path:
    """Return the folder of the rules that come with upgrade-kit.

    Raises:
        RulesError: the installation is damaged: the folder is missing.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_rules", package.parent / "rules"):
        if folder.is_dir():
            return folder
    raise RulesError(str(package / "_rules"), "", "the built-in rules are missing; install upgrade-kit again")


def rule_folders() -> tuple[Path, ...]:
    """Return every folder that an entry point in the group ``upgrade_kit.rules`` names.

    Raises:
        RulesError: an entry point cannot be loaded, or does not return a folder.
    """
    if not _others_bring_rules():
        return (builtin(),)
    from importlib.metadata import entry_points  # noqa: PLC0415 - 30 ms that most sites need not spend

    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return tuple(dict.fromkeys([builtin(), *map(_folder_of, points)]))


def load_rules(folders: Iterable[Path] | None = None) -> Rulebook:
    """Read and check all rules files.

    Args:
        folders: folders that hold ``versions`` and ``hops``; by default those of ``rule_folders()``.

    Raises:
        RulesError: a file is wrong in itself, or two files contradict each other.
    """
    releases: dict[Version, tuple[Release, str]] = {}
    hops: dict[tuple[Version, Version], Hop] = {}
    steps: dict[str, str] = {}
    for kind, file in _files(rule_folders() if folders is None else folders):
        table = _Table(_parse(file), str(file))
        if kind == "versions":
            release = _release(table)
            if release.version in releases:
                other = releases[release.version][1]
                raise table.wrong("version", f"{release.version} is described in {other} too")
            releases[release.version] = (release, table.file)
        else:
            hop = _hop(table)
            if (hop.source, hop.target) in hops:
                other = hops[hop.source, hop.target].origin
                raise table.wrong("to", f"the hop {hop.source} -> {hop.target} is described in {other} too")
            hops[hop.source, hop.target] = hop
            for index, step in enumerate(hop.steps):
                if step.id in steps:
                    reason = f"{step.id!r} is used already, in {steps[step.id]}"
                    raise table.wrong(f"steps[{index}].id", reason)
                steps[step.id] = table.file
    for hop in hops.values():
        _check_ends(hop, releases, hops)
    return Rulebook(
        releases=tuple(releases[version][0] for version in sorted(releases)),
        hops=tuple(hops[ends] for ends in sorted(hops)),
    )


def _others_bring_rules() -> bool:
    """Return whether some installed distribution other than this one may have rules.

    A plain look into the metadata folders on ``sys.path``: a fiftieth of what asking
    ``importlib.metadata`` takes, which is asked whenever this cannot be sure that it need not be.
    """
    for place in map(Path, sys.path):
        if place.is_file():
            return True  # a zip archive: only importlib.metadata can look inside
        try:
            names = [item.name for item in place.iterdir()]
        except OSError:
            continue  # what cannot be listed cannot be imported from
        if any(_declares_rules(place / name) for name in names if name.endswith((".dist-info", ".egg-info"))):
            return True
    return False


def _declares_rules(metadata: Path) -> bool:
    if metadata.name.startswith(("upgrade_kit-", "upgrade_kit.")):
        return False
    try:
        return GROUP.encode() in (metadata / "entry_points.txt").read_bytes()
    except OSError:
        return False  # most distributions declare no entry points


def _folder_of(point: EntryPoint) -> Path:
    owner = point.dist.name if point.dist else "an unknown distribution"
    name = f"entry point {point.name} = {point.value} of {owner}"
    try:
        function: Callable[[], object] = point.load()
    except Exception as error:  # importing anybody's module can raise anything; it is told by name
        raise RulesError(name, "", f"cannot be loaded: {error}") from error
    if not callable(function):
        raise RulesError(name, "", "is not a function that returns a folder")
    try:
        folder = function()
    except Exception as error:  # as above
        raise RulesError(name, "", f"cannot be asked for its folder: {error}") from error
    if not isinstance(folder, Path):
        raise RulesError(name, "", f"must return a pathlib.Path, not {type(folder).__name__}")
    return folder.resolve()


def _files(folders: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        if not folder.is_dir():
            raise RulesError(str(folder), "", "no such folder")
        present = [kind for kind in KINDS if (folder / kind).is_dir()]
        if not present:
            raise RulesError(str(folder), "", f"holds none of the folders {_listed(KINDS)}")
        for kind in ("versions", "hops"):
            if kind in present:
                for file in sorted((folder / kind).iterdir()):
                    if file.suffix.lower() == ".toml" and not file.name.startswith("."):
                        yield kind, file


def _parse(file: Path) -> dict[str, object]:
    import tomllib  # noqa: PLC0415 - only who reads rules pays for it

    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise RulesError(str(file), "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RulesError(str(file), "", f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise RulesError(str(file), "", f"is not TOML: {error}") from error
    except RecursionError as error:
        raise RulesError(str(file), "", "is not TOML that can be read: nested too deeply") from error


class _Table:
    """One table of a rules file; every key must be asked for, and what is left over is wrong."""

    def __init__(self, values: dict[str, object], file: str, prefix: str = "") -> None:
        self.file = file
        self._prefix = prefix
        self._values = dict(values)

    def wrong(self, key: str, reason: str) -> RulesError:
        return RulesError(self.file, f"{self._prefix}{key}", reason)

    def done(self) -> None:
        for key in self._values:
            raise self.wrong(key, "no such key; look for a misspelling")

    def text(self, key: str, default: str | None = None) -> str:
        if default is not None and key not in self._values:
            return default
        value = self._take(key)
        if not isinstance(value, str):
            raise self.wrong(key, f"must be a string, not {_kind(value)}")
        if not value.strip() and default is None:
            raise self.wrong(key, "must not be empty")
        return " ".join(value.split())

    def texts(self, key: str) -> tuple[str, ...]:
        return self._strings(key, self._take(key))

    def one_line(self, key: str) -> tuple[str, ...]:
        lines = self.texts(key)
        for index, line in enumerate(lines):
            if not line.strip() or not line.isprintable():
                raise self.wrong(f"{key}[{index}]", "must be one line to type")
        return lines

    def version(self, key: str) -> Version:
        text = self.text(key)
        try:
            return Version(text)
        except InvalidVersion:
            raise self.wrong(key, f"{text!r} is not a version") from None

    def versions(self, key: str) -> tuple[Version, ...]:
        found = []
        for index, text in enumerate(self.texts(key) if key in self._values else ()):
            try:
                found.append(Version(text))
            except InvalidVersion:
                raise self.wrong(f"{key}[{index}]", f"{text!r} is not a version") from None
        return tuple(found)

    def choice(self, key: str, choices: Iterable[str]) -> str:
        text = self.text(key)
        if text not in (known := tuple(choices)):
            raise self.wrong(key, f"{text!r} is none of {_listed(known)}")
        return text

    def specifier(self, key: str, text: str) -> str:
        clauses = [clause.strip() for clause in text.split(",")]
        for clause in clauses:
            match = _CLAUSE.fullmatch(clause)
            try:
                if match is None:
                    raise InvalidVersion  # noqa: TRY301 - both ways of being wrong are told alike
                Version(match["prefix"] or match["version"])
            except InvalidVersion:
                raise self.wrong(key, f"{text!r} is not a version specifier like '>=3.4,<3.7' or '==0.3.0.*'") from None
        return text

    def tables(self, key: str, *, required: bool = True) -> Iterator[_Table]:
        if not required and key not in self._values:
            return
        value = self._take(key)
        if not isinstance(value, list) or (required and not value):
            raise self.wrong(key, f"must be an array of tables ([[{key}]]), at least one")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise self.wrong(f"{key}[{index}]", f"must be a table, not {_kind(item)}")
            yield _Table(item, self.file, f"{self._prefix}{key}[{index}].")

    def lists(self, key: str, *, required: bool = True) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return a table of lists of strings, in the file's order; none where the key is absent and may be."""
        table = self._table(key) if required or key in self._values else {}
        return tuple((name, self._strings(f"{key}.{name}", value)) for name, value in table.items())

    def pairs(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return a table of strings, in the file's order; none where the key is absent."""
        found = []
        for name, value in (self._table(key) if key in self._values else {}).items():
            if not isinstance(value, str):
                raise self.wrong(f"{key}.{name}", f"must be a string, not {_kind(value)}")
            found.append((name, value))
        return tuple(found)

    def _table(self, key: str) -> dict[str, object]:
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.wrong(key, f"must be a table ([{key}]), not {_kind(value)}")
        return value

    def _take(self, key: str) -> object:
        try:
            return self._values.pop(key)
        except KeyError:
            raise self.wrong(key, "is missing") from None

    def _strings(self, key: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise self.wrong(key, f"must be an array of strings, not {_kind(value)}")
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise self.wrong(f"{key}[{index}]", f"must be a string, not {_kind(item)}")
        return tuple(value)


def _release(table: _Table) -> Release:
    release = Release(
        version=table.version("version"),
        also=tuple(table.specifier(f"also[{index}]", text) for index, text in enumerate(table.texts("also"))),
        tag=table.text("tag"),
        python=table.specifier("python", table.text("python")),
        python_note=table.text("python_note"),
        django=str(table.version("django")),
        engines=table.texts("engines"),
        engine_replacements=table.pairs("engine_replacements"),
        history=table.choice("history", HISTORIES),
        migrations=table.lists("migrations"),
        later_migrations=_later_migrations(table),
        predecessors=table.versions("predecessors"),
        settings_gone=table.pairs("settings_gone"),
        engine_options=table.lists("engine_options", required=False),
        commits=table.pairs("commits"),
        source=table.text("source"),
    )
    table.done()
    _check_release(table, release)
    return release


def _later_migrations(table: _Table) -> tuple[tuple[Version, str, str], ...]:
    found = []
    for entry in table.tables("later_migrations", required=False):
        found.append((entry.version("since"), entry.text("app"), entry.text("name")))
        entry.done()
    return tuple(found)


def _check_release(table: _Table, release: Release) -> None:
    _check_engines(table, release)
    for tag, commit in release.commits:
        if not _COMMIT.fullmatch(commit):
            raise table.wrong(f"commits.{tag}", f"{commit!r} is not the 40 digits of a commit")
    for app, names in release.migrations:
        if not names:
            raise table.wrong(f"migrations.{app}", "must name at least one migration")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise table.wrong(f"migrations.{app}", f"names {twice!r} twice")
    for index, (since, app, name) in enumerate(release.later_migrations):
        key = f"later_migrations[{index}]"
        if since <= release.version:
            raise table.wrong(f"{key}.since", f"{since} is not later than {release.version}")
        if name in dict(release.migrations).get(app, ()):
            raise table.wrong(f"{key}.name", f"{name!r} is among the migrations already")


def _check_engines(table: _Table, release: Release) -> None:
    if not release.engines:
        raise table.wrong("engines", "must name at least one engine")
    for index, engine in enumerate(release.engines):
        if not _ENGINE.fullmatch(engine):
            raise table.wrong(f"engines[{index}]", f"{engine!r} is not the dotted name of an engine")
    for old, new in release.engine_replacements:
        key = f"engine_replacements.{old}"
        if new not in release.engines:
            raise table.wrong(key, f"{new!r} is not among the engines of {release.version}")
        if old in release.engines:
            raise table.wrong(key, f"{old!r} is among the engines of {release.version}; nothing to replace")


def _hop(table: _Table) -> Hop:
    hop = Hop(
        source=table.version("from"),
        target=table.version("to"),
        title=table.text("title"),
        steps=tuple(map(_step, table.tables("steps"))),
        origin=table.file,
        settings=tuple(map(_setting_change, table.tables("settings", required=False))),
    )
    table.done()
    return hop


def _setting_change(table: _Table) -> SettingChange:
    change = SettingChange(
        name=table.text("name"),
        kind=ChangeKind(table.choice("change", (kind.value for kind in ChangeKind))),
        now=table.text("now", ""),
        keys=table.pairs("keys"),
        why=table.text("why"),
        source=table.text("source"),
    )
    table.done()
    if not change.name.isidentifier():
        raise table.wrong("name", f"{change.name!r} is not the name of a setting")
    if change.kind is ChangeKind.KEYS and not change.keys:
        raise table.wrong("keys", "must name at least one key")
    if change.kind is not ChangeKind.KEYS and not change.now:
        raise table.wrong("now", "must not be empty")
    if change.kind is ChangeKind.RENAMED and not change.now.isidentifier():
        raise table.wrong("now", f"{change.now!r} is not the name of a setting")
    return change


def _step(table: _Table) -> Step:
    step = Step(
        id=table.text("id"),
        title=table.text("title"),
        effect=Effect(table.choice("effect", (effect.value for effect in Effect))),
        why=table.text("why", ""),
        powershell=table.one_line("powershell"),
        bash=table.one_line("bash"),
        proof=table.text("proof", ""),
        source=table.text("source"),
        corrects=table.text("corrects", ""),
    )
    table.done()
    if not _STEP_ID.fullmatch(step.id):
        raise table.wrong("id", f"{step.id!r} must be lower-case words joined by hyphens or full stops")
    if not (step.powershell and step.bash) and not step.why:
        raise table.wrong("why", "must say what to do where there is nothing to type")
    return step


def _check_ends(
    hop: Hop, releases: dict[Version, tuple[Release, str]], hops: dict[tuple[Version, Version], Hop]
) -> None:
    known = _listed(str(version) for version in sorted(releases)) or "none"
    for key, version in (("from", hop.source), ("to", hop.target)):
        if version not in releases:
            raise RulesError(hop.origin, key, f"no rules file describes {version}; described are: {known}")
    if hop.source == hop.target:
        raise RulesError(hop.origin, "to", f"the hop goes from {hop.source} to itself")
    if hop.source > hop.target:
        reason = f"the hop goes backwards from {hop.source} to {hop.target}"
        if back := hops.get((hop.target, hop.source)):
            reason += f", a cycle with {back.origin}"
        raise RulesError(hop.origin, "to", reason)
    target, file = releases[hop.target]
    if target.predecessors and hop.source not in target.predecessors:
        allowed = _listed(map(str, target.predecessors))
        raise RulesError(
            hop.origin,
            "from",
            f"{hop.target} cannot take over a database of {hop.source}, only of {allowed} ({file})",
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date or time")
