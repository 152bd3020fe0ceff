"""Can git bring the code of the next releases, and what would it do to the files that are there?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from upgrade_kit.model.deployment import Checkout
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed
from upgrade_kit.model.path import Release, UpgradePath
from upgrade_kit.model.repository import (
    OLDEST_GIT,
    Difference,
    Git,
    Head,
    InTheWay,
    LocalChange,
    Remote,
    Repository,
)
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, counted, error, info, to_type, warning
from upgrade_kit.preflight.facts import Facts, both, then
from upgrade_kit.preflight.switching import Fate, fate_of

_GUIDE = "docs/install/win.rst and linux.rst (v0.3.0), Upgrading from version 0.2.9: Checkout the 0.3.0 source code"
_RETIRED = "docs/install/win.rst and linux.rst (v0.3.0), git clone https://bitbucket.org/tohccmedphys/qatrackplus.git"
_FACTS = "docs/facts.md, Git"
_HOME = "https://github.com/qatrackplus/qatrackplus.git"
_SHOWN = 10
_STASH = "git stash push -m before-the-upgrade"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryOfSite:
    """The repository, and the path where it is known."""

    repository: Repository
    path: UpgradePath | Unobserved

    @property
    def start_tag(self) -> str:
        """The tag of the release that the site is at, or words in its place."""
        return "TAG" if isinstance(self.path, Unobserved) else self.path.source.tag

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(_repository(facts), lambda known: cls(repository=known, path=facts.get(UpgradePath)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryOnPath:
    """The repository beside the releases that are to be checked out in it."""

    repository: Repository
    path: UpgradePath

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags to check out, in order."""
        return tuple(release.tag for release in self.path.releases[1:])

    @property
    def here(self) -> tuple[str, ...]:
        """Those of them that this repository has."""
        there = dict(self.repository.tags)
        return tuple(tag for tag in self.tags if tag in there)

    @property
    def absent(self) -> tuple[str, ...]:
        """Those of them that it has not."""
        return tuple(tag for tag in self.tags if tag not in self.here)

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return both(_repository(facts), facts.get(UpgradePath), lambda known, way: cls(repository=known, path=way))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAndCheckout:
    """The commit that is checked out, beside the version that the files tell, and what git has not ended."""

    head: Head
    checkout: Checkout
    unfinished: tuple[str, ...]

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        repository = _repository(facts)
        head = then(repository, lambda known: known.head)
        begun = () if isinstance(repository, Unobserved) else repository.unfinished
        return both(head, facts.get(Checkout), lambda commit, files: cls(head=commit, checkout=files, unfinished=begun))


@dataclass(frozen=True, slots=True, kw_only=True)
class GitOfSite:
    """Git and the site's folder, and the path where it is known."""

    git: Git
    path: UpgradePath | Unobserved

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(Git), lambda known: cls(git=known, path=facts.get(UpgradePath)))


def _repository(facts: Facts) -> Repository | Unobserved:
    return then(facts.get(Git), lambda git: git.repository)


def _names(paths: Sequence[str]) -> str:
    """Name files, so that a line break in a name breaks no line, and a thousand of them fill no screen."""
    shown = [path if path.isprintable() else repr(path)[1:-1] for path in paths[:_SHOWN]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _at_target(fact: RepositoryOnPath) -> NotApplicable | None:
    if fact.tags:
        return None
    return NotApplicable(f"the site is at {fact.path.target.version} already; nothing is checked out")


def _nothing_to_compare(fact: RepositoryOnPath) -> NotApplicable | CouldNotRun | None:
    """Return why no checkout can be foretold: there is none to come, or HEAD is not what the files are of."""
    head = fact.repository.head
    if fact.tags and isinstance(head, Head):
        start = fact.path.source.version
        if head.commit is None:
            return CouldNotRun("nothing was ever committed here; see UK143, then run preflight again")
        if head.release is not None and head.release.version != start:
            return CouldNotRun(
                f"HEAD is {_called(head)} and the path starts at {start}; see UK143 and UK303, then run preflight again"
            )
    return _at_target(fact)


def _not_here(fact: RepositoryOnPath) -> CouldNotRun:
    return CouldNotRun(
        f"{' and '.join(fact.absent)} {'are' if len(fact.absent) > 1 else 'is'} not in this repository yet, so what "
        "git would overwrite is not known; see UK144, then run preflight again"
    )


# The program and the folder


@check(
    "UK141",
    "git is installed",
    reads=Git,
    section=f"{_GUIDE}; requirements/*.txt (v0.2.9.1 and v0.3.0), which name packages at github.com",
    remedy="Install git, open a new window and type: git version",
)
def git_is_installed(git: Git) -> Answer:
    """The code of each release comes by git, and pip needs it for the requirements that lie at GitHub."""
    if isinstance(git.program, Unobserved):
        return git.program
    if git.program is None:
        tell = error if git.has_repository else warning
        return (
            tell(
                "git is not installed here, or not on PATH; the upgrade checks out code with it, and pip fetches "
                "three requirements with it",
                where="PATH",
                hint=to_type(
                    "Install it, on Windows (first line, or the installer from https://git-scm.com) or Debian (second "
                    "line), then open a new window:",
                    "winget install --id Git.Git -e",
                    "sudo apt-get install git",
                    "git version",
                ),
            ),
        )
    if git.has_repository and git.program < OLDEST_GIT:
        return (
            warning(
                f"git {git.program} would write into the repository when asked for local changes, so it was not "
                f"asked; from {OLDEST_GIT} on it can look without writing",
                where="git version",
                hint=to_type("Update git, or look at the changes yourself:", "git status"),
            ),
        )
    return Passed(f"git {git.program}")


@check(
    "UK142",
    "The site's folder is a checkout that git works in",
    reads=GitOfSite,
    section=f"{_GUIDE}; {_FACTS}",
    remedy="Make git take the folder for a work tree: git status must answer in it.",
)
def folder_is_a_work_tree(fact: GitOfSite) -> Answer:
    """Where git does not work in the folder, no command of the plan that brings code does anything."""
    git = fact.git
    where = str(git.folder)
    if not git.has_repository:
        return _unpacked(fact)
    trust = to_type(
        "As the user who will upgrade, type:",
        f"git config --global --add safe.directory {quoted(git.folder.as_posix())}",
    )
    if git.refusal:
        if git.distrusts:
            return (error("git refuses to look: the folder belongs to another user", where=where, hint=trust),)
        return (error(f"git cannot work here: {git.refusal}", where=where, hint=_again(fact)),)
    if isinstance(git.repository, Unobserved):
        return git.repository
    if not git.repository.is_work_tree:
        return (
            error(
                "git takes the folder for a repository without files, or for files that lie elsewhere",
                where=where,
                hint=to_type(
                    "Take back the settings that say so (each may say that there is none):",
                    "git config --unset core.worktree",
                    "git config core.bare false",
                ),
            ),
        )
    if git.distrusts:
        return (warning("git refuses to work here: the folder belongs to another user", where=where, hint=trust),)
    return Passed(f"the history is in {git.repository.storage}" if git.repository.is_linked else "")


def _unpacked(fact: GitOfSite) -> Answer:
    if isinstance(fact.path, UpgradePath) and not fact.path.hops:
        return NotApplicable("the folder has no .git, and the site is at the target already")
    return (
        warning(
            "the folder has no .git (it was unpacked or copied), so git checkout does nothing here",
            where=str(fact.git.folder),
            hint=_again(fact),
        ),
    )


def _again(fact: GitOfSite) -> str:
    tag = "TAG" if isinstance(fact.path, Unobserved) else fact.path.source.tag
    lines = ["git init", f"git remote add origin {_HOME}", "git fetch origin --tags", f"git reset {tag}", "git status"]
    shell = " (in PowerShell or bash)" if fact.git.has_repository else ""
    if fact.git.has_repository:
        lines.insert(0, "mv .git ../git-that-was-broken")
    return to_type(
        f"Make a checkout of it{shell}; none of its files is written. git status then lists what differs from {tag}:",
        *lines,
    )


# The commit


@check(
    "UK143",
    "The commit that is checked out is the release that the files are of",
    reads=HeadAndCheckout,
    section=_FACTS,
    remedy="Set HEAD to the release that the files are of: git reset TAG writes no file.",
)
def head_is_the_version(fact: HeadAndCheckout) -> Answer:
    """Git compares files with HEAD: where that is another release, every file counts as changed by hand."""
    head, version = fact.head, fact.checkout.version
    if isinstance(version, Unobserved):
        return version
    where = "HEAD" if head.commit is None else f"HEAD ({head.commit[:12]})"
    set_to = to_type(
        "Let HEAD be the release that the files are of; this writes none of them:",
        "git fetch origin --tags",
        f"git reset v{version}",
        "git status",
    )
    if head.commit is None:
        return (warning("nothing was ever committed here, so git knows none of the files", where=where, hint=set_to),)
    if head.release is None:
        called = f"git calls it {head.described}" if isinstance(head.described, str) else head.described.reason
        return (
            info(
                f"which release this commit is, is not known: {called}",
                where=where,
                hint=to_type(f"Fetch the tags and compare with v{version}:", "git fetch origin --tags", "git describe"),
            ),
        )
    if not _counts_as(version, head.release):
        if fact.unfinished:
            return CouldNotRun(
                f"the files are those of no release while a {fact.unfinished[0]} is under way; see UK150"
            )
        return (
            error(
                f"HEAD is {_called(head)}, and the files are those of {version}: they were put over the checkout "
                "without git",
                where=where,
                hint=set_to,
            ),
        )
    if not head.is_release and not head.local_commits:
        return (
            info(
                f"HEAD is {_called(head)}, a state between two releases",
                where=where,
                hint=to_type("See what it has beside the release:", f"git log --oneline {head.release.tag}..HEAD"),
            ),
        )
    return Passed(_called(head))


def _called(head: Head) -> str:
    if isinstance(head.described, str):
        return head.described
    return "of no release" if head.release is None else head.release.tag


def _counts_as(version: Version, release: Release) -> bool:
    return version == release.version or any(
        SpecifierSet(also).contains(version, prereleases=True) for also in release.also
    )


# The tags


@check(
    "UK144",
    "Every release on the way can be checked out by its tag",
    reads=RepositoryOnPath,
    section=f"{_GUIDE}: git checkout master and git pull, where the plan pins the tag",
    remedy="Fetch the tags: git fetch origin --tags",
)
def tags_are_here(fact: RepositoryOnPath) -> Answer:
    """A release that cannot be had stops the upgrade; a branch of the same name brings other code."""
    nothing = _at_target(fact)
    if nothing is not None:
        return nothing
    findings = [*_missing_tags(fact), *_hidden_by_branches(fact)]
    return findings or Passed(", ".join(fact.here))


def _missing_tags(fact: RepositoryOnPath) -> Iterator[Finding]:
    if not fact.absent:
        return
    repository = fact.repository
    origin = next((remote for remote in repository.remotes if remote.name == "origin"), None)
    listed = " and ".join(fact.absent)
    cut = " (a clone with part of the history only)" if repository.is_shallow else ""
    fetch = "git fetch origin --tags"
    proof = f"git tag --list {' '.join(fact.absent)}"
    if origin is None:
        yield error(
            f"{listed}: not in this repository{cut}, and it has no origin to fetch from",
            where="git remote",
            hint=to_type("Name one and fetch:", f"git remote add origin {_HOME}", fetch, proof),
        )
        return
    move = f"git remote set-url origin {_HOME}"
    known = repository.at_origin
    if not isinstance(known, Unobserved):
        gone = tuple(tag for tag in fact.absent if tag not in known)
        if gone:
            yield error(
                f"{' and '.join(gone)}: neither in this repository{cut} nor at origin ({origin.address})",
                where="origin",
                hint=to_type("Fetch from the repository that has it:", move, fetch, proof),
            )
            return
        asked = f"origin ({origin.address}) has it"
    else:
        asked = "origin was not asked" if not known.asked else known.reason
    lines = (move, fetch, proof) if _trouble_with(origin) else (fetch, proof)
    yield warning(
        f"{listed}: not in this repository yet{cut}; {asked}",
        where="git tag",
        hint=to_type("Fetch the tags (no file of the site changes); the last line must print them:", *lines),
    )


def _hidden_by_branches(fact: RepositoryOnPath) -> Iterator[Finding]:
    tags = dict(fact.repository.tags)
    for name, commit in fact.repository.branches:
        if name in fact.here and commit != tags[name]:
            yield error(
                f"a branch is called {name} like the tag, and git checkout {name} would take the branch",
                where=f"refs/heads/{name}",
                hint=to_type("Give the branch another name:", f"git branch -m {name} branch-{name}"),
            )


@check(
    "UK145",
    "The tags name the commits that were published",
    reads=RepositoryOnPath,
    section="rules/versions: the commit of each tag in https://github.com/qatrackplus/qatrackplus.git",
    remedy="Fetch the tag anew from the repository that published it.",
)
def tags_are_the_published_ones(fact: RepositoryOnPath) -> Answer:
    """A tag that was moved brings code that nobody released."""
    published = {tag: id_ for release in fact.path.releases for tag, id_ in release.commits}
    compared = [(tag, id_) for tag, id_ in fact.repository.tags if tag in published]
    if not compared:
        return NotApplicable("none of the releases' tags is in this repository")
    findings = [_moved(fact, tag, id_, published) for tag, id_ in compared if id_ != published[tag]]
    return findings or Passed(counted(compared, "tag"))


def _moved(fact: RepositoryOnPath, tag: str, here: str, published: dict[str, str]) -> Finding:
    """Tell of a tag that was moved: an error where the plan would check out another release in place of its own.

    A commit that nobody published can be the release with changes of the site's own, which only a person can tell. The
    commit of another release never is: its requirements, settings and migrations are not those that the plan is for.
    """
    other = next((name for name, id_ in published.items() if id_ == here and name != tag), None)
    fetch = f"git fetch --force {_HOME} refs/tags/{tag}:refs/tags/{tag}"
    told = f"{tag} is the commit {here[:12]} here, and was published as {published[tag][:12]}: somebody moved it"
    if other is not None and tag in fact.tags:
        return error(
            f"{told} to {other}, whose code git checkout {tag} would bring",
            where=f"refs/tags/{tag}",
            hint=to_type("Fetch the published one:", fetch),
        )
    return warning(
        told if other is None else f"{told} to {other}",
        where=f"refs/tags/{tag}",
        hint=to_type("Unless that was your own doing, fetch the published one:", fetch),
    )


# Local changes


@check(
    "UK146",
    "No local change keeps git from checking out the releases",
    reads=RepositoryOnPath,
    section=f"{_GUIDE}; {_FACTS}",
    remedy="Keep a copy of the changes beside the site and put them aside with git stash.",
)
def changes_do_not_stand_in_the_way(fact: RepositoryOnPath) -> Answer:
    """Git refuses to check out a release that has another version of a file that was changed here."""
    judged = _judged_changes(fact)
    if not isinstance(judged, list):
        return judged
    groups: dict[tuple[str, str], list[LocalChange]] = {}
    for change, fate, tag in judged:
        if fate is Fate.REFUSED:
            groups.setdefault((tag, _kind(change)), []).append(change)
    return [_refused(tag, kind, changes) for (tag, kind), changes in groups.items()] or Passed()


def _judged_changes(fact: RepositoryOnPath) -> list[tuple[LocalChange, Fate, str]] | Answer:
    """Return each change with what becomes of it and where, or the answer where there is nothing to judge."""
    nothing = _nothing_to_compare(fact)
    if nothing is not None:
        return nothing
    changes = fact.repository.changes
    if isinstance(changes, Unobserved):
        return changes
    if not changes:
        return Passed("no tracked file is changed")
    judged = [(change, *fate_of(change, fact.here)) for change in changes]
    if fact.absent and not any(fate is Fate.REFUSED for _, fate, _ in judged):
        return _not_here(fact)
    return judged


def _kind(change: LocalChange) -> str:
    if change.hidden:
        return "hidden"
    return change.differs_in.value


def _refused(tag: str, kind: str, changes: Sequence[LocalChange]) -> Finding:
    paths = [change.path for change in changes]
    files = counted(paths, "file")
    where = paths[0] if len(paths) == 1 and paths[0].isprintable() else "git status"
    match kind:
        case "hidden":
            message = f"{files} changed here that git was told not to look at: {_names(paths)}"
            words = " ".join(quoted(path) for path in paths[:_SHOWN])
            hint = to_type(
                "Let git see them again, keep a copy of the changes beside the site, and put them aside:",
                f"git update-index --no-assume-unchanged {words}",
                f"git update-index --no-skip-worktree {words}",
                "git diff HEAD --output=../local-changes.diff",
                _STASH,
            )
        case Difference.LINE_ENDS:
            message = f"{files} with other line ends than in the commit, and no other difference: {_names(paths)}"
            hint = to_type("Put that aside (git stash pop would bring it back):", _STASH)
        case Difference.MODE:
            message = f"{files} with another right to execute, and no other difference: {_names(paths)}"
            hint = to_type("Tell git that it does not matter here:", "git config core.fileMode false")
        case _:
            message = f"{files} changed here and in {tag}: {_names(paths)}"
            hint = to_type(
                "Keep a copy of the changes beside the site, and put them aside (git stash pop would bring them back):",
                "git diff HEAD --output=../local-changes.diff",
                _STASH,
            )
    return error(f"git checkout {tag} refuses: {message}", where=where, hint=hint)


@check(
    "UK147",
    "No local change slips into the code of the next release",
    reads=RepositoryOnPath,
    section=f"{_GUIDE}; {_FACTS}",
    remedy="Look whether the change still holds in the next release; else put it aside with git stash.",
)
def changes_are_not_carried_along(fact: RepositoryOnPath) -> Answer:
    """Git keeps a change to a file that the release does not change: it was made for other code."""
    judged = _judged_changes(fact)
    if not isinstance(judged, list):
        return judged
    lying = fact.repository.in_the_way
    other = set() if isinstance(lying, Unobserved) else {one.path for one in lying}  # UK148 and UK149 tell of these
    carried = [
        change
        for change, fate, _ in judged
        if fate is Fate.CARRIED
        and change.path not in other
        and (change.hidden or change.differs_in is Difference.CONTENT)
    ]
    if carried:
        return _carried(fact, carried)
    return Passed()


def _carried(fact: RepositoryOnPath, changes: Sequence[LocalChange]) -> Iterator[Finding]:
    for gone, word in ((False, "changed"), (True, "deleted")):
        paths = [change.path for change in changes if change.missing is gone]
        if paths:
            named = " ".join(quoted(path) for path in paths[:_SHOWN])
            yield warning(
                f"{counted(paths, 'file')} {word} here stays so in {fact.tags[-1]}: {_names(paths)}"
                if len(paths) == 1
                else f"{len(paths)} files {word} here stay so in {fact.tags[-1]}: {_names(paths)}",
                where="git status",
                hint=to_type(
                    "See whether that still holds for the new code; git stash puts it aside:",
                    f"git diff HEAD -- {named}",
                    _STASH,
                ),
            )


@check(
    "UK148",
    "No untracked file lies where a release has one",
    reads=RepositoryOnPath,
    section=f"{_GUIDE}; {_FACTS}",
    remedy="Move the file away or give it another name.",
)
def untracked_files_do_not_stand_in_the_way(fact: RepositoryOnPath) -> Answer:
    """Git refuses to check out a release over files that it does not know."""
    return _lying(
        fact,
        overwritten=False,
        words="git checkout {tag} refuses because of {files} in the place of its own: {names}",
        sentence="Give what lies there another name, in PowerShell or bash, and look afterwards whether it is still "
        "needed:",
    )


@check(
    "UK149",
    "No ignored file is overwritten by a release",
    reads=RepositoryOnPath,
    section=f"{_FACTS}; .gitignore (v0.2.9.1)",
    remedy="Move the file away or give it another name.",
)
def ignored_files_are_not_overwritten(fact: RepositoryOnPath) -> Answer:
    """Git overwrites an ignored file without a word: what was in it is lost."""
    return _lying(
        fact,
        overwritten=True,
        words="git checkout {tag} overwrites {files} with its own, without a word: {names}",
        sentence="Give what lies there another name, in PowerShell or bash, or its content is lost:",
    )


def _lying(fact: RepositoryOnPath, *, overwritten: bool, words: str, sentence: str) -> Answer:
    nothing = _nothing_to_compare(fact)
    if nothing is not None:
        return nothing
    lying = fact.repository.in_the_way
    if isinstance(lying, Unobserved):
        return lying
    groups: dict[tuple[str, bool], list[InTheWay]] = {}
    for one in lying:
        tag = next((tag for tag in fact.here if tag in one.tags), None)
        if tag is not None and one.overwritten is overwritten:
            groups.setdefault((tag, one.staged), []).append(one)
    if groups:
        return [_in_the_way(tag, found, words, sentence) for (tag, _), found in groups.items()]
    return _not_here(fact) if fact.absent else Passed()


def _in_the_way(tag: str, found: Sequence[InTheWay], words: str, sentence: str) -> Finding:
    paths = [one.path for one in found]
    places = list(dict.fromkeys(one.place for one in found))
    state = "staged" if found[0].staged else "ignored" if found[0].overwritten else "untracked"
    hint = to_type(sentence, *(f"mv {quoted(place)} {quoted(place + '.ours')}" for place in places[:_SHOWN]))
    if found[0].staged:
        hint = to_type("Put them aside (git stash pop would bring them back):", _STASH)
    return error(
        words.format(tag=tag, files=counted(paths, f"{state} file"), names=_names(paths)),
        where=paths[0] if paths[0].isprintable() else "git status --ignored",
        hint=hint,
    )


@check(
    "UK155",
    "No file that nobody tracks lies among the migrations of the next release",
    reads=RepositoryOnPath,
    crosses="0.3.0",
    section=f"Django 1.11.15, db/migrations/loader.py; {_FACTS}",
    remedy="Give the file another name before the checkout.",
)
def migrations_are_the_releases(fact: RepositoryOnPath) -> Answer:
    """Git leaves the file where it lies, and Django loads all there: one written for South stops every migrate."""
    nothing = _nothing_to_compare(fact)
    if nothing is not None:
        return nothing
    strays = fact.repository.strays
    if isinstance(strays, Unobserved):
        return strays
    if fact.absent:
        return _not_here(fact)
    paths = dict(strays).get(fact.tags[-1], ())
    if not paths:
        return Passed()
    return [
        error(
            f"{counted(paths, 'untracked file')} among the migrations of {fact.tags[-1]}, which loads every file "
            f"there: {_names(paths)}",
            where=paths[0],
            hint=to_type(
                "Give what lies there a name that is not taken for a migration (is it applied? see UK301 first), in "
                "PowerShell or bash:",
                *(f"mv {quoted(path)} {quoted(path + '.ours')}" for path in paths[:_SHOWN]),
            ),
        )
    ]


# What was begun and not ended


@check(
    "UK150",
    "No merge, rebase or other work of git is under way",
    reads=RepositoryOfSite,
    section=_FACTS,
    remedy="End what was begun: git status says how.",
)
def nothing_is_under_way(fact: RepositoryOfSite) -> Answer:
    """Git refuses to check out over conflicts, and forgets a merge that was not committed."""
    return list(_under_way(fact.repository)) or Passed()


def _under_way(repository: Repository) -> Iterator[Finding]:
    if repository.unmerged:
        word = next(iter(repository.unfinished), "merge")
        yield error(
            f"{counted(repository.unmerged, 'file')} with conflicts that nobody settled: {_names(repository.unmerged)}",
            where="git status",
            hint=to_type("Give up what led to them, or settle each, git add it and git commit:", _giving_up(word))
            if repository.unfinished
            else to_type(
                "Settle each, or take the commit's own files back:", "git status", "git checkout HEAD -- FILE"
            ),
        )
    elif repository.unfinished:
        yield warning(
            f"a {' and a '.join(repository.unfinished)} was begun and not ended; git checkout drops or confuses it",
            where="git status",
            hint=to_type("Give it up, or end it as git status says:", *map(_giving_up, repository.unfinished)),
        )
    if repository.lock is not None:
        yield error(
            "another git is at work here, or died at it: git checkout refuses while this file is there",
            where=str(repository.lock),
            hint=to_type(
                "If no git runs (and no editor that git opened), remove it, in PowerShell or bash:",
                f"rm {_word(repository.lock)}",
            ),
        )


def _word(path: object) -> str:
    return quoted(str(path))


def _giving_up(word: str) -> str:
    return "git bisect reset" if word == "bisect" else f"git {word} --abort"


@check(
    "UK151",
    "The site has no commits of its own",
    reads=RepositoryOfSite,
    section=f"{_GUIDE}; {_FACTS}",
    remedy="Keep the commits under a branch, and put into the new code what is still needed.",
)
def there_are_no_local_commits(fact: RepositoryOfSite) -> Answer:
    """What was committed here only is not in the code of the release that is checked out."""
    head = fact.repository.head
    if isinstance(head, Unobserved):
        return head
    if head.commit is None:
        return NotApplicable("nothing was ever committed here")
    if isinstance(head.local_commits, Unobserved):
        return head.local_commits
    if not head.local_commits:
        return Passed()
    if head.release is None and not fact.repository.tags:
        return NotApplicable("no tag is here to tell the site's own commits from the project's; see UK144")
    base = fact.start_tag if head.release is None else head.release.tag
    kept = f"They stay on the branch {head.branch}." if head.branch else "HEAD is on no branch: give them one."
    return (
        warning(
            f"{counted(head.local_commits, 'commit')} of no release and no remote, which the next release has not: "
            f"{_names(head.local_commits)}",
            where=f"git log {base}..HEAD",
            hint=to_type(
                f"{kept} See what they change, and bring into the new code what it needs:",
                *(() if head.branch else ("git branch changes-of-this-site",)),
                f"git diff --stat {base} HEAD",
            ),
        ),
    )


# Where code comes from


@check(
    "UK152",
    "origin is the repository that still exists",
    reads=RepositoryOfSite,
    section=_RETIRED,
    remedy=f"git remote set-url origin {_HOME}",
)
def origin_still_exists(fact: RepositoryOfSite) -> Answer:
    """The project is no more at Bitbucket, and GitHub answers git:// no more: git fetch fails there."""
    remotes = fact.repository.remotes
    findings = [
        warning(
            f"the remote {remote.name} is {remote.address}: {trouble}",
            where=f"git remote get-url {remote.name}",
            hint=to_type("Point it at the one that still exists:", f"git remote set-url {quoted(remote.name)} {_HOME}"),
        )
        for remote in remotes
        if (trouble := _trouble_with(remote))
    ]
    origin = next((remote for remote in remotes if remote.name == "origin"), None)
    if origin is None:
        findings.append(
            warning(
                "no remote is called origin, which the plan fetches from",
                where="git remote",
                hint=to_type("Add it:", f"git remote add origin {_HOME}"),
            )
        )
    elif not findings and not _is_the_projects_own(origin):
        findings.append(
            info(
                f"origin is {origin.address}, not the project's own repository; the plan sets it to that",
                where="git remote get-url origin",
                hint=to_type(
                    "To keep the address, give it another name first:",
                    "git remote rename origin ours",
                    f"git remote add origin {_HOME}",
                ),
            )
        )
    return findings or Passed("" if origin is None else origin.address)


def _trouble_with(remote: Remote) -> str:
    """Return why nothing can be fetched from an address, or ``""``."""
    host, path = _host_and_path(remote.address)
    if re.search(r"(^|\.)bitbucket\.org$", host) and ("tohccmedphys" in path or path.endswith("/qatrackplus")):
        return "the project left Bitbucket, and the repository there is gone"
    if host == "github.com" and remote.address.lower().startswith("git://"):
        return "GitHub answers git:// no more, only https:// and ssh"
    return ""


def _is_the_projects_own(remote: Remote) -> bool:
    return _host_and_path(remote.address) == ("github.com", "qatrackplus/qatrackplus")


def _host_and_path(address: str) -> tuple[str, str]:
    """Return where an address leads, in small letters, without port and ``.git``."""
    host, _, path = re.sub(r"^[a-z0-9+.-]+://", "", address, flags=re.IGNORECASE).partition("/")
    name, _, rest = host.partition(":")
    if rest and not rest.isdigit():
        path = f"{rest}/{path}"
    return name.lower(), path.lower().strip("/").removesuffix(".git").strip("/")


@check(
    "UK153",
    "git pull does not lead past the target",
    reads=RepositoryOnPath,
    section=f"{_GUIDE}: git checkout master, git pull",
    remedy="Do not pull; check out the tag that the plan names.",
)
def pull_does_not_lead_past_the_target(fact: RepositoryOnPath) -> Answer:
    """The guide pulls master, which is years later than 0.3.0 by now and not what the path leads to."""
    nothing = _at_target(fact)
    if nothing is not None:
        return nothing
    head = fact.repository.head
    if isinstance(head, Unobserved):
        return head
    if head.upstream is None:
        return Passed(f"no branch to pull into: {head.branch or 'HEAD is on none'}")
    upstream = head.upstream
    lands = f", to {upstream.described}" if isinstance(upstream.described, str) else ""
    brings = (
        f"would bring {upstream.behind} commits{lands}, by what the last fetch told"
        if upstream.behind
        else f"brings nothing by what the last fetch told{lands.replace(', to', ', which was')}, and more after a fetch"
    )
    return (
        info(
            f"{head.branch} follows {upstream.name}, and git pull {brings}",
            where=f"branch {head.branch}",
            hint=to_type("Do not pull as the guide says; the plan checks out the releases by tag:", *_checkouts(fact)),
        ),
    )


def _checkouts(fact: RepositoryOnPath) -> Iterator[str]:
    return (f"git checkout {tag}" for tag in fact.tags)


@check(
    "UK154",
    "All files of the release are checked out",
    reads=RepositoryOfSite,
    section=_FACTS,
    remedy="git sparse-checkout disable",
)
def all_files_are_checked_out(fact: RepositoryOfSite) -> Answer:
    """In a sparse checkout git leaves out files of the next release, too."""
    if not fact.repository.is_sparse:
        return Passed()
    return (
        warning(
            "git was told to check out part of the files only (core.sparseCheckout)",
            where="git config core.sparseCheckout",
            hint=to_type("Check out all of them:", "git sparse-checkout disable"),
        ),
    )


CHECKS = (
    git_is_installed,
    folder_is_a_work_tree,
    head_is_the_version,
    tags_are_here,
    tags_are_the_published_ones,
    changes_do_not_stand_in_the_way,
    changes_are_not_carried_along,
    untracked_files_do_not_stand_in_the_way,
    ignored_files_are_not_overwritten,
    migrations_are_the_releases,
    nothing_is_under_way,
    there_are_no_local_commits,
    origin_still_exists,
    pull_does_not_lead_past_the_target,
    all_files_are_checked_out,
)
