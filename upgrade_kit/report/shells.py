"""Commands as they are typed: words quoted for bash and for PowerShell, and the lines of a step."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from upgrade_kit.model.plan import Action, CopyFile, PlannedStep, Run

SHELLS = ("powershell", "bash")
SYSTEM_OF = {"powershell": "Windows", "bash": "Linux"}
SHELL_OF = {system: shell for shell, system in SYSTEM_OF.items()}

_BASH_PLAIN = re.compile(r"[A-Za-z0-9_./:+,@%-][A-Za-z0-9_./:=+,@%-]*")
_POWERSHELL_PLAIN = re.compile(r"(?:[A-Za-z0-9_./:\\]|-(?=-?[A-Za-z0-9_-]*$))[A-Za-z0-9_./:\\=+-]*")
_NUMBER = re.compile(r"[0-9]+\.?[0-9]*|0[xX].*|[0-9].*[A-Za-z]+")
# PowerShell takes each of them for the quotation mark that ends a literal.
_SINGLE_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
_SAFE_IN_DOUBLE_QUOTES = re.compile(r"[A-Za-z0-9 _./:\\-]")


def bash_word(word: str) -> str:
    """Return a word as bash takes it literally, on one line."""
    return word if _BASH_PLAIN.fullmatch(word) else bash_literal(word)


def bash_literal(word: str) -> str:
    r"""Return a word in single quotes; what cannot be typed is written as ``$'\x0a'``, byte by byte."""
    if all(character.isprintable() for character in word):
        return "'" + word.replace("'", "'\\''") + "'"
    escaped = "".join(
        {"'": "\\'", "\\": "\\\\"}.get(character, character)
        if character.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
        for character in word
    )
    # a digit of hexadecimal that follows an escape would be read as a part of it
    return "$'" + re.sub(r"(\\x[0-9a-f]{2})(?=[0-9A-Fa-f])", r"\1'$'", escaped) + "'"


def powershell_word(word: str) -> str:
    """Return an argument as PowerShell takes it literally."""
    return word if _POWERSHELL_PLAIN.fullmatch(word) and not _NUMBER.fullmatch(word) else powershell_literal(word)


def powershell_literal(word: str) -> str:
    """Return a word in single quotes, in which PowerShell replaces nothing; what cannot be typed, by its number."""
    if not all(character.isprintable() for character in word):
        inner = "".join(
            character if _SAFE_IN_DOUBLE_QUOTES.fullmatch(character) else _by_number(character) for character in word
        )
        return f'"{inner}"'
    return "'" + _SINGLE_QUOTES.sub(lambda match: match[0] * 2, word) + "'"


def _by_number(character: str) -> str:
    encoded = character.encode("utf-16-be", "surrogatepass")
    units = (int.from_bytes(encoded[place : place + 2]) for place in range(0, len(encoded), 2))
    return "".join(f"$([char]0x{unit:04x})" for unit in units)


def shown(text: str) -> str:
    """Return a text on one line: what cannot be shown is escaped, so that nothing a site wrote forges a line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def step_lines(step: PlannedStep, shell: str) -> list[str]:
    """Return what a person types to carry out a step, one command a line.

    Args:
        step: the step.
        shell: ``powershell`` or ``bash``.
    """
    return list(_lines(step.actions, _POWERSHELL if shell == "powershell" else _BASH))


def _lines(actions: Iterable[Action], shell: _Shell) -> Iterator[str]:
    folder = ""
    for action in actions:
        if isinstance(action, CopyFile):
            yield from shell.copy(shell.path(action.source), shell.path(action.target))
            continue
        if action.folder is not None and shell.path(action.folder) != folder:
            folder = shell.path(action.folder)
            yield f"cd {shell.word(folder)}"
        yield from shell.run(action)


class _Shell:
    """How one shell writes a path, a word, a command and a copy."""

    def __init__(
        self,
        path: Callable[[Path], str],
        word: Callable[[str], str],
        run: Callable[[Run], Iterator[str]],
        copy: Callable[[str, str], Iterator[str]],
    ) -> None:
        self.path = path
        self.word = word
        self.run = run
        self.copy = copy


def bash_path(path: Path) -> str:
    """Return a path with slashes, which it lost where it was read on Windows; one of Windows itself stays as it is."""
    return str(path) if PureWindowsPath(path).drive else path.as_posix()


def _typed_in_bash(word: str) -> str:
    """Return a word; the home folder of the guide's own paths stays a ``~``."""
    return f"~/{bash_word(word[2:])}" if word.startswith("~/") and len(word) > len("~/") else bash_word(word)


def _bash_run(run: Run) -> Iterator[str]:
    settings = [f"{name}={bash_word(value)}" for name, value in run.environment]
    yield " ".join([*settings, *map(_typed_in_bash, run.words)])


def _bash_copy(source: str, target: str) -> Iterator[str]:
    yield f"mkdir -p -m 700 {_typed_in_bash(str(PurePosixPath(target).parent))}"
    yield f"cp -p {_typed_in_bash(source)} {_typed_in_bash(target)}"


def _powershell_run(run: Run) -> Iterator[str]:
    for name, value in run.environment:
        yield f"$env:{name} = {powershell_literal(value)}"
    program, *arguments = map(powershell_word, run.words)
    called = f"& {program}" if program.startswith("'") else program
    yield " ".join([called, *arguments])


def _powershell_copy(source: str, target: str) -> Iterator[str]:
    yield f"New-Item -ItemType Directory -Force -Path {powershell_word(str(PureWindowsPath(target).parent))}"
    yield f"Copy-Item -LiteralPath {powershell_word(source)} -Destination {powershell_word(target)}"


_BASH = _Shell(bash_path, _typed_in_bash, _bash_run, _bash_copy)
_POWERSHELL = _Shell(str, powershell_word, _powershell_run, _powershell_copy)
