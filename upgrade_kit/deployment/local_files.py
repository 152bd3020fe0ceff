"""Finds what a checkout of another release would meet: changed files, and files that nobody tracks."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from upgrade_kit.deployment.git import GitAsker, in_portions
from upgrade_kit.model.repository import Difference, InTheWay, LocalChange
from upgrade_kit.model.unobserved import Unobserved

Tree = Mapping[str, str]
"""Each path of a commit with its entry: ``"100644 d00491..."``."""

_NOTHING = "000000"
_COMPILED = (".pyc", ".pyo")  # what Python makes anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What ``git status`` says.

    Attributes:
        headers: ``branch.oid``, ``branch.head``, ``branch.upstream``, ``branch.ab`` where they are there.
        changes: tracked files that differ from the commit, without their targets.
        unmerged: paths with conflicts.
    """

    headers: Mapping[str, str]
    changes: tuple[LocalChange, ...]
    unmerged: tuple[str, ...]


def read_status(git: GitAsker) -> Status | Unobserved:
    """Ask ``git status``, which writes nothing here (``GIT_OPTIONAL_LOCKS``)."""
    lines = git.fields(
        *("-c", "status.renames=false", "-c", "diff.renames=false"),
        *("status", "--porcelain=v2", "-z", "--branch", "--untracked-files=no", "--ignore-submodules=all"),
    )
    if isinstance(lines, Unobserved):
        return lines
    return parse_status(lines)


def parse_status(lines: Iterable[str]) -> Status:
    """Parse the second format of ``git status --porcelain -z``, without renames."""
    headers: dict[str, str] = {}
    changes: list[LocalChange] = []
    unmerged: list[str] = []
    for line in lines:
        kind, _, rest = line.partition(" ")
        if kind == "#":
            name, _, value = rest.partition(" ")
            headers[name] = value
        elif kind == "1":
            changes.append(_change(rest))
        elif kind == "u":
            unmerged.append(rest.split(" ", 9)[-1])
    return Status(headers=headers, changes=tuple(changes), unmerged=tuple(unmerged))


def _change(rest: str) -> LocalChange:
    states, _, head_mode, index_mode, disk_mode, head, index, path = rest.split(" ", 7)
    changed = states[1] not in {".", "D"}
    return LocalChange(
        path=path,
        head=None if head_mode == _NOTHING else f"{head_mode} {head}",
        index=None if index_mode == _NOTHING else f"{index_mode} {index}",
        changed=changed,
        missing=states[1] == "D",
        differs_in=Difference.MODE
        if changed and _NOTHING not in {index_mode, disk_mode} and index_mode != disk_mode
        else Difference.CONTENT,
        targets=(),
    )


def read_tree(git: GitAsker, commit: str) -> dict[str, str] | Unobserved:
    """Return every file of a commit with its entry."""
    lines = git.fields("ls-tree", "-r", "-z", "--full-tree", commit)
    if isinstance(lines, Unobserved):
        return lines
    tree: dict[str, str] = {}
    for line in lines:
        entry, _, path = line.partition("\t")
        mode, _, id_ = entry.split(" ")
        tree[path] = f"{mode} {id_}"
    return tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What is staged: each path with its entry, and the paths that ``git status`` passes over."""

    entries: Tree
    hidden: frozenset[str]


def read_index(git: GitAsker) -> Index | Unobserved:
    """Return what is staged."""
    lines = git.fields("ls-files", "-v", "-s", "-z")
    if isinstance(lines, Unobserved):
        return lines
    entries: dict[str, str] = {}
    hidden: list[str] = []
    for line in lines:
        stated, _, path = line.partition("\t")
        flag, mode, id_, _ = stated.split(" ")
        entries[path] = f"{mode} {id_}"
        if flag.islower() or flag == "S":
            hidden.append(path)
    return Index(entries=entries, hidden=frozenset(hidden))


def find_changes(
    git: GitAsker, status: Status, index: Index, head: Tree, targets: Mapping[str, Tree]
) -> tuple[LocalChange, ...] | Unobserved:
    """Return what differs from the commit, with what each release has in its place."""
    hidden = _hidden_changes(git, index, head, {change.path for change in status.changes})
    if isinstance(hidden, Unobserved):
        return hidden
    plain = _plain_differences(git, status.changes)
    if isinstance(plain, Unobserved):
        return plain
    found = sorted((*plain, *hidden), key=lambda change: change.path)
    return tuple(
        replace(change, targets=tuple((tag, tree.get(change.path)) for tag, tree in targets.items()))
        for change in found
    )


def _hidden_changes(git: GitAsker, index: Index, head: Tree, known: set[str]) -> tuple[LocalChange, ...] | Unobserved:
    """Compare the files that git was told to pass over; what is only not there was left out on purpose."""
    ids = _ids(git, sorted(path for path in index.hidden - known if (git.root / path).is_file()))
    if isinstance(ids, Unobserved):
        return ids
    return tuple(
        LocalChange(path=path, head=head.get(path), index=entry, changed=True, hidden=True, targets=())
        for path, id_ in ids.items()
        if (entry := index.entries[path]).partition(" ")[2] != id_
    )


def _plain_differences(git: GitAsker, changes: Sequence[LocalChange]) -> tuple[LocalChange, ...] | Unobserved:
    """Tell which changes are none but of line ends, or of the right to execute."""
    if not any(change.changed for change in changes):
        return tuple(changes)
    lines = git.fields(
        *("diff-index", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"),
        *("--ignore-submodules=all", "--ignore-cr-at-eol", "HEAD"),
    )
    if isinstance(lines, Unobserved):
        return lines
    counts = {path: (added, removed) for added, removed, path in (line.split("\t", 2) for line in lines)}
    same = {change.path for change in changes if counts.get(change.path, ("0", "0")) == ("0", "0")}
    return tuple(_judged(change, same) for change in changes)


def _judged(change: LocalChange, same: set[str]) -> LocalChange:
    if not change.changed or change.path not in same or change.head != change.index:
        return replace(change, differs_in=Difference.CONTENT)
    if change.differs_in is Difference.MODE:
        return change
    return replace(change, differs_in=Difference.LINE_ENDS)


def find_in_the_way(
    git: GitAsker, status: Status, index: Index, head: Tree, targets: Mapping[str, Tree]
) -> tuple[InTheWay, ...] | Unobserved:
    """Return what lies where a release has a file, and is not tracked.

    git refuses to overwrite what is untracked, and overwrites without a word what is ignored, and what was added
    in a folder where the release has a file.
    """
    tracked = _Tracked(index.entries.keys() | head.keys())
    places: dict[str, set[str]] = {}
    for tag, tree in targets.items():
        for path in tree:
            place = None if tracked.holds(path) else _what_lies_at(git.root, path, head)
            if place is not None:
                places.setdefault(place, set()).add(tag)
    dirty = {change.path for change in status.changes if change.changed}
    added = index.entries.keys() - head.keys()
    lying = _lying(git, places, added)
    if isinstance(lying, Unobserved):
        return lying
    ignored = _listed(git, sorted(lying), "-o", "-c", "-i", "--exclude-standard")
    if isinstance(ignored, Unobserved):
        return ignored
    same = _same(git, [path for path, place in lying.items() if path == place and path in ignored], targets)
    if isinstance(same, Unobserved):
        return same
    return tuple(
        InTheWay(
            path=path,
            place=place,
            # Of what was added in a folder, git asks whether it is as it was added; else, whether it is ignored.
            overwritten=path not in dirty if path in added and path != place else path in ignored,
            staged=path in added,
            tags=tuple(tag for tag in targets if tag in tags),
        )
        for path, place in sorted(lying.items())
        if (tags := places[place] - same.get(path, set()))
        and not (path in ignored and path not in added and path != place and path.endswith(_COMPILED))
    )


def find_strays(root: Path, index: Index, targets: Mapping[str, Tree]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the untracked files among the migrations of each release, which are there still after its checkout."""
    found = []
    for tag, tree in targets.items():
        folders = sorted(path.rpartition("/")[0] for path in tree if path.endswith("/migrations/__init__.py"))
        paths = (f"{folder}/{file.name}" for folder in folders for file in sorted((root / folder).glob("[!_~.]*.py")))
        strays = tuple(path for path in paths if path not in tree and path not in index.entries)
        if strays:
            found.append((tag, strays))
    return tuple(found)


def _lying(git: GitAsker, places: Iterable[str], added: Collection[str]) -> dict[str, str] | Unobserved:
    """Return each file that lies at one of these places, or in it where it is a folder, with its place."""
    found: dict[str, str] = {}
    for place in places:
        file = git.root / place
        if file.is_symlink() or not file.is_dir():
            found[place] = place
            continue
        inside = _listed(git, [place], "-o")
        if isinstance(inside, Unobserved):
            return inside
        found.update(dict.fromkeys(inside, place))
        found.update({path: place for path in added if path.startswith(f"{place}/")})
    return found


def _same(git: GitAsker, paths: Sequence[str], targets: Mapping[str, Tree]) -> dict[str, set[str]] | Unobserved:
    """Return the releases that have the very content of a file, for each file that can be read."""
    ids = _ids(git, [path for path in paths if (git.root / path).is_file()])
    if isinstance(ids, Unobserved):
        return ids
    return {
        path: {tag for tag, tree in targets.items() if tree.get(path, "").partition(" ")[2] == id_}
        for path, id_ in ids.items()
    }


def _ids(git: GitAsker, paths: Sequence[str]) -> dict[str, str] | Unobserved:
    """Return the id that git would give to the content of each file. Stores nothing."""
    found: dict[str, str] = {}
    for portion in in_portions(paths):
        text = git.text("hash-object", "--", *portion)
        if isinstance(text, Unobserved):
            return text
        found.update(zip(portion, text.split(), strict=True))
    return found


class _Tracked:
    """The paths that git tracks, those of folders included, whatever the case of their letters."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = set(paths)
        self._folded = {path.casefold() for path in self._paths} if os.name == "nt" else self._paths

    def holds(self, path: str) -> bool:
        return path in self._paths or (os.name == "nt" and path.casefold() in self._folded)


def _what_lies_at(root: os.PathLike[str], path: str, head: Tree) -> str | None:
    """Return what is in the way of a path: itself, or a file where it needs a folder; ``None`` where nothing is."""
    for place in (*_folders_of(path), path):
        try:
            mode = os.lstat(os.path.join(root, *place.split("/"))).st_mode  # noqa: PTH118 - thousands of them
        except (OSError, ValueError):
            return None
        if place == path:
            return path
        if not stat.S_ISDIR(mode):
            return None if place in head else place
    return None


def _folders_of(path: str) -> Iterator[str]:
    """Yield the folders above a path, outermost first."""
    end = path.find("/")
    while end != -1:
        yield path[:end]
        end = path.find("/", end + 1)


def _listed(git: GitAsker, paths: Sequence[str], *options: str) -> frozenset[str] | Unobserved:
    found: set[str] = set()
    for portion in in_portions(paths):
        listed = git.but_with("--literal-pathspecs").fields("ls-files", *options, "-z", "--", *portion)
        if isinstance(listed, Unobserved):
            return listed
        found.update(listed)
    return frozenset(found)
