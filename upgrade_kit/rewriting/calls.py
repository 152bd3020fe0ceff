"""What calling something does with the file and its content."""

from __future__ import annotations

import ast
import builtins

from upgrade_kit.rewriting import methods, objects, operations, order, patterns
from upgrade_kit.rewriting.arguments import Arguments
from upgrade_kit.rewriting.builtin_functions import BUILTIN
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.observations import Want
from upgrade_kit.rewriting.reader_calls import ReaderCall
from upgrade_kit.rewriting.standard_library import HANDLERS
from upgrade_kit.rewriting.values import (
    LIBRARY,
    NOTHING,
    NUMBER,
    OTHER,
    Atom,
    BinStream,
    Bound,
    Class,
    Context,
    Data,
    Flavour,
    Function,
    Instance,
    Lazy,
    LazyKind,
    Method,
    Named,
    Number,
    Partial,
    Stream,
    Thing,
    Value,
    one,
)

GO_THROUGH = frozenset({"itertools", "collections", "heapq", "functools"})  # they go through what they are given
ANYTHING = GO_THROUGH | {"builtins", "operator", "copy", "ast", "marshal", "shelve", "os", "inspect", "importlib"}
ORDER_FREE = frozenset(
    {f"numpy.{name}" for name in ("max", "min", "amax", "amin", "ptp", "median", "sort", "unique", "size")}
)
BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("__")) | {
    "__name__",
    "__builtins__",
}


def outside_name(machine: Machine, node: ast.Name) -> Value:
    """Return what a name holds that the procedure does not bind: the context's, a builtin, or nothing."""
    name = node.id
    context = machine.rules.context.get(name)
    if context is not None:
        return operations.returned(machine, context, node) if context.startswith("thing ") else one(Named(context))
    gone = machine.rules.gone_names.get(name)
    if gone is not None:
        if machine.excused and "NameError" in machine.excused[-1]:
            machine.excuses_used.add("NameError")
            machine.stopped = True
            return NOTHING
        machine.seen.breaks_at(node, gone.what, gone.hint, gone.rule)
        return one(Named(f"builtins.{gone.like or name}"))
    starred = _star_import(machine, node)
    if starred is not None:
        return starred
    if name in BUILTINS:
        return one(Named(f"builtins.{name}"))
    if machine.excused and "NameError" in machine.excused[-1]:
        machine.excuses_used.add("NameError")
    else:
        machine.seen.unknown_names.setdefault(name, node.lineno)
    return LIBRARY  # an error on both versions, unless another test's procedure left it behind


def _star_import(machine: Machine, node: ast.Name) -> Value | None:
    """Return what ``from module import *`` may have bound, or None."""
    rules = machine.rules
    for module in reversed(machine.star_imports):
        full = f"{module}.{node.id}"
        if any(full in known for known in (rules.readers, rules.gone_attributes, rules.constants)):
            return operations.module_attribute(machine, full, node)
    if machine.star_imports and node.id not in BUILTINS:
        return one(Named(f"{machine.star_imports[-1]}.{node.id}"))
    return None


def call(machine: Machine, callee: Atom, arguments: Arguments, node: ast.Call) -> Value:
    """Return what calling ``callee`` gives."""
    match callee:
        case Function(number):
            return call_function(machine, number, arguments)
        case Bound(number, owner):
            passed = Arguments((one(owner), *arguments.positional), arguments.named, arguments.rest)
            return call_function(machine, number, passed)
        case Class():
            return objects.made(machine, callee, arguments)
        case Instance():
            return objects.called(machine, callee, arguments, node)
        case Partial(function, given):
            return call(
                machine, function, Arguments((*given, *arguments.positional), arguments.named, arguments.rest), node
            )
        case Thing("decoding reader"):
            return _decoded(machine, arguments, node)
        case Method(owner, name):
            return methods.call_method(machine, owner, name, arguments, node)
        case Named(name):
            return _call_named(machine, name, arguments, node)
        case Stream() | BinStream() | Data():
            return machine.unknown(node, "the file or its content is called as a function is")
        case Thing("library object" | "DICOM value"):
            unknown_call(machine, _spelled(node), arguments, node)
            return LIBRARY
        case Number():
            return NUMBER if unknown_call(machine, "a value", arguments, node) == OTHER else OTHER
        case Thing():
            return unknown_call(machine, "a value", arguments, node)
        case _:
            return unknown_call(machine, _spelled(node), arguments, node)


def call_function(machine: Machine, number: int, arguments: Arguments) -> Value:
    """Run a function of the procedure."""
    from upgrade_kit.rewriting import statements  # noqa: PLC0415 - statements hold expressions and these calls

    return statements.call_function(machine, number, arguments.positional, dict(arguments.named), rest=arguments.rest)


def apply(machine: Machine, function: Value, elements: tuple[Value, ...], node: ast.Call) -> Value:
    """Return what calling a function value with these arguments gives (``map``, ``key=``)."""
    result = NOTHING
    for atom in function:
        result |= call(machine, atom, Arguments(elements, {}, NOTHING), node)
    return result


def _spelled(node: ast.Call) -> str:
    text = ast.unparse(node.func)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - a reason is one line


def _decoded(machine: Machine, arguments: Arguments, node: ast.Call) -> Value:
    result = NOTHING
    for atom in arguments.get(0):
        if isinstance(atom, Stream):
            machine.seen.moves_position = True
            machine.want(Want.BYTES, atom, node, "codecs.getreader reads bytes", "UK401")
        elif not isinstance(atom, BinStream):
            return unknown_call(machine, "codecs.getreader", arguments, node)
        result |= one(Stream(Flavour.TEXT))
    return result


def _unbound_method(machine: Machine, name: str, arguments: Arguments, node: ast.Call) -> Value:
    """Return what ``str.strip(text)`` gives."""
    rest = Arguments(arguments.positional[1:], arguments.named, arguments.rest)
    result = NOTHING
    for atom in arguments.positional[0]:
        result |= methods.call_method(machine, atom, name, rest, node)
    return result


def unknown_call(machine: Machine, what: str, arguments: Arguments, node: ast.Call) -> Value:
    """Note what a function that the kit does not know is given, and return what nobody knows."""
    everything = arguments.everything()
    for atom in everything:
        if isinstance(atom, Function) and atom.number not in machine.called:
            call_function(machine, atom.number, Arguments((), {}, LIBRARY))
    if what not in ORDER_FREE:
        order.needs_order_inside(machine, everything, node, f"hands it to {what}")
    if machine.from_file(everything) or any(isinstance(atom, Context) for atom in everything):
        return machine.unknown(node, f"hands the file or its content to {what}, which the kit does not know")
    if machine.on_python3_bytes(everything):
        return machine.unknown(node, f"hands bytes to {what}, which the kit does not know")
    return OTHER


def _call_named(machine: Machine, name: str, arguments: Arguments, node: ast.Call) -> Value:
    reader = machine.rules.readers.get(name)
    if reader is not None:
        return ReaderCall(
            machine=machine, reader=reader, name=name.removeprefix("builtins."), arguments=arguments, node=node
        ).run()
    if name in patterns.FUNCTIONS:
        return patterns.call(machine, name, arguments, node)
    if name in HANDLERS:
        return HANDLERS[name](machine, arguments, node)
    if name.startswith("builtins.str.") and arguments.positional:
        return _unbound_method(machine, name.removeprefix("builtins.str."), arguments, node)
    if name.startswith("builtins."):
        handler = BUILTIN.get(name.removeprefix("builtins."))
        if handler is not None:
            return handler(machine, arguments, node)
        if name.endswith(("Error", "Exception", "Warning", "StopIteration")):
            return OTHER
    module = name.split(".", maxsplit=1)[0]
    numeric = module in machine.rules.numeric_modules
    for atom in arguments.everything():
        if isinstance(atom, Lazy) and not (numeric and atom.kind is LazyKind.RANGE) and module not in GO_THROUGH:
            operations.not_a_list(machine, node, f"{name} of it")
    result = unknown_call(machine, name.removeprefix("builtins."), arguments, node)
    if result != OTHER or module in ANYTHING:
        return result
    return NUMBER if numeric else LIBRARY
