"""What calling a method of the file, of its content, or of a container does."""

from __future__ import annotations

import ast
import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING

from upgrade_kit.rewriting import calls, comparisons, operations, order, patterns, writing
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.values import (
    LIBRARY,
    NONE,
    NOTHING,
    NUMBER,
    OTHER,
    TEXT,
    WHOLE,
    Atom,
    BinStream,
    Data,
    Flavour,
    Items,
    Lazy,
    LazyKind,
    Literal,
    Match,
    Missing,
    Named,
    Number,
    Path,
    Pattern,
    Position,
    Row,
    Shape,
    Stream,
    Text,
    Thing,
    Value,
    data,
    one,
)

if TYPE_CHECKING:
    from upgrade_kit.rewriting.arguments import Arguments

SAME_ON_BOTH = frozenset({"upper", "lower", "title", "capitalize", "swapcase"})
ASKS = frozenset({"isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower", "istitle"})
STRIPS = frozenset({"strip", "lstrip", "rstrip"})
SPLITS = frozenset({"split", "rsplit"})
FINDS = frozenset({"find", "rfind", "index", "rindex", "count", "startswith", "endswith"})
PADS = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs"})
TEXT_CODECS = frozenset(
    {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "cp437", "cp850", "utf-16", "utf-8-sig"}
)


def call_method(machine: Machine, owner: Atom, name: str, arguments: Arguments, node: ast.Call) -> Value:
    """Return what ``owner.name(...)`` gives."""
    match owner:
        case Stream():
            return _stream(machine, owner, name, arguments, node)
        case BinStream():
            return _bin_stream(machine, name, arguments, node)
        case Data():
            return _data(machine, owner, name, arguments, node)
        case Items() | Row():
            return _items(machine, owner, name, arguments, node)
        case Lazy():
            return _lazy(machine, owner, name, arguments, node)
        case Literal() | Text() | Path():
            return _text(machine, owner, name, arguments, node)
        case Pattern():
            return patterns.method(machine, owner, name, arguments, node)
        case Match():
            return patterns.of_match(machine, owner, name, arguments, node)
        case Thing(kind):
            return _thing(machine, kind, name, arguments, node)
        case Number():
            return _absorbs(machine, name, arguments, node, NUMBER)
        case _:
            return _absorbs(machine, name, arguments, node)


def _absorbs(machine: Machine, name: str, arguments: Arguments, node: ast.Call, gives: Value = OTHER) -> Value:
    if machine.from_file(arguments.everything()):
        return machine.unknown(node, f"hands the file or its content to .{name}(), which the kit does not know")
    order.needs_order_inside(machine, arguments.everything(), node, f"hands it to .{name}()")
    return gives


def _number_in(node: ast.expr | None) -> int | None:
    """Return the value of a written integer, else None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number_in(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return int(node.value)
    if isinstance(node, ast.Attribute) and node.attr.startswith("SEEK_"):
        return {"SEEK_SET": 0, "SEEK_CUR": 1, "SEEK_END": 2}.get(node.attr)
    return None


# -- an open file ----------------------------------------------------------------------------------------


def _stream(machine: Machine, owner: Stream, name: str, arguments: Arguments, node: ast.Call) -> Value:
    flavour = owner.flavour
    if flavour is Flavour.FILE and name in {"read", "readline", "readlines", "seek"}:
        machine.seen.moves_position = True
    match name:
        case "read":
            sized = _sized(arguments, node)
            machine.want(Want.CONTENT, owner, node, "reads the content, and nothing shows that it is text", "UK408")
            return data(flavour, Shape.CHUNK if sized else Shape.WHOLE)
        case "readline":
            return data(flavour, Shape.LINE)
        case "readlines":
            return machine.items(node, data(flavour, Shape.LINE))
        case "seek":
            return _seek(machine, owner, arguments, node)
        case "tell":
            machine.seen.tells |= flavour is Flavour.FILE
            machine.want(Want.ANY, owner, node, ".tell() does not touch the content", "UK404")
            return NUMBER
        case "close" | "flush" | "fileno" | "isatty" | "seekable" | "readable":
            machine.want(Want.ANY, owner, node, f".{name}() does not touch the content", "UK404")
            return NUMBER
        case "__enter__" | "__iter__":
            return one(owner)
        case "write" | "writelines" | "truncate":
            return _write(machine, owner, arguments, node)
        case _ if flavour is Flavour.FILE:
            if name in {"next", "xreadlines"}:
                return machine.unknown(node, f"FILE.{name}() is gone on Python 3: use a for loop or readline()")
            return machine.unknown(node, f"FILE.{name}() is not known to the kit")
        case _:
            return _absorbs(machine, name, arguments, node)


def _sized(arguments: Arguments, node: ast.Call) -> bool:
    if not node.args or (len(node.args) == 1 and _number_in(node.args[0]) == -1):
        return False
    return bool(arguments.positional or arguments.rest)


def _seek(machine: Machine, owner: Stream, arguments: Arguments, node: ast.Call) -> Value:
    whence = 0 if len(node.args) < 2 and not node.keywords else _number_in(node.args[-1])  # noqa: PLR2004
    place = _number_in(node.args[0]) if node.args else None
    if machine.from_file(arguments.everything()):
        return machine.unknown(node, "seeks to a place that the content says")
    if whence == 0 or (whence in {1, 2} and place == 0):
        machine.want(Want.ANY, owner, node, "seek() from the start gives the same on FILE and on BIN_FILE", "UK404")
        if owner.flavour is Flavour.FILE and place != 0:
            machine.seen.seeks_into = True
    elif whence in {1, 2}:
        machine.want(Want.BYTES, owner, node, "seek() from the end or the present place needs bytes", "UK408")
    else:
        return machine.unknown(node, "seek() from a place that is not known")
    return NUMBER


def _write(machine: Machine, owner: Stream, arguments: Arguments, node: ast.Call) -> Value:
    if owner.flavour is Flavour.FILE:
        return machine.unknown(node, "writes into FILE, which neither handle of 0.3.0 allows")
    for atom in arguments.get(0):
        parts = machine.elements(atom) if isinstance(atom, Items | Row | Lazy) else one(atom)
        for part in parts:
            _write_part(machine, owner, part, node)
    return NUMBER


def _write_part(machine: Machine, owner: Stream, part: Atom, node: ast.Call) -> None:
    into_bytes = owner.flavour is Flavour.BYTES
    if isinstance(part, Data):
        want = Want.BYTES if into_bytes else Want.TEXT
        kind = "bytes" if into_bytes else "text"
        machine.want(want, part, node, f"what was read is written into a file of {kind}", "UK402")
    elif isinstance(part, Stream | BinStream) or machine.atom_from_file(part):
        machine.unknown(node, "writes the file itself")
    elif (into_bytes and isinstance(part, Text | Path)) or (isinstance(part, Literal) and part.raw is not into_bytes):
        machine.seen.breaks_at(
            node, "a file opened with 'b' takes bytes only on Python 3", "b'...' or .encode('ascii')", "UK424"
        )


def _bin_stream(machine: Machine, name: str, arguments: Arguments, node: ast.Call) -> Value:
    match name:
        case "read":
            return data(Flavour.BYTES, Shape.CHUNK if arguments.positional else Shape.WHOLE)
        case "readline":
            return data(Flavour.BYTES, Shape.LINE)
        case "readlines" | "chunks":
            return machine.items(node, data(Flavour.BYTES, Shape.LINE))
        case "seek" | "tell" | "close" | "open" | "flush" | "fileno" | "isatty" | "seekable" | "readable":
            return NUMBER
        case _:
            return machine.unknown(node, f"BIN_FILE.{name}() is not known to the kit")


# -- a piece of data -------------------------------------------------------------------------------------


def _data(machine: Machine, owner: Data, name: str, arguments: Arguments, node: ast.Call) -> Value:
    given = arguments.everything()
    nothing_given = not given or (name in STRIPS | SPLITS and all(isinstance(atom, Number | Missing) for atom in given))
    if name in SAME_ON_BOTH:
        machine.want(Want.EITHER_TEXT, owner, node, f".{name}() gives the same from text and from bytes", "UK404")
        return one(owner)
    if name in ASKS:
        machine.want(Want.EITHER_TEXT, owner, node, f".{name}() gives the same from text and from bytes", "UK404")
        return NUMBER
    token = data(owner.flavour, Shape.TOKEN)
    if name in STRIPS | SPLITS and nothing_given:
        machine.want(Want.EITHER_TEXT, owner, node, f".{name}() gives the same from text and from bytes", "UK404")
        stripped = data(owner.flavour, Shape.PART) if owner.shape in (Shape.WHOLE, Shape.CHUNK) else token
        return stripped if name in STRIPS else machine.items(node, token)
    if name == "splitlines":
        machine.want(Want.EITHER_TEXT, owner, node, ".splitlines() gives the same from text and from bytes", "UK404")
        ends = node.args or node.keywords
        return machine.items(node, data(owner.flavour, Shape.LINE if ends else Shape.TOKEN))
    if name == "decode":
        return _decode(machine, owner, arguments, node)
    if name in PADS:
        machine.want(Want.EITHER_TEXT, owner, node, f".{name}() gives the same from text and from bytes", "UK404")
        for atom in given:
            operations.pair(machine, owner, atom, node, f".{name}()")
        return one(owner)
    if name in FINDS or name in STRIPS | SPLITS | {"replace", "partition", "rpartition", "join", "translate"}:
        return _with_text(machine, owner, name, arguments, node)
    if name == "format":
        machine.want(Want.TEXT, owner, node, ".format() is a method of text only", "UK407")
        return one(owner)
    return machine.unknown(node, f".{name}() of the content is not known to the kit")


def _with_text(machine: Machine, owner: Data, name: str, arguments: Arguments, node: ast.Call) -> Value:
    given = arguments.everything()
    if name == "translate":
        return machine.unknown(node, ".translate() takes another table on Python 3")
    for atom in given:
        if not isinstance(atom, Number):
            operations.pair(machine, owner, atom, node, f".{name}()")
    if name in FINDS:
        return one(Position()) if name in {"find", "rfind", "index", "rindex"} else WHOLE
    part = data(owner.flavour, _shape_of_part(machine, owner, name, arguments, node))
    if name in SPLITS:
        return machine.items(node, part)
    if name in {"partition", "rpartition"}:
        return one(Row((operations.before_the_last(part, Shape.PART), part, part)))
    return part if name in STRIPS | {"replace"} else one(owner)


def _shape_of_part(machine: Machine, owner: Data, name: str, arguments: Arguments, node: ast.Call) -> Shape:
    """Return what is left of a piece of text after something written was taken off or split at."""
    texts = [atom.text for atom in arguments.get(0) if isinstance(atom, Literal)]
    line_feed = any("\n" in text for text in texts)
    carriage_return = any("\r" in text for text in texts)
    if owner.shape is Shape.TOKEN or (name in STRIPS and line_feed and carriage_return):
        return Shape.TOKEN
    if name == "replace":
        return _shape_of_replaced(machine, owner, texts, arguments, node)
    if line_feed:
        return Shape.TRIMMED
    if name in STRIPS:
        return Shape.PART if owner.shape in (Shape.WHOLE, Shape.CHUNK) else owner.shape
    if owner.shape in (Shape.LINE, Shape.CELL):
        return Shape.CELL
    return Shape.FIELD if owner.shape in operations.TRIMMED else Shape.PART


def _shape_of_replaced(machine: Machine, owner: Data, texts: list[str], arguments: Arguments, node: ast.Call) -> Shape:
    instead = [atom.text for atom in arguments.get(1) if isinstance(atom, Literal)]
    if any("\r" in text for text in texts):
        if (texts, instead) in ((["\r\n"], ["\n"]), (["\r"], [""])):
            return Shape.TOKEN
        machine.unknown(node, "replaces carriage returns, which FILE has turned into line feeds")
    return Shape.TRIMMED if any("\n" in text for text in texts) else owner.shape


def _decode(machine: Machine, owner: Data, arguments: Arguments, node: ast.Call) -> Value:
    encodings = arguments.get(0, "encoding") or one(Literal("ascii", raw=False))
    for atom in encodings:
        if not isinstance(atom, Literal) or _codec(atom.text) not in TEXT_CODECS:
            return machine.unknown(node, ".decode() with an encoding that is gone on Python 3 or is not known")
    machine.want(Want.BYTES, owner, node, ".decode() is a method of bytes only", "UK402")
    return TEXT


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""


# -- containers ------------------------------------------------------------------------------------------


def _items(machine: Machine, owner: Items | Row, name: str, arguments: Arguments, node: ast.Call) -> Value:
    elements = machine.elements(owner)
    match name:
        case "append" | "add" | "appendleft":
            _put(machine, owner, arguments.get(0), node)
            return NONE
        case "insert":
            _put(machine, owner, arguments.get(1), node)
            return NONE
        case "extend" | "update" | "union" | "intersection" | "difference" | "symmetric_difference":
            held = NOTHING
            for atom in arguments.get(0):
                held |= operations.iterate(machine, atom, node)
            if name == "extend":
                order.passed_on(machine, arguments.get(0), one(owner))
            _put(machine, owner, held.union(*arguments.named.values()), node)
            return one(owner) if name not in {"extend", "update"} else NONE
        case "setdefault":
            _keys(machine, arguments.get(0), node)
            if isinstance(owner, Items):
                machine.put_keys(owner.site, arguments.get(0))
            _put(machine, owner, arguments.get(1) or NONE, node)
            return machine.elements(owner)
        case "get" | "pop" | "popleft" | "popitem":
            return _taken(machine, owner, name, arguments, node)
        case "keys":
            return _view(machine, owner, node, _keys_of(machine, owner))
        case "values":
            return _view(machine, owner, node, elements)
        case "items":
            return _view(machine, owner, node, one(Row((_keys_of(machine, owner), elements))))
        case "index" | "count" | "remove" | "discard":
            return _looked_for(machine, owner, name, arguments, node)
        case "most_common":
            common = machine.items(node, one(Row((_keys_of(machine, owner), WHOLE))))
            order.scramble(machine, common)
            return common
        case "sort":
            return _sort(machine, owner, arguments, node)
        case "reverse" | "clear":
            return NONE
        case "copy" | "transpose" | "flatten" | "ravel" | "squeeze" | "reshape":
            return one(owner)
        case "astype":
            return _astype(machine, owner, arguments, node)
        case _:
            if machine.from_file(elements) or machine.on_python3_bytes(elements):
                return machine.unknown(node, f".{name}() of a list with the file's content is not known to the kit")
            return _absorbs(machine, name, arguments, node)


def _taken(machine: Machine, owner: Items | Row, name: str, arguments: Arguments, node: ast.Call) -> Value:
    """Return what ``get`` and the methods that take something out give."""
    _keys(machine, arguments.get(0), node)
    elements = machine.elements(owner)
    if name == "get":
        return elements | (arguments.get(1) or NONE)
    if name == "popitem":
        order.needs_order(machine, one(owner), node, ".popitem()")
        return one(Row((_keys_of(machine, owner), elements)))
    if not (isinstance(owner, Items) and order.is_dictionary(machine, owner)):
        order.needs_order(machine, one(owner), node, f".{name}()")
    return elements | arguments.get(1)


def _looked_for(machine: Machine, owner: Items | Row, name: str, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        for element in machine.elements(owner):
            comparisons.compare(machine, element, atom, ast.Eq(), node)
    if name == "index":
        order.needs_order(machine, one(owner), node, ".index()")
    return WHOLE if name in {"index", "count"} else NONE


def _sort(machine: Machine, owner: Items | Row, arguments: Arguments, node: ast.Call) -> Value:
    if "cmp" in arguments.named or arguments.positional:
        machine.seen.breaks_at(node, ".sort() has no cmp= on Python 3", "functools.cmp_to_key", "UK420")
    keys = arguments.named.get("key", NOTHING)
    if keys <= NONE:
        comparisons.compare_all(machine, machine.elements(owner), node)
    else:
        order.needs_order(machine, one(owner), node, "equal ones stay in their order")
        comparisons.compare_all(machine, calls.apply(machine, keys, (machine.elements(owner),), node), node)
    order.sorted_here(machine, owner)
    return NONE


def _view(machine: Machine, owner: Items | Row, node: ast.Call, element: Value) -> Value:
    view = machine.lazy(LazyKind.VIEW, node, element)
    if not isinstance(owner, Items) or order.kind_of(machine, owner) is not order.Kind.ORDERED:
        order.scramble(machine, view)
    return order.passed_on(machine, one(owner), view)


def _keys_of(machine: Machine, owner: Items | Row) -> Value:
    return machine.keys.get(owner.site, LIBRARY) if isinstance(owner, Items) else LIBRARY


def _astype(machine: Machine, owner: Items | Row, arguments: Arguments, node: ast.Call) -> Value:
    """Turn an array of text into one of numbers."""
    numeric = all(
        isinstance(atom, Named) and atom.name.rpartition(".")[2].startswith(("float", "int", "double", "uint"))
        for atom in arguments.get(0)
    )
    for element in innermost(machine, owner):
        if isinstance(element, Data) and numeric:
            machine.want(Want.EITHER_TEXT, element, node, ".astype() turns text into numbers", "UK404")
        elif isinstance(element, Data) or machine.atom_from_file(element):
            return machine.unknown(node, ".astype() of the content into a type that the kit does not know")
    return NUMBER


def innermost(machine: Machine, owner: Atom, depth: int = 0) -> Value:
    """Return what a list of lists holds at its bottom."""
    if isinstance(owner, Items | Row) and depth < 4:  # noqa: PLR2004 - a list in a list in a list
        return frozenset().union(*(innermost(machine, atom, depth + 1) for atom in machine.elements(owner)))
    return one(owner)


def _put(machine: Machine, owner: Items | Row, value: Value, node: ast.Call) -> None:
    if isinstance(owner, Items):
        order.put_in(machine, owner)
        machine.put(owner.site, value)
    elif machine.from_file(value):
        machine.unknown(node, "the content is kept where the kit does not follow it")


def _keys(machine: Machine, keys: Value, node: ast.Call) -> None:
    for atom in keys:
        operations.as_key(machine, atom, node)


def _lazy(machine: Machine, owner: Lazy, name: str, arguments: Arguments, node: ast.Call) -> Value:
    if not (owner.kind is LazyKind.RANGE and name in {"index", "count"}):
        operations.not_a_list(machine, node, f".{name}() of it")
    _put(machine, Items(owner.site), arguments.everything(), node)
    return machine.elements(owner) | NUMBER


# -- text that is not from the file ----------------------------------------------------------------------


def _text(machine: Machine, owner: Literal | Text | Path, name: str, arguments: Arguments, node: ast.Call) -> Value:
    raw = isinstance(owner, Literal) and owner.raw
    if name == "join":
        return _join(machine, owner, arguments, node)
    if name == "translate":
        machine.seen.breaks_at(node, ".translate() takes another table on Python 3", "replace(), one by one", "UK420")
        return TEXT
    if name == "decode" and not raw:
        machine.seen.breaks_at(node, "text has no .decode() on Python 3", "drop it, or write b'...'", "UK420")
        return TEXT
    if name == "encode":
        return data(Flavour.BYTES, Shape.TOKEN)
    if isinstance(owner, Path) and name in SPLITS | {"partition", "rpartition"}:
        _path_split(machine, arguments, node)
    everything = arguments.everything()
    if name == "format" and isinstance(owner, Literal | Text):
        return writing.by_braces(machine, owner, arguments, node)
    for atom in everything:
        if isinstance(atom, Data) and isinstance(owner, Literal | Text):
            operations.pair(machine, atom, owner, node, f".{name}()")
        elif machine.atom_from_file(atom):
            machine.unknown(node, f"hands the file or its content to .{name}()")
    if name in FINDS | ASKS:
        return NUMBER
    result: Callable[[], Value] = _TEXT_GIVES.get(name, lambda: TEXT)
    value = result()
    return machine.items(node, value) if name in SPLITS | {"splitlines"} else value


_TEXT_GIVES: dict[str, Callable[[], Value]] = {
    "partition": lambda: one(Row((TEXT, TEXT, TEXT))),
    "rpartition": lambda: one(Row((TEXT, TEXT, TEXT))),
}


def _path_split(machine: Machine, arguments: Arguments, node: ast.Call) -> None:
    for atom in arguments.get(0):
        if isinstance(atom, Literal) and "_" in atom.text:
            machine.seen.breaks_at(
                node,
                "the uploaded file is named in another way in 0.3.0 (name_date_code.ext, was name_test_date_code.ext)",
                "take the part that you need from the new name",
                "UK406",
            )


def _join(machine: Machine, owner: Literal | Text | Path, arguments: Arguments, node: ast.Call) -> Value:
    result = NOTHING
    order.needs_order(machine, arguments.get(0), node, ".join()")
    if Thing("JSON value") in arguments.get(0):
        order.told(machine, node, ".join() of what may be an object of JSON")
    for atom in arguments.get(0):
        elements = operations.iterate(machine, atom, node)
        for element in elements:
            if isinstance(element, Data):
                operations.pair(machine, element, owner, node, ".join()")
                result |= one(element)
            elif element in operations.WRITTEN_DIFFERENTLY:
                result |= one(element)
            elif machine.atom_from_file(element):
                machine.unknown(node, ".join() of something of the file that the kit does not follow")
    return result or TEXT


# -- objects that libraries make -------------------------------------------------------------------------


def _thing(machine: Machine, kind: str, name: str, arguments: Arguments, node: ast.Call) -> Value:
    if kind == "namespace":
        return _namespace(machine, name, arguments, node)
    if Thing(kind) in operations.WRITTEN_DIFFERENTLY:
        operations.written_differently(machine, node, Thing(kind), f".{name}()")
        return TEXT
    thing = machine.rules.things.get(kind)
    method = thing.methods.get(name) if thing is not None else None
    if method is None:
        return _absorbs(machine, name, arguments, node)
    content: Data | None = None
    if (kind, name) == ("zip archive", "open") and any(
        isinstance(atom, Literal) and "U" in atom.text for atom in arguments.get(1, "mode")
    ):
        machine.seen.breaks_at(node, "a zip archive opens nothing with 'U' on Python 3", "z.open(name)", "UK424")
    if kind == "struct with bytes" and name == "pack":
        operations.no_text_in_bytes(machine, arguments.everything(), node)
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            content = atom
            machine.want(method.data, atom, node, f"{kind}.{name}() {method.data_words}", method.rule)
        elif isinstance(atom, Stream):
            machine.seen.moves_position = True
            machine.want(method.data, atom, node, f"{kind}.{name}() {method.data_words}", method.rule)
        elif isinstance(atom, BinStream) and method.data is not Want.TEXT:
            continue
        elif machine.atom_from_file(atom):
            return machine.unknown(node, f"hands the file to {kind}.{name}(), which the kit does not know")
    if machine.from_file(frozenset().union(*arguments.positional[1:], *arguments.named.values(), arguments.rest)):
        return machine.unknown(node, f"hands the content to {kind}.{name}() in a place that the kit does not know")
    return operations.returned(machine, method.returns, node, given=content)


def _namespace(machine: Machine, name: str, arguments: Arguments, node: ast.Call) -> Value:
    if name == "get":
        return operations.from_namespace(machine, arguments.get(0), node)
    if name in {"keys", "has_key", "__contains__"}:
        return OTHER
    return machine.unknown(node, f"globals().{name}()")
