"""What was backed up, proved or restored, and the command that takes it from there, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from upgrade_kit.model.backup import Backup, InspectedDump, ListedBackup, UnverifiedBackup
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.report.terminal import visible

_WIDTH = 79  # of prose; paths and commands are never wrapped
_NO_UPLOADS = (
    "It holds the database alone. Copy the uploads (media/uploads) too: the migration to 0.3.0 copies "
    "and renames what is in there."
)
_NOT_READ = "These uploads are NOT in the backup. Look at them, and copy by hand what is worth keeping:"
_CHANGED = "These uploads were written to while they were copied; make another backup when the site rests:"
_NAMES_SHOWN = 10

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
            ("file", _file(made)),
            *_uploads_fact(made),
            ("manifest", str(made.manifest)),
        ),
        _proof(backup),
        *_uploads(made),
        _paragraph(_FOUND),
        _restore_command(backup),
    )


def render_inspected(dump: InspectedDump) -> str:
    """Return what a dump without a manifest holds, and what to know before relying on it."""
    total = sum(number for _, number in dump.objects)
    return _text(
        f"A whole Django fixture: {total} objects of {len(dump.objects)} models were read to the end.",
        _facts(("file", str(dump.file)), *((model, str(number)) for model, number in dump.objects)),
        *(_paragraph(note) for note in dump.notes),
        _paragraph(
            "There is no manifest, so nothing says what the database held: whole it is, complete it need not be. "
            "A backup that is compared with its database is made by: upgrade-kit backup"
        ),
    )


def inspected_document(dump: InspectedDump) -> dict[str, object]:
    """Return what a dump without a manifest holds, ready for ``json.dumps``."""
    return {
        "schema": 1,
        "command": "backup verify",
        "file": str(dump.file),
        "manifest": None,
        "objects": dict(dump.objects),
        "notes": list(dump.notes),
    }


def render_verified(backup: Backup) -> str:
    """Return what a backup was proved to be, and how to restore it."""
    made = backup.made
    return _text(
        f"Backup verified at {backup.verified_at:%Y-%m-%d %H:%M:%S} UTC.",
        _facts(
            ("file", _file(made)),
            *_uploads_fact(made),
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
            ("backup", made.server_file or str(made.file)),
            ("made", f"{made.created_at:%Y-%m-%d %H:%M:%S} UTC of {made.database}"),
            ("version", made.site_version or "not known"),
        ),
        _proof(backup),
        _paragraph("Before you start the site, check that its account may read and write what was restored."),
    )


def render_listed(listed: Sequence[ListedBackup], folders: Sequence[Path]) -> str:
    """Return the backups that were found, newest first, and how each stands to its database."""
    places = ", ".join(str(folder.absolute()) for folder in folders)
    if not listed:
        return f"No backups in {visible(places)} or the folders directly below.\n"
    count = "1 backup" if len(listed) == 1 else f"{len(listed)} backups"
    return _text(f"{count} in {visible(places)} and the folders directly below.", *map(_listed, listed))


def _listed(one: ListedBackup) -> list[str]:
    made = one.made
    standing = f"{one.standing}: {one.reason}" if one.reason else str(one.standing)
    facts = [("standing", standing)]
    title = "a manifest that cannot be read"
    if made is not None:
        title = f"{made.created_at:%Y-%m-%d %H:%M:%S} UTC"
        verified = "never" if one.verified_at is None else f"{one.verified_at:%Y-%m-%d %H:%M:%S} UTC"
        facts += [
            ("verified", verified),
            ("database", made.database),
            ("version", made.site_version or "not known"),
            ("file", _file(made)),
            *_uploads_fact(made),
        ]
    return [title, *_facts(*facts, ("manifest", str(one.manifest)))]


def listed_document(listed: Sequence[ListedBackup]) -> dict[str, object]:
    """Return the backups that were found as plain lists, dictionaries, strings and numbers."""
    return {"schema": 1, "command": "backup list", "backups": [_listed_document(one) for one in listed]}


def _listed_document(one: ListedBackup) -> dict[str, object]:
    made, known = one.made, {}
    if made is not None:
        known = {
            "file": made.server_file or str(made.file),
            "on_server": made.on_server,
            "size_bytes": made.size_bytes,
            "method": made.method,
            "format": made.format,
            "vendor": made.vendor,
            "database": made.database,
            "site_version": made.site_version,
            "created_at": f"{made.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "uploads": None if made.uploads is None else str(made.uploads.file),
        }
    verified = None if one.verified_at is None else f"{one.verified_at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "manifest": str(one.manifest),
        "standing": str(one.standing),
        "reason": one.reason,
        "verified_at": verified,
        **known,
    }


def _file(made: UnverifiedBackup) -> str:
    where = f"{made.server_file} on the server" if made.on_server else str(made.file)
    return f"{where} ({_size(made.size_bytes)})"


def _uploads_fact(made: UnverifiedBackup) -> list[tuple[str, str]]:
    copied = made.uploads
    if copied is None:
        return []
    noun = "file" if copied.files == 1 else "files"
    return [("uploads", f"{copied.file} ({copied.files} {noun}, {_size(copied.size_bytes)})")]


def _uploads(made: UnverifiedBackup) -> list[list[str]]:
    """Say what of the uploads is not in the backup, or not as it is now."""
    if made.uploads is None:
        return [_paragraph(_NO_UPLOADS)]
    blocks = []
    for title, names in ((_NOT_READ, made.uploads.missing), (_CHANGED, made.uploads.changed)):
        if names:
            more = len(names) - _NAMES_SHOWN
            tail = [f"  and {more} more; the manifest names them all"] if more > 0 else []
            blocks.append([*_paragraph(title), *(f"  {visible(name)}" for name in names[:_NAMES_SHOWN]), *tail])
    return blocks


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
    lines = ["To put it back (stop the site first; what is there then is kept):", f"  {command}"]
    if made.uploads is not None:
        lines += ["and its uploads, into a folder that does not exist yet, with --uploads-to DIR."]
    return lines


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - the step from one unit to the next
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
