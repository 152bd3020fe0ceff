"""What an import binds, and whether the new version still has it."""

from __future__ import annotations

import ast

from upgrade_kit.rewriting.machine import Machine
from upgrade_kit.rewriting.operations import returned
from upgrade_kit.rewriting.readers import Gone, Rules
from upgrade_kit.rewriting.values import Named, one

CATCHES_IMPORT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "*"})


def run_import(machine: Machine, statement: ast.Import) -> None:
    """Run ``import a.b as c``."""
    for alias in statement.names:
        if _missing(machine, alias.name, statement):
            return
        full = machine.rules.aliases.get(alias.name, alias.name)
        if alias.asname is None:
            full = machine.rules.aliases.get(full.split(".")[0], full.split(".")[0])
        machine.bind(alias.asname or alias.name.split(".")[0], one(Named(full)))


def run_import_from(machine: Machine, statement: ast.ImportFrom) -> None:
    """Run ``from a import b as c``."""
    module = statement.module or ""
    if module == "__future__" or _missing(machine, module, statement):
        return
    module = machine.rules.aliases.get(module, module)
    for alias in statement.names:
        if alias.name == "*":
            machine.star_imports.append(module)
            continue
        full = f"{module}.{alias.name}"
        gone = machine.rules.gone_attributes.get(full)
        if gone is not None:
            if _excused(machine):
                machine.dead = True
                return
            machine.seen.breaks_at(statement, gone.what, gone.hint, gone.rule)
        constant = machine.rules.constants.get(full)
        value = one(Named(machine.rules.aliases.get(full, full)))
        if constant is not None:
            value = returned(machine, constant, statement)
        machine.bind(alias.asname or alias.name, value)


def _missing(machine: Machine, module: str, node: ast.AST) -> bool:
    """Note a module that the new version has not; return whether the statement ends there."""
    top = module.split(".", maxsplit=1)[0]
    gone = gone_module(machine.rules, module)
    if gone is not None:
        if _excused(machine):
            machine.dead = True
            return True
        machine.seen.breaks_at(node, gone.what, gone.hint, gone.rule)
        return False
    if top not in machine.rules.modules:
        if _excused(machine):
            return False
        machine.seen.breaks_at(
            node,
            f"imports {top}, which the target's requirements do not bring",
            f"make sure that {top} for Python 3 is installed in the new environment",
            "UK426",
        )
    return False


def gone_module(rules: Rules, module: str) -> Gone | None:
    """Return what is said of a module, or of a package that it is in, if that is gone."""
    while module:
        if module in rules.gone_modules:
            return rules.gone_modules[module]
        module = module.rpartition(".")[0]
    return None


def _excused(machine: Machine) -> bool:
    """Return whether a handler around this statement catches a failed import."""
    if machine.excused and machine.excused[-1] & CATCHES_IMPORT:
        machine.excuses_used.update(CATCHES_IMPORT)
        return True
    return False
