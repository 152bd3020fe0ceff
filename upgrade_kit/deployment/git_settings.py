"""Reads what git is set to do in one repository, as far as an upgrade depends on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from upgrade_kit.deployment.git import GitAsker
from upgrade_kit.model.repository import Remote
from upgrade_kit.model.unobserved import Unobserved

_SCP_LIKE = re.compile(r"(?:[^@/\\:]+@)?(?P<host>[\w.-]{2,}):(?P<path>(?!//).*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GitSettings:
    """Every value by its name; git writes the first and the last part of a name in small letters."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, git: GitAsker) -> Self | Unobserved:
        """Read them all: the machine's, the user's and the repository's."""
        lines = git.fields("config", "-z", "--list")
        if isinstance(lines, Unobserved):
            return lines
        values: dict[str, tuple[str, ...]] = {}
        for line in lines:
            name, _, value = line.partition("\n")
            values[name] = (*values.get(name, ()), value)
        return cls(values)

    def is_on(self, name: str) -> bool:
        """Return whether a switch is on; a name without a value means on, and so does an empty one here."""
        return name in self.values and self.values[name][-1].lower() in {"true", "yes", "on", "1", ""}

    def without_filters(self, git: GitAsker) -> GitAsker | Unobserved:
        """Return a git that runs no program that the settings name for files (``filter.lfs.clean``)."""
        names = {name[len("filter.") :].rpartition(".")[0] for name in self.values if name.startswith("filter.")}
        odd = sorted(name for name in names if "=" in name)
        if odd:
            return Unobserved(
                f"git is set to run a program named {odd[0]!r} on files, which cannot be kept from running"
            )
        switches = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
        options = [f"filter.{name}.{key}={value}" for name in sorted(names) for key, value in switches]
        return git.but_with(*(part for option in options for part in ("-c", option)))

    def address_of(self, remote: str) -> str | None:
        """Return where git would fetch from, user and password included."""
        found = self.values.get(f"remote.{remote}.url")
        return None if not found else self._rewritten(found[0])

    def remotes(self) -> tuple[Remote, ...]:
        """Return where git would fetch from, by name, with nothing in it that could be a password."""
        urls = sorted(name for name in self.values if re.fullmatch(r"remote\..+\.url", name, re.DOTALL))
        names = [url[len("remote.") : -len(".url")] for url in urls]
        return tuple(Remote(name=name, address=without_secrets(self.address_of(name) or "")) for name in names)

    def _rewritten(self, address: str) -> str:
        """Apply ``url.<base>.insteadOf``; the longest prefix counts."""
        bases = [
            (prefix, name[len("url.") : -len(".insteadof")])
            for name, prefixes in self.values.items()
            if re.fullmatch(r"url\..+\.insteadof", name, re.DOTALL)
            for prefix in prefixes
            if prefix and address.startswith(prefix)
        ]
        if not bases:
            return address
        prefix, base = max(bases, key=lambda pair: len(pair[0]))
        return base + address[len(prefix) :]


def without_secrets(address: str) -> str:
    """Return an address without user, password, query and fragment."""
    if "://" in address:
        scheme, _, rest = address.partition("://")
        host, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
        if "@" in path and "@" not in host and ":" in host:  # a password with a / in it that nobody escaped
            host, slash, path = path.rpartition("@")[2].partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    scp = _SCP_LIKE.fullmatch(address)
    return f"{scp['host']}:{scp['path']}" if scp else address


def local_folder(address: str) -> Path | None:
    """Return the folder of this machine that an address names, or ``None`` where it is elsewhere."""
    if address.startswith("file://"):
        parts = urlsplit(address)
        return None if parts.netloc else Path(unquote(parts.path))
    if "://" in address or address.startswith(("\\\\", "//")) or _SCP_LIKE.fullmatch(address):
        return None  # a share of another machine may take long to answer
    return Path(address)
