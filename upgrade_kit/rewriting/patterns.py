"""Regular expressions: what they need of the text, and what their groups may hold.

Where an upload's lines end in CRLF, Python 2 saw the carriage returns and 0.3.0's ``FILE`` has none: an expression
that looks at line ends may match on one version alone, and one that takes all up to a line's end takes more.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from upgrade_kit.rewriting import calls, operations
from upgrade_kit.rewriting.arguments import Arguments
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.values import (
    NOTHING,
    TEXT,
    WHOLE,
    Atom,
    BinStream,
    Data,
    Flavour,
    Items,
    Lazy,
    Literal,
    Match,
    Path,
    Pattern,
    Position,
    Row,
    Shape,
    Stream,
    Value,
    data,
    one,
)

METHODS = frozenset({"search", "match", "fullmatch", "findall", "finditer", "split", "sub", "subn"})
FUNCTIONS = frozenset({f"re.{name}" for name in METHODS} | {"re.compile", "re.escape"})
_TOKEN = re.compile(
    r"(?P<what>\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?(?:P<\w+>|[:=!]|<[=!]|[aiLmsux]+\)))?|.)"
    r"(?P<times>[*+?]|\{[\d,]*\})?\??",
    re.DOTALL,
)
_ANY_BLANK = re.compile(r"\\s\+?|\[(?:[^\]\\^]|\\.)*\\s(?:[^\]\\]|\\.)*\]\+?")  # \s+, [,\s]+


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of an expression: a letter, a class, an escape or a bracket, and how often it may stand."""

    what: str
    times: str


def call(machine: Machine, name: str, arguments: Arguments, node: ast.Call) -> Value:
    """Return what a function of ``re`` gives."""
    name = name.removeprefix("re.")
    given = arguments.get(0, "pattern")
    if name == "escape":
        return TEXT
    patterns = frozenset(_pattern(atom) for atom in given)
    place = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(name, 2)
    if arguments.get(place, "flags"):
        patterns = frozenset(Pattern(each.text, each.raw, flags=True) for each in patterns)
    if name == "compile":
        return patterns or one(Pattern(None, raw=False))
    rest = Arguments(arguments.positional[1:], arguments.named, arguments.rest)
    result = NOTHING
    for pattern in patterns:
        result |= _used(machine, pattern, name, rest, node, f"re.{name}")
    return result


def method(machine: Machine, pattern: Pattern, name: str, arguments: Arguments, node: ast.Call) -> Value:
    """Return what a method of a compiled expression gives."""
    if name not in METHODS:
        return WHOLE
    return _used(machine, pattern, name, arguments, node, f"pattern.{name}()")


def of_match(machine: Machine, match: Match, name: str, arguments: Arguments, node: ast.Call) -> Value:
    """Return what a method of a match gives."""
    groups, whole = data(match.flavour, match.groups), data(match.flavour, match.whole)
    match name:
        case "group":
            places = node.args
            if len(places) > 1:
                return one(Row(tuple(groups | whole for _ in places)))
            first = places[0] if places else ast.Constant(0)
            if isinstance(first, ast.Constant):
                return whole if first.value == 0 else groups
            return groups | whole
        case "groups":
            return machine.items(node, groups)
        case "groupdict":
            return machine.items(node, groups)
        case "start" | "end" | "span":
            place = WHOLE if match.flavour is Flavour.BYTES else one(Position())
            return one(Row((place, place))) if name == "span" else place
        case _:
            return groups | whole | arguments.everything()


def _pattern(atom: Atom) -> Pattern:
    match atom:
        case Pattern():
            return atom
        case Literal(text, raw):
            return Pattern(text, raw)
        case _:
            return Pattern(None, raw=isinstance(atom, Data) and atom.flavour is Flavour.BYTES)


def _used(machine: Machine, pattern: Pattern, name: str, arguments: Arguments, node: ast.Call, spelled: str) -> Value:
    substitutes = name in {"sub", "subn"}
    texts = arguments.get(1 if substitutes else 0, "string")
    known = _Expression(pattern.text, flags=pattern.flags)
    found = NOTHING
    for atom in texts:
        shape, flavour = _taken(machine, pattern, known, atom, node, spelled)
        found |= _given(machine, known, name, Data(flavour, shape), node)
    if substitutes:
        match = one(Match(Flavour.TEXT, Shape.TRIMMED, Shape.TRIMMED))
        for replacement in arguments.get(0, "repl"):
            if isinstance(replacement, Literal | Data):
                for atom in found:
                    if isinstance(atom, Data):
                        operations.pair(machine, atom, replacement, node, operations.JOINED)
            else:
                calls.apply(machine, one(replacement), (match,), node)
    return found


def _taken(
    machine: Machine, pattern: Pattern, known: _Expression, atom: Atom, node: ast.Call, spelled: str
) -> tuple[Shape, Flavour]:
    """Note what it needs to read one thing, and return how much of the file that is and what it is on Python 3."""
    match atom:
        case Data(flavour, shape):
            want = Want.BYTES if pattern.raw else Want.TEXT
            machine.want(want, atom, node, f"{spelled} reads {'bytes' if pattern.raw else 'text'}", "UK403")
            if pattern.raw:
                return Shape.TOKEN, Flavour.BYTES
            if known.odd:
                machine.unknown(node, f"{spelled} with a pattern of bytes or of carriage returns")
            elif known.line_ends and flavour is not Flavour.BYTES and shape not in (Shape.TOKEN, Shape.CHAR):
                machine.unknown(node, f"{spelled} with a pattern that asks for line ends, and FILE has one kind")
            return shape, Flavour.TEXT
        case Path() if known.text is None or "_" in known.text or "\\d" in known.text or "-" in known.text:
            machine.seen.breaks_at(
                node,
                "the uploaded file is named in another way in 0.3.0 (name_date_code.ext, was name_test_date_code.ext)",
                "take the part that you need from the new name",
                "UK406",
            )
        case Stream() | BinStream():
            machine.unknown(node, f"{spelled} of the file itself")
        case Items() | Row() | Lazy() if machine.atom_from_file(atom):
            machine.unknown(node, f"{spelled} of a list of what was read")
        case _:
            pass
    return Shape.TOKEN, Flavour.BYTES if pattern.raw else Flavour.TEXT


def _given(machine: Machine, known: _Expression, name: str, text: Data, node: ast.Call) -> Value:
    clean = Shape.PART if known.letters else Shape.TOKEN
    whole = clean if text.shape is Shape.TOKEN or known.clean_whole else Shape.TRIMMED
    groups = clean if text.shape is Shape.TOKEN or known.clean_groups else Shape.TRIMMED
    group = data(text.flavour, groups)
    match name:
        case "findall" if known.text is None:
            return machine.items(node, group | data(text.flavour, whole))
        case "findall" if known.count > 1:
            return machine.items(node, one(Row((group,) * known.count)))
        case "findall":
            return machine.items(node, group if known.count else data(text.flavour, whole))
        case "finditer":
            return machine.items(node, one(Match(text.flavour, groups, whole)))
        case "split":
            blank = known.text is not None and _ANY_BLANK.fullmatch(known.text) is not None
            return machine.items(node, data(text.flavour, Shape.TOKEN if blank else whole_of_split(text)))
        case "sub" | "subn":
            text_known = known.text or ""
            blank = _ANY_BLANK.fullmatch(text_known) is not None or text_known.startswith("[^")
            result = data(text.flavour, Shape.TOKEN if blank else text.shape)
            return one(Row((result, WHOLE))) if name == "subn" else result
        case _:
            return one(Match(text.flavour, groups, whole))


def whole_of_split(text: Data) -> Shape:
    """Return how much of the file a piece of text is that was split at an expression."""
    if text.shape is Shape.TOKEN:
        return Shape.TOKEN
    if text.shape in (Shape.LINE, Shape.CELL):
        return Shape.CELL
    return Shape.FIELD if text.shape in operations.TRIMMED else Shape.PART


class _Expression:
    r"""What is known of a regular expression.

    Attributes:
        text: the expression; ``None`` where it is not known.
        count: how many groups it has.
        odd: it holds bytes, or carriage returns in a way that is not known.
        line_ends: whether it matches may depend on how lines end.
        letters: it has ``\w``, which takes letters outside ASCII on Python 3 alone.
        clean_groups: no group can hold anything of a line's end.
        clean_whole: no match can.
    """

    def __init__(self, text: str | None, *, flags: bool) -> None:
        self.text = text
        self.count = 0
        self.odd = False
        self.letters = text is None or any(each in text for each in ("\\w", "\\W"))
        self.line_ends = text is None
        self.clean_groups = self.clean_whole = False
        if text is None:
            return
        parts = [_Part(each["what"], each["times"] or "") for each in _TOKEN.finditer(text)]
        self.odd = not _is_plain(text)
        self.line_ends = any(_asks_for_line_end(parts, place) for place in range(len(parts)))
        self.clean_whole = not any(_may_take_line_end(part) for part in parts)
        groups = list(_groups(parts))
        self.count = len(groups)
        over_lines = flags or "(?" in text.replace("(?P", "").replace("(?:", "")
        self.clean_groups = all(_is_clean(parts, start, end, over_lines=over_lines) for start, end in groups)


def _is_plain(text: str) -> bool:
    known = text.replace("\\r?\\n", "").replace("\r?\n", "").replace("[\\r\\n]+", "").replace("[\\n\\r]+", "")
    return operations.plain_text(known) and not any(escape in known for escape in ("\\x", "\\r", "\\0", "\\u"))


def _asks_for_line_end(parts: list[_Part], place: int) -> bool:
    part = parts[place]
    before = parts[place - 1] if place else _Part("", "")
    if before.what == ")" and place > 1:
        before = parts[place - 2]
    takes_all = before.times in {"*", "+"} and _may_take_line_end(before)
    if part.what in {"$", "\\Z"}:
        return not takes_all
    if part.what in {"\n", "\\n"}:
        returns = before.what in {"\r", "\\r"} and before.times == "?"
        return not returns and not (before.what == "\\s" and takes_all)
    if part.what.startswith("[") and not part.what.startswith("[^"):
        return ("\\n" in part.what or "\n" in part.what) and "\\r" not in part.what and "\\s" not in part.what
    return False


def _may_take_line_end(part: _Part) -> bool:
    what = part.what
    if what.startswith("[^"):
        return not ("\\s" in what or ("\\r" in what and "\\n" in what))
    if what.startswith("["):
        return any(each in what for each in ("\\s", "\\n", "\\r", "\n", "\r", "\\D", "\\W"))
    return what in {".", "\\s", "\\D", "\\W", "\n", "\\n", "\r", "\\r"}


def _groups(parts: list[_Part]) -> Iterator[tuple[int, int]]:
    """Give where each group that is kept begins and ends."""
    opened: list[tuple[int, bool]] = []
    found: list[tuple[int, int]] = []
    for place, part in enumerate(parts):
        if part.what.startswith("("):
            opened.append((place, part.what == "(" or part.what.startswith("(?P<")))
        elif part.what == ")" and opened:
            start, kept = opened.pop()
            if kept:
                found.append((start, place))
    yield from sorted(found)


def _is_clean(parts: list[_Part], start: int, end: int, *, over_lines: bool) -> bool:
    """Return whether a group can hold nothing of a line's end: all of a line up to a written letter is such a one."""
    inside = [part for part in parts[start + 1 : end] if _may_take_line_end(part)]
    after = parts[end + 1] if end + 1 < len(parts) else _Part("$", "")
    stopped = after.what.isalnum() or after.what in tuple("\"'<>=:;,/#%&-_")
    stopped = stopped and not over_lines
    return not inside or (stopped and after.times in {"", "+"} and all(part.what == "." for part in inside))
