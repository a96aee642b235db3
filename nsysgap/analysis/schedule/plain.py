"""The schedule as it would be without the profiler: what nsys adds per call, found from one plain time of the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nsysgap.analysis.schedule.bodies import Bodies
from nsysgap.analysis.schedule.calibration import USUAL, Calibration
from nsysgap.analysis.schedule.constants import GPU_BOUND, PROFILER_AT_MOST, PROFILER_WITHIN
from nsysgap.analysis.schedule.loop_time import run_loop
from nsysgap.analysis.schedule.predict import scaled
from nsysgap.analysis.schedule.schedule import Schedule
from nsysgap.units import duration

MOST_STEPS = 24
SLOWEST, FASTEST = 4.0, 0.1


@dataclass(frozen=True)
class PlainSchedule:
    """`schedule`: without the profiler. `said`: what was taken out, a sentence; `refused`: why nothing can be."""

    schedule: Schedule
    said: str
    refused: str


def without_profiler(bodies: Bodies, host_share: float, plain: int, calibration: Calibration = USUAL) -> PlainSchedule:
    """The schedule in which the loop takes as long as it did without nsys. `plain`: that time, ns; `host_share`: the
    host's share of the recorded loop's critical path."""
    model, quicker = bodies.model, calibration.plain_queue_gap
    delta = model.schedule.delta.astype(np.int64)
    quick = replace(model.schedule, delta=np.maximum(delta - quicker, np.minimum(delta, 0)))
    recorded = run_loop(bodies, model.schedule).length
    if host_share <= GPU_BOUND:
        return PlainSchedule(quick, f"{duration(quicker)} less between ops", "")
    if plain <= recorded:
        cost = _bisect(
            lambda per_call: run_loop(bodies, cheaper(bodies, quick, int(per_call))).length, plain, PROFILER_AT_MOST, 0
        )
        schedule = cheaper(bodies, quick, int(cost))
        if _near(run_loop(bodies, schedule).length, plain):
            return PlainSchedule(schedule, f"{duration(int(cost))} of nsys per call taken out", "")
    factor = _bisect(
        lambda host_factor: run_loop(bodies, scaled(quick, host_factor, 1.0)).length, plain, FASTEST, SLOWEST
    )
    schedule = scaled(quick, factor, 1.0)
    length = run_loop(bodies, schedule).length
    if _near(length, plain):
        return PlainSchedule(schedule, f"the host ran at another speed: its times x {factor:.2f}", "")
    why = f"No cost of nsys and no speed of the host gives the plain time: {duration(length)} is as near as it gets."
    return PlainSchedule(model.schedule, "", why)


def cheaper(bodies: Bodies, schedule: Schedule, cost: int) -> Schedule:
    """Without what nsys adds to every call: half of it in the call, half between calls."""
    inside = np.minimum(cost // 2, (schedule.base * 9) // 10)
    others = bodies.model.calls.inside_gap.astype(np.int64)
    between = (cost // 2) * (1 + others) + (cost // 2) * others
    gap = schedule.gap - np.minimum(between, np.maximum((schedule.gap * 95) // 100, 0))
    latency = schedule.latency - np.minimum(inside[schedule.call], np.maximum(schedule.latency, 0))
    return replace(schedule, base=schedule.base - inside, gap=gap, latency=latency)


def _bisect(length: Callable[[float], int], wanted: int, shortest: float, longest: float) -> float:
    """The parameter between these two, of the shortest and of the longest time, that gives the wanted one."""
    low, high = shortest, longest
    for _ in range(MOST_STEPS):
        middle = (low + high) / 2
        if length(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _near(length: int, wanted: int) -> bool:
    return abs(length - wanted) <= PROFILER_WITHIN * wanted
