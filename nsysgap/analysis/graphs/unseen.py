"""What a report does not show of graphs: launches by the GPU itself, and replays of which only a part was recorded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.held import HIDDEN_GRAPH_WORK, holders, idle_ranges
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.figures import Document
from nsysgap.tables import GRAPH, NO_GRAPH_NODE, Notice, Trace, names_launch
from nsysgap.units import counted, duration, percent


def launched_by_gpu(trace: Trace) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(which ops are whole graphs, which are nodes) that the GPU itself launched: no call has their correlation ID."""
    by_gpu = ~names_launch(trace.ops["correlation"])
    return by_gpu & (trace.ops["kind"] == GRAPH), by_gpu & (trace.ops["graph_node"] != NO_GRAPH_NODE)


def by_gpu_document(trace: Trace) -> dict[str, int]:
    """How many whole graphs and how many nodes of graphs the GPU launched."""
    graphs, nodes = launched_by_gpu(trace)
    return {"graphs": int(graphs.sum()), "nodes": int(nodes.sum())}


def by_gpu_notices(trace: Trace) -> list[Notice]:
    """Device graph launches in words."""
    graphs, nodes = (int(mask.sum()) for mask in launched_by_gpu(trace))
    said = [counted(graphs, "graph was", "graphs were")] if graphs else []
    said += [counted(nodes, "node of graphs was", "nodes of graphs were")] if nodes else []
    why = "launched by the GPU itself (device graph launch): no launch call, gaps are 'unknown'."
    return [Notice("note", f"{subject} {why}") for subject in said]


def unrecorded(idle: IdleReport) -> list[Document]:
    """Per GPU the time after a graph's replay in which more of it may have run unrecorded, and its range of idle time.

    With later launches waiting, nothing else explains why they do not begin: "unrecorded_ns" in "gaps" gaps.
    """
    ranges, documents = idle_ranges(idle, lost=False), []
    for device in idle.devices:
        if not device.held:
            continue
        for holder in holders(idle, device.device):
            if holder.name == HIDDEN_GRAPH_WORK:
                named = idle.trace.device(device.device).named()
                low, high = ranges[device.device]
                window = device.busy + device.idle
                idle_range = {"idle_range_ns": [low, high], "window_ns": window}
                documents.append({**named, "unrecorded_ns": holder.held, "gaps": holder.gaps, **idle_range})
    return documents


def unrecorded_notices(rows: list[Document]) -> list[Notice]:
    """The same in words."""
    notices = []
    for row in rows:
        low, high = row["idle_range_ns"]
        gpu = f"{row['device']} {row.get('which', '')}".strip()
        notices.append(
            Notice(
                "warning",
                f"Replays may have gone on for {duration(row['unrecorded_ns'])} after their last recorded node, in "
                f"{counted(row['gaps'], 'gap', 'gaps')} of GPU {gpu}: the next launch was waiting. Later iterations of "
                f"a WHILE node are not recorded. GPU {gpu} was idle {duration(low)} to {duration(high)} "
                f"({percent(low, row['window_ns'])} to {percent(high, row['window_ns'])}).",
            )
        )
    return notices
