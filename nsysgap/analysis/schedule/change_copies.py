"""Changes to copies: from pinned memory, and overlapped with the kernels of the step before."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.bodies import SYNC_ROLES, Bodies
from nsysgap.analysis.schedule.calibration import USUAL_CONSTANTS, Constants
from nsysgap.analysis.schedule.constants import (
    LARGE_COPY_BYTES,
    OVERLAP_CALL,
    OVERLAP_CALLS,
    PINNED_BEST,
    PINNED_LATENCY,
    PINNED_RATE,
    PINNED_RATE_BYTES,
    PINNED_RATES,
    PINNED_START,
    PINNED_WORST,
    PLAIN_COPY,
)
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.ops import DEVICE_TO_HOST, HOST_TO_DEVICE
from nsysgap.analysis.schedule.schedule import Schedule
from nsysgap.analysis.schedule.typical import median
from nsysgap.tables import MEMCPY, NONE

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]
COHERENT = re.compile("GH200|GB200|GB300")


def pageable_copies(bodies: Bodies) -> Indices:
    """The loop's large copies of pageable memory."""
    ops = bodies.model.ops
    return bodies.ops[(ops.pageable & (ops.bytes >= LARGE_COPY_BYTES))[bodies.ops]]


def pinned_rate(model: Model, direction: int, constants: Constants = USUAL_CONSTANTS) -> tuple[float, str]:
    """(bytes a ns of pinned copies, where that is from)."""
    ops = model.ops
    large = (ops.kind == MEMCPY) & ~ops.pageable & (ops.bytes >= PINNED_RATE_BYTES) & (ops.duration > 0)
    for way, said in ((direction, "of this report"), (HOST_TO_DEVICE + DEVICE_TO_HOST - direction, "of the other way")):
        mine = large & (ops.direction == way)
        if mine.any():
            rate = np.sort(ops.bytes[mine] / ops.duration[mine])
            return float(rate[(len(rate) - 1) // 2]), f"median of the pinned copies {said}"
    if constants.calibration.pinned_rate is not None and not constants.foreign:
        return constants.calibration.pinned_rate[int(direction == DEVICE_TO_HOST)], "measured by nsysgap calibrate"
    names = " ".join(device.name or "" for device in model.trace.devices)
    rate_of = next((rate for pattern, rate in PINNED_RATES if re.search(pattern, names)), PINNED_RATE)
    return float(rate_of), "usual for this kind of GPU"


def pinned(bodies: Bodies, schedule: Schedule, case: str, constants: Constants = USUAL_CONSTANTS) -> Schedule:
    """The loop's large pageable copies from pinned memory: at its rate, and their calls do not wait."""
    model, copies = bodies.model, pageable_copies(bodies)
    factor = {"central": 1.0, "best": PINNED_BEST, "worst": PINNED_WORST}[case]
    duration, blocks = schedule.duration.copy(), schedule.blocks.copy()
    base, latency = schedule.base.copy(), schedule.latency.copy()
    for direction in (HOST_TO_DEVICE, DEVICE_TO_HOST):
        mine = copies[model.ops.direction[copies] == direction]
        rate = pinned_rate(model, direction, constants)[0] * factor
        duration[mine] = np.minimum(duration[mine], PINNED_START + (model.ops.bytes[mine] / rate).astype(np.int64))
    usual = _plain_copy(model)
    calls = schedule.call[copies]
    took = model.calls.end[calls] - model.calls.start[calls]
    base[calls] = np.minimum(base[calls], np.minimum(usual, took))
    latency[copies] = np.minimum(latency[copies], PINNED_LATENCY)
    blocks[copies] = False
    changed = replace(schedule, duration=duration, blocks=blocks, base=base, latency=latency)
    return changed if case == "worst" else _without_waits(bodies, changed, copies)


def _plain_copy(model: Model) -> int:
    """What the call of a copy takes that does not wait, ns."""
    copies = (model.ops.kind == MEMCPY) & ~model.schedule.blocks
    calls = model.ops.call[copies]
    usual = median(model.calls.end[calls] - model.calls.start[calls])
    return PLAIN_COPY if usual is None else usual


def _without_waits(bodies: Bodies, schedule: Schedule, copies: Indices) -> Schedule:
    """Without the waits that directly follow one of the copies and cover nothing later than it."""
    model = bodies.model
    position = np.searchsorted(bodies.calls, schedule.call[copies]) + 1
    inside = position < len(bodies.calls)
    after, copy = bodies.calls[position[inside]], copies[inside]
    only = np.isin(model.calls.role[after], SYNC_ROLES) & (model.unchanged.covered[after] == model.ops.end[copy])
    waits, base = schedule.waits.copy(), schedule.base.copy()
    waits[after[only]], base[after[only]] = False, 0
    return replace(schedule, waits=waits, base=base)


def overlappable(bodies: Bodies) -> Indices:
    """The loop's large copies to the GPU from pinned memory."""
    ops = bodies.model.ops
    large = (ops.direction == HOST_TO_DEVICE) & ~ops.pageable & (ops.bytes >= PINNED_RATE_BYTES)
    mine: Indices = bodies.ops[large[bodies.ops]]
    return mine


def overlapped(bodies: Bodies, schedule: Schedule, copies: Indices, case: str) -> Schedule:
    """The copies on a stream of their own, a step ahead: each before the first op of the step after, and after the last
    kernel of the step before."""
    stream = schedule.stream.copy()
    stream[copies] = schedule.stream_count
    scopes = tuple(
        (*scope, schedule.stream_count) if len(scope) == schedule.stream_count else scope for scope in schedule.scopes
    )
    gap, blocks = schedule.gap.copy(), schedule.blocks.copy()
    blocks[copies] = False
    if case == "worst":
        usual = median(gap[bodies.calls]) or 0
        gap[schedule.call[copies]] += OVERLAP_CALLS * (OVERLAP_CALL + max(usual, 0))
    edges = np.concatenate((schedule.edges, _copy_edges(bodies, copies)))
    return replace(
        schedule,
        stream=stream,
        stream_count=schedule.stream_count + 1,
        scopes=scopes,
        gap=gap,
        blocks=blocks,
        edges=edges,
    )


def _copy_edges(bodies: Bodies, copies: Indices) -> NDArray[np.int64]:
    is_copy = np.zeros(len(bodies.model.ops.call), np.bool_)
    is_copy[copies] = True
    first, last, mine = {}, {}, {}
    for body, calls in bodies.each():
        ops = bodies.op_of[calls]
        ops = ops[ops != NONE]
        others = ops[~is_copy[ops]]
        if len(others):
            first[body], last[body] = int(others[0]), int(others[-1])
        mine[body] = ops[is_copy[ops]].tolist()
    edges = [(copy, first[body + 1]) for body, many in mine.items() for copy in many if body + 1 in first]
    edges += [(last[body - 1], copy) for body, many in mine.items() for copy in many if body - 1 in last]
    return np.array(edges, np.int64).reshape(-1, 2)
