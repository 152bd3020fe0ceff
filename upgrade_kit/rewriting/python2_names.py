"""Writes names, methods and modules that Python 3 has no more as what they are called there.

Only where the call means the same on both: the text after is judged by the same analysis as every other text, and what
Python 2 did is known from what the analysis saw before.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from upgrade_kit.model.rewrite import Edit
from upgrade_kit.rewriting.edits import edit_at
from upgrade_kit.rewriting.made import Converted, Made
from upgrade_kit.rewriting.observations import Observations
from upgrade_kit.rewriting.runtime_text import Places
from upgrade_kit.rewriting.values import Items, Method, Stream, Thing

NAMES, METHODS, MODULES, LISTS = "UK446", "UK447", "UK448", "UK449"
RENAMED = {"xrange": "range", "file": "open", "unicode": "str", "long": "int", "unichr": "chr"}
VIEWS = {
    "iteritems": "items",
    "iterkeys": "keys",
    "itervalues": "values",
    "viewitems": "items",
    "viewkeys": "keys",
    "viewvalues": "values",
}
MAPPINGS = frozenset({"JSON value", "META", "META value", "REFS", "TOLS", "tolerance"})
SUPPLIED_MAPPINGS = frozenset({"META", "REFS", "TOLS"})
TEXT_METHODS = frozenset(
    {"split", "strip", "lstrip", "rstrip", "lower", "upper", "replace", "find", "rfind", "count", "zfill", "capitalize"}
)
ITERATORS = {"izip": "zip", "imap": "map", "ifilter": "filter"}
LAZY = frozenset({"map", "filter", "zip", "range"})
GIVES_LIST = frozenset({"list", "sorted", "range", "map", "zip"})
GIVES_LIST_BY_METHOD = frozenset({"split", "splitlines", "readlines", "keys", "values", "items"})
OWN_OF_STRINGIO = frozenset({"len", "buf", "buflist", "pos", "reset", "softspace", "closed", "truncate"})
READS = frozenset({"read", "readline", "readlines", "seek", "tell"})  # Python 2 reads ahead for next()
GOES_THROUGH = frozenset({"list", "tuple", "set", "frozenset", "sorted", "sum", "max", "min", "any", "all", "dict"})


@dataclass(frozen=True, slots=True)
class Remedies:
    """What one look suggests.

    Attributes:
        renamed: what is gone and has another name, all of it at once.
        lists: calls that gave a list; each may be needed or not.
    """

    renamed: Converted
    lists: tuple[Converted, ...]


def convert_names(text: str, tree: ast.Module, seen: Observations, *, streams: str) -> Remedies:
    """Return what may be written instead of what is gone; whether that is enough is for the analysis to say.

    Args:
        text: the text, as Python 3 parses it.
        tree: the executed text's tree.
        seen: what the analysis saw in it.
        streams: what StringIO of the file's content is to become: ``BytesIO`` or ``StringIO``.
    """
    return _Converter(text, tree, seen, streams).run()


class _Converter:
    def __init__(self, text: str, tree: ast.Module, seen: Observations, streams: str) -> None:
        self._text = text
        self._places = Places(text)
        self._tree = tree
        self._seen = seen
        self._streams = streams
        self._parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self._stored = frozenset(_stored(tree))
        self._edits: list[Edit] = []
        self._made: list[Made] = []

    def run(self) -> Remedies:
        """Return what may be done."""
        actions: dict[type[ast.AST], Callable[..., None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
        }
        edits: list[Edit] = []
        made: list[Made] = []
        for node in self._seen.broken_nodes:
            if isinstance(node, ast.Call) and node in self._seen.owners:
                self._method(node)
            elif type(node) in actions:
                actions[type(node)](node)
            remedy = self._taken()
            if remedy.edits and not _meet(edits, remedy.edits):  # where they meet, another look finds what is left
                edits += remedy.edits
                made += remedy.made
        edits.sort(key=_place)
        listed = any(entry.rule == "UK424" for entry in self._seen.breaks) and self._is_free("list")
        return Remedies(Converted(tuple(edits), tuple(made)), tuple(self._lists()) if listed else ())

    def _taken(self) -> Converted:
        """Return what was noted since this was asked before."""
        remedy = Converted(tuple(sorted(self._edits, key=_place)), tuple(self._made))
        self._edits, self._made = [], []
        return remedy

    # -- where things are ------------------------------------------------------------------------------------

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._places.offset(node.lineno, node.col_offset)

    def _end(self, node: ast.expr | ast.stmt) -> int:
        return self._places.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _source(self, node: ast.expr | ast.stmt) -> str:
        return self._text[self._start(node) : self._end(node)]

    def _replace(self, start: int, end: int, after: str, rule: str) -> None:
        self._edits.append(edit_at(self._places, start, self._text[start:end], after, rule))

    def _say(self, node: ast.expr | ast.stmt, what: str, rule: str) -> None:
        self._made.append(Made(node.lineno, what, rule))

    def _is_free(self, name: str) -> bool:
        """Return whether a name is Python's own everywhere in the text."""
        return name not in self._stored and "*" not in self._stored

    def _is_called(self, node: ast.expr, *, most: int = 99) -> bool:
        """Return whether something is called at once, with so many arguments by place and nothing else."""
        match self._parents.get(node):
            case ast.Call(func=function, args=arguments, keywords=[]) if function is node:
                return len(arguments) <= most and not any(isinstance(one, ast.Starred) for one in arguments)
            case _:
                return False

    # -- names -----------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> None:
        new = RENAMED.get(node.id)
        if node.id == "reduce":
            self._reduce(node)
        elif new is not None and self._is_free(new) and self._is_free(node.id) and self._means_the_same(node):
            self._say(node, f"{node.id}(), written {new}()", NAMES)
            self._replace(self._start(node), self._end(node), new, NAMES)

    def _means_the_same(self, node: ast.Name) -> bool:
        match node.id:
            case "xrange":
                return self._is_called(node, most=3) and self._is_passed_on(self._parents[node])
            case "long":
                return self._is_called(node, most=1) and not self._asks_for_types()
            case "unicode" | "unichr":
                return self._is_called(node, most=1) and self._source(self._call_of(node)).isascii()
            case _:
                return self._is_called(node, most=3)

    def _call_of(self, node: ast.expr) -> ast.Call:
        call = self._parents[node]
        assert isinstance(call, ast.Call)  # noqa: S101 - the caller asked
        return call

    def _is_passed_on(self, node: ast.AST) -> bool:
        """Return whether a value is gone through or passed on at once, and not kept."""
        match self._parents.get(node):
            case ast.For(iter=value) | ast.comprehension(iter=value):
                return value is node
            case ast.Call(func=function):
                return function is not node
            case _:
                return False

    def _asks_for_types(self) -> bool:
        """Return whether anything may show that a number was long on Python 2: its type, or the L at its end."""
        for node in ast.walk(self._tree):
            match node:
                case ast.Name(id="repr" | "str" | "unicode" | "format" | "type" | "isinstance" | "hash"):
                    return True
                case ast.Constant(value=str(value)) if re.search(r"%[-+ #0-9.*()\w]*[srR]|\{", value):
                    return True
                case _:
                    continue
        return False

    def _reduce(self, node: ast.Name) -> None:
        first = next((s for s in self._tree.body[1:] if not _comes_first(s)), None)
        if first is None or not self._is_free("reduce") or not self._is_free("functools"):
            return
        start = self._start(first)
        if self._text[:start].rpartition("\n")[2].rpartition("\r")[2]:
            return
        newline = re.search(r"\r\n|\r|\n", self._text)
        self._say(node, "reduce(), imported from functools", NAMES)
        self._replace(start, start, f"from functools import reduce{newline[0] if newline else chr(10)}", NAMES)

    # -- methods and functions of modules ----------------------------------------------------------------------

    def _method(self, call: ast.Call) -> None:
        function = call.func
        assert isinstance(function, ast.Attribute)  # noqa: S101 - the analysis saw a method
        if function.attr == "has_key":
            self._has_key(call, function)
        elif function.attr in VIEWS:
            if (
                self._is_mapping(call, function.value)
                and not call.args
                and not call.keywords
                and self._is_iterated(call)
            ):
                new = VIEWS[function.attr]
                self._say(call, f".{function.attr}(), written .{new}()", METHODS)
                end = self._end(function)
                self._replace(end - len(function.attr), end, new, METHODS)
        elif function.attr == "next" and not call.args and not call.keywords and self._is_iterator(call):
            self._say(call, ".next(), written next()", METHODS)
            dot = self._dot(function)
            self._replace(self._start(call), self._start(call), "next(", METHODS)
            self._replace(dot, self._end(call), ")", METHODS)

    def _dot(self, function: ast.Attribute) -> int:
        """Return where the dot before a method's name is, and the blanks before the dot."""
        before = self._text[: self._end(function) - len(function.attr)].rstrip()
        return len(before[:-1].rstrip())

    def _is_mapping(self, call: ast.Call, owner: ast.expr) -> bool:
        """Return whether the owner of a method can be nothing but a dictionary, if it has such a method at all."""
        if isinstance(owner, ast.Name) and owner.id in SUPPLIED_MAPPINGS and self._is_free(owner.id):
            return True
        callees = self._seen.owners[call]
        return bool(callees) and all(
            isinstance(atom, Method)
            and (isinstance(atom.owner, Items) or (isinstance(atom.owner, Thing) and atom.owner.kind in MAPPINGS))
            for atom in callees
        )

    def _is_iterator(self, call: ast.Call) -> bool:
        callees = self._seen.owners[call]
        owners = [atom.owner for atom in callees if isinstance(atom, Method)]
        nodes = list(ast.walk(self._tree))
        mixed = any(isinstance(node, ast.Attribute) and node.attr in READS for node in nodes)
        return (
            self._is_free("next")
            and bool(owners)
            and len(owners) == len(callees)
            and all(isinstance(owner, Items) or (isinstance(owner, Stream) and not mixed) for owner in owners)
            and not any(isinstance(node, ast.ClassDef) for node in nodes)
        )

    def _is_iterated(self, call: ast.Call) -> bool:
        match self._parents.get(call):
            case ast.For(iter=value) | ast.comprehension(iter=value):
                return value is call
            case ast.Call(func=ast.Name(id=name), args=[value, *_]):
                return value is call and name in GOES_THROUGH and self._is_free(name)
            case _:
                return False

    def _has_key(self, call: ast.Call, function: ast.Attribute) -> None:
        match call:
            case ast.Call(args=[key], keywords=[]) if not isinstance(key, ast.Starred):
                pass
            case _:
                return
        whole = self._source(call)
        if (
            not self._is_mapping(call, function.value)
            or re.search(r"[\r\n#\\]", whole)
            or self._may_differ_in_order(function)
        ):
            return
        owner = self._text[self._start(call) : self._dot(function)]
        inside = self._text[self._end(function) : self._end(call)].strip()[1:-1].strip().rstrip(",").rstrip()
        if isinstance(key, ast.Compare | ast.BoolOp | ast.IfExp | ast.Lambda | ast.GeneratorExp | ast.Yield) or (
            isinstance(key, ast.UnaryOp) and isinstance(key.op, ast.Not)
        ):
            inside = f"({inside})"
        start, end = self._start(call), self._end(call)
        word = "in"
        outer: ast.AST = call
        parent = self._parents.get(call)
        if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not):
            between = self._text[self._start(parent) : start]
            if not between.removeprefix("not").strip(" \t"):
                start, word, outer = self._start(parent), "not in", parent
        after = f"{inside} {word} {owner}"
        if isinstance(
            self._parents.get(outer), ast.Compare | ast.BinOp | ast.Attribute | ast.Subscript | ast.Starred
        ) or (isinstance(self._parents.get(outer), ast.UnaryOp) and word == "in"):
            after = f"({after})"
        self._say(call, f".has_key(), written with {word}", METHODS)
        self._replace(start, end, after, METHODS)

    def _may_differ_in_order(self, function: ast.Attribute) -> bool:
        """Return whether it may matter that the key is evaluated before the dictionary."""
        owner = function.value
        while isinstance(owner, ast.Attribute | ast.Subscript):
            if isinstance(owner, ast.Subscript) and not isinstance(owner.slice, ast.Constant | ast.Name):
                return True
            owner = owner.value
        return not isinstance(owner, ast.Name) or any(isinstance(node, ast.Global) for node in ast.walk(self._tree))

    def _attribute(self, node: ast.Attribute) -> None:
        match node:
            case ast.Attribute(value=ast.Name(id="itertools"), attr=attr) if attr in ITERATORS:
                new = ITERATORS[attr]
                if self._is_free(new) and self._is_called(node) and self._is_passed_on(self._parents[node]):
                    self._say(node, f"itertools.{attr}(), written {new}()", NAMES)
                    self._replace(self._start(node), self._end(node), new, NAMES)
            case ast.Attribute(value=ast.Name(id="string"), attr=attr) if self._is_called(node, most=4):
                self._string_function(self._call_of(node), attr)
            case _:
                return

    def _string_function(self, call: ast.Call, name: str) -> None:
        """Write ``string.split(text, ',')`` as ``text.split(',')``."""
        if not call.args or re.search(r"[\r\n#\\]", self._source(call)):
            return
        first, *others = call.args
        given = self._source(first)
        rest = ", ".join(self._source(other) for other in others)
        plain = isinstance(first, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
        if name in TEXT_METHODS and plain:
            after = f"{given}.{name}({rest})"
        elif name == "join" and (not others or isinstance(others[0], ast.Constant)):
            after = f"{rest or repr(' ')}.join({given})"
        elif name in {"atof", "atoi"} and not others and self._is_free("float") and self._is_free("int"):
            after = f"{'float' if name == 'atof' else 'int'}({given})"
        else:
            return
        self._say(call, f"string.{name}(), written as a method" if "." in after else f"string.{name}()", NAMES)
        self._replace(self._start(call), self._end(call), after, NAMES)

    # -- modules ---------------------------------------------------------------------------------------------

    def _import(self, node: ast.Import) -> None:
        if len(node.names) != 1:
            return
        (alias,) = node.names
        name, given = alias.name, alias.asname or alias.name
        new = {"dicom": "pydicom", "StringIO": "io", "cStringIO": "io"}.get(name)
        if new is None or self._seen_stored_twice(given):
            return
        uses = [use for use in ast.walk(self._tree) if isinstance(use, ast.Name) and use.id == given]
        attributes = [self._parents.get(use) for use in uses]
        allowed = {"read_file"} if name == "dicom" else {"StringIO"}
        if not all(isinstance(use, ast.Attribute) and use.attr in allowed for use in attributes):
            return
        if new == "io":
            if self._asks_for_more():
                return
            for use in attributes:
                assert isinstance(use, ast.Attribute)  # noqa: S101 - asked just before
                if not self._is_called(use, most=1) or not self._call_of(use).args:
                    return
                if self._streams == "BytesIO":
                    self._replace(self._end(use) - len("StringIO"), self._end(use), "BytesIO", MODULES)
        self._say(node, f"import {name}, written import {new}", MODULES)
        place = self._text.index(name, self._start(node) + len("import"))
        after = new if alias.asname else f"{new} as {given}"
        self._replace(place, place + len(name), after, MODULES)

    def _import_from(self, node: ast.ImportFrom) -> None:
        if len(node.names) != 1 or node.level:
            return
        (alias,) = node.names
        given = alias.asname or alias.name
        full = f"{node.module}.{alias.name}"
        new = {
            "dicom.read_file": "pydicom",
            "dicom.filereader.read_file": "pydicom.filereader",
            "StringIO.StringIO": "io",
            "cStringIO.StringIO": "io",
        }.get(full)
        if new is None or self._seen_stored_twice(given) or node.module is None:
            return
        source = self._source(node)
        match = re.fullmatch(r"from([ \t]+)([\w.]+)([ \t]+import[ \t]+)(\w+)(.*)", source)
        if match is None:
            return
        imported = alias.name
        if new == "io":
            uses = [use for use in ast.walk(self._tree) if isinstance(use, ast.Name) and use.id == given]
            called = all(self._is_called(use, most=1) and self._call_of(use).args for use in uses)
            if not called or self._asks_for_more():
                return
            if self._streams == "BytesIO":
                imported = "BytesIO" if alias.asname else f"BytesIO as {given}"
        self._say(node, f"from {node.module} import {alias.name}, written from {new}", MODULES)
        start = self._start(node)
        self._replace(start + match.start(2), start + match.end(2), new, MODULES)
        if imported != alias.name:
            self._replace(start + match.start(4), start + match.end(4), imported, MODULES)

    def _asks_for_more(self) -> bool:
        """Return whether something may ask a StringIO for what the one of Python 3 has not."""
        return any(isinstance(node, ast.Attribute) and node.attr in OWN_OF_STRINGIO for node in ast.walk(self._tree))

    def _seen_stored_twice(self, name: str) -> bool:
        return list(_stored(self._tree)).count(name) > 1 or "*" in self._stored

    # -- lists -----------------------------------------------------------------------------------------------

    def _lists(self) -> Iterator[Converted]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and self._was_list(node) and not self._is_iterated(node):
                self._say(node, f"{_short(ast.unparse(node.func))}() gave a list, and is put into one", LISTS)
                self._replace(self._start(node), self._start(node), "list(", LISTS)
                self._replace(self._end(node), self._end(node), ")", LISTS)
                yield self._taken()

    def _was_list(self, call: ast.Call) -> bool:
        match call:
            case ast.Call(func=ast.Name(id="map" | "filter" as name), args=[function, values], keywords=[]):
                if not self._is_free(name) or isinstance(values, ast.Starred):
                    return False
                if name == "filter":
                    return self._is_list(values)
                return not (isinstance(function, ast.Constant) and function.value is None)
            case ast.Call(func=ast.Name(id="zip" | "range" as name), keywords=[]):
                return self._is_free(name)
            case ast.Call(func=ast.Attribute(attr="keys" | "values" | "items"), args=[], keywords=[]):
                return True
            case _:
                return False

    def _is_list(self, node: ast.expr, depth: int = 0) -> bool:
        """Return whether a value can be nothing but a list on Python 2, as it is written."""
        match node:
            case ast.List() | ast.ListComp():
                return True
            case ast.Call(func=ast.Name(id=name)):
                return name in GIVES_LIST and self._is_free(name)
            case ast.Call(func=ast.Attribute(attr=attr)):
                return attr in GIVES_LIST_BY_METHOD
            case ast.Name(id=name) if depth < 3:  # noqa: PLR2004 - a name for a name for a list
                values = [
                    statement.value
                    for statement in ast.walk(self._tree)
                    if isinstance(statement, ast.Assign)
                    and any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
                ]
                return len(values) == list(_stored(self._tree)).count(name) and all(
                    self._is_list(value, depth + 1) for value in values
                )
            case _:
                return False


def _comes_first(statement: ast.stmt) -> bool:
    """Return whether nothing may be put before a statement: a docstring, a future import."""
    match statement:
        case ast.ImportFrom(module="__future__") | ast.Expr(value=ast.Constant(value=str())):
            return True
        case _:
            return False


def _stored(tree: ast.Module) -> Iterator[str]:
    """Go through the names that a text binds anywhere, once for each place; ``*`` for an import of everything."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.alias(name=name, asname=given):
                yield given or name.partition(".")[0]
            case ast.Global(names=names):
                yield from names
            case _:
                continue


def _place(edit: Edit) -> tuple[int, int]:
    return edit.offset, len(edit.before)


def _meet(edits: list[Edit], others: tuple[Edit, ...]) -> bool:
    """Return whether an edit of the one overlaps one of the other, or begins at the same place."""
    return any(
        one.offset == two.offset
        or (one.offset < two.offset + len(two.before) and two.offset < one.offset + len(one.before))
        for one in edits
        for two in others
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - a finding is one line
