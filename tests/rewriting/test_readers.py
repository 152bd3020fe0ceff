"""Every rule file carries its own cases; here they are all tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from upgrade_kit.errors import RulesError
from upgrade_kit.model.finding import Finding
from upgrade_kit.model.rewrite import MacroName, Procedure
from upgrade_kit.rewriting.others import Neighbours, findings_of
from upgrade_kit.rewriting.readers import Case, load_procedure_rules, procedure_rules
from upgrade_kit.rewriting.rewrite import rewrite_procedure

CASES = procedure_rules().cases

GOOD = """
id = "XX001"
title = "t"
why = "w"
source = "s"
[[reader]]
names = ["ourlab.read"]
stream = "bytes"
[[case]]
title = "it reads bytes"
before = "x = 1"
outcome = "review"
[[case]]
title = "it leaves this alone"
before = "x = 1"
"""


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule} {case.title}" for case in CASES])
def test_case_of_a_rule(case: Case) -> None:
    if case.type != "upload":
        assert bool(findings_of_case(case)) is (case.outcome == "review")
        return
    rewrite = rewrite_procedure(case.before, slug="x")

    assert rewrite.outcome == case.outcome, rewrite.reason
    if case.after is not None:
        assert rewrite.source == case.after
    if case.outcome == "unchanged":
        assert rewrite.source is case.before


def findings_of_case(case: Case) -> tuple[Finding, ...]:
    procedure = Procedure(test_id=1, slug="x", name="x", type=case.type, source=case.before)
    others = [
        MacroName(
            test_id=10 + n, slug=slug, type="multchoice" if choices else "simple", choices=tuple(choices.split(","))
        )
        for n, (slug, choices) in enumerate(case.macro_names.items())
    ]
    own = MacroName(test_id=1, slug="x", type=case.type)
    return findings_of(procedure, Neighbours((procedure,), (own, *others)), choices_change=True)


def test_half_of_the_cases_change_nothing() -> None:
    quiet = [case for case in CASES if case.outcome == "unchanged"]

    assert len(quiet) * 5 >= len(CASES) * 2


def write(folder: Path, text: str, name: str = "UK999.toml") -> Path:
    (folder / "procedures").mkdir(exist_ok=True)
    (folder / "procedures" / name).write_text(text, encoding="utf-8")
    return folder


def test_a_third_party_s_rule_is_read(tmp_path: Path) -> None:
    assert "ourlab.read" in load_procedure_rules([write(tmp_path, GOOD)]).readers


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        pytest.param('why = "w"\n', "", "why", id="a key is missing"),
        pytest.param('title = "t"', "title = 3", "title", id="a value of the wrong type"),
        pytest.param('stream = "bytes"', 'strem = "bytes"', "reader[0].strem", id="a misspelt key"),
        pytest.param('stream = "bytes"', 'stream = "octets"', "reader[0].stream", id="a word that is no want"),
        pytest.param(
            'stream = "bytes"', 'returns = "nubmer"', "reader[0].returns", id="a word that is nothing it returns"
        ),
        pytest.param(
            'stream = "bytes"',
            'returns = "thing nobody knows"',
            "reader[0].returns",
            id="a thing that no rule describes",
        ),
        pytest.param('outcome = "review"', "", "case", id="no case where the rule does something"),
        pytest.param('outcome = "review"', 'outcome = "maybe"', "case[0].outcome", id="an outcome that is none"),
        pytest.param('["ourlab.read"]', '["a.b", "a.b"]', "reader[0].names", id="a function named twice"),
        pytest.param('["ourlab.read"]', '"a.b"', "reader[0].names", id="a text where a list belongs"),
        pytest.param("id = ", "id : ", "", id="not TOML"),
    ],
)
def test_a_wrong_rule_file_is_told_by_file_and_key(tmp_path: Path, before: str, after: str, key: str) -> None:
    assert before in GOOD

    with pytest.raises(RulesError) as raised:
        load_procedure_rules([write(tmp_path, GOOD.replace(before, after))])

    assert raised.value.key == key
    assert raised.value.file.endswith("UK999.toml")


def test_a_rule_without_a_case_where_nothing_happens_does_not_load(tmp_path: Path) -> None:
    text = GOOD.replace('[[case]]\ntitle = "it leaves this alone"\nbefore = "x = 1"\n', "")

    with pytest.raises(RulesError, match="no case where nothing happens"):
        load_procedure_rules([write(tmp_path, text)])


def test_two_files_with_one_id_do_not_load(tmp_path: Path) -> None:
    write(tmp_path, GOOD)

    with pytest.raises(RulesError, match="XX001"):
        load_procedure_rules([write(tmp_path, GOOD.replace("ourlab.read", "ourlab.load"), "UK998.toml")])
