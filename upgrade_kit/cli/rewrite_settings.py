"""``upgrade-kit rewrite-settings``: what local_settings.py must become; write it, or take it back."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from glob import escape
from hashlib import sha256
from io import StringIO
from pathlib import Path

from packaging.version import Version

from upgrade_kit.cli.exit import Exit
from upgrade_kit.cli.options import add_output_arguments, default_site
from upgrade_kit.cli.streams import Streams
from upgrade_kit.deployment.checkout import declared_version, find_site
from upgrade_kit.deployment.settings import read_settings
from upgrade_kit.deployment.settings_file import (
    SettingsFile,
    read_settings_file,
    undo_settings_file,
    write_settings_file,
)
from upgrade_kit.errors import NotReadyError, SiteError, UsageError
from upgrade_kit.model.deployment import Settings
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.rewrite import Outcome
from upgrade_kit.model.settings_rewrite import LeftAlone
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.report.document import to_json
from upgrade_kit.report.settings import SettingsAnswer, render_settings, settings_document
from upgrade_kit.report.terminal import make_console
from upgrade_kit.rewriting.settings.rewrite import path_to, rewrite_settings

LOCAL = "local_settings.py"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of ``rewrite-settings``."""
    parser.add_argument(
        "site", nargs="?", metavar="SITE", help="folder of the QATrack+ checkout (default: the current folder)"
    )
    parser.add_argument(
        "--from", dest="source", metavar="VERSION", help="what the settings were written for (default: any before)"
    )
    parser.add_argument("--to", dest="target", metavar="VERSION", default="0.3.0", help="target (default: %(default)s)")
    for option, help_text in (("--only", "make no other change than this one"), ("--exclude", "leave this one out")):
        parser.add_argument(
            option, metavar="NAME", action="append", default=[], help=f"{help_text}; may be given more than once"
        )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--apply", action="store_true", help="write what is shown, and keep a copy of the old file")
    action.add_argument("--undo", metavar="COPY", help="put back exactly the file that an apply has kept")
    parser.add_argument(
        "--early",
        action="store_true",
        help="write although the older code is still checked out, which cannot run with the new settings",
    )
    add_output_arguments(parser)


def run(arguments: Namespace, streams: Streams) -> Exit:
    """Show the change; with ``--apply`` write it; with ``--undo`` take it back.

    Raises:
        UpgradeKitError: the file cannot be read or written, or a write was refused.
    """
    if arguments.undo is not None:
        return _undo(arguments, streams)
    path = path_to(arguments.source, arguments.target)  # a misspelt version is told before the site is looked at
    root = _root(arguments)
    file = read_settings_file(_file(root))
    answer = _answer(root, file, path, arguments)
    if arguments.apply and answer.rewrite.outcome is Outcome.REWRITE:
        if answer.not_yet is not None and not arguments.early:
            raise NotReadyError(
                f"{answer.file} was not written: {answer.not_yet}",
                hint="Check it out first; or stop the site, back it up, and add --early.",
            )
        with told_where_it_stands(file.path):
            copy = write_settings_file(file, answer.rewrite.source, suffix=f"before-{path.target.version}")
            answer = replace(answer, backup=str(copy))
            _emit(answer, arguments, streams)
    else:
        _emit(answer, arguments, streams)
    return _status(answer)


@contextmanager
def told_where_it_stands(file: Path) -> Iterator[None]:
    """Name the copy that leads back, if there is one, when an apply is interrupted."""
    before = _records(file)
    try:
        yield
    except KeyboardInterrupt:
        begun = sorted(_records(file) - before)
        if not begun:
            raise
        copy = begun[0].with_name(begun[0].name.removesuffix(".json"))
        raise KeyboardInterrupt(
            f"the change is written. This takes it back: upgrade-kit rewrite-settings --undo {quoted(str(copy))}"
        ) from None


def _records(file: Path) -> set[Path]:
    """Return the records of applies to a settings file."""
    return set(file.parent.glob(f"{escape(file.name)}.before-*.json"))


def _status(answer: SettingsAnswer) -> Exit:
    match answer.rewrite.outcome:
        case Outcome.ERROR:
            return Exit.FAILED
        case Outcome.REVIEW:
            return Exit.FINDINGS
        case Outcome.REWRITE:
            return Exit.DONE if answer.backup else Exit.FINDINGS
        case Outcome.UNCHANGED:
            return Exit.FINDINGS if answer.all_left else Exit.DONE


def _root(arguments: Namespace) -> Path:
    site = default_site(arguments.site, None)
    assert site is not None  # noqa: S101 - without --database it is the current folder at least
    found = find_site(site)
    if isinstance(found, Unobserved):
        raise SiteError(found.reason, hint="Name the folder that holds manage.py.")
    return found.root


def _file(root: Path) -> Path:
    """Return the settings file that counts: in ``qatrack``, or beside ``manage.py`` where only that is there."""
    places = [root / "qatrack" / LOCAL, root / LOCAL]
    there = [place for place in places if place.exists() or place.is_symlink()]
    if not there:
        raise SiteError(
            f"there is no {LOCAL} in {root / 'qatrack'}",
            hint="QATrack+ then runs with what it comes with, and there is nothing to rewrite.",
        )
    return there[0]


def _answer(root: Path, file: SettingsFile, path: UpgradePath, arguments: Namespace) -> SettingsAnswer:
    target = str(path.target.version)
    rewrite = rewrite_settings(
        file.text,
        source=arguments.source,
        target=arguments.target,
        only=arguments.only,
        exclude=arguments.exclude,
        beside=_modules_beside(file.path.parent, root),
    )
    declared = declared_version(root)
    version = None if isinstance(declared, Unobserved) else declared[0]
    shown = _file(root)
    stated, _ = read_settings(root)
    name = shown.relative_to(root).as_posix()
    return SettingsAnswer(
        rewrite=rewrite,
        file=name,
        root=str(root),
        version=None if version is None else str(version),
        source=str(path.source.version),
        target=target,
        before_sha256=file.sha256,
        after_sha256=sha256(file.encoded(rewrite.source)).hexdigest(),
        left=tuple(_left(root, name, stated, path)),
        not_yet=_not_yet(version, path.target.version),
        command=_again(arguments),
    )


def _not_yet(version: Version | None, target: Version) -> str | None:
    """Return why nothing may be written yet, or None where the target's code is in place."""
    if version is None:
        return "it is not known which version of QATrack+ is checked out."
    if version < target:
        return f"the code of {version} is checked out, which cannot run with the settings of {target}."
    return None


def _modules_beside(folder: Path, root: Path) -> frozenset[str]:
    """Return the modules that only Python 2 finds without a dot: in the file's folder, and not in the site's."""
    if folder == root:
        return frozenset()
    found = {path.stem for path in folder.glob("*.py")}
    found |= {path.parent.name for path in folder.glob("*/__init__.py")}
    elsewhere = {path.stem for path in root.glob("*.py")} | {path.name for path in root.iterdir() if path.is_dir()}
    return frozenset(found - elsewhere - sys.stdlib_module_names - {"__init__"})


def _left(root: Path, name: str, stated: Settings | Unobserved, path: UpgradePath) -> Iterator[LeftAlone]:
    """Tell what a person must look at that the file's text alone does not say."""
    if name == LOCAL and path.target.version >= Version("0.3.0"):
        yield LeftAlone(
            name=LOCAL,
            line=0,
            reason=f"{path.target.version} passes over this file: it reads qatrack/{LOCAL} alone. Move it there.",
        )
    elif (root / LOCAL).is_file() and name != LOCAL:
        yield LeftAlone(name=LOCAL, line=0, reason="there is another one beside manage.py, which does not count.")
    if isinstance(stated, Unobserved):
        return
    database = stated.database
    if not isinstance(database, Unobserved) and isinstance(database.engine, str):
        new = dict(path.target.engine_replacements).get(database.engine)
        if new is not None and not database.where.startswith(f"{name}:"):
            yield LeftAlone(
                name="ENGINE",
                line=0,
                reason=f"it is set in {database.where}, which is not written here. "
                f"{path.target.version} cannot load {database.engine}; write {new} there.",
            )


def _emit(answer: SettingsAnswer, arguments: Namespace, streams: Streams) -> None:
    if arguments.format == "json":
        streams.emit(to_json(settings_document(answer)), arguments)
        return
    in_file = StringIO() if arguments.output is not None else None
    console = make_console(in_file or streams.out, color=False if in_file else streams.color(arguments))
    render_settings(answer, console, quiet=arguments.quiet)
    if in_file is not None:
        streams.emit(in_file.getvalue(), arguments)


def _undo(arguments: Namespace, streams: Streams) -> Exit:
    named = Path(arguments.undo)
    if named.name == LOCAL:
        raise UsageError(
            f"--undo {named}: this is the file itself", hint=f"Name the copy: {named}.before-0.3.0 or the like."
        )
    done = undo_settings_file(named)
    if arguments.format == "json":
        text = to_json(
            {
                "schema": 1,
                "command": "rewrite-settings",
                "undone": True,
                "written": done.written,
                "file": str(done.path),
                "backup": str(done.copy),
            }
        )
    else:
        what = "holds what it held before the apply" if done.written else "held that already; nothing was written"
        text = f"{done.path} {what}.\nThe copy is kept: {done.copy}\n"
    streams.emit(text, arguments)
    return Exit.DONE


def _again(arguments: Namespace) -> str:
    words = ["upgrade-kit", "rewrite-settings"]
    if arguments.site is not None:
        words.append(quoted(arguments.site))
    if arguments.source is not None:
        words += ["--from", quoted(arguments.source)]
    if arguments.target != "0.3.0":
        words += ["--to", quoted(arguments.target)]
    for option, names in (("--only", arguments.only), ("--exclude", arguments.exclude)):
        for name in names:
            words += [option, quoted(name)]
    return " ".join(words)
