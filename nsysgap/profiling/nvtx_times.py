"""Times of a program's NVTX ranges without nsys: what a plain run says of its own steps.

NVTX calls the library that NVTX_INJECTION64_PATH names. Ours (nvtx_times.c, compiled with the machine's C compiler at
first use and kept in the user's cache) notes when ranges begin and end, some 60 ns a range, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import struct
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.files import cache_folder

LIBRARY_VARIABLE, FOLDER_VARIABLE = "NVTX_INJECTION64_PATH", "NSYSGAP_NVTX_TIMES"
COMPILERS = ("cc", "gcc", "clang")
COMPILE_FLAGS = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread", "-ftls-model=initial-exec")
COMPILE_SECONDS = 60
ROOM_BYTES = 2 << 30  # twice what a process may note
_MAGIC = b"NSGNVTX1"
_RECORD = struct.Struct("<BxHIqQ")
_WINDOW = 1 << 20
_PUSH, _POP, _START, _END, _DOMAIN, _NEXT_WINDOW, _FULL = range(1, 8)


@dataclass(frozen=True)
class TimedRange:
    """A closed NVTX range: times in ns of the machine's monotonic clock, `domain` "" for the default one."""

    pid: int
    tid: int
    domain: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class RangeTimes:
    """The closed ranges of a run by (pid, tid), start; `open` how many had no end, `full` whether room ran out."""

    ranges: tuple[TimedRange, ...] = ()
    open: int = 0
    full: bool = False


def timing_library() -> Path:
    """The compiled library, made at first use. Raises NsysgapError, whose text says why there is none.

    It is kept as $XDG_CACHE_HOME/nsysgap/nvtx-times-HASH.so (~/.cache without that variable), HASH being of its source
    and this machine's architecture; a second nsysgap that makes it at the same moment makes the same file.
    """
    source = files("nsysgap.profiling").joinpath("nvtx_times.c").read_bytes()
    key = hashlib.sha256(source + platform.machine().encode()).hexdigest()[:16]
    kept = cache_folder() / f"nvtx-times-{key}.so"
    if not kept.exists():
        _compile(source, kept)
    return kept


def _compile(source: bytes, kept: Path) -> None:
    compiler = next((path for path in map(shutil.which, (os.environ.get("CC", ""), *COMPILERS)) if path), None)
    if compiler is None:
        raise NsysgapError("There is no C compiler (cc) here.", "Install gcc to get the plain run's step times.")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            code, made = Path(folder) / "nvtx_times.c", Path(folder) / "nvtx_times.so"
            code.write_bytes(source)
            line = [compiler, *COMPILE_FLAGS, "-o", str(made), str(code)]
            done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=COMPILE_SECONDS)
            if done.returncode:
                said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0]
                raise NsysgapError(f"{compiler} cannot compile a small library ({said}).", "Install gcc and libc6-dev.")
            made.replace(kept)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NsysgapError(f"{kept.parent} cannot hold a compiled library ({error}).", "Set XDG_CACHE_HOME.") from None


@contextmanager
def notes_folder() -> Iterator[Path]:
    """A temporary folder for the notes, in memory (/dev/shm) where that has room: a disk costs more."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix="nsysgap-nvtx-", dir=memory if roomy else None) as folder:
        yield Path(folder)


def timing_environment(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The variables to add so that a program notes its ranges in `folder`.

    Raises NsysgapError where they cannot be had: another library is injected already, or none can be compiled.
    """
    if environment.get(LIBRARY_VARIABLE):
        raise NsysgapError(
            f"{LIBRARY_VARIABLE} is set already.", "Unset it to get the plain run's step times from nsysgap."
        )
    return {LIBRARY_VARIABLE: str(timing_library()), FOLDER_VARIABLE: str(folder)}


def read_range_times(folder: Path) -> RangeTimes:
    """Every closed range that was noted in a folder; a file that a killed program left is read as far as it goes."""
    parts = [_read_thread(path) for path in sorted(folder.glob("*.nvtx"))]
    domains: dict[tuple[int, int], str] = {}
    for part in parts:
        domains |= {(part.pid, number): name for number, name in part.domains.items()}
    ranges, unclosed = _paired(parts, domains)
    order = sorted(ranges, key=lambda timed: (timed.pid, timed.tid, timed.start, -timed.end))
    return RangeTimes(tuple(order), unclosed, any(part.full for part in parts))


@dataclass(frozen=True)
class _Event:
    kind: int
    domain: int
    time: int
    id: int
    text: str


@dataclass(frozen=True)
class _ThreadEvents:
    pid: int
    tid: int
    events: list[_Event]
    domains: dict[int, str]
    full: bool


def _read_thread(path: Path) -> _ThreadEvents:
    pid, _, tid = path.stem.partition("-")
    data = path.read_bytes()
    events, domains, full = [], {}, False
    for event in _events(data) if data.startswith(_MAGIC) else ():
        if event.kind == _DOMAIN:
            domains[event.domain] = event.text
        elif event.kind == _FULL:
            full = True
        else:
            events.append(event)
    return _ThreadEvents(int(pid), int(tid), events, domains, full)


def _events(data: bytes) -> Iterator[_Event]:
    at = len(_MAGIC)
    while at + _RECORD.size <= len(data):
        kind, length, domain, time, number = _RECORD.unpack_from(data, at)
        if kind == _NEXT_WINDOW:
            at = (at // _WINDOW + 1) * _WINDOW
            continue
        if not _PUSH <= kind <= _FULL:
            return
        name = data[at + _RECORD.size : at + _RECORD.size + length]
        yield _Event(kind, domain, time, number, name.decode("utf-8", "replace"))
        at += (_RECORD.size + length + 7) & ~7


def _paired(parts: Iterable[_ThreadEvents], domains: dict[tuple[int, int], str]) -> tuple[list[TimedRange], int]:
    """Begins with their ends. Push and pop nest per (thread, domain); a start may end on another thread."""
    ranges: list[TimedRange] = []
    started: dict[tuple[int, int], tuple[int, _Event]] = {}
    ended: list[tuple[int, _Event]] = []
    unclosed = 0
    for part in parts:
        pushed: dict[int, list[_Event]] = defaultdict(list)
        for event in part.events:
            if event.kind == _PUSH:
                pushed[event.domain].append(event)
            elif event.kind == _POP and pushed[event.domain]:
                begin = pushed[event.domain].pop()
                ranges.append(_range(part.pid, part.tid, begin, event.time, domains))
            elif event.kind == _START:
                started[part.pid, event.id] = (part.tid, event)
            elif event.kind == _END:
                ended.append((part.pid, event))
        unclosed += sum(map(len, pushed.values()))
    for pid, event in ended:
        if (pid, event.id) in started:
            tid, begin = started.pop((pid, event.id))
            ranges.append(_range(pid, tid, begin, event.time, domains))
    return ranges, unclosed + len(started)


def _range(pid: int, tid: int, begin: _Event, end: int, domains: dict[tuple[int, int], str]) -> TimedRange:
    domain = domains.get((pid, begin.domain), f"domain {begin.domain}") if begin.domain else ""
    return TimedRange(pid, tid, domain, begin.text, begin.time, end)
