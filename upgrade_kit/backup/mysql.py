"""MySQL's and MariaDB's own backup: the SQL that mysqldump writes, read back whole before it counts."""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from upgrade_kit.backup.dumped import DumpedContent
from upgrade_kit.backup.method import Options, Progress, Restored, Written, gave_way, kept_sentence
from upgrade_kit.backup.mysql_rights import refuse_definers, refuse_routines
from upgrade_kit.backup.names import file_errors
from upgrade_kit.backup.programs import Login, Running, find_program
from upgrade_kit.backup.server_drill import drill
from upgrade_kit.deployment.address import DatabaseAddress
from upgrade_kit.deployment.connection import Session, open_database
from upgrade_kit.deployment.database import as_text
from upgrade_kit.deployment.fingerprint import database_content
from upgrade_kit.deployment.manifests import changed_content
from upgrade_kit.deployment.whole_file import open_new
from upgrade_kit.errors import BackupError, DatabaseError
from upgrade_kit.model.backup import Backup, Content, UnverifiedBackup

FORMAT = "mysqldump"

_USUAL = (
    "/usr/local/mysql*/bin",
    "/opt/homebrew/opt/mysql*/bin",
    "/opt/homebrew/opt/mariadb*/bin",
    "C:/Program Files/MySQL/MySQL Server */bin",
    "C:/Program Files/MariaDB */bin",
)
_MAKE_ANOTHER = "Do not rely on it. Make another with: upgrade-kit backup"
_FIRST_WITH_COLUMN_STATISTICS = 8
_SANDBOX = b"/*M!999999"  # the first line that newer mariadb-dumps write; MySQL's client stumbles over it
_READ_BY_THEN = 1 << 18  # bytes, more than pipes hold: a program that took them has read its option file
_COMPLETED = b"-- Dump completed"

_NAME = rb"`(?:[^`]|``)+`"
_CREATE = re.compile(rb"CREATE TABLE (%b) \(\s*" % _NAME)
_INSERT = re.compile(rb"INSERT INTO (%b) \(((?:%b(?:, ?)?)+)\) VALUES\s*" % (_NAME, _NAME))
_COLUMN = re.compile(_NAME)
_ROW = re.compile(rb"\s*\((?:[^'()]++|'(?:[^'\\]++|\\.)*+')*+\)\s*([,;])\s*", re.DOTALL)
_VALUE = re.compile(rb"(?:_binary )?'((?:[^'\\]++|\\.)*+)'|([^',()\s]+)", re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}


def ending(_options: Options) -> str:
    """Return the ending of the file's name."""
    return ".sql"


def check(session: Session, options: Options) -> int:
    """Find the programs; how large the dump will be cannot be told."""
    _dumper(session, options)
    _client(session, options)
    return 0


def make(session: Session, partial: Path, options: Options) -> Written:
    """Let mysqldump write the database as it is at one moment; tell what the file holds.

    The server has no way to show two connections one moment. So rows, history and procedures are told from
    the file; of the digests of rows only those count that are the same before and after.
    """
    program, version = _dumper(session, options)
    loose = session.tables_without_transactions()
    _limit_waiting(session, options)
    with session.transaction():
        before = database_content(session)
    with _option_file(session.address) as login:
        command: list[str | Path] = [
            program,
            f"--defaults-file={login}",
            *_dump_options(session, version, loose),
            f"--result-file={partial.name}",
            "--",
            session.address.name,
        ]
        with Running(
            command,
            login=_login(session.address),
            silence_seconds=options.silence_seconds,
            folder=partial.parent,
            file=partial,
            told=_counted(session, options, login),
        ) as dumping:
            dumping.finish()
    _sync(partial)
    dumped = _read(partial, None, None)
    with session.transaction():
        after = database_content(session)
    changes = changed_content(dumped, after)
    written = [table for table, digest in before.digests if dict(after.digests).get(table) != digest]
    compared = "Rows per table, migration history and procedures of the dump agree with the database."
    if written or changed_content(before, after):
        compared = (
            "The database was written to while the backup was made. Backup and manifest hold it as it was when "
            f"the dump began; since then: {changes or 'other values in ' + ', '.join(written)}."
        )
    elif changes:
        raise BackupError(
            f"{session.address.shown}: the dump differs from the database although nobody wrote to it: {changes}",
            hint="Try again; if it happens again, look at the server's log.",
        )
    digests = tuple((table, digest) for table, digest in after.digests if table not in written)
    held = f"The tables without transactions ({', '.join(loose)}) were kept from being written to meanwhile."
    content = dataclasses.replace(dumped, digests=digests)
    return Written(content=content, notes=(f"Made by {version}.", compared, *([held] if loose else [])))


def prove(made: UnverifiedBackup, database: DatabaseAddress | None, options: Options) -> tuple[str, ...]:
    """Read the dump statement by statement, and count and digest its rows."""
    with file_errors(made.file):
        seen = _read(made.file, made.size_bytes, options.progress)
    if differences := changed_content(made.content, seen):
        raise BackupError(f"{made.file}: not what the manifest says: {differences}", hint=_MAKE_ANOTHER)
    rows = made.content.rows
    return (
        "The dump is complete, and every row of it can be read.",
        f"Rows counted in {len(rows)} tables ({sum(number for _, number in rows)} rows in all) agree.",
        "Migration history and calculation procedures agree.",
        *((drill(made, database, options, create=_create, restore=restore),) if options.drill else ()),
    )


def _create(session: Session, name: str) -> None:
    session.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")


def restore(
    made: UnverifiedBackup,
    target: DatabaseAddress,
    options: Options,
    *,
    replace: bool,
    keep: Callable[[], Backup],
) -> Restored:
    """Put the dump into the database and compare; where either fails, put back what was there.

    MySQL takes no table definition back, so this is no transaction: what was there is in a verified backup
    first, and is loaded again where the work fails. Only who kills this process in the middle must do that.
    """
    with open_database(target, writable=True) as session:
        client, _ = _client(session, options)
        held = _objects(session)
        if held and not replace:
            raise BackupError(
                f"{target.shown}: holds data; nothing was changed",
                hint="Add --replace to put the backup in its place; what is there is backed up first.",
            )
        # What a run that was killed left may be views without tables: of that there is no backup, and it holds no row.
        kept = keep() if any(kind == "TABLE" for kind, _ in held) else None
        before = _objects(session)
        with file_errors(made.file):
            _refuse_what_cannot_be_put_back(session, before, [made, *([kept.made] if kept else [])])
        cleared = False
        try:
            _clear(session, options)
            cleared = True
            _load(made, client, target, options)
            tables = _compare(made, session)
        except (BackupError, DatabaseError, KeyboardInterrupt) as error:
            said = "" if isinstance(error, KeyboardInterrupt) else error.message.removeprefix(f"{target.shown}: ")
            if isinstance(error, DatabaseError) and not cleared and _still_holds(target, before):
                raise BackupError(f"{target.shown}: nothing was changed: {said}", hint=error.hint) from error
            became = _undo(kept, client, target, options, held=bool(held))
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(became) from error
            raise type(error)(f"{target.shown}: {became}: {said}", hint=error.hint) from error
    done = (
        f"Restored to {target.shown}; rows per table, digests of {tables} tables, migration history and procedures "
        "were compared with the manifest while what was there could be put back."
    )
    gone = (gave_way(f"{kind} {name}" for kind, name in held),) if held and kept is None else ()
    return Restored(done=(done, *gone), kept=kept_sentence(kept) if kept else "", proved=True)


def _compare(made: UnverifiedBackup, session: Session) -> int:
    """Compare all that the tables hold now with the manifest; return how many digests were compared."""
    with session.transaction():
        now = database_content(session)
    if differences := changed_content(made.content, now):
        raise BackupError(
            f"what was loaded is not what the manifest says: {differences}",
            hint="If another program writes to it, stop that. A new database shows how the backup comes out there.",
        )
    return len(dict(made.content.digests).keys() & dict(now.digests).keys())


def _undo(kept: Backup | None, client: Path, target: DatabaseAddress, options: Options, *, held: bool) -> str:
    """Take back a restore that failed or was interrupted, and tell what became of the target."""
    options = dataclasses.replace(options, progress=None)  # the terminal that it is shown on may be gone
    try:
        with open_database(target, writable=True) as session:  # the other may wait for an answer for ever
            _clear(session, options)
        if kept is None:
            return "it is empty, and held no table before" if held else "it is empty, as it was"
        _load(kept.made, client, target, options)
    except (BackupError, DatabaseError, KeyboardInterrupt) as error:
        where = f"; what was there is in {kept.made.manifest}" if kept else ""
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else error.message
        return f"the restore failed half way, and so did taking it back ({why}){where}"
    return f"what was there has been put back (it is also in {kept.made.manifest})"


# --- The programs ------------------------------------------------------------------------------------


def _dumper(session: Session, options: Options) -> tuple[Path, str]:
    return _found(("mariadb-dump", "mysqldump"), session, options)


def _client(session: Session, options: Options) -> tuple[Path, str]:
    return _found(("mariadb", "mysql"), session, options)


def _found(names: tuple[str, str], session: Session, options: Options) -> tuple[Path, str]:
    """Find the program of the same make as the server, or the other's."""
    is_mariadb = session.server.startswith("MariaDB")
    return find_program(
        names if is_mariadb else names[::-1],
        fits=lambda said: "" if re.search(r"Ver \d", said) or " from " in said else "is another program",
        product="MariaDB" if is_mariadb else "MySQL",
        folder=options.client_dir,
        usual=_USUAL,
    )


def _dump_options(session: Session, version: str, loose: Sequence[str]) -> list[str]:
    options = [
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
        "--quick",
        "--hex-blob",
        "--complete-insert",
        "--no-tablespaces",  # asks for a right that sites do not have
        "--skip-add-drop-table",
        "--skip-add-locks",
        "--triggers",
        "--verbose",
        # One moment: by a transaction, or, where there are tables that know none, by keeping writers out.
        *(["--lock-tables", "--skip-single-transaction"] if loose else ["--single-transaction"]),
    ]
    for option, table, column in (("--routines", "routines", "routine_schema"), ("--events", "events", "event_schema")):
        if session.fetch(f"SELECT 1 FROM information_schema.{table} WHERE {column} = DATABASE() LIMIT 1"):  # noqa: S608 - of the line above
            options.append(option)  # asked for only where there are any: each needs a right of its own
    if "MariaDB" not in version:
        options.append("--set-gtid-purged=OFF")
        found = re.search(r"Distrib (\d+)", version) or re.search(r"Ver (\d+)", version)
        if found and int(found[1]) >= _FIRST_WITH_COLUMN_STATISTICS:
            options.append("--column-statistics=0")
    return options


def _login(address: DatabaseAddress) -> Login:
    # Messages are read for words, so they must be in one language. The password is in the option file.
    return Login(environment={"LC_ALL": "C"}, secrets=address.secrets)


@contextmanager
def _option_file(address: DatabaseAddress) -> Iterator[Path]:
    """Write what the client programs log in with, for this account alone, and remove it at the end.

    It is the only option file that they read: another's password or host must not come before it.
    """
    options = dict(address.options)
    settings = {
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password or options.get("password", "") or options.get("passwd", ""),
        "socket": options.get("unix_socket", ""),
    }
    lines = [f"!include {options['read_default_file']}"] if "read_default_file" in options else []
    lines += ["[client]", *(f"{key}={_quoted(value)}" for key, value in settings.items() if value)]
    with tempfile.TemporaryDirectory(prefix="upgrade-kit-") as folder:
        file = Path(folder) / "login.cnf"
        with open_new(file) as opened:
            opened.write(("\n".join(lines) + "\n").encode("utf-8"))
        yield file


def _quoted(value: str) -> str:
    """Quote a value of an option file. Source: MySQL's manual, "Using Option Files"."""
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        value = value.replace(character, escaped)
    return f'"{value}"'


def _counted(session: Session, options: Options, login: Path) -> Callable[[str], None]:
    """Return what turns the lines of a verbose dump into progress: tables begun, of all tables.

    The program has read its option file when it speaks, so that is removed then: whatever ends this process
    later leaves no password behind.
    """
    total, done = len(session.table_names()), 0

    def told(line: str) -> None:
        nonlocal done
        login.unlink(missing_ok=True)
        if "Sending SELECT query" in line:
            done += 1
            if options.progress is not None:
                options.progress(min(done, total), total)

    return told


def _sync(file: Path) -> None:
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


# --- What is in a dump -------------------------------------------------------------------------------


def _read(file: Path, size: int | None, progress: Progress | None) -> Content:
    """Go through a dump and tell what it holds.

    Every row stands whole on one line: mysqldump writes a line feed inside a value as two characters.

    Raises:
        BackupError: it is cut off, or something in it is not what mysqldump writes.
        OSError: it cannot be read.
    """
    seen, last, done = DumpedContent(), b"", 0
    with file.open("rb") as lines:
        rows: _Rows | None = None
        code = False  # of a trigger or routine, which may hold any line
        for number, line in enumerate(lines, 1):
            done += len(line)
            if progress is not None and size is not None:
                progress(done, size)
            if rows is not None:
                rows = rows if rows.take(line, number) else None
            elif line.startswith(b"DELIMITER"):
                code = line.split()[1:] != [b";"]
            elif code:
                pass
            elif head := _INSERT.match(line):
                rows = _Rows(file, seen, head)
                rest = line[head.end() :]
                rows = rows if not rest or rows.take(rest, number) else None
            elif head := _CREATE.fullmatch(line):
                seen.table(_unquoted(head[1]))
            elif line.startswith(b"INSERT"):
                raise _damaged(file, number)
            last = line if line.strip() else last
    if rows is not None or not last.startswith(_COMPLETED):
        end = _COMPLETED.decode()
        raise BackupError(f"{file}: the dump is cut off: it does not end in '{end}'", hint=_MAKE_ANOTHER)
    return seen.content()


class _Rows:
    """The rows of one INSERT statement."""

    def __init__(self, file: Path, seen: DumpedContent, head: re.Match[bytes]) -> None:
        self._file = file
        self._seen = seen
        self._table = _unquoted(head[1])
        self._places = seen.wants(self._table, [_unquoted(name) for name in _COLUMN.findall(head[2])])

    def take(self, line: bytes, number: int) -> bool:
        """Take the rows on one line; return whether more are to come."""
        place, count, more = 0, 0, True
        while place < len(line):
            row = _ROW.match(line, place)
            if row is None or not more:
                raise _damaged(self._file, number)
            count += 1
            if self._places:
                values = [_value(found) for found in _VALUE.finditer(row[0])]
                self._seen.keep(self._table, [values[wanted] for wanted in self._places])
            more = row[1] == b","
            place = row.end()
        self._seen.add_rows(self._table, count)
        return more


def _damaged(file: Path, number: int) -> BackupError:
    return BackupError(f"{file}: line {number} is not what mysqldump writes, or is cut off", hint=_MAKE_ANOTHER)


def _unquoted(name: bytes) -> str:
    return name[1:-1].replace(b"``", b"`").decode("utf-8", "surrogateescape")


def _value(found: re.Match[bytes]) -> bytes | None:
    text, plain = found.groups()
    if text is not None:
        return _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), text)
    if plain.upper() == b"NULL":
        return None
    return bytes.fromhex(plain[2:].decode("ascii")) if plain.startswith(b"0x") else bytes(plain)


# --- The target --------------------------------------------------------------------------------------


def _objects(session: Session) -> list[tuple[str, str]]:
    """Return kind and name of all that a database holds, in the words of DROP."""
    rows = session.fetch(
        "SELECT IF(table_type = 'VIEW', 'VIEW', 'TABLE'), table_name FROM information_schema.tables "
        "WHERE table_schema = DATABASE() "
        "UNION ALL SELECT routine_type, routine_name FROM information_schema.routines "
        "WHERE routine_schema = DATABASE() "
        "UNION ALL SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = DATABASE()"
    )
    return [(as_text(kind), as_text(name)) for kind, name in rows]


def _still_holds(target: DatabaseAddress, objects: Sequence[tuple[str, str]]) -> bool:
    """Tell whether all of it is still there, as far as that can be seen."""
    with suppress(DatabaseError), open_database(target) as session:  # the other may be lost
        return set(objects) == set(_objects(session))
    return False


def _refuse_what_cannot_be_put_back(
    session: Session, objects: Sequence[tuple[str, str]], dumps: Sequence[UnverifiedBackup]
) -> None:
    taken = next((name for kind, name in objects if kind in {"TABLE", "VIEW"}), None)
    if taken is not None:
        refuse_definers(session, dumps, _in_backticks(taken))
    try:
        refuse_routines(
            session, [(kind, _in_backticks(name)) for kind, name in objects if kind in {"FUNCTION", "PROCEDURE"}]
        )
    except DatabaseError as error:
        shown = session.address.shown
        said = error.message.removeprefix(f"{shown}: ")
        raise BackupError(f"{shown}: nothing was changed: {said}", hint=error.hint) from error


def _clear(session: Session, options: Options) -> None:
    """Drop all that the database holds; one that is in use is told before anything is dropped."""
    objects = _objects(session)
    session.execute("SET SESSION foreign_key_checks = 0")
    _limit_waiting(session, options)
    tables = [_in_backticks(name) for kind, name in objects if kind == "TABLE"]
    try:
        if tables:  # in one statement: all of them are waited for before the first is dropped
            session.execute(f"DROP TABLE {', '.join(tables)}")
        for kind, name in objects:
            if kind != "TABLE":
                session.execute(f"DROP {kind} {_in_backticks(name)}")
    finally:
        session.execute("SET SESSION foreign_key_checks = 1")


def _limit_waiting(session: Session, options: Options) -> None:
    with suppress(DatabaseError):  # before MySQL 5.5 there is no such limit
        session.execute(f"SET SESSION lock_wait_timeout = {max(1, int(options.lock_seconds))}")


def _in_backticks(name: str) -> str:
    """Quote a name; the backend's own way forgets the backticks in it."""
    return "`" + name.replace("`", "``") + "`"


def _load(made: UnverifiedBackup, client: Path, target: DatabaseAddress, options: Options) -> None:
    with _option_file(target) as login, file_errors(made.file), made.file.open("rb") as lines:
        command: list[str | Path] = [
            client,
            f"--defaults-file={login}",
            "--default-character-set=utf8mb4",
            "--max-allowed-packet=1G",
            "--binary-mode",
            "--batch",
            f"--database={target.name}",
        ]
        with Running(
            command,
            login=_login(target),
            silence_seconds=options.silence_seconds,
            folder=made.file.parent,
            pipe="stdin",
        ) as loading:
            done = 0
            for number, line in enumerate(lines):
                done += len(line)
                if number == 0 and line.startswith(_SANDBOX):
                    continue
                if not loading.feed(line):
                    break
                if done > _READ_BY_THEN:
                    login.unlink(missing_ok=True)
                if options.progress is not None:
                    options.progress(done, made.size_bytes)
            loading.finish()
