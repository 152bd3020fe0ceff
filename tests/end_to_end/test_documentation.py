"""What stands in ``docs/`` is true: its commands are run, its outputs are real, its reference is made from the code.

- A command in a ``console`` block (``$ upgrade-kit ...``) is run on a sample site, and what it prints is compared.
- A command line in a ``bash`` or ``powershell`` block is read by the kit's own parser. It is run too, on a sample site
  in the place of the site that it names, where it names nothing else that only its reader has: a server, a service ...
- Of the kit's commands in the middle of prose, the command and its options have to exist.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest

from documentation.command_lines import check, check_mentioned, words
from documentation.fences import Typed, mentioned, told, typed
from documentation.pages import DOCS, with_reference
from documentation.transcripts import ROOT, run, trial_folder, tried
from tests.end_to_end.conftest import Server
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url

PAGES = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md"))}
READ = {**PAGES, "README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
HERE = {  # what stands here for what the how-to pages name
    "C:\\deploy\\qatrackplus": "qatrackplus",
    "/home/me/web/qatrackplus": "qatrackplus",
    "D:\\backups": "backups",
    "/mnt/backups": "backups",
}
TYPED = [(page, one) for page, text in READ.items() for one in typed(text)]
ASKS = {"upgrade", "demo"}  # upgrade asks a person; demo is run by a test of its own


def _replaced(command: str, here: dict[str, str]) -> str:
    for named, stand_in in here.items():
        command = command.replace(named, stand_in)
    return command


def on_the_sample(one: Typed) -> str | None:
    """Return the command for the sample site, or None where it names what only its reader has."""
    parts = words(_replaced(one.command, HERE), one.shell)
    elsewhere = any("\\" in word or "://" in word or word.startswith("/") for word in parts)
    site_is_named = "qatrackplus" in parts or "backups" in parts
    return (
        None if elsewhere or not site_is_named or (parts[1] in ASKS and "--dry-run" not in parts) else " ".join(parts)
    )


RUN = {command: page for page, one in TYPED if (command := on_the_sample(one)) is not None}


DATABASES = [
    url
    for _, one in TYPED
    for option, url in pairwise(words(one.command, one.shell))
    if option == "--database" and not url.isupper()
]
URLS_IN_PROSE = re.findall(r"`((?:sqlite|mssql|postgresql|mysql)://[^`.]+(?:\.\w+)?)`", "\n".join(READ.values()))


@pytest.fixture(scope="module")
def sample() -> Iterator[Path]:
    with trial_folder() as folder:
        run("upgrade-kit demo --build qatrackplus", folder)
        yield folder


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if any(told(text))])
def test_every_output_that_is_shown_is_what_the_command_prints(page: str) -> None:
    for one in tried(PAGES[page]):
        assert one.agrees, "\n".join(["python -m documentation writes it anew:", one.shown.command, *one.printed])


@pytest.mark.parametrize(("page", "one"), TYPED, ids=[f"{page}: {one.command}" for page, one in TYPED])
def test_every_command_line_that_is_to_be_typed_is_one(page: str, one: Typed) -> None:
    check(one.command, one.shell)


@pytest.mark.parametrize("url", sorted({*DATABASES, *URLS_IN_PROSE}))
def test_every_database_url_is_one(url: str) -> None:
    assert parse_database_url(url, base=Path.cwd()).name


@pytest.mark.parametrize("command", RUN)
def test_every_command_line_that_can_be_run_here_runs(command: str, sample: Path) -> None:
    run(command, sample)  # refuses a command line that was not understood, and a traceback


def test_enough_of_what_is_to_be_typed_can_be_run_here() -> None:
    assert len(RUN) >= 10


@pytest.mark.parametrize("page", READ)
def test_every_command_that_is_mentioned_has_the_options_that_are_said_of_it(page: str) -> None:
    for text in mentioned(READ[page]):
        check_mentioned(text)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("upgrade-kit preflight SITE --onyl UK101", id="a misspelt option"),
        pytest.param("upgrade-kit preflihgt SITE", id="a misspelt command"),
        pytest.param("upgrade-kit backup SITE --method natve", id="a misspelt choice"),
        pytest.param("upgrade-kit preflight SITE --back DIR", id="an option that is cut short"),
    ],
)
def test_a_command_line_that_is_none_is_noticed(command: str) -> None:
    with pytest.raises(ValueError, match=r"natve|onyl|preflihgt|--back"):
        check(command)


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_is_what_the_code_says(page: str) -> None:
    if with_reference(ROOT / page, PAGES[page]) != PAGES[page]:
        pytest.fail("out of date; type: python -m documentation", pytrace=False)


def test_the_site_is_built_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the extra docs is not installed")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "NO_MKDOCS_2_WARNING": "1"},
    )

    assert built.returncode == 0, built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert 'rel="stylesheet" href="http' not in text


@pytest.mark.postgresql
def test_the_page_on_linux_is_true_of_a_site_on_a_real_postgresql(postgresql: Server) -> None:
    page = "docs/how-to/linux-postgresql.md"
    with trial_folder() as folder:
        run("upgrade-kit demo --build qatrackplus", folder)
        site = folder / "qatrackplus"
        address = postgresql.copy_of(site / "db" / "default.db")
        _on_postgresql(site / "qatrack" / "local_settings.py", address)
        url = f"postgresql://{address.user}:{quote(address.password)}@{address.host}:{address.port}/{address.name}"
        here = {**HERE, "postgresql://qatrack@localhost/qatrackplus": url}
        ran = [
            run(_replaced(one.command, here), folder)
            for name, one in TYPED
            if name == page and _can_be_run_on_a_server(one)
        ]

    told_of = [line for one in ran for line in one if line.startswith(("Database  ", "  database  "))]
    assert len(ran) >= 8
    assert len(told_of) >= 3
    assert all("postgresql://" in line for line in told_of)


def _on_postgresql(settings: Path, address: DatabaseAddress) -> None:
    text = settings.read_text(encoding="utf-8")
    keys = {"NAME": address.name, "USER": address.user, "PASSWORD": address.password, "HOST": address.host}
    entry = {"ENGINE": "django.db.backends.postgresql_psycopg2", **keys, "PORT": address.port}
    rest = text.partition("ALLOWED_HOSTS")[2]
    settings.write_text(f"DATABASES = {{'default': {entry!r}}}\nALLOWED_HOSTS{rest}", encoding="utf-8")


def _can_be_run_on_a_server(one: Typed) -> bool:
    parts = words(one.command, one.shell)
    return not {"--url", "--python", "--venv"} & set(parts) and (parts[1] not in ASKS or "--dry-run" in parts)
