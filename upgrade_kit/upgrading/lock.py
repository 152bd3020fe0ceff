"""Lets one upgrade of a site run at a time, whatever became of the one before."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from upgrade_kit.errors import UpgradeError

LOCK_NAME = "upgrade.lock"
MARK = "UPGRADE_KIT_UPGRADE"
"""The environment variable that every program of an upgrade inherits, its children too: the work folder."""


@contextmanager
def locked(work: Path) -> Iterator[None]:
    """Hold the upgrade's lock.

    The operating system gives the lock of a dead process free. What such a process started may still run, a migration
    for instance: that is found by the mark in its environment.

    Args:
        work: the upgrade's work folder, which exists.

    Raises:
        UpgradeError: another upgrade of this site runs, or a program that an earlier one started.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only an upgrade needs it

    lock = FileLock(work / LOCK_NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UpgradeError(
            f"another upgrade-kit upgrade of this site is running ({work / LOCK_NAME} is locked).",
            hint="Wait for it to end, or end it, then start this again.",
        ) from None
    except OSError as error:
        raise UpgradeError(
            f"{work / LOCK_NAME}: the lock cannot be taken: {error.strerror or error}.",
            hint="The work folder must be one that you may write to, and on a disk of this machine.",
        ) from error
    try:
        _refuse_survivors(work)
        yield
    finally:
        lock.release()


def marked(environment: Mapping[str, str], work: Path) -> dict[str, str]:
    """Return an environment whose programs are known as those of this upgrade."""
    return {**environment, MARK: os.fspath(work)}


def _refuse_survivors(work: Path) -> None:
    """Refuse while a program of an upgrade that is gone still runs.

    Raises:
        UpgradeError: one does; names it.
    """
    import psutil  # noqa: PLC0415 - only an upgrade needs it

    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.environ().get(MARK) != os.fspath(work):
                continue
            words = " ".join(process.cmdline()) or process.name()
        except psutil.Error:  # ended meanwhile, or of another user, who cannot have started it
            continue
        raise UpgradeError(
            f"a program that an earlier upgrade started is still running: {words} (process {process.pid}).",
            hint="Let it end by itself, so that it leaves nothing half done; then start this again.",
        )
