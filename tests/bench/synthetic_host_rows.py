"""Turns simulated processes into what an export records of the host: OS calls, profiler overhead, NVTX.

None of it changes what was simulated: it is laid over the time that the API calls leave free.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from synthetic_episodes import NESTED
from synthetic_plan import EPISODE_NAMES, I64, ProcessPlan
from synthetic_rows import Columns, Strings, length, merge, spread, thread_ids
from synthetic_simulation import Calls, Process

OS_CALLS = ("pthread_cond_wait", "read", "poll", "ioctl", "pthread_mutex_lock", "munmap")


def osrt_rows(process: Process, strings: Strings, rng: np.random.Generator) -> Columns:
    """Rows of OSRT_API: in the host gaps between API calls, a tenth of them nested, some on a background thread."""
    plan, calls = process.plan, process.calls
    background = plan.osrt // 10
    nested = (plan.osrt - background) // 10
    thread, start, end = _host_gaps(calls)
    if not len(start):
        background, nested = plan.osrt, 0
    thread, start, end = _fill_gaps(thread, start, end, plan.osrt - background - nested, rng)
    child = np.sort(rng.permutation(len(start))[:nested])
    quarter = (end[child] - start[child]) // 4
    idle_start, idle_end, idle_thread = _background(plan, calls, background)
    names = rng.integers(0, len(OS_CALLS), len(start))
    name = np.concatenate([names, names[child] * 0 + 3, idle_start * 0 + 2])
    return {
        "start": np.concatenate([start, start[child] + quarter, idle_start]),
        "end": np.concatenate([end, end[child] - quarter, idle_end]),
        "globalTid": thread_ids(plan)[np.concatenate([thread, thread[child], idle_thread])],
        "nameId": strings.array(OS_CALLS)[name],
        "nestingLevel": np.repeat([0, 1, 0], [len(start), len(child), len(idle_start)]),
    }


def _host_gaps(calls: Calls) -> tuple[I64, I64, I64]:
    """Thread, start and end of the time between one thread's top-level API calls."""
    top = np.flatnonzero(calls.role != NESTED)
    top = top[np.argsort(calls.thread[top], kind="stable")]
    thread, start, end = calls.thread[top], calls.start[top], calls.end[top]
    free = np.flatnonzero((thread[1:] == thread[:-1]) & (start[1:] - end[:-1] >= 200))
    return thread[free], end[free] + 20, start[free + 1] - 20


def _fill_gaps(thread: I64, start: I64, end: I64, count: int, rng: np.random.Generator) -> tuple[I64, I64, I64]:
    """Place ``count`` calls into gaps: the longest gaps get one each, the others are drawn."""
    if not count:
        return thread[:0], start[:0], end[:0]
    longest = np.argsort(start - end, kind="stable")[: min(count // 4, len(start) // 4)]
    drawn = rng.integers(0, len(start), count - len(longest))
    number = np.bincount(np.concatenate([longest, drawn]), minlength=len(start))
    slot = (end - start) // np.maximum(number, 1)
    gap = np.repeat(np.arange(len(start)), number)
    turn = np.arange(count) - np.repeat(np.cumsum(number) - number, number)
    begin = start[gap] + slot[gap] * turn
    return thread[gap], begin + slot[gap] // 10, begin + slot[gap] * 9 // 10


def _background(plan: ProcessPlan, calls: Calls, count: int) -> tuple[I64, I64, I64]:
    """A thread that only polls, all the time."""
    first, last = int(calls.start[0]), int(calls.end.max())
    period = max(10, (last - first) // max(1, count))
    start = first + period * np.arange(count, dtype=np.int64)
    return start, start + period * 9 // 10, np.full(count, plan.threads, np.int64)


def overhead_rows(process: Process, strings: Strings) -> Columns:
    """Rows of PROFILER_OVERHEAD: initialization before the first call, buffer flushes between rounds."""
    plan, spans = process.plan, process.spans
    first = int(process.calls.start[0])
    mine = spans.round_thread == 0
    end, start = spans.round_end[mine][:-1], spans.round_start[mine][1:]
    flush = np.flatnonzero((np.arange(len(end)) % 8 == 0) & (start - end > 1000))
    width = (start - end)[flush]
    initialized = np.array([first - 20_000_000, first - 5_000_000])
    names = strings.array(["CUDA profiling initialization", "CUPTI Buffer flush"])
    return {
        "start": np.concatenate([initialized, end[flush] + width // 4]),
        "end": np.concatenate([initialized + 4_000_000, end[flush] + width // 2]),
        "globalTid": int(thread_ids(plan)[0]),
        "nameId": np.repeat(names, [2, len(flush)]),
    }


def nvtx_rows(process: Process, strings: Strings, rng: np.random.Generator) -> Columns:
    """Rows of NVTX_EVENTS, exactly ``plan.nvtx``: a domain, an open range, rounds, episodes, launches, marks."""
    plan = process.plan
    levels = (
        _special_ranges,
        _round_ranges,
        partial(_episode_ranges, strings=strings, rng=rng),
        partial(_launch_ranges, rng=rng),
        partial(_marks, rng=rng),
    )
    parts: list[Columns] = []
    left = plan.nvtx
    for level in levels:
        part = level(process, left)
        parts.append(part)
        left -= length(part)
    tids = np.append(thread_ids(plan), -1)
    rows = merge(parts)
    if rows:
        rows["globalTid"] = tids[rows["globalTid"]]
        rows["endGlobalTid"] = tids[rows["endGlobalTid"]]
    return rows


def _range_rows(start: I64, end: I64, kind: I64 | int, thread: I64, **more: Any) -> Columns:
    """NVTX columns; threads are indices (-1: NULL), an end or id of -1 becomes NULL."""
    columns: Columns = {"start": start, "end": end, "eventType": kind, "globalTid": thread}
    columns |= {"endGlobalTid": -1, "rangeId": -1, "text": None, "textId": -1, "domainId": 0} | more
    return {name: spread(columns, name) for name in columns}


def _special_ranges(process: Process, count: int) -> Columns:
    """The domain's creation (75), a range that is never closed, and start/end ranges that end on another thread."""
    spans, plan = process.spans, process.plan
    first = int(process.calls.start[0]) - 1000
    both = spans.round_thread == 0
    begin, end = spans.round_start[both][:-1:10], spans.round_end[both][1::10]
    across = min(len(begin), max(0, count - 2) // 20)
    size = min(2, count) + across
    start = np.concatenate([[first - 500, first], begin[:across] + 10])[:size]
    ends = np.concatenate([[-1, -1], end[:across] - 10])[:size]
    other = min(1, plan.launching_threads - 1)
    special = np.arange(size) < 2
    text = [("synthetic", "session")[index] if index < 2 else f"batch {index - 2}" for index in range(size)]
    return _range_rows(
        start,
        ends,
        np.where(special, np.where(np.arange(size) == 0, 75, 59), 60),
        np.zeros(size, np.int64),
        endGlobalTid=np.where(special, -1, other),
        rangeId=np.where(special, -1, np.arange(size)),
        text=np.array(text, object),
        domainId=np.where(np.arange(size) == 0, 1, 0),
    )


def _round_ranges(process: Process, count: int) -> Columns:
    spans = process.spans
    chosen = np.argsort(spans.round_start, kind="stable")[:count]
    text = np.array([f"step {index}" for index in spans.round_index[chosen]], object)
    return _range_rows(
        spans.round_start[chosen],
        spans.round_end[chosen],
        59,
        spans.round_thread[chosen],
        text=text,
    )


def _episode_ranges(process: Process, count: int, strings: Strings, rng: np.random.Generator) -> Columns:
    spans = process.spans
    chosen = np.sort(rng.permutation(len(spans.episode_start))[: count // 2])
    names = strings.array(EPISODE_NAMES)[spans.episode_kind[chosen]]
    start, end, thread = (
        spans.episode_start[chosen],
        spans.episode_end[chosen],
        spans.episode_thread[chosen],
    )
    return _range_rows(start, end, 59, thread, textId=names, domainId=1)


def _launch_ranges(process: Process, count: int, rng: np.random.Generator) -> Columns:
    calls = process.calls
    launches = np.flatnonzero(calls.launch >= 0)
    chosen = np.sort(rng.permutation(launches)[:count])
    texts = np.array(["forward", "copy", "clear", "replay"], object)
    thread = calls.thread[chosen]
    return _range_rows(calls.start[chosen] - 40, calls.end[chosen] + 30, 59, thread, text=texts[calls.role[chosen]])


def _marks(process: Process, count: int, rng: np.random.Generator) -> Columns:
    calls = process.calls
    chosen = np.sort(rng.integers(0, len(calls.start), count))
    text = np.array(["checkpoint"], object).repeat(count)
    return _range_rows(calls.start[chosen] - 10, np.full(count, -1), 34, calls.thread[chosen], text=text)


def by_thread(columns: Columns, slice_ns: int = 50_000_000) -> Columns:
    """Order rows as OSRT_API comes: flushed thread by thread, in order of start within each thread only."""
    if not columns:
        return {}
    order = np.lexsort([columns["start"], columns["globalTid"], columns["start"] // slice_ns])
    return {name: values[order] for name, values in columns.items()}
