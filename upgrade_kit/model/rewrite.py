"""A calculation procedure, and what is to happen to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from upgrade_kit.model.finding import Finding


class Outcome(StrEnum):
    """What rewrite-calcs says of one procedure."""

    REWRITE = "rewrite"
    UNCHANGED = "unchanged"
    REVIEW = "review"
    ERROR = "error"


class Reads(StrEnum):
    """What a procedure takes from the uploaded file."""

    BYTES = "bytes"
    TEXT = "text"
    NAME = "name"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """The text in ``qa_test.calculation_procedure`` of one test.

    Attributes:
        test_id: primary key in ``qa_test``.
        slug: the test's macro name; not unique in the database.
        name: the test's name; unique in the database.
        type: ``upload``, ``composite``, ``scomposite``, ``simple`` ...
        source: the text as stored, every byte of it; ``None`` for SQL NULL.
    """

    test_id: int
    slug: str
    name: str
    type: str
    source: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroName:
    """A test as composites see it: the name by which they use its value.

    Attributes:
        test_id: primary key in ``qa_test``.
        slug: the macro name; not unique in the database.
        type: ``simple``, ``multchoice``, ``composite`` ...
        choices: of a multiple-choice test, in the order in which their numbers count from 0.
    """

    test_id: int
    slug: str
    type: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    r"""One located change.

    Attributes:
        line: 1-based; ``\r\n``, ``\n`` and a lone ``\r`` each end one line.
        column: 1-based, in characters.
        offset: 0-based character offset into the text before.
        before: the text that is replaced.
        after: the text that replaces it.
        rule: id of the rule that asked for it.
    """

    line: int
    column: int
    offset: int
    before: str
    after: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """The answer for one procedure.

    Attributes:
        outcome: see ``Outcome``; only ``REWRITE`` is written without being asked for by name.
        reads: what the procedure takes from the file.
        reason: one line that a physicist understands.
        before: the text as stored (``None`` for NULL).
        source: the text after; the very same string unless there are edits.
        edits: in order of offset. A ``REVIEW`` may carry the edits that it proposes.
        findings: what else a person should know, with line and words to type.
    """

    outcome: Outcome
    reads: Reads
    reason: str
    before: str | None
    source: str | None
    edits: tuple[Edit, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def before_sha256(self) -> str | None:
        """Digest of the text before."""
        return text_sha256(self.before)

    @property
    def after_sha256(self) -> str | None:
        """Digest of the text after."""
        return text_sha256(self.source)


def text_sha256(text: str | None) -> str | None:
    """Return the digest of a text's UTF-8 bytes; a lone surrogate counts as its three bytes. None for NULL."""
    return None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a procedure rule says, and how that is known.

    Attributes:
        id: ``UK4..``.
        title: the rule in one line.
        why: what goes wrong without it, one sentence.
        source: the document and section, the migration, or the run that showed it.
    """

    id: str
    title: str
    why: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRewrite:
    """One upload test of a site with its answer.

    Attributes:
        procedure: the test and its text.
        rewrite: the answer.
        listed: whether the migration's list (or, without a log, the database) names it.
        selected: whether an apply writes it: outcome ``REWRITE`` and not excluded, or
            ``REVIEW`` with proposed edits and named with ``include``.
        left_out: whether ``only`` or ``exclude`` keeps it out of this run.
        approved: whether the approvals approve it; None where there are no approvals to go by.
    """

    procedure: Procedure
    rewrite: Rewrite
    listed: bool
    selected: bool
    left_out: bool = False
    approved: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherProcedure:
    """A test with a procedure that is no upload test, with what breaks in it. It is never written.

    Attributes:
        procedure: the test and its text.
        findings: what a person should know, with line and words to type; at least one.
    """

    procedure: Procedure
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewritePlan:
    """What rewrite-calcs shows, and what an apply may write: nothing that is not in here.

    Attributes:
        items: every upload test, in order of test id.
        listed: how many tests the list names.
        notes: where log and database disagree, one sentence each.
        others: the other tests with something found in their procedures, in order of test id.
        others_seen: how many procedures of other tests were looked at.
    """

    items: tuple[PlannedRewrite, ...]
    listed: int
    notes: tuple[str, ...] = ()
    others: tuple[OtherProcedure, ...] = ()
    others_seen: int = 0

    @property
    def changes(self) -> tuple[PlannedRewrite, ...]:
        """The items that an apply writes."""
        return tuple(item for item in self.items if item.selected)
