"""Times of a program's NVTX ranges without nsys: what a plain run says of its own steps.

NVTX calls the library that NVTX_INJECTION64_PATH names. Ours (nvtx_times.c, compiled with the machine's C compiler at
first use and kept in the user's cache) notes when ranges begin and end, some 40 ns a range, and nothing else.
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
_MAGIC = b"NSGNVTX3"
_HEAD, _SHORT, _NUMBER, _MOMENT = (struct.Struct(form) for form in ("<I", "<H", "<Q", "<Qq"))
_WINDOW = 1 << 20
_KIND, _HAS_DOMAIN, _TICKS_SHIFT, _SHARED_SHIFT = 0xF, 0x10, 8, 10
_DEPTHS, _MOST_SHARED = 8, 62
_PUSH, _POP, _START, _END, _DOMAIN, _NEXT_WINDOW, _FULL, _CLOCK = range(1, 9)


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


@dataclass(frozen=True, slots=True)
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
    pid, tid, *_ = path.stem.split("-")
    data = path.read_bytes()
    events, domains, full = [], {}, False
    whole = data.startswith(_MAGIC) and len(data) >= len(_MAGIC) + _MOMENT.size
    for event in _timed(_events(data), _MOMENT.unpack_from(data, len(_MAGIC))) if whole else ():
        if event.kind == _DOMAIN:
            domains[event.domain] = event.text
        elif event.kind == _FULL:
            full = True
        else:
            events.append(event)
    return _ThreadEvents(int(pid), int(tid), events, domains, full)


def _events(data: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """(kind, domain, ticks, number of a range or ns of a clock, name) of each record, see nvtx_times.c."""
    at, ticks, depth = len(_MAGIC) + _MOMENT.size, 0, 0
    names = [b""] * (_DEPTHS + 1)
    while at + _HEAD.size <= len(data):
        (head,) = _HEAD.unpack_from(data, at)
        kind = head & _KIND
        if kind == _NEXT_WINDOW:
            at = (at // _WINDOW + 1) * _WINDOW
            continue
        if not _PUSH <= kind <= _CLOCK:
            return
        domain = number = 0
        name, ticks, offset = b"", ticks + (head >> _TICKS_SHIFT), at + _HEAD.size
        try:
            if head & _HAS_DOMAIN:
                (domain,), offset = _SHORT.unpack_from(data, offset), offset + _SHORT.size
            if kind == _CLOCK:
                (ticks, number), offset = _MOMENT.unpack_from(data, offset), offset + _MOMENT.size
            elif kind in (_START, _END):
                (number,), offset = _NUMBER.unpack_from(data, offset), offset + _NUMBER.size
            if kind in (_PUSH, _START, _DOMAIN):
                slot = min(depth, _DEPTHS - 1) if kind == _PUSH else _DEPTHS
                name, offset = _name(data, offset, names[slot])
                names[slot] = name[:_MOST_SHARED]
        except struct.error:
            return
        depth += {_PUSH: 1, _POP: -1 if depth else 0}.get(kind, 0)
        yield kind, domain, ticks, number, name
        at += (offset - at + 3) & ~3


def _name(data: bytes, offset: int, before: bytes) -> tuple[bytes, int]:
    """(a name, where it ends in the data); `before`: the one that it may share its beginning with."""
    (both,) = _SHORT.unpack_from(data, offset)
    begin = offset + _SHORT.size
    end = begin + (both & ((1 << _SHARED_SHIFT) - 1))
    return before[: both >> _SHARED_SHIFT] + data[begin:end], end


def _timed(records: Iterable[tuple[int, int, int, int, bytes]], began: tuple[int, int]) -> Iterator[_Event]:
    """Records with times in ns: between two moments at which both clocks were read by a straight line.

    After the last moment the line goes on that leads to it from the one `began` at.
    """
    waiting: list[tuple[int, int, int, int, bytes]] = []
    last = began
    for record in records:
        if record[0] != _CLOCK:
            waiting.append(record)
            continue
        moment = record[2], record[3]
        yield from _on_line(waiting, last, moment)
        waiting, last = [], moment
    yield from _on_line(waiting, last, last, began)


def _on_line(
    records: Iterable[tuple[int, int, int, int, bytes]],
    first: tuple[int, int],
    last: tuple[int, int],
    before: tuple[int, int] | None = None,
) -> Iterator[_Event]:
    """`first`, `last`: (ticks, ns) of the moments around the records; `before`: of one that gives the line's slope."""
    low, high = (before or first), last
    ticks, ns = high[0] - low[0], high[1] - low[1]
    if ticks <= 0:
        ticks = ns = 1
    for kind, domain, tick, number, name in records:
        yield _Event(kind, domain, first[1] + (tick - first[0]) * ns // ticks, number, name.decode("utf-8", "replace"))


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
