"""How the environment of one release is made: files, limits, and what no longer goes as they say."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A requirement line that cannot be installed as it stands, and what to type instead.

    Attributes:
        line: what the line holds.
        python: PEP 440 specifier of the Pythons that it concerns; empty for all.
        system: the system that it concerns (``Windows``, ``Linux``); empty for all.
        severity: ``info`` where it concerns some sites only, else ``warning``.
        problem: what goes wrong, one sentence.
        powershell: lines to type in PowerShell.
        bash: lines to type in bash.
        source: where this was seen, and when.
    """

    line: str
    python: str
    system: str
    severity: str
    problem: str
    powershell: tuple[str, ...]
    bash: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installing:
    """How the environment of a release is made.

    Attributes:
        size_mib: the room that such an environment takes, with what pip needs beside it, in MiB.
        files: ``(who needs them, requirement files)``: ``any``, a system (``Windows``) or a database vendor.
        provides: ``(name in a requirement line, names of the distributions that it installs)`` where they differ.
        python_ends: ``(Python, the day its support ended)``, as ``3.6`` and ``2021-12-23``.
        pips: ``(Python, oldest and newest pip that install the release under it)``.
        troubles: requirement lines that cannot be installed as they stand.
        source: document and section, or what was measured.
    """

    size_mib: int
    files: tuple[tuple[str, tuple[str, ...]], ...]
    provides: tuple[tuple[str, tuple[str, ...]], ...]
    python_ends: tuple[tuple[str, str], ...]
    pips: tuple[tuple[str, tuple[Version, Version]], ...]
    troubles: tuple[Trouble, ...]
    source: str

    @property
    def every_file(self) -> tuple[str, ...]:
        """Every requirement file, each once."""
        return tuple(dict.fromkeys(file for _, files in self.files for file in files))

    def files_for(self, *who: str) -> tuple[str, ...]:
        """Return the requirement files for a system and a database vendor, and those for any."""
        return tuple(dict.fromkeys(file for name, files in self.files if name in ("any", *who) for file in files))
