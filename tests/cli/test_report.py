"""``upgrade-kit report`` as it is typed, on the sample site."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import html5lib
import pytest

from upgrade_kit.cli.main import main
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.planning.graph import VersionGraph


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sample site at 0.2.9.1; the current folder is beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    build_sample_site(tmp_path / "site", VersionGraph.load().resolve("0.2.9.1"))
    return tmp_path / "site"


def test_the_page_is_written_whatever_its_verdict_and_the_site_is_left_alone(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (site / "db" / "default.db").read_bytes()

    status = main(["report", "site", "--output", "report.html"])

    assert status == 0
    assert "report.html: NO_GO; 4 rewrite, 4 unchanged, 1 review." in capsys.readouterr().out
    assert Path("report.html").read_text(encoding="utf-8").startswith("<!doctype html>\n")
    assert (site / "db" / "default.db").read_bytes() == before


def test_without_output_the_page_and_nothing_else_is_printed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "site"]) == 0

    out = capsys.readouterr().out
    html5lib.HTMLParser(strict=True).parse(out)
    assert out.rstrip().endswith("</html>")


def test_it_replaces_an_earlier_page_and_no_other_file(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.html").write_text("<!doctype html>\n<html><p>mine</p></html>\n")

    assert main(["report", "site", "--output", "report.html", "-q"]) == 0
    assert main(["report", "site", "--output", "report.html", "-q"]) == 0
    assert main(["report", "site", "--output", "other.html"]) == 2

    assert "no earlier answer" in capsys.readouterr().err
    assert "mine" in Path("other.html").read_text()


def test_quiet_prints_nothing(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "site", "--output", "report.html", "-q"]) == 0

    assert capsys.readouterr().out == ""


def test_a_database_that_cannot_be_read_gives_a_page_that_says_so_and_status_3(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "db" / "default.db").write_bytes(b"no database at all" * 100)

    assert main(["report", "site", "--output", "report.html"]) == 3

    assert "the procedures could not be read" in capsys.readouterr().out
    assert "They could not be read:" in Path("report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["nosuch"], id="no such folder"),
        pytest.param(["site", "--to", "9.9"], id="no such version"),
        pytest.param(["site", "--log", "nosuch.log"], id="no such log"),
        pytest.param(["site", "--iis", "nosuch"], id="no such file of IIS"),
    ],
)
def test_what_cannot_be_looked_at_gives_no_page(
    words: list[str], site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *words, "--output", "report.html"]) in (2, 3)

    assert capsys.readouterr().err.startswith("upgrade-kit: ")
    assert not Path("report.html").exists()


def test_python_2_can_be_left_alone_as_in_rewrite_calcs(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["report", "site", "--no-python2", "--output", "report.html"])

    assert "3 rewrite, 4 unchanged, 2 review" in capsys.readouterr().out


def test_no_password_gets_into_the_page(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPGRADE_KIT_PASSWORD", "swordfish-1")
    settings = site / "qatrack" / "local_settings.py"
    settings.write_text(settings.read_text(encoding="utf-8") + "\nSECRET_KEY = 'swordfish-2'\n", encoding="utf-8")

    assert main(["report", "site", "--output", "report.html", "-q"]) == 0

    assert "swordfish" not in Path("report.html").read_text(encoding="utf-8")


@pytest.mark.real
@pytest.mark.parametrize("name", ["0.2.8", "0.2.9.1", "0.3.0", "0.3.0-clean", "0.3.0.20", "traps/skipped-0.2.9"])
def test_the_databases_that_the_application_made_give_a_page(name: str, real: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    copy.write_bytes((real / f"{name}.sqlite3").read_bytes())
    page = tmp_path / "report.html"

    assert main(["report", "--database", f"sqlite:///{copy.as_posix()}", "--output", str(page), "-q"]) == 0

    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page.read_text(encoding="utf-8"))
    with closing(sqlite3.connect(copy)) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM qa_test WHERE type = 'upload'").fetchall()
    assert len([one for one in tree.iter("article") if "procedure" in one.get("class", "").split()]) == count
