"""The schemas in docs/schemas describe what the commands print and what the rules files hold: no more, no less."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from upgrade_kit.cli.config import configuration_schema
from upgrade_kit.cli.main import main
from upgrade_kit.deployment.sample import build_sample_database, build_sample_site
from upgrade_kit.planning.graph import VersionGraph

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
NEW = "sqlite:///new.db"
RULES = [path for folder in (ROOT / "rules").iterdir() for path in sorted(folder.glob("*.toml"))]
# Each is run in this order, on the same two sites.
COMMANDS = [
    ("path", ["path", "--from", "0.2.8"]),
    ("plan", ["plan", "site"]),
    ("plan", ["plan", "site", "--system", "windows", "--to-dir", "work"]),
    ("checks", ["preflight", "--list"]),
    ("preflight", ["preflight", "site"]),
    ("preflight", ["preflight", "site", "--skip", "git"]),  # with what changed since
    ("preflight", ["preflight", "--database", "sqlite:///empty.db", "--no-memory"]),
    ("backup-manifest", ["backup", "site"]),
    ("backup-manifest", ["backup", "--database", NEW, "--method", "json", "--to-dir", "dumps"]),
    ("backup-list", ["backup", "list", "upgrade-kit-backups", "dumps"]),
    ("backup-dump", ["backup", "verify", "copied.json"]),
    ("rewrite-calcs", ["rewrite-calcs", "site"]),
    ("rewrite-calcs-explain", ["rewrite-calcs", "site", "--explain", "header_and_data"]),
    ("rewrite-calcs-explain", ["rewrite-calcs", "site", "--explain", "in_profile"]),
    ("rewrite-calcs", ["rewrite-calcs", "--database", NEW, "--apply", "--no-backup"]),
    ("rewrite-calcs-undo", ["rewrite-calcs", "--undo", "JOURNAL"]),
    ("rewrite-settings", ["rewrite-settings", "site", "--apply", "--early"]),
    ("rewrite-settings-undo", ["rewrite-settings", "site", "--undo", "COPY"]),
    ("verify", ["verify", "--database", NEW]),
    ("explain", ["explain", "UK301"]),
    ("explain", ["explain", "UK402"]),
    ("config", ["config"]),
]


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded


def closed(part: Any) -> Any:
    """Return a schema that allows no key that it does not describe."""
    if isinstance(part, list):
        return [closed(item) for item in part]
    if not isinstance(part, dict):
        return part
    inner = {key: closed(value) for key, value in part.items()}
    return {**inner, "additionalProperties": False} if "properties" in part and "required" in part else inner


def mistakes(name: str, value: object) -> list[str]:
    validator = Draft202012Validator(closed(schema(name)))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def plain(value: Any) -> Any:
    """Return what TOML holds in the types of JSON."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    graph = VersionGraph.load()
    build_sample_site(folder / "site", graph.resolve("0.2.9.1"))
    build_sample_database(folder / "new.db", graph.resolve("0.3.0"))
    (folder / "empty.db").write_bytes(b"")
    return folder


@pytest.fixture
def here(sites: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(sites)
    monkeypatch.setenv("UPGRADE_KIT_STATE_DIR", str(sites / "state"))
    return sites


def named(words: list[str], folder: Path) -> list[str]:
    """Put the files that earlier commands have made into a line."""
    made = {
        "JOURNAL": next(folder.glob("upgrade-kit-journal-*.json"), folder),
        "COPY": next((folder / "site" / "qatrack").glob("local_settings*before*"), folder),
    }
    if "copied.json" in words:  # a dump that has come without its manifest
        dump = next(path for path in (folder / "dumps").glob("*.json") if "manifest" not in path.name)
        (folder / "copied.json").write_bytes(dump.read_bytes())
    return [str(made.get(word, word)) for word in words]


@pytest.mark.parametrize(("name", "words"), COMMANDS, ids=[" ".join(words) for _, words in COMMANDS])
def test_what_a_command_prints_is_described(
    name: str, words: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*named(words, here), "--format", "json"])

    assert mistakes(name, json.loads(capsys.readouterr().out)) == []


def test_the_journal_is_described(here: Path) -> None:
    journal = next(here.glob("upgrade-kit-journal-*.json"))

    assert mistakes("journal", json.loads(journal.read_bytes())) == []


@pytest.mark.parametrize("path", RULES, ids=[f"{path.parent.name}/{path.name}" for path in RULES])
def test_what_a_rules_file_holds_is_described(path: Path) -> None:
    assert mistakes(f"rules-{path.parent.name}", plain(tomllib.loads(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_a_schema_is_one_and_refuses_what_is_empty(path: Path) -> None:
    loaded = json.loads(path.read_text(encoding="utf-8"))

    Draft202012Validator.check_schema(loaded)
    assert loaded["title"]
    if loaded.get("required"):
        assert not Draft202012Validator(loaded).is_valid({})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("path", {"schema": 2, "command": "path", "path": [], "hops": []}),
        ("path", {"schema": 1, "command": "plan", "path": [], "hops": []}),
        ("explain", {"schema": 1, "command": "explain", "id": 301, "family": "", "title": "", "why": "", "source": ""}),
    ],
)
def test_what_is_something_else_is_refused(name: str, wrong: dict[str, object]) -> None:
    assert not Draft202012Validator(schema(name)).is_valid(wrong)


def test_there_is_one_for_each_kind_of_rules_file_and_each_command() -> None:
    names = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json")}

    assert names == {name for name, _ in COMMANDS} | {f"rules-{path.parent.name}" for path in RULES} | {
        "journal",
        "upgrade-kit.toml",
    }


def test_the_schema_of_the_configuration_file_is_of_these_options() -> None:
    if schema("upgrade-kit.toml") != configuration_schema():
        pytest.fail(
            "out of date; type: upgrade-kit config --schema > docs/schemas/upgrade-kit.toml.schema.json", pytrace=False
        )


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("[defaults]\ndatabase = 'sqlite:///x.db'\n[preflight]\nonly = ['git']\nverbose = 1\n", True),
        ("[preflight]\nonli = ['git']\n", False),
        ("[preflight]\nfail-level = 'warnin'\n", False),
        ("[rewrite-calcs]\napply = true\n", False),
        ("[defaults]\npassword = 'x'\n", False),
    ],
)
def test_an_editor_that_knows_the_schema_sees_what_the_kit_would_refuse(text: str, *, fits: bool) -> None:
    assert Draft202012Validator(configuration_schema()).is_valid(tomllib.loads(text)) is fits
