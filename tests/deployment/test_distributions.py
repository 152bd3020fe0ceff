from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from upgrade_kit.deployment.distributions import find_site_packages, read_distributions
from upgrade_kit.model.environment import Distribution
from upgrade_kit.model.unobserved import Unobserved

posix = pytest.mark.skipif(sys.platform == "win32", reason="uses links")


def metadata(place: Path, text: str | bytes, name: str = "METADATA") -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return place


def read(folder: Path) -> tuple[tuple[Distribution, ...], tuple[tuple[str, str], ...]]:
    answer = read_distributions([folder])
    assert not isinstance(answer, Unobserved)
    return answer


def test_what_it_needs_is_read_without_extras(tmp_path: Path) -> None:
    text = (
        "Name: Sample_One\nVersion: 1.0\nRequires-Dist: Other.Two (>=1)\nRequires-Dist: x; extra == 'a'\n\nName: no\n"
    )
    metadata(tmp_path / "Sample_One-1.0.dist-info", text)
    assert read(tmp_path) == ((Distribution(name="sample-one", version="1.0", needs=("other-two",)),), ())


def test_an_egg_folder_and_its_requirements_are_read(tmp_path: Path) -> None:
    place = metadata(tmp_path / "old-2.0-py2.7.egg" / "EGG-INFO", "Name: old\nVersion: 2.0\n", "PKG-INFO")
    metadata(place, "a>=1\n\n[:python_version<'3']\nb\n[docs]\nc\n", "requires.txt")
    assert read(tmp_path)[0] == (Distribution(name="old", version="2.0", needs=("a", "b")),)


def test_an_egg_info_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "flat-3.1-py2.7.egg-info").write_bytes(b"Metadata-Version: 1.0\r\nName: flat\r\nVersion: 3.1\r\n")
    assert read(tmp_path)[0] == (Distribution(name="flat", version="3.1"),)


def test_a_link_to_a_source_is_followed(tmp_path: Path) -> None:
    metadata(tmp_path / "src" / "own.egg-info", "Name: own\nVersion: 7\n", "PKG-INFO")
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "own.egg-link").write_text(f"{tmp_path / 'src'}\n.", encoding="utf-8")
    (packages / "gone.egg-link").write_text("/nowhere/at/all\n.", encoding="utf-8")
    found, odd = read(packages)
    assert found == (Distribution(name="own", version="7"),)
    assert [Path(place).name for place, _ in odd] == ["gone.egg-link"]


def test_the_folder_says_what_the_file_does_not(tmp_path: Path) -> None:
    metadata(tmp_path / "broken-1.5.dist-info", b"\xff\xfe\x00 no fields")
    assert read(tmp_path)[0] == (Distribution(name="broken", version="1.5"),)


@pytest.mark.parametrize(
    "text",
    [b"", b"\0" * 4096, b"Name: ../..\nVersion: 1\n", b"Name:\nVersion:\n", b"Version: 1\nName: \xff\xff\n"],
)
def test_metadata_that_say_nothing_are_told(tmp_path: Path, text: bytes) -> None:
    metadata(tmp_path / "x.dist-info", text)
    found, odd = read(tmp_path)
    assert found == () or found[0].name == "x"
    assert bool(odd) != bool(found)


def test_a_huge_file_is_read_no_further_than_its_head(tmp_path: Path) -> None:
    place = metadata(tmp_path / "huge-1.dist-info", "Name: huge\nVersion: 1\n\n")
    with (place / "METADATA").open("ab") as stream:
        stream.truncate(1024**3)  # sparse
    assert read(tmp_path)[0] == (Distribution(name="huge", version="1"),)


@posix
def test_loops_pipes_and_folders_in_place_of_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "loop-1.dist-info").symlink_to(tmp_path / "loop-1.dist-info")
    os.mkfifo(metadata(tmp_path / "pipe-1.dist-info", b"", "INSTALLER") / "METADATA")
    (tmp_path / "folder-1.dist-info" / "METADATA").mkdir(parents=True)
    found, odd = read(tmp_path)
    assert found == ()
    assert {Path(place).name for place, _ in odd} == {"loop-1.dist-info", "pipe-1.dist-info", "folder-1.dist-info"}


def test_what_is_no_metadata_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "django").mkdir()
    (tmp_path / "six.py").write_text("", encoding="utf-8")
    (tmp_path / "zipped.egg").write_bytes(b"PK")
    assert read(tmp_path) == ((), ())


def test_what_comes_first_hides_what_comes_later(tmp_path: Path) -> None:
    for folder, version in (("a", "1"), ("b", "2")):
        metadata(tmp_path / folder / "x.dist-info", f"Name: x\nVersion: {version}\n")
    answer = read_distributions([tmp_path / "a", tmp_path / "b"])
    assert answer == ((Distribution(name="x", version="1"),), ())


def test_a_folder_that_is_not_there_is_unobserved(tmp_path: Path) -> None:
    assert isinstance(read_distributions([tmp_path / "gone"]), Unobserved)


def test_both_layouts_are_found(tmp_path: Path) -> None:
    (tmp_path / "w" / "Lib" / "site-packages").mkdir(parents=True)
    (tmp_path / "u" / "lib" / "python2.7" / "site-packages").mkdir(parents=True)
    (tmp_path / "u" / "lib" / "tcl8.6" / "site-packages").mkdir(parents=True)
    assert find_site_packages(tmp_path / "w") == (tmp_path / "w" / "Lib" / "site-packages",)
    assert find_site_packages(tmp_path / "u") == (tmp_path / "u" / "lib" / "python2.7" / "site-packages",)
    assert find_site_packages(tmp_path / "gone") == ()


def test_a_real_environment_agrees_with_its_own_pip(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    folders = find_site_packages(tmp_path / "env")
    answer = read_distributions(folders)
    assert not isinstance(answer, Unobserved)
    program = next(path for path in (tmp_path / "env").glob("*/python*") if path.parent.name in {"bin", "Scripts"})
    listed = subprocess.run(
        [program, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert sorted(f"{one.name}=={one.version}" for one in answer[0]) == sorted(listed)


@pytest.mark.parametrize(("version", "number"), [("1.0", "1.0"), ("dev-2013", None), ("", None)])
def test_a_version_is_a_number_or_none(version: str, number: str | None) -> None:
    found = Distribution(name="x", version=version).number
    assert (None if found is None else str(found)) == number
