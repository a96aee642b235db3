"""What a change would make of a loop, and what of it may be said: a figure, a gain at equal host speed, a range."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nsysgap.analysis.schedule.bodies import Bodies
from nsysgap.analysis.schedule.constants import BULK_BAND, GPU_BAND, GPU_BOUND, HOST_BAND
from nsysgap.analysis.schedule.loop_time import LoopRun, limits_after, run_loop
from nsysgap.analysis.schedule.schedule import Schedule

FIGURE, GAIN, RANGE = "figure", "gain", "range"
MAY_BE_FIGURE = frozenset({"pinned", "faster", "graph", "fewer-syncs"})
MAY_BE_GAIN = frozenset({"fewer-syncs", "faster", "cheaper-launches", "pinned"})
RANGE_ONLY = frozenset({"fused", "batched", "overlapped", "elsewhere", "os-waits"})
BULK = frozenset({"graph", "fused", "batched"})
OWN_EDGES = frozenset({"elsewhere", "overlapped", "os-waits"})
CASES = ("central", "best", "worst")
# Changes are made in this order, whatever order they were asked for in: what is cut out of gaps first.
ORDER = (
    *("faster", "elsewhere", "os-waits", "fewer-syncs", "pinned", "overlapped", "fused", "batched", "graph"),
    "cheaper-launches",
)


@dataclass(frozen=True)
class Change:
    """One change: its name as in the contract, what it is made to, and `edit`, which gives the changed schedule for one
    of CASES ("central", "best", "worst"). `at_least`: what the loop takes at least, ns, whatever the replay gives;
    `wider`: by what share a figure's edges are wider because its constants are another GPU's; `unsure`: that it can
    take out all that it does is not known, so that no central value is said."""

    name: str
    target: str
    edit: Callable[[Schedule, str], Schedule]
    at_least: int = 0
    wider: float = 0.0
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an iteration would take, ns. `central_ns` and `gain_percent` are None where only a range may be said."""

    central_ns: int | None
    best_ns: int
    worst_ns: int
    gain_percent: float | None
    kind: str
    host_share: float


@dataclass(frozen=True)
class Predicted:
    """A prediction, what its centre consists of (`limits_after`; None where that is not what is said), how long the
    loop takes there, ns, and by what its edges are scaled: what of the change might be said by the host's share alone,
    and that share."""

    prediction: Prediction
    limits: dict[str, float] | None
    length: int
    scaled_by: tuple[str, float]


def apply(changes: Sequence[Change], schedule: Schedule, case: str) -> Schedule:
    """All changes made to a schedule."""
    for change in sorted(changes, key=lambda planned: (ORDER.index(planned.name), planned.target)):
        schedule = change.edit(schedule, case)
    return schedule


def predict(
    bodies: Bodies, changes: Sequence[Change], schedule: Schedule, recorded: int, *, plain: bool = False
) -> Predicted:
    """What a loop would take with some changes. `schedule`: to change, `recorded`: what the loop takes in it, ns.

    `plain`: the schedule is one without the profiler: nothing but a range is said.
    """
    unsure = any(change.unsure for change in changes)
    central = run_loop(bodies, apply(changes, schedule, "central"))
    length = max(central.length, *(change.at_least for change in changes), 0) if changes else central.length
    path = central.path()
    share = central.host_share(path)
    limits = limits_after(bodies, central, path) if not unsure and length == central.length else None
    del central, path  # their columns are long
    kind = _kind(changes, share, plain=plain)
    best, worst = (run_of(bodies, changes, schedule, (kind, share), case).length for case in ("best", "worst"))
    wider = max((change.wider for change in changes), default=0.0)
    if kind == FIGURE and wider:
        best, worst = round(min(best, length) * (1 - wider)), round(max(worst, length) * (1 + wider))
    each = max(bodies.count, 1)
    scaled_by = kind, share
    if unsure:
        kind = RANGE
    said = kind != RANGE
    prediction = Prediction(
        central_ns=length // each if said else None,
        best_ns=min(best, length) // each,
        worst_ns=max(worst, length) // each,
        gain_percent=round(100 * (recorded - length) / recorded, 2) if said and recorded else None,
        kind=kind,
        host_share=round(share, 4),
    )
    return Predicted(prediction, limits, length, scaled_by)


def run_of(
    bodies: Bodies, changes: Sequence[Change], schedule: Schedule, said: tuple[str, float], case: str
) -> LoopRun:
    """The run at one of CASES. `said`: (kind of what is said, the host's share of the central run's path)."""
    changed = apply(changes, schedule, case)
    if case != "central":
        low, high = _bands(changes, *said)
        changed = scaled(changed, *(low if case == "best" else high))
    return run_loop(bodies, changed)


def _kind(changes: Sequence[Change], share: float, *, plain: bool) -> str:
    names = {change.name for change in changes}
    if plain or names & RANGE_ONLY:
        return RANGE
    if share <= GPU_BOUND and names <= MAY_BE_FIGURE:
        return FIGURE
    return GAIN if names <= MAY_BE_GAIN else RANGE


def _bands(changes: Sequence[Change], kind: str, share: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """((factor of host parts, of GPU parts) at best, the same at worst).

    The host of one program differs from run to run, and the more so the more launches are taken out of it; what keeps
    the GPU busy drifts with its clock. Moving work elsewhere and overlapping copies have edges of their own.
    """
    names = {change.name for change in changes}
    if names and names & BULK and kind == RANGE:
        return (BULK_BAND, 1.0), (HOST_BAND[1], 1.0)
    if not names or names <= OWN_EDGES:
        return (1.0, 1.0), (1.0, 1.0)
    if share <= GPU_BOUND:
        return (1.0, GPU_BAND[0]), (1.0, GPU_BAND[1])
    return (HOST_BAND[0], 1.0), (HOST_BAND[1], 1.0)


def scaled(schedule: Schedule, host: float, gpu: float) -> Schedule:
    """Gaps, calls and launch latency by one factor, ops by another."""
    if host == gpu == 1:
        return schedule

    def times(values: np.ndarray, factor: float) -> np.ndarray:
        return np.where(values > 0, (values * factor).astype(np.int64), values)

    return replace(
        schedule,
        gap=times(schedule.gap, host),
        base=times(schedule.base, host),
        latency=times(schedule.latency, host),
        duration=times(schedule.duration, gpu),
    )
