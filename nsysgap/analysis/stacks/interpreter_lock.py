"""Which OS calls wait for Python's global interpreter lock (GIL), told by their call stacks or by their thread.

CPython waits for the lock in pthread_cond_timedwait (5 ms at a time), and for the other thread to take it in
pthread_cond_wait, both called by the interpreter itself: take_gil and drop_gil in Python/ceval_gil.c, which a stripped
interpreter has no names for. Its locks of threading wait in sem_clockwait or a futex, never in these.
nsys --trace=python-gil says it of the thread: NVTX ranges "Waiting for GIL" in a domain of nsys's own.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.lock_ranges import WAITING, lock_ranges
from nsysgap.arrays import is_any
from nsysgap.tables import NONE, OSRT_CALL, Stacks, Trace

WAITS = ("pthread_cond_timedwait", "pthread_cond_wait")
_INTERPRETER = re.compile(r"(?:^|/)(?:lib)?python3?(?:\.\d+)?t?(?:\.so[.\d]*)?\Z")
_LOCK = re.compile(r"(?:take|drop)_gil\b|_?PyEval_(?:Acquire|Restore|Release|Save)\w*|PyGILState_\w+")
_WRAPPERS = re.compile(r"_{0,3}pthread_cond_(?:timed|clock)?wait\d*(?:@.*|\..*)?\Z")


def waits_for_lock(trace: Trace, stacks: Stacks | None = None) -> NDArray[np.bool_]:
    """Whether each row of `trace.osrt` waits for Python's lock, as far as its call stack or its thread shows it."""
    waits = np.zeros(trace.osrt.rows, np.bool_)
    waiting = np.flatnonzero(is_any(trace.osrt["name"], trace.names.find(WAITS)))
    if len(waiting):
        waits[waiting] = _begin_in_a_wait(trace, waiting)
        if stacks is not None:
            waits[waiting] |= _stack_shows_it(trace, stacks, waiting)
    return waits


def _begin_in_a_wait(trace: Trace, waiting: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether these OS calls begin while nsys has their thread waiting for the lock."""
    nvtx, osrt = trace.nvtx, trace.osrt
    ranges = lock_ranges(trace, WAITING)
    inside = np.zeros(len(waiting), np.bool_)
    for thread in np.unique(nvtx["thread"][ranges]).tolist():
        waits = ranges[nvtx["thread"][ranges] == thread]
        mine = np.flatnonzero(osrt["thread"][waiting] == thread)
        time = osrt["start"][waiting[mine]]
        before = np.searchsorted(nvtx["start"][waits], time, side="right") - 1
        inside[mine] = (before >= 0) & (time < nvtx["end"][waits[before]])
    return inside


def _stack_shows_it(trace: Trace, stacks: Stacks, waiting: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the interpreter itself made these OS calls, by their recorded stacks."""
    calls = stacks.calls
    own = np.flatnonzero((calls["source"] == OSRT_CALL) & (calls["thread"] != NONE))
    locked = {stack for stack in np.unique(calls["stack"][own]).tolist() if _is_lock(trace, stacks, stack)}
    known = {
        (thread, start)
        for thread, start, stack in zip(
            *(calls[key][own].tolist() for key in ("thread", "start", "stack")), strict=True
        )
        if stack in locked
    }
    rows = zip(trace.osrt["thread"][waiting].tolist(), trace.osrt["start"][waiting].tolist(), strict=True)
    return np.array([key in known for key in rows], np.bool_)


def _is_lock(trace: Trace, stacks: Stacks, stack: int) -> bool:
    """Whether the interpreter itself called what is innermost on a stack."""
    first, count = int(stacks.stacks["first"][stack]), int(stacks.stacks["count"][stack])
    for frame in stacks.chain[first : first + count].tolist():
        function = trace.name(int(stacks.frames["function"][frame]))
        if _WRAPPERS.match(function):
            continue
        module = trace.name(int(stacks.frames["file"][frame]))
        return bool(_LOCK.match(function) or _INTERPRETER.search(module))
    return False
