from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.version import Version

from upgrade_kit.backup.create import create_backup
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.sample import build_sample_database
from upgrade_kit.deployment.verification import compile_with, count_rows, look_at_page, rows_of_backups
from upgrade_kit.errors import UsageError
from upgrade_kit.model.rewrite import Procedure
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.model.verification import Compiled
from upgrade_kit.planning.graph import VersionGraph

LOGIN = b'<title>QATrack+</title><form><input name="password" type="password"></form>'


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(302)
            self.send_header("Location", "/accounts/login/")
            self.end_headers()
            return
        body = {"/accounts/login/": LOGIN, "/other/": b"<p>hello</p>", "/huge/": LOGIN + b"x" * 3_000_000}.get(
            self.path
        )
        self.send_response(500 if body is None else 200)
        self.end_headers()
        if body is not None:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the class has it
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


class TestPage:
    def test_the_page_behind_a_redirection_is_looked_at(self, server: str) -> None:
        page = look_at_page(f"{server}/")
        assert (page.status, page.problem) == (200, "")
        assert page.ended_at == f"{server}/accounts/login/"
        assert page.asks_for_password
        assert page.is_qatrack

    def test_another_page_is_told_for_what_it_is(self, server: str) -> None:
        page = look_at_page(f"{server}/other/")
        assert not page.asks_for_password
        assert not page.is_qatrack

    def test_a_huge_page_is_not_read_to_its_end(self, server: str) -> None:
        assert look_at_page(f"{server}/huge/").is_qatrack

    def test_an_error_of_the_site_is_a_problem(self, server: str) -> None:
        page = look_at_page(f"{server}/broken/")
        assert page.status == 500
        assert "500" in page.problem

    def test_where_nothing_answers_that_is_the_problem(self) -> None:
        with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as free:
            port = free.server_address[1]
        assert "nothing answers" in look_at_page(f"http://127.0.0.1:{port}/").problem

    def test_no_proxy_of_the_environment_is_asked(self, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert look_at_page(f"{server}/").is_qatrack

    @pytest.mark.parametrize("url", ["", "localhost", "file:///etc/passwd", "http://", "http://[", "ftp://localhost/"])
    def test_what_is_no_address_is_refused(self, url: str) -> None:
        with pytest.raises(UsageError, match="this is no address"):
            look_at_page(url)


class TestRows:
    @pytest.fixture
    def address(self, tmp_path: Path) -> DatabaseAddress:
        build_sample_database(tmp_path / "site.db", VersionGraph.load().resolve("0.2.9.1"))
        return parse_database_url("sqlite:///site.db", base=tmp_path)

    def test_each_table_is_counted(self, address: DatabaseAddress) -> None:
        with closing(sqlite3.connect(address.name)) as database:
            (tests,) = database.execute("SELECT count(*) FROM qa_test").fetchone()
        counted = count_rows(address)
        assert isinstance(counted, tuple)
        assert dict(counted)["qa_test"] == tests > 0

    def test_a_database_that_is_gone_is_told(self, tmp_path: Path) -> None:
        assert isinstance(count_rows(parse_database_url("sqlite:///gone.db", base=tmp_path)), Unobserved)

    def test_backups_from_before_are_found_in_order_of_version(self, address: DatabaseAddress, tmp_path: Path) -> None:
        for version in ("0.2.9.1", "0.2.8", "0.3.0"):
            create_backup(address, to_dir=tmp_path / "backups", site_version=version)
        found = rows_of_backups((tmp_path / "backups",), address, Version("0.3.0"), every=True)
        assert isinstance(found, tuple)
        assert [str(one.version) for one in found] == ["0.2.8", "0.2.9.1"]
        assert found[0].rows == count_rows(address)
        newest = rows_of_backups((tmp_path / "backups",), address, Version("0.3.0"), every=False)
        assert isinstance(newest, tuple)
        assert [str(one.version) for one in newest] == ["0.2.8"], "the one that was made last"

    def test_of_another_database_none_counts(self, address: DatabaseAddress, tmp_path: Path) -> None:
        create_backup(address, to_dir=tmp_path / "backups", site_version="0.2.8")
        other = parse_database_url("sqlite:///other.db", base=tmp_path)
        found = rows_of_backups((tmp_path / "backups",), other, Version("0.3.0"), every=True)
        assert isinstance(found, Unobserved)
        assert "no verified backup" in found.reason


def procedure(slug: str, source: str | None) -> Procedure:
    return Procedure(test_id=1, slug=slug, name=slug, type="upload", source=source)


class TestCompile:
    def test_what_does_not_compile_is_named_with_its_line(self) -> None:
        said = compile_with(
            Path(sys.executable),
            (
                procedure("good", "result = FILE.read()"),
                procedure("old", "a = 1\nprint a"),
                procedure("none", None),
                procedure("crlf", "result = 1\r\nb = 2\r\n"),
                procedure("höher", "# é\nresult = 'ü'"),
            ),
        )
        assert isinstance(said, Compiled)
        assert said.seen == 4
        assert [slug for slug, _ in said.refused] == ["old"]
        assert said.refused[0][1].startswith("SyntaxError")
        assert "(line 2)" in said.refused[0][1]
        assert said.version == Version(f"{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}")

    def test_none_is_run(self, tmp_path: Path) -> None:
        target = tmp_path / "written"
        said = compile_with(Path(sys.executable), (procedure("evil", f"open({str(target)!r}, 'w')"),))
        assert isinstance(said, Compiled)
        assert said.refused == ()
        assert not target.exists()

    def test_of_very_many_the_first_are_named_and_the_rest_counted(self) -> None:
        said = compile_with(Path(sys.executable), [procedure(f"bad{number}", "print 1") for number in range(1000)])
        assert isinstance(said, Compiled)
        assert len(said.refused) == 51
        assert said.refused[-1] == ("...", "950 more")

    def test_an_interpreter_that_says_nothing_is_told(self, tmp_path: Path) -> None:
        assert isinstance(compile_with(tmp_path / "no-python", ()), Unobserved)
