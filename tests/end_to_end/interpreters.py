"""Runs calculation procedures the way QATrack+ does: 0.2.9.1 on Python 2.7, 0.3.0 on Python 3.6.

Both interpreters are found on this machine, nothing is installed. One process of an interpreter takes a
batch; where the system can fork, each procedure gets a process of its own.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import math
import os
import pickle
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ENVIRONMENT = {"2.7": "UPGRADE_KIT_TEST_PYTHON27", "3.6": "UPGRADE_KIT_TEST_PYTHON36"}
SECONDS_EACH = 10
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
        # lines of the whole file, whatever was read before; a chunk may end between \r and \n
        rest = b""
        for chunk in self.chunks():
            lines = (rest + chunk).splitlines(True)
            rest = lines.pop() if lines else b""
            for line in lines:
                yield line
        if rest:
            for line in rest.splitlines(True):
                yield line

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


def limit_memory():
    """Let a loop that does not end, and keeps what it reads, fail before the machine suffers."""
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    except Exception:
        pass


def forked(job, seconds):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            limit_memory()
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

    @property
    def bin_file(self) -> str:
        """Say what stands for ``BIN_FILE``: the real class, or this module's ``File`` where there is no Django."""
        return "Django's FieldFile" if "django" in self.libraries else "a stand-in for Django's FieldFile"

    def run(self, jobs: Sequence[Job], *, seconds: int = SECONDS_EACH) -> list[Ran]:
        """Run the procedures, each by itself and no longer than so many seconds."""
        if os.name == "nt":
            return [ran for job in jobs for ran in self._batch([job], seconds)]
        return self._batch(jobs, seconds)

    def _batch(self, jobs: Sequence[Job], seconds: int) -> list[Ran]:
        order = {
            "seconds": seconds,
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
            answers = _ask(self.program, order, seconds=seconds * len(jobs) + 60)
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


# -- samples: small uploads of each kind, made here so that nothing binary lies in the repository --------------

TEXT: Final = (
    b"# Date: 2018-03-01\nOutput 1.01\nSymmetry 0.52\nFlatness 1.20\n\nleaf 1 10.5 11.5\nleaf 2 12.5 13.5\nEND\n"
)
SIDE: Final = 16


def samples() -> dict[str, bytes]:
    """Return every sample by its name; the name's ending says what it is."""
    numbers = [1, 2, 3, 4000, -5, 6]
    table = b"name,value,unit\r\noutput,1.01,Gy\r\nsymmetry,0.52,%\r\nflatness,1.2,%\r\n"
    dynalog = b"B\nDoe,Jo,QA1\nplan.dcm\n6\n" + b"".join(
        b"%d,%d,%d,%d,%d,%d\n" % (i, i % 2, 10 * i, 1000 + i, 100 * i, 100 * i + 7) for i in range(12)
    )
    return {
        "text-lf": TEXT,
        "text-crlf": TEXT.replace(b"\n", b"\r\n"),
        "nums.txt": b"1.5 2.5 3\n4 5 6\n7 8 9.25\n",
        "ints.txt": b"12\n7\n9\n30\n",
        "ints.bin": struct.pack("<6i", *numbers),
        "shorts.bin": struct.pack("<4s2H20h", b"MLCX", 4, 5, *range(-10, 10)),
        "hybrid.bin": b"version 2\nDATA\n" + struct.pack("<2f", 1.5, 299.25),
        "readings.csv": table,
        "dynalog.txt": dynalog,
        "scan.mcc": b"\r\n".join(
            [
                b"BEGIN_SCAN_DATA",
                b"\tBEGIN_SCAN  1",
                b"\t\tENERGY=6.00",
                b"\t\tSSD=1000.00",
                b"\t\tBEGIN_DATA",
                b"\t\t\t-10.00\t\t0.5\t\t#\t1.0",
                b"\t\t\t0.00\t\t1.0\t\t#\t1.0",
                b"\t\tEND_DATA",
                b"\tEND_SCAN  1",
                b"END_SCAN_DATA",
                b"",
            ]
        ),
        "profile.prm": b"Version:\t7\nBIAS1\t1.0\t2.0\t1.5\nCalibration\t1.01\t1.02\t0.99\nData:\t100\t200\t300\n",
        "settings.ini": b"[linac]\nname = TB1\noutput = 1.01\n",
        "values.json": b'{"output": 1.01, "name": "TB1", "leaves": [1, 2, 3], "missing": null}',
        "log.xml": b'<?xml version="1.0" encoding="UTF-8"?>\n<log><r v="1.5">a</r><r v="2.5">b</r></log>\n',
        "text.zz": zlib.compress(b"1.5 2.5\n" * 5),
        "results.pkl": pickle.dumps({"output": 1.01, "leaves": [1, 2, 3]}, protocol=2),
        "logs.zip": _zip({"a.txt": b"1.5\n2.5\n", "b.bin": struct.pack("<3i", 1, 2, 3)}),
        "logs.tar": _tar({"a.txt": b"1.5\n2.5\n"}),
        "data.csv.gz": gzip.compress(b"1.5,2.5\n3,4\n", mtime=0),
        "array.npy": _npy(numbers),
        "image.png": _png(),
        "image.dcm": _dicom(),
    }


def _zip(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _npy(numbers: Sequence[int]) -> bytes:
    head = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({len(numbers)},), }}"
    head = head.ljust(117) + "\n"  # with the ten bytes before it a multiple of 64
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(numbers)}i", *numbers)
    )


def _png() -> bytes:
    rows = b"".join(b"\x00" + bytes((x * y) % 251 for x in range(SIDE)) for y in range(SIDE))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _dicom() -> bytes:
    """A small RT image, explicit little endian."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        value += (b"\x00" if kind in {b"UI", b"OB", b"OW"} else b" ") * (len(value) % 2)
        if kind in {b"OB", b"OW"}:
            return struct.pack("<HH2s2xI", group, number, kind, len(value)) + value
        return struct.pack("<HH2sH", group, number, kind, len(value)) + value

    def number(value: int) -> bytes:
        return struct.pack("<H", value)

    pixels = [3000 if 6 <= x < 9 and 6 <= y < 9 else 200 * (4 <= x < 12) for y in range(SIDE) for x in range(SIDE)]
    meta = (
        element(2, 1, b"OB", b"\x00\x01")
        + element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.481.1")
        + element(2, 3, b"UI", b"1.2.3")
        + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
        + element(2, 0x12, b"UI", b"1.2.3.4")
    )
    return (
        b"\x00" * 128
        + b"DICM"
        + element(2, 0, b"UL", struct.pack("<I", len(meta)))
        + meta
        + element(8, 0x60, b"CS", b"RTIMAGE")
        + element(0x10, 0x10, b"PN", b"Doe^Jo")
        + element(0x10, 0x20, b"LO", b"QA1")
        + element(0x28, 2, b"US", number(1))
        + element(0x28, 4, b"CS", b"MONOCHROME2")
        + element(0x28, 0x10, b"US", number(SIDE))
        + element(0x28, 0x11, b"US", number(SIDE))
        + element(0x28, 0x100, b"US", number(16))
        + element(0x28, 0x101, b"US", number(16))
        + element(0x28, 0x102, b"US", number(15))
        + element(0x28, 0x103, b"US", number(0))
        + element(0x7FE0, 0x10, b"OW", struct.pack(f"<{SIDE * SIDE}H", *pixels))
    )
