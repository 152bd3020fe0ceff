"""The checks that ``upgrade-kit verify`` asks of an upgraded site, through the command, on described sites.

A page is served as the case says it: ``pages`` are what a path is answered with. The Python that compiles the
procedures is the one that runs the tests.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.end_to_end.cases import described, parts
from tests.end_to_end.described_sites import build, read
from upgrade_kit.cli.main import main

CASES = [case for case in described() if case.parent.name == "verify"]


@contextmanager
def served(pages: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Answer requests as a case says, and give the address."""
    said = {page["path"]: page for page in pages}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = said.get(self.path, {"status": 404})
            self.send_response(page["status"])
            if "location" in page:
                self.send_header("Location", page["location"])
            self.end_headers()
            self.wfile.write(page.get("body", "").encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the class has it
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/"
        serving.shutdown()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_case_gets_its_answer(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    id_, expected, _ = parts(case)
    said = read(case)
    site = build(said, tmp_path)
    with served(said.get("pages", ())) as url:
        words = ["verify", str(site.root), "--url", url, "--python", sys.executable, "--format", "json"]
        main([*words, *(("--backup", str(site.backups)) if site.backups.exists() else ())])

    (result,) = [one for one in json.loads(capsys.readouterr().out)["results"] if one["id"] == id_]

    findings = result.get("findings", [])
    assert {finding["severity"] for finding in findings} == ({expected} - {"passed"}), result
    assert result["result"] == ("found" if findings else "passed"), result
    assert all(finding["hint"] and finding["where"] for finding in findings)
    for text in said.get("says", ()):
        assert text in json.dumps(result)
