"""Arrows of a trace viewer: from the call that launched an op to the op, from recording an event to waiting for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.cut import Kept
from nsysgap.analysis.launches import match_calls
from nsysgap.analysis.syncs import NEVER, awaited_records
from nsysgap.tables import NO_GRAPH_NODE, NONE, Trace

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class LaunchFlows:
    """Whether each API call starts an arrow, shape (api,), whether each op ends one, shape (ops,); and how many ops
    have none because they ended before their call began, which no arrow can show (skewed clocks)."""

    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    backwards: int


def launch_flows(trace: Trace, calls: NDArray[np.int32], kept: Kept, *, all_nodes: bool = False) -> LaunchFlows:
    """Arrows between kept calls and kept ops. Of the ops of a graph launch only the first, unless `all_nodes`."""
    starts, ends = np.zeros(trace.api.rows, np.bool_), np.zeros(trace.ops.rows, np.bool_)
    if not len(kept.api):
        return LaunchFlows(starts, ends, 0)
    with_call = np.zeros(trace.api.rows, np.bool_)
    with_call[kept.api] = True
    rows = kept.ops[calls[kept.ops] != NONE]
    rows = rows[with_call[calls[rows]]]
    if not all_nodes:
        rows = rows[_first_of_graphs(trace, calls, rows)]
    begun = trace.api["start"][calls[rows]]
    end = trace.ops["end"][rows]
    possible = (begun < end) | (begun <= trace.ops["start"][rows])
    ends[rows[possible]] = True
    starts[calls[rows[possible]]] = True
    return LaunchFlows(starts, ends, int((~possible).sum()))


def _first_of_graphs(trace: Trace, calls: NDArray[np.int32], rows: Rows) -> NDArray[np.bool_]:
    """Which rows are single launches, or the first op of their graph launch."""
    wanted: NDArray[np.bool_] = trace.ops["graph_node"][rows] == NO_GRAPH_NODE
    nodes = np.flatnonzero(~wanted)
    wanted[nodes[np.unique(calls[rows[nodes]], return_index=True)[1]]] = True
    return wanted


@dataclass(frozen=True)
class EventFlows:
    """Arrows from the call that recorded an event (`record`) to the call that waits for it (`wait`): rows of api."""

    record: Rows
    wait: Rows


def event_flows(trace: Trace, kept: Kept) -> EventFlows:
    """The pairs that the tables link, both kept, the wait not begun before the record; one record per wait."""
    records, events, api = trace.sync_records, trace.event_records, trace.api
    none = EventFlows(np.empty(0, np.int32), np.empty(0, np.int32))
    if not records.rows or not events.rows or not len(kept.api):
        return none
    wait = match_calls(trace, records)
    waiting = np.flatnonzero((wait != NONE) & (records["event"] != NONE))
    records, wait = records.take(waiting), wait[waiting]
    recorded_by = match_calls(trace, events)
    recorded = np.where(recorded_by == NONE, NEVER, api["start"][recorded_by])
    event = awaited_records(events, recorded, records, api["start"][wait])
    linked = event != NONE
    record, wait = recorded_by[event[linked]], wait[linked]
    there = np.zeros(api.rows + 1, np.bool_)  # the last element stands for row -1
    there[kept.api] = True
    usable = there[record] & there[wait] & (record != wait)
    record, wait = record[usable], wait[usable]
    forward = api["start"][record] <= api["start"][wait]
    first = np.unique(wait[forward], return_index=True)[1]
    return EventFlows(record[forward][first], wait[forward][first])
