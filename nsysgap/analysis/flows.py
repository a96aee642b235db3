"""Arrows of a trace viewer: from the call that launched an op to the op, from recording an event to waiting for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.cut import Kept
from nsysgap.analysis.launches import match_calls
from nsysgap.analysis.syncs import NEVER, awaited_records
from nsysgap.tables import NO_GRAPH_NODE, NONE, Trace
from nsysgap.tracks import FLOW_EVENT, Flow

Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Fan:
    """Numbers for arrows of which several start at one thing: the first of each thing has the thing's own number.

    `pair`: the number of each arrow. `first`, `more`: per thing, that has `more` arrows beyond the first, the number of
    the second one; the others follow. `last`: the largest number given.
    """

    pair: NDArray[np.int64]
    first: NDArray[np.int64]
    more: NDArray[np.int64]
    last: int


def fan(thing: Rows, own: NDArray[np.int64], things: int, after: int) -> Fan:
    """Number arrows, given the thing each starts at and that one's own number; further numbers come after `after`."""
    more = np.maximum(np.bincount(thing, minlength=things) - 1, 0)
    first = after + 1 + np.cumsum(more) - more
    order = np.argsort(thing, kind="stable")
    starts = thing[order]
    fresh = np.append(True, starts[1:] != starts[:-1])[: len(starts)]
    place = np.arange(len(order))
    turn = place - np.maximum.accumulate(np.where(fresh, place, 0))
    pair = np.empty(len(order), np.int64)
    pair[order] = np.where(fresh, own[order], first[starts] + turn - 1)
    return Fan(pair, first, more, after + int(more.sum()))


@dataclass(frozen=True)
class LaunchFlows:
    """Whether each API call starts an arrow, shape (api,), whether each op ends one, shape (ops,); and how many ops
    have none because they ended before their call began, which no arrow can show (skewed clocks).

    The number of a call's arrows is its row + 1. `fan` numbers each arrow by itself, its `pair` has shape (ops,); None:
    no call launched several ops."""

    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    backwards: int
    fan: Fan | None = None


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
    return LaunchFlows(starts, ends, int((~possible).sum()), _op_fan(trace, calls, rows[possible]))


def _op_fan(trace: Trace, calls: NDArray[np.int32], rows: Rows) -> Fan | None:
    call = calls[rows]
    found = fan(call, call.astype(np.int64) + 1, trace.api.rows, 2 * trace.api.rows + 1)
    if not found.more.any():
        return None
    pair = np.zeros(trace.ops.rows, np.int64)
    pair[rows] = found.pair
    return replace(found, pair=pair)


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


@dataclass(frozen=True)
class EventEnds:
    """The ends of event arrows at API calls, arrays of shape (api,): numbers (0 none), numbers of each arrow by itself,
    and whether an end shares its moment with another row of its thread, or its arrow's other end does."""

    record: NDArray[np.int64]
    wait: NDArray[np.int64]
    first: NDArray[np.int64]
    more: NDArray[np.int64]
    pair: NDArray[np.int64]
    record_shared: NDArray[np.bool_]
    wait_shared: NDArray[np.bool_]

    def of_calls(self, rows: Rows, at: NDArray[np.int64]) -> list[Flow]:
        """Both ends for these calls, which begin at these times."""
        out = Flow(FLOW_EVENT, True, self.record[rows], at, self.record_shared[rows], self.first[rows], self.more[rows])
        return [out, Flow(FLOW_EVENT, False, self.wait[rows], at, self.wait_shared[rows], self.pair[rows])]


def event_ends(found: EventFlows, shared: NDArray[np.bool_], after: int) -> EventEnds:
    """Number event arrows, given which API calls share their moment; numbers of further arrows begin after `after`."""
    calls = len(shared)
    ids = found.record.astype(np.int64) + 1 + calls
    several = fan(found.record, ids, calls, after)
    record, wait, pair = (np.zeros(calls, np.int64) for _ in range(3))
    record[found.record], wait[found.wait], pair[found.wait] = ids, ids, several.pair
    of_record = shared.copy()
    np.logical_or.at(of_record, found.record, shared[found.wait])
    of_wait = np.zeros(calls, np.bool_)
    of_wait[found.wait] = of_record[found.record]
    return EventEnds(record, wait, several.first, several.more, pair, of_record, of_wait)
