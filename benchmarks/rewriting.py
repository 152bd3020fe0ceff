"""The throughput of ``rewrite_procedure`` beside LibCST's codemods and 2to3, on the same procedures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from time import process_time

import libcst as cst
from fissix.pgen2.parse import ParseError
from fissix.refactor import RefactoringTool, get_fixers_from_package
from libcst.codemod import CodemodContext, VisitorBasedCodemodCommand, transform_module
from libcst.metadata import ScopeProvider

from benchmarks.measuring import Way, compared
from benchmarks.procedures import mixed, uploads
from upgrade_kit.rewriting.rewrite import rewrite_procedure

SIZE = 10_000
AIMS = ("at least 10", "at least 5")


class RenameFile(VisitorBasedCodemodCommand):
    """What one would write by hand: every FILE that no scope binds becomes BIN_FILE."""

    DESCRIPTION = "FILE -> BIN_FILE"
    METADATA_DEPENDENCIES = (ScopeProvider,)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:  # noqa: N802, D102 - LibCST's
        if original_node.value == "FILE":
            scope = self.get_metadata(ScopeProvider, original_node, None)
            if scope is not None and "FILE" not in scope:
                return updated_node.with_changes(value="BIN_FILE")
        return updated_node


def run(size: int, runs: int) -> Iterator[str]:
    """Measure both mixes. Every way works on all of them, in as many parts as there are runs."""
    runs = min(runs, size)
    for title, texts in (
        ("all kinds: 1 in 10 names FILE, 1 in 20 is Python 2 only", mixed(size)),
        ("uploads alone: all name FILE, every other one is rewritten", uploads(size)),
    ):
        lines = [text.count("\n") for text in texts]
        yield f"{size} procedures of {min(lines)} to {max(lines)} lines, {sum(lines)} lines in all; {title}"
        yield f"  (seconds of the processor in one run, which is one part in {runs} of them)"
        outcomes: Counter[str] = Counter()
        yield from compared(_ways(texts, runs, outcomes), runs, process_time)
        yield f"  upgrade-kit said: {', '.join(f'{word} {n}' for word, n in sorted(outcomes.items()))}"


def _ways(texts: list[str], runs: int, outcomes: Counter[str]) -> list[Way]:
    """Return the ways; in each run they all work on the same part of the texts, and in no two on the same."""

    def for_each(work: Callable[[str], object]) -> Callable[[int], None]:
        def one_run(run: int) -> None:
            for text in texts[run * len(texts) // runs : (run + 1) * len(texts) // runs]:
                work(text)

        return one_run

    def kit(text: str) -> None:
        outcomes[rewrite_procedure(text, slug="value").outcome.value] += 1

    def codemod(text: str) -> None:
        transform_module(RenameFile(CodemodContext()), text)

    def tool(fixers: list[str]) -> Callable[[str], None]:
        refactoring = RefactoringTool(fixers)

        def refactor(text: str) -> None:
            try:
                refactoring.refactor_string(text, "procedure")
            except ParseError:
                return

        return refactor

    usual = sorted(get_fixers_from_package("fissix.fixes"))
    rewrite_procedure(texts[0])  # the rules are read once in a process, and LibCST imported
    return [
        Way(name="upgrade-kit rewrite_procedure", work=for_each(kit)),
        Way(name="LibCST codemod, naive rename with scopes", work=for_each(codemod), aim=AIMS[0]),
        Way(name=f"2to3 (fissix), one pass, its {len(usual)} usual fixers", work=for_each(tool(usual)), aim=AIMS[1]),
        Way(name="2to3 (fissix), one pass, one fixer (fix_ne)", work=for_each(tool(["fissix.fixes.fix_ne"]))),
    ]
