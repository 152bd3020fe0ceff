"""What a release requires, as its requirement files say it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version

from upgrade_kit.model.unobserved import Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementLine:
    """One line that names a distribution.

    Attributes:
        text: the line, without comment, and without what it holds of a user and a password.
        where: ``"file:line"`` at the release's tag.
        names: the distribution's name, normalised (PEP 503); for a repository also the repository's own name.
        specifier: the versions that will do, as PEP 440 writes them; may be empty.
        marker: where it is needed, as PEP 508 writes it; may be empty.
        is_from_git: whether pip has to clone a repository for it.
    """

    text: str
    where: str
    names: tuple[str, ...]
    specifier: str
    marker: str
    is_from_git: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementFile:
    """One requirement file at a tag.

    Attributes:
        name: its path in the repository.
        lines: what it requires.
        includes: the files that it takes in (``-r``).
        odd: ``(file:line, text, reason)`` of lines that cannot be understood.
    """

    name: str
    lines: tuple[RequirementLine, ...]
    includes: tuple[str, ...]
    odd: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequirements:
    """The requirement files of one release, with all that they take in.

    Attributes:
        tag: the git tag at which they were read.
        files: those that are there.
        missing: ``(file, reason)`` of those that are named, by the rules or by another file, and cannot be read.
    """

    tag: str
    files: tuple[RequirementFile, ...]
    missing: tuple[tuple[str, str], ...]

    def reached_from(self, names: tuple[str, ...]) -> tuple[RequirementFile, ...]:
        """Return these files and all that they take in, each once."""
        known = {file.name: file for file in self.files}
        reached: dict[str, RequirementFile] = {}
        waiting = list(names)
        while waiting:
            file = known.get(waiting.pop(0))
            if file is not None and file.name not in reached:
                reached[file.name] = file
                waiting += file.includes
        return tuple(reached.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """The requirement files of every release that the rules know, from the site's own repository.

    Attributes:
        releases: ``(version, its files)``; ``Unobserved`` where the repository lacks the tag.
    """

    releases: tuple[tuple[Version, ReleaseRequirements | Unobserved], ...]

    def at(self, version: Version) -> ReleaseRequirements | Unobserved:
        """Return the files of one release."""
        unknown = Unobserved(f"no rule says which requirement files QATrack+ {version} has", asked=False)
        return dict(self.releases).get(version, unknown)
