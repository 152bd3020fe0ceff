"""Notes in a site's repository where its upgrade is kept, so that no other begins beside it in another folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from upgrade_kit.deployment.asking import ask
from upgrade_kit.deployment.whole_file import write_whole
from upgrade_kit.errors import SiteError, UpgradeError, UsageError
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.upgrading.journal import JOURNAL_NAME, read_upgrade_journal

CLAIM_NAME = "upgrade-kit-upgrade"
"""The file in the site's git directory that names the work folder."""
_ASK_SECONDS = 60.0


def claim(site: Path, work: Path, environment: Mapping[str, str]) -> None:
    """Note where the upgrade of a site is kept.

    Raises:
        SiteError: git does not say where the repository is.
        UpgradeError: the note cannot be written.
    """
    note = _note(site, environment)
    try:
        write_whole(note, os.fsencode(work))
    except OSError as error:
        raise UpgradeError(
            f"{note}: this cannot be written: {error.strerror or error}. Nothing of the upgrade was done.",
            hint="The upgrade writes to the site's folder and its repository: you must be somebody who may.",
        ) from error


def refuse_beside_another(site: Path, work: Path, environment: Mapping[str, str]) -> None:
    """Refuse to begin an upgrade of a site where another is under way in another folder.

    A site is reached under several names (a link, another ``--to-dir``), and its second upgrade would take the half
    done work of the first for the site as it was.

    Raises:
        UsageError: one is under way; names its folder.
        JournalError: its journal cannot be read.
    """
    try:
        noted = Path(os.fsdecode(_note(site, environment).read_bytes()))
    except (OSError, SiteError):
        return
    journal = noted / JOURNAL_NAME
    if same_place(noted, work) or not journal.is_file():
        return
    other = read_upgrade_journal(journal)
    is_this = same_place(other.plan.site, site) or not other.plan.site.exists()  # renamed meanwhile
    if is_this and not other.is_over:
        raise UsageError(
            f"an upgrade of this site has begun, and is kept in {noted}",
            hint=f"Go on with it, or take it back, with: --to-dir {quoted(str(noted))}",
        )


def same_place(one: Path, other: Path) -> bool:
    """Return whether two paths lead to the same folder."""
    try:
        return one.samefile(other)
    except OSError:
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def _note(site: Path, environment: Mapping[str, str]) -> Path:
    words = ("git", "-C", site, "rev-parse", "--git-dir")
    answer = ask(words, timeout_seconds=_ASK_SECONDS, environment=environment)
    if isinstance(answer, Unobserved) or answer.status != 0:
        reason = answer.reason if isinstance(answer, Unobserved) else answer.last_line
        raise SiteError(
            f"{site}: git does not say where its repository is: {reason}.",
            hint="An upgrade replaces the code with git; the site must be a checkout of QATrack+'s repository.",
        )
    return site / answer.last_line / CLAIM_NAME
