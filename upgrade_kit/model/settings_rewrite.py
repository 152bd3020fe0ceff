"""What is to happen to a site's local_settings.py."""

from __future__ import annotations

from dataclasses import dataclass

from upgrade_kit.model.rewrite import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsEdit:
    r"""One located change.

    Attributes:
        line: 1-based; ``\r\n``, ``\n`` and a lone ``\r`` each end one line.
        column: 1-based, in characters.
        offset: 0-based character offset into the text before.
        before: the text that is replaced.
        after: the text that replaces it.
        name: the setting, or ``python2`` or ``imports``; what ``only`` and ``exclude`` go by.
        why: why it has to change, one or two sentences.
        source: document and section.
    """

    line: int
    column: int
    offset: int
    before: str
    after: str
    name: str
    why: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """Something that a person must look at.

    Attributes:
        name: the setting.
        line: 1-based; 0 for the file as a whole.
        reason: why it was left alone, and what to do.
    """

    name: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsRewrite:
    """The answer for one settings file.

    Attributes:
        outcome: ``REWRITE`` where there are edits, ``UNCHANGED``, ``REVIEW`` where a person must change the text
            before the kit can, ``ERROR`` where neither Python parses it.
        reason: one line.
        before: the text as it is.
        source: the text after; the very same string unless there are edits.
        edits: in order of offset.
        left: what was left alone, in order of line.
    """

    outcome: Outcome
    reason: str
    before: str
    source: str
    edits: tuple[SettingsEdit, ...] = ()
    left: tuple[LeftAlone, ...] = ()
