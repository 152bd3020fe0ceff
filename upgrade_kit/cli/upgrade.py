"""``upgrade-kit upgrade``: carry the plan out, stop at the first error, go on from there, or take it all back."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from textwrap import wrap
from typing import TextIO

from upgrade_kit.cli.configuration import FILE_VARIABLE, OTHER_VARIABLES, PREFIX
from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import default_site
from upgrade_kit.cli.plan import add_plan_arguments, plan_of
from upgrade_kit.cli.streams import Streams, without_passwords
from upgrade_kit.deployment.address import DatabaseAddress, parse_database_url
from upgrade_kit.deployment.approvals import read_approvals
from upgrade_kit.deployment.checkout import SiteFolder, find_site
from upgrade_kit.deployment.survey import resolve_address
from upgrade_kit.errors import OtherDatabaseError, SiteError, StepFailedError, UpgradeError, UsageError
from upgrade_kit.model.plan import Plan, PlannedStep, Run, StepKind
from upgrade_kit.model.step import Effect
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.planning.graph import VersionGraph
from upgrade_kit.planning.plan import with_approvals
from upgrade_kit.report.shells import SHELLS, step_lines
from upgrade_kit.report.terminal import known_encoding, visible
from upgrade_kit.upgrading.claim import claim, refuse_beside_another, same_place
from upgrade_kit.upgrading.journal import (
    JOURNAL_NAME,
    Happening,
    UpgradeJournal,
    begin_journal,
    read_upgrade_journal,
)
from upgrade_kit.upgrading.lock import locked, marked
from upgrade_kit.upgrading.proofs import SiteAccess, commit_of
from upgrade_kit.upgrading.rollback import take_back
from upgrade_kit.upgrading.running import Programs, written_forms
from upgrade_kit.upgrading.upgrade import NotAgreedError, Part, Upgrade, rehearse

_WIDTH = 76  # of prose; commands are never wrapped
# What belongs to the kit's own Python, or to some other Django, and would lead the site's astray.
_NOT_THE_SITES = ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__", "DJANGO_SETTINGS_MODULE")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``upgrade``."""
    parser.add_argument(
        "site", nargs="?", metavar="SITE", help="folder of the QATrack+ checkout (default: the current folder)"
    )
    parser.add_argument(
        "--database",
        metavar="URL",
        help="where the settings do not tell it; the password may come from UPGRADE_KIT_PASSWORD",
    )
    parser.add_argument("--to", dest="target", metavar="VERSION", default="0.3.0", help="target (default: %(default)s)")
    add_plan_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="show which steps are done and which are to do")
    parser.add_argument("--until", metavar="STEP", default="", help="stop after this step")
    parser.add_argument("--from-step", metavar="STEP", default="", help="take the steps before this one as done")
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing; what only a person can do is left, and told at the end"
    )
    parser.add_argument(
        "--rollback", action="store_true", help="bring database, settings and checkout back to what they were"
    )
    parser.add_argument(
        "--approved",
        metavar="FILE",
        help="rewrite only the upload tests that were approved on the page of upgrade-kit report (the file that it "
        "saves); said when the upgrade begins",
    )
    parser.add_argument("--no-color", action="store_true", help="no colour")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show what the programs print")


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Begin an upgrade, go on with one, rehearse it, or take it back.

    Raises:
        UsageError: options contradict each other, or nobody can be asked.
        UpgradeKitError: it cannot begin or go on.
    """
    _check(arguments, streams)
    root = _root(arguments)
    work = _work(arguments, root)
    command = _command(arguments, root)
    journal = _begun(root, work, arguments)
    if journal is not None and journal.has(Happening.ROLLBACK_BEGUN) and not arguments.rollback:
        raise UpgradeError("this upgrade is being taken back.", hint=f"Go on with that: {command} --rollback")
    if journal is None and arguments.rollback:
        raise UsageError(
            f"--rollback: {work} holds no upgrade that has begun, or one that was taken back already",
            hint="If it is kept elsewhere, name its folder with --to-dir.",
        )
    if journal is None:
        refuse_beside_another(root, work, streams.environment)
    plan = _plan(arguments, streams, root, work) if journal is None else _same_approvals(arguments, journal.plan)
    if not plan.steps:
        Console(streams, yes=arguments.yes, quiet=arguments.quiet).say(
            f"The site is at {plan.versions[-1]} already: there is nothing to upgrade."
        )
        return Exit.DONE
    _check_part(arguments, plan)
    streams = _with_password(arguments, streams, plan)
    site = _access(arguments, streams, plan)
    console = Console(streams, yes=arguments.yes, quiet=arguments.quiet)
    if arguments.dry_run:
        begun = journal or UpgradeJournal(path=work / JOURNAL_NAME, plan=plan, start={})
        rehearse(begun, site, console.rehearsed, Part(first=arguments.from_step, last=arguments.until))
        return Exit.DONE
    _make_work(work)
    with locked(work):
        # read again: until now somebody else may have written to it
        journal = _begin(plan, site) if journal is None else read_upgrade_journal(journal.path)
        programs = Programs(
            environment=_environment(streams, work),
            secrets=_secrets(streams, site),
            folder=work,
            show=console.line,
        )
        for log in (work / "logs").glob("*.log"):
            programs.mask(log)  # where the one before came to a sudden end
        if arguments.rollback:
            return _take_back(console, journal, site, programs)
        upgrade = Upgrade(journal=journal, site=site, programs=programs, talk=console, way_back=f"{command} --rollback")
        return _carry_out(upgrade, Part(first=arguments.from_step, last=arguments.until), console)


def _carry_out(upgrade: Upgrade, part: Part, console: Console) -> Exit:
    try:
        upgrade.carry_out(part)
    except StepFailedError as error:
        console.failed(error)
        return Exit.FINDINGS if error.refused else Exit.FAILED
    except NotAgreedError as stop:
        console.say(f"Stopped before {stop.step.id}; nothing of it was done. The same command goes on from here.")
        return Exit.FINDINGS
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            "the step that was under way is not noted as done. The same command goes on from here; to take the "
            f"upgrade back: {upgrade.way_back}"
        ) from stop
    console.finished(upgrade.journal, until=part.last)
    return Exit.DONE


def _take_back(console: Console, journal: UpgradeJournal, site: SiteAccess, programs: Programs) -> Exit:
    try:
        agreed = take_back(journal, site, programs, console)
    except KeyboardInterrupt as stop:
        said = f"{stop}. " if str(stop) else ""
        raise KeyboardInterrupt(f"{said}what was told to be back is back. The same command goes on from here") from stop
    if not agreed:
        console.say("Nothing was taken back.")
        return Exit.FINDINGS
    console.say(
        f"The upgrade is taken back to {journal.plan.versions[0]}. Everything that it kept is in {journal.plan.work}. "
        "Start the old site, and see that it works."
    )
    return Exit.DONE


def _check(arguments: Namespace, streams: Streams) -> None:
    if arguments.rollback and (arguments.from_step or arguments.until or arguments.dry_run):
        raise UsageError("--rollback goes with no other step", hint="Leave out --from-step, --until and --dry-run.")
    if not (arguments.yes or arguments.dry_run or streams.can_ask()):
        raise UsageError(
            "upgrade asks before each step that writes, and here is nobody to ask (standard input is no terminal)",
            hint="Run it in a terminal, or say --yes; --dry-run shows what it would do.",
        )


def _root(arguments: Namespace) -> Path:
    folder = find_site(default_site(arguments.site, None) or ".")
    if isinstance(folder, Unobserved):
        raise SiteError(folder.reason, hint="Name the folder of the checkout, the one with manage.py.")
    assert isinstance(folder, SiteFolder)  # noqa: S101 - for the type checker
    return folder.root.absolute()


def _work(arguments: Namespace, root: Path) -> Path:
    work = Path(arguments.to_dir).absolute() if arguments.to_dir else root.with_name(f"{root.name}-upgrade")
    if work.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"--to-dir {work}: this is inside the checkout, which the upgrade replaces",
            hint="Name a folder beside it.",
        )
    return work


def _make_work(work: Path) -> None:
    try:
        work.mkdir(mode=0o700, parents=True, exist_ok=True)
        (work / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UpgradeError(
            f"{work}: the work folder cannot be made: {error.strerror or error}.",
            hint="Name a folder that you may write to with --to-dir.",
        ) from error


def _begun(root: Path, work: Path, arguments: Namespace) -> UpgradeJournal | None:
    """Return the journal of the upgrade that is to go on, or to be taken back; ``None`` where one is to begin.

    Raises:
        UpgradeError: it is the journal of another site, or its folder was moved or copied.
        UsageError: an upgrade to another version has begun.
    """
    path = work / JOURNAL_NAME
    if not path.exists():
        return None
    journal = read_upgrade_journal(path)
    if journal.is_taken_back:
        return None
    _check_place(journal, root, work)
    if arguments.rollback or VersionGraph.load().resolve(arguments.target).version == journal.plan.versions[-1]:
        return journal
    if journal.is_over:
        return None
    raise UsageError(
        f"--to {arguments.target}: an upgrade to {journal.plan.versions[-1]} has begun ({path})",
        hint=f"Go on with that (--to {journal.plan.versions[-1]}), or take it back with --rollback, before another.",
    )


def _check_place(journal: UpgradeJournal, root: Path, work: Path) -> None:
    """Refuse a journal whose plan leads elsewhere: its steps would be done there, not to the site that was named."""
    plan = journal.plan
    if same_place(plan.site, root) and same_place(plan.work, work):
        return
    raise UpgradeError(
        f"{journal.path}: this is the journal of the upgrade of {plan.site}, kept in {plan.work}; what was named is "
        f"{root}, kept in {work}. Nothing was done to either.",
        hint="Was a folder renamed or moved? Put both where they were. Is this a copy? Then give its own upgrade "
        "another folder with --to-dir.",
    )


def _begin(plan: Plan, site: SiteAccess) -> UpgradeJournal:
    start = _start(site)
    claim(plan.site, plan.work, site.environment)  # first: a note without a journal stands in nobody's way
    return begin_journal(plan, start)


def _plan(arguments: Namespace, streams: Streams, root: Path, work: Path) -> Plan:
    asked = Namespace(**{**vars(arguments), "site": str(root), "to_dir": str(work), "source": None})
    plan = plan_of(asked, streams)
    if plan.steps and plan.open_questions:
        raise UpgradeError(
            f"what the plan has to know of this site is not all known: {' '.join(plan.open_questions)}",
            hint="upgrade-kit plan shows what would be done on these guesses.",
        )
    if arguments.approved is None:
        return plan
    read_approvals(arguments.approved)  # one that is none is told before anything begins
    return with_approvals(plan, str(Path(arguments.approved).absolute()))


def _same_approvals(arguments: Namespace, plan: Plan) -> Plan:
    """Return the plan of an upgrade that has begun, if it obeys the approvals that are named now.

    Raises:
        UsageError: it obeys others, or none.
    """
    if arguments.approved is None or with_approvals(plan, "") == plan:
        return plan
    file = str(Path(arguments.approved).absolute())
    words = [word for step in plan.steps for one in step.actions if isinstance(one, Run) for word in one.words]
    if file not in words:
        raise UsageError(
            f"--approved {arguments.approved}: the upgrade that has begun obeys "
            f"{'other approvals' if '--approved' in words else 'no approvals'}",
            hint="Stop it before its upload tests are rewritten (--until), write what is approved yourself with "
            "upgrade-kit rewrite-calcs --apply --approved FILE, and go on behind that step with --from-step.",
        )
    return plan


def _check_part(arguments: Namespace, plan: Plan) -> None:
    """Tell a slip in the name of a step before anybody is asked for anything."""
    Part(first=arguments.from_step, last=arguments.until).check(plan.steps)


def _database(arguments: Namespace, plan: Plan) -> str | None:
    """Return the database's URL where the settings do not lead there: it need not be typed again to go on.

    Raises:
        UsageError: another one is typed.
    """
    actions = (action for step in plan.steps for action in step.actions)
    told = any(isinstance(action, Run) and "--database" in action.words for action in actions)
    typed: str | None = arguments.database
    if typed is None:
        return plan.database if told else None
    if parse_database_url(typed, base=Path.cwd()).shown != plan.database:
        raise UsageError(
            f"--database {without_passwords(typed)}: the upgrade that has begun is of {plan.database}",
            hint="Leave out --database to go on with that.",
        )
    return typed


def _with_password(arguments: Namespace, streams: Streams, plan: Plan) -> Streams:
    """Return streams whose environment holds the password that the kit's own commands need; ask for it where it is not.

    Raises:
        UsageError: nobody can be asked.
    """
    if not plan.needs_password:
        return streams
    found = resolve_address(plan.site, database=_database(arguments, plan), password=streams.password())
    password = None if isinstance(found, Unobserved) else found.password
    if not password and not streams.can_ask():
        raise UsageError(
            f"the password of {plan.database} is needed, and the settings do not hold it",
            hint="Put it into the environment variable UPGRADE_KIT_PASSWORD.",
        )
    password = password or streams.ask_password(f"Password of {plan.database}: ")
    return Streams(
        streams.out, streams.err, {**streams.environment, "UPGRADE_KIT_PASSWORD": password}, source=streams.source
    )


def _access(arguments: Namespace, streams: Streams, plan: Plan) -> SiteAccess:
    database = _database(arguments, plan)

    def address() -> DatabaseAddress:
        found = resolve_address(plan.site, database=database, password=streams.password())
        if isinstance(found, Unobserved):
            raise UpgradeError(f"the site's database is not known: {found.reason}.", hint="Name it with --database.")
        if not found.leads_where(parse_database_url(plan.database, base=plan.site)):
            raise OtherDatabaseError(
                f"the site's settings now lead to {found.shown}, and this upgrade is of {plan.database}. "
                "Nothing was written to either now.",
                hint=f"Let the settings of {plan.site} name {plan.database} again.",
            )
        return found

    return SiteAccess(
        plan=plan, address=address, releases=VersionGraph.load().releases, environment=dict(streams.environment)
    )


def _start(site: SiteAccess) -> dict[str, str]:
    head = commit_of(site, "HEAD")
    if isinstance(head, Unobserved):
        raise SiteError(
            f"{site.plan.site}: git does not say what is checked out: {head.reason}.",
            hint="An upgrade replaces the code with git; the site must be a checkout of QATrack+'s repository.",
        )
    branch = site.said("git", "-C", site.plan.site, "symbolic-ref", "--quiet", "--short", "HEAD")
    return {"head": head} if isinstance(branch, Unobserved) else {"head": head, "branch": branch}


def _environment(streams: Streams, work: Path) -> dict[str, str]:
    inherited = {name: value for name, value in streams.environment.items() if name not in _NOT_THE_SITES}
    own = {name for name in inherited if name.startswith(PREFIX) and name not in OTHER_VARIABLES}
    kept = {name: value for name, value in inherited.items() if name not in own}
    # The plan's own commands say all that they mean: nothing that is configured may change them.
    return marked({**kept, FILE_VARIABLE: "", "PYTHONUNBUFFERED": "1"}, work)


def _secrets(streams: Streams, site: SiteAccess) -> tuple[str, ...]:
    try:
        stated = site.address().password
    except UpgradeError:  # settings that cannot be read keep nobody from the way back
        stated = None
    return written_forms(tuple({secret for secret in (streams.password(), stated) if secret}))


def _command(arguments: Namespace, root: Path) -> str:
    work = f" --to-dir {quoted(arguments.to_dir)}" if arguments.to_dir else ""
    return f"upgrade-kit upgrade {quoted(str(root))}{work}"


class Console:
    """The person at the console, asked unless ``--yes`` says that nobody is."""

    def __init__(self, streams: Streams, *, yes: bool, quiet: bool) -> None:
        self._streams = streams
        self._yes = yes
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Print one line."""
        out: TextIO = self._streams.out
        encoding = known_encoding(getattr(out, "encoding", None) or "utf-8")
        out.write(visible(without_passwords(text), encoding) + "\n")
        out.flush()

    def line(self, text: str) -> None:
        """Show a line that a program printed."""
        if not self._quiet:
            self.say(f"    | {text}")

    def begin(self, number: int, total: int, step: PlannedStep) -> None:
        """Tell that a step's turn has come."""
        self.say(f"[{number}/{total}] {step.title} ({step.id})")

    def end(self, _step: PlannedStep, word: str, evidence: str) -> None:
        """Tell what became of it."""
        self.say(f"    {word}{f': {evidence}' if evidence else ''}")

    def stays(self, _step: PlannedStep, reason: str) -> None:
        """Tell that what a person says to have done does not show."""
        self.say(f"    not yet: {reason}")

    def agrees(self, step: PlannedStep) -> bool:
        """Ask whether a step that writes may be carried out; one that cannot be taken back is asked for by name."""
        self._tell_what_comes(step)
        if self._yes:
            return True
        if step.effect is Effect.IRREVERSIBLE:
            self.say("    !!! POINT OF NO RETURN: after this step, only the backup leads back !!!")
            return self._answer(f"    Type {step.id} to go on, anything else to stop: ") == step.id
        return self._answer("    Do this? [y/N] ").casefold() in {"y", "yes"}

    def has_done(self, step: PlannedStep) -> bool:
        """Ask whether a person has done what only a person can do."""
        self._tell_what_comes(step)
        if self._yes:
            return False
        return self._answer("    Done? [y, or Enter to leave it for later] ").casefold() in {"y", "yes"}

    def agrees_to_restore(self, step: PlannedStep, manifest: Path) -> bool:
        """Ask whether the database may be restored, because a step was interrupted in the middle of it."""
        self.say(f"{step.id} was interrupted, and this database may be half changed. It is restored first, from")
        self.say(f"    {manifest}")
        self.say("What it holds now is kept, as a file beside it (SQLite) or as a backup in the folder of that one.")
        return self._yes or self._answer("    Do this? [y/N] ").casefold() in {"y", "yes"}

    def rehearsed(self, step: PlannedStep, state: str) -> None:
        """Tell what would be done."""
        self.say(f"{step.effect.value:13s} {step.id:28s} {step.title}")
        self.say(f"    {state}")

    def failed(self, error: StepFailedError) -> None:
        """Tell which step failed, the end of what its program printed, and the ways on and back."""
        err = self._streams.err
        encoding = known_encoding(getattr(err, "encoding", None) or "utf-8")
        lines = [
            "",
            *(f"    | {line}" for line in error.last_lines if self._quiet),
            f"upgrade-kit: {error.message}",
            error.hint,
        ]
        err.write("\n".join(visible(without_passwords(line), encoding) for line in lines) + "\n")

    def finished(self, journal: UpgradeJournal, *, until: str) -> None:
        """Tell what is done and what is left to a person."""
        left = [
            step
            for step in journal.plan.steps
            if step.kind is not StepKind.STOP and (last := journal.last(step.id)) and last.what is Happening.LEFT
        ]
        if until:
            self.say(f"Done until {until}. The same command without --until goes on.")
        else:
            self.say(f"The site is at {journal.plan.versions[-1]}.")
        for step in left:
            self.say(f"Left to you: {step.title} ({step.id})")
            self._tell_what_comes(step)
        self.say(f"What the upgrade kept, the way back among it, is in {journal.plan.work}.")

    def agrees_to_all(self, parts: tuple[str, ...]) -> bool:
        """Show all that a rollback does, and ask once."""
        self.say("Taking the upgrade back:")
        for part in parts or ("It changed nothing that is to be put back; what is noted as done is forgotten.",):
            self.say(f"    {part}")
        return self._yes or self._answer("Do this? [y/N] ").casefold() in {"y", "yes"}

    def came_back(self, part: str, evidence: str) -> None:
        """Tell that a part is back."""
        self.say(f"    {part} is back{f': {evidence}' if evidence else ''}")

    def _tell_what_comes(self, step: PlannedStep) -> None:
        if step.why:
            for line in wrap(step.why, _WIDTH):
                self.say(f"    {line}")
        for line in step_lines(step, SHELLS[0] if os.name == "nt" else SHELLS[1]):
            self.say(f"        {line}")

    def _answer(self, question: str) -> str:
        return self._streams.ask(question)
