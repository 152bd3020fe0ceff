"""Native backups of the servers that the tests start: made, proved, restored, and everything that can go wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.interrupts import interrupted_runs
from upgrade_kit.backup import mysql, programs
from upgrade_kit.backup import postgresql as postgresql_module
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.listing import list_backups
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.backup.standing import told_where_it_stands
from upgrade_kit.backup.verify import verify_backup
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.manifests import find_backups, read_manifest
from upgrade_kit.deployment.sample import build_sample_site
from upgrade_kit.errors import BackupError, DatabaseError, ProgramError, UpgradeKitError, UsageError
from upgrade_kit.model.backup import Backup, Standing
from upgrade_kit.planning.graph import VersionGraph

Tests = list[tuple[int, str, str, str, str | None]]

SMALL: Tests = [
    (1, "epid", "EPID image (PIL)", "upload", "epid = PIL.Image.open(FILE).size[0]  \r\n"),
    (2, "total", "Total", "composite", "total = epid + 1 # 100 %s"),
    (3, "plain", "Just a number", "simple", None),
    (4, "rows", "Rows \u00e9 \u4e2d", "upload", "a\tb\\n\\N'\"`;--\n\\.\n# \U0001f600),("),
]
EVERY = int(os.environ.get("UPGRADE_KIT_TEST_EVERY", "30"))  # every line would take ten minutes
MOMENT = datetime(2026, 11, 23, 16, 15, tzinfo=UTC)


class Server(Protocol):
    vendor: str
    admin: DatabaseAddress

    def address(self, name: str, *, user: str | None = None, password: str = ...) -> DatabaseAddress: ...
    def run(self, *statements: str, address: DatabaseAddress | None = None) -> None: ...
    def new_database(self) -> DatabaseAddress: ...
    def small_site(self, tests: Tests) -> DatabaseAddress: ...
    def copy_of(self, file: Path) -> DatabaseAddress: ...


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def content(address: DatabaseAddress) -> dict[str, list[tuple[object, ...]]]:
    with open_database(address) as session:
        return {
            table: sorted(session.fetch(f"SELECT * FROM {session.quote(table)}"), key=repr)
            for table in session.table_names()
        }


def add_padding(server: Server, address: DatabaseAddress, rows: int) -> None:
    """Add a table of a kilobyte a row that hardly compresses."""
    text = "longtext" if server.vendor == "mysql" else "text"
    noise = "SHA2(CONCAT(a.n, b.n, '%d'), 512)" if server.vendor == "mysql" else "md5(a.n || '-' || b.n || '-%d')"
    wide = ", ".join(noise % number for number in range(8 if server.vendor == "mysql" else 32))
    numbers = "(SELECT 0 AS n" + "".join(f" UNION ALL SELECT {number}" for number in range(1, 100)) + ")"
    server.run(
        f"CREATE TABLE padding (id integer NOT NULL PRIMARY KEY, content {text})",
        f"INSERT INTO padding SELECT a.n * 100 + b.n, CONCAT({wide}) FROM {numbers} a CROSS JOIN {numbers} b "
        f"WHERE a.n * 100 + b.n < {rows}",
        address=address,
    )


@contextmanager
def held(server: Server, address: DatabaseAddress, table: str = "qa_test") -> Iterator[Session]:
    """Keep everybody else from a table."""
    lock = (
        f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
        if server.vendor == "postgresql"
        else f"LOCK TABLES {table} WRITE"
    )
    with open_database(address, writable=True) as session:
        if server.vendor == "postgresql":
            session.execute("BEGIN")
        session.execute(lock)
        yield session
        with suppress(DatabaseError):
            session.execute("COMMIT" if server.vendor == "postgresql" else "UNLOCK TABLES")


def waiting_for(seconds: float, happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.02)
    return False


def command_lines() -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return found


def databases(server: Server) -> set[str]:
    with open_database(server.admin) as session:
        sql = "SELECT datname FROM pg_database" if server.vendor == "postgresql" else "SHOW DATABASES"
        return {str(row[0]) for row in session.fetch(sql)}


SHARED: dict[tuple[str, str], DatabaseAddress] = {}  # by port and name: what tests only read from


@pytest.fixture(autouse=True)
def tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Drop the databases that a test leaves: a folder of hundreds takes a minute to remove."""
    name = next(name for name in ("server", "postgresql", "mariadb") if name in request.fixturenames)
    running: Server = request.getfixturevalue(name)
    before = databases(running)
    yield
    shared = {address.name for address in SHARED.values()}
    for left in databases(running) - before - shared:
        mark = "`" if running.vendor == "mysql" else '"'
        quoted = mark + left.replace(mark, mark * 2) + mark
        running.run(f"DROP DATABASE {quoted}" + (" WITH (FORCE)" if running.vendor == "postgresql" else ""))


@pytest.fixture
def site(server: Server) -> DatabaseAddress:
    """A small site that no test writes to."""
    key = (server.admin.port, "small")
    if key not in SHARED:
        SHARED[key] = server.small_site(SMALL)
    return SHARED[key]


@pytest.fixture
def padded(server: Server) -> DatabaseAddress:
    """A site whose backup takes a moment, and that no test writes to."""
    key = (server.admin.port, "padded")
    if key not in SHARED:
        SHARED[key] = server.small_site(SMALL)
        add_padding(server, SHARED[key], 9000)
    return SHARED[key]


@pytest.fixture
def own_site(server: Server) -> DatabaseAddress:
    """A small site to write to."""
    return server.small_site(SMALL)


@pytest.fixture
def backup(site: DatabaseAddress, tmp_path: Path) -> Backup:
    return create_backup(site, to_dir=tmp_path / "to")


# --- made and proved ---------------------------------------------------------------------------------


def test_a_backup_is_made_and_proved(backup: Backup, tmp_path: Path) -> None:
    assert verify_backup(backup.made.manifest).made == backup.made
    assert len(names(tmp_path / "to")) == 2


def test_the_manifest_tells_what_it_is(server: Server, site: DatabaseAddress, backup: Backup) -> None:
    made = backup.made
    assert (made.vendor, made.site_version, made.database) == (server.vendor, "0.3.0", site.shown)
    assert made.format == {"postgresql": "pg_dump", "mysql": "mysqldump"}[server.vendor]
    assert made.server.startswith({"postgresql": "PostgreSQL ", "mysql": "MariaDB "}[server.vendor])
    assert dict(made.content.rows) == {"django_migrations": 80, "django_site": 0, "qa_test": 4}
    assert set(dict(made.content.digests)) == {"django_migrations", "django_site", "qa_test"}


@pytest.mark.skipif(os.name == "nt", reason="files have no such rights on Windows")
def test_only_the_owner_may_read_it(backup: Backup) -> None:
    assert [stat.S_IMODE(path.stat().st_mode) for path in (backup.made.file, backup.made.manifest)] == [0o600, 0o600]


def test_it_is_current_until_somebody_writes(server: Server, own_site: DatabaseAddress, tmp_path: Path) -> None:
    site, folder = own_site, tmp_path / "to"
    backup = create_backup(site, to_dir=folder)
    with open_database(site) as session:
        assert find_backups([folder], session).current == (backup,)
    server.run("UPDATE qa_test SET name = 'Another' WHERE id = 3", address=site)
    with open_database(site) as session:
        ((_, reason),) = find_backups([folder], session).stale
    assert "other values in qa_test" in reason


def test_list_compares_it_where_the_database_is_named(site: DatabaseAddress, backup: Backup) -> None:
    folder = backup.made.file.parent
    assert [one.standing for one in list_backups([folder], site)] == [Standing.CURRENT]
    assert [one.standing for one in list_backups([folder])] == [Standing.NOT_COMPARED]


def test_every_changed_byte_of_a_backup_is_found(backup: Backup) -> None:
    data = bytearray(backup.made.file.read_bytes())
    data[len(data) // 2] ^= 1
    backup.made.file.write_bytes(data)
    with pytest.raises(BackupError, match="SHA-256 differs"):
        verify_backup(backup.made.manifest)


def test_two_at_once_both_stay(site: DatabaseAddress, tmp_path: Path) -> None:
    made: list[Backup] = []
    threads = [
        threading.Thread(target=lambda: made.append(create_backup(site, to_dir=tmp_path / "to", now=MOMENT)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({backup.made.file for backup in made}) == 2
    assert len(names(tmp_path / "to")) == 4


def test_progress_ends_at_the_whole(site: DatabaseAddress, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    create_backup(site, to_dir=tmp_path / "to", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]


def test_what_is_written_meanwhile_is_in_neither_backup_nor_manifest_or_in_both(
    server: Server, own_site: DatabaseAddress, tmp_path: Path
) -> None:
    add_padding(server, own_site, 500)
    written: list[int] = []

    def write_once(done: int, total: int | None) -> None:
        if not written:
            written.append(done)
            server.run("INSERT INTO qa_test (id, name, slug, type) VALUES (50, 'x', 'x', 'simple')", address=own_site)

    backup = create_backup(own_site, to_dir=tmp_path / "to", progress=write_once)
    target = server.new_database()
    restore_backup(backup.made.manifest, database=target)
    assert written
    assert len(content(target)["qa_test"]) == dict(backup.made.content.rows)["qa_test"]


def test_a_drill_restores_under_another_name_and_leaves_nothing(
    server: Server, site: DatabaseAddress, tmp_path: Path
) -> None:
    before = databases(server)
    backup = create_backup(site, to_dir=tmp_path / "to", drill=True)
    assert any("Restored under another name" in sentence for sentence in backup.proof)
    assert databases(server) == before


def test_a_drill_without_a_server_says_nothing_of_the_backup(backup: Backup) -> None:
    with pytest.raises(UsageError, match="needs a server"):
        verify_backup(backup.made.manifest, drill=True)
    assert isinstance(read_manifest(backup.made.manifest), Backup)


# --- restored ----------------------------------------------------------------------------------------


def test_an_empty_database_gets_the_content(server: Server, site: DatabaseAddress, backup: Backup) -> None:
    target = server.new_database()
    proof = restore_backup(backup.made.manifest, database=target).proof
    assert content(target) == content(site)
    assert any("digests of 3 tables, migration history and procedures were compared" in told for told in proof)


def test_data_is_never_overwritten_unasked(server: Server, backup: Backup, tmp_path: Path) -> None:
    target = server.small_site(SMALL[:1])
    before = content(target)
    with pytest.raises(BackupError, match="holds data; nothing was changed"):
        restore_backup(backup.made.manifest, database=target)
    assert content(target) == before
    assert len(names(tmp_path / "to")) == 2


def test_replace_leaves_of_what_was_there_a_backup_alone(server: Server, site: DatabaseAddress, backup: Backup) -> None:
    target = server.small_site(SMALL[:1])
    server.run(
        "CREATE TABLE extra (id integer PRIMARY KEY, test_id integer, FOREIGN KEY (test_id) REFERENCES qa_test (id))",
        "CREATE VIEW seen AS SELECT id FROM qa_test",
        address=target,
    )
    before = content(target)
    proof = restore_backup(backup.made.manifest, database=target, replace=True).proof
    assert content(target) == content(site)
    (kept,) = (path for path in backup.made.file.parent.glob("*.manifest.json") if path != backup.made.manifest)
    assert any(kept.name in sentence for sentence in proof)
    back = server.new_database()
    restore_backup(kept, database=back)
    assert content(back) == before


def test_a_target_in_use_is_left_alone(server: Server, backup: Backup) -> None:
    target = server.small_site(SMALL[:2])
    before = content(target)
    with open_database(target) as session, session.transaction():  # it reads, so it can still be backed up
        session.count("django_site")
        with pytest.raises(BackupError, match=r"nothing was changed.*(?i:lock)"):
            restore_backup(backup.made.manifest, database=target, replace=True, lock_seconds=1)
    assert content(target) == before


@pytest.mark.parametrize("name", ["we\"ird `n'me", "\u0431\u0430\u0437\u0430 %s", "a=b host=nowhere", "-x --help"])
def test_any_database_name_goes_there_and_back(server: Server, tmp_path: Path, name: str) -> None:
    mark = "`" if server.vendor == "mysql" else '"'
    quoted = mark + name.replace(mark, mark * 2) + mark
    target = server.new_database()
    server.run(f"CREATE DATABASE {quoted}")
    try:
        address = replace(target, name=name)
        server.run("CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (7)", address=address)
        backup = create_backup(address, to_dir=tmp_path / name.replace('"', "") / "to")
        restore_backup(backup.made.manifest, database=target)
        assert content(target) == {"t": [(7,)]}
        restore_backup(backup.made.manifest, database=address, replace=True)
        assert content(address) == {"t": [(7,)]}
    finally:
        server.run(f"DROP DATABASE {quoted}")


@pytest.mark.parametrize("password", ["p'a\"s\\ s#;=%:@/", "\u00e9\u4e2d", "$(id)`id`", " spaces "])
def test_any_password_logs_in(server: Server, site: DatabaseAddress, tmp_path: Path, password: str) -> None:
    login = "odd" if server.vendor == "postgresql" else "'odd'@'127.0.0.1'"
    escaped = password.replace("'", "''")
    if server.vendor == "mysql":
        escaped = escaped.replace("\\", "\\\\")
        server.run(f"CREATE USER {login} IDENTIFIED BY '{escaped}'", f"GRANT ALL ON {site.name}.* TO {login}")
    else:
        server.run(f"CREATE ROLE {login} LOGIN SUPERUSER PASSWORD '{escaped}'")
    try:
        backup = create_backup(server.address(site.name, user="odd", password=password), to_dir=tmp_path / "to")
        assert password not in backup.made.manifest.read_text(encoding="utf-8")
    finally:
        server.run(f"DROP {'USER' if server.vendor == 'mysql' else 'ROLE'} {login}")


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
ODD = st.sampled_from(
    ["\\N", "\\.", "'", "''", "\\'", "),(", "a\r\nb", "\t", "\x1a", "\x7f", "\\", '"', "%s", "NULL", ""]
)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(TEXTS | ODD, st.floats(allow_nan=False, allow_infinity=False) | st.none()), max_size=8))
def test_whatever_the_rows_the_restored_content_is_the_same(
    server: Server, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float | None]]
) -> None:
    source, target = server.new_database(), server.new_database()
    text = "longtext" if server.vendor == "mysql" else "text"
    with open_database(source, writable=True) as session:
        session.execute(f"CREATE TABLE t (id integer PRIMARY KEY, words {text}, number double precision)")
        for number, row in enumerate(rows):
            session.execute("INSERT INTO t VALUES (%s, %s, %s)", (number, *row))
    backup = create_backup(source, to_dir=tmp_path_factory.mktemp("to"))
    restore_backup(backup.made.manifest, database=target)
    assert content(target) == content(source)
    force = " WITH (FORCE)" if server.vendor == "postgresql" else ""
    server.run(f"DROP DATABASE {source.name}{force}", f"DROP DATABASE {target.name}{force}")


@pytest.mark.real
@pytest.mark.parametrize("name", ["0.2.9.1", "0.3.0.20"])
def test_a_real_database_comes_back_table_by_table(server: Server, real: Path, tmp_path: Path, name: str) -> None:
    source = server.copy_of(real / f"{name}.sqlite3")
    backup = create_backup(source, to_dir=tmp_path / "to")
    target = server.new_database()
    restore_backup(backup.made.manifest, database=target)
    assert content(target) == content(source)
    assert len(backup.made.content.digests) >= len(backup.made.content.rows) - 1


# --- refusals: nothing may be left behind ------------------------------------------------------------


def test_an_empty_database_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="holds no tables"):
        create_backup(server.new_database(), to_dir=tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_wrong_password_is_told_and_not_shown(site: DatabaseAddress, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        create_backup(replace(site, password="hunter2"), to_dir=tmp_path / "to")
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "to").exists()


def test_missing_client_programs_are_told(site: DatabaseAddress, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="is not in") as caught:
        create_backup(site, to_dir=tmp_path / "to", method="native", client_dir=tmp_path)
    assert "--client-dir" in caught.value.hint
    assert not (tmp_path / "to").exists()


def test_without_client_programs_auto_makes_a_json_dump_and_says_why(
    server: Server, site: DatabaseAddress, tmp_path: Path
) -> None:
    backup = create_backup(site, to_dir=tmp_path / "to", client_dir=tmp_path)
    assert backup.made.format == "django-json"
    assert "The native method cannot be used: " in backup.proof[0]
    assert "--client-dir" not in backup.proof[0]
    assert verify_backup(backup.made.manifest).made == backup.made


def test_missing_client_programs_say_nothing_of_a_backup(server: Server, backup: Backup, tmp_path: Path) -> None:
    if server.vendor == "mysql":
        verify_backup(backup.made.manifest, client_dir=tmp_path)  # the kit reads a dump by itself
        return
    with pytest.raises(ProgramError, match="pg_restore"):
        verify_backup(backup.made.manifest, client_dir=tmp_path)
    assert isinstance(read_manifest(backup.made.manifest), Backup)


def test_a_login_that_may_not_read_a_table_leaves_nothing(
    server: Server, own_site: DatabaseAddress, tmp_path: Path
) -> None:
    login = "blind" if server.vendor == "postgresql" else "'blind'@'127.0.0.1'"
    create = "CREATE ROLE blind LOGIN PASSWORD 's3cret pw'" if server.vendor == "postgresql" else ""
    server.run(create or f"CREATE USER {login} IDENTIFIED BY 's3cret pw'")
    tables = ("django_migrations", "django_site")
    server.run(*(f"GRANT SELECT ON {table} TO {login}" for table in tables), address=own_site)
    if server.vendor == "mysql":  # it sees only what it may read
        server.run(f"GRANT INSERT ON qa_test TO {login}", address=own_site)
    try:
        with pytest.raises(UpgradeKitError, match=r"(?i)denied|permission") as caught:
            create_backup(server.address(own_site.name, user="blind"), to_dir=tmp_path / "to", method="native")
        assert "right" in caught.value.hint
        assert names(tmp_path / "to") == []
    finally:
        if server.vendor == "postgresql":
            server.run("DROP OWNED BY blind", address=own_site)
        server.run(f"DROP {'ROLE' if server.vendor == 'postgresql' else 'USER'} {login}")


def test_a_locked_table_is_told(server: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    with held(server, site), pytest.raises(UpgradeKitError, match=r"(?i)lock|timeout") as caught:
        create_backup(site, to_dir=tmp_path / "to", lock_seconds=0.5)
    assert "top the" in caught.value.hint
    assert names(tmp_path / "to") == []


def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(
    server: Server, padded: DatabaseAddress, tmp_path: Path
) -> None:
    dumping = (
        f"SELECT pid FROM pg_stat_activity WHERE datname = '{padded.name}' AND query LIKE 'COPY %'"
        if server.vendor == "postgresql"
        else f"SELECT id FROM information_schema.processlist WHERE db = '{padded.name}' AND info LIKE '%SQL_NO_CACHE%'"
    )
    end = "SELECT pg_terminate_backend({})" if server.vendor == "postgresql" else "KILL {}"
    ended: list[object] = []

    def end_it() -> None:
        with open_database(server.admin, writable=True) as session:

            def found() -> bool:
                for (number,) in session.fetch(dumping):
                    with suppress(DatabaseError):
                        session.execute(end.format(number))
                        ended.append(number)
                return bool(ended)

            waiting_for(20, found)

    for _ in range(5):  # the moment may be missed
        thread = threading.Thread(target=end_it)
        thread.start()
        try:
            create_backup(padded, to_dir=tmp_path / "to")
        except UpgradeKitError:
            break
        finally:
            thread.join()
    else:
        pytest.fail("the dump was never hit")
    assert not [name for name in names(tmp_path / "to") if name.endswith(".partial")]
    assert len(names(tmp_path / "to")) % 2 == 0  # those of the attempts that were not hit


def test_a_disk_that_fills_up_half_way_leaves_nothing(
    server: Server, padded: DatabaseAddress, small_disk: Path
) -> None:

    def fill(done: int, total: int | None) -> None:
        with suppress(OSError), (small_disk / "filler").open("ab") as file:
            file.write(bytes(16_000_000))

    with pytest.raises(BackupError, match=r"No space left|28"):
        create_backup(padded, to_dir=small_disk / "to", progress=fill)
    assert names(small_disk / "to") == []


def test_a_read_only_folder_is_refused(site: DatabaseAddress, read_only: Path) -> None:
    with pytest.raises(BackupError) as caught:
        create_backup(site, to_dir=read_only)
    assert str(read_only) in caught.value.message


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_in_the_place_of_the_file_is_not_followed(site: DatabaseAddress, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    first = create_backup(site, to_dir=tmp_path / "elsewhere", now=MOMENT).made.file.name
    for name in (first, f"{first}.partial"):
        (tmp_path / "to" / name).symlink_to(tmp_path / "precious")
    backup = create_backup(site, to_dir=tmp_path / "to", now=MOMENT)
    assert backup.made.file.name != first
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine"


# --- no password where it can be seen ----------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc here")
def test_the_password_is_on_no_command_line_while_it_works(
    server: Server, padded: DatabaseAddress, tmp_path: Path
) -> None:
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.update(line for line in command_lines() if "dump" in line or "psql" in line or padded.name in line)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        backup = create_backup(padded, to_dir=tmp_path / "to")
        restore_backup(backup.made.manifest, database=server.new_database())
    finally:
        done.set()
        thread.join()
    assert any("dump" in line for line in seen)
    assert not [line for line in seen if padded.password in line]
    assert padded.password not in backup.made.manifest.read_text(encoding="utf-8")


# --- stopped in the middle ---------------------------------------------------------------------------

CHILD = """
import os, signal, sys
from pathlib import Path
from upgrade_kit.backup.create import create_backup
from upgrade_kit.backup.restore import restore_backup
from upgrade_kit.deployment.address import parse_database_url

address = parse_database_url(sys.argv[1], base=Path.cwd(), password=os.environ["UPGRADE_KIT_PASSWORD"])
print("ready", flush=True)
{what}
"""
CREATE = "create_backup(address, to_dir=Path(sys.argv[2]))"
RESTORE = "restore_backup(Path(sys.argv[2]), database=address, replace=True)"


@contextmanager
def child(what: str, address: DatabaseAddress, argument: Path) -> Iterator[subprocess.Popen[str]]:
    code = textwrap.dedent(CHILD).format(what=what)
    with subprocess.Popen(
        [sys.executable, "-c", code, address.shown, str(argument)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "UPGRADE_KIT_PASSWORD": address.password},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("seconds", [0.2, 0.6])
def test_killed_at_any_moment_there_is_all_of_a_backup_or_none(
    server: Server, padded: DatabaseAddress, tmp_path: Path, seconds: float
) -> None:
    with child(CREATE, padded, tmp_path / "to") as process:
        time.sleep(seconds)
        process.kill()
    whole = [name for name in names(tmp_path / "to") if not name.endswith(".partial")]
    manifests = [name for name in whole if name.endswith(".manifest.json")]
    for name in manifests:
        verify_backup(tmp_path / "to" / name)
    assert len(whole) - len(manifests) <= 1  # between the two renames there is a whole file without its manifest
    assert waiting_for(120, lambda: not any(f"{padded.name}" in line and "dump" in line for line in command_lines()))


@pytest.mark.skipif(os.name == "nt", reason="signals are not like this on Windows")
@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_an_interrupt_leaves_nothing_and_no_program_at_work(
    server: Server, padded: DatabaseAddress, tmp_path: Path, seconds: float
) -> None:
    with child(CREATE, padded, tmp_path / "to") as process:
        waiting_for(60, lambda: names(tmp_path / "to") != [])
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        process.wait(120)
    if left := names(tmp_path / "to"):  # it was done a moment before
        assert len(left) == 2
        verify_backup(next((tmp_path / "to").glob("*.manifest.json")))
    assert not any(padded.name in line and "dump" in line for line in command_lines())


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("seconds", [1.0, 1.8])
def test_killed_in_the_middle_of_a_restore_what_was_there_is_not_lost(
    server: Server, padded: DatabaseAddress, tmp_path: Path, seconds: float
) -> None:
    backup = create_backup(padded, to_dir=tmp_path / "to")
    target = server.small_site(SMALL[:2])
    before = content(target)
    with child(RESTORE, target, backup.made.manifest) as process:
        time.sleep(seconds)
        process.kill()
    if server.vendor == "postgresql":  # one transaction: all or nothing, once the server has noticed
        assert waiting_for(120, lambda: len(content(target)["qa_test"]) in {2, 4})
        assert content(target) in (before, content(padded))
        return
    waiting_for(120, lambda: not any(target.name in line and "maria" in line for line in command_lines()))
    kept = [path for path in (tmp_path / "to").glob("*.manifest.json") if path != backup.made.manifest]
    if content(target) != before:  # it had begun, so what was there is in a verified backup
        assert len(kept) == 1
        assert isinstance(read_manifest(kept[0]), Backup)


def _left_over(folder: Path, address: DatabaseAddress) -> list[str]:
    """Return programs of this process that still work for a database, and what is in a folder for temporary files."""
    at_work = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            words = " ".join(child.cmdline())
            if address.name in words and not words.startswith("postgres: "):  # one of the server's own
                at_work.append(words)
    return at_work + [path.name for path in folder.rglob("*")]


@pytest.mark.skipif(os.name == "nt", reason="command lines are not read like this on Windows")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that are left to be collected
def test_an_interrupt_before_any_line_leaves_a_whole_backup_or_nothing(
    site: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tmp", "interrupted"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    def back_up(folder: Path) -> None:
        create_backup(site, to_dir=folder)

    for line, folder, _ in interrupted_runs(
        (mysql, postgresql_module, programs),
        tmp_path / "interrupted",
        names,
        back_up,
        every=EVERY,
        may_vary=True,
        tries=False,  # where programs run is a with around them
        at_least=100,
    ):
        assert len(names(folder)) in (0, 2), line
        assert not _left_over(tmp_path / "tmp", site), line


@pytest.mark.skipif(os.name == "nt", reason="command lines are not read like this on Windows")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_an_interrupt_before_any_line_of_a_restore_leaves_what_was_there_or_all_of_the_backup(
    server: Server, backup: Backup, site: DatabaseAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tmp", "interrupted"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    target, old = server.small_site(SMALL[:2]), server.small_site(SMALL[:2])
    before, after = content(old), content(site)

    def prepare(folder: Path) -> None:
        for file in backup.made.manifest.parent.iterdir():
            shutil.copy(file, folder)
        server.run("DELETE FROM qa_test WHERE id > 2", address=target)

    def put(folder: Path) -> None:
        manifest = folder / backup.made.manifest.name
        with told_where_it_stands(manifest, target):
            restore_backup(manifest, database=target, replace=True)

    for line, folder, message in interrupted_runs(
        (mysql, postgresql_module, programs),
        tmp_path / "interrupted",
        prepare,
        put,
        every=EVERY,
        may_vary=True,
        tries=False,  # where programs run is a with around them
        at_least=100,
    ):
        found = content(target)
        kept = [path for path in folder.glob("*.manifest.json") if path.name != backup.made.manifest.name]
        assert found in (before, after), line
        if found == after:
            assert kept, line
            assert not message or kept[0].name in message, line
        assert not _left_over(tmp_path / "tmp", target), line


# --- what is one server's own ------------------------------------------------------------------------

ALL_OF_POSTGRESQL = (
    "CREATE SCHEMA aside",
    "CREATE TYPE aside.mood AS ENUM ('ok', 'fail')",
    "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)",
    "CREATE TABLE aside.notes (id serial PRIMARY KEY, mood aside.mood, number positive)",
    "INSERT INTO aside.notes (mood, number) VALUES ('fail', 1)",
    "CREATE TABLE aside.qa_test (id integer PRIMARY KEY, calculation_procedure text)",
    "INSERT INTO aside.qa_test VALUES (9, 'of a table that the site does not see')",
    'CREATE TABLE "Od""d" (id integer PRIMARY KEY, "a""b" text, "100%s" text)',
    """INSERT INTO "Od""d" VALUES (1, 'a', 'b')""",
    "CREATE TABLE years (id integer, day date) PARTITION BY RANGE (day)",
    "CREATE TABLE years_2018 PARTITION OF years FOR VALUES FROM ('2018-01-01') TO ('2019-01-01')",
    "INSERT INTO years VALUES (1, '2018-05-04')",
    "CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2 -- COPY public.x (a) FROM stdin;'",
    "CREATE AGGREGATE total (integer) (sfunc = int4pl, stype = integer)",
    "CREATE VIEW doubled AS SELECT twice(id) AS id FROM qa_test",
    "CREATE MATERIALIZED VIEW kept AS SELECT id FROM qa_test",
    "CREATE SEQUENCE tickets START 42",
    "SELECT lo_from_bytea(4711, 'a large object')",
)


@pytest.mark.postgresql
def test_all_that_postgresql_can_hold_comes_back_over_itself(postgresql: Server, tmp_path: Path) -> None:
    source, target = postgresql.small_site(SMALL), postgresql.small_site(SMALL[:1])
    postgresql.run(*ALL_OF_POSTGRESQL, address=source)
    postgresql.run(*ALL_OF_POSTGRESQL, "INSERT INTO aside.notes (mood) VALUES ('ok')", address=target)
    backup = create_backup(source, to_dir=tmp_path / "to")
    restore_backup(backup.made.manifest, database=target, replace=True)
    with open_database(target) as session:
        assert session.fetch("SELECT mood::text, number::integer FROM aside.notes") == [("fail", 1)]
        assert session.fetch("SELECT sum(id) FROM doubled") == [(20,)]
        assert session.fetch("SELECT total(id) FROM kept") == [(10,)]
        assert session.fetch("SELECT last_value FROM tickets") == [(42,)]
        assert session.fetch("SELECT id FROM years_2018") == [(1,)]
        assert session.fetch("SELECT convert_from(lo_get(4711), 'UTF8')") == [("a large object",)]


@pytest.mark.postgresql
def test_a_schema_that_the_site_sees_first_counts(postgresql: Server, tmp_path: Path) -> None:
    site = postgresql.small_site(SMALL)
    postgresql.run(
        "CREATE SCHEMA first",
        "CREATE TABLE first.qa_test AS SELECT * FROM qa_test WHERE id = 1",
        f"ALTER DATABASE {site.name} SET search_path = first, public",
        address=site,
    )
    backup = create_backup(site, to_dir=tmp_path / "to")
    assert dict(backup.made.content.rows)["qa_test"] == 1


@pytest.mark.postgresql
def test_owners_and_rights_come_back_where_the_login_may_set_them(postgresql: Server, tmp_path: Path) -> None:
    site = postgresql.small_site(SMALL)
    postgresql.run("CREATE ROLE \"the site\" LOGIN PASSWORD 's3cret pw'", "CREATE ROLE reporting", address=site)
    try:
        postgresql.run('ALTER TABLE qa_test OWNER TO "the site"', "GRANT SELECT ON qa_test TO reporting", address=site)
        backup = create_backup(site, to_dir=tmp_path / "to")
        asked = (
            "SELECT tableowner, has_table_privilege('reporting', 'qa_test', 'SELECT') FROM pg_tables "
            "WHERE tablename = 'qa_test'"
        )
        whole = postgresql.new_database()
        proof = restore_backup(backup.made.manifest, database=whole).proof
        with open_database(whole) as session:
            assert session.fetch(asked) == [("the site", True)]
        assert not any("belongs to" in sentence for sentence in proof)

        own = postgresql.new_database()
        postgresql.run('GRANT ALL ON SCHEMA public TO "the site"', address=own)
        proof = restore_backup(backup.made.manifest, database=replace(own, user="the site")).proof
        with open_database(own) as session:
            assert session.fetch(asked) == [("the site", False)]
        assert any("the site is no member of qa" in sentence for sentence in proof)
        for database in (whole, own):
            postgresql.run(f"DROP DATABASE {database.name}")
    finally:
        postgresql.run('DROP OWNED BY "the site"', "DROP OWNED BY reporting", address=site)
        postgresql.run('DROP ROLE "the site"', "DROP ROLE reporting")


@pytest.mark.postgresql
def test_a_client_that_is_older_than_the_server_is_refused(postgresql: Server, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("a script is no program on Windows")
    old = tmp_path / "old" / "pg_dump"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n", encoding="utf-8")
    old.chmod(0o755)
    with pytest.raises(ProgramError, match=r"of version 9, older than the server \(PostgreSQL"):
        create_backup(postgresql.small_site(SMALL), to_dir=tmp_path / "to", method="native", client_dir=old.parent)


ALL_OF_MARIADB = (
    "CREATE TABLE log (id integer AUTO_INCREMENT PRIMARY KEY, data longblob, word varchar(20) COLLATE utf8mb4_bin)",
    "CREATE TRIGGER noted AFTER INSERT ON django_site FOR EACH ROW INSERT INTO `log` (`word`) VALUES ('site')",
    "CREATE VIEW doubled AS SELECT id * 2 AS id FROM qa_test",
    "CREATE FUNCTION twice(n integer) RETURNS integer DETERMINISTIC RETURN n * 2",
    "CREATE PROCEDURE nothing() BEGIN\nINSERT INTO `log` (`word`) VALUES ('x');\nEND",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM log",
    "INSERT INTO log (data, word) VALUES (0x00FF0A0D275C, 'a')",
)


@pytest.mark.mariadb
def test_all_that_mariadb_can_hold_comes_back_over_itself(mariadb: Server, tmp_path: Path) -> None:
    source, target = mariadb.small_site(SMALL), mariadb.small_site(SMALL[:1])
    mariadb.run(*ALL_OF_MARIADB, address=source)
    mariadb.run(*ALL_OF_MARIADB, "INSERT INTO log (word) VALUES ('b')", address=target)
    backup = create_backup(source, to_dir=tmp_path / "to")
    restore_backup(backup.made.manifest, database=target, replace=True)
    with open_database(target, writable=True) as session:
        assert session.fetch("SELECT data, word FROM log") == [(b"\x00\xff\n\r'\\", "a")]
        assert [int(str(row[0])) for row in session.fetch("SELECT SUM(twice(id)) FROM doubled")] == [40]
        session.execute("INSERT INTO django_site VALUES (1)")
        assert session.count("log") == 2
        assert session.fetch("SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE()") != []


@pytest.mark.mariadb
def test_tables_without_transactions_are_kept_from_changing_and_told(mariadb: Server, tmp_path: Path) -> None:
    site = mariadb.small_site(SMALL)
    mariadb.run("ALTER TABLE qa_test ENGINE=MyISAM", address=site)
    backup = create_backup(site, to_dir=tmp_path / "to")
    assert any("without transactions (qa_test)" in sentence for sentence in backup.proof)
    target = mariadb.new_database()
    restore_backup(backup.made.manifest, database=target)
    assert content(target) == content(site)


@pytest.mark.mariadb
def test_a_restore_that_fails_half_way_puts_back_what_was_there(mariadb: Server, tmp_path: Path) -> None:
    site, target, empty = mariadb.small_site(SMALL), mariadb.small_site(SMALL[:1]), mariadb.new_database()
    mariadb.run("INSERT INTO qa_test VALUES (9, 'z', 'z', 'simple', REPEAT('x', 3000000))", address=site)
    backup = create_backup(site, to_dir=tmp_path / "to")
    before = content(target)
    mariadb.run("SET GLOBAL max_allowed_packet = 1048576")
    try:
        with pytest.raises(BackupError, match="what was there has been put back") as caught:
            restore_backup(backup.made.manifest, database=target, replace=True)
        assert "max_allowed_packet" in caught.value.hint
        assert content(target) == before
        with pytest.raises(BackupError, match="it is empty, as it was"):
            restore_backup(backup.made.manifest, database=empty)
        assert content(empty) == {}
    finally:
        mariadb.run("SET GLOBAL max_allowed_packet = 16777216")


@pytest.mark.mariadb
def test_a_restore_that_is_not_what_the_manifest_says_puts_back_what_was_there(mariadb: Server, tmp_path: Path) -> None:
    """A dump is read back row by row, but its digests come from the database: a restore alone proves them."""
    manifest = create_backup(mariadb.small_site(SMALL), to_dir=tmp_path / "to").made.manifest
    said = json.loads(manifest.read_text(encoding="utf-8"))
    said["content"]["qa_test"] = "0" * 64
    manifest.write_text(json.dumps(said), encoding="utf-8")
    target, empty = mariadb.small_site(SMALL[:1]), mariadb.new_database()
    before = content(target)
    with pytest.raises(BackupError, match=r"put back .* not what the manifest says: other values in qa_test"):
        restore_backup(manifest, database=target, replace=True)
    assert content(target) == before
    with pytest.raises(BackupError, match=r"empty, as it was: .* not what the manifest says"):
        restore_backup(manifest, database=empty)
    assert content(empty) == {}


@pytest.mark.mariadb
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_killed_while_it_dumps_no_option_file_is_left(
    mariadb: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = mariadb.small_site(SMALL)
    add_padding(mariadb, site, 9000)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with child(CREATE, site, tmp_path / "to") as process:
        partials = (tmp_path / "to").glob
        assert waiting_for(60, lambda: any(path.stat().st_size > 100_000 for path in partials("*.partial")))
        process.kill()
    assert list((tmp_path / "tmp").rglob("*.cnf")) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "UTF8"])
def test_a_database_of_any_encoding_goes_there_and_back(postgresql: Server, tmp_path: Path, encoding: str) -> None:
    def make(name: str) -> DatabaseAddress:
        postgresql.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
        return postgresql.address(name)

    source, target = make("coded"), make("decoded")
    postgresql.run(
        "CREATE TABLE t (id integer PRIMARY KEY, words text)",
        "INSERT INTO t VALUES (1, 'caf\u00e9 \u00b5 \u00b1')",
        address=source,
    )
    backup = create_backup(source, to_dir=tmp_path / "to", drill=True)
    restore_backup(backup.made.manifest, database=target)
    assert content(target) == content(source)


@pytest.mark.postgresql
def test_an_extension_is_no_obstacle(postgresql: Server, tmp_path: Path) -> None:
    site = postgresql.small_site(SMALL)
    try:
        postgresql.run(
            "CREATE EXTENSION citext", "CREATE TABLE words (id integer PRIMARY KEY, word citext)", address=site
        )
    except DatabaseError:
        pytest.skip("PostgreSQL's own extensions are not installed")
    backup = create_backup(site, to_dir=tmp_path / "to")
    restore_backup(backup.made.manifest, database=site, replace=True)
    assert set(content(site)) == {"django_migrations", "django_site", "qa_test", "words"}


@pytest.mark.mariadb
def test_tables_of_any_character_set_go_there_and_back(mariadb: Server, tmp_path: Path) -> None:
    source, target = mariadb.new_database(), mariadb.new_database()
    mariadb.run(
        "SET sql_mode = ''",
        "CREATE TABLE latin (id integer PRIMARY KEY, words text, day date) CHARACTER SET latin1",
        "INSERT INTO latin VALUES (1, 'caf\u00e9 \u00b5', '2018-05-14')",
        "CREATE TABLE three (id integer PRIMARY KEY, words text) CHARACTER SET utf8mb3",
        "INSERT INTO three VALUES (1, '\u4e2d')",
        "CREATE TABLE koi (id integer PRIMARY KEY, words text) CHARACTER SET koi8r",
        "INSERT INTO koi VALUES (1, '\u0431\u0430\u0437\u0430')",
        address=source,
    )
    with open_database(source, writable=True) as session:
        session.execute("SET SESSION sql_mode = ''")
        session.execute("INSERT INTO latin VALUES (2, NULL, '0000-00-00')")
    backup = create_backup(source, to_dir=tmp_path / "to")
    restore_backup(backup.made.manifest, database=target)
    for table in ("latin", "three", "koi"):
        with open_database(source) as one, open_database(target) as other:
            sql = f"SELECT id, HEX(words) FROM {table}"
            assert one.fetch(sql) == other.fetch(sql)
    with open_database(target) as session:
        assert session.fetch("SELECT CAST(day AS CHAR) FROM latin WHERE id = 2") == [("0000-00-00",)]


def test_a_site_is_backed_up_from_its_settings(server: Server, site: DatabaseAddress, tmp_path: Path) -> None:
    build_sample_site(tmp_path / "qatrackplus", VersionGraph.load().resolve("0.3.0"))
    engine = "django.db.backends." + ("mysql" if server.vendor == "mysql" else "postgresql_psycopg2")
    (tmp_path / "qatrackplus" / "qatrack" / "local_settings.py").write_text(
        f"DATABASES = {{'default': {{'ENGINE': {engine!r}, 'NAME': {site.name!r}, 'USER': {site.user!r}, "
        f"'PASSWORD': {site.password!r}, 'HOST': {site.host!r}, 'PORT': {site.port!r}}}}}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "upgrade_kit", "backup"]
    run = subprocess.run(
        [*command, "qatrackplus", "--format", "json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    document = json.loads(run.stdout)
    assert (document["format"], document["uploads"]["files"]) == (
        {"postgresql": "pg_dump", "mysql": "mysqldump"}[server.vendor],
        1,
    )
    assert site.password not in run.stdout
