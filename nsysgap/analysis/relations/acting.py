"""Threads that act for another: PyTorch's backward thread launches while the main thread waits inside its ranges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.arrays import is_any
from nsysgap.figures import Document
from nsysgap.gap_columns import Coded
from nsysgap.intervals import covered_length, union
from nsysgap.tables import NONE, Trace

SLEEPS = ("pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_clockwait", "sem_wait", "futex")
WAITS = (*SLEEPS, "sem_timedwait", "pthread_join")
Rows = NDArray[np.int64]


def acted_for(trace: Trace, calls: Rows, finder: RangeFinder | None = None) -> NDArray[np.int32]:
    """For each of these calls (rows of api) the thread that its own thread acted for, -1 for none.

    A call on a thread without an open range acts for another thread of its process that is blocked inside a range: in
    an OS call that waits, or where no OS calls were recorded of it, in a range in which it makes no CUDA call at all.
    Where several are, it acts for none.
    """
    acting = np.full(len(calls), NONE, np.int32)
    if not trace.nvtx.rows or not len(calls):
        return acting
    finder = RangeFinder(trace) if finder is None else finder
    thread, at = trace.api["thread"][calls], trace.api["start"][calls]
    bare = np.flatnonzero(finder.innermost(thread, at) == NONE)
    of_process = trace.threads["process"]
    waiting = np.zeros(len(bare), np.int64)
    for other in trace.nvtx.distinct("thread").tolist():
        mine = np.flatnonzero((of_process[thread[bare]] == of_process[other]) & (thread[bare] != other))
        mine = mine[_blocked(trace, finder, other, at[bare[mine]])]
        waiting[mine] += 1
        acting[bare[mine]] = other
    acting[bare[waiting != 1]] = NONE
    return acting


def _blocked(trace: Trace, finder: RangeFinder, thread: int, at: Rows) -> NDArray[np.bool_]:
    """Whether a thread is blocked inside a range at each time."""
    inner = finder.innermost(np.full(len(at), thread, np.int32), at)
    inside: NDArray[np.bool_] = inner != NONE
    if not inside.any():
        return inside
    osrt = np.flatnonzero(trace.osrt["thread"] == thread)
    if len(osrt):
        waits = osrt[is_any(trace.osrt["name"][osrt], trace.names.find(WAITS))]
        asleep = union(trace.osrt["start"][waits], trace.osrt["end"][waits])
        inside &= covered_length(asleep, at, at + 1) > 0
        return inside
    starts = trace.api["start"][trace.api["thread"] == thread]
    low, high = (np.searchsorted(starts, finder.ranges[name][inner]) for name in ("start", "end"))
    inside &= low == high
    return inside


def acted_for_column(trace: Trace, call: NDArray[np.int32]) -> Coded | None:
    """Of each of these calls (rows of api, -1 none) the thread that its own acted for and that one's ranges, as a
    document: None where it acted for none; None instead of a column where all did."""
    known = np.flatnonzero(call != NONE)
    finder, calls = RangeFinder(trace), call[known].astype(np.int64)
    acting = acted_for(trace, calls, finder)
    some = np.flatnonzero(acting != NONE)
    if not len(some):
        return None
    path, names = finder.paths(acting[some], trace.api["start"][calls[some]])
    keys, index = np.unique(np.column_stack((acting[some].astype(np.int64), path)), axis=0, return_inverse=True)
    values: list[Document | None] = [
        {"thread": int(trace.threads["tid"][thread]), "nvtx": [trace.name(name) for name in names[number]]}
        for thread, number in keys.tolist()
    ]
    code = np.full(len(call), len(values), np.intp)
    code[known[some]] = index.reshape(-1)
    return Coded(code, [*values, None])


def range_threads(trace: Trace, calls: Rows, finder: RangeFinder | None = None) -> NDArray[np.int32]:
    """For each of these calls the thread whose ranges hold it: its own, or the one that it acted for."""
    acting = acted_for(trace, calls, finder)
    own: NDArray[np.int32] = trace.api["thread"][calls]
    return np.where(acting == NONE, own, acting)
