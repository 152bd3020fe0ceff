"""What holds for the package as a whole."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import upgrade_kit
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.errors import UpgradeKitError
from upgrade_kit.planning.graph import VersionGraph

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "upgrade_kit").rglob("*.py"))


def test_the_public_names_are_sorted_and_all_can_be_loaded() -> None:
    assert list(upgrade_kit.__all__) == sorted(upgrade_kit.__all__)
    for name in upgrade_kit.__all__:
        assert getattr(upgrade_kit, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nosuch"):
        _ = upgrade_kit.nosuch


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    code = (
        "import sys, upgrade_kit; print([m for m in sys.modules if m.startswith(('upgrade_kit.', 'django', 'rich'))])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("source", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_nothing_below_cli_prints_exits_or_reads_arguments(source: Path) -> None:
    if "cli" in source.parts or source.name == "__main__.py":
        pytest.skip("cli is where that belongs")
    tree = ast.parse(source.read_text(encoding="utf-8"))

    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert not calls & {
        "print",
        "input",
        "exit",
        "quit",
        "sys.exit",
        "os._exit",
        "exec",
        "eval",
        "__import__",
    }
    assert not names & {"sys.argv", "sys.stdout", "sys.stderr", "sys.stdin"}


@pytest.mark.parametrize("source", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_no_module_is_a_drawer_for_this_and_that(source: Path) -> None:
    assert source.stem not in {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def test_every_error_is_drawn_in_the_tree_of_its_module() -> None:
    drawn = sys.modules[UpgradeKitError.__module__].__doc__ or ""

    def below(kind: type[UpgradeKitError]) -> set[str]:
        return {kind.__name__}.union(*(below(child) for child in kind.__subclasses__()))

    missing = {name for name in below(UpgradeKitError) if name not in drawn}
    assert {name for name in missing if not name.startswith("_")} == set()


def test_the_version_stands_in_one_place_more_only() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert f'version = "{upgrade_kit.__version__}"' in pyproject
    assert f"## {upgrade_kit.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {upgrade_kit.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_link_of_the_documents_leads_to_a_file() -> None:
    broken = []
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            broken += [f"{page.name}: {target}"] * (not (page.parent / target).exists())

    assert broken == []


def test_every_section_of_the_facts_that_a_check_cites_is_there() -> None:
    from upgrade_kit.preflight.checks import CHECKS  # noqa: PLC0415 - the rest of this module needs no checks

    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "facts.md").read_text(encoding="utf-8"), re.MULTILINE)
    cited = [
        section.strip()
        for check in CHECKS
        for part in re.findall(r"docs/facts\.md, ([^;]+)", check.section)
        for section in re.split(r", (?=[A-Z])| and (?=[A-Z][a-z])", part)
    ]

    assert cited
    assert [section for section in cited if section not in headings and not section.startswith("FILE")] == []


def test_every_rule_id_in_the_code_has_a_rule_file_or_a_check() -> None:
    from upgrade_kit.preflight.checks import CHECKS  # noqa: PLC0415 - as above
    from upgrade_kit.rewriting.readers import procedure_rules  # noqa: PLC0415 - as above

    known = {check.id for check in CHECKS} | set(procedure_rules().titles)
    used = {
        rule
        for source in SOURCES
        if "rewriting" in source.parts
        for rule in re.findall(r'"(UK\d{3})"', source.read_text(encoding="utf-8"))
    }

    assert sorted(used - known) == []


TRANSCRIPTS = re.findall(
    r"```console\n\$ upgrade-kit (.+)\n((?:.*\n)+?)```", (ROOT / "README.md").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(("command", "shown"), TRANSCRIPTS, ids=[command for command, _ in TRANSCRIPTS])
def test_the_transcripts_in_the_readme_are_real(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_sample_site(tmp_path / "qatrackplus", VersionGraph.load().resolve("0.3.0"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")  # as on a terminal; off one, tables are not folded

    result = subprocess.run(
        [sys.executable, "-m", "upgrade_kit", *command.split()], capture_output=True, text=True, check=False
    )

    assert [line.rstrip() for line in result.stdout.rstrip().splitlines()] == shown.splitlines()


def test_the_readme_has_a_transcript_of_the_table_and_of_a_story() -> None:
    assert ["--explain" in command for command, _ in TRANSCRIPTS] == [False, True]


def test_the_library_lines_in_the_readme_are_true() -> None:
    rewrite = upgrade_kit.rewrite_procedure("ds = dicom.read_file(FILE)\nresult = ds.Rows\n", slug="rows")

    assert (rewrite.outcome, rewrite.reads) == ("rewrite", "bytes")
    assert rewrite.reason in (ROOT / "README.md").read_text(encoding="utf-8")
