"""Where the order of a dictionary or a set, which is another one on Python 3, could reach the result.

Python 2.7 goes through a dictionary in the order of hashes, Python 3.6 in the order of insertion; sets of text are
in another order at each start of Python 3. What is made by going through one is in an order of chance too, until it
is sorted.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from upgrade_kit.rewriting.values import NOTHING, Atom, Items, Lazy, Row, Thing, Value, Whole

if TYPE_CHECKING:
    from upgrade_kit.rewriting.machine import Machine


class Kind(Enum):
    """What a container is."""

    LIST = "list"
    DICTIONARY = "dictionary"
    ORDERED = "ordered dictionary"
    SET = "set"


class Order:
    """What is known of containers and their order.

    Attributes:
        kinds: what is not a list, by its site.
        by_chance: sites of lists and iterators that are in an order of chance.
        loops: for each loop around this place that goes through something in an order of chance, how deep its body
            is among loops and how deep among calls.
        branches: how many branches are around this place.
        depths: how many branches and loops were around the place where a container was made.
        loads: how often each name is read in the procedure; the names of the result count once more.
    """

    def __init__(self) -> None:
        self.kinds: dict[int, Kind] = {}
        self.by_chance: set[int] = set()
        self.loops: list[tuple[int, int]] = []
        self.loads: Counter[str] = Counter()
        self.branches = 0
        self.depths: dict[int, int] = {}

    def depth(self, machine: Machine) -> int:
        """Return how many branches and loops are around this place."""
        return self.branches + machine.loop_depth


def made(machine: Machine, value: Value, kind: Kind) -> Value:
    """Note what kind of container was made, and return it."""
    for atom in value:
        if isinstance(atom, Items):
            machine.order.kinds[atom.site] = kind
    return value


def kind_of(machine: Machine, atom: Items) -> Kind:
    """Return what a container is."""
    return machine.order.kinds.get(atom.site, Kind.LIST)


def is_dictionary(machine: Machine, atom: Items) -> bool:
    """Return whether a container has keys."""
    return machine.order.kinds.get(atom.site) in {Kind.DICTIONARY, Kind.ORDERED}


def is_by_chance(machine: Machine, atom: Atom) -> bool:
    """Return whether going through this is in an order of chance."""
    match atom:
        case Items(site):
            unordered = machine.order.kinds.get(site) in {Kind.DICTIONARY, Kind.SET}
            return unordered or site in machine.order.by_chance
        case Lazy(_, site):
            return site in machine.order.by_chance
        case Thing("META" | "REFS" | "TOLS"):
            return True
        case _:
            return False


def may_be_keys(value: Value, target: ast.expr, body: Iterable[ast.AST]) -> bool:
    """Return whether a value of JSON that is gone through may be an object, whose keys come in an order of chance.

    A text cannot be taken apart by key or calculated with, so what is done with each one can show that it is none.
    """
    if Thing("JSON value") not in value or not isinstance(target, ast.Name):
        return False
    return not any(_is_no_text(node, target.id) for part in body for node in ast.walk(part))


def _is_no_text(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Subscript(value=ast.Name(id=used), slice=ast.Constant(value=str())):
            return used == name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=used), attr="get" | "items" | "keys" | "values" | "append")):
            return used == name
        case ast.BinOp(left=ast.Name(id=used), op=ast.Sub() | ast.Div() | ast.Pow() | ast.FloorDiv()):
            return used == name
        case ast.BinOp(right=ast.Name(id=used), op=ast.Sub() | ast.Div() | ast.Mult() | ast.Pow() | ast.FloorDiv()):
            return used == name
        case ast.BinOp(left=ast.Name(id=used), op=ast.Mult(), right=ast.Constant(value=float())):
            return used == name
        case ast.Call(func=ast.Name(id="float" | "abs" | "round"), args=[ast.Name(id=used), *_]):
            return used == name
        case ast.AugAssign(value=ast.Name(id=used), op=ast.Add() | ast.Sub()):
            return used == name
        case _:
            return False


def any_by_chance(machine: Machine, value: Value) -> bool:
    """Return whether going through some of this is in an order of chance."""
    return any(is_by_chance(machine, atom) for atom in value)


def holds_chance(machine: Machine, atom: Atom, _sites: frozenset[int] = frozenset()) -> bool:
    """Return whether this, or something in it, is in an order of chance."""
    if is_by_chance(machine, atom):
        return True
    match atom:
        case Items(site) | Lazy(_, site) if site not in _sites:
            inside = machine.heap.get(site, NOTHING)
            return any(holds_chance(machine, element, _sites | {site}) for element in inside)
        case Row(places):
            return any(holds_chance(machine, element, _sites) for place in places for element in place)
        case _:
            return False


def passed_on(machine: Machine, sources: Value, value: Value) -> Value:
    """Return what was made by going through the sources: in their order."""
    if any_by_chance(machine, sources):
        scramble(machine, value)
    return value


def scramble(machine: Machine, value: Value) -> None:
    """Note that containers are in an order of chance."""
    for atom in value:
        if isinstance(atom, Items | Lazy) and atom.site not in machine.order.by_chance:
            machine.order.by_chance.add(atom.site)
            machine.heap_changes += 1


def put_in(machine: Machine, owner: Atom) -> None:
    """Note that something is put at the end of a container, maybe in a loop whose order is chance."""
    if isinstance(owner, Items) and machine.order.loops:
        depth, _ = machine.order.loops[-1]
        if machine.created.get(owner.site, 0) < depth:
            scramble(machine, frozenset({owner}))


def sorted_here(machine: Machine, owner: Atom) -> None:
    """Note that a list was sorted in place."""
    if isinstance(owner, Items) and not machine.order.loops:
        surely = machine.order.depth(machine) == machine.order.depths.get(owner.site, 0)
        if surely:  # not in one branch or round of those that it was made outside of
            machine.order.by_chance.discard(owner.site)


def told(machine: Machine, node: ast.AST, what: str) -> None:
    """Note that the result may depend on the order."""
    machine.seen.breaks_at(
        node,
        f"{what}: the order of a dictionary or set is another one on Python 3",
        "sorted(...), or collections.OrderedDict",
        "UK424",
    )


def needs_order(machine: Machine, value: Value, node: ast.AST, what: str) -> None:
    """Note a use whose result depends on the order."""
    if any_by_chance(machine, value):
        told(machine, node, what)


def needs_order_inside(machine: Machine, value: Value, node: ast.AST, what: str) -> None:
    """Note a use whose result depends on the order of anything in it."""
    if any(holds_chance(machine, atom) for atom in value):
        told(machine, node, what)


# -- loops -------------------------------------------------------------------------------------------------


def count_loads(nodes: Iterable[ast.AST]) -> Counter[str]:
    """Return how often each name is read, but for the variables of comprehensions inside these."""
    counted: Counter[str] = Counter()
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                counted[name] += 1
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                own = {n.id for each in node.generators for n in ast.walk(each.target) if isinstance(n, ast.Name)}
                inside = Counter(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in own)
                inside.subtract(n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name))
                counted.subtract(inside)
            case _:
                continue
    return counted


def key_name(target: ast.expr) -> str | None:
    """Return the name that holds the key, another one in each round: ``k`` of ``for k in d``, ``for k, v in ...``."""
    match target:
        case ast.Name(id=name) | ast.Tuple(elts=[ast.Name(id=name), *_]):
            return name
        case _:
            return None


def look_at_loop(machine: Machine, loop: ast.For) -> None:
    """Note a loop in an order of chance whose effect depends on the order."""
    place = _Body(machine, loop).dependent()
    if place is not None:
        told(machine, place, "what the loop leaves behind")


class _Body:
    """The body of a loop in an order of chance."""

    def __init__(self, machine: Machine, loop: ast.For) -> None:
        self._machine = machine
        self._loop = loop
        self._nodes = list(_inside(loop))
        self._key = key_name(loop.target)
        loads = count_loads(self._nodes)
        self._loads = loads
        stores = [n for n in self._nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        early = _read_early(loop.body, {n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)})
        stored = {n.id for n in stores}
        total = machine.order.loads
        self._kept = {name for name in stored if total[name] > loads[name] or name in early}
        self._leaves_early = any(isinstance(n, ast.Break | ast.Return) for n in self._nodes)

    def dependent(self) -> ast.AST | None:
        """Return the first place whose effect depends on the order, or None."""
        allowed = {id(n) for c in self._nodes if isinstance(c, ast.comprehension) for n in ast.walk(c.target)}
        for node in self._nodes:
            allowed.update(self._allowed(node))
        for node in self._nodes:
            match node:
                case ast.Name(id=name, ctx=ast.Store()) if name in self._kept and id(node) not in allowed:
                    return node
                case ast.Subscript(ctx=ast.Store(), slice=key) if id(node) not in allowed and not self._is_key(key):
                    return node
                case ast.Attribute(ctx=ast.Store()) if id(node) not in allowed:
                    return node
                case ast.Call(func=ast.Attribute(attr="write" | "writelines")):
                    return node
                case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
                    return node
                case _:
                    continue
        return None

    def _is_key(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self._key

    def _allowed(self, node: ast.AST) -> Iterator[int]:
        """Give the targets that a statement may store into, whatever the order is."""
        match node:
            case ast.AugAssign(target=ast.Name(id=name) as target, op=ast.Add() | ast.Sub() | ast.Mult()):
                alone = self._loads[name] == 0 and not self._leaves_early
                if alone and self._is_whole(name):
                    yield id(target)
            case ast.AugAssign(target=ast.Subscript(slice=key) as target) if self._is_key(key):
                yield id(target)
            case ast.Assign(targets=[ast.Name(id=name) as target], value=ast.Constant() as value):
                if self._loads[name] == 0 and self._only_this_constant(name, value):
                    yield id(target)
            case ast.Assign(targets=[ast.Name(id=name) as target], value=ast.Call(func=ast.Name(id="max" | "min"))):
                given = [n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)]
                keyed = isinstance(node.value, ast.Call) and node.value.keywords
                if self._loads[name] == given.count(name) and not self._leaves_early and not keyed:
                    yield id(target)
            case ast.If(test=test, body=[ast.Assign(targets=[ast.Name(id=name) as target], value=value)], orelse=[]):
                asked = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(test))
                if self._loads[name] == asked and not self._leaves_early and _compares(test, name, value):
                    yield id(target)
            case _:
                return

    def _is_whole(self, name: str) -> bool:
        value = self._machine.home(name).names.get(name, NOTHING)
        return bool(value) and all(isinstance(atom, Whole) for atom in value)

    def _only_this_constant(self, name: str, value: ast.Constant) -> bool:
        others = [n for n in self._nodes if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
        same = [
            n
            for n in self._nodes
            if isinstance(n, ast.Assign)
            and [t.id for t in n.targets if isinstance(t, ast.Name)] == [name]
            and isinstance(n.value, ast.Constant)
            and repr(n.value.value) == repr(value.value)
        ]
        return len(others) == len(same)


def _compares(test: ast.expr, name: str, value: ast.expr) -> bool:
    """Return whether a condition is ``value > best``, maybe with ``best is None or`` before it."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) and len(test.values) == 2:  # noqa: PLR2004
        return _compares(test.values[1], name, value)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    if not isinstance(test.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        return False
    sides = {ast.dump(test.left), ast.dump(test.comparators[0])}
    return sides == {ast.dump(ast.Name(name, ast.Load())), ast.dump(value)}


def _inside(loop: ast.For) -> Iterator[ast.AST]:
    """Give the nodes of the body, not those of functions written in it, and not what is gone through."""
    waiting: list[ast.AST] = [loop.target, *loop.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _read_early(body: Sequence[ast.stmt], assigned: set[str]) -> set[str]:
    """Return the names that may be read in a round before that round has assigned them."""
    early: set[str] = set()
    for statement in body:
        match statement:
            case ast.If(test=test, body=then, orelse=otherwise):
                early |= _reads(test) - assigned
                first, second = set(assigned), set(assigned)
                early |= _read_early(then, first) | _read_early(otherwise, second)
                assigned |= first & second
            case ast.For(target=target, iter=iterated, body=inner, orelse=otherwise):
                early |= _reads(iterated) - assigned
                early |= _read_early(inner, assigned | _stores(target)) | _read_early(otherwise, set(assigned))
            case ast.While(test=test, body=inner, orelse=otherwise):
                early |= _reads(test) - assigned
                early |= _read_early(inner, set(assigned)) | _read_early(otherwise, set(assigned))
            case ast.Try(body=inner, handlers=handlers, orelse=otherwise, finalbody=last):
                early |= _read_early([*inner, *otherwise], set(assigned))
                for handler in handlers:
                    early |= _read_early(handler.body, assigned | {handler.name or ""})
                early |= _read_early(last, set(assigned))
            case ast.With(items=items, body=inner):
                for item in items:
                    early |= _reads(item.context_expr) - assigned
                    assigned |= _stores(item.optional_vars) if item.optional_vars else set()
                early |= _read_early(inner, assigned)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                early |= (_reads(value) | {name}) - assigned
                assigned.add(name)
            case _:
                early |= _reads(statement) - assigned
                assigned |= _stores(statement)
    return early


def _reads(node: ast.AST) -> set[str]:
    own = {
        child.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp)
        for generator in inner.generators
        for child in ast.walk(generator.target)
        if isinstance(child, ast.Name)
    }
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - own


def _stores(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def is_one_by_one(node: ast.expr, element: ast.expr) -> bool:
    """Return whether a comprehension makes pairs whose first place is the key that it goes through."""
    if not isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp) or len(node.generators) != 1:
        return False
    key = key_name(node.generators[0].target)
    return isinstance(element, ast.Name) and element.id == key
