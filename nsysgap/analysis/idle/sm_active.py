"""The hardware's own word: how many SMs were active while the events say busy, idle or nothing at all.

nsys samples "SMs Active" (`--gpu-metrics-devices`) every 100 us, longer than most gaps, so a sample usually mixes busy
and idle time. With f the share of a sample's interval that lies in each part, the sample should read
sum(f_part * mean_part); the means are the least-squares solution over all samples inside the window, within 0 and 100.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import DeviceIdle, IdleReport
from nsysgap.analysis.idle.untraced import UntracedPieces
from nsysgap.intervals import IntervalSet, covered_length, intersect, subtract, union
from nsysgap.tables import NONE

Times = NDArray[np.int64]
Floats = NDArray[np.float64]
SM_PARTS = ("busy", "idle", "untraced")


@dataclass(frozen=True)
class SmActive:
    """Mean SMs Active in percent over a GPU's busy, idle and untraced time, from `samples` samples.

    `idle` is the idle time that is not untraced. None: the part lasts less than one sampling interval in all, or the
    samples cannot tell the parts apart.
    """

    busy: float | None
    idle: float | None
    untraced: float | None
    samples: int


def sm_active(idle: IdleReport, device: DeviceIdle, pieces: UntracedPieces) -> SmActive | None:
    """What the hardware counter says about one GPU's parts; None where the report has no samples inside the window."""
    samples = idle.trace.sm_active
    gpu = idle.trace.device(device.device)
    mine = samples["device"] == (NONE if gpu.which else gpu.number)  # sampled by GPU, whoever uses it
    time, value = samples["time"][mine], samples["value"][mine]
    if len(time) < 2:
        return None
    start, end, value = _intervals(time, value)
    covered = np.stack([covered_length(part, start, end) for part in _parts(idle, device, pieces)], axis=1)
    inside = covered.sum(axis=1) == end - start
    if not inside.any():
        return None
    length = (end - start)[inside].astype(np.float64)
    shares = covered[inside] / length[:, None]
    busy, at_idle, untraced = _means(shares, value[inside].astype(np.float64))
    return SmActive(busy, at_idle, untraced, int(inside.sum()))


def _intervals(time: Times, value: Times) -> tuple[Times, Times, Times]:
    """(start, end, value) of the samples; one that no other follows within two usual distances is left out."""
    length = np.diff(time)
    usual = np.median(length)
    good = np.flatnonzero((length > 0) & (length <= 2 * usual))
    return time[good], time[good + 1], value[good]


def _parts(idle: IdleReport, device: DeviceIdle, pieces: UntracedPieces) -> tuple[IntervalSet, ...]:
    window = IntervalSet(np.array([device.window[0]]), np.array([device.window[1]]))
    selected = idle.selected_on(device.device)
    if selected is not None:
        window = intersect(window, selected)
    of_gap, of_piece = (idle.gaps.device == device.device), (idle.gaps.device[pieces.gap] == device.device)
    gaps = union(idle.gaps.start[of_gap], idle.gaps.end[of_gap])
    hidden = union(pieces.start[of_piece], pieces.end[of_piece])
    return subtract(window, gaps), subtract(gaps, hidden), hidden


def _means(shares: Floats, value: Floats) -> list[float | None]:
    """The mean of each part, rounded to a tenth; shares has shape (samples, 3)."""
    present = np.flatnonzero(shares.sum(axis=0) >= 1)
    a = shares[:, present]
    means: list[float | None] = [None] * shares.shape[1]
    if len(present) and np.linalg.matrix_rank(a) == len(present):
        for part, mean in zip(present, _bounded(a.T @ a, a.T @ value), strict=True):
            means[part] = round(float(mean), 1)
    return means


def _bounded(square: Floats, right: Floats) -> Floats:
    """The x within [0, 100] that minimises x'Sx - 2r'x: the best over every choice of free and clamped unknowns."""
    best, least = np.zeros(len(right)), np.inf
    for choice in product((None, 0.0, 100.0), repeat=len(right)):
        x = np.array([0.0 if bound is None else bound for bound in choice])
        free = np.flatnonzero([bound is None for bound in choice])
        if len(free):
            x[free] = np.linalg.solve(square[np.ix_(free, free)], right[free] - square[free] @ x)
        cost = float(x @ square @ x - 2 * right @ x)
        if cost < least and bool(((x >= 0) & (x <= 100)).all()):
            best, least = x, cost
    return best
