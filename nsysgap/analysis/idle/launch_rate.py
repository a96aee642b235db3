"""Whether the launch rate limits: the GPU waits for an op while the thread that launched it is in later launch calls.

Such an op started as soon as it could; it is the calls that come slower than the GPU works them off. Launching earlier
gains nothing then, launching less often does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.relations.calls import LAUNCHES
from nsysgap.analysis.relations.spans import Spans, stretches
from nsysgap.arrays import distinct
from nsysgap.intervals import covered_length
from nsysgap.tables import NONE
from nsysgap.units import duration

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LaunchRate:
    """Of `queued_ns` of idle time in which an op was launched and had not started, its thread was in later launch calls
    for `launching_ns`. `call_ns`: from such an op's launch call to the thread's next one, `work_ns`: how long such an
    op ran, both medians."""

    queued_ns: int
    launching_ns: int
    call_ns: int
    work_ns: int

    @property
    def words(self) -> str:
        """ "4.1 us a call for 0.8 us of work"."""
        return f"{duration(self.call_ns)} a call for {duration(self.work_ns)} of work"

    @property
    def limits(self) -> bool:
        """Whether launches come slower than their work is done, for most of the queued time."""
        return 2 * self.launching_ns > self.queued_ns and self.call_ns > self.work_ns


def limiting_rate(idle: IdleReport) -> LaunchRate | None:
    """Of all GPUs' launch rates the one behind most queued time; None where that is not what limits there."""
    rates = [rate for device in idle.devices if (rate := launch_rate(idle, device.device)) is not None]
    most = max(rates, key=lambda rate: rate.queued_ns, default=None)
    return most if most is not None and most.limits else None


def launch_rate(idle: IdleReport, device: int) -> LaunchRate | None:
    """The launch rate behind a GPU's queued time in the selection; None where no thread launched on meanwhile."""
    gaps, trace = idle.gaps, idle.trace
    rows = np.flatnonzero((gaps.device == device) & (gaps.call != NONE))
    call = gaps.call[rows]
    start, end = np.maximum(gaps.start[rows], trace.api["end"][call]), gaps.end[rows]
    queued = end > start
    rows, call, start, end = rows[queued], call[queued], start[queued], end[queued]
    launching, period = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    launches = np.flatnonzero(LAUNCHES.rows(trace)).astype(np.int32)
    thread = trace.api["thread"][launches]
    for launcher in distinct(trace.api["thread"][call]).tolist():
        mine = np.flatnonzero(trace.api["thread"][call] == launcher)
        launching[mine], period[mine] = _later_launches(
            idle, launches[thread == launcher], call[mine], start[mine], end[mine]
        )
    behind = (launching > 0) & (period > 0)
    if not behind.any():
        return None
    ops, after = trace.ops, gaps.after[rows[behind]]
    work = ops["end"][after] - ops["start"][after]
    total = int((end - start).sum())
    return LaunchRate(total, int(launching.sum()), int(_median(period[behind])), int(_median(work)))


def _later_launches(
    idle: IdleReport, launches: NDArray[np.int32], call: NDArray[np.int32], start: Times, end: Times
) -> tuple[Times, Times]:
    """(time of [start, end) inside a thread's launch calls, from each call to the next launch call or 0), ns.

    The queued time begins when its own call has returned: whatever launch call covers it is a later one.
    """
    api, spans = idle.trace.api, Spans(idle.trace.api, launches)
    starts = api["start"][launches]
    inside, period = np.zeros(len(call), np.int64), np.zeros(len(call), np.int64)
    for some in stretches(len(call)):
        busy = spans.within(int(start[some].min()), int(end[some].max()))
        inside[some] = covered_length(busy, start[some], end[some])
        later = np.searchsorted(starts, api["end"][call[some]], side="left")
        followed = np.flatnonzero(later < len(starts))
        period[some][followed] = starts[later[followed]] - api["start"][call[some][followed]]
    return inside, period


def _median(values: Times) -> int:
    middle = (len(values) - 1) // 2
    return int(np.partition(values, middle)[middle])
