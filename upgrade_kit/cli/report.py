"""``upgrade-kit report``: one page with everything that was found, to read, decide on and sign."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.looking import add_survey_arguments, look
from upgrade_kit.cli.streams import Streams
from upgrade_kit.cli.workers import workers
from upgrade_kit.model.deployment import Database, Deployment
from upgrade_kit.model.finding import Verdict
from upgrade_kit.model.rewrite import Outcome, RewritePlan
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.runner import run_preflight
from upgrade_kit.report.page import report_page
from upgrade_kit.report.terminal import visible
from upgrade_kit.rewriting.plan import plan_rewrites


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    add_survey_arguments(parser)
    parser.add_argument(
        "--no-python2",
        action="store_true",
        help="leave what only Python 2 can run alone, and report it for review; give it to rewrite-calcs too",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write the page here (report.html); replaces no file but an earlier answer (default: standard output)",
    )
    parser.add_argument("--no-color", action="store_true", help="no colour")
    parser.add_argument("-q", "--quiet", action="store_true", help="tell nothing but errors")


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Survey the site and write the page.

    Returns:
        ``DONE`` where it is written, whatever its verdict; ``FAILED`` where it is, but the procedures could not be
        read.

    Raises:
        UsageError: there is no path from the version to the target.
        UpgradeKitError: the site's folder is none, or a rules file is wrong.
    """
    looked = look(arguments, streams, quiet=arguments.quiet)
    deployment = looked.deployment
    plan = _plan(deployment, python2=not arguments.no_python2)
    preflight = run_preflight(deployment, looked.way, plan=plan)
    streams.emit(report_page(preflight, plan, path=looked.path, deployment=deployment), arguments)
    if arguments.output is not None and not arguments.quiet:
        told = _told(preflight.verdict, plan, arguments.output)
        streams.out.write(f"{visible(told, streams.out.encoding or 'utf-8')}\n")
    return Exit.FAILED if isinstance(plan, Unobserved) else Exit.DONE


def _plan(deployment: Deployment, *, python2: bool) -> RewritePlan | Unobserved:
    database = deployment.database
    procedures = database.procedures if isinstance(database, Database) else database
    if isinstance(procedures, Unobserved):
        return procedures
    with workers(None, sum(bool(test.source) for test in procedures)) as executor:
        return plan_rewrites(deployment, python2=python2, executor=executor)


def _told(verdict: Verdict, plan: RewritePlan | Unobserved, output: str) -> str:
    if isinstance(plan, Unobserved):
        return f"{output}: {verdict.value}; the procedures could not be read: {plan.reason}"
    counts = Counter(item.rewrite.outcome for item in plan.items)
    shown = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    return f"{output}: {verdict.value}; {shown or 'no upload tests'}. Open it in a browser to decide and sign."
