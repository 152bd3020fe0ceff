"""Read the rules files: what is true of each version, and the steps from one to the next."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from packaging.version import Version

from upgrade_kit.errors import RulesError
from upgrade_kit.model.path import Hop, Release, RowChange, ServerSpan
from upgrade_kit.model.setting_change import ChangeKind, SettingChange
from upgrade_kit.planning.installing_rules import read_installing
from upgrade_kit.planning.rules_table import RulesTable, listed
from upgrade_kit.planning.step_rules import read_step

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "upgrade_kit.rules"
KINDS = ("versions", "hops", "procedures", "models", "preconditions")
HISTORIES = ("south", "django")

_ENGINE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Every version and every hop that the rules know, in order of version."""

    releases: tuple[Release, ...]
    hops: tuple[Hop, ...]


class _RulesFile(NamedTuple):
    kind: str
    path: Path
    raw: bytes


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
    return _rulebook(tuple(_files(rule_folders() if folders is None else folders)))


@lru_cache(maxsize=4)
def _rulebook(files: tuple[_RulesFile, ...]) -> Rulebook:
    """Understand files by what they hold, once: a command asks for the same rules in several places."""
    releases: dict[Version, tuple[Release, str]] = {}
    hops: dict[tuple[Version, Version], Hop] = {}
    steps: dict[str, str] = {}
    for file in files:
        table = RulesTable(_parse(file), str(file.path))
        if file.kind == "versions":
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
        try:
            if place.is_file():
                return True  # a zip archive: only importlib.metadata can look inside
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


def _files(folders: Iterable[Path]) -> Iterator[_RulesFile]:
    for folder in folders:
        if not folder.is_dir():
            raise RulesError(str(folder), "", "no such folder")
        present = [kind for kind in KINDS if (folder / kind).is_dir()]
        if not present:
            raise RulesError(str(folder), "", f"holds none of the folders {listed(KINDS)}")
        for kind in ("versions", "hops"):
            if kind in present:
                for file in sorted((folder / kind).iterdir()):
                    if file.suffix.lower() == ".toml" and not file.name.startswith("."):
                        yield _RulesFile(kind, file, _bytes(file))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RulesError(str(file), "", f"cannot be read: {error.strerror}") from error


def _parse(file: _RulesFile) -> dict[str, object]:
    import tomllib  # noqa: PLC0415 - only who reads rules pays for it

    try:
        return tomllib.loads(file.raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RulesError(str(file.path), "", f"is not UTF-8: {error.reason} at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise RulesError(str(file.path), "", f"is not TOML: {error}") from error
    except RecursionError as error:
        raise RulesError(str(file.path), "", "is not TOML that can be read: nested too deeply") from error


def _release(table: RulesTable) -> Release:
    release = Release(
        version=table.version("version"),
        also=tuple(table.specifier(f"also[{index}]", text) for index, text in enumerate(table.texts("also"))),
        tag=table.text("tag"),
        python=table.specifier("python", table.text("python")),
        python_note=table.text("python_note"),
        django=str(table.version("django")),
        engines=table.texts("engines"),
        engine_replacements=table.pairs("engine_replacements"),
        environment=table.text("environment", ""),
        history=table.choice("history", HISTORIES),
        migrations=table.lists("migrations"),
        later_migrations=_later_migrations(table),
        predecessors=table.versions("predecessors"),
        settings_gone=table.pairs("settings_gone"),
        engine_options=table.lists("engine_options", required=False),
        servers=tuple(map(_server, table.tables("servers", required=False))),
        odbc_defaults=table.pairs("odbc_defaults"),
        long_keys=_long_keys(table),
        commits=table.pairs("commits"),
        installing=read_installing(table.table("installing")),
        source=table.text("source"),
    )
    table.done()
    _check_release(table, release)
    return release


def _server(table: RulesTable) -> ServerSpan:
    before = table.version_or_none("before")
    found = ServerSpan(
        product=table.text("product"),
        at_least=table.version("at_least"),
        before=before,
        refused=before is not None and table.choice("beyond", ("refused", "untried")) == "refused",
        why=table.text("why"),
        remedy=table.text("remedy"),
        source=table.text("source"),
    )
    table.done()
    if before is not None and before <= found.at_least:
        raise table.wrong("before", f"{before} is not later than {found.at_least}")
    return found


def _long_keys(table: RulesTable) -> tuple[tuple[str, tuple[str, ...]], ...]:
    keys = table.lists("long_keys", required=False)
    for name, parts in keys:
        if len(parts) != len(("column", "characters", "migration")) or not parts[1].isdecimal():
            raise table.wrong(f"long_keys.{name}", "must be a column, its number of characters, and a migration")
    return keys


def _later_migrations(table: RulesTable) -> tuple[tuple[Version, str, str], ...]:
    found = []
    for entry in table.tables("later_migrations", required=False):
        found.append((entry.version("since"), entry.text("app"), entry.text("name")))
        entry.done()
    return tuple(found)


def _check_release(table: RulesTable, release: Release) -> None:
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


def _check_engines(table: RulesTable, release: Release) -> None:
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


def _hop(table: RulesTable) -> Hop:
    target = table.version("to")
    hop = Hop(
        source=table.version("from"),
        target=target,
        title=table.text("title"),
        steps=tuple(map(read_step, table.tables("steps"))),
        origin=table.file,
        row_changes=tuple(_row_change(change, target) for change in table.tables("row_changes", required=False)),
        settings=tuple(map(_setting_change, table.tables("settings", required=False))),
    )
    table.done()
    return hop


def _setting_change(table: RulesTable) -> SettingChange:
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


def _row_change(table: RulesTable, since: Version) -> RowChange:
    change = RowChange(
        table=table.text("table"),
        since=since,
        becomes=table.choice("becomes", ("more", "fewer", "other", "gone")),
        why=table.text("why"),
    )
    table.done()
    return change


def _check_ends(
    hop: Hop, releases: dict[Version, tuple[Release, str]], hops: dict[tuple[Version, Version], Hop]
) -> None:
    known = listed(str(version) for version in sorted(releases)) or "none"
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
        allowed = listed(map(str, target.predecessors))
        raise RulesError(
            hop.origin,
            "from",
            f"{hop.target} cannot take over a database of {hop.source}, only of {allowed} ({file})",
        )
