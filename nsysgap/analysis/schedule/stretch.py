"""What is looked at of a process's schedule: its loop, a stretch of time, or all of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.loops.nvtx_loops import NVTX, Loop
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.path import End, last_end
from nsysgap.tables import NONE

Times = NDArray[np.int64]


def _no_times() -> Times:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Stretch:
    """[start, end.time) of the session, ns, and where it ends: on a logical thread or with an op.

    `label`: the loop's, None without one; `starts`, `ends`: its iterations; `thread`: row of the threads table,
    `logical`: number of the logical thread; `by_ranges`: the iterations are NVTX ranges, of `domain`.
    """

    label: str | None
    start: int
    end: End
    thread: int
    logical: int
    by_ranges: bool = False
    starts: Times = field(default_factory=_no_times)
    ends: Times = field(default_factory=_no_times)
    domain: int = 0

    @property
    def length(self) -> int:
        """How long it is, ns."""
        return self.end.time - self.start

    @property
    def iterations(self) -> int:
        """How many iterations it has: 1 without a loop."""
        return max(len(self.starts), 1)


def loop_stretch(model: Model, loop: Loop) -> Stretch:
    """A loop's: from its first range's start to its last one's end; without NVTX from its first call's start to the
    later of its last call's end and the end of the last op launched in it."""
    number = _logical(model, loop)
    start, end = int(loop.start[0]), int(loop.end[-1])
    last = End(end, thread=number)
    if loop.source != NVTX:
        last = _end_of_work(model, start, end, number)
    return Stretch(
        loop.label, start, last, loop.thread, number, loop.source == NVTX, loop.start, loop.end, loop.domain or 0
    )


def time_stretch(model: Model, since: int | None, until: int | None) -> Stretch:
    """What lies between two times of the session; without them everything, from the first call to the last end."""
    last = last_end(model.schedule, model.unchanged)
    busiest = int(np.bincount(model.schedule.thread).argmax())
    end = last if until is None or until >= last.time else End(until, thread=busiest)
    start = model.calls.origin if since is None else max(since, model.calls.origin)
    return Stretch(None, min(start, end.time), end, model.calls.threads[busiest][0], busiest)


def _logical(model: Model, loop: Loop) -> int:
    """The logical thread of a loop: its own, or the one that launches most inside it where its own launches nothing."""
    calls = model.calls
    own = next((number for number, group in enumerate(calls.threads) if loop.thread in group), NONE)
    inside = (calls.start >= loop.start[0]) & (calls.start < loop.end[-1])
    number = np.bincount(calls.thread[inside], minlength=len(calls.threads))
    return own if own != NONE and number[own] else int(number.argmax())


def _end_of_work(model: Model, start: int, end: int, number: int) -> End:
    calls, ops = model.calls, model.ops
    inside = (calls.start >= start) & (calls.start < end) & (calls.thread == number)
    mine = np.flatnonzero(inside[ops.call])
    call_end = int(calls.end[inside].max())
    if len(mine) and int(ops.end[mine].max()) > call_end:
        op = int(mine[ops.end[mine].argmax()])
        return End(int(ops.end[op]), op=op)
    return End(call_end, thread=number)
