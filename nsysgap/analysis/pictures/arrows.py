"""Arrows of a trace viewer: from the call that launched an op to the op, from recording an event to waiting for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.pictures.kept_rows import Kept
from nsysgap.analysis.relations.launches import match_calls
from nsysgap.analysis.relations.syncs import NEVER, awaited_records
from nsysgap.arrays import codes, is_any, lookup
from nsysgap.tables import NO_GRAPH_NODE, NONE, Trace
from nsysgap.tracks import FLOW_EVENT, Flow

Rows = NDArray[np.int32]
MOST_CORRELATION = 1 << 32  # CUPTI's are 32 bits wide


@dataclass(frozen=True)
class Fan:
    """Numbers for arrows of which several start at one thing: the first of each thing has the thing's own number.

    `pair`: the number of each arrow. Per thing of `things` (ascending) that has `more` arrows beyond the first, `first`
    is the number of the second one; the others follow. `last`: the largest number given.
    """

    pair: NDArray[np.int64]
    things: NDArray[np.int64]
    first: NDArray[np.int64]
    more: NDArray[np.int64]
    last: int

    def of(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(`first`, `more`) of some things, 0 where there are no more."""
        if not len(self.things):
            return np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        position, there = lookup(self.things, rows)
        return np.where(there, self.first[position], 0), np.where(there, self.more[position], 0)


def fan(thing: Rows, own: NDArray[np.int64], after: int) -> Fan:
    """Number arrows, given the thing each starts at and that one's own number; further numbers come after `after`."""
    order = np.argsort(thing, kind="stable")
    starts = thing[order]
    fresh = np.append(True, starts[1:] != starts[:-1])[: len(starts)]
    position = np.arange(len(order))
    turn = position - np.maximum.accumulate(np.where(fresh, position, 0))
    heads = np.flatnonzero(fresh)
    more = np.diff(np.append(heads, len(starts))) - 1
    several = np.flatnonzero(more)
    things, more = starts[heads][several].astype(np.int64), more[several]
    first = after + 1 + np.cumsum(more) - more
    pair = np.empty(len(order), np.int64)
    at, _ = lookup(things, starts)
    pair[order] = np.where(fresh, own[order], (first[at] if len(first) else 0) + turn - 1)
    return Fan(pair, things, first, more, after + int(more.sum()))


@dataclass(frozen=True)
class LaunchFlows:
    """Whether each API call starts an arrow, shape (api,), whether each op ends one, shape (ops,); and how many ops
    have none because they ended before their call began, which no arrow can show (skewed clocks).

    The number of a call's arrows is its row + 1, or what `numbers` says of each call. `fan` numbers each arrow by
    itself, its `pair` has shape (ops,); None: no call launched several ops."""

    starts: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    backwards: int
    fan: Fan | None = None
    numbers: NDArray[np.int64] | None = None

    def of_calls(self, rows: Rows) -> NDArray[np.int64]:
        """The number of the arrows of these calls."""
        return rows.astype(np.int64) + 1 if self.numbers is None else self.numbers[rows]


def launch_flows(
    trace: Trace, calls: NDArray[np.int32], kept: Kept, *, all_nodes: bool = False, by_correlation: bool = False
) -> LaunchFlows:
    """Arrows between kept calls and kept ops. Of the ops of a graph launch only the first, unless `all_nodes`.

    `by_correlation`: their numbers are correlation IDs, as PyTorch's profiler writes them and its tools read them.
    """
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
    flows = LaunchFlows(starts, ends, int((~possible).sum()))
    if by_correlation:
        flows = replace(flows, numbers=_correlations(trace, kept.api))
    return replace(flows, fan=_op_fan(trace, calls, rows[possible], flows))


def _correlations(trace: Trace, kept: Rows) -> NDArray[np.int64]:
    """The correlation ID of each call; numbers beyond all of them where calls of several kept processes have it."""
    given = trace.api["correlation"]
    process = trace.threads["process"][trace.api["thread"][kept]]
    known, code = codes(given[kept])
    process_of = np.zeros(len(known), process.dtype)
    process_of[code] = process  # of several any
    single = (known > 0) & (known < MOST_CORRELATION)
    single[code[process_of[code] != process]] = False
    own = is_any(given, known[single])
    return np.where(own, given, MOST_CORRELATION + np.arange(len(given)))


def _op_fan(trace: Trace, calls: NDArray[np.int32], rows: Rows, flows: LaunchFlows) -> Fan | None:
    call = calls[rows]
    if not len(call) or int(np.bincount(call).max()) < 2:
        return None
    own = flows.of_calls(call)
    op_fan = fan(call, own, max(2 * trace.api.rows + 1, int(own.max())))
    pair = np.zeros(trace.ops.rows, np.int64)
    pair[rows] = op_fan.pair
    return replace(op_fan, pair=pair)


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
    """Both ends of event arrows: rows of the calls that record and of those that wait (ascending), the arrows' numbers
    as they are and by themselves, whether an end shares its moment with another row of its thread."""

    record: Rows
    wait: Rows
    ids: NDArray[np.int64]
    fan: Fan
    shared: NDArray[np.bool_]

    def of_calls(self, rows: Rows, at: NDArray[np.int64]) -> list[Flow]:
        """The ends at these calls, which begin at these times."""
        order = np.argsort(self.record, kind="stable")
        position, there = lookup(self.record[order].astype(np.int64), rows)
        begins = order[position] if len(order) else position
        first, more = self.fan.of(rows)
        ids, shared = np.where(there, self.ids[begins], 0), there & self.shared[begins]
        out = Flow(FLOW_EVENT, True, ids, at, shared, first, more)
        position, there = lookup(self.wait.astype(np.int64), rows)
        ids, shared = np.where(there, self.ids[position], 0), there & self.shared[position]
        return [out, Flow(FLOW_EVENT, False, ids, at, shared, self.fan.pair[position])]


def event_ends(flows: EventFlows, shared: NDArray[np.bool_], after: int) -> EventEnds:
    """Number event arrows, given which API calls share their moment; numbers of further arrows come after `after`."""
    ids = flows.record.astype(np.int64) + 1 + len(shared)
    either = shared[flows.record] | shared[flows.wait]
    # All arrows of one record are bound in one way, so that they are joined.
    sharing = np.unique(flows.record[either])
    bound = lookup(sharing.astype(np.int64), flows.record)[1]
    return EventEnds(flows.record, flows.wait, ids, fan(flows.record, ids, after), bound)
