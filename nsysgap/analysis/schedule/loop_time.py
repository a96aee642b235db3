"""How long a loop takes in a replay, and the share of its critical path that the host decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nsysgap.analysis.schedule.bodies import Bodies
from nsysgap.analysis.schedule.calls import LAUNCH
from nsysgap.analysis.schedule.path import End, Path, critical_path
from nsysgap.analysis.schedule.replay import replay
from nsysgap.analysis.schedule.schedule import Replay, Schedule
from nsysgap.tables import MEMCPY, MEMSET


@dataclass(frozen=True)
class LoopRun:
    """A replay of a changed schedule and where the loop lies in it, ns."""

    schedule: Schedule
    times: Replay
    start: int
    end: End

    @property
    def length(self) -> int:
        """How long the loop takes."""
        return self.end.time - self.start

    def path(self) -> Path:
        """The loop's critical path, worked out each time: its columns are too long to be kept."""
        return critical_path(self.schedule, self.times, self.start, self.end)

    def host_share(self, path: Path) -> float:
        """The share of host code, calls and launch latency in its critical path: 0 to 1."""
        gpu = int(path.gpu.sum() + path.between.sum() + path.tail.sum())
        return max(0.0, 1 - gpu / max(self.length, 1))


def run_loop(bodies: Bodies, schedule: Schedule) -> LoopRun:
    """Replay a schedule and find the loop in it: NVTX times lie where they lay within their gap or call; without NVTX
    it goes from its first call's start to the later of its last call's end and its last op's end."""
    unchanged, stretch = schedule is bodies.model.schedule, bodies.stretch
    times = bodies.model.unchanged if unchanged else replay(schedule)
    if stretch.by_ranges:
        start = moved(bodies, times, stretch.start)
        return LoopRun(schedule, times, start, End(moved(bodies, times, stretch.end.time), thread=stretch.logical))
    start = int(times.call_start[bodies.calls[0]])
    ops = bodies.ops[schedule.alive[bodies.ops]]
    call_end = int(times.call_end[bodies.calls].max())
    if len(ops) and int(times.op_end[ops].max()) > call_end:
        last = int(ops[times.op_end[ops].argmax()])
        return LoopRun(schedule, times, start, End(int(times.op_end[last]), op=last))
    return LoopRun(schedule, times, start, End(call_end, thread=stretch.logical))


def limits_after(bodies: Bodies, run: LoopRun, path: Path) -> dict[str, float]:
    """What a replayed loop's critical path consists of: shares from 0 to 1 that sum to 1, largest first.

    Graphs count as kernels; host is the program's own code and what it waits for in the OS.
    """
    model = bodies.model
    copies, launches = np.isin(model.ops.kind, (MEMCPY, MEMSET)), model.calls.role == LAUNCH
    last = 0 if path.last is None else path.last[2] - path.last[1]
    parts = {
        "kernels": path.gpu[~copies].sum(),
        "copies": path.gpu[copies].sum(),
        "between ops": path.between.sum(),
        "launches": path.latency.sum() + path.call[launches].sum(),
        "other calls": path.call[~launches].sum(),
        "sync tail": path.tail.sum(),
        "host": path.gap.sum() + last,
    }
    whole = max(run.length, 1)
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    return {name: round(float(ns) / whole, 4) for name, ns in ordered if ns}


def moved(bodies: Bodies, times: Replay, time: int) -> int:
    """Where a time of the loop's thread lies in a replay: as far into its gap or call as it was."""
    calls = bodies.model.calls
    line = np.flatnonzero(calls.thread == bodies.stretch.logical)
    position = int(np.searchsorted(calls.start[line], time, side="right")) - 1
    if position < 0:
        low = new_low = min(calls.origin, time)
        high, new_high = int(calls.start[line[0]]), int(times.call_start[line[0]])
    else:
        call = line[position]
        low, new_low = int(calls.start[call]), int(times.call_start[call])
        high, new_high = int(calls.end[call]), int(times.call_end[call])
        if time >= high:
            low, new_low = high, new_high
            if position + 1 == len(line):
                return new_low + time - low
            high, new_high = int(calls.start[line[position + 1]]), int(times.call_start[line[position + 1]])
    return new_low + (time - low) * (new_high - new_low) // max(high - low, 1)
