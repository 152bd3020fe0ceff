"""``upgrade-kit rewrite-calcs`` as it is typed, on the sample site."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from upgrade_kit.cli.main import main
from upgrade_kit.cli.rewrite_calcs import told_where_it_stands
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.errors import ApplyError
from upgrade_kit.planning.graph import VersionGraph


def site_at(folder: Path, version: str) -> Path:
    build_sample_site(folder / "site", VersionGraph.load().resolve(version))
    return folder / "site"


@pytest.fixture
def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sample site at 0.3.0; the current folder is beside it."""
    monkeypatch.chdir(tmp_path)
    return site_at(tmp_path, "0.3.0")


def procedures(site: Path) -> dict[str, str | None]:
    with closing(sqlite3.connect(site / "db" / "default.db")) as connection:
        return dict(connection.execute("SELECT slug, calculation_procedure FROM qa_test"))


def dump(site: Path) -> list[str]:
    with closing(sqlite3.connect(site / "db" / "default.db")) as connection:
        return list(connection.iterdump())


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def test_a_dry_run_shows_and_writes_nothing(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (upgraded / "db" / "default.db").read_bytes()

    status = main(["rewrite-calcs", "site"])

    out = capsys.readouterr().out
    assert status == 1
    assert "+ds = dicom.read_file(BIN_FILE)" in out
    assert "upgrade-kit rewrite-calcs site --apply" in out
    assert (upgraded / "db" / "default.db").read_bytes() == before


def test_the_json_has_what_the_contract_says(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rewrite-calcs", "--database", "sqlite:///site/db/default.db", "--format", "json"])

    document = answer(capsys)
    assert document["schema"] == 1
    assert document["site"]["version"] == "0.3.0"
    assert (document["applied"], document["journal"]) == (False, None)
    assert document["summary"] == {"rewrite": 4, "unchanged": 4, "review": 1, "error": 0}
    epid = next(p for p in document["procedures"] if p["slug"] == "epid_mean")
    assert epid["edits"][0]["before"] == "FILE"
    assert epid["before_sha256"] != epid["after_sha256"]


@pytest.mark.parametrize("version", ["0.2.8", "0.2.9.1"])
def test_before_the_upgrade_it_is_a_forecast_and_apply_refuses(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    site = site_at(tmp_path, version)
    before = dump(site)

    assert main(["rewrite-calcs", "site"]) == 1
    assert "Forecast" in capsys.readouterr().out
    assert main(["rewrite-calcs", "site", "--apply", "--no-backup"]) == 3
    assert "Finish the upgrade first" in capsys.readouterr().err
    assert dump(site) == before
    assert not list(tmp_path.glob("*journal*"))


def test_without_a_backup_apply_refuses_and_says_how_to_make_one(
    upgraded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dump(upgraded)

    assert main(["rewrite-calcs", "site", "--apply"]) == 3

    assert "upgrade-kit backup site" in capsys.readouterr().err
    assert dump(upgraded) == before


def test_the_backups_that_an_upgrade_keeps_beside_the_site_are_found_from_anywhere(
    upgraded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["backup", "site", "--to-dir", "site-upgrade/backups", "-q"]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert main(["rewrite-calcs", "../site", "--apply"]) == 0

    assert "BIN_FILE" in (procedures(upgraded)["epid_mean"] or "")


def test_apply_then_undo_is_as_if_nothing_had_been(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = dump(upgraded)
    assert main(["backup", "site"]) == 0
    capsys.readouterr()

    assert main(["rewrite-calcs", "site", "--apply", "--format", "json"]) == 0
    document = answer(capsys)
    assert document["applied"] is True
    assert "BIN_FILE" in (procedures(upgraded)["epid_mean"] or "")
    assert procedures(upgraded)["film_size"] == (
        "from PIL import Image\r\nimg = Image.open(BIN_FILE)  # width in pixels\r\nfilm_size = img.size[0]\r\n"
    )

    assert main(["rewrite-calcs", "site", "--undo", document["journal"]]) == 0
    assert dump(upgraded) == before
    assert main(["rewrite-calcs", "--undo", document["journal"]]) == 0, "twice is once"
    assert dump(upgraded) == before


def test_the_journal_s_path_is_told_whole_in_a_pipe(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = upgraded.parent / ("j" * 90)
    folder.mkdir()

    assert main(["rewrite-calcs", "site", "--apply", "--no-backup", "--journal-dir", str(folder)]) == 0

    (journal,) = folder.iterdir()
    lines = capsys.readouterr().out.splitlines()
    assert str(journal) in lines
    assert [line for line in lines if line != line.rstrip()] == []


def test_an_undo_refuses_a_row_that_was_changed_since(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rewrite-calcs", "site", "--apply", "--no-backup", "--format", "json"])
    journal = answer(capsys)["journal"]
    with closing(sqlite3.connect(upgraded / "db" / "default.db")) as connection, connection:
        connection.execute("UPDATE qa_test SET calculation_procedure = 'result = 1' WHERE slug = 'epid_mean'")
    changed = dump(upgraded)

    assert main(["rewrite-calcs", "site", "--undo", journal]) == 3

    assert "epid_mean" in capsys.readouterr().err
    assert dump(upgraded) == changed


def test_a_second_apply_has_nothing_to_do(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rewrite-calcs", "site", "--apply", "--no-backup"])
    journals = sorted(upgraded.parent.glob("*journal*"))
    capsys.readouterr()

    assert main(["rewrite-calcs", "site", "--apply", "--no-backup"]) == 0

    assert "Nothing to write" in capsys.readouterr().out
    assert sorted(upgraded.parent.glob("*journal*")) == journals


def test_only_the_named_tests_are_written(upgraded: Path) -> None:
    main(["rewrite-calcs", "site", "--apply", "--no-backup", "--only", "film_size"])

    assert [slug for slug, text in procedures(upgraded).items() if "BIN_FILE" in (text or "")] == ["film_size"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        pytest.param(["site", "--only", "nosuch"], 2, "nosuch", id="a macro name that does not exist"),
        pytest.param(["nowhere"], 3, "nowhere", id="no such folder"),
        pytest.param(["--database", "sqlite:///none.db"], 3, "none.db", id="no such database"),
        pytest.param(["--database", "oracle://x"], 2, "sqlite:///", id="a vendor that the kit does not know"),
        pytest.param(["site", "--log", "none.log"], 3, "none.log", id="no such log"),
        pytest.param(["site", "--undo", "none.json"], 3, "none.json", id="no such journal"),
        pytest.param(["site", "--apply", "--undo", "x.json"], 2, "not allowed", id="apply and undo at once"),
        pytest.param(
            ["site", "--apply", "--no-backup", "--journal-dir", "nodir"],
            2,
            "nodir",
            id="no folder for the journal",
        ),
    ],
)
def test_bad_input_is_told_in_one_line(
    upgraded: Path, arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dump(upgraded)

    assert main(["rewrite-calcs", *arguments]) == status

    captured = capsys.readouterr()
    assert words in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert dump(upgraded) == before


def test_the_answer_goes_to_a_file_where_one_is_named(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rewrite-calcs", "site", "--format", "json", "--output", "answer.json"])

    assert capsys.readouterr().out == ""
    assert json.loads(Path("answer.json").read_text(encoding="utf-8"))["command"] == "rewrite-calcs"


def test_a_backup_from_before_somebody_wrote_a_result_does_not_count(
    upgraded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["backup", "site"])
    with closing(sqlite3.connect(upgraded / "db" / "default.db")) as connection, connection:
        connection.execute("UPDATE qa_testinstance SET value = value + 1")
    before = dump(upgraded)
    capsys.readouterr()

    assert main(["rewrite-calcs", "site", "--apply"]) == 3

    assert "written to since" in capsys.readouterr().err
    assert dump(upgraded) == before


def test_an_output_that_cannot_be_stops_an_apply_before_it_writes(upgraded: Path) -> None:
    before = dump(upgraded)

    assert main(["rewrite-calcs", "site", "--apply", "--no-backup", "--output", "no/such/file"]) == 2

    assert dump(upgraded) == before
    assert not list(upgraded.parent.glob("*journal*"))


def test_an_apply_whose_reader_has_gone_is_done(upgraded: Path) -> None:
    command = [sys.executable, "-m", "upgrade_kit", "rewrite-calcs", "site", "--apply", "--no-backup"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as applying:
        assert applying.stdout is not None
        assert applying.stderr is not None
        applying.stdout.close()
        said = applying.stderr.read()

    assert applying.returncode == 0, said
    assert b"Traceback" not in said
    assert "BIN_FILE" in (procedures(upgraded)["epid_mean"] or "")


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        pytest.param(KeyboardInterrupt(), KeyboardInterrupt, id="interrupted"),
        pytest.param(OSError(28, "No space left on device"), ApplyError, id="nowhere to show it"),
    ],
)
def test_what_stops_an_apply_after_its_journal_was_begun_names_the_journal(
    tmp_path: Path, problem: BaseException, expected: type[BaseException]
) -> None:
    def begin_and_stop() -> None:
        with told_where_it_stands(tmp_path):
            (tmp_path / "upgrade-kit-journal-1.json").write_text("{}", encoding="utf-8")
            raise problem

    with pytest.raises(expected, match=r"--undo .*upgrade-kit-journal-1\.json"):
        begin_and_stop()


def test_what_stops_an_apply_before_its_journal_stays_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "upgrade-kit-journal-of-last-week.json").write_text("{}", encoding="utf-8")

    with pytest.raises(KeyboardInterrupt, match=r"^$"), told_where_it_stands(tmp_path):
        raise KeyboardInterrupt


def test_explain_tells_one_test_s_story_and_writes_nothing(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = dump(upgraded)

    assert main(["rewrite-calcs", "site", "--explain", "mlc_snapshots"]) == 1

    out = capsys.readouterr().out
    assert "raw is its content" in out
    assert "struct.unpack reads bytes" in out
    assert "upgrade-kit rewrite-calcs site --only mlc_snapshots --apply" in out
    assert "epid_mean" not in out
    assert dump(upgraded) == before


@pytest.mark.parametrize("slug", ["chamber_csv", "ptp"])
def test_explain_of_what_works_as_it_is_ends_with_zero(
    slug: str, upgraded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rewrite-calcs", "site", "--explain", slug]) == 0
    assert "There is nothing to do." in capsys.readouterr().out


def test_explain_before_the_upgrade_says_that_nothing_can_be_written_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    site_at(tmp_path, "0.2.9.1")

    assert main(["rewrite-calcs", "site", "--explain", "epid_mean"]) == 1
    assert "Nothing can be written yet: the database is at" in capsys.readouterr().out


def test_explain_tells_each_test_that_has_the_macro_name(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(upgraded / "db" / "default.db")) as connection, connection:
        connection.execute("UPDATE qa_test SET slug = 'ptp' WHERE slug = 'by_path'")

    assert main(["rewrite-calcs", "site", "--explain", "ptp", "--format", "json"]) == 0

    document = answer(capsys)
    assert [(test["name"], test["outcome"]) for test in document["tests"]] == [
        ("Ptp", None),
        ("Opened by its path", "unchanged"),
    ]


def test_explain_goes_into_a_file(upgraded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rewrite-calcs", "site", "--explain", "ptp", "--output", str(tmp_path / "ptp.txt")]) == 0
    assert (tmp_path / "ptp.txt").read_text(encoding="utf-8").startswith("ptp  Ptp  (test 3, composite)")
    assert "composite" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("slug", "said"),
    [
        pytest.param("epid", "no test has this macro name. Did you mean epid_mean?", id="misspelt"),
        pytest.param("temperature", "this test has no calculation procedure", id="without a procedure"),
    ],
)
@pytest.mark.usefixtures("upgraded")
def test_explain_of_what_is_not_there_is_a_usage_error(
    slug: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rewrite-calcs", "site", "--explain", slug]) == 2
    assert said in capsys.readouterr().err


def test_explain_and_apply_exclude_each_other(upgraded: Path) -> None:
    assert main(["rewrite-calcs", str(upgraded), "--explain", "ptp", "--apply"]) == 2


def test_a_composite_that_breaks_is_something_left_to_do(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(upgraded / "db" / "default.db")) as connection, connection:
        connection.execute("DELETE FROM qa_test WHERE type = 'upload'")
    assert main(["rewrite-calcs", "site"]) == 0
    with closing(sqlite3.connect(upgraded / "db" / "default.db")) as connection, connection:
        connection.execute("UPDATE qa_test SET calculation_procedure = 'print temperature' WHERE slug = 'ptp'")

    assert main(["rewrite-calcs", "site", "--format", "json"]) == 1

    capsys.readouterr()
    main(["rewrite-calcs", "site", "--format", "json"])
    assert [(other["slug"], other["findings"][0]["rule"]) for other in answer(capsys)["others"]] == [("ptp", "UK440")]


def test_processes_that_share_the_work_give_the_same_answer(upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rewrite-calcs", "site", "--format", "json"])
    alone = answer(capsys)

    assert main(["rewrite-calcs", "site", "--format", "json", "--jobs", "2"]) == 1
    assert answer(capsys) == alone


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_no_process_at_all_is_a_wrong_request(upgraded: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    assert main(["rewrite-calcs", "site", "--jobs", jobs]) == 2
    assert jobs in capsys.readouterr().err


def test_what_only_python_2_can_run_is_left_alone_when_asked(
    upgraded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["rewrite-calcs", "site", "--no-python2", "--format", "json"])

    old = next(p for p in answer(capsys)["procedures"] if p["slug"] == "old_print")
    assert (old["outcome"], old["edits"], old["diff"]) == ("review", [], "")
    assert old["before_sha256"] == old["after_sha256"]

    main(["rewrite-calcs", "site", "--no-python2"])
    assert "upgrade-kit rewrite-calcs site --no-python2 --apply" in capsys.readouterr().out


def approve(folder: Path, *slugs: str, database: str | None = None, **changed: str) -> Path:
    """A file that approves these tests as a dry run shows them, as the page of ``report`` exports it."""
    command = [sys.executable, "-m", "upgrade_kit", "rewrite-calcs", "site", "--format", "json"]
    shown = json.loads(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout)
    keys = ("test_id", "slug", "before_sha256", "after_sha256")
    decided = {"decision": "approved", "reviewer": "A. Physicist", "date": "2026-03-01", "note": "", **changed}
    document = {
        "schema": 1,
        "kind": "upgrade-kit approvals",
        "site": {"folder": "site", "version": "0.3.0", "database": database},
        "made_at": "2026-03-01T08:30:00Z",
        "reviewer": "",
        "decisions": [
            {**{key: test[key] for key in keys}, **decided} for test in shown["procedures"] if test["slug"] in slugs
        ],
    }
    file = folder / "approved.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


class TestApproved:
    def test_the_dry_run_shows_what_would_be_written_and_how(
        self, upgraded: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = dump(upgraded)
        approve(upgraded.parent, "epid_mean")

        assert main(["rewrite-calcs", "site", "--approved", "approved.json"]) == 1

        out = capsys.readouterr().out
        assert "+ds = dicom.read_file(BIN_FILE)" in out
        assert "(not approved)" in out
        assert "Not approved, so left as they are: mlc_snapshots, film_size, old_print." in " ".join(out.split())
        assert "upgrade-kit rewrite-calcs site --approved approved.json --apply" in out
        assert dump(upgraded) == before

    def test_apply_writes_what_is_approved_and_nothing_else(
        self, upgraded: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = procedures(upgraded)
        approve(upgraded.parent, "epid_mean", "film_size", "in_profile")

        command = ["rewrite-calcs", "site", "--approved", "approved.json", "--format", "json", "--no-backup"]
        assert main([*command, "--exclude", "film_size", "--apply"]) == 0

        document = answer(capsys)
        after = procedures(upgraded)
        assert [slug for slug in after if after[slug] != before[slug]] == ["epid_mean"]
        assert {test["slug"] for test in document["procedures"] if test["approved"]} == {
            "epid_mean",
            "film_size",
            "in_profile",
        }
        assert [test["slug"] for test in document["procedures"] if test["selected"]] == ["epid_mean"]

    @pytest.mark.usefixtures("upgraded")
    def test_without_approvals_the_json_says_that_nobody_was_asked(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["rewrite-calcs", "site", "--format", "json"])

        assert {test["approved"] for test in answer(capsys)["procedures"]} == {None}

    def test_a_text_that_changed_after_it_was_approved_refuses_all(
        self, upgraded: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        approve(upgraded.parent, "epid_mean", "film_size")
        with closing(sqlite3.connect(upgraded / "db" / "default.db")) as connection, connection:
            connection.execute(
                "UPDATE qa_test SET calculation_procedure = calculation_procedure || ' ' WHERE slug = 'film_size'"
            )
        before = dump(upgraded)

        assert main(["rewrite-calcs", "site", "--approved", "approved.json", "--apply", "--no-backup"]) == 3

        assert "film_size (test 6: its text was changed since); nothing was written" in capsys.readouterr().err
        assert dump(upgraded) == before
        assert not list(upgraded.parent.glob("*journal*"))

    def test_approvals_of_another_database_are_told_and_those_of_this_one_are_not(
        self, upgraded: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def notes(database: str | None) -> list[str]:
            approve(upgraded.parent, *procedures(upgraded), database=database)
            main(["rewrite-calcs", "site", "--approved", "approved.json", "--format", "json"])
            return list(answer(capsys)["notes"])

        main(["rewrite-calcs", "site", "--format", "json"])
        here = answer(capsys)["site"]["database"]

        no_change = "Approved, and nothing is written for them, for the kit proposes no change: header_and_data."
        assert notes(here) == notes(None) == [no_change]
        assert notes("sqlite:///copy.db") == [
            f"The approvals were given on a page of sqlite:///copy.db; this is {here}.",
            no_change,
        ]

    def test_a_review_that_is_approved_is_written_by_the_line_that_is_shown(
        self, upgraded: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with closing(sqlite3.connect(upgraded / "db" / "default.db")) as connection, connection:
            text = "ds = dicom.read_file(FILE)\nresult = ds.PatientName\n"  # FILE is plain, PatientName is not
            for slug in ("film_size", "header_and_data"):
                connection.execute("UPDATE qa_test SET calculation_procedure = ? WHERE slug = ?", (text, slug))
        before = procedures(upgraded)
        approve(upgraded.parent, "epid_mean", "film_size")
        command = "rewrite-calcs site --approved approved.json"
        line = f"To write the approved review too:  upgrade-kit {command} --include film_size --apply"

        assert main(command.split()) == 1
        assert line in capsys.readouterr().out.splitlines()
        assert main([*command.split(), "--apply", "--no-backup"]) == 0
        out = capsys.readouterr().out
        assert line in out.splitlines()
        assert "--include header_and_data" not in out  # nobody has approved it, so it would not be written
        assert [slug for slug, now in procedures(upgraded).items() if now != before[slug]] == ["epid_mean"]

        assert main(command.split()) == 1
        assert "Nothing to write: what is approved is a review, which has to be named too." in " ".join(
            capsys.readouterr().out.split()
        )
        assert main([*line.split()[7:], "--no-backup"]) == 0
        assert "dicom.read_file(BIN_FILE)" in (procedures(upgraded)["film_size"] or "")
        assert procedures(upgraded)["header_and_data"] == before["header_and_data"]

    def test_what_is_rejected_is_not_written(self, upgraded: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before = dump(upgraded)
        approve(upgraded.parent, "epid_mean", decision="rejected")

        assert main(["rewrite-calcs", "site", "--approved", "approved.json", "--apply", "--no-backup"]) == 0

        assert "Nothing to write: nothing of it is approved." in " ".join(capsys.readouterr().out.split())
        assert dump(upgraded) == before

    @pytest.mark.parametrize(
        "words",
        [
            pytest.param(["--undo", "journal.json"], id="undo"),
            pytest.param(["--explain", "epid_mean"], id="explain"),
        ],
    )
    @pytest.mark.usefixtures("upgraded")
    def test_it_goes_with_the_plan_alone(self, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["rewrite-calcs", "site", "--approved", "approved.json", *words]) == 2

        assert "--approved goes with neither" in capsys.readouterr().err

    def test_a_file_that_is_no_approvals_is_told_before_the_site_is_looked_at(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "approved.json").write_text("{}")

        assert main(["rewrite-calcs", "nosuch", "--approved", str(tmp_path / "approved.json")]) == 3

        assert "no file of approvals" in capsys.readouterr().err
