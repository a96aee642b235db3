"""The calls of a process as the replay walks them: nested ones left out, those that matter, threads that are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.calls import EVENT_RECORDS, IMPLICIT_SYNCS, STREAM_WAITS, SYNC_CALLS
from nsysgap.analysis.schedule.constants import (
    MERGED_CALLS,
    MERGED_IN_RUNS,
    MERGED_OVERLAP,
    MERGED_RUN_CALLS,
    MERGED_RUNS,
)
from nsysgap.arrays import Indices, distinct, held_once, index_type, is_any
from nsysgap.tables import NONE, Trace

Times = NDArray[np.int64]
OTHER, LAUNCH, STREAM_SYNC, CONTEXT_SYNC, EVENT_SYNC, FREE, RECORD, WAIT = range(8)
ROLES = {"stream": STREAM_SYNC, "context": CONTEXT_SYNC, "event": EVENT_SYNC}
SYNC_ROLES = (STREAM_SYNC, CONTEXT_SYNC, EVENT_SYNC, FREE)


@dataclass(frozen=True)
class Calls:
    """The significant calls of one process, by (start, longest first, the report's order); arrays of shape (calls,).

    `row` is the call's row of api, `role` one of the constants of this module, `thread` the number of its logical
    thread, `start`, `end` and `gap` (its start - the end of the call before on the thread; of the first from `origin`)
    in ns, `inside_gap` how many other calls the gap holds. `threads`: rows of the threads table that each logical
    thread consists of. `nested`: how many rows were left out because they lie inside another of their thread.
    """

    process: int
    origin: int
    row: Indices
    role: NDArray[np.int8]
    thread: NDArray[np.int32]
    start: Times
    end: Times
    gap: Times
    inside_gap: NDArray[np.unsignedinteger[Any]]
    threads: tuple[tuple[int, ...], ...]
    nested: int

    @property
    def merged(self) -> tuple[tuple[int, ...], ...]:
        """The logical threads that consist of several."""
        return tuple(group for group in self.threads if len(group) > 1)


def process_rows(trace: Trace, process: int) -> Indices:
    """The process's rows of api by (start, longest first, the report's order)."""
    api = trace.api
    of_process = trace.threads["process"] == process
    rows = np.arange(api.rows) if of_process.all() else np.flatnonzero(of_process[api["thread"]])
    rows = rows.astype(index_type(api.rows))
    start, end = api["start"][rows], api["end"][rows]
    tied = (start[1:] == start[:-1]) & (end[1:] > end[:-1])
    return rows[np.lexsort((-end, start))] if tied.any() else rows


def enclosing(trace: Trace, rows: Indices) -> Indices:
    """For each row the call that it counts as: itself, or the one of its thread that it is nested in.

    Nested is a row that ends no later than an earlier row of its thread does.
    """
    counts_as = rows.copy()
    for thread in distinct(trace.api["thread"][rows]).tolist():
        mine = np.flatnonzero(trace.api["thread"][rows] == thread)
        end = trace.api["end"][rows[mine]]
        nested = np.concatenate(([False], end[1:] <= np.maximum.accumulate(end)[:-1]))
        outer = np.maximum.accumulate(np.where(nested, 0, np.arange(len(mine))))
        counts_as[mine] = rows[mine[outer]]
    return counts_as


def significant_calls(
    trace: Trace, process: int, origin: int, owns_op: NDArray[np.bool_], rows: Indices, nested: int
) -> Calls:
    """The calls that the replay walks. `rows`: the process's kept rows in order, `owns_op`: which rows own an op.

    All other calls lie inside the gap before the next significant one.
    """
    role = _roles(trace)[rows]
    role[owns_op[rows]] = LAUNCH
    chosen = np.flatnonzero(role != OTHER)
    threads = logical_threads(trace, rows[chosen])
    number = np.full(trace.threads.rows, NONE, np.int32)
    for index, group in enumerate(threads):
        number[list(group)] = index
    thread = number[trace.api["thread"][rows]]
    gap, inside = _gaps(trace, rows, chosen, thread, origin)
    return Calls(
        process=process,
        origin=origin,
        row=rows[chosen],
        role=role[chosen],
        thread=held_once(thread[chosen]),
        start=trace.api["start"][rows[chosen]],
        end=trace.api["end"][rows[chosen]],
        gap=gap,
        inside_gap=inside.astype(np.min_scalar_type(inside.max(initial=0))),
        threads=threads,
        nested=nested,
    )


def _roles(trace: Trace) -> NDArray[np.int8]:
    """The role of each row of api by its name."""
    role = np.full(trace.api.rows, OTHER, np.int8)
    for kind, number in ((IMPLICIT_SYNCS, FREE), (EVENT_RECORDS, RECORD), (STREAM_WAITS, WAIT)):
        role[kind.rows(trace)] = number
    for what, number in ROLES.items():
        names = trace.names.find(name for name, waits_for in SYNC_CALLS.items() if waits_for == what)
        role[is_any(trace.api["name"], names)] = number
    return role


def _gaps(
    trace: Trace, rows: Indices, chosen: Indices, thread: NDArray[np.int32], origin: int
) -> tuple[Times, NDArray[np.int32]]:
    """(the time before each chosen call on its thread, how many other calls that holds)."""
    gap, inside = np.empty(len(chosen), np.int64), np.empty(len(chosen), np.int32)
    start, end = trace.api["start"][rows[chosen]], trace.api["end"][rows[chosen]]
    for number in distinct(thread[chosen]).tolist():
        mine = np.flatnonzero(thread[chosen] == number)
        gap[mine] = start[mine] - np.concatenate(([origin], end[mine][:-1]))
        position = np.searchsorted(np.flatnonzero(thread == number), chosen[mine])
        inside[mine] = np.diff(np.concatenate(([-1], position))) - 1
    return gap, inside


def process_threads(trace: Trace, process: int, calls: NDArray[np.int32]) -> tuple[tuple[int, ...], ...]:
    """`logical_threads` of a process. `calls`: the launch call of each op, -1 none."""
    rows = process_rows(trace, process)
    significant = _roles(trace) != OTHER
    significant[calls[calls != NONE]] = True
    return logical_threads(trace, distinct(enclosing(trace, rows)[significant[rows]]))


def logical_threads(trace: Trace, rows: Indices) -> tuple[tuple[int, ...], ...]:
    """Which threads hand over to each other and so are one: groups of rows of the threads table, most calls first.

    Two are one if at most 0.1 % of their calls begin before the other's earlier ones have ended, and the smaller one
    (20 calls or more) takes its turns in runs: three or more, 90 % of its calls in runs of five or more.
    """
    thread = trace.api["thread"][rows]
    members = {thread_row: np.flatnonzero(thread == thread_row) for thread_row in distinct(thread).tolist()}
    left = sorted(members, key=lambda thread_row: (-len(members[thread_row]), thread_row))
    groups: list[tuple[int, ...]] = []
    while left:
        group, positions = [left[0]], members[left.pop(0)]
        while True:
            joined = next(
                (thread_row for thread_row in left if _are_one(trace, rows, positions, members[thread_row])), None
            )
            if joined is None:
                break
            left.remove(joined)
            group.append(joined)
            positions = np.sort(np.concatenate((positions, members[joined])))
        groups.append(tuple(group))
    return tuple(groups)


def _are_one(trace: Trace, rows: Indices, large: Indices, small: Indices) -> bool:
    if len(small) < MERGED_CALLS or len(small) >= len(large):
        return False
    both = np.concatenate((large, small))
    order = np.argsort(both, kind="stable")
    is_small = (np.arange(len(both)) >= len(large))[order]
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate(([False], is_small, [False])).astype(np.int8))))[::2]
    if len(runs) < MERGED_RUNS or runs[runs >= MERGED_RUN_CALLS].sum() < MERGED_IN_RUNS * len(small):
        return False
    start, end = trace.api["start"][rows[both[order]]], trace.api["end"][rows[both[order]]]
    early = 0
    for mine in (is_small, ~is_small):
        reach = np.maximum.accumulate(np.where(mine, np.iinfo(np.int64).min, end))
        early += int((mine & (start < reach)).sum())
    return early <= MERGED_OVERLAP * len(both)
