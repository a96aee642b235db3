"""Launching threads that slept until another thread of the process woke them: what the waker did in that time.

The part stays `os`: the launching thread was in an OS call. Who woke it is told where one thread alone can have: the
only other one that calls CUDA or has NVTX ranges and was in no OS call just before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport, once
from nsysgap.analysis.relations.acting import SLEEPS
from nsysgap.arrays import distinct, is_any
from nsysgap.causes import HOST, PARTS
from nsysgap.figures import Document
from nsysgap.gap_columns import Coded
from nsysgap.intervals import covered_length
from nsysgap.tables import NONE, Notice
from nsysgap.units import counted, duration

WAKING_NS = 20_000  # a thread that wakes another may go to sleep at once: who was awake is asked so long before
SAID = 3


class Woken(NamedTuple):
    """A gap (its number) in which the launching thread slept in an OS call until `waker` woke it: rows of threads, the
    call's name, from when to when inside the gap, ns."""

    gap: int
    sleeper: int
    waker: int
    call: int
    start: int
    end: int


@once
def woken(idle: IdleReport) -> list[Woken]:
    """The gaps of which a long stretch was such a sleep, by launching thread and time."""
    trace, gaps = idle.trace, idle.gaps
    waits = np.flatnonzero(is_any(trace.osrt["name"], trace.names.find(SLEEPS)))
    rows = np.flatnonzero((gaps.call != NONE) & (gaps.duration > idle.attribution.hidden_after_ns))
    if not len(waits) or not len(rows):
        return []
    thread = trace.api["thread"][gaps.call[rows]]
    awake, sleeps = _Awake(idle), list[Woken]()
    for sleeper in distinct(thread).tolist():
        own = waits[trace.osrt["thread"][waits] == sleeper]
        for gap, wait, start, end in _sleeps(idle, own, rows[thread == sleeper]):
            waker = awake.alone(sleeper, int(trace.osrt["end"][wait]))
            if waker != NONE:
                sleeps.append(Woken(gap, sleeper, waker, int(trace.osrt["name"][wait]), start, end))
    return sleeps


def _sleeps(idle: IdleReport, waits: NDArray[np.intp], gaps: NDArray[np.intp]) -> Iterator[tuple[int, int, int, int]]:
    """(gap, last wait before its launch, from when to when inside the gap) of each one that it fills for long; of one
    thread. Only gaps that are longer than that need to be asked about."""
    osrt, all_gaps = idle.trace.osrt, idle.gaps
    waits = waits[np.argsort(osrt["end"][waits], kind="stable")]
    last = np.searchsorted(osrt["end"][waits], idle.trace.api["start"][all_gaps.call[gaps]], side="right") - 1
    gaps, wait = gaps[last >= 0], waits[last[last >= 0]]
    start, end = (
        np.maximum(osrt["start"][wait], all_gaps.start[gaps]),
        np.minimum(osrt["end"][wait], all_gaps.end[gaps]),
    )
    long = end - start > idle.attribution.hidden_after_ns
    columns = (gaps[long], wait[long], start[long], end[long])
    yield from zip(*(column.tolist() for column in columns), strict=True)


class _Awake:
    """Which threads that call CUDA or have ranges are in no OS call at a moment."""

    def __init__(self, idle: IdleReport) -> None:
        trace = idle.trace
        self.process = trace.threads["process"]
        self.threads = distinct(np.concatenate((trace.api.distinct("thread"), trace.nvtx.distinct("thread")))).tolist()
        self.calls = {thread: np.flatnonzero(trace.osrt["thread"] == thread) for thread in self.threads}
        self.start = {thread: trace.osrt["start"][rows] for thread, rows in self.calls.items()}
        self.reach = {thread: np.maximum.accumulate(trace.osrt["end"][rows]) for thread, rows in self.calls.items()}

    def alone(self, sleeper: int, until: int) -> int:
        """The only other thread of the sleeper's process that was awake just before it woke; NONE if not one."""
        others = [
            thread for thread in self.threads if thread != sleeper and self.process[thread] == self.process[sleeper]
        ]
        awake = [thread for thread in others if not self._in_call(thread, until - WAKING_NS)]
        return awake[0] if len(awake) == 1 else NONE

    def _in_call(self, thread: int, at: int) -> bool:
        number = int(np.searchsorted(self.start[thread], at, side="right"))
        return number > 0 and bool(self.reach[thread][number - 1] > at)


def waker_did(idle: IdleReport, sleeps: list[Woken]) -> NDArray[np.int64]:
    """What the waker did while the launching thread slept, ns: shape (sleeps, 10), columns as in PARTS.

    In its calls and outside of them, as before a launch: profiler, untraced, sync, cuda_api, os, host.
    """
    parts = np.zeros((len(sleeps), len(PARTS)), np.int64)
    wakers = np.array([sleep.waker for sleep in sleeps], np.int64)
    for waker in distinct(wakers).tolist():
        mine = np.flatnonzero(wakers == waker)
        start, end = (np.array([getattr(sleeps[i], name) for i in mine], np.int64) for name in ("start", "end"))
        seen = np.zeros(len(mine), np.int64)
        for part, covered in idle.attribution.threads.of(waker).sets(int(start.min()), int(end.max())):
            until_here = covered_length(covered, start, end)
            parts[mine, part] = until_here - seen
            seen = until_here
        parts[mine, HOST] = end - start - seen
    return parts


def via_column(idle: IdleReport, rows: NDArray[np.intp]) -> Coded | None:
    """Of each of these gaps through whom it was held up, None where nobody is known; None if that is so of all."""
    sleeps = woken(idle)
    listed = np.zeros(len(idle.gaps), np.bool_)
    listed[rows] = True
    sleeps = [sleep for sleep in sleeps if listed[sleep.gap]]
    if not sleeps:
        return None
    values = [_document(idle, sleep, did) for sleep, did in zip(sleeps, waker_did(idle, sleeps).tolist(), strict=True)]
    code = np.full(len(idle.gaps), len(sleeps), np.int32)
    code[[sleep.gap for sleep in sleeps]] = np.arange(len(sleeps))
    return Coded(code[rows], [*values, None])


def _document(idle: IdleReport, sleep: Woken, did: list[int]) -> Document:
    threads = idle.trace.threads
    return {
        "process": int(idle.trace.processes["pid"][threads["process"][sleep.waker]]),
        "thread": int(threads["tid"][sleep.waker]),
        "name": idle.trace.name(int(threads["name"][sleep.waker])),
        "call": idle.trace.name(sleep.call),
        "ns": sleep.end - sleep.start,
        "did_ns": {name: ns for name, ns in zip(PARTS, did, strict=True) if ns},
    }


def woken_notices(idle: IdleReport) -> list[Notice]:
    """Who slept until whom woke it, and what that did meanwhile."""
    sleeps = woken(idle)
    did = waker_did(idle, sleeps)
    spent: dict[tuple[int, int, int], list[int]] = {}
    for row, sleep in enumerate(sleeps):
        spent.setdefault((sleep.sleeper, sleep.waker, sleep.call), []).append(row)
    said = []
    for (sleeper, waker, call), rows in spent.items():
        parts = did[rows].sum(axis=0)
        whole = int(parts.sum())
        most = [f"{PARTS[part]} {duration(int(parts[part]))}" for part in np.argsort(-parts)[:SAID] if parts[part]]
        text = (
            f"{duration(whole)} of 'os' time in {counted(len(rows), 'gap', 'gaps')}: {thread_named(idle, sleeper)} "
            f"slept in {idle.trace.name(call)} until {thread_named(idle, waker)} woke it, the only other thread that "
            f"was awake. What that did meanwhile: {', '.join(most)}."
        )
        said.append((whole, text))
    return [Notice("note", text) for _, text in sorted(said, key=lambda timed: (-timed[0], timed[1]))[:SAID]]


def thread_named(idle: IdleReport, thread: int) -> str:
    """ "thread 7 (pt_autograd_0)"."""
    threads = idle.trace.threads
    name = idle.trace.name(int(threads["name"][thread]))
    return f"thread {int(threads['tid'][thread])}" + (f" ({name})" if name else "")
