"""What a function that the rules know does with the file or the content that it is given."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from upgrade_kit.rewriting import methods, operations
from upgrade_kit.rewriting.arguments import Arguments
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.readers import Reader
from upgrade_kit.rewriting.values import (
    NOTHING,
    NUMBER,
    OTHER,
    WHOLE,
    Atom,
    BinStream,
    Data,
    Flavour,
    Items,
    Lazy,
    LazyKind,
    Literal,
    Path,
    Row,
    Shape,
    Stream,
    Text,
    Thing,
    Value,
    data,
    one,
)

_FIELD = re.compile(r"(\d*)([a-zA-Z?])")
MOST_FIELDS = 32


@dataclass(slots=True, kw_only=True)
class ReaderCall:
    """One call of a function that the rules know.

    Attributes:
        machine: the analysis.
        reader: what the rules say of the function.
        name: its full name.
        arguments: what is passed.
        node: the call.
        given: the argument that is read.
        content: a piece of data in it, if there is one.
        texts: pieces of data inside nested lists.
    """

    machine: Machine
    reader: Reader
    name: str
    arguments: Arguments
    node: ast.Call
    given: Value = NOTHING
    content: Data | None = None
    texts: Value = field(default=NOTHING)

    def run(self) -> Value:
        """Note what the call demands and return what it gives."""
        machine, reader = self.machine, self.reader
        self.given = self.arguments.get(reader.argument, *reader.keywords)
        for word in reader.review_with:
            if word in self.arguments.named and machine.from_file(self.given):
                machine.seen.want(Want.REVIEW, self.node, f"{self.name} with {word}= may give bytes", reader.rule)
        for atom in self.given:
            self._take(atom)
        if any(word in self.arguments.named for word in reader.text_with):
            return NUMBER
        self._look_at_others()
        return self._result()

    def _take(self, atom: Atom) -> None:
        machine, reader = self.machine, self.reader
        match atom:
            case Stream():
                machine.seen.moves_position |= not reader.by_descriptor
                machine.seen.reads_by_descriptor |= reader.by_descriptor
                machine.want(reader.stream, atom, self.node, f"{self.name} {reader.stream_words}", reader.rule)
            case Path():
                machine.seen.reads_bytes_by_name |= reader.stream in (Want.BYTES, Want.EITHER_BYTES)
            case Data():
                self.content = atom
                self._take_data(atom)
            case BinStream():
                if reader.stream in (Want.TEXT, Want.ITERATES):
                    machine.unknown(self.node, f"{self.name} wants text and gets BIN_FILE")
            case Items() | Row() | Lazy():
                self._take_list(atom)
            case Text() | Literal(_, raw=False) if reader.data is Want.BYTES and reader.stream is Want.REVIEW:
                machine.seen.breaks_at(self.node, f"{self.name} takes bytes only on Python 3", "b'...'", "UK424")
            case _:
                return

    def _take_list(self, atom: Items | Row | Lazy) -> None:
        machine = self.machine
        if isinstance(atom, Lazy) and self.name.split(".", maxsplit=1)[0] in machine.rules.numeric_modules:
            self._no_list(atom)
        nested = self.reader.returns == "array"
        for element in methods.innermost(machine, atom) if nested else machine.elements(atom):
            if isinstance(element, Data) and nested:
                self.texts |= one(element)
            elif isinstance(element, Data):
                self._take_data(element)
            elif isinstance(element, Lazy):
                self._no_list(element)
            elif machine.atom_from_file(element):
                machine.unknown(self.node, f"hands a nested list of the file's content to {self.name}")

    def _no_list(self, atom: Lazy) -> None:
        if atom.kind is not LazyKind.RANGE:
            operations.not_a_list(self.machine, self.node, f"{self.name} of it")

    def _take_data(self, atom: Data) -> None:
        reader = self.reader
        if any(word in self.arguments.named for word in reader.text_with):
            what = f"{self.name} reads numbers written as text"
            self.machine.want(Want.EITHER_TEXT, atom, self.node, what, reader.rule)
        else:
            self.machine.want(reader.data, atom, self.node, f"{self.name} {reader.data_words}", reader.rule)

    def _look_at_others(self) -> None:
        place, positional = self.reader.argument, self.arguments.positional
        named = self.arguments.named.items()
        others = [*positional[:place], *positional[place + 1 :]]
        others += [value for key, value in named if key not in self.reader.keywords]
        if self.machine.from_file(frozenset().union(*others)):
            what = f"hands the file or its content to {self.name} in a place that the kit does not know"
            self.machine.unknown(self.node, what)

    def _result(self) -> Value:
        word = self.reader.returns
        match word:
            case "by format":
                return self._unpacked()
            case "by typecode":
                return self._array()
            case "array":
                return self._numpy_array()
            case "bytes" if self.name == "struct.pack" and _holds_bytes(self.arguments.get(0)):
                operations.no_text_in_bytes(self.machine, frozenset().union(*self.arguments.positional[1:]), self.node)
            case "by struct":
                word = "thing struct with bytes" if _holds_bytes(self.arguments.get(0)) else "thing struct"
            case "by dtype":
                if self.machine.from_file(self.given):
                    self._check_dtype()
                word = "number"
            case _:
                pass
        return operations.returned(self.machine, word, self.node, given=self.content)

    def _unpacked(self) -> Value:
        """Return what struct.unpack gives: a number or a string of bytes for each field of the format."""
        formats = self.arguments.get(0, "fmt", "format")
        raw = data(Flavour.BYTES, Shape.CHUNK)
        if not _holds_bytes(formats):
            return self.machine.items(self.node, NUMBER)
        if len(formats) == 1:
            (atom,) = formats
            if isinstance(atom, Literal) and "%" not in atom.text:
                places: list[Value] = []
                for count, code in _FIELD.findall(atom.text):
                    if code != "x":
                        times = 1 if code in "sp" else min(int(count or 1), MOST_FIELDS + 1)
                        places += [raw if code in "spc" else NUMBER if code in "fde" else WHOLE] * times
                if len(places) <= MOST_FIELDS:
                    return one(Row(tuple(places)))
        return self.machine.items(self.node, raw)

    def _array(self) -> Value:
        for atom in self.arguments.get(0, "typecode"):
            if not isinstance(atom, Literal) or atom.text in {"c", "u"}:
                self.machine.seen.breaks_at(
                    self.node, "array.array of type c is gone on Python 3", "type B, or bytes", "UK420"
                )
        return one(Thing("array"))

    def _numpy_array(self) -> Value:
        """Return what numpy.array gives: numbers where it is told so, else an array of the same texts."""
        if self.content is not None:
            return one(self.content)
        if not self.texts:
            if self.machine.from_file(self.arguments.everything()):
                return OTHER
            words = any(isinstance(e, Text | Literal) for a in self.given for e in methods.innermost(self.machine, a))
            self._check_dtype()
            return one(Thing("array of text")) if words else NUMBER
        if not self.arguments.get(self.reader.dtype_argument, "dtype"):
            return self.machine.items(self.node, self.texts)
        if self._check_dtype():
            for atom in self.texts:
                what = f"{self.name} turns text into numbers"
                self.machine.want(Want.EITHER_TEXT, atom, self.node, what, self.reader.rule)
        return NUMBER

    def _check_dtype(self) -> bool:
        """Return whether the dtype is one of numbers; note one that may hold strings or is not known."""
        numeric = operations.is_numeric_type(self.arguments.get(self.reader.dtype_argument, "dtype"))
        if not numeric:
            what = f"{self.name} with a dtype that may hold strings or is not known"
            self.machine.seen.want(Want.REVIEW, self.node, what, self.reader.rule)
        return numeric


def _holds_bytes(formats: Value) -> bool:
    """Return whether a struct format may hold strings: s, p or c, or is not known."""
    for atom in formats:
        if not isinstance(atom, Literal):
            return True
        letters = atom.text.replace("%d", "").replace("%s", "").replace("%i", "")
        if any(letter in letters for letter in "spc"):
            return True
    return not formats
