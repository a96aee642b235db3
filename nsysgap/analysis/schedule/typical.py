"""What is typical of each kind of call and op: launch latency, queue gap, the cost of a sync that finds nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.calls import FREE, SYNC_ROLES, Calls
from nsysgap.analysis.schedule.constants import (
    AFTER_CALL,
    EMPTY_SYNC_AT_MOST,
    FEWEST_FREE_OPS,
    FREE_RETURNS_WITHIN,
    LARGE_COPY_BYTES,
    PLAIN_COPY,
    QUEUE_GAP,
    SYNC_TAIL,
)
from nsysgap.analysis.schedule.ops import Ops
from nsysgap.arrays import Array, codes, combined_codes, narrowed
from nsysgap.tables import GRAPH, KERNEL, MEMCPY, OP_KINDS, Trace

Times = NDArray[np.int64]
Mask = NDArray[np.bool_]


def median(values: Times) -> int | None:
    """The lower median, sorted[(n - 1) // 2]; None of nothing."""
    if not len(values):
        return None
    middle = (len(values) - 1) // 2
    return int(np.partition(values, middle)[middle])


def medians(group: NDArray[np.int64], values: Times, groups: int) -> tuple[Times, NDArray[np.int64]]:
    """(the lower median of each group's values, 0 without any; how many values each has)."""
    count = np.bincount(group, minlength=groups)
    order = np.lexsort((values, group))
    first = np.cumsum(count) - count
    middle = np.zeros(groups, np.int64)
    some = count > 0
    middle[some] = values[order][first[some] + (count[some] - 1) // 2]
    return middle, count


def launch_latency(trace: Trace, calls: Calls, ops: Ops, before: Times) -> Array:
    """The typical latency of each op's (call name, kind, nodes), ns: median call + median time from call to start.

    The latter over ops whose stream was free at the call's start; large copies count in neither. `before`: the
    greatest end on the op's stream before it.
    """
    start, end = calls.start[ops.call], calls.end[ops.call]
    code, _ = combined_codes(trace.api["name"][calls.row[ops.call]], ops.kind, ops.nodes)
    present, group = codes(code.astype(np.int64))
    small = ~((ops.kind == MEMCPY) & (ops.bytes >= LARGE_COPY_BYTES))
    took, calls_of = medians(group[small], (end - start)[small], len(present))
    took = np.where(calls_of > 0, took, PLAIN_COPY)
    free = small & (before <= start)
    after, free_of = medians(group[free], (ops.start - end)[free], len(present))
    is_graph = np.zeros(len(present), np.bool_)
    is_graph[group[ops.kind == GRAPH]] = True
    after = np.where(free_of >= np.where(is_graph, 1, FEWEST_FREE_OPS), after, AFTER_CALL)
    return narrowed(took + after)[group]


def queue_gap(calls: Calls, ops: Ops, before: Times) -> Array:
    """The typical time from op to op of each op's kind, ns: over ops that were waiting when the one before ended."""
    waiting = calls.end[ops.call] <= before
    gaps = [median((ops.start - before)[waiting & (ops.kind == kind)]) for kind in range(len(OP_KINDS))]
    otherwise = QUEUE_GAP if gaps[KERNEL] is None else gaps[KERNEL]
    return narrowed(np.array([otherwise if gap is None else gap for gap in gaps], np.int64))[ops.kind]


def sync_times(calls: Calls, covered: Times) -> tuple[Mask, Times, Times]:
    """(which calls are waits, how long each takes by itself, how long after what it waited for it returns), ns.

    `covered`: the latest end that each covers. A call that waits as a side effect is one only where it did wait and
    returned soon after.
    """
    took = calls.end - calls.start
    waits = np.isin(calls.role, SYNC_ROLES)
    waited = waits & (covered > calls.start)
    by_accident = (calls.role == FREE) & ~(
        waited & (covered <= calls.end) & (calls.end - covered < FREE_RETURNS_WITHIN)
    )
    waits, waited = waits & ~by_accident, waited & ~by_accident
    empty = waits & ~waited
    base, tail = took.copy(), np.zeros(len(took), np.int64)
    of_any = median(took[empty])
    at_most = EMPTY_SYNC_AT_MOST if of_any is None else min(of_any, EMPTY_SYNC_AT_MOST)
    any_tail = median((calls.end - covered)[waited])
    for role in SYNC_ROLES:
        mine = calls.role == role
        alone = median(took[empty & mine])
        base[waited & mine] = np.minimum(took[waited & mine], at_most if alone is None else alone)
        usual = median((calls.end - covered)[waited & mine])
        tail[empty & mine] = usual if usual is not None else SYNC_TAIL if any_tail is None else any_tail
    tail[waited] = (calls.end - covered)[waited]
    return waits, base, tail
