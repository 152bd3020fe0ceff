"""The ODBC drivers of this machine, as the driver manager knows them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from upgrade_kit.deployment.asking import ask
from upgrade_kit.model.unobserved import Unobserved

_ASKING_SECONDS = 10.0


def find_odbc_drivers(environment: Mapping[str, str] | None = None) -> tuple[str, ...] | Unobserved:
    """Return the names of the drivers, sorted, or why they are not known.

    Asked is the driver manager through pyodbc, which reads the registry on Windows and ``odbcinst.ini`` elsewhere.
    Where pyodbc is not there, unixODBC's own ``odbcinst`` is asked.

    Args:
        environment: the environment to search for ``odbcinst``; ``None`` means this process's own.
    """
    try:
        import pyodbc  # noqa: PLC0415 - an extra
    except ImportError as error:  # not installed, or the driver manager itself is not there
        return _ask_odbcinst(str(error), environment)
    try:
        return tuple(sorted(map(str, pyodbc.drivers())))
    except (pyodbc.Error, RuntimeError, UnicodeError) as error:
        return Unobserved(f"the ODBC driver manager does not list its drivers: {error}")


def _ask_odbcinst(why: str, environment: Mapping[str, str] | None) -> tuple[str, ...] | Unobserved:
    searched = (os.environ if environment is None else environment).get("PATH")
    program = shutil.which("odbcinst", path=searched)
    if program is None:
        return Unobserved(
            f'pyodbc, which lists the ODBC drivers, cannot be used ({why}): pip install "upgrade-kit[sqlserver]"'
        )
    answer = ask([program, "-q", "-d"], timeout_seconds=_ASKING_SECONDS, environment=environment)
    if isinstance(answer, Unobserved):
        return Unobserved(f"{program} {answer.reason}")
    if answer.status != 0:
        return Unobserved(f"{program} does not list the ODBC drivers: {answer.last_line}")
    return odbcinst_names(answer.text)


def odbcinst_names(said: str) -> tuple[str, ...]:
    """Read the names in what ``odbcinst -q -d`` printed: each on a line, in square brackets."""
    lines = [line.strip() for line in said.splitlines()]
    return tuple(sorted(line[1:-1] for line in lines if line.startswith("[") and line.endswith("]")))
