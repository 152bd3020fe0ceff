"""Runs a part of a test as a user who may not do everything, where the tests themselves run as root."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable
from typing import TypeVar

SeenT = TypeVar("SeenT")
_NOBODY = 65534


def as_ordinary_user(look: Callable[[], SeenT]) -> SeenT:
    """Return what a function gives when nobody in particular calls it. It may read no file that only root can."""
    if os.geteuid() != 0:
        return look()
    look()  # whatever it imports, an ordinary user may not be able to read
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, which this one needs none of
        child = os.fork()
    if not child:
        try:
            os.close(reading)
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(look(), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    assert told, "the ordinary user could not look"
    seen: SeenT = pickle.loads(told)  # noqa: S301 - from the child above
    return seen
