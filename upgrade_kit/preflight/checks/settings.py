"""Will the target read the site's settings, and read them the same?"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from packaging.version import Version

from upgrade_kit.model.deployment import (
    DatabaseSettings,
    ImportKind,
    Settings,
    SettingsImport,
)
from upgrade_kit.model.finding import CouldNotRun, Finding, NotApplicable, Passed
from upgrade_kit.model.path import UpgradePath
from upgrade_kit.model.setting_change import ChangeKind, SettingChange
from upgrade_kit.model.typed_word import quoted
from upgrade_kit.model.unobserved import Unobserved
from upgrade_kit.preflight.check import Answer, check, error, info, to_type, warning
from upgrade_kit.preflight.facts import EngineOnPath, Facts, then

_LOCAL = "local_settings.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsOnPath:
    """The settings beside the path, where that is known."""

    settings: Settings
    path: UpgradePath | Unobserved

    def reaches(self, version: Version) -> bool:
        """Return whether the path ends at this version or later, in doubt yes."""
        return isinstance(self.path, Unobserved) or self.path.target.version >= version

    def crosses(self, version: Version) -> bool:
        """Return whether the path is known to cross this version."""
        return not isinstance(self.path, Unobserved) and self.path.crosses(version)

    @classmethod
    def of(cls, facts: Facts) -> Self | Unobserved:
        """Put it together, or say why that cannot be done."""
        return then(facts.get(Settings), lambda stated: cls(settings=stated, path=facts.get(UpgradePath)))


@check(
    "UK501",
    "local_settings.py is where the target reads it",
    reads=Settings,
    crosses="0.3.0",
    section="qatrack/settings.py (v0.2.9.1 and v0.3.0), last lines; docs/facts.md, Settings",
    remedy="Move the file into the folder qatrack, where both versions read it.",
)
def local_settings_are_read(settings: Settings) -> Answer:
    """A local_settings.py beside manage.py is read by 0.2.x and ignored by 0.3.0."""
    ignored = _beside_manage_py(settings.files)
    if ignored is None:
        local = next((file for file in settings.files if file.name == _LOCAL), None)
        return Passed("" if local is None else str(local))
    return [
        error(
            f"{ignored} is ignored by 0.3.0, which would work on an empty database of its own",
            where=str(ignored),
            hint=to_type(
                "Move it into the folder qatrack, where both versions read it (PowerShell, then bash):",
                r"Move-Item local_settings.py qatrack\local_settings.py",
                "mv local_settings.py qatrack/local_settings.py",
            ),
        )
    ]


def _rewrite(files: tuple[Path, ...]) -> str:
    """Return the command that shows what the settings must become."""
    return f"upgrade-kit rewrite-settings {_root(files)}".rstrip()


def _root(files: tuple[Path, ...]) -> str:
    """Return the site's folder as it is typed."""
    return next((quoted(str(file.parent.parent)) for file in files if file.name == "settings.py"), "")


def _beside_manage_py(files: tuple[Path, ...]) -> Path | None:
    roots = {file.parent.parent for file in files if file.name == "settings.py"}
    return next((file for file in files if file.name == _LOCAL and file.parent in roots), None)


@check(
    "UK502",
    "The settings are Python 3 as well",
    reads=Settings,
    crosses="0.3.0",
    section="docs/install/win.rst and linux.rst (v0.3.0), Update your local_settings.py file; docs/facts.md, Settings",
    remedy="Let upgrade-kit rewrite-settings show what it can write, and write the rest by hand.",
)
def settings_are_python_3(settings: Settings) -> Answer:
    """Settings that only Python 2 can parse, or no Python at all, stop every command of 0.3.0."""
    unread = [
        error(
            f"{place} holds a letter that is not UTF-8, and no coding line says what it is: no Python reads the file",
            where=place,
            hint=to_type(
                "Write this as the first line of the file: both versions of Python then know what its letters are:",
                "# -*- coding: cp1252 -*-",
            ),
        )
        for place in settings.undeclared
    ]
    return unread + [
        error(
            f"{place} can be parsed by Python 2 only",
            where=place,
            hint=to_type(
                "See what the kit makes of it, write by hand what it leaves alone (print(x), except E as e, 0o755), "
                "and let the Python of the new environment try:",
                _rewrite(settings.files),
                f"python -m py_compile {place.rpartition(':')[0]}",
            ),
        )
        for place in settings.python2_only
    ]


@check(
    "UK503",
    "The settings that the upgrade depends on can be known without running them",
    reads=Settings,
    section="the kit itself: it never imports a site's settings",
    remedy="Look up the value yourself, and give the database with --database.",
)
def settings_are_known(settings: Settings) -> Answer:
    """What is computed when the settings are imported cannot be checked; a person has to look."""
    if isinstance(settings.database, Unobserved):
        return settings.database
    unknown = [
        f"{name} ({value.reason.partition(_OF_DEFAULT)[2] or value.reason})"
        for name, value in _needed(settings, settings.database)
        if isinstance(value, Unobserved)
    ]
    if not unknown:
        return Passed(", ".join(str(file) for file in settings.files))
    return [
        warning(
            f"not known, because computed when the settings are imported: {'; '.join(unknown)}",
            where=settings.database.where,
            hint=to_type(
                "Look up what each comes to. Where it is the database's, name that in place of the settings (URL: the "
                "forms are in --help):",
                f"upgrade-kit preflight {_root(settings.files)} --database URL".replace("  ", " "),
            ),
        )
    ]


_OF_DEFAULT = " of DATABASES['default']: "


def _needed(settings: Settings, database: DatabaseSettings) -> Iterator[tuple[str, object]]:
    yield "MEDIA_ROOT", settings.media_root
    for key in ("engine", "name", "user", "host", "port", "options"):
        yield f"DATABASES['default']['{key.upper()}']", getattr(database, key)


_TEXT_OF_LOCAL = "qatrack/local_settings.py"
_APPLICATIONS_OWN = "qatrack/settings.py:"
_PLACEHOLDER = re.compile(r"X+(?:\.X+)+", re.IGNORECASE)
_ESCAPES = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v"}
_PORT = re.compile(r":\d*$")
_PORT_AFTER_BRACKET = re.compile(r"\]:\d*$")
_QATRACK_3 = Version("0.3.0")
# The zones of the tz database that pytz 2018.4, which 0.3.0 pins, does not have.
_NEWER_ZONES = frozenset(
    (
        "America/Ciudad_Juarez",
        "America/Coyhaique",
        "America/Nuuk",
        "Asia/Qostanay",
        "Europe/Kyiv",
        "Pacific/Kanton",
    )
)
_ASKED_OF = {
    "DEBUG": "UK506",
    "ALLOWED_HOSTS": "UK507",
    "TIME_ZONE": "UK508",
    "SECRET_KEY": "UK509",
    "INSTALLED_APPS": "UK515",
    "LOGGING": "UK515",
    "ICON_SETTINGS": "UK515",
}
_LAST_PORT = 65535
_GUIDE = "docs/install/config.rst (v0.3.0)"
_DRIVER = "sql_server/pyodbc/base.py of django-pyodbc-azure 1.11.13.1"


@dataclass(frozen=True, slots=True)
class _Stated:
    """What the settings say, and ``file:line``."""

    value: object
    where: str

    @property
    def is_the_sites(self) -> bool:
        """Whether the site wrote it; the target replaces ``qatrack/settings.py``."""
        return not self.where.startswith(_APPLICATIONS_OWN)


def _stated(settings: Settings, name: str) -> _Stated | Unobserved | None:
    """Return a setting's value, why it cannot be known, or ``None`` where none is set."""
    for stated, text, where in settings.values:
        if stated == name:
            try:
                return _Stated(ast.literal_eval(text), where)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                return Unobserved(f"only a part of {name} is written out ({where})")
    return next((reason for stated, reason in settings.unknown if stated == name), None)


def _local_settings(settings: Settings) -> str:
    return next((str(file) for file in settings.files if file.name == _LOCAL), _TEXT_OF_LOCAL)


def _computed(settings: Settings, name: str, reason: Unobserved) -> list[Finding]:
    return [
        info(
            f"{name} is computed when the settings are imported, and so is not known here: {reason.reason}",
            where=dict(settings.set_by_site).get(name) or _local_settings(settings),
            hint=f"Look up what it comes to. What should hold: upgrade-kit explain {_ASKED_OF[name]}",
        )
    ]


@check(
    "UK506",
    "DEBUG is off",
    reads=SettingsOnPath,
    section=f"{_GUIDE}, DEBUG Setting; qatrack/settings.py (v0.2.9.1: True, v0.3.0: False)",
    remedy="Write DEBUG = False into qatrack/local_settings.py and restart the service.",
)
def debug_is_off(fact: SettingsOnPath) -> Answer:
    """With DEBUG on, every error page shows the settings and the code to whoever asks, and memory fills."""
    stated = _stated(fact.settings, "DEBUG")
    if isinstance(stated, Unobserved):
        return _computed(fact.settings, "DEBUG", stated)
    if stated is None or not stated.value:
        return Passed("" if stated is None else stated.where)
    if not stated.is_the_sites and fact.crosses(_QATRACK_3):
        return Passed(f"on in {stated.where}, which {_QATRACK_3} replaces with a file that has it off")
    what = f"the text {stated.value!r}, which counts as on" if isinstance(stated.value, str) else "on"
    return [
        warning(
            f"DEBUG is {what}",
            where=stated.where,
            hint=to_type(f"Write this line into {_local_settings(fact.settings)}:", "DEBUG = False"),
        )
    ]


@check(
    "UK507",
    "ALLOWED_HOSTS names the site",
    reads=Settings,
    section=f"{_GUIDE}, Allowed Host Setting; docs/facts.md, Settings",
    remedy="Name in ALLOWED_HOSTS what browsers ask for and what the web server hands on; restart the service.",
)
def hosts_are_named(settings: Settings) -> Answer:
    """With DEBUG off, Django answers 400 Bad Request to every host that is not in ALLOWED_HOSTS."""
    stated = _stated(settings, "ALLOWED_HOSTS")
    if isinstance(stated, Unobserved):
        return _computed(settings, "ALLOWED_HOSTS", stated)
    hosts = stated.value if stated is not None else ()
    local = _local_settings(settings)
    where = local if stated is None else stated.where
    if isinstance(hosts, str):
        wrong = f"ALLOWED_HOSTS is a text, of which each single letter counts as a host: {hosts!r}"
    elif not isinstance(hosts, list | tuple | set) or not all(isinstance(host, str) for host in hosts):
        wrong = f"ALLOWED_HOSTS is no list of texts: {hosts!r}"
    elif stated is None or not hosts:
        wrong = "ALLOWED_HOSTS is " + ("not set" if stated is None else "empty")
    elif all(_PLACEHOLDER.fullmatch(host.strip()) for host in hosts):
        wrong = f"ALLOWED_HOSTS holds nothing but the guide's placeholder {', '.join(hosts)}"
    elif any(_plain_host(host) != host for host in hosts):
        return [_no_host(hosts, where)]
    else:
        return Passed(", ".join(hosts))
    return [
        warning(
            f"{wrong}: with DEBUG off, every page answers 400 Bad Request",
            where=where,
            hint=to_type(
                f"Write this line into {local}, with the server's own name or address for the last entry:",
                "ALLOWED_HOSTS = ['127.0.0.1', 'localhost', 'qatrack.example.org']",
            ),
        )
    ]


def _plain_host(text: str) -> str:
    """Return what Django compares with the host that a browser asks for: no scheme, port, path, blanks or ``*.``."""
    text = text.strip().partition("://")[2] or text.strip()
    host = text.partition("/")[0]
    host = host[1:] if host.startswith("*.") else host
    return host if host.count(":") > 1 and not _PORT_AFTER_BRACKET.search(host) else _PORT.sub("", host)


def _no_host(hosts: Collection[str], where: str) -> Finding:
    """Tell of what is no name or address, and so never equals what a browser asks for."""
    wrong = [host for host in hosts if _plain_host(host) != host]
    right = ", ".join(repr(host) for host in dict.fromkeys(map(_plain_host, hosts)) if not _PLACEHOLDER.fullmatch(host))
    return warning(
        f"ALLOWED_HOSTS holds {', '.join(map(repr, wrong))}; Django compares the bare name or address, so with DEBUG "
        "off whoever asks for it gets 400 Bad Request",
        where=where,
        hint=to_type(
            "Leave out http://, port, path and blanks; a dot before a name takes in all below it:",
            f"ALLOWED_HOSTS = [{right}]",
        ),
    )


@check(
    "UK508",
    "TIME_ZONE is a zone that the target knows",
    reads=SettingsOnPath,
    section=f"{_GUIDE}, Time Zone Settings; requirements/base.txt (v0.3.0): pytz==2018.4; docs/facts.md, Settings",
    remedy="Write the site's zone, as the tz database spells it, into qatrack/local_settings.py.",
)
def time_zone_is_known(fact: SettingsOnPath) -> Answer:
    """A zone that Django cannot find stops 0.3.0; one that is only left as it came shifts every time shown."""
    stated = _stated(fact.settings, "TIME_ZONE")
    if isinstance(stated, Unobserved):
        return _computed(fact.settings, "TIME_ZONE", stated)
    local = _local_settings(fact.settings)
    hint = to_type(
        f"Write the site's zone, as the tz database spells it (Continent/City), into {local}:",
        "TIME_ZONE = 'America/Toronto'",
    )
    if stated is None:
        return [
            info(
                "TIME_ZONE is not set: the zone that QATrack+ comes with, America/Toronto, counts",
                where=local,
                hint=hint,
            )
        ]
    zone = stated.value
    if not isinstance(zone, str):
        return [_wrong_zone(fact, f"TIME_ZONE is {zone!r}, from which 0.3.0 makes no time zone", stated.where, hint)]
    if zone in _NEWER_ZONES:
        return [
            warning(
                f"TIME_ZONE is {zone!r}, a name that pytz 2018.4, which 0.3.0 pins, does not know yet",
                where=stated.where,
                hint=to_type(
                    "Use the zone's older name, or a later pytz in the new environment:",
                    "python -m pip install --upgrade pytz",
                ),
            )
        ]
    if isinstance(fact.settings.has_known_zone, Unobserved):
        return CouldNotRun(fact.settings.has_known_zone.reason)
    if not fact.settings.has_known_zone:
        return [_wrong_zone(fact, f"TIME_ZONE is {zone!r}, which the tz database does not have", stated.where, hint)]
    if not stated.is_the_sites:
        return [
            info(
                f"TIME_ZONE is left as QATrack+ comes: {zone}",
                where=stated.where,
                hint=f"Where that is not the site's zone: {hint[0].lower()}{hint[1:]}",
            )
        ]
    return Passed(zone)


def _wrong_zone(fact: SettingsOnPath, message: str, where: str, hint: str) -> Finding:
    kind = error if fact.crosses(_QATRACK_3) else warning
    return kind(message, where=where, hint=hint)


@check(
    "UK509",
    "SECRET_KEY is the site's own",
    reads=Settings,
    section="qatrack/settings.py (v0.2.5 to v3.1.1.4): one SECRET_KEY for all; docs/facts.md, Settings",
    remedy="Write a key of the site's own into qatrack/local_settings.py. Everybody has to log in anew.",
)
def secret_key_is_own(settings: Settings) -> Answer:
    """Whoever knows the key can forge a login; the one in QATrack+'s source is known to all."""
    published = settings.has_published_key
    if isinstance(published, Unobserved):
        return _computed(settings, "SECRET_KEY", published) if published.asked else published
    where = next((where for name, _, where in settings.values if name == "SECRET_KEY"), _local_settings(settings))
    if not published:
        return Passed(where)
    return [
        warning(
            "SECRET_KEY is the one that stands in QATrack+'s public source",
            where=where,
            hint=to_type(
                f"Let Python make one, and write it as SECRET_KEY = '...' into {_local_settings(settings)}:",
                'python -c "import binascii, os; print(binascii.hexlify(os.urandom(32)).decode())"',
            ),
        )
    ]


@check(
    "UK510",
    "Passwords in the settings are not open to every user of the machine",
    reads=Settings,
    section="the kit itself: docs/facts.md, Settings",
    remedy="Take the right to read the file from everybody but its owner and the web server's group.",
)
def secrets_are_not_open(settings: Settings) -> Answer:
    """Who can read the database's password can change every record of the site without a trace."""
    if isinstance(settings.open_to_all, Unobserved):
        return settings.open_to_all
    return [
        warning(
            f"every user of this machine may read {file}, which holds {', '.join(names)}",
            where=file,
            hint=to_type("Leave it to its owner and the web server's group, in bash:", f"chmod o-rwx {quoted(file)}"),
        )
        for file, names in settings.open_to_all
    ]


@check(
    "UK511",
    "The target finds what the settings import",
    reads=SettingsOnPath,
    section="qatrack/settings.py (v0.3.0), last lines; docs/facts.md, Settings",
    remedy="Import with a dot what stands in the same folder, and install what comes from elsewhere, before migrating.",
)
def imports_are_found(fact: SettingsOnPath) -> Answer:
    """0.3.0 passes over the whole of local_settings.py, without a word, where one import in it fails."""
    imports = fact.settings.imports
    own = [one for one in imports if one.kind is ImportKind.OWN]
    others = [one for one in imports if one.kind is not ImportKind.OWN]
    if others and isinstance(fact.path, Unobserved):
        return fact.path
    command = _rewrite(fact.settings.files)
    findings = [_not_found(one, command) for one in others] if fact.crosses(_QATRACK_3) else []
    if own:
        findings.append(
            info(
                "the settings import the site's own code, which was read and not run: "
                + ", ".join(f"{one.module} ({one.where})" for one in own),
                where=own[0].where,
                hint="See to it that this code runs on Python 3 too, and that it goes along where the site moves.",
            )
        )
    return findings or Passed()


def _not_found(one: SettingsImport, command: str) -> Finding:
    kind = error if one.certain and one.kind is not ImportKind.FOREIGN else warning
    passed_over = "0.3.0 then passes over the whole file without a word, and works on an empty database of its own"
    match one.kind:
        case ImportKind.BESIDE:
            dotted = f"from .{one.module} import *"
            return kind(
                f"{one.module} stands beside the file that imports it, where only Python 2 looks; {passed_over}",
                where=one.where,
                hint=to_type(
                    "Write the dot, which both versions of Python understand, or let the kit do it:", dotted, command
                ),
            )
        case ImportKind.PYTHON2:
            return kind(
                f"Python 3 has no module {one.module}; {passed_over}",
                where=one.where,
                hint=to_type(
                    "Import what Python 3 has in its place; then, in the new environment and the site's folder, see "
                    "whether it does:",
                    'python -c "import qatrack.local_settings"',
                ),
            )
        case _:
            return kind(
                f"{one.module} has to be installed in the new environment; where it is not, {passed_over}",
                where=one.where,
                hint=to_type(
                    "In the new environment, before migrating:",
                    f'python -c "import {one.module}"',
                    f"python -m pip install {one.module.partition('.')[0]}",
                ),
            )


@check(
    "UK512",
    "HOST and PORT of the database are written as its driver reads them",
    reads=DatabaseSettings,
    section=f"docs/install/win.rst (v0.3.0), Configuring QATrack+ to use your new database; {_DRIVER}",
    remedy=r"Write HOST as '127.0.0.1\\SQLExpress' with an empty PORT, or as a plain address with a PORT.",
)
def server_is_written_right(settings: DatabaseSettings) -> Answer:
    """A backslash too many or too few, or a port in the wrong place, leads to no server or to another one."""
    host, port, engine = settings.host, settings.port, settings.engine
    if isinstance(engine, Unobserved):
        return engine
    if isinstance(host, Unobserved) or isinstance(port, Unobserved):
        return NotApplicable("HOST or PORT is computed when the settings are imported, see UK503")
    if engine.endswith("sqlite3"):
        return NotApplicable("SQLite has no server")
    findings = [
        warning(message, where=settings.where, hint=to_type("Write it so (PORT for TCP alone):", *lines))
        for message, lines in _wrong_server(engine, host, port)
    ]
    return findings or Passed(f"{host or 'this machine'}{':' if port else ''}{port}")


def _wrong_server(engine: str, host: str, port: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    microsoft = _is_microsoft(engine)
    meant = _meant(host, port, microsoft=microsoft)
    if any(ord(letter) < ord(" ") for letter in host):
        yield f"HOST holds a control character, as a single backslash before a letter makes it: {host!r}", meant
    elif host != host.strip():
        yield f"HOST has blanks around it: {host!r}", meant
    elif "\\" in host and not microsoft:
        yield f"HOST names an instance of SQL Server ({host}), and ENGINE is {engine!r}", meant
    elif microsoft and (host.count("\\") > 1 or "/" in host):
        yield f"HOST is {host}; an instance of SQL Server is named with one backslash (two in the quotes)", meant
    elif microsoft and re.search(r":\d+$", host):
        server, _, number = host.rpartition(":")
        yield f"HOST is {host}; SQL Server's port goes into PORT", _lines(server, number)
    elif microsoft and "\\" in host and port:
        yield (
            f"PORT is {port}, and so the instance in HOST ({host}) is not looked for: what answers there is used",
            meant,
        )
    elif microsoft and port and not host:
        yield f"PORT is {port} and HOST is empty, which makes an address without a server", _lines("127.0.0.1", port)
    if port and not _is_port(port):
        yield f"PORT is {port!r}, and no number from 1 to {_LAST_PORT}", meant


def _meant(host: str, port: str, *, microsoft: bool) -> tuple[str, ...]:
    """Return the lines of HOST and PORT that were probably meant, as they are typed."""
    whole = "".join(f"\\{_ESCAPES[letter]}" if letter in _ESCAPES else letter for letter in host).strip()
    server, *instance = re.split(r"[\\/]+", whole.lstrip("\\/"), maxsplit=1)
    if microsoft and instance:
        return _lines(f"{server}\\{instance[0]}", "")
    return _lines(server or "localhost", port.strip() if _is_port(port.strip()) else "")


def _lines(host: str, port: str) -> tuple[str, ...]:
    return f"'HOST': {host!r},", f"'PORT': {port!r},"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) <= _LAST_PORT


def _is_microsoft(engine: str) -> bool:
    return "mssql" in engine or "sqlserver" in engine.replace("_", "")


@check(
    "UK513",
    "The engine reads all of OPTIONS",
    reads=EngineOnPath,
    section=f"docs/install/win.rst (v0.3.0), Update your local_settings.py file; {_DRIVER}",
    remedy="Take out of OPTIONS what was meant for the engine that the site had before.",
)
def options_are_read(fact: EngineOnPath) -> Answer:
    """OPTIONS that were written for another engine are passed over, and so do not do what they seem to do."""
    engine, options, target = fact.settings.engine, fact.settings.options, fact.path.target
    if isinstance(engine, Unobserved):
        return engine
    if isinstance(options, Unobserved):
        return NotApplicable("OPTIONS are computed when the settings are imported, see UK503")
    known = dict(target.engine_options).get(engine)
    if engine not in target.engines:
        return NotApplicable(f"{target.version} cannot load the engine at all, see UK201")
    if known is None:
        return NotApplicable(f"{engine} hands its options on to its driver")
    unread = [key for key, _ in options if key not in known]
    if not unread:
        return Passed(", ".join(key for key, _ in options))
    return [
        warning(
            f"OPTIONS of DATABASES['default'] hold {', '.join(unread)}, which {engine} does not read",
            where=fact.settings.where,
            hint=to_type(
                "Take them out, or let upgrade-kit rewrite-settings do it; where nothing else is in it:",
                "'OPTIONS': {},",
            ),
        )
    ]


@check(
    "UK514",
    "The target still reads every setting of the site",
    reads=SettingsOnPath,
    section="qatrack/settings.py (v0.2.9.1 and v0.3.0); Django 1.8 to 1.10 release notes",
    crosses="0.3.0",
    remedy="Say it in the new words, or take it out.",
)
def settings_are_still_read(fact: SettingsOnPath) -> Answer:
    """What the target reads under another name falls back to what QATrack+ comes with, without a word."""
    if isinstance(fact.path, Unobserved):
        return fact.path
    target = fact.path.target
    gone = dict(target.settings_gone)
    return [
        warning(
            f"{target.version} does not read {name}; {gone[name]} takes its place",
            where=where,
            hint=to_type(
                f"Once the code of {target.version} is checked out, say in {gone[name]} what the site needs of it. "
                "This shows what the kit can write for you:",
                _rewrite(fact.settings.files),
            ),
        )
        for name, where in fact.settings.set_by_site
        if name in gone
    ]


@check(
    "UK515",
    "The site does not replace what the target's own settings must hold",
    reads=SettingsOnPath,
    section="qatrack/settings.py (v0.3.0), INSTALLED_APPS, LOGGING, ICON_SETTINGS; docs/facts.md, migrate.log",
    crosses="0.3.0",
    remedy="Take the setting out of qatrack/local_settings.py, so that the target's own counts, or add what it lacks.",
)
def lists_are_the_targets(fact: SettingsOnPath) -> Answer:
    """What was copied from 0.2.x lacks what 0.3.0 added: applications, the logger of migrate.log, kinds of icons."""
    if isinstance(fact.path, Unobserved):
        return fact.path
    completed = {
        change.name: _keys_missing(change, _rewrite(fact.settings.files))
        for hop in fact.path.hops
        for change in hop.settings
        if change.kind is ChangeKind.KEYS
    }
    judges = {"INSTALLED_APPS": _apps_missing, "LOGGING": _logger_missing, **completed}
    return tuple(
        finding for name, judge in judges.items() for finding in _judged(fact.settings, name, fact.path, judge)
    )


_Judge = Callable[[_Stated, UpgradePath], Iterator[Finding]]


def _judged(settings: Settings, name: str, path: UpgradePath, judge: _Judge) -> Iterator[Finding]:
    if name not in dict(settings.set_by_site):
        return
    stated = _stated(settings, name)
    if isinstance(stated, Unobserved):
        yield from _computed(settings, name, stated)
    elif stated is not None:
        yield from judge(stated, path)


def _apps_missing(stated: _Stated, path: UpgradePath) -> Iterator[Finding]:
    apps = stated.value if isinstance(stated.value, list | tuple) else ()
    wanted = [f"qatrack.{app}" for app, _ in path.target.migrations]
    missing = [app for app in wanted if app not in apps]
    if not missing and "south" not in apps:
        return
    wrong = [f"lacks {', '.join(missing)}"] if missing else []
    if "south" in apps:
        wrong.append("has south, which cannot be loaded there")
    yield error(
        f"the site's INSTALLED_APPS takes the place of {path.target.version}'s own; it {' and '.join(wrong)}",
        where=stated.where,
        hint="Take the whole of INSTALLED_APPS out of that file.",
    )


def _logger_missing(stated: _Stated, path: UpgradePath) -> Iterator[Finding]:
    loggers = stated.value.get("loggers", {}) if isinstance(stated.value, dict) else {}
    if isinstance(loggers, dict) and "qatrack.migrations" in loggers:
        return
    yield warning(
        "the site's LOGGING lacks the logger qatrack.migrations: the list of upload tests and the files that could not "
        "be moved would not be in logs/migrate.log",
        where=stated.where,
        hint=f"Take it out until {path.target.version} is in place, or keep what the screen shows of the migration.",
    )


def _keys_missing(change: SettingChange, command: str) -> _Judge:
    def judge(stated: _Stated, path: UpgradePath) -> Iterator[Finding]:
        there = stated.value if isinstance(stated.value, dict) else {}
        missing = [key for key, _ in change.keys if key not in there]
        if missing:
            yield warning(
                f"the site's {change.name} lacks {', '.join(missing)}, which {path.target.version} looks up in it: "
                "its lists of tests would answer with an error",
                where=stated.where,
                hint=to_type("Add them, or let the kit do it:", command),
            )

    return judge


CHECKS = (
    local_settings_are_read,
    settings_are_python_3,
    settings_are_known,
    debug_is_off,
    hosts_are_named,
    time_zone_is_known,
    secret_key_is_own,
    secrets_are_not_open,
    imports_are_found,
    server_is_written_right,
    options_are_read,
    settings_are_still_read,
    lists_are_the_targets,
)
