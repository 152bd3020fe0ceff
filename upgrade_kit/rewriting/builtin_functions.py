"""What Python's own functions do with the file and its content."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from upgrade_kit.rewriting import calls, comparisons, objects, operations, order, writing
from upgrade_kit.rewriting.arguments import Arguments
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.values import (
    NONE,
    NOTHING,
    NUMBER,
    OTHER,
    TEXT,
    WHOLE,
    Atom,
    BinStream,
    Bound,
    Class,
    Data,
    Flavour,
    Instance,
    Items,
    Lazy,
    LazyKind,
    Literal,
    Method,
    Missing,
    Named,
    Number,
    Other,
    Path,
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

SAFE_ATTRIBUTES = frozenset({"read", "readline", "readlines", "seek", "tell", "close", "name", "closed"})
OF_ONE_VERSION = frozenset(  # attributes that text, dictionaries, iterators, functions ... have on one version only
    {
        *("__iter__", "decode", "encode", "isdecimal", "isnumeric", "casefold", "format_map", "hex", "__contains__"),
        *("has_key", "iteritems", "iterkeys", "itervalues", "viewitems", "viewkeys", "viewvalues", "copy", "clear"),
        *("next", "__next__", "xreadlines", "buffer", "readable", "seekable", "writable", "message", "im_func"),
        *("func_name", "func_code", "__cmp__", "__div__", "__nonzero__", "__bool__", "__unicode__", "__bytes__"),
        *("__getslice__", "__long__", "__coerce__", "__dir__", "__qualname__", "is_integer", "bit_length", "keyword"),
    }
)


def _len(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        match atom:
            case Data(flavour, shape):
                if shape in (Shape.WHOLE, Shape.CHUNK, Shape.LINE) and flavour is Flavour.FILE:
                    machine.want(Want.BYTES, atom, node, "counts the bytes of what was read", "UK408")
                elif shape in operations.TRIMMED:
                    operations.trimmed(machine, atom, node, "its length")
                elif shape in (Shape.PART, Shape.CELL) and flavour is not Flavour.BYTES:
                    machine.unknown(node, "the length of text that may hold line ends")
                elif shape in (Shape.WHOLE, Shape.CHUNK, Shape.LINE) and flavour is Flavour.TEXT:
                    machine.unknown(node, "the length of text that was read with one kind of line end")
            case Lazy(kind, _) if kind is LazyKind.ONCE:
                operations.not_a_list(machine, node, "its length")
            case Literal(text, raw=False) if not text.isascii():
                operations.not_one_byte(machine, node)
            case Stream() | BinStream():
                machine.unknown(node, "the length of the file itself")
            case Thing():
                operations.written_differently(machine, node, atom, "its length")
            case _:
                continue
    return WHOLE


def _number(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if atom in {operations.MESSAGE, operations.TYPE}:
            operations.written_differently(machine, node, atom, "is turned into a number")
        if isinstance(atom, Data):
            machine.want(Want.EITHER_TEXT, atom, node, "turns what was read into a number", "UK404")
        elif machine.atom_from_file(atom):
            machine.unknown(node, "turns something of the file into a number")
    return NUMBER


def _int(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    _number(machine, arguments, node)
    return WHOLE


def _complex(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.everything():
        if isinstance(atom, Data):
            machine.want(Want.TEXT, atom, node, "complex() reads text", "UK403")
    return NUMBER


def _ord(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            machine.want(Want.BYTES, atom, node, "ord() takes one byte of what was read", "UK408")
    return WHOLE


def _str(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    result: Value = NOTHING
    for atom in arguments.get(0):
        result |= writing.written(machine, atom, node)
    return result or TEXT


def _repr(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if machine.from_file(arguments.everything()):
        machine.unknown(node, "repr() of the file or its content")
    return frozenset().union(*(writing.written(machine, atom, node, as_repr=True) for atom in arguments.get(0))) or TEXT


def _format(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    return writing.by_specification(machine, arguments.get(0), arguments.get(1), node)


def _bytes(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            machine.want(Want.BYTES, atom, node, "what was read is turned into bytes", "UK402")
        elif machine.atom_from_file(atom):
            machine.unknown(node, "what was read is turned into bytes")
        elif isinstance(atom, Literal | Number) and not (isinstance(atom, Literal) and atom.raw):
            machine.seen.breaks_at(
                node, "bytes(x) of text or a number means another thing on Python 3", "b'...'", "UK424"
            )
    return data(Flavour.BYTES, Shape.CHUNK)


def _bytearray(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        if isinstance(atom, Data):
            machine.want(Want.BYTES, atom, node, "what was read is turned into bytes", "UK402")
        elif machine.atom_from_file(atom):
            machine.unknown(node, "what was read is turned into bytes")
        elif isinstance(atom, Text) or (isinstance(atom, Literal) and not atom.raw):
            machine.seen.breaks_at(node, "bytearray() takes no text on Python 3", "bytearray(b'...')", "UK424")
    return one(Thing("bytearray"))


def _all_elements(machine: Machine, value: Value, node: ast.AST) -> Value:
    result = NOTHING
    for atom in value:
        result |= operations.iterate(machine, atom, node)
    return result


def _list(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    made = machine.items(node, _all_elements(machine, arguments.get(0), node))
    return order.passed_on(machine, arguments.get(0), made)


def _dict(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    held = frozenset().union(*arguments.named.values())
    machine.put_keys(id(node), frozenset(Literal(name, raw=False) for name in arguments.named))
    for atom in arguments.get(0):
        if isinstance(atom, Items) and order.is_dictionary(machine, atom):
            machine.put_keys(id(node), machine.keys.get(atom.site, NOTHING))
            held |= machine.elements(atom)
    for atom in _all_elements(machine, arguments.get(0), node):
        if isinstance(atom, Row | Items):
            for part in atom.places[0] if isinstance(atom, Row) and atom.places else machine.elements(atom):
                operations.as_key(machine, part, node)
            if isinstance(atom, Row) and atom.places:
                machine.put_keys(id(node), atom.places[0])
            else:
                machine.put_keys(id(node), machine.elements(atom))
            held |= frozenset().union(*atom.places[1:]) if isinstance(atom, Row) else machine.elements(atom)
        else:
            held |= one(atom)
    pairs = frozenset(atom for atom in arguments.get(0) if not _is_dictionary(machine, atom))
    if not (node.args and _pairs_by_key(node.args[0])):
        order.needs_order(machine, pairs, node, "the last of equal keys stays")
    return order.made(machine, machine.items(node, held), order.Kind.DICTIONARY)


def _is_dictionary(machine: Machine, atom: Atom) -> bool:
    return isinstance(atom, Items) and order.kind_of(machine, atom) is order.Kind.DICTIONARY


def _pairs_by_key(node: ast.expr) -> bool:
    """Return whether this is ``d.items()`` or a comprehension that gives each key once."""
    match node:
        case ast.ListComp(elt=ast.Tuple(elts=[key, _])) | ast.GeneratorExp(elt=ast.Tuple(elts=[key, _])):
            return order.is_one_by_one(node, key)
        case ast.Call(func=ast.Attribute(attr="items"), args=[]):
            return True
        case _:
            return False


def _set(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    held = _all_elements(machine, arguments.get(0), node)
    for atom in held:
        operations.as_key(machine, atom, node)
    return order.made(machine, machine.items(node, held), order.Kind.SET)


def _sorted(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if "cmp" in arguments.named or len(arguments.positional) > 1:
        machine.seen.breaks_at(node, "sorted() has no cmp= on Python 3", "functools.cmp_to_key", "UK420")
    held = _all_elements(machine, arguments.get(0), node)
    if not _by_its_key(node):
        _by_key(machine, arguments, held, node, "equal ones stay in their order")
    return machine.items(node, held)


def _by_its_key(node: ast.Call) -> bool:
    """Return whether the items of a dictionary are put in order by their key, of which there is one each."""
    match node:
        case ast.Call(
            args=[ast.Call(func=ast.Attribute(attr="items"), args=[])],
            keywords=[
                ast.keyword(
                    arg="key",
                    value=ast.Lambda(
                        args=ast.arguments(args=[ast.arg(arg=name)]),
                        body=body,
                    ),
                ),
                *_,
            ],
        ):
            parts = body.elts if isinstance(body, ast.Tuple) else [body]
            return any(ast.unparse(part) == f"{name}[0]" for part in parts)
        case _:
            return False


def _most(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if len(arguments.positional) > 1:
        held = frozenset().union(*arguments.positional, arguments.rest)
    else:
        held = _all_elements(machine, arguments.get(0), node)
    if not _by_its_key(node):
        _by_key(machine, arguments, held, node, "the first of equal ones is taken")
    return held


def _by_key(machine: Machine, arguments: Arguments, held: Value, node: ast.Call, ties: str) -> None:
    """Compare what is put in order, or what ``key=`` makes of it."""
    keys = arguments.named.get("key", NOTHING)
    if keys <= NONE:
        comparisons.compare_all(machine, held, node)
        return
    order.needs_order(machine, arguments.get(0), node, ties)
    made = calls.apply(machine, keys, (held,), node)
    if any(isinstance(atom, Method) and atom.name == "get" for atom in keys):
        made -= NONE  # max(d, key=d.get): each key has its value
    comparisons.compare_all(machine, made, node)


def _sum(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    held = _all_elements(machine, arguments.get(0), node)
    if any(isinstance(atom, Data) for atom in held) or machine.from_file(held):
        return machine.unknown(node, "a sum over the file's content")
    if not all(isinstance(atom, Whole) for atom in held):
        order.needs_order(machine, arguments.get(0), node, "the last digit of a sum")
    return WHOLE if held and all(isinstance(atom, Whole) for atom in held) else NUMBER if held <= NUMBER else OTHER


def _any(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in _all_elements(machine, arguments.get(0), node):
        if isinstance(atom, Lazy):
            operations.not_a_list(machine, node, "the truth of each")
        else:
            comparisons.truth(machine, atom, node)
    return NUMBER


def _bool(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0):
        comparisons.truth(machine, atom, node)
    return NUMBER


def _enumerate(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    order.needs_order(machine, arguments.get(0), node, "counts through it")
    return machine.items(node, one(Row((WHOLE, _all_elements(machine, arguments.get(0), node)))))


def _zip(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    places = tuple(_all_elements(machine, value, node) for value in arguments.positional)
    element = one(Row(places)) if not arguments.rest else frozenset().union(*places, arguments.rest)
    return _in_step(machine, arguments.positional, node, machine.lazy(LazyKind.ONCE, node, element))


def _in_step(machine: Machine, sources: Sequence[Value], node: ast.Call, value: Value) -> Value:
    """Return what was made by going through several together: all of them by chance, or none."""
    together = frozenset().union(*sources)
    if not all(order.any_by_chance(machine, source) for source in sources):
        order.needs_order(machine, together, node, "pairs it with something in order")
    return order.passed_on(machine, together, value)


def _map(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    elements = tuple(_all_elements(machine, value, node) for value in arguments.positional[1:])
    if Missing() in arguments.get(0):
        machine.seen.breaks_at(node, "map() with None for a function is an error on Python 3", "list(x)", "UK424")
    if len(elements) > 1 and not _same_length(node.args[1:]):
        machine.seen.breaks_at(
            node,
            "map() over several stops at the shortest on Python 3, and fills up with None on Python 2",
            "[f(a, b) for a, b in zip(x, y)], where both are of one length",
            "UK424",
        )
    result = machine.lazy(LazyKind.ONCE, node, calls.apply(machine, arguments.get(0), elements, node))
    return _in_step(machine, arguments.positional[1:], node, result)


def _same_length(nodes: Sequence[ast.expr]) -> bool:
    """Return whether these are the same name, or lists written with as many elements."""
    if all(isinstance(node, ast.List | ast.Tuple) for node in nodes):
        return len({len(node.elts) for node in nodes if isinstance(node, ast.List | ast.Tuple)}) == 1
    return len({ast.dump(node) for node in nodes}) == 1 and isinstance(nodes[0], ast.Name)


def _filter(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    element = _all_elements(machine, arguments.get(1), node)
    kept = calls.apply(machine, frozenset(a for a in arguments.get(0) if not isinstance(a, Missing)), (element,), node)
    for atom in kept | (element if Missing() in arguments.get(0) else NOTHING):
        comparisons.truth(machine, atom, node)
    return order.passed_on(machine, arguments.get(1), machine.lazy(LazyKind.ONCE, node, element))


def _range(machine: Machine, _: Arguments, node: ast.Call) -> Value:
    return machine.lazy(LazyKind.RANGE, node, WHOLE)


def _iter(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if len(arguments.positional) > 1:
        element = calls.apply(machine, arguments.positional[0], (), node)
        for atom in element:
            for sentinel in arguments.positional[1]:
                comparisons.compare(machine, atom, sentinel, ast.Eq(), node)
        return machine.items(node, element)
    made = machine.items(node, _all_elements(machine, arguments.get(0), node))
    return order.passed_on(machine, arguments.get(0), made)


def _next(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    result = frozenset().union(*arguments.positional[1:])
    order.needs_order(machine, arguments.get(0), node, "takes the first of it")
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


def _print(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if any(isinstance(atom, Lazy) and atom.kind is LazyKind.ONCE for atom in arguments.everything()):
        operations.not_a_list(machine, node, "printing it calls no function")
    return NUMBER


def _isinstance(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    asked = _flat(machine, arguments.get(1))
    if any(isinstance(atom, Lazy) for atom in arguments.get(0)):
        operations.not_a_list(machine, node, "asks for its type")
    if any(not isinstance(atom, Instance | Bound) for atom in arguments.get(0)) and (
        machine.from_file(arguments.get(0)) or machine.on_python3_bytes(arguments.get(0))
    ):
        machine.unknown(node, "asks for the type of the file or its content")
    elif Named("builtins.str") in asked and any(_may_be_unicode(atom) for atom in arguments.get(0)):
        machine.unknown(node, "asks whether something is str, which is another type on Python 3")
    elif Named("builtins.int") in asked and Named("builtins.float") not in asked and not _surely(arguments.get(0)):
        machine.unknown(node, "asks whether something is int, which long and float are not on Python 2")
    return NUMBER


def _may_be_unicode(atom: Atom) -> bool:
    return isinstance(atom, Other) or (isinstance(atom, Thing) and atom.kind in operations.PLAIN_THINGS)


def _surely(value: Value) -> bool:
    """Return whether each of these is a text, a list, None or a whole number: an answer that is alike on both."""
    known = (Whole, Text, Literal, Missing, Items, Row, Data, Instance)
    return all(isinstance(atom, known) for atom in value)


def _flat(machine: Machine, value: Value) -> Value:
    return value.union(*(machine.elements(atom) for atom in value if isinstance(atom, Row | Items)))


def _type(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    _isinstance(machine, arguments, node)
    plain = _surely(arguments.get(0)) and not any(
        isinstance(atom, Instance) and objects.of_old_style(machine, atom.number) for atom in arguments.get(0)
    )
    return OTHER if plain else one(operations.TYPE)


def _issubclass(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for asked in arguments.get(0):
        for atom in _flat(machine, arguments.get(1)) or OTHER:
            comparisons.compare(machine, asked, atom, ast.Eq(), node)
    return NUMBER


def _super(_: Machine, arguments: Arguments, __: ast.Call) -> Value:
    owners = [atom for atom in arguments.get(1) if isinstance(atom, Instance)]
    classes = [atom for atom in arguments.get(0) if isinstance(atom, Class)]
    return frozenset(Super(each.number, owner) for each in classes for owner in owners) or OTHER


def _hash(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if not all(isinstance(atom, Whole) for atom in arguments.get(0)):
        machine.seen.breaks_at(node, "hash() gives another number on Python 3", "hashlib, or the value itself", "UK424")
    return NUMBER


def _chr(machine: Machine, _: Arguments, node: ast.Call) -> Value:
    match node.args:
        case [ast.Constant(value=int(number))] if number < 128:  # noqa: PLR2004 - ASCII
            pass
        case _:
            machine.seen.breaks_at(
                node, "chr(x) of 128 and more is one byte on Python 2 and a letter on Python 3", "bytearray", "UK424"
            )
    return TEXT


def _oct(machine: Machine, _: Arguments, node: ast.Call) -> Value:
    machine.seen.breaks_at(node, "oct(8) is '010' on Python 2 and '0o10' on Python 3", "'%o' % number", "UK424")
    return TEXT


def _text(_: Machine, __: Arguments, ___: ast.Call) -> Value:
    return TEXT


def _magnitude(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    _number(machine, arguments, node)
    return WHOLE if all(isinstance(atom, Whole) for atom in arguments.get(0)) else NUMBER


def _plain_number(_: Machine, __: Arguments, ___: ast.Call) -> Value:
    return NUMBER


def _divmod(_: Machine, arguments: Arguments, __: ast.Call) -> Value:
    part = WHOLE if all(isinstance(atom, Whole) for atom in arguments.everything()) else NUMBER
    return one(Row((part, part)))


def _ask_for_attribute(machine: Machine, arguments: Arguments, node: ast.Call) -> None:
    own = all(isinstance(atom, Instance | Class) for atom in arguments.get(0))
    for name in sorted(atom.text for atom in arguments.get(1) if isinstance(atom, Literal)):
        if name in OF_ONE_VERSION and not own:
            machine.seen.breaks_at(
                node, f"one version of Python has {name} where the other has none", "isinstance(x, list)", "UK424"
            )


def _hasattr(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    names = arguments.get(1)
    _ask_for_attribute(machine, arguments, node)
    safe = all(isinstance(atom, Literal) and atom.text in SAFE_ATTRIBUTES for atom in names)
    if not safe and machine.from_file(arguments.get(0)):
        machine.unknown(node, "asks for an attribute of the file or its content")
    return NUMBER


def _open(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    for atom in arguments.get(0, "file", "name", "filename"):
        if isinstance(atom, Stream | BinStream) or (not isinstance(atom, Data) and machine.atom_from_file(atom)):
            machine.unknown(node, "open() of the file itself")
    modes = arguments.get(1, "mode") or one(Literal("r", raw=False))
    result = NOTHING
    for mode in modes:
        if not isinstance(mode, Literal):
            return machine.unknown(node, "open() with a mode that is not known")
        if "b" in mode.text and Path() in arguments.get(0, "file", "name", "filename"):
            machine.seen.reads_bytes_by_name = True
        result |= one(Stream(Flavour.BYTES if "b" in mode.text else Flavour.TEXT))
    return result


def _namespace(_: Machine, arguments: Arguments, __: ast.Call) -> Value:
    return OTHER if arguments.positional else one(Thing("namespace"))


def _code(machine: Machine, _: Arguments, node: ast.Call) -> Value:
    return machine.unknown(node, "runs a text as code")


def _getattr(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if machine.from_file(arguments.everything()):
        return machine.unknown(node, "takes an attribute of the file by a computed name")
    _ask_for_attribute(machine, arguments, node)
    return OTHER


def _round(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if arguments.get(0) and all(isinstance(atom, Whole) for atom in arguments.get(0)):
        return NUMBER
    if len(arguments.positional) < 2 and not arguments.named:  # noqa: PLR2004 - round(x, digits)
        machine.seen.breaks_at(
            node,
            "round(x) gives another number on Python 3 where x ends in .5 (2.5 -> 2, was 3.0)",
            "math.floor(x + 0.5) for x >= 0, or decide that the new rounding is right",
            "UK424",
        )
    else:
        machine.seen.breaks_at(
            node,
            "round(x, digits) gives another number on Python 3 where x ends in an exact half (9.25 -> 9.2, was 9.3)",
            "math.floor(x * 10 + 0.5) / 10 for x >= 0, or decide that the new rounding is right",
            "UK424",
        )
    return NUMBER


_Handler = Callable[[Machine, Arguments, ast.Call], Value]
BUILTIN: dict[str, _Handler] = {
    "abs": _magnitude,
    "all": _any,
    "any": _any,
    "bin": _text,
    "bool": _bool,
    "bytearray": _bytearray,
    "bytes": _bytes,
    "callable": _plain_number,
    "chr": _chr,
    "compile": _code,
    "complex": _complex,
    "dict": _dict,
    "dir": _namespace,
    "divmod": _divmod,
    "enumerate": _enumerate,
    "eval": _code,
    "exec": _code,
    "filter": _filter,
    "float": _number,
    "format": _format,
    "frozenset": _set,
    "getattr": _getattr,
    "globals": _namespace,
    "hasattr": _hasattr,
    "hash": _hash,
    "hex": _text,
    "id": _plain_number,
    "int": _int,
    "isinstance": _isinstance,
    "issubclass": _issubclass,
    "iter": _iter,
    "len": _len,
    "list": _list,
    "locals": _namespace,
    "map": _map,
    "max": _most,
    "memoryview": _bytes,
    "min": _most,
    "next": _next,
    "oct": _oct,
    "open": _open,
    "ord": _ord,
    "pow": _plain_number,
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
    "super": _super,
    "tuple": _list,
    "type": _type,
    "vars": _namespace,
    "zip": _zip,
    "__import__": _code,
}
