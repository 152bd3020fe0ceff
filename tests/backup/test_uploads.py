from __future__ import annotations

import dataclasses
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interrupts import interrupted_runs, meanwhile
from upgrade_kit.backup import uploads as uploads_module
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.uploads import LISTING, _copy, _refuse_name, copy_uploads, prove_uploads, restore_uploads
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment import whole_file
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.manifests import file_sha256, read_manifest
from upgrade_kit.deployment.whole_file import make_private
from upgrade_kit.errors import BackupError
from upgrade_kit.model.backup import Backup, UnverifiedBackup, Uploads
from upgrade_kit.model.unobserved import Unobserved

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names, links or pipes")


def tree(folder: Path) -> dict[str, bytes]:
    """Return every plain file below a folder by its relative name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def copied(folder: Path, to: Path) -> Uploads:
    archive = to / "x.uploads.zip"
    make_private(archive)
    return copy_uploads(folder, archive, archive)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """An uploads folder as a site has one."""
    folder = tmp_path / "media" / "uploads"
    for name, data in (("1/profile.txt", b"1 2.5\n"), ("1/image.dcm", bytes(range(256)) * 100), ("tmp/a_b.csv", b"")):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


@pytest.fixture
def source(database: Path) -> DatabaseAddress:
    return DatabaseAddress(vendor="sqlite", name=str(database))


# --- there and back ----------------------------------------------------------------------------------


def test_every_file_comes_back_byte_for_byte(uploads: Path, tmp_path: Path) -> None:
    archive = copied(uploads, tmp_path)
    restore_uploads(archive, tmp_path / "back")
    assert tree(tmp_path / "back") == tree(uploads)
    assert (archive.files, archive.bytes) == (3, 25606)
    assert (archive.missing, archive.changed) == ((), ())


def test_the_archive_is_a_plain_zip(uploads: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(copied(uploads, tmp_path).file) as archive:
        assert archive.read("uploads/1/profile.txt") == b"1 2.5\n"
        assert archive.testzip() is None


def test_an_empty_folder_is_an_archive_without_files(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    archive = copied(tmp_path / "uploads", tmp_path)
    assert archive.files == 0
    assert prove_uploads(archive)


def test_times_come_back(uploads: Path, tmp_path: Path) -> None:
    os.utime(uploads / "1" / "profile.txt", (1_500_000_000, 1_500_000_000))
    restore_uploads(copied(uploads, tmp_path), tmp_path / "back")
    assert (tmp_path / "back" / "1" / "profile.txt").stat().st_mtime == 1_500_000_000


@pytest.mark.parametrize("moment", [0, 2**33 + 2**32])
def test_a_time_that_no_zip_can_hold_is_kept_all_the_same(uploads: Path, tmp_path: Path, moment: int) -> None:
    os.utime(uploads / "1" / "profile.txt", (moment, moment))
    restore_uploads(copied(uploads, tmp_path), tmp_path / "back")
    assert (tmp_path / "back" / "1" / "profile.txt").stat().st_mtime == moment


SCRIPTS = [
    "\u00e9t\u00e9.txt",
    "\u0431\u0430\u0437\u0430",
    "\u4e2d\u6587.dcm",
    "\U0001f600.csv",
    "\u202egnp.exe",
    "%41",
]


@pytest.mark.parametrize(
    "name",
    [
        *SCRIPTS,
        *(
            pytest.param(name, marks=POSIX)
            for name in ["a\\b", "a\nb", "a:b", 'a"b', "-x", "con", "x.", " a ", "\udcff.bin"]
        ),
        *(pytest.param(name, marks=POSIX) for name in ["\udcc3(", "\x01", LISTING]),
    ],
)
def test_names_of_any_script_go_there_and_back(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / name).write_bytes(b"data")
    archive = copied(folder, tmp_path)
    assert archive.missing == ()
    restore_uploads(archive, tmp_path / "back")
    assert tree(tmp_path / "back") == {name: b"data"}


@POSIX
def test_names_that_a_zip_cannot_tell_apart_both_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    for name in ("a\\b", "a%005Cb", "A\\b"):
        (folder / name).write_bytes(name.encode())
    restore_uploads(copied(folder, tmp_path), tmp_path / "back")
    assert tree(tmp_path / "back") == tree(folder)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in {".", ".."} and len(name.encode()) < 200
)


@POSIX
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(NAMES, st.binary(max_size=50), max_size=6))
def test_whatever_the_files_they_come_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "uploads").mkdir()
    for name, data in files.items():
        (folder / "uploads" / name).write_bytes(data)
    restore_uploads(copied(folder / "uploads", folder), folder / "back")
    assert tree(folder / "back") == files


# --- what is not copied is told ----------------------------------------------------------------------


@POSIX
def test_a_link_is_told_and_not_followed(uploads: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not the site's", encoding="utf-8")
    (uploads / "link").symlink_to(tmp_path / "secret")
    (uploads / "1" / "loop").symlink_to(uploads)
    archive = copied(uploads, tmp_path)
    assert archive.missing == ("link: a link, not followed", "1/loop: a link, not followed")
    assert archive.files == 3


@POSIX
def test_a_pipe_is_told_and_not_waited_for(uploads: Path, tmp_path: Path) -> None:
    os.mkfifo(uploads / "pipe")
    assert copied(uploads, tmp_path).missing == ("pipe: no plain file",)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="rights do not bind this account")
def test_a_file_that_may_not_be_read_is_told(uploads: Path, tmp_path: Path) -> None:
    (uploads / "1" / "profile.txt").chmod(0)
    assert copied(uploads, tmp_path).missing == ("1/profile.txt: Permission denied",)


def _during(uploads: Path, tmp_path: Path, happens: Callable[[], object]) -> Uploads:
    """Copy while something happens after the first file."""
    archive = tmp_path / "x.uploads.zip"
    seen: list[int] = []

    def progress(done: int, _total: int | None) -> None:
        if not seen:
            seen.append(done)
            happens()

    make_private(archive)
    return copy_uploads(uploads, archive, archive, progress)


def test_a_file_that_vanishes_is_told(uploads: Path, tmp_path: Path) -> None:
    archive = _during(uploads, tmp_path, (uploads / "tmp" / "a_b.csv").unlink)
    assert archive.missing == ("tmp/a_b.csv: No such file or directory",)
    assert archive.files == 2
    assert prove_uploads(archive)


@POSIX
def test_a_file_that_becomes_a_link_is_not_followed(uploads: Path, tmp_path: Path) -> None:
    def swap() -> None:
        (uploads / "tmp" / "a_b.csv").unlink()
        (uploads / "tmp" / "a_b.csv").symlink_to("/etc/hostname")

    (missing,) = _during(uploads, tmp_path, swap).missing
    assert missing.startswith("tmp/a_b.csv: ")


def test_a_file_that_is_written_to_while_it_is_read_is_told(uploads: Path, tmp_path: Path) -> None:
    growing = uploads / "0" / "growing.log"
    growing.parent.mkdir()
    growing.write_bytes(os.urandom(5_000_000))

    def grow() -> None:
        with growing.open("ab") as file:
            file.write(bytes(100_000))

    with meanwhile(_copy, "target.write(piece)", grow):
        archive = copied(uploads, tmp_path)
    assert archive.changed == ("0/growing.log",)
    assert prove_uploads(archive)


# --- proved ------------------------------------------------------------------------------------------


def _rewritten(archive: Uploads, change: Callable[[dict[str, bytes]], None]) -> Uploads:
    """Change what an archive holds, and what is said of its size and digest along with it."""
    with zipfile.ZipFile(archive.file) as old:
        held = {name: old.read(name) for name in old.namelist()}
    change(held)
    with zipfile.ZipFile(archive.file, "w") as new:
        for name, data in held.items():
            new.writestr(name, data)
    return dataclasses.replace(archive, size_bytes=archive.file.stat().st_size, sha256=file_sha256(archive.file))


def _set(key: str, value: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda held: held.__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_set("uploads/1/profile.txt", b"other\n"), "differs from what the listing says", id="other bytes"),
        pytest.param(lambda held: held.pop("uploads/1/profile.txt"), "damaged", id="a file less"),
        pytest.param(_set("uploads/new", b""), "not listed", id="a file more"),
        pytest.param(_set(LISTING, b"{"), "listing cannot be read", id="a broken listing"),
        pytest.param(_set(LISTING, b'{"files": []}'), "not listed", id="an empty listing"),
        pytest.param(lambda held: held.clear(), "damaged", id="nothing at all"),
    ],
)
def test_an_archive_that_is_not_what_it_says_is_found(
    uploads: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], expected: str
) -> None:
    archive = _rewritten(copied(uploads, tmp_path), change)
    with pytest.raises(BackupError, match=expected):
        prove_uploads(archive)


def test_a_changed_byte_is_found(uploads: Path, tmp_path: Path) -> None:
    archive = copied(uploads, tmp_path)
    data = bytearray(archive.file.read_bytes())
    data[60] ^= 1
    archive.file.write_bytes(data)
    with pytest.raises(BackupError, match="altered since it was made"):
        prove_uploads(archive)


def test_another_number_of_files_than_the_manifest_says_is_found(uploads: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="manifest says 4"):
        prove_uploads(dataclasses.replace(copied(uploads, tmp_path), files=4))


# --- unpacked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["10:30.dcm", "con", "scans/aux.txt", "scan.", "a ", "a\\b", "C:/evil"])
def test_a_name_under_which_windows_would_keep_the_file_elsewhere_is_refused_there(tmp_path: Path, name: str) -> None:
    _refuse_name(name, name.split("/"), tmp_path, system="posix")
    with pytest.raises(BackupError, match="Windows has no file of that name"):
        _refuse_name(name, name.split("/"), tmp_path, system="nt")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a//b", "."])
def test_no_name_leads_out_of_the_folder(uploads: Path, tmp_path: Path, name: str) -> None:
    def lead_out(held: dict[str, bytes]) -> None:
        listing = json.loads(held[LISTING])
        listing["files"][0]["name"] = name
        held[LISTING] = json.dumps(listing).encode()

    archive = _rewritten(copied(uploads, tmp_path), lead_out)
    (tmp_path / "inside").mkdir()
    with pytest.raises(BackupError, match="no name of a file"):
        restore_uploads(archive, tmp_path / "inside" / "back")
    assert not (tmp_path / "inside" / "evil").exists()
    assert list((tmp_path / "inside").iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(uploads: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="not an empty folder; nothing was changed"):
        restore_uploads(copied(uploads, tmp_path), uploads)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda path: path.write_bytes(b"x"), id="a file"),
        pytest.param(lambda path: path.symlink_to(path.parent), marks=POSIX, id="a link"),
    ],
)
def test_what_is_no_folder_is_left_alone(uploads: Path, tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "taken")
    with pytest.raises(BackupError, match="not an empty folder"):
        restore_uploads(copied(uploads, tmp_path), tmp_path / "taken")


def test_an_empty_folder_is_taken_with_its_rights(uploads: Path, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir(mode=0o750)
    restore_uploads(copied(uploads, tmp_path), tmp_path / "back")
    assert tree(tmp_path / "back") == tree(uploads)
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o750


def test_a_disk_without_room_leaves_nothing(tmp_path: Path, small_disk: Path) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir()
    (folder / "zeros").write_bytes(bytes(40_000_000))
    archive = copied(folder, tmp_path)
    with pytest.raises(BackupError, match="No space left"):
        restore_uploads(archive, small_disk / "back")
    assert list(small_disk.iterdir()) == []


# --- as part of a backup -----------------------------------------------------------------------------


def test_uploads_go_with_a_backup_and_are_proved_with_it(
    source: DatabaseAddress, uploads: Path, tmp_path: Path
) -> None:
    backup = create_backup(source, to_dir=tmp_path / "to", uploads=uploads)
    assert backup.made.uploads is not None
    assert backup.made.uploads.file.parent == tmp_path / "to"
    assert len(list((tmp_path / "to").iterdir())) == 3
    assert "3 uploaded files" in backup.proof[-1]
    assert read_manifest(backup.made.manifest) == backup
    assert verify_backup(backup.made.manifest).made == backup.made


@POSIX
def test_only_the_owner_may_read_the_archive(source: DatabaseAddress, uploads: Path, tmp_path: Path) -> None:
    made = create_backup(source, to_dir=tmp_path / "to", uploads=uploads).made
    assert made.uploads is not None
    assert stat.S_IMODE(made.uploads.file.stat().st_mode) == 0o600


def test_names_that_are_no_text_stand_in_the_manifest(source: DatabaseAddress, uploads: Path, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such names")
    (uploads / "\udcff").symlink_to("nowhere")
    backup = create_backup(source, to_dir=tmp_path / "to", uploads=uploads)
    assert read_manifest(backup.made.manifest) == backup


def test_a_damaged_archive_costs_the_backup_its_note(source: DatabaseAddress, uploads: Path, tmp_path: Path) -> None:
    made = create_backup(source, to_dir=tmp_path / "to", uploads=uploads).made
    assert made.uploads is not None
    made.uploads.file.write_bytes(b"")
    with pytest.raises(BackupError, match="altered"):
        verify_backup(made.manifest)
    assert isinstance(read_manifest(made.manifest), UnverifiedBackup)


def test_an_archive_that_is_elsewhere_says_nothing_of_the_backup(
    source: DatabaseAddress, uploads: Path, tmp_path: Path
) -> None:
    made = create_backup(source, to_dir=tmp_path / "to", uploads=uploads).made
    assert made.uploads is not None
    made.uploads.file.unlink()
    with pytest.raises(BackupError, match="cannot be read"):
        verify_backup(made.manifest)
    assert isinstance(read_manifest(made.manifest), Backup)


def test_without_a_folder_the_proof_says_why(source: DatabaseAddress, tmp_path: Path) -> None:
    backup = create_backup(source, to_dir=tmp_path / "to", uploads=Unobserved("there is no such folder"))
    assert backup.made.uploads is None
    assert backup.proof[-1] == "The uploaded files are not in this backup: there is no such folder."


def test_nothing_is_said_of_uploads_where_there_is_no_site(source: DatabaseAddress, tmp_path: Path) -> None:
    backup = create_backup(source, to_dir=tmp_path / "to")
    assert not any("upload" in sentence for sentence in backup.proof)


def test_a_backup_is_not_written_where_the_web_server_hands_it_out(
    source: DatabaseAddress, uploads: Path, tmp_path: Path
) -> None:
    before = tree(uploads)
    with pytest.raises(BackupError, match="web server hands out"):
        create_backup(source, to_dir=uploads / "backups", uploads=uploads)
    assert tree(uploads) == before
    assert not (uploads / "backups").exists()


def test_an_archive_that_cannot_be_written_leaves_no_backup(
    source: DatabaseAddress, uploads: Path, small_disk: Path
) -> None:
    (uploads / "noise").write_bytes(os.urandom(13_000_000))

    def fill(_done: int, _total: int | None) -> None:
        (small_disk / "filler").write_bytes(bytes(5_000_000))

    with pytest.raises(BackupError, match="No space left"):
        create_backup(source, to_dir=small_disk / "to", uploads=uploads, progress=fill)
    assert list((small_disk / "to").iterdir()) == []


def test_database_and_uploads_are_restored_together(
    source: DatabaseAddress, database: Path, uploads: Path, tmp_path: Path, content: Callable[[Path], object]
) -> None:
    made = create_backup(source, to_dir=tmp_path / "to", uploads=uploads).made
    target = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "new.sqlite3"))
    proof = restore_backup(made.manifest, database=target, uploads_to=tmp_path / "back").proof
    assert content(Path(target.name)) == content(database)
    assert tree(tmp_path / "back") == tree(uploads)
    assert "3 uploaded files" in proof[-1]


def test_uploads_are_restored_alone(source: DatabaseAddress, uploads: Path, tmp_path: Path) -> None:
    made = create_backup(source, to_dir=tmp_path / "to", uploads=uploads).made
    restore_backup(made.manifest, database=None, uploads_to=tmp_path / "back")
    assert tree(tmp_path / "back") == tree(uploads)


def test_a_taken_folder_is_told_before_the_database_is_touched(
    source: DatabaseAddress, uploads: Path, tmp_path: Path
) -> None:
    made = create_backup(source, to_dir=tmp_path / "to", uploads=uploads).made
    target = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "new.sqlite3"))
    with pytest.raises(BackupError, match="nothing was changed"):
        restore_backup(made.manifest, database=target, uploads_to=uploads)
    assert not Path(target.name).exists()


def test_a_backup_without_uploads_has_none_to_restore(source: DatabaseAddress, tmp_path: Path) -> None:
    made = create_backup(source, to_dir=tmp_path / "to").made
    with pytest.raises(BackupError, match="holds no uploads; nothing was changed"):
        restore_backup(made.manifest, database=None, uploads_to=tmp_path / "back")


def test_a_database_is_restored_though_its_uploads_are_elsewhere(
    source: DatabaseAddress, uploads: Path, tmp_path: Path
) -> None:
    made = create_backup(source, to_dir=tmp_path / "to", uploads=uploads).made
    assert made.uploads is not None
    made.uploads.file.unlink()
    target = DatabaseAddress(vendor="sqlite", name=str(tmp_path / "new.sqlite3"))
    assert isinstance(restore_backup(made.manifest, database=target), Backup)


# --- stopped in the middle ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
@pytest.mark.parametrize("there", [False, True], ids=["a folder that is not there", "an empty folder"])
def test_an_interrupt_before_any_line_leaves_all_uploads_or_the_folder_as_it_was(
    uploads: Path, tmp_path: Path, there: bool
) -> None:
    archive, place = copied(uploads, tmp_path), tmp_path / "interrupted"
    place.mkdir()

    def prepare(folder: Path) -> None:
        if there:
            (folder / "back").mkdir()

    def unpack(folder: Path) -> None:
        restore_uploads(archive, folder / "back")

    left, seen = {}, []
    for line, folder, _ in interrupted_runs((uploads_module, whole_file), place, prepare, unpack, times=3, at_least=80):
        found = [path.name for path in folder.iterdir()]
        files = tree(folder / "back") if found else {}
        if found != (["back"] if there or files else []) or files not in ({}, tree(uploads)):
            left[line] = found
        seen.append(bool(files))
        if not files:
            unpack(folder)
    assert not left
    assert set(seen) == {True, False}
