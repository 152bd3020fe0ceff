"""Reads what is installed in an environment from its metadata files; runs nothing of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from packaging.utils import canonicalize_name

from upgrade_kit.model.environment import Distribution
from upgrade_kit.model.unobserved import Unobserved

HEAD_BYTES = 512 * 1024  # of a metadata file: its fields come before the description
_FOLDERS_AT_MOST = 5000
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_NEED = re.compile(r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)")


def find_site_packages(folder: Path) -> tuple[Path, ...]:
    """Return the folders in which an environment keeps what is installed, on Windows and elsewhere."""
    there = [folder / "Lib" / "site-packages"]
    for library in (folder / "lib", folder / "local" / "lib"):
        for version in _entries(library):
            if re.fullmatch(r"python\d+(\.\d+)?", version.name):
                there += [version / "site-packages", version / "dist-packages"]
    found: dict[Path, Path] = {}
    for path in there:
        if _is_folder(path):
            found.setdefault(path.resolve(), path)
    return tuple(found.values())


def read_distributions(
    folders: Sequence[Path],
) -> tuple[tuple[Distribution, ...], tuple[tuple[str, str], ...]] | Unobserved:
    """Return what is installed in these folders, and ``(file, reason)`` of metadata that cannot be read.

    Args:
        folders: ``site-packages`` and the like; what comes first hides what comes later.
    """
    found: dict[str, Distribution] = {}
    odd: list[tuple[str, str]] = []
    for folder in folders:
        try:
            entries = sorted(folder.iterdir())[:_FOLDERS_AT_MOST]
        except OSError as error:
            return Unobserved(f"{folder} cannot be looked into: {error.strerror or error}")
        for entry in entries:
            for place in _places(entry):
                read = _read(place)
                if isinstance(read, Unobserved):
                    odd.append((str(place), read.reason))
                else:
                    found.setdefault(read.name, read)
    return tuple(sorted(found.values(), key=lambda one: one.name)), tuple(odd)


def _places(entry: Path) -> Iterator[Path]:
    """Yield the metadata that an entry of ``site-packages`` is or leads to."""
    match entry.suffix:
        case ".dist-info" | ".egg-info":
            yield entry
        case ".egg" if _is_folder(entry):
            yield entry / "EGG-INFO"
        case ".egg-link":  # what "pip install -e" leaves: the folder of the source
            yield from _in_source(entry) or [entry]
        case _:
            pass


def _in_source(link: Path) -> list[Path]:
    try:
        source = _head(link).partition("\n")[0].strip()
    except OSError:
        return []
    return [one for one in _entries(Path(source)) if one.suffix == ".egg-info"] if source else []


def _read(place: Path) -> Distribution | Unobserved:
    """Read a distribution from its metadata; what its folder is called stands in where the file does not say."""
    fields = _fields_of(place)
    if isinstance(fields, Unobserved):
        return fields
    stem, _, rest = place.stem.partition("-")
    stated = dict(reversed(fields))
    name, version = stated.get("name", stem), stated.get("version", rest.partition("-py")[0])
    if not (_NAME.fullmatch(name) and version):
        return Unobserved("its metadata name no distribution and no version")
    needs = [value for key, value in fields if key == "requires-dist" and "extra ==" not in value]
    needs += _needs_of_egg(place / "requires.txt")
    named = (found[1] for found in map(_NEED.match, needs) if found is not None)
    return Distribution(
        name=canonicalize_name(name),
        version=version[:50],
        needs=tuple(sorted({str(canonicalize_name(one)) for one in named})),
    )


def _fields_of(place: Path) -> list[tuple[str, str]] | Unobserved:
    for file in (place / "METADATA", place / "PKG-INFO") if _is_folder(place) else (place,):
        try:
            return _fields(_head(file))
        except FileNotFoundError:
            continue
        except OSError as error:
            return Unobserved(f"it cannot be read: {error.strerror or error}")
    return Unobserved("it holds no METADATA and no PKG-INFO")


def _fields(head: str) -> list[tuple[str, str]]:
    """Return the fields of a metadata file, which end at the first empty line."""
    fields = []
    for line in head.splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon and not key[:1].isspace():
            fields.append((key.strip().lower(), value.strip()))
    return fields


def _needs_of_egg(file: Path) -> list[str]:
    """Return what stands before the first section of an extra; sections that begin with a colon are of no extra."""
    try:
        lines = _head(file).splitlines()
    except OSError:
        return []
    needs, counts = [], True
    for line in map(str.strip, lines):
        if line.startswith("["):
            counts = line.startswith("[:")
        elif line and counts:
            needs.append(line)
    return needs


def _head(file: Path) -> str:
    if not S_ISREG(file.stat().st_mode):
        raise FileNotFoundError(file)
    with file.open("rb") as stream:
        return stream.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (OSError, ValueError):
        return []
