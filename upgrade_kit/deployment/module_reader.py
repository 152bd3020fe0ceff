"""Follows a settings file statement by statement without running it.

Later assignments win, a condition that cannot be decided leaves what it sets unknown, and whatever might
change a value in a way that is not followed makes that value unknown. Nothing is imported: the files that a
site's settings import from the site itself are read in the same way.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable
from functools import reduce
from pathlib import Path

from upgrade_kit.deployment.expressions import Evaluator, condition_text
from upgrade_kit.deployment.parsing import parse_file
from upgrade_kit.deployment.static_values import (
    Binding,
    Dotted,
    Function,
    Names,
    SiteModule,
    Value,
    containers,
    copy_names,
    is_known,
    join_names,
    same,
)
from upgrade_kit.errors import SiteError
from upgrade_kit.model.deployment import (
    ImportKind,
    SettingsImport,
)
from upgrade_kit.model.unobserved import Unobserved

FILE_LIMIT = 50
_IMPORT_ERRORS = frozenset(("BaseException", "Exception", "ImportError", "ModuleNotFoundError"))
_PYTHON2_MODULES = frozenset(("ConfigParser", "Queue", "StringIO", "cPickle", "cStringIO", "urllib2", "urlparse"))
_ALWAYS_THERE = sys.stdlib_module_names | _PYTHON2_MODULES | {"django"}
# Files of the application that are imported by their bare name and live nowhere else.
_OWN_FILES = frozenset(("docker_settings", "local_settings", "local_test_settings", "settings", "test_settings"))
_CHANGES_ANYTHING = frozenset(("eval", "exec", "execfile", "globals", "locals", "vars"))
_READS_ONLY = frozenset(("copy", "count", "get", "index", "items", "keys", "values"))


class SiteReader:
    """Reads files of one site.

    Args:
        root: the folder that holds ``manage.py``.
        implicit_relative: whether ``import x`` first looks beside the importing file, as Python 2 does.

    Attributes:
        files: the files that were read, in order.
        python2_only: ``file:line`` where Python 3 stops, of those that only Python 2 can parse.
        undeclared: ``file:line`` of a byte for which no Python takes the file, for want of a coding line.
        notes: what a person should know, one sentence each.
        imports: what files other than the application's own settings import, in order.
    """

    def __init__(self, root: Path, *, implicit_relative: bool) -> None:
        self.root = root
        self.files: list[Path] = []
        self.python2_only: list[str] = []
        self.undeclared: list[str] = []
        self.notes: list[str] = []
        self.imports: list[SettingsImport] = []
        self._implicit_relative = implicit_relative
        self._modules: dict[Path, SiteModule] = {}

    def read(self, path: Path) -> SiteModule:
        """Read one file, and those of the site that it imports.

        Raises:
            SiteError: a file cannot be parsed, or the application could not start with it.
        """
        try:
            return self.module(path)
        except ImportFailsError as error:
            raise SiteError(f"{error}, so the application does not start") from None

    def module(self, path: Path) -> SiteModule:
        """Read one file; one that is being read already is returned as far as it got, as an import would.

        Raises:
            SiteError: a file cannot be parsed, or always stops with an error.
            ImportFailsError: it imports a file that is not there.
        """
        known = self._modules.get(path)
        if known is not None:
            return known
        if len(self.files) >= FILE_LIMIT:
            raise SiteError(f"{self.shown(path)} is one of more than {FILE_LIMIT} files that the settings import")
        parsed = parse_file(path, self.shown(path))
        if isinstance(parsed, Unobserved):
            raise SiteError(parsed.reason)
        self.files.append(path)
        self.notes.extend(parsed.notes)
        if parsed.python2_line is not None:
            self.python2_only.append(f"{self.shown(path)}:{parsed.python2_line}")
        if parsed.undeclared_line is not None:
            self.undeclared.append(f"{self.shown(path)}:{parsed.undeclared_line}")
        module = self._modules[path] = SiteModule()
        try:
            _FileReader(self, path, module).run(parsed.tree)
        except ImportFailsError:
            del self._modules[path]
            raise
        return module

    def shown(self, path: Path) -> str:
        """Return a path relative to the site, with ``/``."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def find(self, name: str, level: int, importer: Path) -> Path | None:
        """Return the site's own file behind an import, or ``None`` where the site has none."""
        if level:
            folders = [importer.parents[min(level, len(importer.parents)) - 1]]
        else:
            folders = [importer.parent, self.root] if self._implicit_relative else [self.root]
        for folder in folders:
            base = folder.joinpath(*name.split(".")) if name else folder
            for file in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
                if not file.is_relative_to(self.root):
                    continue
                if file.is_file():
                    return file
                if os.path.lexists(file):  # a folder or a pipe by that name, or a link that leads nowhere
                    raise SiteError(f"{self.shown(file)} is no file that can be read")
        return None

    def only_beside(self, name: str, level: int) -> bool:
        """Return whether an import finds its file only as Python 2 does: beside the importing file."""
        if level or not name:
            return False
        first = self.root / name.partition(".")[0]
        return not (first.is_dir() or first.with_name(f"{first.name}.py").is_file())

    def must_have(self, name: str, level: int) -> bool:
        """Return whether an import can only mean a file of the site."""
        return bool(level) or name in _OWN_FILES or name.partition(".")[0] == "qatrack"


class ImportFailsError(Exception):
    """An import fails for certain where the application runs; stands for its ``ImportError``."""


class _FileReader:
    """Follows the statements of one file."""

    def __init__(self, site: SiteReader, path: Path, module: SiteModule) -> None:
        self._site = site
        self._path = path
        self._module = module
        self._names = module.names  # one dict for good: who imports this file meanwhile looks into it
        self._evaluator = Evaluator(module.names, site.root, self._place)
        self._names["__file__"] = Binding(str(path), "")
        self._perhaps = 0  # how many ways are open that may not be taken, or in which an import may fail
        self._caught = 0  # how many of them catch an import that fails

    def run(self, tree: ast.Module) -> None:
        if not self._block(tree.body):
            raise SiteError(f"{self._site.shown(self._path)} always stops with an error of its own")

    def _place(self, node: ast.AST) -> str:
        return f"{self._site.shown(self._path)}:{getattr(node, 'lineno', 0)}"

    def _replace_names(self, names: Names) -> None:
        names = dict(names)
        self._names.clear()
        self._names.update(names)

    # Statements: each returns whether what follows it is reached.

    def _block(self, statements: Iterable[ast.stmt]) -> bool:
        return all(self._statement(statement) for statement in statements)

    def _statement(self, node: ast.stmt) -> bool:
        match node:
            case ast.Raise():
                self._evaluator.doubts += 1
                return False
            case ast.If():
                self._effects(node.test)
                return self._if(node)
            case ast.Try():
                return self._try(node)
            case ast.With():
                return self._with(node)
            case ast.Import() | ast.ImportFrom():
                self._any_import(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self._define(node)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Expr() | ast.Delete() | ast.Assert():
                self._simple(node)
            case ast.Pass() | ast.Global():
                pass
            case _:
                self._loop(node)
        return True

    def _simple(self, node: ast.stmt) -> None:
        # Calls first, so that nothing is built from what a call may have changed on the way.
        self._effects(node)
        doubts = self._evaluator.doubts
        used = [self._names[name].value for name in _loaded(node) & self._names.keys()]
        match node:
            case ast.Assign():
                value = self._evaluator.reference(node.value)
                for target in node.targets:
                    self._assign(target, value)
            case ast.AnnAssign(value=ast.expr() as assigned):
                self._assign(node.target, self._evaluator.reference(assigned))
            case ast.AugAssign():
                self._assign(node.target, self._evaluator.augment(node))
            case ast.Expr():
                self._evaluator.reference(node.value)
            case ast.Delete():
                for target in node.targets:
                    self._delete(target)
            case _:
                pass
        if self._evaluator.doubts > doubts or not all(map(_is_data, used)):
            self._evaluator.doubts += 1  # whatever works with the unknown may fail
            for value in used:
                self._evaluator.expose(value)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        function = Function(node.name, _stored(node.body, only_global=True), _loaded(node))
        self._names[node.name] = Binding(function, self._place(node))
        if isinstance(node, ast.ClassDef):
            self._call_functions(node)

    def _if(self, node: ast.If) -> bool:
        decided = self._evaluator.decide(node.test)
        used = (self._names[name].value for name in _loaded(node.test) & self._names.keys())
        if not all(map(_is_data, used)):
            self._evaluator.doubts += 1  # a condition on the unknown may fail
        if decided is not None:
            return self._block(node.body if decided else node.orelse)
        untouched = copy_names(self._names)
        body = self._branch(node.body)
        self._replace_names(untouched)
        orelse = self._branch(node.orelse)
        ways = [way for way in (body, orelse) if way is not None]
        if ways:
            condition = f"{condition_text(node.test)} ({self._place(node)})"
            self._join(ways, condition)
        return bool(ways)

    def _join(self, ways: list[Names], condition: str) -> None:
        joined = reduce(lambda one, other: join_names(one, other, condition), ways)
        self._replace_names(joined)
        for way in ways:
            # What two names share in one way only, a change through one of them may or may not reach.
            inside = {name: containers(bound.value) for name, bound in way.items()}
            lost = [name for name, bound in way.items() if not same(joined[name].value, bound.value)]
            for name in lost:
                sharing = [other for other, found in inside.items() if found & inside[name]]
                for other in sharing if len(sharing) > 1 else ():
                    self._evaluator.expose(joined[other].value)

    def _branch(self, statements: list[ast.stmt]) -> Names | None:
        """Follow one of two ways and return the names at its end, or ``None`` where it stops before."""
        self._perhaps += 1
        try:
            reached = self._block(statements)
        except ImportFailsError:
            self._evaluator.doubts += 1
            return None
        finally:
            self._perhaps -= 1
        return dict(self._names) if reached else None

    def _try(self, node: ast.Try) -> bool:
        before, doubts = copy_names(self._names), self._evaluator.doubts
        failure: ImportFailsError | None = None
        catches = any(map(_catches_imports, node.handlers))
        self._perhaps += catches
        self._caught += catches
        try:
            reached = self._block(node.body)
        except ImportFailsError as error:
            failure, reached = error, False
            if not catches:
                raise
        finally:
            self._perhaps -= catches
            self._caught -= catches
        self._note_swallowed_imports(node, failure)
        at_failure = dict(self._names)
        doubtful = self._evaluator.doubts > doubts
        ways = []
        if reached and self._block(node.orelse):
            ways.append(dict(self._names))
        condition = f"the lines under try fail ({self._place(node)})"
        if doubtful:
            at_failure = join_names(at_failure, before, condition)
            # Where a name is set twice, the failure may fall between.
            reason = Unobserved(f"set in lines under try that may fail ({self._place(node)})")
            at_failure |= dict.fromkeys(_stored(node.body), Binding(reason, self._place(node)))
        if doubtful or not reached:
            for handler in node.handlers:
                if failure is None or doubtful or _catches_imports(handler):
                    self._replace_names(copy_names(at_failure))
                    if handler.name:
                        self._names[handler.name] = Binding(Unobserved("an error"), self._place(handler))
                    if self._block(handler.body):
                        ways.append(dict(self._names))
        if ways:
            self._join(ways, condition)
        return self._block(node.finalbody) and bool(ways)

    def _note_swallowed_imports(self, node: ast.Try, failure: ImportFailsError | None) -> None:
        if failure is not None and not str(failure).startswith(self._site.shown(self._path)):
            self._site.notes.append(f"{failure}; the application passes over that whole file without a word")
        if failure is not None or not any(map(_catches_imports, node.handlers)):
            return
        for statement in node.body:
            if isinstance(statement, ast.ImportFrom) and _is_star(statement):
                file = self._site.find(statement.module or "", statement.level, self._path)
                for place, name in self._site.module(file).foreign if file else ():
                    self._site.notes.append(
                        f"{place} imports {name}; where the Python that runs the site lacks it,"
                        " the application passes over the whole file without a word"
                    )

    def _with(self, node: ast.With) -> bool:
        self._evaluator.doubts += 1
        for item in node.items:
            self._effects(item)
            if item.optional_vars is not None:
                self._assign(item.optional_vars, Unobserved(f"opened at run time ({self._place(node)})"))
        return self._block(node.body)

    def _loop(self, node: ast.stmt) -> None:
        """A loop runs any number of times, so whatever it may change cannot be known."""
        self._evaluator.doubts += 1
        reason = Unobserved(f"set in a loop ({self._place(node)})")
        for name in _loaded(node) & self._names.keys():
            self._evaluator.expose(self._names[name].value)
        for name in sorted(_stored([node])):
            self._names[name] = Binding(reason, self._place(node))
        self._spoil_data(_touched([node]), reason, node)

    # Assignments

    def _assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name():
                self._names[target.id] = Binding(value, self._place(target))
            case ast.Tuple() | ast.List():
                fits = (
                    isinstance(value, list | tuple)
                    and len(value) == len(target.elts)
                    and not any(isinstance(part, ast.Starred) for part in target.elts)
                )
                reason = value if isinstance(value, Unobserved) else self._evaluator.unknown("unpacked", target)
                for number, part in enumerate(target.elts):
                    self._assign(part, value[number] if fits else reason)
            case ast.Subscript():
                self._assign_item(target, value)
            case _:
                self._evaluator.spoil(target, self._evaluator.unknown("changed in a way that is not followed", target))

    def _assign_item(self, target: ast.Subscript, value: Value) -> None:
        owner = self._evaluator.reference(target.value)
        self._evaluator.change(owner, target)
        if isinstance(owner, Dotted | Unobserved):  # os.environ["X"] = ..., or nothing more to lose
            return
        key = self._evaluator.value(target.slice) if not isinstance(target.slice, ast.Slice) else None
        if _takes(owner, key) and id(owner) not in containers(value):  # one that holds itself has no end
            owner[key] = value
        else:
            reason = self._evaluator.unknown("changed in a way that is not followed", target)
            self._evaluator.spoil(target.value, reason)
        root = _root(target)
        if root in self._names:
            self._names[root] = Binding(self._names[root].value, self._place(target))

    def _delete(self, target: ast.expr) -> None:
        owner = self._evaluator.value(target.value) if isinstance(target, ast.Subscript) else None
        if isinstance(target, ast.Name):
            self._names.pop(target.id, None)
        elif isinstance(target, ast.Subscript) and isinstance(owner, dict):
            self._evaluator.change(owner, target)
            key = self._evaluator.value(target.slice)
            if isinstance(key, str):
                owner.pop(key, None)
            else:
                self._evaluator.spoil(target.value, self._evaluator.unknown("changed by del", target))
        else:
            self._evaluator.spoil(target, self._evaluator.unknown("changed by del", target))

    def _effects(self, node: ast.AST) -> None:
        """Make unknown what the calls in a statement may change behind the reader's back."""
        whole = node.value if isinstance(node, ast.Expr | ast.Assign) else None
        for call in ast.walk(node):
            if not isinstance(call, ast.Call):
                continue
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in _CHANGES_ANYTHING and name not in self._names:
                reason = self._evaluator.unknown(f"may be changed by {name}()", call)
                for known in [known for known in self._names if known != "__file__"]:
                    self._names[known] = Binding(reason, self._place(call))
            if not self._evaluator.follows(call, certain=call is whole):
                self._call_functions(call)
                reason = Unobserved(f"may be changed by a call ({self._place(call)})")
                self._spoil_data(self._handed_over(call), reason, call)

    def _handed_over(self, call: ast.Call) -> frozenset[str]:
        """Return the names whose list or dict a call gets hold of; text and numbers cannot be changed."""
        found = {_root(call.func)} if _may_change_owner(call) else set()
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            calls = any(isinstance(inner, ast.Call) for inner in ast.walk(argument))
            value = Unobserved("not worked out twice") if calls else self._evaluator.reference(argument)
            if not is_known(value) or containers(value):
                found |= _loaded(argument)
        return frozenset(found)

    def _call_functions(self, node: ast.AST) -> None:
        """A call that is not followed may reach any function of the file."""
        functions = [bound.value for bound in self._names.values() if isinstance(bound.value, Function)]
        for function in functions:
            reason = self._evaluator.unknown(f"may be changed by {function.name}()", node)
            self._spoil_data(function.changes | function.reads, reason, node)
            for name in function.changes & self._names.keys():
                if not isinstance(self._names[name].value, Dotted | Function | SiteModule):
                    self._names[name] = Binding(reason, self._place(node))

    def _spoil_data(self, names: Iterable[str], reason: Unobserved, node: ast.AST) -> None:
        """Make unknown those names that hold a list or dict, which others can change in place."""
        for name in sorted(names):
            if name in self._names:
                held = self._names[name].value
                if not _is_data(held):
                    self._evaluator.change(Unobserved("part of it"), node)
                self._evaluator.change(held, node)
                self._evaluator.forget(held, reason, node)

    # Imports

    def _any_import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._import(alias, node)
        elif _is_star(node):
            self._import_star(node)
        elif node.module != "__future__":
            self._import_from(node)

    def _import(self, alias: ast.alias, node: ast.Import) -> None:
        file = self._site.find(alias.name, 0, self._path)
        if file is not None and (alias.asname or "." not in alias.name):
            self._note_own(alias.name, 0, node)
            self._names[alias.asname or alias.name] = Binding(self._site.module(file), self._place(node))
            return
        if file is None:
            self._missing(alias.name, 0, node)
        name = alias.asname or alias.name.partition(".")[0]
        self._names[name] = Binding(Dotted(alias.name if alias.asname else name), self._place(node))

    def _import_from(self, node: ast.ImportFrom) -> None:
        source = node.module or ""
        file = self._site.find(source, node.level, self._path) if source else None
        module = None if file is None else self._site.module(file)
        if file is not None:
            self._note_own(source, node.level, node)
        for alias in node.names:
            found: Binding | None = module.names.get(alias.name) if module else None
            if found is None:
                inner = self._site.find(f"{source}.{alias.name}".strip("."), node.level, self._path)
                if inner is not None:
                    self._note_own(f"{source}.{alias.name}".strip("."), node.level, node)
                    found = Binding(self._site.module(inner), self._place(node))
            if found is None and module is not None:
                reason = self._evaluator.unknown(f"{alias.name} is not set in {source}", node)
                found = Binding(reason, self._place(node))
            if found is None:
                self._missing(source, node.level, node)
                found = Binding(Dotted(f"{source}.{alias.name}"), self._place(node))
            self._names[alias.asname or alias.name] = found

    def _import_star(self, node: ast.ImportFrom) -> None:
        source = node.module or ""
        file = self._site.find(source, node.level, self._path)
        if file is None:
            self._missing(source, node.level, node)
            reason = self._evaluator.unknown(f"may be replaced by 'from {source} import *'", node)
            for name in [name for name in self._names if name != "__file__"]:
                self._names[name] = Binding(reason, self._place(node))
            return
        self._note_own(source, node.level, node)
        module = self._site.module(file)
        listed = module.names.get("__all__")
        public = [name for name in module.names if not name.startswith("_")]
        if listed is not None and isinstance(listed.value, list | tuple):
            public = [name for name in module.names if name in listed.value]
        for name in public:
            self._names[name] = module.names[name]

    def _missing(self, name: str, level: int, node: ast.stmt) -> None:
        """Judge an import that no file of the site answers.

        Raises:
            ImportFailsError: nothing else can answer it.
        """
        if self._site.must_have(name, level):
            raise ImportFailsError(f"{self._place(node)} imports {name or 'a file'}, which is not there")
        first = name.partition(".")[0]
        if first in _PYTHON2_MODULES:
            self._note(name, ImportKind.PYTHON2, node)
        if first not in _ALWAYS_THERE:
            self._evaluator.doubts += 1
            self._module.foreign.append((self._place(node), name))
            self._note(name, ImportKind.FOREIGN, node)

    def _note_own(self, name: str, level: int, node: ast.stmt) -> None:
        beside = self._site.only_beside(name, level)
        self._note("." * level + name, ImportKind.BESIDE if beside else ImportKind.OWN, node)

    def _note(self, name: str, kind: ImportKind, node: ast.stmt) -> None:
        if self._caught and kind in {ImportKind.PYTHON2, ImportKind.FOREIGN}:
            return  # the file itself says what to do without it
        if self._path != self._site.root / "qatrack" / "settings.py":  # the target brings its own
            self._site.imports.append(
                SettingsImport(module=name, kind=kind, where=self._place(node), certain=not self._perhaps)
            )


def _takes(owner: Value, key: Value) -> bool:
    """Return whether ``owner[key] = ...`` is followed."""
    if isinstance(owner, dict):
        return isinstance(key, str | int | bytes)
    return isinstance(owner, list) and isinstance(key, int) and -len(owner) <= key < len(owner)


def _is_star(node: ast.ImportFrom) -> bool:
    return any(alias.name == "*" for alias in node.names)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in _IMPORT_ERRORS for node in ast.walk(handler.type))


def _root(node: ast.expr) -> str:
    """Return the name at the start of ``name.attribute[key].method()``, or ``""``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_data(value: Value) -> bool:
    """Return whether nothing in it may stand for another value of the file."""
    return is_known(value) or isinstance(value, Dotted | Function | SiteModule)


def _loaded(node: ast.AST) -> frozenset[str]:
    """Return the names that are used."""
    return frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _may_change_owner(call: ast.Call) -> bool:
    return not (isinstance(call.func, ast.Attribute) and call.func.attr in _READS_ONLY)


def _stored(nodes: Iterable[ast.AST], *, only_global: bool = False) -> frozenset[str]:
    """Return the names that statements bind, or only those that they declare global."""
    found: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        match node:
            case ast.Global():
                found.update(node.names)
            case ast.Name(ctx=ast.Store() | ast.Del()) if not only_global:
                found.add(node.id)
            case ast.Import() | ast.ImportFrom() if not only_global:
                found.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            case _:
                pass
    return frozenset(found - {"*"})


def _touched(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names whose list or dict may be changed in place."""
    found: set[str] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        match node:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                found.add(_root(node))
            case ast.Call():
                if _may_change_owner(node):
                    found.add(_root(node.func))
                for argument in (*node.args, *node.keywords):
                    found |= _loaded(argument)
            case _:
                pass
    return frozenset(found)
