"""Runs calculation procedures the way QATrack+ does: 0.2.9.1 on Python 2.7, 0.3.0 on Python 3.6.

Both interpreters are found on this machine, nothing is installed. One process of an interpreter takes a
batch; where the system can fork, each procedure gets a process of its own.
"""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ENVIRONMENT = {"2.7": "UPGRADE_KIT_TEST_PYTHON27", "3.6": "UPGRADE_KIT_TEST_PYTHON36"}
SECONDS_EACH = 20
LIBRARIES = (
    "numpy",
    "scipy",
    "dicom",
    "pydicom",
    "pandas",
    "matplotlib",
    "PIL",
    "django",
)

# Runs on Python 2.7 and on Python 3.6. What each version of QATrack+ does around a procedure is from
# qatrack/qa/views/perform.py at tags v0.2.9.1 and v0.3.0.
RUNNER: Final = r'''
from __future__ import print_function
import base64, datetime, io, json, os, shutil, signal, sys, tempfile, warnings

PY2 = sys.version_info[0] == 2
warnings.simplefilter("ignore")


def have(name):
    try:
        return __import__(name)
    except Exception:
        return None


LIBRARY = {}
for _name in ["numpy", "scipy", "dicom", "pydicom", "matplotlib", "django"]:
    if PY2 and _name == "pydicom":
        continue
    LIBRARY[_name] = have(_name)
if not PY2 and LIBRARY["pydicom"] is not None:
    LIBRARY["dicom"] = LIBRARY["pydicom"]
if LIBRARY.get("matplotlib") is not None:
    LIBRARY["matplotlib"].use("Agg")
numpy = LIBRARY["numpy"]


class File(object):
    """What django.core.files.base.File of Django 1.11 does, for a machine that has no Django."""

    DEFAULT_CHUNK_SIZE = 64 * 1024

    def __init__(self, path, name):
        self._path, self.name, self._opened = path, name, None

    path = property(lambda self: self._path)
    size = property(lambda self: os.path.getsize(self._path))
    closed = property(lambda self: self._opened is None or self._opened.closed)
    url = property(lambda self: "/media/" + self.name)

    @property
    def file(self):
        if self._opened is None:
            self._opened = open(self._path, "rb")
        return self._opened

    read = property(lambda self: self.file.read)
    readline = property(lambda self: self.file.readline)
    readlines = property(lambda self: self.file.readlines)
    seek = property(lambda self: self.file.seek)
    tell = property(lambda self: self.file.tell)
    write = property(lambda self: self.file.write)
    writelines = property(lambda self: self.file.writelines)
    fileno = property(lambda self: self.file.fileno)
    flush = property(lambda self: self.file.flush)
    isatty = property(lambda self: self.file.isatty)
    truncate = property(lambda self: self.file.truncate)
    readinto = property(lambda self: self.file.readinto)
    newlines = property(lambda self: self.file.newlines)
    encoding = property(lambda self: self.file.encoding)

    def readable(self):
        return not self.closed and self.file.readable()

    def writable(self):
        return not self.closed and self.file.writable()

    def seekable(self):
        return not self.closed and self.file.seekable()

    def __bool__(self):
        return bool(self.name)

    def __len__(self):
        return self.size

    def __str__(self):
        return self.name or ""

    def __repr__(self):
        return "<FieldFile: %s>" % (self.name or "None")

    def __eq__(self, other):
        return self.name == getattr(other, "name", other)

    def __hash__(self):
        return hash(self.name)

    def __enter__(self):
        return self

    def __exit__(self, *caught):
        self.close()

    def chunks(self, chunk_size=None):
        self.seek(0)
        while True:
            data = self.read(chunk_size or self.DEFAULT_CHUNK_SIZE)
            if not data:
                break
            yield data

    def multiple_chunks(self, chunk_size=None):
        return self.size > (chunk_size or self.DEFAULT_CHUNK_SIZE)

    def __iter__(self):
        buffered = None
        for chunk in self.chunks():
            for line in chunk.splitlines(True):
                if buffered:
                    if buffered.endswith(b"\r") and line != b"\n":
                        yield buffered
                        buffered = line
                    else:
                        buffered += line
                        line = buffered
                        if line.endswith((b"\r", b"\n")):
                            yield line
                            buffered = None
                    continue
                if line.endswith(b"\n") or (line.endswith(b"\r") and False):
                    yield line
                else:
                    buffered = line
        if buffered is not None:
            yield buffered

    def open(self, mode="rb"):
        self.file.seek(0)
        return self

    def close(self):
        if self._opened is not None:
            self._opened.close()


def field_file(root, name):
    if LIBRARY["django"] is None:
        return File(os.path.join(root, name), name)
    from django.conf import settings
    if not settings.configured:
        settings.configure(MEDIA_ROOT=root, MEDIA_URL="/media/")
    from django.core.files.storage import FileSystemStorage
    from django.db.models.fields.files import FieldFile, FileField
    return FieldFile(None, FileField(storage=FileSystemStorage(location=root, base_url="/media/")), name)


def normal(value, depth=0):
    if depth > 12:
        return {"type": "too deep"}
    if numpy is not None and isinstance(value, numpy.ma.core.MaskedConstant):
        return {"type": "masked"}
    if numpy is not None and isinstance(value, numpy.generic):
        value = value.item()
    if numpy is not None and isinstance(value, numpy.ndarray):
        return {"array": normal(value.tolist(), depth + 1), "kind": value.dtype.kind.replace("U", "S")}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) or (not isinstance(value, int) and type(value).__name__ == "long"):
        if value != value:
            return {"number": "nan"}
        if value in (float("inf"), float("-inf")):
            return {"number": repr(value)}
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if PY2 and isinstance(value, str):
        try:
            return {"text": str.decode(value, "utf-8"), "type": type(value).__name__.replace("unicode", "str")}
        except UnicodeDecodeError:
            return {"raw": value.decode("latin-1")}
    if isinstance(value, type(u"")):
        return {"text": value, "type": type(value).__name__.replace("unicode", "str")}
    if isinstance(value, bytes):
        return {"raw": value.decode("latin-1")}
    if isinstance(value, bytearray):
        return {"bytearray": bytes(value).decode("latin-1")}
    if isinstance(value, (list, tuple)):
        return [normal(item, depth + 1) for item in value]
    if isinstance(value, dict):
        items = [[normal(k, depth + 1), normal(v, depth + 1)] for k, v in value.items()]
        return {"dict": sorted(items, key=lambda item: json.dumps(item[0], sort_keys=True))}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((normal(v, depth + 1) for v in value), key=lambda i: json.dumps(i, sort_keys=True))}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return {"time": value.isoformat()}
    return {"type": type(value).__name__.replace("xrange", "range")}


def run(job):
    folder = tempfile.mkdtemp()
    try:
        return run_in(job, folder)
    finally:
        try:
            shutil.rmtree(folder)
        except Exception:
            pass


def run_in(job, folder):
    folder = os.path.realpath(folder)
    name = os.path.join("uploads", "0", job.get("file_name") or "upload.bin")
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path))
    content = base64.b64decode(job["sample"])
    os.chdir(folder)
    if PY2:
        FILE = open(path, "w+b")
        FILE.write(content)
        FILE.seek(0)
        context = {"FILE": FILE}
    else:
        with open(path, "wb") as stream:
            stream.write(content)
        context = {"FILE": open(path, "r"), "BIN_FILE": field_file(folder, name)}
    context["META"] = {
        "test_list_name": "Monthly", "unit_number": 1, "cycle_day": 1, "username": "physics",
        "work_started": datetime.datetime(2018, 3, 1, 12, 0), "work_completed": datetime.datetime(2018, 3, 1, 13, 0),
    }
    context["REFS"] = {"known": 1.0, "text": "ok"}
    context["TOLS"] = {"known": {"act_low": -2, "act_high": 2, "tol_low": -1, "tol_high": 1, "type": "absolute"}}
    import math
    context["math"] = math
    names = ["numpy", "scipy", "dicom"] if PY2 else ["numpy", "scipy", "dicom", "pydicom", "matplotlib"]
    for name in names:
        if LIBRARY.get(name) is not None:
            context[name] = LIBRARY[name]
    text = job["source"]
    if PY2 and not isinstance(text, type(u"")):
        text = text.decode("utf-8")
    text = u"\n".join([u"from __future__ import division", text, u"\n"]).replace(u"\r", u"\n")
    flags = 0
    try:
        code = compile(text, "<string>", "exec", flags, True)
    except Exception as error:
        return {"fail": type(error).__name__, "message": str(error)[:200]}
    try:
        eval(code, context)
        key = "result" if "result" in context else job["slug"]
        return {"value": normal(context[key])}
    except Exception as error:
        try:
            message = "%s" % (error,)
        except Exception:
            message = "?"
        if isinstance(message, bytes):
            message = message.decode("latin-1")
        return {"fail": type(error).__name__, "message": message[:300]}
    except SystemExit:
        return {"fail": "SystemExit", "message": ""}


def quiet(job):
    saved = os.dup(1), os.dup(2)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1), os.dup2(null, 2)
    here = os.getcwd()
    try:
        return run(job)
    finally:
        os.chdir(here)
        os.dup2(saved[0], 1), os.dup2(saved[1], 2)


def forked(job, seconds):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            os.setpgid(0, 0)
            text = json.dumps(quiet(job))
            if not isinstance(text, bytes):
                text = text.encode("ascii")
            with os.fdopen(writer, "wb") as stream:
                stream.write(text)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        text = stream.read()
    status = os.waitpid(child, 0)[1]
    if not text:
        return {"fail": "timeout" if status & 127 == signal.SIGALRM else "crash", "message": "status %d" % status}
    return json.loads(text.decode("ascii"))


def main():
    with io.open(sys.argv[1], encoding="ascii") as stream:
        order = json.load(stream)
    if order.get("ask"):
        answer = dict((name, have(name) is not None) for name in order["ask"])
        answer["version"] = list(sys.version_info[:2])
    else:
        each = (lambda job: forked(job, order["seconds"])) if hasattr(os, "fork") else quiet
        answer = [each(job) for job in order["jobs"]]
    text = json.dumps(answer)
    with open(sys.argv[2], "wb") as stream:
        stream.write(text if isinstance(text, bytes) else text.encode("ascii"))


main()
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One procedure, the content of the uploaded file, and the test's macro name."""

    source: str
    sample: bytes
    slug: str = "a_test"
    file_name: str = "upload.bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of it: a value, or how it failed."""

    value: Any = None
    failure: str | None = None
    message: str = ""

    @property
    def is_right(self) -> bool:
        """Return whether there is a result."""
        return self.failure is None

    def __str__(self) -> str:
        if self.failure is not None:
            return f"FAIL {self.failure}: {self.message}"
        return f"ok {json.dumps(self.value, sort_keys=True)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python of one version, and which libraries it has."""

    version: str
    program: Path
    libraries: frozenset[str]

    def run(self, jobs: Sequence[Job]) -> list[Ran]:
        """Run the procedures, each by itself."""
        if os.name == "nt":
            return [ran for job in jobs for ran in self._batch([job])]
        return self._batch(jobs)

    def _batch(self, jobs: Sequence[Job]) -> list[Ran]:
        order = {
            "seconds": SECONDS_EACH,
            "jobs": [
                {
                    "source": job.source,
                    "slug": job.slug,
                    "file_name": job.file_name,
                    "sample": base64.b64encode(job.sample).decode("ascii"),
                }
                for job in jobs
            ],
        }
        try:
            answers = _ask(self.program, order, seconds=SECONDS_EACH * (len(jobs) + 2))
        except subprocess.TimeoutExpired:
            return [Ran(failure="timeout") for _ in jobs]
        return [
            Ran(failure=answer["fail"], message=answer.get("message", ""))
            if "fail" in answer
            else Ran(value=answer["value"])
            for answer in answers
        ]


def interpreter(version: str) -> Interpreter | None:
    """Return a Python of this version (``2.7``, ``3.6``), the one with most of the libraries; or None."""
    best: Interpreter | None = None
    for program in _programs(version):
        try:
            answer = _ask(program, {"ask": LIBRARIES}, seconds=120)
        except (OSError, subprocess.SubprocessError, ValueError):
            continue
        if ".".join(map(str, answer.pop("version"))) != version:
            continue
        libraries = frozenset(name for name, there in answer.items() if there)
        if best is None or len(libraries) > len(best.libraries):
            best = Interpreter(version=version, program=program, libraries=libraries)
        if version in ENVIRONMENT and ENVIRONMENT[version] in os.environ:
            break
    return best


def same(before: object, after: object) -> bool:
    """Return whether two results are the same to a test: 1 is 1.0, NaN is NaN, bytes are not text."""
    if isinstance(before, bool) or isinstance(after, bool) or before is None or after is None:
        return type(before) is type(after) and before == after
    if isinstance(before, int | float) and isinstance(after, int | float):
        return math.isclose(before, after, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(same, before, after))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(same(before[key], after[key]) for key in before)
    return type(before) is type(after) and before == after


def _programs(version: str) -> Iterator[Path]:
    named = os.environ.get(ENVIRONMENT[version])
    if named:
        yield Path(named)
        return
    roots: Iterable[Path] = ()
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    if (pyenv / "versions").is_dir():
        roots = sorted((pyenv / "versions").iterdir())
    for root in roots:
        for program in (root / "bin" / f"python{version}", root / "python.exe"):
            if root.name.startswith(version) and program.is_file():
                yield program
    found = shutil.which(f"python{version}")
    if found:
        yield Path(found)


def _ask(program: Path, order: Mapping[str, object], *, seconds: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        asked, answered, runner = (Path(folder, name) for name in ("order.json", "answer.json", "runner.py"))
        asked.write_text(json.dumps(order), encoding="ascii")
        runner.write_text(RUNNER, encoding="ascii")
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8", "MPLCONFIGDIR": folder}
        environment.pop("PYTHONPATH", None)
        subprocess.run(
            [str(program), str(runner), str(asked), str(answered)],
            check=True,
            capture_output=True,
            timeout=seconds,
            env=environment,
            cwd=folder,
        )
        return json.loads(answered.read_text(encoding="ascii"))
