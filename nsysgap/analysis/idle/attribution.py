"""Why the GPU was idle: each gap cut into ten disjoint parts that sum to it, to the nanosecond.

A gap [a, b) ends with its after-op, which the call [s, e) on thread T launched. From the right: [max(a, e), b) was
`queued`, [max(a, s), min(b, e)) was `launch`; what lies before s is attributed to what T was doing, by the first that
applies of `profiler`, `untraced`, `sync`, `cuda_api`, `os`, `host`. Whole gaps are `in_graph` (the GPU stepped from
node to node) or `unknown` (no launch call is known).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.thread_time import ThreadTime, ThreadTimes
from nsysgap.analysis.relations.calls import SYNCS
from nsysgap.analysis.relations.spans import stretches
from nsysgap.arrays import codes, distinct, grouped, is_any
from nsysgap.causes import HOST, IN_GRAPH, LAUNCH, PARTS, QUEUED, UNKNOWN
from nsysgap.intervals import is_sorted
from nsysgap.tables import NO_GRAPH_NODE, NONE, Table, Trace, names_launch

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
HIDDEN_AFTER_NS = 100_000


Sink = Callable[[int, Indices, Times], None]
Parts = dict[int, Times]


class Pieces(NamedTuple):
    """Gaps or pieces of gaps: start, end, the whole gap's end (ns) and its after-op (-1 none), of shape (pieces,)."""

    start: Times
    end: Times
    gap_end: Times
    after: NDArray[np.int32]


class Onlooker(Protocol):
    """Who wants to know the parts of some pieces, and can learn them from who cuts the same ones."""

    complete: bool

    def wants(self, pieces_of: Pieces) -> bool:
        """Whether these are its pieces, and it has yet to learn their parts."""

    def add(self, part: int, rows: Indices, values: Times) -> None:
        """Take what `Attribution.each_part` says of them: a Sink."""


class Attribution:
    """Cuts gaps into parts. Built once per report; the time of a thread is worked out when a gap first needs it.

    `hidden_after_ns`: a stretch of a synchronising call during which no op of its process runs on any GPU is
    `untraced`, not `sync`, when it is longer than this.
    """

    def __init__(self, trace: Trace, calls: NDArray[np.int32], *, hidden_after_ns: int = HIDDEN_AFTER_NS) -> None:
        self.trace = trace
        self.calls = calls
        self.hidden_after_ns = hidden_after_ns
        self.sync_names = SYNCS.names(trace)
        self.threads = ThreadTimes(trace, self.sync_names, hidden_after_ns)

    def parts(self, pieces_of: Pieces) -> Times:
        """The ten parts of each piece, ns: int64 of shape (pieces, 10), columns as in PARTS; rows sum to the pieces."""
        matrix = np.zeros((len(pieces_of.start), len(PARTS)), np.int64)

        def store(part: int, rows: Indices, values: Times) -> None:
            matrix[rows, part] = values

        self.each_part(pieces_of, store)
        return matrix

    def totals(
        self, pieces_of: Pieces, keep: Indices, onlooker: Onlooker | None = None
    ) -> tuple[Times, NDArray[np.int8], Times]:
        """(the sum of each of the ten parts in ns, the cause of each piece as an index into PARTS, `parts` of `keep`).

        The same as summing `parts` and taking each row's largest, the first of equals, but only the rows `keep`
        (sorted) of the matrix are ever held. `onlooker`: told all parts on the way, if it wants these pieces.
        """
        sums = np.zeros(len(PARTS), np.int64)
        cause = np.full(len(pieces_of.start), UNKNOWN, np.int8)
        kept = np.zeros((len(keep), len(PARTS)), np.int64)
        wanted = np.zeros(len(pieces_of.start), np.bool_)
        wanted[keep] = True
        told = onlooker if onlooker is not None and onlooker.wants(pieces_of) else None
        for rows, parts in self._cut(pieces_of):
            cause[rows] = _largest(parts)
            listed = np.flatnonzero(wanted[rows])
            kept_rows = np.searchsorted(keep, rows[listed])
            for part, values in parts.items():
                sums[part] += values.sum()
                kept[kept_rows, part] = values[listed]
                if told is not None:
                    told.add(part, rows, values)
        if told is not None:
            told.complete = True
        return sums, cause, kept

    def each_part(self, pieces_of: Pieces, sink: Sink) -> None:
        """Call sink(part, rows, values): the pieces numbered `rows` have so many ns of that part.

        A piece comes at most once per part; zeros may be left out. Each call is about some ten thousand pieces.
        """
        for rows, parts in self._cut(pieces_of):
            for part, values in parts.items():
                sink(part, rows, values)

    def _cut(self, pieces_of: Pieces) -> Iterator[tuple[Indices, Parts]]:
        """(numbers of some ten thousand pieces, all that they have of each part), each piece once."""
        threads = self.trace.threads.rows
        thread = np.full(len(pieces_of.start), threads, np.int32)  # none of them
        for rows in stretches(len(thread)):
            after = pieces_of.after[rows]
            call = np.where(after == NONE, np.int32(NONE), self.calls[after]) if len(self.calls) else after
            whole = self.whole_parts(after, call)
            for part in (IN_GRAPH, UNKNOWN):
                own = rows.start + np.flatnonzero(whole == part)
                if len(own):
                    yield own, {part: pieces_of.end[own] - pieces_of.start[own]}
            launched = np.flatnonzero(whole == NONE)
            thread[rows.start + launched] = self.trace.api["thread"][call[launched]]
        rows_of = grouped(thread, threads + 1)
        for number in distinct(thread).tolist():
            if number != threads:
                yield from self._launched(pieces_of, rows_of(number), self.threads.of(number))

    def held(self, pieces_of: Pieces, gap_start: Times) -> Times:
        """Of each piece the time that is `queued` in a stretch longer than `hidden_after_ns`, ns: shape (pieces,).

        With the GPU idle nothing that is recorded holds an op back for so long. A stretch is measured in its whole gap,
        which begins at `gap_start`.
        """
        held = np.zeros(len(pieces_of.start), np.int64)
        rows = np.flatnonzero(pieces_of.gap_end - gap_start > self.hidden_after_ns)
        after = pieces_of.after[rows]
        rows, after = rows[after != NONE], after[after != NONE]
        launched = self.whole_parts(after, self.calls[after]) == NONE
        rows, call = rows[launched], self.calls[after[launched]]
        returned = self.trace.api["end"][call] if self.trace.api.rows else np.empty(0, np.int64)
        long = pieces_of.gap_end[rows] - np.maximum(gap_start[rows], returned) > self.hidden_after_ns
        rows, returned = rows[long], returned[long]
        held[rows] = np.maximum(pieces_of.end[rows] - np.maximum(pieces_of.start[rows], returned), 0)
        return held

    def whole_parts(self, after: NDArray[np.int32], call: NDArray[np.int32]) -> NDArray[np.int8]:
        """The part that gaps before these ops belong to as a whole, IN_GRAPH or UNKNOWN; -1 for those that are cut.

        `call`: the launch call of each after-op. Shape (gaps,).
        """
        whole = np.where(call == NONE, np.int8(UNKNOWN), np.int8(NONE))
        whole[self._in_graph(after)] = IN_GRAPH
        return whole

    def _in_graph(self, after: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether each after-op is a graph op, and not the first of its launch."""
        later = self._later_nodes
        if later is None:
            return np.zeros(len(after), np.bool_)
        in_graph: NDArray[np.bool_] = (after != NONE) & later[after]
        return in_graph

    @cached_property
    def _later_nodes(self) -> NDArray[np.bool_] | None:
        """`later_nodes`, None where there are none."""
        later = later_nodes(self.trace, self.calls)
        return later if later.any() else None

    def _launched(self, pieces_of: Pieces, rows: Indices, thread: ThreadTime) -> Iterator[tuple[Indices, Parts]]:
        """The parts of the pieces whose after-ops a thread launched."""
        api, start = self.trace.api, pieces_of.start[rows]
        if not is_sorted(start):
            order = np.argsort(start, kind="stable")
            rows, start = rows[order], start[order]
        for some in thread.calls.windows(start):
            mine, a = rows[some], start[some]
            b, call = pieces_of.end[mine], self.calls[pieces_of.after[mine]]
            call_start, call_end = api["start"][call], api["end"][call]
            parts = {
                QUEUED: np.maximum(b - np.maximum(a, call_end), 0),
                LAUNCH: np.maximum(np.minimum(b, call_end) - np.maximum(a, call_start), 0),
            }
            before = np.flatnonzero(call_start > a)
            for part, values in _before_call(thread, a[before], np.minimum(b, call_start)[before]):
                parts[part] = values if len(before) == len(mine) else np.zeros(len(mine), np.int64)
                if len(before) < len(mine):
                    parts[part][before] = values
            yield mine, parts


def _before_call(thread: ThreadTime, a: Times, b: Times) -> Iterator[tuple[int, Times]]:
    """What the launching thread was doing in [a, b), sorted by a, before it began the launch call."""
    if not len(a):
        return
    left = b - a
    for part, length in thread.lengths(a, b):
        left -= length
        yield part, length
    yield HOST, left


def _largest(parts: Parts) -> NDArray[np.int8]:
    """Which part each piece has most of, the first of equals; UNKNOWN for pieces without any time."""
    most = np.zeros_like(next(iter(parts.values())))
    largest = np.full(len(most), UNKNOWN, np.int8)
    for part in sorted(parts):
        largest[parts[part] > most] = part
        np.maximum(most, parts[part], out=most)
    return largest


def later_nodes(trace: Trace, calls: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which ops are graph ops before which another op of their launch, of their (process, correlation), started."""
    ops = trace.ops
    later = np.zeros(ops.rows, np.bool_)
    nodes = np.flatnonzero(keyed_nodes(trace))
    # Ops of other kinds may share a launch with them: all with such a correlation ID are looked at.
    rows = np.flatnonzero(is_any(ops["correlation"], distinct(ops["correlation"][nodes]).tolist()))
    keys = launch_keys(ops, rows, calls)
    order = np.argsort(keys, kind="stable")  # ops are sorted by start: each key's first op is its earliest
    if len(order):
        keys, rows = keys[order], rows[order]
        heads = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1))
        earliest = np.repeat(ops["start"][rows[heads]], np.diff(np.append(heads, len(rows))))
        later[rows] = earliest < ops["start"][rows]
    return later & keyed_nodes(trace)


def keyed_nodes(trace: Trace) -> NDArray[np.bool_]:
    """Which ops are graph ops of a known launch: with a correlation ID, and a process within which it means one."""
    ops, named = trace.ops, trace.processes["global_pid"] != 0
    nodes: NDArray[np.bool_] = (ops["graph_node"] != NO_GRAPH_NODE) & names_launch(ops["correlation"])
    return nodes if named.all() else nodes & named[ops["process"]]


def launch_keys(ops: Table, rows: Indices, calls: NDArray[np.int32]) -> NDArray[np.int64]:
    """The launch of ops as one number each: its call, or where none is known its (process, correlation), negative."""
    call = calls[rows].astype(np.int64)
    without = np.flatnonzero(call == NONE)
    if len(without):
        correlation, process = ops["correlation"][rows[without]], ops["process"][rows[without]].astype(np.int64)
        bits = max(int(correlation.max(initial=0)).bit_length(), 1)
        if correlation.min(initial=0) < 0 or bits + int(process.max(initial=0)).bit_length() > 62:
            present, correlation = codes(correlation)  # not CUPTI's 32-bit counters: number them instead
            bits = len(present).bit_length()
        call[without] = -1 - ((process << bits) | correlation)
    return call
