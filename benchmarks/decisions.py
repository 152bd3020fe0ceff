"""Every case whose truth is known beside what the kit says of it; writes docs/decisions.md."""

from __future__ import annotations

import csv
import re
import sqlite3
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.interpreters import Interpreter, Job, interpreter, same, samples
from upgrade_kit.model.rewrite import Outcome, Rewrite
from upgrade_kit.rewriting.rewrite import rewrite_procedure

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "decisions.md"
CASES = ROOT / "fixtures" / "procedures"
REAL = ROOT.parent / "shared" / "real"  # made by the real application; not part of the repository
KINDS = {
    "binding": "where the file flows: names, functions, containers",
    "both_ways": "works on both versions already",
    "bytes": "readers of bytes",
    "conversions": "what only Python 2 can parse, converted",
    "differences": "the same words with another result on Python 3",
    "layout": "line ends, tabs, comments, layout",
    "libraries": "what libraries have no more, or do otherwise",
    "mentions": "FILE is only mentioned",
    "names": "the file's name and path",
    "python2": "Python 2",
    "text": "readers of text",
    "whole": "whole procedures, as sites have them",
}
REAL_KIND = "upload tests of the real application's databases"
CLAIMS = frozenset({Outcome.UNCHANGED, Outcome.REWRITE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One procedure whose truth is known.

    Attributes:
        kind: what it is about.
        slug: its macro name.
        source: the text.
        accepted: the outcomes that are right.
        sample: the upload that it was run on; ``""`` where it is not run here.
    """

    kind: str
    slug: str
    source: str
    accepted: frozenset[str]
    sample: str = ""


def run() -> Iterator[str]:
    """Write the report.

    Raises:
        SystemExit: the kit decided a case wrongly.
    """
    cases = [*written_cases(), *real_cases()]
    answers = [rewrite_procedure(case.source, slug=case.slug) for case in cases]
    wrong = [case for case, answer in zip(cases, answers, strict=True) if _verdict(case, answer) == "wrong"]
    old, new = interpreter("2.7"), interpreter("3.6")
    held = None if old is None or new is None else _held(cases, answers, old, new)
    text = "\n".join(_report(cases, answers, held)) + "\n"
    REPORT.write_text(text, encoding="utf-8", newline="\n")
    yield f"{REPORT.relative_to(ROOT).as_posix()}: {len(cases)} cases, {len(wrong)} decided wrong"
    if held is None:
        yield "no Python 2.7 or no 3.6 was found, so nothing was run (UPGRADE_KIT_TEST_PYTHON27 and ..36 name them)"
    for case in wrong:
        yield f"  wrong: {case.kind}: {case.slug}"
    if wrong:
        raise SystemExit(1)


def written_cases() -> list[Case]:
    """Return the cases of fixtures/procedures."""
    found = []
    for path in sorted(CASES.glob("*.toml")):
        for entry in tomllib.loads(path.read_bytes().decode("utf-8"))["case"]:
            kind = KINDS.get(path.stem, path.stem.replace("_", " "))
            accepted = frozenset(entry["outcome"])
            found.append(
                Case(kind=kind, slug=entry["slug"], source=entry["source"], accepted=accepted, sample=entry["sample"])
            )
    return found


def real_cases() -> list[Case]:
    """Return the upload tests that the real application's database holds, where it is on this machine."""
    if not (REAL / "truth.tsv").is_file():
        return []
    with (REAL / "truth.tsv").open(encoding="utf-8", newline="") as file:
        truth = {row["slug"]: frozenset(row["outcome"].split("|")) for row in csv.DictReader(file, delimiter="\t")}
    address = f"{(REAL / '0.2.9.1.sqlite3').as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        rows = connection.execute("SELECT slug, calculation_procedure FROM qa_test WHERE type = 'upload' ORDER BY id")
        return [
            Case(kind=REAL_KIND, slug=slug, source=source or "", accepted=truth[slug])
            for slug, source in rows
            if slug in truth
        ]


def _verdict(case: Case, answer: Rewrite) -> str:
    if answer.outcome is Outcome.REVIEW:
        return "review"
    return "right" if answer.outcome.value in case.accepted else "wrong"


def _held(cases: Sequence[Case], answers: Sequence[Rewrite], old: Interpreter, new: Interpreter) -> list[bool | None]:
    """Return of each claim whether it held when run before and after; ``None`` where nothing was claimed or run."""
    uploads = samples()
    claimed = [
        number
        for number, (case, answer) in enumerate(zip(cases, answers, strict=True))
        if case.sample and answer.outcome in CLAIMS and not _lacks(case, old, new)
    ]
    before = old.run(_jobs(claimed, cases, [case.source for case in cases], uploads))
    after = new.run(_jobs(claimed, cases, [answer.source or "" for answer in answers], uploads))
    found: list[bool | None] = [None] * len(cases)
    for number, first, second in zip(claimed, before, after, strict=True):
        if first.is_right:
            found[number] = second.is_right and same(first.value, second.value)
    return found


def _jobs(
    numbers: Sequence[int], cases: Sequence[Case], sources: Sequence[str], uploads: dict[str, bytes]
) -> list[Job]:
    return [
        Job(source=sources[number], sample=uploads[cases[number].sample], slug=cases[number].slug) for number in numbers
    ]


def _lacks(case: Case, old: Interpreter, new: Interpreter) -> bool:
    """Return whether one of the interpreters has not a library that the procedure uses."""
    for name in ("numpy", "scipy", "pandas", "matplotlib", "PIL"):
        if re.search(rf"\b{name}\b", case.source) and not (name in old.libraries and name in new.libraries):
            return True
    needs_dicom = re.search(r"dicom\b", case.source) is not None
    return needs_dicom and not all({"dicom", "pydicom"} & each.libraries for each in (old, new))


def _report(cases: Sequence[Case], answers: Sequence[Rewrite], held: Sequence[bool | None] | None) -> Iterator[str]:
    yield "# What the kit decides where the truth is known"
    yield ""
    yield (
        "Written by `python -m benchmarks decisions`. The cases stand in `fixtures/procedures/`, each with the "
        "outcomes that are right and why; the last line is of databases that the real application made, which are no "
        "part of this repository. A case is *decided right* where the answer is a claim (`rewrite`, `unchanged`, "
        "`error`) and the right one, and *decided wrong* where it is a claim and another. `review` "
        "claims nothing: of these, *needless* are those for which the truth is a claim alone."
    )
    yield ""
    run = "run before and after, and the same" if held is not None else "run before and after (not run this time)"
    yield f"| kind | cases | decided right | review | of these needless | decided wrong | {run} |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    total: Counter[str] = Counter()
    for kind in dict.fromkeys(case.kind for case in cases):
        count: Counter[str] = Counter()
        for number, (case, answer) in enumerate(zip(cases, answers, strict=True)):
            if case.kind != kind:
                continue
            count["cases"] += 1
            count[_verdict(case, answer)] += 1
            count["needless"] += answer.outcome is Outcome.REVIEW and "review" not in case.accepted
            count["held"] += held is not None and held[number] is True
        total += count
        yield _row(kind, count)
    yield _row("**all**", total)
    yield ""
    if held is not None:
        alike, different = sum(each is True for each in held), sum(each is False for each in held)
        yield (
            f"Python 2.7 with 0.2.9.1's context and Python 3.6 with 0.3.0's ran {alike + different} of the claims: "
            f"what the text gave before and what the answer's text gave after are the same in {alike}, and differ in "
            f"{different}. What failed before, and what needs a library that is not installed in both, confirms "
            "nothing and is not counted."
        )
        yield ""
    wrong = [(case, answer) for case, answer in zip(cases, answers, strict=True) if _verdict(case, answer) == "wrong"]
    yield "Decided wrong:" if wrong else "Decided wrong: none."
    for case, answer in wrong:
        yield f"- {case.slug} ({case.kind}): {answer.outcome.value}, and right is {' or '.join(sorted(case.accepted))}"
    for number, each in enumerate(held or ()):
        if each is False:
            yield f"- {cases[number].slug} ({cases[number].kind}): another result after than before"


def _row(kind: str, count: Counter[str]) -> str:
    figures = (count[word] for word in ("cases", "right", "review", "needless", "wrong", "held"))
    return f"| {kind} | {' | '.join(str(figure) for figure in figures)} |"
