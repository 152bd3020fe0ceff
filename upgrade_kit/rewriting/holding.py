"""What a name holds, in words: "its content", "a list of lines of it"."""

from __future__ import annotations

from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.values import (
    Atom,
    BinStream,
    Class,
    Data,
    Flavour,
    Instance,
    Items,
    Lazy,
    Method,
    Missing,
    Path,
    Position,
    Row,
    Shape,
    Stream,
    Thing,
    Value,
)

DEEPEST = 3  # a list of lists of tokens; what is deeper is told as "more of it"
_PIECES = {
    Shape.WHOLE: "its content",
    Shape.CHUNK: "a piece of its content",
    Shape.LINE: "a line of it",
    Shape.PART: "a part of its text",
    Shape.TRIMMED: "a line of it without its line feed",
    Shape.CELL: "a part of its text",
    Shape.FIELD: "a part of its text",
    Shape.TOKEN: "a word or cell of its text",
    Shape.CHAR: "one character or byte of it",
}
_STREAMS = {
    Flavour.FILE: "the uploaded file",
    Flavour.BYTES: "an open file of bytes",
    Flavour.TEXT: "an open file of text",
}
_MANY = {
    "its content": "its content",
    "a piece of its content": "pieces of its content",
    "a line of it": "lines of it",
    "a line of it without its line feed": "lines of it without their line feeds",
    "a part of its text": "parts of its text",
    "a word or cell of its text": "words or cells of its text",
    "one character or byte of it": "characters or bytes of it",
    "an object with it": "objects with it",
    "a path or name of a file": "paths or names of files",
}
# what libraries make of a file's content; other objects have nothing to do with it
_MADE_OF_FILES = frozenset(
    {
        *("DICOM dataset", "DICOM element", "DICOM sequence", "DICOM UID", "DICOM value", "DICOM values"),
        *("raw DICOM element", "person name", "image", "zip archive", "tar archive", "MATLAB file"),
        *("JSON value", "pickled object", "array", "bytearray", "digest"),
    }
)
_DATA = {Flavour.BYTES: "bytes on Python 3", Flavour.TEXT: "text"}


def holding(machine: Machine, value: Value) -> str:
    """Return what a value may be, or ``""`` where nothing of it comes from a file."""
    told = {words for atom in value if (words := _atom(machine, atom, 0))}
    if not told:
        return ""
    if Missing() in value:
        told.add("None")
    known = sum(bool(_atom(machine, atom, 0)) or isinstance(atom, Missing) for atom in value)
    return " or ".join([*sorted(told), *(["something else"] if known < len(value) else [])])


def _atom(machine: Machine, atom: Atom, depth: int) -> str:
    match atom:
        case Stream(flavour):
            return _STREAMS[flavour]
        case BinStream():
            return "BIN_FILE, the bytes of the uploaded file"
        case Data(Flavour.FILE, shape):
            return _PIECES[shape]
        case Data(flavour, _):
            return _DATA[flavour]
        case Path():
            return "a path or name of a file"
        case Position():
            return "a place in its text"
        case Thing(kind) if kind in _MADE_OF_FILES:
            return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
        case Method(owner, name):
            words = _atom(machine, owner, depth + 1)
            return f"the method .{name} of {words}" if words else ""
        case Instance() | Class():
            return "an object with it" if machine.atom_from_file(atom) else ""
        case Items() | Row() | Lazy():
            return _container(machine, atom, depth)
        case _:
            return ""


def _container(machine: Machine, atom: Items | Row | Lazy, depth: int) -> str:
    if depth >= DEEPEST:
        return "more of it" if machine.atom_from_file(atom) else ""
    kind = "a tuple of" if isinstance(atom, Row) else "a collection of"
    inside = sorted({_many(words) for inner in machine.elements(atom) if (words := _atom(machine, inner, depth + 1))})
    return f"{kind} {' or '.join(inside)}" if inside else ""


def _many(words: str) -> str:
    if words.startswith(("a collection of", "a tuple of")):
        _, kind, rest = words.split(" ", 2)
        return f"{kind}s {rest}"
    return _MANY.get(words, words)
