"""Reads what each release requires, from its requirement files at its tag, without checking anything out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from posixpath import normpath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from upgrade_kit.deployment.git import GitAsker, refusal
from upgrade_kit.model.path import Release
from upgrade_kit.model.requirement import ReleaseRequirements, RequirementFile, RequirementLine, Requirements
from upgrade_kit.model.unobserved import Unobserved

_FILES_AT_MOST = 50
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"\s--?[A-Za-z][\w-]*[=\s].*$")  # --hash=sha256:..., after the requirement itself
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s*=\s*|\s+|(?=[^-=\s]))(?P<file>.+)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s*=\s*|\s+)(?P<what>.+)")
_URL = re.compile(r"[A-Za-z][\w+.-]*:(?://)?\S+")
_EGG = re.compile(r"[#&]egg=(?P<name>[A-Za-z0-9][\w.-]*)")
_REPOSITORY = re.compile(r"/(?P<name>[^/@#?]+?)(?:\.git)?(?:@[^/#]*)?(?:[#?].*)?$")
_PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")
_TAG = re.compile(r"\w[\w./-]*")

_Show = Callable[[str], str | Unobserved]


def read_requirements(
    root: Path, releases: Sequence[Release], *, environment: Mapping[str, str] | None = None
) -> Requirements | Unobserved:
    """Read the requirement files of each release from the site's own repository.

    Args:
        root: the folder that holds ``manage.py``.
        releases: the releases; those whose rules name no requirement files are left out.
        environment: environment for git; ``None`` hands down this process's own.
    """
    if not (root / ".git").exists():
        return Unobserved(
            "the site's folder is no git checkout, from which the requirement files of other releases could be read. "
            "Make it one as UK142 says, and this is looked at",
            asked=False,
        )
    described = [release for release in releases if release.installing is not None]
    git = GitAsker.of(root, environment)
    return Requirements(
        releases=tuple(
            (release.version, git if isinstance(git, Unobserved) else _of_release(git, release))
            for release in described
        )
    )


def _of_release(git: GitAsker, release: Release) -> ReleaseRequirements | Unobserved:
    if not _TAG.fullmatch(release.tag):
        return Unobserved(f"{release.tag!r} is no tag that git can be asked about")
    there = git.answer("rev-parse", "--verify", "--quiet", f"refs/tags/{release.tag}^{{commit}}")
    if isinstance(there, Unobserved):
        return there
    if there.status == 1:
        return Unobserved(
            f"the tag {release.tag} is not in the site's repository; to get it, type: git fetch --tags origin"
        )
    if there.status != 0:
        return Unobserved(refusal(there, git.root))

    def show(file: str) -> str | Unobserved:
        answer = git.answer("show", f"refs/tags/{release.tag}:{file}")
        if isinstance(answer, Unobserved):
            return answer
        return answer.text if answer.status == 0 else Unobserved(f"it is not there at the tag {release.tag}")

    names = () if release.installing is None else release.installing.every_file
    return gather_requirements(release.tag, names, show)


def gather_requirements(tag: str, names: Sequence[str], show: _Show) -> ReleaseRequirements:
    """Read requirement files and all that they take in.

    Args:
        tag: for whoever reads of them.
        names: the files to begin with.
        show: gives the text of a file, or why not.
    """
    files: dict[str, RequirementFile] = {}
    missing: dict[str, str] = {}
    waiting = list(names)
    while waiting and len(files) < _FILES_AT_MOST:
        name = waiting.pop(0)
        if name in files or name in missing:
            continue
        text = show(name)
        if isinstance(text, Unobserved):
            missing[name] = text.reason
            continue
        files[name] = parse_requirements(text, name)
        waiting += files[name].includes
    return ReleaseRequirements(tag=tag, files=tuple(files.values()), missing=tuple(missing.items()))


def parse_requirements(text: str, name: str) -> RequirementFile:
    """Read the text of one requirement file, as pip does; a line that cannot be understood is told.

    Args:
        text: its text.
        name: its path in the repository, to which the files that it takes in are relative.
    """
    lines: list[RequirementLine] = []
    includes: list[str] = []
    odd: list[tuple[str, str, str]] = []
    for number, line in _logical_lines(text):
        where = f"{name}:{number}"
        if included := _INCLUDE.fullmatch(line):
            includes.append(_beside(name, included["file"]))
            continue
        editable = _EDITABLE.fullmatch(line)
        if editable is None and line.startswith("-"):
            continue  # what pip is to do with the others: -i, --find-links
        if (editable["what"] if editable else line).startswith((".", "/")):
            continue  # a folder of this very repository
        try:
            lines.append(_requirement(line, editable["what"] if editable else line, where))
        except InvalidRequirement as error:
            odd.append((where, _shown(line), str(error).splitlines()[0]))
    return RequirementFile(name=name, lines=tuple(lines), includes=tuple(includes), odd=tuple(odd))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield each line that says something, with its number; one that ends in ``\`` goes on in the next."""
    begun, so_far = 0, ""
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.rstrip("\r")
        begun = begun or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            so_far += line[:-1]
            continue
        whole = _COMMENT.sub("", so_far + line).strip()
        if whole:
            yield begun, whole
        begun, so_far = 0, ""
    if so_far.strip():
        yield begun, so_far.strip()


def _beside(name: str, file: str) -> str:
    return normpath((PurePosixPath(name).parent / file.strip().replace("\\", "/")).as_posix())


def _requirement(line: str, what: str, where: str) -> RequirementLine:
    if _URL.fullmatch(what.strip("'\"")) or what is not line:
        return _of_address(line, what.strip("'\""), where)
    stated = Requirement(_OPTION.sub("", what))
    return RequirementLine(
        text=_shown(line),
        where=where,
        names=(canonicalize_name(stated.name),),
        specifier=str(stated.specifier),
        marker="" if stated.marker is None else str(stated.marker),
        is_from_git=(stated.url or "").startswith("git"),
    )


def _of_address(line: str, address: str, where: str) -> RequirementLine:
    """Return what a repository, an archive or a folder is the source of."""
    address, _, marker = address.partition(";")
    names = [found["name"] for pattern in (_EGG, _REPOSITORY) if (found := pattern.search(address.strip()))]
    if not names:
        raise InvalidRequirement("nothing in the line names a distribution (#egg=NAME)")
    return RequirementLine(
        text=_shown(line),
        where=where,
        names=tuple(dict.fromkeys(map(canonicalize_name, names))),
        specifier="",
        marker=marker.strip(),
        is_from_git=address.startswith("git"),
    )


def _shown(line: str) -> str:
    """Return a line without the user and the password that an address in it may hold."""
    return _PASSWORD.sub("***@", line)[:300]
