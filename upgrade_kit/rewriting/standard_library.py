"""What functions of Python's own modules give that the rules cannot say in one word."""

from __future__ import annotations

import ast
from collections.abc import Callable

from upgrade_kit.rewriting import calls, comparisons, operations, order
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
    BinStream,
    Flavour,
    Items,
    Lazy,
    Literal,
    Named,
    Partial,
    Row,
    Stream,
    Thing,
    Value,
    Whole,
    one,
)

Handler = Callable[[Machine, Arguments, ast.Call], Value]


def _through(machine: Machine, value: Value, node: ast.AST) -> Value:
    result = NOTHING
    for atom in value:
        result |= operations.iterate(machine, atom, node)
    return result


def _temporary_file(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    """Return what tempfile gives: a file of bytes, unless another mode is written."""
    modes = arguments.get(0, "mode") or one(Literal("w+b", raw=False))
    result = NOTHING
    for mode in modes:
        if not isinstance(mode, Literal):
            return machine.unknown(node, "a temporary file with a mode that is not known")
        result |= one(Stream(Flavour.BYTES if "b" in mode.text else Flavour.TEXT))
    return result


def _copy_file(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    """Run ``shutil.copyfileobj(source, target)``."""
    for source in arguments.get(0, "fsrc"):
        for target in arguments.get(1, "fdst"):
            if isinstance(source, BinStream) and target == Stream(Flavour.BYTES):
                continue
            if isinstance(source, Stream) and isinstance(target, Stream) and target.flavour is not Flavour.FILE:
                machine.seen.moves_position |= source.flavour is Flavour.FILE
                want = Want.BYTES if target.flavour is Flavour.BYTES else Want.TEXT
                machine.want(
                    want, source, node, f"the content is copied into a file of {target.flavour.value}", "UK402"
                )
            elif machine.atom_from_file(source) or machine.atom_from_file(target):
                machine.unknown(node, "the file is copied into something that the kit does not follow")
    return NONE


def _same(_: Machine, arguments: Arguments, __: ast.Call) -> Value:
    """Return the first argument: what ``copy.copy`` and ``contextlib.closing`` give, as far as is followed here."""
    return arguments.get(0)


def _default_dictionary(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    """Run ``collections.defaultdict(factory)``: any key has what the factory gives, to begin with."""
    held = NOTHING
    for factory in arguments.get(0):
        match factory:
            case Named("builtins.list" | "builtins.set" | "builtins.dict" as name):
                inner = one(Items(-id(node)))
                machine.put(-id(node), NOTHING)
                kinds = {"builtins.set": order.Kind.SET, "builtins.dict": order.Kind.DICTIONARY}
                if name in kinds:
                    order.made(machine, inner, kinds[name])
                held |= inner
            case Named("builtins.int"):
                held |= WHOLE
            case Named("builtins.float"):
                held |= NUMBER
            case Named("builtins.str"):
                held |= TEXT
            case _:
                held |= calls.apply(machine, one(factory), (), node)
    return order.made(machine, machine.items(node, held), order.Kind.DICTIONARY)


def _counter(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    keys = _through(machine, arguments.get(0), node)
    for atom in keys:
        operations.as_key(machine, atom, node)
    machine.put_keys(id(node), keys)
    return order.made(machine, machine.items(node, WHOLE), order.Kind.DICTIONARY)


def _ordered_dictionary(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    held = NOTHING
    for pair in _through(machine, arguments.get(0), node):
        if isinstance(pair, Row) and len(pair.places) == 2:  # noqa: PLR2004 - a key and its value
            for key in pair.places[0]:
                operations.as_key(machine, key, node)
            machine.put_keys(id(node), pair.places[0])
            held |= pair.places[1]
        else:
            held |= _through(machine, one(pair), node)
    if arguments.named:
        order.told(machine, node, "gives names to an ordered dictionary")
    made = machine.items(node, held.union(*arguments.named.values()))
    return order.passed_on(machine, arguments.get(0), order.made(machine, made, order.Kind.ORDERED))


def _reduce(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    order.needs_order(machine, arguments.get(1), node, "goes through it step by step")
    elements = _through(machine, arguments.get(1), node)
    result = arguments.get(2) or elements
    for _ in range(3):
        result |= calls.apply(machine, arguments.get(0), (result, elements), node)
    return result


def _partial(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if arguments.named or arguments.rest:
        return calls.unknown_call(machine, "functools.partial", arguments, node)
    return frozenset(Partial(function, arguments.positional[1:]) for function in arguments.get(0))


def _item_getter(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    """Run ``operator.itemgetter(n)``: a function that takes one by its place."""
    from upgrade_kit.rewriting import statements  # noqa: PLC0415 - statements hold these calls

    if len(node.args) != 1 or arguments.named or not isinstance(node.args[0], ast.Constant):
        return calls.unknown_call(machine, "operator.itemgetter", arguments, node)
    if node not in machine.written_out:
        body = ast.Subscript(ast.Name("x", ast.Load()), node.args[0], ast.Load())
        parameters = ast.arguments([], [ast.arg("x")], None, [], [], None, [])
        machine.written_out[node] = ast.fix_missing_locations(ast.copy_location(ast.Lambda(parameters, body), node))
    return statements.define(machine, machine.written_out[node])


def _chain(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    everything = arguments.everything()
    return order.passed_on(machine, everything, machine.items(node, _through(machine, everything, node)))


def _part_of(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    """Run ``islice(x, ...)``: some of what going through x gives."""
    order.needs_order(machine, arguments.get(0), node, "takes a part of it")
    return machine.items(node, _through(machine, arguments.get(0), node))


def _while_true(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    """Run ``takewhile(f, x)`` and ``dropwhile(f, x)``."""
    order.needs_order(machine, arguments.get(1), node, "takes a part of it")
    elements = _through(machine, arguments.get(1), node)
    for atom in calls.apply(machine, arguments.get(0), (elements,), node):
        comparisons.truth(machine, atom, node)
    return machine.items(node, elements)


def _dumps(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    sorts = any(
        keyword.arg == "sort_keys" and isinstance(keyword.value, ast.Constant) and bool(keyword.value.value)
        for keyword in node.keywords
    )
    if not sorts:
        order.needs_order_inside(machine, arguments.get(0), node, "writes it as JSON")
        if comparisons.KEYED_THINGS & arguments.get(0):
            order.told(machine, node, "writes it as JSON")
    if _holds_lazy(machine, arguments.get(0), frozenset()):
        operations.not_a_list(machine, node, "writes it as JSON")
    if "indent" in arguments.named:
        machine.seen.breaks_at(
            node,
            "json.dumps with indent leaves blanks at line ends on Python 2 only",
            "separators=(',', ': ')",
            "UK424",
        )
    if machine.from_file(arguments.everything()) or machine.on_python3_bytes(arguments.everything()):
        return calls.unknown_call(machine, "json.dumps", arguments, node)
    return TEXT


def _holds_lazy(machine: Machine, value: Value, sites: frozenset[int]) -> bool:
    """Return whether something that is a list on Python 2 only lies in a value, however deep."""
    for atom in value:
        if isinstance(atom, Lazy):
            return True
        if isinstance(atom, Row) and _holds_lazy(machine, machine.elements(atom), sites):
            return True
        new = isinstance(atom, Items) and atom.site not in sites
        if isinstance(atom, Items) and new and _holds_lazy(machine, machine.elements(atom), sites | {atom.site}):
            return True
    return False


def _seed(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    if not all(isinstance(atom, Whole) for atom in arguments.everything()):
        machine.seen.breaks_at(
            node, "random.seed() of anything but a whole number starts another row on Python 3", "a number", "UK424"
        )
    return NONE


def _decoding_reader(_: Machine, arguments: Arguments, node: ast.Call) -> Value:
    """Run ``codecs.getreader(encoding)``: what it makes of a file reads its bytes and gives text."""
    return one(Thing("decoding reader")) if not arguments.rest and len(node.args) == 1 else OTHER


HANDLERS: dict[str, Handler] = {
    "codecs.getreader": _decoding_reader,
    "collections.Counter": _counter,
    "collections.OrderedDict": _ordered_dictionary,
    "collections.defaultdict": _default_dictionary,
    "collections.deque": _chain,
    "contextlib.closing": _same,
    "copy.copy": _same,
    "copy.deepcopy": _same,
    "functools.partial": _partial,
    "functools.reduce": _reduce,
    "itertools.chain": _chain,
    "itertools.dropwhile": _while_true,
    "itertools.islice": _part_of,
    "itertools.takewhile": _while_true,
    "json.dumps": _dumps,
    "operator.itemgetter": _item_getter,
    "random.seed": _seed,
    "shutil.copyfileobj": _copy_file,
    "tempfile.NamedTemporaryFile": _temporary_file,
    "tempfile.TemporaryFile": _temporary_file,
}
