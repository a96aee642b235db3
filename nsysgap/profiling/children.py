"""Running a program with its output passed through, and stopping it so that none of its processes survives.

A child gets its own session: Ctrl-C in a terminal reaches nsysgap alone, which then stops the child. nsys starts
helpers that detach themselves, so on Linux nsysgap adopts orphans (PR_SET_CHILD_SUBREAPER) and finds them in /proc.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType, MappingProxyType
from typing import IO, Any

from nsysgap.numpy_settings import environment_as_given
from nsysgap.profiling.processes import processes
from nsysgap.profiling.temporaries import Temporaries

GRACE_S = 5.0
HELPERS_GRACE_S = 0.5
KILL_WITHIN_S = 20.0  # what is killed ends at once, but on a machine that hardly gets to it
PUMPS_END_WITHIN_S = 2.0
TAIL_BYTES = 65536
PROFILING = "NSYSGAP_PROFILING"
"""Set for every program that is profiled, its plain run too: it may choose a size by it."""
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SET_CHILD_SUBREAPER = 36
Filter = Callable[[bytes], bytes]


class Interrupted(Exception):  # noqa: N818 - it is a request, not an error
    """The user or the system asked to stop: the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(frozen=True)
class Ran:
    """How a child ended: exit code (128 + signal when killed), wall time, the last 64 KiB of its two outputs."""

    exit_code: int
    wall_s: float
    stdout: bytes
    stderr: bytes


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into Interrupted while the block runs; signals that were ignored stay so.

    Whatever was started in the block, by its programs too and however long ago, has ended when Interrupted leaves it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    others, left = set(descendants()), Temporaries()
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        with _adopting_orphans():
            try:
                yield
            except Interrupted:
                end_all(others, left)
                raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let a signal that would interrupt the block do so at its end."""
    came: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    held = [number for number in STOPPING if ours and signal.getsignal(number) is _interrupt]
    for number in held:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, _interrupt)
    if came:
        raise Interrupted(came[0])


def _ignore_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)


class _Pump(threading.Thread):
    """Copies what a child prints to a sink, through a filter, and keeps the end of it."""

    def __init__(self, source: IO[bytes], sink: IO[bytes], keep: Filter) -> None:
        super().__init__(daemon=True)
        self.source, self.sink, self.filter = source, sink, keep
        self.tail = b""
        self.open = True

    def run(self) -> None:
        """Copy until the child closes its end."""
        with self.source:
            while chunk := os.read(self.source.fileno(), TAIL_BYTES):
                self._pass(self.filter(chunk))
            self._pass(self.filter(b""))

    def _pass(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        if data and self.open:
            try:
                self.sink.write(data)
                self.sink.flush()
            except (OSError, ValueError):
                self.open = False  # whoever read our output is gone: keep draining the child


def run(
    argv: Sequence[str],
    *,
    out: IO[bytes],
    err: IO[bytes],
    keep_out: Filter = bytes,
    keep_err: Filter = bytes,
    added: Mapping[str, str] = MappingProxyType({}),
) -> Ran:
    """Run argv to its end. Its output goes to `out` and `err` as it comes, through the filters (b"" is the end).

    `added`: variables of its environment beside this process's own.

    Raises OSError when it cannot be started, Interrupted after everything it started has been stopped.
    """
    others, left = set(descendants()), Temporaries()
    began = time.perf_counter()
    child: subprocess.Popen[bytes] = subprocess.Popen(
        list(argv),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**environment_as_given(), **added, PROFILING: "1"},
    )
    pumps: list[_Pump] = []
    try:
        pumps += [_pump(child.stdout, out, keep_out), _pump(child.stderr, err, keep_err)]
        code = child.wait()
        wall = time.perf_counter() - began
        for pump in pumps:
            pump.join(PUMPS_END_WITHIN_S)  # a process left in the background may hold the pipe for ever
    except BaseException:
        stop(child, others, left)
        for pump in pumps:
            pump.join(PUMPS_END_WITHIN_S)
        raise
    return Ran(128 - code if code < 0 else code, wall, pumps[0].tail, pumps[1].tail)


def _pump(source: IO[bytes] | None, sink: IO[bytes], keep: Filter) -> _Pump:
    assert source is not None  # noqa: S101 - Popen was given a pipe
    pump = _Pump(source, sink, keep)
    pump.start()
    return pump


def stop(child: subprocess.Popen[bytes], others: set[int], left: Temporaries) -> None:
    """End a child and everything it started: first SIGINT, as Ctrl-C would, then SIGKILL.

    `others` are processes that were there before, `left` is told of those that end. A second signal cuts the time of
    grace short; from then on signals are ignored until the caller's `interruptible` block ends, so that cleaning up is
    finished.
    """
    with suppress(Interrupted, ProcessLookupError):
        left.note(_living(others))
        os.killpg(child.pid, signal.SIGINT)
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until and (living := _living(others)):
            left.note(living)  # nsys goes on to write its report
            time.sleep(0.02)
            if child.poll() is not None:
                until = min(until, time.monotonic() + HELPERS_GRACE_S)
    end_all(others, left)
    child.wait()


def end_all(others: set[int], left: Temporaries) -> None:
    """Kill every process below us that is not one of `others`, and remove what an nsys among them leaves behind.

    Signals are ignored from here on.
    """
    _ignore_signals()
    until = time.monotonic() + KILL_WITHIN_S
    while (living := _living(others)) and time.monotonic() < until:
        left.note(living)
        for pid in living:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    left.remove()


def _living(others: set[int]) -> list[int]:
    """Processes below us that were not there before and have not ended; those that have are collected."""
    pids = []
    for pid, state in descendants().items():
        if pid in others:
            continue
        if state == "Z":
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        else:
            pids.append(pid)
    return pids


def descendants() -> dict[int, str]:
    """All processes below this one and their states; nothing where there is no /proc."""
    children: dict[int, list[tuple[int, str]]] = {}
    with uninterrupted():  # a signal just after a file or /proc was opened would leave it open
        for process in processes():
            children.setdefault(process.parent, []).append((process.pid, process.state))
    states: dict[int, str] = {}
    waiting = [os.getpid()]
    while waiting:
        for pid, state in children.get(waiting.pop(), []):
            states[pid] = state
            waiting.append(pid)
    return states


@contextmanager
def _adopting_orphans() -> Iterator[None]:
    """On Linux: processes whose parent ends become ours instead of init's while the block runs."""
    try:
        prctl: Any = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        yield
        return
    prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
