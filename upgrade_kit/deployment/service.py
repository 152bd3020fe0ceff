"""Reads the script that runs a site as a Windows service, and what Windows says of its services."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath

from upgrade_kit.deployment.parsing import SIZE_LIMIT_BYTES, parse_file
from upgrade_kit.model.deployment import (
    ServiceScript,
    ServiceScripts,
    Stated,
    WindowsService,
    WindowsServices,
)
from upgrade_kit.model.unobserved import Unobserved

USUAL_SERVICES = ("QATrackCherryPyService", "QATrack030CherryPyService")  # deploy/ at v0.2.9.1, deploy/win/ at v0.3.0
USUAL_PORT = 8080  # CherryPy's own, where no line sets another
SC_SECONDS = 10.0
_FRAMEWORK = b"win32serviceutil"
_PORT_KEY = "server.socket_port"


# The script


def read_service_scripts(root: Path) -> ServiceScripts | Unobserved:
    """Read the service scripts that stand beside ``manage.py``, where the guide puts them.

    Only what is written out as a literal is known; nothing is run. What a script under ``deploy`` says is the
    sample that QATrack+ comes with, and of no site.

    Args:
        root: the folder that holds ``manage.py``.
    """
    scripts = []
    try:
        for file in sorted(root.glob("*.py")):
            if not _is_service_script(file):
                continue
            parsed = parse_file(file, file.name)
            if isinstance(parsed, Unobserved):
                return parsed
            if not parsed.tree.body:
                return Unobserved(f"{file.name} is called like a service script, and no line of code is in it")
            scripts.append(_script(file, root, parsed.tree))
    except OSError as error:
        return Unobserved(f"{error.filename or root} cannot be read: {error.strerror or error}")
    if not scripts:
        return Unobserved(f"there is no script of a Windows service in {root}", asked=False)
    return ServiceScripts(scripts=tuple(scripts))


def _is_service_script(file: Path) -> bool:
    if re.search(r"cherrypy\w*service", file.name, re.IGNORECASE):
        return True
    if not file.is_file() or file.stat().st_size > SIZE_LIMIT_BYTES:
        return False
    try:
        return _FRAMEWORK in file.read_bytes()
    except OSError:
        return False  # nothing says that it has to do with a service


def _script(file: Path, root: Path, tree: ast.Module) -> ServiceScript:
    reader = _ScriptReader(file.name, tree)
    folder, venv = reader.text("DEPLOY_DIRECTORY"), reader.text("VENV_DIRECTORY")
    return ServiceScript(
        file=file,
        service=reader.text("_svc_name_"),
        deploy_directory=folder,
        is_this_site=None if folder is None else _look(folder, root, lambda path: path.samefile(root)),
        venv_directory=venv,
        has_venv=None if venv is None else _look(venv, root, Path.is_dir),
        port=reader.port(),
    )


class _ScriptReader:
    """Finds what a script assigns, wherever it stands in it."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name = name
        self._values: dict[str, list[ast.expr]] = {}
        self._ports: list[ast.expr] = []
        for node in ast.walk(tree):
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        self._assigned(target, value)
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value)
                ):
                    self._assigned(target, value)
                case ast.Dict(keys=keys, values=values):
                    self._ports += [
                        value
                        for key, value in zip(keys, values, strict=True)
                        if isinstance(key, ast.Constant) and key.value == _PORT_KEY
                    ]
                case _:
                    pass

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        match target:
            case ast.Name(id=name):
                self._values.setdefault(name, []).append(value)
            case ast.Attribute(attr="socket_port") | ast.Subscript(slice=ast.Constant(value="server.socket_port")):
                self._ports.append(value)
            case _:
                pass

    def text(self, name: str) -> Stated | None:
        """Return the text that a name is set to, or ``None`` where it is not set."""
        found = self._one(name, self._values.get(name, []))
        if found is None or isinstance(found.value, str | Unobserved):
            return found
        return Stated(value=Unobserved(f"{name} is no text ({found.where})"), where=found.where)

    def port(self) -> Stated:
        """Return the port that CherryPy is told to use."""
        nodes = [self._behind(node) for node in self._ports]
        return self._one("the port", nodes) or Stated(value=USUAL_PORT, where=self._name)

    def _behind(self, node: ast.expr) -> ast.expr:
        """Return what a name stands for, where it is set once."""
        values = self._values.get(node.id, []) if isinstance(node, ast.Name) else []
        return values[0] if len(values) == 1 else node

    def _one(self, name: str, nodes: Sequence[ast.expr]) -> Stated | None:
        if not nodes:
            return None
        where = f"{self._name}:{nodes[-1].lineno}"
        if len(nodes) > 1:
            return Stated(value=Unobserved(f"{name} is set more than once ({where})"), where=where)
        match nodes[0]:
            case ast.Constant(value=str() | int() as value) if not isinstance(value, bool):
                return Stated(value=value, where=where)
            case _:
                return Stated(value=Unobserved(f"{name} is computed when the script runs ({where})"), where=where)


def _look(stated: Stated, root: Path, question: Callable[[Path], bool]) -> bool | Unobserved:
    """Ask a question about a folder that a script names, if that is a folder of this machine."""
    text = stated.value
    if isinstance(text, Unobserved):
        return text
    if PureWindowsPath(str(text)).drive and os.name != "nt":
        return Unobserved(f"{text} is a folder on Windows, and the site is read at {root}", asked=False)
    try:
        folder = Path(str(text))
        return folder.is_absolute() and question(folder)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        return Unobserved(f"{text!r} ({stated.where}) cannot be looked at: {getattr(error, 'strerror', None) or error}")


# Windows

# The words after the number are Windows' own names for it, and the same in every language.
_STATES = frozenset(
    (
        "STOPPED",
        "START_PENDING",
        "STOP_PENDING",
        "RUNNING",
        "CONTINUE_PENDING",
        "PAUSE_PENDING",
        "PAUSED",
    )
)
_START_TYPES = frozenset(("BOOT_START", "SYSTEM_START", "AUTO_START", "DEMAND_START", "DISABLED"))
_HEAD = re.compile(r"\S[^:]*:[ \t]*(\S.*)")
_VALUE = re.compile(r"[ \t]+\S[^:]*:[ \t]*(\S.*)")
_NUMBERED = re.compile(r"[0-9A-Fa-f]+[ \t]+([A-Z_0-9]+)\b")
_PROGRAM = re.compile(r"\.exe\b", re.IGNORECASE)
_ERROR = re.compile(r"\[SC\].*?(\d+)[ \xa0]*:")
_NOT_INSTALLED = "1060"
# Where the letters of Western Europe stand in code page 850 of the console, and in 1252 of the desktop.
_CONSOLE_LETTERS = range(0x80, 0xA0)
_DESKTOP_LETTERS = range(0xC0, 0x100)
_OURS = re.compile("qatrack", re.IGNORECASE)


def ask_windows(names: Iterable[str], environment: Mapping[str, str] | None = None) -> WindowsServices | Unobserved:
    """Ask this Windows for the state and the start type of services, by ``sc.exe``, which only reads.

    Args:
        names: the services besides the usual ones.
        environment: the environment to run it in; ``None`` means this process's own.
    """
    from upgrade_kit.deployment.asking import ask  # noqa: PLC0415 - loads subprocess

    found: list[WindowsService] = []
    for name in dict.fromkeys((*names, *USUAL_SERVICES)):
        texts = []
        for verb in ("query", "qc"):
            answer = ask(["sc.exe", verb, name], timeout_seconds=SC_SECONDS, environment=environment)
            if isinstance(answer, Unobserved):
                return Unobserved(f"sc.exe {verb} {name}: {answer.reason}")
            if answer.status and _NOT_INSTALLED in _ERROR.findall(answer.text):
                break
            if answer.status:
                return Unobserved(f"sc.exe {verb} {name} stopped with status {answer.status}: {answer.last_line}")
            texts.append(answer.text)
        else:
            found += _services("\n".join(texts), (name,))
    return WindowsServices(found=tuple(found), source="sc.exe")


def read_service_exports(files: Sequence[Path], names: Iterable[str] = ()) -> WindowsServices | Unobserved:
    """Read what ``sc.exe query NAME`` and ``sc.exe qc NAME`` printed on the server, saved to files.

    One file may hold any number of answers, in any language of Windows, in UTF-16 (as PowerShell writes it), UTF-8 or
    one of the two code pages of Western Europe.

    Args:
        files: the files.
        names: the services that are looked for besides those with QATrack in their name.
    """
    texts = []
    for file in files:
        text = _export_text(file)
        if isinstance(text, Unobserved):
            return text
        if not any(_blocks(text)) and _NOT_INSTALLED not in _ERROR.findall(text):
            return Unobserved(f"{file} holds no answer of sc.exe query or sc.exe qc")
        texts.append(text)
    source = ", ".join(str(file) for file in files)
    return WindowsServices(found=tuple(_services("\n".join(texts), tuple(names))), source=source)


def _export_text(file: Path) -> str | Unobserved:
    try:
        with file.open("rb") as stream:
            raw = stream.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        return Unobserved(f"{file} cannot be read: {error.strerror or error}")
    if len(raw) > SIZE_LIMIT_BYTES:
        return Unobserved(f"{file} is larger than {SIZE_LIMIT_BYTES // 1024 // 1024} MiB and was not read")
    try:
        return _decoded(raw)
    except UnicodeDecodeError:
        return Unobserved(f"{file} is in no encoding in which sc.exe's answers are saved")


def _decoded(raw: bytes) -> str:
    """Decode as Windows saves what a program printed.

    Raises:
        UnicodeDecodeError: it is in none of these encodings.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    if b"\0" in raw:
        return raw.decode("utf-16-be" if raw[:1] == b"\0" else "utf-16-le")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        console = sum(map(_CONSOLE_LETTERS.__contains__, raw))
        desktop = sum(map(_DESKTOP_LETTERS.__contains__, raw))
        return raw.decode("cp850" if console >= desktop else "cp1252")


def _blocks(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the name of each service and the values told of it, answer by answer."""
    name, values = "", list[str]()
    for line in text.splitlines():
        if line.startswith("[SC]"):
            continue
        head, value = _HEAD.fullmatch(line.rstrip()), _VALUE.fullmatch(line.rstrip())
        if head is not None and (values or not name):
            if values:
                yield name, tuple(values)
            name, values = head[1], []
        elif value is not None and name:
            values.append(value[1])
    if values:
        yield name, tuple(values)


def _services(text: str, names: Sequence[str]) -> Iterator[WindowsService]:
    """Yield each service of interest once, put together from all that is told of it."""
    wanted = {name.casefold() for name in names}
    told: dict[str, tuple[str, list[str]]] = {}
    for name, values in _blocks(text):
        key = name.casefold()
        if key in wanted or _OURS.search(name):
            told.setdefault(key, (name, []))[1].extend(values)
    for name, all_values in told.values():
        words = [found[1] for value in all_values if (found := _NUMBERED.match(value))]
        yield WindowsService(
            name=name,
            state=_last(words, _STATES) or Unobserved(f"sc.exe query {name} was not asked"),
            start_type=_last(words, _START_TYPES) or Unobserved(f"sc.exe qc {name} was not asked"),
            program=next((value for value in reversed(all_values) if _PROGRAM.search(value)), None)
            or Unobserved(f"sc.exe qc {name} was not asked"),
        )


def _last(words: Sequence[str], among: frozenset[str]) -> str | None:
    return next((word for word in reversed(words) if word in among), None)
