"""What git knows of a site's folder. Holds no password: addresses come without what could be one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.version import Version

from upgrade_kit.model.path import Release
from upgrade_kit.model.unobserved import Unobserved

# diff --ignore-cr-at-eol came with 2.16; without GIT_OPTIONAL_LOCKS, of 2.15, git status writes.
OLDEST_GIT = Version("2.16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The branch that ``git pull`` would merge.

    Attributes:
        name: ``origin/master``.
        ahead: commits that only this checkout has.
        behind: commits that ``git pull`` would bring, as far as the last fetch told.
        described: what git calls its last commit, or why it calls it nothing.
    """

    name: str
    ahead: int
    behind: int
    described: str | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The commit that is checked out.

    Attributes:
        commit: its id, or ``None`` where nothing was ever committed.
        branch: the branch, or ``""`` where HEAD is detached.
        upstream: what the branch follows, or ``None``.
        described: what git calls the commit, or why it calls it nothing.
        release: the release that the commit is, or that the nearest tag belongs to; ``None`` where no rule knows it.
        is_release: whether the commit is that of a release itself.
        local_commits: ``"abc1234 subject"`` of what no tag and no remote branch holds, newest first, or why not.
    """

    commit: str | None
    branch: str
    upstream: Upstream | None
    described: str | Unobserved
    release: Release | None
    is_release: bool
    local_commits: tuple[str, ...] | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository that this one fetches from; the address comes without user, password and query."""

    name: str
    address: str


class Difference(StrEnum):
    """What differs between a tracked file and its commit."""

    CONTENT = "content"
    LINE_ENDS = "line ends"
    MODE = "mode"  # the right to execute


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalChange:
    """A tracked file that is not as the commit has it.

    An entry is mode and id of the content (``"100644 d00491..."``), or ``None`` where there is no such file.

    Attributes:
        path: with ``/``, from the root of the checkout.
        head: the entry in the commit.
        index: the entry that is staged; the same as ``head`` where nothing is.
        changed: whether the file on disk differs from what is staged.
        missing: whether it is gone from the disk.
        differs_in: nothing but this differs.
        hidden: whether ``git status`` does not show it (assume-unchanged, skip-worktree).
        targets: ``(tag, entry)`` of each release that is here.
    """

    path: str
    head: str | None
    index: str | None
    changed: bool
    missing: bool = False
    differs_in: Difference = Difference.CONTENT
    hidden: bool = False
    targets: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """What lies where some release has a file, and is not in the commit.

    Attributes:
        path: what lies there, with ``/``, from the root of the checkout.
        place: where the release has a file: the path itself, or a folder above it.
        overwritten: whether git overwrites it without a word, as it does what is ignored.
        staged: whether it was added here; at the very path of a file this is a ``LocalChange``.
        tags: the releases, among those that are here, that have a file in its place.
    """

    path: str
    place: str
    overwritten: bool
    staged: bool = False
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A work tree and its repository.

    Attributes:
        storage: the folder that holds the history.
        is_linked: whether that is elsewhere than in the site's folder (``.git`` is a file).
        is_work_tree: whether git takes the site's folder for a work tree; where not, nothing else is known.
        is_shallow: whether history was cut off when it was cloned.
        is_sparse: whether only part of the files is checked out.
        unfinished: what was begun and not ended: ``merge``, ``rebase`` ...
        lock: the file with which a git that runs, or one that died, holds the index, or ``None``.
        unmerged: paths with conflicts that nobody settled.
        head: the commit that is checked out.
        tags: ``(tag, commit)`` of the releases' tags that are here.
        branches: ``(name, commit)`` of branches that are named like one of these tags.
        at_origin: the releases' tags at ``origin``, where that is a folder of this machine.
        remotes: by name.
        changes: what differs from the commit, or why that is not known.
        in_the_way: what a checkout would have to overwrite, or why that is not known.
        strays: ``(tag, paths)``: untracked files in a folder of that release's migrations, which it would load too, or
            why that is not known.
    """

    storage: Path
    is_linked: bool
    is_work_tree: bool
    is_shallow: bool
    is_sparse: bool
    unfinished: tuple[str, ...]
    lock: Path | None
    unmerged: tuple[str, ...]
    head: Head | Unobserved
    tags: tuple[tuple[str, str], ...]
    branches: tuple[tuple[str, str], ...]
    at_origin: tuple[str, ...] | Unobserved
    remotes: tuple[Remote, ...]
    changes: tuple[LocalChange, ...] | Unobserved
    in_the_way: tuple[InTheWay, ...] | Unobserved
    strays: tuple[tuple[str, tuple[str, ...]], ...] | Unobserved = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """The program on this machine, and what it says of the site's folder.

    Attributes:
        folder: the site's folder.
        program: its version, or ``None`` where it is not installed.
        has_repository: whether the folder has a ``.git``.
        refusal: what git says where it does not take the folder for a repository, else ``""``.
        distrusts: whether git refuses to work for this user, because the folder belongs to another.
        repository: what it knows, or why that is not known.
    """

    folder: Path
    program: Version | Unobserved | None
    has_repository: bool
    refusal: str
    distrusts: bool
    repository: Repository | Unobserved
