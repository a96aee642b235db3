"""Changes to what runs on the GPU: kernels that are faster, fused with their neighbours, batched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.bodies import Bodies
from nsysgap.analysis.schedule.constants import FUSED_ENTRY, FUSED_SAVES
from nsysgap.analysis.schedule.schedule import Schedule
from nsysgap.tables import KERNEL

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


def faster_kernels(bodies: Bodies, schedule: Schedule, which: Mask, factor: float) -> Schedule:
    """The loop's ops of which the mask is true `factor` times faster."""
    mine = bodies.ops[which[bodies.ops]]
    duration = schedule.duration.copy()
    duration[mine] = (duration[mine] / factor).astype(np.int64)
    return replace(schedule, duration=duration)


def neighbours(bodies: Bodies, which: Mask, most: int | None = None) -> list[Indices]:
    """Runs of two or more ops of one stream that the mask is true of, launched one after the other without a blocker in
    between; cut into pieces of `most`."""
    ops, runs = bodies.model.ops, []
    for calls in bodies.segments:
        row = bodies.op_of[calls]
        good = which[row] & (ops.kind[row] == KERNEL)
        new = np.concatenate(([True], (ops.stream[row][1:] != ops.stream[row][:-1]) | ~good[1:] | ~good[:-1]))
        for part in np.split(row, np.flatnonzero(new)[1:]):
            if not good[np.flatnonzero(row == part[0])[0]]:
                continue
            size = len(part) if most is None else most
            runs += [part[at : at + size] for at in range(0, len(part), size)]
    return [run for run in runs if len(run) >= 2]


def fused(bodies: Bodies, schedule: Schedule, runs: Sequence[Indices], case: str) -> Schedule:
    """Each run as one op and one call."""
    least = int(bodies.model.ops.duration[bodies.model.ops.kind == KERNEL].min(initial=1 << 62))
    changed = _joined(schedule, runs)
    duration, gap = changed.duration, changed.gap
    for run in runs:
        each = schedule.duration[run]
        total, longest = int(each.sum()), int(each.max())
        saved = max(longest, total - FUSED_SAVES * (len(run) - 1))
        duration[run[0]] = {"central": saved, "best": min(least, saved), "worst": total}[case]
        if case == "worst":
            gap[schedule.call[run[0]]] += FUSED_ENTRY
    return changed


def batched(schedule: Schedule, runs: Sequence[Indices], case: str) -> Schedule:
    """Each run as one op and one call: at best as long as the longest of them, at worst as all together."""
    changed = _joined(schedule, runs)
    for run in runs:
        each = schedule.duration[run]
        changed.duration[run[0]] = int(each.max()) if case == "best" else int(each.sum())
    return changed


def _joined(schedule: Schedule, runs: Sequence[Indices]) -> Schedule:
    """The first op and call of each run kept, with the gap before it; the others left out, with theirs."""
    rest = np.concatenate([run[1:] for run in runs]) if runs else np.empty(0, np.intp)
    gap, base, alive = schedule.gap.copy(), schedule.base.copy(), schedule.alive.copy()
    gap[schedule.call[rest]] = 0
    base[schedule.call[rest]] = 0
    alive[rest] = False
    return replace(schedule, gap=gap, base=base, alive=alive, duration=schedule.duration.copy())
