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
    awake, found = _Awake(idle), list[Woken]()
    for one in distinct(thread).tolist():
        own = waits[trace.osrt["thread"][waits] == one]
        for gap, wait, start, end in _sleeps(idle, own, rows[thread == one]):
            waker = awake.alone(one, int(trace.osrt["end"][wait]))
            if waker != NONE:
                found.append(Woken(gap, one, waker, int(trace.osrt["name"][wait]), start, end))
    return found


def _sleeps(idle: IdleReport, waits: NDArray[np.intp], gaps: NDArray[np.intp]) -> Iterator[tuple[int, int, int, int]]:
    """(gap, last wait before its launch, from when to when inside the gap) of each one that it fills for long; of one
    thread. Only gaps that are longer than that need to be asked about."""
    osrt, found = idle.trace.osrt, idle.gaps
    waits = waits[np.argsort(osrt["end"][waits], kind="stable")]
    last = np.searchsorted(osrt["end"][waits], idle.trace.api["start"][found.call[gaps]], side="right") - 1
    gaps, wait = gaps[last >= 0], waits[last[last >= 0]]
    start, end = np.maximum(osrt["start"][wait], found.start[gaps]), np.minimum(osrt["end"][wait], found.end[gaps])
    long = end - start > idle.attribution.hidden_after_ns
    columns = (gaps[long], wait[long], start[long], end[long])
    yield from zip(*(column.tolist() for column in columns), strict=True)


class _Awake:
    """Which threads that call CUDA or have ranges are in no OS call at a moment."""

    def __init__(self, idle: IdleReport) -> None:
        trace = idle.trace
        self.process = trace.threads["process"]
        self.threads = distinct(np.concatenate((trace.api.distinct("thread"), trace.nvtx.distinct("thread")))).tolist()
        self.calls = {one: np.flatnonzero(trace.osrt["thread"] == one) for one in self.threads}
        self.start = {one: trace.osrt["start"][rows] for one, rows in self.calls.items()}
        self.reach = {one: np.maximum.accumulate(trace.osrt["end"][rows]) for one, rows in self.calls.items()}

    def alone(self, sleeper: int, until: int) -> int:
        """The only other thread of the sleeper's process that was awake just before it woke; NONE if not one."""
        others = [one for one in self.threads if one != sleeper and self.process[one] == self.process[sleeper]]
        awake = [one for one in others if not self._in_call(one, until - WAKING_NS)]
        return awake[0] if len(awake) == 1 else NONE

    def _in_call(self, thread: int, at: int) -> bool:
        number = int(np.searchsorted(self.start[thread], at, side="right"))
        return number > 0 and bool(self.reach[thread][number - 1] > at)


def waker_did(idle: IdleReport, found: list[Woken]) -> NDArray[np.int64]:
    """What the waker did while the launching thread slept, ns: shape (found, 10), columns as in PARTS.

    In its calls and outside of them, as before a launch: profiler, untraced, sync, cuda_api, os, host.
    """
    parts = np.zeros((len(found), len(PARTS)), np.int64)
    wakers = np.array([one.waker for one in found], np.int64)
    for waker in distinct(wakers).tolist():
        mine = np.flatnonzero(wakers == waker)
        start, end = (np.array([getattr(found[i], name) for i in mine], np.int64) for name in ("start", "end"))
        seen = np.zeros(len(mine), np.int64)
        for part, covered in idle.attribution.threads.of(waker).sets(int(start.min()), int(end.max())):
            until_here = covered_length(covered, start, end)
            parts[mine, part] = until_here - seen
            seen = until_here
        parts[mine, HOST] = end - start - seen
    return parts


def via_column(idle: IdleReport, rows: NDArray[np.intp]) -> Coded | None:
    """Of each of these gaps through whom it was held up, None where nobody is known; None if that is so of all."""
    found = woken(idle)
    listed = np.zeros(len(idle.gaps), np.bool_)
    listed[rows] = True
    found = [one for one in found if listed[one.gap]]
    if not found:
        return None
    values = [_document(idle, one, did) for one, did in zip(found, waker_did(idle, found).tolist(), strict=True)]
    code = np.full(len(idle.gaps), len(found), np.int32)
    code[[one.gap for one in found]] = np.arange(len(found))
    return Coded(code[rows], [*values, None])


def _document(idle: IdleReport, one: Woken, did: list[int]) -> Document:
    threads = idle.trace.threads
    return {
        "process": int(idle.trace.processes["pid"][threads["process"][one.waker]]),
        "thread": int(threads["tid"][one.waker]),
        "name": idle.trace.name(int(threads["name"][one.waker])),
        "call": idle.trace.name(one.call),
        "ns": one.end - one.start,
        "did_ns": {name: ns for name, ns in zip(PARTS, did, strict=True) if ns},
    }


def woken_notices(idle: IdleReport) -> list[Notice]:
    """Who slept until whom woke it, and what that did meanwhile."""
    found = woken(idle)
    did = waker_did(idle, found)
    spent: dict[tuple[int, int, int], list[int]] = {}
    for row, one in enumerate(found):
        spent.setdefault((one.sleeper, one.waker, one.call), []).append(row)
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
    return [Notice("note", text) for _, text in sorted(said, key=lambda one: (-one[0], one[1]))[:SAID]]


def thread_named(idle: IdleReport, thread: int) -> str:
    """ "thread 7 (pt_autograd_0)"."""
    threads = idle.trace.threads
    name = idle.trace.name(int(threads["name"][thread]))
    return f"thread {int(threads['tid'][thread])}" + (f" ({name})" if name else "")
