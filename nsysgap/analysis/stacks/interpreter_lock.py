"""Which OS calls wait for Python's global interpreter lock (GIL), told by their call stacks.

CPython waits for the lock in pthread_cond_timedwait (5 ms at a time), and for the other thread to take it in
pthread_cond_wait, both called by the interpreter itself: take_gil and drop_gil in Python/ceval_gil.c, which a stripped
interpreter has no names for. Its locks of threading wait in sem_clockwait or a futex, never in these.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import is_any
from nsysgap.tables import NONE, OSRT_CALL, Stacks, Trace

WAITS = ("pthread_cond_timedwait", "pthread_cond_wait")
_INTERPRETER = re.compile(r"(?:^|/)(?:lib)?python3?(?:\.\d+)?t?(?:\.so[.\d]*)?\Z")
_LOCK = re.compile(r"(?:take|drop)_gil\b|_?PyEval_(?:Acquire|Restore|Release|Save)\w*|PyGILState_\w+")
_WRAPPERS = re.compile(r"_{0,3}pthread_cond_(?:timed|clock)?wait\d*(?:@.*|\..*)?\Z")


def waits_for_lock(trace: Trace, stacks: Stacks) -> NDArray[np.bool_]:
    """Whether each row of `trace.osrt` waits for Python's lock, as far as its call stack was recorded."""
    found = np.zeros(trace.osrt.rows, np.bool_)
    calls = stacks.calls
    own = np.flatnonzero((calls["source"] == OSRT_CALL) & (calls["thread"] != NONE))
    waiting = np.flatnonzero(is_any(trace.osrt["name"], trace.names.find(WAITS)))
    if not len(own) or not len(waiting):
        return found
    locked = {stack for stack in np.unique(calls["stack"][own]).tolist() if _is_lock(trace, stacks, stack)}
    known = {
        (thread, start)
        for thread, start, stack in zip(
            *(calls[key][own].tolist() for key in ("thread", "start", "stack")), strict=True
        )
        if stack in locked
    }
    rows = zip(trace.osrt["thread"][waiting].tolist(), trace.osrt["start"][waiting].tolist(), strict=True)
    found[waiting] = [key in known for key in rows]
    return found


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
