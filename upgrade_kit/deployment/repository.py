"""Reads what git knows of a site's folder. Writes nothing, and asks no other machine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from upgrade_kit.deployment.checkout import describe_commit, release_of
from upgrade_kit.deployment.git import GitAsker, distrusts, refusal
from upgrade_kit.deployment.git_settings import GitSettings, local_folder
from upgrade_kit.deployment.local_files import (
    Status,
    find_changes,
    find_in_the_way,
    find_strays,
    read_index,
    read_status,
    read_tree,
)
from upgrade_kit.model.path import Release
from upgrade_kit.model.repository import OLDEST_GIT, Git, Head, InTheWay, LocalChange, Repository, Upstream
from upgrade_kit.model.unobserved import Unobserved

_DESCRIBED = re.compile(r"[vV]?(\d[\w.]*?)(?:-\d+-g[0-9a-f]+)?")
_MOST_COMMITS = 20
_UNFINISHED = (
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
)


def read_git(root: Path, releases: Sequence[Release], *, environment: Mapping[str, str] | None = None) -> Git:
    """Read what git knows of a site's folder.

    Args:
        root: the folder that holds ``manage.py``.
        releases: the releases that the rules know.
        environment: environment for git; ``None`` hands down this process's own.
    """
    there = (root / ".git").exists()
    git = GitAsker.of(root, environment)
    if isinstance(git, Unobserved):
        return _git(root, None, there=there, repository=git)
    program = git.version()
    if isinstance(program, Unobserved):
        return _git(root, program, there=there, repository=program)
    if not there:
        return _git(root, program, there=False, repository=Unobserved("the folder has no .git", asked=False))
    if not os.access(root / ".git", os.R_OK):  # git says of it that there is none
        return _git(root, program, there=True, repository=Unobserved(f"{root / '.git'} may not be read by this user"))
    if program < OLDEST_GIT:
        reason = f"git {program} is older than {OLDEST_GIT}, which is needed to look without writing anything"
        return _git(root, program, there=True, repository=Unobserved(reason))
    return _read(git, program, releases)


def _git(root: Path, program: Version | Unobserved | None, *, there: bool, repository: Unobserved) -> Git:
    return Git(
        folder=root,
        program=program,
        has_repository=there,
        refusal="",
        distrusts=False,
        repository=repository,
    )


def _read(git: GitAsker, program: Version, releases: Sequence[Release]) -> Git:
    distrusted = distrusts(git.as_its_user_would().answer("rev-parse", "--git-dir"))
    layout = git.answer(
        "rev-parse", "--is-inside-work-tree", "--is-shallow-repository", "--absolute-git-dir", "--git-common-dir"
    )
    refused = ""
    repository: Repository | Unobserved
    if isinstance(layout, Unobserved):
        repository = layout
    elif layout.status or len(lines := layout.text.splitlines()) != 4:  # noqa: PLR2004 - as many as were asked for
        refused = refusal(layout, git.root)
        repository = Unobserved(refused)
    else:
        repository = _repository(git, lines, releases)
    return Git(
        folder=git.root,
        program=program,
        has_repository=True,
        refusal=refused,
        distrusts=distrusted,
        repository=repository,
    )


def _repository(git: GitAsker, layout: Sequence[str], releases: Sequence[Release]) -> Repository | Unobserved:
    folder = Path(layout[2])
    common = git.root / layout[3]
    settings = GitSettings.of(git)
    if isinstance(settings, Unobserved):
        return settings
    refs = _refs(git, releases)
    if isinstance(refs, Unobserved):
        return refs
    is_work_tree = layout[0] == "true"
    files = _files(git, settings, releases, refs) if is_work_tree else _Files.unknown("git sees no work tree")
    return Repository(
        storage=common.resolve(),
        is_linked=(git.root / ".git").is_file(),
        is_work_tree=is_work_tree,
        is_shallow=layout[1] == "true",
        is_sparse=settings.is_on("core.sparsecheckout"),
        unfinished=tuple(dict.fromkeys(word for name, word in _UNFINISHED if (folder / name).exists())),
        lock=lock if (lock := folder / "index.lock").exists() else None,
        unmerged=files.unmerged,
        head=files.head,
        tags=tuple(refs.tags.items()),
        branches=tuple(refs.branches.items()),
        at_origin=_at_origin(git, settings, releases),
        remotes=settings.remotes(),
        changes=files.changes,
        in_the_way=files.in_the_way,
        strays=files.strays,
    )


# Tags and branches


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refs:
    """The releases' tags that are here, and the branches that are named like one, each with its commit."""

    tags: Mapping[str, str]
    branches: Mapping[str, str]


def _refs(git: GitAsker, releases: Sequence[Release]) -> _Refs | Unobserved:
    wanted = {tag for release in releases for tag in (release.tag, *dict(release.commits))}
    text = git.text("for-each-ref", "--format=%(refname)%00%(objectname)%00%(*objectname)", "refs/tags/", "refs/heads/")
    if isinstance(text, Unobserved):
        return text
    found: dict[str, dict[str, str]] = {"tags": {}, "heads": {}}
    for line in text.splitlines():
        ref, id_, peeled = line.split("\0")
        _, kind, name = ref.split("/", 2)
        if name in wanted:
            found[kind][name] = peeled or id_
    return _Refs(tags=found["tags"], branches=found["heads"])


def _at_origin(git: GitAsker, settings: GitSettings, releases: Sequence[Release]) -> tuple[str, ...] | Unobserved:
    address = settings.address_of("origin")
    if address is None:
        return Unobserved("there is no remote named origin", asked=False)
    folder = local_folder(address)
    if folder is None:
        return Unobserved("origin is not on this machine, and preflight asks no other", asked=False)
    folder = git.root / folder
    if not folder.is_dir():
        return Unobserved(f"origin is {folder}, and there is no such folder")
    origin = GitAsker.of(folder, git.environment)
    if isinstance(origin, Unobserved):
        return origin
    text = origin.text("for-each-ref", "--format=%(refname:short)", "refs/tags/")
    if isinstance(text, Unobserved):
        return Unobserved(f"origin ({folder}): {text.reason}")
    wanted = {release.tag for release in releases}
    return tuple(name for name in text.splitlines() if name in wanted)


# The commit


def _head(git: GitAsker, status: Status, releases: Sequence[Release]) -> Head:
    stated = status.headers.get("branch.oid", "")
    commit = stated if re.fullmatch("[0-9a-f]{40,64}", stated) else None
    branch = status.headers.get("branch.head", "")
    nothing = Unobserved("nothing was ever committed here")
    described = nothing if commit is None else describe_commit(git)
    exact = next((release for release in releases if commit in dict(release.commits).values()), None)
    return Head(
        commit=commit,
        branch="" if branch == "(detached)" else branch,
        upstream=_upstream(git, status.headers),
        described=described,
        release=exact or _nearest(described, releases),
        is_release=exact is not None or (isinstance(described, str) and "-g" not in described),
        local_commits=nothing if commit is None else _local_commits(git),
    )


def _nearest(described: str | Unobserved, releases: Sequence[Release]) -> Release | None:
    """Return the release that a name like ``v0.2.9.1-4-gd00491f`` begins with."""
    found = None if isinstance(described, Unobserved) else _DESCRIBED.fullmatch(described)
    try:
        return None if found is None else release_of(Version(found[1]), releases)
    except InvalidVersion:
        return None


def _upstream(git: GitAsker, headers: Mapping[str, str]) -> Upstream | None:
    counts = re.fullmatch(r"\+(\d+) -(\d+)", headers.get("branch.ab", ""))
    name = headers.get("branch.upstream")
    if name is None or counts is None:
        return None
    return Upstream(
        name=name,
        ahead=int(counts[1]),
        behind=int(counts[2]),
        described=describe_commit(git, f"refs/remotes/{name}"),
    )


def _local_commits(git: GitAsker) -> tuple[str, ...] | Unobserved:
    return git.fields(
        *("log", "-z", "--no-show-signature", "--no-color", "--format=tformat:%h %s", f"--max-count={_MOST_COMMITS}"),
        *("HEAD", "--not", "--tags=[vV0-9]*.*", "--remotes"),
    )


# The files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    head: Head | Unobserved
    unmerged: tuple[str, ...]
    changes: tuple[LocalChange, ...] | Unobserved
    in_the_way: tuple[InTheWay, ...] | Unobserved
    strays: tuple[tuple[str, tuple[str, ...]], ...] | Unobserved

    @classmethod
    def unknown(cls, reason: str) -> _Files:
        fact = Unobserved(reason)
        return cls(head=fact, unmerged=(), changes=fact, in_the_way=fact, strays=fact)


def _files(git: GitAsker, settings: GitSettings, releases: Sequence[Release], refs: _Refs) -> _Files:
    harmless = settings.without_filters(git)
    if isinstance(harmless, Unobserved):
        return _Files.unknown(harmless.reason)
    status = read_status(harmless)
    if isinstance(status, Unobserved):
        return _Files.unknown(status.reason)
    head = _head(git, status, releases)
    return _compared(harmless, status, head, _trees(git, releases, refs))


def _compared(git: GitAsker, status: Status, head: Head, trees: dict[str, dict[str, str]] | Unobserved) -> _Files:
    index = read_index(git)
    here = {} if head.commit is None else read_tree(git, head.commit)
    if isinstance(trees, Unobserved) or isinstance(index, Unobserved) or isinstance(here, Unobserved):
        unknown = next(fact for fact in (trees, index, here) if isinstance(fact, Unobserved))
        return _Files(head=head, unmerged=status.unmerged, changes=unknown, in_the_way=unknown, strays=unknown)
    return _Files(
        head=head,
        unmerged=status.unmerged,
        changes=find_changes(git, status, index, here, trees),
        in_the_way=find_in_the_way(git, status, index, here, trees),
        strays=find_strays(git.root, index, trees),
    )


def _trees(git: GitAsker, releases: Sequence[Release], refs: _Refs) -> dict[str, dict[str, str]] | Unobserved:
    """Return the files of each release whose tag is here."""
    trees: dict[str, dict[str, str]] = {}
    for release in releases:
        if release.tag in refs.tags:
            tree = read_tree(git, refs.tags[release.tag])
            if isinstance(tree, Unobserved):
                return tree
            trees[release.tag] = tree
    return trees
