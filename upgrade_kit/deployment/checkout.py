"""Finds a site's folder and the version of the code in it, from the files and from git."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from upgrade_kit.errors import SiteError
from upgrade_kit.model.deployment import (
    Checkout,
)
from upgrade_kit.model.path import Release
from upgrade_kit.model.unobserved import Unobserved

if TYPE_CHECKING:
    from upgrade_kit.deployment.git import GitAsker

_VERSION_LINE = re.compile(rb"^VERSION[ \t]*=[ \t]*[uU]?(['\"])([^'\"\r\n]*)\1", re.MULTILINE)
_DESCRIBED = re.compile(r"[vV]?(?P<tag>\d[\w.]*?)(?:-(?P<ahead>\d+)-g[0-9a-f]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFolder:
    """Where a site is.

    Attributes:
        root: the folder that holds ``manage.py``, absolute.
        note: how it was found where that is not the folder that was given, else ``""``.
    """

    root: Path
    note: str


def find_site(site: str | Path) -> SiteFolder | Unobserved:
    r"""Find the folder that holds ``manage.py``.

    Args:
        site: that folder, its parent, or the ``qatrack`` folder in it; with ``/`` or ``\``.

    Returns:
        The folder, or why there is no QATrack+ checkout in it.

    Raises:
        SiteError: there is no such folder, or it cannot be looked into.
    """
    given = _existing_folder(site)
    try:
        if _is_checkout(given):
            return SiteFolder(root=given, note="")
        if given.name.lower() == "qatrack" and _is_checkout(given.parent):
            return SiteFolder(root=given.parent, note=f"the checkout is {given.parent}, one folder up")
        inside = sorted(filter(_may_be_checkout, given.iterdir()))
    except OSError as error:
        raise SiteError(
            f"the folder {given} cannot be looked into: {error.strerror or error}",
            hint="Run upgrade-kit as a user who may read the site.",
        ) from None
    if len(inside) == 1:
        return SiteFolder(root=inside[0], note=f"the checkout is {inside[0]}, inside the folder that was given")
    if inside:
        return Unobserved(
            f"{given} holds {len(inside)} checkouts ({', '.join(folder.name for folder in inside)}): name one"
        )
    if (given / "manage.py").is_file():
        return Unobserved(f"{given} holds a manage.py but no qatrack/settings.py, so it is no QATrack+ checkout")
    return Unobserved(f"{given} is no QATrack+ checkout: it holds no manage.py with qatrack/settings.py beside it")


def _existing_folder(site: str | Path) -> Path:
    text = os.fspath(site)
    if not os.path.lexists(text):  # PowerShell and cmd leave a quote behind: "C:\\deploy\\qatrackplus\\"
        text = text.strip().strip("\"'")
    hint = "Give the folder that holds manage.py, or leave it out and give --database."
    if not text or "\0" in text:
        raise SiteError(f"{os.fspath(site)!r} is no folder name", hint=hint)
    try:
        path = Path(text)
        if os.sep == "/" and "\\" in text and not path.exists():
            path = Path(text.replace("\\", "/"))
        if not path.exists():
            raise SiteError(f"there is no folder {text}", hint=hint)
        if not path.is_dir():
            raise SiteError(f"{text} is a file, not a folder", hint=hint)
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise SiteError(f"{text} cannot be looked at: {getattr(error, 'strerror', None) or error}", hint=hint) from None


def _is_checkout(folder: Path) -> bool:
    return (folder / "manage.py").is_file() and (folder / "qatrack" / "settings.py").is_file()


def _may_be_checkout(folder: Path) -> bool:
    """Return whether a neighbouring folder is a checkout; one that is closed to this user is none of its."""
    try:
        return folder.is_dir() and _is_checkout(folder)
    except OSError:
        return False


def release_of(version: Version, releases: Iterable[Release]) -> Release | None:
    """Return the release that a version counts as, or ``None`` where the rules know none."""
    for release in releases:
        also = any(SpecifierSet(specifier).contains(version, prereleases=True) for specifier in release.also)
        if version == release.version or also:
            return release
    return None


def declared_version(root: Path) -> tuple[Version, str] | Unobserved:
    """Return the ``VERSION`` that ``qatrack/settings.py`` states, and ``file:line``."""
    name = "qatrack/settings.py"
    try:
        raw = (root / "qatrack" / "settings.py").read_bytes()
    except OSError as error:
        return Unobserved(f"{name} cannot be read: {error.strerror or error}")
    found = list(_VERSION_LINE.finditer(raw.removeprefix(b"\xef\xbb\xbf")))
    if not found:
        return Unobserved(f"{name} has no line VERSION = ...")
    text = found[-1].group(2).decode("utf-8", "backslashreplace")
    line = raw.count(b"\n", 0, found[-1].start()) + 1
    try:
        return Version(text), f"{name}:{line}"
    except InvalidVersion:
        return Unobserved(f"{name}, line {line}: {text!r} is no version number")


def read_checkout(
    root: Path,
    releases: Sequence[Release],
    *,
    environment: Mapping[str, str] | None = None,
) -> Checkout | Unobserved:
    """Read the version of the code in a site's folder.

    The ``VERSION`` line and the git tag of one release do not always agree, so the migrations on disk decide
    which release it is, and the higher of line and tag which point release.

    Args:
        root: the folder that holds ``manage.py``, its parent, or the ``qatrack`` folder in it.
        releases: the releases that the rules know.
        environment: environment for git; ``None`` hands down this process's own.

    Raises:
        SiteError: there is no such folder.
    """
    folder = find_site(root)
    if isinstance(folder, Unobserved):
        return folder
    declared = declared_version(folder.root)
    described = describe(folder.root, environment)
    marks = _marks(folder.root)
    disk = _compare_with_disk(folder.root, releases)
    version, reasons = _conclude(declared, described, disk, releases)
    evidence = [folder.note] if folder.note else []
    evidence.append(declared.reason if isinstance(declared, Unobserved) else f"{declared[1]} says {declared[0]}")
    evidence.append(
        f"git: {described.reason}" if isinstance(described, Unobserved) else f"git calls the commit {described}"
    )
    evidence += [*disk.sentences, *marks, *reasons]
    return Checkout(
        root=folder.root,
        version=version,
        declared=declared if isinstance(declared, Unobserved) else str(declared[0]),
        described=described,
        evidence=tuple(evidence),
    )


# git


def describe(root: Path, environment: Mapping[str, str] | None = None) -> str | Unobserved:
    """Return what ``git describe --tags`` says of a checkout, or why it says nothing. Never writes."""
    from upgrade_kit.deployment.git import GitAsker  # noqa: PLC0415 - loads subprocess

    if not (root / ".git").exists():
        return Unobserved("the folder is not a git checkout of its own (no .git)")
    git = GitAsker.of(root, environment)
    return git if isinstance(git, Unobserved) else describe_commit(git)


def describe_commit(git: GitAsker, commit: str = "HEAD") -> str | Unobserved:
    """Return what ``git describe --tags`` says of a commit, or why it says nothing."""
    # Without --dirty: comparing files would refresh, and so write, the index.
    text = git.text("describe", "--tags", "--match", "[vV0-9]*.*", commit)
    if isinstance(text, str):
        return text.strip()
    if re.search("No names found|No tags can describe|no tag", text.reason, re.IGNORECASE):
        return Unobserved("no version tag leads to this commit (a clone without tags, or without history)")
    return text


# The files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Disk:
    """The release whose migrations are on disk.

    Attributes:
        release: the latest whose migrations are all there, or ``None``.
        exact: whether there are no others that no rule knows.
        later: the first point release that a migration on disk belongs to, or ``None``.
        sentences: for the evidence.
    """

    release: Release | None
    exact: bool
    later: Version | None
    sentences: tuple[str, ...]


def _marks(root: Path) -> list[str]:
    """Return what else on disk tells 0.2.8, 0.2.9 and 0.3.0 apart."""
    marks = []
    if (root / "qatrack" / "qa" / "south_migrations").is_dir():
        marks.append("qatrack/qa/south_migrations is there, which began with 0.3.0")
    if (root / "qatrack" / "data_tables").is_dir():
        marks.append("qatrack/data_tables is there, which ended with 0.2.8")
    return marks


def _migrations_on_disk(root: Path, app: str) -> frozenset[str]:
    """Return the migrations of one app; compiled files that an older checkout left do not count."""
    folder = root / "qatrack" / app / "migrations"
    try:
        names = [entry.name for entry in folder.iterdir()]
    except OSError:
        return frozenset()
    return frozenset(name.removesuffix(".py") for name in names if re.fullmatch(r"\d{4}\w*\.py", name))


def _compare_with_disk(root: Path, releases: Sequence[Release]) -> _Disk:
    apps = sorted({app for release in releases for app, _ in release.migrations})
    on_disk = {app: _migrations_on_disk(root, app) for app in apps}
    if not any(on_disk.values()):
        return _Disk(release=None, exact=False, later=None, sentences=("there are no migrations on disk",))
    best: tuple[Release, int, Version | None] | None = None
    for release in sorted(releases, key=lambda release: release.version):
        wanted = {(app, name) for app, names in release.migrations for name in names}
        there = {(app, name) for app, names in on_disk.items() for name in names}
        if not wanted or wanted - there:
            continue
        later = {(app, name): version for version, app, name in release.later_migrations}
        extra = there - wanted - later.keys()
        newest = max((version for key, version in later.items() if key in there), default=None)
        if best is None or len(extra) <= best[1]:
            best = (release, len(extra), newest)
    if best is None:
        return _Disk(
            release=None,
            exact=False,
            later=None,
            sentences=("the migrations on disk are not complete for any release that the rules know",),
        )
    release, extra_count, newest = best
    sentence = f"the migrations on disk are those of {newest or release.version}"
    if extra_count:
        sentence = f"the migrations on disk hold all of {release.version} and {extra_count} that no rule knows"
    return _Disk(release=release, exact=not extra_count, later=newest, sentences=(sentence,))


def _conclude(
    declared: tuple[Version, str] | Unobserved,
    described: str | Unobserved,
    disk: _Disk,
    releases: Sequence[Release],
) -> tuple[Version | Unobserved, list[str]]:
    """Weigh line, tag and migrations; returns the version and the sentences that say why."""
    line = None if isinstance(declared, Unobserved) else declared[0]
    tag, ahead = _tag(described)
    stated = [version for version in (line, None if ahead else tag) if version is not None]
    if not stated:
        if disk.release is not None and disk.exact:
            return disk.later or disk.release.version, ["neither line nor tag tells more than the migrations do"]
        return Unobserved("neither VERSION, nor git, nor the migrations on disk tell the version"), []
    # A release's line may lag behind its tag; no line is ahead of it.
    version = max(stated)
    nodes = {None if (node := release_of(one, releases)) is None else node.version for one in stated}
    if len(nodes) > 1:
        return _by_migrations(stated, disk, releases)
    if disk.release is not None and disk.release.version in nodes:
        return max(version, disk.later or version), []
    if disk.release is None or (None in nodes and not disk.exact):
        return version, []
    return _contradiction(stated, disk), []


def _by_migrations(
    stated: Sequence[Version], disk: _Disk, releases: Sequence[Release]
) -> tuple[Version | Unobserved, list[str]]:
    """Line and tag name different releases: the one whose migrations are on disk is meant."""
    for version in sorted(stated, reverse=True):
        node = release_of(version, releases)
        if disk.exact and node is not None and disk.release is not None and node.version == disk.release.version:
            return version, [f"line and tag disagree; the migrations on disk speak for {version}"]
    return _contradiction(stated, disk), []


def _contradiction(stated: Sequence[Version], disk: _Disk) -> Unobserved:
    said = " and ".join(str(version) for version in stated)
    return Unobserved(f"the files contradict each other: VERSION or git say {said}, but {disk.sentences[0]}")


def _tag(described: str | Unobserved) -> tuple[Version | None, bool]:
    """Return the version in a description, and whether the commit is later than that tag."""
    found = None if isinstance(described, Unobserved) else _DESCRIBED.fullmatch(described)
    if found is None:
        return None, False
    try:
        return Version(found["tag"]), int(found["ahead"] or 0) > 0
    except InvalidVersion:
        return None, False
