"""The story of one verdict: where the file goes, what each use needs, and what was ruled out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from upgrade_kit.model.finding import Finding
from upgrade_kit.model.rewrite import Outcome, Rewrite, Rule


class Needs(StrEnum):
    """What one use of the uploaded file needs of it."""

    BYTES = "bytes"
    TEXT = "text"
    EITHER = "either"
    NAME = "name"
    PERSON = "person"  # the kit does not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One place where a name comes to hold something of the uploaded file.

    Attributes:
        line: 1-based, as an editor shows it.
        name: the variable or parameter.
        holds: what it may hold from there on, in words (``"a line of it"``).
    """

    line: int
    name: str
    holds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of the uploaded file, of its content or of its name.

    Attributes:
        line: 1-based, as an editor shows it.
        what: the use, in words (``"struct.unpack reads bytes"``).
        needs: what it needs.
        why: what follows from that on 0.3.0, one clause.
        rule: id of the rule.
    """

    line: int
    what: str
    needs: Needs
    why: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOut:
    """An outcome that the verdict is not, and why not.

    Attributes:
        outcome: the outcome.
        because: the reasons, one clause each, with their lines.
    """

    outcome: Outcome
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the answer for one procedure is what it is.

    Attributes:
        rewrite: the answer; ``None`` for a test that is no upload test, which is never rewritten.
        reason: the answer in one line.
        lines: the lines of the procedure that matter, with their numbers.
        steps: where names come to hold the file, its content or its path, in order of line.
        uses: what is done with them, in order of line.
        ruled_out: the other outcomes, each with the reasons against it.
        findings: what a person should know, with line and words to type.
        rules: what each rule says that is named above, in order of id.
    """

    rewrite: Rewrite | None
    reason: str
    lines: tuple[tuple[int, str], ...]
    steps: tuple[Step, ...]
    uses: tuple[Use, ...]
    ruled_out: tuple[RuledOut, ...]
    findings: tuple[Finding, ...]
    rules: tuple[Rule, ...]
