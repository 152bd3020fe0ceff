from __future__ import annotations

import io
import json

import pytest

from upgrade_kit.model.rewrite import Procedure
from upgrade_kit.report.document import to_json
from upgrade_kit.report.explanation import Explained, explanations_document, render_explanations
from upgrade_kit.report.terminal import make_console
from upgrade_kit.rewriting.explain import explain_other, explain_procedure
from upgrade_kit.rewriting.others import Neighbours

BYTES = "import struct\n\traw = 1\n".replace("\t", "") + "result = struct.unpack('<I', FILE.read())[0]\n"


def explained(source: str | None, *, slug: str = "x", name: str = "X", next_steps: tuple[str, ...] = ()) -> Explained:
    return Explained(
        procedure=Procedure(test_id=7, slug=slug, name=name, type="upload", source=source),
        story=explain_procedure(source, slug=slug),
        next_steps=next_steps,
    )


def shown(*stories: Explained, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    render_explanations(stories, make_console(stream, width=80))
    stream.seek(0)
    return stream.read()


def test_the_lines_that_matter_stand_above_what_happens_there() -> None:
    lines = [line.rstrip() for line in shown(explained(BYTES)).splitlines()]

    start = lines.index("3  result = struct.unpack('<I', FILE.read())[0]")
    assert lines[start + 1] == "       FILE is the uploaded file, as QATrack+ supplies it"
    assert lines[start + 2].startswith("       struct.unpack reads bytes: needs bytes, since FILE gives text")
    assert "raw = 1" not in "\n".join(lines)


def test_answer_edits_alternatives_rules_and_next_steps_have_their_place() -> None:
    text = shown(explained(BYTES, next_steps=("To write it:  upgrade-kit ...",)))

    places = [
        text.index(part)
        for part in ("x  X  (test 7, upload)", "rewrite: ", "\nEdits\n", "\nNot unchanged", "\nNot review", "\nRules\n")
    ]
    assert places == sorted(places)
    assert "line 3, column 30: 'FILE' -> 'BIN_FILE'  [UK401]" in text
    assert text.rstrip().endswith("To write it:  upgrade-kit ...")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_hostile_names_and_texts_hold_in_any_encoding(encoding: str) -> None:
    hostile = "\x1b[31m\u7dda\u202e[bold]"
    text = shown(
        explained(f"d = FILE.read()  # {hostile}\nresult = len(d)\n", slug=hostile, name=hostile), encoding=encoding
    )

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]" in text


@pytest.mark.parametrize("source", [None, "", "result = (\n", "\0"])
def test_a_text_with_nothing_to_follow_is_shown_too(source: str | None) -> None:
    assert "x  X  (test 7, upload)" in shown(explained(source))


def test_a_story_of_thousands_of_lines_is_cut_on_the_screen_and_whole_in_the_document() -> None:
    story = explained("\n".join(f"a{n} = FILE.read({n + 1})" for n in range(300)) + "\nresult = 1\n")

    assert "and 180 more lines" in shown(story)
    assert len(explanations_document([story], slug="x", version=None, database="d")["tests"][0]["lines"]) == 300


def test_the_document_is_plain_json_with_every_part() -> None:
    document = explanations_document(
        [explained(BYTES, next_steps=("type this",))], slug="x", version="0.3.0", database="sqlite:///site.db"
    )

    assert json.loads(to_json(document)) == document
    assert {key: document[key] for key in ("schema", "command", "explain", "site")} == {
        "schema": 1,
        "command": "rewrite-calcs",
        "explain": "x",
        "site": {"version": "0.3.0", "database": "sqlite:///site.db"},
    }
    (test,) = document["tests"]
    assert (test["outcome"], test["reads"], test["next"]) == ("rewrite", "bytes", ["type this"])
    assert test["steps"] == [{"line": 3, "name": "FILE", "holds": "the uploaded file, as QATrack+ supplies it"}]
    assert test["uses"][0] == {
        "line": 3,
        "what": "struct.unpack reads bytes",
        "needs": "bytes",
        "why": "FILE gives text on 0.3.0",
        "rule": "UK402",
    }
    assert [one["outcome"] for one in test["ruled_out"]] == ["unchanged", "review"]
    assert {rule["id"] for rule in test["rules"]} == {"UK401", "UK402"}


def test_a_test_that_is_never_rewritten_has_no_outcome() -> None:
    procedure = Procedure(test_id=7, slug="x", name="X", type="composite", source="x = unicode(1)\n")
    story = Explained(
        procedure=procedure,
        story=explain_other(procedure, Neighbours((procedure,)), choices_change=False),
        next_steps=(),
    )

    (test,) = explanations_document([story], slug="x", version=None, database="d")["tests"]

    assert (test["outcome"], test["reads"], test["findings"][0]["rule"]) == (None, None, "UK420")
    assert "-> str" in shown(story)
