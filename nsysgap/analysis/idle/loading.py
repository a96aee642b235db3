"""When threads loaded modules: CUDA's own rows of loading, and what the profiler calls "Unknown" inside such calls.

Loading is neither what a launch costs nor the profiler's work, though it lies in launch calls: to launch less often
does not take it away, to load before does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.activities import LOADING
from nsysgap.analysis.idle.idle_report import IdleReport, once
from nsysgap.analysis.relations.calls import LAUNCHES, MODULE_LOADS
from nsysgap.arrays import combined_codes, distinct, is_any
from nsysgap.intervals import IntervalSet, covered_length, intersect, union, union_of
from nsysgap.tables import KERNEL, NONE, Trace

UNKNOWN_WORK = "Unknown"
Times = NDArray[np.int64]


def loading_by_thread(trace: Trace, calls: NDArray[np.int32]) -> dict[int, IntervalSet]:
    """When each thread (row of threads) was loading modules. `calls`: as `launch_calls`."""
    loading: dict[int, IntervalSet] = {}
    table = trace.activities
    if table is not None:
        rows = np.flatnonzero((table["kind"] == LOADING) & (table["thread"] != NONE))
        for thread in distinct(table["thread"][rows]).tolist():
            mine = rows[table["thread"][rows] == thread]
            loading[thread] = union(table["start"][mine], table["end"][mine])
    for thread, when in _unknown_work(trace, calls).items():
        loading[thread] = union_of(loading.get(thread, when), when)
    return loading


def _unknown_work(trace: Trace, calls: NDArray[np.int32]) -> dict[int, IntervalSet]:
    """Rows of the profiler named "Unknown" inside calls that load modules and first launches of kernels."""
    unknown = np.flatnonzero(is_any(trace.overhead["name"], trace.names.find((UNKNOWN_WORK,))))
    loading: dict[int, IntervalSet] = {}
    if not len(unknown) or not trace.api.rows:
        return loading
    loads = MODULE_LOADS.rows(trace)
    loads[_first_launches(trace, calls)] = True
    thread = trace.overhead["thread"][unknown]
    for caller in distinct(thread).tolist():
        mine, around = unknown[thread == caller], np.flatnonzero(loads & (trace.api["thread"] == caller))
        work = union(trace.overhead["start"][mine], trace.overhead["end"][mine])
        inside = intersect(work, union(trace.api["start"][around], trace.api["end"][around]))
        if len(inside.starts):
            loading[caller] = inside
    return loading


def _first_launches(trace: Trace, calls: NDArray[np.int32]) -> NDArray[np.int64]:
    """Rows of api that launched a kernel for the first time in their process."""
    ops = np.flatnonzero((trace.ops["kind"] == KERNEL) & (calls != NONE))
    kernel, _ = combined_codes(trace.ops["process"][ops], trace.ops["name"][ops])
    order = np.argsort(trace.api["start"][calls[ops]], kind="stable")
    first = ops[order[np.unique(kernel[order], return_index=True)[1]]]
    rows = calls[first].astype(np.int64)
    return rows[LAUNCHES.rows(trace)[rows]]


@once
def loading_time(idle: IdleReport) -> dict[int, int]:
    """The idle time of each GPU in which the thread that launched what ended the gap was loading modules, ns.

    It lies before the launch call and in it, in the parts launch, profiler, sync, cuda_api, os and host.
    """
    gaps, api = idle.gaps, idle.trace.api
    spent = {device.device: 0 for device in idle.devices}
    loading = loading_by_thread(idle.trace, idle.calls)
    rows = launched_gaps(idle)
    thread = api["thread"][gaps.call[rows]] if len(rows) else np.empty(0, np.int32)
    for launcher, when in loading.items():
        mine = rows[thread == launcher]
        covered = covered_length(when, gaps.start[mine], np.minimum(gaps.end[mine], api["end"][gaps.call[mine]]))
        for device in spent:
            spent[device] += int(covered[gaps.device[mine] == device].sum())
    return spent


def launched_gaps(idle: IdleReport) -> NDArray[np.intp]:
    """Numbers of the gaps whose time is cut by what a thread did: a call launched what ended them, no graph did."""
    gaps = idle.gaps
    numbers: NDArray[np.intp] = np.flatnonzero(idle.attribution.whole_parts(gaps.after, gaps.call) == NONE)
    return numbers
