"""A settings file is read as Python reads it, and written whole or not at all, with a way back."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interrupts import interrupted_runs
from upgrade_kit.deployment import settings_file, whole_file
from upgrade_kit.deployment.settings_file import (
    read_settings_file,
    undo_settings_file,
    write_settings_file,
)
from upgrade_kit.errors import ApplyError, JournalError, SiteError

MODULES = (settings_file, whole_file)
OLD = b"DEBUG = True\r\nSECRET_KEY = 'x'\r\n"
NEW = "DEBUG = False\r\nSECRET_KEY = 'x'\r\n"
SUFFIX = "before-0.3.0"
posix = pytest.mark.skipif(os.name == "nt", reason="owners and rights of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "local_settings.py"
    file.write_bytes(OLD)
    file.chmod(0o640)
    return file


def write(path: Path, text: str = NEW) -> Path:
    return write_settings_file(read_settings_file(path), text, suffix=SUFFIX)


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        pytest.param(b"X = 1\r\nY = 2", "X = 1\r\nY = 2", "utf-8", id="CRLF and no last line end"),
        pytest.param(b"\xef\xbb\xbfX = '\xc3\xa9'\n", "X = 'é'\n", "utf-8", id="a byte order mark"),
        pytest.param(b"# coding: latin-1\nX = '\xe9'\n", "# coding: latin-1\nX = 'é'\n", "latin-1", id="a coding line"),
        pytest.param(b"#!x\n# -*- coding: cp1252 -*-\n# \x80\n", "#!x\n# -*- coding: cp1252 -*-\n# €\n", "cp1252",
                     id="on the second line"),
        pytest.param(b"", "", "utf-8", id="nothing"),
        pytest.param(b"X = 1\rY\x0c = 2\n", "X = 1\rY\x0c = 2\n", "utf-8", id="a lone carriage return"),
    ],
)  # fmt: skip
def test_it_is_read_as_python_reads_it_and_encoded_the_same(
    tmp_path: Path, raw: bytes, text: str, encoding: str
) -> None:
    path = tmp_path / "local_settings.py"
    path.write_bytes(raw)

    file = read_settings_file(path)

    assert (file.text, file.encoding) == (text, encoding)
    assert file.encoded(text) == raw


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param("X = 1\n".encode("utf-16"), "UTF-16", id="UTF-16"),
        pytest.param(b"A = 1\nX = '\xe9'\n", "line 2", id="bytes that are not UTF-8"),
        pytest.param(b"# coding: klingon\n", "encoding", id="an encoding that does not exist"),
        pytest.param(b"#" * (5 * 1024 * 1024), "larger", id="five megabytes"),
    ],
)
def test_what_python_3_would_refuse_is_said(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "local_settings.py"
    path.write_bytes(raw)

    with pytest.raises(SiteError, match=said):
        read_settings_file(path)


def test_a_file_that_is_not_there_or_leads_in_a_circle_is_said(tmp_path: Path) -> None:
    circle = tmp_path / "circle.py"
    circle.symlink_to(circle)
    for path in (tmp_path / "none.py", tmp_path, circle):
        with pytest.raises(SiteError, match="cannot be read"):
            read_settings_file(path)


def test_the_new_text_takes_the_place_and_the_old_one_is_kept(path: Path) -> None:
    copy = write(path)

    assert path.read_bytes() == NEW.encode()
    assert copy == path.with_name("local_settings.py.before-0.3.0")
    assert copy.read_bytes() == OLD
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, copy.name, f"{copy.name}.json"]


@posix
def test_all_of_them_have_the_rights_of_the_old_one(path: Path) -> None:
    copy = write(path)

    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, copy)] == [0o640, 0o640]


@posix
def test_who_may_not_give_the_file_back_to_its_owner_does_not_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    os.chown(path, 12345, -1)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)

    with pytest.raises(ApplyError, match="is as it was"):
        write(path)

    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


def test_a_later_copy_gets_a_number(path: Path) -> None:
    first, second = write(path), write(path, "DEBUG = 1\n")

    assert second.name == "local_settings.py.before-0.3.0.2"
    assert (first.read_bytes(), second.read_bytes()) == (OLD, NEW.encode())


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_through_a_link_the_file_itself_is_written(tmp_path: Path) -> None:
    real = tmp_path / "etc" / "settings-of-the-site.py"
    real.parent.mkdir()
    real.write_bytes(OLD)
    link = tmp_path / "local_settings.py"
    link.symlink_to(real)

    copy = write(link)

    assert link.is_symlink()
    assert real.read_bytes() == NEW.encode()
    assert copy.parent == real.parent


def test_a_file_that_was_changed_meanwhile_is_not_written(path: Path) -> None:
    file = read_settings_file(path)
    path.write_bytes(b"DEBUG = None\n")

    with pytest.raises(ApplyError, match="changed"):
        write_settings_file(file, NEW, suffix=SUFFIX)

    assert path.read_bytes() == b"DEBUG = None\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_changed_just_before_the_rename_is_not_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = read_settings_file(path)
    flush = os.fsync

    def change_and_flush(handle: int) -> None:
        path.write_bytes(b"DEBUG = None\n")
        flush(handle)

    monkeypatch.setattr(os, "fsync", change_and_flush)

    with pytest.raises(ApplyError, match="changed"):
        write_settings_file(file, NEW, suffix=SUFFIX)

    assert path.read_bytes() == b"DEBUG = None\n"
    assert list(path.parent.iterdir()) == [path]


@posix
def test_a_file_that_is_marked_read_only_is_not_written(path: Path) -> None:
    path.chmod(0o440)

    with pytest.raises(ApplyError, match="read-only"):
        write(path)

    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


def test_a_character_that_the_encoding_lacks_is_said(tmp_path: Path) -> None:
    path = tmp_path / "local_settings.py"
    path.write_bytes(b"# coding: latin-1\n")

    with pytest.raises(SiteError, match="latin-1"):
        write(path, "# coding: latin-1\n# \u20ac\n")


CALLS: list[tuple[Any, str]] = [(os, "open"), (os, "fsync"), (Path, "replace"), (Path, "stat")]
if os.name != "nt":
    CALLS += [(os, "fstat"), (os, "fchmod")]


@pytest.mark.parametrize(("owner", "name"), CALLS, ids=[name for _, name in CALLS])
@pytest.mark.parametrize("fails_at", range(8))
def test_whichever_call_fails_it_is_all_or_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fails_at: int
) -> None:
    file = read_settings_file(path)
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def fail(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == fails_at + 1:
            raise OSError(28, "No space left on device")
        return real(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        try:
            copy = write_settings_file(file, NEW, suffix=SUFFIX)
        except ApplyError:
            copy = None
    left = sorted(one.name for one in path.parent.iterdir())
    if copy is None:
        assert path.read_bytes() == OLD
        assert left == [path.name]
    else:
        assert path.read_bytes() == NEW.encode()
        assert undo_settings_file(copy).written
        assert path.read_bytes() == OLD


KILLED = """
import os, signal, sys
from pathlib import Path
from upgrade_kit.deployment.settings_file import read_settings_file, write_settings_file
path, name, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
owner = Path if name == "replace" else os
real = getattr(owner, name)
calls = 0
def killed(*arguments, **keywords):
    global calls
    calls += 1
    if calls == number and number > 0:
        os.kill(os.getpid(), signal.SIGKILL)
    value = real(*arguments, **keywords)
    if calls == -number:
        os.kill(os.getpid(), signal.SIGKILL)
    return value
file = read_settings_file(path)
setattr(owner, name, killed)
write_settings_file(file, "DEBUG = False\\n", suffix="before-0.3.0")
"""


@posix
@pytest.mark.parametrize(
    ("call", "number"), [("fsync", 1), ("fsync", 2), ("fsync", 3), ("fsync", -3), ("replace", 1), ("replace", -1)]
)
def test_killed_in_the_middle_the_file_is_the_old_or_the_new_one(path: Path, call: str, number: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), call, str(number)], check=False, timeout=60)

    assert done.returncode == -9
    after = path.read_bytes()
    assert after == (b"DEBUG = False\n" if (call, number) == ("replace", -1) else OLD)
    copy = path.with_name("local_settings.py.before-0.3.0")
    if after != OLD:
        assert undo_settings_file(copy).written
        assert path.read_bytes() == OLD
    else:
        assert write(path, "DEBUG = 2\n").read_bytes() == OLD  # and the next apply is not in its way


def test_undo_puts_back_the_very_bytes(path: Path) -> None:
    copy = write(path)

    done = undo_settings_file(copy)

    assert (done.path, done.copy, done.written) == (path, copy, True)
    assert path.read_bytes() == OLD


def test_undo_takes_the_record_too_and_does_nothing_twice(path: Path) -> None:
    copy = write(path)
    record = copy.with_name(f"{copy.name}.json")

    assert undo_settings_file(record).written
    assert not undo_settings_file(record).written
    assert path.read_bytes() == OLD


def test_the_record_holds_digests_and_no_text(path: Path) -> None:
    copy = write(path)

    record = copy.with_name(f"{copy.name}.json").read_text(encoding="ascii")

    assert "SECRET_KEY" not in record
    assert set(json.loads(record)) == {"schema", "kind", "file", "copy", "before_sha256", "after_sha256"}


def test_a_file_that_was_changed_after_the_apply_is_not_undone(path: Path) -> None:
    copy = write(path)
    path.write_bytes(b"DEBUG = None\n")

    with pytest.raises(ApplyError, match="changed since"):
        undo_settings_file(copy)

    assert path.read_bytes() == b"DEBUG = None\n"


@pytest.mark.parametrize(
    "record",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param('{"schema": 1, "kind": "rewrite-calcs journal"}', id="another journal"),
        pytest.param("[" * 100_000, id="nested too deeply"),
        pytest.param('{"schema": 1, "kind": "rewrite-settings record", "file": "x"}', id="half of it"),
        pytest.param(
            '{"schema": 1, "kind": "rewrite-settings record", "file": "../x", "copy": "c", "before_sha256": "1", '
            '"after_sha256": "2"}',
            id="a file elsewhere",
        ),
    ],
)
def test_a_record_that_is_none_is_said(path: Path, record: str) -> None:
    copy = write(path)
    copy.with_name(f"{copy.name}.json").write_text(record, encoding="utf-8")

    with pytest.raises(JournalError):
        undo_settings_file(copy)

    assert path.read_bytes() == NEW.encode()


def test_a_copy_that_was_changed_is_not_put_back(path: Path) -> None:
    copy = write(path)
    copy.write_bytes(b"DEBUG = 'tampered'\n")

    with pytest.raises(JournalError, match="not the copy"):
        undo_settings_file(copy)

    assert path.read_bytes() == NEW.encode()


def test_a_copy_without_a_record_is_said(path: Path) -> None:
    with pytest.raises(JournalError, match="record"):
        undo_settings_file(path.with_name("local_settings.py.before-0.3.0"))


# --- stopped in the middle ---------------------------------------------------------------------------


def old_settings(folder: Path) -> Path:
    (folder / "local_settings.py").write_bytes(OLD)
    return folder / "local_settings.py"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_the_old_file_alone_or_the_new_one_with_its_way_back(
    tmp_path: Path,
) -> None:
    def apply(folder: Path) -> None:
        write(folder / "local_settings.py")

    copy = "local_settings.py.before-0.3.0"
    left = {}
    for line, folder, _ in interrupted_runs(MODULES, tmp_path, old_settings, apply, times=4, at_least=80):
        found = sorted(path.name for path in folder.iterdir())
        path = folder / "local_settings.py"
        if path.read_bytes() == OLD and found != [path.name]:
            left[line] = found
        elif path.read_bytes() != OLD:
            if found != [path.name, copy, f"{copy}.json"]:
                left[line] = found
            assert undo_settings_file(folder / copy).written
            assert path.read_bytes() == OLD
    assert not left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_of_an_undo_leaves_the_way_back(tmp_path: Path) -> None:
    copy = "local_settings.py.before-0.3.0"

    def prepare(folder: Path) -> None:
        write(old_settings(folder))

    def undo(folder: Path) -> None:
        undo_settings_file(folder / copy)

    left = {}
    for line, folder, _ in interrupted_runs(MODULES, tmp_path, prepare, undo, times=4, at_least=40):
        found = sorted(path.name for path in folder.iterdir())
        path = folder / "local_settings.py"
        if found != [path.name, copy, f"{copy}.json"]:
            left[line] = found
        assert path.read_bytes() in (OLD, NEW.encode())
        undo(folder)
        assert path.read_bytes() == OLD
    assert not left
