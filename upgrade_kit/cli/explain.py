"""``upgrade-kit explain``: what is behind an id that a report shows."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import add_output_arguments
from upgrade_kit.cli.streams import Streams
from upgrade_kit.errors import UsageError
from upgrade_kit.model.nearest import did_you_mean
from upgrade_kit.preflight.installed import OWN_CHECKS, load_checks
from upgrade_kit.report.checks import check_document, render_check, render_rule, rule_document
from upgrade_kit.report.document import to_json
from upgrade_kit.rewriting.readers import procedure_rules


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``explain``."""
    parser.add_argument("id", metavar="ID", help="the id of a check or of a procedure rule, for example UK301")
    add_output_arguments(parser)


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Print why a check asks, or what a procedure rule says.

    Raises:
        UsageError: neither a check nor a rule has this id.
        RulesError: a rules file is wrong.
    """
    wanted = arguments.id.upper()
    document: dict[str, Any]
    check = next((check for check in (*load_checks().checks, *OWN_CHECKS) if check.id.upper() == wanted), None)
    rule = procedure_rules().texts.get(wanted)
    if check is not None:
        document, text = check_document(check), render_check(check)
    elif rule is not None:
        document, text = rule_document(rule), render_rule(rule)
    else:
        raise UsageError(
            f"{arguments.id}: no check and no procedure rule has this id",
            hint=did_you_mean(wanted, known_ids())
            or "upgrade-kit preflight --list shows the checks; a rule's id stands in what rewrite-calcs shows.",
        )
    answer = {"schema": 1, "command": "explain", **document}
    streams.emit(to_json(answer) if arguments.format == "json" else text, arguments)
    return Exit.DONE


def known_ids() -> list[str]:
    """Return the ids of all checks and procedure rules."""
    return sorted({check.id for check in (*load_checks().checks, *OWN_CHECKS)} | set(procedure_rules().texts))
