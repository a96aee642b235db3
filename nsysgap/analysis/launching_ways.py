"""One way of launching in a dozen figures, comparable with another's: costs per kernel of work, idle time by cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport, runs_inside
from nsysgap.analysis.idle.untraced import untraced_summary
from nsysgap.analysis.stats import stats
from nsysgap.causes import PARTS, UNTRACED
from nsysgap.tables import GRAPH, KERNEL, NONE

INFLATED = ("launch_latency_ns", "idle_percent_by_cause.launch", "idle_percent_by_cause.host")


@dataclass(frozen=True)
class LaunchFigures:
    """What a way of launching costs, over the selected time, all GPUs together.

    `kernels_of_work` is the number of kernels that the program says it computed, else the kernel rows;
    `launch_latency_ns` the median of unqueued kernel launches, or of graph launches up to their first op where a graph
    launched everything; percentages are of the window (busy + idle).
    """

    kernels_of_work: int
    kernel_rows: int
    busy_us_per_kernel: float | None
    kernel_ns_median: int | None
    launch_latency_ns: int | None
    launched_by: str | None
    api_calls_per_1000: float | None
    gpu_ops_per_1000: float | None
    idle_percent: float
    idle_percent_if_untraced_is_busy: float
    idle_percent_by_cause: dict[str, float]
    sync_tail_ns_median: int | None
    untraced_ns: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain values under their names."""
        return dict(vars(self))


def launch_figures(idle: IdleReport, record: Mapping[str, Any] | None = None) -> LaunchFigures:
    """The figures of a report; `record` is what the program itself said it did (`kernels_of_work`)."""
    ops = idle.trace.ops
    rows = idle.selected_ops(idle.only_device)
    kernels = rows[ops["kind"][rows] == KERNEL]
    said = (record or {}).get("kernels_of_work")
    work = said if isinstance(said, int) and said > 0 else len(kernels)
    busy, whole = sum(device.busy for device in idle.devices), sum(device.busy + device.idle for device in idle.devices)
    causes = sum((device.idle_by_part for device in idle.devices), np.zeros(len(PARTS), np.int64))
    latency, launched_by = _launch_latency(idle)
    waited = idle.syncs
    return LaunchFigures(
        kernels_of_work=work,
        kernel_rows=len(kernels),
        busy_us_per_kernel=round(busy / work / 1000, 3) if work else None,
        kernel_ns_median=_median((ops["end"] - ops["start"])[kernels]),
        launch_latency_ns=latency,
        launched_by=launched_by,
        api_calls_per_1000=_per_1000(_api_calls(idle), work),
        gpu_ops_per_1000=_per_1000(len(rows), work),
        idle_percent=_percent(int(causes.sum()), whole),
        idle_percent_if_untraced_is_busy=_percent(sum(_idle_without_untraced(idle)), whole),
        idle_percent_by_cause={part: _percent(int(ns), whole) for part, ns in zip(PARTS, causes, strict=True)},
        sync_tail_ns_median=_median(waited.tail[waited.waited]),
        untraced_ns=int(causes[UNTRACED]),
    )


def _idle_without_untraced(idle: IdleReport) -> list[int]:
    low = {summary.device: summary.idle_low_ns for summary in untraced_summary(idle)}
    return [low.get(device.device, device.idle) for device in idle.devices]


def _launch_latency(idle: IdleReport) -> tuple[int | None, str | None]:
    """(median in ns, what was launched): kernels, else graphs node by node, else graphs recorded as a whole."""
    single = idle.latencies
    kind = idle.trace.ops["kind"][single.op]
    graphs = idle.graph_launches
    known = graphs.api_call != NONE
    for said, values in (
        ("kernel launch", single.latency[single.unqueued & (kind == KERNEL)]),
        ("graph launch", graphs.latency[known]),
        ("graph launch", single.latency[single.unqueued & (kind == GRAPH)]),
    ):
        if len(values):
            return _median(values), said
    return None, None


def _api_calls(idle: IdleReport) -> int:
    api = idle.trace.api
    if idle.selection is not None:
        return int(runs_inside(api["start"], api["end"], idle.selection).sum())
    return api.rows


def _median(values: NDArray[np.int64]) -> int | None:
    figures = stats(values)
    return None if figures is None else figures.median


def _per_1000(number: int, work: int) -> float | None:
    return round(1000 * number / work, 1) if work else None


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
