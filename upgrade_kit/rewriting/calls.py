"""What calling something does with the file and its content."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from upgrade_kit.rewriting import methods, operations
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.readers import NOWHERE, Reader
from upgrade_kit.rewriting.values import (
    NOTHING,
    NUMBER,
    OTHER,
    TEXT,
    Atom,
    BinStream,
    Context,
    Data,
    Flavour,
    Function,
    Items,
    Lazy,
    LazyKind,
    Literal,
    Method,
    Named,
    Number,
    Row,
    Shape,
    Stream,
    Thing,
    Value,
    data,
    one,
)

SAFE_ATTRIBUTES = frozenset({"read", "readline", "readlines", "seek", "tell", "close", "name", "closed"})
BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("__")) | {
    "__name__",
    "__builtins__",
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call passes.

    Attributes:
        positional: by place.
        named: by name.
        rest: what ``*args`` and ``**kwargs`` may hold.
    """

    positional: tuple[Value, ...]
    named: Mapping[str, Value]
    rest: Value

    def get(self, place: int, *names: str) -> Value:
        """Return the argument at a place or under one of the names, and whatever ``*`` may bring there."""
        if place < len(self.positional):
            return self.positional[place] | self.rest
        for name in names:
            if name in self.named:
                return self.named[name] | self.rest
        return self.rest

    def everything(self) -> Value:
        """Return all that is passed, in one value."""
        return frozenset().union(self.rest, *self.positional, *self.named.values())


def outside_name(machine: Machine, node: ast.Name) -> Value:
    """Return what a name holds that the procedure does not bind: the context's, a builtin, or nothing."""
    name = node.id
    context = machine.rules.context.get(name)
    if context is not None:
        return operations.returned(machine, "other", node) if context == "other" else one(Named(context))
    gone = machine.rules.gone_names.get(name)
    if gone is not None:
        if machine.excused and "NameError" in machine.excused[-1]:
            machine.excuses_used.add("NameError")
            machine.stopped = True
            return NOTHING
        machine.seen.breaks_at(node, gone.what, gone.hint, gone.rule)
        return one(Named(f"builtins.{gone.like or name}"))
    if name in BUILTINS:
        return one(Named(f"builtins.{name}"))
    if machine.excused and "NameError" in machine.excused[-1]:
        machine.excuses_used.add("NameError")
    return OTHER


def call(machine: Machine, callee: Atom, arguments: Arguments, node: ast.Call) -> Value:
    """Return what calling ``callee`` gives."""
    match callee:
        case Function(number):
            return call_function(machine, number, arguments)
        case Method(owner, name):
            return methods.call_method(machine, owner, name, arguments, node)
        case Named(name):
            return _call_named(machine, name, arguments, node)
        case Stream() | BinStream() | Data():
            return machine.unknown(node, "the file or its content is called")
        case Number() | Thing():
            return _unknown_call(machine, "a value", arguments, node)
        case _:
            return _unknown_call(machine, _spelled(node), arguments, node)


def call_function(machine: Machine, number: int, arguments: Arguments) -> Value:
    """Run a function of the procedure."""
    from upgrade_kit.rewriting import statements  # noqa: PLC0415 - statements hold expressions and these calls

    return statements.call_function(
        machine, number, arguments.positional, dict(arguments.named), rest=arguments.rest
    )


def apply(machine: Machine, function: Value, elements: tuple[Value, ...], node: ast.Call) -> Value:
    """Return what calling a function value with these arguments gives (``map``, ``key=``)."""
    result = NOTHING
    for atom in function:
        result |= call(machine, atom, Arguments(elements, {}, NOTHING), node)
    return result


def _spelled(node: ast.Call) -> str:
    text = ast.unparse(node.func)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - a reason is one line


def _unknown_call(machine: Machine, what: str, arguments: Arguments, node: ast.Call) -> Value:
    everything = arguments.everything()
    for atom in everything:
        if isinstance(atom, Function) and atom.number not in machine.called:
            call_function(machine, atom.number, Arguments((), {}, OTHER))
    if machine.from_file(everything) or any(isinstance(atom, Context) for atom in everything):
        return machine.unknown(node, f"hands the file or its content to {what}, which the kit does not know")
    if machine.on_python3_bytes(everything):
        return machine.unknown(node, f"hands bytes to {what}, which the kit does not know")
    return OTHER


def _call_named(machine: Machine, name: str, arguments: Arguments, node: ast.Call) -> Value:
    reader = machine.rules.readers.get(name)
    if reader is not None:
        return _read(machine, reader, name, arguments, node)
    if name.startswith("builtins."):
        handler = _BUILTIN.get(name.removeprefix("builtins."))
        if handler is not None:
            return handler(machine, arguments, node)
        if name.endswith(("Error", "Exception", "Warning", "StopIteration")):
            return OTHER
    numeric = name.split(".", maxsplit=1)[0] in machine.rules.numeric_modules
    if numeric and not machine.from_file(arguments.everything()):
        for atom in arguments.everything():
            if isinstance(atom, Lazy) and atom.kind is not LazyKind.RANGE:
                operations.not_a_list(machine, node, f"{name} of it")
    return _unknown_call(machine, name.removeprefix("builtins."), arguments, node)


def _read(machine: Machine, reader: Reader, name: str, arguments: Arguments, node: ast.Call) -> Value:
    given = arguments.get(reader.argument, *reader.keywords)
    shown = name.removeprefix("builtins.")
    result = NOTHING
    content: Data | None = None
    for word in reader.review_with:
        if word in arguments.named and machine.from_file(given):
            machine.seen.want(Want.REVIEW, node, f"{shown} with {word}= may give bytes", reader.rule)
    for atom in given:
        match atom:
            case Stream():
                machine.seen.moves_position |= not reader.by_descriptor
                machine.seen.reads_by_descriptor |= reader.by_descriptor
                machine.want(reader.stream, atom, node, f"{shown} {reader.stream_words}", reader.rule)
            case Data():
                content = atom
                _read_data(machine, reader, atom, shown, node)
            case BinStream():
                if reader.stream in (Want.TEXT, Want.ITERATES):
                    machine.unknown(node, f"{shown} wants text and gets BIN_FILE")
            case Items() | Row() | Lazy():
                for element in machine.elements(atom):
                    if isinstance(element, Data):
                        _read_data(machine, reader, element, shown, node)
                    elif machine.atom_from_file(element):
                        machine.unknown(node, f"hands a nested list of the file's content to {shown}")
            case _:
                continue
    if reader.pattern_argument != NOWHERE:
        _look_at_pattern(
            machine, arguments.get(reader.pattern_argument, "pattern"), given, shown, reader, node
        )
    others = [*arguments.positional[: reader.argument], *arguments.positional[reader.argument + 1 :]]
    others += [value for key, value in arguments.named.items() if key not in reader.keywords]
    if machine.from_file(frozenset().union(*others)):
        machine.unknown(
            node, f"hands the file or its content to {shown} in a place that the kit does not know"
        )
    word = reader.returns
    if word == "by format":
        word = _by_format(arguments)
    if word == "by dtype":
        word = _by_dtype(machine, reader, arguments, given, shown, node)
    result |= operations.returned(machine, word, node, given=content)
    return result


def _look_at_pattern(
    machine: Machine, patterns: Value, given: Value, shown: str, reader: Reader, node: ast.Call
) -> None:
    """Note a regular expression that is not plain text, where it meets the content."""
    for pattern in patterns:
        special = isinstance(pattern, Literal) and (
            pattern.raw
            or not operations.plain_text(pattern.text)
            or "\\x" in pattern.text
            or "\\r" in pattern.text
        )
        if special and (machine.from_file(given) or reader.argument == reader.pattern_argument):
            machine.unknown(node, f"{shown} with a pattern of bytes or of carriage returns")


def _read_data(machine: Machine, reader: Reader, atom: Data, shown: str, node: ast.Call) -> None:
    machine.want(reader.data, atom, node, f"{shown} {reader.data_words}", reader.rule)


def _by_format(arguments: Arguments) -> str:
    """Say what struct.unpack gives: numbers, or bytes too where the format holds s, p or c."""
    formats = arguments.get(0, "fmt", "format")
    for atom in formats:
        if not isinstance(atom, Literal):
            return "list of bytes"
        letters = atom.text.replace("%d", "").replace("%s", "").replace("%i", "")
        if any(letter in letters for letter in "spc"):
            return "list of bytes"
    return "number"


def _by_dtype(
    machine: Machine, reader: Reader, arguments: Arguments, given: Value, shown: str, node: ast.Call
) -> str:
    """Say what a numpy reader gives: numbers, unless its dtype may hold strings."""
    for atom in arguments.get(reader.dtype_argument, "dtype"):
        spelled = atom.text if isinstance(atom, Literal) else atom.name if isinstance(atom, Named) else None
        numeric = spelled is not None and not any(letter in spelled.split(".")[-1] for letter in "SUVOac|")
        known = isinstance(atom, Named) and atom.name.split(".")[0] in {"numpy", "builtins"}
        words = (
            "uint",
            "int",
            "float",
            "double",
            "single",
            "byte",
            "short",
            "bool",
            "complex",
            "half",
            "long",
        )
        if known and isinstance(atom, Named) and atom.name.split(".")[-1].startswith(words):
            numeric = True
        if isinstance(atom, Literal) and atom.text.lstrip("<>=").startswith(words):
            numeric = True
        if not numeric and machine.from_file(given):
            machine.seen.want(
                Want.REVIEW, node, f"{shown} with a dtype that may hold strings or is not known", reader.rule
            )
    return "number"


# -- builtins --------------------------------------------------------------------------------------------


def _len(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        match atom:
            case Data(flavour, shape):
                if shape in (Shape.WHOLE, Shape.CHUNK, Shape.LINE) and flavour is Flavour.FILE:
                    machine.want(Want.BYTES, atom, node, "counts the bytes of the content", "UK408")
            case Lazy(kind, _) if kind is LazyKind.ONCE:
                operations.not_a_list(machine, node, "its length")
            case Stream() | BinStream():
                machine.unknown(node, "the length of the file itself")
    return NUMBER


def _number(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            machine.want(Want.EITHER_TEXT, atom, node, "turns text into a number", "UK404")
        elif machine.atom_from_file(atom):
            machine.unknown(node, "turns something of the file into a number")
    return NUMBER


def _complex(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.everything():
        if isinstance(atom, Data):
            machine.want(Want.TEXT, atom, node, "complex() reads text", "UK403")
    return NUMBER


def _ord(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            machine.want(Want.BYTES, atom, node, "ord() takes one byte", "UK408")
    return NUMBER


def _str(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    result: Value = NOTHING
    for atom in arguments.get(0):
        operations.as_text(machine, atom, node)
        result |= one(atom) if isinstance(atom, Data | Literal) else TEXT
    return result or TEXT


def _repr(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if machine.from_file(arguments.everything()):
        machine.unknown(node, "repr() of the file or its content")
    return TEXT


def _bytes(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            machine.want(Want.BYTES, atom, node, "is turned into bytes", "UK402")
        elif machine.atom_from_file(atom):
            machine.unknown(node, "is turned into bytes")
        elif isinstance(atom, Literal | Number) and not (isinstance(atom, Literal) and atom.raw):
            machine.seen.breaks_at(
                node, "bytes(x) of text or a number means another thing on Python 3", "b'...'", "UK424"
            )
    return data(Flavour.BYTES, Shape.CHUNK)


def _bytearray(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            machine.want(Want.BYTES, atom, node, "is turned into bytes", "UK402")
        elif machine.atom_from_file(atom):
            machine.unknown(node, "is turned into bytes")
    return one(Thing("bytearray"))


def _all_elements(machine: Machine, value: Value, node: ast.AST) -> Value:
    result = NOTHING
    for atom in value:
        result |= operations.iterate(machine, atom, node)
    return result


def _list(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    return machine.items(node, _all_elements(machine, arguments.get(0), node))


def _dict(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    held = frozenset().union(*arguments.named.values())
    for atom in _all_elements(machine, arguments.get(0), node):
        if isinstance(atom, Row | Items):
            for part in atom.places[0] if isinstance(atom, Row) and atom.places else machine.elements(atom):
                operations.as_key(machine, part, node)
            held |= machine.elements(atom)
        else:
            held |= one(atom)
    return machine.items(node, held)


def _set(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    held = _all_elements(machine, arguments.get(0), node)
    for atom in held:
        operations.as_key(machine, atom, node)
    return machine.items(node, held)


def _sorted(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if "cmp" in arguments.named or len(arguments.positional) > 1:
        machine.seen.breaks_at(node, "sorted() has no cmp= on Python 3", "functools.cmp_to_key", "UK423")
    held = _all_elements(machine, arguments.get(0), node)
    apply(machine, arguments.named.get("key", NOTHING), (held,), node)
    return machine.items(node, held)


def _most(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if len(arguments.positional) > 1:
        held = frozenset().union(*arguments.positional, arguments.rest)
    else:
        held = _all_elements(machine, arguments.get(0), node)
    apply(machine, arguments.named.get("key", NOTHING), (held,), node)
    return held


def _sum(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    held = _all_elements(machine, arguments.get(0), node)
    if any(isinstance(atom, Data) for atom in held) or machine.from_file(held):
        return machine.unknown(node, "a sum over the file's content")
    return NUMBER if held <= NUMBER else OTHER


def _any(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    _all_elements(machine, arguments.get(0), node)
    return NUMBER


def _enumerate(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    return machine.items(node, one(Row((NUMBER, _all_elements(machine, arguments.get(0), node)))))


def _zip(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    places = tuple(_all_elements(machine, value, node) for value in arguments.positional)
    element = one(Row(places)) if not arguments.rest else frozenset().union(*places, arguments.rest)
    return machine.lazy(LazyKind.ONCE, node, element)


def _map(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    elements = tuple(_all_elements(machine, value, node) for value in arguments.positional[1:])
    return machine.lazy(LazyKind.ONCE, node, apply(machine, arguments.get(0), elements, node))


def _filter(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    element = _all_elements(machine, arguments.get(1), node)
    apply(machine, frozenset(a for a in arguments.get(0) if not isinstance(a, Number)), (element,), node)
    return machine.lazy(LazyKind.ONCE, node, element)


def _range(machine: Machine, _: Arguments, node: ast.Call) -> Value:
    return machine.lazy(LazyKind.RANGE, node, NUMBER)


def _iter(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if len(arguments.positional) > 1:
        element = apply(machine, arguments.positional[0], (), node)
        for atom in element:
            for sentinel in arguments.positional[1]:
                operations.compare(machine, atom, sentinel, ast.Eq(), node)
        return machine.items(node, element)
    return machine.items(node, _all_elements(machine, arguments.get(0), node))


def _next(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    result = frozenset().union(*arguments.positional[1:])
    for atom in arguments.get(0):
        if isinstance(atom, Stream):
            machine.want(Want.TEXT, atom, node, "next() takes a line of FILE (BIN_FILE has none)", "UK404")
            machine.seen.moves_position = True
            result |= data(atom.flavour, Shape.LINE)
        elif isinstance(atom, BinStream):
            result |= machine.unknown(node, "next() of BIN_FILE, which has none")
        else:
            result |= operations.iterate(machine, atom, node)
    return result


def _print(_: Machine, __: Arguments, ___: ast.Call) -> Value:
    return NUMBER


def _isinstance(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if machine.from_file(arguments.get(0)) or machine.on_python3_bytes(arguments.get(0)):
        machine.unknown(node, "asks for the type of the file or its content")
    return NUMBER


def _type(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    _isinstance(machine, arguments, node)
    return OTHER


def _hasattr(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    names = arguments.get(1)
    safe = all(isinstance(atom, Literal) and atom.text in SAFE_ATTRIBUTES for atom in names)
    if not safe and machine.from_file(arguments.get(0)):
        machine.unknown(node, "asks for an attribute of the file or its content")
    return NUMBER


def _open(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0, "file", "name", "filename"):
        if isinstance(atom, Stream | BinStream) or (
            not isinstance(atom, Data) and machine.atom_from_file(atom)
        ):
            machine.unknown(node, "open() of the file itself")
    modes = arguments.get(1, "mode") or one(Literal("r", raw=False))
    result = NOTHING
    for mode in modes:
        if not isinstance(mode, Literal):
            return machine.unknown(node, "open() with a mode that is not known")
        result |= one(Stream(Flavour.BYTES if "b" in mode.text else Flavour.TEXT))
    return result


def _namespace(_: Machine, arguments: Arguments, __: ast.Call) -> Value:
    return OTHER if arguments.positional else one(Thing("namespace"))


def _code(machine: Machine, _: Arguments, node: ast.Call) -> Value:
    return machine.unknown(node, "runs text as code")


def _getattr(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if machine.from_file(arguments.everything()):
        return machine.unknown(node, "takes an attribute of the file by a computed name")
    return OTHER


def _round(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if len(arguments.positional) < 2 and not arguments.named:  # noqa: PLR2004 - round(x, digits)
        machine.seen.breaks_at(
            node,
            "round(x) gives another number on Python 3 where x ends in .5 (2.5 -> 2, was 3.0)",
            "math.floor(x + 0.5) for x >= 0, or decide that the new rounding is right",
            "UK427",
        )
    return NUMBER


_Handler = Callable[[Machine, Arguments, ast.Call], Value]
_BUILTIN: dict[str, _Handler] = {
    "all": _any,
    "any": _any,
    "bool": _any,
    "bytearray": _bytearray,
    "bytes": _bytes,
    "compile": _code,
    "complex": _complex,
    "dict": _dict,
    "dir": _namespace,
    "enumerate": _enumerate,
    "eval": _code,
    "exec": _code,
    "filter": _filter,
    "float": _number,
    "frozenset": _set,
    "getattr": _getattr,
    "globals": _namespace,
    "hasattr": _hasattr,
    "int": _number,
    "isinstance": _isinstance,
    "iter": _iter,
    "len": _len,
    "list": _list,
    "locals": _namespace,
    "map": _map,
    "max": _most,
    "memoryview": _bytes,
    "min": _most,
    "next": _next,
    "open": _open,
    "ord": _ord,
    "print": _print,
    "range": _range,
    "repr": _repr,
    "reversed": _list,
    "round": _round,
    "set": _set,
    "setattr": _getattr,
    "sorted": _sorted,
    "str": _str,
    "sum": _sum,
    "tuple": _list,
    "type": _type,
    "vars": _namespace,
    "zip": _zip,
    "__import__": _code,
}
