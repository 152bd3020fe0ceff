"""What each expression of a procedure may hold, and what it demands of the file."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from upgrade_kit.rewriting import calls, comparisons, objects, operations, order
from upgrade_kit.rewriting.arguments import Arguments
from upgrade_kit.rewriting.frames import Frame
from upgrade_kit.rewriting.grammar import TARGET_GRAMMAR
from upgrade_kit.rewriting.machine import Machine, is_named
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
    Context,
    Data,
    Flavour,
    Instance,
    Items,
    LazyKind,
    Leaked,
    Literal,
    Missing,
    Named,
    Number,
    NumpyWhole,
    Other,
    Position,
    Row,
    Shape,
    Stream,
    Thing,
    Unbound,
    Value,
    data,
    one,
)


def evaluate(machine: Machine, node: ast.expr) -> Value:
    """Return what an expression may hold, noting what it demands of the file."""
    machine.step()
    handler = _EVALUATE.get(type(node))
    if handler is None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr) and machine.from_file(evaluate(machine, child)):
                return machine.unknown(node, f"a use that the kit does not follow ({type(node).__name__})")
        return OTHER
    return machine.limited(handler(machine, node))


def evaluate_condition(machine: Machine, node: ast.expr) -> bool | None:
    """Evaluate a condition; return its truth on the new version where that is known, else None."""
    known = _presence(machine, node)
    if known is not None:
        return known
    if isinstance(node, ast.BoolOp):
        before = machine.save()
        for part in node.values:
            evaluate_condition(machine, part)
            if not narrow(machine, part, truth=isinstance(node.op, ast.And)):
                break
        machine.restore(before)
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = evaluate_condition(machine, node.operand)
        return None if inner is None else not inner
    for atom in evaluate(machine, node):
        comparisons.truth(machine, atom, node)
    return None


def narrow(machine: Machine, node: ast.expr, *, truth: bool) -> bool:
    """Go on knowing that a condition was true, or was false: whether a name is None.

    Returns:
        False where that cannot be: the name is nothing but None, and the condition says that it is not.
    """
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return narrow(machine, inner, truth=not truth)
        case ast.BoolOp(op=operator, values=parts) if isinstance(operator, ast.And) is truth:
            return all(narrow(machine, part, truth=truth) for part in parts)
        case ast.Compare(left=ast.Name(id=name), ops=[operator], comparators=[ast.Constant(value=None)]):
            if isinstance(operator, ast.Is | ast.Eq):
                return _keep(machine, name, missing=truth)
            if isinstance(operator, ast.IsNot | ast.NotEq):
                return _keep(machine, name, missing=not truth)
            return True
        case ast.Name(id=name) if truth:
            return _keep(machine, name, missing=False)
        case _:
            return True


def _keep(machine: Machine, name: str, *, missing: bool) -> bool:
    home = machine.home(name)
    value = home.names.get(name, NOTHING)
    if Missing() not in value:
        return True
    kept = frozenset(atom for atom in value if isinstance(atom, Missing) is missing)
    if kept:
        home.store(name, kept)
    return bool(kept)


def _presence(machine: Machine, node: ast.expr) -> bool | None:
    """Answer ``'BIN_FILE' in globals()``: true on 0.3.0, where it is supplied."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id="sys"), attr="version_info")
            | ast.Subscript(
                value=ast.Attribute(value=ast.Name(id="sys"), attr="version_info"), slice=ast.Constant(value=0)
            ) as asked,
            ops=[operator],
            comparators=[wanted],
        ) if is_named(evaluate(machine, ast.copy_location(ast.Name("sys", ast.Load()), node))) == "sys":
            return _version_is(asked, operator, wanted)
        case ast.Compare(
            left=ast.Constant(value="BIN_FILE" | "FILE"),
            ops=[(ast.In() | ast.NotIn()) as operator],
            comparators=[ast.Call(func=ast.Name(id="globals" | "locals" | "vars" | "dir"), args=[], keywords=[])],
        ) if machine.frame is machine.module and machine.gets_file:
            return isinstance(operator, ast.In)
        case _:
            return None


def _version_is(asked: ast.expr, operator: ast.cmpop, wanted: ast.expr) -> bool | None:
    """Answer a question about ``sys.version_info`` for Python 3.6, where it is one for a major version."""
    here: tuple[object, ...] = TARGET_GRAMMAR
    if isinstance(asked, ast.Subscript):
        here, wanted = here[:1], ast.Tuple([wanted], ast.Load())
    if not isinstance(wanted, ast.Tuple) or not all(isinstance(part, ast.Constant) for part in wanted.elts):
        return None
    numbers = tuple(part.value for part in wanted.elts if isinstance(part, ast.Constant))
    if not all(isinstance(number, int) for number in numbers):
        return None
    order = (here > numbers[: len(here)]) - (here < numbers[: len(here)])
    if isinstance(asked, ast.Attribute) and order == 0:
        order = 1 if len(numbers) < len(here) + 1 else 0
    match operator:
        case ast.Lt():
            return order < 0
        case ast.LtE():
            return order <= 0
        case ast.Gt():
            return order > 0
        case ast.GtE():
            return order >= 0
        case ast.Eq() if isinstance(asked, ast.Subscript):
            return order == 0
        case ast.NotEq() if isinstance(asked, ast.Subscript):
            return order != 0
        case _:
            return None


def go_through(machine: Machine, value: Value, node: ast.AST) -> Value:
    """Return what going through a value gives, one element after the other."""
    element = NOTHING
    for atom in value:
        element |= operations.iterate(machine, atom, node)
    return machine.limited(element)


def assign(machine: Machine, target: ast.expr, value: Value) -> None:
    """Store a value where an assignment says."""
    match target:
        case ast.Name(id=name):
            machine.bind(name, value)
            if machine.held is not None:
                machine.tell(target, name, value)
        case ast.Tuple(elts=targets) | ast.List(elts=targets):
            _unpack(machine, targets, value, target)
        case ast.Starred(value=inner):
            assign(machine, inner, value)
        case ast.Subscript(value=owner, slice=index):
            key = evaluate(machine, index)
            for atom in evaluate(machine, owner):
                operations.store(machine, atom, key, value, target)
        case ast.Attribute(value=owner):
            owners = evaluate(machine, owner)
            kept = frozenset(atom for atom in owners if isinstance(atom, Instance | Class))
            for atom in kept:
                objects.keep(machine, atom, target.attr, value)
            if owners and kept == owners:
                return
            if machine.from_file(value) or any(isinstance(atom, Thing) for atom in owners):
                machine.unknown(target, "a value is kept in an attribute of something that the kit does not follow")
        case _:
            return


def _unpack(machine: Machine, targets: list[ast.expr], value: Value, node: ast.AST) -> None:
    order.needs_order(machine, value, node, "takes it apart")
    starred = any(isinstance(target, ast.Starred) for target in targets)
    for index, target in enumerate(targets):
        part = NOTHING
        for atom in value:
            if isinstance(atom, Row) and not starred and len(atom.places) == len(targets):
                part |= atom.places[index]
            else:
                element = operations.iterate(machine, atom, node)
                if index < len(targets) - 1:
                    element = operations.before_the_last(element)
                part |= machine.items(target, element) if isinstance(target, ast.Starred) else element
        assign(machine, target, part)


# -- one function an expression --------------------------------------------------------------------------


def _constant(_: Machine, node: ast.Constant) -> Value:
    if isinstance(node.value, str):
        if node.kind == "u" and not node.value.isascii():
            return TEXT
        return one(Literal(node.value, raw=False, unicode=node.kind == "u"))
    if node.value is None:
        return one(Missing())
    if isinstance(node.value, int):
        return WHOLE
    if isinstance(node.value, bytes):
        return one(Literal(node.value.decode("latin-1"), raw=True))
    return NUMBER


_SPECIAL = frozenset({Unbound(), Leaked(), Context("FILE"), Context("BIN_FILE")})


def _name(machine: Machine, node: ast.Name) -> Value:
    home = machine.home(node.id)
    value = home.names.get(node.id, NOTHING)
    if home is machine.module and node.id not in home.names:
        return calls.outside_name(machine, node)
    if value.isdisjoint(_SPECIAL):  # most are, and this costs a tenth of asking for each
        return value
    if Unbound() in value:
        machine.seen.breaks_at(
            node,
            f"{node.id} is gone after its except block on Python 3",
            "assign it to another name inside the block",
            "UK420",
        )
        value -= {Unbound()}
    if Leaked() in value:
        operations.leaked(machine, node, node.id)
        value -= {Leaked()}
    if Context("FILE") in value:
        machine.seen.uses[node] = None
        if len(value) > 1:
            machine.seen.rebound[node] = None
        value = (value - {Context("FILE")}) | {Stream(Flavour.FILE)}
    if Context("BIN_FILE") in value:
        machine.seen.uses_bin_file = True
        value = (value - {Context("BIN_FILE")}) | {BinStream()}
    return value


def _attribute(machine: Machine, node: ast.Attribute) -> Value:
    owners = evaluate(machine, node.value)
    gone = machine.rules.gone_members.get(node.attr)
    if gone is not None:
        machine.seen.breaks_at(node, gone.what, gone.hint, gone.rule)
    method = machine.rules.gone_methods.get(node.attr)
    if method is not None and node.attr != "next" and not any(isinstance(owner, Instance | Class) for owner in owners):
        machine.seen.breaks_at(node, method.what, method.hint, method.rule)  # also where it is kept for later
    result = NOTHING
    for owner in owners:
        result |= operations.attribute(machine, owner, node)
    return result


def _subscript(machine: Machine, node: ast.Subscript) -> Value:
    owners = evaluate(machine, node.value)
    if isinstance(node.slice, ast.Slice):
        for part in (node.slice.lower, node.slice.upper, node.slice.step):
            if part is not None:
                evaluate(machine, part)
        return _each(machine, owners, lambda atom: operations.cut(machine, atom, node))
    key = evaluate(machine, node.slice)
    return _each(machine, owners, lambda atom: operations.index(machine, atom, key, node))


def _each(machine: Machine, value: Value, operation: Callable[[Atom], Value]) -> Value:
    result = NOTHING
    for atom in value:
        result |= operation(atom)
    return machine.limited(result)


def _call(machine: Machine, node: ast.Call) -> Value:
    callees = evaluate(machine, node.func)
    if isinstance(node.func, ast.Attribute) and not all(isinstance(atom, Named) for atom in callees):
        gone = machine.rules.gone_methods.get(node.func.attr)
        if gone is not None:
            machine.seen.breaks_at(node, gone.what, gone.hint, gone.rule)
            machine.seen.owners[node] = machine.seen.owners.get(node, NOTHING) | callees
    known = _method_of_something(machine, node, callees)
    if known is not None:
        return known
    positional: list[Value] = []
    rest = NOTHING
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            starred = evaluate(machine, argument.value)
            order.needs_order(machine, starred, argument, "passes it on with *")
            rest |= go_through(machine, starred, argument)
        else:
            positional.append(evaluate(machine, argument))
    named: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluate(machine, keyword.value)
        if keyword.arg is None:
            rest |= go_through(machine, value, keyword.value)
        else:
            named[keyword.arg] = value
    arguments = Arguments(tuple(positional), named, rest)
    machine.call_nodes.append(id(node))
    result = _each(machine, callees, lambda atom: calls.call(machine, atom, arguments, node))
    machine.call_nodes.pop()
    return result


def _method_of_something(machine: Machine, node: ast.Call, callees: Value) -> Value | None:
    """Return what the methods of a dictionary or a text give, where it is not known what the owner is."""
    if (
        not isinstance(node.func, ast.Attribute)
        or not callees
        or not all(isinstance(atom, Other | Number) or atom in LIBRARY for atom in callees)
    ):
        return None
    match node.func.attr:
        case "tostring" | "tobytes":
            return data(Flavour.BYTES, Shape.CHUNK)
        case "argmax" | "argmin" | "searchsorted" if not node.keywords:
            given = NOTHING.union(*(evaluate(machine, argument) for argument in node.args))
            return None if machine.from_file(given) else one(NumpyWhole())
        case "sum" if isinstance(node.func.value, ast.Compare) and not node.args and not node.keywords:
            return one(NumpyWhole())
        case "astype" if node.args and not operations.is_numeric_type(evaluate(machine, node.args[0])):
            return machine.unknown(node, ".astype() into a type that the kit does not know, or text")
        case _ if not callees <= OTHER | LIBRARY:
            return None
        case "keys" | "values" if not node.args:
            return _view(machine, node, OTHER)
        case "items" if not node.args:
            return _view(machine, node, one(Row((OTHER, OTHER))))
        case "encode":
            return data(Flavour.BYTES, Shape.TOKEN)
        case "decode":
            return machine.unknown(node, ".decode() of something that may be text on Python 3")
        case _:
            return None


def _view(machine: Machine, node: ast.Call, element: Value) -> Value:
    """Return the keys, values or items of something that is a dictionary then."""
    view = machine.lazy(LazyKind.VIEW, node, element)
    order.scramble(machine, view)
    return view


def _binary(machine: Machine, node: ast.BinOp) -> Value:
    left, right = evaluate(machine, node.left), evaluate(machine, node.right)
    if isinstance(node.op, ast.RShift) and Named("builtins.print") in left:
        machine.seen.breaks_at(node, "print >> is Python 2's", "print(..., file=...)", "UK420")
    result = NOTHING
    for first in left:
        for second in right:
            result |= operations.binary(machine, first, second, node)
    return result


def _boolean(machine: Machine, node: ast.BoolOp) -> Value:
    result = NOTHING
    before = machine.save()
    for part in node.values:
        value = evaluate(machine, part)
        for atom in value:
            comparisons.truth(machine, atom, part)
        result |= value
        if not narrow(machine, part, truth=isinstance(node.op, ast.And)):
            break
    machine.restore(before)
    return result


def _unary(machine: Machine, node: ast.UnaryOp) -> Value:
    if isinstance(node.op, ast.Not):
        evaluate_condition(machine, node.operand)
        return NUMBER
    value = evaluate(machine, node.operand)
    if machine.from_file(value):
        return machine.unknown(node, "arithmetic with the file's content")
    return value


def _compare(machine: Machine, node: ast.Compare) -> Value:
    if _presence(machine, node) is not None:
        return WHOLE
    if _asks_for_emptiness(machine, node):
        return WHOLE
    left = evaluate(machine, node.left)
    for operator, comparator in zip(node.ops, node.comparators, strict=True):
        right = evaluate(machine, comparator)
        if Position() in left and not isinstance(operator, ast.In | ast.NotIn):
            _look_at_place(machine, right, comparator, node)
        for first in left:
            for second in right:
                comparisons.compare(machine, first, second, operator, node)
        left = right
    return WHOLE


def _look_at_place(machine: Machine, right: Value, comparator: ast.expr, node: ast.Compare) -> None:
    """Note a place in the text that is compared with a number, other than whether something was found."""
    match comparator:
        case ast.Constant(value=0) | ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1)):
            return
        case _ if right <= {Position()}:
            return
        case _:
            machine.unknown(node, "a place in the text is compared, which is another one where line ends differ")


def _asks_for_emptiness(machine: Machine, node: ast.Compare) -> bool:
    """Evaluate ``len(x) == 0`` and the like, which are the same for bytes and for text; else return False."""
    match node:
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="len") as function, args=[argument], keywords=[]),
            ops=[ast.Eq() | ast.NotEq() | ast.Gt() | ast.LtE()],
            comparators=[ast.Constant(value=0)],
        ) if is_named(evaluate(machine, function)) == "builtins.len":
            value = evaluate(machine, argument)
            if all(isinstance(atom, Data) and atom.shape is not Shape.CHAR for atom in value):
                for atom in value:
                    comparisons.truth(machine, atom, node)
                return True
    return False


def _if_expression(machine: Machine, node: ast.IfExp) -> Value:
    truth = evaluate_condition(machine, node.test)
    result = NOTHING
    before = machine.save()
    for part, reached in ((node.body, True), (node.orelse, False)):
        if truth in (reached, None):
            if narrow(machine, node.test, truth=reached):
                result |= evaluate(machine, part)
            machine.restore(before)
    return result


def _lambda(machine: Machine, node: ast.Lambda) -> Value:
    from upgrade_kit.rewriting.statements import define  # noqa: PLC0415 - functions hold statements and these

    return define(machine, node)


def _tuple(machine: Machine, node: ast.Tuple) -> Value:
    if any(isinstance(element, ast.Starred) for element in node.elts):
        return _list(machine, node)
    row = Row(tuple(evaluate(machine, element) for element in node.elts))
    if _depth(row) > 4:  # noqa: PLR2004 - a tuple in a tuple in a tuple: no procedure needs more
        return machine.items(node, machine.elements(row))
    return one(row)


def _depth(atom: Atom) -> int:
    if not isinstance(atom, Row):
        return 0
    return 1 + max((_depth(inner) for place in atom.places for inner in place), default=0)


def _list(machine: Machine, node: ast.List | ast.Set | ast.Tuple) -> Value:
    element = NOTHING
    for item in node.elts:
        if isinstance(item, ast.Starred):
            element = machine.limited(element | go_through(machine, evaluate(machine, item.value), item))
        else:
            element = machine.limited(element | evaluate(machine, item))
    if isinstance(node, ast.Set):
        for atom in element:
            operations.as_key(machine, atom, node)
        order.made(machine, machine.items(node, element), order.Kind.SET)
    return machine.items(node, element)


def _dict(machine: Machine, node: ast.Dict) -> Value:
    held = keys = NOTHING
    for key, item in zip(node.keys, node.values, strict=True):
        if key is None:
            held |= go_through(machine, evaluate(machine, item), item)
            continue
        for atom in evaluate(machine, key):
            operations.as_key(machine, atom, key)
            keys = machine.limited(keys | {atom})
        held = machine.limited(held | evaluate(machine, item))
    machine.put_keys(id(node), keys)
    return order.made(machine, machine.items(node, held), order.Kind.DICTIONARY)


def _comprehension(machine: Machine, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
    if isinstance(node, ast.ListComp) and machine.frame.is_class:
        _hidden_names(machine, node)
    frame = Frame(machine.frame, frozenset(_targets(node)))
    iterated = evaluate(machine, node.generators[0].iter)
    with machine.scope(frame):
        sources = NOTHING
        scrambled = False
        for number, generator in enumerate(node.generators):
            source = iterated if number == 0 else evaluate(machine, generator.iter)
            if order.may_be_keys(source, generator.target, [node]):
                scrambled = True
            sources |= source
            assign(machine, generator.target, go_through(machine, source, generator.iter))
            for condition in generator.ifs:
                if not (isinstance(condition, ast.Name) and _becomes_number(node, condition.id)):
                    evaluate_condition(machine, condition)
        if isinstance(node, ast.DictComp):
            keys = evaluate(machine, node.key)
            for atom in keys:
                operations.as_key(machine, atom, node.key)
            machine.put_keys(id(node), keys)
            element = evaluate(machine, node.value)
            if not order.is_one_by_one(node, node.key):
                order.needs_order(machine, sources, node, "the last of equal keys stays")
            order.made(machine, machine.items(node, element), order.Kind.DICTIONARY)
        else:
            element = evaluate(machine, node.elt)
    if isinstance(node, ast.ListComp):
        _leak(machine, node)
    result = machine.items(node, element)
    if isinstance(node, ast.SetComp):
        return order.made(machine, result, order.Kind.SET)
    if scrambled and not isinstance(node, ast.DictComp):
        order.scramble(machine, result)
    return order.passed_on(machine, sources, result)


def _hidden_names(machine: Machine, node: ast.ListComp) -> None:
    """Note names of a class body that a list comprehension in it sees on Python 2 only."""
    inner = [node.elt, *(part for each in node.generators for part in each.ifs)]
    inner += [each.iter for each in node.generators[1:]]
    for name in {child.id for part in inner for child in ast.walk(part) if isinstance(child, ast.Name)}:
        if name in machine.frame.names and name not in _targets(node):
            machine.seen.breaks_at(
                node, f"{name} of a class is not seen in a comprehension on Python 3", "a for loop", "UK424"
            )


def _becomes_number(node: ast.expr, name: str) -> bool:
    """Return whether ``float(name)`` stands in a comprehension: a lone carriage return is an error there."""
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in {"float", "int"}
        and len(call.args) == 1
        and isinstance(call.args[0], ast.Name)
        and call.args[0].id == name
        for call in ast.walk(node)
    )


def _leak(machine: Machine, node: ast.ListComp) -> None:
    """Let the variables of a list comprehension hold something else after it, as they do on Python 2."""
    for name in sorted(_targets(node)):
        frame = machine.frame
        if frame.bound is not None:
            frame.bound |= {name}
        machine.bind(name, machine.home(name).names.get(name, NOTHING) | one(Leaked()))


def _targets(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> set[str]:
    return {
        child.id for generator in node.generators for child in ast.walk(generator.target) if isinstance(child, ast.Name)
    }


def _formatted(machine: Machine, node: ast.JoinedStr) -> Value:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            for atom in evaluate(machine, part.value):
                operations.as_text(machine, atom, part)
    return TEXT


def _yield(machine: Machine, node: ast.Yield | ast.YieldFrom) -> Value:
    value = NUMBER if node.value is None else evaluate(machine, node.value)
    if isinstance(node, ast.YieldFrom):
        value = go_through(machine, value, node)
    if machine.calls:
        definition = machine.definitions[machine.calls[-1]].node
        machine.put(-id(definition), value)
        if machine.order.loops and machine.order.loops[-1][1] == len(machine.calls):
            order.scramble(machine, one(Items(id(definition))))
    return OTHER


_EVALUATE: dict[type[ast.expr], Callable[[Machine, Any], Value]] = {  # each takes the type that is its key
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Call: _call,
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.IfExp: _if_expression,
    ast.Lambda: _lambda,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _list,
    ast.Dict: _dict,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.JoinedStr: _formatted,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
}
