from __future__ import annotations

import json
from argparse import ArgumentParser
from io import StringIO

import pytest

from upgrade_kit.cli import explain, preflight
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.streams import Streams
from upgrade_kit.errors import UsageError
from upgrade_kit.preflight.checks import CHECKS
from upgrade_kit.rewriting.readers import procedure_rules


def said(*words: str) -> str:
    parser = ArgumentParser()
    explain.add_arguments(parser)
    out = StringIO()
    assert explain.run(parser.parse_args(list(words)), Streams(out=out, err=StringIO(), environment={})) is Exit.DONE
    return out.getvalue()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_says_why_it_asks_and_where_that_comes_from(check: object) -> None:
    id_, why, section = (getattr(check, name) for name in ("id", "why", "section"))
    text = " ".join(said(id_).split())
    assert why
    assert " ".join(why.split()) in text
    assert " ".join(section.split()) in text


@pytest.mark.parametrize("id_", sorted(procedure_rules().texts))
def test_every_rule_says_why(id_: str) -> None:
    document = json.loads(said(id_, "--format", "json"))
    assert document["id"] == id_
    assert document["why"]
    assert document["source"]


def test_what_is_asked_of_the_kit_itself_cannot_be_left_out() -> None:
    assert "cannot be left out" in said("UK901")
    assert "--skip" not in said("UK901")


def test_case_does_not_matter() -> None:
    assert said("uk301") == said("UK301")


def test_an_id_that_is_none_is_told() -> None:
    parser = ArgumentParser()
    explain.add_arguments(parser)
    with pytest.raises(UsageError):
        explain.run(parser.parse_args(["UK000"]), Streams(out=StringIO(), err=StringIO(), environment={}))


def test_list_shows_every_check_and_looks_at_no_site() -> None:
    parser = ArgumentParser()
    preflight.add_arguments(parser)
    out = StringIO()
    status = preflight.run(parser.parse_args(["no/such/site", "--list"]), Streams(out=out, environment={}))
    assert status is Exit.DONE
    assert all(check.id in out.getvalue() for check in CHECKS)
