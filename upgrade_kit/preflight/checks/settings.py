"""Will the target read the site's settings, and read them the same?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from upgrade_kit.model.deployment import DatabaseSettings, Settings, Unobserved
from upgrade_kit.model.finding import Passed
from upgrade_kit.preflight.check import Answer, check, error, to_type, warning

_LOCAL = "local_settings.py"


@check(
    "UK501",
    "local_settings.py is where the target reads it",
    reads=Settings,
    crosses="0.3.0",
    section="qatrack/settings.py (v0.2.9.1 and v0.3.0), last lines; docs/facts.md, Settings",
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


def _beside_manage_py(files: tuple[Path, ...]) -> Path | None:
    roots = {file.parent.parent for file in files if file.name == "settings.py"}
    return next((file for file in files if file.name == _LOCAL and file.parent in roots), None)


@check(
    "UK502",
    "The settings are Python 3 as well",
    reads=Settings,
    crosses="0.3.0",
    section="docs/install/win.rst and linux.rst (v0.3.0), Update your local_settings.py file; docs/facts.md, Settings",
)
def settings_are_python_3(settings: Settings) -> Answer:
    """Settings that only Python 2 can parse stop every command of 0.3.0."""
    return [
        error(
            f"{place} can be parsed by Python 2 only",
            where=place,
            hint=to_type(
                "Write it so that both can read it (print(x), except E as e, 0o755), then let Python 3 try:",
                "python3 -m py_compile qatrack/local_settings.py",
            ),
        )
        for place in settings.python2_only
    ]


@check(
    "UK503",
    "The settings that the upgrade depends on can be known without running them",
    reads=Settings,
    section="the kit itself: it never imports a site's settings",
)
def settings_are_known(settings: Settings) -> Answer:
    """What is computed when the settings are imported cannot be checked; a person has to look."""
    if isinstance(settings.database, Unobserved):
        return settings.database
    unknown = [
        f"{name} ({value.reason})"
        for name, value in _needed(settings, settings.database)
        if isinstance(value, Unobserved)
    ]
    if not unknown:
        return Passed(", ".join(str(file) for file in settings.files))
    return [
        warning(
            f"not known, because computed when the settings are imported: {'; '.join(unknown)}",
            where=settings.database.where,
            hint="Look up what each comes to. Where the database is meant, give it with --database.",
        )
    ]


def _needed(settings: Settings, database: DatabaseSettings) -> Iterator[tuple[str, object]]:
    yield "MEDIA_ROOT", settings.media_root
    for key in ("engine", "name", "user", "host", "port", "options"):
        yield f"DATABASES['default']['{key.upper()}']", getattr(database, key)
