"""The fenced blocks of a Markdown page, and the command lines of the kit in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

PROMPT = "$ upgrade-kit "
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(upgrade-kit [^`]+)`")
_SHELLS = ("bash", "powershell")
_GOES_ON = {"bash": "\\", "powershell": "`"}  # at the end of a line that goes on in the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A command of a ``console`` block, with what it is shown to print."""

    command: str
    output: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command line of a ``bash`` or ``powershell`` block, as it is to be typed; its output is not shown."""

    shell: str
    command: str


def told(page: str) -> Iterator[Told]:
    """Return the commands of the page's ``console`` blocks, in order, with the output below each."""
    for fence in _FENCE.finditer(page):
        if fence["language"] == "console":
            yield from _told(fence["text"])


def _told(text: str) -> Iterator[Told]:
    command, output = "", list[str]()
    for line in text.splitlines():
        if line.startswith(PROMPT):
            if command:
                yield Told(command=command, output=tuple(output))
            command, output = line.removeprefix("$ "), []
        else:
            output.append(line)
    if command:
        yield Told(command=command, output=tuple(output))


def with_outputs(page: str, outputs: Iterator[tuple[str, ...]]) -> str:
    """Return the page with another output below each command of its ``console`` blocks."""

    def renewed(fence: re.Match[str]) -> str:
        blocks = list(_told(fence["text"])) if fence["language"] == "console" else []
        if not blocks:
            return fence[0]
        lines = [line for block in blocks for line in (f"$ {block.command}", *next(outputs))]
        return "\n".join(["```console", *lines, "```"])

    return _FENCE.sub(renewed, page)


def typed(page: str) -> Iterator[Typed]:
    """Return the kit's command lines in the page's ``bash`` and ``powershell`` blocks."""
    for fence in _FENCE.finditer(page):
        shell = fence["language"]
        if shell not in _SHELLS:
            continue
        text = fence["text"].replace(f"{_GOES_ON[shell]}\n", " ")
        for line in text.splitlines():
            if line.strip().startswith("upgrade-kit "):
                yield Typed(shell=shell, command=line.strip())


def mentioned(page: str) -> Iterator[str]:
    """Return what the page says of the kit's commands in the middle of its prose, or as an outline of their use."""
    for fence in _FENCE.finditer(page):
        if fence["language"] in {"console", ""}:
            yield from (line for line in fence["text"].splitlines() if line.startswith("upgrade-kit "))
    yield from _INLINE.findall(_FENCE.sub("", page))
