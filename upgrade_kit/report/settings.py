"""What rewrite-settings shows: the difference, why, what was left alone, and what to type next. No secret is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from upgrade_kit.model.rewrite import Outcome
from upgrade_kit.model.settings_rewrite import LeftAlone, SettingsRewrite
from upgrade_kit.report.diff import split_lines, unified_diff
from upgrade_kit.report.diff_line import diff_line
from upgrade_kit.report.terminal import literal, print_prose
from upgrade_kit.rewriting.settings.module import SettingsModule
from upgrade_kit.rewriting.settings.secrets import Secrets

_STYLE = {Outcome.REWRITE: "green", Outcome.UNCHANGED: "dim", Outcome.REVIEW: "yellow", Outcome.ERROR: "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsAnswer:
    """One run of rewrite-settings.

    Attributes:
        rewrite: the answer for the file's text.
        file: the file, as messages name it.
        root: the site's folder.
        version: of the site's code; ``None`` where it is not known.
        source: the version that the path starts at.
        target: the version that is to read the file.
        before_sha256: digest of the file's bytes.
        after_sha256: digest of the bytes after.
        left: what a person must look at besides what the answer tells.
        not_yet: why nothing can be written yet; ``None`` where it can.
        backup: the copy of the old file, where the change was written.
        command: what to type for this run again, without ``--apply``.
    """

    rewrite: SettingsRewrite
    file: str
    root: str
    version: str | None
    source: str
    target: str
    before_sha256: str
    after_sha256: str
    left: tuple[LeftAlone, ...] = ()
    not_yet: str | None = None
    backup: str | None = None
    command: str = "upgrade-kit rewrite-settings"

    @property
    def all_left(self) -> tuple[LeftAlone, ...]:
        """Everything that a person must look at, in order of line."""
        return tuple(sorted((*self.left, *self.rewrite.left), key=lambda one: (one.line, one.name)))

    def where(self, one: LeftAlone) -> str:
        """Return ``file:line``."""
        return f"{self.file}:{one.line}" if one.line else self.file


def secrets_of(rewrite: SettingsRewrite) -> Secrets:
    """Return what hides the secrets of a file, before and after."""
    return Secrets(SettingsModule.read(rewrite.before), SettingsModule.read(rewrite.source))


def settings_document(answer: SettingsAnswer) -> dict[str, Any]:
    """Return the JSON of one run."""
    rewrite = answer.rewrite
    secrets = secrets_of(rewrite)
    return {
        "schema": 1,
        "command": "rewrite-settings",
        "site": {"root": answer.root, "version": answer.version, "from": answer.source, "to": answer.target},
        "file": answer.file,
        "outcome": rewrite.outcome.value,
        "reason": secrets.said(rewrite.reason),
        "edits": [
            {
                "line": edit.line,
                "column": edit.column,
                "name": edit.name,
                "before": secrets.hidden(edit.before),
                "after": secrets.hidden(edit.after),
                "why": edit.why,
                "source": edit.source,
            }
            for edit in rewrite.edits
        ],
        "left": [
            {"name": one.name, "where": answer.where(one), "reason": secrets.said(one.reason)}
            for one in answer.all_left
        ],
        "diff": _diff(answer, secrets),
        "before_sha256": answer.before_sha256,
        "after_sha256": answer.after_sha256,
        "applied": answer.backup is not None,
        "backup": answer.backup,
    }


def render_settings(answer: SettingsAnswer, console: Console, *, quiet: bool = False) -> None:
    """Write the report of one run to a console.

    Args:
        answer: the run.
        console: made by ``make_console``.
        quiet: only what was left alone, and the summary.
    """
    rewrite = answer.rewrite
    secrets = secrets_of(rewrite)
    if rewrite.edits and not quiet:
        console.print(literal(console, answer.file, "bold"))
        for line in split_lines(_diff(answer, secrets))[2:]:  # the two file lines only repeat the title
            console.print(diff_line(line, console), soft_wrap=True)
        console.print()
        _print_section("Why", list(_reasons(rewrite)), console)
    left = [f"{answer.where(one)}  {one.name}: {secrets.said(one.reason)}" for one in answer.all_left]
    _print_section("Left alone: a person must look", left, console)
    print_prose(console, literal(console, _summary(answer, secrets), _STYLE[rewrite.outcome]))
    for line in _next_steps(answer):
        console.print(literal(console, line), soft_wrap=True)


def _diff(answer: SettingsAnswer, secrets: Secrets) -> str:
    rewrite = answer.rewrite
    if not rewrite.edits:
        return ""
    return unified_diff(secrets.hidden(rewrite.before), secrets.hidden(rewrite.source), answer.file)


def _reasons(rewrite: SettingsRewrite) -> Iterator[str]:
    told: dict[tuple[str, str], str] = {(edit.name, edit.why): edit.source for edit in rewrite.edits}
    for (name, why), source in told.items():
        yield f"{name}: {why}  [{source}]"


def _print_section(title: str, lines: list[str], console: Console) -> None:
    if not lines:
        return
    console.print(Text(title, style="bold"))
    for line in lines:
        print_prose(console, literal(console, line), indent=2)
    console.print()


def _summary(answer: SettingsAnswer, secrets: Secrets) -> str:
    rewrite = answer.rewrite
    match rewrite.outcome:
        case Outcome.REWRITE:
            fate = "Written." if answer.backup else "Nothing is written yet."
            return f"{answer.file}: {_counted(len(rewrite.edits))} for {answer.target}. {fate}"
        case Outcome.UNCHANGED:
            return f"{answer.file}: nothing to rewrite; {rewrite.reason}."
        case Outcome.REVIEW | Outcome.ERROR:
            return f"{answer.file}: {rewrite.outcome}: {secrets.said(rewrite.reason)}. Nothing is written."


def _counted(changes: int) -> str:
    return "1 change" if changes == 1 else f"{changes} changes"


def _next_steps(answer: SettingsAnswer) -> Iterator[str]:
    if answer.backup:
        from upgrade_kit.model.typed_word import quoted  # noqa: PLC0415 - most runs write nothing

        yield f"The old file is kept as {answer.backup}; it holds the passwords too."
        yield f"To take it back:  upgrade-kit rewrite-settings --undo {quoted(answer.backup)}"
    elif answer.rewrite.outcome is Outcome.REWRITE:
        if answer.not_yet:
            yield f"Not yet: {answer.not_yet}"
            yield f"Once {answer.target} is checked out:  {answer.command} --apply"
            yield f"Before that, with the site stopped and backed up:  {answer.command} --apply --early"
        else:
            yield f"To write it:  {answer.command} --apply"
