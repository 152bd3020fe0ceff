"""What breaks in the procedures of tests that get no file."""

from __future__ import annotations

import pytest

from upgrade_kit.model.finding import Finding, Severity
from upgrade_kit.model.rewrite import MacroName, Procedure
from upgrade_kit.rewriting.others import Neighbours, findings_of, look_at_others

SITE = (
    MacroName(test_id=1, slug="temperature", type="simple"),
    MacroName(test_id=2, slug="film", type="multchoice", choices=("EBT2", "XR\xb5")),
    MacroName(test_id=3, slug="FILE", type="upload"),
    MacroName(test_id=4, slug="reduce", type="simple"),
    MacroName(test_id=9, slug="x", type="composite"),
)


def composite(source: str | None, *, slug: str = "x", test_id: int = 9, kind: str = "composite") -> Procedure:
    return Procedure(test_id=test_id, slug=slug, name=f"Test {test_id}", type=kind, source=source)


def found(
    source: str, *others: Procedure, kind: str = "composite", choices_change: bool = False
) -> tuple[Finding, ...]:
    procedure = composite(source, kind=kind)
    return findings_of(procedure, Neighbours((procedure, *others), SITE), choices_change=choices_change)


def only(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = findings
    return finding


class TestPython3:
    @pytest.mark.parametrize(
        ("source", "where", "rule", "hint"),
        [
            pytest.param("print temperature\nx = 1\n", "line 1", "UK440", "write: print(temperature)", id="print"),
            pytest.param("y = 1\r\nx = unicode(y)\r\n", "line 2", "UK420", "str", id="unicode, in a text with CRLF"),
            pytest.param("x = sum(xrange(3))\n", "line 1", "UK420", "range", id="xrange"),
            pytest.param("file('a').close()\nx = 1\n", "line 1", "UK420", "open", id="file()"),
            pytest.param("x = raw_input()\n", "line 1", "UK420", "write it without", id="raw_input"),
            pytest.param("import StringIO\nx = 1\n", "line 1", "UK426", "from io import", id="a module that is gone"),
            pytest.param("x = scipy.stats.nanmean([1])\n", "line 1", "UK427", "numpy.nanmean", id="gone in scipy"),
            pytest.param("x = zip([1], [2])\n", "line 1", "UK424", "list(", id="no JSON"),
        ],
    )
    def test_what_is_gone_is_an_error_with_line_rule_and_words(
        self, source: str, where: str, rule: str, hint: str
    ) -> None:
        finding = only(found(source))
        assert (finding.severity, finding.where, finding.rule) == (Severity.ERROR, where, rule)
        assert hint in finding.hint

    @pytest.mark.parametrize(
        "source",
        [
            pytest.param("x = (273.2 + temperature) / 295.2\n", id="arithmetic"),
            pytest.param("x = math.sqrt(temperature)\n", id="what QATrack+ supplies"),
            pytest.param("x = FILE * 2\n", id="FILE is the macro name of another test"),
            pytest.param("x = reduce + 1\n", id="a macro name that Python 2 had as a function"),
            pytest.param("x = META['unit_number'] if REFS['temperature'] else TOLS\n", id="META, REFS and TOLS"),
            pytest.param("x = film\n", id="a multiple-choice test, where its value does not change"),
            pytest.param("for i in range(3):\n    x = i\n", id="range in a loop"),
            pytest.param("  \n", id="nothing at all"),
            pytest.param("def f(a):\n    return a + temperature\nx = f(1)\n", id="a function"),
            pytest.param("import matplotlib.pyplot as plt\nfig = UTILS.get_figure()\nx = 1\n", id="UTILS, used"),
        ],
    )
    def test_what_works_on_both_says_nothing(self, source: str) -> None:
        assert found(source) == ()

    def test_what_neither_python_can_parse_is_told_and_is_no_error_of_the_upgrade(self) -> None:
        assert only(found("x = (\n")).severity is Severity.WARNING

    def test_code_that_is_run_from_text_is_for_a_person(self) -> None:
        finding = only(found("x = eval('1')\n"))
        assert (finding.severity, finding.message) == (Severity.WARNING, "runs a text as code")

    def test_a_simple_test_s_procedure_is_never_run(self) -> None:
        finding = only(found("print 3\n", kind="simple"))
        assert finding.severity is Severity.INFO
        assert "does not run the procedure of a test of type simple" in finding.message


class TestNames:
    def test_a_variable_of_another_composite_is_gone_from_030_on(self) -> None:
        other = composite("parts = [1, 2]\nmean = sum(parts)\n", slug="mean", test_id=5)
        finding = only(found("x = max(parts)\n", other))
        assert finding.severity is Severity.ERROR
        assert "variable of another test's procedure (mean)" in finding.message

    @pytest.mark.parametrize(
        "source",
        [
            pytest.param("print 1\nparts = [1]\n", id="in a text that only Python 2 can parse"),
            pytest.param("for parts in [1, 2]:\n    pass\n", id="by a loop"),
            pytest.param("import os as parts\n", id="by an import"),
        ],
    )
    def test_however_the_other_assigns_it(self, source: str) -> None:
        other = composite(source, slug="mean", test_id=5)
        assert "(mean)" in only(found("x = parts\n", other)).message

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(composite("parts = 1\n", slug="u", test_id=5, kind="upload"), id="an upload test's"),
            pytest.param(composite("def f():\n    parts = 1\n", slug="u", test_id=5), id="inside a function"),
            pytest.param(composite("u = [parts for parts in [1]]\n", slug="u", test_id=5), id="in a comprehension"),
        ],
    )
    def test_a_variable_that_never_reached_it_is_no_variable_of_another(self, other: Procedure) -> None:
        assert "macro name of no test" in only(found("x = parts\n", other)).message

    def test_a_name_that_nothing_supplies_is_a_warning(self) -> None:
        finding = only(found("x = tempreature * 2\n"))
        assert finding.severity is Severity.WARNING
        assert finding.message.startswith("tempreature is the macro name of no test")

    def test_a_name_with_a_handler_for_that_is_none(self) -> None:
        assert found("try:\n    x = tempreature\nexcept NameError:\n    x = 1\n") == ()

    def test_where_not_all_tests_are_known_no_name_is_unknown(self) -> None:
        assert findings_of(composite("x = tempreature\n")) == ()

    @pytest.mark.parametrize("name", ["UTILS", "pydicom", "matplotlib"])
    def test_a_variable_with_the_name_of_what_030_supplies_reaches_the_others(self, name: str) -> None:
        finding = only(found(f"y = 1\n{name} = y\nx = y\n"))
        assert (finding.severity, finding.where, finding.rule) == (Severity.WARNING, "line 2", "UK429")

    @pytest.mark.parametrize(
        "source",
        [
            pytest.param("import pydicom\nx = 1\n", id="the module itself"),
            pytest.param("def f(UTILS):\n    return UTILS\nx = f(1)\n", id="a parameter"),
            pytest.param("BIN_FILE = 3\nx = BIN_FILE\n", id="BIN_FILE, which composites are not given"),
        ],
    )
    def test_what_hides_nothing_says_nothing(self, source: str) -> None:
        assert found(source) == ()


class TestChoices:
    def test_a_use_is_told_with_choices_and_lines(self) -> None:
        finding = only(found("# film\nx = 0\nif film == 1:\n    x = film\n", choices_change=True))
        assert (finding.severity, finding.where, finding.rule) == (Severity.WARNING, "line 3", "UK430")
        assert "(0 EBT2, 1 XR\xb5); used in lines 3, 4" in finding.message
        assert "film == 'EBT2'" in finding.hint

    @pytest.mark.parametrize(
        "source",
        [
            pytest.param("x = 'film' and \"film\" and '''film\nfilm''' and 1\n", id="in strings"),
            pytest.param("x = 1  # film\n", id="in a comment"),
            pytest.param("x = r'film' and u'film' and 1\n", id="in strings with a prefix"),
            pytest.param("films = 1\nx = films\n", id="as a part of another name"),
            pytest.param("x = temperature\n", id="another type of test"),
        ],
    )
    def test_the_name_elsewhere_is_no_use(self, source: str) -> None:
        assert found(source, choices_change=True) == ()

    @pytest.mark.parametrize(
        "source",
        [
            pytest.param("x = META.film and 1\n", id="as an attribute, which QATrack+ counts too"),
            pytest.param("print film\nx = 1\n", id="in a text that only Python 2 can parse"),
            pytest.param("x = (film\n", id="in a text that nothing can parse"),
        ],
    )
    def test_uses_are_found_by_the_name_alone(self, source: str) -> None:
        assert "UK430" in [finding.rule for finding in found(source, choices_change=True)]

    def test_each_test_with_that_macro_name_tells_its_choices(self) -> None:
        procedure = composite("x = film\n")
        twice = MacroName(test_id=7, slug="film", type="multchoice", choices=("A", "B"))
        finding = only(findings_of(procedure, Neighbours((procedure,), (*SITE, twice)), choices_change=True))
        assert "(0 EBT2, 1 XR\xb5 or 0 A, 1 B)" in finding.message

    def test_a_test_without_choices_is_told_as_that(self) -> None:
        procedure = composite("x = mc\n")
        none = MacroName(test_id=7, slug="mc", type="multchoice")
        finding = only(findings_of(procedure, Neighbours((procedure,), (*SITE, none)), choices_change=True))
        assert "(no choices are written)" in finding.message


class TestSite:
    def test_only_those_with_something_found_are_named_by_test_id(self) -> None:
        tests = (
            composite("x = unicode(1)\n", slug="b", test_id=8),
            composite("x = 1\n", slug="ok", test_id=5),
            composite(None, slug="null", test_id=6),
            composite("print FILE\n", slug="up", test_id=7, kind="upload"),
            composite("x = unicode(1)\n", slug="a", test_id=2),
        )
        others, _ = look_at_others(tests, Neighbours(tests))
        assert [other.procedure.slug for other in others] == ["a", "b"]

    def test_no_text_makes_it_fail(self) -> None:
        tests = tuple(
            composite(text, slug=f"s{n}", test_id=n)
            for n, text in enumerate(["'''", "\0", "\ud800", "x = " + "(" * 500, "\r", "x='\\", '"""' * 3001, "\ufeff"])
        )
        others, _ = look_at_others(tests, Neighbours(tests, SITE), choices_change=True)
        assert {other.procedure.slug for other in others} <= {f"s{n}" for n in range(8)}
