"""What operators, attributes and subscripts do with the file and its content."""

from __future__ import annotations

import ast
import re

from upgrade_kit.rewriting import objects, order, patterns, writing
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.values import (
    LIBRARY,
    NOTHING,
    NUMBER,
    OTHER,
    TEXT,
    WHOLE,
    Atom,
    BinStream,
    Class,
    Data,
    Flavour,
    Instance,
    Items,
    Lazy,
    LazyKind,
    Literal,
    Match,
    Method,
    Missing,
    Named,
    Number,
    NumpyWhole,
    Other,
    Path,
    Pattern,
    Position,
    Row,
    Shape,
    Stream,
    Super,
    Text,
    Thing,
    Value,
    Whole,
    data,
    one,
)

COMPARED = "what was read is compared"
SEARCHED = "what was read is searched"
JOINED = "what was read is joined"
LONGEST_LITERAL = 400
NUMERIC_WORDS = ("uint", "int", "float", "double", "single", "byte", "short", "bool", "complex", "half", "long")
WRITTEN = Thing("number as text")  # 12 digits on Python 2, up to 17 on Python 3
MESSAGE = Thing("exception's text")  # "could not convert string to float: abc", on Python 3 with quotes around abc
TYPE = Thing("type")  # "<type 'float'>", on Python 3 "<class 'float'>"
WRITTEN_DIFFERENTLY = frozenset({WRITTEN, MESSAGE, TYPE})
NUMBER_THINGS = frozenset(
    {"optional value", "JSON value", "DICOM value", "META value", "DICOM values", "library object"}
)
PLAIN_THINGS = frozenset({"META value", "DICOM value", "optional value", "JSON value", "library object"})
STRIPPED = frozenset({".strip()", ".lstrip()", ".rstrip()"})
MENDS_LINE_ENDS = STRIPPED | {".replace()"}


def leaked(machine: Machine, node: ast.AST, name: str) -> None:
    """Note that a list comprehension's variable is used after it."""
    machine.seen.breaks_at(
        node,
        f"{name} is the variable of a list comprehension, which Python 3 keeps inside",
        f"assign {name} before it is used here",
        "UK424",
    )


def plain_text(text: str) -> bool:
    """Return whether a literal is what text files hold: printable ASCII, blanks and line feeds."""
    return all(" " <= character <= "~" or character in "\t\n" for character in text)


def not_a_list(machine: Machine, node: ast.AST, what: str) -> None:
    """Note that Python 3 gives an iterator where Python 2 gave a list."""
    machine.seen.breaks_at(
        node,
        f"{what}: map, filter, zip, keys and the like give no list on Python 3",
        "put list(...) around it",
        "UK424",
    )


def pair(machine: Machine, mine: Data, other: Atom, node: ast.AST, what: str) -> None:
    """Note what it needs to put a piece of data together with something else."""
    match other:
        case Literal(_, raw=True):
            machine.want(Want.BYTES, mine, node, f"{what} with b'...'", "UK408")
        case Literal(text, raw=False):
            _line_ends(machine, mine, text, node, what)
            if mine.flavour is Flavour.TEXT:
                return
            machine.want(Want.TEXT, mine, node, f"{what} with text in quotes", "UK407")
            if what in MENDS_LINE_ENDS and plain_text(text.replace("\r", "")):
                return
            if not plain_text(text):
                kind = "a carriage return" if "\r" in text else "bytes that are not plain text"
                machine.want(Want.REVIEW, mine, node, f"{what} with {kind} written as text", "UK407")
        case Text() | Path() | Other():
            machine.want(Want.TEXT, mine, node, f"{what} with text", "UK407")
        case Thing(kind) if kind in PLAIN_THINGS:
            machine.want(Want.TEXT, mine, node, f"{what} with text", "UK407")
        case Thing() if other in WRITTEN_DIFFERENTLY and what in {JOINED, ".join()"}:
            machine.want(Want.TEXT, mine, node, f"{what} with text", "UK407")
        case Data(flavour, _) if flavour is not mine.flavour:
            if Flavour.FILE not in (flavour, mine.flavour):
                machine.unknown(node, f"{what}: bytes with text")
            else:
                fixed = flavour if mine.flavour is Flavour.FILE else mine.flavour
                want = Want.BYTES if fixed is Flavour.BYTES else Want.TEXT
                machine.want(want, Data(Flavour.FILE, mine.shape), node, what, "UK408")
        case Items() | Row() | Lazy():
            for element in machine.elements(other):
                if not isinstance(element, Items | Row | Lazy):
                    pair(machine, mine, element, node, what)
        case Stream() | BinStream() | Thing():
            machine.unknown(node, f"{what} with something that the kit does not follow")
        case _:
            return


LINE_FEED_ALONE = frozenset(
    {".split()", ".rsplit()", ".count()", ".find()", ".rfind()", ".index()", ".rindex()", ".partition()"}
    | {".rpartition()", ".endswith()", SEARCHED, *MENDS_LINE_ENDS}
)  # a line feed by itself means the same in these, however lines end
ADDS_TEXT = frozenset({JOINED, ".join()", ".ljust()", ".rjust()", ".center()"})
TRIMMED = (Shape.TRIMMED, Shape.FIELD)


def _line_ends(machine: Machine, mine: Data, text: str, node: ast.AST, what: str) -> None:
    """Note a literal for which it matters how the lines of the upload end."""
    if mine.flavour is Flavour.BYTES or mine.shape in (Shape.TOKEN, Shape.CHAR) or what in ADDS_TEXT:
        return
    if "\n" in text and not (text == "\n" and what in LINE_FEED_ALONE):
        if not (what in MENDS_LINE_ENDS and "\r" in text) and not (what in STRIPPED and not text.strip()):
            machine.seen.want(Want.REVIEW, node, f"{what} with line ends, and FILE has one kind", "UK407")
    elif what in {COMPARED, ".endswith()"} and "\n" not in text:
        trimmed(machine, mine, node, what)


def trimmed(machine: Machine, mine: Data, node: ast.AST, what: str) -> None:
    """Note a use of text whose line feed was taken off alone, where a carriage return would matter."""
    if mine.shape in TRIMMED and mine.flavour is not Flavour.BYTES:
        machine.seen.want(
            Want.REVIEW, node, f"{what}: where lines end in CRLF, Python 2 left a carriage return at the end", "UK407"
        )


def as_text(machine: Machine, atom: Atom, node: ast.AST) -> None:
    """Note that something is turned into text: bytes would become ``b'...'``."""
    match atom:
        case Data():
            machine.want(Want.TEXT, atom, node, "what was read is put into a text", "UK407")
        case Stream(Flavour.FILE) | BinStream():
            machine.unknown(node, "the file itself is put into text")
        case Row() | Items() | Lazy():
            if machine.atom_from_file(atom):
                machine.unknown(node, "a list with the file's content is put into text")
            order.needs_order_inside(machine, one(atom), node, "puts it into text")
            if isinstance(atom, Lazy):
                not_a_list(machine, node, "puts it into text")
        case Thing("DICOM UID"):
            machine.unknown(node, "a DICOM UID as text was its name in pydicom 0.9.9 and is its number in 1.1")
        case _:
            return


def written_differently(machine: Machine, node: ast.AST, atom: Atom, what: str) -> None:
    """Note a use of text that is another one on Python 3."""
    if atom == WRITTEN:
        machine.seen.breaks_at(
            node,
            f"{what}: text with a number as Python writes it, 12 digits on Python 2, up to 17 on Python 3",
            "'%.3f' % number, with as many digits as are meant",
            "UK424",
        )
    elif atom == MESSAGE:
        machine.seen.breaks_at(
            node, f"{what}: the text of an exception is another one on Python 3", "a text of your own", "UK424"
        )
    elif atom == TYPE:
        machine.seen.breaks_at(
            node, f"{what}: types have other names on Python 3", "isinstance(x, (int, float))", "UK424"
        )


def as_key(machine: Machine, atom: Atom, node: ast.AST) -> None:
    """Note that something is a key: bytes and text are different keys on Python 3."""
    written_differently(machine, node, atom, "is a key")
    if isinstance(atom, Data):
        trimmed(machine, atom, node, "is a key")
        machine.want(Want.TEXT, atom, node, "what was read is a key of a dictionary", "UK407")
    elif machine.atom_from_file(atom):
        machine.unknown(node, "the file or its content is a key")


def iterate(machine: Machine, atom: Atom, node: ast.AST) -> Value:
    """Return what going through something gives."""
    match atom:
        case Stream(flavour):
            if flavour is Flavour.FILE:
                machine.seen.moves_position = True
                machine.want(Want.ITERATES, atom, node, "goes through the lines of FILE", "UK404")
            return data(flavour, Shape.LINE)
        case BinStream():
            return data(Flavour.BYTES, Shape.LINE)
        case Data(flavour, _):
            _one_by_one(machine, atom, node, "goes through characters, which are numbers in bytes")
            return data(flavour, Shape.CHAR)
        case Lazy(LazyKind.ONCE, _):
            if machine.consumed_before(atom, node):
                not_a_list(machine, node, "a second way through it finds nothing")
            return machine.elements(atom)
        case Items(site):
            if order.is_dictionary(machine, atom):
                return machine.keys.get(site, LIBRARY)
            return machine.elements(atom) | machine.keys.get(site, NOTHING)
        case Row() | Lazy():
            return machine.elements(atom)
        case Whole():
            return WHOLE
        case Number() | Position() | Missing():
            return NUMBER
        case Text() | Path():
            return TEXT
        case Literal(text, raw):
            if raw:
                machine.seen.breaks_at(
                    node, "going through b'...' gives numbers on Python 3", "use slices of length 1", "UK424"
                )
                return OTHER
            return frozenset({Literal(character, raw=False) for character in set(text[:8])} | {Text()})
        case Instance():
            return objects.iterated(machine, atom, node)
        case Thing("META" | "REFS" | "TOLS"):
            return TEXT
        case Thing(kind):
            written_differently(machine, node, atom, "goes through it")
            thing = machine.rules.things.get(kind)
            return returned(machine, thing.elements if thing else "other", node)
        case _:
            return OTHER


def _one_by_one(machine: Machine, atom: Data, node: ast.AST, what: str) -> None:
    machine.want(Want.TEXT, atom, node, what, "UK408")
    if atom.shape is Shape.WHOLE:
        machine.want(Want.REVIEW, atom, node, what, "UK408")


def attribute(machine: Machine, owner: Atom, node: ast.Attribute) -> Value:
    """Return what ``owner.attr`` gives."""
    name = node.attr
    if name == "__class__" and isinstance(owner, Data | Stream | Thing | Other | Number):
        return _class_of(machine, owner, node)
    match owner:
        case Stream(flavour):
            return _stream_attribute(machine, owner, flavour, node)
        case BinStream():
            return one(Path()) if name in {"name", "path"} else one(Method(owner, name))
        case Instance() | Class():
            return objects.attribute(machine, owner, name)
        case Super():
            return objects.of_base(machine, owner, name)
        case Named(full):
            return module_attribute(machine, f"{full}.{name}", node)
        case Thing("namespace"):
            return one(Method(owner, name))
        case Thing("type") if name == "__name__":
            return one(owner)
        case Thing("exception") if name == "message":
            machine.seen.breaks_at(node, "exceptions have no .message on Python 3", "str(error)", "UK420")
            return TEXT
        case Thing("DICOM dataset") if name in machine.rules.dicom_names:
            return _old_dicom_name(machine, node)
        case Other() if machine.reads_dicom and name in machine.rules.dicom_names:
            return _old_dicom_name(machine, node)
        case Thing(kind):
            thing = machine.rules.things.get(kind)
            if thing is not None and name in thing.methods:
                return one(Method(owner, name))
            word = thing.attribute(name) if thing is not None else None
            if word is not None:
                return returned(machine, word, node)
            if thing is not None and thing.strict:
                machine.seen.breaks_at(
                    node,
                    f"{kind}.{name} may be bytes or another type on Python 3",
                    "compare its value on both versions",
                    "UK401",
                )
            return returned(machine, thing.others, node) if thing is not None else OTHER
        case Data() | Items() | Row() | Lazy() | Literal() | Text() | Path() | Match():
            return one(Method(owner, name))
        case Pattern():
            return one(Method(owner, name)) if name in patterns.METHODS else TEXT
        case Method() if machine.atom_from_file(owner):
            return machine.unknown(node, f"the attribute {name} of a method")
        case Number() | Position():
            return NUMBER
        case _:
            return OTHER


def _class_of(machine: Machine, owner: Atom, node: ast.Attribute) -> Value:
    if isinstance(owner, Data | Stream):
        return machine.unknown(node, "asks for the type of the file or its content")
    return one(TYPE)


def _old_dicom_name(machine: Machine, node: ast.Attribute) -> Value:
    gone = machine.rules.dicom_names[node.attr]
    machine.seen.breaks_at(node, gone.what, gone.hint, gone.rule)
    return OTHER


def _stream_attribute(machine: Machine, owner: Stream, flavour: Flavour, node: ast.Attribute) -> Value:
    name = node.attr
    if name == "name":
        if flavour is not Flavour.FILE:
            return TEXT
        machine.seen.want(Want.NAME, node, "takes the file's name", "UK406")
        if isinstance(node.value, ast.Name) and node.value in machine.seen.uses:
            machine.seen.names[node] = None
        else:
            machine.seen.names_elsewhere = True
        return one(Path())
    if name in {"closed", "mode", "encoding", "newlines", "errors", "buffer", "softspace"}:
        return machine.unknown(node, f"FILE.{name} differs between the versions")
    return one(Method(owner, name))


def module_attribute(machine: Machine, full: str, node: ast.AST) -> Value:
    """Return what a module's attribute is, noting one that is gone."""
    gone = machine.rules.gone_attributes.get(full)
    if gone is not None:
        machine.seen.breaks_at(node, gone.what, gone.hint, gone.rule)
    constant = machine.rules.constants.get(full)
    if constant is not None:
        return returned(machine, constant, node)
    return one(Named(machine.rules.aliases.get(full, full)))


def cut(machine: Machine, atom: Atom, node: ast.AST) -> Value:
    """Return what a slice gives."""
    match atom:
        case Data(flavour, _):
            return data(flavour, _shape_of_cut(machine, atom, node))
        case Row():
            return machine.items(node, machine.elements(atom))
        case Lazy(kind, _):
            if kind is LazyKind.RANGE:
                return one(atom)
            not_a_list(machine, node, "a slice of it")
            return machine.items(node, machine.elements(atom))
        case Literal() | Text() | Path():
            return TEXT
        case Thing() if atom in WRITTEN_DIFFERENTLY:
            written_differently(machine, node, atom, "takes a part of it")
            return TEXT
        case Instance():
            return objects.element(machine, atom, OTHER, node)
        case Stream() | BinStream():
            return machine.unknown(node, "a slice of the file itself")
        case Items() | Number():
            order.needs_order(machine, one(atom), node, "cuts a part of it")
            return one(atom)
        case _:
            return OTHER


def _shape_of_cut(machine: Machine, atom: Data, node: ast.AST) -> Shape:
    if atom.shape in (Shape.WHOLE, Shape.CHUNK):
        return Shape.CHUNK
    if atom.shape is Shape.CHAR:
        return Shape.TOKEN
    if atom.shape in (Shape.LINE, Shape.CELL, Shape.PART, *TRIMMED) and atom.flavour is not Flavour.BYTES:
        trims = _trims_one(node)
        if _cuts_the_line_end(node) or (trims and atom.shape in TRIMMED):
            machine.want(Want.TEXT, atom, node, "cuts the line end off by its length", "UK408")
            machine.seen.want(Want.REVIEW, node, "cuts more than one character off a line's end", "UK408")
        elif trims:
            return Shape.TRIMMED
    return atom.shape


def _trims_one(node: ast.AST) -> bool:
    match node:
        case ast.Subscript(slice=ast.Slice(upper=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)))):
            return True
        case _:
            return False


def _cuts_the_line_end(node: ast.AST) -> bool:
    """Return whether a slice counts from the end, but for ``[:-1]``: lines may end in CRLF, and FILE has LF."""
    match node:
        case ast.Subscript(slice=ast.Slice(lower=ast.UnaryOp(op=ast.USub()))):
            return True
        case ast.Subscript(slice=ast.Slice(upper=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(count))))):
            return count > 1
        case _:
            return False


def index(machine: Machine, atom: Atom, key: Value, node: ast.Subscript) -> Value:
    """Return what ``owner[key]`` gives."""
    match atom:
        case Data(flavour, _):
            _one_by_one(machine, atom, node, "takes one character, which is a number in bytes")
            return data(flavour, Shape.CHAR)
        case Row(places):
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
                place = node.slice.value
                if -len(places) <= place < len(places):
                    return places[place]
            return machine.elements(atom)
        case Lazy(kind, _):
            if kind is not LazyKind.RANGE:
                not_a_list(machine, node, "an element of it by its place")
            return machine.elements(atom)
        case Thing("namespace"):
            return from_namespace(machine, key, node)
        case Thing("exception" | "DICOM dataset" | "MATLAB file") if (
            special := _special_index(machine, atom, key, node)
        ) is not None:
            return special
        case Literal(text, raw=False) if not text.isascii():
            return not_one_byte(machine, node)
        case Stream() | BinStream():
            return machine.unknown(node, "an element of the file itself")
        case Instance():
            return objects.element(machine, atom, key, node)
        case Items() if _several_axes(node):
            return one(atom)
        case Items() | Other() | Thing():
            return _by_key(machine, atom, key, node)
        case Number():
            return NUMBER
        case Literal(_, raw=True):
            machine.seen.breaks_at(node, "b'...'[n] is a number on Python 3", "use a slice of length 1", "UK424")
            return NUMBER
        case Literal() | Text() | Path():
            return TEXT
        case _:
            return OTHER


def _by_key(machine: Machine, atom: Items | Other | Thing, key: Value, node: ast.Subscript) -> Value:
    written_differently(machine, node, atom, "takes a part of it")
    for part in key:
        if machine.atom_from_file(part) or isinstance(part, Data):
            as_key(machine, part, node)
    if isinstance(atom, Items):
        if order.kind_of(machine, atom) is order.Kind.LIST:
            order.needs_order(machine, one(atom), node, "takes one by its place")
        first = isinstance(node.slice, ast.Constant) and node.slice.value == 0
        return before_the_last(machine.elements(atom), Shape.PART) if first else machine.elements(atom)
    if isinstance(atom, Thing):
        thing = machine.rules.things.get(atom.kind)
        return returned(machine, thing.elements if thing else "other", node)
    return OTHER


def before_the_last(value: Value, shape: Shape = Shape.TOKEN) -> Value:
    """Return fields as those that are not the last one of their line."""
    return frozenset(
        Data(atom.flavour, shape) if isinstance(atom, Data) and atom.shape in (Shape.FIELD, Shape.CELL) else atom
        for atom in value
    )


def _special_index(machine: Machine, atom: Atom, key: Value, node: ast.Subscript) -> Value | None:
    if atom == Thing("exception"):
        machine.seen.breaks_at(node, "an exception cannot be indexed on Python 3", "error.args[0]", "UK420")
        return OTHER
    if atom == Thing("MATLAB file"):
        header = any(isinstance(part, Literal) and part.text.startswith("__") for part in key)
        return data(Flavour.BYTES, Shape.CHUNK) if header else None
    return one(Thing("raw DICOM element")) if _is_raw_tag(node.slice) else None


def not_one_byte(machine: Machine, node: ast.AST) -> Value:
    """Note that a letter outside ASCII is several bytes on Python 2 and one character on Python 3."""
    machine.seen.breaks_at(
        node, "a text with letters outside ASCII has another length on Python 3", "count letters, not bytes", "UK424"
    )
    return TEXT


def _is_raw_tag(tag: ast.expr) -> bool:
    """Return whether a DICOM tag holds bytes: pixel or overlay data, or a private group."""
    match tag:
        case ast.Constant(value=int(number)) if number > 0xFFFF:  # noqa: PLR2004 - group and element in one
            group = number >> 16
        case ast.Tuple(elts=[ast.Constant(value=int(group)), _]):
            pass
        case _:
            return False
    return group >= 0x6000 or group % 2 == 1  # noqa: PLR2004 - overlays and pixel data begin there


def _several_axes(node: ast.Subscript) -> bool:
    """Return whether this is ``array[:, 1]``."""
    return isinstance(node.slice, ast.Tuple) and any(isinstance(part, ast.Slice) for part in node.slice.elts)


def from_namespace(machine: Machine, key: Value, node: ast.AST) -> Value:
    """Return what ``globals()[key]`` gives."""
    value = NOTHING
    for part in key:
        if not isinstance(part, Literal) or part.text == "FILE":
            return machine.unknown(node, "takes a name out of globals()")
        if part.text == "BIN_FILE":
            machine.seen.uses_bin_file = True
            value |= {BinStream()}
        else:
            value |= machine.module.names.get(part.text, OTHER)
    return value


def store(machine: Machine, owner: Atom, key: Value, value: Value, node: ast.AST) -> None:
    """Put a value into ``owner[key]``."""
    for part in key:
        if isinstance(part, Data):
            as_key(machine, part, node)
    match owner:
        case Items(site):
            if order.kind_of(machine, owner) is order.Kind.LIST:
                order.put_in(machine, owner)
            machine.put(site, value)
            keys = key if order.is_dictionary(machine, owner) else NOTHING
            machine.put_keys(site, keys | frozenset(part for part in key if not isinstance(part, Number)))
        case Lazy():
            not_a_list(machine, node, "storing into it")
        case Thing("namespace"):
            machine.unknown(node, "stores a name into globals()")
        case _:
            if machine.from_file(value):
                machine.unknown(node, "the content is kept where the kit does not follow it")
            if any(isinstance(part, Lazy) and part.kind is not LazyKind.RANGE for part in value):
                not_a_list(machine, node, "storing it in an array")


def no_text_in_bytes(machine: Machine, value: Value, node: ast.AST) -> None:
    """Note text that a struct with s, p or c is to pack."""
    for atom in value:
        if isinstance(atom, Text) or (isinstance(atom, Literal) and not atom.raw):
            machine.seen.breaks_at(node, "struct packs bytes, and no text, on Python 3", "b'...'", "UK424")
        elif isinstance(atom, Data):
            machine.want(Want.BYTES, atom, node, "is packed as bytes", "UK402")


def is_numeric_type(value: Value) -> bool:
    """Return whether a dtype is one of numbers: ``numpy.uint16``, ``float``, ``'<u2'``, ``'int32'``."""
    return all(_is_numeric(atom) for atom in value)


def _is_numeric(atom: Atom) -> bool:
    if isinstance(atom, Named):
        module, _, name = atom.name.rpartition(".")
        return module in {"numpy", "builtins"} and name.startswith(NUMERIC_WORDS)
    if isinstance(atom, Literal):
        text = atom.text.lstrip("<>=|")
        return text.startswith(NUMERIC_WORDS) or bool(re.fullmatch(r"[bBhHiIlLqQfdgF?]|[iufb?]\d+", text))
    return False


def binary(machine: Machine, first: Atom, second: Atom, node: ast.BinOp) -> Value:
    """Return what a binary operator gives."""
    if isinstance(first, Stream | BinStream) or isinstance(second, Stream | BinStream):
        return machine.unknown(node, "an operator on the file itself")
    if isinstance(first, Lazy) or isinstance(second, Lazy):
        return _binary_lazy(machine, first, second, node)
    if isinstance(first, Literal | Text) and isinstance(node.op, ast.Mod):
        return writing.by_percent(machine, first, second, node)
    if isinstance(first, Data) or isinstance(second, Data):
        return _binary_data(machine, first, second, node)
    if isinstance(first, Items | Row) or isinstance(second, Items | Row):
        held = NOTHING
        for atom in (first, second):
            if isinstance(atom, Items | Row):
                held |= machine.elements(atom)
        return _joined(machine, machine.items(node, held), first, second)
    return _binary_plain(machine, first, second, node)


def _joined(machine: Machine, result: Value, first: Atom, second: Atom) -> Value:
    """Return two lists put together, or what two sets give."""
    sets = [atom for atom in (first, second) if isinstance(atom, Items)]
    if any(order.kind_of(machine, atom) is order.Kind.SET for atom in sets):
        return order.made(machine, result, order.Kind.SET)
    if machine.order.loops:
        order.scramble(machine, result)
    return order.passed_on(machine, frozenset({first, second}), result)


def _may_be_text(first: Atom, second: Atom, node: ast.BinOp) -> bool:
    """Return whether an operator may join or repeat text."""
    if isinstance(node.op, ast.Mod):
        return isinstance(first, Thing)
    return isinstance(node.op, ast.Add) and not (isinstance(first, Number) or isinstance(second, Number))


def _binary_lazy(machine: Machine, first: Atom, second: Atom, node: ast.BinOp) -> Value:
    not_a_list(machine, node, "an operator on it")
    held = NOTHING
    for atom in (first, second):
        if isinstance(atom, Items | Row | Lazy):
            held |= machine.elements(atom)
    return machine.items(node, held)


def _binary_data(machine: Machine, first: Atom, second: Atom, node: ast.BinOp) -> Value:
    mine, other = (first, second) if isinstance(first, Data) else (second, first)
    assert isinstance(mine, Data)  # noqa: S101 - tells the type checker what the caller made sure of
    if isinstance(node.op, ast.Add) and not isinstance(other, Number):
        pair(machine, mine, other, node, JOINED)
        if other in WRITTEN_DIFFERENTLY:
            return one(other)
        return data(mine.flavour, Shape.CHUNK if mine.shape is Shape.CHAR else mine.shape)
    if isinstance(node.op, ast.Mult) and isinstance(other, Number | Other):
        return one(mine)
    return machine.unknown(node, "arithmetic with the file's content")


def _binary_plain(machine: Machine, first: Atom, second: Atom, node: ast.BinOp) -> Value:
    match first, second:
        case (Thing("person name"), _) | (_, Thing("person name")):
            return machine.unknown(node, "a DICOM person name is no text in pydicom 1.1")
        case (Thing(), _) if first in WRITTEN_DIFFERENTLY:
            return one(first)
        case (_, Thing()) if second in WRITTEN_DIFFERENTLY:
            return one(second)
        case (Thing(kind), _) | (_, Thing(kind)) if kind in NUMBER_THINGS and not _may_be_text(first, second, node):
            return NUMBER
        case (Position(), Number() | Position()) | (Number(), Position()):
            return one(Position())
        case Whole(), Whole() if not isinstance(node.op, ast.Div | ast.Pow):
            return WHOLE
        case Number() | Missing(), Number() | Missing():
            return NUMBER
        case Literal(left, raw), Literal(right, other_raw) if isinstance(node.op, ast.Add):
            if raw != other_raw:
                machine.seen.breaks_at(
                    node, "b'...' and text cannot be joined on Python 3", "one kind of both", "UK424"
                )
            if len(left) + len(right) <= LONGEST_LITERAL and raw == other_raw and not machine.loop_depth:
                return one(Literal(left + right, raw))
            return one(Literal("", raw=True)) if raw or other_raw else TEXT  # in a loop it may grow for ever
        case (Literal(), Number() | Other()) if isinstance(node.op, ast.Mult):
            return one(first)
        case (Number(), Literal()) if isinstance(node.op, ast.Mult):
            return one(second)
        case (Path(), _) | (_, Path()):
            return one(Path())
        case (Text() | Literal(), _) | (_, Text() | Literal()):
            return TEXT
        case _ if isinstance(node.op, ast.Div | ast.Sub | ast.FloorDiv | ast.Pow):
            return NUMBER
        case _:
            return OTHER


def returned(machine: Machine, word: str, node: ast.AST, *, given: Data | None = None) -> Value:
    """Return the value that a rule's ``returns`` word stands for.

    The words: ``number``, ``whole of numpy``, ``text``, ``texts``, ``part``, ``parts``, ``cells``,
    ``rows of text``, ``records``, ``view``, ``bytes``, ``list of bytes``, ``bytes stream``,
    ``text stream``, ``same`` (the data that was given), ``list of same``, ``thing KIND``, ``other``.
    """
    kind, _, rest = word.partition(" ")
    match word:
        case "number":
            return NUMBER
        case "whole of numpy":
            return one(NumpyWhole())
        case "text":
            return TEXT
        case "texts":
            return machine.items(node, TEXT)
        case "cells":
            return machine.items(node, data(Flavour.TEXT, Shape.TOKEN))
        case "rows of text":
            machine.put(-id(node), data(Flavour.TEXT, Shape.TOKEN))
            return machine.items(node, one(Items(-id(node))))
        case "records":
            record = one(Items(-id(node)))
            machine.put(-id(node), data(Flavour.TEXT, Shape.TOKEN))
            machine.put_keys(-id(node), data(Flavour.TEXT, Shape.TOKEN))
            return machine.items(node, order.made(machine, record, order.Kind.DICTIONARY))
        case "part":
            return data(Flavour.TEXT, Shape.PART)
        case "parts":
            return machine.items(node, data(Flavour.TEXT, Shape.PART))
        case "view":
            view = machine.lazy(LazyKind.VIEW, node, LIBRARY)
            order.scramble(machine, view)
            return view
        case "bytes":
            return data(Flavour.BYTES, Shape.CHUNK)
        case "list of bytes":
            return machine.items(node, data(Flavour.BYTES, Shape.CHUNK))
        case "bytes stream":
            return one(Stream(Flavour.BYTES))
        case "text stream":
            return one(Stream(Flavour.TEXT))
        case "same":
            return one(given) if given is not None else OTHER
        case "list of same":
            return machine.items(node, one(given) if given is not None else OTHER)
        case "path":
            return one(Path())
        case _ if kind == "thing":
            machine.reads_dicom |= rest == "DICOM dataset"
            return one(Thing(rest))
        case _:
            return OTHER
