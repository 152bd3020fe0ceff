"""Virtual environments and what is installed in them, read from their files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.version import InvalidVersion, Version

from upgrade_kit.model.unobserved import Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What pip calls a package: something that is installed.

    Attributes:
        name: its name, normalised (PEP 503).
        version: its version as the metadata state it.
        needs: the normalised names of what it needs, extras left out.
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()

    @property
    def number(self) -> Version | None:
        """The version as a number, or ``None`` where it is none."""
        try:
            return Version(self.version)
        except InvalidVersion:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment, or an interpreter in whose own folders Django is installed.

    Attributes:
        folder: where it is.
        named_by: what of the site names it (``"VENV_DIRECTORY, QATrack3CherryPyService.py:9"``); empty where it was
            found by looking around.
        found: how it was found.
        python: its version, as it answered or as ``pyvenv.cfg`` says, or why that is not known.
        program: the interpreter in it, or ``None``.
        distributions: what is installed in it, sorted by name, or why that is not known.
        odd: ``(file, reason)`` of metadata that cannot be read.
    """

    folder: Path
    named_by: str
    found: str
    python: Version | Unobserved
    program: Path | None
    distributions: tuple[Distribution, ...] | Unobserved
    odd: tuple[tuple[str, str], ...] = ()

    def installed(self, name: str) -> Distribution | None:
        """Return a distribution by its normalised name, if it is installed."""
        known = () if isinstance(self.distributions, Unobserved) else self.distributions
        return next((one for one in known if one.name == name), None)


class FolderHolds(StrEnum):
    """What is in the folder in which an environment is to be made."""

    NOTHING = "nothing"  # it is not there, or empty
    ENVIRONMENT = "environment"  # with its interpreter and with pip
    HALF = "half an environment"  # the interpreter or pip is missing
    OTHER = "something else"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEnvironment:
    """The folder that the guide has a release's environment made in.

    Attributes:
        folder: where it is or will be.
        holds: what is in it.
        lacks: what is missing of ``HALF`` an environment.
        free_bytes: the free room of its volume, or why that is not known.
    """

    folder: Path
    holds: FolderHolds | Unobserved
    lacks: str
    free_bytes: int | Unobserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """The environments of this machine that may be the site's.

    Attributes:
        found: those that were found, what the site itself names first.
        planned: one folder for each name that the rules give.
        lost: ``(what names it, folder)`` of those that are named, where no environment is.
    """

    found: tuple[Environment, ...]
    planned: tuple[PlannedEnvironment, ...]
    lost: tuple[tuple[str, str], ...] = ()

    def planned_as(self, name: str) -> PlannedEnvironment | None:
        """Return the folder of the name that a release's rules give."""
        return next((one for one in self.planned if one.folder.name == name), None)
