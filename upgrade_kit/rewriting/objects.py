"""The classes of a procedure and what their objects hold.

All objects of one class are taken together: an attribute holds what any of them was ever given.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from upgrade_kit.rewriting import calls, operations, order
from upgrade_kit.rewriting.arguments import Arguments
from upgrade_kit.rewriting.frames import Frame
from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.values import (
    LIBRARY,
    NOTHING,
    OTHER,
    Atom,
    Bound,
    Class,
    Decorated,
    Function,
    Instance,
    Named,
    Number,
    Super,
    Value,
    one,
)

NOT_FOLLOWED = frozenset({"__getattr__", "__getattribute__", "__setattr__", "__new__", "__metaclass__", "__get__"})
WRAPPERS = frozenset({"builtins.property", "builtins.staticmethod", "builtins.classmethod"})
RENAMED = {
    "next": "__next__",
    "__nonzero__": "__bool__",
    "__bool__": "__nonzero__",
    "__cmp__": "__lt__",
    "__unicode__": "__str__",
    "__getslice__": "",
    "__setslice__": "",
    "__delslice__": "",
    "__coerce__": "",
    "__idiv__": "__itruediv__",
}


@dataclass(slots=True)
class ClassOf:
    """A class of the procedure.

    Attributes:
        frame: the names of its body.
        bases: the numbers of the procedure's classes that it comes from.
        old_style: on Python 2 the type of each of its objects is ``instance``.
    """

    frame: Frame
    bases: tuple[int, ...]
    old_style: bool = False
    held: dict[str, Value] = field(default_factory=dict)


def defined(machine: Machine, statement: ast.ClassDef, frame: Frame, bases: Sequence[Value]) -> Value:
    """Return the value of a class whose body was run; ``OTHER`` where the kit does not follow its objects."""
    look_at_methods(machine, statement, frame)
    own: list[int] = []
    followed = not (statement.decorator_list or statement.keywords or frame.names.keys() & NOT_FOLLOWED)
    for base in bases:
        for atom in base:
            if isinstance(atom, Class):
                own.append(atom.number)
            elif not (isinstance(atom, Named) and atom.name.startswith("builtins.") and _plain(atom.name)):
                followed = False
                if isinstance(atom, Named) and atom.name in {"builtins.dict", "builtins.set", "builtins.frozenset"}:
                    machine.unknown(statement, "a class that is a dictionary or a set")
    if not followed:
        if any(machine.from_file(value) for value in frame.names.values()):
            machine.unknown(statement, "the file or its content is kept in a class")
        return OTHER
    key = id(statement)
    if key not in machine.class_numbers:
        machine.class_numbers[key] = len(machine.classes)
        old = "__metaclass__" not in frame.names and all(
            isinstance(atom, Class) and machine.classes[atom.number].old_style for base in bases for atom in base
        )
        machine.classes.append(ClassOf(frame, tuple(own), old_style=old))
    return one(Class(machine.class_numbers[key]))


def of_old_style(machine: Machine, number: int) -> bool:
    """Return whether Python 2 calls the type of each object of a class ``instance``."""
    return machine.classes[number].old_style


def _plain(name: str) -> bool:
    return name == "builtins.object" or name.endswith(("Error", "Exception"))


def look_at_methods(machine: Machine, statement: ast.ClassDef, frame: Frame) -> None:
    """Note special methods that Python 3 calls by another name, or that mean another thing there."""
    for old, new in RENAMED.items():
        if old in frame.names and new not in frame.names:
            machine.seen.breaks_at(
                statement, f"{old} is not the method that both versions call", f"{new or '__getitem__'}, too", "UK420"
            )
    if "__eq__" in frame.names and not {"__hash__", "__ne__"} <= frame.names.keys():
        machine.seen.breaks_at(
            statement,
            "a class with __eq__ has no __hash__ and another != on Python 3",
            "write __hash__ and __ne__ too",
            "UK420",
        )


def found(machine: Machine, number: int, name: str, *, in_objects: bool = False) -> Value:
    """Return what a class says of a name, or what its objects were given under it."""
    value = NOTHING
    waiting, seen = [number], set()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        known = machine.classes[each]
        if in_objects:
            value |= known.held.get(name, NOTHING)
            waiting.extend(known.bases)
        elif name in known.frame.names:
            value |= known.frame.names[name]
        else:
            waiting.extend(known.bases)
    return value


def attribute(machine: Machine, owner: Instance | Class, name: str) -> Value:
    """Return what ``owner.name`` gives."""
    result = found(machine, owner.number, name, in_objects=True)
    for atom in found(machine, owner.number, name):
        match atom:
            case Function(number) if isinstance(owner, Instance):
                result |= one(Bound(number, owner))
            case Decorated("builtins.staticmethod", number):
                result |= one(Function(number))
            case Decorated("builtins.classmethod", number):
                result |= one(Bound(number, Class(owner.number)))
            case Decorated("builtins.property", number) if isinstance(owner, Instance):
                result |= calls.call_function(machine, number, Arguments((one(owner),), {}, NOTHING))
            case Decorated():
                result |= OTHER
            case _:
                result |= one(atom)
    return result or OTHER


def of_base(machine: Machine, owner: Super, name: str) -> Value:
    """Return what ``super(Class, self).name`` gives."""
    result = NOTHING
    for base in machine.classes[owner.number].bases:
        for atom in found(machine, base, name):
            result |= one(Bound(atom.number, owner.owner)) if isinstance(atom, Function) else one(atom)
    return result or LIBRARY


def keep(machine: Machine, owner: Instance | Class, name: str, value: Value) -> None:
    """Store a value in an attribute."""
    held = machine.classes[owner.number].held
    old = held.get(name, NOTHING)
    new = machine.limited(old | value)
    if new != old:
        held[name] = new
        machine.heap_changes += 1


def made(machine: Machine, owner: Class, arguments: Arguments) -> Value:
    """Return the object that calling a class gives."""
    this = Instance(owner.number)
    special(machine, this, "__init__", arguments)
    return one(this)


def special(machine: Machine, owner: Instance, name: str, arguments: Arguments) -> Value | None:
    """Return what a special method gives, or None where the class has none."""
    result: Value | None = None
    for atom in found(machine, owner.number, name):
        if isinstance(atom, Function):
            passed = Arguments((one(owner), *arguments.positional), arguments.named, arguments.rest)
            result = (result or NOTHING) | calls.call_function(machine, atom.number, passed)
    return result


def iterated(machine: Machine, owner: Instance, node: ast.AST) -> Value:
    """Return what going through an object gives."""
    nothing = Arguments((), {}, NOTHING)
    through = special(machine, owner, "__iter__", nothing)
    if through is None:
        by_place = special(machine, owner, "__getitem__", Arguments((one(Number()),), {}, NOTHING))
        return _unknown_use(machine, owner, node) if by_place is None else by_place
    order.needs_order(machine, through, node, "goes through it")
    result = NOTHING
    for atom in through:
        if isinstance(atom, Instance):
            result |= special(machine, atom, "__next__", nothing) or OTHER
        else:
            result |= operations.iterate(machine, atom, node)
    return result


def element(machine: Machine, owner: Instance, key: Value, node: ast.AST) -> Value:
    """Return what ``owner[key]`` gives."""
    result = special(machine, owner, "__getitem__", Arguments((key,), {}, NOTHING))
    return _unknown_use(machine, owner, node) if result is None else result


def entered(machine: Machine, owner: Instance) -> Value:
    """Return what ``with owner as x`` binds; its exit is run with what nobody knows."""
    result = special(machine, owner, "__enter__", Arguments((), {}, NOTHING))
    special(machine, owner, "__exit__", Arguments((), {}, LIBRARY))
    return result or OTHER


def called(machine: Machine, owner: Instance, arguments: Arguments, node: ast.AST) -> Value:
    """Return what ``owner(...)`` gives."""
    result = special(machine, owner, "__call__", arguments)
    return _unknown_use(machine, owner, node) if result is None else result


def written(machine: Machine, owner: Instance, *, as_repr: bool) -> Value | None:
    """Return what ``str(owner)`` gives, or None where its class does not say."""
    names = ("__repr__",) if as_repr else ("__str__", "__repr__")
    for name in names:
        result = special(machine, owner, name, Arguments((), {}, NOTHING))
        if result is not None:
            return result
    return None


def _unknown_use(machine: Machine, owner: Atom, node: ast.AST) -> Value:
    if machine.atom_from_file(owner):
        return machine.unknown(node, "uses an object with the file's content in a way that the kit does not follow")
    return OTHER
