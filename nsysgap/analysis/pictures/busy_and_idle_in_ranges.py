"""Per NVTX range name how long the GPU was busy with what it launched, and idle inside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport, runs_inside
from nsysgap.analysis.pictures.idle_before_ops import sums_and_largest
from nsysgap.analysis.relations.acting import range_threads
from nsysgap.analysis.relations.ranges import range_work, trace_end
from nsysgap.arrays import distinct
from nsysgap.figures import Document
from nsysgap.intervals import IntervalSet, covered_length, union
from nsysgap.tables import NONE


def busy_and_idle_in_ranges(idle: IdleReport) -> list[Document]:
    """Per NVTX name: how many ranges, their time, ops and GPU time launched inside, idle time inside, the longest one.

    The idle time is that of the GPUs that the range's process uses; what nests counts in each of its ranges. Work that
    another thread launched while the range's own waited inside it counts as launched inside.
    """
    trace = idle.trace
    if not trace.nvtx.rows or not trace.ops.rows:
        return []
    nvtx = trace.nvtx
    end = np.minimum(nvtx["end"], trace_end(trace))
    called = distinct(idle.calls[idle.calls != NONE])
    threads = trace.api["thread"].copy()
    threads[called] = range_threads(trace, called)
    work = range_work(trace, idle.calls, threads)
    process = trace.threads["process"][nvtx["thread"]]
    idle_time = np.zeros(nvtx.rows, np.int64)
    for device in idle.devices:
        mine = idle.gaps.device == device.device
        users = np.unique(trace.ops["process"][trace.ops["device"] == device.device])
        gaps = IntervalSet(idle.gaps.start[mine], idle.gaps.end[mine])
        uses = np.isin(process, users)
        idle_time[uses] += covered_length(union(*gaps), nvtx["start"][uses], end[uses])
    keep = processes_of_device(idle)[process]
    if idle.selection is not None:
        keep &= runs_inside(nvtx["start"], end, idle.selection)
    rows = np.flatnonzero(keep)
    present, code = np.unique(nvtx["name"][rows], return_inverse=True)
    wall, longest = sums_and_largest(code, (end - nvtx["start"])[rows], len(present))
    values = {"ops": work.ops, "busy_ns": work.busy, "idle_ns": idle_time}
    sums = {key: sums_and_largest(code, of_range[rows], len(present))[0] for key, of_range in values.items()}
    count = np.bincount(code, minlength=len(present))
    documents: list[Document] = [
        {
            "name": index,
            "count": int(count[i]),
            "wall_ns": int(wall[i]),
            **{key: int(total[i]) for key, total in sums.items()},
            "at": [int(nvtx["start"][rows[longest[i]]]), int(end[rows[longest[i]]])],
        }
        for i, index in enumerate(present.tolist())
    ]
    return sorted(documents, key=lambda document: (-document["busy_ns"], -document["wall_ns"], document["name"]))


def processes_of_device(idle: IdleReport) -> NDArray[np.bool_]:
    """Which processes are shown: with one GPU chosen, those that use it."""
    shown = np.ones(idle.trace.processes.rows, np.bool_)
    if idle.only_device is not None:
        shown[:] = False
        shown[idle.trace.ops["process"][idle.trace.ops["device"] == idle.only_device]] = True
    return shown
