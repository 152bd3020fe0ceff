"""What an expression of a procedure can hold, as far as the uploaded file is concerned.

A value is a set of atoms: what the expression may hold on the different ways to reach it. Joining two
values is a union, so nothing is forgotten where paths meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Flavour(Enum):
    """What a piece of data is on Python 3. On Python 2 all three are ``str``."""

    FILE = "file"  # bytes if read from BIN_FILE, text if read from FILE: what is to be decided
    BYTES = "bytes"  # bytes, whichever handle is used (what a zip archive holds, a file opened "rb")
    TEXT = "text"  # text, whichever handle is used (a file opened "r", a cell that csv read)


class Shape(Enum):
    """How much of the file a piece of data is."""

    WHOLE = "whole"  # all of it: read()
    CHUNK = "chunk"  # cut by position: read(n), a slice
    LINE = "line"  # cut at a line end
    PART = "part"  # split at something written; may still hold a line end
    TRIMMED = "trimmed"  # its line feed was taken off alone: a carriage return may be left on Python 2
    CELL = "cell"  # split off a line: the last cell holds the line end
    FIELD = "field"  # split off something trimmed: the last field may end in a carriage return on Python 2
    TOKEN = "token"  # noqa: S105 - a piece that was stripped or split
    CHAR = "char"  # one element: text on Python 2, a number where the data is bytes


class LazyKind(Enum):
    """What Python 3 gives where Python 2 gave a list."""

    ONCE = "once"  # map, filter, zip: can be gone through once
    RANGE = "range"
    VIEW = "view"  # dict.keys, values, items


@dataclass(frozen=True, slots=True)
class Context:
    """The name still holds what QATrack+ put there: ``FILE`` or ``BIN_FILE``."""

    name: str


@dataclass(frozen=True, slots=True)
class Stream:
    """An open file. ``Flavour.FILE`` is the uploaded file itself."""

    flavour: Flavour


@dataclass(frozen=True, slots=True)
class BinStream:
    """``BIN_FILE``, as 0.3.0 supplies it."""


@dataclass(frozen=True, slots=True)
class Data:
    """Something that was read from a file."""

    flavour: Flavour
    shape: Shape


@dataclass(frozen=True, slots=True)
class Path:
    """The uploaded file's path: text on both versions."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number, a truth value, or an array of numbers."""


@dataclass(frozen=True, slots=True)
class Whole(Number):
    """A whole number, which is written alike on both versions."""


@dataclass(frozen=True, slots=True)
class NumpyWhole(Number):
    """A whole number as numpy makes it: Python 2's JSON takes it as any other, and Python 3's does not."""


@dataclass(frozen=True, slots=True)
class Missing:
    """None, as it is written in the procedure."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """The name of an exception after its handler: Python 3 takes it away."""


@dataclass(frozen=True, slots=True)
class Leaked:
    """The last value of a list comprehension's variable: Python 3 keeps it inside."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in what was read: another number in the file than in the text, where line ends differ."""


@dataclass(frozen=True, slots=True)
class Text:
    """Native text that is not from the file: ``str`` on both versions."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string written in the procedure; ``raw`` for ``b'...'``, ``unicode`` for ``u'...'``."""

    text: str
    raw: bool
    unicode: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list, set or dictionary; what it holds stands in the heap under ``site``."""

    site: int


@dataclass(frozen=True, slots=True)
class Row:
    """A tuple, place by place."""

    places: tuple[frozenset[Atom], ...]


@dataclass(frozen=True, slots=True)
class Lazy:
    """What is a list on Python 2 and not on Python 3; what it holds stands in the heap under ``site``."""

    kind: LazyKind
    site: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function or lambda of the procedure, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the procedure, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of a class of the procedure."""

    number: int


@dataclass(frozen=True, slots=True)
class Bound:
    """A function of a class with the object, or the class, that it is called on."""

    number: int
    owner: Instance | Class


@dataclass(frozen=True, slots=True)
class Super:
    """``super(Class, self)``."""

    number: int
    owner: Instance


@dataclass(frozen=True, slots=True)
class Decorated:
    """A function of a class under ``@property``, ``@staticmethod`` or ``@classmethod``."""

    wrapper: str
    number: int


@dataclass(frozen=True, slots=True)
class Named:
    """A module, or something in one, by its full name: ``numpy.load``, ``builtins.len``."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """A bound method that was not called yet."""

    owner: Atom
    name: str


@dataclass(frozen=True, slots=True)
class Partial:
    """A function with its first arguments: ``functools.partial``."""

    function: Atom
    given: tuple[frozenset[Atom], ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled regular expression; ``text`` is ``None`` where it is not known; ``flags`` if it has any."""

    text: str | None
    raw: bool
    flags: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """What a regular expression found, and how much of the file its groups and all of it may be."""

    flavour: Flavour
    groups: Shape
    whole: Shape


@dataclass(frozen=True, slots=True)
class Thing:
    """An object that a library made, by the kind that the rules know."""

    kind: str


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else that does not hold the file or its content."""


Atom = (
    Context
    | Stream
    | BinStream
    | Data
    | Path
    | Number
    | Missing
    | Unbound
    | Leaked
    | Position
    | Text
    | Literal
    | Items
    | Row
    | Lazy
    | Function
    | Class
    | Instance
    | Bound
    | Decorated
    | Super
    | Partial
    | Pattern
    | Match
    | Named
    | Method
    | Thing
    | Other
)
Value = frozenset[Atom]

NOTHING: Value = frozenset()
NONE: Value = frozenset({Missing()})
LIBRARY: Value = frozenset({Thing("library object")})  # never None: what Python's own and other libraries make
NUMBER: Value = frozenset({Number()})
WHOLE: Value = frozenset({Whole()})
TEXT: Value = frozenset({Text()})
OTHER: Value = frozenset({Other()})


def one(atom: Atom) -> Value:
    """Return the value that is this atom alone."""
    return frozenset({atom})


def data(flavour: Flavour, shape: Shape) -> Value:
    """Return the value of a piece of data."""
    return frozenset({Data(flavour, shape)})
