"""What the program did that its figures do not say by themselves: who launched, what blocked, what was loading."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.unseen import by_gpu_notices
from nsysgap.analysis.idle.host_calls import host_call_notices
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.loading import loading_time
from nsysgap.analysis.idle.woken import thread_named, woken_notices
from nsysgap.analysis.relations.acting import acted_for
from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.analysis.relations.spans import stretches
from nsysgap.arrays import distinct
from nsysgap.causes import LOADING
from nsysgap.intervals import covered_length, intersect, union
from nsysgap.tables import NONE, Notice
from nsysgap.units import count, duration

UNREAD_NAMED = 5
OTHER_THREADS_SHARE = 0.05  # of the ops: fewer that other threads launched are not worth a word


def program_notices(idle: IdleReport) -> list[Notice]:
    """Notices about the program, each when it holds."""
    said = [
        *_other_threads(idle),
        *_loading(idle),
        *_unread(idle),
    ]
    return [
        *host_call_notices(idle),
        *by_gpu_notices(idle.trace),
        *woken_notices(idle),
        *(Notice(level, text) for level, text in said),
    ]


Said = Iterator[tuple[str, str]]


def _other_threads(idle: IdleReport) -> Said:
    """Work launched by threads without an NVTX range while another thread of their process had one open."""
    trace = idle.trace
    if not trace.nvtx.rows:
        return
    ops = np.flatnonzero(idle.calls != NONE)
    call, finder = idle.calls[ops], RangeFinder(trace)
    thread, bare = trace.api["thread"][call], np.empty(len(call), np.bool_)
    for some in stretches(len(call)):
        bare[some] = finder.innermost(thread[some], trace.api["start"][call[some]]) == NONE
    outside, acting = np.flatnonzero(bare), np.full(len(call), NONE, np.int32)
    acting[outside] = acted_for(trace, call[outside].astype(np.int64), finder)
    bare &= acting == NONE
    yield from _acting(idle, thread, acting)
    others = np.zeros(len(ops), np.bool_)
    process = trace.threads["process"][thread]
    for process_row in distinct(process[bare]).tolist():
        mine = np.flatnonzero(bare & (process == process_row))
        ranges = np.flatnonzero(trace.threads["process"][trace.nvtx["thread"]] == process_row)
        covered = union(trace.nvtx["start"][ranges], trace.nvtx["end"][ranges])
        at = trace.api["start"][call[mine]]
        others[mine[covered_length(covered, at, at + 1) > 0]] = True
    total = int(others.sum())
    if total and total >= OTHER_THREADS_SHARE * len(ops):
        threads = ", ".join(thread_named(idle, thread_row) for thread_row in distinct(thread[others]).tolist()[:3])
        said = (
            f"{count(total)} of {count(len(ops))} ops were launched by {threads}, which had no NVTX range open, while "
            "another thread of the process had one and was not seen to wait: --by nvtx has them outside."
        )
        yield "note", said


def _acting(idle: IdleReport, thread: NDArray[np.int32], acting: NDArray[np.int32]) -> Said:
    """Work launched by one thread for the ranges of another, which waited. `thread`: of each launched op."""
    for_others = np.flatnonzero(acting != NONE)
    if not len(for_others):
        return
    pairs = np.unique(np.column_stack((thread[for_others], acting[for_others])), axis=0)
    for launcher, waiting in pairs.tolist()[:3]:
        number = int(((thread == launcher) & (acting == waiting)).sum())
        if number >= OTHER_THREADS_SHARE * len(thread):
            who, whom = thread_named(idle, launcher), thread_named(idle, waiting)
            said = (
                f"{count(number)} of {count(len(thread))} ops were launched by {who} while {whom} waited inside its "
                "NVTX ranges (PyTorch's backward thread does so): --by nvtx has them there, 'by thread "
                f"{idle.trace.threads['tid'][launcher]}'."
            )
            yield "note", said


def _loading(idle: IdleReport) -> Said:
    """Idle time in which modules were loaded."""
    time = sum(loading_time(idle).values())
    if time:
        whole = sum(device.idle for device in idle.devices)
        said = f"{duration(time)} of {duration(whole)} idle time is {LOADING.name}"
        yield "note", f"{said}: {LOADING.advice.replace('`', '')}"


def _unread(idle: IdleReport) -> Said:
    """Tables with work or waiting inside the GPUs' windows that no figure counts."""
    windows = union(*(np.array([device.window[end] for device in idle.devices], np.int64) for end in (0, 1)))
    there = [table for table, when in idle.trace.unread.items() if len(intersect(when, windows).starts)]
    if there:
        more = f" and {len(there) - UNREAD_NAMED} more" if len(there) > UNREAD_NAMED else ""
        named = ", ".join(there[:UNREAD_NAMED]) + more
        yield "note", f"Not counted: {named}. What these tables hold may have kept the GPU busy, or held it."
