"""Asks git about one folder, so that nothing is written, fetched, prompted for or run on the folder's behalf."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from packaging.version import Version

from upgrade_kit.deployment.asking import Answer, ask
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved

GIT_SECONDS = 20.0
OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024
NOT_INSTALLED = "git is not installed here"
# Builders append their own: .windows.1, (Apple Git-154).
_VERSION = re.compile(r"^git version (\d+(?:\.\d+)+)", re.MULTILINE)
# git obeys these before it looks at the folder it is pointed at.
_REDIRECTIONS = frozenset(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"))
_SETTINGS: Mapping[str, str] = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_TRUSTED = ("-c", "safe.directory=*")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAsker:
    """Asks the git on a PATH about one folder.

    Attributes:
        program: the program.
        root: the folder that holds ``.git``; a repository further up is not looked for.
        environment: its environment.
        options: what stands before each command.
    """

    program: str
    root: Path
    environment: Mapping[str, str]
    options: tuple[str, ...] = _TRUSTED

    @classmethod
    def of(cls, root: Path, environment: Mapping[str, str] | None = None) -> Self | Unobserved:
        """Find git, or say that there is none."""
        base = os.environ if environment is None else environment
        program = shutil.which("git", path=base.get("PATH", os.defpath))
        if program is None:
            return Unobserved(NOT_INSTALLED)
        settings = {name: value for name, value in base.items() if name not in _REDIRECTIONS}
        settings.update(_SETTINGS, GIT_CEILING_DIRECTORIES=str(root.parent))
        return cls(program=program, root=root, environment=settings)

    def but_with(self, *options: str) -> GitAsker:
        """Return one that asks with these options, too, before each command."""
        return GitAsker(
            program=self.program, root=self.root, environment=self.environment, options=(*self.options, *options)
        )

    def as_its_user_would(self) -> GitAsker:
        """Return one that git refuses wherever it refuses the user who runs this."""
        return GitAsker(program=self.program, root=self.root, environment=self.environment, options=())

    def answer(self, *words: str) -> Answer | Unobserved:
        """Ask, and return what it said, whatever its exit status."""
        answer = ask(
            [self.program, "--no-pager", "-c", "core.fsmonitor=false", *self.options, "-C", self.root, *words],
            timeout_seconds=GIT_SECONDS,
            environment=self.environment,
            limit_bytes=OUTPUT_LIMIT_BYTES,
            errors_apart=True,
        )
        return Unobserved(f"git {answer.reason}") if isinstance(answer, Unobserved) else answer

    def text(self, *words: str) -> str | Unobserved:
        """Ask, and return its output, or why there is none."""
        answer = self.answer(*words)
        if isinstance(answer, Unobserved):
            return answer
        return answer.text if answer.status == 0 else Unobserved(refusal(answer, self.root))

    def fields(self, *words: str) -> tuple[str, ...] | Unobserved:
        r"""Ask, and return its output where each part ends in ``\0``, or why there is none."""
        text = self.text(*words)
        return text if isinstance(text, Unobserved) else tuple(text.split("\0")[:-1])

    def version(self) -> Version | Unobserved:
        """Return git's version."""
        text = self.text("version")
        return text if isinstance(text, Unobserved) else parse_version(text)


def parse_version(text: str) -> Version | Unobserved:
    """Return the version in what ``git version`` printed; what builders append does not count."""
    found = _VERSION.search(text)
    return Version(found[1]) if found else Unobserved(f"git version printed {text.strip()[:80]!r}")


def distrusts(answer: Answer | Unobserved) -> bool:
    """Return whether git refused because the folder belongs to another user."""
    said = "" if isinstance(answer, Unobserved) else answer.errors
    return "dubious ownership" in said or "unsafe repository" in said


def refusal(answer: Answer, root: Path) -> str:
    """Return why git did not do what it was asked to, in one sentence."""
    if distrusts(answer):
        return (
            "git refuses because the checkout belongs to another user; to allow it, type: "
            f"git config --global --add safe.directory {quoted(root.as_posix())}"
        )
    lines = [line.strip() for line in (answer.errors or answer.text).splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return f"git stopped with status {answer.status}: {next(iter(fatal or lines), 'it said nothing')}"


def in_portions(paths: Iterable[str], letters: int = 8000) -> Iterable[tuple[str, ...]]:
    """Yield paths in portions that fit on a command line; Windows takes 32767 characters."""
    portion: list[str] = []
    length = 0
    for path in paths:
        if portion and length + len(path) > letters:
            yield tuple(portion)
            portion, length = [], 0
        portion.append(path)
        length += len(path) + 3
    if portion:
        yield tuple(portion)
