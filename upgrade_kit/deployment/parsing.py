"""Parses a site's Python files without running them, whichever Python they were written for."""

from __future__ import annotations

import ast
import io
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from upgrade_kit.model.unobserved import Unobserved

SIZE_LIMIT_BYTES = 4 * 1024 * 1024
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# What only Python 2 can read and what stands on one line in both, so that line numbers hold.
_FIXES = ("except", "exec", "ne", "numliterals", "print", "raise", "repr")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """One file's syntax tree.

    Attributes:
        tree: the module; line numbers are the file's own.
        python2_line: the line at which Python 3 stops where only Python 2 can parse the text, else ``None``.
        notes: what a person should know of the file's encoding, one sentence each.
        undeclared_line: the line of a byte for which no Python takes the file, for want of a coding line.
    """

    tree: ast.Module
    python2_line: int | None
    notes: tuple[str, ...]
    undeclared_line: int | None = None


def parse_file(path: Path, name: str) -> ParsedFile | Unobserved:
    """Parse a Python file as Python 3, else as Python 2; a reason names file and line.

    Args:
        path: the file.
        name: how to call it in messages.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        return Unobserved(f"{name} cannot be read: {error.strerror or error}")
    if len(raw) > SIZE_LIMIT_BYTES:
        return Unobserved(f"{name} is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB and was not read")
    if b"\0" in raw and not raw.startswith(_UTF16_MARKS):
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        return Unobserved(f"{name}, line {line}: a NUL, which no Python reads; save the file as UTF-8")
    decoded = _decode(raw, name)
    if isinstance(decoded, Unobserved):
        return decoded
    text, notes, undeclared = decoded
    try:
        return ParsedFile(tree=_parse(text), python2_line=None, notes=notes, undeclared_line=undeclared)
    except (RecursionError, MemoryError):
        return Unobserved(f"{name} is nested too deeply to be parsed")
    except (SyntaxError, ValueError) as error:
        python3_line = getattr(error, "lineno", None) or 0
    python2_line = 0
    # Only ur'...' needs the last fix, which takes the u off every other text too.
    for fixes in (_FIXES, (*_FIXES, "unicode")):
        fixed = _as_python3(text, fixes)
        if isinstance(fixed, int):
            python2_line = fixed
            break
        try:
            tree = _parse(fixed)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        python2_line = _first_difference(text, fixed, python3_line)
        return ParsedFile(tree=tree, python2_line=python2_line, notes=notes, undeclared_line=undeclared)
    line = max(python2_line, python3_line)
    return Unobserved(f"{name}, line {line}: neither Python 3 nor Python 2 can parse it")


def _first_difference(text: str, fixed: str, at_most: int) -> int:
    """Return the first line that had to be changed, no later than where Python 3 stops."""
    pairs = zip(_lines(text), _lines(fixed), strict=False)
    return next((row for row, (old, new) in enumerate(pairs, 1) if old.split() != new.split()), at_most) or at_most


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        # "C:\data" in a plain string warns; that is the site's own matter.
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _decode(raw: bytes, name: str) -> tuple[str, tuple[str, ...], int | None] | Unobserved:
    """Decode as Python would; where Python would refuse, read on and say so, with the line if every Python would."""
    if raw.startswith(_UTF16_MARKS):
        return Unobserved(f"{name} is UTF-16, which no Python reads as source; save it as UTF-8")
    marked = raw.startswith(b"\xef\xbb\xbf")
    try:
        cookie = coding_line(raw)
    except (LookupError, UnicodeError):
        return Unobserved(f"{name} names an encoding that does not exist in its coding line")
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode(cookie or "utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        if cookie or marked:
            return Unobserved(f"{name}, line {line}: the bytes are not in the encoding that the file declares")
        note = (
            f"{name}, line {line}: byte 0x{raw[error.start]:02x} without a coding line; Python 2 and Python 3"
            " both refuse such a file, it was read as cp1252"
        )
        return raw.decode("cp1252", "replace"), (note,), line
    if cookie or marked or text.isascii():
        return text, (), None
    line = next(number for number, part in enumerate(raw.split(b"\n"), 1) if not part.isascii())
    return text, (f"{name}, line {line}: non-ASCII text without a coding line, which Python 2 refuses",), None


def coding_line(raw: bytes) -> str | None:
    """Return the encoding of a coding line (PEP 263), or ``None`` where there is none.

    Raises:
        LookupError: the coding line names no known encoding.
    """
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", raw[:4096].removeprefix(b"\xef\xbb\xbf"), maxsplit=2)[:2]):
        found = re.match(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", line)
        if found:
            encoding = found.group(1).decode("ascii")
            "".encode(encoding)
            return encoding
        if number == 0 and not re.match(rb"[ \t\f]*(?:#.*)?$", line):
            return None
    return None


def _as_python3(text: str, fixes: Sequence[str]) -> str | int:
    """Return Python 2 text as Python 3 text, line for line, or the line where Python 2 would stop too."""
    from fissix import pygram  # noqa: PLC0415 - only for Python 2
    from fissix.pgen2.parse import ParseError  # noqa: PLC0415 - only for Python 2
    from fissix.pgen2.tokenize import TokenError  # noqa: PLC0415 - only for Python 2
    from fissix.refactor import RefactoringTool  # noqa: PLC0415 - only for Python 2

    text = "\n".join(_lines(text)) + "\n"
    tool = RefactoringTool([f"fissix.fixes.fix_{name}" for name in fixes])
    tool.driver.grammar = pygram.python_grammar
    with suppress(TokenError, IndentationError, KeyError):  # the parser below stops no later, and knows the line
        text = _spaces_for_tabs(text)
    try:
        return str(tool.refactor_string(text, "settings"))
    except ParseError as error:
        return int(error.context[1][0])
    except TokenError as error:
        return int(error.args[1][0])
    except IndentationError as error:
        return error.lineno or 0
    except (KeyError, RecursionError):  # a sign that is no operator; nested too deeply
        return 0


def _spaces_for_tabs(text: str) -> str:
    """Indent with spaces as Python 2 counts a tab: to the next multiple of 8."""
    from fissix.pgen2 import token  # noqa: PLC0415 - only for Python 2
    from fissix.pgen2.tokenize import COMMENT, NL, generate_tokens  # noqa: PLC0415 - only for Python 2

    lines = text.split("\n")
    starts_line = True
    for kind, _, (row, _), _, _ in generate_tokens(io.StringIO(text, newline="\n").readline):
        if kind == token.NEWLINE:
            starts_line = True
        elif starts_line and kind not in (token.INDENT, token.DEDENT, NL, COMMENT, token.ENDMARKER):
            starts_line = False
            line = lines[row - 1]
            body = line.lstrip(" \t")
            lines[row - 1] = line[: len(line) - len(body)].expandtabs(8) + body
    return "\n".join(lines)
