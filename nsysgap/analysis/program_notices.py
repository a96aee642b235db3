"""What the program did that its figures do not say by themselves: who launched, what blocked, what was loading."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.graphs.unseen import by_gpu_notices
from nsysgap.analysis.idle.host_calls import host_call_notices
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.loading import loading_time
from nsysgap.analysis.relations.ranges import RangeFinder
from nsysgap.arrays import distinct, is_any
from nsysgap.causes import LOADING
from nsysgap.intervals import covered_length, union
from nsysgap.tables import NONE, Notice
from nsysgap.units import count, counted, duration

SLEEPS = ("pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_clockwait", "sem_wait", "futex")
WAKING_NS = 20_000  # a thread that wakes another may go to sleep at once: who was awake is asked so long before
UNREAD = (*("GPU_CONTEXT_SWITCH_EVENTS", "VULKAN_WORKLOAD", "DX11_WORKLOAD", "DX12_WORKLOAD", "OPENGL_WORKLOAD"),)
OTHER_THREADS_SHARE = 0.05  # of the ops: fewer that other threads launched are not worth a word


def program_notices(idle: IdleReport) -> list[Notice]:
    """Notices about the program, each when it holds."""
    found = [
        *_other_threads(idle),
        *_loading(idle),
        *_woken(idle),
        *_unread(idle),
    ]
    return [*host_call_notices(idle), *by_gpu_notices(idle.trace), *(Notice(level, text) for level, text in found)]


Said = Iterator[tuple[str, str]]


def _other_threads(idle: IdleReport) -> Said:
    """Work launched by threads without an NVTX range while another thread of their process had one open."""
    trace = idle.trace
    if not trace.nvtx.rows:
        return
    ops = np.flatnonzero(idle.calls != NONE)
    call = idle.calls[ops]
    thread, at = trace.api["thread"][call], trace.api["start"][call]
    process = trace.threads["process"][thread]
    bare = RangeFinder(trace).innermost(thread, at) == NONE
    named: dict[str, int] = {}
    for one in distinct(process[bare]).tolist():
        mine = np.flatnonzero(bare & (process == one))
        ranges = np.flatnonzero(trace.threads["process"][trace.nvtx["thread"]] == one)
        covered = union(trace.nvtx["start"][ranges], trace.nvtx["end"][ranges])
        open_elsewhere = covered_length(covered, at[mine], at[mine] + 1) > 0
        for launcher in distinct(thread[mine[open_elsewhere]]).tolist():
            number = int((thread[mine[open_elsewhere]] == launcher).sum())
            named[_thread(idle, launcher)] = number
    total = sum(named.values())
    if total and total >= OTHER_THREADS_SHARE * len(ops):
        threads = ", ".join(list(named)[:3])
        said = (
            f"{count(total)} of {count(len(ops))} ops were launched by {threads}, which had no NVTX range open, while "
            "another thread of the process had one (PyTorch's backward thread does so): --by nvtx has them outside."
        )
        yield "note", said


def _thread(idle: IdleReport, thread: int) -> str:
    threads = idle.trace.threads
    name = idle.trace.name(int(threads["name"][thread]))
    return f"thread {int(threads['tid'][thread])}" + (f" ({name})" if name else "")


def _loading(idle: IdleReport) -> Said:
    """Idle time in which modules were loaded."""
    time = sum(loading_time(idle).values())
    if time:
        whole = sum(device.idle for device in idle.devices)
        said = f"{duration(time)} of {duration(whole)} idle time is {LOADING.name}"
        yield "note", f"{said}: {LOADING.advice.replace('`', '')}"


def _woken(idle: IdleReport) -> Said:
    """Launching threads that slept until another thread of the process woke them, where one alone can have."""
    trace, gaps = idle.trace, idle.gaps
    waits = np.flatnonzero(is_any(trace.osrt["name"], trace.names.find(SLEEPS)))
    rows = np.flatnonzero(gaps.call != NONE)
    if not len(waits) or not len(rows):
        return
    thread = trace.api["thread"][gaps.call[rows]]
    awake, spent = _Awake(idle), dict[tuple[int, int, int], list[int]]()
    for one in distinct(thread).tolist():
        for wait, asleep in _sleeps(idle, waits[trace.osrt["thread"][waits] == one], rows[thread == one]):
            waker = awake.alone(one, int(trace.osrt["end"][wait]))
            if waker != NONE:
                spent.setdefault((one, waker, int(trace.osrt["name"][wait])), []).append(asleep)
    for (sleeper, waker, name), times in sorted(spent.items(), key=lambda item: -sum(item[1]))[:3]:
        said = (
            f"{duration(sum(times))} of 'os' time in {counted(len(times), 'gap', 'gaps')}: {_thread(idle, sleeper)} "
            f"slept in {trace.name(name)} until {_thread(idle, waker)} woke it, the only other thread that was awake, "
            "in its own code or in CUDA calls: look at what that did."
        )
        yield "note", said


def _sleeps(idle: IdleReport, waits: NDArray[np.intp], gaps: NDArray[np.intp]) -> Iterator[tuple[int, int]]:
    """(the last wait before the launch, for how long of the gap) of each gap that it fills for long; of one thread."""
    osrt, found = idle.trace.osrt, idle.gaps
    waits = waits[np.argsort(osrt["end"][waits], kind="stable")]
    last = np.searchsorted(osrt["end"][waits], idle.trace.api["start"][found.call[gaps]], side="right") - 1
    gaps, wait = gaps[last >= 0], waits[last[last >= 0]]
    asleep = np.minimum(osrt["end"][wait], found.end[gaps]) - np.maximum(osrt["start"][wait], found.start[gaps])
    long = asleep > idle.attribution.hidden_after_ns
    yield from zip(wait[long].tolist(), asleep[long].tolist(), strict=True)


class _Awake:
    """Which threads that call CUDA or have ranges are in no OS call at a moment."""

    def __init__(self, idle: IdleReport) -> None:
        trace = idle.trace
        self.process = trace.threads["process"]
        self.threads = np.union1d(distinct(trace.api["thread"]), distinct(trace.nvtx["thread"])).tolist()
        self.calls = {one: np.flatnonzero(trace.osrt["thread"] == one) for one in self.threads}
        self.start = {one: trace.osrt["start"][rows] for one, rows in self.calls.items()}
        self.reach = {one: np.maximum.accumulate(trace.osrt["end"][rows]) for one, rows in self.calls.items()}

    def alone(self, sleeper: int, woken: int) -> int:
        """The only other thread of the sleeper's process that was awake just before it woke; NONE if not one."""
        others = [one for one in self.threads if one != sleeper and self.process[one] == self.process[sleeper]]
        awake = [one for one in others if not self._in_call(one, woken - WAKING_NS)]
        return awake[0] if len(awake) == 1 else NONE

    def _in_call(self, thread: int, at: int) -> bool:
        number = int(np.searchsorted(self.start[thread], at, side="right"))
        return number > 0 and bool(self.reach[thread][number - 1] > at)


def _unread(idle: IdleReport) -> Said:
    """Tables with other work of the GPU, or waiting, that no figure counts."""
    there = sorted(table for table in idle.trace.tables_present if table.startswith(UNREAD))
    if there and idle.trace.ops.rows:
        yield "note", f"Not counted: {', '.join(there)}. What these tables hold may have kept the GPU busy, or held it."
