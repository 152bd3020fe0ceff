"""Checks of several families on whole sites, each built from one description under fixtures/ (``described_sites``).

What no text can make is stood in for where it is asked for: the free room of a disk is a number in the case, which
every disk then answers; another volume than the database's is the memory's, where the machine has one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.cases import answer, answer_free_room, described, parts, told
from tests.end_to_end.described_sites import FIXTURES, build, read

CASES = [case for case in described() if case.parent.name != "verify"]  # that is asked after the upgrade
_MARKS = {"postgresql": pytest.mark.postgresql, "mysql": pytest.mark.mariadb}


def marks(case: Path) -> tuple[pytest.MarkDecorator, ...]:
    server = read(case).get("server")
    return (_MARKS[server],) if server in _MARKS else ()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES])
def test_each_case_gets_its_answer(
    case: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, expected, _ = parts(case)
    said = read(case)
    server = request.getfixturevalue(FIXTURES[said["server"]]) if "server" in said else None
    site = build(said, tmp_path, server)
    if "free_mib" in said:
        answer_free_room(monkeypatch, said["free_mib"] << 20)

    result = answer(site.observed(), id_, site.path)

    findings = told(result, expected)
    text = " ".join(f"{finding.message} {finding.hint}" for finding in findings) or str(result)
    for words in said.get("says", ()):
        assert words in text
