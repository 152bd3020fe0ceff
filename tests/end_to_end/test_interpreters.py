"""What upgrade-kit says of a procedure, held against what happens when the procedure runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.interpreters import Interpreter, Job, Ran, interpreter, same, samples
from upgrade_kit import rewrite_procedure
from upgrade_kit.rewriting.edits import edited

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "procedures"
NEEDS = {  # what stands in a procedure that needs a library; dicom is read with either name
    "numpy": r"\bnumpy\b",
    "scipy": r"\bscipy\b",
    "dicom": r"\bdicom\b",
    "pandas": r"\bpandas\b",
    "matplotlib": r"\bmatplotlib\b",
    "PIL": r"\bPIL\b",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One procedure of fixtures/procedures."""

    file: str
    slug: str
    title: str
    sample: str
    outcome: tuple[str, ...]
    why: str
    source: str

    def job(self, source: str | None = None) -> Job:
        """Return what an interpreter is to run."""
        return Job(source=self.source if source is None else source, sample=SAMPLES[self.sample], slug=self.slug)

    def lacks(self, *interpreters: Interpreter) -> bool:
        """Return whether one of the interpreters has not a library that this procedure uses."""
        used = {library for library, mark in NEEDS.items() if re.search(mark, self.source)}
        return any(used - each.libraries - ({"dicom"} & _as_dicom(each)) for each in interpreters)


def _as_dicom(each: Interpreter) -> frozenset[str]:
    return frozenset({"dicom"}) if "pydicom" in each.libraries else frozenset()


def _cases() -> tuple[Case, ...]:
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        for entry in tomllib.loads(path.read_bytes().decode("utf-8"))["case"]:
            outcome = tuple(entry.pop("outcome"))
            found.append(Case(file=path.stem, outcome=outcome, **entry))
    return tuple(found)


SAMPLES = samples()
CASES = _cases()
EACH = pytest.mark.parametrize("case", CASES, ids=[f"{case.file}: {case.title}" for case in CASES])


def test_the_cases_have_their_own_slugs_and_known_samples_and_outcomes() -> None:
    assert len({case.slug for case in CASES}) == len(CASES) >= 120
    assert {case.sample for case in CASES} <= SAMPLES.keys()
    assert {word for case in CASES for word in case.outcome} == {"unchanged", "rewrite", "review", "error"}


def test_at_least_half_of_the_cases_are_texts_in_which_nothing_may_be_written() -> None:
    assert sum("rewrite" not in case.outcome for case in CASES) * 2 >= len(CASES)


@EACH
def test_the_outcome_is_one_of_those_accepted(case: Case) -> None:
    answer = rewrite_procedure(case.source, slug=case.slug)
    assert answer.outcome in case.outcome, f"{answer.reason}; {case.why}"


@EACH
def test_only_an_edit_changes_the_text(case: Case) -> None:
    answer = rewrite_procedure(case.source, slug=case.slug)
    if answer.outcome in {"unchanged", "error"}:
        assert answer.source == case.source
        assert not answer.edits
    if answer.outcome == "rewrite":
        assert answer.source is not None
        assert answer.source != case.source
        assert edited(case.source, answer.edits) == answer.source
    answer = rewrite_procedure(case.source, slug=case.slug, python2=False)
    if answer.outcome == "rewrite":
        assert answer.source is not None
        assert answer.source.replace("BIN_FILE.path", "FILE.name").replace("BIN_FILE", "FILE") == (
            case.source.replace("BIN_FILE", "FILE")
        )


# -- with both interpreters ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """The two interpreters and what came of every case: before, as stored, and as rewritten."""

    old: Interpreter
    new: Interpreter
    before: Mapping[str, Ran]
    stored: Mapping[str, Ran]
    written: Mapping[str, Ran]


@pytest.fixture(scope="session")
def both() -> Both:
    """Both interpreters, after they ran every case once; skips where one is absent."""
    old, new = interpreter("2.7"), interpreter("3.6")
    if old is None or new is None:
        missing = " and ".join(name for name, there in (("2.7", old), ("3.6", new)) if there is None)
        pytest.skip(f"no Python {missing} was found (pyenv, PATH, or UPGRADE_KIT_TEST_PYTHON27 and ..36)")
    answers = {case: rewrite_procedure(case.source, slug=case.slug) for case in CASES}
    changed = {case: answer.source for case, answer in answers.items() if answer.outcome == "rewrite"}
    slugs = [case.slug for case in CASES]
    jobs = [case.job() for case in CASES]
    with ThreadPoolExecutor(max_workers=3) as pool:
        before, stored = pool.submit(old.run, jobs), pool.submit(new.run, jobs)
        written = pool.submit(new.run, [case.job(source) for case, source in changed.items()])
    return Both(
        old=old,
        new=new,
        before=dict(zip(slugs, before.result(), strict=True)),
        stored=dict(zip(slugs, stored.result(), strict=True)),
        written=dict(zip([case.slug for case in changed], written.result(), strict=True)),
    )


@pytest.mark.interpreters
@EACH
def test_what_the_kit_claims_is_what_happens(both: Both, case: Case) -> None:
    answer = rewrite_procedure(case.source, slug=case.slug)
    if answer.outcome not in {"unchanged", "rewrite"}:
        return  # nothing is claimed
    if case.lacks(both.old, both.new):
        pytest.skip("a library that the procedure uses is not installed in both")
    before = both.before[case.slug]
    after = (both.stored if answer.outcome == "unchanged" else both.written)[case.slug]
    if not before.is_right:
        assert not after.is_right, "what failed before may go on to fail"
        return
    shown = f"{answer.outcome}: {answer.reason}; before: {before}; after, with {both.new.bin_file}: {after}"
    assert after.is_right, shown
    assert same(before.value, after.value), shown


@pytest.mark.interpreters
@EACH
def test_a_case_accepts_unchanged_only_where_the_stored_text_gives_the_same_result(both: Both, case: Case) -> None:
    if case.lacks(both.old, both.new):
        pytest.skip("a library that the procedure uses is not installed in both")
    before, stored = both.before[case.slug], both.stored[case.slug]
    if "error" in case.outcome:
        assert {before.failure, stored.failure} <= {"SyntaxError", "IndentationError"}
    if case.outcome == ("unchanged",) and before.is_right:
        assert stored.is_right
        assert same(before.value, stored.value)
    if "unchanged" not in case.outcome and "error" not in case.outcome:
        assert before.is_right
        assert not (stored.is_right and same(before.value, stored.value))


# -- the means of measuring ------------------------------------------------------------------------------------


def test_one_and_one_point_zero_are_the_same_result() -> None:
    assert same([1, {"a": 2}], [1.0, {"a": 2.0}])


def test_bytes_and_text_are_not_the_same_result() -> None:
    assert not same({"raw": "abc"}, {"text": "abc", "type": "str"})


def test_truth_and_a_number_are_not_the_same_result() -> None:
    assert not same(1, True)


@pytest.mark.interpreters
def test_a_procedure_that_does_not_end_is_stopped(both: Both) -> None:
    (ran,) = both.new.run([Job(source="while True: pass", sample=b"")], seconds=1)
    assert ran.failure == "timeout"


@pytest.mark.interpreters
def test_one_failing_procedure_leaves_the_others_alone(both: Both) -> None:
    good = Job(source="result = 3", sample=b"")
    ran = both.new.run([good, Job(source="result = 1 / 0", sample=b""), good])
    assert [each.failure for each in ran] == [None, "ZeroDivisionError", None]
