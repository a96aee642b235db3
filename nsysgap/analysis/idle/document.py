"""The answer as one plain document: the contract "nsysgap.gaps/1" that `gaps --format json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.gap_chunks import listed_gaps
from nsysgap.analysis.idle.idle_report import DeviceIdle, IdleReport
from nsysgap.analysis.idle.sm_active import SM_PARTS, SmActive, sm_active
from nsysgap.analysis.idle.untraced import UntracedSummary, untraced_pieces, untraced_summary
from nsysgap.analysis.relations.graph_launches import graph_summary
from nsysgap.causes import PARTS
from nsysgap.figures import Document, Header
from nsysgap.tables import Notice

if TYPE_CHECKING:
    from nsysgap.analysis.idle.grouping import Group

SCHEMA = "nsysgap.gaps/1"


def gaps_document(idle: IdleReport, rows: NDArray[np.intp], warnings: tuple[Notice, ...] = ()) -> Document:
    """Everything about a report, with the gaps of these numbers listed in that order (see GapList).

    Values are Python's own, NumPy integers or dataclasses (Stats), all times int ns.
    """
    trace = idle.trace
    return {
        "schema": SCHEMA,
        "report": Header.of(trace, warnings or None).document(),
        "devices": _devices(idle),
        "launches": idle.latencies.summary,
        "graph_launches": graph_summary(idle.graph_launches),
        "syncs": idle.syncs.summary,
        "gaps": list(listed_gaps(idle, rows)),
    }


def _devices(idle: IdleReport) -> list[Document]:
    pieces = untraced_pieces(idle)
    hidden = {summary.device: summary for summary in untraced_summary(idle, pieces)}
    return [
        {**_device(idle, device), **_untraced(hidden.get(device.device)), **_sm_active(sm_active(idle, device, pieces))}
        for device in idle.devices
    ]


def _untraced(summary: UntracedSummary | None) -> Document:
    """The range of % idle and the kernels concerned; null without untraced time."""
    if summary is None:
        return {"untraced": None}
    kernels = [asdict(kernel) for kernel in summary.kernels]
    percent = [round(value, 3) for value in summary.idle_percent]
    return {"untraced": {"untraced_ns": summary.untraced_ns, "idle_percent": percent, "kernels": kernels}}


def _sm_active(activity: SmActive | None) -> Document:
    """Mean SMs Active per part, in percent; null without GPU metrics."""
    if activity is None:
        return {"sm_active_percent": None, "sm_active_samples": 0}
    means = {part: getattr(activity, part) for part in SM_PARTS}
    return {"sm_active_percent": means, "sm_active_samples": activity.samples}


def _device(idle: IdleReport, device: DeviceIdle) -> Document:
    return {
        **idle.trace.device(device.device).named(),
        "name": idle.trace.device(device.device).name,
        "window_ns": list(device.window),
        "busy_ns": device.busy,
        "idle_ns": device.idle,
        "gap_count": device.gap_count,
        "longest_gap_ns": device.longest_gap,
        "idle_by_cause_ns": dict(zip(PARTS, device.idle_by_part.tolist(), strict=True)),
        "held_ns": device.held,
        "op_count": device.op_count,
    }


def group_rows(groups: Sequence[Group]) -> list[Document]:
    """One document per group of idle time; `gaps` is how many gaps have a share in it, `longest_ns` the longest."""
    return [
        {
            "name": group.name,
            "idle_ns": group.idle,
            "gaps": group.gaps,
            "longest_ns": group.longest,
            "main_cause": group.main_cause,
        }
        for group in groups
    ]
