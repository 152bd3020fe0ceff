"""What was backed up, proved or restored, and the command that takes it from there, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from upgrade_kit.model.backup import Backup
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.report.terminal import visible

_WIDTH = 79  # of prose; paths and commands are never wrapped
_UPLOADS = (
    "It holds the database alone. Copy the uploads (media/uploads) too: the migration to 0.3.0 copies "
    "and renames what is in there."
)

_FOUND = (
    "preflight and rewrite-calcs find it when it is below the current folder, the site's or the database's; "
    "otherwise tell them with --backup and its folder."
)


def render_created(backup: Backup) -> str:
    """Return what was made, where, how it was proved, and how to restore it."""
    made = backup.made
    return _text(
        f"Backup made and verified at {backup.verified_at:%Y-%m-%d %H:%M:%S} UTC.",
        _facts(
            ("database", made.database),
            ("version", made.site_version or "not known"),
            ("file", f"{made.file} ({_size(made.size_bytes)})"),
            ("manifest", str(made.manifest)),
        ),
        _proof(backup),
        _paragraph(_UPLOADS),
        _paragraph(_FOUND),
        _restore_command(backup),
    )


def render_verified(backup: Backup) -> str:
    """Return what a backup was proved to be, and how to restore it."""
    made = backup.made
    return _text(
        f"Backup verified at {backup.verified_at:%Y-%m-%d %H:%M:%S} UTC.",
        _facts(
            ("file", f"{made.file} ({_size(made.size_bytes)})"),
            ("made", f"{made.created_at:%Y-%m-%d %H:%M:%S} UTC of {made.database}"),
            ("version", made.site_version or "not known"),
        ),
        _proof(backup),
        _restore_command(backup),
    )


def render_restored(backup: Backup) -> str:
    """Return what was restored, and how the result was compared."""
    made = backup.made
    return _text(
        "Backup restored.",
        _facts(
            ("backup", str(made.file)),
            ("made", f"{made.created_at:%Y-%m-%d %H:%M:%S} UTC of {made.database}"),
            ("version", made.site_version or "not known"),
        ),
        _proof(backup),
        _paragraph("Before you start the site, check that its account may read and write the restored file."),
    )


def _text(title: str, *blocks: Iterable[str]) -> str:
    lines = [title]
    for block in blocks:
        lines += ["", *block]
    return "\n".join(lines) + "\n"


def _facts(*facts: tuple[str, str]) -> list[str]:
    return [f"  {label:<9} {visible(value)}" for label, value in facts]


def _proof(backup: Backup) -> list[str]:
    lines = ["Proof:"]
    for sentence in backup.proof:
        lines += _paragraph(visible(sentence), first="  - ", rest="    ")
    return lines


def _paragraph(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _restore_command(backup: Backup) -> list[str]:
    made = backup.made
    database, manifest = quoted(made.database), quoted(str(made.manifest))
    command = f"upgrade-kit backup restore {manifest} --database {database} --replace"
    return ["To put it back (stop the site first; the file that is there then is kept):", f"  {command}"]


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - the step from one unit to the next
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
