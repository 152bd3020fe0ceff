"""Settings that the target reads under another name, wants more of, reads no more, or offers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import libcst as cst

from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.setting_change import ChangeKind, SettingChange
from upgrade_kit.rewriting.settings.entries import added
from upgrade_kit.rewriting.settings.module import SettingsModule, named, subscripted
from upgrade_kit.rewriting.settings.proposals import Doubt, Proposal, Proposals

_LINE_END = re.compile(r"\r\n|\r|\n")
IMPORTS = "imports"


def name_changes(module: SettingsModule, path: UpgradePath) -> Proposals:
    """Return what the hops of a path change in the settings, but for the databases."""
    changes = [change for hop in path.hops for change in hop.settings]
    found = Proposals()
    for change in changes:
        match change.kind:
            case ChangeKind.RENAMED:
                found += _renamed(module, change)
            case ChangeKind.KEYS:
                found += _completed(module, change)
            case ChangeKind.LACKS:
                found += _lacking(module, change)
            case ChangeKind.NEW:
                pass  # offered below, together
    renamed = {change.name for change in changes if change.kind is ChangeKind.RENAMED}
    return found + _gone(module, path, renamed) + _offers(module, path, changes)


def import_changes(module: SettingsModule, beside: Collection[str]) -> Proposals:
    """Return the dots for imports of files in the same folder, where only Python 2 looks without one."""
    found = Proposals()
    for node in module.nodes(cst.ImportFrom):
        if isinstance(node.module, cst.Name) and not node.relative and node.module.value in beside:
            found += Proposals((_dotted(module.start(node.module), "", ".", node.module.value),))
    for plain in module.nodes(cst.Import):
        names = [alias.name.value for alias in plain.names if isinstance(alias.name, cst.Name)]
        if not set(names) & set(beside):
            continue
        if len(plain.names) == 1:
            found += Proposals((_dotted(module.start(plain), "import", "from . import", names[0]),))
        else:
            said = f"one import for several; {', '.join(sorted(set(names) & set(beside)))} needs a line of its own"
            found += Proposals(doubts=(Doubt(IMPORTS, module.line(plain), f"{said}: from . import ..."),))
    return found


def _dotted(start: int, before: str, after: str, name: str) -> Proposal:
    return Proposal(
        start=start,
        before=before,
        after=after,
        name=IMPORTS,
        why=f"{name} stands in the same folder, where Python 3 looks only after a dot; "
        "0.3.0 passes over the whole file without a word where an import in it fails.",
        source="qatrack/settings.py (v0.3.0), last lines; PEP 328",
    )


def _renamed(module: SettingsModule, change: SettingChange) -> Proposals:
    if not module.names[change.name]:
        return Proposals()
    assigned = module.assignments(change.name)
    if len(assigned) == 1 and module.names[change.name] == 1 and not module.names[change.now]:
        target = assigned[0].targets[0].target
        edit = Proposal(
            start=module.start(target),
            before=change.name,
            after=change.now,
            name=change.name,
            why=change.why,
            source=change.source,
        )
        return Proposals((edit,))
    used = next(node for node in module.nodes(cst.Name) if node.value == change.name)
    if module.names[change.now]:
        reason = f"{change.why} {change.now} stands in this file already: take {change.name} out."
    else:
        reason = f"{change.why} It stands here more than once, or under a condition: write {change.now} by hand."
    return Proposals(doubts=(Doubt(change.name, module.line(used), reason),))


def _completed(module: SettingsModule, change: SettingChange) -> Proposals:
    if not module.names[change.name]:
        return Proposals()
    assigned = module.assignments(change.name)
    later = _set_by_subscript(module, change.name)
    table = module.table(assigned[0].value) if len(assigned) == 1 else None
    wanted = ", ".join(key for key, _ in change.keys)
    first = next(node for node in module.nodes(cst.Name) if node.value == change.name)
    if table is None or not table.is_whole or module.names[change.name] != 1 + len(later) or not table.entries:
        if table is not None and {key for key, _ in change.keys} <= table.keys():
            return Proposals()
        reason = f"{change.why} It is put together here in a way that is not followed. See that it holds {wanted}."
        return Proposals(doubts=(Doubt(change.name, module.line(first), reason),))
    missing = [(key, value) for key, value in change.keys if key not in table.keys() | set(later)]
    if not missing:
        return Proposals()
    mark = module.text[table.entries[-1].start]
    quote = mark if mark in "'\"" else "'"
    lines = [f"{key}={value}" if table.is_call else f"{quote}{key}{quote}: {value}" for key, value in missing]
    return Proposals(
        tuple(
            Proposal(
                start=start,
                before=module.text[start:end],
                after=after,
                name=change.name,
                why=change.why,
                source=change.source,
            )
            for start, end, after in added(module.text, table, lines)
        )
    )


def _set_by_subscript(module: SettingsModule, name: str) -> list[str]:
    keys = []
    for statement in module.statements:
        if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
            where = subscripted(statement.targets[0].target)
            if where is not None and len(where) == 2 and where[0] == name:  # noqa: PLR2004 - NAME['key']
                keys.append(where[1])
    return keys


def _lacking(module: SettingsModule, change: SettingChange) -> Proposals:
    assigned = [statement for statement in module.nodes(cst.Assign) if named(statement) == change.name]
    if not assigned or any(change.now in module.written(statement) for statement in assigned):
        return Proposals()
    return Proposals(doubts=(Doubt(change.name, module.line(assigned[0]), change.why),))


def _gone(module: SettingsModule, path: UpgradePath, told: Collection[str]) -> Proposals:
    doubts = []
    target = path.target
    for name, instead in target.settings_gone:
        targets = (_target(node) for node in module.walk())
        found = next((node for node in targets if node is not None and node.value == name), None)
        if found is not None and name not in told:
            said = f"{target.version} does not read it; {instead} takes its place. Say there what the site needs of it"
            doubts.append(Doubt(name, module.line(found), f"{said}, then take it out."))
    return Proposals(doubts=tuple(doubts))


def _target(node: cst.CSTNode) -> cst.Name | None:
    match node:
        case cst.AssignTarget(target=cst.Name() as name) | cst.AugAssign(target=cst.Name() as name):
            return name
        case _:
            return None


def _offers(module: SettingsModule, path: UpgradePath, changes: Collection[SettingChange]) -> Proposals:
    """Offer at the end of the file, commented out, what no line of it names yet."""
    text = module.text
    offered = [
        change
        for change in changes
        if change.kind is ChangeKind.NEW and not re.search(rf"\b{re.escape(change.name)}\b", text)
    ]
    return Proposals(tuple(_offer(text, path, change) for change in offered))


def _offer(text: str, path: UpgradePath, change: SettingChange) -> Proposal:
    newline = next(iter(_LINE_END.findall(text)), "\n")
    line = f"# {change.name} = {change.now}  # {change.why}"
    return Proposal(
        start=len(text),
        before="",
        after=line + newline,
        name=change.name,
        why=f"{path.target.version} offers it: {change.why} Commented out, nothing changes.",
        source=change.source,
    )


def offer_heading(path: UpgradePath) -> str:
    """Return the line above the settings that are offered."""
    return f"# New in QATrack+ {path.target.version}: what counts while it is commented out."


def with_heading(text: str, path: UpgradePath, offers: tuple[Proposal, ...]) -> Iterator[Proposal]:
    """Put the heading above the first of the offers that are taken, and leave the file's end as it was."""
    newline = next(iter(_LINE_END.findall(text)), "\n")
    ended = not text or text[-1] in "\r\n"
    heading = "" if offer_heading(path) in text else f"{newline}{offer_heading(path)}{newline}"
    for number, offer in enumerate(offers):
        after = offer.after
        if number == 0:
            after = f"{'' if ended else newline}{heading}{after}"
        if number == len(offers) - 1 and not ended:
            after = after.removesuffix(newline)
        yield Proposal(start=offer.start, before="", after=after, name=offer.name, why=offer.why, source=offer.source)
