"""The story of one verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade_kit.model.explanation import Explanation, Needs
from upgrade_kit.model.rewrite import MacroName, Outcome, Procedure
from upgrade_kit.rewriting.explain import explain_other, explain_procedure
from upgrade_kit.rewriting.others import Neighbours
from upgrade_kit.rewriting.readers import Case, procedure_rules
from upgrade_kit.rewriting.rewrite import rewrite_procedure

UPLOADS = [case for case in procedure_rules().cases if case.type == "upload"]
HEADER_AND_DATA = (
    "import struct\n"
    "n = int(FILE.readline().split('=')[1])\n"
    "# nothing here\n"
    "result = sum(struct.unpack('<%df' % n, FILE.read()))\n"
)


def steps(source: str) -> list[tuple[int, str, str]]:
    return [(step.line, step.name, step.holds) for step in explain_procedure(source).steps]


def against(story: Explanation, outcome: Outcome) -> tuple[str, ...]:
    return next(one.because for one in story.ruled_out if one.outcome is outcome)


class TestSteps:
    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            pytest.param(
                "data = FILE.read()\nresult = len(data)\n",
                [(1, "FILE", "the uploaded file, as QATrack+ supplies it"), (1, "data", "its content")],
                id="the content",
            ),
            pytest.param(
                "for line in FILE:\n    result = float(line)\n",
                [(1, "FILE", "the uploaded file, as QATrack+ supplies it"), (1, "line", "a line of it")],
                id="a line",
            ),
            pytest.param(
                "import os\npath = FILE.name\nresult = os.path.getsize(path)\n",
                [(2, "FILE", "the uploaded file, as QATrack+ supplies it"), (2, "path", "a path or name of a file")],
                id="the name",
            ),
            pytest.param(
                "def rows(f):\n    return [l.split(',') for l in f]\ntable = rows(FILE)\nresult = float(table[0][0])\n",
                [
                    (1, "f", "the uploaded file"),
                    (2, "l", "a line of it"),
                    (3, "FILE", "the uploaded file, as QATrack+ supplies it"),
                    (3, "table", "a collection of collections of parts of its text"),
                ],
                id="through a function",
            ),
            pytest.param(
                "ds = dicom.read_file(FILE)\nresult = ds.Rows\n",
                [
                    (1, "FILE", "the uploaded file, as QATrack+ supplies it"),
                    (1, "ds", "a DICOM dataset"),
                    (2, "result", "a DICOM value"),
                ],
                id="what a library makes of it",
            ),
            pytest.param(
                "f = None\nif META:\n    f = FILE\ng = f\nresult = 1 if g else 0\n",
                [
                    (3, "FILE", "the uploaded file, as QATrack+ supplies it"),
                    (3, "f", "the uploaded file"),
                    (4, "g", "None or the uploaded file"),
                ],
                id="on one of two ways",
            ),
            pytest.param("rate = 2.5\nname = 'FILE'\nresult = rate\n", [], id="nothing of the file"),
            pytest.param("unit = META['unit_number']\nresult = unit\n", [], id="what QATrack+ supplies besides"),
        ],
    )
    def test_it_is_told_what_each_name_comes_to_hold(self, source: str, expected: list[tuple[int, str, str]]) -> None:
        assert steps(source) == expected

    def test_lines_are_those_of_an_editor_where_lines_end_in_crlf(self) -> None:
        story = explain_procedure("x = 1\r\ndata = FILE.read()\r\nresult = len(data)\r\n")
        assert [(step.line, step.name) for step in story.steps] == [(2, "FILE"), (2, "data")]
        assert story.lines == ((2, "data = FILE.read()"), (3, "result = len(data)"))

    def test_after_a_conversion_the_lines_are_those_of_the_stored_text(self) -> None:
        story = explain_procedure(
            "import struct\nprint 'x'\ndata = FILE.read()\nresult = struct.unpack('<I', data)[0]\n"
        )
        assert (3, "data = FILE.read()") in story.lines
        assert [(step.line, step.name) for step in story.steps] == [(3, "FILE"), (3, "data")]
        assert "line 2: only Python 2 can run this: print as a statement" in against(story, Outcome.UNCHANGED)


class TestUses:
    def test_each_has_its_need_and_its_rule(self) -> None:
        uses = explain_procedure(HEADER_AND_DATA).uses
        assert [(use.line, use.needs, use.rule) for use in uses] == [
            (2, Needs.TEXT, "UK407"),
            (2, Needs.EITHER, "UK404"),
            (4, Needs.BYTES, "UK402"),
        ]

    def test_a_bare_read_counts_where_nothing_else_tells(self) -> None:
        (use,) = explain_procedure("FILE.read()\nresult = 1\n").uses
        assert (use.needs, use.rule) == (Needs.BYTES, "UK408")

    def test_rules_are_told_with_their_source_once_each(self) -> None:
        rules = explain_procedure(HEADER_AND_DATA).rules
        assert [rule.id for rule in rules] == ["UK402", "UK404", "UK407"]
        assert all(rule.title and rule.why and rule.source for rule in rules)


class TestRuledOut:
    def test_both_ways_out_of_a_review(self) -> None:
        story = explain_procedure(HEADER_AND_DATA)
        assert against(story, Outcome.UNCHANGED) == ("line 4: struct.unpack reads bytes; FILE gives text on 0.3.0",)
        (reason,) = against(story, Outcome.REWRITE)
        assert reason.startswith("line 2: .split()")
        assert reason.endswith("BIN_FILE gives bytes")

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            pytest.param(
                "import csv\nresult = float(list(csv.reader(FILE))[0][0])\n",
                "line 2: csv.reader reads text; BIN_FILE gives bytes",
                id="a reader of text",
            ),
            pytest.param(
                "result = dicom.read_file(FILE.name).Rows\n",
                "line 1: takes the file's name; FILE.name is the full path; BIN_FILE.name is not, but BIN_FILE.path is",
                id="the name",
            ),
            pytest.param("result = 1\n", "there is no FILE of QATrack+ in it to be renamed", id="no FILE"),
            pytest.param(
                "result = len(BIN_FILE.read())\n", "it takes the file from BIN_FILE already", id="already converted"
            ),
            pytest.param(
                "result = float(FILE.readline())\n",
                "FILE and BIN_FILE give the same here, so that nothing is gained",
                id="either works",
            ),
        ],
    )
    def test_why_unchanged_is_no_rewrite(self, source: str, reason: str) -> None:
        story = explain_procedure(source)
        assert [one.outcome for one in story.ruled_out] == [Outcome.REWRITE, Outcome.REVIEW]
        assert against(story, Outcome.REWRITE) == (reason,)

    def test_a_rewrite_is_no_review_since_two_analyses_agree(self) -> None:
        story = explain_procedure("result = dicom.read_file(FILE).Rows\n")
        assert [one.outcome for one in story.ruled_out] == [Outcome.UNCHANGED, Outcome.REVIEW]
        assert "LibCST" in against(story, Outcome.REVIEW)[-1]

    def test_what_is_gone_speaks_against_both(self) -> None:
        story = explain_procedure("result = raw_input()\n")
        reason = ("line 1: raw_input is gone on Python 3",)
        assert against(story, Outcome.UNCHANGED) == against(story, Outcome.REWRITE) == reason

    @pytest.mark.parametrize("source", [None, "", " \r\n"])
    def test_without_a_procedure_there_is_little_to_tell(self, source: str | None) -> None:
        story = explain_procedure(source)
        assert story.reason == "it has no calculation procedure"
        assert (story.lines, story.steps, story.uses, story.rules) == ((), (), (), ())

    def test_what_cannot_be_parsed_is_ruled_out_with_that_reason(self) -> None:
        story = explain_procedure("result = (\n")
        assert story.rewrite is not None
        assert story.rewrite.outcome is Outcome.ERROR
        assert against(story, Outcome.REWRITE) == (story.reason,)


class TestWhole:
    @pytest.mark.parametrize("case", UPLOADS, ids=[f"{case.rule} {case.title}" for case in UPLOADS])
    def test_the_answer_is_the_one_that_rewrite_calcs_gives(self, case: Case) -> None:
        story = explain_procedure(case.before, slug="x")
        assert story.rewrite == rewrite_procedure(case.before, slug="x")
        assert story.reason == story.rewrite.reason
        assert story.rewrite.outcome not in [one.outcome for one in story.ruled_out]
        assert all(one.because for one in story.ruled_out)

    @given(st.text(alphabet="FILE.read()\n\r\t =x'1\0\ud800:,", max_size=60))
    def test_no_text_makes_it_fail(self, source: str) -> None:
        assert explain_procedure(source, slug="x").reason

    def test_a_long_procedure_is_told_in_time_that_grows_with_its_lines(self) -> None:
        source = "\n".join(f"a{n} = FILE.read({n + 1})" for n in range(2000)) + "\nresult = 1\n"
        story = explain_procedure(source)
        assert len(story.lines) == 2000


class TestOtherTests:
    @staticmethod
    def story(source: str | None, *, choices_change: bool = False) -> Explanation:
        procedure = Procedure(test_id=1, slug="x", name="X", type="composite", source=source)
        film = MacroName(test_id=2, slug="film", type="multchoice", choices=("A",))
        own = MacroName(test_id=1, slug="x", type="composite")
        return explain_other(procedure, Neighbours((procedure,), (own, film)), choices_change=choices_change)

    def test_nothing_that_breaks_is_an_answer(self) -> None:
        story = self.story("x = film\n")
        assert (story.rewrite, story.reason, story.findings) == (None, "nothing in it breaks on 0.3.0", ())

    def test_what_breaks_comes_with_its_lines_and_rules(self) -> None:
        story = self.story("y = 1\nx = unicode(y)\n")
        assert story.reason == "unicode is gone on Python 3 (line 2)"
        assert story.lines == ((2, "x = unicode(y)"),)
        assert [rule.id for rule in story.rules] == ["UK420"]

    def test_a_choice_is_told_where_the_upgrade_changes_it(self) -> None:
        assert [rule.id for rule in self.story("x = film\n", choices_change=True).rules] == ["UK430"]

    def test_without_a_procedure_that_is_said(self) -> None:
        assert self.story(None).reason == "it has no calculation procedure"
