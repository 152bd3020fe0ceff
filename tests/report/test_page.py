"""The page as an HTML parser reads it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import html5lib
import pytest

from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.address import parse_database_url
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.deployment.survey import survey
from upgrade_kit.model.deployment import Deployment
from upgrade_kit.model.finding import CheckResult, Finding, Found, Severity, Verdict
from upgrade_kit.model.rewrite import Outcome, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.preflight.journey import path_of
from upgrade_kit.preflight.runner import Preflight, run_preflight
from upgrade_kit.report.page import report_page
from upgrade_kit.rewriting.plan import plan_rewrites
from upgrade_kit.rewriting.rewrite import rewrite_procedure

HOSTILE = "</script><script>x</script>\"'><img src=x onerror=y> {{ 7*7 }} \u202e \x00 \ud800"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    folder = tmp_path_factory.mktemp("page")
    file = build_sample_site(folder / "site", VersionGraph.load().resolve("0.2.9.1"))
    create_backup(parse_database_url(f"sqlite:///{file.as_posix()}", base=folder), to_dir=folder / "backups")
    return survey(folder / "site", interpreters=False, backup_folders=(folder,), environment={"PATH": ""})


@pytest.fixture(scope="module")
def plan(deployment: Deployment) -> RewritePlan:
    return plan_rewrites(deployment)


@pytest.fixture(scope="module")
def preflight(deployment: Deployment, plan: RewritePlan) -> Preflight:
    return run_preflight(deployment, path_of(deployment), plan=plan)


@pytest.fixture(scope="module")
def page(deployment: Deployment, plan: RewritePlan, preflight: Preflight) -> str:
    return report_page(preflight, plan, path=path_of(deployment), deployment=deployment)


@pytest.fixture(scope="module")
def tree(page: str) -> Any:
    return parsed(page)


def parsed(page: str) -> Any:
    """The page as a tree; whatever HTML does not allow is an error."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def text_of(element: Any) -> str:
    return " ".join("".join(element.itertext()).split())


def having(tree: Any, **attributes: str) -> list[Any]:
    return [
        element
        for element in tree.iter()
        if all(value in element.get(name.rstrip("_"), "").split() for name, value in attributes.items())
    ]


def test_it_says_what_was_looked_at_and_the_verdict(tree: Any, deployment: Deployment, preflight: Preflight) -> None:
    text = text_of(tree.find(".//main"))

    assert str(deployment.site) in text
    assert "0.2.9.1 → 0.3.0" in text
    assert preflight.verdict.value.replace("_", "-") in text_of(having(tree, class_="verdict")[0])


def test_every_check_stands_there_with_what_it_found(tree: Any, preflight: Preflight) -> None:
    rows = {text_of(row.find("th")): text_of(row) for row in having(tree, class_="item") if row.tag == "tr"}

    assert rows.keys() == {result.id for result in preflight.results}
    for result in preflight.results:
        for finding in getattr(result.result, "findings", ()):
            assert " ".join(finding.message.split()) in rows[result.id]


def test_what_needs_attention_stands_first(tree: Any) -> None:
    weights = [row.get("data-severity") for row in having(tree, class_="item") if row.tag == "tr"]
    order = ["error", "warning", "unknown", "info", "none"]

    assert weights == sorted(weights, key=order.index)


def test_the_backup_stands_there_with_its_proof(tree: Any, deployment: Deployment) -> None:
    assert not isinstance(deployment.backups, Unobserved)
    [backup] = deployment.backups.current
    text = text_of(tree.find(".//section[@id='backup']"))

    assert backup.made.sha256 in text
    assert all(sentence in text for sentence in backup.proof)


def test_without_a_backup_it_says_so(deployment: Deployment, plan: RewritePlan, preflight: Preflight) -> None:
    for backups in (Unobserved("the folder cannot be read"), replace_current(deployment)):
        bare = replace(deployment, backups=backups)
        tree = parsed(report_page(preflight, plan, path=path_of(bare), deployment=bare))
        assert "There is no verified backup" in text_of(tree.find(".//section[@id='backup']"))


def replace_current(deployment: Deployment) -> Any:
    assert not isinstance(deployment.backups, Unobserved)
    return replace(deployment.backups, current=(), stale=((Path("a.manifest.json"), "of <another> database"),))


def test_every_procedure_has_its_outcome_its_reason_and_room_for_a_decision(tree: Any, plan: RewritePlan) -> None:
    articles = {article.get("id"): article for article in having(tree, class_="procedure")}

    assert len(articles) == len(plan.items)
    for item in plan.items:
        article = articles[f"test-{item.procedure.test_id}"]
        assert article.get("data-outcome") == item.rewrite.outcome
        assert item.rewrite.reason in text_of(article)
        assert [box.get("value") for box in article.iter("input") if box.get("type") == "radio"] == [
            "approved",
            "rejected",
            "",
        ]
        key = json.loads(article.get("data-key"))
        assert key["before_sha256"] == item.rewrite.before_sha256
        assert key["after_sha256"] == item.rewrite.after_sha256


def test_changed_words_are_in_elements_that_need_no_colour(tree: Any) -> None:
    [epid] = having(tree, id="test-4")

    assert [text_of(one) for one in epid.iter("del")] == ["FILE"]
    assert [text_of(one) for one in epid.iter("ins")] == ["BIN_FILE"]


def test_what_does_not_change_is_folded_and_has_no_mark(tree: Any, plan: RewritePlan) -> None:
    for article in having(tree, class_="procedure"):
        if article.get("data-outcome") == "unchanged":
            assert article.find("details").get("open") is None
            assert list(article.iter("del")) == list(article.iter("ins")) == []


def test_a_text_that_a_person_must_judge_is_not_folded(tree: Any) -> None:
    [review] = [one for one in having(tree, class_="procedure") if one.get("data-outcome") == "review"]

    assert review.find("details").get("open") is not None


def test_of_a_review_it_says_what_an_approval_does(
    deployment: Deployment, plan: RewritePlan, preflight: Preflight
) -> None:
    review = next(item for item in plan.items if item.rewrite.outcome is Outcome.REVIEW)
    proposal = rewrite_procedure("ds = dicom.read_file(FILE)\nresult = ds.PatientName\n", slug=review.procedure.slug)
    assert proposal.outcome is Outcome.REVIEW
    items = tuple(replace(item, rewrite=proposal) if item is review else item for item in plan.items)

    def told(shown: RewritePlan) -> str:
        page = parsed(report_page(preflight, shown, path=path_of(deployment), deployment=deployment))
        return text_of(having(page, id=f"test-{review.procedure.test_id}")[0])

    assert "whatever is decided here, nothing is written" in told(plan)
    assert f"approve it and add --include {review.procedure.slug} to" in told(replace(plan, items=items))


def test_the_policy_allows_this_script_and_this_style_and_nothing_else(tree: Any) -> None:
    [policy] = [meta.get("content") for meta in tree.iter("meta") if meta.get("http-equiv")]
    [style], [script] = list(tree.iter("style")), list(tree.iter("script"))
    hashes = [
        base64.b64encode(hashlib.sha256(element.text.encode("utf-8")).digest()).decode() for element in (style, script)
    ]

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    attributes = {name for element in tree.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or name in {"style", "src", "srcset", "action"}}
    assert all(link.get("href").startswith("#") for link in tree.iter("a"))
    assert list(tree.iter("link")) == []


def test_nothing_in_it_leads_out(page: str) -> None:
    assert not re.search(r"url\(|@import|https?://", re.sub(r"<main.*</main>", "", page, flags=re.DOTALL))


def test_it_can_be_read_by_a_program_that_reads_aloud(tree: Any) -> None:
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    labels = {label.get("for") for label in tree.iter("label")}
    in_labels = {id(box) for label in tree.iter("label") for box in label.iter("input")}

    assert tree.get("lang") == "en"
    assert len(ids) == len(set(ids))
    assert all(id(box) in in_labels or box.get("id") in labels for box in tree.iter("input"))
    assert all(cell.get("scope") for cell in tree.iter("th"))
    assert all(table.find("caption") is not None for table in tree.iter("table"))
    assert all(element.get("aria-labelledby", ids[0]) in ids for element in tree.iter())
    assert {"header", "nav", "main"} <= {element.tag for element in tree.iter()}


def test_what_the_site_wrote_marks_nothing_up(deployment: Deployment, plan: RewritePlan, preflight: Preflight) -> None:
    items = tuple(
        replace(
            item,
            procedure=replace(item.procedure, name=HOSTILE, slug=HOSTILE),
            rewrite=replace(item.rewrite, reason=HOSTILE, before=HOSTILE, source=f"{HOSTILE}\r\n{HOSTILE}"),
        )
        for item in plan.items
    )
    hostile = replace(plan, items=items, notes=(HOSTILE,))
    site = replace(deployment, site=Path(HOSTILE.replace("/", "").replace("\x00", "")), version=Unobserved(HOSTILE))

    page = report_page(preflight, hostile, path=Unobserved(HOSTILE), deployment=site)

    tree = parsed(page)
    page.encode("utf-8")
    assert len(list(tree.iter("script"))) == 1
    assert list(tree.iter("img")) == []
    assert "\x00" not in page
    assert "\u202e" not in page
    [first, *_] = having(tree, class_="procedure")
    assert json.loads(first.get("data-key"))["slug"] == HOSTILE, "the export knows the very text"
    assert HOSTILE.replace("\u202e", "\\u202e").replace("\x00", "\\x00").replace("\ud800", "\\ud800") in text_of(first)


def test_procedures_that_could_not_be_read_are_not_taken_for_none(deployment: Deployment, preflight: Preflight) -> None:
    page = report_page(preflight, Unobserved("no right to read"), path=path_of(deployment), deployment=deployment)

    assert "They could not be read: no right to read" in text_of(parsed(page))


def test_a_site_without_upload_tests_says_so(deployment: Deployment, plan: RewritePlan, preflight: Preflight) -> None:
    empty = replace(plan, items=(), others=())

    tree = parsed(report_page(preflight, empty, path=path_of(deployment), deployment=deployment))

    assert "There are no upload tests." in text_of(tree)
    assert having(tree, class_="procedure") == []


def test_two_pages_of_the_same_texts_have_one_fingerprint_and_others_have_another(
    deployment: Deployment, plan: RewritePlan, preflight: Preflight, tree: Any
) -> None:
    def fingerprint(of: RewritePlan) -> str:
        page = report_page(preflight, of, path=path_of(deployment), deployment=deployment)
        return str(parsed(page).find(".//main").get("data-fingerprint"))

    assert fingerprint(plan) == tree.find(".//main").get("data-fingerprint")
    assert fingerprint(replace(plan, items=plan.items[1:])) != fingerprint(plan)


def test_lines_to_type_stand_together_as_they_are_typed(
    deployment: Deployment, plan: RewritePlan, preflight: Preflight
) -> None:
    hint = "Do this:\n    cd \\site\n    run <it>\nThen that:\n    end"
    finding = Finding(severity=Severity.ERROR, message="wrong", hint=hint)
    results = (CheckResult(id="UK999", title="All is well", result=Found((finding,))),)
    wrong = replace(preflight, results=results, verdict=Verdict.NO_GO)

    tree = parsed(report_page(wrong, plan, path=path_of(deployment), deployment=deployment))

    [row] = [row for row in having(tree, class_="item") if row.tag == "tr"]
    assert ["".join(block.itertext()) for block in row.iter("pre")] == ["cd \\site\nrun <it>", "end"]
    assert [text_of(block) for block in row.iter("p")] == ["error wrong", "Do this:", "Then that:"]


def test_the_sample_page_in_the_documentation_is_of_this_template(tree: Any) -> None:
    sample = parsed((Path(__file__).parents[2] / "docs" / "sample-report.html").read_text(encoding="utf-8"))

    for name in ("style", "script"):
        assert sample.find(f".//{name}").text == tree.find(f".//{name}").text, "make it again as CONTRIBUTING.md says"
