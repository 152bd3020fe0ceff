"""Reads what a site's settings say, without importing or running them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath, PureWindowsPath

from packaging.version import Version

from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.checkout import declared_version
from upgrade_kit.deployment.module_reader import SiteReader
from upgrade_kit.deployment.static_values import Dotted, Function, Names, SiteModule, Value
from upgrade_kit.errors import SiteError
from upgrade_kit.model.deployment import (
    DatabaseSettings,
    Settings,
)
from upgrade_kit.model.secret_words import SECRET_NAME
from upgrade_kit.model.unobserved import Unobserved

HIDDEN = "(hidden)"
_SECRET_IN_TEXT = re.compile(
    r"(?<=://)([^\s:/@]*):[^\s/@]+(?=@)|((?:password|passwd|pwd)\s*=\s*)[^;&\s'\"]+", re.IGNORECASE
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_ALTERS_AS_BEFORE = re.compile(
    rb"^[^#\r\n]*\blegacy_alter_table\s*=\s*(?:ON|1|TRUE|YES)\b", re.MULTILINE | re.IGNORECASE
)
_SHORTEST_SECRET_WITHIN_TEXT = 4

# ENGINE by its last part; 0.2.x also took the bare word.
_VENDORS: Mapping[str, str] = {
    "sqlite3": "sqlite",
    "postgresql": "postgresql",
    "postgresql_psycopg2": "postgresql",
    "postgis": "postgresql",
    "mysql": "mysql",
    "sqlserver_ado": "microsoft",
    "django_mssql": "microsoft",
    "sqlserver": "microsoft",
    "mssql": "microsoft",
    "sql_server.pyodbc": "microsoft",
}
# OPTIONS that mean the same to the driver that reads the database here.
_DRIVER_OPTIONS: Mapping[str, frozenset[str]] = {
    "microsoft": frozenset(("driver", "extra_params", "dsn", "host_is_server")),
    "postgresql": frozenset(("sslmode", "sslrootcert", "sslcert", "sslkey", "service")),
    "mysql": frozenset(("read_default_file", "unix_socket", "charset")),
    "sqlite": frozenset(),
}


def read_settings(
    root: Path, password: str | None = None
) -> tuple[Settings | Unobserved, DatabaseAddress | Unobserved]:
    """Read ``qatrack/settings.py`` and what it imports from the site, above all ``local_settings.py``.

    The values are those that ``manage.py migrate`` would see if it were started in ``root``.

    Args:
        root: the folder that holds ``manage.py``.
        password: the database password to use instead of the one in the files.

    Returns:
        What the settings say without any secret, and the address of the default database with its password.
    """
    reader = SiteReader(root, implicit_relative=_is_python2(root))
    path = root / "qatrack" / "settings.py"
    try:
        if not path.is_file():
            return _both(Unobserved(f"there is no {reader.shown(path)} in {root}"))
        return _told(root, reader.read(path).names, reader, password)
    except SiteError as error:
        return _both(Unobserved(error.message))
    except OSError as error:
        return _both(Unobserved(f"{error.filename or path} cannot be read: {error.strerror or error}"))
    except RecursionError:
        return _both(Unobserved(f"{reader.shown(path)} holds values that are nested too deeply"))


def _told(
    root: Path, names: Names, reader: SiteReader, password: str | None
) -> tuple[Settings, DatabaseAddress | Unobserved]:
    default = _default_database(names)
    address = default if isinstance(default, Unobserved) else _address(default, root, password)
    hide = _Hider(names)
    settings = Settings(
        files=tuple(reader.files),
        values=_known_values(names, hide),
        unknown=_unknown_values(names, hide),
        database=default if isinstance(default, Unobserved) else _database_settings(default, names, hide),
        media_root=_folder(names, "MEDIA_ROOT", root),
        python2_only=tuple(reader.python2_only),
        undeclared=tuple(reader.undeclared),
        notes=tuple(map(hide.sentence, (*reader.notes, *_notes(root, reader.files, default)))),
        set_by_site=_set_by_site(names),
        imports=tuple(reader.imports),
        has_published_key=_has_published_key(names),
        has_known_zone=_has_known_zone(names),
        open_to_all=_open_to_all(root, names, default),
        alters_as_before=any(_ALTERS_AS_BEFORE.search(file.read_bytes()) for file in reader.files),
    )
    if isinstance(address, Unobserved):
        address = hide.reason(address)
    return settings, address


def _both(reason: Unobserved) -> tuple[Unobserved, Unobserved]:
    return reason, Unobserved(f"the settings could not be read: {reason.reason}")


def _is_python2(root: Path) -> bool:
    declared = declared_version(root)
    version = declared[0] if not isinstance(declared, Unobserved) else None
    return version is None or version < Version("0.3.dev0")


# Secrets: where they are, and who may read them

# The SHA-256 of the SECRET_KEY in qatrack/settings.py, the same from 0.2.5 to 3.1.1.4.
_PUBLISHED_KEY_SHA256 = "1a13ae4ed7dd0d456d1e9a3ac684bf5e7547104d695efeb6a97dc56203fe5d0d"
_PUBLISHED_WORDS = frozenset(("your_password_here",))  # EMAIL_HOST_PASSWORD as it comes
_PASSWORD_NAME = re.compile(r"PASS|PWD|SECRET_KEY|(?:^|_)PW(?:$|_)", re.IGNORECASE)


def _has_published_key(names: Names) -> bool | Unobserved:
    bound = names.get("SECRET_KEY")
    if bound is None:
        return True  # the target's own settings.py has it
    if isinstance(bound.value, Unobserved):
        return Unobserved(f"SECRET_KEY is computed when the settings are imported ({bound.where})")
    return isinstance(bound.value, str) and _is_published_key(bound.value)


def _is_published_key(text: str) -> bool:
    from hashlib import sha256  # noqa: PLC0415 - only where a site has settings

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest() == _PUBLISHED_KEY_SHA256


def _open_to_all(
    root: Path, names: Names, default: Mapping[str, Value] | Unobserved
) -> tuple[tuple[str, tuple[str, ...]], ...] | Unobserved:
    """Return the files with a secret in them that anybody on this machine may read."""
    if os.name != "posix":
        return Unobserved("who may read a file is not looked at on Windows", asked=False)
    holders: dict[str, list[str]] = {}
    for name, bound in names.items():
        value = default.get("PASSWORD") if name == "DATABASES" and not isinstance(default, Unobserved) else bound.value
        if name != "DATABASES" and not (name.isupper() and _PASSWORD_NAME.search(name)):
            continue
        if isinstance(value, str) and value and value not in _PUBLISHED_WORDS and not _is_published_key(value):
            shown = f"{name}['default']['PASSWORD']" if name == "DATABASES" else name
            holders.setdefault(bound.where.rpartition(":")[0], []).append(shown)
    try:
        return tuple((file, tuple(held)) for file, held in holders.items() if file and _anybody_reads(root / file))
    except OSError as error:
        return Unobserved(f"the permissions of {error.filename} cannot be read: {error.strerror}")


def _anybody_reads(file: Path) -> bool:
    """Return whether the file's mode, and that of each folder on the way to it, lets everybody read it."""
    path = file.resolve()
    return bool(path.stat().st_mode & stat.S_IROTH) and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in path.parents
    )


# What may be shown


class _Hider:
    """Takes secrets out of texts.

    Args:
        names: the settings; the value of each name that speaks of a secret is one, at any depth, unless the database
            goes by the same word.
    """

    def __init__(self, names: Names) -> None:
        found: set[str] = set()
        for name, bound in names.items():
            _collect_secrets(name, bound.value, found)
        self._exact = found - _public_words(names)
        long = {text for text in self._exact if len(text) >= _SHORTEST_SECRET_WITHIN_TEXT}
        # Also as Python writes it, with its backslashes doubled.
        self._within = sorted(long | {repr(text)[1:-1] for text in long}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._within:
            text = text.replace(secret, HIDDEN)
        return _SECRET_IN_TEXT.sub(lambda found: f"{found[2] or (found[1] + ':')}{HIDDEN}", text)

    def sentence(self, text: str) -> str:
        """Return a sentence with nothing hidden but in the quoted parts: the rest is not the site's own text."""
        return _QUOTED.sub(lambda found: self(found[0]), text)

    def reason(self, unobserved: Unobserved) -> Unobserved:
        return Unobserved(self.sentence(unobserved.reason), asked=unobserved.asked)

    def value(self, name: object, value: Value) -> str:
        """Return a value as Python text."""
        if isinstance(name, str) and SECRET_NAME.search(name) and value not in ("", None):
            return f"'{HIDDEN}'"
        match value:
            case dict():
                return "{" + ", ".join(f"{key!r}: {self.value(key, item)}" for key, item in value.items()) + "}"
            case list():
                return "[" + ", ".join(self.value(None, item) for item in value) + "]"
            case tuple():
                items = ", ".join(self.value(None, item) for item in value)
                return f"({items},)" if len(value) == 1 else f"({items})"
            case Unobserved():
                return f"<unknown: {self.sentence(value.reason)}>"
            case Dotted() | Function():
                return f"<{value.name}>"
            case str() if value in self._exact:
                return f"'{HIDDEN}'"
            case _:
                return self(_text_of(value))


def _collect_secrets(name: object, value: Value, found: set[str], *, inside: bool = False) -> None:
    inside = inside or (isinstance(name, str) and SECRET_NAME.search(name) is not None)
    if isinstance(value, dict):
        for key, item in value.items():
            _collect_secrets(key, item, found, inside=inside)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect_secrets(None, item, found, inside=inside)
    elif inside and isinstance(value, str) and value:
        found.add(value)


def _public_words(names: Names) -> frozenset[str]:
    """Return how the database is called; where a password is no more than that, hiding it spoils other texts."""
    default = _default_database(names)
    if isinstance(default, Unobserved):
        return frozenset()
    return frozenset(text for key in ("ENGINE", "HOST", "NAME", "USER") if isinstance(text := default.get(key), str))


def _text_of(value: Value) -> str:
    try:
        return repr(value)
    except ValueError:  # a number of more than 4300 digits
        return "<a very long number>"


def _known_values(names: Names, hide: _Hider) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, hide.value(name, bound.value), bound.where)
        for name, bound in names.items()
        if name.isupper() and not isinstance(bound.value, Unobserved | Dotted | Function | SiteModule)
    )


def _unknown_values(names: Names, hide: _Hider) -> tuple[tuple[str, Unobserved], ...]:
    unknown = []
    for name, bound in names.items():
        match bound.value:
            case Unobserved() as reason if name.isupper():
                unknown.append((name, hide.reason(reason)))
            case Function() if name.isupper():
                unknown.append((name, Unobserved(f"a function or class ({bound.where})")))
            case Dotted(source) if name.isupper():
                unknown.append(
                    (name, Unobserved(f"comes from {source}, which is not part of the site ({bound.where})"))
                )
            case _:
                pass
    return tuple(unknown)


def _set_by_site(names: Names) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, bound.where)
        for name, bound in names.items()
        if name.isupper()
        and bound.where
        and not bound.where.startswith("qatrack/settings.py:")
        # Set in settings.py, and then put in doubt by a line of another file.
        and not (isinstance(bound.value, Unobserved) and bound.value.reason.startswith("may be "))
    )


# The database


def _default_database(names: Names) -> Mapping[str, Value] | Unobserved:
    bound = names.get("DATABASES")
    if bound is None:
        return Unobserved("no file of the settings sets DATABASES")
    databases = bound.value
    default = databases.get("default") if isinstance(databases, dict) else databases
    if isinstance(default, Unobserved):
        return Unobserved(f"DATABASES['default'] cannot be known: {default.reason}")
    if not isinstance(default, dict) or not default:
        return Unobserved(f"DATABASES['default'] is not a dict with entries ({bound.where})")
    return default


def _text(default: Mapping[str, Value], key: str) -> str | Unobserved:
    match default.get(key, ""):
        case None:
            return ""
        case str() as text:
            return text
        case bool() | bytes() | list() | dict() | tuple() | Dotted() | Function() | SiteModule():
            return Unobserved(f"{key} of DATABASES['default'] is not text")
        case int() as number:
            return str(number)
        case Unobserved() as unknown:
            return Unobserved(f"{key} of DATABASES['default']: {unknown.reason}")
        case _:
            return Unobserved(f"{key} of DATABASES['default'] is not text")


def _shown_text(default: Mapping[str, Value], key: str, hide: _Hider) -> str | Unobserved:
    text = _text(default, key)
    return hide.reason(text) if isinstance(text, Unobserved) else text


def _database_settings(default: Mapping[str, Value], names: Names, hide: _Hider) -> DatabaseSettings:
    stated = {key: _shown_text(default, key, hide) for key in ("ENGINE", "NAME", "USER", "HOST", "PORT")}
    secret = _text(default, "PASSWORD")
    return DatabaseSettings(
        engine=stated["ENGINE"] or Unobserved("DATABASES['default'] has no ENGINE"),
        name=stated["NAME"],
        user=stated["USER"],
        host=stated["HOST"],
        port=stated["PORT"],
        options=_options(default, hide),
        has_password=hide.reason(secret) if isinstance(secret, Unobserved) else bool(secret),
        where=names["DATABASES"].where,
    )


def _options(default: Mapping[str, Value], hide: _Hider) -> tuple[tuple[str, str], ...] | Unobserved:
    match default.get("OPTIONS", {}):
        case dict() as options:
            return tuple(
                (
                    str(key),
                    hide(value)
                    if isinstance(value, str) and not SECRET_NAME.search(str(key))
                    else hide.value(key, value),
                )
                for key, value in options.items()
            )
        case Unobserved() as reason:
            return hide.reason(reason)
        case _:
            return Unobserved("OPTIONS of DATABASES['default'] is not a dict")


def vendor_of(engine: str) -> str | Unobserved:
    """Return the database vendor behind a Django ``ENGINE``."""
    for name in (engine, engine.rpartition(".")[2]):
        if name in _VENDORS:
            return _VENDORS[name]
    if "mssql" in engine or "sqlserver" in engine:
        return "microsoft"
    return Unobserved(f"the engine {engine!r} in the settings is none that QATrack+ is documented to use")


def _address(default: Mapping[str, Value], root: Path, password: str | None) -> DatabaseAddress | Unobserved:
    stated: dict[str, str] = {}
    for key in ("ENGINE", "NAME", "USER", "HOST", "PORT"):
        text = _text(default, key)
        if isinstance(text, Unobserved):
            return Unobserved(f"{text.reason}; name the database with --database")
        stated[key] = text
    vendor = vendor_of(stated["ENGINE"])
    if isinstance(vendor, Unobserved):
        return vendor
    if not stated["NAME"]:
        return Unobserved("DATABASES['default'] in the settings has no NAME")
    if vendor == "sqlite":
        return _sqlite_address(stated["NAME"], root)
    secret = password if password is not None else _text(default, "PASSWORD")
    if isinstance(secret, Unobserved):
        return Unobserved(f"{secret.reason}; give it in UPGRADE_KIT_PASSWORD")
    return DatabaseAddress(
        vendor=vendor,
        name=stated["NAME"],
        user=stated["USER"],
        password=secret,
        host=stated["HOST"],
        port=stated["PORT"],
        options=_driver_options(default, vendor),
    )


def _sqlite_address(name: str, root: Path) -> DatabaseAddress | Unobserved:
    if name == ":memory:" or name.startswith("file:"):
        return Unobserved("DATABASES['default'] in the settings is no file on disk")
    path = name if _is_absolute(name) else os.path.normpath(root / name)
    return DatabaseAddress(vendor="sqlite", name=os.path.normpath(path))


def _is_absolute(name: str) -> bool:
    return PurePath(name).is_absolute() or PureWindowsPath(name).is_absolute()


def _driver_options(default: Mapping[str, Value], vendor: str) -> tuple[tuple[str, str], ...]:
    options = default.get("OPTIONS")
    if not isinstance(options, dict):
        return ()
    return tuple(
        (key, str(value))
        for key, value in options.items()
        if key in _DRIVER_OPTIONS[vendor] and isinstance(value, str | int)
    )


# The time zone


def _has_known_zone(names: Names) -> bool | Unobserved:
    bound = names.get("TIME_ZONE")
    if bound is None or not isinstance(bound.value, str):
        return Unobserved("TIME_ZONE is no text", asked=False)
    known = _is_zone(bound.value)
    if not known and not _is_zone("UTC"):
        return Unobserved("this machine has no time zone data; to get them, type: python -m pip install tzdata")
    return known


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where a site has settings

    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # no name at all, the name of a folder, not there
        return False
    return True


# Folders and notes


def _folder(names: Names, name: str, root: Path) -> Path | Unobserved:
    bound = names.get(name)
    if bound is None:
        return Unobserved(f"no file of the settings sets {name}")
    if isinstance(bound.value, Unobserved):
        return bound.value
    if not isinstance(bound.value, str) or not bound.value:
        return Unobserved(f"{name} is not a path ({bound.where})")
    return Path(os.path.normpath(root / bound.value))


def _notes(root: Path, files: Sequence[Path], default: Mapping[str, Value] | Unobserved) -> list[str]:
    notes = []
    beside = root / "local_settings.py"
    inside = root / "qatrack" / "local_settings.py"
    if beside in files:
        notes.append(
            "local_settings.py beside manage.py is in use;"
            " 0.3.0 reads only qatrack/local_settings.py and would pass over it"
        )
    elif beside.is_file():
        notes.append("local_settings.py beside manage.py is not in use: only qatrack/local_settings.py counts here")
    if inside not in files and beside not in files:
        notes.append("there is no local_settings.py: the values are those that QATrack+ came with")
    if not isinstance(default, Unobserved):
        name = default.get("NAME")
        engine = default.get("ENGINE")
        if (
            isinstance(name, str)
            and isinstance(engine, str)
            and vendor_of(engine) == "sqlite"
            and not _is_absolute(name)
        ):
            notes.append(f"the database file {name!r} is relative; it is looked for in {root}, where manage.py is")
    return notes
